package index

import (
	"context"
	"errors"
	"slices"
	"strings"
)

// What a call costs in the planner's unit beside what the planner counts: starting the executor; and for each row that is changed, its
// new version and the log of it. No index saves that.
const (
	perCall    = 5.0
	perChanged = 5.0
)

// outcome is a plan, as far as advice looks at it.
type outcome struct {
	generic, literal float64
	literals         int
	blocks           float64 // by arithmetic
	uses             []string
	assumed          bool // arithmetic had to do for the planner
}

// cost is what counts: values as they are, where there are some.
func (o outcome) cost() float64 {
	if o.literals > 0 {
		return o.literal
	}
	return o.generic
}

// prover asks the planner, each thing once.
type prover struct {
	planner    Planner
	arithmetic *Arithmetic
	known      map[*query]map[string]outcome
	unable     map[string]bool // what the planner can't suppose, by method and class
}

func newProver(planner Planner, a *Arithmetic) *prover {
	if planner == nil {
		planner = a
	}
	return &prover{planner: planner, arithmetic: a, known: map[*query]map[string]outcome{}, unable: map[string]bool{}}
}

// plan is what a statement comes to with these candidates.
func (p *prover) plan(ctx context.Context, q *query, with []*candidate) (outcome, error) {
	var defs []Definition
	for _, c := range with {
		if slices.Contains(c.queries, q) {
			defs = append(defs, c.Definition)
		}
	}
	slices.SortFunc(defs, func(a, b Definition) int { return strings.Compare(a.Name, b.Name) })
	var b strings.Builder
	for _, d := range defs {
		b.WriteString(d.Name)
		b.WriteByte(0)
	}
	if o, ok := p.known[q][b.String()]; ok {
		return o, nil
	}
	o, err := p.ask(ctx, q, defs)
	if err != nil {
		return o, err
	}
	if p.known[q] == nil {
		p.known[q] = map[string]outcome{}
	}
	p.known[q][b.String()] = o
	return o, nil
}

func (p *prover) ask(ctx context.Context, q *query, defs []Definition) (outcome, error) {
	if err := ctx.Err(); err != nil {
		return outcome{}, err
	}
	by, err := p.arithmetic.plan(q, defs)
	if err != nil && (len(defs) > 0 || p.planner == Planner(p.arithmetic)) {
		return outcome{}, err
	}
	if p.planner == Planner(p.arithmetic) {
		return outcomeOf(by, by.Blocks), nil
	}
	var able []Definition
	for _, d := range defs {
		if !p.unable[kindOf(d)] {
			able = append(able, d)
		}
	}
	plan, err := p.planner.Plan(ctx, q.Statement, able)
	switch {
	case err != nil && ctx.Err() != nil:
		return outcome{}, ctx.Err()
	case errors.Is(err, ErrUnsupported) && len(able) > 0:
		if len(able) == 1 {
			p.unable[kindOf(able[0])] = true
			return p.ask(ctx, q, defs)
		}
		for _, d := range able { // which of them it is
			if _, err := p.planner.Plan(ctx, q.Statement, []Definition{d}); errors.Is(err, ErrUnsupported) {
				p.unable[kindOf(d)] = true
				return p.ask(ctx, q, defs)
			}
		}
		return outcome{}, err
	case err != nil:
		return outcome{}, err
	}
	o := outcomeOf(plan, by.Blocks)
	if len(able) == len(defs) {
		return o, nil
	}
	without, err := p.arithmetic.plan(q, able)
	if err != nil {
		return outcome{}, err
	}
	part := outcomeOf(by, 0)
	whole := outcomeOf(without, 0)
	if o.literals > 0 {
		o.generic *= ratio(part.generic, whole.generic)
		o.literal *= ratio(part.literal, whole.literal)
	} else { // no values could be drawn, of arrays for one: what arithmetic knows of them has to do
		o.generic *= ratio(part.cost(), whole.cost())
	}
	o.uses = append(o.uses, by.Uses...)
	o.assumed = true
	return o, nil
}

func ratio(part, whole float64) float64 {
	if whole <= 0 {
		return 1
	}
	return min(1, part/whole)
}

func kindOf(d Definition) string {
	kind := d.Method
	for _, k := range d.Keys {
		kind += " " + k.Class
	}
	return kind
}

func outcomeOf(p Plan, blocks float64) outcome {
	o := outcome{generic: p.Generic, literals: len(p.Literal), blocks: blocks, uses: p.Uses}
	weight := 0.0
	for _, l := range p.Literal {
		o.literal += l.Weight * l.Cost
		weight += l.Weight
	}
	if weight > 0 {
		o.literal /= weight
	}
	return o
}

// saves is the share of a statement's time that is saved; negative when more is read than before.
func (q *query) saves(before, after outcome) float64 {
	fixed := perCall
	if changes(q.Statement) && q.Calls > 0 {
		fixed += perChanged * q.Rows / q.Calls
	}
	share := 1 - (after.cost()+fixed)/(before.cost()+fixed)
	// The planner thinks little of a page that it looks at again, and believes rows to lie together that a partial index leaves far apart.
	// Whoever has to look at the pages does not.
	if before.blocks > 0 && after.blocks > 0 {
		share = min(share, 1-after.blocks/before.blocks)
	}
	// What was measured: a statement that reads next to nothing has nothing to save, whatever the planner thinks that it reads.
	if q.Blocks > 0 && q.Calls > 0 && share > 0 {
		least := 3 * float64(len(q.reads()))
		share = max(0, min(share, 1-least/(q.Blocks/q.Calls)))
	}
	return max(-1, share)
}
