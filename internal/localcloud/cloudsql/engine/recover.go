package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// ErrNoBackup says that there is nothing to recover that moment from.
var ErrNoBackup = errors.New("no base backup and archived WAL reach back to that moment")

// origin is what a data directory is recovered from: a base backup, and how far to go from there.
type origin struct {
	backup   string    // folder; it is copied, but for the WAL in it when there is an archive
	archive  []string  // WAL and history files that take the place of the backup's own
	timeline string    // to follow
	moment   time.Time // up to and with the commits of this moment; zero: all that there is
	goal     uint64    // what has to be there: a position that commits after the moment, or none, are behind
}

// Clone makes the cluster out of another one's data: as they were at a moment, which has to be within
// that one's window, or as they are now when the moment is zero. It has an address, certificates and an
// archive of its own, and writes on a timeline of its own.
func (c *Cluster) Clone(ctx context.Context, from *Cluster, moment time.Time, spec Spec) error {
	if err := c.prepare(spec); err != nil {
		return err
	}
	data := c.nodes["a"].data
	if err := os.RemoveAll(data); err != nil {
		return err
	}
	if err := c.derive(ctx, from, moment, data); err != nil {
		return err
	}
	if err := c.Start(ctx); err != nil {
		return err
	}
	return c.Apply(ctx, spec)
}

// prepare makes what a cluster has besides its data. Standby and archive are added once the primary runs.
func (c *Cluster) prepare(spec Spec) error {
	if err := os.MkdirAll(c.opt.Dir, 0o755); err != nil { // #nosec G301 -- PostgreSQL, another user, has to get through
		return err
	}
	if err := c.certs.ensure(c.opt.Name, c.opt.Host); err != nil {
		return fmt.Errorf("make the instance's certificates: %w", err)
	}
	spec.Standby, spec.Archive = false, false
	c.state = state{Primary: "a", Spec: spec}
	return c.save()
}

// derive fills data from another cluster and recovers it.
func (c *Cluster) derive(ctx context.Context, from *Cluster, moment time.Time, data string) error {
	from.mu.Lock()
	if moment.IsZero() && from.front != nil && from.primary().running() {
		source := from.primary()
		from.mu.Unlock()
		// A copy that is taken now has everything that was committed when it was asked for.
		if err := c.opt.Binaries.copyOf(ctx, source, data); err != nil {
			return fmt.Errorf("copy the source: %w", err)
		}
		return c.recover(ctx, data, origin{})
	}
	o, err := from.toMoment(moment)
	from.files.RLock() // before mu is given back: what o names must not be removed in between
	from.mu.Unlock()
	if err == nil {
		err = c.fill(ctx, data, o)
	}
	from.files.RUnlock()
	if err != nil {
		return err
	}
	return c.recover(ctx, data, o)
}

// Restore replaces the cluster's data by a base backup, its own or another cluster's. It serves the old
// data until the new are ready; killed at any point, it starts again with the ones or the others. The
// archive begins anew. The backup's cluster must be of the same version of PostgreSQL.
func (c *Cluster) Restore(ctx context.Context, from *Cluster, id string) error {
	data := c.scratch().data
	if err := os.RemoveAll(data); err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(data) }() // moved away, unless it failed: the next start tidies up
	from.files.RLock()
	err := c.fill(ctx, data, origin{backup: from.backupDir(id)})
	from.files.RUnlock()
	if err != nil {
		return err
	}
	if err := c.recover(ctx, data, origin{}); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err // being stopped: the old data stay
	}
	c.Stop(ctx)
	swapped := c.swap(data)
	if err := c.Start(context.WithoutCancel(ctx)); err != nil {
		return errors.Join(swapped, err)
	}
	return swapped
}

// Serving tells whether the cluster runs.
func (c *Cluster) Serving() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.front != nil
}

