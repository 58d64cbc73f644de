package index

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/advise/statement"
)

// server is a planner that can't suppose some methods, nor plan some statements.
type server struct {
	*Arithmetic
	cannot string // method
	refuse string // id of a statement
	asked  [][]Definition
}

func (s *server) Proof() string { return ProofHypoPG }

func (s *server) Plan(ctx context.Context, of *Statement, with []Definition) (Plan, error) {
	s.asked = append(s.asked, with)
	if of.ID == s.refuse {
		return Plan{}, errors.New("permission denied")
	}
	if slices.ContainsFunc(with, func(d Definition) bool { return d.Method == s.cannot }) {
		return Plan{}, fmt.Errorf("%w: %s", ErrUnsupported, s.cannot)
	}
	return s.Arithmetic.Plan(ctx, of, with)
}

func both() Input {
	return clinic(
		ran("contains", statement.Scope{Predicates: []statement.Predicate{is(statement.Contains, "raw")}}),
		ran("equal", statement.Scope{Predicates: []statement.Predicate{is(statement.Equal, "appointment")}}),
		ran("either", statement.Scope{Predicates: []statement.Predicate{is(statement.Contains, "raw"), is(statement.Equal, "appointment")}}),
	)
}

// What PostgreSQL cannot suppose is shown by arithmetic, and said to be; the rest is shown by PostgreSQL.
func TestWhatThePlannerCannotSupposeIsReckoned(t *testing.T) {
	t.Parallel()
	in := both()
	s := &server{Arithmetic: NewArithmetic(&in.Database), cannot: GIN}
	in.Planner = s
	advice, err := Advise(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	proofs := map[string]string{}
	for _, p := range advice.Proposals {
		proofs[p.Definition.Method] = p.Proof
	}
	if len(advice.Proposals) != 2 || proofs[BTree] != ProofHypoPG || proofs[GIN] != ProofArithmetic || advice.Proof != ProofHypoPG {
		t.Errorf("%d proposals, proofs %v of %s", len(advice.Proposals), proofs, advice.Proof)
	}
	n := 0
	for _, with := range s.asked {
		if slices.ContainsFunc(with, func(d Definition) bool { return d.Method == GIN }) {
			n++
		}
	}
	if n > 3 { // each kind of key once
		t.Errorf("was asked for GIN %d times", n)
	}
}

func TestWhatCannotBePlannedIsCounted(t *testing.T) {
	t.Parallel()
	in := both()
	in.Statements[0].Shape.Kind = statement.Utility
	in.Statements = append(in.Statements, ran("elsewhere", statement.Scope{Refs: []statement.Ref{{Name: "nowhere"}}}))
	in.Planner = &server{Arithmetic: NewArithmetic(&in.Database), refuse: "equal"}
	in.Unread = []Unread{{Reason: "permission denied", Statements: 2, Seconds: 100}}
	advice, err := Advise(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]Unread{}
	for _, u := range advice.Unread {
		got[u.Reason] = u
	}
	if got["permission denied"].Statements != 3 || got["permission denied"].Seconds != 700 || got[errNoTable.Error()].Statements != 1 || got[errUtility.Error()].Statements != 1 || len(got) != 3 {
		t.Errorf("unread: %+v", advice.Unread)
	}
	if advice.Read != 1 || advice.Seconds != 2500 {
		t.Errorf("%d read of %g seconds", advice.Read, advice.Seconds)
	}
}

// over is a context whose time is nearly over.
type over struct{ context.Context }

func (over) Deadline() (time.Time, bool) { return time.Now().Add(-time.Second), true }

func TestAdviceWithoutTimeSaysSo(t *testing.T) {
	t.Parallel()
	advice, err := Advise(over{t.Context()}, both())
	if err != nil {
		t.Fatal(err)
	}
	if len(advice.Proposals) != 0 || len(advice.Unread) != 1 || advice.Unread[0].Statements != 3 || !strings.Contains(strings.Join(advice.Notes, "\n"), "no time left") {
		t.Errorf("%+v, notes %q", advice.Unread, advice.Notes)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Advise(ctx, both()); !errors.Is(err, context.Canceled) {
		t.Errorf("given up: %v", err)
	}
}

// One index for two statements: whoever comes second makes the first one longer.
func TestTwoThatBeginAlikeAreOne(t *testing.T) {
	t.Parallel()
	in := clinic(
		ran("short", statement.Scope{Predicates: []statement.Predicate{is(statement.Equal, "appointment")}}),
		ran("long", statement.Scope{Predicates: []statement.Predicate{is(statement.Equal, "billing_status"), is(statement.Equal, "practice"), is(statement.Range, "service_date")}}),
		ran("longer", statement.Scope{Predicates: []statement.Predicate{is(statement.Equal, "practice")}, Order: []statement.Order{{Of: of("service_date")}}, Limit: true}),
	)
	advice, err := Advise(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range advice.Proposals {
		for j, o := range advice.Proposals {
			if i != j && p.Definition.prefixOf(&o.Definition, equivalent) {
				t.Errorf("%s and %s", p.Statement, o.Statement)
			}
		}
	}
	if len(advice.Proposals) < 2 || len(advice.Proposals) > 3 {
		t.Errorf("%d proposals", len(advice.Proposals))
	}
}

// A write that no longer can be HOT is paid for: where there are many, the index is not proposed.
func TestWritesArePriced(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		updates float64
		column  string
		want    int
	}{
		"few updates": {1000, "appointment", 1}, "of another column": {1e9, "balance", 1}, "far more than it is looked for": {1e9, "appointment", 0},
	} {
		in := clinic(ran("equal", statement.Scope{Predicates: []statement.Predicate{is(statement.Equal, "appointment")}}))
		table := &in.Database.Tables[0]
		table.Updated, table.HotUpdated = c.updates, c.updates
		table.UpdatedColumns = map[string]float64{c.column: c.updates}
		advice, err := Advise(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		if len(advice.Proposals) != c.want {
			t.Errorf("%s: %d proposals", name, len(advice.Proposals))
			continue
		}
		if c.want == 1 && slices.ContainsFunc(advice.Proposals[0].Warnings, func(w string) bool { return strings.Contains(w, "HOT") }) != (c.column == "appointment") {
			t.Errorf("%s: warnings %q", name, advice.Proposals[0].Warnings)
		}
	}
}
