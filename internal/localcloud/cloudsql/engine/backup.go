package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/gapi"
)

// Backup is a base backup: a copy of the cluster with the WAL it needs to be consistent.
type Backup struct {
	ID    string    `json:"id"`
	Start time.Time `json:"start"`
	End   time.Time `json:"end"`
	WAL   string    `json:"wal"`           // archived WAL from this file on makes it roll forward
	LSN   uint64    `json:"lsn,omitempty"` // and from this position on; what was committed before Start is before it
	Bytes int64     `json:"bytes"`
}

// first is the number of the first WAL file that makes the backup roll forward.
func (b Backup) first() (uint64, bool) {
	s, ok := parseSegment(b.WAL)
	return s.number, ok
}

// Backup takes a base backup of the primary.
func (c *Cluster) Backup(ctx context.Context, id string) (Backup, error) {
	c.mu.Lock()
	primary, dir := c.primary(), c.backupDir(id)
	c.mu.Unlock()
	b := Backup{ID: id, Start: time.Now()}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil { // #nosec G301 -- PostgreSQL, another user, has to get through
		return b, err
	}
	if err := c.opt.Binaries.copyOf(ctx, primary, dir); err != nil {
		return b, errors.Join(fmt.Errorf("take a base backup: %w", err), os.RemoveAll(dir))
	}
	label, err := os.ReadFile(filepath.Join(dir, "backup_label"))
	if err != nil {
		return b, errors.Join(err, os.RemoveAll(dir))
	}
	b.WAL, b.LSN = startOf(label)
	b.End, b.Bytes = time.Now(), treeSize(dir)
	return b, gapi.Save(dir+".json", b) // from here on it counts
}

// copyOf makes dir a base backup of a running server, with the WAL that it needs to be consistent.
func (b Binaries) copyOf(ctx context.Context, s *server, dir string) error {
	if err := b.folder(dir); err != nil {
		return err
	}
	return b.run(ctx, "pg_basebackup", "--pgdata="+dir, "--dbname="+s.connString("postgres", "august_backup"),
		"--wal-method=stream", "--checkpoint=fast", "--no-password")
}

// startOf reads from a base backup's label with which WAL file, and where in it, it begins.
func startOf(label []byte) (file string, lsn uint64) {
	var high, low uint32
	for line := range strings.Lines(string(label)) {
		// START WAL LOCATION: 0/2000028 (file 000000010000000000000002)
		if _, err := fmt.Sscanf(line, "START WAL LOCATION: %X/%X (file %24s)", &high, &low, &file); err == nil {
			return file, uint64(high)<<32 | uint64(low)
		}
	}
	return "", 0
}

// DeleteBackup removes a base backup. It waits for what is being recovered from it.
func (c *Cluster) DeleteBackup(id string) error {
	c.files.Lock()
	defer c.files.Unlock()
	return c.removeBackup(id)
}

// RetireBackup removes a base backup, unless something is being recovered from one.
func (c *Cluster) RetireBackup(id string) (gone bool, err error) {
	if !c.files.TryLock() {
		return false, nil
	}
	defer c.files.Unlock()
	return true, c.removeBackup(id)
}

func (c *Cluster) removeBackup(id string) error {
	dir := c.backupDir(id)
	if err := os.Remove(dir + ".json"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.RemoveAll(dir)
}

// Backups lists the finished base backups, oldest first.
func (c *Cluster) Backups() ([]Backup, error) {
	entries, err := os.ReadDir(filepath.Join(c.opt.Dir, "backups"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var all []Backup
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".json") {
			continue
		}
		var b Backup
		if err := gapi.Load(filepath.Join(c.opt.Dir, "backups", e.Name()), &b); err != nil {
			return nil, err
		}
		all = append(all, b)
	}
	slices.SortFunc(all, func(x, y Backup) int { return x.End.Compare(y.End) })
	return all, nil
}

// dropHalfBackups removes base backups that were cut off: those that were never written down.
func (c *Cluster) dropHalfBackups() error {
	dirs, err := filepath.Glob(filepath.Join(c.opt.Dir, "backups", "*"))
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		if strings.HasSuffix(dir, ".json") {
			continue
		}
		if _, err := os.Stat(dir + ".json"); !errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	return nil
}

func (c *Cluster) backupDir(id string) string { return filepath.Join(c.opt.Dir, "backups", id) }
