package dataset

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// lockTimeout is how long whoever queues behind the swap is held up at most; after a second PostgreSQL would end somebody for a
	// deadlock. But an autovacuum only makes way for who waits longer: every fifth attempt does.
	lockTimeout = 500 * time.Millisecond
	longTimeout = 1500 * time.Millisecond
	swapPause   = 2 * time.Second
)

// swap puts the new tables in place. It waits for whoever uses the old ones in short attempts, with pauses: who wants to use
// them meanwhile does not queue behind the longest reader.
func (i *importing) swap(ctx context.Context) error {
	restarts, err := i.restarts(ctx)
	if err != nil {
		return err
	}
	said, until := "", time.Now().Add(i.Patience)
	for attempt := 1; ; attempt++ {
		timeout := lockTimeout
		if attempt%5 == 0 {
			timeout = longTimeout
		}
		err := pgx.BeginFunc(ctx, i.holder, func(tx pgx.Tx) error { return i.swapNow(ctx, tx, timeout, restarts) })
		err = judge("put the new tables in place", err)
		if err == nil {
			i.Log.Info("the new tables are in place", "locked_for", time.Since(i.locked).Round(time.Millisecond))
			return nil
		}
		var db *databaseError
		if !errors.As(err, &db) || (db.code != "55P03" && db.code != "40P01") { // a lock was not to be had
			return err
		}
		who := i.blockers(ctx)
		if time.Now().After(until) {
			return fmt.Errorf("the new tables are ready, and could not take the old ones' place for %s: %s uses them. The old ones are served; end that, and import the same export again", i.Patience, who)
		}
		if who != said {
			i.Log.Warn("waiting for the old tables", "used_by", who)
			said = who
		}
		if err := sleep(ctx, swapPause); err != nil {
			return err
		}
	}
}

func (i *importing) swapNow(ctx context.Context, tx pgx.Tx, timeout time.Duration, restarts []string) error {
	s := i.target
	all := slices.Concat(relationsOf(s.tables), s.empty)
	names := make([]string, len(all))
	for n, r := range all {
		names[n] = r.q()
	}
	slices.Sort(names)
	_, err := tx.Exec(ctx, fmt.Sprintf("set local lock_timeout = %d; set local search_path = ''; lock table %s in access exclusive mode", timeout.Milliseconds(), strings.Join(names, ", ")))
	if err != nil {
		return err
	}
	i.locked = time.Now()
	// It has taken a while since the target was looked at: rows may have come that no import has brought.
	if err := i.refuseProduction(ctx); err != nil {
		return err
	}
	now, err := i.look(ctx, tx)
	if err != nil {
		return err
	}
	if now.digest(i.digest) != i.load {
		return errors.New("the target's tables were altered while the import loaded: import again")
	}
	if i.Name != nil {
		if err := i.Name(ctx, tx); err != nil {
			return err
		}
	}
	if err := makeSchemas(ctx, tx, s.schemas, "_old", markOld); err != nil {
		return err
	}
	if err := run(ctx, tx, s.of("before", "")); err != nil {
		return err
	}
	var script []string
	for _, move := range [][2]string{{"", "_old"}, {"_new", ""}} {
		for _, r := range s.moved() {
			kind := "table"
			if r.kind == "m" {
				kind = "materialized view"
			}
			script = append(script, fmt.Sprintf("alter %s %s set schema %s", kind, pgx.Identifier{r.schema + move[0], r.name}.Sanitize(), pgx.Identifier{r.schema + move[1]}.Sanitize()))
			for _, st := range s.of("finish", r.path) {
				if st.Turn == turnStatistics {
					script = append(script, fmt.Sprintf("alter statistics %s set schema %s", pgx.Identifier{r.schema + move[0], st.Label}.Sanitize(), pgx.Identifier{r.schema + move[1]}.Sanitize()))
				}
			}
		}
	}
	script = append(script, restarts...)
	if _, err := tx.Exec(ctx, strings.Join(script, ";\n")); err != nil {
		return err
	}
	if err := empty(ctx, tx, s.empty); err != nil {
		return err
	}
	after := s.of("after", "")
	slices.SortStableFunc(after, func(a, b statement) int { return a.Turn - b.Turn })
	for n := range after {
		if after[n].Turn == turnKeys {
			after[n].SQL = quiet(after[n].SQL)
		}
	}
	if err := run(ctx, tx, after); err != nil {
		return err
	}
	if err := i.record(ctx, tx); err != nil {
		return err
	}
	i.sent = i.result(&Result{Emptied: s.emptied(), Left: s.left, Defaults: s.defaults})
	return nil
}

// Turns of statements that are told from others, as qStatements numbers them.
const (
	turnStatistics = 4 // of finish
	turnKeys       = 3 // of after
)

func relationsOf(tables []*table) []relation {
	out := make([]relation, len(tables))
	for n, t := range tables {
		out[n] = t.relation
	}
	return out
}

// empty empties tables, if one of them has a row.
func empty(ctx context.Context, tx pgx.Tx, tables []relation) error {
	if len(tables) == 0 {
		return nil
	}
	names, held := make([]string, len(tables)), make([]string, len(tables))
	for n, r := range tables {
		names[n], held[n] = r.q(), "exists (select from "+r.q()+")"
	}
	rows := false
	if err := tx.QueryRow(ctx, "select "+strings.Join(held, " or ")).Scan(&rows); err != nil || !rows {
		return err
	}
	_, err := tx.Exec(ctx, "truncate "+strings.Join(names, ", ")+" restart identity")
	return err
}

