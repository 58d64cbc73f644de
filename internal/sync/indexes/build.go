package indexes

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
	"github.com/feel-august/terraform-provider-august/internal/sync/store"
)

const (
	// buildLock is held by the one session of a database that makes or drops an index. Two at a time would wait for each other.
	buildLock = int64(0x6175677573740019)

	application = "august-sync index"

	every     = 5 * time.Second        // between two looks for orders that another instance has taken
	watch     = 500 * time.Millisecond // between two looks whether an order under way is still wanted
	partTime  = 2 * time.Second        // for taking leave of the database
	connectBy = 10 * time.Second
)

var errChanged = errors.New("the order was changed")

// Run works on orders until ctx ends. What is under way then is broken off, and begun anew by another instance.
func (s *Service) Run(ctx context.Context) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		for s.next(ctx) {
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-s.wake:
		}
	}
}

// Whether there is an order that nobody is at. To ask it costs no connection of its own.
const qWaiting = `
select exists (select from august.index where state = 'wanted') and not exists (
    select from pg_locks l where l.locktype = 'advisory' and l.granted and l.objsubid = 1
        and l.classid::bigint = $1::bigint >> 32 and l.objid::bigint = $1::bigint & 4294967295
        and l.database = (select oid from pg_database where datname = current_database()))`

// next works on one order, and says whether another one may be waiting.
func (s *Service) next(ctx context.Context) bool {
	var waiting bool
	err := s.cfg.Store.Pool().QueryRow(ctx, qWaiting, buildLock).Scan(&waiting)
	if err == nil && waiting {
		var took bool
		if took, err = s.session(ctx); took && err == nil {
			return true
		}
	}
	if err != nil && ctx.Err() == nil && !errors.Is(err, errChanged) {
		s.cfg.Log.WarnContext(ctx, "orders of indexes wait", "reason", reasonOf(err))
	}
	return errors.Is(err, errChanged)
}

// session opens a connection and works on the oldest order, if nobody else does. The lock is its session's: it lasts as long as the
// server is at what the session was told, also when this process is gone by then.
func (s *Service) session(ctx context.Context) (took bool, err error) {
	settings := s.cfg.Store.Settings()
	settings.RuntimeParams["application_name"] = application
	// A build waits for every transaction that is older than itself, however long: a timeout would leave an index that is not valid.
	settings.RuntimeParams["lock_timeout"] = "0"
	settings.RuntimeParams["statement_timeout"] = "0"
	settings.RuntimeParams["standard_conforming_strings"] = "on"
	connecting, cancel := context.WithTimeout(ctx, connectBy)
	defer cancel()
	conn, err := pgx.ConnectConfig(connecting, settings)
	if err != nil {
		return false, err
	}
	defer func() {
		parting, cancel := context.WithTimeout(context.WithoutCancel(ctx), partTime)
		defer cancel()
		_ = conn.Close(parting)
	}()
	// Never waited for: a session that waits has a snapshot, which a build would wait for in turn.
	if err := conn.QueryRow(ctx, `select pg_try_advisory_lock($1)`, buildLock).Scan(&took); err != nil || !took {
		return false, err
	}
	o, err := one(ctx, conn, `where state = 'wanted' order by changed_at, schema, name limit 1`)
	if err != nil || o == nil {
		return false, err
	}
	if _, err := conn.Exec(ctx, `update august.index set builder = pg_backend_pid(), begun_at = clock_timestamp() where schema = $1 and name = $2`, o.Schema, o.Name); err != nil {
		return true, err
	}
	return true, s.fulfil(ctx, conn, o)
}

// fulfil makes it so, and writes down what came of it.
func (s *Service) fulfil(ctx context.Context, conn *pgx.Conn, o *order) error {
	log := s.cfg.Log.With("index", o.Schema+"."+o.Name, "goal", o.Goal)
	log.InfoContext(ctx, "an index is worked on")
	began := time.Now()
	working, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go s.watch(working, *o, cancel)
	b := builder{conn, o}
	var err error
	if o.Goal == present {
		err = b.present(working)
	} else {
		err = b.absent(working)
	}
	if err != nil && errors.Is(context.Cause(working), errChanged) {
		log.InfoContext(ctx, "an index is wanted otherwise by now")
		return errChanged
	}
	var final *runtimeapi.Error
	switch {
	case err == nil && o.Goal == absent:
		_, err = s.cfg.Store.Pool().Exec(ctx, `delete from august.index where schema = $1 and name = $2 and goal = $3 and definition = $4`, o.Schema, o.Name, absent, o.Definition)
	case err == nil:
		err = s.note(ctx, o, done, "")
	case errors.As(err, &final) && final.Code != runtimeapi.CodeUnavailable:
		log.WarnContext(ctx, "an index is given up", "code", final.Code, "took", time.Since(began).Round(time.Millisecond))
		return s.note(ctx, o, failed, final.Message)
	case ctx.Err() != nil:
		return err
	default: // it passes, and is tried again
		_ = s.note(ctx, o, wanted, reasonOf(err))
		return err
	}
	if err == nil {
		log.InfoContext(ctx, "an index is as it is to be", "took", time.Since(began).Round(time.Millisecond))
	}
	return err
}

