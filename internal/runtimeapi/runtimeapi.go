// Package runtimeapi is what the provider and the runtime agree on: the types of the runtime's
// control API, the paths they travel on, and the client.
//
// The API is JSON over HTTP. Every call but the health checks carries an OIDC bearer token whose
// audience the runtime knows and whose caller is on its allow-list. No message of this API, in
// either direction, holds a secret or a patient's data.
package runtimeapi

import (
	"fmt"
	"strings"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/sync/billing"
)

// Paths of the control API. A pipeline lives at PathPipelines + "/" + name.
const (
	PathInfo      = "/v1/info"      // GET → Info
	PathPipelines = "/v1/pipelines" // GET → PipelineList; GET, PUT (PipelineSpec → Pipeline), DELETE by name
	VerbSync      = ":sync"         // POST {SyncRequest} → Run
	VerbReconcile = ":reconcile"    // POST {ReconcileRequest} → Run
	VerbCheck     = ":check"        // POST {PipelineSpec} → Check
	PathStatus    = "/status"       // GET {pipeline}/status → Status
	PathRuns      = "/runs"         // GET {pipeline}/runs/{id} → Run
	PathCatalog   = "/v1/catalog"   // GET → catalog.Catalog: what the runtime's database is made of, no value of any row
)

// Info says what is running.
type Info struct {
	Version       string `json:"version"`        // of the runtime's build
	Revision      string `json:"revision"`       // Cloud Run revision, empty outside Cloud Run
	SchemaVersion int32  `json:"schema_version"` // newest migration applied to the database
	Instance      string `json:"instance"`       // Cloud SQL instance of the database, project:region:name; empty when the runtime was not told
}

// PipelineSpec is what a user declares of a pipeline.
type PipelineSpec struct {
	Dataset         string            `json:"dataset"`                    // one of Served
	Schedule        string            `json:"schedule"`                   // five-field cron, UTC; empty: only on request
	Paused          bool              `json:"paused"`                     // keeps state, runs nothing
	WebhookEvents   []string          `json:"webhook_events,omitempty"`   // DrChrono event names this pipeline applies
	StatusOverrides map[string]string `json:"status_overrides,omitempty"` // practice's billing_status → claim state
	CodaViews       []CodaView        `json:"coda_views,omitempty"`
	Reconcile       *ReconcileSpec    `json:"reconcile,omitempty"` // nil: only on request
}

// ReconcileSpec says when a pipeline's tables are compared with their source.
type ReconcileSpec struct {
	Schedule string `json:"schedule"` // five-field cron, UTC
	Repair   bool   `json:"repair"`   // write the rows that differ
}

// CodaView sends one view of the dataset to one Coda table.
type CodaView struct {
	View      string            `json:"view"`   // for example "billing_summary"
	DocID     string            `json:"doc_id"` //
	TableID   string            `json:"table_id"`
	KeyColumn string            `json:"key_column"` // Coda column id that holds the row's key: plain text, not calculated
	Columns   map[string]string `json:"columns"`    // view field → Coda column id

	// PHIColumns is the fields among Columns that say something of a patient and may go to Coda all the same.
	PHIColumns []string `json:"phi_columns,omitempty"`
}

// Pipeline is a declared pipeline as the runtime holds it.
type Pipeline struct {
	Name       string       `json:"name"`
	Spec       PipelineSpec `json:"spec"`
	Generation int64        `json:"generation"` // rises by one with every change of the spec
	CreatedAt  time.Time    `json:"created_at"`
	UpdatedAt  time.Time    `json:"updated_at"`
}

// Check is what a runtime thinks of a spec that nothing has been declared with yet: everything that is
// wrong with it. What could not be looked at is a finding of CodeUnavailable; any other would make the
// declaration fail.
type Check struct {
	Findings []Error `json:"findings"`
}

// PipelineList is every pipeline of a runtime, by name.
type PipelineList struct {
	Pipelines []Pipeline `json:"pipelines"`
}

// SyncRequest asks for a run now.
type SyncRequest struct {
	Full bool `json:"full"` // re-read everything, whatever the checkpoints say
}

// ReconcileRequest asks for a comparison with the source.
type ReconcileRequest struct {
	Repair bool `json:"repair"` // write the rows that differ
}

// Kinds of runs.
const (
	KindSync      = "sync"      // reads what is new, or everything, and merges it
	KindDerive    = "derive"    // reads nothing, and computes what follows from deliveries of the webhook
	KindReconcile = "reconcile" // reads everything, compares it, and repairs what differs when it is to
)

