package dataset

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/chunk"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/evidence"
)

// makeTwins makes the new tables, empty and without what slows loading down.
func (i *importing) makeTwins(ctx context.Context) error {
	return i.step(ctx, twins, func(ctx context.Context, tx pgx.Tx) (int64, error) {
		if err := makeSchemas(ctx, tx, i.target.schemas, "_new", markNew); err != nil {
			return 0, err
		}
		for _, st := range i.target.of("twin", "") {
			if _, err := tx.Exec(ctx, st.SQL); err != nil {
				return 0, failed("make "+st.Relation+" anew", err)
			}
		}
		for _, t := range i.target.tables {
			if t.casts == nil {
				continue
			}
			columns := make([]string, len(t.fields))
			for n, f := range t.fields {
				kind := "text"
				if t.casts[n] == (pgx.Identifier{f.name}).Sanitize() {
					kind = t.manifest.Columns[n].Type
				}
				columns[n] = pgx.Identifier{f.name}.Sanitize() + " " + kind
			}
			if _, err := tx.Exec(ctx, fmt.Sprintf("create table %s (%s)", t.raw(), strings.Join(columns, ", "))); err != nil {
				return 0, failed("make a table for the lines of "+t.manifest.Name, err)
			}
		}
		if err := i.renameSequences(ctx, tx); err != nil {
			return 0, err
		}
		return 0, i.makeViews(ctx, tx)
	})
}

// renameSequences gives the sequences of identity columns the names of the old ones.
func (i *importing) renameSequences(ctx context.Context, tx pgx.Tx) error {
	rows, _ := tx.Query(ctx, `
		select format('alter sequence %I.%I rename to %I', tn.nspname, ts.relname, s.relname)
		from pg_depend d join pg_class s on s.oid = d.objid and s.relkind = 'S' join pg_class c on c.oid = d.refobjid join pg_namespace n on n.oid = c.relnamespace
			join pg_attribute a on a.attrelid = c.oid and a.attnum = d.refobjsubid
			join pg_namespace tn on tn.nspname = n.nspname || '_new' join pg_class t on t.relnamespace = tn.oid and t.relname = c.relname
			join pg_attribute ta on ta.attrelid = t.oid and ta.attname = a.attname
			join pg_depend td on td.classid = d.classid and td.refclassid = d.refclassid and td.refobjid = t.oid and td.refobjsubid = ta.attnum and td.deptype = 'i'
			join pg_class ts on ts.oid = td.objid and ts.relkind = 'S'
		where d.classid = 'pg_class'::regclass and d.refclassid = 'pg_class'::regclass and d.deptype = 'i' and c.oid = any($1) and ts.relname <> s.relname`, ids(i.target.moved()))
	renames, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for _, rename := range renames {
		if _, err := tx.Exec(ctx, rename); err != nil {
			return err
		}
	}
	return nil
}

// makeViews makes the materialised views over the new tables, to be filled when those are.
func (i *importing) makeViews(ctx context.Context, tx pgx.Tx) error {
	if len(i.target.views) == 0 {
		return nil
	}
	if _, err := tx.Exec(ctx, "set local search_path = "+path(i.target.schemas, "_new")+", "+path(i.target.schemas, "")); err != nil {
		return err
	}
	for _, st := range i.target.of("view", "") {
		if _, err := tx.Exec(ctx, st.SQL); err != nil {
			return failed("make the materialized view "+st.Relation+" anew", err)
		}
	}
	if _, err := tx.Exec(ctx, "set local search_path = ''"); err != nil {
		return err
	}
	rows, _ := tx.Query(ctx, `
		select distinct format('%s over %s', v.oid::regclass, d.refobjid::regclass) from pg_class v join pg_namespace n on n.oid = v.relnamespace
			join pg_rewrite r on r.ev_class = v.oid join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid and d.refclassid = 'pg_class'::regclass
		where v.relkind = 'm' and n.nspname = any($1) and d.refobjid = any($2)`, suffixed(i.target.schemas, "_new"), ids(i.target.moved()))
	old, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	if len(old) > 0 {
		return refuse("the import could not keep these materialized views, which are over tables of one name in several schemas: %s. Drop them, import, and make them again afterwards", list(old))
	}
	return nil
}

// loadChunks copies what is in the bucket into the new tables.
func (i *importing) loadChunks(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(max(1, i.Workers))
	for _, t := range i.target.tables {
		for _, o := range t.manifest.Objects {
			group.Go(func() error {
				if ctx.Err() != nil {
					return ctx.Err()
				}
				loaded := false
				err := i.step(ctx, "chunk "+o.Name, func(ctx context.Context, tx pgx.Tx) (int64, error) {
					loaded = true
					return o.Rows, i.copy(ctx, tx, t, o)
				})
				if err == nil && loaded {
					i.Log.Info("loaded", "object", o.Name, "table", t.manifest.Name, "rows", o.Rows)
				}
				return err
			})
		}
	}
	return group.Wait()
}

// copy is one chunk. It counts when it was read to its end, where its digest is known.
func (i *importing) copy(ctx context.Context, tx pgx.Tx, t *table, o evidence.Object) error {
	from, err := chunk.Open(ctx, i.Bucket, o)
	if err != nil {
		return &bucketError{fmt.Errorf("read %s: %w", o.Name, err)}
	}
	defer func() { _ = from.Close() }()
	to := t.new()
	if t.casts != nil {
		to = t.raw()
	}
	lines := newRows(t.manifest.Name, o.Name, o.Rows, t.fields, from)
	tag, err := tx.Conn().PgConn().CopyFrom(ctx, lines, fmt.Sprintf("copy %s (%s) from stdin (format binary)", to, t.columns()))
	if broken := lines.broken(); broken != nil {
		return &bucketError{broken} // the server only repeats it
	}
	if err != nil {
		return failed("load "+o.Name+" into "+t.manifest.Name, err)
	}
	if tag.RowsAffected() != o.Rows {
		return fmt.Errorf("%d rows of %s were loaded, and there are %d", tag.RowsAffected(), o.Name, o.Rows)
	}
	return nil
}
