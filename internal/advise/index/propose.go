package index

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/feel-august/terraform-provider-august/internal/advise/statement"
	"github.com/feel-august/terraform-provider-august/internal/advise/workload"
)

const mostEvidence = 10

// proposals is the chosen ones with what speaks for and against each, the best first. What each saves is what it saves beside those
// before it, so that the savings add up to what all of them save.
func (c *chooser) proposals(ctx context.Context, chosen []*candidate, w workload.Window, a *Arithmetic) ([]Proposal, error) {
	days := max(1, w.Seconds()) / daySeconds
	alone := map[*candidate]float64{}
	for _, x := range chosen {
		var err error
		if alone[x], err = c.saved(ctx, x.queries, []*candidate{x}); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(chosen, func(x, y *candidate) int {
		return cmp.Or(-cmp.Compare(alone[x]-x.written, alone[y]-y.written), strings.Compare(x.signature(), y.signature()))
	})
	all := []Proposal{}
	for i, x := range chosen {
		before, err := c.saved(ctx, x.queries, chosen[:i])
		if err != nil {
			return nil, err
		}
		after, err := c.saved(ctx, x.queries, chosen[:i+1])
		if err != nil {
			return nil, err
		}
		p := Proposal{Definition: x.Definition, Statement: x.SQL(), HCL: x.HCL(), Proof: c.prover.planner.Proof(), Bytes: x.size.bytes(),
			Saved: (after - before) / days, Written: x.written / days, Warnings: []string{}}
		if c.seconds > 0 {
			p.SavedPercent = 100 * (after - before) / c.seconds
		}
		if err := c.evidence(ctx, &p, x); err != nil {
			return nil, err
		}
		t := single(a.catalog.byPath[x.Schema+"."+x.Table])
		p.Reason = c.reason(x)
		p.Warnings = append(p.Warnings, a.warnings(t, x, days)...)
		all = append(all, p)
	}
	return all, nil
}

// evidence is what the index alone does to each statement that gains by it.
func (c *chooser) evidence(ctx context.Context, p *Proposal, x *candidate) error {
	type gain struct {
		q      *query
		after  outcome
		gained float64
	}
	var gains []gain
	for _, q := range x.queries {
		o, err := c.prover.plan(ctx, q, []*candidate{x})
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			continue
		}
		if o.assumed {
			p.Proof = ProofArithmetic
		}
		if s := q.saves(c.base[q], o); s > noticed {
			gains = append(gains, gain{q, o, s * q.Seconds})
		}
	}
	slices.SortFunc(gains, func(a, b gain) int {
		return cmp.Or(-cmp.Compare(a.gained, b.gained), strings.Compare(a.q.Shape.Text, b.q.Shape.Text))
	})
	p.Evidence = []Evidence{}
	for _, g := range gains[:min(len(gains), mostEvidence)] {
		before := c.base[g.q]
		p.Evidence = append(p.Evidence, Evidence{Statement: g.q.Shape.Text, ID: g.q.ID, Calls: g.q.Calls, Seconds: g.q.Seconds,
			GenericBefore: before.generic, GenericAfter: g.after.generic, LiteralBefore: before.literal, LiteralAfter: g.after.literal,
			Literals: g.after.literals, Statistics: statistics(g.q, x)})
	}
	return nil
}

// statistics is what is known of the columns that the index looks at, in words without any value.
func statistics(q *query, x *candidate) []string {
	var t *workload.Table
	for _, r := range q.reads() {
		if r.table.Schema == x.Schema && r.table.Name == x.Table {
			t = r.table
		}
	}
	if t == nil {
		return []string{}
	}
	lines := []string{fmt.Sprintf("%s: %s rows on %s pages", t.Path(), count(t.Rows), count(t.Pages))}
	for _, name := range sortedKeys(columnsOf(t, &Definition{Keys: x.Keys, Where: x.Where})) {
		col := column(t, name)
		if col == nil {
			continue
		}
		line := name + ":"
		if col.Distinct > 0 {
			line += fmt.Sprintf(" %s different values,", count(col.Distinct))
		}
		line += fmt.Sprintf(" %.3g %% null", 100*col.NullShare)
		if len(col.Common) > 0 {
			line += fmt.Sprintf(", the most common one in %.3g %% of the rows", 100*col.Common[0])
		}
		lines = append(lines, line+fmt.Sprintf(", correlation with the rows' order %.2f", col.Correlation))
	}
	return lines
}

func count(n float64) string {
	switch {
	case n >= 1e6:
		return fmt.Sprintf("%.3g million", n/1e6)
	case n >= 1e4:
		return fmt.Sprintf("%.0f thousand", n/1e3)
	}
	return fmt.Sprintf("%.0f", n)
}

