package measures

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
)

// clients is the connections of clients, but for the one that asks. What others do may be hidden: then there is no state.
const clients = `pg_stat_activity where coalesce(backend_type, 'client backend') = 'client backend' and usename is not null and pid <> pg_backend_pid()`

// What a connection does. One that calls a function directly is at work, too.
const (
	working = `state in ('active', 'fastpath function call')`
	holding = `state in ('idle in transaction', 'idle in transaction (aborted)')`
)

// roles is what is known of each, by name, and of all together.
type roles struct {
	by  map[string]*runtimeapi.RoleMeasures
	all runtimeapi.RoleMeasures
}

func (r *roles) of(name string) *runtimeapi.RoleMeasures {
	if name == "" {
		return &r.all
	}
	if r.by[name] == nil {
		r.by[name] = &runtimeapi.RoleMeasures{Role: name}
	}
	return r.by[name]
}

func (r *roles) sorted() []runtimeapi.RoleMeasures {
	out := make([]runtimeapi.RoleMeasures, 0, len(r.by))
	for _, name := range slices.Sorted(maps.Keys(r.by)) {
		out = append(out, *r.by[name])
	}
	return out
}

// rolesNow counts the connections that there are, and those of which it cannot be told what they do.
func rolesNow(ctx context.Context, tx pgx.Tx) (*roles, int, error) {
	r, all := &roles{by: map[string]*runtimeapi.RoleMeasures{}}, 0
	rows, _ := tx.Query(ctx, `
		select usename::text, count(*)::int, count(*) filter (where `+working+`)::int, count(*) filter (where `+holding+`)::int,
			count(*) filter (where state is null or state = 'disabled')::int
		from `+clients+` group by 1`)
	var name string
	var seen runtimeapi.RoleMeasures
	var hidden int
	_, err := pgx.ForEachRow(rows, []any{&name, &seen.Connections, &seen.Active, &seen.IdleInTransaction, &hidden}, func() error {
		one := r.of(name)
		one.Connections, one.Active, one.IdleInTransaction = seen.Connections, seen.Active, seen.IdleInTransaction
		all += hidden
		return nil
	})
	if err != nil {
		return nil, 0, fmt.Errorf("count connections: %w", err)
	}
	return r, all, nil
}

// windows reads what was sampled. A role that had no connection at a look had none: the means are over all looks.
func (r *roles) windows(ctx context.Context, tx pgx.Tx, window time.Duration) error {
	var from, to *time.Time
	var samples int64
	if err := tx.QueryRow(ctx, `select min(first), max(last), coalesce(sum(samples), 0) from august.connection_look where last > now() - $1::interval`,
		window).Scan(&from, &to, &samples); err != nil {
		return fmt.Errorf("read looks at connections: %w", err)
	}
	if samples == 0 {
		return nil
	}
	rows, _ := tx.Query(ctx, `
		select role, sum(connections)::float8 / $2, max(most), sum(active)::float8 / $2, max(most_active), sum(idle_in_transaction)::float8 / $2, max(most_idle_in_transaction)
		from august.connection_minute where minute >= (select min(minute) from august.connection_look where last > now() - $1::interval) group by role`, window, samples)
	var name string
	var w runtimeapi.RoleWindow
	if _, err := pgx.ForEachRow(rows, []any{&name, &w.Mean, &w.Most, &w.MeanActive, &w.MostActive, &w.MeanIdleInTransaction, &w.MostIdleInTransaction}, func() error {
		own := w
		own.From, own.To, own.Samples = *from, *to, samples
		r.of(name).Window = &own
		return nil
	}); err != nil {
		return fmt.Errorf("read connections: %w", err)
	}
	rows, _ = tx.Query(ctx, `
		select role, type, sum(connections)::float8 / $2
		from august.connection_wait where minute >= (select min(minute) from august.connection_look where last > now() - $1::interval) group by 1, 2`, window, samples)
	var kind string
	var mean float64
	if _, err := pgx.ForEachRow(rows, []any{&name, &kind, &mean}, func() error {
		if w := r.of(name).Window; w != nil {
			if w.Waits == nil {
				w.Waits = map[string]float64{}
			}
			w.Waits[kind] = mean
		}
		return nil
	}); err != nil {
		return fmt.Errorf("read what connections waited for: %w", err)
	}
	return nil
}

// statements reads how often each role asked, and how long it took, of the days that reach into the window. It is nil when nothing
// was counted.
func (r *roles) statements(ctx context.Context, tx pgx.Tx, window time.Duration) (*runtimeapi.StatementsMeasure, error) {
	var s runtimeapi.StatementsMeasure
	err := tx.QueryRow(ctx, `
		select min(first), max(last) from august.workload_day d
		where last > now() - $1::interval and exists (select from august.workload_statement_day s where s.day = d.day)
		having max(last) > min(first)`, window).Scan(&s.From, &s.To)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read days of statements: %w", err)
	}
	rows, _ := tx.Query(ctx, `
		select role, sum(calls), sum(seconds) from august.workload_statement_day
		where day >= (select min(day) from august.workload_day where last > now() - $1::interval)
		group by role having sum(calls) > 0`, window)
	var name string
	var calls, seconds float64
	if _, err := pgx.ForEachRow(rows, []any{&name, &calls, &seconds}, func() error {
		rate, ms := calls/s.To.Sub(s.From).Seconds(), seconds/calls*1000
		one := r.of(name)
		one.CallsPerSecond, one.CallMs = &rate, &ms
		return nil
	}); err != nil {
		return nil, fmt.Errorf("read statements: %w", err)
	}
	return &s, nil
}
