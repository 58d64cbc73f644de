package face

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// Recorder keeps samples for as long as a Meter has to show them.
type Recorder struct {
	mu   sync.Mutex
	last time.Time
	all  map[string]*recorded
}

type recorded struct {
	project, metric string
	series          Series
}

// Due says that a sample may be taken now, and since when there was none; the next one may be after SampleLeast.
func (r *Recorder) Due(now time.Time) (since time.Time, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now.Sub(r.last) < SampleLeast {
		return r.last, false
	}
	since, r.last = r.last, now
	return since, true
}

// Keep adds a figure of a moment.
func (r *Recorder) Keep(project, metric string, labels, resource map[string]string, at time.Time, value float64) {
	key := project + "\x00" + metric + "\x00" + flat(labels) + "\x00" + flat(resource)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.all == nil {
		r.all = map[string]*recorded{}
	}
	s := r.all[key]
	if s == nil {
		s = &recorded{project, metric, Series{Labels: labels, Resource: resource}}
		r.all[key] = s
	}
	points := append(s.series.Points, Point{From: at, To: at, Number: value})
	old := 0
	for at.Sub(points[old].To) > SampleAge {
		old++
	}
	s.series.Points = slices.Delete(points, 0, old)
}

// Series is what is kept since a moment.
func (r *Recorder) Series(project, metric string, since time.Time) (all []Series) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, key := range slices.Sorted(maps.Keys(r.all)) {
		s := r.all[key]
		if s.project != project || s.metric != metric {
			continue
		}
		one := s.series
		one.Points = nil
		for _, p := range s.series.Points {
			if !p.To.Before(since) {
				one.Points = append(one.Points, p)
			}
		}
		all = append(all, one)
	}
	return all
}

func flat(labels map[string]string) string {
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(labels)) {
		b.WriteString(k + "\x01" + labels[k] + "\x01")
	}
	return b.String()
}
