package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// receiver is a running pg_receivewal. It streams WAL as it is written, so the archive is seconds
// behind at most, and needs no archive_command, which PostgreSQL would run through a shell.
type receiver struct {
	cmd   *exec.Cmd
	began time.Time
	done  chan struct{}
}

// fresh tells that the receiver began a moment ago: one that ends at once is not begun again at once.
func (r *receiver) fresh() bool { return r != nil && time.Since(r.began) < time.Second }

func (r *receiver) running() bool {
	if r == nil {
		return false
	}
	select {
	case <-r.done:
		return false
	default:
		return true
	}
}

// setArchive begins or ends the continuous archive. It begins with a base backup: only from there on
// there is something to recover from.
func (c *Cluster) setArchive(ctx context.Context, on bool) error {
	if on {
		c.state.Spec.Archive, c.state.ArchiveSince = true, time.Now()
		return c.startArchive(ctx)
	}
	c.stopReceiver(ctx)
	c.state.Spec.Archive, c.state.ArchiveSince, c.state.Archived = false, time.Time{}, time.Time{}
	if err := c.dropSlot(ctx, archiveName); err != nil {
		return err
	}
	return os.RemoveAll(c.walDir())
}

// startArchive goes on where the archive ended; a replication slot keeps what it has not yet got.
func (c *Cluster) startArchive(ctx context.Context) error {
	if c.receiver.running() {
		return nil
	}
	if err := c.makeSlot(ctx, archiveName); err != nil {
		return err
	}
	if err := c.opt.Binaries.folder(c.walDir()); err != nil {
		return err
	}
	if err := c.align(ctx); err != nil {
		return fmt.Errorf("continue the WAL archive on the primary's timeline: %w", err)
	}
	log, err := os.OpenFile(filepath.Join(c.opt.Dir, "archive.log"), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // the child holds its own
	cmd := c.opt.Binaries.command(context.WithoutCancel(ctx), "pg_receivewal", "--directory="+c.walDir(), "--slot="+archiveName,
		"--synchronous", "--status-interval=1", "--no-loop", "--no-password", "--dbname="+c.primary().connString("postgres", archiveName))
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start the WAL archive: %w", err)
	}
	r := &receiver{cmd: cmd, began: time.Now(), done: make(chan struct{})}
	go func() {
		_ = cmd.Wait() // the watch starts another; the log says why
		close(r.done)
	}()
	c.receiver = r
	return nil
}

func (c *Cluster) stopReceiver(ctx context.Context) {
	r := c.receiver
	c.receiver = nil
	if !r.running() {
		return
	}
	_ = r.cmd.Process.Signal(syscall.SIGINT)
	select {
	case <-r.done:
	case <-ctx.Done():
		_ = r.cmd.Process.Kill()
		<-r.done
	case <-time.After(stopPatience):
		_ = r.cmd.Process.Kill()
		<-r.done
	}
}

func (c *Cluster) walDir() string { return filepath.Join(c.opt.Dir, "wal") }

// Window answers between which moments the cluster can be recovered: from the end of the oldest base
// backup that the archive reaches back to, to the last moment whose commits are all archived. Both are
// zero while there is none.
func (c *Cluster) Window(ctx context.Context, retention time.Duration) (earliest, latest time.Time, err error) {
	backups, err := c.Backups()
	if err != nil {
		return earliest, latest, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.state.Spec.Archive {
		return earliest, latest, nil
	}
	for _, b := range backups { // oldest first
		if b.Start.Before(c.state.ArchiveSince) {
			continue
		}
		earliest = b.End
		break
	}
	if earliest.IsZero() {
		return earliest, latest, nil
	}
	if from := time.Now().Add(-retention); earliest.Before(from) {
		earliest = from
	}
	if err := c.noteArchived(ctx); err != nil {
		return earliest, latest, err
	}
	return earliest, c.state.Archived, nil
}

// noteArchived asks the primary how far it has written, and waits a moment for the archive to have
// that. If it has, everything that was committed before the question can be recovered.
func (c *Cluster) noteArchived(ctx context.Context) error {
	if c.front == nil || !c.primary().running() {
		return nil // stopped: what was known stays true
	}
	conn, err := c.primary().connect(ctx, "postgres")
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	var asked time.Time
	var lsn string
	if err := conn.QueryRow(ctx, "SELECT clock_timestamp(), pg_current_wal_insert_lsn()::text").Scan(&asked, &lsn); err != nil {
		return err
	}
	for deadline := time.Now().Add(2 * time.Second); time.Now().Before(deadline); time.Sleep(pollEvery) {
		var there bool
		if err := conn.QueryRow(ctx, `SELECT coalesce(bool_or(flush_lsn >= least($2::pg_lsn, pg_current_wal_flush_lsn())), false)
			FROM pg_stat_replication WHERE application_name = $1`, archiveName, lsn).Scan(&there); err != nil {
			return err
		}
		if there {
			if asked.After(c.state.Archived) {
				c.state.Archived = asked
				return c.save()
			}
			return nil
		}
	}
	return nil
}

// prune removes archived WAL that no base backup needs any more.
func (c *Cluster) prune(ctx context.Context, oldest Backup) error {
	if oldest.WAL == "" {
		return nil
	}
	if _, err := os.Stat(c.walDir()); errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	return c.opt.Binaries.run(ctx, "pg_archivecleanup", c.walDir(), oldest.WAL)
}

// startOf reads from a base backup's label which WAL file it begins with.
func startOf(label []byte) string {
	// START WAL LOCATION: 0/2000028 (file 000000010000000000000002)
	_, rest, ok := bytes.Cut(label, []byte("(file "))
	if !ok {
		return ""
	}
	name, _, _ := bytes.Cut(rest, []byte(")"))
	return string(name)
}
