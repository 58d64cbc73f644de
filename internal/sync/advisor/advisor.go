// Package advisor advises on the indexes of the runtime's own database: it samples what PostgreSQL counts, reads what the
// database is made of, and has its planner plan with indexes that are not there. It creates none. No value of a row, and no
// literal of a statement, comes out of it.
package advisor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/feel-august/terraform-provider-august/internal/advise/index"
	"github.com/feel-august/terraform-provider-august/internal/gcp/logging"
	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
	"github.com/feel-august/terraform-provider-august/internal/sync/store"
	"github.com/feel-august/terraform-provider-august/internal/sync/telemetry"
)

// Reader reads SQL by PostgreSQL's grammar, in a process of its own.
type Reader interface {
	Statements(ctx context.Context, texts []string) ([]Parsed, error)
	StatementsWithLiterals(ctx context.Context, texts []string) ([]Parsed, error)
	Expressions(ctx context.Context, texts []string) ([]string, error)
}

// Logs is what the server has logged: its lines from a moment on, up to another, of which it may give the latest only.
type Logs interface {
	Lines(ctx context.Context, from, to time.Time) (lines []logging.Line, all bool, err error)
}

// Config is what an Advisor needs.
type Config struct {
	Store  *store.Store
	Reader Reader
	Logs   Logs // nil: slow statements are not looked for in the log
	Log    *slog.Logger
}

// Advisor advises. It may be asked by several at a time, and serves one after another: reading statements takes memory.
type Advisor struct {
	cfg  Config
	turn chan struct{}
}

// New makes an advisor. It does not connect.
func New(cfg Config) *Advisor { return &Advisor{cfg: cfg, turn: make(chan struct{}, 1)} }

// freshness is how old the figures of an advice are at most.
const freshness = 15 * time.Second

// Indexes advises on indexes. It changes nothing but the figures that it keeps.
func (a *Advisor) Indexes(ctx context.Context, req runtimeapi.IndexAdviceRequest) (*index.Advice, error) {
	select {
	case a.turn <- struct{}{}:
		defer func() { <-a.turn }()
	case <-ctx.Done():
		return nil, &runtimeapi.Error{Code: runtimeapi.CodeUnavailable, Message: "the runtime is busy with another advice; ask again"}
	}
	in, err := a.input(ctx, req)
	if err == nil {
		var advice *index.Advice
		if advice, err = a.advise(ctx, in); err == nil {
			return advice, nil
		}
	}
	if ctx.Err() != nil {
		return nil, &runtimeapi.Error{Code: runtimeapi.CodeUnavailable, Message: fmt.Sprintf("the advice was not ready within %s; ask for fewer schemas, or again when the database has less to do", runtimeapi.AdviceTime)}
	}
	return nil, told(err)
}

// told is why there is no advice: to be asked for again, or the runtime's own failure, without what the database has said.
func told(err error) error {
	again := func(why string) error {
		return &runtimeapi.Error{Code: runtimeapi.CodeUnavailable, Message: why + "; ask again"}
	}
	var pg *pgconn.PgError
	switch {
	case errors.As(err, &pg) && (pg.Code == "55P03" || pg.Code == "57014"):
		return again("a table is locked by another session, or the database has too much to do to say what it is made of")
	case store.Moved(err):
		return again("a table or an index was dropped while it was looked at")
	case store.Outage(err), store.Broken(err): // a failover, say
		return again(store.Reason(err))
	}
	return fmt.Errorf("advise on indexes: %s", telemetry.ErrorText(err))
}

// prepared is what an advice is made from, with what only the planner may see.
type prepared struct {
	index.Input
	db *inspected
}

// input reads the workload and the database.
func (a *Advisor) input(ctx context.Context, req runtimeapi.IndexAdviceRequest) (*prepared, error) {
	pool := a.cfg.Store.Pool()
	in := &prepared{Input: index.Input{Options: req.Options()}}
	if err := Sample(ctx, pool, freshness); err != nil {
		if ctx.Err() != nil {
			return nil, err
		}
		a.cfg.Log.WarnContext(ctx, "the workload cannot be sampled", "error", telemetry.ErrorText(err))
		in.Notes = append(in.Notes, "What happened in the last minutes is not among the figures: the counters could not be read.")
	}
	var w *seen
	err := pgx.BeginTxFunc(ctx, pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) (err error) {
		if _, err := tx.Exec(ctx, `set local statement_timeout = '30s'; set local lock_timeout = '2s'`); err != nil {
			return err
		}
		if w, err = see(ctx, tx, req.Window()); err != nil {
			return err
		}
		in.db, err = inspect(ctx, tx, w.since)
		return err
	})
	if err != nil {
		return nil, err
	}
	in.Window = w.window
	in.Notes = append(in.Notes, w.notes...)
	if n := in.db.hides; n > 0 {
		in.Notes = append(in.Notes, fmt.Sprintf("The runtime's database role may not read %d tables, and sees no statistics of them: grant it SELECT there, or pg_read_all_data.", n))
	}
	if err := a.read(ctx, in, w); err != nil {
		return nil, err
	}
	if a.cfg.Logs != nil {
		if err := a.logged(ctx, in); err != nil {
			return nil, err
		}
	}
	in.Database = in.db.Database
	return in, nil
}

// advise has the planner prove what is advised.
func (a *Advisor) advise(ctx context.Context, in *prepared) (advice *index.Advice, err error) {
	conn, err := a.cfg.Store.Pool().Acquire(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Release()
	err = pgx.BeginTxFunc(ctx, conn, pgx.TxOptions{AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		p, notes, err := newPlanner(ctx, tx, in.db)
		if err != nil {
			return err
		}
		in.Notes = append(in.Notes, notes...)
		if p == nil {
			in.Notes = append(in.Notes, "HypoPG is not there, so gains are by the planner's arithmetic and not by the planner: create extension hypopg, where the server has it.")
		} else {
			in.Planner = p
			defer func() {
				if p.close(context.WithoutCancel(ctx)) != nil {
					_ = conn.Conn().Close(context.WithoutCancel(ctx)) // and what it supposes with it
				}
			}()
		}
		advice, err = index.Advise(ctx, in.Input)
		return err
	})
	return advice, err
}
