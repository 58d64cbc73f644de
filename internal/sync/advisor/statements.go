package advisor

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// statementsView is pg_stat_statements as this database has it: where it is, and which columns it has.
type statementsView struct {
	schema   string // quoted
	toplevel bool   // says which statements a function has run
	since    bool   // says since when a statement is counted: version 1.11, of PostgreSQL 17
	info     bool   // has pg_stat_statements_info
}

// findStatements looks for pg_stat_statements, which may be older than the server. There being none, or one that the server has not
// loaded, is no error.
func findStatements(ctx context.Context, tx pgx.Tx) (*statementsView, error) {
	v := &statementsView{}
	err := tx.QueryRow(ctx, `
		select quote_ident(n.nspname),
			exists (select from pg_attribute where attrelid = c.oid and attname = 'toplevel'),
			exists (select from pg_attribute where attrelid = c.oid and attname = 'stats_since'),
			exists (select from pg_class where relnamespace = n.oid and relname = 'pg_stat_statements_info')
		from pg_extension e join pg_namespace n on n.oid = e.extnamespace join pg_class c on c.relnamespace = n.oid and c.relname = 'pg_stat_statements'
		where e.extname = 'pg_stat_statements' and current_setting('pg_stat_statements.max', true) is not null`).Scan(&v.schema, &v.toplevel, &v.since, &v.info)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look for pg_stat_statements: %w", err)
	}
	return v, nil
}

// own is what of it is this database's, but for what an advice itself has asked. A statement of a role that may not be seen has no id.
func (v *statementsView) own() string {
	where := ` where dbid = (select oid from pg_database where datname = current_database()) and coalesce(query, '') not like '` + explaining + `%'`
	if v.toplevel {
		where += ` and toplevel` // what a function runs is in the function's own time
	}
	return v.schema + `.pg_stat_statements` + where
}

func (v *statementsView) counters() counters {
	c := counters{name: "statement", keys: []string{"role", "queryid"}, columns: []string{"calls", "seconds", "rows", "blocks"}, began: "null::timestamptz"}
	since := ""
	if v.since {
		c.began, since = "stats_since", ", max(stats_since) as stats_since"
	}
	c.from = `select coalesce(pg_get_userbyid(userid)::text, '') as role, queryid, sum(calls) as calls, sum(total_exec_time) / 1000 as seconds,
		sum(rows) as rows, sum(shared_blks_hit + shared_blks_read) as blocks` + since + `
		from ` + v.own() + ` and queryid is not null group by 1, 2`
	return c
}

// resets is when the counters were set back last: the database's and those of statements.
func (v *statementsView) resets() string {
	of := `array[(select stats_reset from pg_stat_database where datname = current_database())`
	if v != nil && v.info {
		of += `, (select stats_reset from ` + v.schema + `.pg_stat_statements_info)`
	}
	return of + `]`
}

// evictions is how often it had to make room.
func (v *statementsView) evictions() string {
	if v == nil || !v.info {
		return `0::bigint`
	}
	return `(select dealloc from ` + v.schema + `.pg_stat_statements_info)`
}

// evictedAtOnce is how many statements that costs each time: 5 %, and ten at least.
func (v *statementsView) evictedAtOnce() string {
	if v == nil {
		return `0`
	}
	return `greatest(10, current_setting('pg_stat_statements.max')::bigint / 20)`
}
