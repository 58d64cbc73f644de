package index

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/advise/statement"
	"github.com/feel-august/terraform-provider-august/internal/advise/workload"
	"github.com/feel-august/terraform-provider-august/internal/sync/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// A made-up table, with names that have to be quoted.
const odd = `
	create schema "Odd ""One""";
	create table "Odd ""One"""."select" (
		id bigint primary key, practice int not null, "Größe ${x}" int not null, "state" text not null, visited date not null, "user" bigint not null,
		gone timestamptz, done bool not null, amount numeric(12,2) not null, tags jsonb not null, filler text not null);
	insert into "Odd ""One"""."select"
	select i, hashint4(i) & 31, hashint4(i + 1) & 1023, case hashint4(i + 2) & 15 when 0 then 'open' when 1 then 'held' else 'done' end,
		date '2026-01-01' + (hashint4(i + 3) & 511), (hashint4(i + 4) & 16383), case when hashint4(i + 5) & 127 = 0 then now() end, hashint4(i + 6) & 63 > 0,
		(hashint4(i + 7) & 1048575) / 100.0, jsonb_build_object('visit', hashint4(i + 8) & 4095, 'kind', 'made up'), repeat('made up ', 15)
	from generate_series(1, 40000) i`

func connect(t *testing.T) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), pgtest.New(t).URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	run(t, conn, odd)
	run(t, conn, `vacuum (freeze, analyze)`)
	for _, set := range []string{"jit = off", "max_parallel_workers_per_gather = 0", "plan_cache_mode = force_generic_plan"} {
		run(t, conn, "set "+set)
	}
	return conn
}

func run(t *testing.T, conn *pgx.Conn, sql string) {
	t.Helper()
	if _, err := conn.Exec(t.Context(), sql, pgx.QueryExecModeSimpleProtocol); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// measured is the table as statistics have it.
func measured(t *testing.T, conn *pgx.Conn) workload.Table {
	t.Helper()
	table := workload.Table{Schema: `Odd "One"`, Name: "select", Analyzed: true}
	if err := conn.QueryRow(t.Context(), `select reltuples, relpages from pg_class where relname = 'select'`).Scan(&table.Rows, &table.Pages); err != nil {
		t.Fatal(err)
	}
	rows, err := conn.Query(t.Context(), `
		select s.attname::text, typname::text, avg_width, case when n_distinct < 0 then -n_distinct * $1 else n_distinct end::float8, null_frac::float8,
			coalesce(correlation, 0)::float8, coalesce(most_common_freqs, '{}')::float8[], attnotnull
		from pg_stats s join pg_attribute a on a.attname = s.attname and a.attrelid = (select oid from pg_class where relname = 'select') join pg_type y on y.oid = atttypid
		where tablename = 'select' order by attnum`, table.Rows)
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		var c workload.Column
		if err := rows.Scan(&c.Name, &c.Base, &c.Width, &c.Distinct, &c.NullShare, &c.Correlation, &c.Common, &c.NotNull); err != nil {
			t.Fatal(err)
		}
		if c.Base == "bool" {
			c.TrueShare = share(63.0 / 64)
		}
		table.Columns = append(table.Columns, c)
	}
	if rows.Err() != nil || len(table.Columns) != 11 {
		t.Fatalf("%d columns: %v", len(table.Columns), rows.Err())
	}
	x := primary("select")
	x.Schema, x.Bytes = table.Schema, 0
	table.Indexes = []workload.Index{x}
	return table
}

// Every statement that is printed, PostgreSQL takes; and the index then is as large as was said.
func TestIndexesAreAsLargeAsSaid(t *testing.T) {
	t.Parallel()
	conn := connect(t)
	table := measured(t, conn)
	with := func(change func(*Definition), columns ...string) Definition {
		d := Definition{Schema: table.Schema, Table: table.Name, Method: BTree, Keys: keys(columns...)}
		if change != nil {
			change(&d)
		}
		d.called()
		return d
	}
	for i, d := range []Definition{
		with(nil, "practice"),
		with(nil, "practice", "state", "visited"),
		with(func(d *Definition) { d.Include = []string{"id"} }, "practice", "state", "visited"),
		with(nil, "user"),
		with(nil, "Größe ${x}", "user"),
		with(nil, "amount"),
		with(func(d *Definition) { d.Keys[0].Descending, d.Include = true, []string{"Größe ${x}", "user"} }, "visited"),
		with(func(d *Definition) { d.Keys[0].NullsFirst = true }, "gone"),
		with(func(d *Definition) { d.Where = ident("gone") + " IS NOT NULL" }, "visited"),
		with(func(d *Definition) { d.Where = "NOT " + ident("done") }, "id"),
		with(func(d *Definition) { d.Keys[0].Class = "text_pattern_ops" }, "state"),
		with(func(d *Definition) { d.Keys[0] = workload.Key{Expression: `lower("state")`} }, "state"),
		with(func(d *Definition) { d.Method = BRIN }, "id"),
		with(func(d *Definition) { d.Method, d.Keys[0].Class = GIN, jsonbPath }, "tags"),
		with(func(d *Definition) { d.Unique = true }, "id", "practice"),
	} {
		d.Name = fmt.Sprintf("%s %d", d.Name, i)
		run(t, conn, d.SQL())
		var bytes int64
		if err := conn.QueryRow(t.Context(), `select pg_relation_size(oid) from pg_class where relname = $1`, d.Name).Scan(&bytes); err != nil {
			t.Fatal(err)
		}
		said := measure(&table, &d).bytes()
		if d.Keys[0].Expression != "" {
			continue // nobody knows
		}
		if said > bytes*3/2+2*pageBytes || bytes > said*3/2+2*pageBytes {
			t.Errorf("%s: %d kB, said to be %d kB", d.SQL(), bytes>>10, said>>10)
		}
	}
}

