package engine

import (
	"context"
	"time"
)

const (
	watchEvery  = 50 * time.Millisecond // how soon a death that nobody asked for is noticed
	healthEvery = time.Second           // how often replication is looked at
	lostAfter   = 5                     // so many looks in a row without replication: it needs help
	retryAfter  = time.Second           // before what could not be brought back is tried again
	lookTime    = 5 * time.Second       // a look at replication that takes longer has failed
	hungAfter   = 6                     // so many of those in a row: the primary is as good as dead
)

// health is what the watch remembers between two looks at replication.
type health struct {
	at      time.Time // of the next look
	retry   time.Time // no earlier attempt to bring something back
	missing int       // looks in a row that saw none
	hung    int       // looks in a row that the primary did not answer
	log     int64     // of a replica, where its log ended when it was last seen well
}

// watch looks after the cluster's processes until Stop. When the primary died, the standby takes over if
// it was in step, else the primary recovers in place; a lost standby no longer holds up commits and comes
// back; a replica that cannot follow any more is made anew; an archive receiver that ended goes on.
func (c *Cluster) watch() {
	ctx, cancel := context.WithCancel(context.Background())
	c.unwatch = cancel
	c.watching.Add(1)
	go func() {
		defer c.watching.Done()
		tick := time.NewTicker(watchEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			// Held while somebody changes the cluster's shape; that one looks after it meanwhile.
			if c.mu.TryLock() {
				c.tend(ctx)
				c.mu.Unlock()
			}
		}
	}()
}

func (c *Cluster) endWatch() {
	c.mu.Lock()
	unwatch := c.unwatch
	c.unwatch = nil
	c.mu.Unlock()
	if unwatch != nil {
		unwatch()
		c.watching.Wait()
	}
}

func (c *Cluster) tend(ctx context.Context) {
	if c.front == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute) // the copy of a large cluster takes its time
	defer cancel()
	if time.Now().Before(c.health.retry) {
		return
	}
	if !c.primary().running() && !c.tendPrimary(ctx) {
		c.health.retry = time.Now().Add(retryAfter)
		return
	}
	c.tendReplication(ctx)
	if c.state.Spec.Archive && !c.receiver.running() && !c.receiver.fresh() {
		if err := c.startArchive(ctx); err != nil && c.primary().running() {
			c.opt.Log.Error("WAL archive does not go on", "instance", c.opt.Name, "error", err)
		}
	}
}

// tendPrimary looks after a primary that died by itself, and tells whether there is one again.
func (c *Cluster) tendPrimary(ctx context.Context) bool {
	c.fence()
	c.primary().kill() // its backends may be at work still
	if c.state.Replica && c.standby().running() {
		if err := c.stepIn(ctx); err != nil {
			c.opt.Log.Error("replica does not go on at its standby", "instance", c.opt.Name, "error", err)
		}
		return c.primary().running()
	}
	if c.state.InStep && c.standby().running() {
		c.opt.Log.Warn("primary ended unexpectedly, failing over to its standby", "instance", c.opt.Name)
		result := make(chan error, 1)
		if c.opt.FailedOver != nil {
			c.opt.FailedOver(result)
		}
		err := c.failOver(ctx)
		result <- err
		if err != nil {
			c.opt.Log.Error("failover did not go well", "instance", c.opt.Name, "error", err)
		}
		return c.primary().running()
	}
	c.opt.Log.Warn("primary ended unexpectedly, recovering it", "instance", c.opt.Name)
	err := c.comeBack(ctx)
	if err != nil && c.state.Replica && ctx.Err() == nil {
		c.opt.Log.Warn("replica does not recover, copying its primary anew", "instance", c.opt.Name, "error", err)
		err = c.reseed(ctx)
	}
	if err != nil {
		c.opt.Log.Error("primary does not recover", "instance", c.opt.Name, "error", err)
		return false
	}
	return true
}

// tendReplication looks after the standby, and after what a replica follows.
func (c *Cluster) tendReplication(ctx context.Context) {
	if c.state.Spec.Standby && !c.standby().running() {
		c.tendStandby(ctx, "standby ended unexpectedly, bringing it back")
	}
	if time.Now().Before(c.health.at) {
		return
	}
	c.health.at = time.Now().Add(healthEvery)
	if c.state.Replica {
		c.tendReplica(ctx)
	}
	if !c.state.Spec.Standby {
		return
	}
	look, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	ok, err := c.streaming(look)
	if err != nil {
		c.tendSilent(look)
		return
	}
	c.health.hung = 0
	if ok && (c.state.InStep || c.state.Replica) {
		c.health.missing = 0
		c.copySlots(look)
		return
	}
	if c.health.missing++; c.health.missing >= lostAfter {
		c.tendStandby(ctx, "standby does not follow, bringing it back")
	}
}

// tendSilent ends a primary that hangs, if there is a standby to go on with.
func (c *Cluster) tendSilent(look context.Context) {
	if look.Err() == nil {
		c.health.hung = 0 // it answered, with an error
		return
	}
	if c.health.hung++; c.health.hung >= hungAfter && c.state.InStep {
		c.opt.Log.Warn("primary does not answer, ending it", "instance", c.opt.Name)
		c.health.hung = 0
		c.fence()
		c.primary().kill() // the next turn finds it dead
	}
}

// tendStandby lets commits go on without the standby, and brings it back.
func (c *Cluster) tendStandby(ctx context.Context, why string) {
	c.opt.Log.Warn(why, "instance", c.opt.Name)
	c.health.missing = 0
	if err := c.fallOut(ctx); err != nil {
		c.opt.Log.Error("standby cannot be let go", "instance", c.opt.Name, "error", err)
		c.health.retry = time.Now().Add(retryAfter)
		return
	}
	c.standby().kill()
	if err := c.startStandby(ctx); err != nil {
		c.opt.Log.Error("standby does not come back", "instance", c.opt.Name, "error", err)
		c.health.retry = time.Now().Add(retryAfter)
	}
}

// KillPrimary ends the primary's processes at once, for drills: nobody asked for this death, so the
// watch has to notice it.
func (c *Cluster) KillPrimary() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.primary().kill()
}

// KillStandby does the same to the standby.
func (c *Cluster) KillStandby() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.standby().kill()
}

// Abandon lets go of the processes without ending them, as the death of this process would.
func (c *Cluster) Abandon() {
	c.endWatch()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.unlisten()
}
