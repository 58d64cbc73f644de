package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// slotPrefix begins the names of replicas' slots.
const slotPrefix = "august_replica_"

// Source is where a server in recovery gets its WAL from. For a replica that is the feed of another cluster,
// which is at the same place whichever of its nodes is primary.
type Source struct {
	Sockets string // folder of its socket
	Port    int
	Slot    string // the replication slot there, and the name of its reader
}

func (s Source) connString(application string) string {
	return adminString(s.Sockets, s.Port, application)
}

// Feed is what a replica with the given name follows. The name is of letters, digits and underscores.
func (c *Cluster) Feed(name string) Source {
	return Source{Sockets: c.opt.Sockets, Port: c.opt.Port, Slot: slotPrefix + name}
}

// Replica tells whether the cluster follows another one.
func (c *Cluster) Replica() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state.Replica
}

// Follow says whom a replica follows; it holds until the next process.
func (c *Cluster) Follow(ctx context.Context, s Source) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.source, c.health.log = &s, logEnd(c.primary().log)
	if c.front == nil || !c.state.Replica {
		return nil
	}
	return c.reconfigure(ctx)
}

// Expect says, before the start, which slots of replicas there are to be.
func (c *Cluster) Expect(slots []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.state.Replicas = slots
}

// Pause has a replica stay as it is, or go on.
func (c *Cluster) Pause(ctx context.Context, on bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.state.Paused = on
	if err := c.save(); err != nil || c.front == nil {
		return err
	}
	return c.reconfigure(ctx)
}

// Admit keeps WAL for a replica from now on, until Dismiss, wherever a failover may lead.
func (c *Cluster) Admit(ctx context.Context, s Source) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !slices.Contains(c.state.Replicas, s.Slot) {
		c.state.Replicas = append(c.state.Replicas, s.Slot)
		if err := c.save(); err != nil {
			return err
		}
	}
	if c.front == nil {
		return nil // the start makes the slot
	}
	return c.makeSlot(ctx, s.Slot)
}

// Dismiss keeps WAL no longer for a replica that has stopped following.
func (c *Cluster) Dismiss(ctx context.Context, s Source) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.state.Replicas = slices.DeleteFunc(c.state.Replicas, func(slot string) bool { return slot == s.Slot })
	if err := c.save(); err != nil {
		return err
	}
	if c.front == nil || !c.primary().running() {
		return nil // the start drops the slot
	}
	return c.keepSlots(ctx)
}

// keepSlots makes the primary's slots of replicas those that it should have.
func (c *Cluster) keepSlots(ctx context.Context) error {
	have, err := c.primary().slots(ctx)
	if err != nil {
		return err
	}
	for slot := range have {
		if strings.HasPrefix(slot, slotPrefix) && !slices.Contains(c.state.Replicas, slot) {
			if err := c.dropSlot(ctx, slot); err != nil {
				return err
			}
		}
	}
	for _, slot := range c.state.Replicas {
		if err := c.makeSlot(ctx, slot); err != nil {
			return err
		}
	}
	return nil
}

// slots answers up to where each replication slot has been read.
func (s *server) slots(ctx context.Context) (map[string]string, error) {
	conn, err := s.connect(ctx, "postgres")
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	rows, err := conn.Query(ctx, "SELECT slot_name::text, coalesce(restart_lsn, '0/0')::text FROM pg_replication_slots WHERE slot_type = 'physical'")
	if err != nil {
		return nil, err
	}
	all := map[string]string{}
	var name, lsn string
	_, err = pgx.ForEachRow(rows, []any{&name, &lsn}, func() error { all[name] = lsn; return nil })
	return all, err
}

// copySlots has the standby keep the WAL that the primary's replicas and archive have not read yet, so that
// they can go on when it takes over.
func (c *Cluster) copySlots(ctx context.Context) {
	on, err := c.primary().slots(ctx)
	if err != nil {
		return // the next look will do
	}
	delete(on, standbyName)
	have, err := c.standby().slots(ctx)
	if err != nil {
		return
	}
	for slot := range have {
		if _, ok := on[slot]; !ok {
			err = errors.Join(err, c.standby().query(ctx, nil, "SELECT pg_drop_replication_slot($1)", slot))
		}
	}
	for slot, lsn := range on {
		if lsn == "0/0" {
			continue // never read
		}
		err = errors.Join(err, c.standby().query(ctx, nil, `SELECT pg_create_physical_replication_slot($1, true)
			WHERE NOT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = $1)`, slot),
			c.standby().query(ctx, nil, `SELECT pg_replication_slot_advance(slot_name, $2::pg_lsn) FROM pg_replication_slots
			WHERE slot_name = $1 AND NOT active AND restart_lsn < $2::pg_lsn AND $2::pg_lsn <= pg_last_wal_replay_lsn()`, slot, lsn))
	}
	if err != nil {
		c.opt.Log.Warn("standby keeps too little WAL for the replicas", "instance", c.opt.Name, "error", err)
	}
}

