package transform

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/inspect"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/policy"
	"github.com/feel-august/terraform-provider-august/internal/sync/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// PostgreSQL takes back what becomes of a row, of whatever types it is, and sees in it what is promised: NULLs where they
// were, and dates that have moved by the same days in each type.
func TestPostgreSQLTakesItBack(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	db, err := pgx.Connect(ctx, pgtest.New(t).URL())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close(ctx) //nolint:errcheck // the test is over
	exec := func(sql string) {
		t.Helper()
		if _, err := db.Exec(ctx, sql); err != nil {
			t.Fatalf("%v\n%.300s", err, sql)
		}
	}

	// A column for each type and transformer.
	var columns, names []string
	rules := map[string]policy.Rule{"n": {Transformer: policy.Keep, Class: policy.None, Reason: "a test", Type: "bigint"}}
	values := map[string][]string{}
	for typ, samples := range samples {
		if typ == "citext" || typ == "numeric" { // an extension; and what is no whole number is no id
			continue
		}
		for _, transformer := range transformerNames {
			name := fmt.Sprintf("c%d", len(names))
			names, columns = append(names, name), append(columns, name+" "+typ)
			rules[name], values[name] = ruleFor(transformer, typ), samples
			if transformer == policy.Constant {
				rules[name] = ruleFor(policy.Null, typ)
			}
		}
	}
	exec("create table p (n bigint primary key, " + strings.Join(columns, ", ") + "); create table q (like p including all)")
	const rows = 12
	for n := range rows {
		insert := []string{fmt.Sprint(n)}
		for i, name := range names {
			value := "null"
			if (n+i)%4 != 0 {
				value = "'" + strings.ReplaceAll(values[name][n%len(values[name])], "'", "''") + "'"
			}
			insert = append(insert, value)
		}
		exec("set standard_conforming_strings = on; insert into p values (" + strings.Join(insert, ", ") + ")")
	}

	b := newBed(t, fixed(t, 1))
	if b.Catalog, err = inspect.Read(ctx, db); err != nil {
		t.Fatal(err)
	}
	b.Policy.Method, b.Policy.Subject = policy.ExpertDetermination, policy.Subject{Table: "public.p", Key: "n"}
	b.Policy.Exclude = map[string]string{"public.q": "the result"}
	for name, rule := range rules {
		rule.Type = b.Catalog.Table("public.p").Column(name).Type
		rules[name] = rule
	}
	b.Policy.Tables["public.p"] = policy.Table{Columns: rules}
	for _, f := range policy.Check(b.Policy, b.Catalog, asOf) {
		if f.Column != "" { // what a policy cannot say is kept
			rules[f.Column] = policy.Rule{Transformer: policy.Keep}
		}
	}

	w := worker(t, b.set(t), "public.p")
	var list []string
	for _, c := range append(w.table.Read, w.table.Hidden...) {
		list = append(list, pgx.Identifier{c}.Sanitize())
	}
	exec("set datestyle = 'ISO'; set timezone = 'UTC'")
	var out, in bytes.Buffer
	if _, err := db.PgConn().CopyTo(ctx, &out, "copy (select "+strings.Join(list, ", ")+" from p order by n) to stdout"); err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(out.Bytes()) {
		result, err := w.Line(nil, line)
		if err != nil {
			t.Fatal(err)
		}
		in.Write(result)
	}
	list = nil
	for _, c := range w.table.Write {
		list = append(list, c.Name)
	}
	if _, err := db.PgConn().CopyFrom(ctx, &in, "copy q ("+strings.Join(list, ", ")+") from stdin"); err != nil {
		t.Fatal(err)
	}

	moved := map[int]map[int64]string{} // by row: by how many seconds, and what did
	for _, c := range w.table.Write {
		rule := rules[c.Name].Transformer
		if rule == policy.Null {
			continue
		}
		var wrong int
		if err := db.QueryRow(ctx, "select count(*) from p join q using (n) where (q."+c.Name+" is null) <> (p."+c.Name+" is null)").Scan(&wrong); err != nil || wrong > 0 {
			t.Errorf("%s of %s: %d NULLs are wrong (%v)", rule, c.Type, wrong, err)
		}
		if rule != policy.DateShift || c.Array || familyOf(c) != dateFamily {
			continue
		}
		by, err := db.Query(ctx, strings.ReplaceAll("select n, extract(epoch from q.C::timestamptz - p.C::timestamptz)::bigint from p join q using (n) where isfinite(p.C) and p.C > '2000-01-01'", "C", c.Name))
		if err != nil {
			t.Fatal(err)
		}
		var n int
		var seconds int64
		_, err = pgx.ForEachRow(by, []any{&n, &seconds}, func() error {
			if moved[n] == nil {
				moved[n] = map[int64]string{}
			}
			moved[n][seconds] += c.Type + " "
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	types := map[string]bool{}
	for n, by := range moved {
		if len(by) != 1 {
			t.Errorf("row %d: dates move by %v", n, by)
		}
		for seconds, of := range by {
			if o := w.table.set.offsets; seconds%86400 != 0 || seconds/86400 < o.min || seconds/86400 > o.max {
				t.Errorf("%s move by %d seconds", of, seconds)
			}
			types[of] = true
		}
	}
	if len(types) < 4 {
		t.Errorf("what moved together is only %v", types)
	}
}
