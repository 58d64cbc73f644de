package index

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strings"
)

const (
	perStatement = 12   // candidates of one statement that are looked at more closely
	perTable     = 150  // of one table
	noticed      = 0.01 // share of a statement's time below which a saving is noise
	leastGain    = 0.10 // share that at least one statement has to gain, of what it took
	leastFactor  = 0.5  // or of what it takes with those that are chosen
	worthKeeping = 2.0  // how many times what an index costs it has to save
	asGood       = 0.99 // of the best gain, from which on the simpler index is taken
)

// candidate is an index that could be chosen.
type candidate struct {
	Definition
	size    size
	upkeep  upkeep
	queries []*query // that it may help
	written float64  // seconds in the window
}

// complexity is how much of the table an index repeats.
func (c *candidate) complexity() int { return len(c.Keys) + len(c.Include) }

// chooser finds the set of indexes that saves most.
type chooser struct {
	prover  *prover
	writes  *writes
	queries []*query
	base    map[*query]outcome
	seconds float64 // of all statements, in the window
	unit    float64 // seconds that one unit of the planner's cost takes
	least   float64 // seconds that an index has to save
}

// pool is the candidates that any statement gains by, as arithmetic sees it.
func (c *chooser) pool(g *generator) []*candidate {
	a := c.prover.arithmetic
	type own struct {
		d     Definition
		saved float64
	}
	byTable := map[string]map[string]*own{}
	for _, q := range c.queries {
		if q.Seconds < c.seconds*1e-5 {
			continue
		}
		before, _ := a.plan(q, nil)
		base := outcomeOf(before, before.Blocks)
		var mine []own
		for _, d := range g.of(q) {
			d.called()
			if exists(a, &d) {
				continue
			}
			after, err := a.plan(q, []Definition{d})
			if err != nil {
				continue
			}
			if s := q.saves(base, outcomeOf(after, after.Blocks)); s > noticed {
				mine = append(mine, own{d, s * q.Seconds})
			}
		}
		slices.SortFunc(mine, func(x, y own) int {
			return cmp.Or(-cmp.Compare(x.saved, y.saved), cmp.Compare(len(x.d.Keys)+len(x.d.Include), len(y.d.Keys)+len(y.d.Include)), strings.Compare(x.d.signature(), y.d.signature()))
		})
		for _, o := range thin(mine, func(o own) Definition { return o.d }) {
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
	distinctNames(a, all)
	for _, x := range all {
		x.queries = c.helped(x)
	}
	return all
}

// thin keeps the best of a statement's candidates, and of each way to begin an index the best.
func thin[T any](sorted []T, of func(T) Definition) []T {
	var kept []T
	first := map[string]bool{}
	for i, x := range sorted {
		d := of(x)
		k := keySQL(d.Keys[0]) + d.Where + d.Method
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

// helped is the statements that gain by it alone, as arithmetic sees it, and those that have a join, which may gain by it with another.
func (c *chooser) helped(x *candidate) []*query {
	a := c.prover.arithmetic
	var all []*query
	for _, q := range c.queries {
		if !slices.ContainsFunc(q.reads(), func(r *read) bool { return r.table.Schema == x.Schema && r.table.Name == x.Table }) {
			continue
		}
		before, err := a.plan(q, nil)
		if err != nil {
			continue
		}
		after, err := a.plan(q, []Definition{x.Definition})
		if err == nil && (slices.Contains(after.Uses, x.Name) || q.saves(outcomeOf(before, before.Blocks), outcomeOf(after, after.Blocks)) != 0) {
			all = append(all, q)
		}
	}
	return all
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

// saved is how many seconds of the window a set of indexes saves, over these statements.
func (c *chooser) saved(ctx context.Context, qs []*query, with []*candidate) (float64, error) {
	sum := 0.0
	for _, q := range qs {
		s, err := c.share(ctx, q, with)
		if err != nil {
			return 0, err
		}
		sum += q.Seconds * s
	}
	return sum, nil
}

// share is how much of a statement's time a set of indexes saves. Where the planner can't suppose one of them, nothing is shown and
// nothing gained.
func (c *chooser) share(ctx context.Context, q *query, with []*candidate) (float64, error) {
	o, err := c.prover.plan(ctx, q, with)
	switch {
	case ctx.Err() != nil:
		return 0, ctx.Err()
	case err != nil:
		return 0, nil //nolint:nilerr // as said
	}
	return q.saves(c.base[q], o), nil
}

// gain is what one more saves beside those that are chosen, reading less writing. Those that it makes superfluous go.
func (c *chooser) gain(ctx context.Context, chosen []*candidate, x *candidate) (bid, error) {
	rest := without(chosen, x)
	qs := x.queries
	b := bid{net: -x.written}
	for _, o := range chosen {
		if !slices.Contains(rest, o) {
			qs = union(qs, o.queries)
			b.net += o.written
		}
	}
	with := append(slices.Clone(rest), x)
	for _, q := range qs {
		before, err := c.share(ctx, q, chosen)
		if err != nil {
			return b, err
		}
		after, err := c.share(ctx, q, with)
		if err != nil {
			return b, err
		}
		b.saved += q.Seconds * (after - before)
		b.felt = b.felt || after-before >= leastGain || (after-before >= noticed && 1-after <= leastFactor*(1-before))
	}
	b.net += b.saved
	return b, nil
}

// without is those that x does not make superfluous.
func without(chosen []*candidate, x *candidate) []*candidate {
	var rest []*candidate
	for _, o := range chosen {
		if !o.within(&x.Definition, equivalent) {
			rest = append(rest, o)
		}
	}
	return rest
}

func union(a, b []*query) []*query {
	all := slices.Clone(a)
	for _, q := range b {
		if !slices.Contains(all, q) {
			all = append(all, q)
		}
	}
	return all
}

// bid is what a candidate came to when it was last looked at.
type bid struct {
	saved, net float64
	felt       bool // by at least one statement
	stale      bool
}

// choose takes the index that gains most beside those that are taken, until none is worth it.
func (c *chooser) choose(ctx context.Context, pool []*candidate, most int) ([]*candidate, error) {
	bids := map[*candidate]*bid{}
	for _, x := range pool {
		bids[x] = &bid{stale: true}
	}
	var chosen []*candidate
	for len(chosen) < most {
		var best *candidate
		for _, x := range pool {
			b := bids[x]
			if b.stale {
				fresh, err := c.gain(ctx, chosen, x)
				if err != nil {
					return nil, err
				}
				*b = fresh
			}
			if c.worth(x, b) && (best == nil || b.net > bids[best].net) {
				best = x
			}
		}
		if best == nil {
			break
		}
		best = c.simplest(pool, bids, best)
		chosen = append(without(chosen, best), best)
		pool = c.left(pool, bids, chosen, best)
	}
	return c.prune(ctx, chosen)
}

// worth tells that an index saves enough: of the whole, and against what it costs.
func (c *chooser) worth(x *candidate, b *bid) bool {
	return b.net > 0 && b.felt && b.saved >= c.least && b.saved >= worthKeeping*x.written
}

// simplest is the one that is nearly as good as the best, and repeats least of the same table.
func (c *chooser) simplest(pool []*candidate, bids map[*candidate]*bid, best *candidate) *candidate {
	pick := best
	for _, x := range pool {
		if x.Schema != best.Schema || x.Table != best.Table || bids[x].net < asGood*bids[best].net || !c.worth(x, bids[x]) {
			continue
		}
		if cmp.Or(cmp.Compare(x.complexity(), pick.complexity()), cmp.Compare(methodRank(x), methodRank(pick)), cmp.Compare(magnitude(x), magnitude(pick)),
			cmp.Compare(descending(x), descending(pick)), cmp.Compare(-bids[x].net, -bids[pick].net),
			strings.Compare(x.signature(), pick.signature())) < 0 {
			pick = x
		}
	}
	return pick
}

func methodRank(x *candidate) int { return slices.Index([]string{BTree, GIN, BRIN}, x.Method) }

// descending is how many keys are: an index that can be read backwards is better read forwards by whoever comes later.
func descending(x *candidate) int {
	n := 0
	for _, k := range x.Keys {
		if k.Descending {
			n++
		}
	}
	return n
}

// magnitude is how large an index is, to a factor of two.
func magnitude(x *candidate) int { return int(math.Log2(max(1, x.size.pages))) }

// left is who may still be taken: none that a chosen one does the work of; and in the place of one whose keys a chosen one has or
// begins with, but not all that it includes, both in one.
func (c *chooser) left(pool []*candidate, bids map[*candidate]*bid, chosen []*candidate, last *candidate) []*candidate {
	var rest []*candidate
	seen := map[string]bool{}
	for _, x := range pool {
		seen[x.signature()] = true
	}
	for _, x := range pool {
		if slices.Contains(chosen, x) || slices.ContainsFunc(chosen, func(o *candidate) bool { return x.within(&o.Definition, equivalent) }) {
			continue
		}
		if merged := merge(x, last); merged != nil {
			if s := merged.signature(); !seen[s] && !exists(c.prover.arithmetic, merged) {
				seen[s] = true
				n := c.candidate(*merged)
				n.queries = union(x.queries, last.queries)
				bids[n] = &bid{stale: true}
				rest = append(rest, n)
			}
			continue
		}
		if slices.ContainsFunc(x.queries, func(q *query) bool { return slices.Contains(last.queries, q) }) {
			bids[x].stale = true
		}
		rest = append(rest, x)
	}
	return rest
}

// merge is an index for both, when the keys of one begin with those of the other and neither does for the other; nil when they have
// nothing to do with each other, or the longer one does for both.
func merge(x, chosen *candidate) *Definition {
	long, short := &x.Definition, &chosen.Definition
	switch {
	case short.within(long, equivalent):
		return nil
	case x.prefixOf(&chosen.Definition, equivalent):
		long, short = short, long
	case !chosen.prefixOf(&x.Definition, equivalent):
		return nil
	}
	m := *long
	m.Include = slices.Clone(long.Include)
	for _, c := range short.Include {
		if !slices.Contains(m.Include, c) && !slices.ContainsFunc(m.Keys, isColumn(c)) {
			m.Include = append(m.Include, c)
		}
	}
	slices.Sort(m.Include)
	m.called()
	return &m
}

// prune drops what the others, taken later, have made hardly worth having.
func (c *chooser) prune(ctx context.Context, chosen []*candidate) ([]*candidate, error) {
	for i := 0; i < len(chosen); {
		x := chosen[i]
		others := slices.Delete(slices.Clone(chosen), i, i+1)
		with, err := c.saved(ctx, x.queries, chosen)
		if err != nil {
			return nil, err
		}
		less, err := c.saved(ctx, x.queries, others)
		if err != nil {
			return nil, err
		}
		if saved := with - less; saved < c.least || saved < worthKeeping*x.written {
			chosen, i = others, 0
			continue
		}
		i++
	}
	return chosen, nil
}
