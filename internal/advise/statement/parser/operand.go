package parser

import (
	"slices"

	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/proto"

	"github.com/feel-august/terraform-provider-august/internal/advise/statement"
)

// side is what one side of a condition is.
type side struct {
	value bool               // it reads no column of this query level; it is known when a table is looked at
	param int                // and is just this parameter
	outer *statement.Operand // or just this column of a query level further out
	mixed bool               // an expression of columns of several tables, or of no table: no index can be on it
	scope int                // else: of a table of this scope,
	lets  bool               // where a condition on it holds too, when that is not the scope that it is written in
	of    statement.Operand
}

// volatile functions give another value for each row.
var volatile = []string{"random", "clock_timestamp", "gen_random_uuid", "nextval", "timeofday", "uuid_generate_v4", "setval", "random_normal", "uuidv7", "uuidv4"}

func (r *reader) side(l *level, n *pg.Node) side {
	if fields := names(n.GetColumnRef().GetFields()); len(fields) > 0 && !slices.Contains(fields, "*") {
		p := r.find(l, fields)
		if p.node != nil {
			return r.side(p.in, p.node)
		}
		if up := r.up(l.scope, p.scope); up > 0 {
			of := p.of
			of.Up = up
			return side{value: true, outer: &of}
		}
		return side{scope: p.scope, lets: p.lets, of: p.of}
	}
	places, special := r.places(l, n)
	if special {
		return side{mixed: true, scope: l.scope, of: statement.Operand{Ref: -1}}
	}
	var here []place
	for _, p := range places {
		if r.up(l.scope, p.scope) == 0 {
			here = append(here, p)
		}
	}
	if len(here) == 0 {
		return side{value: true, param: param(n)}
	}
	s := side{scope: here[0].scope, lets: here[0].lets, of: statement.Operand{Ref: here[0].of.Ref, Qualifier: here[0].of.Qualifier}}
	for _, p := range here {
		if p.scope != s.scope || p.of.Ref != s.of.Ref || p.of.Qualifier != s.of.Qualifier {
			return side{mixed: true, scope: l.scope, of: statement.Operand{Ref: -1}}
		}
		s.lets = s.lets && p.lets
		if !slices.Contains(s.of.Columns, p.of.Column) {
			s.of.Columns = append(s.of.Columns, p.of.Column)
		}
	}
	bare := proto.Clone(n).(*pg.Node)
	r.unqualify(l, bare)
	plain(bare)
	expression, err := printExpression(bare)
	if err != nil || len(here) < len(places) {
		return side{mixed: true, scope: l.scope, of: statement.Operand{Ref: -1}}
	}
	s.of.Expression = expression
	return s
}

// places are the columns that an expression reads. Special is one that has subqueries, aggregates of a window or volatile functions.
func (r *reader) places(l *level, n *pg.Node) (all []place, special bool) {
	walk(n, func(m proto.Message) bool {
		switch n := m.(type) {
		case *pg.SubLink: // one that is asked once is a value
			special = special || n.SubLinkType != pg.SubLinkType_EXPR_SUBLINK && n.SubLinkType != pg.SubLinkType_ARRAY_SUBLINK || correlated(l, n)
			return false
		case *pg.FuncCall:
			special = special || n.Over != nil || n.AggStar || slices.Contains(volatile, last(n.Funcname))
		case *pg.ColumnRef:
			fields := names(n.Fields)
			if slices.Contains(fields, "*") {
				special = true
				return false
			}
			p := r.find(l, fields)
			if p.node == nil {
				all = append(all, p)
				return false
			}
			within, odd := r.places(p.in, p.node)
			all, special = append(all, within...), special || odd
			return false
		}
		return true
	})
	return all, special
}

// correlated tells whether a subquery names a table that is around it.
func correlated(l *level, n *pg.SubLink) (is bool) {
	walk(n, func(m proto.Message) bool {
		c, ok := m.(*pg.ColumnRef)
		if fields := names(c.GetFields()); ok && len(fields) > 1 {
			is = is || slices.ContainsFunc(l.items, func(it item) bool { return it.is(fields[:len(fields)-1]) })
		}
		return true
	})
	return is
}

// unqualify leaves only columns' names in an expression, and puts what a subquery says in the place of its columns.
func (r *reader) unqualify(l *level, n *pg.Node) {
	walk(n, func(m proto.Message) bool {
		n, ok := m.(*pg.Node)
		if !ok || n.GetColumnRef() == nil {
			return true
		}
		p := r.find(l, names(n.GetColumnRef().Fields))
		if p.node == nil {
			n.Node = pg.MakeColumnRefNode([]*pg.Node{pg.MakeStrNode(p.of.Column)}, 0).Node
			return false
		}
		inner := proto.Clone(p.node).(*pg.Node)
		r.unqualify(p.in, inner)
		n.Node = inner.Node
		return false
	})
}

// up is how many scopes further out one is than another; 0 when it is the same, or not around it.
func (r *reader) up(from, to int) int {
	for n, at := 0, from; at >= 0; n, at = n+1, r.shape.Scopes[at].Parent {
		if at == to {
			return n
		}
	}
	return 0
}

// reads notes the columns that an expression reads, and takes the subqueries that are in it for scopes of their own.
func (r *reader) reads(l *level, n proto.Message) {
	walk(n, func(m proto.Message) bool {
		switch n := m.(type) {
		case *pg.SubLink:
			r.sublink(l, n, false)
			return false
		case *pg.MultiAssignRef: // the same source for each of its columns
			return n.Colno == 1
		case *pg.ColumnRef:
			fields := names(n.Fields)
			switch p := r.find(l, fields); {
			case fields[len(fields)-1] == "*" || len(fields) == 1 && slices.ContainsFunc(l.items, func(it item) bool { return it.name == fields[0] }):
				r.star(l, fields)
			case p.node != nil:
				r.reads(p.in, p.node)
			default:
				r.noteRead(p.scope, p.of)
			}
			return false
		}
		return true
	})
}

// noteRead notes that a column of a table is read.
func (r *reader) noteRead(scope int, of statement.Operand) {
	if of.Ref < 0 && of.Qualifier != "" { // of a subquery or a function
		return
	}
	s := &r.shape.Scopes[scope]
	if !slices.ContainsFunc(s.Outputs, func(o statement.Operand) bool { return same(o, of) }) {
		s.Outputs = append(s.Outputs, of)
	}
}

// star notes that all columns of some tables are read.
func (r *reader) star(l *level, fields []string) {
	for _, it := range l.items {
		if fields[0] != "*" && it.name != fields[max(0, len(fields)-2)] {
			continue
		}
		switch {
		case it.ref >= 0:
			r.shape.Scopes[l.scope].Star = true
		case it.of != nil && !it.own:
			for _, o := range it.outputs {
				r.reads(it.of, o.node)
			}
		}
	}
}

// param is the number of the parameter that a value is, 0 when it is another expression.
func param(n *pg.Node) int {
	for n != nil {
		switch v := n.Node.(type) {
		case *pg.Node_ParamRef:
			return int(v.ParamRef.Number)
		case *pg.Node_TypeCast:
			n = v.TypeCast.Arg
		case *pg.Node_CollateClause:
			n = v.CollateClause.Arg
		default:
			return 0
		}
	}
	return 0
}
