package dataset

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"
)

// finishTables verifies each table against the manifest, and makes its indexes, constraints and statistics.
func (i *importing) finishTables(ctx context.Context) error {
	tables := slices.Clone(i.target.tables)
	slices.SortStableFunc(tables, func(a, b *table) int { return int(b.manifest.Bytes>>10 - a.manifest.Bytes>>10) }) // the longest work first
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(max(1, i.Workers))
	for _, t := range tables {
		group.Go(func() error {
			return i.step(ctx, "table "+t.manifest.Name, func(ctx context.Context, tx pgx.Tx) (int64, error) {
				return t.manifest.Rows, i.finish(ctx, tx, t)
			})
		})
	}
	return group.Wait()
}

func (i *importing) finish(ctx context.Context, tx pgx.Tx, t *table) error {
	if t.casts != nil {
		if err := run(ctx, tx, i.target.of("early", t.path)); err != nil {
			return err
		}
		convert := fmt.Sprintf("insert into %s (%s) overriding system value select %s from %s", t.new(), t.columns(), strings.Join(t.casts, ", "), t.raw())
		if _, err := tx.Exec(ctx, quiet(convert)); err != nil {
			return judge("read the rows of "+t.manifest.Name, err)
		}
		if _, err := tx.Exec(ctx, "drop table "+t.raw()); err != nil {
			return err
		}
	}
	if err := verify(ctx, tx, t); err != nil {
		return err
	}
	for _, st := range i.target.of("finish", t.path) {
		if _, err := tx.Exec(ctx, quiet(st.SQL)); err != nil {
			return judge("make "+st.Label+" of "+t.manifest.Name, err)
		}
	}
	if _, err := tx.Exec(ctx, "analyze "+t.new()); err != nil {
		return err
	}
	i.Log.Info("table is ready", "table", t.manifest.Name, "rows", t.manifest.Rows)
	return nil
}

// verify counts rows and NULLs.
func verify(ctx context.Context, tx pgx.Tx, t *table) error {
	counts := []string{"count(*)"}
	for _, c := range t.manifest.Columns {
		counts = append(counts, "count(*) - count("+pgx.Identifier{c.Name}.Sanitize()+")")
	}
	got := make([]int64, len(counts))
	into := make([]any, len(counts))
	for n := range got {
		into[n] = &got[n]
	}
	if err := tx.QueryRow(ctx, "select "+strings.Join(counts, ", ")+" from "+t.new()).Scan(into...); err != nil {
		return err
	}
	if got[0] != t.manifest.Rows {
		return refuse("%s has %d rows, and the manifest says %d: make another export", t.manifest.Name, got[0], t.manifest.Rows)
	}
	for n, c := range t.manifest.Columns {
		if got[n+1] != c.Nulls {
			return refuse("%s is NULL in %d rows of %s, and the manifest says %d: make another export", c.Name, got[n+1], t.manifest.Name, c.Nulls)
		}
	}
	return nil
}

// tie makes the foreign keys among the new tables. One that holds in the export is valid at once.
func (i *importing) tie(ctx context.Context) error {
	for _, st := range i.target.of("key", "") {
		err := i.step(ctx, "key "+st.Relation+" "+st.Label, func(ctx context.Context, tx pgx.Tx) (int64, error) {
			_, err := tx.Exec(ctx, quiet(st.SQL))
			return 0, judge("make the foreign key "+st.Label+" of "+st.Relation, err)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// finishViews fills the materialised views.
func (i *importing) finishViews(ctx context.Context) error {
	for _, v := range i.target.views {
		err := i.step(ctx, "view "+v.q(), func(ctx context.Context, tx pgx.Tx) (int64, error) {
			var script []string
			if v.populated {
				script = append(script, quiet("refresh materialized view "+v.new()))
			}
			for _, st := range i.target.of("finish", v.path) {
				script = append(script, quiet(st.SQL))
			}
			_, err := tx.Exec(ctx, strings.Join(append(script, "analyze "+v.new()), ";\n"))
			return 0, judge("fill the materialized view "+v.q(), err)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// dress gives the new tables their triggers and comments.
func (i *importing) dress(ctx context.Context) error {
	return i.step(ctx, "dress", func(ctx context.Context, tx pgx.Tx) (int64, error) {
		return 0, run(ctx, tx, i.target.of("beside", ""))
	})
}

// run executes statements that touch no row.
func run(ctx context.Context, tx pgx.Tx, statements []statement) error {
	if len(statements) == 0 {
		return nil
	}
	script := make([]string, len(statements))
	for n, st := range statements {
		script[n] = st.SQL
	}
	_, err := tx.Exec(ctx, strings.Join(script, ";\n"))
	return err
}

func suffixed(schemas []string, suffix string) []string {
	out := make([]string, len(schemas))
	for n, s := range schemas {
		out[n] = s + suffix
	}
	return out
}
