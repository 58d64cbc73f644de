package index

import (
	"cmp"
	"math"
	"slices"

	"github.com/feel-august/terraform-provider-august/internal/advise/statement"
	"github.com/feel-august/terraform-provider-august/internal/advise/workload"
)

const (
	jsonbPath = "jsonb_path_ops"

	smallest   = 16   // pages of a table that an index is of use to
	fewestRows = 1000 // the same in rows
	mostEquals = 4    // keys of one value each
	mostKeys   = 6
	widest     = 400  // bytes of a key's column on average: an entry has to fit a third of a page, always
	appended   = 0.95 // correlation from which on a table is in the order of a column
	brinPages  = 2048 // of a table, from which on a BRIN index is worth thinking of
	rare       = 0.5  // share of the rows below which an index on them alone is worth it
)

// want is what one read asks of an index.
type want struct {
	read   *read
	equals []operand // with one value each, or a few, or what a join gives
	ranges []operand
	order  []workload.Key // "" for none; nil when the order is not the table's
	likes  []operand
	where  []string // rare conditions that an index can be narrowed by
}

// generator makes candidates, knowing what the whole workload asks of each table.
type generator struct {
	common map[*workload.Table]map[string]float64 // seconds of statements that ask for equality, by operand
	sets   map[*workload.Table][][]operand        // sets of such operands, to have one index for several statements
}

func newGenerator(qs []*query) *generator {
	g := &generator{common: map[*workload.Table]map[string]float64{}, sets: map[*workload.Table][][]operand{}}
	for _, q := range qs {
		for _, r := range q.reads() {
			if g.common[r.table] == nil {
				g.common[r.table] = map[string]float64{}
			}
			for _, w := range wants(r) {
				for _, o := range w.equals {
					g.common[r.table][o.key()] += q.Seconds
				}
				if len(w.equals) > 0 && len(g.sets[r.table]) < 64 {
					g.sets[r.table] = append(g.sets[r.table], w.equals)
				}
			}
		}
	}
	return g
}

// reads is the tables of a statement that are large enough to be thought about.
func (q *query) reads() []*read {
	var all []*read
	for _, sc := range q.scopes {
		for _, r := range sc.reads {
			if r.table != nil && r.table.Pages >= smallest && r.table.Rows >= fewestRows {
				all = append(all, r)
			}
		}
	}
	return all
}

// wants is what a read asks for: by its own conditions; and for each table that it is joined with, by what that gives, too.
func wants(r *read) []want {
	var joins []*read
	for i := range r.conditions {
		if j := r.conditions[i].join; j != nil && !r.conditions[i].outerJoin(r) && !slices.Contains(joins, j) {
			joins = append(joins, j)
		}
	}
	all := []want{r.want(nil)}
	for _, j := range joins {
		all = append(all, r.want([]*read{j}))
	}
	if len(joins) > 1 {
		all = append(all, r.want(joins))
	}
	return all
}

func (r *read) want(joined []*read) want {
	w := want{read: r}
	t := r.table
	for i := range r.conditions {
		c := &r.conditions[i]
		if c.outerJoin(r) || (c.join != nil && !slices.Contains(joined, c.join)) {
			continue
		}
		if a := atom(c.class, c.of.column); a != "" && c.of.column != "" {
			if share := portionOf(t, a); share < rare {
				w.where = append(w.where, a)
			} else if c.class == statement.True || c.class == statement.False {
				w.equals = add(w.equals, c.of)
			}
			continue
		}
		if !keyable(t, c.of) {
			continue
		}
		switch c.class {
		case statement.Equal, statement.In:
			w.equals = add(w.equals, c.of)
		case statement.Range:
			w.ranges = add(w.ranges, c.of)
		case statement.Like:
			if c.operator != "~~*" && t != nil && isText(t, c.of) {
				w.likes = add(w.likes, c.of)
			}
		}
	}
	slices.Sort(w.where)
	w.where = slices.Compact(w.where)
	for _, o := range r.order {
		of := operand{column: o.Of.Column, expression: o.Of.Expression, columns: o.Of.Columns}
		if of.column != "" {
			of.columns = []string{of.column}
		}
		if !keyable(t, of) {
			w.order = nil
			break
		}
		if slices.ContainsFunc(w.equals, func(e operand) bool { return e.key() == of.key() }) {
			continue
		}
		k := keyOf(of)
		k.Descending, k.NullsFirst = o.Descending, nullsFirst(o)
		if c := column(t, k.Column); c != nil && c.NotNull {
			k.NullsFirst = k.Descending
		}
		w.order = append(w.order, k)
	}
	return w
}

