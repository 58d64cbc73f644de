package dataset

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Pauses grow from one attempt to the next, and do not shrink: the ten breaks last over a minute also when each comes at once, as
// while a primary is being given up.
const (
	defaultAway = 5 * time.Minute
	mostBreaks  = 10 // a step that ends the server whenever it is tried is not tried for ever
	firstPause  = 250 * time.Millisecond
	longPause   = 15 * time.Second
)

// away is what an import knows of a database that goes away in its middle.
type away struct {
	patience time.Duration
	breaks   int
	since    time.Time // it broke the last time
	pause    time.Duration
}

// wait waits until an import that has failed may be tried again. One that had a connection has seen the database come back.
func (a *away) wait(ctx context.Context, connected bool) error {
	if a.breaks == 0 || connected {
		a.breaks, a.since = a.breaks+1, time.Now()
	}
	if a.breaks > mostBreaks {
		return fmt.Errorf("the connection to the database broke %d times", a.breaks)
	}
	if time.Since(a.since) >= a.patience {
		return fmt.Errorf("the database has been away for %s", a.patience)
	}
	a.pause = min(max(2*a.pause, firstPause), longPause)
	return sleep(ctx, a.pause)
}

// isAway tells whether it is the database that failed, and only by going away.
func (c *Config) isAway(err error) bool {
	var refused *RefusedError
	var bucket *bucketError
	return c.Away != nil && !errors.As(err, &refused) && !errors.As(err, &bucket) && c.Away(err)
}

// bucketError is a failure of the bucket, whose connections break as a database's do.
type bucketError struct{ error }

func (e *bucketError) Unwrap() error { return e.error }
