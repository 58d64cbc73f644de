// Package workload is what a database is and does, in figures: statements with how often they run and how long they take, tables
// with what is written to them, columns with how their values are spread, indexes with what they are good for. It holds no value
// of any row, and no literal of any statement.
package workload

import "time"

// Statement is one statement of the workload, as often as it ran in the window.
type Statement struct {
	ID         string   `json:"id"`                    // of pg_stat_statements (queryid, in decimal), or of a log: its fingerprint
	Role       string   `json:"role,omitempty"`        // who runs it
	Text       string   `json:"text"`                  // normalised: $1 for each value, no literal, no comment
	SearchPath []string `json:"search_path,omitempty"` // where its names without a schema are looked for
	Calls      float64  `json:"calls"`                 //
	Seconds    float64  `json:"seconds"`               // of execution, of all calls
	Rows       float64  `json:"rows"`                  // returned or changed, by all calls
	Blocks     float64  `json:"blocks"`                // shared blocks hit and read, by all calls
	Source     string   `json:"source"`                // SourceStatistics or SourceLog
}

// Where a statement is from.
const (
	SourceStatistics = "pg_stat_statements"
	SourceLog        = "slow_query_log"
)

// Window is the time that figures are of: what happened between two looks, never totals of unknown age.
type Window struct {
	From    time.Time `json:"from"`
	To      time.Time `json:"to"`
	Gaps    bool      `json:"gaps,omitempty"`    // counters went back within: a restart, a reset, a failover; what was before is counted, but for the last minutes
	Evicted int64     `json:"evicted,omitempty"` // statements that pg_stat_statements had no room for: what is not there cannot be advised on
}

// Seconds is how long it is.
func (w Window) Seconds() float64 { return w.To.Sub(w.From).Seconds() }

// Database is what the planner and an advisor have to know of it.
type Database struct {
	Version  int     `json:"version"` // server_version_num
	Name     string  `json:"name"`
	Costs    Costs   `json:"costs"`
	Tables   []Table `json:"tables"`
	Replicas int     `json:"replicas"` // that answer queries and were not asked which of their indexes these use
}

// Costs is the planner's constants, as they are set.
type Costs struct {
	SeqPage, RandomPage, CPUTuple, CPUIndexTuple, CPUOperator float64
	CachePages                                                float64 // effective_cache_size, in pages
}

// Table is an ordinary or partitioned table, or a partition.
type Table struct {
	Schema, Name string
	Rows         float64 // estimated, as the planner does
	Pages        float64
	Fillfactor   int // in percent
	// Of the window, all partitions together.
	Inserted, Updated, HotUpdated, Deleted float64
	SeqScans, SeqRows                      float64
	UpdatedColumns                         map[string]float64 // how many updates have a column in SET, by name; of statements that could be read
	Columns                                []Column
	Indexes                                []Index
	Keys                                   []ForeignKey
	Analyzed                               bool // there are statistics of its columns
}

// Path is "schema.name".
func (t *Table) Path() string { return t.Schema + "." + t.Name }

// Column is a column with its statistics (pg_stats).
type Column struct {
	Name        string
	Type        string // format_type's
	Base        string // pg_type.typname beneath domains
	Collatable  bool
	CCollation  bool // compares by bytes: LIKE 'x%' needs no operator class of its own
	NotNull     bool
	Toasted     bool // values may be stored out of line: no part of an index
	Width       float64
	Distinct    float64   // how many values there are: absolute, never a share; 0: not known
	NullShare   float64   // 0 to 1
	Common      []float64 // shares of the most common values, the largest first, without the values
	Correlation float64
	TrueShare   *float64 // of a boolean: how many are true, 0 to 1; nil: not known
	Known       []string // values that its type or a CHECK constraint allows, when those are few: of the schema, not of any row
}

// Index is an index that there is.
type Index struct {
	Schema, Name string
	Definition   string // pg_get_indexdef
	Method       string
	Keys         []Key    // in order
	Include      []string // further columns
	Where        string   // predicate, as pg_get_expr has it; "" for none
	Unique       bool
	Primary      bool
	Constraint   string // primary, unique or exclusion constraint that it is of
	ReferredTo   bool   // by a foreign key
	Identity     bool   // the replica identity, or what the table is clustered by
	Extension    bool   // belongs to an extension
	Parent       string // of a partition's index: that of the partitioned table
	Valid, Ready bool
	Building     bool // CREATE INDEX CONCURRENTLY is at it now
	Bytes        int64
	Scans        float64   // of the window
	Since        time.Time // since when its scans are counted without a gap; zero: they are not yet
	SinceScans   float64   // since then
}

// Key is a column or an expression of an index.
type Key struct {
	Column     string `json:"column,omitempty"` // "" for an expression
	Expression string `json:"expression,omitempty"`
	Descending bool   `json:"descending,omitempty"`
	NullsFirst bool   `json:"nulls_first,omitempty"`
	Class      string `json:"operator_class,omitempty"` // "" for the default one
	Collation  string `json:"collation,omitempty"`      // "" for the column's own
}

// ForeignKey is a declared reference, from this table.
type ForeignKey struct {
	Name       string
	Columns    []string
	Table      string // "schema.name"
	References []string
	Cascades   bool    // deleting or updating what is referred to looks for the rows here, and changes them
	Touched    float64 // deletes, and updates of the key, of the table that is referred to, in the window
}
