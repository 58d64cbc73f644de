package policy

import (
	"cmp"
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
	return p.path(linked(p.Links(c)), table)
}

func (p *Policy) path(links graph, table string) ([]Hop, error) {
	if table == p.Subject.Table {
		if len(p.Tables[table].Subject) > 0 {
			return nil, fmt.Errorf("%s is the table of the persons: its rows are about themselves, and have no subject", table)
		}
		return nil, nil
	}
	columns := p.Tables[table].Subject
	if len(columns) > maxHops {
		return nil, fmt.Errorf("the way from %s to its subject has %d steps, and may have %d", table, len(columns), maxHops)
	}
	hops := make([]Hop, 0, len(columns))
	at := table
	for n, column := range columns {
		last := n == len(columns)-1
		var found []Hop
		for _, l := range links.from[Cell{at, column}] {
			if !l.alone || (last && (l.To != p.Subject.Table || l.ToColumn != p.Subject.Key)) {
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
	return p.domain(linked(p.Links(c)), Cell{table, column})
}

func (p *Policy) domain(links graph, of Cell) string {
	class := links.related(of)
	for _, m := range class {
		if d := p.Tables[m.Table].Columns[m.Column].Domain; d != "" {
			return d
		}
	}
	// What refers to nothing is what the others refer to; in a circle, or with several, the first by name.
	for _, m := range class {
		if len(links.from[m]) == 0 {
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

// graph is references by the columns that have them.
type graph struct {
	all      []Link
	from, to map[Cell][]Link
	of       map[string][]Link // by the table that has them
}

func linked(links []Link) graph {
	g := graph{all: links, from: map[Cell][]Link{}, to: map[Cell][]Link{}, of: map[string][]Link{}}
	for _, l := range links {
		from, to := Cell{l.Table, l.Column}, Cell{l.To, l.ToColumn}
		g.from[from] = append(g.from[from], l)
		g.to[to] = append(g.to[to], l)
		g.of[l.Table] = append(g.of[l.Table], l)
	}
	return g
}

// related is all columns that a column refers to or is referred to by, in however many steps, itself among them, by name.
func (g graph) related(to Cell) []Cell {
	class, seen := []Cell{to}, map[Cell]bool{to: true}
	for i := 0; i < len(class); i++ {
		next := func(m Cell) {
			if !seen[m] {
				seen[m] = true
				class = append(class, m)
			}
		}
		for _, l := range g.from[class[i]] {
			next(Cell{l.To, l.ToColumn})
		}
		for _, l := range g.to[class[i]] {
			next(Cell{l.Table, l.Column})
		}
	}
	slices.SortFunc(class, func(a, b Cell) int {
		return cmp.Or(strings.Compare(a.Table, b.Table), strings.Compare(a.Column, b.Column))
	})
	return class
}
