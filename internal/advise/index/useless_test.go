package index

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/advise/workload"
)

// with is the practice with one more index on its line items, and what is said of that.
func with(t *testing.T, x workload.Index, change func(*Input)) (kind string, useless []Useless) {
	t.Helper()
	in := clinic()
	in.Database.Tables[0].Indexes = append(in.Database.Tables[0].Indexes, x)
	if change != nil {
		change(&in)
	}
	advice, err := Advise(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range advice.Useless {
		if u.Index == x.Name {
			kind = u.Kind
		}
	}
	return kind, advice.Useless
}

func idle(columns ...string) workload.Index {
	x := there("x", columns...)
	x.Scans, x.SinceScans = 0, 0
	return x
}

func TestAnUnusedIndexIsSparedForEachReason(t *testing.T) {
	t.Parallel()
	if kind, _ := with(t, idle("practice"), nil); kind != Unused {
		t.Fatalf("one that nobody reads is %q", kind)
	}
	for reason, spare := range map[string]func(*workload.Index, *Input){
		"primary key":          func(x *workload.Index, _ *Input) { x.Primary = true },
		"unique":               func(x *workload.Index, _ *Input) { x.Unique = true },
		"constraint":           func(x *workload.Index, _ *Input) { x.Constraint = "x" },
		"referred to":          func(x *workload.Index, _ *Input) { x.ReferredTo = true },
		"replica identity":     func(x *workload.Index, _ *Input) { x.Identity = true },
		"extension":            func(x *workload.Index, _ *Input) { x.Extension = true },
		"partition":            func(x *workload.Index, _ *Input) { x.Parent = "whole" },
		"scanned":              func(x *workload.Index, _ *Input) { x.Scans = 1 },
		"scanned before":       func(x *workload.Index, _ *Input) { x.SinceScans = 1 },
		"watched too short":    func(x *workload.Index, _ *Input) { x.Since = from.AddDate(0, 0, 5) },
		"not watched":          func(x *workload.Index, _ *Input) { x.Since = time.Time{} },
		"replicas":             func(_ *workload.Index, in *Input) { in.Database.Replicas = 1 },
		"asked to wait longer": func(_ *workload.Index, in *Input) { in.Options.UnusedDays = 365 },
		"foreign key": func(_ *workload.Index, in *Input) {
			in.Database.Tables[0].Keys = []workload.ForeignKey{{Name: "fk", Columns: []string{"practice"}, Table: "public.appointments"}}
		},
		"index of a partitioned table": func(_ *workload.Index, in *Input) {
			in.Database.Tables[1].Indexes = append(in.Database.Tables[1].Indexes, workload.Index{Schema: "public", Name: "p", Parent: "x", Valid: true, Ready: true, Method: BTree, Keys: keys("id")})
		},
	} {
		x := idle("practice")
		kind, _ := with(t, x, func(in *Input) { spare(&in.Database.Tables[0].Indexes[1], in) })
		if kind != "" {
			t.Errorf("%s: called %s", reason, kind)
		}
	}
}

func TestWhatTheSameIs(t *testing.T) {
	t.Parallel()
	base := there("kept", "practice", "service_date")
	base.Scans = 5000
	for name, c := range map[string]struct {
		change func(*workload.Index)
		want   string
	}{
		"the same":       {func(*workload.Index) {}, Duplicate},
		"the first part": {func(x *workload.Index) { x.Keys = x.Keys[:1] }, Redundant},
		"backwards": {func(x *workload.Index) {
			x.Keys = []workload.Key{{Column: "practice", Descending: true, NullsFirst: true}}
		}, Redundant},
		"the second part":        {func(x *workload.Index) { x.Keys = x.Keys[1:] }, ""},
		"another class":          {func(x *workload.Index) { x.Keys[0].Class = "int4_minmax_ops" }, ""},
		"another collation":      {func(x *workload.Index) { x.Keys[0].Collation = "C" }, ""},
		"another direction":      {func(x *workload.Index) { x.Keys[1].Descending, x.Keys[1].NullsFirst = true, true }, ""},
		"nulls elsewhere":        {func(x *workload.Index) { x.Keys[0].NullsFirst = true }, ""},
		"of some rows":           {func(x *workload.Index) { x.Where = "(billing_status = 'a'::text)" }, ""},
		"something included":     {func(x *workload.Index) { x.Include = []string{"balance"} }, ""},
		"another method":         {func(x *workload.Index) { x.Method = "hash"; x.Keys = x.Keys[:1] }, ""},
		"far smaller":            {func(x *workload.Index) { x.Keys = x.Keys[:1]; x.Bytes = base.Bytes/2 - 8192 }, ""},
		"unique":                 {func(x *workload.Index) { x.Unique = true }, ""},
		"unique, and the first":  {func(x *workload.Index) { x.Unique = true; x.Keys = x.Keys[:1] }, ""},
		"of a constraint":        {func(x *workload.Index) { x.Constraint = "c" }, ""},
		"an expression of it":    {func(x *workload.Index) { x.Keys = []workload.Key{{Expression: "(practice)"}} }, ""},
		"half built":             {func(x *workload.Index) { x.Valid = false }, Invalid},
		"being built":            {func(x *workload.Index) { x.Valid, x.Building = false, true }, ""},
		"half built, of a key":   {func(x *workload.Index) { x.Valid, x.Constraint = false, "c" }, ""},
		"the same, by the other": {func(x *workload.Index) { x.Scans = 1e6 }, ""}, // then kept goes
	} {
		x := there("x", "practice", "service_date")
		c.change(&x)
		kind, useless := with(t, x, func(in *Input) { in.Database.Tables[0].Indexes = append(in.Database.Tables[0].Indexes, base) })
		if kind != c.want {
			t.Errorf("%s: %q, want %q", name, kind, c.want)
		}
		gone := slices.ContainsFunc(useless, func(u Useless) bool { return u.Index == "kept" })
		if want := slices.Contains([]string{"the same, by the other", "of a constraint", "something included", "unique"}, name); gone != want {
			t.Errorf("%s: the other one goes: %t", name, gone)
		}
	}
}

// Literals in predicates and expressions are not to be mixed up: an index on 'A' does not do for one on 'a'.
func TestLiteralsAreNotTheSame(t *testing.T) {
	t.Parallel()
	a, b := there("x", "practice"), there("y", "practice")
	for _, pair := range [][2]string{{"(name = 'A'::text)", "(name = 'a'::text)"}, {"(name = 'a b'::text)", "(name = 'ab'::text)"}, {"((id - (1 - 2)) > 0)", "(((id - 1) - 2) > 0)"}} {
		a.Where, b.Where = pair[0], pair[1]
		if kind, _ := with(t, a, func(in *Input) { in.Database.Tables[0].Indexes = append(in.Database.Tables[0].Indexes, b) }); kind != "" {
			t.Errorf("%v: %s", pair, kind)
		}
	}
}

func TestAForeignKeyWithoutAnIndexIsFound(t *testing.T) {
	t.Parallel()
	key := workload.ForeignKey{Name: "fk", Columns: []string{"appointment"}, Table: "public.appointments", Touched: 62}
	for name, c := range map[string]struct {
		index  *workload.Index
		change func(*workload.Table)
		want   string
	}{
		"none":                    {nil, nil, "CREATE INDEX CONCURRENTLY august_line_items_appointment_idx ON public.line_items USING btree (appointment);"},
		"one":                     {ptr(there("x", "appointment", "practice")), nil, ""},
		"one that is second":      {ptr(there("x", "practice", "appointment")), nil, "august_line_items_appointment_idx"},
		"one of some rows":        {ptr(where(there("x", "appointment"), "(NOT done)")), nil, "august_line_items_appointment_idx"},
		"one of those that refer": {ptr(where(there("x", "appointment"), "(appointment IS NOT NULL)")), nil, ""},
		"few refer":               {nil, func(t *workload.Table) { t.Columns[2].NullShare = 0.9 }, "(appointment) WHERE appointment IS NOT NULL;"},
		"a small table":           {nil, func(t *workload.Table) { t.Pages = 3 }, ""},
	} {
		in := clinic()
		table := &in.Database.Tables[0]
		table.Keys = []workload.ForeignKey{key}
		if c.index != nil {
			table.Indexes = append(table.Indexes, *c.index)
		}
		if c.change != nil {
			c.change(table)
		}
		advice, err := Advise(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, u := range advice.Useless {
			if u.Kind == MissingKey {
				got = u.Statement
				if len(u.Evidence) != 1 || !strings.HasPrefix(u.Evidence[0], "2 rows of public.appointments a day") {
					t.Errorf("%s: evidence %q", name, u.Evidence)
				}
			}
		}
		if (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func ptr(x workload.Index) *workload.Index { return &x }

func where(x workload.Index, predicate string) workload.Index {
	x.Where = predicate
	return x
}
