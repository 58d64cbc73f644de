package policy

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/catalog"
)

// Finding is why a policy cannot be used for a database. It holds no value of any row.
type Finding struct {
	Table      string `json:"table,omitempty"`     // "schema.table"; empty: it is about the policy as a whole
	Column     string `json:"column,omitempty"`    //
	Attribute  string `json:"attribute,omitempty"` // of the policy, the table or the column's rule that is at fault: "attestation.expires", "subject", "transformer", ..
	Problem    string `json:"problem"`             // and what to do
	Suggestion *Rule  `json:"suggestion,omitempty"`
}

// String is the finding in a line.
func (f Finding) String() string {
	at := f.Table
	if f.Column != "" {
		at += "." + f.Column
	}
	if f.Attribute != "" {
		at += " (" + f.Attribute + ")"
	}
	return strings.TrimSpace(at) + ": " + f.Problem
}

// Check says all that keeps a policy from being used for a database. A run, or a plan, may begin only when it says nothing.
func Check(p *Policy, c *catalog.Catalog, now time.Time) []Finding {
	k := newChecker(p, c)
	k.document(now)
	k.tables()
	k.references()
	k.domains()
	k.subset()
	k.quasi()
	return k.sorted(append(k.found, Eligible(p, c)...))
}

// checker collects what is wrong.
type checker struct {
	p     *Policy
	c     *catalog.Catalog
	links graph
	keys  map[Cell]bool // columns of primary keys, unique indexes and references
	found []Finding
}

func newChecker(p *Policy, c *catalog.Catalog) *checker {
	k := &checker{p: p, c: c, links: linked(p.Links(c)), keys: map[Cell]bool{}}
	for i := range c.Tables {
		t := &c.Tables[i]
		for _, key := range append([][]string{t.PrimaryKey}, t.Uniques...) {
			for _, column := range key {
				k.keys[Cell{t.Path(), column}] = true
			}
		}
	}
	for _, l := range k.links.all {
		k.keys[Cell{l.Table, l.Column}], k.keys[Cell{l.To, l.ToColumn}] = true, true
	}
	return k
}

func (k *checker) whole(attribute, problem string, args ...any) {
	k.found = append(k.found, Finding{Attribute: attribute, Problem: fmt.Sprintf(problem, args...)})
}

func (k *checker) table(table, attribute, problem string, args ...any) {
	k.found = append(k.found, Finding{Table: table, Attribute: attribute, Problem: fmt.Sprintf(problem, args...)})
}

func (k *checker) column(at Cell, attribute, problem string, args ...any) {
	k.found = append(k.found, Finding{Table: at.Table, Column: at.Column, Attribute: attribute, Problem: fmt.Sprintf(problem, args...)})
}

func (k *checker) sorted(found []Finding) []Finding {
	slices.SortFunc(found, func(a, b Finding) int {
		return cmp.Or(strings.Compare(a.Table, b.Table), strings.Compare(a.Column, b.Column), strings.Compare(a.Attribute, b.Attribute), strings.Compare(a.Problem, b.Problem))
	})
	return slices.CompactFunc(found, func(a, b Finding) bool {
		return a.Table == b.Table && a.Column == b.Column && a.Attribute == b.Attribute && a.Problem == b.Problem
	})
}

// Excluded says why a table is left out, if it is. What a partition has is its table's, which may be a partition too.
func (p *Policy) Excluded(c *catalog.Catalog, t *catalog.Table) (reason string, out bool) {
	for range len(c.Tables) {
		if reason, out = p.Exclude[t.Path()]; out {
			return reason, true
		}
		if reason, out = p.Exclude[t.Schema+".*"]; out {
			return reason, true
		}
		if t = c.Table(t.Parent); t == nil {
			break
		}
	}
	return "", false
}

