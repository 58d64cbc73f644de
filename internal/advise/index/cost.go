package index

import (
	"math"

	"github.com/feel-august/terraform-provider-august/internal/advise/statement"
	"github.com/feel-august/terraform-provider-august/internal/advise/workload"
)

// The formulas below are those of PostgreSQL's costsize.c and genericcostestimate, as far as what is read here has figures for them.

// cost is what a step takes: until its first row, for all of them, how many there are, and how many pages are looked at on the way.
type cost struct {
	start, total float64
	rows         float64
	blocks       float64
	uses         []string
	ordered      bool
}

// withDefaults fills in what the server has when nobody set anything.
func withDefaults(c workload.Costs) workload.Costs {
	for _, d := range []struct {
		at    *float64
		value float64
	}{{&c.SeqPage, 1}, {&c.RandomPage, 4}, {&c.CPUTuple, 0.01}, {&c.CPUIndexTuple, 0.005}, {&c.CPUOperator, 0.0025}, {&c.CachePages, 524288}} {
		if *d.at <= 0 {
			*d.at = d.value
		}
	}
	return c
}

// scan reads the whole table.
func (a *Arithmetic) scan(r *read, d draw, given []*condition) cost {
	t := r.table
	c := cost{rows: t.Rows * d.filter(r, given), blocks: t.Pages}
	c.total = t.Pages*a.costs.SeqPage + t.Rows*(a.costs.CPUTuple+float64(len(given))*a.costs.CPUOperator)
	return c
}

// through reads the table through an index, so many times over; the figures are of one time.
func (a *Arithmetic) through(r *read, x *tree, m *match, d draw, loops float64) []cost {
	t := r.table
	portion := max(1, x.size.rows)
	inIndex := d.filter(r, m.bounds)
	if len(m.bounds) == 0 {
		inIndex = 1
	}
	if len(x.where) > 0 {
		inIndex *= portion / max(1, t.Rows)
	}
	if x.unique && x.method == BTree && m.equals == len(x.keys) && !hasIn(m.bounds) {
		inIndex = min(inIndex, 1/max(1, t.Rows))
	}
	entries := min(portion, max(1, math.Round(inIndex*t.Rows)))
	fetched := max(1, entries*d.filter(r, m.filters))
	out := fetched * d.filter(r, m.rest)
	if len(m.filters) == 0 {
		fetched = entries
	}
	if len(m.rest) == 0 {
		out = fetched
	}

	searches := 1.0
	if hasIn(m.bounds) {
		searches = arrayElements
	}
	quals := float64(len(m.bounds) + len(m.filters))
	descent := searches * (math.Ceil(math.Log2(max(2, x.size.rows)))*a.costs.CPUOperator + (x.size.height+1)*50*a.costs.CPUOperator)
	leaves := max(searches, math.Ceil(entries/max(1, x.size.rows)*x.size.pages))
	if x.method == BRIN {
		leaves = x.size.pages
		descent = 0
	}
	index := descent + leaves*a.costs.RandomPage + entries*(a.costs.CPUIndexTuple+quals*a.costs.CPUOperator)
	if loops > 1 {
		all := touched(leaves*loops, x.size.pages, a.costs.CachePages)
		index = descent + all*a.costs.RandomPage/loops + entries*(a.costs.CPUIndexTuple+quals*a.costs.CPUOperator)
	}
	indexBlocks := searches*x.size.height + leaves

	plain := cost{rows: out, ordered: m.ordered, uses: []string{x.name}, start: descent}
	io, blocks := a.heap(r, x, m, fetched, loops)
	plain.total = index + io + fetched*(a.costs.CPUTuple+float64(len(m.rest))*a.costs.CPUOperator)
	plain.blocks = indexBlocks + blocks
	var all []cost
	if !m.bitmap {
		all = append(all, plain)
	}
	if len(m.bounds) == 0 {
		return all
	}
	return append(all, a.bitmap(r, x, m, index, indexBlocks, fetched, out, loops))
}

func hasIn(of []*condition) bool {
	for _, c := range of {
		if c.class == statement.In {
			return true
		}
	}
	return false
}

