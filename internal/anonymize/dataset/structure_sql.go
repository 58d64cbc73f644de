package dataset

// All of this is asked with an empty search_path, so that every name that PostgreSQL prints has its schema. Tables are made
// anew in schemas of their own, and names that lead to one of them are led to the new one. What only needs the catalogue
// is made after the swap, when the new tables have the names that it knows.

// qClosure is what is made anew: the tables, and what is built on them, in the order of making.
const qClosure = `
with recursive up(oid) as (
	select unnest($1::oid[])
	union
	select r.ev_class from up join pg_depend d on d.refclassid = 'pg_class'::regclass and d.refobjid = up.oid and d.classid = 'pg_rewrite'::regclass
		join pg_rewrite r on r.oid = d.objid where r.ev_class <> up.oid
)
select c.oid, n.nspname::text, c.relname::text, format('%I.%I', n.nspname, c.relname), c.relkind::text, c.relispopulated from up join pg_class c on c.oid = up.oid join pg_namespace n on n.oid = c.relnamespace order by c.oid`

// qReferring is what refers to the tables that are emptied, and so is emptied, too. $1: those, $2: the tables that are brought.
const qReferring = `
with recursive up(oid) as (
	select unnest($1::oid[])
	union
	select f.conrelid from up join pg_constraint f on f.confrelid = up.oid and f.contype = 'f' and f.conparentid = 0 where f.conrelid <> all($2)
)
select c.oid, n.nspname::text, c.relname::text, format('%I.%I', n.nspname, c.relname) from up join pg_class c on c.oid = up.oid join pg_namespace n on n.oid = c.relnamespace
where up.oid <> all($1) order by c.oid`

// qColumns is a row for each column of each table.
const qColumns = `
select a.attrelid, a.attname::text, a.atttypid, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attgenerated <> '',
	a.atthasdef or a.attidentity <> '' or (a.attgenerated = '' and t.typdefault is not null)
from pg_attribute a join pg_type t on t.oid = a.atttypid where a.attrelid = any($1) and a.attnum > 0 and not a.attisdropped order by a.attrelid, a.attnum`

