package policy_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/catalog"
	. "github.com/feel-august/terraform-provider-august/internal/anonymize/policy"
)

var (
	someNames = []string{"id", "patient", "patient_id", "visit", "name", "first_name", "email", "phone", "born", "created_at", "note", "status", "n", "amount", "zip", "city", "photo", "payload", "ip", "mrn", "ssn", "code", "Weird-Name", "age", "url", "tags", "x"}
	someTypes = []string{"bigint", "integer", "smallint", "text", "character varying(12)", "character varying(60)", "date", "timestamp with time zone", "uuid", "boolean", "numeric(9,2)", "numeric",
		"double precision", "json", "jsonb", "bytea", "inet", "interval", "tsvector", "xml", "mood", "pair", "daterange", "text[]", "bigint[]", "pair[]"}
	// plain is the types that may be kept without a word.
	plain = []string{"integer", "smallint", "boolean", "numeric(9,2)", "double precision", "mood"}
)

// database is one that somebody might have.
func (m maker) database() *catalog.Catalog {
	c := &catalog.Catalog{}
	tables := []string{"a.patients", "a.visits", "a.lines", "b.log", "b.codes", "b.visit"}
	if m.IntN(8) == 0 {
		tables = tables[1:]
	}
	for _, path := range tables {
		t := table(path, nil)
		for range m.IntN(7) {
			name := someNames[m.IntN(len(someNames))]
			if words := name + " " + someTypes[m.IntN(len(someTypes))]; t.Column(name) == nil {
				added := col(words)
				added.NotNull, added.Generated = m.IntN(3) == 0, m.IntN(12) == 0
				t.Columns = append(t.Columns, added)
			}
		}
		if m.IntN(5) > 0 {
			of := []string{"bigint", "integer", "uuid", "text"}[m.IntN(4)]
			if t.Column("id") == nil {
				t.Columns = append(t.Columns, col("id "+of+" not null"))
			} else {
				retype(&catalog.Catalog{Tables: []catalog.Table{t}}, path, "id "+of+" not null")
			}
			t.PrimaryKey = []string{"id"}
		}
		if len(t.Columns) > 0 && m.IntN(4) == 0 {
			t.Uniques = append(t.Uniques, []string{t.Columns[m.IntN(len(t.Columns))].Name})
		}
		switch m.IntN(12) {
		case 0:
			t.Kind = catalog.KindMaterializedView
		case 1:
			t.Kind = catalog.KindForeignTable
		case 2:
			t.Kind = catalog.KindView
		case 3:
			t.Kind = catalog.KindPartitioned
		}
		c.Tables = append(c.Tables, t)
	}
	for i := range c.Tables {
		t := &c.Tables[i]
		to := &c.Tables[m.IntN(len(c.Tables))]
		for _, col := range t.Columns {
			if len(to.PrimaryKey) == 1 && !col.Generated && !col.Array && col.Type == to.Column(to.PrimaryKey[0]).Type && m.IntN(3) == 0 {
				t.ForeignKeys = append(t.ForeignKeys, catalog.ForeignKey{Columns: []string{col.Name}, Table: to.Path(), References: to.PrimaryKey})
				break
			}
		}
	}
	return c
}

