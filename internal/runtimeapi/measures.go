package runtimeapi

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// PathMeasures answers GET ?window=… with Measures: how the database's connections and the runtime's own batches fare.
const PathMeasures = "/v1/measures"

// MeasuresKept is for how long the runtime keeps its samples, and so the longest window.
const MeasuresKept = 8 * 24 * time.Hour

// Measures is what a runtime has measured of its database's connections, by role, and of its own work. It holds no statement and no
// value of any row. A figure that is not known is left out, and Unknown says why.
type Measures struct {
	At             time.Time          `json:"at"`
	Instance       string             `json:"instance"`        // Cloud SQL instance, project:region:name; empty when the runtime was not told
	MaxConnections int                `json:"max_connections"` // of the server
	Reserved       int                `json:"reserved"`        // of them, for superusers and for roles with pg_use_reserved_connections
	Roles          []RoleMeasures     `json:"roles"`           // by name, those that have connections or had some in the window
	All            *RoleWindow        `json:"all,omitempty"`   // of all roles together; nil: no sample yet
	Pool           *PoolMeasures      `json:"pool,omitempty"`
	Batches        []BatchMeasures    `json:"batches"` // by source
	Deliveries     *DeliveryMeasures  `json:"deliveries,omitempty"`
	Unknown        []UnknownMeasure   `json:"unknown"`
	Statements     *StatementsMeasure `json:"statements,omitempty"` // nil: pg_stat_statements is not there
}

// UnknownMeasure is a figure that could not be had, and what to do about it.
type UnknownMeasure struct {
	What string `json:"what"`
	Why  string `json:"why"`
}

// RoleMeasures is the connections of one database role, to any database of the instance, but for the runtime's own with which it looks.
type RoleMeasures struct {
	Role              string `json:"role"`
	Connections       int    `json:"connections"` // now
	Active            int    `json:"active"`      // of them, at work
	IdleInTransaction int    `json:"idle_in_transaction"`

	Window *RoleWindow `json:"window,omitempty"` // nil: no sample yet

	CallsPerSecond *float64 `json:"calls_per_second,omitempty"` // statements to the runtime's database, from pg_stat_statements
	CallMs         *float64 `json:"call_ms,omitempty"`          // of one call, in the mean
}

// RoleWindow is a role's connections as they were sampled.
type RoleWindow struct {
	From    time.Time `json:"from"`
	To      time.Time `json:"to"`
	Samples int64     `json:"samples"`

	Mean                  float64 `json:"mean"`
	Most                  int     `json:"most"`
	MeanActive            float64 `json:"mean_active"`
	MostActive            int     `json:"most_active"`
	MeanIdleInTransaction float64 `json:"mean_idle_in_transaction"`
	MostIdleInTransaction int     `json:"most_idle_in_transaction"`

	// Waits is what active connections waited for, by type of the wait event, in connections, in the mean. What is not in it was on a processor.
	Waits map[string]float64 `json:"waits,omitempty"`
}

// Busy is how many connections a role has taken in the mean: by Little's law, requests a second times the seconds for which each of them has one.
func (w RoleWindow) Busy() float64 { return w.MeanActive + w.MeanIdleInTransaction }

// StatementsMeasure is the time that CallsPerSecond and CallMs are of.
type StatementsMeasure struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// PoolMeasures is the use of the answering instance's connection pool since it started.
type PoolMeasures struct {
	Since    time.Time `json:"since"`
	Max      int       `json:"max"`
	Held     int       `json:"held"`
	Used     int       `json:"used"`
	Acquires int64     `json:"acquires"`
	Waits    int64     `json:"waits"` // acquires that found no free connection
	WaitMs   float64   `json:"wait_ms"`
}

// BatchMeasures is the batches in which the answering instance has applied deliveries: a batch of n takes BaseMs + n × EachMs, in the mean.
type BatchMeasures struct {
	Source   string    `json:"source"` // "inbox" or "pubsub"
	Since    time.Time `json:"since"`
	Batches  int64     `json:"batches"`
	Rows     int64     `json:"rows"`
	Largest  int       `json:"largest"`
	MeanSize float64   `json:"mean_size"`
	MeanMs   float64   `json:"mean_ms"`
	MostMs   float64   `json:"most_ms"`
	BaseMs   *float64  `json:"base_ms,omitempty"` // nil: batches were too few, or too much alike, for a line
	EachMs   *float64  `json:"each_ms,omitempty"`
}

// DeliveryMeasures is what waits to be applied.
type DeliveryMeasures struct {
	Pending      int64    `json:"pending"` // in the inbox; those that Pub/Sub holds are not in it
	OldestMs     *float64 `json:"oldest_ms,omitempty"`
	PerSecond    float64  `json:"per_second"`   // received in the window, by all instances
	PeakMinute   float64  `json:"peak_minute"`  // the same in the busiest minute, a second
	Subscription string   `json:"subscription"` // of Pub/Sub, projects/…/subscriptions/…; empty: there is none
}

// Measures asks what the runtime has measured in a window that ends now.
func (c *Client) Measures(ctx context.Context, window time.Duration) (Measures, error) {
	return call[Measures](ctx, c, http.MethodGet, PathMeasures+"?window="+url.QueryEscape(window.String()), nil)
}
