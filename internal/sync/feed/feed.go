// Package feed describes the DrChrono objects that are synced: how each is listed, decoded, keyed
// and stored. A new object is one new file here and one migration.
//
// The package is pure: it reads bytes that someone else fetched and writes bytes that someone else
// stores.
package feed

import "time"

// Feed is one DrChrono object.
type Feed struct {
	Name    string   // of the feed, and of its table in the schema drchrono
	Path    string   // of the list, with one object at Path + "/" + key
	Bulk    string   // of the asynchronous list; empty: there is none, and Path is read by cursor
	Order   string   // order_by of bulk pages in a full sweep; empty: the source's own
	Key     string   // column that identifies a row
	Version string   // column with the time of a row's last change; empty: rows have none
	Mark    string   // column that "since" is taken from where rows have no Version: never later than the newest change
	Deleted string   // boolean column by which the source itself marks a deleted row; empty: none
	Columns []Column // in the order they are stored
	Derived *Derived // further columns, computed from several members; nil: none
	Omit    []string // members that are not even kept in the raw JSON

	// Volatile names members that differ between two readings of an unchanged row, such as signed
	// URLs. They do not count as a change.
	Volatile []string

	// Since says that the list takes "since", so that a later run reads only what changed.
	Since bool

	// Every keeps incremental runs from reading a list more often, for lists that are read whole each time
	// and seldom change; 0: every run reads it.
	Every time.Duration

	// Filters are sent with every request of the feed.
	Filters map[string]string

	// SinceAll is the "since" of a full sweep, for lists that demand a filter.
	SinceAll string

	// Split says how the list is read in parts; nil: only whole.
	Split *Split

	// Sweep says that a row missing from a complete full sweep is gone at the source.
	Sweep bool

	// Deletes says that this feed's keys mark rows of other feeds as deleted: feed → its column that
	// holds the key.
	Deletes map[string]string
}

// Split is a way to read a list in parts: one query parameter takes one value after the other, each
// with pages of its own. The values are the keys of another feed's rows, and those that rows of this
// feed hold.
type Split struct {
	Param  string // query parameter
	Parent string // feed whose keys it takes
	Column string // column of this feed that holds the parent's key: rows of a part that was read are seen or gone

	// Always says that the list is never asked for whole. Else it is whenever that costs fewer calls than
	// the parts that are due, and read in parts when the source cannot answer.
	Always bool
}

// Derived is columns that are computed from members of the object, also from such as are omitted.
type Derived struct {
	Columns []string
	From    []string // members; the text of each is given, empty when it is null, absent or no scalar

	// append appends the fields of all columns in COPY's text format, separated by tabs.
	append func(key string, dst []byte, texts []string) []byte
}

// Column is one typed column, filled from the member of the same name.
type Column struct {
	Name string
	Kind Kind
}

// Kind is how a member is read and what it becomes.
type Kind uint8

// Kinds of columns. All of them take null, "" and an absent member as null, except Text, which keeps "".
const (
	Text      Kind = iota // string, or the text of a number or boolean
	ID                    // integer, also written as a string
	TextID                // id that may not be a number
	Integer               // small integer
	Money                 // decimal with two places
	Quantity              // decimal with four places
	Bool                  // boolean, also written as a string
	Timestamp             // date and time, zone ignored; junk becomes null
	Date                  // date, or the date of a date and time; junk becomes null
)
