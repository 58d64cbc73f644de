package index

import (
	"slices"
	"strings"

	"github.com/feel-august/terraform-provider-august/internal/advise/statement"
	"github.com/feel-august/terraform-provider-august/internal/advise/workload"
)

// Access methods.
const (
	BTree = "btree"
	GIN   = "gin"
	BRIN  = "brin"
	hash  = "hash"
)

// tree is an index as a planner looks at it, whether it is there or could be.
type tree struct {
	name    string
	method  string
	keys    []workload.Key
	include []string
	where   []string // atoms
	unique  bool
	size    size
}

// existing is a table's indexes that answer.
func existing(t *workload.Table) []*tree {
	var all []*tree
	for i := range t.Indexes {
		x := &t.Indexes[i]
		if !x.Valid || !x.Ready {
			continue
		}
		d := Definition{Method: x.Method, Keys: x.Keys, Include: x.Include, Where: x.Where, Unique: x.Unique}
		s := measure(t, &d)
		if x.Bytes > 0 {
			s.pages = float64(x.Bytes) / pageBytes
		}
		all = append(all, &tree{name: x.Name, method: x.Method, keys: x.Keys, include: x.Include, where: atoms(x.Where), unique: x.Unique, size: s})
	}
	return all
}

// possible is an index that could be.
func possible(t *workload.Table, d *Definition) *tree {
	return &tree{name: d.Name, method: d.Method, keys: d.Keys, include: d.Include, where: atoms(d.Where), unique: d.Unique, size: measure(t, d)}
}

// match is what a tree does for a read.
type match struct {
	bounds   []*condition // that say where in the index to look
	filters  []*condition // that the index decides, entry by entry
	rest     []*condition // that the table's rows decide
	equals   int          // keys, from the first, with one value each
	ordered  bool         // entries come in the order that is asked for
	covering bool         // the index has all that is read
	bitmap   bool         // only by bitmap: BRIN, GIN
}

// match tells how the tree can be used for a read under the conditions that can be checked when it is looked at; nil when it can't.
func (x *tree) match(r *read, given []*condition, generic bool) *match {
	if !x.holds(r, given, generic) {
		return nil
	}
	given = slices.DeleteFunc(slices.Clone(given), func(c *condition) bool { // certain of all that is in the index
		a := atom(c.class, c.of.column)
		return a != "" && c.of.column != "" && slices.Contains(x.where, a)
	})
	switch x.method {
	case BTree:
		return x.matchBTree(r, given, generic)
	case GIN:
		return x.matchWhole(given, func(k workload.Key, c *condition) bool { return ginServes(k, c) })
	case BRIN:
		return x.matchWhole(given, func(_ workload.Key, c *condition) bool {
			return c.class == statement.Equal || c.class == statement.Range
		})
	case hash:
		return x.matchWhole(given, func(_ workload.Key, c *condition) bool { return c.class == statement.Equal })
	}
	return nil
}

// holds tells whether the read's conditions make the predicate of a partial index certain.
func (x *tree) holds(r *read, given []*condition, generic bool) bool {
	if len(x.where) == 0 {
		return true
	}
	implied := r.implied()
	for _, a := range x.where {
		if implied[a] {
			continue
		}
		if generic {
			return false
		}
		// A comparison with a literal: which one the statement has, is not known; that somebody made the index for it is likely.
		if !slices.ContainsFunc(given, func(c *condition) bool {
			return (c.class == statement.Equal || c.class == statement.In) && c.join == nil && mentions(a, c.of)
		}) {
			return false
		}
	}
	return true
}

func mentions(atom string, o operand) bool {
	a := same(atom)
	if o.column != "" {
		return strings.HasPrefix(a, o.column+"=")
	}
	return strings.HasPrefix(a, same(o.expression)+"=")
}

func (x *tree) matchBTree(r *read, given []*condition, generic bool) *match {
	m := &match{covering: x.covers(r)}
	used := map[*condition]bool{}
	for i, open := 0, true; i < len(x.keys); i++ {
		equal, some := false, false
		for _, c := range given {
			if !isKey(x.keys[i], c.of) || !btreeServes(r.table, x.keys[i], c, generic) {
				continue
			}
			used[c] = true
			if open {
				m.bounds = append(m.bounds, c)
			} else {
				m.filters = append(m.filters, c)
			}
			some = true
			equal = equal || c.class == statement.Equal || c.class == statement.Null
			if c.class == statement.In {
				equal = true
			}
		}
		if open && equal && some {
			m.equals++
		} else {
			open = false
		}
	}
	for _, c := range given {
		if used[c] {
			continue
		}
		if x.has(c.of) && c.class != statement.Other {
			m.filters = append(m.filters, c)
		} else {
			m.rest = append(m.rest, c)
		}
	}
	m.ordered = x.sorted(r, given)
	return m
}

