package export

import (
	"fmt"
	"strings"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/policy"
)

// reference is a reference between two exported tables, declared or virtual.
type reference struct {
	table, to           string
	columns, references []string
	cast                bool // the two sides are of different types
	virtual, orphans    bool
}

// on joins the two sides.
func (r reference) on(from, to string) string {
	var all []string
	for i := range r.columns {
		a, b := from+"."+quoted(r.columns[i]), to+"."+quoted(r.references[i])
		if r.cast {
			a, b = a+"::text", b+"::text"
		}
		all = append(all, b+" = "+a)
	}
	return strings.Join(all, " and ")
}

// subset says of each table's rows which are chosen: those of its own table by hash and condition, those of another when all
// that they refer to is. The policy's check has refused cycles.
type subset struct {
	*policy.Subset
	key        []string // of its table
	seed       int64    // of the hash: who knows a real key cannot tell whether its row was chosen
	references []reference
}

// chosen is the condition on t of a table's rows; empty: all.
func (s *subset) chosen(table string) string {
	if s == nil {
		return ""
	}
	if table == s.Table {
		return s.root("t")
	}
	var all []string
	for _, r := range s.leading(table) {
		all = append(all, "not exists ("+s.refused(r, "t", 1)+")")
	}
	return strings.Join(all, " and ")
}

// leading are the references of a table by which the subset reaches it.
func (s *subset) leading(table string) []reference {
	var out []reference
	for _, r := range s.references {
		if r.table == table && (r.to == s.Table || len(s.leading(r.to)) > 0) {
			out = append(out, r)
		}
	}
	return out
}

// refused is a query of the row that a reference leads to, when that is not chosen.
func (s *subset) refused(r reference, from string, depth int) string {
	to := fmt.Sprintf("%s%d", from[:1]+"s", depth)
	q := fmt.Sprintf("select from %s %s where %s and ", quotedPath(r.to), to, r.on(from, to))
	if r.to == s.Table {
		return q + "(" + s.root(to) + ") is not true"
	}
	var one []string
	for _, next := range s.leading(r.to) {
		one = append(one, "exists ("+s.refused(next, to, depth+1)+")")
	}
	return q + "(" + strings.Join(one, " or ") + ")"
}

// root is the condition on the subset's own table. The policy's condition names columns bare, so that it has the table for itself.
func (s *subset) root(alias string) string {
	list := func(alias string, as string) string {
		var out []string
		for _, c := range s.key {
			out = append(out, alias+"."+quoted(c)+as)
		}
		return strings.Join(out, ", ")
	}
	all := []string{"true"}
	if s.Percent > 0 && s.Percent < 100 {
		all = append(all, fmt.Sprintf("(hashtextextended(concat_ws(e'\\t', %s), %d) & 9223372036854775807) %% 100 < %d", list(alias, "::text"), s.seed, s.Percent))
	}
	if s.Where != "" {
		all = append(all, fmt.Sprintf("(%s) in (select %s from %s own where (%s\n))", list(alias, ""), list("own", ""), quotedPath(s.Table), s.Where))
	}
	return strings.Join(all, " and ")
}
