package parser

import (
	"slices"

	pg "github.com/pganalyze/pg_query_go/v6"

	"github.com/feel-august/terraform-provider-august/internal/advise/statement"
)

// found is a condition, and the scope that it is one of, or nowhere.
type found struct {
	scope int
	statement.Predicate
}

// operators that an index may serve, by what they ask; flipped is the operator with its sides changed.
var operators = map[string]struct {
	class   statement.Class
	flipped string
}{
	"=": {statement.Equal, "="}, "<": {statement.Range, ">"}, "<=": {statement.Range, ">="}, ">": {statement.Range, "<"}, ">=": {statement.Range, "<="},
	"~~": {statement.Like, ""}, "^@": {statement.Like, ""},
	"@>": {statement.Contains, "<@"}, "<@": {statement.Other, "@>"}, "?": {statement.HasKey, ""}, "?|": {statement.HasKey, ""}, "?&": {statement.HasKey, ""},
	"&&": {statement.Overlaps, "&&"}, "@@": {statement.Search, "@@"},
}

// conditions are what a boolean expression says that holds.
func (r *reader) conditions(l *level, n *pg.Node) []found {
	switch v := n.GetNode().(type) {
	case *pg.Node_BoolExpr:
		switch v.BoolExpr.Boolop {
		case pg.BoolExprType_AND_EXPR:
			var all []found
			for _, a := range v.BoolExpr.Args {
				all = append(all, r.conditions(l, a)...)
			}
			return all
		case pg.BoolExprType_OR_EXPR:
			return r.either(l, n, v.BoolExpr.Args)
		case pg.BoolExprType_NOT_EXPR:
			return r.not(l, n, v.BoolExpr.Args[0])
		}
	case *pg.Node_NullTest:
		class := statement.Null
		if v.NullTest.Nulltesttype == pg.NullTestType_IS_NOT_NULL {
			class = statement.NotNull
		}
		return r.one(l, n, v.NullTest.Arg, class)
	case *pg.Node_BooleanTest:
		switch v.BooleanTest.Booltesttype {
		case pg.BoolTestType_IS_TRUE:
			return r.one(l, n, v.BooleanTest.Arg, statement.True)
		case pg.BoolTestType_IS_FALSE:
			return r.one(l, n, v.BooleanTest.Arg, statement.False)
		case pg.BoolTestType_IS_UNKNOWN:
			return r.one(l, n, v.BooleanTest.Arg, statement.Null)
		}
	case *pg.Node_ColumnRef:
		return r.one(l, n, n, statement.True)
	case *pg.Node_SubLink:
		return r.sublink(l, v.SubLink, true)
	case *pg.Node_AExpr:
		return r.expression(l, n, v.AExpr)
	case *pg.Node_AConst, *pg.Node_ParamRef:
		return nil
	}
	return r.other(l, n, "")
}

func (r *reader) expression(l *level, n *pg.Node, e *pg.A_Expr) []found {
	op := last(e.Name)
	switch e.Kind {
	case pg.A_Expr_Kind_AEXPR_OP, pg.A_Expr_Kind_AEXPR_LIKE:
		if left, right := rowOf(e.Lexpr), rowOf(e.Rexpr); left != nil && right != nil && len(left) == len(right) {
			return r.rows(l, n, op, left, right)
		}
		return r.compare(l, n, op, e.Lexpr, e.Rexpr)
	case pg.A_Expr_Kind_AEXPR_OP_ANY:
		if s := r.side(l, e.Lexpr); op == "=" && !s.mixed && !s.value {
			if v := r.side(l, e.Rexpr); v.value {
				return []found{r.found(l, s, statement.Predicate{Class: statement.In, Param: v.param, With: v.outer, Operator: op})}
			}
		}
	case pg.A_Expr_Kind_AEXPR_IN:
		if op == "=" {
			return r.in(l, n, e.Lexpr, e.Rexpr.GetList().GetItems())
		}
	case pg.A_Expr_Kind_AEXPR_BETWEEN:
		if ends := e.Rexpr.GetList().GetItems(); len(ends) == 2 {
			return append(r.compare(l, n, ">=", e.Lexpr, ends[0]), r.compare(l, n, "<=", e.Lexpr, ends[1])...)
		}
	}
	return r.other(l, n, op)
}

// compare is one of two sides; when both are of tables, one for each.
func (r *reader) compare(l *level, n *pg.Node, op string, left, right *pg.Node) []found {
	known, ok := operators[op]
	if !ok || left == nil || right == nil {
		return r.other(l, n, op)
	}
	if op == "=" {
		for _, c := range []struct{ of, with *pg.Node }{{left, right}, {right, left}} {
			if b := c.with.GetAConst().GetBoolval(); b != nil {
				class := statement.False
				if b.Boolval {
					class = statement.True
				}
				return r.one(l, n, c.of, class)
			}
		}
	}
	a, b := r.side(l, left), r.side(l, right)
	var all []found
	if !a.mixed && !a.value && known.class != statement.Other {
		all = r.against(l, all, a, b, op)
	}
	if other, ok := operators[known.flipped]; ok && !b.mixed && !b.value && other.class != statement.Other {
		all = r.against(l, all, b, a, known.flipped)
	}
	if all == nil {
		return r.other(l, n, op)
	}
	r.rest(l, left, a)
	r.rest(l, right, b)
	return all
}

// against adds that a side of a table compares with the other side, when that is known by then: a value, or of another table.
func (r *reader) against(l *level, all []found, s, with side, op string) []found {
	p := statement.Predicate{Class: operators[op].class, Param: with.param, With: with.outer, Operator: op}
	switch {
	case with.mixed:
		return all
	case with.value:
	case with.scope == s.scope && with.of.Ref == s.of.Ref && with.of.Qualifier == s.of.Qualifier:
		return all // of one row: nothing to look for
	default:
		other := with.of
		if with.scope != s.scope {
			other = statement.Operand{Ref: -1, Column: with.of.Column}
		}
		p.With = &other
	}
	return append(all, r.found(l, s, p))
}

