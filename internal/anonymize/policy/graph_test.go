package policy_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/catalog"
	. "github.com/feel-august/terraform-provider-august/internal/anonymize/policy"
)

func TestPath(t *testing.T) {
	t.Parallel()
	p, c := clinic()
	for table, want := range map[string]string{
		"clinic.patients": "[]", "clinic.log": "[]",
		"clinic.visits": "[{patient_id clinic.patients id}]",
		"clinic.lines":  "[{visit clinic.visits id} {patient_id clinic.patients id}]",
	} {
		if hops, err := Path(p, c, table); err != nil || fmt.Sprint(hops) != want {
			t.Errorf("from %s: %v, %v", table, hops, err)
		}
	}
	for table, want := range map[string]bool{"clinic.patients": true, "clinic.visits": true, "clinic.log": false, "": false} {
		if p.HasSubject(table) != want {
			t.Errorf("that %q has a subject is %t", table, !want)
		}
	}
	if (&Policy{}).HasSubject("") {
		t.Error("without a subject's table a table has a subject")
	}
	// Of several references of the last column the one to the subject counts, and the same one twice is one.
	refers(Reference{Table: "clinic.visits", Column: "patient_id", To: "clinic.lines", ToCol: "id", Orphans: true})(p, c)
	refers(Reference{Table: "clinic.visits", Column: "patient_id", To: "clinic.patients", ToCol: "id"})(p, c)
	if hops, err := Path(p, c, "clinic.lines"); err != nil || len(hops) != 2 {
		t.Errorf("%v, %v", hops, err)
	}
	// A part of a foreign key of several columns leads nowhere.
	c.Table("clinic.visits").ForeignKeys[0].Columns = []string{"patient_id", "began"}
	c.Table("clinic.visits").ForeignKeys[0].References = []string{"id", "born"}
	p.References = p.References[:1]
	if hops, err := Path(p, c, "clinic.visits"); err == nil {
		t.Errorf("%v", hops)
	}
}

func TestDomain(t *testing.T) {
	t.Parallel()
	p, c := clinic()
	for at, want := range map[Cell]string{
		{Table: "clinic.patients", Column: "id"}: "clinic.patients.id", {Table: "clinic.visits", Column: "patient_id"}: "clinic.patients.id",
		{Table: "clinic.visits", Column: "id"}: "clinic.visits.id", {Table: "clinic.lines", Column: "visit"}: "clinic.visits.id", {Table: "clinic.lines", Column: "id"}: "clinic.lines.id",
	} {
		if got := Domain(p, c, at.Table, at.Column); got != want {
			t.Errorf("the domain of %s is %s", at, got)
		}
	}
	set(p, "clinic.lines.visit", Rule{Transformer: Surrogate, Domain: "visits"})
	if a, b := Domain(p, c, "clinic.visits", "id"), Domain(p, c, "clinic.lines", "visit"); a != "visits" || b != "visits" {
		t.Errorf("one side says visits, and they are %s and %s", a, b)
	}
	// In a circle there is no first one.
	refers(Reference{Table: "clinic.patients", Column: "id", To: "clinic.visits", ToCol: "patient_id"})(p, c)
	if a, b := Domain(p, c, "clinic.visits", "patient_id"), Domain(p, c, "clinic.patients", "id"); a != "clinic.patients.id" || a != b {
		t.Errorf("in a circle they are %s and %s", a, b)
	}
	if got := PathDomain("a.b", "c", "d.e", Rule{}); got != "a.b.c:d.e" {
		t.Error(got)
	}
	if got := PathDomain("a.b", "c", "d.e", Rule{Domain: "x"}); got != "x" {
		t.Error(got)
	}
}

// Whatever refers to whatever: two columns share a domain exactly when references lead from one to the other.
func TestDomain_isWhatReferencesConnect(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 2))
		const n = 8
		c, p := &catalog.Catalog{}, &Policy{Tables: map[string]Table{}}
		group := [n]int{}
		for i := range n {
			group[i] = i
			c.Tables = append(c.Tables, table(fmt.Sprintf("s.t%d", i), []string{"id"}, "id bigint not null"))
			if random.IntN(4) == 0 {
				p.Tables[fmt.Sprintf("s.t%d", i)] = Table{Columns: map[string]Rule{"id": {Transformer: Surrogate}}}
			}
		}
		for range random.IntN(n) {
			a, b := random.IntN(n), random.IntN(n)
			if random.IntN(2) == 0 {
				refers(Reference{Table: c.Tables[a].Path(), Column: "id", To: c.Tables[b].Path(), ToCol: "id"})(p, c)
			} else {
				c.Tables[a].ForeignKeys = append(c.Tables[a].ForeignKeys, catalog.ForeignKey{Columns: []string{"id"}, Table: c.Tables[b].Path(), References: []string{"id"}})
			}
			old := group[a]
			for i := range group {
				if group[i] == old {
					group[i] = group[b]
				}
			}
		}
		random.Shuffle(len(p.References), func(i, j int) { p.References[i], p.References[j] = p.References[j], p.References[i] })
		var domains []string
		for i := range c.Tables {
			domains = append(domains, Domain(p, c, c.Tables[i].Path(), "id"))
		}
		for i := range n {
			for j := range n {
				if (domains[i] == domains[j]) != (group[i] == group[j]) {
					t.Fatalf("seed %d: domains %v of groups %v", seed, domains, group)
				}
			}
			if !slices.ContainsFunc(c.Tables, func(tb catalog.Table) bool { return tb.Path()+".id" == domains[i] }) {
				t.Fatalf("seed %d: %s is no column", seed, domains[i])
			}
		}
	}
}