// Run states.
const (
	RunQueued    = "queued"    // a reconciliation that begins when the pipeline's open run has ended
	RunPending   = "pending"   // waits for an instance to lease it
	RunRunning   = "running"   //
	RunParked    = "parked"    // waits for the source's call budget; resumes by itself at ResumeAt
	RunSucceeded = "succeeded" //
	RunFailed    = "failed"    // gave up; the next scheduled run starts from the same checkpoints
)

// Run is one run of a pipeline.
type Run struct {
	ID         int64      `json:"id"`
	Kind       string     `json:"kind"`
	State      string     `json:"state"`
	Full       bool       `json:"full"`             // of a sync: reads everything again
	Repair     bool       `json:"repair,omitempty"` // of a reconciliation: writes the rows that differ
	StartedAt  *time.Time `json:"started_at,omitempty"`
	FinishedAt *time.Time `json:"finished_at,omitempty"`
	ResumeAt   *time.Time `json:"resume_at,omitempty"`
	Error      string     `json:"error,omitempty"` // what went wrong and what to do; no data of the source
	Feeds      []FeedRun  `json:"feeds"`
	Report     *Reconcile `json:"report,omitempty"` // of a reconciliation that has succeeded
}

// FeedRun is what a run did with one DrChrono object.
type FeedRun struct {
	Feed    string        `json:"feed"`
	State   string        `json:"state"`
	Pages   int64         `json:"pages"`
	Read    int64         `json:"read"`    // rows received from the source
	Changed int64         `json:"changed"` // rows inserted or updated; the rest were the same or older
	Deleted int64         `json:"deleted"` // rows newly marked as deleted at the source
	Elapsed time.Duration `json:"elapsed_ns"`
}

// Status is what a pipeline has achieved so far.
type Status struct {
	Pipeline      string             `json:"pipeline"`
	Paused        bool               `json:"paused"`
	LastRun       *Run               `json:"last_run,omitempty"`        // the newest sync
	LastFull      *time.Time         `json:"last_full,omitempty"`       // end of the last full sync that succeeded
	FullRun       *Run               `json:"full_run,omitempty"`        // that sync; what it did stays here while later runs read what is new
	Lag           map[string]float64 `json:"lag_seconds"`               // per feed, seconds since its newest complete sweep began; without one it is left out
	Rows          map[string]int64   `json:"rows"`                      // rows held per table, deleted ones left out
	Claims        map[string]int64   `json:"claims,omitempty"`          // claims by four-way status
	Orders        map[string]int64   `json:"orders,omitempty"`          // lab orders by progress
	Reviews       map[string]int64   `json:"reviews,omitempty"`         // lab results by place in the review queue
	Mismatches    []MismatchCount    `json:"mismatches,omitempty"`      // open ones, the worst first
	Coda          []CodaStatus       `json:"coda,omitempty"`            //
	NextRun       *time.Time         `json:"next_run,omitempty"`        //
	CallsThisHour int64              `json:"calls_this_hour,omitempty"` // of the source's budget for the clock hour, by all that share it
	Reconcile     *Reconcile         `json:"reconcile,omitempty"`       // the newest comparison with the source that has ended
	ReconcileRun  *Run               `json:"reconcile_run,omitempty"`   // the newest reconciliation, whatever its state
	NextReconcile *time.Time         `json:"next_reconcile,omitempty"`  //
	ReconcileDue  *time.Time         `json:"reconcile_due,omitempty"`   // since when a scheduled one is awaited; nil: none is
	Webhook       *WebhookStatus     `json:"webhook,omitempty"`         // nil: the pipeline names no event
}

// WebhookStatus is how deliveries of the events that a pipeline names fare. Latency is the time from receipt to commit,
// of the newest deliveries of the last hour that were applied at the first try; nil when there was none.
type WebhookStatus struct {
	P50Ms        *float64   `json:"p50_ms,omitempty"`
	P95Ms        *float64   `json:"p95_ms,omitempty"`
	P99Ms        *float64   `json:"p99_ms,omitempty"`
	Parked       int64      `json:"parked"`                  // wait for a person
	Pending      int64      `json:"pending"`                 // wait to be applied, of all events, without those that Pub/Sub holds
	LastDelivery *time.Time `json:"last_delivery,omitempty"` // receipt of the newest; nil when none is among the newest 10,000 of all events
}