// Arithmetic comes to what PostgreSQL comes to, for values that are not known: the cheapest plan costs as much, give or take a tenth.
func TestArithmeticIsThatOfPostgreSQL(t *testing.T) {
	t.Parallel()
	conn := connect(t)
	table := measured(t, conn)
	eq, rng := statement.Equal, statement.Range
	n := 0
	for _, c := range []struct {
		name  string
		where string
		types string
		preds []statement.Predicate
		order string // a column
		index []string
		where2,
		reads string
	}{
		{name: "nothing", where: "filler = $1", types: "text", preds: []statement.Predicate{is(statement.Other, "filler")}},
		{name: "primary key", where: "id = $1", types: "int8", preds: []statement.Predicate{is(eq, "id")}},
		{name: "range of it", where: "id >= $1 and id < $2", types: "int8, int8", preds: []statement.Predicate{is(rng, "id"), is(rng, "id")}},
		{name: "few", where: `"user" = $1`, types: "int8", preds: []statement.Predicate{is(eq, "user")}, index: []string{"user"}},
		{name: "many", where: `practice = $1`, types: "int4", preds: []statement.Predicate{is(eq, "practice")}, index: []string{"practice"}},
		{name: "two", where: `practice = $1 and "Größe ${x}" = $2`, types: "int4, int4", preds: []statement.Predicate{is(eq, "practice"), is(eq, "Größe ${x}")}, index: []string{"practice", "Größe ${x}"}},
		{name: "two and a range", where: `practice = $1 and "state" = $2 and visited > $3`, types: "int4, text, date", preds: []statement.Predicate{is(eq, "practice"), is(eq, "state"), is(rng, "visited")}, index: []string{"practice", "state", "visited"}},
		{name: "a list", where: `"user" = any($1)`, types: "int8[]", preds: []statement.Predicate{is(statement.In, "user")}, index: []string{"user"}},
		{name: "rare", where: `gone is not null and visited > $1`, types: "date", preds: []statement.Predicate{is(statement.NotNull, "gone"), is(rng, "visited")}, index: []string{"visited"}, where2: "gone IS NOT NULL"},
		{name: "in order", where: `practice = $1`, types: "int4", preds: []statement.Predicate{is(eq, "practice")}, index: []string{"practice", "visited"}, order: "visited"},
		{name: "by the index alone", where: `practice = $1 and "state" = $2`, types: "int4, text", preds: []statement.Predicate{is(eq, "practice"), is(eq, "state")}, index: []string{"practice", "state"}, reads: "practice"},
	} {
		d := Definition{Schema: table.Schema, Table: table.Name, Method: BTree, Keys: keys(c.index...), Where: c.where2, Name: "tried"}
		var with []Definition
		if len(c.index) > 0 {
			with = append(with, d)
			run(t, conn, d.Plain())
		}
		run(t, conn, `vacuum "Odd ""One"""."select"`)
		reads, sc := "*", statement.Scope{Refs: []statement.Ref{{Schema: table.Schema, Name: table.Name}}, Predicates: c.preds, Star: c.reads == ""}
		order := ""
		if c.reads != "" {
			reads, sc.Outputs = c.reads, []statement.Operand{of(c.reads)}
		}
		if c.order != "" {
			order, sc.Order = " order by "+c.order, []statement.Order{{Of: of(c.order)}}
		}
		n++
		run(t, conn, fmt.Sprintf(`prepare q%d(%s) as select %s from "Odd ""One"""."select" where %s%s`, n, c.types, reads, c.where, order))
		nulls := "null" + strings.Repeat(", null", strings.Count(c.types, ","))
		var text []byte
		if err := conn.QueryRow(t.Context(), fmt.Sprintf("explain (format json) execute q%d(%s)", n, nulls), pgx.QueryExecModeSimpleProtocol).Scan(&text); err != nil {
			t.Fatal(err)
		}
		var plans []struct {
			Plan struct {
				Total float64 `json:"Total Cost"`
			}
		}
		if err := json.Unmarshal(text, &plans); err != nil {
			t.Fatal(err)
		}
		a := NewArithmetic(&workload.Database{Tables: []workload.Table{table}})
		got, err := a.Plan(t.Context(), &Statement{Shape: &statement.Shape{Kind: statement.Select, Scopes: []statement.Scope{sc}}}, with)
		if err != nil {
			t.Fatal(err)
		}
		if want := plans[0].Plan.Total; got.Generic < want/1.1 || got.Generic > want*1.1 {
			t.Errorf("%s: %.1f, PostgreSQL says %.1f\n%s", c.name, got.Generic, want, text)
		}
		if len(with) > 0 {
			run(t, conn, `drop index "Odd ""One""".tried`)
		}
	}
}
