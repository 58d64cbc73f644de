package index

import (
	"cmp"
	"slices"
	"strings"

	"github.com/feel-august/terraform-provider-august/internal/advise/workload"
)

const (
	perStatement = 12   // candidates of one statement that are looked at more closely
	perTable     = 100  // of one table
	negligible   = 1e-5 // share of the workload's time below which a statement has no candidates of its own
	leastCovered = 16   // blocks that including columns has to save a call
)

// own is an index that is good for one statement, or for several of one table.
type own struct {
	d     Definition
	saved float64
}

// pool is the candidates that any statement gains by, as arithmetic sees it.
func (c *chooser) pool(g *generator) []*candidate {
	byTable := map[string]map[string]*own{}
	for _, q := range c.queries {
		if q.Seconds < c.seconds*negligible {
			continue
		}
		for _, o := range c.own(q, g) {
			at := o.d.Schema + "." + o.d.Table
			if byTable[at] == nil {
				byTable[at] = map[string]*own{}
			}
			s := o.d.signature()
			if byTable[at][s] == nil {
				byTable[at][s] = &own{d: o.d}
			}
			byTable[at][s].saved += o.saved
		}
	}
	return c.nominate(byTable)
}

// nominate makes candidates of the best of each table.
func (c *chooser) nominate(byTable map[string]map[string]*own) []*candidate {
	var all []*candidate
	for _, at := range sortedNames(byTable) {
		var some []*own
		for _, s := range sortedNames(byTable[at]) {
			some = append(some, byTable[at][s])
		}
		slices.SortStableFunc(some, func(x, y *own) int { return -cmp.Compare(x.saved, y.saved) })
		for _, o := range some[:min(len(some), perTable)] {
			all = append(all, c.candidate(o.d))
		}
	}
	distinctNames(c.prover.arithmetic, all)
	for _, x := range all {
		c.help(x)
	}
	return all
}

// own is the candidates that a statement gains by, the best of them.
func (c *chooser) own(q *query, g *generator) []own {
	a := c.prover.arithmetic
	base := c.alone[q]
	plans := map[string]Plan{}
	lean := map[string]float64{} // blocks with the best that includes nothing, by table
	defs := slices.DeleteFunc(g.of(q), func(d Definition) bool { return exists(a, &d) })
	for i := range defs {
		d := &defs[i]
		d.called()
		after, err := a.plan(q, []Definition{*d})
		if err != nil {
			continue
		}
		plans[d.signature()] = after
		if least, ok := lean[d.Table]; len(d.Include) == 0 && (!ok || after.Blocks < least) {
			lean[d.Table] = after.Blocks
		}
	}
	var mine []own
	for i := range defs {
		d := defs[i]
		after, ok := plans[d.signature()]
		if !ok || (len(d.Include) > 0 && lean[d.Table]-after.Blocks < leastCovered) {
			continue // a few rows are as good as looked up
		}
		if s := q.saves(base, outcomeOf(after, after.Blocks)); s > noticed {
			mine = append(mine, own{d, s * q.Seconds})
		}
	}
	slices.SortFunc(mine, func(x, y own) int {
		return cmp.Or(-cmp.Compare(x.saved, y.saved), cmp.Compare(len(x.d.Keys)+len(x.d.Include), len(y.d.Keys)+len(y.d.Include)), strings.Compare(x.d.signature(), y.d.signature()))
	})
	return thin(mine)
}

// thin keeps the best of a statement's candidates, and of each way to begin an index the best.
func thin(sorted []own) []own {
	var kept []own
	first := map[string]bool{}
	for i, x := range sorted {
		k := keySQL(x.d.Keys[0]) + x.d.Where + x.d.Method
		if i < perStatement || !first[k] {
			kept = append(kept, x)
		}
		first[k] = true
	}
	return kept
}

func sortedNames[V any](m map[string]V) []string {
	var all []string
	for k := range m {
		all = append(all, k)
	}
	slices.Sort(all)
	return all
}

func (c *chooser) candidate(d Definition) *candidate {
	t := single(c.prover.arithmetic.catalog.byPath[d.Schema+"."+d.Table])
	x := &candidate{Definition: d, size: measure(t, &d)}
	x.upkeep = c.writes.keep(t, &d, x.size)
	x.written = x.upkeep.units * c.unit
	return x
}

// help finds the statements that use it when it is alone, as arithmetic sees it, and what they gain.
func (c *chooser) help(x *candidate) {
	a := c.prover.arithmetic
	t := single(a.catalog.byPath[x.Schema+"."+x.Table])
	as := possible(t, &x.Definition)
	for _, q := range c.queries {
		if !q.mayUse(t, as) {
			continue
		}
		after, err := a.plan(q, []Definition{x.Definition})
		if err != nil {
			continue
		}
		if s := q.saves(c.alone[q], outcomeOf(after, after.Blocks)); s != 0 || slices.Contains(after.Uses, x.Name) {
			x.queries = append(x.queries, q)
			x.hoped += max(0, s) * q.Seconds
		}
	}
}

// mayUse tells, at a glance, whether an index is of any use to the statement.
func (q *query) mayUse(t *workload.Table, x *tree) bool {
	for _, r := range q.reads() {
		if r.table != t {
			continue
		}
		given := make([]*condition, 0, len(r.conditions))
		for i := range r.conditions {
			given = append(given, &r.conditions[i])
		}
		if m := x.match(r, given, false); m != nil && (len(m.bounds) > 0 || m.ordered || m.covering || len(x.where) > 0) {
			return true
		}
	}
	return false
}

// exists tells that there is an index already that does what this one would: as it stands, or of all rows where this is of some.
func exists(a *Arithmetic, d *Definition) bool {
	t := single(a.catalog.byPath[d.Schema+"."+d.Table])
	for i := range t.Indexes {
		x := &t.Indexes[i]
		if !x.Valid && !x.Building {
			continue
		}
		if o := definition(t, x); d.within(&o, equivalent) {
			return true
		}
	}
	return false
}

// distinctNames gives a further mark to names that are taken.
func distinctNames(a *Arithmetic, all []*candidate) {
	taken := map[string]bool{}
	for _, ts := range a.catalog.byName {
		for _, t := range ts {
			taken[t.Path()] = true
			for i := range t.Indexes {
				taken[t.Indexes[i].Schema+"."+t.Indexes[i].Name] = true
			}
		}
	}
	for _, c := range all {
		for n := 2; taken[c.Schema+"."+c.Name]; n++ {
			c.called()
			c.Name = marked(c.Name, n)
		}
		taken[c.Schema+"."+c.Name] = true
	}
}
