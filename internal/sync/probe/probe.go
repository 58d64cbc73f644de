// Package probe is the runtime's side of a recovery drill: it commits numbered rows on a connection of
// its own and tells of each, says afterwards which of them a database has, and digests tables, so that
// two copies can be compared without a row leaving either.
package probe

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
	"github.com/feel-august/terraform-provider-august/internal/sync/store"
)

// Streams is how many probes one instance writes at a time. Each holds one connection beyond the pool.
// A caller that lost its stream and comes back at once must not be turned away because this side has
// not noticed yet: hence two.
const Streams = 2

const (
	keep     = 24 * time.Hour   // of rows that their drill has not removed
	tidyTime = 30 * time.Second // for removing them
)

// Config is what a Service needs.
type Config struct {
	Store   *store.Store
	Targets Targets
	Log     *slog.Logger    // default: discards
	Stop    <-chan struct{} // closed: streams end; nil: they do not by this

	// Connect bounds one attempt to connect a probe; default 1 s. The Cloud SQL connector may need longer
	// than TCP: it asks for the instance's new address.
	Connect time.Duration
}

// Service writes probes and verifies them. It implements control.Probes.
type Service struct {
	cfg       Config
	streams   chan struct{}
	verifying chan struct{}
}

// New prepares a service.
func New(cfg Config) *Service {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Connect <= 0 {
		cfg.Connect = time.Second
	}
	return &Service{cfg: cfg, streams: make(chan struct{}, Streams), verifying: make(chan struct{}, 1)}
}

// quiet is how long a stream says nothing before it gives a sign of life: a little less than promised.
const quiet = runtimeapi.ProbeBeat * 9 / 10

// Write commits rows and hands each event to each, until ctx ends, the time is over, the runtime stops
// or each fails. Before the first event nothing has been done; the first comes at once, whether the
// database is there or not: a probe may be begun in the middle of an outage.
func (s *Service) Write(ctx context.Context, req runtimeapi.ProbeRequest, each func(runtimeapi.ProbeEvent) error) error {
	select {
	case s.streams <- struct{}{}:
		defer func() { <-s.streams }()
	default:
		return &runtimeapi.Error{Code: runtimeapi.CodeUnavailable,
			Message: fmt.Sprintf("this instance writes %d probes already; end one, or try again", Streams)}
	}
	life := runtimeapi.ProbeLongest
	if req.Seconds > 0 {
		life = time.Duration(req.Seconds) * time.Second
	}
	ctx, cancel := context.WithTimeout(ctx, life)
	defer cancel()
	if err := each(runtimeapi.ProbeEvent{At: time.Now().UTC()}); err != nil {
		return err
	}
	began := time.Now()
	log := s.cfg.Log.With("probe", req.ID)
	log.InfoContext(ctx, "probe begins", "first", req.First)
	var parts sync.WaitGroup
	defer parts.Wait()
	defer cancel()
	parts.Go(func() {
		select {
		case <-s.cfg.Stop:
			cancel()
		case <-ctx.Done():
		}
	})
	parts.Go(func() { s.tidy(ctx) })
	w := newWriter(s.settings(), s.cfg.Connect, req)
	events := make(chan runtimeapi.ProbeEvent)
	parts.Go(func() { defer close(events); w.run(ctx, events) })

	beat := time.NewTimer(quiet)
	defer beat.Stop()
	var failed error
	for {
		var e runtimeapi.ProbeEvent
		var open bool
		select {
		case e, open = <-events:
			if !open {
				log.InfoContext(ctx, "probe ended", "acknowledged", w.acknowledged, "failed", w.failed, "took", time.Since(began).Round(time.Millisecond))
				return failed
			}
		case at := <-beat.C:
			e.At = at.UTC()
		}
		beat.Reset(quiet)
		// What is still written after the caller has gone is read off, so that the writer ends.
		if failed == nil {
			if failed = each(e); failed != nil {
				cancel()
			}
		}
	}
}

// settings is how a probe connects: as the pool does, and insisting that what is acknowledged is on the
// standby too.
func (s *Service) settings() *pgx.ConnConfig {
	c := s.cfg.Store.Settings()
	c.ConnectTimeout = s.cfg.Connect
	c.RuntimeParams["application_name"] = "august-sync probe"
	c.RuntimeParams["synchronous_commit"] = "on"
	return c
}

// tidy removes rows that no drill came back for.
func (s *Service) tidy(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, tidyTime)
	defer cancel()
	tag, err := s.cfg.Store.Pool().Exec(ctx, `delete from august.probe where at < now() - $1::interval`, keep)
	switch {
	case err != nil && ctx.Err() == nil:
		s.cfg.Log.WarnContext(ctx, "old probe rows not removed; the next probe tries again", "reason", store.Reason(err))
	case tag.RowsAffected() > 0:
		s.cfg.Log.InfoContext(ctx, "old probe rows removed", "rows", tag.RowsAffected())
	}
}

// Delete removes a probe's rows. There being none is no error.
func (s *Service) Delete(ctx context.Context, id string) error {
	err := s.cfg.Store.Available(ctx)
	if err == nil {
		err = s.cfg.Store.Again(ctx, func() error {
			_, err := s.cfg.Store.Pool().Exec(ctx, `delete from august.probe where probe = $1`, id)
			return err
		})
	}
	return unavailable("remove the probe", err)
}

// unavailable turns a failure of a database into the control API's error, and leaves those that are
// already one.
func unavailable(what string, err error) error {
	var own *runtimeapi.Error
	if err == nil || errors.As(err, &own) {
		return err
	}
	return &runtimeapi.Error{Code: runtimeapi.CodeUnavailable, Message: "could not " + what + ": " + store.Reason(err) + "; try again"}
}
