package advisor

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/advise/workload"
)

// indexes of a partitioned table are as large as those of its partitions together, and used as often. What one is made of is asked last, and
// is null of one that has been dropped since the transaction began.
func (d *inspected) indexes(ctx context.Context, tx pgx.Tx, since string) error {
	rows, err := tx.Query(ctx, `
		with used as (
			select i.relid, sum(d.scans) filter (where d.day >= $1::date) as scans, sum(d.scans) filter (where d.day >= (i.since at time zone 'UTC')::date) as watched
			from august.workload_index i left join august.workload_index_day d using (relid) group by 1),
		leaf as (
			select c.oid as root, p.relid as id from pg_class c cross join lateral (select c.oid as relid where c.relkind = 'i' union all select relid from pg_partition_tree(c.oid) where c.relkind = 'I' and isleaf) p
			where c.relkind in ('i', 'I'))
		select x.indrelid, n.nspname::text, c.relname::text, am.amname::text, x.indnkeyatts,
			array(select coalesce(a.attname::text, '') from unnest(x.indkey::int2[]) with ordinality k(num, at) left join pg_attribute a on a.attrelid = x.indrelid and a.attnum = k.num and k.num <> 0 order by k.at),
			array(select coalesce(pg_get_indexdef(x.indexrelid, i, true), '') from generate_series(1, x.indnatts) i),
			x.indoption::int2[]::int4[],
			array(select case when o.opcdefault then '' else o.opcname::text end from unnest(x.indclass::oid[]) with ordinality k(id, at) join pg_opclass o on o.oid = k.id order by k.at),
			array(select case when k.id = 0 or k.id = coalesce(a.attcollation, k.id) then '' else co.collname::text end
				from unnest(x.indcollation::oid[], (x.indkey::int2[])[0:x.indnkeyatts - 1]) with ordinality k(id, num, at)
				left join pg_attribute a on a.attrelid = x.indrelid and a.attnum = k.num and k.num <> 0 left join pg_collation co on co.oid = k.id order by k.at),
			coalesce(pg_get_expr(x.indpred, x.indrelid), ''), x.indisunique, x.indisprimary,
			coalesce((select con.conname::text from pg_constraint con where con.conindid = x.indexrelid and con.contype in ('p', 'u', 'x') limit 1), ''),
			exists (select from pg_constraint con where con.conindid = x.indexrelid and con.contype = 'f'),
			x.indisreplident or x.indisclustered,
			exists (select from pg_depend dep where dep.deptype = 'e' and (dep.classid = 'pg_class'::regclass and dep.objid in (x.indexrelid, x.indrelid))),
			coalesce((select p.relname::text from pg_inherits i join pg_class p on p.oid = i.inhparent where i.inhrelid = x.indexrelid), ''),
			x.indisvalid, x.indisready,
			exists (select from pg_stat_progress_create_index p where p.index_relid = x.indexrelid or p.relid = x.indrelid and not x.indisvalid)
				or not x.indisvalid and exists (select from pg_locks l where l.locktype = 'relation' and l.relation = x.indrelid and l.mode = 'ShareUpdateExclusiveLock'
					and l.database = (select oid from pg_database where datname = current_database())),
			(select coalesce(sum(pg_relation_size(id)), 0)::bigint from leaf where root = x.indexrelid),
			(select coalesce(sum(scans), 0)::float8 from leaf join used on used.relid = leaf.id where root = x.indexrelid),
			(select coalesce(sum(watched), 0)::float8 from leaf join used on used.relid = leaf.id where root = x.indexrelid),
			(select case when count(*) = count(i.since) then max(i.since) end from leaf left join august.workload_index i on i.relid = leaf.id where root = x.indexrelid),
			pg_get_indexdef(x.indexrelid)
		from pg_index x join pg_class c on c.oid = x.indexrelid join pg_namespace n on n.oid = c.relnamespace join pg_am am on am.oid = c.relam
		where x.indislive and `+mine+` order by x.indrelid, c.relname`, since)
	if err != nil {
		return err
	}
	for rows.Next() {
		var table uint32
		var i workload.Index
		var keys int
		var columns, texts, classes, collations []string
		var options []int32
		var watched *time.Time
		var definition *string
		if err := rows.Scan(&table, &i.Schema, &i.Name, &i.Method, &keys, &columns, &texts, &options, &classes, &collations, &i.Where,
			&i.Unique, &i.Primary, &i.Constraint, &i.ReferredTo, &i.Identity, &i.Extension, &i.Parent, &i.Valid, &i.Ready, &i.Building,
			&i.Bytes, &i.Scans, &i.SinceScans, &watched, &definition); err != nil {
			return err
		}
		if definition == nil {
			continue
		}
		i.Definition = *definition
		if watched != nil {
			i.Since = *watched
		}
		for at, name := range columns {
			if at >= keys {
				i.Include = append(i.Include, name)
				continue
			}
			k := workload.Key{Column: name, Class: classes[at], Collation: collations[at]}
			if name == "" {
				k.Expression = texts[at]
			}
			k.Descending, k.NullsFirst = options[at]&1 != 0, options[at]&2 != 0
			i.Keys = append(i.Keys, k)
		}
		if t := d.byOID[table]; t != nil {
			t.Indexes = append(t.Indexes, i)
		}
	}
	return rows.Err()
}