// A starter is closed for whatever database there is. What it leaves to a person is the attestation, who the persons are when no
// table is named after them, and what cannot be both unique and anonymous.
func TestStarter(t *testing.T) {
	t.Parallel()
	for seed := range uint64(30) {
		m := maker{rand.New(rand.NewPCG(seed, 3))}
		c := m.database()
		for _, method := range []Method{SafeHarbor, ExpertDetermination} {
			p := Starter(c, method)
			p.Attestation = Attestation{By: "privacy officer", ID: "ED-7", Expires: "2026-12-31"}
			good := Check(p, c, now)
			for _, f := range good {
				if strings.HasPrefix(f.Attribute, "subject") && p.Subject == (Subject{}) {
					continue
				}
				if !strings.Contains(f.Problem, "does not keep values apart") && !strings.Contains(f.Problem, "left out and will be empty") {
					t.Errorf("seed %d, %s: %s", seed, method, f)
				}
			}
			if len(good) == 0 {
				transformable(t, p, c)
			}
			if string(Starter(c, method).Canonical()) != string(p.Canonical()) {
				q := Starter(c, method)
				q.Attestation = p.Attestation
				if q.Hash() != p.Hash() {
					t.Errorf("seed %d: two starters differ", seed)
				}
			}
			for path, rules := range p.Tables {
				for _, column := range slices.Sorted(maps.Keys(rules.Columns)) {
					r := rules.Columns[column]
					of := *c.Table(path).Column(column)

					delete(rules.Columns, column)
					if !at(Check(p, c, now), path, column) {
						t.Errorf("seed %d: %s.%s has no rule, and nobody says so", seed, path, column)
					}

					rules.Columns[column] = Rule{Transformer: Keep}
					if ok := slices.Contains(plain, of.Type) && ClassOf(&of) == "" || of.Generated; !ok && !at(Check(p, c, now), path, column) {
						t.Errorf("seed %d: %s.%s %s is kept, and nobody says so", seed, path, column, of.Type)
					}

					// Whatever the column becomes: what would pass is told.
					rules.Columns[column] = r
					became := someTypes[m.IntN(len(someTypes))]
					changed := col("x " + became)
					changed.Name, changed.Generated = of.Name, of.Generated
					*c.Table(path).Column(column) = changed
					if r.Transformer == Keep && !slices.Contains(plain, became) && !of.Generated && !at(Check(p, c, now), path, column) {
						t.Errorf("seed %d: %s.%s became %s and is kept, and nobody says so", seed, path, column, became)
					}
					*c.Table(path).Column(column) = of
				}
			}
			if again := Check(p, c, now); lines(again) != lines(good) {
				t.Fatalf("seed %d: the test has left something changed", seed)
			}
		}
	}
}

func at(found []Finding, table, column string) bool {
	return slices.ContainsFunc(found, func(f Finding) bool { return f.Table == table && f.Column == column })
}

func TestStarter_findsItsWay(t *testing.T) {
	t.Parallel()
	_, c := clinic()
	add(nil, c, "clinic.lines", "patient bigint")
	add(nil, c, "clinic.log", "visit_id uuid")
	p := Starter(c, SafeHarbor)
	if p.Subject != (Subject{"clinic.patients", "id"}) || fmt.Sprint(p.Tables["clinic.lines"].Subject, p.Tables["clinic.log"].Subject, p.Tables["clinic.visits"].Subject) != "[patient] [visit_id patient_id] [patient_id]" {
		t.Errorf("the subject is %v, and ways there are %v", p.Subject, p.Tables)
	}
	if fmt.Sprint(p.References) != "[{clinic.lines patient clinic.patients id true} {clinic.lines visit clinic.visits id true} {clinic.log visit_id clinic.visits id true}]" {
		t.Errorf("references are %v", p.References)
	}
	if len(p.Exclude) != 2 || len(p.Tables) != 6 || p.Tables["clinic.log_2026"].Columns != nil {
		t.Errorf("left out are %v", p.Exclude)
	}
	if fmt.Sprint(p.Quasi) != "[{clinic.patients [zip] 0 }]" {
		t.Errorf("quasi-identifiers are %v", p.Quasi)
	}
	if e := Starter(c, ExpertDetermination); e.Tables["clinic.visits"].Columns["began"].Transformer != DateShift || e.Shift == (Shift{}) {
		t.Error("an expert's dates do not move")
	}
	// What one run has written to everybody's rows would tell by how many days each moves.
	add(nil, c, "clinic.visits", "synced_at timestamp with time zone")
	c.Tables = append(c.Tables, table("billing.mismatch", []string{"key"}, "key text not null", "patient bigint", "since timestamp with time zone", "posted_on date"))
	c.SchemaVersion = 1
	e := Starter(c, ExpertDetermination)
	for column, want := range map[string]string{"clinic.visits.synced_at": Year, "billing.mismatch.since": Year, "billing.mismatch.posted_on": DateShift} {
		if i := strings.LastIndexByte(column, '.'); e.Tables[column[:i]].Columns[column[i+1:]].Transformer != want {
			t.Errorf("%s becomes %+v, not %s", column, e.Tables[column[:i]].Columns[column[i+1:]], want)
		}
	}
}
