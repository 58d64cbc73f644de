package parser

import (
	"slices"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// written reads a statement that changes rows, and gives its names.
func (r *reader) written(n *pg.Node, up *level, parent int) {
	if r.deep++; r.deep > deepest {
		return
	}
	switch s := n.GetNode().(type) {
	case *pg.Node_SelectStmt:
		r.selects(s.SelectStmt, up, parent)
	case *pg.Node_InsertStmt:
		r.insert(s.InsertStmt, up, parent)
	case *pg.Node_UpdateStmt:
		r.update(s.UpdateStmt, up, parent)
	case *pg.Node_DeleteStmt:
		r.remove(s.DeleteStmt, up, parent)
	case *pg.Node_MergeStmt:
		r.merge(s.MergeStmt, up, parent)
	}
	if r.deep <= deepest {
		r.deep--
	}
}

// target begins the scope of a statement that changes a table's rows.
func (r *reader) target(v *pg.RangeVar, with *pg.WithClause, up *level, parent int) *level {
	l := &level{scope: r.scope(parent)}
	l.up = r.with(with, up, l.scope)
	r.ref(l, v, true)
	return l
}

func (r *reader) update(s *pg.UpdateStmt, up *level, parent int) {
	l := r.target(s.Relation, s.WithClause, up, parent)
	r.from(s.FromClause, s.WhereClause, l)
	r.set(l, s.TargetList)
	r.all(l, s.ReturningList)
}

func (r *reader) remove(s *pg.DeleteStmt, up *level, parent int) {
	l := r.target(s.Relation, s.WithClause, up, parent)
	r.from(s.UsingClause, s.WhereClause, l)
	r.all(l, s.ReturningList)
}

// insert is of a scope without conditions: what it inserts is a scope of its own.
func (r *reader) insert(s *pg.InsertStmt, up *level, parent int) {
	l := r.target(s.Relation, s.WithClause, up, parent)
	if from := s.SelectStmt.GetSelectStmt(); from != nil {
		if len(from.ValuesLists) > 0 {
			none := &level{scope: l.scope, up: l.up}
			for _, list := range from.ValuesLists {
				r.all(none, list.GetList().GetItems())
			}
		} else {
			r.selects(from, l.up, parent)
		}
	}
	if c := s.OnConflictClause; c != nil && c.Action == pg.OnConflictAction_ONCONFLICT_UPDATE {
		l.items = append(l.items, item{name: "excluded", ref: -1, outputs: []output{}, of: &level{scope: l.scope}})
		r.set(l, c.TargetList)
		if c.WhereClause != nil {
			r.reads(l, c.WhereClause)
		}
	}
	r.all(l, s.ReturningList)
}

func (r *reader) merge(s *pg.MergeStmt, up *level, parent int) {
	l := r.target(s.Relation, s.WithClause, up, parent)
	r.from([]*pg.Node{s.SourceRelation}, s.JoinCondition, l)
	for _, n := range s.MergeWhenClauses {
		when := n.GetMergeWhenClause()
		if when.GetCondition() != nil {
			r.reads(l, when.Condition)
		}
		if when.GetCommandType() == pg.CmdType_CMD_UPDATE {
			r.set(l, when.TargetList)
		}
		r.all(l, when.GetValues())
	}
	r.all(l, s.ReturningList)
}

// set notes the columns that are assigned, and what is read for it.
func (r *reader) set(l *level, targets []*pg.Node) {
	s := r.at(l)
	for _, t := range targets {
		if name := t.GetResTarget().GetName(); name != "" && !slices.Contains(s.Set, name) {
			s.Set = append(s.Set, name)
		}
	}
	r.all(l, targets)
}

func (r *reader) all(l *level, list []*pg.Node) {
	for _, n := range list {
		r.reads(l, n)
	}
}
