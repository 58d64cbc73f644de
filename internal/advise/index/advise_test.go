package index

import (
	"slices"
	"strings"
	"testing"

	"github.com/feel-august/terraform-provider-august/internal/advise/statement"
)

// Each query alone, with the index that is right for it: those of a practice that were measured on a real server before any of this
// was written, and others of each class of condition.
func TestEachQueryGetsTheRightIndex(t *testing.T) {
	lower := statement.Operand{Expression: "lower(name)", Columns: []string{"name"}}
	denied := statement.Operand{Expression: "raw ->> 'denied'", Columns: []string{"raw"}}
	for _, c := range []struct {
		name  string
		scope statement.Scope
		want  string // what follows USING; "" for none
	}{
		{"equal", statement.Scope{Predicates: []statement.Predicate{is(statement.Equal, "appointment")}}, "btree (appointment)"},
		{"equal, one column more that is read", statement.Scope{Predicates: []statement.Predicate{is(statement.Equal, "appointment")}, Outputs: []statement.Operand{of("balance")}}, "btree (appointment)"},
		{"in", statement.Scope{Predicates: []statement.Predicate{is(statement.In, "appointment")}}, "btree (appointment)"},
		{"equal, equal, range", statement.Scope{Predicates: []statement.Predicate{is(statement.Equal, "practice"), is(statement.Equal, "billing_status"), is(statement.Range, "service_date")}}, "btree (practice, billing_status, service_date)"},
		{"the same, id alone is read", statement.Scope{Predicates: []statement.Predicate{is(statement.Equal, "practice"), is(statement.Equal, "billing_status"), is(statement.Range, "service_date")}, Outputs: []statement.Operand{of("id")}}, "btree (practice, billing_status, service_date) INCLUDE (id)"},
		{"rare and range", statement.Scope{Predicates: []statement.Predicate{is(statement.NotNull, "deleted_at"), is(statement.Range, "updated_at")}}, "btree (updated_at) WHERE deleted_at IS NOT NULL"},
		{"a queue", statement.Scope{Predicates: []statement.Predicate{is(statement.False, "done")}, Order: []statement.Order{{Of: of("created_at")}}, Limit: true}, "btree (created_at) WHERE NOT done"},
		{"order and limit", statement.Scope{Predicates: []statement.Predicate{is(statement.Equal, "practice")}, Order: []statement.Order{{Of: of("service_date"), Descending: true}}, Limit: true}, "btree (practice, service_date)"},
		{"order of two directions", statement.Scope{Order: []statement.Order{{Of: of("service_date"), Descending: true}, {Of: of("updated_at")}}, Limit: true}, "btree (service_date DESC, updated_at)"},
		{"lower", statement.Scope{Predicates: []statement.Predicate{{Class: statement.Equal, Of: lower}}}, "btree ((lower(name)))"},
		{"json key", statement.Scope{Predicates: []statement.Predicate{{Class: statement.Equal, Of: denied}}}, "btree ((raw ->> 'denied'))"},
		{"like", statement.Scope{Predicates: []statement.Predicate{is(statement.Like, "name")}}, "btree (name text_pattern_ops)"},
		{"contains", statement.Scope{Predicates: []statement.Predicate{is(statement.Contains, "raw")}}, "gin (raw jsonb_path_ops)"},
		{"has key", statement.Scope{Predicates: []statement.Predicate{is(statement.HasKey, "raw")}}, "gin (raw)"},
		{"primary key", statement.Scope{Predicates: []statement.Predicate{is(statement.Equal, "id")}}, ""},
		{"half of the table", statement.Scope{Predicates: []statement.Predicate{is(statement.True, "done")}}, ""},
		{"all of it", statement.Scope{}, ""},
		{"an expression of a parameter", statement.Scope{Predicates: []statement.Predicate{{Class: statement.Equal, Of: statement.Operand{Expression: "raw ->> $1", Columns: []string{"raw"}}}}}, ""},
		{"by the time zone that is set", statement.Scope{Predicates: []statement.Predicate{{Class: statement.Equal, Of: statement.Operand{Expression: "date_trunc('day', updated_at)", Columns: []string{"updated_at"}}}}}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			advice, err := Advise(t.Context(), clinic(ran("q", c.scope)))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, p := range advice.Proposals {
				_, using, _ := strings.Cut(strings.TrimSuffix(p.Statement, ";"), "USING ")
				got = append(got, using)
			}
			var want []string
			if c.want != "" {
				want = []string{c.want}
			}
			if !slices.Equal(got, want) {
				t.Errorf("proposed %q, want %q", got, want)
			}
		})
	}
}
