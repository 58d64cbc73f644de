package advisor

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/advise/slowlog"
	"github.com/feel-august/terraform-provider-august/internal/advise/statement"
	"github.com/feel-august/terraform-provider-august/internal/advise/workload"
)

// inspected is a database as it was read, with what is not for an advisor's eyes beside it.
type inspected struct {
	workload.Database
	byOID map[uint32]*workload.Table // pointers into Tables
	ids   map[string]uint32          // "schema.table" → oid
	parts map[string][][2]string     // "schema.table" of a partitioned table → schemas and tables of its partitions
	hides int                        // tables whose statistics the role may not see
	draws map[string][]slowlog.Draw  // values that statements ran with, by text
}

// inspect reads what the planner and an advisor have to know of the database, from since on. It reads no table, and no value
// out of the statistics.
func inspect(ctx context.Context, tx pgx.Tx, since string) (*inspected, error) {
	d := &inspected{byOID: map[uint32]*workload.Table{}, ids: map[string]uint32{}, parts: map[string][][2]string{}}
	for _, read := range []func(context.Context, pgx.Tx) error{
		d.settings,
		func(ctx context.Context, tx pgx.Tx) error { return d.tables(ctx, tx, since) },
		d.partitions,
		d.columns,
		d.known,
		func(ctx context.Context, tx pgx.Tx) error { return d.indexes(ctx, tx, since) },
		d.keys,
	} {
		if err := read(ctx, tx); err != nil {
			return nil, fmt.Errorf("read what the database is made of: %w", err)
		}
	}
	return d, nil
}

func (d *inspected) settings(ctx context.Context, tx pgx.Tx) error {
	c := &d.Costs
	// A replica that is waited for at each commit is there to take over. What copies the log, or decodes it, answers no query.
	return tx.QueryRow(ctx, `
		select current_setting('server_version_num')::int, current_database()::text,
			current_setting('seq_page_cost')::float8, current_setting('random_page_cost')::float8, current_setting('cpu_tuple_cost')::float8,
			current_setting('cpu_index_tuple_cost')::float8, current_setting('cpu_operator_cost')::float8,
			(select setting::float8 * 8192 / current_setting('block_size')::float8 from pg_settings where name = 'effective_cache_size'),
			(select count(*) from pg_stat_replication
				where coalesce(application_name, '') not in ('pg_receivewal', 'pg_basebackup', 'pg_rewind') and coalesce(sync_state, '') not in ('sync', 'quorum')
					and pid not in (select active_pid from pg_replication_slots where slot_type = 'logical' and active_pid is not null))::int`).
		Scan(&d.Version, &d.Name, &c.SeqPage, &c.RandomPage, &c.CPUTuple, &c.CPUIndexTuple, &c.CPUOperator, &c.CachePages, &d.Replicas)
}

// mine is which tables are looked at: those that are neither PostgreSQL's, nor of a session, nor the runtime's own.
const mine = `n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'august')`

