package index

import (
	"context"
	"errors"
	"slices"

	"github.com/feel-august/terraform-provider-august/internal/advise/statement"
	"github.com/feel-august/terraform-provider-august/internal/advise/workload"
)

// Arithmetic is a planner without a server: PostgreSQL's cost formulas over its own statistics. It knows one-table scans, joins in the
// order that is cheapest step by step, sorting and LIMIT; it errs where columns depend on each other, as PostgreSQL does.
type Arithmetic struct {
	costs   workload.Costs
	catalog *catalog
	own     map[*workload.Table][]*tree
	visible map[*workload.Table]float64 // how many pages an index-only scan need not look at
	asked   map[*Statement]*query
	parents map[string]bool // indexes of partitioned tables
}

// NewArithmetic makes one for a database.
func NewArithmetic(db *workload.Database) *Arithmetic {
	a := &Arithmetic{costs: withDefaults(db.Costs), catalog: newCatalog(db), own: map[*workload.Table][]*tree{},
		visible: map[*workload.Table]float64{}, asked: map[*Statement]*query{}, parents: map[string]bool{}}
	for i := range db.Tables {
		t := &db.Tables[i]
		a.own[t] = existing(t)
		for j := range t.Indexes {
			if p := t.Indexes[j].Parent; p != "" { // is in the schema of its partitions, or says in which
				a.parents[t.Indexes[j].Schema+"."+p], a.parents[p] = true, true
			}
		}
		// What was written since the last vacuum is not known; it comes when a fifth has changed.
		a.visible[t] = 1 - 0.5*min(1, (t.Updated+t.Deleted)/max(1, t.Rows)) - 0.1*min(1, t.Inserted/max(1, t.Rows))
	}
	return a
}

// partitioned tells that a table is, as far as its indexes show it.
func (a *Arithmetic) partitioned(t *workload.Table) bool {
	return slices.ContainsFunc(t.Indexes, func(x workload.Index) bool { return a.parents[x.Schema+"."+x.Name] })
}

// Proof is how a gain is shown.
func (a *Arithmetic) Proof() string { return ProofArithmetic }

// Plan is what the statement costs with these indexes there as well.
func (a *Arithmetic) Plan(_ context.Context, s *Statement, with []Definition) (Plan, error) {
	q := a.asked[s]
	if q == nil {
		q = a.catalog.resolve(s)
		a.asked[s] = q
	}
	return a.plan(q, with)
}

var errNoTable = errors.New("reads no table that is known here")

func (a *Arithmetic) plan(q *query, with []Definition) (Plan, error) {
	if !q.known {
		return Plan{}, errNoTable
	}
	more := map[*workload.Table][]*tree{}
	for i := range with {
		if t := single(a.catalog.byPath[with[i].Schema+"."+with[i].Table]); t != nil {
			more[t] = append(more[t], possible(t, &with[i]))
		}
	}
	var p Plan
	generic := a.statement(q, genericDraw, more)
	p.Generic, p.Uses = generic.total, generic.uses
	for _, d := range literalDraws() {
		c := a.statement(q, d, more)
		p.Literal = append(p.Literal, Literal{Weight: d.weight, Cost: c.total})
		p.Blocks += d.weight * c.blocks
		p.Uses = append(p.Uses, c.uses...)
	}
	slices.Sort(p.Uses)
	p.Uses = slices.Compact(p.Uses)
	return p, nil
}

// statement is the cost of all levels, each run once.
func (a *Arithmetic) statement(q *query, d draw, more map[*workload.Table][]*tree) cost {
	var sum cost
	for i := range q.scopes {
		c := a.level(q, &q.scopes[i], d, more)
		sum.total += c.total
		sum.blocks += c.blocks
		sum.uses = append(sum.uses, c.uses...)
	}
	return sum
}

// level is the cheapest way to run one level.
func (a *Arithmetic) level(q *query, sc *scope, d draw, more map[*workload.Table][]*tree) cost {
	most := 0.0
	if sc.limit {
		most = 10 // nobody knows
		if q.Calls > 0 && q.Rows > 0 {
			most = max(1, q.Rows/q.Calls)
		}
	}
	var best *cost
	for _, r := range sc.reads {
		if r.table == nil || (r.outer && len(sc.reads) > 1 && !alone(sc, r)) {
			continue
		}
		for _, c := range a.ways(r, nil, d, 1, more) {
			c = a.join(sc, r, c, d, more)
			c = a.finish(sc, c, most)
			if best == nil || c.total < best.total {
				best = &c
			}
		}
	}
	if best == nil {
		return cost{}
	}
	return *best
}

