package index

import (
	"slices"
	"strings"

	"github.com/feel-august/terraform-provider-august/internal/advise/statement"
	"github.com/feel-august/terraform-provider-august/internal/advise/workload"
)

// query is a statement whose names are resolved.
type query struct {
	*Statement
	scopes []scope
	known  bool // at least one table of it is one of the database's
}

// scope is a query level whose names are resolved.
type scope struct {
	reads []*read
	limit bool
	group bool
	sorts bool // has an ORDER BY
}

// read is one table as one scope reads it.
type read struct {
	table      *workload.Table
	conditions []condition
	order      []statement.Order // of the whole scope's ORDER BY, when all of it is of this table
	needs      map[string]bool   // columns that are read; nil: all
	only       bool              // may be answered by an index alone
	outer      bool
	found      float64 // rows that a call of the statement finds in it, as counted; 0: that does not tell
}

// condition is a predicate on a read.
type condition struct {
	class    statement.Class
	of       operand
	operator string
	join     *read // the other side; nil: a value
	joinOf   operand
}

// operand is a column, or an expression over columns.
type operand struct {
	column, expression string
	columns            []string
}

// key tells operands apart.
func (o operand) key() string {
	if o.column != "" {
		return o.column
	}
	return "(" + same(o.expression) + ")"
}

// catalog finds tables by name.
type catalog struct{ byPath, byName map[string][]*workload.Table }

func newCatalog(db *workload.Database) *catalog {
	c := &catalog{byPath: map[string][]*workload.Table{}, byName: map[string][]*workload.Table{}}
	for i := range db.Tables {
		t := &db.Tables[i]
		c.byPath[t.Path()] = append(c.byPath[t.Path()], t)
		c.byName[t.Name] = append(c.byName[t.Name], t)
	}
	return c
}

// table is what a ref means, or nil.
func (c *catalog) table(s *workload.Statement, r statement.Ref) *workload.Table {
	if r.Schema != "" {
		return single(c.byPath[r.Schema+"."+r.Name])
	}
	if len(s.SearchPath) == 0 {
		if t := single(c.byName[r.Name]); t != nil {
			return t
		}
		return single(c.byPath["public."+r.Name])
	}
	for _, schema := range s.SearchPath {
		if schema == "$user" {
			schema = s.Role
		}
		if t := single(c.byPath[schema+"."+r.Name]); t != nil {
			return t
		}
	}
	return nil
}

func single(of []*workload.Table) *workload.Table {
	if len(of) != 1 {
		return nil
	}
	return of[0]
}

func column(t *workload.Table, name string) *workload.Column {
	for i := range t.Columns {
		if t.Columns[i].Name == name {
			return &t.Columns[i]
		}
	}
	return nil
}

// resolve finds the tables and columns that a statement means.
func (c *catalog) resolve(s *Statement) *query {
	q := &query{Statement: s}
	if s.Shape == nil {
		return q
	}
	for i := range s.Shape.Scopes {
		q.scopes = append(q.scopes, c.scope(s, &s.Shape.Scopes[i]))
	}
	for _, sc := range q.scopes {
		for _, r := range sc.reads {
			q.known = q.known || r.table != nil
		}
	}
	q.correlated(s.Shape)
	if q.tells() {
		q.scopes[0].reads[0].found = s.Rows / s.Calls
	}
	return q
}

// tells whether the rows that were counted are those that the conditions leave. What returns exactly one row each time may be a sum.
func (q *query) tells() bool {
	return len(q.scopes) == 1 && len(q.scopes[0].reads) == 1 && !q.scopes[0].limit && !q.scopes[0].group &&
		q.Shape.Kind != statement.Insert && q.Calls > 0 && q.Rows > 0 && q.Rows != q.Calls
}

func (c *catalog) scope(s *Statement, from *statement.Scope) scope {
	sc := scope{limit: from.Limit, group: len(from.Group) > 0, sorts: len(from.Order) > 0}
	for _, ref := range from.Refs {
		r := &read{table: c.table(&s.Statement, ref), outer: ref.Outer, needs: map[string]bool{}}
		r.only = !from.Locks && !ref.Target
		if from.Star {
			r.needs = nil
		}
		if ref.Target && s.Shape.Kind == statement.Insert {
			r.table = nil // is not looked at
		}
		sc.reads = append(sc.reads, r)
	}
	for _, p := range from.Predicates {
		r, of := sc.find(from, p.Of)
		if r == nil {
			continue
		}
		r.need(of)
		if p.Class == statement.Other {
			continue
		}
		cond := condition{class: p.Class, of: of, operator: p.Operator}
		if p.With != nil && p.With.Up == 0 { // what is of a level around is a value here
			if cond.join, cond.joinOf = sc.find(from, *p.With); cond.join == r {
				continue // two columns of one row
			}
		}
		r.conditions = append(r.conditions, cond)
	}
	for _, o := range slices.Concat(from.Group, from.Outputs) {
		if r, of := sc.find(from, o); r != nil {
			r.need(of)
		}
	}
	sc.sort(from)
	return sc
}