// swap makes data the primary's, under the name of the other node, in one step: the saving of the
// state. What that node had is of no use from the first line on, what the primary had from the last.
func (c *Cluster) swap(data string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	old, now := c.state.Primary, other(c.state.Primary)
	c.state.Stale = now
	if err := c.save(); err != nil {
		return err
	}
	if err := os.RemoveAll(c.nodes[now].data); err != nil {
		return err
	}
	if err := os.Rename(data, c.nodes[now].data); err != nil {
		return err
	}
	before := c.state
	c.state.Primary, c.state.Stale = now, old
	if c.state.Spec.Archive {
		c.newEra()
	}
	if err := c.save(); err != nil {
		c.state = before
		return err
	}
	c.at.Store(c.primary())
	return nil
}

// tidy removes what a change that was cut off has left, and data that must not be started.
func (c *Cluster) tidy(ctx context.Context) error {
	if err := c.scratch().reclaim(ctx); err != nil {
		return err
	}
	if err := os.RemoveAll(c.scratch().data); err != nil {
		return err
	}
	if c.state.Stale != "" {
		if err := os.RemoveAll(c.nodes[c.state.Stale].data); err != nil {
			return err
		}
		c.state.Stale = ""
		if err := c.save(); err != nil {
			return err
		}
	}
	c.files.Lock() // a clone may still be made of an archive that has just ended
	defer c.files.Unlock()
	if err := c.dropHalfBackups(); err != nil {
		return err
	}
	for era := range c.state.Era {
		if err := os.RemoveAll(c.eraDir(era)); err != nil {
			return err
		}
	}
	return nil
}

// Reclaim ends servers that a killed supervisor left, of a cluster that is not to be started.
func (c *Cluster) Reclaim(ctx context.Context) error {
	for _, s := range []*server{c.nodes["a"], c.nodes["b"], c.scratch()} {
		if err := s.reclaim(ctx); err != nil {
			return err
		}
	}
	return nil
}

// scratch is where a restored data directory is made.
func (c *Cluster) scratch() *server { return c.apart(filepath.Join(c.opt.Dir, "restoring")) }

// apart is a server that only the administrator reaches, beside those that the cluster has.
func (c *Cluster) apart(data string) *server {
	return &server{bin: c.opt.Binaries, data: data, sockets: c.opt.Sockets + "r", port: c.opt.Port, log: filepath.Join(c.opt.Dir, "recovery.log")}
}

// toMoment finds what to recover a moment from; zero is as far as the archive goes. The cluster's mutex
// is held.
func (c *Cluster) toMoment(moment time.Time) (o origin, err error) {
	backups, archive, err := c.recoverable()
	if err != nil {
		return o, err
	}
	o.moment, o.goal = moment, c.state.ArchivedLSN
	var base *Backup
	for n, b := range backups {
		if moment.IsZero() || !b.End.After(moment) {
			base = &backups[n]
			continue
		}
		if b.Start.After(moment) && b.LSN > 0 {
			// Everything up to the moment lies before the next backup's beginning.
			o.goal = recordEnd(b.LSN)
			break
		}
	}
	if base == nil {
		return o, ErrNoBackup
	}
	o.backup = c.backupDir(base.ID)
	first, _ := base.first()
	newest := segment{}
	for _, s := range archive {
		if s.number >= first && s.number <= o.goal/segmentSize || moment.IsZero() && s.number >= first {
			o.archive = append(o.archive, filepath.Join(c.walDir(), s.name))
			newest.timeline = max(newest.timeline, s.timeline)
		}
	}
	histories, err := filepath.Glob(filepath.Join(c.walDir(), "*.history"))
	if err != nil {
		return o, err
	}
	o.archive = append(o.archive, histories...)
	o.timeline = "current"
	if begin, _ := parseSegment(base.WAL); newest.timeline > begin.timeline {
		o.timeline = strconv.FormatUint(newest.timeline, 10)
	}
	return o, nil
}

