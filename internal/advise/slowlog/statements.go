package slowlog

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/feel-august/terraform-provider-august/internal/advise/statement"
	"github.com/feel-august/terraform-provider-august/internal/advise/statement/parser"
	"github.com/feel-august/terraform-provider-august/internal/advise/workload"
)

// Statement is one of the log, with values that it ran with.
type Statement struct {
	workload.Statement
	Shape *statement.Shape
	Draws []Draw
}

// Draw is the values of one call. It prints none of them, in whichever way.
type Draw struct {
	values []*string // by parameter; nil: NULL
	weight float64
}

// Values are those of $1, $2 and so on, as text; nil is NULL. They are for planning only: they must never leave the process.
func (d Draw) Values() []*string { return d.values }

// Weight is how many calls it stands for.
func (d Draw) Weight() float64 { return d.weight }

// Format keeps values out of whatever prints them.
func (d Draw) Format(f fmt.State, _ rune) { _, _ = fmt.Fprintf(f, "%d values", len(d.values)) }

// MarshalText keeps them out of JSON and the like.
func (d Draw) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "%d values", len(d.values)), nil }

// Unread is calls of statements that no advice can be given on, by the reason.
type Unread map[string]workload.Statement

// Reader reads statements, as many as it is given: advisor.Parser.
type Reader interface {
	StatementsWithLiterals(ctx context.Context, texts []string) ([]parser.Parsed, error)
}

// Statements is what the log had: normalised, those that differ in values only taken together, in the order of their first call.
func (l *Log) Statements(ctx context.Context, r Reader) ([]Statement, Unread, error) {
	l.flush()
	for _, s := range slices.SortedFunc(maps.Keys(l.open), func(a, b session) int { return cmp.Compare(a.pid+a.id, b.pid+b.id) }) {
		l.settle(s)
	}
	texts := make([]string, len(l.order))
	for i, o := range l.order {
		texts[i] = o.text
	}
	parsed, err := r.StatementsWithLiterals(ctx, texts)
	if err != nil {
		return nil, nil, err
	}
	var all []Statement
	at, unread := map[origin]int{}, Unread{}
	for i, o := range l.order {
		c, p := l.calls[o], parsed[i]
		switch {
		case p.Err != nil:
			unread.add(p.Err.Error(), c)
			continue
		case p.Shape.Kind == statement.Utility:
			unread.add("it is a utility statement, which no index helps", c)
			continue
		}
		key := origin{o.role, p.Fingerprint}
		n, ok := at[key]
		if !ok {
			n = len(all)
			at[key] = n
			all = append(all, Statement{Shape: p.Shape, Statement: workload.Statement{ID: p.Fingerprint, Role: o.role, Text: p.Shape.Text, Source: workload.SourceLog}})
		}
		s := &all[n]
		s.Calls += c.calls
		s.Seconds += c.seconds
		if p.Shape.Text == s.Text { // a list in IN may be of another length: its parameters have other numbers
			s.add(c, p.Values)
		}
	}
	return all, unread, nil
}

// add adds the values of calls: what was bound, and what was written in the text.
func (s *Statement) add(c *call, written []parser.Value) {
	draws := c.draws
	if len(draws) == 0 && len(written) > 0 {
		draws = []draw{{nil, c.calls}}
	}
	for _, d := range draws {
		if len(s.Draws) == mostDraws {
			return
		}
		values, known := make([]*string, s.Shape.Params), len(d.params)
		for n, v := range d.params {
			if n > len(values) || v != nil && strings.HasSuffix(*v, "...") { // cut off, by log_parameter_max_length
				known = 0
				break
			}
			values[n-1] = v
		}
		for _, v := range written {
			if v.Param <= len(values) {
				values[v.Param-1] = &v.Text
				known++
			}
		}
		if known >= len(values) { // of all of them, or of no use
			s.Draws = append(s.Draws, Draw{values, d.weight})
		}
	}
}

func (u Unread) add(reason string, c *call) {
	s := u[reason]
	s.Calls += c.calls
	s.Seconds += c.seconds
	u[reason] = s
}