// tables come with the sum of their partitions, without those that have been dropped since the transaction began: nobody can say whether they
// may be seen. The planner takes the density that ANALYZE found, and the size of now.
func (d *inspected) tables(ctx context.Context, tx pgx.Tx, since string) error {
	rows, err := tx.Query(ctx, `
		with done as (
			select relid, sum(inserted) as inserted, sum(updated) as updated, sum(hot_updated) as hot, sum(deleted) as deleted, sum(seq_scans) as scans, sum(seq_rows) as read
			from august.workload_table_day where day >= $1::date group by 1),
		own as (
			select c.oid, c.relkind, n.nspname, c.relname, coalesce((select option_value::int from pg_options_to_table(c.reloptions) where option_name = 'fillfactor'), 100) as fill,
				pages, case when c.relpages > 0 and c.reltuples >= 0 then c.reltuples / c.relpages * pages else greatest(c.reltuples, coalesce(s.n_live_tup, 0)) end as rows, done.*
			from pg_class c join pg_namespace n on n.oid = c.relnamespace left join pg_stat_user_tables s on s.relid = c.oid left join done on done.relid = c.oid,
				lateral (select case when c.relkind = 'r' then coalesce(pg_relation_size(c.oid), 0) / current_setting('block_size')::float8 else 0 end as pages) size
			where c.relkind in ('r', 'p') and c.relpersistence <> 't' and `+mine+`)
		select o.oid, o.nspname::text, o.relname::text, o.fill, sum(l.rows)::float8, sum(l.pages)::float8,
			coalesce(sum(l.inserted), 0)::float8, coalesce(sum(l.updated), 0)::float8, coalesce(sum(l.hot), 0)::float8, coalesce(sum(l.deleted), 0)::float8,
			coalesce(sum(l.scans), 0)::float8, coalesce(sum(l.read), 0)::float8,
			exists (select from pg_stats s where s.schemaname = o.nspname and s.tablename = o.relname),
			has_any_column_privilege(o.oid, 'SELECT')
		from own o cross join lateral (select o.oid as id where o.relkind = 'r' union all select relid from pg_partition_tree(o.oid) where o.relkind = 'p' and isleaf) part
			join own l on l.oid = part.id
		group by o.oid, o.nspname, o.relname, o.fill order by 2, 3`, since)
	if err != nil {
		return err
	}
	var oids []uint32
	for rows.Next() {
		var oid uint32
		var t workload.Table
		var visible *bool
		if err := rows.Scan(&oid, &t.Schema, &t.Name, &t.Fillfactor, &t.Rows, &t.Pages, &t.Inserted, &t.Updated, &t.HotUpdated, &t.Deleted, &t.SeqScans, &t.SeqRows, &t.Analyzed, &visible); err != nil {
			return err
		}
		if visible == nil {
			continue
		}
		if !*visible {
			d.hides++
		}
		oids = append(oids, oid)
		d.Tables = append(d.Tables, t)
	}
	for i, oid := range oids {
		d.byOID[oid] = &d.Tables[i]
		d.ids[d.Tables[i].Path()] = oid
	}
	return rows.Err()
}

func (d *inspected) partitions(ctx context.Context, tx pgx.Tx) error {
	rows, err := tx.Query(ctx, `
		select c.oid, pn.nspname::text, pc.relname::text
		from pg_class c join pg_namespace n on n.oid = c.relnamespace cross join lateral pg_partition_tree(c.oid) p
			join pg_class pc on pc.oid = p.relid join pg_namespace pn on pn.oid = pc.relnamespace
		where c.relkind = 'p' and p.isleaf and `+mine+` order by 1, 2, 3`)
	if err != nil {
		return err
	}
	for rows.Next() {
		var root uint32
		var part [2]string
		if err := rows.Scan(&root, &part[0], &part[1]); err != nil {
			return err
		}
		if t := d.byOID[root]; t != nil {
			d.parts[t.Path()] = append(d.parts[t.Path()], part)
		}
	}
	return rows.Err()
}

// wide is how many bytes a value has on average from which on it may be too long for an index, in a table that keeps values out of line.
const wide = 128