// qStatements is what makes tables anew. $1: the tables and materialised views, $2: the views over them.
const qStatements = `
with rel as (
	select c.*, n.nspname, format('%I.%I', n.nspname, c.relname) as q, format('%I.%I', n.nspname || '_new', c.relname) as new,
		case c.relkind when 'm' then 'materialized view' else 'table' end as kind
	from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = any($1)
),
options as (
	select c.oid, string_agg(format('%s%s=%L', o.prefix, split_part(o.option, '=', 1), substr(o.option, strpos(o.option, '=') + 1)), ', ' order by o.prefix, o.option) as list
	from pg_class c cross join lateral (
		select '' as prefix, unnest(c.reloptions) as option
		union all select 'toast.', unnest(t.reloptions) from pg_class t where t.oid = c.reltoastrelid
	) o where c.oid = any($1 || $2) group by c.oid
),
keys as ( -- foreign keys at one end of which is a new table
	select f.*, rel.oid is not null as inside, other.oid is not null as to_inside,
		format('%I.%I', n.nspname, c.relname) as q, format('%I.%I', n.nspname || '_new', c.relname) as new,
		format('%I.%I', tn.nspname, tc.relname) as to_q, format('%I.%I', tn.nspname || '_new', tc.relname) as to_new
	from pg_constraint f left join rel on rel.oid = f.conrelid left join rel other on other.oid = f.confrelid
		join pg_class c on c.oid = f.conrelid join pg_namespace n on n.oid = c.relnamespace
		join pg_class tc on tc.oid = f.confrelid join pg_namespace tn on tn.oid = tc.relnamespace
	where f.contype = 'f' and f.conparentid = 0 and (rel.oid is not null or other.oid is not null)
),
sequences as ( -- that a table of ours owns, and those of identity columns
	select s.oid, d.deptype, rel.q as owner, a.attname, format('%I.%I', sn.nspname, s.relname) as q, s.relacl, s.relowner
	from rel join pg_depend d on d.refclassid = 'pg_class'::regclass and d.refobjid = rel.oid and d.classid = 'pg_class'::regclass and d.deptype in ('a', 'i')
		join pg_class s on s.oid = d.objid and s.relkind = 'S' join pg_namespace sn on sn.oid = s.relnamespace
		join pg_attribute a on a.attrelid = rel.oid and a.attnum = d.refobjsubid
),
granted as ( -- the new one has the rights that the role gives by default, and is to have the old one's
	select 0 as n, rel.oid, rel.q, null::name as attname, rel.relacl as acl, rel.relowner as owner, 'r' as type from rel
	union all select 1, s.oid, s.q, null, s.relacl, s.relowner, 'S' from sequences s where s.deptype = 'i'
	union all select 2, rel.oid, rel.q, a.attname, a.attacl, rel.relowner, 'c' from rel join pg_attribute a on a.attrelid = rel.oid where a.attacl is not null and not a.attisdropped
)
select rel.q as relation, 'twin' as phase, 0 as turn, rel.oid as id, rel.relname::text as label,
	format('create %stable %s (like %s including defaults including generated including identity including storage including compression including comments)%s',
		case rel.relpersistence when 'u' then 'unlogged ' else '' end, rel.new, rel.q, ' with (' || o.list || ')') as statement
from rel left join options o on o.oid = rel.oid where rel.relkind = 'r'
union all
select rel.q, 'finish', 1, c.oid, c.relname::text, replace(pg_get_indexdef(c.oid), ' ON ' || rel.q || ' USING ', ' ON ' || rel.new || ' USING ')
from rel join pg_index i on i.indrelid = rel.oid join pg_class c on c.oid = i.indexrelid
where not exists (select from pg_constraint x where x.conindid = i.indexrelid and x.contype = 'x')
union all
select rel.q, 'finish', 2, x.oid, x.conname::text, case when x.contype in ('p', 'u') then
		format('alter table %s add constraint %I %s using index %I%s', rel.new, x.conname, case x.contype when 'p' then 'primary key' else 'unique' end, c.relname,
			case when x.condeferred then ' deferrable initially deferred' when x.condeferrable then ' deferrable' else '' end)
	else format('alter table %s add constraint %I %s', rel.new, x.conname, pg_get_constraintdef(x.oid)) end
from rel join pg_constraint x on x.conrelid = rel.oid left join pg_class c on c.oid = x.conindid where x.contype in ('p', 'u', 'x', 'c')
union all
select rel.q, 'finish', 3, i.indexrelid, 'cluster', format('alter %s %s cluster on %I', rel.kind, rel.new, c.relname)
from rel join pg_index i on i.indrelid = rel.oid and i.indisclustered join pg_class c on c.oid = i.indexrelid
union all
select rel.q, 'finish', 3, rel.oid, 'replica identity', format('alter table %s replica identity %s', rel.new,
	case rel.relreplident when 'f' then 'full' when 'n' then 'nothing' else (select format('using index %I', c.relname) from pg_index i join pg_class c on c.oid = i.indexrelid where i.indrelid = rel.oid and i.indisreplident) end)
from rel where rel.relkind = 'r' and rel.relreplident <> 'd'
union all
select rel.q, 'finish', 3, rel.oid, a.attname::text, format('alter %s %s alter column %I set statistics %s', rel.kind, rel.new, a.attname, a.attstattarget)
from rel join pg_attribute a on a.attrelid = rel.oid where a.attnum > 0 and not a.attisdropped and a.attstattarget >= 0
union all
select rel.q, 'finish', 3, rel.oid, a.attname::text, format('alter %s %s alter column %I set (%s)', rel.kind, rel.new, a.attname, array_to_string(a.attoptions, ', '))
from rel join pg_attribute a on a.attrelid = rel.oid where a.attnum > 0 and not a.attisdropped and a.attoptions is not null
union all
select rel.q, 'finish', 4, s.oid, s.stxname::text,
	format('create statistics %I.%I', sn.nspname || '_new', s.stxname) || replace(substr(pg_get_statisticsobjdef(s.oid), length(format('CREATE STATISTICS %I.%I', sn.nspname, s.stxname)) + 1), ' FROM ' || rel.q, ' FROM ' || rel.new)
from rel join pg_statistic_ext s on s.stxrelid = rel.oid join pg_namespace sn on sn.oid = s.stxnamespace
union all
select q, 'key', 0, oid, conname::text, format('alter table %s add constraint %I %s', new, conname, replace(pg_get_constraintdef(oid), ' REFERENCES ' || to_q || '(', ' REFERENCES ' || to_new || '('))
from keys where inside and to_inside
union all
select q, 'before', 0, oid, conname::text, format('alter table %s drop constraint %I', q, conname) from keys where inside <> to_inside
union all
select q, 'after', 3, oid, conname::text, format('alter table %s add constraint %I %s', q, conname, pg_get_constraintdef(oid)) from keys where inside <> to_inside
union all
select owner, 'before', 1, oid, q, format('alter sequence %s owned by none', q) from sequences where deptype = 'a'
union all
select owner, 'after', 0, oid, q, format('alter sequence %s owned by %s.%I', q, owner, attname) from sequences where deptype = 'a'
union all
select rel.q, case when t.tgenabled <> 'D' and t.tgfoid in ('tsvector_update_trigger'::regproc, 'tsvector_update_trigger_column'::regproc) then 'early' else 'beside' end, 0, t.oid, t.tgname::text, replace(pg_get_triggerdef(t.oid), ' ON ' || rel.q || ' ', ' ON ' || rel.new || ' ')
from rel join pg_trigger t on t.tgrelid = rel.oid where not t.tgisinternal
union all
select rel.q, 'beside', 1, t.oid, t.tgname::text, format('alter table %s %s trigger %I', rel.new, case t.tgenabled when 'D' then 'disable' when 'R' then 'enable replica' else 'enable always' end, t.tgname)
from rel join pg_trigger t on t.tgrelid = rel.oid where not t.tgisinternal and t.tgenabled <> 'O'
union all
select rel.q, 'beside', 2, rel.oid, 'comment', format('comment on %s %s is %L', rel.kind, rel.new, obj_description(rel.oid, 'pg_class')) from rel where obj_description(rel.oid, 'pg_class') is not null
union all
select rel.q, 'beside', 2, rel.oid, a.attname::text, format('comment on column %s.%I is %L', rel.new, a.attname, col_description(rel.oid, a.attnum))
from rel join pg_attribute a on a.attrelid = rel.oid and a.attnum > 0 where rel.relkind = 'm' and col_description(rel.oid, a.attnum) is not null
union all
select rel.q, 'beside', 2, c.oid, c.relname::text, format('comment on index %I.%I is %L', rel.nspname || '_new', c.relname, obj_description(c.oid, 'pg_class'))
from rel join pg_index i on i.indrelid = rel.oid join pg_class c on c.oid = i.indexrelid where obj_description(c.oid, 'pg_class') is not null
union all
select rel.q, 'beside', 2, x.oid, x.conname::text, format('comment on constraint %I on %s is %L', x.conname, rel.new, obj_description(x.oid, 'pg_constraint'))
from rel join pg_constraint x on x.conrelid = rel.oid where x.contype in ('p', 'u', 'x', 'c', 'f') and obj_description(x.oid, 'pg_constraint') is not null and not exists (select from keys k where k.oid = x.oid and not k.to_inside)
union all
select rel.q, 'beside', 2, t.oid, t.tgname::text, format('comment on trigger %I on %s is %L', t.tgname, rel.new, obj_description(t.oid, 'pg_trigger'))
from rel join pg_trigger t on t.tgrelid = rel.oid where obj_description(t.oid, 'pg_trigger') is not null
union all
select format('%I.%I', n.nspname, c.relname), 'after', 1, c.oid, c.relname::text,
	format('create or replace view %I.%I%s as %s', n.nspname, c.relname, ' with (' || o.list || ')', pg_get_viewdef(c.oid))
from pg_class c join pg_namespace n on n.oid = c.relnamespace left join options o on o.oid = c.oid where c.oid = any($2)
union all
select rel.q, 'after', 2, p.oid, p.polname::text, format('create policy %I on %s as %s for %s to %s%s%s', p.polname, rel.q, case when p.polpermissive then 'permissive' else 'restrictive' end,
	case p.polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' when 'd' then 'delete' else 'all' end,
	(select string_agg(case r when 0 then 'public' else quote_ident(pg_get_userbyid(r)) end, ', ' order by r) from unnest(p.polroles) r),
	' using (' || pg_get_expr(p.polqual, p.polrelid) || ')', ' with check (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')')
from rel join pg_policy p on p.polrelid = rel.oid
union all
select rel.q, 'after', 2, p.oid, p.polname::text, format('comment on policy %I on %s is %L', p.polname, rel.q, obj_description(p.oid, 'pg_policy')) from rel join pg_policy p on p.polrelid = rel.oid where obj_description(p.oid, 'pg_policy') is not null
union all
select rel.q, 'after', 2, rel.oid, 'row security', format('alter table %s %s row level security', rel.q, case when k.force then 'force' else 'enable' end)
from rel cross join (values (false), (true)) k(force) where case when k.force then rel.relforcerowsecurity else rel.relrowsecurity end
union all
select g.q, 'after', 4, g.oid, 'rights', format('revoke all on %s%s from %s', case g.type when 'S' then 'sequence ' else '' end, g.q, string_agg(distinct case w.role when 0 then 'public' else quote_ident(pg_get_userbyid(w.role)) end, ', '))
from granted g cross join lateral (
	select g.owner as role where g.acl is not null
	union all select x.grantee from pg_default_acl d cross join aclexplode(d.defaclacl) x
		where d.defaclrole = current_user::regrole and d.defaclnamespace = 0 and d.defaclobjtype::text = g.type and (g.acl is not null or x.grantee <> g.owner)
) w where g.type <> 'c' group by g.q, g.oid, g.type
union all
select g.q, 'after', 5 + g.n, g.oid, 'rights', format('grant %s%s on %s%s to %s%s', string_agg(x.privilege_type || case g.type when 'c' then format(' (%I)', g.attname) else '' end, ', ' order by x.privilege_type), '',
	case g.type when 'S' then 'sequence ' else '' end, g.q, case x.grantee when 0 then 'public' else quote_ident(pg_get_userbyid(x.grantee)) end, case when x.is_grantable then ' with grant option' else '' end)
from granted g cross join aclexplode(g.acl) x group by g.n, g.q, g.oid, g.type, g.attname, x.grantee, x.is_grantable
union all
select rel.q, 'after', 9, rel.oid, 'owner', format('alter %s %s owner to %I', rel.kind, rel.q, pg_get_userbyid(rel.relowner)) from rel where rel.relowner <> current_user::regrole
order by phase, relation, turn, id, statement`

