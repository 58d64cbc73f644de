// Package evidence is what an export says of itself: which policy made it out of what, how many rows, what the scan for
// leaks looked for and found, how many people share each combination of quasi-identifiers. It is signed, and published
// last: an export without a manifest does not exist. It holds no value of any row. It is pure: no I/O.
package evidence

import (
	"time"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/policy"
)

// Format is the version of the manifest's format.
const Format = 1

// Manifest is an export's evidence.
type Manifest struct {
	Format  int       `json:"format"`
	Export  string    `json:"export"` // its name, unique in the bucket; sorts by time
	Source  Source    `json:"source"`
	Runtime string    `json:"runtime"` // version of the august-sync that made it
	Begun   time.Time `json:"begun"`
	Ended   time.Time `json:"ended"`

	PolicyHash  string             `json:"policy_hash"` // "sha256:" of its canonical JSON
	Method      policy.Method      `json:"method"`
	Attestation policy.Attestation `json:"attestation"`
	Keys        policy.KeyMode     `json:"keys"`
	KeyID       string             `json:"key_id"` // of the key, which it does not give away; ephemeral ones have one, too

	Tables  []Table      `json:"tables"`
	Empty   []string     `json:"empty"` // tables that are left out: empty in staging
	Scan    Scan         `json:"scan"`
	K       []KAnonymity `json:"k_anonymity"`
	Remarks []string     `json:"remarks,omitempty"` // what a reader should know, such as what text scrubbing cannot promise
}

// Source is where the data came from. Staging refuses a target that is it.
type Source struct {
	Instance      string    `json:"instance"` // Cloud SQL connection name; empty when the job was not told
	Database      string    `json:"database"`
	System        string    `json:"system"`         // SHA-256 of the cluster's system identifier and the database's oid
	SchemaVersion int32     `json:"schema_version"` // newest migration of the runtime's
	Snapshot      time.Time `json:"snapshot"`       // the moment that all rows are of
}

// Table is a table of the export.
type Table struct {
	Name    string   `json:"name"` // "schema.table"
	Columns []Column `json:"columns"`
	Rows    int64    `json:"rows"`
	Bytes   int64    `json:"bytes"` // of COPY's text
	Objects []Object `json:"objects"`
}

// Column is a column of a table, in the order of its lines.
type Column struct {
	Name        string `json:"name"`
	Type        string `json:"type"` // format_type's
	Transformer string `json:"transformer"`
	Nulls       int64  `json:"nulls"`
}

// Object is a part of a table in the bucket: lines of COPY's text format, compressed by zstd.
type Object struct {
	Name   string `json:"name"`
	Rows   int64  `json:"rows"`
	Bytes  int64  `json:"bytes"`  // uncompressed
	Size   int64  `json:"size"`   // compressed
	SHA256 string `json:"sha256"` // of the compressed bytes, hex
}

// Scan is what was looked for and found in the result.
type Scan struct {
	Passed      bool             `json:"passed"`
	Identifiers map[string]int64 `json:"identifiers"` // of the source, by kind
	Values      int64            `json:"values"`      // looked through
	Candidates  int64            `json:"candidates"`  // that an exact look dismissed or confirmed
	Findings    []Finding        `json:"findings"`    // of an export that is published: none
}

// Finding is where an identifier of the source has survived. It does not say which.
type Finding struct {
	Table  string `json:"table"`
	Column string `json:"column"`
	Kind   string `json:"kind"`
	Count  int64  `json:"count"`
}

// KAnonymity is how many rows of the result share each combination of a table's quasi-identifiers.
type KAnonymity struct {
	Table    string   `json:"table"`
	Columns  []string `json:"columns"`
	Classes  int64    `json:"classes"` // combinations
	Smallest int64    `json:"smallest"`
	Unique   int64    `json:"unique"` // rows that nobody shares the combination with
	Below    int64    `json:"below"`  // rows in classes smaller than Required
	Required int      `json:"required"`
	Diverse  int64    `json:"diverse,omitempty"` // l: values of the sensitive column that each class has at least
	Sizes    []Size   `json:"sizes"`             // distribution
}

// Size counts classes by their size.
type Size struct {
	UpTo    int64 `json:"up_to"` // rows in a class; 0: more than all before
	Classes int64 `json:"classes"`
}

// ManifestFolder is where all manifests lie, apart from all else: listing it lists what is published.
const ManifestFolder = "manifests"

// ManifestName is where the manifest of an export is.
func ManifestName(export string) string { return ManifestFolder + "/" + export + ".json" }

// DataFolder is where the data of an export is.
func DataFolder(export string) string { return "exports/" + export }
