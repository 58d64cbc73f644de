package index

import (
	"context"
	"testing"

	"github.com/feel-august/terraform-provider-august/internal/advise/statement"
)

// eager is a planner that gains by each further index.
type eager struct{}

func (eager) Proof() string { return ProofHypoPG }

func (eager) Plan(_ context.Context, _ *Statement, with []Definition) (Plan, error) {
	p := Plan{Generic: 1e6}
	for range with {
		p.Generic /= 10
	}
	return p, nil
}

// Whatever the planner says: of two indexes neither begins the other, and none is there already.
func TestNeitherBeginsTheOther(t *testing.T) {
	t.Parallel()
	in := clinic(
		ran("one", statement.Scope{Predicates: []statement.Predicate{is(statement.Equal, "practice")}, Outputs: []statement.Operand{of("balance"), of("practice")}}),
		ran("two", statement.Scope{Predicates: []statement.Predicate{is(statement.Equal, "practice"), is(statement.Range, "service_date")}, Outputs: []statement.Operand{of("id")}}),
		ran("three", statement.Scope{Predicates: []statement.Predicate{is(statement.Equal, "practice"), is(statement.Equal, "appointment")}}),
		ran("four", statement.Scope{Predicates: []statement.Predicate{is(statement.Equal, "appointment"), is(statement.Range, "updated_at")}, Order: []statement.Order{{Of: of("updated_at"), Descending: true}}}),
	)
	in.Planner = eager{}
	in.Database.Tables[0].Indexes = append(in.Database.Tables[0].Indexes, there("x", "appointment", "practice"))
	advice, err := Advise(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	if len(advice.Proposals) < 3 {
		t.Errorf("%d proposals", len(advice.Proposals))
	}
	included := 0
	for i, p := range advice.Proposals {
		included += len(p.Definition.Include)
		for j, o := range advice.Proposals {
			if i != j && p.Definition.prefixOf(&o.Definition, equivalent) {
				t.Errorf("%s is the first part of %s", p.Statement, o.Statement)
			}
		}
		if x := (Definition{Schema: "public", Table: "line_items", Method: BTree, Keys: keys("appointment", "practice")}); p.Definition.within(&x, equivalent) {
			t.Errorf("%s is there", p.Statement)
		}
	}
	if included == 0 {
		t.Error("nothing is included: what is merged was not tried")
	}
}

// A second unique index is only the same when it refuses the same.
func TestUniqueIndexesAreTheSameByDefinition(t *testing.T) {
	t.Parallel()
	for definition, want := range map[string]string{"CREATE UNIQUE INDEX x ON t USING btree (practice)": Duplicate, "CREATE UNIQUE INDEX x ON t USING btree (practice) NULLS NOT DISTINCT": ""} {
		x, y := there("x", "practice"), there("a", "practice")
		x.Unique, y.Unique = true, true
		x.Definition, y.Definition = definition, "CREATE UNIQUE INDEX a ON t USING btree (practice)"
		y.Scans = 5000
		if kind, _ := with(t, x, func(in *Input) { in.Database.Tables[0].Indexes = append(in.Database.Tables[0].Indexes, y) }); kind != want {
			t.Errorf("%s: %q, want %q", definition, kind, want)
		}
	}
}

// A LEFT JOIN keeps rows of its left side whatever they are: what is compared there may be null.
func TestALeftJoinLeavesNoneOut(t *testing.T) {
	t.Parallel()
	left, right := statement.Operand{Ref: 0, Column: "doctor"}, statement.Operand{Ref: 1, Column: "practice"}
	in := clinic(ran("left", statement.Scope{Refs: []statement.Ref{{Name: "appointments"}, {Name: "line_items", Outer: true}}, Predicates: []statement.Predicate{
		{Class: statement.Equal, Of: left, With: &right}, {Class: statement.Equal, Of: right, With: &left}}}))
	reads := newCatalog(&in.Database).resolve(&in.Statements[0]).scopes[0].reads
	if reads[0].implied()["doctor IS NOT NULL"] || !reads[1].implied()["practice IS NOT NULL"] {
		t.Errorf("left %v, right %v", reads[0].implied(), reads[1].implied())
	}
}

// An index that saves hardly more than it costs is not worth the doubt.
func TestAnIndexSavesTwiceWhatItCosts(t *testing.T) {
	t.Parallel()
	near := false
	for updates := 1e3; updates < 1e10; updates *= 1.15 {
		in := clinic(ran("equal", statement.Scope{Predicates: []statement.Predicate{is(statement.Equal, "appointment")}}))
		table := &in.Database.Tables[0]
		table.Updated, table.HotUpdated, table.UpdatedColumns = updates, updates, map[string]float64{"appointment": updates}
		advice, err := Advise(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range advice.Proposals {
			if p.Saved < 2*p.Written {
				t.Errorf("saves %g and costs %g", p.Saved, p.Written)
			}
			near = near || p.Saved < 3*p.Written
		}
	}
	if !near {
		t.Error("none was near the bound")
	}
}

func TestWhichOrderAnIndexGives(t *testing.T) {
	t.Parallel()
	last := false
	in := clinic()
	for name, c := range map[string]struct {
		order []statement.Order
		given []statement.Class
		want  bool
	}{
		"as it is":                {[]statement.Order{{Of: of("practice")}, {Of: of("service_date")}}, nil, true},
		"backwards":               {[]statement.Order{{Of: of("practice"), Descending: true}, {Of: of("service_date"), Descending: true}}, nil, true},
		"both ways":               {[]statement.Order{{Of: of("practice")}, {Of: of("service_date"), Descending: true}}, nil, false},
		"the second alone":        {[]statement.Order{{Of: of("service_date")}}, nil, false},
		"of one of the first":     {[]statement.Order{{Of: of("service_date"), Descending: true}}, []statement.Class{statement.Equal}, true},
		"of several of the first": {[]statement.Order{{Of: of("service_date")}}, []statement.Class{statement.In}, false},
		"more than it has":        {[]statement.Order{{Of: of("practice")}, {Of: of("service_date")}, {Of: of("name")}}, nil, false},
		"no nulls to be last":     {[]statement.Order{{Of: of("practice"), Descending: true, NullsFirst: &last}}, nil, true},
	} {
		r := &read{table: &in.Database.Tables[0], order: c.order}
		var given []*condition
		for _, class := range c.given {
			given = append(given, &condition{class: class, of: operand{column: "practice", columns: []string{"practice"}}})
		}
		if got := (&tree{method: BTree, keys: keys("practice", "service_date")}).sorted(r, given); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
	r := &read{table: &in.Database.Tables[0], order: []statement.Order{{Of: of("deleted_at"), Descending: true, NullsFirst: &last}}}
	if (&tree{method: BTree, keys: keys("deleted_at")}).sorted(r, nil) {
		t.Error("nulls come first when it is read backwards")
	}
}

// A unique index finds one row, however many each column alone lets expect.
func TestAUniqueIndexFindsOneRow(t *testing.T) {
	t.Parallel()
	in := clinic(ran("equal", statement.Scope{Predicates: []statement.Predicate{is(statement.Equal, "practice"), is(statement.Equal, "billing_status")}}))
	d := Definition{Name: "x", Schema: "public", Table: "line_items", Method: BTree, Keys: keys("practice", "billing_status")}
	a := NewArithmetic(&in.Database)
	many, err := a.Plan(t.Context(), &in.Statements[0], []Definition{d})
	if err != nil {
		t.Fatal(err)
	}
	d.Unique = true
	one, err := a.Plan(t.Context(), &in.Statements[0], []Definition{d})
	if err != nil || one.Generic > 10 || many.Generic < 100 {
		t.Errorf("one row costs %.1f, many %.1f: %v", one.Generic, many.Generic, err)
	}
}
