package face

import (
	"fmt"
	"testing"
	"time"
)

// A recorder keeps each thing's figures apart, and none for longer than it says.
func TestRecorder(t *testing.T) {
	t.Parallel()
	var r Recorder
	now := time.Now()
	web, api := map[string]string{"name": "web"}, map[string]string{"name": "api"}
	r.Keep("p", "m", nil, web, now.Add(-SampleAge-time.Second), 1)
	r.Keep("p", "m", nil, web, now.Add(-time.Minute), 2)
	r.Keep("p", "m", nil, web, now, 3)
	r.Keep("p", "m", map[string]string{"db": "x"}, web, now, 4)
	r.Keep("p", "m", nil, api, now, 5)
	r.Keep("p", "other", nil, web, now, 6)
	r.Keep("q", "m", nil, web, now, 7)
	show := func(since time.Time) (text string) {
		for _, s := range r.Series("p", "m", since) {
			for _, p := range s.Points {
				text += fmt.Sprint(s.Resource["name"], s.Labels["db"], p.Number, " ")
			}
		}
		return text
	}
	if got := show(time.Time{}); got != "api5 web2 web3 webx4 " {
		t.Errorf("kept %s", got)
	}
	if got := show(now.Add(-time.Second)); got != "api5 web3 webx4 " {
		t.Errorf("since a second ago %s", got)
	}
	if since, due := r.Due(now); !due || !since.IsZero() {
		t.Error("the first look is not due")
	}
	if _, due := r.Due(now.Add(SampleLeast / 2)); due {
		t.Error("two looks at once")
	}
	if since, due := r.Due(now.Add(SampleLeast)); !due || !since.Equal(now) {
		t.Errorf("the next one is of the time since %s", since)
	}
}

func TestDistribution(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		buckets Buckets
		values  []float64
		counts  string
		median  float64
	}{
		"of equal widths": {Buckets{Finite: 3, Offset: 10, Width: 5}, []float64{9.9, 10, 14.9, 15, 25, 99}, "[1 2 1 0 2]", 15},
		"growing":         {Buckets{Finite: 3, Scale: 1, Growth: 2}, []float64{0.5, 1, 3, 7.9, 8}, "[1 1 1 1 1]", 3},
		"below all":       {Buckets{Finite: 3, Scale: 1, Growth: 2}, []float64{-1, 0, 0.1}, "[3 0 0 0 0]", 1},
		"above all":       {Buckets{Finite: 3, Scale: 1, Growth: 2}, []float64{9, 10}, "[0 0 0 0 2]", 8},
	} {
		d := NewDistribution(c.buckets)
		sum := 0.0
		for _, v := range c.values {
			d.Add(v)
			sum += v
		}
		mean, deviation := sum/float64(len(c.values)), 0.0
		for _, v := range c.values {
			deviation += (v - mean) * (v - mean)
		}
		if got := fmt.Sprint(d.Counts); got != c.counts || d.Percentile(50) != c.median || d.Mean() != mean || d.Deviation() < deviation-1e-6 || d.Deviation() > deviation+1e-6 {
			t.Errorf("%s: %s, median %g, mean %g, deviation %g of %g", name, got, d.Percentile(50), d.Mean(), d.Deviation(), deviation)
		}
		twice := d.Clone()
		twice.Merge(d)
		if twice.Count != 2*d.Count || fmt.Sprint(d.Counts) != c.counts || twice.Mean() != d.Mean() {
			t.Errorf("%s, twice: %+v", name, twice)
		}
	}
}
