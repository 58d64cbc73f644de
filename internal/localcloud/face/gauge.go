package face

import "time"

// Gauge is one figure as Cloud Monitoring shows it, measured by the face whose engine it is about.
type Gauge struct {
	Metric   string            // cloudsql.googleapis.com/database/replication/replica_lag
	Unit     string            // s
	Resource string            // type of what it is about: cloudsql_database
	Labels   map[string]string // and which of them
	Value    float64
	At       time.Time
}