func (d *inspected) columns(ctx context.Context, tx pgx.Tx) error {
	rows, err := tx.Query(ctx, `
		with recursive base as (
			select oid as type, oid, typtype, typbasetype from pg_type
			union all
			select b.type, t.oid, t.typtype, t.typbasetype from base b join pg_type t on t.oid = b.typbasetype where b.typtype = 'd'),
		db as (select datcollate::text as name, to_jsonb(d) ->> 'datlocprovider' as provider, coalesce(to_jsonb(d) ->> 'datlocale', '') as locale from pg_database d where datname = current_database())
		select a.attrelid, a.attname::text, format_type(a.atttypid, a.atttypmod), bt.typname::text, a.attcollation <> 0,
			a.attcollation <> 0 and (co.collname in ('C', 'POSIX') or a.attcollation = 'pg_catalog."default"'::regcollation and
				(coalesce(db.provider, 'c') = 'c' and db.name in ('C', 'POSIX') or db.provider = 'b' and db.locale in ('C', 'C.UTF-8'))),
			a.attnotnull,
			a.attlen = -1 and a.attstorage <> 'p' and bt.typname <> 'numeric' and coalesce(pg_relation_size(nullif(c.reltoastrelid, 0)), 0) > 0
				and not (bt.typname in ('varchar', 'bpchar') and a.atttypmod between 5 and 516)
				and (bt.typname in ('json', 'jsonb', 'xml', 'bytea') or coalesce(s.avg_width, $1) >= $1),
			coalesce(s.avg_width, nullif(a.attlen, -1), 32)::float8, coalesce(s.n_distinct, 0)::float8, coalesce(s.null_frac, 0)::float8,
			coalesce(s.most_common_freqs, '{}')::float8[], coalesce(s.correlation, 0)::float8,
			case when bt.typname = 'bool' then coalesce((select f from unnest(s.most_common_vals::text::bool[], s.most_common_freqs) m(v, f) where v),
				case when s.most_common_vals is not null then 0 end)::float8 end
		from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
			join base b on b.type = a.atttypid and b.typtype <> 'd' join pg_type bt on bt.oid = b.oid left join pg_collation co on co.oid = a.attcollation cross join db
			left join pg_stats s on s.schemaname = n.nspname and s.tablename = c.relname and s.attname = a.attname and s.inherited = (c.relkind = 'p')
		where a.attnum > 0 and not a.attisdropped and c.relkind in ('r', 'p') and c.relpersistence <> 't' and `+mine+`
		order by a.attrelid, a.attnum`, wide)
	if err != nil {
		return err
	}
	for rows.Next() {
		var oid uint32
		var c workload.Column
		var distinct float64
		if err := rows.Scan(&oid, &c.Name, &c.Type, &c.Base, &c.Collatable, &c.CCollation, &c.NotNull, &c.Toasted, &c.Width, &distinct, &c.NullShare, &c.Common, &c.Correlation, &c.TrueShare); err != nil {
			return err
		}
		t := d.byOID[oid]
		if t == nil {
			continue
		}
		if c.Distinct = distinct; distinct < 0 { // a share of the rows
			c.Distinct = -distinct * t.Rows
		}
		t.Columns = append(t.Columns, c)
	}
	return rows.Err()
}

// keys are the declared references. Those of partitions are copies.
func (d *inspected) keys(ctx context.Context, tx pgx.Tx) error {
	rows, err := tx.Query(ctx, `
		select c.conrelid, c.conname::text,
			(select array_agg(a.attname::text order by k.at) from unnest(c.conkey) with ordinality k(num, at) join pg_attribute a on a.attrelid = c.conrelid and a.attnum = k.num),
			c.confrelid,
			(select array_agg(a.attname::text order by k.at) from unnest(c.confkey) with ordinality k(num, at) join pg_attribute a on a.attrelid = c.confrelid and a.attnum = k.num),
			c.confdeltype in ('c', 'n', 'd') or c.confupdtype in ('c', 'n', 'd')
		from pg_constraint c where c.contype = 'f' and c.conparentid = 0 order by c.conrelid, c.conname`)
	if err != nil {
		return err
	}
	for rows.Next() {
		var from, to uint32
		var k workload.ForeignKey
		if err := rows.Scan(&from, &k.Name, &k.Columns, &to, &k.References, &k.Cascades); err != nil {
			return err
		}
		t, other := d.byOID[from], d.byOID[to]
		if t == nil || other == nil {
			continue
		}
		k.Table, k.Touched = other.Path(), other.Deleted
		t.Keys = append(t.Keys, k)
	}
	return rows.Err()
}

// find is the table that a statement means, or nil.
func (d *inspected) find(path []string, r statement.Ref) *workload.Table {
	if r.Schema != "" {
		path = []string{r.Schema}
	}
	for _, schema := range path {
		if oid, ok := d.ids[schema+"."+r.Name]; ok {
			return d.byOID[oid]
		}
	}
	return nil
}
