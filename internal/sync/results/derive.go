package results

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/sync/labs"
)

// supersede notes, on every row that has other versions, which one holds.
func supersede(ctx context.Context, tx pgx.Tx) error {
	if _, err := tx.Exec(ctx, `update drchrono.lab_results set superseded_by = null where deleted_at_source is not null and superseded_by is not null`); err != nil {
		return err
	}
	rows, err := tx.Query(ctx, `
		with several as (
			select lab_test, observation_key from drchrono.lab_results where deleted_at_source is null
			group by 1, 2 having count(*) > 1 or count(superseded_by) > 0
		)
		select id, lab_test, observation_key, coalesce(status, ''), test_performed, abnormal_severity = $1, superseded_by
		from drchrono.lab_results join several using (lab_test, observation_key)
		where deleted_at_source is null
		order by lab_test, observation_key, id`, string(labs.Critical))
	if err != nil {
		return err
	}
	type observation struct {
		test int64
		key  string
	}
	var (
		at, last observation
		id       int64
		status   string
		done     *time.Time
		critical bool
		by       *int64
		versions []labs.Version
		noted    []*int64
		ids      []int64
		holds    []*int64
	)
	settle := func() {
		if len(versions) == 0 {
			return
		}
		current := versions[labs.Current(versions)].ID
		for i, v := range versions {
			var by *int64
			if v.ID != current {
				by = &current
			}
			if (by == nil) != (noted[i] == nil) || by != nil && *by != *noted[i] {
				ids, holds = append(ids, v.ID), append(holds, by)
			}
		}
		versions, noted = versions[:0], noted[:0]
	}
	if _, err := pgx.ForEachRow(rows, []any{&id, &at.test, &at.key, &status, &done, &critical, &by}, func() error {
		if at != last {
			settle()
			last = at
		}
		v := labs.Version{ID: id, Status: labs.ParseStatus(status), Critical: critical}
		if done != nil {
			v.Performed = *done
		}
		versions, noted = append(versions, v), append(noted, by)
		return nil
	}); err != nil {
		return err
	}
	settle()
	if len(ids) == 0 {
		return nil
	}
	_, err = tx.Exec(ctx, `update drchrono.lab_results r set superseded_by = n.by from unnest($1::bigint[], $2::bigint[]) as n (id, by) where r.id = n.id`, ids, holds)
	return err
}

// table is a derived table: its key and the columns that derivation fills.
type table struct {
	name string
	key  []string
	rest []string
	keep string // further assignments of an update
}

func (t table) columns() []string { return append(append([]string{}, t.key...), t.rest...) }

func list(alias string, columns []string) string {
	return alias + "." + strings.Join(columns, ", "+alias+".")
}

// become makes the table's rows equal to these, writing only what differs.
func (t table) become(ctx context.Context, tx pgx.Tx, rows [][]any) error {
	columns := t.columns()
	names := strings.Join(columns, ", ")
	stage := "august_" + t.name
	if _, err := tx.Exec(ctx, fmt.Sprintf("create temporary table %s on commit drop as select %s from labs.%s with no data", stage, names, t.name)); err != nil {
		return err
	}
	if _, err := tx.CopyFrom(ctx, pgx.Identifier{stage}, columns, pgx.CopyFromRows(rows)); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "analyze "+stage); err != nil {
		return err
	}
	same := fmt.Sprintf("(%s) = (%s)", list("n", t.key), list("t", t.key))
	if _, err := tx.Exec(ctx, fmt.Sprintf("delete from labs.%s t where not exists (select from %s n where %s)", t.name, stage, same)); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, fmt.Sprintf(`
		insert into labs.%[1]s as t (%[2]s) select %[2]s from %[3]s n
		where not exists (select from labs.%[1]s t where %[4]s and (%[5]s) is not distinct from (%[6]s))
		on conflict (%[7]s) do update set (%[2]s) = (%[8]s), updated_at = now()%[9]s`,
		t.name, names, stage, same, list("t", t.rest), list("n", t.rest), strings.Join(t.key, ", "), list("excluded", columns), t.keep))
	return err
}

var orderProgress = table{name: "order_progress", key: []string{"lab_order"},
	rest: []string{"progress", "tests", "done", "cancelled", "open", "corrected", "settled", "rule_version"}}

// progress derives how far each order has got.
func progress(ctx context.Context, tx pgx.Tx) error {
	rows, err := tx.Query(ctx, `
		select o.id, coalesce(o.status, ''), t.id, coalesce(t.status, ''), array_agg(coalesce(r.status, '')) filter (where r.id is not null)
		from drchrono.lab_orders o
		left join drchrono.lab_tests t on t.lab_order = o.id and t.deleted_at_source is null
		left join drchrono.lab_results r on r.lab_test = t.id and r.deleted_at_source is null and r.superseded_by is null
		where o.deleted_at_source is null
		group by o.id, t.id
		order by o.id, t.id`)
	if err != nil {
		return err
	}
	var (
		order, last int64
		status, of  string
		test        *int64
		testStatus  string
		results     []string
		tests       []labs.Test
		wanted      [][]any
		settle      = func() {
			if last == 0 {
				return
			}
			p := labs.ProgressOf(labs.ParseOrderStatus(of), tests)
			wanted = append(wanted, []any{last, string(p.Progress), p.Tests, p.Done, p.Cancelled, p.Open, p.Corrected, p.Settled, labs.RuleVersion})
			tests = nil
		}
	)
	if _, err := pgx.ForEachRow(rows, []any{&order, &status, &test, &testStatus, &results}, func() error {
		if order != last {
			settle()
			last, of = order, status
		}
		if test != nil {
			t := labs.Test{Status: labs.ParseStatus(testStatus)}
			for _, s := range results {
				t.Results = append(t.Results, labs.ParseStatus(s))
			}
			tests = append(tests, t)
		}
		return nil
	}); err != nil {
		return err
	}
	settle()
	return orderProgress.become(ctx, tx, wanted)
}