// CreateReplica makes the cluster as a replica of the source's, which has admitted it, and starts it.
func (c *Cluster) CreateReplica(ctx context.Context, source Source, spec Spec) error {
	if err := c.found(); err != nil {
		return err
	}
	c.mu.Lock()
	c.source = &source
	first := spec
	first.Standby, first.Archive = false, false
	c.state = state{Primary: "a", Spec: first, Replica: true}
	err := c.save()
	if err == nil {
		err = c.nodes["a"].copyFrom(ctx, source)
	}
	c.mu.Unlock()
	if err != nil {
		return fmt.Errorf("copy the primary instance: %w", err)
	}
	if err := c.Start(ctx); err != nil {
		return err
	}
	if err := c.Apply(ctx, spec); err != nil {
		return err
	}
	return c.Following(ctx)
}

// Following waits until the replica streams from its source, and copies the source when it cannot.
func (c *Cluster) Following(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.state.Replica || c.state.Paused {
		return nil
	}
	err := unless(ctx, c.primary(), standbyPatience, "the replica does not follow", func() error {
		if why := diverged(c.primary().log, c.health.log); why != "" {
			return fmt.Errorf("%w: %s", errDiverged, why)
		}
		return nil
	}, receives)
	if ctx.Err() == nil && (errors.Is(err, errDiverged) || errors.Is(err, context.DeadlineExceeded)) {
		return c.reseed(ctx)
	}
	return err
}

var errDiverged = errors.New("the replica cannot follow any more")

const receives = "SELECT EXISTS (SELECT FROM pg_stat_wal_receiver WHERE status = 'streaming')"

// receives tells whether the replica's receiver streams.
func (c *Cluster) receives(ctx context.Context) (ok bool, err error) {
	err = c.primary().query(ctx, []any{&ok}, receives)
	return ok, err
}

// reseed makes the replica anew from its source.
func (c *Cluster) reseed(ctx context.Context) error {
	if c.source == nil {
		return errors.New("the replica has no primary")
	}
	c.fence()
	_ = c.standby().stop(ctx, syscall.SIGQUIT)
	_ = c.primary().stop(ctx, syscall.SIGQUIT)
	if err := c.primary().copyFrom(ctx, *c.source); err != nil {
		return fmt.Errorf("copy the primary instance anew: %w", err)
	}
	if err := c.startPrimary(ctx); err != nil {
		return err
	}
	if err := c.keepSlots(ctx); err != nil {
		return err
	}
	c.open()
	if c.state.Spec.Standby {
		return c.rebuildStandby(ctx)
	}
	return nil
}

// tendReplica makes a replica anew that has said in its log that it cannot follow any more: it has WAL that
// got lost in a failover, or the WAL that it needs is gone.
func (c *Cluster) tendReplica(ctx context.Context) {
	look, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	ok, err := c.receives(look)
	if err != nil || c.state.Paused {
		return
	}
	if ok {
		c.health.log = logEnd(c.primary().log)
		return
	}
	why := diverged(c.primary().log, c.health.log)
	if why == "" {
		return // its source is down: it waits
	}
	c.opt.Log.Warn("replica cannot follow any more, copying its primary anew", "instance", c.opt.Name, "reason", why)
	if err := c.reseed(ctx); err != nil {
		c.opt.Log.Error("replica is not made anew", "instance", c.opt.Name, "error", err)
		c.health.at = time.Now().Add(10 * healthEvery)
	}
}

// stepIn goes on at the standby of a replica whose other node has died. Neither takes commits, so there is
// nothing to promote.
func (c *Cluster) stepIn(ctx context.Context) error {
	c.opt.Log.Warn("replica ended unexpectedly, its standby goes on", "instance", c.opt.Name)
	old := c.state.Primary
	c.state.Primary = other(old)
	if err := c.save(); err != nil {
		c.state.Primary = old
		return err
	}
	c.at.Store(c.primary())
	c.health.log = logEnd(c.primary().log)
	if err := c.reconfigure(ctx); err != nil {
		return err
	}
	c.open()
	return c.rebuildStandby(ctx)
}

// Promote makes a replica a cluster of its own.
func (c *Cluster) Promote(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.state.Replica {
		return nil // done before, and not remembered elsewhere
	}
	if c.front == nil {
		return errors.New("the replica does not run")
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), promotePatience)
	defer cancel()
	c.fence() // nobody commits on it before its role is on disk
	if err := promote(ctx, c.primary()); err != nil {
		return err
	}
	c.state.Replica, c.state.Paused = false, false
	if err := c.save(); err != nil {
		c.state.Replica = true
		return err
	}
	c.open()
	if err := c.reconfigure(ctx); err != nil {
		return err
	}
	if !c.state.Spec.Standby {
		return nil
	}
	if err := c.engage(ctx, logEnd(c.standby().log)); err != nil {
		// Promoted it is, whatever becomes of its standby; the watch goes on trying.
		c.opt.Log.Error("standby of a promoted replica does not follow", "instance", c.opt.Name, "error", err)
		return c.fallOut(ctx)
	}
	return nil
}

