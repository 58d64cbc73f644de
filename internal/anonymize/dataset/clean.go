package dataset

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Comments by which a schema is known to be an import's own: nobody else's is dropped.
const (
	markNew = "An import of anonymised data loads these tables; they are not served. Made by august-sync."
	markOld = "Tables that an import of anonymised data has replaced, to be dropped. Made by august-sync."
)

// makeSchemas makes a schema beside each.
func makeSchemas(ctx context.Context, tx pgx.Tx, schemas []string, suffix, mark string) error {
	for _, name := range suffixed(schemas, suffix) {
		there := false
		if err := tx.QueryRow(ctx, `select exists (select from pg_namespace where nspname = $1)`, name).Scan(&there); err != nil {
			return err
		}
		if there {
			return refuse("there is a schema %s, which no import has made, and which this one needs the name of: rename or drop it", name)
		}
		schema := pgx.Identifier{name}.Sanitize()
		if _, err := tx.Exec(ctx, fmt.Sprintf("create schema %s; comment on schema %[1]s is %s", schema, literal(mark))); err != nil {
			return err
		}
	}
	return nil
}

// clean removes what earlier imports have left, but for what this one can go on with.
func (i *importing) clean(ctx context.Context) error {
	goesOn := false
	if err := i.holder.QueryRow(ctx, `select exists (select from august.dataset_step where load = $1 and step = $2)`, i.load, twins).Scan(&goesOn); err != nil {
		return failed("look for an import that was not completed", err)
	}
	if !goesOn {
		if err := i.drop(ctx, markNew); err != nil {
			return err
		}
	} else {
		i.Log.Info("going on with an import that was not completed")
	}
	return i.drop(ctx, markOld)
}

// discard removes what is of no use to any later import.
func (i *importing) discard(ctx context.Context) {
	if err := i.drop(context.WithoutCancel(ctx), markNew); err != nil {
		i.Log.Warn("the tables that were loaded could not be dropped; the next import does", "error", err)
	}
}

// tidy drops the old tables, which nobody can reach any more.
func (i *importing) tidy(ctx context.Context) {
	if err := i.drop(ctx, markOld); err != nil {
		i.Log.Warn("the old tables could not be dropped; the next import does", "error", err)
	}
}

// drop drops the schemas of a mark with what is in them, and with new tables the notes of how far they were.
func (i *importing) drop(ctx context.Context, mark string) error {
	err := pgx.BeginFunc(ctx, i.holder, func(tx pgx.Tx) error {
		if mark == markNew {
			// The first waits for a worker whose import has died and that is not through; the second sees what it has done, too.
			for _, sql := range []string{`delete from august.dataset_step where step = '` + twins + `'`, `delete from august.dataset_step`} {
				if _, err := tx.Exec(ctx, sql); err != nil {
					return err
				}
			}
		}
		rows, _ := tx.Query(ctx, `select nspname::text from pg_namespace where obj_description(oid, 'pg_namespace') = $1`, mark)
		schemas, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil || len(schemas) == 0 {
			return err
		}
		if mark == markNew {
			_, err := tx.Exec(ctx, "drop schema "+path(schemas, "")+" cascade") // all of it was made here, and nothing else was made of it
			return err
		}
		// Without "cascade": what hangs on an old table against all checks stays, and is named.
		for _, kind := range []struct{ code, word string }{{"m", "materialized view"}, {"r", "table"}} {
			rows, _ := tx.Query(ctx, `select format('%I.%I', n.nspname, c.relname) from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = any($1) and c.relkind::text = $2`, schemas, kind.code)
			names, err := pgx.CollectRows(rows, pgx.RowTo[string])
			if err != nil {
				return err
			}
			if len(names) > 0 {
				if _, err := tx.Exec(ctx, "drop "+kind.word+" "+strings.Join(names, ", ")); err != nil {
					return err
				}
			}
		}
		_, err = tx.Exec(ctx, "drop schema "+path(schemas, ""))
		return err
	})
	if err != nil {
		return failed("drop what an import has left", err)
	}
	return nil
}
