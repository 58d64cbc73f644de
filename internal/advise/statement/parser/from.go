package parser

import (
	"slices"

	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/proto"

	"github.com/feel-august/terraform-provider-august/internal/advise/statement"
)

// cte is a query of WITH.
type cte struct {
	name    string
	columns []string // as the alias names them
	stmt    *pg.SelectStmt
	inline  bool   // it is read where it is used: PostgreSQL does so with what is used once
	up      *level // the names around it
	at      *level // else, its own; nil when they are not known
}

// with reads WITH, and gives the level that knows what it names.
func (r *reader) with(w *pg.WithClause, up *level, parent int) *level {
	if w == nil {
		return up
	}
	l := &level{scope: parent, up: up}
	for _, n := range w.Ctes {
		c := n.GetCommonTableExpr()
		around := &level{scope: parent, up: up, ctes: slices.Clone(l.ctes)}
		if w.Recursive {
			around.ctes = append(around.ctes, &cte{name: c.Ctename})
		}
		q := &cte{name: c.Ctename, columns: names(c.Aliascolnames), stmt: c.Ctequery.GetSelectStmt(), up: around}
		switch {
		case q.stmt == nil:
			r.written(c.Ctequery, around, parent)
		case !w.Recursive && c.Ctematerialized != pg.CTEMaterialize_CTEMaterializeAlways && (r.uses[c.Ctename] == 1 || c.Ctematerialized == pg.CTEMaterialize_CTEMaterializeNever):
			q.inline = true
		default:
			q.at = r.selects(q.stmt, around, parent)
		}
		l.ctes = append(l.ctes, q)
	}
	return l
}

// uses counts how often each name without a schema is in a FROM.
func uses(stmt *pg.Node) map[string]int {
	n := map[string]int{}
	walk(stmt, func(m proto.Message) bool {
		if v, ok := m.(*pg.RangeVar); ok && v.Schemaname == "" {
			n[v.Relname]++
		}
		return true
	})
	return n
}

func (l *level) cte(name string) *cte {
	for at := l; at != nil; at = at.up {
		for _, c := range slices.Backward(at.ctes) {
			if c.name == name {
				return c
			}
		}
	}
	return nil
}

// join is one whose condition is still to be read.
type join struct {
	on      *pg.Node
	using   []found
	missing [][2]int // refs of the sides that may be missing, from and up to
}

// from reads FROM, and then what has to hold of it.
func (r *reader) from(list []*pg.Node, where *pg.Node, l *level) {
	var joins []*join
	for _, n := range list {
		r.item(l, n, &joins)
	}
	var all []found
	if where != nil {
		all = r.conditions(l, where)
	}
	r.joined(l, all, joins)
}

// joined adds the conditions of WHERE and of joins. A condition in WHERE that no missing row fulfils makes an outer join an inner one.
func (r *reader) joined(l *level, all []found, joins []*join) {
	for _, j := range joins { // the outermost first
		here := j.using
		if j.on != nil {
			here = append(here, r.conditions(l, j.on)...)
		}
		j.missing = slices.DeleteFunc(j.missing, func(side [2]int) bool {
			return slices.ContainsFunc(all, func(f found) bool { return f.strict(l, side) })
		})
		for _, f := range here {
			if len(j.missing) == 0 || f.scope != l.scope || f.Of.Ref < 0 || len(j.missing) == 1 && within(f.Of.Ref, j.missing[0]) {
				all = append(all, f)
			} else { // of the side that is there in any case: nothing to look for
				r.noteRead(f.scope, f.Of)
			}
		}
		for _, side := range j.missing {
			for i := side[0]; i < side[1]; i++ {
				r.at(l).Refs[i].Outer = true
			}
		}
	}
	r.add(all...)
}

func within(ref int, side [2]int) bool { return ref >= side[0] && ref < side[1] }

// strict tells whether a condition is false of a row that is missing.
func (f found) strict(l *level, side [2]int) bool {
	return f.scope == l.scope && within(f.Of.Ref, side) && f.Of.Expression == "" && f.Class != statement.Null && f.Class != statement.Other
}

// item reads an item of FROM.
func (r *reader) item(l *level, n *pg.Node, joins *[]*join) {
	switch v := n.GetNode().(type) {
	case *pg.Node_RangeVar:
		r.table(l, v.RangeVar)
	case *pg.Node_RangeTableSample:
		r.item(l, v.RangeTableSample.Relation, joins)
	case *pg.Node_JoinExpr:
		r.join(l, v.JoinExpr, joins)
	case *pg.Node_RangeSubselect:
		up := l.up
		if v.RangeSubselect.Lateral {
			up = l
		}
		if s := v.RangeSubselect.Subquery.GetSelectStmt(); s != nil {
			r.derived(l, s, up, v.RangeSubselect.Alias.GetAliasname(), names(v.RangeSubselect.Alias.GetColnames()))
		}
	case *pg.Node_RangeFunction:
		r.reads(l, v.RangeFunction)
		name := v.RangeFunction.Alias.GetAliasname()
		if name == "" && len(v.RangeFunction.Functions) > 0 {
			for _, f := range v.RangeFunction.Functions[0].GetList().GetItems() {
				name += last(f.GetFuncCall().GetFuncname())
			}
		}
		it := item{name: name, ref: -1}
		for _, c := range append(names(v.RangeFunction.Alias.GetColnames()), name) {
			it.outputs = append(it.outputs, output{name: c})
		}
		l.items = append(l.items, it)
	default:
		r.reads(l, n)
		l.items = append(l.items, item{ref: -1})
	}
}