// matchWhole is for methods that have no order of keys.
func (x *tree) matchWhole(given []*condition, serves func(workload.Key, *condition) bool) *match {
	m := &match{bitmap: x.method != hash}
	for _, c := range given {
		if slices.ContainsFunc(x.keys, func(k workload.Key) bool { return isKey(k, c.of) && serves(k, c) }) {
			m.bounds = append(m.bounds, c)
		} else {
			m.rest = append(m.rest, c)
		}
	}
	if len(m.bounds) == 0 {
		return nil
	}
	m.equals = len(m.bounds)
	return m
}

func isKey(k workload.Key, o operand) bool {
	if k.Column != "" || o.column != "" {
		return k.Column == o.column
	}
	return same(k.Expression) == same(o.expression)
}

// has tells that the index itself decides conditions on the operand.
func (x *tree) has(o operand) bool {
	for _, k := range x.keys {
		if isKey(k, o) {
			return true
		}
	}
	return o.column != "" && slices.Contains(x.include, o.column)
}

// covers tells that all that is read is in the index.
func (x *tree) covers(r *read) bool {
	if r.needs == nil || !r.only {
		return false
	}
	for c := range r.needs {
		if !x.has(operand{column: c}) && !slices.Contains(x.where, ident(c)+" IS NULL") && !slices.Contains(x.where, ident(c)) && !slices.Contains(x.where, "NOT "+ident(c)) {
			return false
		}
	}
	return true
}

// btreeServes tells whether a B-tree's key of this operator class answers the condition.
func btreeServes(t *workload.Table, k workload.Key, c *condition, generic bool) bool {
	pattern := strings.HasSuffix(k.Class, "_pattern_ops")
	switch c.class {
	case statement.Equal, statement.In, statement.Null, statement.NotNull:
		return true
	case statement.Range:
		return !pattern
	case statement.True, statement.False:
		return c.of.column != ""
	case statement.Like:
		col := column(t, k.Column)
		bytes := pattern || k.Collation == "C" || (k.Collation == "" && col != nil && col.CCollation)
		return bytes && !generic && c.operator != "~~*" && !strings.EqualFold(c.operator, "ilike")
	}
	return false
}

func ginServes(k workload.Key, c *condition) bool {
	switch c.class {
	case statement.Contains, statement.Overlaps, statement.Search:
		return true
	case statement.HasKey:
		return k.Class != jsonbPath
	case statement.Like:
		return k.Class == "gin_trgm_ops"
	}
	return false
}

// sorted tells whether reading the index gives the order that is asked for.
func (x *tree) sorted(r *read, given []*condition) bool {
	if len(r.order) == 0 {
		return false
	}
	fixed := func(o operand) bool {
		return slices.ContainsFunc(given, func(c *condition) bool {
			return (c.class == statement.Equal || c.class == statement.Null) && c.of.key() == o.key()
		})
	}
	at, backwards, decided := 0, false, false
	for _, want := range r.order {
		o := operand{column: want.Of.Column, expression: want.Of.Expression, columns: want.Of.Columns}
		if fixed(o) {
			continue
		}
		for at < len(x.keys) && !isKey(x.keys[at], o) && fixed(operand{column: x.keys[at].Column, expression: x.keys[at].Expression}) {
			at++
		}
		if at == len(x.keys) || !isKey(x.keys[at], o) || strings.HasSuffix(x.keys[at].Class, "_pattern_ops") {
			return uniqueSoFar(r, x, at)
		}
		k := x.keys[at]
		flipped := k.Descending != want.Descending
		if decided && flipped != backwards {
			return false
		}
		backwards, decided = flipped, true
		first := nullsFirst(want)
		if col := column(r.table, k.Column); (col == nil || !col.NotNull) && (k.NullsFirst != flipped) != first {
			return false
		}
		at++
	}
	return true
}

// uniqueSoFar tells that the keys before at are all of a unique index: what follows in ORDER BY decides nothing.
func uniqueSoFar(r *read, x *tree, at int) bool {
	if !x.unique || at != len(x.keys) || len(x.where) > 0 {
		return false
	}
	for _, k := range x.keys {
		if c := column(r.table, k.Column); c == nil || !c.NotNull {
			return false
		}
	}
	return true
}

func nullsFirst(o statement.Order) bool {
	if o.NullsFirst != nil {
		return *o.NullsFirst
	}
	return o.Descending
}