// heap is what fetching rows from the table costs, in the order of the index.
func (a *Arithmetic) heap(r *read, x *tree, m *match, fetched, loops float64) (io, blocks float64) {
	t := r.table
	corr := 0.0
	if len(x.keys) > 0 {
		if c := column(t, x.keys[0].Column); c != nil {
			corr = c.Correlation
		}
		if len(x.keys) > 1 {
			corr *= 0.75
		}
	}
	share := fetched / max(1, t.Rows)
	scattered := touched(fetched*loops, t.Pages, a.costs.CachePages) * a.costs.RandomPage / loops
	dense := math.Ceil(share * t.Pages)
	if len(x.where) > 0 || len(m.filters) > 0 { // the rows between are not wanted: PostgreSQL overlooks that
		dense = touched(fetched, t.Pages, math.Inf(1))
	}
	packed := a.costs.RandomPage + max(0, dense-1)*a.costs.SeqPage
	if loops > 1 {
		packed = touched(dense*loops, t.Pages, a.costs.CachePages) * a.costs.RandomPage / loops
	}
	packed = min(packed, scattered)
	io = scattered + corr*corr*(packed-scattered)
	// Rows of one key come in the order of the table; those of many keys come as the keys lie, and a page is looked at again and again.
	again := fetched
	if m.equals == len(x.keys) {
		again = min(fetched, touched(fetched, t.Pages, math.Inf(1)))
	}
	blocks = again + corr*corr*(min(dense, again)-again)
	if m.covering {
		hidden := 1 - a.visible[t]
		io, blocks = io*hidden, blocks*hidden+1
	}
	return io, blocks
}

// bitmap fetches the rows in the order of the table, each page once.
func (a *Arithmetic) bitmap(r *read, x *tree, m *match, index, indexBlocks, fetched, out, loops float64) cost {
	t := r.table
	pages := min(t.Pages, touched(fetched*loops, t.Pages, a.costs.CachePages)/loops)
	looked := fetched
	if x.method == BRIN {
		pages, looked = a.ranges(r, x, fetched)
	}
	page := a.costs.RandomPage
	if pages >= 2 && t.Pages > 0 {
		page -= (a.costs.RandomPage - a.costs.SeqPage) * math.Sqrt(min(1, pages/t.Pages))
	}
	start := index + 0.1*a.costs.CPUOperator*fetched
	quals := float64(len(m.bounds) + len(m.filters) + len(m.rest))
	return cost{start: start, total: start + pages*page + looked*(a.costs.CPUTuple+quals*a.costs.CPUOperator), rows: out,
		blocks: indexBlocks + pages, uses: []string{x.name}}
}

// ranges is how much of the table a BRIN index leaves to look at: the less the rows lie in the order of the column, the more.
func (a *Arithmetic) ranges(r *read, x *tree, fetched float64) (pages, rows float64) {
	t := r.table
	corr := 0.0
	if c := column(t, x.keys[0].Column); c != nil {
		corr = math.Abs(c.Correlation)
	}
	share := min(1, fetched/max(1, t.Rows)/max(corr, 1e-3))
	share = min(1, share+brinRange/max(1, t.Pages))
	return math.Ceil(share * t.Pages), share * t.Rows
}

// touched is how many pages are fetched for so many rows in no order, with a cache of that size (Mackert and Lohman).
func touched(rows, pages, cache float64) float64 {
	n, t := max(1, rows), max(1, pages)
	b := max(1, cache)
	if t <= b {
		return min(t, math.Ceil(2*t*n/(2*t+n)))
	}
	limit := 2 * t * b / (2*t - b)
	if n <= limit {
		return math.Ceil(2 * t * n / (2*t + n))
	}
	return math.Ceil(b + (n-limit)*(t-b)/t)
}

// sort is what putting rows in order adds, when only the first most are wanted or, with 0, all.
func (a *Arithmetic) sort(c cost, most float64) cost {
	rows := max(2, c.rows)
	compare := 2 * a.costs.CPUOperator
	add := compare * rows * math.Log2(rows)
	if most > 0 && most*2 < rows {
		add = compare * rows * math.Log2(max(2, 2*most))
	}
	c.start = c.total + add
	c.total = c.start + a.costs.CPUOperator*c.rows
	c.ordered = true
	return c
}
