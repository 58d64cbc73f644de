// Package indexes makes and drops the indexes that somebody has declared, concurrently and in the background. An order is a row
// of august.index; whichever instance takes it works on a connection of its own, which holds an advisory lock for as long as it
// is at it. An instance that dies leaves the order, and perhaps an index that is not valid: the next one drops that and begins anew.
package indexes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
	"github.com/feel-august/terraform-provider-august/internal/sync/store"
)

// Config is what a Service needs.
type Config struct {
	Store *store.Store
	Log   *slog.Logger // default: discards
}

// Service takes orders and works on them. It implements control.Indexes.
type Service struct {
	cfg  Config
	wake chan struct{}
}

// New prepares a service. It works on orders while Run runs.
func New(cfg Config) *Service {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Service{cfg: cfg, wake: make(chan struct{}, 1)}
}

// Goals and states of orders.
const (
	present = "present"
	absent  = "absent"

	wanted = "wanted"
	done   = "done"
	failed = "failed"
)

// order is a row of august.index.
type order struct {
	Schema, Name, Goal, State string
	Spec                      runtimeapi.IndexSpec
	Definition, Problem       string
	builder                   int
}

const qOrder = `select schema, name, goal, state, spec, definition, problem, coalesce(builder, 0) from august.index `

// query is what reads: a transaction or a connection.
type query interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// one reads an order; nil: there is none.
func one(ctx context.Context, db query, where string, args ...any) (*order, error) {
	var o order
	var spec []byte
	err := db.QueryRow(ctx, qOrder+where, args...).Scan(&o.Schema, &o.Name, &o.Goal, &o.State, &spec, &o.Definition, &o.Problem, &o.builder)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, nil //nolint:nilnil // nothing there is an answer
	case err != nil:
		return nil, fmt.Errorf("read the order of an index: %w", err)
	}
	return &o, json.Unmarshal(spec, &o.Spec)
}

func orderOf(ctx context.Context, db query, schema, name string) (*order, error) {
	return one(ctx, db, `where schema = $1 and name = $2`, schema, name)
}

const qPutOrder = `
insert into august.index as i (schema, name, goal, state, spec, definition) values ($1, $2, $3, $4, $5, $6)
on conflict (schema, name) do update set goal = excluded.goal, state = excluded.state, spec = excluded.spec, definition = excluded.definition,
    problem = '', changed_at = clock_timestamp()`

func put(ctx context.Context, tx pgx.Tx, o order) error {
	spec, err := json.Marshal(o.Spec)
	if err == nil {
		_, err = tx.Exec(ctx, qPutOrder, o.Schema, o.Name, o.Goal, o.State, spec, o.Definition)
	}
	return err
}

// Get implements control.Indexes: an index as it is, whoever has made it, and how far an order for it is.
func (s *Service) Get(ctx context.Context, schema, name string) (out runtimeapi.Index, err error) {
	if err := nameable(schema, name); err != nil {
		return out, err
	}
	err = s.read(ctx, func(tx pgx.Tx) error {
		out, err = state(ctx, tx, schema, name)
		return err
	})
	return out, err
}

// state is an index in the caller's words. What is neither there nor on its way is CodeNotFound.
func state(ctx context.Context, tx pgx.Tx, schema, name string) (runtimeapi.Index, error) {
	is, err := live(ctx, tx, schema, name)
	if err != nil {
		return runtimeapi.Index{}, err
	}
	o, err := orderOf(ctx, tx, schema, name)
	if err != nil {
		return runtimeapi.Index{}, err
	}
	// An order to drop outlasts its index by a moment, in which the name is not free yet.
	if is == nil && (o == nil || o.State == done || o.Goal == absent && o.State == failed) {
		return runtimeapi.Index{}, notFound(schema, name)
	}
	var out runtimeapi.Index
	if is != nil {
		out = is.Index
	} else {
		out = runtimeapi.Index{Schema: schema, Name: name, Spec: o.Spec, Definition: o.Definition}
	}
	if o != nil && o.State != done {
		out.Problem = o.Problem
	}
	if o != nil && o.State == wanted {
		if out.Progress, err = progress(ctx, tx, *o); err != nil {
			return out, err
		}
	}
	switch {
	case o != nil && o.Goal == absent && o.State == wanted:
		out.State = runtimeapi.IndexDropping
	case o != nil && o.Goal == present && o.State == failed:
		out.State = runtimeapi.IndexFailed
	case is != nil && is.usable: // also one that could not be dropped: Problem says why
		out.State = runtimeapi.IndexValid
	case out.Progress != nil || is != nil && is.building:
		out.State = runtimeapi.IndexBuilding
	case o != nil && o.State == wanted:
		out.State = runtimeapi.IndexQueued
	default:
		out.State = runtimeapi.IndexInvalid
	}
	return out, nil
}

