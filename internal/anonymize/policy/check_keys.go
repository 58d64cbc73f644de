package policy

import (
	"maps"
	"slices"
	"strings"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/catalog"
)

// uniques says which rules would make doubles where there must be none.
func (k *checker) uniques(t *catalog.Table, rules Table) {
	keys := t.Uniques
	if len(t.PrimaryKey) > 0 {
		keys = append([][]string{t.PrimaryKey}, t.Uniques...)
	}
	own := t.Path() == k.p.Subject.Table // each row is a person, and each person has an e-mail address and a number that no other has
	apart := func(column string) bool {
		col := t.Column(column)
		switch r := rules.Columns[column].Transformer; {
		case col == nil || col.Generated || transformers[r].injective:
			return true
		default:
			return own && (r == Email || r == SSN)
		}
	}
	for i, key := range keys {
		primary := i == 0 && len(t.PrimaryKey) > 0
		// Nulls are never doubles; and where a part of the columns is unique by itself, so is the whole.
		if !primary && slices.ContainsFunc(key, func(column string) bool { return rules.Columns[column].Transformer == Null }) {
			continue
		}
		if slices.ContainsFunc(keys, func(other []string) bool {
			return len(other) > 0 && !slices.ContainsFunc(other, func(column string) bool { return !slices.Contains(key, column) || !apart(column) })
		}) {
			continue
		}
		for _, column := range key {
			if r, named := rules.Columns[column]; named && !apart(column) {
				k.column(Cell{t.Path(), column}, "transformer", "%s does not keep values apart, and (%s) is unique: use %s, or leave the table out",
					r.Transformer, strings.Join(key, ", "), Surrogate)
			}
		}
	}
}

// person says whether each row's person is known where one is needed.
func (k *checker) person(t *catalog.Table, rules Table) {
	path := t.Path()
	hops, err := k.p.path(k.links, path)
	if err != nil {
		k.table(path, "subject", "%s", err)
		return
	}
	for _, h := range hops {
		if to := k.c.Table(h.Table); to == nil || !to.Unique(h.Key) {
			k.table(path, "subject", "%s.%s is not unique, so a row may have several persons", h.Table, h.Key)
		}
	}
	if !k.p.HasSubject(path) {
		if way := k.way(path); way != nil {
			k.table(path, "subject", "its rows are about persons: say subject = %s", list(way))
		}
	}
	for _, col := range t.Columns {
		r, named := rules.Columns[col.Name]
		if named && usesShift(r) && len(t.PrimaryKey) == 0 && !k.p.HasSubject(path) {
			k.column(Cell{path, col.Name}, "transformer", "%s moves dates by days that are the person's, or the row's by its primary key, and the table has neither: all would move by the same; use %s", DateShift, Year)
		}
	}
}

func usesShift(r Rule) bool {
	for _, inner := range r.Paths {
		if usesShift(inner) {
			return true
		}
	}
	return r.Transformer == DateShift
}

// way is the shortest way from a table to its person that references know, or nil.
func (k *checker) way(table string) []string {
	type place struct {
		table string
		way   []string
	}
	seen := map[string]bool{table: true}
	for queue := []place{{table: table}}; len(queue) > 0; queue = queue[1:] {
		at := queue[0]
		if len(at.way) >= maxHops {
			return nil
		}
		for _, l := range k.links.of[at.table] {
			if !l.alone {
				continue
			}
			way := append(slices.Clone(at.way), l.Column)
			if l.To == k.p.Subject.Table && l.ToColumn == k.p.Subject.Key {
				return way
			}
			if !seen[l.To] {
				seen[l.To] = true
				queue = append(queue, place{l.To, way})
			}
		}
	}
	return nil
}

// references says where the two sides of one would not be mapped alike.
func (k *checker) references() {
	for i, r := range k.p.References {
		k.reference(i, r)
	}
	for _, l := range k.links.all {
		at := Cell{l.Table, l.Column}
		child, named := k.p.Tables[l.Table].Columns[l.Column]
		if !named || child.Transformer == Null || child.Transformer == Derived {
			continue
		}
		parent, kept := k.p.Tables[l.To].Columns[l.ToColumn]
		to := Cell{l.To, l.ToColumn}
		if _, out := k.p.Tables[l.To]; !out {
			if !l.Orphans {
				k.column(at, "transformer", "it refers to %s, which is left out and will be empty: use %s, or leave the table out too", to, Null)
			}
			continue
		}
		switch {
		case !kept:
		case !transformers[child.Transformer].byValue:
			if !l.Orphans || child.Transformer != Constant {
				k.column(at, "transformer", "%s does not map equal values alike, and the column refers to %s: use its transformer, %s", child.Transformer, to, parent.Transformer)
			}
		case child.Transformer != parent.Transformer:
			k.column(at, "transformer", "it is mapped by %s, and %s, which it refers to, by %s: use the same", child.Transformer, to, parent.Transformer)
		case child.Domain != "" && parent.Domain != "" && child.Domain != parent.Domain:
			k.column(at, "domain", "it is mapped in %q, and %s, which it refers to, in %q: use the same, or say it on one side only", child.Domain, to, parent.Domain)
		}
	}
}

