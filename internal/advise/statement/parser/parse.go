// Package parser reads SQL by PostgreSQL's own grammar (pg_query, as WebAssembly). The first call of a process takes a second and a quarter of
// a gigabyte: what serves has a child do it. What it gives, errors included, holds no literal and no comment of what was read; only
// Literals does, for whoever asks for the values.
package parser

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	pg "github.com/pganalyze/pg_query_go/v6"
	pgquery "github.com/wasilibs/go-pgquery"
	"google.golang.org/protobuf/proto"

	"github.com/feel-august/terraform-provider-august/internal/advise/statement"
)

// What may be wrong with a statement. None says anything of its text.
var (
	ErrSyntax  = errors.New("PostgreSQL's grammar does not take it; it may be cut off")
	ErrSeveral = errors.New("it is more than one statement")
	ErrEmpty   = errors.New("there is no statement")
	ErrLong    = fmt.Errorf("it is longer than %d kB", longest>>10)
	errOdd     = errors.New("it has parameters or types that PostgreSQL would not take")
	errPrint   = errors.New("it cannot be printed without its literals")
	ErrDeep    = errors.New("it is nested too deeply")
)

const longest = 1 << 20

// Value is a literal that a statement had, by the number of the parameter that took its place. It is of the patients' data: it never leaves the process.
type Value struct {
	Param int
	Text  string
}

// Format keeps values out of whatever prints them.
func (v Value) Format(f fmt.State, _ rune) { _, _ = fmt.Fprintf(f, "$%d", v.Param) }

// Parsed is what a statement was read as, or why it could not be.
type Parsed struct {
	Shape       *statement.Shape
	Fingerprint string  // the same for statements that differ in literals only
	Values      []Value // the literals that it had
	Err         error
}

// Parse reads a statement. Of one that no index helps it tells no more than that.
func Parse(text string) (*statement.Shape, error) {
	shape, _, err := Literals(text)
	return shape, err
}

// Literals is Parse, and gives the literals that parameters took the place of.
func Literals(text string) (*statement.Shape, []Value, error) {
	stmt, kind, err := read(text)
	if err != nil {
		return nil, nil, err
	}
	if kind == statement.Utility {
		return &statement.Shape{Kind: kind}, nil, nil
	}
	l := literals{}
	printed, err := l.normalise(stmt)
	if err != nil {
		return nil, nil, err
	}
	r := reader{shape: &statement.Shape{Kind: kind, Text: printed, Params: l.params}}
	if err := r.statement(stmt); err != nil {
		return nil, nil, err
	}
	return r.shape, l.values, nil
}

// Normalize is a statement's text with parameters in the place of literals, printed anew and so without comments. It is empty of one
// that no index helps.
func Normalize(text string) (string, error) {
	stmt, kind, err := read(text)
	if err != nil || kind == statement.Utility {
		return "", err
	}
	return new(literals).normalise(stmt)
}

// Fingerprint is the same for statements that differ in literals only.
func Fingerprint(text string) (string, error) {
	if _, _, err := read(text); err != nil {
		return "", err
	}
	f, err := pgquery.Fingerprint(text)
	if err != nil {
		return "", ErrSyntax
	}
	return f, nil
}

func read(text string) (*pg.Node, statement.Kind, error) {
	switch {
	case len(text) > longest:
		return nil, "", ErrLong
	case !utf8.ValidString(text) || strings.ContainsRune(text, 0):
		return nil, "", ErrSyntax
	}
	switch d, err := deep(text); {
	case err != nil:
		return nil, "", err
	case d > deepestTree:
		return nil, "", ErrDeep
	}
	tree, err := pgquery.Parse(text)
	switch {
	case err != nil: // its text would quote the statement
		return nil, "", ErrSyntax
	case len(tree.Stmts) == 0:
		return nil, "", ErrEmpty
	case len(tree.Stmts) > 1:
		return nil, "", ErrSeveral
	}
	stmt := tree.Stmts[0].Stmt
	switch s := stmt.GetNode().(type) {
	case *pg.Node_SelectStmt:
		if s.SelectStmt.IntoClause == nil {
			return stmt, statement.Select, nil
		}
	case *pg.Node_InsertStmt:
		return stmt, statement.Insert, nil
	case *pg.Node_UpdateStmt:
		return stmt, statement.Update, nil
	case *pg.Node_DeleteStmt:
		return stmt, statement.Delete, nil
	case *pg.Node_MergeStmt:
		return stmt, statement.Merge, nil
	}
	return nil, statement.Utility, nil
}

