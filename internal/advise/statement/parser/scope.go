package parser

import (
	"slices"

	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/proto"

	"github.com/feel-august/terraform-provider-august/internal/advise/statement"
)

// reader reads one statement into its shape.
type reader struct {
	shape *statement.Shape
	uses  map[string]int // how often a name is in a FROM
	seen  map[*pg.SubLink]bool
	deep  int
}

// deepest is how many subqueries may be in each other.
const deepest = 50

func (r *reader) statement(n *pg.Node) error {
	r.uses, r.seen = uses(n), map[*pg.SubLink]bool{}
	r.written(n, nil, -1)
	if r.deep > deepest {
		return ErrDeep
	}
	return nil
}

func (r *reader) scope(parent int) int {
	r.shape.Scopes = append(r.shape.Scopes, statement.Scope{Parent: parent, Refs: []statement.Ref{}})
	return len(r.shape.Scopes) - 1
}

func (r *reader) at(l *level) *statement.Scope { return &r.shape.Scopes[l.scope] }

// selects reads a SELECT into a scope of its own, and gives its names; nil of one that has none, as a UNION.
func (r *reader) selects(s *pg.SelectStmt, up *level, parent int) *level {
	if r.deep++; r.deep > deepest {
		return nil
	}
	defer func() {
		if r.deep <= deepest { // once too deep, it stays so
			r.deep--
		}
	}()
	if s.Op != pg.SetOperation_SETOP_NONE && s.Op != pg.SetOperation_SET_OPERATION_UNDEFINED {
		with := r.with(s.WithClause, up, parent)
		r.selects(s.Larg, with, parent)
		r.selects(s.Rarg, with, parent)
		return nil
	}
	l := &level{scope: r.scope(parent)}
	l.up = r.with(s.WithClause, up, l.scope)
	r.body(s, l)
	r.clauses(s, l)
	return l
}

// body reads what a SELECT is of: FROM and WHERE.
func (r *reader) body(s *pg.SelectStmt, l *level) {
	r.from(s.FromClause, s.WhereClause, l)
	for _, list := range s.ValuesLists {
		for _, v := range list.GetList().GetItems() {
			r.reads(l, v)
		}
	}
}

// clauses reads what is done with the rows.
func (r *reader) clauses(s *pg.SelectStmt, l *level) {
	r.at(l).Limit = s.LimitCount != nil && !s.LimitCount.GetAConst().GetIsnull()
	r.at(l).Locks = len(s.LockingClause) > 0
	for _, n := range []*pg.Node{s.LimitCount, s.LimitOffset, s.HavingClause} {
		if n != nil {
			r.reads(l, n)
		}
	}
	r.all(l, s.TargetList)
	r.all(l, s.WindowClause)
	for _, n := range s.GroupClause {
		r.group(l, s, n)
	}
	for _, n := range s.DistinctClause {
		if n.GetNode() != nil {
			r.group(l, s, n)
		}
	}
	if len(s.DistinctClause) == 1 && s.DistinctClause[0].GetNode() == nil { // plain DISTINCT, of all
		for _, t := range s.TargetList {
			r.group(l, s, t.GetResTarget().GetVal())
		}
	}
	r.order(l, s)
}

// meant is the expression that a name or a position of the result stands for.
func meant(s *pg.SelectStmt, n *pg.Node) *pg.Node {
	if i := n.GetAConst().GetIval(); i != nil && int(i.Ival) <= len(s.TargetList) && i.Ival > 0 {
		return s.TargetList[i.Ival-1].GetResTarget().GetVal()
	}
	if fields := names(n.GetColumnRef().GetFields()); len(fields) == 1 {
		for _, t := range s.TargetList {
			if t.GetResTarget().GetName() == fields[0] {
				return t.GetResTarget().GetVal()
			}
		}
	}
	return n
}

func (r *reader) group(l *level, s *pg.SelectStmt, n *pg.Node) {
	n = meant(s, n)
	if n == nil {
		return
	}
	r.reads(l, n)
	if of := r.side(l, n); !of.mixed && !of.value && of.scope == l.scope {
		r.at(l).Group = append(r.at(l).Group, of.of)
	}
}

// order reads ORDER BY, as far as an index may have it. The smallest or the largest of a column is the first in its order.
func (r *reader) order(l *level, s *pg.SelectStmt) {
	if call := onlyExtreme(s); call != nil && len(s.SortClause) == 0 {
		if of := r.side(l, call.Args[0]); !of.mixed && !of.value && of.scope == l.scope {
			r.at(l).Order, r.at(l).Limit = []statement.Order{{Of: of.of, Descending: last(call.Funcname) == "max"}}, true
		}
		return
	}
	for _, n := range s.SortClause {
		by := n.GetSortBy()
		of := r.side(l, meant(s, by.GetNode()))
		r.reads(l, meant(s, by.GetNode()))
		if of.value {
			continue
		}
		if of.mixed || of.scope != l.scope || by.SortbyDir == pg.SortByDir_SORTBY_USING {
			r.at(l).Order = nil
			return
		}
		o := statement.Order{Of: of.of, Descending: by.SortbyDir == pg.SortByDir_SORTBY_DESC}
		if by.SortbyNulls == pg.SortByNulls_SORTBY_NULLS_FIRST || by.SortbyNulls == pg.SortByNulls_SORTBY_NULLS_LAST {
			first := by.SortbyNulls == pg.SortByNulls_SORTBY_NULLS_FIRST
			o.NullsFirst = &first
		}
		r.at(l).Order = append(r.at(l).Order, o)
	}
}

