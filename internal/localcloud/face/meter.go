package face

import (
	"context"
	"time"
)

// A Meter is a face that measures what its engine does, for Cloud Monitoring to show.
type Meter interface {
	// Metrics are those that Series knows.
	Metrics() []Metric
	// Look takes a sample of what is not counted as it happens. It is called once a SamplePeriod, and when somebody asks.
	Look(ctx context.Context)
	// Series is what was measured of a project since a moment, up to now, under one of these metrics' types.
	Series(ctx context.Context, project, metric string, since time.Time) []Series
}

const (
	// SamplePeriod is how often a sample is taken; Google takes one a minute.
	SamplePeriod = 10 * time.Second
	// SampleLeast is the shortest time between two.
	SampleLeast = time.Second
	// SampleAge is how long samples are kept.
	SampleAge = 6 * time.Hour
)

// Kinds of metrics, and of their values, in Cloud Monitoring's words.
const (
	Gauge = "GAUGE" // a value at a moment
	Delta = "DELTA" // what happened in a time

	Int64  = "INT64"
	Double = "DOUBLE"
	Spread = "DISTRIBUTION"
)

// Metric is one as Google's list describes it.
type Metric struct {
	Type     string // run.googleapis.com/request_count
	Kind     string // Gauge or Delta
	Value    string // Int64, Double or Spread
	Unit     string // ms
	Resource string // type of what it is about: cloud_run_revision
}

// Series is what was measured of one thing.
type Series struct {
	Labels   map[string]string // of the metric
	Resource map[string]string // labels of what it is about
	Points   []Point           // the oldest first; they do not overlap
}

// Point is a value of a moment, or of a time.
type Point struct {
	From, To time.Time // the same for a Gauge
	Number   float64
	Spread   *Distribution // in place of the number
}
