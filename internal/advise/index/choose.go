package index

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strings"
)

const (
	noticed      = 0.01 // share of a statement's time below which a saving is noise
	leastGain    = 0.10 // share that at least one statement has to gain, of what it took
	leastFactor  = 0.5  // or of what it takes with those that are chosen
	worthKeeping = 2.0  // how many times what an index costs it has to save
	hope         = 1.5  // how much more the planner may find than arithmetic
	asGood       = 0.99 // of the best gain, from which on the simpler index is taken
	asGoodAlone  = 0.97 // the same when that is the best one without what it includes: many times smaller, and so rather in memory
)

// candidate is an index that could be chosen.
type candidate struct {
	Definition
	size    size
	upkeep  upkeep
	queries []*query // that it may help
	hoped   float64  // seconds that it saves alone, as arithmetic sees it
	written float64  // seconds in the window
}

// complexity is how much of the table an index repeats.
func (c *candidate) complexity() int { return len(c.Keys) + len(c.Include) }

// chooser finds the set of indexes that saves most.
type chooser struct {
	late    func() bool
	prover  *prover
	writes  *writes
	queries []*query
	base    map[*query]outcome
	alone   map[*query]outcome // the same by arithmetic
	seconds float64            // of all statements, in the window
	unit    float64            // seconds that one unit of the planner's cost takes
	least   float64            // seconds that an index has to save
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
		bids[x] = &bid{net: hope*x.hoped - x.written, stale: true}
	}
	var chosen []*candidate
	for len(chosen) < most {
		best, err := c.best(ctx, pool, bids, chosen)
		if err != nil {
			return nil, err
		}
		if best == nil {
			break
		}
		chosen = append(without(chosen, best), best)
		pool = c.left(pool, bids, chosen, best)
	}
	return c.prune(ctx, chosen)
}

// best is who bids most, or nearly so for less; nil when nobody's bid is worth taking. A stale bid is looked at anew only when it is
// the highest: what others were chosen since has made it smaller, if anything.
func (c *chooser) best(ctx context.Context, pool []*candidate, bids map[*candidate]*bid, chosen []*candidate) (*candidate, error) {
	refresh := func(x *candidate) error {
		b, err := c.gain(ctx, chosen, x)
		*bids[x] = b
		return err
	}
	for !c.late() {
		var best *candidate
		for _, x := range pool {
			if b := bids[x]; b.net > 0 && (b.stale || c.worth(x, b)) && (best == nil || b.net > bids[best].net) {
				best = x
			}
		}
		if best == nil {
			return nil, nil
		}
		if bids[best].stale {
			if err := refresh(best); err != nil {
				return nil, err
			}
			continue
		}
		for _, x := range pool { // those that it is held against
			if b := bids[x]; b.stale && x.Schema == best.Schema && x.Table == best.Table && b.net >= asGoodAlone*bids[best].net {
				if err := refresh(x); err != nil {
					return nil, err
				}
			}
		}
		return c.simplest(pool, bids, best), nil
	}
	return nil, nil
}

// worth tells that an index saves enough: of the whole, and against what it costs.
func (c *chooser) worth(x *candidate, b *bid) bool {
	return b.net > 0 && b.felt && b.saved >= c.least && b.saved >= worthKeeping*x.written
}

// simplest is the one that is nearly as good as the best, and repeats least of the same table.
func (c *chooser) simplest(pool []*candidate, bids map[*candidate]*bid, best *candidate) *candidate {
	pick := best
	for _, x := range pool {
		least := asGood
		if len(x.Include) == 0 && len(x.Keys) == len(best.Keys) && x.prefixOf(&best.Definition, equivalent) {
			least = asGoodAlone
		}
		if x.Schema != best.Schema || x.Table != best.Table || bids[x].net < least*bids[best].net || !c.worth(x, bids[x]) {
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
		if slices.Contains(chosen, x) {
			continue
		}
		if merged := merge(x, last); merged != nil {
			if s := merged.signature(); !seen[s] && !exists(c.prover.arithmetic, merged) {
				seen[s] = true
				n := c.candidate(*merged)
				n.queries = union(x.queries, last.queries)
				bids[n] = &bid{net: math.Inf(1), stale: true}
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