// fill copies a base backup and the WAL that takes it further. Nothing is linked: PostgreSQL writes
// into WAL files again once it has no more use for them.
func (c *Cluster) fill(ctx context.Context, data string, o origin) error {
	skip := func(rel string) bool {
		dir, name := filepath.Split(rel)
		_, wal := parseSegment(name)
		return dir == "pg_wal"+string(filepath.Separator) && wal && len(o.archive) > 0
	}
	if err := c.opt.Binaries.copyTree(o.backup, data, skip); err != nil {
		return fmt.Errorf("copy the base backup: %w", err)
	}
	slices.SortFunc(o.archive, func(a, b string) int { return len(a) - len(b) }) // whole files before partial ones
	for _, path := range o.archive {
		if err := ctx.Err(); err != nil {
			return err
		}
		info, err := os.Stat(path)
		if errors.Is(err, os.ErrNotExist) {
			path = strings.TrimSuffix(path, ".partial") // completed since it was listed
			info, err = os.Stat(path)
		}
		if err != nil {
			return err
		}
		to := filepath.Join(data, "pg_wal", strings.TrimSuffix(filepath.Base(path), ".partial"))
		if _, err := os.Stat(to); err == nil || info.Size() == 0 {
			continue // there already, or a file that only shows the receiver where to begin
		}
		if err := copyFile(path, to, 0o600); err != nil {
			return fmt.Errorf("copy archived WAL: %w", err)
		}
		if err := c.opt.Binaries.give(to); err != nil {
			return err
		}
	}
	return nil
}

// recover rolls a data directory forward and leaves it stopped in order, consistent and on a timeline
// of its own.
//
// PostgreSQL would want a restore_command for this, and run it through a shell. In standby mode it
// looks for WAL in its own folder instead, where it has been put; what a standby does not know is that
// nothing will follow, so it is told.
func (c *Cluster) recover(ctx context.Context, data string, o origin) error {
	s := c.apart(data)
	if err := c.opt.Binaries.folder(s.sockets); err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(s.sockets) }()                             // an empty folder harms nobody
	defer func() { _ = s.stop(context.WithoutCancel(ctx), syscall.SIGQUIT) }() // after an error only
	if o.backup == "" {
		o.timeline = "latest" // of those in the copy: there is one
	}
	for {
		if err := c.startRecovery(ctx, s, o); err != nil {
			return err
		}
		how, err := followRecovery(ctx, s, o)
		if err != nil {
			return err
		}
		if err := s.stop(ctx, syscall.SIGINT); err != nil {
			return err
		}
		switch how {
		case recovered:
			return c.settle(ctx, data)
		case exhausted:
			o.moment = time.Time{} // nothing was committed after it: all there is, is what was asked for
		case cramped:
			// The source had been given more connections. The control file knows by now: once more.
		}
	}
}

// settle puts recovered data on disk; recovery did not wait for that.
func (c *Cluster) settle(ctx context.Context, data string) error {
	return c.opt.Binaries.run(ctx, "initdb", "--sync-only", "--pgdata="+data)
}

// startRecovery starts a server on a base backup in standby mode. Flags do not matter to it, but it
// may not have lower limits than the server had that wrote the WAL.
func (c *Cluster) startRecovery(ctx context.Context, s *server, o origin) error {
	params := map[string]string{
		"listen_addresses": "", "ssl": "off", "fsync": "off", "autovacuum": "off", "restore_command": "",
		"recovery_target_action": "promote", "recovery_target_timeline": o.timeline, "wal_retrieve_retry_interval": "20ms",
	}
	switch {
	case !o.moment.IsZero():
		params["recovery_target_time"] = o.moment.UTC().Format("2006-01-02 15:04:05.999999+00") // cut to what commits are stamped with
	case o.backup == "" || len(o.archive) == 0:
		params["recovery_target"] = "immediate"
	}
	limits, err := s.limits(ctx)
	if err != nil {
		return err
	}
	for name, value := range limits {
		params[name] = strconv.Itoa(max(value, 10))
	}
	if err := s.configure(Spec{Params: params}, false, nil); err != nil {
		return err
	}
	for _, f := range []string{"postgresql.auto.conf", "standby.signal"} {
		if err := s.bin.write(filepath.Join(s.data, f), ""); err != nil {
			return err
		}
	}
	if err := s.start(ctx); err != nil {
		return fmt.Errorf("recover: %w", err)
	}
	return nil
}

