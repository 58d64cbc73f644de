package probe

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
	"github.com/feel-august/terraform-provider-august/internal/sync/store"
)

const (
	commitTime = time.Second            // a commit that takes longer is in doubt, and its connection is given up
	retryPause = 40 * time.Millisecond  // after an attempt that failed at once: an outage is not measured longer than it is
	errorPause = 100 * time.Millisecond // between two events that tell of failures
	crowded    = 3                      // numbers in a row that somebody else has used
	leap       = 1000                   // over the numbers of an earlier stream that has not noticed its end
)

// errWarned is a commit that the server let through without its standby: a commit whose wait for the
// standby is cut short succeeds with a warning.
var errWarned = errors.New("the commit was acknowledged with a warning: the standby may not have it")

// writer makes one attempt after the other on one connection.
type writer struct {
	settings *pgx.ConnConfig
	connect  time.Duration
	req      runtimeapi.ProbeRequest
	every    time.Duration

	conn   *pgx.Conn
	warned bool // since the last attempt began; notices come while the connection is read

	acknowledged, failed int64
}

func newWriter(settings *pgx.ConnConfig, connect time.Duration, req runtimeapi.ProbeRequest) *writer {
	w := &writer{settings: settings, connect: connect, req: req, every: runtimeapi.ProbeEveryDefault}
	if req.EveryMS > 0 {
		w.every = time.Duration(req.EveryMS) * time.Millisecond
	}
	settings.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) {
		w.warned = w.warned || n.SeverityUnlocalized == "WARNING" || n.Severity == "WARNING"
	}
	return w
}

// run writes until ctx ends. An attempt under way is finished: its number is not left in doubt.
func (w *writer) run(ctx context.Context, events chan<- runtimeapi.ProbeEvent) {
	defer w.hangUp(ctx)
	var said time.Time // when a failure was last told
	taken := 0
	for number, next := w.req.First, time.Now(); pause(ctx, time.Until(next)); number++ {
		began := time.Now()
		clock, err := w.attempt(ctx, number)
		now := time.Now()
		event := runtimeapi.ProbeEvent{Number: number, At: now.UTC(), Clock: clock.UTC()}
		switch {
		case err == nil:
			w.acknowledged++
			taken = 0
			events <- event
			if next = next.Add(w.every); next.Before(now) {
				next = now // what could not be written in time is not made up for
			}
			continue
		case errors.Is(err, pgx.ErrNoRows):
			if taken++; taken >= crowded {
				number += leap
			}
			continue
		case ctx.Err() != nil:
			return // connecting was broken off by the end
		}
		w.failed++
		w.hangUp(ctx)
		if now.Sub(said) >= errorPause {
			said = now
			event.Clock, event.Error = time.Time{}, reason(err)
			events <- event
		}
		next = began.Add(retryPause)
	}
}

// attempt commits one row, connecting first when there is no connection. It returns the row's time;
// ErrNoRows says that the number is in use.
func (w *writer) attempt(ctx context.Context, number int64) (clock time.Time, err error) {
	if w.conn == nil {
		if err := w.dial(ctx); err != nil {
			return clock, err
		}
	}
	try, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitTime)
	defer cancel()
	w.warned = false
	// One statement, and one round trip with its commit: reading it to its end waits for the commit.
	err = w.conn.QueryRow(try, `insert into august.probe (probe, number) values ($1, $2) on conflict do nothing returning at`,
		pgx.QueryExecModeExec, w.req.ID, number).Scan(&clock)
	if err == nil && w.warned {
		err = errWarned
	}
	return clock, err
}

func (w *writer) dial(ctx context.Context) error {
	try, cancel := context.WithTimeout(ctx, w.connect)
	defer cancel()
	conn, err := pgx.ConnectConfig(try, w.settings)
	if err != nil {
		return err
	}
	w.conn = conn
	return nil
}

// hangUp gives the connection up. One that failed is not trusted again: it may lead to a server that is
// the primary no more.
func (w *writer) hangUp(ctx context.Context) {
	if w.conn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitTime)
	defer cancel()
	_ = w.conn.Close(ctx)
	w.conn = nil
}

func reason(err error) string {
	if errors.Is(err, errWarned) {
		return errWarned.Error()
	}
	return store.Reason(err)
}

// pause waits, and says whether ctx lives.
func pause(ctx context.Context, d time.Duration) bool {
	if d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
	}
	return ctx.Err() == nil
}