// position answers up to where the primary has written: once a replica is there and clients are fenced, it
// has everything.
func (c *Cluster) position(ctx context.Context) (lsn string, err error) {
	err = c.primary().query(ctx, []any{&lsn}, "SELECT pg_current_wal_flush_lsn()::text")
	return lsn, err
}

// Reach waits, for as long as ctx lasts, until the replica has replayed up to a position.
func (c *Cluster) Reach(ctx context.Context, lsn string) error {
	return until(ctx, c.at.Load(), 24*time.Hour, "the replica does not catch up",
		"SELECT coalesce(pg_last_wal_replay_lsn() >= $1::pg_lsn, false)", lsn)
}

// StepDown turns the primary of a running cluster into a replica that does not run: clients are fenced, the
// successor is shown how far it has to get, and from when that is done the cluster takes no commit any more.
// When the successor does not get there, nothing has changed.
func (c *Cluster) StepDown(ctx context.Context, reach func(ctx context.Context, lsn string) error) error {
	c.endWatch()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state.Replica {
		return nil // done before
	}
	c.front.fence()
	c.primary().disconnect(ctx)
	lsn, err := c.position(ctx)
	if err == nil {
		err = reach(ctx, lsn)
	}
	if err == nil {
		err = c.becomeReplica()
	}
	if err != nil {
		c.open()
		c.watch() //nolint:contextcheck // it lasts until Stop
		return err
	}
	c.stopReceiver(ctx)
	// A fast shutdown waits until the successor has everything, the last record too.
	_ = c.primary().stop(ctx, syscall.SIGINT)
	c.halt(ctx)
	return nil
}

// Depose does the same to a primary that may be lost, and asks nobody.
func (c *Cluster) Depose(ctx context.Context) error {
	c.endWatch()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state.Replica {
		return nil
	}
	if c.front != nil {
		c.fence()
	}
	if err := c.becomeReplica(); err != nil {
		return err
	}
	c.primary().kill()
	c.standby().kill()
	c.halt(ctx)
	return nil
}

// becomeReplica takes note that the cluster takes no more commits.
func (c *Cluster) becomeReplica() error {
	was := c.state
	c.state.Replica, c.state.InStep, c.state.Replicas = true, false, nil
	c.newEra() // the archive goes on at the successor
	c.state.Spec.Archive, c.state.ArchiveSince = false, time.Time{}
	if err := c.save(); err != nil {
		c.state = was
		return err
	}
	c.sync = false
	return nil
}

// Rejoin starts a cluster that stepped down, as a replica of its successor. One that cannot start any more is
// made anew.
func (c *Cluster) Rejoin(ctx context.Context, source Source) error {
	if err := c.Follow(ctx, source); err != nil {
		return err
	}
	if err := c.Start(ctx); err != nil {
		if ctx.Err() != nil {
			return err
		}
		c.opt.Log.Warn("the former primary does not start, copying its successor", "instance", c.opt.Name, "error", err)
		c.mu.Lock()
		err := c.primary().copyFrom(ctx, source)
		c.mu.Unlock()
		if err != nil {
			return err
		}
		if err := c.Start(ctx); err != nil {
			return err
		}
	}
	return c.Following(ctx)
}

// disconnect ends the sessions of clients that have lost their connections already, so that none of them
// commits unseen.
func (s *server) disconnect(ctx context.Context) {
	_ = s.query(ctx, nil, `SELECT pg_terminate_backend(pid, 1000) FROM pg_stat_activity
		WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() AND usename <> $1`, Admin) // the shutdown ends them else
}

// lost are PostgreSQL's words for a source that cannot be followed any more.
var lost = regexp.MustCompile(`requested WAL segment \w+ has already been removed|is not in this server's history|` +
	`is behind recovery timeline|forked off current database system timeline \d+ before current recovery point|` +
	`requested timeline \d+ is not a child|database system identifier differs|cannot read from (physical )?replication slot`)

// diverged finds in a server's log, from a position on, why it cannot follow its source any more.
func diverged(log string, from int64) string {
	f, err := os.Open(log)
	if err != nil {
		return ""
	}
	defer func() { _ = f.Close() }() // read only
	info, err := f.Stat()
	if err != nil {
		return ""
	}
	if from > info.Size() {
		from = 0 // it was begun anew
	}
	from = max(from, info.Size()-64<<10)
	body := make([]byte, info.Size()-from)
	n, _ := f.ReadAt(body, from) // what there is will do
	return string(lost.Find(body[:n]))
}

func logEnd(log string) int64 {
	info, err := os.Stat(log)
	if err != nil {
		return 0
	}
	return info.Size()
}