// Check implements control.Indexes: what Create would say, and the index as PostgreSQL would have it.
func (s *Service) Check(ctx context.Context, schema, name string, spec runtimeapi.IndexSpec) (out runtimeapi.IndexCheck, err error) {
	err = s.rolledBack(ctx, func(tx pgx.Tx) error {
		out.Definition, err = canonical(ctx, tx, schema, name, spec)
		var wrong *runtimeapi.Error
		if errors.As(err, &wrong) {
			out.Findings, err = append(out.Findings, *wrong), nil
		}
		return err
	})
	if err != nil {
		return out, err
	}
	is, err := s.Get(ctx, schema, name)
	switch {
	case err == nil:
		out.Live = &is
	case !runtimeapi.IsNotFound(err):
		return out, err
	}
	return out, nil
}

// Create implements control.Indexes: one of that name that this runtime was not asked to make, or not so, is somebody else's.
func (s *Service) Create(ctx context.Context, schema, name string, spec runtimeapi.IndexSpec) (runtimeapi.Index, error) {
	return s.declare(ctx, schema, name, spec, true)
}

// Put implements control.Indexes: an index that is there already becomes valid, and counts as this runtime's from now on.
func (s *Service) Put(ctx context.Context, schema, name string, spec runtimeapi.IndexSpec) (runtimeapi.Index, error) {
	return s.declare(ctx, schema, name, spec, false)
}

func (s *Service) declare(ctx context.Context, schema, name string, spec runtimeapi.IndexSpec, create bool) (out runtimeapi.Index, err error) {
	var definition string
	if err := s.rolledBack(ctx, func(tx pgx.Tx) error {
		definition, err = canonical(ctx, tx, schema, name, spec)
		return err
	}); err != nil {
		return out, err
	}
	err = s.write(ctx, func(tx pgx.Tx) error {
		if err := turn(ctx, tx, schema, name); err != nil {
			return err
		}
		o, err := orderOf(ctx, tx, schema, name)
		if err != nil {
			return err
		}
		is, err := live(ctx, tx, schema, name)
		if err != nil {
			return err
		}
		if err := inTheWay(ctx, tx, schema, name, definition, o, is, create); err != nil {
			return err
		}
		next := order{Schema: schema, Name: name, Goal: present, State: wanted, Spec: spec, Definition: definition}
		if is != nil && is.usable {
			next.State = done
		}
		if o == nil || o.Goal != next.Goal || o.State != next.State || o.Definition != next.Definition {
			if err := put(ctx, tx, next); err != nil {
				return err
			}
		}
		out, err = state(ctx, tx, schema, name)
		return err
	})
	s.kick()
	return out, err
}

// inTheWay says why an index cannot be made or repaired: the name is somebody else's.
func inTheWay(ctx context.Context, tx pgx.Tx, schema, name, definition string, o *order, is *index, create bool) error {
	switch {
	case o != nil && o.Goal == absent && o.State == wanted:
		return conflict("is being dropped; try again when it is gone")
	case o != nil && o.Goal == present && o.State == wanted && o.Definition != definition:
		return conflict("is being made already, with another definition: %s", o.Definition)
	case is != nil && is.Definition != definition:
		return conflict("is another index, which is not touched: %s. Choose another name, or drop that index", is.Definition)
	case is != nil && create && (o == nil || o.Goal == absent || o.State == failed):
		return conflict("is there already, and was not made here. Import it to have it managed, or choose another name")
	case is != nil:
		return nil
	}
	var taken bool
	err := tx.QueryRow(ctx, `select exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = $1 and c.relname = $2)`, schema, name).Scan(&taken)
	if err == nil && taken {
		return conflict("is the name of a table or the like; choose another one")
	}
	return err
}

