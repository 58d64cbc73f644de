package runtimeapi

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxIdentifier = 63 // bytes; PostgreSQL cuts what is longer
	maxIndexKeys  = 32 // columns of an index, INCLUDE's among them
	maxExpression = 2000
)

var (
	classForm     = regexp.MustCompile(`^[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)?$`)
	collationForm = regexp.MustCompile(`^[A-Za-z0-9_.@-]{1,63}$`)
	nameOfForm    = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_$-]*$`)
)

// ValidateIndexName says what is wrong with the name of an index, a table or a schema, or returns nil.
func ValidateIndexName(field, name string) *Error {
	if nameOfForm.MatchString(name) && len(name) <= maxIdentifier {
		return nil
	}
	return &Error{Code: CodeInvalid, Field: field,
		Message: "must start with a letter or underscore, hold only letters, digits, underscores, hyphens and $, and have at most 63 characters"}
}

// ValidateIndexSchema says what is wrong with the schema of an index, or returns nil.
func ValidateIndexSchema(schema string) *Error {
	if e := ValidateIndexName("schema", schema); e != nil {
		return e
	}
	if schema == "august" || schema == "information_schema" || strings.HasPrefix(schema, "pg_") {
		return &Error{Code: CodeInvalid, Field: "schema", Message: "is the runtime's or PostgreSQL's own, whose indexes are not for others to make or drop"}
	}
	return nil
}

// Validate lists everything that is wrong with the spec as far as that can be told without a database. What is empty may not
// be known yet, unless whole says that everything is.
func (s IndexSpec) Validate(whole bool) []Error {
	var v findings
	if s.Table != "" || whole {
		if e := ValidateIndexName("table", s.Table); e != nil {
			v = append(v, *e)
		}
	}
	method := s.Normal().Method
	if !slices.Contains(IndexMethods, method) {
		v.add("method", "must be one of %s", strings.Join(IndexMethods, ", "))
	}
	if s.Unique && method != "btree" {
		v.add("unique", "goes with method btree only")
	}
	if len(s.Include) > 0 && !slices.Contains([]string{"btree", "gist", "spgist"}, method) {
		v.add("include", "goes with methods btree, gist and spgist only")
	}
	if s.Fillfactor != 0 {
		switch {
		case s.Fillfactor < 10 || s.Fillfactor > 100:
			v.add("fillfactor", "must be from 10 to 100")
		case method == "gin" || method == "brin":
			v.add("fillfactor", "goes with methods btree, hash, gist and spgist only")
		}
	}
	if len(s.Columns)+len(s.Include) > maxIndexKeys {
		v.add("columns", "are more than %d with those of include", maxIndexKeys)
	}
	if whole && len(s.Columns) == 0 {
		v.add("columns", "must be at least one")
	}
	for i, c := range s.Columns {
		v.indexColumn(fmt.Sprintf("columns[%d]", i), c, method, whole)
	}
	for i, name := range s.Include {
		if name != "" || whole {
			v.columnName(fmt.Sprintf("include[%d]", i), name)
		}
	}
	if s.Where != "" {
		if problem := lexExpression(s.Where); problem != "" {
			v.add("where", "%s", problem)
		}
	}
	return v
}

func (v *findings) indexColumn(at string, c IndexColumn, method string, whole bool) {
	switch {
	case c.Column != "" && c.Expression != "":
		v.add(at+".expression", "and column exclude each other: a key is one of them")
	case c.Column != "":
		v.columnName(at+".column", c.Column)
	case c.Expression != "":
		if problem := lexExpression(c.Expression); problem != "" {
			v.add(at+".expression", "%s", problem)
		}
	case whole:
		v.add(at+".column", "is empty, and so is expression: a key is one of them")
	}
	if c.Order != "" && c.Order != OrderAscending && c.Order != OrderDescending {
		v.add(at+".order", "must be %q or %q", OrderAscending, OrderDescending)
	}
	if c.Nulls != "" && c.Nulls != NullsFirst && c.Nulls != NullsLast {
		v.add(at+".nulls", "must be %q or %q", NullsFirst, NullsLast)
	}
	if method != "btree" {
		if c.Order == OrderDescending {
			v.add(at+".order", "goes with method btree only: others have no order")
		}
		if c.Nulls != "" {
			v.add(at+".nulls", "goes with method btree only: others have no order")
		}
	}
	if c.OperatorClass != "" && !classForm.MatchString(c.OperatorClass) {
		v.add(at+".operator_class", "must be the name of an operator class, such as text_pattern_ops or public.gin_trgm_ops")
	}
	if c.Collation != "" && !collationForm.MatchString(c.Collation) {
		v.add(at+".collation", `must be the name of a collation, such as C or en_US.utf8`)
	}
}

func (v *findings) columnName(at, name string) {
	if name == "" || len(name) > maxIdentifier || !utf8.ValidString(name) || strings.ContainsRune(name, 0) {
		v.add(at, "must be the name of a column, of at most 63 bytes")
	}
}

// lexExpression says why a text is not, as far as its letters tell, one expression that stays within the parentheses that it
// will be put in; "" when it is. Quotes, comments, statements and commas of its own are what could lead out of them: whatever
// passes here is, between parentheses, one expression or no SQL at all.
func lexExpression(text string) string {
	switch {
	case strings.TrimSpace(text) == "":
		return "is empty"
	case len(text) > maxExpression:
		return fmt.Sprintf("is longer than %d bytes", maxExpression)
	case !utf8.ValidString(text):
		return "is not valid UTF-8"
	}
	var open []rune // closing parentheses that are awaited
	runes := []rune(text)
	for i := 0; i < len(runes); i++ {
		r := runes[i]
		next := rune(0)
		if i+1 < len(runes) {
			next = runes[i+1]
		}
		switch {
		case r == '\'' || r == '"':
			if i > 0 && (runes[i-1] == '&' || runes[i-1] == '_' || unicode.IsLetter(runes[i-1]) || unicode.IsDigit(runes[i-1])) {
				return "has a literal with a prefix (E'…', U&'…' and the like); use plain '…'"
			}
			end := closing(runes, i)
			if end < 0 {
				return "has a quote that is not closed"
			}
			i = end
		case r == ';':
			return "has a semicolon: it must be one expression"
		case r == '-' && next == '-', r == '/' && next == '*', r == '*' && next == '/':
			return "has a comment; write it beside the configuration's line instead"
		case r == '$' || r == '\\':
			return fmt.Sprintf("has a %c outside of quotes", r)
		case r == ',' && len(open) == 0:
			return "has a comma: it must be one expression, and an index has a key for each"
		case r == '(':
			open = append(open, ')')
		case r == '[':
			open = append(open, ']')
		case r == ')' || r == ']':
			if len(open) == 0 || open[len(open)-1] != r {
				return "has parentheses that do not match"
			}
			open = open[:len(open)-1]
		case unicode.IsControl(r) && r != '\n' && r != '\t' && r != '\r':
			return "has a control character"
		}
	}
	if len(open) > 0 {
		return "has parentheses that do not match"
	}
	return ""
}

// closing is where what is quoted from i on ends; a quote within is written twice. -1: it does not.
func closing(runes []rune, i int) int {
	quote := runes[i]
	for j := i + 1; j < len(runes); j++ {
		if runes[j] != quote {
			if unicode.IsControl(runes[j]) {
				return -1
			}
			continue
		}
		if j+1 < len(runes) && runes[j+1] == quote {
			j++
			continue
		}
		return j
	}
	return -1
}