func add(to []operand, o operand) []operand {
	if slices.ContainsFunc(to, func(x operand) bool { return x.key() == o.key() }) {
		return to
	}
	return append(to, o)
}

// keyable tells that a B-tree can have it as a key.
func keyable(t *workload.Table, o operand) bool {
	if o.column == "" {
		return indexable(t, o.expression, o.columns)
	}
	c := column(t, o.column)
	if c == nil || c.Toasted || c.Width > widest {
		return false
	}
	switch c.Base {
	case "json", "jsonb", "xml", "point", "box", "polygon", "line", "lseg", "path", "circle", "tsvector", "tsquery":
		return false
	}
	return true
}

func isText(t *workload.Table, o operand) bool {
	c := column(t, o.column)
	return c != nil && patternClass(c) != ""
}

// patternClass is the operator class by which LIKE 'x%' finds its place in a B-tree whatever the collation.
func patternClass(c *workload.Column) string {
	switch c.Base {
	case "text":
		return "text_pattern_ops"
	case "varchar":
		return "varchar_pattern_ops"
	case "bpchar":
		return "bpchar_pattern_ops"
	}
	return ""
}

func keyOf(o operand) workload.Key {
	if o.column != "" {
		return workload.Key{Column: o.column}
	}
	return workload.Key{Expression: o.expression}
}

// of makes the candidates for a statement, each once.
func (g *generator) of(q *query) []Definition {
	var all []Definition
	seen := map[string]bool{}
	for _, r := range q.reads() {
		for _, w := range wants(r) {
			for _, d := range g.candidates(w) {
				if s := d.signature(); !seen[s] {
					seen[s] = true
					all = append(all, d)
				}
			}
		}
		for _, d := range whole(r) {
			if s := d.signature(); !seen[s] {
				seen[s] = true
				all = append(all, d)
			}
		}
	}
	return all
}

// candidates of one want: equality first, then a range or the order, then what is only read; once for all rows and once for those that
// a rare condition leaves.
func (g *generator) candidates(w want) []Definition {
	t := w.read.table
	var lists [][]workload.Key
	for _, equals := range g.orders(t, w.equals) {
		lists = append(lists, w.tails(equals)...)
	}
	var all []Definition
	for _, keys := range lists {
		if len(keys) > mostKeys {
			keys = keys[:mostKeys]
		}
		if len(keys) > 0 {
			all = append(all, variants(w.read, Definition{Schema: t.Schema, Table: t.Name, Method: BTree, Keys: keys})...)
		}
		for _, a := range w.where {
			narrow := keys
			if len(narrow) == 0 && len(w.equals)+len(w.ranges)+len(w.order) == 0 {
				narrow = identity(t)
			}
			if len(narrow) > 0 {
				all = append(all, variants(w.read, Definition{Schema: t.Schema, Table: t.Name, Method: BTree, Keys: narrow, Where: a})...)
			}
		}
	}
	return all
}

// variants adds the index with what is only read included.
func variants(r *read, d Definition) []Definition {
	all := []Definition{d}
	if r.needs == nil || !r.only {
		return all
	}
	x := possible(r.table, &d)
	var more []string
	width := 0.0
	for _, c := range sortedKeys(r.needs) {
		if x.has(operand{column: c}) || slices.Contains(x.where, ident(c)+" IS NULL") {
			continue
		}
		if !keyable(r.table, operand{column: c, columns: []string{c}}) {
			return all
		}
		more = append(more, c)
		width += column(r.table, c).Width
	}
	if len(more) == 0 || len(more) > 4 || width > 64 {
		return all
	}
	d.Include = more
	return append(all, d)
}

func sortedKeys(m map[string]bool) []string {
	var all []string
	for k := range m {
		all = append(all, k)
	}
	slices.Sort(all)
	return all
}

// identity is the primary key, when it is one column: what an index has as its key that is all about its predicate.
func identity(t *workload.Table) []workload.Key {
	for i := range t.Indexes {
		if x := &t.Indexes[i]; x.Primary && len(x.Keys) == 1 {
			return []workload.Key{{Column: x.Keys[0].Column}}
		}
	}
	return nil
}

