package index

import (
	"math"

	"github.com/feel-august/terraform-provider-august/internal/advise/workload"
)

// How PostgreSQL lays out pages.
const (
	pageBytes    = 8192
	leafBytes    = (pageBytes - 24 - 16) * 0.9 // leaf pages are filled to nine tenths
	tupleHeader  = 8
	itemPointer  = 4
	rowPointer   = 6    // a row's place in a posting list
	postingBytes = 1360 // the largest posting list: a sixth of a page
	brinRange    = 128  // pages that one entry of a BRIN index sums up
	fewestPages  = 2    // a metapage and a leaf
)

// size is how large an index is, and what an entry of it is.
type size struct {
	pages  float64
	height float64 // levels above the leaves
	entry  float64 // bytes that one more row adds, before anything is folded
	rows   float64
}

func (s size) bytes() int64 { return int64(s.pages) * pageBytes }

// measure is how large the index will be once it is built. Equal keys of a B-tree are folded into posting lists; HypoPG does not know
// of that and says up to ten times as much.
func measure(t *workload.Table, d *Definition) size {
	rows := t.Rows * d.portion(t)
	switch d.Method {
	case BRIN:
		pages := math.Ceil(t.Pages/brinRange*40/leafBytes) + fewestPages
		return size{pages: pages, entry: 40, rows: t.Rows}
	case GIN:
		return measureGIN(t, d, rows)
	}
	data, folds := 0.0, len(d.Include) == 0 && !d.Unique
	for _, k := range d.Keys {
		width, fold := keyWidth(t, k)
		data += width
		folds = folds && fold
	}
	for _, name := range d.Include {
		width, _ := keyWidth(t, workload.Key{Column: name})
		data += width
	}
	entry := tupleHeader + 8*math.Ceil(data/8) + itemPointer
	total := rows * entry
	if keys := distinct(t, d.Keys, rows); folds && rows > keys {
		each := rows / keys
		lists := math.Ceil(each * rowPointer / postingBytes)
		total = min(total, keys*lists*entry+rows*rowPointer)
	}
	leaves := math.Ceil(total / leafBytes)
	s := size{entry: entry, rows: rows}
	fanout := leafBytes / max(16, entry)
	for level := leaves; level > 1; level = math.Ceil(level / fanout) {
		s.pages += level
		s.height++
	}
	s.pages = max(fewestPages, s.pages+2) // root and metapage
	return s
}

// measureGIN is a rough one: how many elements a value has, and how many of them are the same, no statistics say that are read here. It
// is what was measured of documents with a handful of members.
func measureGIN(t *workload.Table, d *Definition, rows float64) size {
	each, elements := 0.0, 0.0
	for _, k := range d.Keys {
		width, _ := keyWidth(t, k)
		each += min(20, 12+width/24)
		elements += max(2, width/70)
	}
	return size{pages: math.Ceil(rows*each/leafBytes) + fewestPages, height: 2, entry: 16 * elements, rows: rows}
}

// keyWidth is how many bytes of a tuple a key takes, and whether equal ones can be folded.
func keyWidth(t *workload.Table, k workload.Key) (width float64, folds bool) {
	c := column(t, k.Column)
	if c == nil {
		return 16, true
	}
	folds = true
	switch c.Base {
	case "numeric", "float4", "float8", "jsonb":
		folds = false // equal values may differ in what they look like
	}
	width = max(1, c.Width)
	switch c.Base {
	case "int8", "timestamp", "timestamptz", "float8":
		width = 8
	case "int4", "date", "float4":
		width = 4
	case "text", "varchar", "numeric", "bpchar":
		width = c.Width + 1
	}
	return width * (1 - c.NullShare), folds
}

// portion is how much of the table a partial index covers.
func (d *Definition) portion(t *workload.Table) float64 {
	share := 1.0
	for _, a := range atoms(d.Where) {
		share *= portionOf(t, a)
	}
	return share
}

func portionOf(t *workload.Table, a string) float64 {
	for i := range t.Columns {
		c := &t.Columns[i]
		switch a {
		case c.Name + " IS NULL", ident(c.Name) + " IS NULL":
			return c.NullShare
		case c.Name + " IS NOT NULL", ident(c.Name) + " IS NOT NULL":
			return 1 - c.NullShare
		case ident(c.Name):
			return trueShare(c)
		case "NOT " + ident(c.Name):
			return max(0, 1-c.NullShare-trueShare(c))
		}
	}
	return 0.1 // of a predicate that nothing is known of
}

func trueShare(c *workload.Column) float64 {
	if c.TrueShare != nil {
		return *c.TrueShare
	}
	return (1 - c.NullShare) / 2
}
