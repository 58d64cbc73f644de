package parser

import (
	"regexp"
	"strconv"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// plainName is a name as code gives it. Who turns rows into columns writes values as names: count(*) filter (where doctor = 7) as "Dr. Example".
var plainName = regexp.MustCompile(`^[A-Za-z_][A-Za-z_0-9]{0,62}$`)

// unname gives the statement's results that have such names others. What is within the statement refers to names of its own, and keeps them.
func unname(stmt *pg.Node) {
	switch s := stmt.GetNode().(type) {
	case *pg.Node_SelectStmt:
		unnameResults(s.SelectStmt)
	case *pg.Node_InsertStmt:
		unnameResults(s.InsertStmt.SelectStmt.GetSelectStmt())
		unnameAll(s.InsertStmt.ReturningList)
	case *pg.Node_UpdateStmt:
		unnameAll(s.UpdateStmt.ReturningList)
	case *pg.Node_DeleteStmt:
		unnameAll(s.DeleteStmt.ReturningList)
	case *pg.Node_MergeStmt:
		unnameAll(s.MergeStmt.ReturningList)
	}
}

func unnameResults(s *pg.SelectStmt) {
	if s == nil {
		return
	}
	first := s
	for first.Larg != nil {
		unnameArms(first.Rarg)
		first = first.Larg
	}
	names := unnameAll(first.TargetList)
	for _, list := range [][]*pg.Node{s.SortClause, s.GroupClause, s.DistinctClause} {
		for _, n := range list {
			if by := n.GetSortBy(); by != nil {
				n = by.Node
			}
			if fields := n.GetColumnRef().GetFields(); len(fields) == 1 {
				if name, ok := names[fields[0].GetString_().GetSval()]; ok {
					fields[0] = pg.MakeStrNode(name)
				}
			}
		}
	}
}

// unnameArms is for the other arms of a UNION, whose names nobody sees.
func unnameArms(s *pg.SelectStmt) {
	if s == nil {
		return
	}
	if s.Larg == nil {
		unnameResults(s)
		return
	}
	unnameArms(s.Larg)
	unnameArms(s.Rarg)
}

// unnameAll gives the names that were given, by what they were.
func unnameAll(targets []*pg.Node) map[string]string {
	names := map[string]string{}
	for i, t := range targets {
		if r := t.GetResTarget(); r != nil && r.Name != "" && !plainName.MatchString(r.Name) {
			name, twice := names[r.Name]
			if !twice {
				name = "result_" + strconv.Itoa(i+1)
				names[r.Name] = name
			}
			r.Name = name
		}
	}
	return names
}
