// Package transform turns rows of production into rows of staging: for each column what the policy says, a line of COPY's
// text format in, a line out. It fails closed: what no rule names is refused when the set is made, before a row is read, and
// its errors name tables and columns, never a value. It is pure: no I/O.
package transform

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/catalog"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/policy"
)

// Config is what a set is made of.
type Config struct {
	Policy  *policy.Policy
	Catalog *catalog.Catalog
	Keys    *Keys

	// Names says whether a word is a part of somebody's name in the source; it may say so wrongly now and then. nil: none is known.
	Names func(word []byte) bool

	// AsOf is the day at which ages are judged.
	AsOf time.Time
}

// Set is what becomes of all tables of a policy. Its tables share what must be alike in all of them.
type Set struct {
	cfg    Config
	tables map[string]*Table
	refs   map[place]place
}

// Table is what becomes of one table.
type Table struct {
	Path   string
	Read   []string         // columns to read of it, in this order
	Hidden []string         // columns of the subject's table to read beside, behind those of Read, its key first; none: no join is needed
	Write  []catalog.Column // columns of the result, in the order of its lines

	set     *Set
	columns []column // as Write
}

// Error is a cell that could not be transformed.
type Error struct {
	Table, Column, Problem string
}

func (e *Error) Error() string { return e.Table + "." + e.Column + ": " + e.Problem }

// New makes the set of a policy. The policy must be closed over the catalogue, which policy.Check explains better.
func New(cfg Config) (*Set, error) {
	if cfg.Policy == nil || cfg.Catalog == nil || cfg.Keys == nil || cfg.AsOf.IsZero() {
		return nil, errors.New("transform: policy, catalogue, keys and as-of day are all needed")
	}
	s := &Set{cfg: cfg, tables: map[string]*Table{}, refs: references(cfg.Policy, cfg.Catalog)}
	byPath := map[string]*catalog.Table{}
	for i := range cfg.Catalog.Tables {
		byPath[cfg.Catalog.Tables[i].Path()] = &cfg.Catalog.Tables[i]
	}
	var problems []error
	for path, rules := range cfg.Policy.Tables {
		t, ok := byPath[path]
		if !ok {
			problems = append(problems, fmt.Errorf("%s: the database has no such table", path))
			continue
		}
		compiled, err := s.compile(t, rules)
		problems = append(problems, err)
		s.tables[path] = compiled
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	return s, nil
}

// Table is what becomes of the table "schema.name".
func (s *Set) Table(path string) (*Table, error) {
	t, ok := s.tables[path]
	if !ok {
		return nil, fmt.Errorf("%s: the policy has no rules for the table", path)
	}
	return t, nil
}

// compile holds a table's rules against its columns.
func (s *Set) compile(t *catalog.Table, rules policy.Table) (*Table, error) {
	out := &Table{Path: t.Path(), set: s}
	var problems []error
	fail := func(column, problem string) {
		problems = append(problems, &Error{out.Path, column, problem})
	}
	for name := range rules.Columns {
		if !slices.ContainsFunc(t.Columns, func(c catalog.Column) bool { return c.Name == name }) {
			fail(name, "the table has no such column")
		}
	}
	for _, c := range t.Columns {
		rule, ok := rules.Columns[c.Name]
		switch {
		case !ok:
			fail(c.Name, "the policy has no rule for the column")
			continue
		case c.Generated || rule.Transformer == policy.Derived:
			continue
		}
		col, err := s.column(c, rule)
		if err != nil {
			fail(c.Name, err.Error())
			continue
		}
		if col.reads {
			col.in = len(out.Read)
			out.Read = append(out.Read, c.Name)
		}
		out.Write = append(out.Write, c)
		out.columns = append(out.columns, col)
	}
	return out, errors.Join(problems...)
}
