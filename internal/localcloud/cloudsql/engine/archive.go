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
	"slices"
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
		c.state.Spec.Archive = true
		c.newEra()
		return c.startArchive(ctx)
	}
	c.stopReceiver(ctx)
	c.state.Spec.Archive = false
	if err := c.dropSlot(ctx, archiveName); err != nil {
		return err
	}
	c.files.Lock()
	defer c.files.Unlock()
	return os.RemoveAll(c.walDir())
}

// newEra makes the archive begin anew, in a folder of its own. What was archived before belongs to
// another history, or has a gap behind it; the base backups from before do not roll forward.
func (c *Cluster) newEra() {
	c.state.Era++
	c.state.ArchiveSince, c.state.Archived, c.state.ArchivedLSN = time.Now(), time.Time{}, 0
}

// startArchive goes on where the archive ended; a replication slot keeps what it has not yet got.
func (c *Cluster) startArchive(ctx context.Context) error {
	if c.receiver.running() {
		return nil
	}
	if c.lost() {
		c.opt.Log.Warn("the primary no longer has the WAL that the archive lacks, beginning the archive anew", "instance", c.opt.Name)
		// The receiver's first word may have set the slot back to what it asked for, which is gone.
		if err := c.dropSlot(ctx, archiveName); err != nil {
			return err
		}
		c.newEra()
		if err := c.save(); err != nil {
			return err
		}
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
	log, err := os.OpenFile(c.archiveLog(), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
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

// lost tells whether the receiver ended because the WAL that it needs is gone: after a failover, the
// new primary has only what it happened to keep.
func (c *Cluster) lost() bool {
	if c.receiver == nil {
		return false
	}
	body, err := os.ReadFile(c.archiveLog())
	return err == nil && bytes.Contains(body, []byte("has already been removed"))
}

func (c *Cluster) archiveLog() string { return filepath.Join(c.opt.Dir, "archive.log") }

func (c *Cluster) walDir() string { return c.eraDir(c.state.Era) }

func (c *Cluster) eraDir(era int) string {
	if era == 0 {
		return filepath.Join(c.opt.Dir, "wal")
	}
	return filepath.Join(c.opt.Dir, fmt.Sprintf("wal-%d", era))
}

// Window answers between which moments the cluster can be recovered: from the end of the oldest base
// backup that the archive makes roll forward, or from as long ago as logs are retained, to the last
// moment whose commits are all archived. Both are whole milliseconds within what is possible, and zero
// while there is nothing to recover from.
func (c *Cluster) Window(ctx context.Context, retention time.Duration) (earliest, latest time.Time, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	backups, _, err := c.recoverable()
	if err != nil || len(backups) == 0 {
		return earliest, latest, err
	}
	earliest = backups[0].End
	if from := time.Now().Add(-retention); earliest.Before(from) {
		earliest = from
	}
	if err := c.noteArchived(ctx); err != nil {
		return earliest, latest, err
	}
	return earliest.Add(time.Millisecond - 1).Truncate(time.Millisecond), c.state.Archived.Truncate(time.Millisecond), nil
}

// Note remembers how far the archive reaches, for the time when the primary can no longer be asked.
// It does nothing while somebody changes the cluster's shape.
func (c *Cluster) Note(ctx context.Context) error {
	if !c.mu.TryLock() {
		return nil
	}
	defer c.mu.Unlock()
	return c.noteArchived(ctx)
}

// noteArchived asks the primary how far it has written, and waits a moment for the archive to have
// that. If it has, everything that was committed before the question can be recovered.
func (c *Cluster) noteArchived(ctx context.Context) error {
	if c.front == nil || !c.state.Spec.Archive || !c.primary().running() {
		return nil // stopped: what was known stays true
	}
	conn, err := c.primary().connect(ctx, "postgres")
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	var asked time.Time
	var lsn int64
	if err := conn.QueryRow(ctx, "SELECT clock_timestamp(), (pg_current_wal_insert_lsn() - '0/0')::bigint").Scan(&asked, &lsn); err != nil {
		return err
	}
	goal := recordEnd(uint64(lsn)) // #nosec G115 -- positions are far from 2^63
	nudged := false
	for deadline := time.Now().Add(2 * time.Second); time.Now().Before(deadline); time.Sleep(pollEvery) {
		var there, written bool
		if err := conn.QueryRow(ctx, `SELECT coalesce(bool_or(flush_lsn >= $2::pg_lsn), false), pg_current_wal_flush_lsn() >= $2::pg_lsn
			FROM pg_stat_replication WHERE application_name = $1`, archiveName, formatLSN(goal)).Scan(&there, &written); err != nil {
			return err
		}
		if there {
			if asked.After(c.state.Archived) {
				c.state.Archived, c.state.ArchivedLSN = asked, goal
				return c.save()
			}
			return nil
		}
		if !written && !nudged {
			// What no commit waits for may stay in memory for long. A commit takes it along.
			nudged = true
			if _, err := conn.Exec(ctx, "SET synchronous_commit = local; SELECT pg_current_xact_id()"); err != nil {
				return err
			}
		}
	}
	return nil
}

// recoverable lists the base backups that the archive makes roll forward, oldest first, and the
// archive's files that do so, which follow each other without a gap.
func (c *Cluster) recoverable() ([]Backup, []segment, error) {
	if !c.state.Spec.Archive {
		return nil, nil, nil
	}
	archive, err := readArchive(c.walDir())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	archive = unbroken(archive)
	if len(archive) == 0 {
		return nil, nil, nil
	}
	all, err := c.Backups()
	if err != nil {
		return nil, nil, err
	}
	return slices.DeleteFunc(all, func(b Backup) bool {
		first, ok := b.first()
		return !ok || b.Start.Before(c.state.ArchiveSince) || first < archive[0].number || first > archive[len(archive)-1].number
	}), archive, nil
}

// Uncovered tells that WAL is archived but no base backup there is rolls forward: the last one was
// deleted, or the archive began anew.
func (c *Cluster) Uncovered() bool {
	if !c.mu.TryLock() {
		return false // it is asked again
	}
	defer c.mu.Unlock()
	backups, archive, err := c.recoverable()
	return err == nil && len(archive) > 0 && len(backups) == 0
}

// unbroken answers the end of the archive that has no gap.
func unbroken(archive []segment) []segment {
	for n := len(archive) - 1; n > 0; n-- {
		if archive[n-1].number+1 < archive[n].number {
			return archive[n:]
		}
	}
	return archive
}

// Retain removes archived WAL that recovery to a moment since then does not need. It does nothing while
// something is recovered, or the cluster's shape changed: it is called again.
func (c *Cluster) Retain(since time.Time) error {
	if !c.mu.TryLock() {
		return nil
	}
	defer c.mu.Unlock()
	if !c.files.TryLock() {
		return nil
	}
	defer c.files.Unlock()
	backups, archive, err := c.recoverable()
	if err != nil || len(backups) == 0 {
		return err
	}
	base := backups[0]
	for _, b := range backups {
		if !b.End.After(since) {
			base = b // a newer one that reaches back far enough
		}
	}
	first, _ := base.first()
	for _, s := range archive {
		if s.number >= first {
			break
		}
		if err := os.Remove(filepath.Join(c.walDir(), s.name)); err != nil {
			return err
		}
	}
	return nil
}
