package index

import (
	"hash/fnv"
	"math"
	"slices"

	"github.com/feel-august/terraform-provider-august/internal/advise/statement"
	"github.com/feel-august/terraform-provider-august/internal/advise/workload"
)

// What PostgreSQL assumes of what it does not know (selfuncs.h).
const (
	unknownEqual    = 0.005
	unknownRange    = 1.0 / 3
	unknownBetween  = 0.005
	unknownMatch    = 0.005
	unknownMatching = 0.010
	arrayElements   = 10
)

// draw is one choice of values: for a generic plan none, else each column's value by how frequent it is.
type draw struct {
	weight  float64
	generic bool
	n       int
}

// draws is how many choices of values are looked at.
const draws = 5

// How much of a table a range reaches, by draw. Which ranges are asked for, statistics do not say; most ask for little.
var reach = [draws]float64{0.002, 0.01, 0.05, 0.2, 0.5}

var genericDraw = draw{weight: 1, generic: true}

func literalDraws() []draw {
	all := make([]draw, draws)
	for i := range all {
		all[i] = draw{weight: 1.0 / draws, n: i}
	}
	return all
}

// stratum is which part of a column's values the draw takes. Columns are drawn apart from each other, the same for the same column.
func (d draw) stratum(column string) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(column))
	return (d.n*(1+int(h.Sum32()%(draws-1))) + int(h.Sum32()>>8%draws)) % draws
}

// share is how much of the table fulfils the condition.
func (d draw) share(r *read, c *condition, between bool) float64 {
	t, col := r.table, column(r.table, c.of.column)
	if col == nil && len(c.of.columns) == 1 && keeps(c.of.expression) {
		col = column(t, c.of.columns[0])
	}
	nulls := 0.0
	if col != nil {
		nulls = col.NullShare
	}
	s := unknownEqual
	switch c.class {
	case statement.Equal:
		s = d.equal(col, c)
	case statement.In:
		s = min(1, arrayElements*d.equal(col, c))
	case statement.Range:
		s = d.ranged(c, between) * (1 - nulls)
	case statement.Null:
		s = nulls
	case statement.NotNull:
		s = 1 - nulls
	case statement.True, statement.False:
		s = 0.5
		if col != nil && col.TrueShare != nil {
			s = *col.TrueShare
			if c.class == statement.False {
				s = 1 - s - nulls
			}
		}
	case statement.Like:
		s = unknownMatch
	case statement.Contains, statement.HasKey, statement.Overlaps, statement.Search:
		s = unknownMatching
	case statement.Other:
		s = unknownRange
	}
	if told := d.told(r, c); told > 0 {
		s = told
	}
	return min(1, max(s, 1/max(1, t.Rows)))
}

// told is the share of a condition that statistics say nothing of, by the rows that the statement finds; 0 when they do not tell.
func (d draw) told(r *read, of *condition) float64 {
	if r.found <= 0 || d.generic || !unknown(r, of) {
		return 0
	}
	rest, n := r.found/max(1, r.table.Rows), 0.0
	for i := range r.conditions {
		switch c := &r.conditions[i]; {
		case c.join != nil:
			return 0
		case !unknown(r, c):
			rest /= d.share(r, c, false)
		case c.class != of.class || c.of.key() != of.of.key() || c == of:
			n++
		}
	}
	return math.Pow(min(1, rest), 1/max(1, n))
}

// unknown tells that PostgreSQL, too, only has a constant for it. Of a range statistics tell when it is known what is asked for: not to us.
func unknown(r *read, c *condition) bool {
	switch c.class {
	case statement.Like, statement.Contains, statement.HasKey, statement.Overlaps, statement.Search, statement.Other:
		return true
	case statement.Range:
		return !slices.ContainsFunc(r.conditions, func(o condition) bool { return o.class != statement.Range || o.of.key() != c.of.key() })
	}
	return false
}

// equal is the share of the rows that have one value.
func (d draw) equal(col *workload.Column, c *condition) float64 {
	if col == nil || col.Distinct <= 0 {
		return unknownEqual
	}
	even := (1 - col.NullShare) / max(1, col.Distinct)
	if d.generic || c.join != nil {
		if len(col.Common) > 0 {
			even = min(even, col.Common[0])
		}
		return even
	}
	at := (float64(d.stratum(col.Name)) + 0.5) / draws * (1 - col.NullShare)
	sum := 0.0
	for _, share := range col.Common {
		if sum += share; at < sum {
			return share
		}
	}
	rest := col.Distinct - float64(len(col.Common))
	if rest < 1 {
		return even
	}
	return max(0, 1-col.NullShare-sum) / rest
}

func (d draw) ranged(c *condition, between bool) float64 {
	switch {
	case d.generic && between:
		return unknownBetween
	case d.generic || c.join != nil:
		return unknownRange
	}
	s := reach[d.stratum(c.of.key())]
	if between {
		s /= 4
	}
	return s
}

// filter is how much of the table fulfils all of the conditions.
func (d draw) filter(r *read, of []*condition) float64 {
	s := 1.0
	seen := map[string]bool{}
	for _, c := range of {
		k := c.of.key()
		if c.class == statement.Range {
			if seen[k] {
				continue
			}
			seen[k] = true
			s *= d.share(r, c, isBetween(c, of))
			continue
		}
		s *= d.share(r, c, false)
	}
	return max(s, 1/max(1, r.table.Rows))
}

// isBetween tells that a range is closed: by itself or by another condition on the same operand.
func isBetween(c *condition, of []*condition) bool {
	if c.operator == "BETWEEN" || c.operator == "between" {
		return true
	}
	for _, o := range of {
		if o != c && o.class == statement.Range && o.of.key() == c.of.key() {
			return true
		}
	}
	return false
}

// distinct is how many different combinations of these columns' values there are among so many rows, as if they were independent.
func distinct(t *workload.Table, keys []workload.Key, rows float64) float64 {
	all := 1.0
	for _, k := range keys {
		n := rows
		if c := column(t, k.Column); c != nil && c.Distinct > 0 {
			n = c.Distinct
			if c.NullShare > 0 {
				n++
			}
		}
		if all *= max(1, n); all > 1e15 {
			break
		}
	}
	if all <= 0 || rows <= 0 {
		return 1
	}
	return max(1, min(rows, all*-math.Expm1(-rows/all)))
}
