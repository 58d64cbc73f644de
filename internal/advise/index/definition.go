package index

import (
	"fmt"
	"hash/fnv"
	"slices"
	"strings"

	"github.com/feel-august/terraform-provider-august/internal/advise/workload"
)

const nameBytes = 63

// signature is what an index is, without its name.
func (d *Definition) signature() string {
	e := *d
	e.Name = ""
	return e.Plain()
}

// called gives the index its name: of its columns; with a mark of what it is where they alone do not say it.
func (d *Definition) called() {
	parts := []string{"august", d.Table}
	plain := len(d.Include) == 0 && d.Where == "" && d.Method == BTree
	for _, k := range d.Keys {
		parts = append(parts, words(k))
		plain = plain && k.Column != "" && k.Class == "" && !k.Descending && !k.NullsFirst
	}
	name := strings.Join(parts, "_")
	end := "_idx"
	if !plain || len(name)+len(end) > nameBytes {
		h := fnv.New32a()
		_, _ = h.Write([]byte(d.signature()))
		end = fmt.Sprintf("_%06x_idx", h.Sum32()&0xffffff)
	}
	for len(name)+len(end) > nameBytes {
		runes := []rune(name)
		name = strings.TrimRight(string(runes[:len(runes)-1]), "_")
	}
	d.Name = name + end
}

// words is a key as part of a name.
func words(k workload.Key) string {
	if k.Column != "" {
		return k.Column
	}
	return strings.Join(strings.FieldsFunc(quoted.ReplaceAllString(strings.ToLower(k.Expression), ""), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '_'
	}), "_")
}

// alike compares two expressions or predicates.
type alike func(a, b string) bool

// identical is for what is about to be dropped: as the server prints them, letter by letter.
func identical(a, b string) bool { return a == b }

// equivalent is for what is about to be proposed.
func equivalent(a, b string) bool {
	x, y := atoms(a), atoms(b)
	for _, s := range [][]string{x, y} {
		for i := range s {
			s[i] = same(s[i])
		}
		slices.Sort(s)
	}
	return slices.Equal(x, y)
}

// within tells whether the index is no more than the first part of another: same rows, keys that the other begins with, read in the same
// or just the opposite direction, and nothing included that the other has not. What it answers, the other does as well.
func (d *Definition) within(o *Definition, is alike) bool {
	if !d.prefixOf(o, is) {
		return false
	}
	for _, c := range d.Include {
		if !slices.Contains(o.Include, c) && !slices.ContainsFunc(o.Keys, func(k workload.Key) bool { return k.Column == c }) {
			return false
		}
	}
	return true
}

// prefixOf is the same, whatever is included.
func (d *Definition) prefixOf(o *Definition, is alike) bool {
	if d.Schema != o.Schema || d.Table != o.Table || d.Method != o.Method || !is(d.Where, o.Where) || len(d.Keys) > len(o.Keys) {
		return false
	}
	if d.Method != BTree {
		return len(d.Keys) == len(o.Keys) && beginsWith(o.Keys, d.Keys, false, is)
	}
	return beginsWith(o.Keys, d.Keys, false, is) || beginsWith(o.Keys, d.Keys, true, is)
}

func beginsWith(long, short []workload.Key, backwards bool, is alike) bool {
	for i, k := range short {
		o := long[i]
		if k.Column != o.Column || !is(k.Expression, o.Expression) || k.Class != o.Class || k.Collation != o.Collation ||
			(k.Descending != o.Descending) != backwards || (k.NullsFirst != o.NullsFirst) != backwards {
			return false
		}
	}
	return true
}

// definition is an index that there is, as one that could be.
func definition(t *workload.Table, x *workload.Index) Definition {
	return Definition{Name: x.Name, Schema: t.Schema, Table: t.Name, Method: x.Method, Keys: x.Keys, Include: x.Include, Where: x.Where, Unique: x.Unique}
}

func isColumn(name string) func(workload.Key) bool {
	return func(k workload.Key) bool { return k.Column == name }
}

// marked is a name with a number, since without it it is taken.
func marked(name string, n int) string {
	end := fmt.Sprintf("_%d_idx", n)
	runes := []rune(strings.TrimSuffix(name, "_idx"))
	for len(string(runes))+len(end) > nameBytes {
		runes = runes[:len(runes)-1]
	}
	return string(runes) + end
}