// nowhere is the scope of a condition on what a subquery gives, which holds of none of its tables.
const nowhere = -1

// found is a condition on a side: of the scope whose table it is, when it holds there.
func (r *reader) found(l *level, s side, p statement.Predicate) found {
	p.Of = s.of
	if s.scope != l.scope && (!s.lets || p.With != nil) {
		return found{nowhere, p}
	}
	return found{s.scope, p}
}

// rest notes what a mixed side reads: it is not told by any condition.
func (r *reader) rest(l *level, n *pg.Node, s side) {
	if s.mixed {
		r.reads(l, n)
	} else if s.value && s.param == 0 {
		r.reads(l, n)
	}
}

// one is a condition on an operand alone.
func (r *reader) one(l *level, n, of *pg.Node, class statement.Class) []found {
	s := r.side(l, of)
	if s.mixed || s.value {
		return r.other(l, n, "")
	}
	return []found{r.found(l, s, statement.Predicate{Class: class})}
}

func (r *reader) in(l *level, n, of *pg.Node, items []*pg.Node) []found {
	if row := rowOf(of); row != nil {
		var all []found
		for i, column := range row {
			var values []*pg.Node
			for _, it := range items {
				if v := rowOf(it); len(v) == len(row) {
					values = append(values, v[i])
				}
			}
			if len(values) == len(items) {
				all = append(all, r.in(l, n, column, values)...)
			}
		}
		return all
	}
	s := r.side(l, of)
	p := statement.Predicate{Class: statement.In, Operator: "="}
	for i, it := range items {
		v := r.side(l, it)
		if s.mixed || s.value || !v.value || v.outer != nil {
			return r.other(l, n, "=")
		}
		if i == 0 {
			p.Param = v.param
		}
	}
	if len(items) == 1 {
		p.Class = statement.Equal
	}
	return []found{r.found(l, s, p)}
}

// rows compares row by row: by =, each; by < and the like, the first one bounds what has to be read.
func (r *reader) rows(l *level, n *pg.Node, op string, left, right []*pg.Node) []found {
	switch operators[op].class {
	case statement.Equal:
		var all []found
		for i := range left {
			all = append(all, r.compare(l, n, op, left[i], right[i])...)
		}
		return all
	case statement.Range:
		for i := range left[1:] {
			r.reads(l, left[i+1])
			r.reads(l, right[i+1])
		}
		return r.compare(l, n, op[:1]+"=", left[0], right[0])
	}
	return r.other(l, n, op)
}

func rowOf(n *pg.Node) []*pg.Node { return n.GetRowExpr().GetArgs() }

// either is what holds whichever arm does: an operand that every arm looks for.
func (r *reader) either(l *level, n *pg.Node, arms []*pg.Node) []found {
	var common []found
	for i, a := range arms {
		here := r.conditions(l, a)
		if i == 0 {
			common = here
			continue
		}
		var both []found
		for _, c := range common {
			at := slices.IndexFunc(here, func(h found) bool { return h.scope == c.scope && same(h.Of, c.Of) && sought(h.Class) && h.With == nil })
			if at < 0 || !sought(c.Class) || c.With != nil {
				continue
			}
			if c.Class == statement.Range || here[at].Class == statement.Range || c.Class == statement.Null || here[at].Class == statement.Null {
				c.Class = statement.Range
			} else {
				c.Class = statement.In
			}
			if c.Param == 0 {
				c.Param = here[at].Param
			}
			both = append(both, c)
		}
		common = both
	}
	if len(common) == 0 {
		return r.other(l, n, "")
	}
	r.reads(l, n)
	return common
}

// sought are the classes that a B-tree finds a place for.
func sought(c statement.Class) bool {
	return c == statement.Equal || c == statement.In || c == statement.Range || c == statement.Null
}

func (r *reader) not(l *level, n, of *pg.Node) []found {
	switch v := of.GetNode().(type) {
	case *pg.Node_NullTest:
		class := statement.NotNull
		if v.NullTest.Nulltesttype == pg.NullTestType_IS_NOT_NULL {
			class = statement.Null
		}
		return r.one(l, n, v.NullTest.Arg, class)
	case *pg.Node_ColumnRef:
		return r.one(l, n, of, statement.False)
	case *pg.Node_BoolExpr:
		if v.BoolExpr.Boolop == pg.BoolExprType_OR_EXPR {
			var all []found
			for _, a := range v.BoolExpr.Args {
				all = append(all, r.not(l, a, a)...)
			}
			return all
		}
		if v.BoolExpr.Boolop == pg.BoolExprType_NOT_EXPR {
			return r.conditions(l, v.BoolExpr.Args[0])
		}
	case *pg.Node_SubLink:
		if v.SubLink.SubLinkType == pg.SubLinkType_EXISTS_SUBLINK {
			return r.sublink(l, v.SubLink, true)
		}
	}
	return r.other(l, n, "")
}

// other is a condition that no index serves: what it reads is read all the same.
func (r *reader) other(l *level, n *pg.Node, op string) []found {
	s := r.side(l, n)
	r.reads(l, n)
	if s.value {
		return nil
	}
	if s.mixed || s.scope != l.scope {
		return []found{{l.scope, statement.Predicate{Class: statement.Other, Of: statement.Operand{Ref: -1}, Operator: op}}}
	}
	if s.of.Column != "" { // a column is a condition only when it is boolean
		return nil
	}
	return []found{{l.scope, statement.Predicate{Class: statement.Other, Of: s.of, Operator: op}}}
}
