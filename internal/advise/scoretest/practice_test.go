package scoretest

import (
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/feel-august/terraform-provider-august/internal/sync/pgtest"
)

//go:embed testdata/schema.sql
var schema string

//go:embed testdata/useless.sql
var inTheWay string

// practice is a database with the made-up practice.
type practice struct {
	pgtest.Database
	conn  *pgx.Conn
	draws map[string][][]any // parameters, by statement
}

// rows is how many most tables have: few in a test, several hundred thousand in all in a benchmark.
func rows() int {
	if f := flag.Lookup("test.bench"); f != nil && f.Value.String() != "" {
		return 50_000
	}
	return 16_000
}

// newPractice is one that nothing was done with yet. All are copies of one, page by page.
func newPractice(t testing.TB) *practice {
	t.Helper()
	db := pgtest.Copy(t, func(db pgtest.Database) error {
		conn, err := connect(t.Context(), db)
		if err != nil {
			return err
		}
		return errors.Join(found(t.Context(), conn), conn.Close(context.WithoutCancel(t.Context())))
	})
	p := &practice{Database: db, draws: map[string][][]any{}}
	var err error
	if p.conn, err = connect(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.conn.Close(context.WithoutCancel(t.Context())) })
	for _, s := range everything() {
		if p.draws[s.name], err = draw(t.Context(), p.conn, s); err != nil {
			t.Fatalf("draw parameters of %q: %v", s.name, err)
		}
	}
	return p
}

// connect opens a session in which plans depend on nothing but statistics.
func connect(ctx context.Context, db pgtest.Database) (*pgx.Conn, error) {
	config, err := pgx.ParseConfig(db.URL())
	if err != nil {
		return nil, err
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeExec // parameters as text, planned as they are
	for name, value := range map[string]string{
		"madeup.rows": strconv.Itoa(rows()), "jit": "off", "max_parallel_workers_per_gather": "0",
		"synchronize_seqscans": "off", "timezone": "UTC", "pg_stat_statements.track": "top",
	} {
		config.RuntimeParams[name] = value
	}
	return pgx.ConnectConfig(ctx, config)
}

// found makes the practice.
func found(ctx context.Context, conn *pgx.Conn) error {
	const still = `do $$ declare t regclass; begin
		for t in select oid from pg_class where relnamespace = 'madeup'::regnamespace and relkind = 'r' loop
			execute format('alter table %s set (autovacuum_enabled = off)', t);
		end loop; end $$`
	for _, script := range []string{schema, inTheWay, still, `create extension pg_stat_statements`} {
		if _, err := conn.Exec(ctx, script, pgx.QueryExecModeSimpleProtocol); err != nil {
			return err
		}
	}
	// What is left of a unique index that was made concurrently and met a duplicate.
	for _, index := range []string{"supplies_shelf_invalid on madeup.supplies (shelf)", "supplies_expires_invalid on madeup.supplies (bought_on)", "rentals_room_invalid on madeup.rentals (room)"} {
		var refused *pgconn.PgError
		if _, err := conn.Exec(ctx, `create unique index concurrently `+index); !errors.As(err, &refused) || refused.Code != "23505" {
			return fmt.Errorf("a unique index on what is not unique: %w", err)
		}
	}
	_, err := conn.Exec(ctx, `vacuum (freeze, analyze)`)
	return err
}

// everything is all statements.
func everything() []statement {
	var all []statement
	for _, m := range wanting {
		all = append(all, m.statement)
	}
	return append(all, others...)
}

// draw finds parameters for a statement in the rows that there are.
func draw(ctx context.Context, conn *pgx.Conn, s statement) ([][]any, error) {
	if s.draws == "" {
		return [][]any{nil}, nil
	}
	query := s.draws + ` where id in (select 1 + madeup.draw(n, 900, madeup.rows() / 20) from generate_series(1, 4) n) order by id`
	found, err := conn.Query(ctx, query, pgx.QueryExecModeSimpleProtocol)
	if err != nil {
		return nil, err
	}
	defer found.Close()
	var sets [][]any
	for found.Next() {
		var set []any
		for _, v := range found.RawValues() {
			if v == nil {
				set = append(set, nil)
				continue
			}
			set = append(set, string(v))
		}
		sets = append(sets, set)
	}
	if len(sets) == 0 && found.Err() == nil {
		return nil, errors.New("no row has any")
	}
	return sets, found.Err()
}

// live has the statements run as often as they do in a day.
func (p *practice) live(t testing.TB) {
	t.Helper()
	for _, s := range everything() {
		p.exec(t, `set log_min_duration_statement = `+map[bool]string{true: "0", false: "-1"}[s.log])
		for i := range s.calls {
			sets := p.draws[s.name]
			if _, err := p.conn.Exec(t.Context(), s.sql, sets[i%len(sets)]...); err != nil {
				t.Fatalf("%s: %v", s.name, err)
			}
		}
	}
	p.exec(t, `select pg_stat_force_next_flush()`)
}

func (p *practice) exec(t testing.TB, sql string, args ...any) {
	t.Helper()
	if _, err := p.conn.Exec(t.Context(), sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// cost is what one call of a statement takes.
type cost struct{ blocks, ms float64 }

// measure runs each statement with each of its parameters, after what is done first, and takes everything back.
func (p *practice) measure(t testing.TB, of []statement, first ...string) map[string]cost {
	t.Helper()
	p.exec(t, `begin`)
	defer p.exec(t, `rollback`)
	for _, sql := range first {
		p.exec(t, sql)
	}
	costs := map[string]cost{}
	for _, s := range of {
		if len(first) == 0 {
			p.try(t, s) // once for nothing: what a session loads first is no cost of the statement
		}
		p.exec(t, `select pg_stat_statements_reset(0, (select oid from pg_database where datname = current_database()))`)
		p.try(t, s)
		var c cost
		err := p.conn.QueryRow(t.Context(), `
			select sum(shared_blks_hit + shared_blks_read), sum(total_exec_time) from pg_stat_statements
			where dbid = (select oid from pg_database where datname = current_database()) and query not like '%pg_stat_statements%'`).
			Scan(&c.blocks, &c.ms)
		if err != nil {
			t.Fatal(err)
		}
		n := float64(len(p.draws[s.name]))
		costs[s.name] = cost{c.blocks / n, c.ms / n}
	}
	return costs
}

func (p *practice) try(t testing.TB, s statement) {
	t.Helper()
	for _, set := range p.draws[s.name] {
		p.exec(t, `savepoint tried`)
		p.exec(t, s.sql, set...)
		p.exec(t, `rollback to tried`)
	}
}

// day is what the whole workload takes, each statement as often as it runs.
func day(costs map[string]cost) (sum cost) {
	for _, s := range everything() { // in order, so that sums are the same each time
		sum.blocks += costs[s.name].blocks * float64(s.calls)
		sum.ms += costs[s.name].ms * float64(s.calls)
	}
	return sum
}

// byHand makes the indexes that are known to be right, and drops those that are in the way.
func (p *practice) byHand(t testing.TB) {
	t.Helper()
	for i, m := range wanting {
		p.exec(t, fmt.Sprintf(`create index by_hand_%d on %s`, i, m.right))
	}
	p.exec(t, `create index by_hand_reference on madeup.consents (staff)`)
	for _, names := range useless {
		for _, name := range names {
			name, _, _ = strings.Cut(name, "|")
			p.exec(t, `drop index madeup.`+name)
		}
	}
	p.settle(t)
}

// settle makes the planner know of new indexes what it will know of them soon.
func (p *practice) settle(t testing.TB) { p.exec(t, `vacuum analyze`) }
