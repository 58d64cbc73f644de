package inspect

// ours is the relations that are neither PostgreSQL's nor an extension's. Nobody but PostgreSQL makes schemas named pg_….
const ours = `
	ours as (
		select c.oid, n.nspname, c.relname, c.relkind, c.relispartition, c.reltuples
		from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
		where c.relkind in ('r', 'p', 'v', 'm', 'f') and c.relpersistence <> 't' and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
			and not exists (select from pg_catalog.pg_depend d where d.classid = 'pg_catalog.pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
	)`

// columns is a row for each column of each relation, and one for a relation without any.
//
// What a type is made of is found by going down: of a domain to what it is over, once of an array to its elements. An array whose
// elements are arrays, which only a domain can hide, stays what it is, and so does a vector, which is no array to read.
const columns = `
with recursive ` + ours + `,
	down as (
		select distinct a.atttypid as of, a.atttypid as at, false as array, -1 as typmod, false as not_null
		from pg_catalog.pg_attribute a join ours on ours.oid = a.attrelid where a.attnum > 0 and not a.attisdropped
		union all
		select down.of, case when t.typtype = 'd' then t.typbasetype else t.typelem end, down.array or t.typtype <> 'd',
			case when down.typmod < 0 and t.typtype = 'd' then t.typtypmod else down.typmod end,
			down.not_null or (t.typtype = 'd' and t.typnotnull and not down.array)
		from down join pg_catalog.pg_type t on t.oid = down.at left join pg_catalog.pg_type e on e.oid = t.typelem
		where t.typtype = 'd' or (e.typarray = t.oid and not down.array)
	),
	types as ( -- a row for each type: the last step down
		select down.of, down.array, down.typmod, down.not_null, t.typtype,
			-- A base type of another schema is not the one that its name is known for.
			case when t.typtype <> 'b' or n.nspname = 'pg_catalog' or t.typname in ('citext', 'hstore') then t.typname::text else n.nspname || '.' || t.typname end as typname
		from down join pg_catalog.pg_type t on t.oid = down.at join pg_catalog.pg_namespace n on n.oid = t.typnamespace left join pg_catalog.pg_type e on e.oid = t.typelem
		where t.typtype <> 'd' and not (coalesce(e.typarray = t.oid, false) and not down.array)
	)
select ours.oid, ours.nspname::text, ours.relname::text,
	case when ours.relkind = 'f' then 'foreign_table' when ours.relkind = 'm' then 'materialized_view' when ours.relkind = 'v' then 'view'
		when parent.path is not null then 'partition' when ours.relkind = 'p' then 'partitioned_table' else 'table' end,
	coalesce(parent.path, ''),
	greatest(ours.reltuples, 0)::bigint,
	a.attname::text,
	coalesce(case when named.nspname = 'pg_catalog' then pg_catalog.format_type(a.atttypid, a.atttypmod)
		else pg_catalog.quote_ident(named.nspname) || '.' || pg_catalog.quote_ident(named.typname) || named.suffix end, ''),
	coalesce(types.typname, ''), coalesce(types.typtype::text, ''), coalesce(types.array, false),
	case when types.typname in ('varchar', 'bpchar') then greatest((case when a.atttypmod >= 0 then a.atttypmod else types.typmod end) - 4, 0) else 0 end,
	coalesce(a.attnotnull or types.not_null, false),
	coalesce(a.attgenerated <> '', false),
	coalesce(a.attidentity <> '' or exists (
		select from pg_catalog.pg_attrdef f join pg_catalog.pg_depend d on d.classid = 'pg_catalog.pg_attrdef'::regclass and d.objid = f.oid
			join pg_catalog.pg_class s on d.refclassid = 'pg_catalog.pg_class'::regclass and s.oid = d.refobjid and s.relkind = 'S'
		where f.adrelid = a.attrelid and f.adnum = a.attnum), false)
from ours
	left join pg_catalog.pg_attribute a on a.attrelid = ours.oid and a.attnum > 0 and not a.attisdropped
	left join types on types.of = a.atttypid
	left join lateral (
		select n.nspname, coalesce(e.typname, t.typname) as typname, case when e.oid is not null then '[]' else '' end as suffix
		from pg_catalog.pg_type t left join pg_catalog.pg_type e on e.oid = t.typelem and e.typarray = t.oid
			join pg_catalog.pg_namespace n on n.oid = coalesce(e.typnamespace, t.typnamespace)
		where t.oid = a.atttypid) named on true
	left join lateral (
		select n.nspname || '.' || p.relname as path from pg_catalog.pg_inherits i
			join pg_catalog.pg_class p on p.oid = i.inhparent join pg_catalog.pg_namespace n on n.oid = p.relnamespace
		where i.inhrelid = ours.oid order by i.inhseqno limit 1) parent on true
order by ours.nspname, ours.relname, a.attnum`

// keys is a row for each unique index: its columns, and those of its expressions. The condition of a partial one is not
// looked at: two rows that it leaves alone may be alike, and a rule that keeps all apart is right all the same.
const keys = `
with ` + ours + `
select i.indrelid, i.indisprimary, array(
	select a.attname::text from pg_catalog.pg_attribute a
		left join lateral (select min(k.at) as at from unnest(i.indkey::int2[]) with ordinality k(num, at) where k.num = a.attnum and k.at <= i.indnkeyatts) plain on true
	where a.attrelid = i.indrelid and (plain.at is not null
		or a.attnum in (select (v[1])::int2 from pg_catalog.regexp_matches(i.indexprs::text, ':varattno (\d+)', 'g') v))
	order by plain.at nulls last, a.attnum)
from ours join pg_catalog.pg_index i on i.indrelid = ours.oid
where i.indisunique
order by i.indrelid, i.indexrelid`

// references is a row for each foreign key, but those that a partition has from its table.
const references = `
with ` + ours + `
select f.conrelid,
	array(select a.attname::text from unnest(f.conkey) with ordinality k(num, at) join pg_catalog.pg_attribute a on a.attrelid = f.conrelid and a.attnum = k.num order by k.at),
	n.nspname || '.' || t.relname,
	array(select a.attname::text from unnest(f.confkey) with ordinality k(num, at) join pg_catalog.pg_attribute a on a.attrelid = f.confrelid and a.attnum = k.num order by k.at)
from ours join pg_catalog.pg_constraint f on f.conrelid = ours.oid and f.contype = 'f' and f.conparentid = 0
	join pg_catalog.pg_class t on t.oid = f.confrelid join pg_catalog.pg_namespace n on n.oid = t.relnamespace
order by f.conrelid, f.conname`