// orders is the ways to put equality first: all, and fewer, for what one more column saves may not be worth it. Those that many
// statements ask for come first; where another statement asks for some of them alone, these do.
func (g *generator) orders(t *workload.Table, equals []operand) [][]operand {
	sorted := slices.Clone(equals)
	slices.SortFunc(sorted, func(a, b operand) int {
		return cmp.Or(-cmp.Compare(g.common[t][a.key()], g.common[t][b.key()]), -cmp.Compare(values(t, a), values(t, b)), cmp.Compare(a.key(), b.key()))
	})
	if len(sorted) > mostEquals {
		slices.SortStableFunc(sorted, func(a, b operand) int { return -cmp.Compare(values(t, a), values(t, b)) })
		sorted = sorted[:mostEquals]
	}
	all := [][]operand{sorted}
	if len(sorted) < 2 {
		return append(all, nil)
	}
	best := slices.Clone(sorted)
	slices.SortStableFunc(best, func(a, b operand) int { return -cmp.Compare(values(t, a), values(t, b)) })
	for n := 1; n < len(best); n++ {
		all = append(all, best[:n])
	}
	for _, first := range g.sets[t] {
		if len(first) >= len(sorted) || !subset(first, sorted) {
			continue
		}
		list := slices.Clone(first)
		slices.SortFunc(list, func(a, b operand) int { return cmp.Compare(a.key(), b.key()) })
		for _, o := range sorted {
			list = add(list, o)
		}
		all = append(all, list)
	}
	return append(all, nil)
}

func subset(a, of []operand) bool {
	for _, o := range a {
		if !slices.ContainsFunc(of, func(x operand) bool { return x.key() == o.key() }) {
			return false
		}
	}
	return true
}

// values is how many different ones there are.
func values(t *workload.Table, o operand) float64 {
	if c := column(t, o.column); c != nil && c.Distinct > 0 {
		return c.Distinct
	}
	if len(o.columns) == 1 && keeps(o.expression) {
		if c := column(t, o.columns[0]); c != nil && c.Distinct > 0 {
			return c.Distinct
		}
	}
	return 200
}

// tails is what may follow the equal keys.
func (w want) tails(equals []operand) [][]workload.Key {
	var head []workload.Key
	for _, o := range equals {
		head = append(head, keyOf(o))
	}
	with := func(keys ...workload.Key) []workload.Key {
		list := slices.Clone(head)
		for _, k := range keys {
			if !slices.ContainsFunc(list, func(x workload.Key) bool { return x.Column == k.Column && same(x.Expression) == same(k.Expression) }) {
				list = append(list, k)
			}
		}
		return list
	}
	all := [][]workload.Key{head}
	for _, o := range w.ranges {
		all = append(all, with(keyOf(o)))
	}
	if len(w.order) > 0 {
		all = append(all, with(w.order...))
		for _, o := range w.ranges {
			all = append(all, with(append(slices.Clone(w.order), keyOf(o))...))
		}
		if w.order[0].Descending && w.order[0].NullsFirst && len(w.order) == 1 {
			up := w.order[0]
			up.Descending, up.NullsFirst = false, false
			all = append(all, with(up)) // read backwards, it does as well
		}
	}
	for _, o := range w.likes {
		k := keyOf(o)
		if c := column(w.read.table, o.column); c != nil && !c.CCollation {
			k.Class = patternClass(c)
		}
		all = append(all, with(k))
	}
	return all
}

// whole is candidates of methods that have no order of keys.
func whole(r *read) []Definition {
	t := r.table
	var all []Definition
	for i := range r.conditions {
		c := &r.conditions[i]
		col := column(t, c.of.column)
		if col == nil || c.join != nil {
			continue
		}
		d := Definition{Schema: t.Schema, Table: t.Name, Method: GIN, Keys: []workload.Key{{Column: col.Name}}}
		array := len(col.Base) > 1 && col.Base[0] == '_'
		switch {
		case c.class == statement.Contains && col.Base == "jsonb":
			d.Keys[0].Class = jsonbPath
			all = append(all, d, Definition{Schema: t.Schema, Table: t.Name, Method: GIN, Keys: []workload.Key{{Column: col.Name}}})
		case c.class == statement.HasKey && col.Base == "jsonb", array && (c.class == statement.Contains || c.class == statement.Overlaps),
			c.class == statement.Search && col.Base == "tsvector":
			all = append(all, d)
		case c.class == statement.Range && math.Abs(col.Correlation) > appended && t.Pages >= brinPages:
			d.Method = BRIN
			all = append(all, d)
		}
	}
	return all
}
