package runtimeapi

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// PathIndexes is where indexes live, each at PathIndexes + "/" + schema + "/" + name, of a table of that schema. The runtime makes and drops it
// concurrently, in the background: a caller asks again until the state is the one that it waits for.
const PathIndexes = "/v1/indexes" // GET → Index; PUT (IndexSpec → Index); DELETE → Index; POST {name}:check {IndexSpec} → IndexCheck

// HeaderIfMatch of an index's DELETE is the definition that it is to have. Another one is a conflict: it is not what the
// caller believes that it drops.
const HeaderIfMatch = "If-Match"

// IndexSpec is what is declared of an index. What is empty is the method's or the column's default.
type IndexSpec struct {
	Table      string        `json:"table"`  // without the schema
	Method     string        `json:"method"` // one of IndexMethods
	Unique     bool          `json:"unique,omitempty"`
	Columns    []IndexColumn `json:"columns"`
	Include    []string      `json:"include,omitempty"`
	Where      string        `json:"where,omitempty"`
	Fillfactor int           `json:"fillfactor,omitempty"` // in percent
}

// IndexColumn is a key of an index: a column, or an expression.
type IndexColumn struct {
	Column        string `json:"column,omitempty"`
	Expression    string `json:"expression,omitempty"`
	Order         string `json:"order,omitempty"` // OrderAscending or OrderDescending; empty: ascending
	Nulls         string `json:"nulls,omitempty"` // NullsFirst or NullsLast; empty: last when ascending, first when descending
	OperatorClass string `json:"operator_class,omitempty"`
	Collation     string `json:"collation,omitempty"`
}

// How a key is sorted.
const (
	OrderAscending  = "asc"
	OrderDescending = "desc"
	NullsFirst      = "first"
	NullsLast       = "last"
)

// IndexMethods is the access methods that PostgreSQL brings.
var IndexMethods = []string{"btree", "hash", "gin", "gist", "spgist", "brin"}

// States of an index.
const (
	IndexQueued   = "queued"   // waits for the runtime, which makes one at a time
	IndexBuilding = "building" //
	IndexValid    = "valid"    // there, and used by queries
	IndexInvalid  = "invalid"  // there and kept up by every write, but used by nothing; nobody is at it
	IndexDropping = "dropping" //
	IndexFailed   = "failed"   // gave up; Problem says why, and nothing is left behind
)

// Index is an index as it is, or is to be.
type Index struct {
	Schema     string         `json:"schema"`
	Name       string         `json:"name"`
	Spec       IndexSpec      `json:"spec"`       // as PostgreSQL has it
	Definition string         `json:"definition"` // as PostgreSQL prints it
	State      string         `json:"state"`
	Problem    string         `json:"problem,omitempty"` // what went wrong and what to do; no value of any row
	Bytes      int64          `json:"bytes"`
	Progress   *IndexProgress `json:"progress,omitempty"`
}

// IndexProgress is how far the making or dropping of an index is.
type IndexProgress struct {
	Phase   string     `json:"phase"` // in PostgreSQL's words
	Done    int64      `json:"done"`  // of this phase
	Total   int64      `json:"total"` // 0: not known
	Unit    string     `json:"unit,omitempty"`
	Since   *time.Time `json:"since,omitempty"`    // when this attempt began
	WaitFor *IndexWait `json:"wait_for,omitempty"` // nil: it works
}

// IndexWait is a session that keeps an index waiting: its transaction is older than the index, or holds a lock on the table.
type IndexWait struct {
	PID         int     `json:"pid"`
	Application string  `json:"application,omitempty"`
	User        string  `json:"user,omitempty"`
	State       string  `json:"state,omitempty"`   // active, idle in transaction, …
	Seconds     float64 `json:"seconds,omitempty"` // age of its transaction
}