func (r *reader) table(l *level, v *pg.RangeVar) {
	alias := v.Alias.GetAliasname()
	name := alias
	if name == "" {
		name = v.Relname
	}
	columns := names(v.Alias.GetColnames())
	if c := l.cte(v.Relname); v.Schemaname == "" && c != nil {
		if len(columns) == 0 {
			columns = c.columns
		}
		switch {
		case c.inline:
			r.derived(l, c.stmt, c.up, name, columns)
		case c.at != nil:
			l.items = append(l.items, item{name: name, ref: -1, of: c.at, outputs: outputs(c.stmt, columns), own: true})
		default:
			l.items = append(l.items, item{name: name, ref: -1})
		}
		return
	}
	r.ref(l, v, false)
}

// ref adds a table to the scope.
func (r *reader) ref(l *level, v *pg.RangeVar, target bool) {
	s := r.at(l)
	s.Refs = append(s.Refs, statement.Ref{Schema: v.Schemaname, Name: v.Relname, Alias: v.Alias.GetAliasname(), Target: target})
	it := item{schema: v.Schemaname, name: v.Relname, ref: len(s.Refs) - 1}
	if alias := v.Alias.GetAliasname(); alias != "" {
		it.schema, it.name = "", alias
	}
	l.items = append(l.items, it)
}

// derived reads a subquery in FROM: as part of the scope when PostgreSQL pulls it up, else as one of its own.
func (r *reader) derived(l *level, s *pg.SelectStmt, up *level, name string, columns []string) {
	it := item{name: name, ref: -1, outputs: outputs(s, columns)}
	if !grouped(s) && s.Op == pg.SetOperation_SETOP_NONE && len(s.SortClause) == 0 && len(s.FromClause) > 0 && r.deep < deepest {
		r.deep++
		inner := &level{scope: l.scope}
		inner.up = r.with(s.WithClause, up, l.scope)
		r.from(s.FromClause, s.WhereClause, inner)
		r.deep--
		it.of = inner
	} else {
		it.of, it.own, it.passes = r.selects(s, up, l.scope), true, lets(s)
		if it.of == nil {
			it.outputs = nil
		}
	}
	l.items = append(l.items, it)
}

// lets says which conditions on a subquery's rows hold of its tables' rows too.
func lets(s *pg.SelectStmt) passes {
	windows := false
	for _, t := range s.TargetList {
		walk(t, func(m proto.Message) bool {
			call, ok := m.(*pg.FuncCall)
			windows = windows || ok && call.Over != nil
			return true
		})
	}
	switch {
	case s.LimitCount != nil, s.LimitOffset != nil, s.Op != pg.SetOperation_SETOP_NONE, len(s.LockingClause) > 0, windows:
		return nothing
	case grouped(s):
		return groups
	}
	return everything
}

// outputs are what a SELECT gives, by name.
func outputs(s *pg.SelectStmt, columns []string) []output {
	var all []output
	for i, t := range s.TargetList {
		v := t.GetResTarget()
		o := output{name: v.GetName(), node: v.GetVal()}
		if o.name == "" {
			switch fields := names(v.GetVal().GetColumnRef().GetFields()); {
			case len(fields) > 0:
				o.name = fields[len(fields)-1]
			case v.GetVal().GetTypeCast().GetArg().GetColumnRef() != nil:
				o.name = last(v.GetVal().GetTypeCast().Arg.GetColumnRef().Fields)
			default:
				o.name = last(v.GetVal().GetFuncCall().GetFuncname())
			}
		}
		if i < len(columns) && o.name != "*" {
			o.name = columns[i]
		}
		all = append(all, o)
	}
	return all
}

func (r *reader) join(l *level, v *pg.JoinExpr, joins *[]*join) {
	j := &join{on: v.Quals}
	*joins = append(*joins, j)
	start, first := len(r.at(l).Refs), len(l.items)
	r.item(l, v.Larg, joins)
	middle, second := len(r.at(l).Refs), len(l.items)
	r.item(l, v.Rarg, joins)
	end := len(r.at(l).Refs)
	left, right := [2]int{start, middle}, [2]int{middle, end}
	switch v.Jointype {
	case pg.JoinType_JOIN_LEFT:
		j.missing = [][2]int{right}
	case pg.JoinType_JOIN_RIGHT:
		j.missing = [][2]int{left}
	case pg.JoinType_JOIN_FULL:
		j.missing = [][2]int{left, right}
	}
	for _, column := range names(v.UsingClause) {
		r.using(l, j, column, l.items[first:second], l.items[second:])
	}
}

// using is a column that both sides of a join have.
func (r *reader) using(l *level, j *join, column string, left, right []item) {
	a, ok := r.findIn(&level{scope: l.scope, items: left, merged: l.merged}, nil, column)
	b, found := r.findIn(&level{scope: l.scope, items: right}, nil, column)
	if !ok || !found || a.node != nil || b.node != nil {
		return
	}
	sides := [2]side{{scope: a.scope, lets: a.lets, of: a.of}, {scope: b.scope, lets: b.lets, of: b.of}}
	j.using = r.against(l, j.using, sides[0], sides[1], "=")
	j.using = r.against(l, j.using, sides[1], sides[0], "=")
	if l.merged == nil {
		l.merged = map[string]place{}
	}
	l.merged[column] = a
}
