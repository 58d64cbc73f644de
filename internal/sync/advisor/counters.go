package advisor

import "strings"

const (
	timeline = `substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)`
	today    = `(now() at time zone 'UTC')::date`
)

// counters is figures that only ever rise, unless something sets them back.
type counters struct {
	name    string   // of the table august.workload_<name>, and of august.workload_<name>_day
	keys    []string // of what is counted
	columns []string
	began   string // since when a thing is counted, where PostgreSQL tells; else null
	from    string
}

// The runtime's own schema is left out: nobody is advised on it.
var (
	tables = counters{
		name: "table", keys: []string{"relid"}, columns: []string{"inserted", "updated", "hot_updated", "deleted", "seq_scans", "seq_rows"}, began: "null::timestamptz",
		from: `select relid, n_tup_ins as inserted, n_tup_upd as updated, n_tup_hot_upd as hot_updated, n_tup_del as deleted,
			coalesce(seq_scan, 0) as seq_scans, coalesce(seq_tup_read, 0) as seq_rows
			from pg_stat_user_tables where schemaname <> 'august'`,
	}
	indexes = counters{
		name: "index", keys: []string{"relid"}, columns: []string{"scans"}, began: "null::timestamptz",
		from: `select indexrelid as relid, coalesce(idx_scan, 0) as scans from pg_stat_user_indexes where schemaname <> 'august'`,
	}
)

// note is a statement that adds to the figures of the day by how much each counter has risen, keeps the counters, forgets
// those of things that are gone, and says whether one went back. $1: there is nothing to compare with, so nothing is
// added; $2: all of them count from nought. Its parts see one snapshot: the counters as they were at the newest look.
func (c counters) note() string {
	each := func(format, separator string) string {
		var all []string
		for _, column := range c.columns {
			all = append(all, strings.ReplaceAll(format, "?", column))
		}
		return strings.Join(all, separator)
	}
	more := "case when back then ? else ? - coalesce(was_?, 0) end"
	return strings.NewReplacer(
		"{name}", c.name, "{from}", c.from, "{began}", c.began, "{today}", today, "{keys}", strings.Join(c.keys, ", "), "{columns}", each("?", ", "),
		"{counted}", each("?::float8 as ?", ", "), "{mine}", each("counted.?", ", "), "{was}", each("was.? as was_?", ", "), "{less}", each("counted.? < was.?", " or "),
		"{more}", each(more, ", "), "{any more}", each(more+" > 0", " or "), "{add}", each("? = d.? + excluded.?", ", "),
		"{keep}", each("? = excluded.?", ", "), "{kept less}", each("excluded.? < w.?", " or "), "{differs}", each("excluded.? <> w.?", " or "),
	).Replace(`
		with counted as materialized (select {keys}, {counted}, {began} as began from ({from}) source),
		compared as (
			select {keys}, {mine}, {was}, was.since is not null and ($2::boolean or {less}
				or coalesce(began > (select at from august.workload_look), false)) as back
			from counted left join august.workload_{name} was using ({keys})),
		added as (
			insert into august.workload_{name}_day as d (day, {keys}, {columns})
			select {today}, {keys}, {more} from compared where not $1::boolean and ({any more})
			on conflict (day, {keys}) do update set {add}),
		kept as (
			insert into august.workload_{name} as w ({keys}, {columns}, since) select {keys}, {columns}, now() from counted
			on conflict ({keys}) do update set {keep}, since = case when $2::boolean or {kept less} then excluded.since else w.since end
			where $2::boolean or {differs}),
		gone as (delete from august.workload_{name} where ({keys}) not in (select {keys} from counted))
		select coalesce(bool_or(back), false) from compared`)
}
