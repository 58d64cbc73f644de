package index

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/advise/statement"
	"github.com/feel-august/terraform-provider-august/internal/advise/workload"
)

// What holds when nothing was chosen.
const (
	defaultLeastShare = 0.5 // percent
	defaultUnusedDays = 30
	defaultProposals  = 50
	daySeconds        = 86400
)

// What a unit of the planner's cost takes, in seconds, when the workload does not tell; and between which bounds what it tells is believed.
const (
	usualUnit    = 3e-6
	shortestUnit = 5e-7
	longestUnit  = 5e-5
)

// Advise looks for the indexes by which the workload as a whole, its writes included, takes least time; and for those that are in the way.
// It gives the same for the same input in any order. An error is of the context only.
func Advise(ctx context.Context, in Input) (*Advice, error) {
	in.Options = in.Options.withDefaults()
	in.Database = filtered(in.Database)
	a := NewArithmetic(&in.Database)
	p := newProver(in.Planner, a)
	advice := &Advice{Window: in.Window, Proof: p.planner.Proof(), Notes: slices.Clone(in.Notes), Proposals: []Proposal{}, Useless: []Useless{}}

	statements := merged(in.Statements)
	unread := map[string]*Unread{}
	for _, u := range in.Unread {
		advice.Seconds += u.Seconds
		refuse(unread, u.Reason, u.Statements, u.Seconds)
	}
	c := &chooser{late: late(ctx), prover: p, base: map[*query]outcome{}, alone: map[*query]outcome{}}
	var all []*query
	for _, s := range statements {
		advice.Seconds += s.Seconds
		if c.late() {
			refuse(unread, "there was no time left to plan it", 1, s.Seconds)
			continue
		}
		q := a.catalog.resolve(s)
		o, err := basis(ctx, p, q)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			refuse(unread, err.Error(), 1, s.Seconds)
			continue
		}
		all = append(all, q)
		if q.known {
			c.queries = append(c.queries, q)
			by, _ := a.plan(q, nil)
			c.base[q], c.alone[q] = o, outcomeOf(by, by.Blocks)
		}
		advice.Read++
	}
	c.seconds = advice.Seconds
	c.least = advice.Seconds * in.Options.LeastShare / 100
	c.unit = unit(c.queries, c.base)
	c.writes = newWrites(&in, a, all)

	chosen, err := c.choose(ctx, c.considered(in.Options.Schemas), in.Options.MostProposals)
	if err != nil {
		return nil, err
	}
	if advice.Proposals, err = c.proposals(ctx, chosen, in.Window, a); err != nil {
		return nil, err
	}
	d := dropper{in: &in, chooser: c, proposals: advice.Proposals}
	advice.Useless = d.useless()
	advice.Notes = append(advice.Notes, notes(&in)...)
	if c.late() {
		advice.Notes = append(advice.Notes, "there was no time left to look at all that could be proposed: ask with more of it, or on fewer schemas")
	}
	for _, reason := range sortedNames(unread) {
		advice.Unread = append(advice.Unread, *unread[reason])
	}
	slices.SortStableFunc(advice.Unread, func(x, y Unread) int { return -cmp.Compare(x.Seconds, y.Seconds) })
	if advice.Unread == nil {
		advice.Unread = []Unread{}
	}
	return advice, nil
}

// late tells when the time that the caller has is nearly over: advice that is not complete, and says so, is better than none.
func late(ctx context.Context) func() bool {
	deadline, ok := ctx.Deadline()
	if !ok {
		return func() bool { return false }
	}
	enough := time.Now().Add(time.Until(deadline) * 7 / 10)
	return func() bool { return time.Now().After(enough) }
}

func (o Options) withDefaults() Options {
	if o.LeastShare <= 0 {
		o.LeastShare = defaultLeastShare
	}
	if o.UnusedDays <= 0 {
		o.UnusedDays = defaultUnusedDays
	}
	if o.MostProposals <= 0 {
		o.MostProposals = defaultProposals
	}
	return o
}

