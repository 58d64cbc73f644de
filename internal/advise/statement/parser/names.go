package parser

import (
	"slices"

	pg "github.com/pganalyze/pg_query_go/v6"

	"github.com/feel-august/terraform-provider-august/internal/advise/statement"
)

// level is the names of one FROM. Levels of subqueries that are pulled up fill the same scope.
type level struct {
	scope  int
	up     *level
	items  []item
	merged map[string]place // by USING
	ctes   []*cte           // of its WITH
}

// item is what a name in FROM stands for.
type item struct {
	schema, name string
	ref          int      // a table of the scope, -1 when it is not one
	of           *level   // else the level of a subquery or CTE, nil when nothing is known of it, and
	outputs      []output // what that gives
	own          bool     // it is a scope of its own
	passes       passes   // then: which conditions on what it gives hold within, too
}

// output is a column that a subquery gives; "*" stands for those of the node.
type output struct {
	name string
	node *pg.Node // in the names of the subquery
}

// passes says which conditions can be pushed into a scope.
type passes int

const (
	nothing passes = iota
	groups         // on what it groups by
	everything
)

// place is a column, found: of a ref of a scope.
type place struct {
	scope int
	of    statement.Operand // Ref is of that scope; -1 when it is not known
	lets  bool              // a condition on it holds in that scope, though that is another one
	node  *pg.Node          // or an expression of a subquery that is pulled up
	in    *level            // with its names
}

// find looks a name up, from the inside out.
func (r *reader) find(l *level, fields []string) place {
	column, qualifier := fields[len(fields)-1], fields[:len(fields)-1]
	for at := l; at != nil; at = at.up {
		if p, ok := r.findIn(at, qualifier, column); ok {
			return p
		}
	}
	p := place{scope: l.scope, of: statement.Operand{Ref: -1, Column: column}}
	if len(qualifier) > 0 {
		p.of.Qualifier = qualifier[len(qualifier)-1]
	}
	return p
}

func (r *reader) findIn(l *level, qualifier []string, column string) (place, bool) {
	if len(qualifier) > 0 {
		for _, it := range l.items {
			if it.is(qualifier) {
				return r.output(l, it, column), true
			}
		}
		return place{}, false
	}
	if p, ok := l.merged[column]; ok {
		return p, true
	}
	var could []item
	for _, it := range l.items {
		switch has := func(name string) bool {
			return slices.ContainsFunc(it.outputs, func(o output) bool { return o.name == name })
		}; {
		case has(column):
			return r.output(l, it, column), true
		case it.of == nil || has("*"): // who knows
			could = append(could, it)
		}
	}
	switch len(could) {
	case 0:
		return place{}, false
	case 1:
		return r.output(l, could[0], column), true
	}
	return place{scope: l.scope, of: statement.Operand{Ref: -1, Column: column}}, true
}

func (it item) is(qualifier []string) bool {
	return it.name == qualifier[len(qualifier)-1] && (len(qualifier) == 1 || it.schema == qualifier[len(qualifier)-2])
}

// output is a column of an item: followed into a subquery, down to the table when it is one's.
func (r *reader) output(l *level, it item, column string) place {
	if it.ref >= 0 {
		return place{scope: l.scope, of: statement.Operand{Ref: it.ref, Column: column}}
	}
	unknown := place{scope: l.scope, of: statement.Operand{Ref: -1, Qualifier: it.name, Column: column}}
	for _, o := range it.outputs {
		fields := names(o.node.GetColumnRef().GetFields())
		var p place
		switch {
		case o.name == "*":
			at, ok := r.findIn(it.of, fields[:len(fields)-1], column)
			if !ok {
				continue
			}
			p = at
		case o.name != column:
			continue
		case len(fields) > 0:
			p = r.find(it.of, fields)
		case it.own:
			return unknown
		default:
			return place{scope: l.scope, of: unknown.of, node: o.node, in: it.of}
		}
		if it.own {
			p.lets = it.passes == everything || it.passes == groups && p.scope == it.of.scope &&
				slices.ContainsFunc(r.shape.Scopes[p.scope].Group, func(g statement.Operand) bool { return same(g, p.of) })
		}
		return p
	}
	return unknown
}

// same tells whether two operands of a scope are the same.
func same(a, b statement.Operand) bool {
	return a.Ref == b.Ref && a.Up == b.Up && a.Qualifier == b.Qualifier && a.Column == b.Column && a.Expression == b.Expression
}