// IndexCheck is what a runtime thinks of a declaration, with the index as PostgreSQL would have it.
type IndexCheck struct {
	Findings   []Error `json:"findings"`
	Definition string  `json:"definition,omitempty"`
	Live       *Index  `json:"live,omitempty"` // what has the name now
}

// GetIndex reads an index, whoever has made it.
func (c *Client) GetIndex(ctx context.Context, schema, name string) (Index, error) {
	return call[Index](ctx, c, http.MethodGet, indexPath(schema, name), nil)
}

// CreateIndex has an index made. One of that name that this runtime has not made, or has made otherwise, is CodeConflict.
func (c *Client) CreateIndex(ctx context.Context, schema, name string, spec IndexSpec) (Index, error) {
	own := *c
	own.create = true
	return call[Index](ctx, &own, http.MethodPut, indexPath(schema, name), spec)
}

// PutIndex has an index be there and valid: one that is invalid is made anew, one that is defined otherwise is CodeConflict.
func (c *Client) PutIndex(ctx context.Context, schema, name string, spec IndexSpec) (Index, error) {
	return call[Index](ctx, c, http.MethodPut, indexPath(schema, name), spec)
}

// CheckIndex asks what would be wrong with a declaration, and declares nothing.
func (c *Client) CheckIndex(ctx context.Context, schema, name string, spec IndexSpec) (IndexCheck, error) {
	return call[IndexCheck](ctx, c, http.MethodPost, indexPath(schema, name)+VerbCheck, spec)
}

// DeleteIndex has an index dropped that is defined so. One that is already gone is CodeNotFound.
func (c *Client) DeleteIndex(ctx context.Context, schema, name, definition string) (Index, error) {
	own := *c
	own.match = definition
	return call[Index](ctx, &own, http.MethodDelete, indexPath(schema, name), nil)
}

func indexPath(schema, name string) string {
	return PathIndexes + "/" + url.PathEscape(schema) + "/" + url.PathEscape(name)
}

// IndexTag is a definition as a header carries it.
func IndexTag(definition string) string {
	sum := sha256.Sum256([]byte(definition))
	return `"` + hex.EncodeToString(sum[:16]) + `"`
}

// Normal is the spec with defaults left out, so that what means the same is the same.
func (s IndexSpec) Normal() IndexSpec {
	columns := make([]IndexColumn, len(s.Columns))
	for i, c := range s.Columns {
		byDefault := NullsLast
		if c.Order == OrderDescending {
			byDefault = NullsFirst
		} else {
			c.Order = ""
		}
		if c.Nulls == byDefault {
			c.Nulls = ""
		}
		c.Expression = strings.TrimSpace(c.Expression)
		columns[i] = c
	}
	s.Columns, s.Where = columns, strings.TrimSpace(s.Where)
	if s.Method == "" {
		s.Method = IndexMethods[0]
	}
	if len(s.Include) == 0 {
		s.Include = nil
	}
	return s
}

// DefaultName is what an index is called that was given no name: after its table and columns, and after everything by which
// two of the same columns may differ.
func (s IndexSpec) DefaultName() string {
	s = s.Normal()
	parts, more := []string{"august", s.Table}, s.Where+strings.Join(s.Include, ",")
	if s.Method != IndexMethods[0] {
		parts = append(parts, s.Method)
	}
	if s.Unique {
		parts = append(parts, "unique")
	}
	for _, c := range s.Columns {
		if c.Column != "" {
			parts = append(parts, c.Column)
		}
		more += c.Expression + c.Order + c.Nulls + c.OperatorClass + c.Collation
	}
	name := strings.Join(parts, "_")
	const room = maxIdentifier - len("_idx")
	if more == "" && len(name) <= room {
		return name + "_idx"
	}
	sum := sha256.Sum256([]byte(name + "\x00" + more))
	suffix := "_" + hex.EncodeToString(sum[:4])
	name = strings.ToValidUTF8(name[:min(len(name), room-len(suffix))], "")
	return name + suffix + "_idx"
}