// reason says in one sentence what the index is for.
func (c *chooser) reason(x *candidate) string {
	n, whole, seconds := 0, 0, 0.0
	equal, ranged, ordered := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, q := range x.queries {
		o, ok := c.prover.known[q][x.Name+"\x00"]
		if !ok || q.saves(c.base[q], o) <= noticed {
			continue
		}
		n++
		seconds += q.Seconds
		looks := false
		for _, r := range q.reads() {
			if r.table.Schema != x.Schema || r.table.Name != x.Table {
				continue
			}
			looks = looks || r.asks(x)
			for _, cond := range r.conditions {
				switch cond.class {
				case statement.Equal, statement.In:
					equal[cond.of.key()] = true
				case statement.Range:
					ranged[cond.of.key()] = true
				}
			}
			for _, o := range r.order {
				ordered[operand{column: o.Of.Column, expression: o.Of.Expression}.key()] = true
			}
		}
		if !looks {
			whole++
		}
	}
	var parts []string
	for _, k := range x.Keys {
		o := operand{column: k.Column, expression: k.Expression}
		word := k.Column
		if word == "" {
			word = k.Expression
		}
		switch {
		case x.Method == GIN:
			word += " by what it holds"
		case k.Class != "":
			word += " by how it begins"
		case equal[o.key()]:
			word += " by value"
		case ranged[o.key()]:
			word += " by range"
		case ordered[o.key()]:
			word += " in order"
		}
		parts = append(parts, word)
	}
	share := 0.0
	if c.seconds > 0 {
		share = 100 * seconds / c.seconds
	}
	s := fmt.Sprintf("%d statements that take %.3g %% of the workload's time look for %s", n, share, strings.Join(parts, ", then "))
	if n == 1 {
		s = fmt.Sprintf("a statement that takes %.3g %% of the workload's time looks for %s", share, strings.Join(parts, ", then "))
	}
	if whole > 0 {
		verbs := [2]string{"look", "read"}
		if whole == 1 {
			verbs = [2]string{"looks", "reads"}
		}
		s += fmt.Sprintf("; %d of them %s for none of it, and %s all of the index, which is smaller than the table", whole, verbs[0], verbs[1])
	}
	if x.Where != "" {
		s += ", only where " + x.Where
	}
	if len(x.Include) > 0 {
		s += "; with " + listed(x.Include, 5) + " included the index alone answers"
	}
	return s
}

// asks says that the read has a use for the index's keys or its predicate, and not only for its being smaller than the table.
func (r *read) asks(x *candidate) bool {
	if x.Method != BTree || x.Where != "" {
		return true
	}
	for _, k := range x.Keys {
		key := operand{column: k.Column, expression: k.Expression}.key()
		if slices.ContainsFunc(r.conditions, func(c condition) bool { return c.of.key() == key }) ||
			slices.ContainsFunc(r.order, func(o statement.Order) bool {
				return operand{column: o.Of.Column, expression: o.Of.Expression}.key() == key
			}) {
			return true
		}
	}
	return false
}

// warnings is what speaks against the index, or has to be done beside it.
func (a *Arithmetic) warnings(t *workload.Table, x *candidate, days float64) []string {
	var all []string
	if x.upkeep.lost > 0 {
		all = append(all, fmt.Sprintf("%s updates a day set %s and could not be HOT any more: each would write all %d indexes of the table (counted in what the index costs)",
			count(x.upkeep.lost/days), x.upkeep.by, len(t.Indexes)+1))
	}
	if a.partitioned(t) {
		all = append(all, "PostgreSQL makes no index on a partitioned table concurrently: make one on each partition, and attach it")
	}
	for _, k := range x.Keys {
		if k.Column == "" {
			all = append(all, "run ANALYZE "+path(t.Schema, t.Name)+" once the index is there: until then the planner knows nothing of the expression's values, and neither is it known here: the size is the most that it can be")
			break
		}
	}
	for _, k := range x.Keys {
		if strings.HasSuffix(k.Class, "_pattern_ops") {
			all = append(all, "only for patterns that begin with what is looked for, and only when the planner sees the pattern: not in generic plans, and not when it begins with % or _")
		}
	}
	if x.Method == GIN {
		all = append(all, "the size is a rough estimate; writes are collected and worked in later (gin_pending_list_limit)")
	}
	if x.Method == BRIN {
		all = append(all, "only as good as the rows lie in the order of the column: updates and deletes wear that off")
	}
	for i := range t.Indexes {
		o := definition(t, &t.Indexes[i])
		switch {
		case !t.Indexes[i].Valid && x.within(&o, equivalent):
			all = append(all, "there is an invalid one like it, "+path(t.Indexes[i].Schema, o.Name)+": drop that first")
		case o.within(&x.Definition, identical) && !guarded(&t.Indexes[i]):
			all = append(all, path(t.Indexes[i].Schema, o.Name)+" is the first part of it, and superfluous once it is there")
		}
	}
	return all
}
