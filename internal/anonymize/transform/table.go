package transform

import (
	"errors"
	"regexp"
	"sync/atomic"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/catalog"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/policy"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/redact"
)

// Table is what becomes of one table.
type Table struct {
	Path   string
	Read   []string         // columns to read of it, in this order
	Hidden []string         // columns of the subject's table to read beside, behind those of Read, its key first; none: no join is needed
	Write  []catalog.Column // columns of the result, in the order of its lines

	set       *Set
	columns   []column // as Write
	documents []document
	key       []keyField // the primary key
	own       []ownColumn
	death     int // field that says when the row's person died; -1: none
	nobodies  atomic.Uint64
}

// keyField is a part of a primary key.
type keyField struct {
	in     int
	domain *domain // nil: it is not mapped
}

// document is a column of JSON.
type document struct {
	paths *redact.Document
	rules []column
}

// Error is a cell that could not be transformed.
type Error struct {
	Table, Column, Problem string
}

func (e *Error) Error() string { return e.Table + "." + e.Column + ": " + e.Problem }

// dies is what columns are named that say when somebody died.
var dies = regexp.MustCompile(`(?i)death|deceased|died`)

// compile holds a table's rules against its columns.
func (s *Set) compile(t *catalog.Table, rules policy.Table) (*Table, error) {
	out := &Table{Path: t.Path(), set: s, death: -1}
	var problems []error
	fail := func(column, problem string) {
		problems = append(problems, &Error{out.Path, column, problem})
	}
	for name := range rules.Columns {
		if t.Column(name) == nil {
			fail(name, "the table has no such column")
		}
	}
	var needs needs
	fields := map[string]int{}
	for _, c := range t.Columns {
		rule, ok := rules.Columns[c.Name]
		switch {
		case !ok:
			fail(c.Name, "the policy has no rule for the column")
			continue
		case c.Generated || rule.Transformer == policy.Derived:
			continue
		}
		col, err := s.column(out, c, rule)
		if err != nil {
			fail(c.Name, err.Error())
			continue
		}
		if col.reads {
			col.in = len(out.Read)
			fields[c.Name] = col.in
			out.Read = append(out.Read, c.Name)
			if out.Path == s.cfg.Policy.Subject.Table && familyOf(c) == dateFamily && !c.Array && dies.MatchString(c.Name) {
				out.death = col.in
			}
		}
		needs.add(rule)
		out.Write = append(out.Write, c)
		out.columns = append(out.columns, col)
	}
	for _, name := range t.PrimaryKey {
		in, read := fields[name]
		if !read {
			continue
		}
		k := keyField{in: in}
		if coded(rules.Columns[name]) {
			k.domain = s.domains[policy.Domain(s.cfg.Policy, s.cfg.Catalog, out.Path, name)]
		}
		out.key = append(out.key, k)
	}
	if s.cfg.Policy.HasSubject(out.Path) && (needs.person || needs.own) {
		out.Hidden = s.hidden[:1:1]
		if needs.own {
			out.Hidden, out.own = s.hidden, s.own
		}
	}
	return out, errors.Join(problems...)
}

// needs is what rules have to know of a row's person.
type needs struct{ person, own bool }

func (n *needs) add(rule policy.Rule) {
	switch rule.Transformer {
	case policy.Name, policy.Email, policy.Phone, policy.SSN, policy.Street, policy.City, policy.DateShift, policy.URL, policy.IP:
		n.person = true
	case policy.Text:
		n.own = true
	}
	for _, inner := range rule.Paths {
		n.add(inner)
	}
}
