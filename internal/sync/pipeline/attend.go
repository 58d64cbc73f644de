package pipeline

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
)

// courtesy is how many ticks a run is left to instances that serve, before whoever attends it works on it.
const courtesy = 3

// Attend shows a run until it has ended. When no instance serves, it works on the run itself, and on what the run waits
// for. When ctx ends, it gives back what it works on, for anybody to go on with.
func (s *Service) Attend(ctx context.Context, name string, id int64, show func(runtimeapi.Run)) (runtimeapi.Run, error) {
	var work sync.WaitGroup
	defer work.Wait()
	busy := make(chan struct{}, 1)
	tick := time.NewTicker(s.cfg.Tick)
	defer tick.Stop()
	for idle := 0; ; {
		run, err := s.GetRun(ctx, name, id)
		if err != nil && (ctx.Err() != nil || !isUnavailable(err)) {
			return run, err
		}
		if err == nil {
			if show(run); run.State == runtimeapi.RunSucceeded || run.State == runtimeapi.RunFailed {
				return run, nil
			}
			if idle++; len(busy) > 0 || !s.idle(ctx, name) {
				idle = 0
			}
		}
		if idle > courtesy {
			if l := s.takeOn(ctx, name); l != nil {
				busy <- struct{}{}
				work.Go(func() {
					s.hold(ctx, *l)
					<-busy
				})
			}
		}
		select {
		case <-ctx.Done():
			return run, ctx.Err()
		case <-tick.C:
		}
	}
}

// idle tells that a run of the pipeline could go on, and nobody works on it.
func (s *Service) idle(ctx context.Context, name string) bool {
	var is bool
	err := s.cfg.Store.Pool().QueryRow(ctx, `
		select exists (select from august.run r where r.pipeline = $1 and `+qClaimable+`)
			or exists (select from august.run where pipeline = $1 and state = 'queued') and not exists (select from august.run where pipeline = $1 and `+qOpen+`)`,
		name).Scan(&is)
	return err == nil && is
}

// takeOn leases what the pipeline waits for, nil when that is nothing or the database does not answer.
func (s *Service) takeOn(ctx context.Context, name string) *lease {
	err := pgx.BeginFunc(ctx, s.cfg.Store.Pool(), func(tx pgx.Tx) error { return openQueued(ctx, tx, name) })
	var l *lease
	if err == nil {
		l, err = s.claim(ctx, name)
	}
	if err != nil && ctx.Err() == nil {
		s.cfg.Log.WarnContext(ctx, "no run taken", "error", err)
	}
	return l
}

func isUnavailable(err error) bool {
	var e *runtimeapi.Error
	return errors.As(err, &e) && e.Code == runtimeapi.CodeUnavailable
}
