package index

import (
	"math"
	"strings"
	"testing"

	"github.com/feel-august/terraform-provider-august/internal/advise/statement"
	"github.com/feel-august/terraform-provider-august/internal/advise/workload"
)

// What a statement finds tells of conditions that statistics say nothing of; but not what a sum or the first few rows are.
func TestRowsTellWhatStatisticsDoNot(t *testing.T) {
	db := &workload.Database{Tables: []workload.Table{{Schema: "public", Name: "notes", Rows: 100_000, Pages: 2000, Columns: []workload.Column{
		{Name: "labels", Base: "_text"}, {Name: "kind", Base: "int4", Distinct: 10}}}}}
	overlaps := statement.Predicate{Class: statement.Overlaps, Of: statement.Operand{Column: "labels"}, Param: 1}
	kind := statement.Predicate{Class: statement.Equal, Of: statement.Operand{Column: "kind"}, Param: 2}
	of := func(rows float64, limit bool, with ...statement.Predicate) *read {
		s := &Statement{Statement: workload.Statement{Calls: 100, Rows: rows}, Shape: &statement.Shape{Kind: statement.Select, Scopes: []statement.Scope{
			{Parent: -1, Refs: []statement.Ref{{Name: "notes"}}, Predicates: with, Limit: limit}}}}
		return newCatalog(db).resolve(s).scopes[0].reads[0]
	}
	literal := literalDraws()[0]
	for what, c := range map[string]struct {
		r    *read
		d    draw
		want float64
	}{
		"seven rows a call":                {of(700, false, overlaps), literal, 7e-5},
		"a tenth of them by the other one": {of(700, false, overlaps, kind), literal, 7e-4},
		"nothing is known of the values":   {of(700, false, overlaps), genericDraw, unknownMatching},
		"one row a call may be a sum":      {of(100, false, overlaps), literal, unknownMatching},
		"the first few":                    {of(700, true, overlaps), literal, unknownMatching},
	} {
		if got := c.d.share(c.r, &c.r.conditions[0], false); math.Abs(got-c.want) > 1e-9 {
			t.Errorf("%s: %g, want %g", what, got, c.want)
		}
	}
}

// A statement that reads all of a table gains by an index that another one asks for, if only for its size; it is not said to look for
// what that index is by.
func TestReasonsTellWhoLooks(t *testing.T) {
	recent := ran("recent", statement.Scope{Predicates: []statement.Predicate{is(statement.Null, "deleted_at"), is(statement.Range, "service_date")}, Outputs: []statement.Operand{of("id")}})
	count := ran("count", statement.Scope{Predicates: []statement.Predicate{is(statement.Null, "deleted_at")}, Outputs: []statement.Operand{}})
	for n, all := range [][]Statement{{recent}, {recent, count}} {
		advice, err := Advise(t.Context(), clinic(all...))
		if err != nil {
			t.Fatal(err)
		}
		const only = "; 1 of them looks for none of it, and reads all of the index, which is smaller than the table"
		if len(advice.Proposals) != 1 || strings.Contains(advice.Proposals[0].Reason, only) != (n == 1) {
			t.Errorf("%d statements: %+v", n+1, advice.Proposals)
		}
	}
}