func onlyExtreme(s *pg.SelectStmt) *pg.FuncCall {
	if len(s.TargetList) != 1 || len(s.GroupClause) > 0 || s.HavingClause != nil || len(s.FromClause) != 1 || s.FromClause[0].GetRangeVar() == nil {
		return nil
	}
	call := s.TargetList[0].GetResTarget().GetVal().GetFuncCall()
	if name := last(call.GetFuncname()); name != "min" && name != "max" || len(call.Args) != 1 || call.Over != nil || call.AggFilter != nil {
		return nil
	}
	return call
}

// sublink reads a subquery of an expression. When it is a condition that holds, it says what of that an index may serve.
func (r *reader) sublink(l *level, n *pg.SubLink, holds bool) []found {
	s := n.Subselect.GetSelectStmt()
	if s == nil || r.seen[n] { // the arms of an OR are looked at more than once
		return nil
	}
	r.seen[n] = true
	single := s.Op == pg.SetOperation_SETOP_NONE
	if n.SubLinkType == pg.SubLinkType_EXISTS_SUBLINK && single { // whatever it gives is not read
		s = &pg.SelectStmt{FromClause: s.FromClause, WhereClause: s.WhereClause, WithClause: s.WithClause, GroupClause: s.GroupClause, HavingClause: s.HavingClause, Op: s.Op}
	}
	inner := r.selects(s, l, l.scope)
	if n.Testexpr == nil {
		return nil
	}
	of := r.side(l, n.Testexpr)
	if !holds || n.SubLinkType != pg.SubLinkType_ANY_SUBLINK || len(n.OperName) > 0 && last(n.OperName) != "=" || of.mixed || of.value {
		r.reads(l, n.Testexpr)
		return nil
	}
	if inner != nil && len(s.TargetList) == 1 && of.scope == l.scope && !grouped(s) { // the other way round: the rows of the subquery for one of ours
		with := of.of
		with.Up = 1
		if given := r.side(inner, s.TargetList[0].GetResTarget().GetVal()); !given.mixed && !given.value && given.scope == inner.scope {
			r.add(found{inner.scope, statement.Predicate{Class: statement.Equal, Of: given.of, With: &with, Operator: "="}})
		}
	}
	return []found{r.found(l, of, statement.Predicate{Class: statement.In, Operator: "="})}
}

// add adds conditions on tables: what a subquery or a function gives has no index.
func (r *reader) add(all ...found) {
	for _, f := range all {
		if f.scope == nowhere || f.Of.Ref < 0 && f.Of.Qualifier != "" {
			continue
		}
		s := &r.shape.Scopes[f.scope]
		s.Predicates = append(s.Predicates, f.Predicate)
	}
}

// grouped tells whether rows of a SELECT are not rows of its tables.
func grouped(s *pg.SelectStmt) bool {
	if len(s.GroupClause) > 0 || s.HavingClause != nil || len(s.DistinctClause) > 0 || s.LimitCount != nil || s.LimitOffset != nil ||
		len(s.LockingClause) > 0 || len(s.ValuesLists) > 0 || s.Op != pg.SetOperation_SETOP_NONE {
		return true
	}
	odd := false
	for _, t := range s.TargetList {
		odd = odd || aggregates(t)
	}
	return odd
}

// aggregate are the functions that make one row of many; those that a database adds are not known.
var aggregate = []string{"count", "sum", "avg", "min", "max", "array_agg", "string_agg", "json_agg", "jsonb_agg", "json_object_agg", "jsonb_object_agg", "bool_and",
	"bool_or", "every", "bit_and", "bit_or", "stddev", "stddev_pop", "stddev_samp", "variance", "var_pop", "var_samp", "corr", "percentile_cont", "percentile_disc",
	"mode", "xmlagg", "range_agg", "any_value", "generate_series", "unnest", "jsonb_array_elements", "json_array_elements", "regexp_matches", "regexp_split_to_table"}

func aggregates(n *pg.Node) (found bool) {
	walk(n, func(m proto.Message) bool {
		if call, ok := m.(*pg.FuncCall); ok {
			found = found || call.AggStar || call.Over != nil || slices.Contains(aggregate, last(call.Funcname))
		}
		_, sub := m.(*pg.SubLink)
		return !sub
	})
	return found
}
