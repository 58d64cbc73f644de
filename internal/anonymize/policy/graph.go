package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/catalog"
)

// Link is that a column refers to another: by a foreign key, each of whose columns is one, or as the policy declares.
type Link struct {
	Table, Column string // "schema.table"
	To, ToColumn  string
	Orphans       bool // it may refer to rows that are not there
	Declared      bool // by a foreign key
	alone         bool // of its foreign key
}

// Links is all references of a database, those of foreign keys first.
func (p *Policy) Links(c *catalog.Catalog) []Link {
	var links []Link
	for i := range c.Tables {
		t := &c.Tables[i]
		for _, f := range t.ForeignKeys {
			for n := range min(len(f.Columns), len(f.References)) {
				links = append(links, Link{Table: t.Path(), Column: f.Columns[n], To: f.Table, ToColumn: f.References[n], Declared: true, alone: len(f.Columns) == 1})
			}
		}
	}
	for _, r := range p.References {
		links = append(links, Link{Table: r.Table, Column: r.Column, To: r.To, ToColumn: r.ToCol, Orphans: r.Orphans, alone: true})
	}
	return links
}

// Hop is a step from a row to the one that it refers to.
type Hop struct {
	Column string // of the table before
	Table  string // that it refers to, "schema.table"
	Key    string // column of it that Column holds
}

// Path is the way from a row of a table to its person in the subject's table. It is empty for the subject's table itself and
// for a table whose rows are about nobody: HasSubject tells them apart.
func Path(p *Policy, c *catalog.Catalog, table string) ([]Hop, error) {
	if table == p.Subject.Table {
		if len(p.Tables[table].Subject) > 0 {
			return nil, fmt.Errorf("%s is the table of the persons: its rows are about themselves, and have no subject", table)
		}
		return nil, nil
	}
	return path(p, p.Links(c), table)
}

func path(p *Policy, links []Link, table string) ([]Hop, error) {
	columns := p.Tables[table].Subject
	if len(columns) > maxHops {
		return nil, fmt.Errorf("the way from %s to its subject has %d steps, and may have %d", table, len(columns), maxHops)
	}
	hops := make([]Hop, 0, len(columns))
	at := table
	for n, column := range columns {
		last := n == len(columns)-1
		var found []Hop
		for _, l := range links {
			if l.Table != at || l.Column != column || !l.alone || (last && (l.To != p.Subject.Table || l.ToColumn != p.Subject.Key)) {
				continue
			}
			if h := (Hop{column, l.To, l.ToColumn}); !slices.Contains(found, h) {
				found = append(found, h)
			}
		}
		switch {
		case len(found) == 1:
		case len(found) > 1:
			return nil, fmt.Errorf("%s.%s refers to several tables, so the way to the subject is not known", at, column)
		case last:
			return nil, fmt.Errorf("no reference of %s.%s leads to the subject, %s.%s; declare one in references", at, column, p.Subject.Table, p.Subject.Key)
		default:
			return nil, fmt.Errorf("%s.%s refers to nothing; declare the reference", at, column)
		}
		hops = append(hops, found[0])
		at = found[0].Table
	}
	return hops, nil
}

// maxHops bounds what an export's SELECT joins.
const maxHops = 8

// HasSubject says whether the rows of a table are about a person.
func (p *Policy) HasSubject(table string) bool {
	return p.Subject.Table != "" && (table == p.Subject.Table || len(p.Tables[table].Subject) > 0)
}

// Domain is what ids of a column are mapped in: equal ones of a domain alike, and those of two domains apart. All columns
// that refer to each other share one: it is what one of them declares, else the path of the column that all refer to.
func Domain(p *Policy, c *catalog.Catalog, table, column string) string {
	class, links := related(p.Links(c), Cell{table, column})
	for _, m := range class {
		if d := p.Tables[m.Table].Columns[m.Column].Domain; d != "" {
			return d
		}
	}
	// What refers to nothing is what the others refer to; in a circle, or with several, the first by name.
	for _, m := range class {
		if !slices.ContainsFunc(links, func(l Link) bool { return l.Table == m.Table && l.Column == m.Column }) {
			return m.String()
		}
	}
	return class[0].String()
}

// PathDomain is the domain of ids in a column of JSON, at a path that Rule.Paths names.
func PathDomain(table, column, path string, r Rule) string {
	if r.Domain != "" {
		return r.Domain
	}
	return table + "." + column + ":" + path
}

// Cell is a column of a table.
type Cell struct{ Table, Column string }

// String is "schema.table.column".
func (c Cell) String() string { return c.Table + "." + c.Column }

// related is all columns that a column refers to or is referred to by, itself among them, by name, and the links between.
func related(links []Link, from Cell) ([]Cell, []Link) {
	class, between := []Cell{from}, []Link(nil)
	for i := 0; i < len(class); i++ {
		for _, l := range links {
			a, b := Cell{l.Table, l.Column}, Cell{l.To, l.ToColumn}
			switch {
			case a == class[i]:
				between = append(between, l)
				if !slices.Contains(class, b) {
					class = append(class, b)
				}
			case b == class[i] && !slices.Contains(class, a):
				class = append(class, a)
			}
		}
	}
	slices.SortFunc(class, func(a, b Cell) int { return strings.Compare(a.String(), b.String()) })
	return class, between
}
