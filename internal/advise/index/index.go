// Package index advises on indexes: which are missing, and what each would save and cost; which are in the way. It is maths over a
// workload's figures and a planner's answers, and does no I/O of its own.
package index

import (
	"context"
	"errors"

	"github.com/feel-august/terraform-provider-august/internal/advise/statement"
	"github.com/feel-august/terraform-provider-august/internal/advise/workload"
)

// Input is what advice is made from.
type Input struct {
	Window     workload.Window
	Database   workload.Database
	Statements []Statement
	Unread     []Unread // statements that could not be read: they are of the workload's time, too
	Notes      []string // what narrows the advice, as far as the caller knows
	Planner    Planner  // nil: Arithmetic alone
	Options    Options
}

// Statement is a statement of the workload that could be read.
type Statement struct {
	workload.Statement
	Shape *statement.Shape
}

// Planner says what a statement costs with indexes that are not there.
type Planner interface {
	// Plan is the statement's cost when these indexes are there as well. An error says why the statement cannot be planned, in
	// words without any value; ErrUnsupported in it says that the planner can't suppose one of these indexes at all, and arithmetic
	// has to do. It is called by one goroutine at a time, and often: for each statement once without and once for each choice of indexes.
	Plan(ctx context.Context, s *Statement, with []Definition) (Plan, error)
	Proof() string // ProofHypoPG or ProofArithmetic
}

// ErrUnsupported is a planner's when it can't suppose an index of this kind.
var ErrUnsupported = errors.New("the planner cannot suppose an index of this kind")

// How a gain was shown.
const (
	ProofHypoPG     = "hypopg"     // PostgreSQL's planner planned with the index as if it were there
	ProofArithmetic = "arithmetic" // the planner's cost formulas over its own statistics
)

// Plan is what a statement costs, in the planner's unit.
type Plan struct {
	Generic float64   // for values that are not known
	Literal []Literal // for values as the columns' statistics have them
	Blocks  float64   // that are touched, as far as the planner tells; 0: it does not
	Uses    []string  // names of indexes, there and hypothetical (Definition.Name), that are used in any of them
}

// Literal is the cost for one draw of values.
type Literal struct {
	Weight float64 // how often it is so: 0 to 1, of all together 1
	Cost   float64
}

// Definition is an index that could be.
type Definition struct {
	Name    string         `json:"name"` // august_<table>_<columns>_idx, at most 63 bytes
	Schema  string         `json:"schema"`
	Table   string         `json:"table"`
	Method  string         `json:"method"`
	Keys    []workload.Key `json:"keys"`
	Include []string       `json:"include,omitempty"`
	Where   string         `json:"where,omitempty"`
	Unique  bool           `json:"unique,omitempty"`
}

// Options is what a caller may choose.
type Options struct {
	Schemas       []string // only tables of these; empty: all
	LeastShare    float64  // least share of the workload's time that an index has to save, in percent; 0: 0.5
	UnusedDays    float64  // how long an index must have been watched before it is called unused; 0: 30
	MostProposals int      // 0: 50
}

// Advice is what came of it.
type Advice struct {
	Window    workload.Window `json:"window"`
	Proof     string          `json:"proof"`
	Read      int             `json:"read"`   // statements that were understood and planned
	Unread    []Unread        `json:"unread"` // and the others
	Seconds   float64         `json:"seconds"`
	Proposals []Proposal      `json:"proposals"` // the best first
	Useless   []Useless       `json:"useless"`
	Notes     []string        `json:"notes"` // what narrows the advice: statements evicted, replicas not asked, roles not visible
}

// Unread is statements that no advice could be given on.
type Unread struct {
	Reason     string  `json:"reason"`
	Statements int     `json:"statements"`
	Seconds    float64 `json:"seconds"`
}

// Proposal is an index to create.
type Proposal struct {
	Definition Definition `json:"definition"`
	Statement  string     `json:"statement"` // CREATE INDEX CONCURRENTLY …
	HCL        string     `json:"hcl"`       // the same as an august_index
	Reason     string     `json:"reason"`    // in one sentence
	Proof      string     `json:"proof"`     // arithmetic where the planner could not suppose this one

	Saved        float64    `json:"saved_seconds_per_day"` // of reading
	SavedPercent float64    `json:"saved_percent"`         // of the workload's time
	Written      float64    `json:"write_seconds_per_day"` // what keeping it costs
	Bytes        int64      `json:"bytes"`                 // how large it will be, duplicates folded
	Evidence     []Evidence `json:"evidence"`              // by statement, what gains most first
	Warnings     []string   `json:"warnings"`
}

// Evidence is what an index does to one statement.
type Evidence struct {
	Statement     string   `json:"statement"`
	ID            string   `json:"id"`
	Calls         float64  `json:"calls"`
	Seconds       float64  `json:"seconds"`
	GenericBefore float64  `json:"generic_before"`
	GenericAfter  float64  `json:"generic_after"`
	LiteralBefore float64  `json:"literal_before"` // weighted mean; 0: no values could be drawn
	LiteralAfter  float64  `json:"literal_after"`
	Literals      int      `json:"literals"`
	Statistics    []string `json:"statistics"` // what of pg_stats speaks for it, in words without values
}

// Kinds of useless indexes.
const (
	Unused     = "unused"
	Duplicate  = "duplicate"
	Redundant  = "redundant"
	Invalid    = "invalid"
	MissingKey = "foreign_key_without_index" // the other way round: one that is missing whatever the workload is
)

// Useless is an index that is in the way.
type Useless struct {
	Kind      string   `json:"kind"`
	Schema    string   `json:"schema"`
	Table     string   `json:"table"`
	Index     string   `json:"index"`
	Statement string   `json:"statement"` // DROP INDEX CONCURRENTLY …, or CREATE for a foreign key
	Reason    string   `json:"reason"`
	Bytes     int64    `json:"bytes"`
	Written   float64  `json:"write_seconds_per_day"`
	Evidence  []string `json:"evidence"`
	Warnings  []string `json:"warnings"`
}
