// Package policy is what a clinic declares about how its data becomes staging's: for each column of each table one rule. A
// policy is closed: what it does not name must not leave, and a check against the database's catalogue says so before a row is
// read. The legal terms are those of 45 CFR 164.514(a)-(c). It is pure: no I/O.
package policy

import "time"

// Version is the version of the document's format.
const Version = 1

// Policy is the whole declaration. Its JSON is what the job is given, and, in canonical form, what is hashed and signed.
type Policy struct {
	Version int    `json:"version"`
	Method  Method `json:"method"`

	// Attestation is, for Safe Harbor, of 164.514(b)(2)(ii), no actual knowledge that what is left could identify somebody;
	// for an expert determination the determination itself, 164.514(b)(1). Both end.
	Attestation Attestation `json:"attestation"`

	Keys  KeyMode `json:"keys"`            // ephemeral: made for one run, in memory
	AsOf  string  `json:"as_of,omitempty"` // day, YYYY-MM-DD, at which ages are judged, when it is after the run's
	Shift Shift   `json:"shift"`           // for the transformer shift

	// Subject is the table of the persons whom the data is about, and its key column.
	Subject Subject `json:"subject"`

	Tables  map[string]Table  `json:"tables"`            // by "schema.table"
	Exclude map[string]string `json:"exclude,omitempty"` // "schema.table" or "schema.*" → reason: nothing of it is exported, and it is empty in staging

	References []Reference `json:"references,omitempty"` // that no foreign key declares
	Subset     *Subset     `json:"subset,omitempty"`     // nil: all rows
	Quasi      []Quasi     `json:"quasi_identifiers,omitempty"`
	Words      []string    `json:"words,omitempty"` // further words that text must not hold, such as the clinic's name
}

// AgesAt is the day at which a run judges ages. At an earlier one people were younger who are 90 by now.
func (p *Policy) AgesAt(run time.Time) time.Time {
	if day, err := time.Parse(time.DateOnly, p.AsOf); err == nil && day.After(run) {
		return day
	}
	return run
}

// Method is the way by which 164.514 lets data count as de-identified.
type Method string

// Methods.
const (
	SafeHarbor          Method = "safe_harbor"
	ExpertDetermination Method = "expert_determination"
)

// Attestation is who stands for the method, and until when.
type Attestation struct {
	By      string `json:"by"`           // role or name of the person or expert
	ID      string `json:"id,omitempty"` // of the determination, which an expert determination needs
	Expires string `json:"expires"`      // day, YYYY-MM-DD; the last one on which a run may rely on it
}

// KeyMode says how long keys live.
type KeyMode string

// Key modes.
const (
	Ephemeral  KeyMode = "ephemeral"  // two runs cannot be linked
	Persistent KeyMode = "persistent" // from a secret: the same value has the same pseudonym in each run
)

// Shift bounds the days by which a subject's dates move: never 0, the same for all tables.
type Shift struct {
	Min   int  `json:"min"` // days, such as -364
	Max   int  `json:"max"` // days, such as -1
	Weeks bool `json:"weeks,omitempty"`
}

// Subject is the table of the persons whom the data is about.
type Subject struct {
	Table string `json:"table"` // "schema.table"
	Key   string `json:"key"`   // its key column
}

// Table has the rules of a table's columns.
type Table struct {
	// Subject is how a row's person is found: a column of this table that holds the subject's key, or a way there, column
	// by column along references, such as ["line_item", "appointment", "patient"]. Empty: rows are about nobody.
	Subject []string `json:"subject,omitempty"`

	Columns map[string]Rule `json:"columns"`
}

// Reference is a reference that no foreign key declares. What it holds is mapped as what it refers to.
type Reference struct {
	Table   string `json:"table"`
	Column  string `json:"column"`
	To      string `json:"to"`        // table
	ToCol   string `json:"to_column"` //
	Orphans bool   `json:"orphans"`   // whether it may refer to rows that are not there; else the export fails when it does
}

// Subset chooses rows. A row of another table is chosen when all that it refers to is.
type Subset struct {
	Table   string `json:"table"`
	Percent int    `json:"percent,omitempty"` // of its rows, by a hash of the key; 0: all that Where allows
	Where   string `json:"where,omitempty"`   // SQL condition on its columns
}

// Quasi is a table's quasi-identifiers: columns of the result that together may single somebody out.
type Quasi struct {
	Table     string   `json:"table"`
	Columns   []string `json:"columns"`
	K         int      `json:"k"`                   // rows that each combination must have at least; 0: it is only reported
	Sensitive string   `json:"sensitive,omitempty"` // column of which each combination should have several values (l-diversity), reported
}

// Rule is what becomes of a column's values. NULL stays NULL under every transformer but Null, Constant and Text's
// neighbours that say otherwise; in an array each element is transformed.
type Rule struct {
	Transformer string `json:"transformer"`

	Domain  string `json:"domain,omitempty"`  // of ids: what shares a domain is mapped alike. Default: the column that it refers to, or its own path
	Value   string `json:"value,omitempty"`   // of constant; within JSON it is JSON
	Part    string `json:"part,omitempty"`    // of name and person: first, middle, last, full
	Unknown string `json:"unknown,omitempty"` // of json: fail (default) or drop, for members that Paths does not name

	// Paths, of json, are rules by path: "address.street", "contacts[].phone"; "[]" is each element, "*" any member.
	Paths map[string]Rule `json:"paths,omitempty"`

	// Class sets what the column's name suggests aside: one of the classes A to R of 164.514(b)(2)(i), or "none".
	Class string `json:"class,omitempty"`
	// Why a column is kept although its type or its name suggests otherwise.
	Reason string `json:"reason,omitempty"`
	// Type is what the column's type must be, as the catalogue writes it. What is kept for a reason needs one: the reason was
	// given for what the column was.
	Type string `json:"type,omitempty"`
}

// Parts of a name.
const (
	First  = "first"
	Middle = "middle"
	Last   = "last"
	Full   = "full"
)

// Unknown members of JSON.
const (
	Fail = "fail"
	Drop = "drop"
)

// Transformers.
const (
	Keep     = "keep"     // unchanged
	Null     = "null"     // NULL
	Constant = "constant" // Value
	Derived  = "derived"  // not copied: PostgreSQL computes it, or it is built anew

	Surrogate = "surrogate" // ids: a random code from a crosswalk that is thrown away; not derived (164.514(c))
	Permute   = "permute"   // ids: a keyed permutation, in constant memory; derived
	Token     = "token"     // strings: a keyed hash, in the alphabet of the value; derived
	Scramble  = "scramble"  // strings: letters and digits replaced by random ones of the same kind, alike in a domain; derived

	Name   = "name"   // of the row's subject, Part
	Person = "person" // of somebody else: by the value's own keyed hash, Part; derived
	Email  = "email"
	Phone  = "phone"
	SSN    = "ssn"
	Street = "street"
	City   = "city"
	Zip3   = "zip3" // three digits, or 000 where fewer than 20,001 people live

	Year      = "year"  // dates: the first of January of the year; ages over 89 top-coded
	DateShift = "shift" // dates: by the subject's own days; derived
	Age       = "age"   // numbers: over 89 is 90

	Text = "text" // free text: the subject's own names and numbers, the dictionary of the source, patterns
	JSON = "json" // by path
	URL  = "url"
	IP   = "ip"
)
