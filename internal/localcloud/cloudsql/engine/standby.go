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

// standbyPatience bounds the wait for a standby to catch up.
const standbyPatience = 20 * time.Second

// ErrNoStandby says that there is nothing to fail over to.
var ErrNoStandby = errors.New("the standby is not in step with the primary, so nothing could take over without losing commits")

// setStandby adds or drops the standby.
func (c *Cluster) setStandby(ctx context.Context, on bool) error {
	if !on {
		c.sync = false
		if err := c.reload(ctx); err != nil {
			return err
		}
		_ = c.standby().stop(ctx, syscall.SIGINT)
		c.state.Spec.Standby = false
		if err := c.dropSlot(ctx, standbyName); err != nil {
			return err
		}
		return os.RemoveAll(c.standby().data)
	}
	if err := c.rebuildStandby(ctx); err != nil {
		return err
	}
	c.state.Spec.Standby = true
	return nil
}

// rebuildStandby copies the primary and follows it, synchronously once it has caught up.
func (c *Cluster) rebuildStandby(ctx context.Context) error {
	s := c.standby()
	_ = s.stop(ctx, syscall.SIGQUIT)
	if err := os.RemoveAll(s.data); err != nil {
		return err
	}
	if err := c.makeSlot(ctx, standbyName); err != nil {
		return err
	}
	if err := c.opt.Binaries.folder(s.data); err != nil {
		return err
	}
	if err := c.opt.Binaries.run(ctx, "pg_basebackup", "--pgdata="+s.data, "--dbname="+c.primary().connString("postgres", "august_rebuild"),
		"--wal-method=stream", "--slot="+standbyName, "--checkpoint=fast", "--no-password"); err != nil {
		return fmt.Errorf("copy the primary to the standby: %w", err)
	}
	return c.follow(ctx)
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
	if err := s.start(ctx); err != nil {
		return err
	}
	return c.engage(ctx)
}

// engage waits until the standby streams, then makes it synchronous.
func (c *Cluster) engage(ctx context.Context) error {
	if err := until(ctx, c.primary(), standbyPatience, "the standby does not stream", `SELECT EXISTS (SELECT FROM pg_stat_replication
		WHERE application_name = $1 AND state = 'streaming')`, standbyName); err != nil {
		return err
	}
	return c.setSync(ctx, true)
}

// replayed waits until the standby has replayed what the primary has written, or cannot go on because
// its own limits are too low now.
func (c *Cluster) replayed(ctx context.Context) error {
	if !c.standby().running() {
		return nil
	}
	var lsn string
	if err := c.primary().query(ctx, []any{&lsn}, "SELECT pg_current_wal_flush_lsn()::text"); err != nil {
		return err
	}
	return until(ctx, c.standby(), standbyPatience, "the standby does not catch up",
		"SELECT pg_last_wal_replay_lsn() >= $1::pg_lsn OR pg_get_wal_replay_pause_state() = 'paused'", lsn)
}

// setSync makes commits wait for the standby, or no longer, and waits until that holds.
func (c *Cluster) setSync(ctx context.Context, on bool) error {
	if c.sync == on {
		return nil
	}
	c.sync = on
	if err := c.configure(c.state.Primary); err != nil {
		return err
	}
	if err := c.primary().query(ctx, nil, "SELECT pg_reload_conf()"); err != nil || !on {
		return err
	}
	return until(ctx, c.primary(), standbyPatience, "the standby does not become synchronous", `SELECT EXISTS (SELECT FROM pg_stat_replication
		WHERE application_name = $1 AND sync_state = 'sync')`, standbyName)
}

func (c *Cluster) streaming(ctx context.Context) (ok bool, err error) {
	err = c.primary().query(ctx, []any{&ok}, `SELECT EXISTS (SELECT FROM pg_stat_replication
		WHERE application_name = $1 AND state = 'streaming')`, standbyName)
	return ok, err
}

// Failover loses the primary the hard way and lets the standby take over: fence, kill, promote, open.
// Then the lost node is built anew as standby. No commit that a client saw is lost: it was on both.
func (c *Cluster) Failover(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.state.Spec.Standby || !c.sync || !c.standby().running() {
		return ErrNoStandby
	}
	if streaming, err := c.streaming(ctx); err != nil || !streaming {
		return errors.Join(ErrNoStandby, err)
	}
	c.front.fence()
	c.primary().kill()
	if err := c.takeOver(ctx); err != nil {
		return err
	}
	if err := c.rebuildStandby(ctx); err != nil {
		return fmt.Errorf("the standby took over, but a new standby could not be built: %w", err)
	}
	return nil
}

// takeOver promotes the standby after the primary is gone for good.
func (c *Cluster) takeOver(ctx context.Context) error {
	c.stopReceiver(ctx)
	var promoted bool
	if err := c.standby().query(ctx, []any{&promoted}, "SELECT pg_promote(true, 60)"); err != nil {
		return fmt.Errorf("promote the standby: %w", err)
	}
	if !promoted {
		return errors.New("promote the standby: it did not leave recovery in a minute")
	}
	c.state.Primary, c.sync = other(c.state.Primary), false
	c.at.Store(c.primary())
	if err := c.save(); err != nil {
		return err
	}
	if err := c.configure(c.state.Primary); err != nil {
		return err
	}
	if err := c.primary().query(ctx, nil, "SELECT pg_reload_conf()"); err != nil {
		return err
	}
	c.front.open(c.primary().address())
	if c.state.Spec.Archive {
		return c.startArchive(ctx)
	}
	return nil
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

// until asks a server a yes-or-no question with one argument until the answer is yes.
func until(ctx context.Context, s *server, patience time.Duration, complaint, question, arg string) error {
	waiting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	conn, err := s.connect(waiting, "postgres")
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	for {
		var yes bool
		if err := conn.QueryRow(waiting, question, arg).Scan(&yes); err != nil {
			return fmt.Errorf("%s: %w", complaint, err)
		}
		if yes {
			return nil
		}
		select {
		case <-waiting.Done():
			return fmt.Errorf("%s: %w", complaint, waiting.Err())
		case <-time.After(pollEvery):
		}
	}
}