// note writes down how an order fares, unless it is another one by now. One that is tried again waits behind the others: what it
// waits for may last, and need not keep them.
func (s *Service) note(ctx context.Context, o *order, state, problem string) error {
	_, err := s.cfg.Store.Pool().Exec(ctx, `update august.index set state = $5, problem = $6, builder = null, changed_at = clock_timestamp() where schema = $1 and name = $2 and goal = $3 and definition = $4 and state = 'wanted'`,
		o.Schema, o.Name, o.Goal, o.Definition, state, problem)
	return err
}

// watch breaks off what nobody wants any more. The pool does the looking: it holds no snapshot between two looks.
func (s *Service) watch(ctx context.Context, o order, stop context.CancelCauseFunc) {
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
			return
		case <-time.After(watch):
		}
		is, err := orderOf(ctx, s.cfg.Store.Pool(), o.Schema, o.Name)
		if err == nil && (is == nil || is.Goal != o.Goal || is.Definition != o.Definition) {
			stop(errChanged)
			return
		}
	}
}

// builder works on one order, on a session of its own. Its errors are *runtimeapi.Error when another try would not help.
type builder struct {
	conn *pgx.Conn
	*order
}

func (b builder) present(ctx context.Context) error {
	is, err := b.live(ctx)
	if err != nil {
		return err
	}
	switch {
	case is != nil && is.Definition != b.Definition:
		return conflict("is another index by now: %s", is.Definition)
	case is != nil && is.usable:
		return nil
	case is != nil && is.building:
		return errors.New("another session is making the index")
	case is != nil: // what somebody who was killed has left
		if err := b.drop(ctx, is); err != nil {
			return err
		}
	}
	if err := b.still(ctx); err != nil {
		return err
	}
	if err := run(ctx, b.conn, searchPath("set", b.Schema)); err != nil {
		return err
	}
	err = run(ctx, b.conn, statement(pgx.Identifier{b.Schema, b.Spec.Table}.Sanitize(), b.Name, b.Spec, true))
	if err == nil {
		return nil
	}
	final := hopeless(err)
	if final == nil {
		return err
	}
	// It would be kept up by every write, and used by nothing.
	if is, left := b.live(ctx); left != nil || is != nil && !is.usable && b.drop(ctx, is) != nil {
		return fmt.Errorf("what is left of an index that cannot be made is not dropped yet: %w", err)
	}
	return final
}

// still looks once more at what is declared: tables and functions may have changed since it was.
func (b builder) still(ctx context.Context) error {
	tx, err := b.conn.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	definition, err := canonical(ctx, tx, b.Schema, b.Name, b.Spec)
	if err == nil && definition != b.Definition {
		err = conflict("would be another index by now: %s", definition)
	}
	return err
}

func (b builder) absent(ctx context.Context) error {
	is, err := b.live(ctx)
	switch {
	case err != nil || is == nil:
		return err
	case is.Definition != b.Definition:
		return conflict("is another index by now, which is not dropped: %s", is.Definition)
	case is.droppable() != nil:
		return is.droppable()
	case is.building:
		return errors.New("another session is making the index")
	}
	return b.drop(ctx, is)
}

func (b builder) drop(ctx context.Context, is *index) error {
	err := run(ctx, b.conn, `drop index concurrently if exists `+pgx.Identifier{is.Schema, is.Name}.Sanitize())
	if final := hopeless(err); final != nil {
		return final
	}
	return err
}

func (b builder) live(ctx context.Context) (*index, error) {
	if err := run(ctx, b.conn, `set `+plainPath); err != nil {
		return nil, err
	}
	return live(ctx, b.conn, b.Schema, b.Name)
}

// hopeless is an error that would come again. PostgreSQL's message and detail quote values of rows, and are told to nobody.
func hopeless(err error) error {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return nil
	}
	say := func(format string, args ...any) error {
		return &runtimeapi.Error{Code: runtimeapi.CodeInvalid, Message: fmt.Sprintf(format, args...)}
	}
	switch {
	case pg.Code == "23505":
		return say("rows that are there already have the same key, so the index cannot be unique. Find them by a query that groups by its columns")
	case pg.Code == "54000":
		return say("a row's key is too large for an index of this method; index an expression of it, such as md5(column), or use another method")
	case pg.Code == "53100":
		return say("the disk is full: enlarge it, and apply again")
	case pg.Code[:2] == "22":
		return say("the expression or the predicate fails for a row that is there (SQLSTATE %s): cast only what can be cast in every row", pg.Code)
	case pg.Code[:2] == "42", pg.Code[:2] == "0A", pg.Code[:2] == "2B", pg.Code[:2] == "2F", pg.Code[:2] == "P0", pg.Code[:2] == "23", pg.Code[:2] == "38", pg.Code[:2] == "39":
		return say("PostgreSQL refuses it (SQLSTATE %s)", pg.Code)
	}
	return nil
}

// reasonOf is why something that passes has not passed yet, without any value.
func reasonOf(err error) string {
	var own *runtimeapi.Error
	if errors.As(err, &own) {
		return own.Message
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == "40P01" {
		return "it was in a deadlock with another session, and is tried again"
	}
	if errors.As(err, &pg) || store.Outage(err) || store.Broken(err) {
		return store.Reason(err) + "; it is tried again"
	}
	return "it is tried again: another session works on the index"
}
