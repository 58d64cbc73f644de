package monitoring

import (
	"cmp"
	"math"
	"slices"

	"google.golang.org/api/monitoring/v3"
)

// Distribution is how values are spread: how many there are, their mean, and percentiles that are as exact as Google's buckets are narrow.
type Distribution struct {
	Count float64
	Mean  float64
	cells []cell
}

// cell is how many values lie between two bounds, the upper one left out.
type cell struct{ low, high, n float64 }

// distribution is that of all points of all series together. Without a value there is none.
func distribution(series []*monitoring.TimeSeries) *Distribution {
	d := &Distribution{}
	sum, cells := 0.0, map[[2]float64]float64{}
	for _, s := range series {
		for _, p := range s.Points {
			if p.Value == nil || p.Value.DistributionValue == nil {
				continue
			}
			v := p.Value.DistributionValue
			d.Count += float64(v.Count)
			sum += v.Mean * float64(v.Count)
			for i, n := range v.BucketCounts {
				if n > 0 {
					low, high := bounds(v.BucketOptions, i)
					cells[[2]float64{low, high}] += float64(n)
				}
			}
		}
	}
	if d.Count == 0 {
		return nil
	}
	d.Mean = sum / d.Count
	d.keep(cells)
	return d
}

// Percentile is the value that so many percent of all do not exceed. Within a bucket values are taken to lie evenly, as Google does.
func (d *Distribution) Percentile(percent float64) float64 {
	rank, below := d.Count*percent/100, 0.0
	for i, c := range d.cells {
		if below+c.n < rank && i < len(d.cells)-1 {
			below += c.n
			continue
		}
		switch share := min(max((rank-below)/c.n, 0), 1); {
		case math.IsInf(c.high, 1):
			return c.low // more is not known
		case math.IsInf(c.low, -1):
			return c.high
		default:
			return c.low + share*(c.high-c.low)
		}
	}
	return d.Mean
}

// bounds are those of a bucket: the first one has all below the least bound, the last one all from the highest on.
func bounds(o *monitoring.BucketOptions, i int) (low, high float64) {
	bound := func(int) float64 { return 0 }
	finite := 0
	switch {
	case o == nil:
		return math.Inf(-1), math.Inf(1)
	case o.ExplicitBuckets != nil:
		b := o.ExplicitBuckets.Bounds
		finite, bound = len(b)-1, func(n int) float64 { return b[n] }
	case o.LinearBuckets != nil:
		l := o.LinearBuckets
		finite, bound = int(l.NumFiniteBuckets), func(n int) float64 { return l.Offset + l.Width*float64(n) }
	case o.ExponentialBuckets != nil:
		e := o.ExponentialBuckets
		finite, bound = int(e.NumFiniteBuckets), func(n int) float64 { return e.Scale * math.Pow(e.GrowthFactor, float64(n)) }
	}
	low, high = math.Inf(-1), math.Inf(1)
	if i > 0 && i <= finite+1 {
		low = bound(i - 1)
	}
	if i <= finite {
		high = bound(i)
	}
	return low, high
}

// keep puts cells in order. Those of series with other bounds may overlap; each keeps its place by where it begins.
func (d *Distribution) keep(cells map[[2]float64]float64) {
	for b, n := range cells {
		d.cells = append(d.cells, cell{b[0], b[1], n})
	}
	slices.SortFunc(d.cells, func(a, b cell) int { return cmp.Or(cmp.Compare(a.low, b.low), cmp.Compare(a.high, b.high)) })
}