// limits reads from the control file what a standby has to have at least.
func (s *server) limits(ctx context.Context) (map[string]int, error) {
	cmd := s.bin.command(ctx, "pg_controldata", "--pgdata="+s.data)
	var out, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaint
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("pg_controldata: %w: %s", err, lastLine(complaint.String()))
	}
	all := map[string]int{}
	for line := range bytes.Lines(out.Bytes()) {
		key, value, _ := strings.Cut(string(line), " setting:")
		name, ok := map[string]string{
			"max_connections": "max_connections", "max_worker_processes": "max_worker_processes", "max_wal_senders": "max_wal_senders",
			"max_prepared_xacts": "max_prepared_transactions", "max_locks_per_xact": "max_locks_per_transaction",
		}[key]
		if !ok {
			continue
		}
		n, err := strconv.Atoi(strings.TrimSpace(value))
		if err != nil {
			return nil, fmt.Errorf("pg_controldata: %w", err)
		}
		all[name] = n
	}
	return all, nil
}

// How recovery came to an end.
type ending int

const (
	recovered ending = iota // at its target, and writable
	exhausted               // everything was replayed, and the target is still ahead
	cramped                 // the server's limits are too low for what it replays
)

// followRecovery watches until the server has left recovery, or cannot go on.
func followRecovery(ctx context.Context, s *server, o origin) (ending, error) {
	conn, err := s.connect(ctx, "postgres")
	if err != nil {
		return 0, err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	var last, at int64
	for still := 0; ; {
		var in, waits bool
		var pause string
		err := conn.QueryRow(ctx, `SELECT pg_is_in_recovery(), coalesce(pg_last_wal_replay_lsn() - '0/0', 0)::bigint,
			CASE WHEN pg_is_in_recovery() THEN pg_get_wal_replay_pause_state() ELSE '' END,
			EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'startup' AND wait_event = 'RecoveryRetrieveRetryInterval')`).
			Scan(&in, &at, &pause, &waits)
		switch e := (*pgconn.PgError)(nil); {
		case errors.As(err, &e) && e.Code == "55000":
			continue // it left recovery between two of the questions
		case err != nil && !s.running():
			return 0, fmt.Errorf("recovery ended: %s", s.lastFatal(0))
		case err != nil:
			return 0, err
		case !in:
			return recovered, nil
		case pause == "paused":
			return cramped, nil
		}
		// It has looked everywhere for the next record, more than once, and no file is added.
		if still++; !waits || at != last {
			still, last = 0, at
		}
		if still >= 3 {
			break
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(pollEvery):
		}
	}
	if uint64(at) < o.goal { // #nosec G115 -- positions are far from 2^63
		return 0, fmt.Errorf("the archived WAL ends at %s, before %s", formatLSN(uint64(at)), formatLSN(o.goal)) // #nosec G115 -- as above
	}
	if !o.moment.IsZero() {
		return exhausted, nil // promoted now, PostgreSQL would complain that it did not reach its target
	}
	var promoted bool
	if err := conn.QueryRow(ctx, "SELECT pg_promote(true, 60)").Scan(&promoted); err != nil {
		return 0, fmt.Errorf("end the recovery: %w", err)
	}
	if !promoted {
		return 0, errors.New("end the recovery: it did not end in a minute")
	}
	return recovered, nil
}

// recordEnd answers where the record before an insert position ends: PostgreSQL counts the header of
// a page that has just begun to the next record.
func recordEnd(lsn uint64) uint64 {
	const page, header, first = 8192, 24, 40
	switch {
	case lsn%segmentSize == first:
		return lsn - first
	case lsn%page == header && lsn%segmentSize > page:
		return lsn - header
	}
	return lsn
}

func formatLSN(lsn uint64) string { return fmt.Sprintf("%X/%X", lsn>>32, lsn&0xffffffff) }
