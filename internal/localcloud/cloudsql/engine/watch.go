package engine

import (
	"context"
	"time"
)

// watchEvery is how soon a death that nobody asked for is noticed.
const watchEvery = 200 * time.Millisecond

// watch looks after the cluster's processes until Stop: a primary that died recovers in place, a lost
// standby no longer holds up commits and comes back, an archive receiver that ended goes on.
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
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if c.front == nil {
		return
	}
	if !c.primary().running() {
		c.opt.Log.Warn("primary ended unexpectedly, recovering it", "instance", c.opt.Name)
		c.front.fence()
		if err := c.startPrimary(ctx); err != nil {
			c.opt.Log.Error("primary does not recover", "instance", c.opt.Name, "error", err)
			return
		}
		c.front.open(c.primary().address())
	}
	if c.state.Spec.Standby && !c.standby().running() {
		c.opt.Log.Warn("standby ended unexpectedly, bringing it back", "instance", c.opt.Name)
		if err := c.setSync(ctx, false); err != nil {
			c.opt.Log.Error("commits still wait for the lost standby", "instance", c.opt.Name, "error", err)
		}
		if err := c.startStandby(ctx); err != nil {
			c.opt.Log.Error("standby does not come back", "instance", c.opt.Name, "error", err)
		}
	}
	if c.state.Spec.Archive && !c.receiver.running() && !c.receiver.fresh() {
		if err := c.startArchive(ctx); err != nil {
			c.opt.Log.Error("WAL archive does not go on", "instance", c.opt.Name, "error", err)
		}
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
	c.front.close()
	c.front = nil
}