// Severities of mismatches.
const (
	MismatchFault   = string(billing.Fault)   // two records of the same money disagree
	MismatchWarning = string(billing.Warning) // somebody has to look
	MismatchInfo    = string(billing.Info)    // may be right, or passes by itself
)

// MismatchCount is how many places there are in which the books differ in one way.
type MismatchCount struct {
	Reason   string `json:"reason"`
	Severity string `json:"severity"`
	Count    int64  `json:"count"`
}

// Reconcile is a comparison of a pipeline's tables with their source, row by row and, per range of
// keys, by count and hash.
type Reconcile struct {
	Pipeline   string          `json:"pipeline"`
	Run        int64           `json:"run"`
	StartedAt  time.Time       `json:"started_at"`
	FinishedAt time.Time       `json:"finished_at"`
	Repair     bool            `json:"repair"`     // differences were to be repaired
	Drift      int64           `json:"drift"`      // differences that no sync would have brought
	Left       int64           `json:"left"`       // of them, not repaired
	Uncompared int64           `json:"uncompared"` // rows and parts of lists of which it is not known whether they differ
	Feeds      []ReconcileFeed `json:"feeds"`
}

// Problems is what kept feeds from being compared as a whole, and what to do about it; empty when nothing did.
func (r Reconcile) Problems() string {
	var all []string
	for _, f := range r.Feeds {
		if f.Problem != "" {
			all = append(all, f.Feed+": "+f.Problem)
		}
	}
	return strings.Join(all, "; ")
}

// ReconcileFeed is the comparison of one DrChrono object.
type ReconcileFeed struct {
	Feed     string            `json:"feed"`
	Source   int64             `json:"source"`   // rows at the source
	Database int64             `json:"database"` // live rows here, after repair
	Missing  int64             `json:"missing"`  // rows that the database lacked
	Differs  int64             `json:"differs"`  // rows of which it held something else
	Deleted  int64             `json:"deleted"`  // rows that it held as deleted
	Gone     int64             `json:"gone"`     // rows that it held and the source does not have
	New      int64             `json:"new"`      // differences younger than the last sync, which the next one brings; no drift
	Repaired int64             `json:"repaired"`
	Buckets  int64             `json:"buckets"` // ranges of keys compared
	Differ   []ReconcileBucket `json:"differ"`  // those that differ, after repair

	Uncompared int64  `json:"uncompared"` // rows that could not be decoded or asked for, and parts of the list that were refused
	Problem    string `json:"problem,omitempty"`
}

// Drift is how many differences no sync would have brought.
func (f ReconcileFeed) Drift() int64 { return f.Missing + f.Differs + f.Deleted + f.Gone }

// ReconcileBucket is a range of keys in which source and database differ by count or hash.
type ReconcileBucket struct {
	Keys         string `json:"keys"`
	Source       int64  `json:"source"`
	Database     int64  `json:"database"`
	SourceHash   string `json:"source_hash"`
	DatabaseHash string `json:"database_hash"`
}

// CodaStatus is how far one Coda view has got.
type CodaStatus struct {
	View    string `json:"view"`
	Rows    int64  `json:"rows"`              // rows confirmed in Coda
	Pending int64  `json:"pending"`           // rows that wait in the outbox
	Refused int64  `json:"refused,omitempty"` // rows that Coda does not take; they wait for another content, or a day
	Error   string `json:"error,omitempty"`
}

// HeaderIfNoneMatch of a pipeline's PUT, when it is "*", creates: a pipeline of that name that is declared otherwise is a conflict.
const HeaderIfNoneMatch = "If-None-Match"

// Error codes of the control API.
const (
	CodeInvalid         = "invalid_argument"
	CodeUnauthenticated = "unauthenticated"
	CodeDenied          = "permission_denied"
	CodeNotFound        = "not_found"
	CodeConflict        = "conflict"
	CodeUnavailable     = "unavailable"
	CodeInternal        = "internal"
)

// Error is the body of every answer that is not a success, under the key "error".
type Error struct {
	Code    string `json:"code"`
	Message string `json:"message"`         // says what to do
	Field   string `json:"field,omitempty"` // spec field at fault, dotted: "coda_views[0].table_id"
}

func (e *Error) Error() string {
	if e.Field != "" {
		return fmt.Sprintf("%s: %s: %s", e.Code, e.Field, e.Message)
	}
	return fmt.Sprintf("%s: %s", e.Code, e.Message)
}