// Delete implements control.Indexes. Only an index that is defined as the caller believes is dropped; tag is that of
// runtimeapi.IndexTag, and may be empty for one that this runtime was asked to make.
func (s *Service) Delete(ctx context.Context, schema, name, tag string) (out runtimeapi.Index, err error) {
	if err := nameable(schema, name); err != nil {
		return out, err
	}
	gone := false
	err = s.write(ctx, func(tx pgx.Tx) error {
		if err := turn(ctx, tx, schema, name); err != nil {
			return err
		}
		o, err := orderOf(ctx, tx, schema, name)
		if err != nil {
			return err
		}
		is, err := live(ctx, tx, schema, name)
		if err != nil {
			return err
		}
		if is == nil && (o == nil || o.State != wanted) {
			gone = true
			_, err := tx.Exec(ctx, `delete from august.index where schema = $1 and name = $2`, schema, name)
			return err
		}
		next := order{Schema: schema, Name: name, Goal: absent, State: wanted}
		if is != nil {
			next.Spec, next.Definition = is.Spec, is.Definition
			if err := is.droppable(); err != nil {
				return err
			}
		} else {
			next.Spec, next.Definition = o.Spec, o.Definition
		}
		managed := o != nil && o.Definition == next.Definition
		switch {
		case tag == "" && !managed:
			return conflict("was not made here: say which definition is to be dropped, by the header %s", runtimeapi.HeaderIfMatch)
		case tag != "" && tag != runtimeapi.IndexTag(next.Definition):
			return conflict("is another index by now, which is not dropped: %s", next.Definition)
		}
		if o == nil || o.Goal != absent || o.State != wanted || o.Definition != next.Definition {
			if err := put(ctx, tx, next); err != nil {
				return err
			}
		}
		out, err = state(ctx, tx, schema, name)
		return err
	})
	if err == nil && gone {
		err = notFound(schema, name)
	}
	s.kick()
	return out, err
}

func (s *Service) kick() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// turn lets those who change the order of one index do it one after another.
func turn(ctx context.Context, tx pgx.Tx, schema, name string) error {
	_, err := tx.Exec(ctx, `select pg_advisory_xact_lock($1, hashtext($2))`, int32(buildLock>>32), schema+"."+name)
	return err
}

func (s *Service) read(ctx context.Context, do func(pgx.Tx) error) error {
	return s.in(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, do, true)
}

func (s *Service) write(ctx context.Context, do func(pgx.Tx) error) error {
	return s.in(ctx, pgx.TxOptions{}, do, true)
}

func (s *Service) rolledBack(ctx context.Context, do func(pgx.Tx) error) error {
	return s.in(ctx, pgx.TxOptions{}, do, false)
}

func (s *Service) in(ctx context.Context, options pgx.TxOptions, do func(pgx.Tx) error, keep bool) error {
	err := s.cfg.Store.Available(ctx)
	if err == nil {
		err = s.cfg.Store.Again(ctx, func() error {
			tx, err := s.cfg.Store.Pool().BeginTx(ctx, options)
			if err != nil {
				return err
			}
			defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
			if err := run(ctx, tx.Conn(), `set local `+plainPath); err != nil {
				return err
			}
			if err := do(tx); err != nil || !keep {
				return err
			}
			return tx.Commit(ctx)
		})
	}
	var own *runtimeapi.Error
	if err == nil || errors.As(err, &own) {
		return err
	}
	if store.Outage(err) || store.Broken(err) {
		return &runtimeapi.Error{Code: runtimeapi.CodeUnavailable, Message: store.Reason(err) + "; try again"}
	}
	return err
}

// nameable says whether an index may be one that a caller makes, looks at or drops.
func nameable(schema, name string) error {
	if e := runtimeapi.ValidateIndexSchema(schema); e != nil {
		return e
	}
	if e := runtimeapi.ValidateIndexName("name", name); e != nil {
		return e
	}
	return nil
}

func notFound(schema, name string) error {
	return &runtimeapi.Error{Code: runtimeapi.CodeNotFound, Message: fmt.Sprintf("there is no index %s.%s", schema, name)}
}

func conflict(format string, args ...any) error {
	return &runtimeapi.Error{Code: runtimeapi.CodeConflict, Field: "name", Message: fmt.Sprintf(format, args...)}
}

func wrong(field, format string, args ...any) error {
	return &runtimeapi.Error{Code: runtimeapi.CodeInvalid, Field: field, Message: fmt.Sprintf(format, args...)}
}