// alone tells that there is no other table to begin with.
func alone(sc *scope, r *read) bool {
	for _, o := range sc.reads {
		if o != r && o.table != nil && !o.outer {
			return false
		}
	}
	return true
}

// ways is all ways to read a table once those of joined are known.
func (a *Arithmetic) ways(r *read, joined []*read, d draw, loops float64, more map[*workload.Table][]*tree) []cost {
	var given []*condition
	for i := range r.conditions {
		c := &r.conditions[i]
		if c.outerJoin(r) || (c.join != nil && !slices.Contains(joined, c.join)) {
			continue
		}
		given = append(given, c)
	}
	all := []cost{a.scan(r, d, given)}
	for _, trees := range [][]*tree{a.own[r.table], more[r.table]} {
		for _, x := range trees {
			m := x.match(r, given, d.generic)
			if m == nil || (len(m.bounds) == 0 && !m.ordered && !m.covering && len(x.where) == 0) {
				continue
			}
			all = append(all, a.through(r, x, m, d, loops)...)
		}
	}
	return all
}

// join adds the other tables of the level, the cheapest next one first: by a nested loop with what the index gives for each row, or by
// a hash of it.
func (a *Arithmetic) join(sc *scope, first *read, c cost, d draw, more map[*workload.Table][]*tree) cost {
	joined := []*read{first}
	for {
		var next *read
		var best cost
		for _, r := range sc.reads {
			if r.table == nil || slices.Contains(joined, r) {
				continue
			}
			if with := a.step(c, r, joined, d, more); next == nil || with.total < best.total {
				next, best = r, with
			}
		}
		if next == nil {
			return c
		}
		joined = append(joined, next)
		c = best
	}
}

func (a *Arithmetic) step(c cost, r *read, joined []*read, d draw, more map[*workload.Table][]*tree) cost {
	connected := slices.ContainsFunc(r.conditions, func(x condition) bool { return x.join != nil && slices.Contains(joined, x.join) })
	var best *cost
	take := func(x cost) {
		if best == nil || x.total < best.total {
			best = &x
		}
	}
	outer := max(1, c.rows)
	if connected {
		for _, inner := range a.ways(r, joined, d, outer, more) {
			if len(inner.uses) == 0 {
				continue // a scan for each row: the hash below is never worse
			}
			take(cost{start: c.start + inner.start, total: c.total + outer*inner.total, rows: c.rows * max(inner.rows, 1e-3),
				blocks: c.blocks + outer*inner.blocks, uses: slices.Concat(c.uses, inner.uses), ordered: c.ordered})
		}
	}
	for _, inner := range a.ways(r, nil, d, 1, more) {
		rows := c.rows * inner.rows
		probe := c.rows*a.costs.CPUOperator + inner.rows*(a.costs.CPUOperator+a.costs.CPUTuple)
		if connected {
			for i := range r.conditions {
				if x := &r.conditions[i]; x.join != nil && slices.Contains(joined, x.join) {
					rows *= d.share(r, x, false)
				}
			}
		} else {
			probe += rows * a.costs.CPUOperator
		}
		take(cost{start: c.start + inner.total + probe, total: c.total + inner.total + probe + rows*a.costs.CPUTuple, rows: rows,
			blocks: c.blocks + inner.blocks, uses: slices.Concat(c.uses, inner.uses)})
	}
	return *best
}

// finish sorts and stops early.
func (a *Arithmetic) finish(sc *scope, c cost, most float64) cost {
	if sc.sorts && !c.ordered {
		c = a.sort(c, most)
	}
	if most > 0 && !sc.group && c.rows > most {
		part := most / c.rows
		span := c.total - c.start
		if c.total > 0 {
			c.blocks *= (c.start + span*part) / c.total
		}
		c.total = c.start + span*part
	}
	return c
}

// changes tells whether the statement writes rows that it looks for.
func changes(s *Statement) bool {
	k := s.Shape.Kind
	return k == statement.Update || k == statement.Delete || k == statement.Merge
}
