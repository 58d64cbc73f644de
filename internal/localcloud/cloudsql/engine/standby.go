package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

const (
	attachPatience  = time.Minute      // with a standby that has started, until it streams; commits do not wait for it yet
	standbyPatience = 20 * time.Second // with one that is to catch up
)

// setStandby adds or drops the standby.
func (c *Cluster) setStandby(ctx context.Context, on bool) error {
	if on {
		err := c.rebuildStandby(ctx)
		c.state.Spec.Standby = err == nil
		if err != nil {
			return errors.Join(err, c.dropStandby(context.WithoutCancel(ctx)))
		}
		return nil
	}
	if err := c.fallOut(ctx); err != nil {
		return err
	}
	c.state.Spec.Standby = false
	return c.dropStandby(ctx)
}

func (c *Cluster) dropStandby(ctx context.Context) error {
	if err := c.fallOut(ctx); err != nil {
		return err
	}
	_ = c.standby().stop(ctx, syscall.SIGINT)
	return errors.Join(c.dropSlot(ctx, standbyName), os.RemoveAll(c.standby().data))
}

// rebuildStandby copies the primary and follows it, synchronously once it has caught up.
func (c *Cluster) rebuildStandby(ctx context.Context) error {
	if err := c.fallOut(ctx); err != nil {
		return err
	}
	_ = c.standby().stop(ctx, syscall.SIGQUIT)
	if err := c.makeSlot(ctx, standbyName); err != nil {
		return err
	}
	from := Source{Sockets: c.opt.Sockets, Port: c.primary().port, Slot: standbyName}
	if err := c.standby().copyFrom(ctx, from); err != nil {
		return fmt.Errorf("copy the primary to the standby: %w", err)
	}
	return c.follow(ctx)
}

// copyFrom makes the data directory anew as a copy of a running server. What was there stays until the copy
// is complete: a source that cannot be reached costs nothing.
func (s *server) copyFrom(ctx context.Context, from Source) error {
	fresh := s.data + ".new"
	if err := os.RemoveAll(fresh); err != nil {
		return err
	}
	if err := s.bin.folder(fresh); err != nil {
		return err
	}
	// What a copy that failed leaves is removed by the next one: by then the programs of a killed
	// supervisor may be cleaning up, too.
	if err := s.bin.run(ctx, "pg_basebackup", "--pgdata="+fresh, "--dbname="+from.connString("august_copy")+" dbname=postgres",
		"--wal-method=stream", "--slot="+from.Slot, "--checkpoint=fast", "--no-password", "--no-clean"); err != nil {
		return err
	}
	if err := os.RemoveAll(s.data); err != nil {
		return err
	}
	return os.Rename(fresh, s.data)
}

// startStandby starts the standby that is there. One that cannot follow the primary any more (its copy
// was cut off, the WAL it needs is gone, it was promoted and nobody remembers) is built anew.
func (c *Cluster) startStandby(ctx context.Context) error {
	err := c.follow(ctx)
	if err == nil || ctx.Err() != nil {
		return err
	}
	c.opt.Log.Warn("standby cannot go on, building it anew", "instance", c.opt.Name, "error", err)
	return c.rebuildStandby(ctx)
}

// follow starts the standby and makes commits wait for it.
func (c *Cluster) follow(ctx context.Context) error {
	s := c.standby()
	if _, err := os.Stat(filepath.Join(s.data, "PG_VERSION")); err != nil {
		return err
	}
	if err := c.makeSlot(ctx, standbyName); err != nil {
		return err
	}
	if err := c.configure(other(c.state.Primary)); err != nil {
		return err
	}
	if err := c.opt.Binaries.write(filepath.Join(s.data, "standby.signal"), ""); err != nil {
		return err
	}
	began := logEnd(s.log)
	if err := s.start(ctx); err != nil {
		return err
	}
	return c.engage(ctx, began)
}

// engage makes commits wait for the standby, and takes note that it may take over once it has every
// commit that was acknowledged before.
func (c *Cluster) engage(ctx context.Context, began int64) error {
	if err := c.attached(ctx, began); err != nil {
		return err
	}
	if c.state.Replica {
		return nil // takes no commits
	}
	c.sync = true
	if err := c.reconfigure(ctx); err != nil {
		return err
	}
	// Backends wait from when the checkpointer has read the configuration, which shows nowhere. It has once
	// it has done a checkpoint that a session asked for that began under the new configuration.
	if err := until(ctx, c.primary(), standbyPatience, "the primary does not take over its configuration",
		"SELECT current_setting('synchronous_standby_names') = $1", standbyName); err != nil {
		return err
	}
	if err := c.primary().query(ctx, nil, "CHECKPOINT"); err != nil {
		return err
	}
	lsn, err := c.position(ctx)
	if err != nil {
		return err
	}
	if err := until(ctx, c.primary(), standbyPatience, "the standby does not become synchronous", `SELECT EXISTS (SELECT FROM pg_stat_replication
		WHERE application_name = $1 AND sync_state = 'sync' AND flush_lsn >= $2::pg_lsn)`, standbyName, lsn); err != nil {
		return err
	}
	if c.state.InStep {
		return nil
	}
	c.state.InStep = true
	if err := c.save(); err != nil {
		c.state.InStep = false
		return err
	}
	return nil
}