// record notes what is in, and that nothing is under way.
func (i *importing) record(ctx context.Context, tx pgx.Tx) error {
	r := i.result(&Result{})
	_, err := tx.Exec(ctx, `insert into august.dataset (export, manifest, policy_hash, method, snapshot, tables, rows, runtime, begun_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		r.Export, i.digest, r.PolicyHash, r.Method, i.manifest.Source.Snapshot, r.Tables, r.Rows, i.Runtime, i.begun)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `delete from august.dataset_step`); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, "drop schema "+path(i.target.schemas, "_new"))
	return err
}

// restarts has each sequence that fills a new table's column go on beyond what is in it.
func (i *importing) restarts(ctx context.Context) ([]string, error) {
	rows, _ := i.holder.Query(ctx, qSequences, ids(i.target.moved()), ids(i.target.empty), append(suffixed(i.target.schemas, "_new"), suffixed(i.target.schemas, "_old")...))
	type sequence struct {
		Restart               string // but for the number
		Bounds                []string
		Start, Step, Min, Max int64
	}
	sequences, err := pgx.CollectRows(rows, pgx.RowToStructByPos[sequence])
	if err != nil {
		return nil, failed("look at the sequences of the target", err)
	}
	var out []string
	for _, s := range sequences {
		pick := "max"
		if s.Step < 0 {
			pick = "min"
		}
		var last *int64
		if err := i.holder.QueryRow(ctx, fmt.Sprintf("select %s(b)::bigint from (select %[1]s(b) from (%s) u(b)) t(b)", pick, strings.Join(s.Bounds, " union all "))).Scan(&last); err != nil {
			return nil, failed("look where the sequences of the target are to go on", err)
		}
		next := s.Start
		if last != nil && ((s.Step > 0 && *last >= s.Start) || (s.Step < 0 && *last <= s.Start)) {
			// It cannot go beyond its bounds; at one, it has none left to give.
			if next = *last + s.Step; next < s.Min || next > s.Max || (next < *last) != (s.Step < 0) {
				next = min(max(*last, s.Min), s.Max)
				i.Log.Warn("a sequence has nothing left to give: the column holds its last number", "statement", s.Restart)
			}
		}
		out = append(out, fmt.Sprintf("%s restart with %d", s.Restart, next))
	}
	return out, nil
}

const qSequences = `
with moved as (
	select c.oid, format('%I.%I', n.nspname, c.relname) as q, format('%I.%I', n.nspname || '_new', c.relname) as new from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = any($1)
),
uses as ( -- a column that takes its default out of a sequence
	select distinct d.refobjid as sequence, f.adrelid as relation, f.adnum as number
	from pg_attrdef f join pg_depend d on d.classid = 'pg_attrdef'::regclass and d.objid = f.oid and d.refclassid = 'pg_class'::regclass join pg_class s on s.oid = d.refobjid and s.relkind = 'S'
)
select format('alter sequence %I.%I', n.nspname, s.relname), array_agg(format('select case %L when ''max'' then max(%I) else min(%2$I) end::numeric from %3$s',
		case when p.seqincrement > 0 then 'max' else 'min' end, a.attname, case when c.oid = any($1) then format('%I.%I', cn.nspname || '_new', c.relname) else format('%I.%I', cn.nspname, c.relname) end)),
	p.seqstart, p.seqincrement, p.seqmin, p.seqmax
from uses u join pg_class s on s.oid = u.sequence join pg_namespace n on n.oid = s.relnamespace join pg_sequence p on p.seqrelid = s.oid
	join pg_class c on c.oid = u.relation join pg_namespace cn on cn.oid = c.relnamespace join pg_attribute a on a.attrelid = c.oid and a.attnum = u.number
where u.sequence in (select sequence from uses where relation = any($1)) and c.oid <> all($2) and cn.nspname <> all($3) and c.relkind in ('r', 'p') and a.atttypid in (20, 21, 23, 1700)
group by n.nspname, s.relname, p.seqstart, p.seqincrement, p.seqmin, p.seqmax
union all
select format('alter table %s alter column %I', m.q, a.attname), array[format('select case %L when ''max'' then max(%I) else min(%2$I) end::numeric from %3$s', case when p.seqincrement > 0 then 'max' else 'min' end, a.attname, m.new)],
	p.seqstart, p.seqincrement, p.seqmin, p.seqmax
from moved m join pg_attribute a on a.attrelid = m.oid and a.attidentity <> '' and not a.attisdropped
	join pg_depend d on d.classid = 'pg_class'::regclass and d.refclassid = 'pg_class'::regclass and d.refobjid = m.oid and d.refobjsubid = a.attnum and d.deptype = 'i' join pg_sequence p on p.seqrelid = d.objid
order by 1`

// blockers says who uses the old tables.
func (i *importing) blockers(ctx context.Context) string {
	rows, _ := i.holder.Query(ctx, `
		select distinct format('session %s%s', l.pid, ' of ' || nullif(a.application_name, '')) from pg_locks l left join pg_stat_activity a on a.pid = l.pid
		where l.relation = any($1) and l.granted and l.pid is not null and l.pid <> pg_backend_pid() and l.database = (select oid from pg_database where datname = current_database()) order by 1 limit 5`,
		append(ids(i.target.moved()), ids(i.target.empty)...))
	who, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(who) == 0 {
		return "somebody"
	}
	return strings.Join(who, ", ")
}