// sort gives the order to the one table that all of it is of.
func (sc *scope) sort(from *statement.Scope) {
	var one *read
	for i, o := range from.Order {
		r, of := sc.find(from, o.Of)
		if r != nil {
			r.need(of)
		}
		if i > 0 && r != one {
			r = nil
		}
		one = r
		if r == nil {
			return
		}
	}
	if one != nil {
		one.order = from.Order
	}
}

// find is the table of the scope that an operand is of; nil when it is of none, or of one around it.
func (sc *scope) find(from *statement.Scope, o statement.Operand) (*read, operand) {
	of := operand{column: o.Column, expression: o.Expression, columns: o.Columns}
	if o.Column != "" {
		of.columns = []string{o.Column}
	}
	if o.Ref >= 0 && o.Ref < len(sc.reads) {
		if r := sc.reads[o.Ref]; r.table != nil && r.has(of) {
			return r, of
		}
		return nil, of
	}
	var found *read
	for i, r := range sc.reads {
		if o.Qualifier != "" && o.Qualifier != from.Refs[i].Alias && (from.Refs[i].Alias != "" || o.Qualifier != from.Refs[i].Name) {
			continue
		}
		if r.table == nil || !r.has(of) {
			continue
		}
		if found != nil {
			return nil, of
		}
		found = r
	}
	return found, of
}

func (r *read) has(o operand) bool {
	for _, c := range o.columns {
		if column(r.table, c) == nil {
			return false
		}
	}
	return len(o.columns) > 0
}

func (r *read) need(o operand) {
	if r.needs == nil {
		return
	}
	for _, c := range o.columns {
		r.needs[c] = true
	}
}

// correlated marks the columns that a level reads of a table of one around it.
func (q *query) correlated(shape *statement.Shape) {
	for i := range shape.Scopes {
		for _, p := range shape.Scopes[i].Predicates {
			if p.With == nil || p.With.Up == 0 {
				continue
			}
			at := i
			for n := p.With.Up; n > 0 && at >= 0; n-- {
				at = shape.Scopes[at].Parent
			}
			if at < 0 || at >= len(q.scopes) {
				continue
			}
			o := *p.With
			o.Up = 0
			if r, of := q.scopes[at].find(&shape.Scopes[at], o); r != nil {
				r.need(of)
			}
		}
	}
}

// implied is the conditions on null, true and false that the read's conditions make certain, as atoms of a predicate.
func (r *read) implied() map[string]bool {
	m := map[string]bool{}
	for _, c := range r.conditions {
		if c.of.column == "" {
			continue
		}
		if c.outerJoin(r) {
			continue
		}
		if a := atom(c.class, c.of.column); a != "" {
			m[a] = true
		}
		if c.class != statement.Null {
			m[atom(statement.NotNull, c.of.column)] = true // strict: never true of null
		}
	}
	return m
}

// outerJoin tells that the condition is of a join that keeps rows without a partner. It is still a condition on what is looked for
// in the table that may be missing, and none on the other.
func (c *condition) outerJoin(r *read) bool { return c.join != nil && c.join.outer && !r.outer }

// atom is the condition as PostgreSQL prints it in a predicate of an index, without parentheses; "" for others.
func atom(c statement.Class, column string) string {
	switch c {
	case statement.Null:
		return ident(column) + " IS NULL"
	case statement.NotNull:
		return ident(column) + " IS NOT NULL"
	case statement.True:
		return ident(column)
	case statement.False:
		return "NOT " + ident(column)
	}
	return ""
}

// atoms splits a predicate into conditions that all hold.
func atoms(where string) []string {
	where = strip(where)
	if where == "" {
		return nil
	}
	depth, from, inside := 0, 0, false
	var parts []string
	for i := 0; i < len(where); i++ {
		switch where[i] {
		case '\'':
			inside = !inside
		case '(':
			if !inside {
				depth++
			}
		case ')':
			if !inside {
				depth--
			}
		}
		if !inside && depth == 0 && len(where) >= i+5 && strings.EqualFold(where[i:i+5], " and ") {
			parts = append(parts, atoms(where[from:i])...)
			from = i + 5
			i += 4
		}
	}
	if from == 0 {
		return []string{where}
	}
	return append(parts, atoms(where[from:])...)
}

// strip takes away spaces and parentheses around.
func strip(s string) string {
	for {
		s = strings.TrimSpace(s)
		if len(s) < 2 || s[0] != '(' || s[len(s)-1] != ')' {
			return s
		}
		depth := 0
		for i := range len(s) - 1 {
			switch s[i] {
			case '(':
				depth++
			case ')':
				depth--
			}
			if depth == 0 {
				return s // the first one closes before the end
			}
		}
		s = s[1 : len(s)-1]
	}
}