// attached waits until the standby streams. One that cannot says why in its log, from began on.
func (c *Cluster) attached(ctx context.Context, began int64) error {
	return unless(ctx, c.primary(), attachPatience, "the standby does not stream", func() error {
		if !c.standby().running() {
			return errors.New("the standby does not run")
		}
		if why := diverged(c.standby().log, began); why != "" {
			return fmt.Errorf("the standby cannot follow: %s", why)
		}
		return nil
	}, streams, standbyName)
}

// fallOut lets commits no longer wait for the standby. That it may not take over is on disk before: from
// then on there are commits that only the primary has.
func (c *Cluster) fallOut(ctx context.Context) error {
	if c.state.InStep {
		c.state.InStep = false
		if err := c.save(); err != nil {
			c.state.InStep = true
			return fmt.Errorf("take note that the standby is out of step: %w", err)
		}
	}
	if !c.sync {
		return nil
	}
	c.sync = false
	if err := c.reconfigure(ctx); err != nil {
		c.sync = true
		return fmt.Errorf("commits still wait for the standby: %w", err)
	}
	return nil
}

// reconfigure has the primary read what configure writes.
func (c *Cluster) reconfigure(ctx context.Context) error {
	if err := c.configure(c.state.Primary); err != nil {
		return err
	}
	if !c.primary().running() {
		return nil // it reads it when it starts
	}
	return c.primary().query(ctx, nil, "SELECT pg_reload_conf()")
}

// replayed waits until the standby has replayed what the primary has written, or cannot go on because
// its own limits are too low now.
func (c *Cluster) replayed(ctx context.Context) error {
	if !c.standby().running() {
		return nil
	}
	var lsn string
	if err := c.primary().query(ctx, []any{&lsn}, `SELECT coalesce(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()
		ELSE pg_current_wal_flush_lsn() END, '0/0')::text`); err != nil {
		return err
	}
	return until(ctx, c.standby(), standbyPatience, "the standby does not catch up",
		"SELECT pg_last_wal_replay_lsn() >= $1::pg_lsn OR pg_get_wal_replay_pause_state() = 'paused'", lsn)
}

const streams = "SELECT EXISTS (SELECT FROM pg_stat_replication WHERE application_name = $1 AND state = 'streaming')"

func (c *Cluster) streaming(ctx context.Context) (ok bool, err error) {
	err = c.primary().query(ctx, []any{&ok}, streams, standbyName)
	return ok, err
}

// makeSlot reserves WAL on the primary for a reader, from now on.
func (c *Cluster) makeSlot(ctx context.Context, name string) error {
	return c.primary().query(ctx, nil, `SELECT pg_create_physical_replication_slot($1, true)
		WHERE NOT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = $1)`, name)
}

// dropSlot waits until the reader has let go of the slot.
func (c *Cluster) dropSlot(ctx context.Context, name string) error {
	if err := until(ctx, c.primary(), 10*time.Second, "replication slot "+name+" is still in use", `SELECT NOT EXISTS
		(SELECT FROM pg_replication_slots WHERE slot_name = $1 AND active)`, name); err != nil {
		return err
	}
	return c.primary().query(ctx, nil, `SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1`, name)
}

// until asks a server a yes-or-no question until the answer is yes.
func until(ctx context.Context, s *server, patience time.Duration, complaint, question string, args ...any) error {
	return unless(ctx, s, patience, complaint, func() error { return nil }, question, args...)
}

// unless does so as well, on one connection, unless something speaks against that the answer will ever be yes.
func unless(ctx context.Context, s *server, patience time.Duration, complaint string, against func() error, question string, args ...any) error {
	waiting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	conn, err := s.connect(waiting, "postgres")
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	for {
		var yes bool
		if err := conn.QueryRow(waiting, question, args...).Scan(&yes); err != nil {
			return fmt.Errorf("%s: %w", complaint, err)
		}
		if yes {
			return nil
		}
		if err := against(); err != nil {
			return err
		}
		select {
		case <-waiting.Done():
			return fmt.Errorf("%s: %w", complaint, waiting.Err())
		case <-time.After(pollEvery):
		}
	}
}