// reference says what is wrong with a declared one.
func (k *checker) reference(i int, r Reference) {
	say := func(attribute, problem string, args ...any) {
		k.whole(indexed("references", i)+attribute, problem, args...)
	}
	from, to := k.c.Table(r.Table), k.c.Table(r.To)
	switch {
	case from == nil:
		say(".table", "there is no table %q", r.Table)
	case from.Column(r.Column) == nil:
		say(".column", "%s has no column %q", r.Table, r.Column)
	case to == nil:
		say(".to", "there is no table %q", r.To)
	case to.Column(r.ToCol) == nil:
		say(".to_column", "%s has no column %q", r.To, r.ToCol)
	case r.Table == r.To && r.Column == r.ToCol:
		say("", "a column cannot refer to itself")
	case !to.Unique(r.ToCol):
		say(".to_column", "%s.%s is not unique, so it names no row", r.To, r.ToCol)
	case !alike(from.Column(r.Column), to.Column(r.ToCol)):
		say("", "%s.%s is of type %s, and %s.%s of type %s: they cannot be compared; say the same domain on both sides instead", r.Table, r.Column, from.Column(r.Column).Type, r.To, r.ToCol, to.Column(r.ToCol).Type)
	case from.Column(r.Column).Array || to.Column(r.ToCol).Array:
		say("", "an array cannot refer to a row; say the same domain on both sides")
	}
	for _, other := range k.p.References[:i] {
		if other.Table == r.Table && other.Column == r.Column && other.To == r.To && other.ToCol == r.ToCol {
			say("", "it is declared twice")
		}
	}
}

// alike says whether PostgreSQL can hold values of two columns against each other.
func alike(a, b *catalog.Column) bool {
	number := func(f family) bool { return f == ints || f == numbers }
	return familyOf(a) == familyOf(b) && familyOf(a) != opaque || number(familyOf(a)) && number(familyOf(b))
}

// domains says where equal ids would not be mapped alike although they share a domain.
func (k *checker) domains() {
	type use struct {
		at Cell
		r  Rule
		f  family
	}
	first := map[string]use{}
	known := map[Cell]string{}
	note := func(domain string, u use) {
		switch one, taken := first[domain]; {
		case !taken:
			first[domain] = u
		case one.r.Transformer != u.r.Transformer:
			k.column(u.at, "transformer", "it shares the domain %q with %s, which is mapped by %s: use the same", domain, one.at, one.r.Transformer)
		case one.f == uuids && (u.f == ints || u.f == numbers) || u.f == uuids && (one.f == ints || one.f == numbers):
			k.column(u.at, "domain", "it shares the domain %q with %s, which is of type %s: nothing of theirs is equal", domain, one.at, one.f)
		}
	}
	for i := range k.c.Tables {
		t := &k.c.Tables[i]
		for _, col := range t.Columns {
			at := Cell{t.Path(), col.Name}
			r, named := k.p.Tables[t.Path()].Columns[col.Name]
			if !named {
				continue
			}
			for _, path := range slices.Sorted(maps.Keys(r.Paths)) {
				if inner := r.Paths[path]; coded(inner) {
					note(PathDomain(at.Table, at.Column, path, inner), use{at, inner, jsons})
				}
			}
			if !coded(r) {
				continue
			}
			if _, done := known[at]; !done {
				domain := k.p.domain(k.links, at)
				for _, m := range k.links.related(at) {
					known[m] = domain
					if d := k.p.Tables[m.Table].Columns[m.Column].Domain; d != "" && d != domain {
						k.column(m, "domain", "what it refers to, or what refers to the same, is mapped in %q: use the same, or say it on one side only", domain)
					}
				}
			}
			note(known[at], use{at, r, familyOf(&col)})
		}
	}
}

// coded says whether a rule maps values within a domain.
func coded(r Rule) bool {
	return slices.Contains([]string{Surrogate, Permute, Token, Scramble}, r.Transformer)
}
