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
	WAL   string    `json:"wal"` // archived WAL from this file on makes it roll forward
	Bytes int64     `json:"bytes"`
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
	if err := c.opt.Binaries.folder(dir); err != nil {
		return b, err
	}
	err := c.opt.Binaries.run(ctx, "pg_basebackup", "--pgdata="+dir, "--dbname="+primary.connString("postgres", "august_backup"),
		"--wal-method=stream", "--checkpoint=fast", "--no-password")
	if err != nil {
		return b, errors.Join(fmt.Errorf("take a base backup: %w", err), os.RemoveAll(dir))
	}
	label, err := os.ReadFile(filepath.Join(dir, "backup_label"))
	if err != nil {
		return b, errors.Join(err, os.RemoveAll(dir))
	}
	b.End, b.WAL, b.Bytes = time.Now(), startOf(label), treeSize(dir)
	return b, gapi.Save(dir+".json", b) // from here on it counts
}

// DeleteBackup removes a base backup, and the archived WAL that only it needed.
func (c *Cluster) DeleteBackup(ctx context.Context, id string) error {
	dir := c.backupDir(id)
	if err := os.Remove(dir + ".json"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	left, err := c.Backups()
	if err != nil || len(left) == 0 {
		return err
	}
	return c.prune(ctx, left[0])
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

func (c *Cluster) backupDir(id string) string { return filepath.Join(c.opt.Dir, "backups", id) }
