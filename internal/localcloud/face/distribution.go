package face

import "math"

// Buckets are the bounds by which values are counted: Finite ones between the first bound and the last, one below and one above.
type Buckets struct {
	Finite        int
	Offset, Width float64 // of equal widths,
	Scale, Growth float64 // or each so many times as wide as the one before, when Growth is not 0
}

// Bound is the n-th bound, from 0 to Finite.
func (b Buckets) Bound(n int) float64 {
	if b.Growth != 0 {
		return b.Scale * math.Pow(b.Growth, float64(n))
	}
	return b.Offset + b.Width*float64(n)
}

// of is the bucket of a value. A bound belongs to the bucket above it.
func (b Buckets) of(v float64) int {
	low, high := 0, b.Finite+1 // the number of bounds that are not above v
	for low < high {
		if mid := (low + high) / 2; b.Bound(mid) <= v {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low
}

// Distribution is how values are spread.
type Distribution struct {
	Buckets Buckets
	Counts  []int64
	Count   int64
	Sum     float64
	Squares float64
}

// NewDistribution has no value yet.
func NewDistribution(b Buckets) *Distribution {
	return &Distribution{Buckets: b, Counts: make([]int64, b.Finite+2)}
}

// Add counts a value.
func (d *Distribution) Add(v float64) {
	d.Counts[d.Buckets.of(v)]++
	d.Count++
	d.Sum += v
	d.Squares += v * v
}

// Merge counts the values of another one of the same buckets.
func (d *Distribution) Merge(other *Distribution) {
	for i, n := range other.Counts {
		d.Counts[i] += n
	}
	d.Count, d.Sum, d.Squares = d.Count+other.Count, d.Sum+other.Sum, d.Squares+other.Squares
}

// Clone is one of its own.
func (d *Distribution) Clone() *Distribution {
	c := NewDistribution(d.Buckets)
	c.Merge(d)
	return c
}

// Mean is 0 without a value.
func (d *Distribution) Mean() float64 {
	if d.Count == 0 {
		return 0
	}
	return d.Sum / float64(d.Count)
}

// Deviation is the sum of the squared deviations from the mean.
func (d *Distribution) Deviation() float64 {
	return max(0, d.Squares-d.Mean()*d.Sum)
}

// Percentile is the value that so many percent do not exceed, if values lie evenly within their bucket.
func (d *Distribution) Percentile(percent float64) float64 {
	rank, below := float64(d.Count)*percent/100, 0.0
	for i, n := range d.Counts {
		if n == 0 || below+float64(n) < rank {
			below += float64(n)
			continue
		}
		switch i {
		case 0:
			return d.Buckets.Bound(0)
		case d.Buckets.Finite + 1:
			return d.Buckets.Bound(d.Buckets.Finite)
		}
		low, high := d.Buckets.Bound(i-1), d.Buckets.Bound(i)
		return low + (rank-below)/float64(n)*(high-low)
	}
	return 0
}
