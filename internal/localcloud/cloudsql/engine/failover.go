package engine

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"
)

// A failover must never lose a commit that a client has seen, and there must never be two primaries,
// whatever dies when. What makes it so:
//
//   - The standby takes over only while it is in step, which is on disk. It is in step from when commits
//     wait for it and it has all earlier ones; it is out of step, on disk, before commits wait no longer.
//   - Clients reach a server through the front only. It is fenced before the primary is given up, and
//     opened to the promoted standby after its new role is on disk. So until then nobody has committed
//     on it, and the old primary, which has all that the standby has, may as well come back.
//   - The old primary is killed with all its backends before the standby is promoted, and starts again only
//     as a copy of the new one.

// promotePatience bounds a take-over. It is not cut short by the caller's context: half of it helps nobody.
const promotePatience = time.Minute

// ErrNoStandby says that there is nothing to fail over to.
var ErrNoStandby = errors.New("the standby is not in step with the primary, so nothing could take over without losing commits")

// Failover loses the primary the hard way and lets the standby take over: fence, kill, promote, open.
// Then the lost node is built anew as standby, and is synchronous again when Failover returns without error.
func (c *Cluster) Failover(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.front == nil || !c.state.InStep || !c.standby().running() {
		return ErrNoStandby
	}
	if streaming, err := c.streaming(ctx); err != nil || !streaming {
		return errors.Join(ErrNoStandby, err)
	}
	c.fence()
	c.primary().kill()
	return c.failOver(ctx)
}

// InStep tells whether there is a standby that may take over.
func (c *Cluster) InStep() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state.InStep
}

// failOver lets the standby take over from a primary that is dead, and makes a standby of that one.
func (c *Cluster) failOver(ctx context.Context) error {
	if err := c.takeOver(ctx); err != nil {
		return err
	}
	if err := c.rebuildStandby(ctx); err != nil {
		return fmt.Errorf("the standby took over, but a new standby could not be built yet: %w", err)
	}
	return nil
}

// takeOver makes the standby primary. When it cannot be promoted, the old primary comes back in place.
func (c *Cluster) takeOver(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), promotePatience)
	defer cancel()
	c.stopReceiver(ctx)
	old := c.state.Primary
	err := promote(ctx, c.standby())
	if err == nil {
		c.state.Primary, c.state.InStep = other(old), false
		err = c.save()
	}
	if err != nil {
		c.state.Primary = old
		c.standby().kill() // promoted or half so, but nobody has committed on it: it is built anew
		err = fmt.Errorf("the standby could not take over: %w", err)
		if back := c.comeBack(ctx); back != nil {
			return errors.Join(err, fmt.Errorf("and the primary did not come back: %w", back))
		}
		return err
	}
	c.sync = false
	c.at.Store(c.primary())
	c.open()
	if err := c.reconfigure(ctx); err != nil {
		return err
	}
	if err := c.keepSlots(ctx); err != nil {
		return err
	}
	if c.state.Spec.Archive {
		return c.startArchive(ctx)
	}
	return nil
}

// succeed lets the standby take over from a primary that does not start any more.
func (c *Cluster) succeed(ctx context.Context) error {
	if err := c.configure(other(c.state.Primary)); err != nil {
		return err
	}
	if err := c.opt.Binaries.write(filepath.Join(c.standby().data, "standby.signal"), ""); err != nil {
		return err
	}
	if err := c.standby().start(ctx); err != nil {
		return err
	}
	c.primary().sweep()
	return c.takeOver(ctx)
}

// comeBack recovers the primary in place. Its standby, if it has one, is out of step until it is found to
// have all that the primary has.
func (c *Cluster) comeBack(ctx context.Context) error {
	if err := c.fallOut(ctx); err != nil {
		return err
	}
	if err := c.startPrimary(ctx); err != nil {
		return err
	}
	c.open()
	return nil
}

// promote ends a server's recovery: it takes in all WAL that it has received, then commits of its own.
func promote(ctx context.Context, s *server) error {
	if err := s.query(ctx, nil, "SELECT pg_promote(false) WHERE pg_is_in_recovery()"); err != nil {
		return fmt.Errorf("promote the server: %w", err)
	}
	return until(ctx, s, promotePatience, "the server does not leave recovery", "SELECT NOT pg_is_in_recovery()")
}