// normalise prints a statement without its literals, and reads what it has printed: neither a printer's mistake nor a place for
// literals that nobody thought of lets one through.
func (l *literals) normalise(stmt *pg.Node) (string, error) {
	unname(stmt)
	if err := l.replace(stmt); err != nil {
		return "", err
	}
	printed, err := deparse(stmt)
	if err != nil {
		return "", err
	}
	again, _, err := read(printed)
	if err != nil || again == nil {
		return "", errPrint
	}
	check := literals{}
	if err := check.replace(again); err != nil || len(check.values) > 0 || check.params > l.params {
		return "", errPrint
	}
	return printed, nil
}

func deparse(stmt *pg.Node) (string, error) {
	printed, err := pgquery.Deparse(&pg.ParseResult{Stmts: []*pg.RawStmt{{Stmt: stmt}}})
	if err != nil {
		return "", errPrint
	}
	return printed, nil
}

// printExpression prints one as an index has it: in parentheses, unless it is a call.
func printExpression(n *pg.Node) (string, error) {
	printed, err := deparse(&pg.Node{Node: &pg.Node_SelectStmt{SelectStmt: &pg.SelectStmt{
		TargetList: []*pg.Node{pg.MakeResTargetNodeWithVal(n, 0)}, LimitOption: pg.LimitOption_LIMIT_OPTION_DEFAULT, Op: pg.SetOperation_SETOP_NONE,
	}}})
	if err != nil {
		return "", err
	}
	printed = strings.TrimPrefix(printed, "SELECT ")
	if call := n.GetFuncCall(); call != nil && call.Funcformat == pg.CoercionForm_COERCE_EXPLICIT_CALL || n.GetCoalesceExpr() != nil || n.GetMinMaxExpr() != nil {
		return printed, nil
	}
	return "(" + printed + ")", nil
}

// Expression is an index's expression or predicate (as pg_get_indexdef and pg_get_expr print it) in the form that Operand.Expression has: without
// the casts that PostgreSQL adds to literals. Its literals stay: they are of the schema.
func Expression(text string) (string, error) {
	if d, err := deep(text); err != nil || d > deepestTree {
		return "", ErrDeep
	}
	tree, err := pgquery.Parse("SELECT " + text)
	if err != nil || len(tree.Stmts) != 1 || len(tree.Stmts[0].Stmt.GetSelectStmt().GetTargetList()) != 1 {
		return "", ErrSyntax
	}
	value := tree.Stmts[0].Stmt.GetSelectStmt().TargetList[0].GetResTarget().GetVal()
	if value == nil {
		return "", ErrSyntax
	}
	plain(value)
	return printExpression(value)
}

// plain takes the casts off literals.
func plain(n *pg.Node) {
	walk(n, func(m proto.Message) bool {
		if n, ok := m.(*pg.Node); ok {
			if c := n.GetTypeCast().GetArg().GetAConst(); c.GetSval() != nil {
				n.Node = &pg.Node_AConst{AConst: c}
			}
		}
		return true
	})
}

// sound is a statement with many of the grammar's words, as the printer prints it.
const sound = `SELECT DISTINCT a, CASE WHEN b THEN lower(c) ELSE d::text END AS x FROM s.t JOIN u USING (id) LEFT JOIN v ON v.a = t.b ` +
	`WHERE a = $1 AND b IN (1, 2) AND c IS NOT NULL AND d BETWEEN 1 AND 2 GROUP BY a HAVING count(*) > 1 ORDER BY a DESC LIMIT 1`

// Sound tells whether the parser still reads and prints as it should. It is to be asked after what was read, before that is used.
func Sound() error {
	tree, err := pgquery.Parse(sound)
	if err == nil {
		var printed string
		if printed, err = pgquery.Deparse(tree); err == nil && printed == sound {
			return nil
		}
	}
	return errors.New("the parser is no longer itself: what it has read must not be used")
}

func integer(n int32) string { return strconv.Itoa(int(n)) }
