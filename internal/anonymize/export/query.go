package export

import (
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// quoted is a column's or a table's name as SQL has it; a path is "schema.table".
func quoted(name string) string { return pgx.Identifier{name}.Sanitize() }

func quotedPath(path string) string {
	schema, table, _ := strings.Cut(path, ".")
	return pgx.Identifier{schema, table}.Sanitize()
}

// hop is one column on the way to a row's subject: what it refers to.
type hop struct {
	column   string // of the table before
	table    string // "schema.table"
	refersTo string // column of it
	cast     bool   // the two are of different types
}

// query reads a table: its columns, and beside them those of the person whom a row is about.
type query struct {
	table   string
	columns []string
	way     []hop    // the last leads to the subject
	hidden  []string // columns of the subject, its key first; none: rows are about nobody
	chosen  string   // condition on t of a subset; empty: all rows
}

// fields is the list of what is read. The subject's key is where the row refers to it: no join is made for it alone.
func (q *query) fields() string {
	var list []string
	for _, c := range q.columns {
		list = append(list, "t."+quoted(c))
	}
	for i, c := range q.hidden {
		switch {
		case len(q.way) == 0: // it is the subjects' own table
			list = append(list, "t."+quoted(c))
		case i == 0:
			list = append(list, q.alias(len(q.way)-1)+"."+quoted(q.way[len(q.way)-1].column))
		default:
			list = append(list, q.alias(len(q.way))+"."+quoted(c))
		}
	}
	return strings.Join(list, ", ")
}

// alias is the name of the table after so many hops.
func (q *query) alias(hops int) string {
	if hops == 0 {
		return "t"
	}
	return fmt.Sprintf("j%d", hops)
}

// joins is how many tables are read beside.
func (q *query) joins() int {
	if len(q.hidden) <= 1 {
		return max(0, len(q.way)-1) // the key is in the table before
	}
	return len(q.way)
}

// from joins what the fields are read from. Left joins: a row whose person is not there leaves all the same.
func (q *query) from() string {
	var b strings.Builder
	b.WriteString(quotedPath(q.table) + " t")
	for i, h := range q.way[:q.joins()] {
		from, to := q.alias(i)+"."+quoted(h.column), q.alias(i+1)+"."+quoted(h.refersTo)
		if h.cast {
			from, to = from+"::text", to+"::text"
		}
		fmt.Fprintf(&b, " left join %s %s on %s = %s", quotedPath(h.table), q.alias(i+1), to, from)
	}
	return b.String()
}

// text is the whole query, of the rows that meet a further condition.
func (q *query) text(condition string) string {
	s := "select " + q.fields() + " from " + q.from()
	return s + where(q.chosen, condition)
}

// count is how many rows it has, of all; the joins must not change that.
func (q *query) count() string {
	return "select count(*) from " + quotedPath(q.table) + " t" + where(q.chosen)
}

func where(conditions ...string) string {
	var all []string
	for _, c := range conditions {
		if c != "" {
			all = append(all, "("+c+")")
		}
	}
	if all == nil {
		return ""
	}
	return " where " + strings.Join(all, " and ")
}