// tables holds each table of the database against the policy, and each of the policy against the database.
func (k *checker) tables() {
	paths := map[string]int{}
	for i := range k.c.Tables {
		t := &k.c.Tables[i]
		if paths[t.Path()]++; paths[t.Path()] > 1 {
			k.table(t.Path(), "tables", "two tables have this name, for a schema or a table has a dot in its own: rename one, or a rule for one would let the other pass")
		}
		k.presence(t)
	}
	for _, path := range slices.Sorted(maps.Keys(k.p.Tables)) {
		t := k.c.Table(path)
		if t == nil {
			k.table(path, "tables", "the database has no such table: it was renamed or removed, so the policy was made for another database; remove it, or name the new one")
			continue
		}
		for _, column := range slices.Sorted(maps.Keys(k.p.Tables[path].Columns)) {
			if t.Column(column) == nil {
				k.column(Cell{path, column}, "columns", "the table has no such column: it was renamed or removed; remove the rule")
			}
		}
	}
	for _, pattern := range slices.Sorted(maps.Keys(k.p.Exclude)) {
		at := fmt.Sprintf("exclude[%q]", pattern)
		schema, name, dotted := strings.Cut(pattern, ".")
		if !dotted || schema == "" || name == "" || strings.Contains(schema, "*") || (name != "*" && strings.Contains(name, "*")) {
			k.whole(at, "it excludes nothing: write schema.table, or schema.* for all of a schema")
		}
		if strings.TrimSpace(k.p.Exclude[pattern]) == "" {
			k.whole(at, "say why it is left out")
		}
	}
}

// presence says whether the policy speaks of a table as it has to, and of each of its columns.
func (k *checker) presence(t *catalog.Table) {
	path := t.Path()
	rules, listed := k.p.Tables[path]
	_, out := k.p.Excluded(k.c, t)
	parent := k.c.Table(t.Parent)
	switch {
	case listed && out:
		k.table(path, "exclude", "the policy has rules for it and excludes it: take one away")
		return
	case listed && t.Kind != catalog.KindTable && t.Kind != catalog.KindPartitioned:
		k.table(path, "tables", "it is a %s, of which no rows are taken: %s", strings.ReplaceAll(string(t.Kind), "_", " "), instead(t))
		return
	case t.Kind == catalog.KindForeignTable && parent != nil && !out:
		k.table(path, "tables", "it is a foreign table and a part of %s: rows of another database would come with it; detach it, or exclude %s", t.Parent, t.Parent)
		return
	case t.Kind == catalog.KindPartition:
		k.partition(t, parent)
		return
	case out || t.Kind == catalog.KindView:
		return
	case !listed:
		k.table(path, "tables", "the policy does not name it: %s", instead(t))
		return
	}
	for i := range t.Columns {
		col := &t.Columns[i]
		rule, named := rules.Columns[col.Name]
		if !named {
			suggestion, class := suggest(col, k.keys[Cell{path, col.Name}])
			k.found = append(k.found, Finding{Table: path, Column: col.Name, Attribute: "columns", Suggestion: &suggestion,
				Problem: fmt.Sprintf("the policy has no rule for it (%s%s): %s would do", col.Type, called(class), suggestion.Transformer)})
			continue
		}
		k.rule(t, col, rule)
	}
	k.uniques(t, rules)
	k.person(t, rules)
}

func called(class string) string {
	if class == "" {
		return ""
	}
	return "; seems to hold " + Classes[class]
}

func instead(t *catalog.Table) string {
	switch t.Kind {
	case catalog.KindMaterializedView, catalog.KindForeignTable:
		return "put it into exclude, with a reason"
	case catalog.KindView:
		return "leave it out; staging has its own"
	case catalog.KindPartition:
		return "its rows come with " + t.Parent
	default:
		return "give each of its columns a rule, or put it into exclude, with a reason"
	}
}

// partition holds a part of a table to the columns of the whole: by inheritance it may have more, which have no rules.
func (k *checker) partition(t, parent *catalog.Table) {
	if parent == nil {
		if _, out := k.p.Excluded(k.c, t); !out {
			k.table(t.Path(), "tables", "it is a part of a table that is not known, %s: put it into exclude, with a reason", t.Parent)
		}
		return
	}
	if _, out := k.p.Excluded(k.c, parent); out {
		return
	}
	if _, out := k.p.Excluded(k.c, t); out {
		k.table(t.Path(), "exclude", "its rows are those of %s, which is not excluded: exclude that, or detach it", t.Parent)
		return
	}
	for _, col := range t.Columns {
		if of := parent.Column(col.Name); of == nil || of.Type != col.Type {
			k.column(Cell{t.Path(), col.Name}, "columns", "%s, whose rows these are, has no such column of this type, so there is no rule for it: drop it, or end the inheritance", t.Parent)
		}
	}
	// An index may be the part's own.
	for root := parent; root != nil; root = k.c.Table(root.Parent) {
		if rules, listed := k.p.Tables[root.Path()]; listed {
			k.uniques(t, rules)
			break
		}
	}
}
