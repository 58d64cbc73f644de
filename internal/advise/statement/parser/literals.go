package parser

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/proto"
)

// mostParams is what PostgreSQL's protocol can number.
const mostParams = 65535

// key is a JSON key as code has it. Longer numbers could be somebody's.
var key = regexp.MustCompile(`^[a-z][a-z_]{0,39}[0-9]{0,2}$`)

// words are literals that are of the language rather than of the data: units of time, configurations of text search, the zone.
var words = strings.Fields(`microseconds milliseconds second minute hour day week month quarter year decade century millennium
	epoch dow doy isodow isoyear julian timezone english simple utc UTC`)

// keyed are the functions that take one of these.
var keyed = []string{"date_trunc", "date_part", "extract", "timezone", "to_tsvector", "to_tsquery", "plainto_tsquery", "websearch_to_tsquery", "phraseto_tsquery"}

// literals puts a parameter in the place of each literal. It leaves NULL and booleans, the positions of ORDER BY and the like, keys
// of JSON and words of the language.
type literals struct {
	keep   map[*pg.A_Const]bool
	params int
	values []Value
}

func (l *literals) replace(stmt *pg.Node) error {
	l.keep = map[*pg.A_Const]bool{}
	var odd bool
	walk(stmt, func(m proto.Message) bool {
		switch n := m.(type) {
		case *pg.ParamRef:
			l.params = max(l.params, int(n.Number))
			odd = odd || n.Number < 1
		case *pg.SelectStmt:
			most := results(n)
			l.positions(n.SortClause, most)
			l.positions(n.GroupClause, most)
			l.positions(n.DistinctClause, most)
		case *pg.A_Expr:
			if op := last(n.Name); op == "->" || op == "->>" {
				l.keepText(n.Rexpr, key.MatchString)
			}
		case *pg.FuncCall:
			l.call(n)
		case *pg.TypeName:
			odd = odd || !l.typmods(n)
		}
		return true
	})
	if odd || l.params > mostParams {
		return errOdd
	}
	var found []*pg.Node
	walk(stmt, func(m proto.Message) bool {
		n, ok := m.(*pg.Node)
		if !ok || n.GetAConst() == nil {
			return true
		}
		if c := n.GetAConst(); !c.Isnull && c.GetBoolval() == nil && !l.keep[c] {
			found = append(found, n)
		}
		return false
	})
	if l.params+len(found) > mostParams {
		return errOdd
	}
	// Numbered as they are written, which is how pg_stat_statements does it: the same statement in a log has the same text.
	slices.SortStableFunc(found, func(a, b *pg.Node) int { return cmp.Compare(a.GetAConst().Location, b.GetAConst().Location) })
	for _, n := range found {
		l.params++
		l.values = append(l.values, Value{l.params, text(n.GetAConst())})
		n.Node = &pg.Node_ParamRef{ParamRef: &pg.ParamRef{Number: int32(l.params)}} //nolint:gosec // it is bounded
	}
	return nil
}

// results is how many columns a SELECT can have: as many as are written, and with an asterisk what PostgreSQL takes at most.
func results(s *pg.SelectStmt) int32 {
	for s.Larg != nil {
		s = s.Larg
	}
	for _, t := range s.TargetList {
		if fields := t.GetResTarget().GetVal().GetColumnRef().GetFields(); len(fields) > 0 && fields[len(fields)-1].GetAStar() != nil {
			return 1664
		}
	}
	return int32(len(s.TargetList)) //nolint:gosec // no statement has so many
}

// positions keeps the numbers that stand for a column of the result.
func (l *literals) positions(list []*pg.Node, most int32) {
	for _, n := range list {
		if s := n.GetSortBy(); s != nil {
			n = s.Node
		}
		if c := n.GetAConst(); c.GetIval() != nil && c.GetIval().Ival > 0 && c.GetIval().Ival <= most {
			l.keep[c] = true
		}
	}
}

func (l *literals) call(n *pg.FuncCall) {
	name := last(n.Funcname)
	if name == "extract" { // of which PostgreSQL takes no parameter, unless it is called as a function
		n.Funcformat = pg.CoercionForm_COERCE_EXPLICIT_CALL
		n.Funcname = []*pg.Node{pg.MakeStrNode("pg_catalog"), pg.MakeStrNode("extract")}
	}
	if len(n.Args) > 1 && slices.Contains(keyed, name) {
		l.keepText(n.Args[0], func(s string) bool { return slices.Contains(words, s) })
	}
}

func (l *literals) keepText(n *pg.Node, fits func(string) bool) {
	if cast := n.GetTypeCast(); cast != nil {
		n = cast.Arg
	}
	if c := n.GetAConst(); c.GetSval() != nil && fits(c.GetSval().Sval) {
		l.keep[c] = true
	}
}

// typmods keeps what is in varchar(20) and numeric(12, 2), and nothing that no such type would have.
func (l *literals) typmods(n *pg.TypeName) bool {
	for _, m := range n.Typmods {
		c := m.GetAConst()
		if c.GetIval() == nil || c.GetIval().Ival < -1 || c.GetIval().Ival > 0xFFFF {
			return false
		}
		l.keep[c] = true
	}
	return true
}

// text is a literal as it would be sent for a parameter.
func text(c *pg.A_Const) string {
	switch {
	case c.GetSval() != nil:
		return c.GetSval().Sval
	case c.GetFval() != nil:
		return c.GetFval().Fval
	case c.GetBsval() != nil:
		return c.GetBsval().Bsval
	}
	return integer(c.GetIval().GetIval())
}
