package indexes

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
)

// index is one that the database has.
type index struct {
	runtimeapi.Index
	oid      uint32
	usable   bool   // valid, ready and live
	building bool   // some session is at it
	belongs  string // what needs it, in words; "": nothing
}

// droppable says why an index is not dropped.
func (i *index) droppable() error {
	if i.belongs == "" {
		return nil
	}
	return conflict("%s, and is not dropped: drop that first, if it is not needed", i.belongs)
}

// What the catalog says of an index, and what keeps it from being dropped. The row is of a moment, the functions look at what is there:
// how it is made comes last, and is null if it was dropped meanwhile.
const qIndex = `
select i.indexrelid, n.nspname, c.relname, tn.nspname, t.relname, am.amname, i.indisunique, i.indnkeyatts::int, i.indnatts::int,
    coalesce(pg_get_expr(i.indpred, i.indrelid), ''),
    coalesce((select split_part(o, '=', 2)::int from unnest(c.reloptions) o where o like 'fillfactor=%'), 0),
    i.indisvalid and i.indisready and i.indislive, c.relkind = 'I',
    exists (select from pg_stat_progress_create_index p where p.index_relid = i.indexrelid),
    case
        when i.indisprimary then 'is the primary key of ' || t.relname
        when k.oid is not null then 'is of the constraint ' || k.conname
        when f.oid is not null then 'is referred to by the foreign key ' || f.conname
        when i.indisreplident then 'is the replica identity of ' || t.relname
        when exists (select from pg_inherits h where h.inhrelid = i.indexrelid) then 'is a partition''s part of an index on a partitioned table'
        when c.relkind = 'I' then 'is on a partitioned table, whose indexes PostgreSQL drops under an exclusive lock only'
        when exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = i.indexrelid and d.deptype = 'e') then 'belongs to an extension'
        else ''
    end,
    case when i.indisvalid and c.relkind = 'i' then coalesce(pg_relation_size(i.indexrelid), 0) else 0 end,
    pg_get_indexdef(i.indexrelid)
from pg_index i
join pg_class c on c.oid = i.indexrelid
join pg_namespace n on n.oid = c.relnamespace
join pg_class t on t.oid = i.indrelid
join pg_namespace tn on tn.oid = t.relnamespace
join pg_am am on am.oid = c.relam
left join lateral (select oid, conname from pg_constraint where conindid = i.indexrelid and contype in ('p', 'u', 'x') limit 1) k on true
left join lateral (select oid, conname from pg_constraint where conindid = i.indexrelid and contype = 'f' limit 1) f on true
where n.nspname = $1 and c.relname = $2`

const qKeys = `
select a.n, coalesce(col.attname, ''), case when col.attname is null then coalesce(pg_get_indexdef(i.indexrelid, a.n, false), '') else '' end,
    a.n <= i.indnkeyatts, coalesce(o.options & 1 <> 0, false), coalesce(o.options & 2 <> 0, false),
    coalesce(case when not oc.opcdefault then case when ocn.nspname = 'pg_catalog' then oc.opcname else ocn.nspname || '.' || oc.opcname end end, ''),
    coalesce(case when k.coll <> 0 and k.coll <> ia.attcollation_of then co.collname end, '')
from pg_index i
cross join lateral generate_series(1, i.indnatts::int) as a(n)
left join pg_attribute col on col.attrelid = i.indrelid and col.attnum = (i.indkey::int2[])[a.n - 1] and col.attnum <> 0
left join lateral (select (i.indoption::int2[])[a.n - 1]::int as options) o on true
left join pg_opclass oc on oc.oid = (i.indclass::oid[])[a.n - 1]
left join pg_namespace ocn on ocn.oid = oc.opcnamespace
left join lateral (select coalesce((i.indcollation::oid[])[a.n - 1], 0)::oid as coll) k on true
left join lateral (select coalesce(col.attcollation, ty.typcollation, 0)::oid as attcollation_of
    from pg_attribute x join pg_type ty on ty.oid = x.atttypid where x.attrelid = i.indexrelid and x.attnum = a.n) ia on true
left join pg_collation co on co.oid = k.coll
where i.indexrelid = $1
order by a.n`

// querier is query, and reads rows.
type querier interface {
	query
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// live reads an index as the database has it; nil: there is none of that name.
func live(ctx context.Context, db querier, schema, name string) (*index, error) {
	var i index
	var tableSchema string
	var keys, all int
	var partitioned bool
	var definition *string
	err := db.QueryRow(ctx, qIndex, schema, name).Scan(&i.oid, &i.Schema, &i.Name, &tableSchema, &i.Spec.Table, &i.Spec.Method, &i.Spec.Unique, &keys, &all,
		&i.Spec.Where, &i.Spec.Fillfactor, &i.usable, &partitioned, &i.building, &i.belongs, &i.Bytes, &definition)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && definition == nil {
		return nil, nil //nolint:nilnil // nothing there is an answer
	}
	if err != nil {
		return nil, fmt.Errorf("read an index: %w", err)
	}
	i.Definition = *definition
	i.Spec.Where = bare(i.Spec.Where)
	rows, err := db.Query(ctx, qKeys, i.oid)
	if err != nil {
		return nil, fmt.Errorf("read an index's columns: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var n int
		var c runtimeapi.IndexColumn
		var key, descending, first bool
		if err := rows.Scan(&n, &c.Column, &c.Expression, &key, &descending, &first, &c.OperatorClass, &c.Collation); err != nil {
			return nil, fmt.Errorf("read an index's columns: %w", err)
		}
		c.Expression = bare(c.Expression)
		if !key {
			i.Spec.Include = append(i.Spec.Include, c.Column)
			continue
		}
		if descending {
			c.Order = runtimeapi.OrderDescending
		}
		if first != descending {
			c.Nulls = map[bool]string{true: runtimeapi.NullsFirst, false: runtimeapi.NullsLast}[first]
		}
		i.Spec.Columns = append(i.Spec.Columns, c)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read an index's columns: %w", err)
	}
	if len(i.Spec.Columns) == 0 { // dropped between the two
		return nil, nil //nolint:nilnil // as above
	}
	return &i, nil
}