// filtered is the database in an order of its own, whatever order it came in.
func filtered(db workload.Database) workload.Database {
	db.Tables = slices.Clone(db.Tables)
	slices.SortFunc(db.Tables, func(a, b workload.Table) int { return strings.Compare(a.Path(), b.Path()) })
	for i := range db.Tables {
		t := &db.Tables[i]
		t.Indexes = slices.Clone(t.Indexes)
		slices.SortFunc(t.Indexes, func(a, b workload.Index) int { return strings.Compare(a.Schema+"."+a.Name, b.Schema+"."+b.Name) })
		t.Keys = slices.Clone(t.Keys)
		slices.SortFunc(t.Keys, func(a, b workload.ForeignKey) int { return strings.Compare(a.Name, b.Name) })
	}
	return db
}

// considered is the pool, of the schemas that were asked for.
func (c *chooser) considered(schemas []string) []*candidate {
	pool := c.pool(newGenerator(c.queries))
	if len(schemas) == 0 {
		return pool
	}
	return slices.DeleteFunc(pool, func(x *candidate) bool { return !slices.Contains(schemas, x.Schema) })
}

// merged is each statement once, whoever ran it, in an order of its own. What statistics say of a statement, a log only says in part.
func merged(all []Statement) []*Statement {
	byText := map[string]*Statement{}
	for i := range all {
		s := all[i]
		if s.Shape == nil {
			continue
		}
		key := s.Shape.Text + "\x00" + strings.Join(s.SearchPath, "\x00")
		if s.Shape.Text == "" {
			key = s.Text + "\x00" + key
		}
		o := byText[key]
		switch {
		case o == nil || (o.Source == workload.SourceLog && s.Source == workload.SourceStatistics):
			byText[key] = &s
		case o.Source == workload.SourceStatistics && s.Source == workload.SourceLog:
		default:
			o.ID, o.Role = min(o.ID, s.ID), min(o.Role, s.Role)
			o.Calls += s.Calls
			o.Seconds += s.Seconds
			o.Rows += s.Rows
			o.Blocks += s.Blocks
		}
	}
	var list []*Statement
	for _, k := range sortedNames(byText) {
		list = append(list, byText[k])
	}
	slices.SortStableFunc(list, func(x, y *Statement) int { return -cmp.Compare(x.Seconds, y.Seconds) }) // should time run out, these count least
	return list
}

var errUtility = errors.New("is a utility statement, which no index helps")

// basis is what a statement costs as things are. One that reads nothing is read all the same: what it writes, counts.
func basis(ctx context.Context, p *prover, q *query) (outcome, error) {
	if q.Shape.Kind == statement.Utility {
		return outcome{}, errUtility
	}
	if !q.known {
		if q.Shape.Kind == statement.Insert {
			return outcome{}, nil
		}
		return outcome{}, errNoTable
	}
	return p.plan(ctx, q, nil)
}

func refuse(unread map[string]*Unread, reason string, statements int, seconds float64) {
	if unread[reason] == nil {
		unread[reason] = &Unread{Reason: reason}
	}
	unread[reason].Statements += statements
	unread[reason].Seconds += seconds
}

// unit is how long the database takes for what the planner counts as one, by what the workload as a whole took.
func unit(qs []*query, base map[*query]outcome) float64 {
	seconds, units := 0.0, 0.0
	for _, q := range qs {
		seconds += q.Seconds
		units += q.Calls * (base[q].cost() + perCall)
	}
	if units <= 0 || seconds <= 0 {
		return usualUnit
	}
	return min(longestUnit, max(shortestUnit, seconds/units))
}

func notes(in *Input) []string {
	var all []string
	if in.Window.Evicted > 0 {
		all = append(all, fmt.Sprintf("pg_stat_statements had no room for %d statements of the window: what it dropped could not be looked at (raise pg_stat_statements.max)", in.Window.Evicted))
	}
	if in.Window.Gaps {
		all = append(all, "counters were reset within the window: what ran in the minutes before is not in it")
	}
	if n := in.Database.Replicas; n > 0 {
		all = append(all, fmt.Sprintf("%d replicas answer queries and were not asked which indexes they use: none is called unused", n))
	}
	var bare []string
	for i := range in.Database.Tables {
		if t := &in.Database.Tables[i]; !t.Analyzed && t.Pages >= smallest {
			bare = append(bare, t.Path())
		}
	}
	if len(bare) > 0 {
		all = append(all, "there are no statistics of "+listed(bare, 5)+": run ANALYZE")
	}
	return all
}

// listed is the first few of a list, in words.
func listed(words []string, most int) string {
	if len(words) > most {
		return strings.Join(words[:most], ", ") + fmt.Sprintf(" and %d more", len(words)-most)
	}
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}