// qStray is what hangs on the tables and would be lost, or stay with the old ones. $1: the tables and materialised views, $2: the
// views over them, $3: the tables that are emptied.
const qStray = `
with rel as (
	select c.*, n.nspname, format('%I.%I', n.nspname, c.relname) as q from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = any($1)
)
select rel.q || ': ' || what from rel cross join lateral (
	select 'it belongs to ' || pg_get_userbyid(rel.relowner) || ', of which ' || current_user || ' is no member' as what where not pg_has_role(rel.relowner, 'usage')
	union all select 'its owner ' || pg_get_userbyid(rel.relowner) || ' may not create in its schema' where rel.relowner <> current_user::regrole and not has_schema_privilege(rel.relowner, rel.relnamespace, 'create')
	union all select current_user || ' may not create in its schema' where not has_schema_privilege(rel.relnamespace, 'create')
	union all select 'it is partitioned' where rel.relkind = 'p'
	union all select 'it is a ' || case rel.relkind when 'v' then 'view' when 'f' then 'foreign table' else 'relation of kind ' || rel.relkind::text end where rel.relkind not in ('r', 'm', 'p')
	union all select 'it inherits from, or is a partition of, ' || inhparent::regclass from pg_inherits where inhrelid = rel.oid
	union all select inhrelid::regclass || ' inherits from it' from pg_inherits where inhparent = rel.oid and rel.relkind <> 'p'
	union all select 'it is a table of a type' where rel.reloftype <> 0
	union all select 'it is in a tablespace of its own' where rel.reltablespace <> 0
	union all select 'its access method is ' || amname from pg_am where oid = rel.relam and amname <> 'heap'
	union all select 'the name of its schema is too long for a copy' where octet_length(rel.nspname) > 59
	union all select 'index ' || c.relname || ' is in a tablespace of its own' from pg_index i join pg_class c on c.oid = i.indexrelid where i.indrelid = rel.oid and c.reltablespace <> 0
	union all select 'index ' || c.relname || ' is not valid: rebuild or drop it' from pg_index i join pg_class c on c.oid = i.indexrelid where i.indrelid = rel.oid and not i.indisvalid
	union all select 'it has a security label' where exists (select from pg_seclabel where classoid = 'pg_class'::regclass and objoid = rel.oid)
	union all select 'rule ' || rulename from pg_rewrite where ev_class = rel.oid and rel.relkind <> 'm'
	union all select 'trigger ' || tgname || ' looks at another table' from pg_trigger where tgrelid = rel.oid and not tgisinternal and tgconstrrelid <> 0
	union all select 'foreign key ' || f.conname || ' refers to ' || f.confrelid::regclass || ', which the export does not know' from pg_constraint f
		where f.conrelid = rel.oid and f.contype = 'f' and f.confrelid <> all ($1 || $3)
	union all select 'sequence ' || s.relname || ' of column ' || a.attname || ' is in another schema' from pg_depend d join pg_class s on s.oid = d.objid and s.relkind = 'S'
			join pg_attribute a on a.attrelid = rel.oid and a.attnum = d.refobjsubid
		where d.refclassid = 'pg_class'::regclass and d.refobjid = rel.oid and d.classid = 'pg_class'::regclass and d.deptype = 'a' and s.relnamespace <> rel.relnamespace
	union all select 'column ' || a.attname || ' takes its numbers from ' || s.oid::regclass || ', which belongs to ' || pg_get_userbyid(s.relowner)
		from pg_attrdef f join pg_depend d on d.classid = 'pg_attrdef'::regclass and d.objid = f.oid and d.refclassid = 'pg_class'::regclass join pg_class s on s.oid = d.refobjid and s.relkind = 'S'
			join pg_attribute a on a.attrelid = f.adrelid and a.attnum = f.adnum
		where f.adrelid = rel.oid and not pg_has_role(s.relowner, 'usage')
	union all select 'statistics ' || stxname || ' are in another schema' from pg_statistic_ext where stxrelid = rel.oid and stxnamespace <> rel.relnamespace
	union all select 'it is a materialized view over the view ' || v.oid::regclass from pg_rewrite r join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid and d.refclassid = 'pg_class'::regclass
			join pg_class v on v.oid = d.refobjid and v.oid = any($2)
		where r.ev_class = rel.oid and rel.relkind = 'm' group by v.oid
	union all
	select pg_describe_object(d.classid, d.objid, d.objsubid) || ' depends on it'
	from (
		select 'pg_class'::regclass::oid as class, rel.oid as id union all select 'pg_type'::regclass, t.oid from pg_type t where t.typrelid = rel.oid
		union all select 'pg_type'::regclass, t.typarray from pg_type t where t.typrelid = rel.oid
	) its join pg_depend d on d.refclassid = its.class and d.refobjid = its.id
	where not case d.classid
			when 'pg_class'::regclass then exists (select from pg_class c where c.oid = d.objid and (c.relkind in ('i', 't', 'S') or c.oid = rel.oid)) or exists (select from pg_inherits where inhrelid = d.objid and inhparent = rel.oid)
			when 'pg_constraint'::regclass then exists (select from pg_constraint x where x.oid = d.objid and (x.conrelid = rel.oid or x.conrelid = any ($1 || $3)))
			when 'pg_attrdef'::regclass then exists (select from pg_attrdef x where x.oid = d.objid and x.adrelid = rel.oid)
			when 'pg_trigger'::regclass then exists (select from pg_trigger x where x.oid = d.objid and x.tgrelid = any ($1 || $3))
			when 'pg_rewrite'::regclass then exists (select from pg_rewrite x where x.oid = d.objid and x.ev_class = any ($1 || $2))
			when 'pg_policy'::regclass then exists (select from pg_policy x where x.oid = d.objid and x.polrelid = any($1))
			when 'pg_statistic_ext'::regclass then exists (select from pg_statistic_ext x where x.oid = d.objid and x.stxrelid = rel.oid)
			when 'pg_type'::regclass then exists (select from pg_type x where x.oid = d.objid and (x.typrelid = rel.oid or x.typelem in (select t.oid from pg_type t where t.typrelid = rel.oid)))
			else false end
) found(what)
union all
select oid::regclass || ': ' || current_user || ' may not empty it' from pg_class where oid = any($3) and not has_table_privilege(oid, 'truncate')
order by 1`
