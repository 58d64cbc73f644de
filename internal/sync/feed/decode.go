package feed

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"unicode/utf8"
)

// Row is one decoded object.
type Row struct {
	Key     string            // as text, whatever the column's type
	Version string            // time of the last change as "2006-01-02 15:04:05.999999", "" when unknown
	Mark    string            // what "since" can be taken from, as Version; "" when unknown
	Deleted bool              // the source says the object is deleted
	Hash    [sha256.Size]byte // of the content: equal rows have equal ones

	line []byte // the row in COPY's text format: the feed's columns, raw, content_hash, deleted
}

// AppendCopy appends the row as a line of COPY's text format, in the order of CopyColumns.
func (r Row) AppendCopy(dst []byte) []byte { return append(dst, r.line...) }

// AppendColumns appends the line without its end, the flag of deletion: a tab is its last byte.
func (r Row) AppendColumns(dst []byte) []byte { return append(dst, r.line[:len(r.line)-len("f\n")]...) }

// RowError is a row that cannot be decoded. Its text names the column and never holds the value.
type RowError struct {
	Key    string // "" when the key itself cannot be read
	Reason string
}

func (e *RowError) Error() string { return e.Reason }

// Decoder decodes the objects of one feed. It is not safe for concurrent use.
type Decoder struct {
	feed    *Feed
	values  [][]byte // of the members that columns are filled from
	members [][]byte // of those of Derived.From
	texts   []string // of the same

	uses     map[string]use
	order    []use // of the object before; see use
	foreseen int

	content []byte // what the row's hash is of
	line    []byte // what its line is copied from
}

// use is what becomes of a member.
type use struct {
	name     string
	column   int // that it fills; -1: none
	from     int // its place in Derived.From; -1: none
	omitted  bool
	volatile bool
}

// NewDecoder prepares to decode f's objects.
func NewDecoder(f *Feed) *Decoder {
	d := &Decoder{feed: f, uses: make(map[string]use, len(f.Columns)), values: make([][]byte, len(f.Columns))}
	if f.Derived != nil {
		d.members, d.texts = make([][]byte, len(f.Derived.From)), make([]string, len(f.Derived.From))
	}
	return d
}

// use finds out what becomes of a member. Objects of a list have their members in one order, so the look is at what
// followed the member before in the last one.
func (d *Decoder) use(key []byte) use {
	i := d.foreseen
	d.foreseen++
	if i < len(d.order) && d.order[i].name == string(key) {
		return d.order[i]
	}
	u, known := d.uses[string(key)]
	if !known {
		u = d.feed.use(string(key))
		if len(d.uses) < maxUses {
			d.uses[u.name] = u
		}
	}
	if i < maxUses {
		d.order = append(d.order[:min(i, len(d.order))], u)
	}
	return u
}

// maxUses bounds what is remembered of members, whatever the source sends.
const maxUses = 500

func (f *Feed) use(key string) use {
	u := use{name: key, column: slices.IndexFunc(f.Columns, func(c Column) bool { return c.Name == key }), from: -1,
		omitted: slices.Contains(f.Omit, key), volatile: slices.Contains(f.Volatile, key)}
	if f.Derived != nil {
		u.from = slices.Index(f.Derived.From, key)
	}
	return u
}

// Decode reads one object. Members it does not know are kept in the raw JSON and otherwise ignored.
// An error is always a *RowError: the row is at fault, not the page.
func (d *Decoder) Decode(raw []byte) (Row, error) {
	f := d.feed
	clear(d.values)
	clear(d.members)
	if !utf8.Valid(raw) {
		raw = bytes.ToValidUTF8(raw, []byte("\uFFFD"))
	}
	content, omitted := d.content[:0], false
	d.foreseen = 0
	err := eachMember(raw, func(key, value []byte) error {
		u := d.use(key)
		if u.from >= 0 {
			d.members[u.from] = value
		}
		if u.omitted {
			omitted = true
			return nil
		}
		if u.column >= 0 {
			d.values[u.column] = value
		}
		if !u.volatile {
			content = append(append(append(append(content, key...), 0), value...), 0)
		}
		return nil
	})
	d.content = content // keeps what it grew to
	if err != nil {
		return Row{}, &RowError{Reason: err.Error()}
	}
	if omitted {
		if raw, err = without(raw, f.Omit); err != nil {
			return Row{}, &RowError{Reason: err.Error()}
		}
	}

	var r Row
	// The key comes first, so that a row at fault elsewhere can still be named.
	k := slices.IndexFunc(f.Columns, func(c Column) bool { return c.Name == f.Key })
	key, err := appendValue(d.line[:0], f.Columns[k].Kind, d.values[k])
	if err != nil {
		return Row{}, &RowError{Reason: f.Key + ": " + err.Error()}
	}
	if string(key) == null {
		return Row{}, &RowError{Reason: f.Key + ": missing"}
	}
	r.Key = string(key)
	line := d.line[:0]
	for i, c := range f.Columns {
		start := len(line)
		if line, err = appendValue(line, c.Kind, d.values[i]); err != nil {
			return Row{}, &RowError{Key: r.Key, Reason: c.Name + ": " + err.Error()}
		}
		if field := line[start:]; string(field) != null {
			switch c.Name {
			case f.Version:
				r.Version = string(field)
				r.Mark = r.Version
			case f.Mark:
				r.Mark = string(field)
			case f.Deleted:
				r.Deleted = string(field) == "t"
			}
		}
		line = append(line, '\t')
	}
	if f.Derived != nil {
		start := len(line)
		line = f.Derived.append(r.Key, line, d.derivedFrom())
		// A change of the rules is a change of the row, and so is one of an omitted member that shows here.
		content = append(content, line[start:]...)
		line = append(line, '\t')
	}
	line = append(appendEscaped(line, raw), '\t')
	line = append(line, `\\x`...)
	r.Hash = sha256.Sum256(content)
	line = hex.AppendEncode(line, r.Hash[:])
	if r.Deleted {
		line = append(line, "\tt\n"...)
	} else {
		line = append(line, "\tf\n"...)
	}
	r.line, d.line = bytes.Clone(line), line // keeps what it grew to
	return r, nil
}

// derivedFrom is the texts of the members that columns are derived from.
func (d *Decoder) derivedFrom() []string {
	for i, v := range d.members {
		if text, _, _ := scalar(v); d.texts[i] != string(text) { // many are as in the object before
			d.texts[i] = string(text)
		}
	}
	return d.texts
}

func isIn(names []string, key []byte) bool {
	for _, n := range names {
		if n == string(key) {
			return true
		}
	}
	return false
}

// CopyColumns names the columns of a row's line.
func (f *Feed) CopyColumns() []string {
	names := make([]string, 0, len(f.Columns)+3)
	for _, c := range f.Columns {
		names = append(names, c.Name)
	}
	if f.Derived != nil {
		names = append(names, f.Derived.Columns...)
	}
	return append(names, "raw", "content_hash", "source_deleted")
}

// without rebuilds an object without some of its members.
func without(raw []byte, omit []string) ([]byte, error) {
	out := []byte{'{'}
	err := eachMember(raw, func(key, value []byte) error {
		if isIn(omit, key) {
			return nil
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(append(append(out, quote(string(key))...), ':'), value...)
		return nil
	})
	return append(out, '}'), err
}

// Valid reports what is wrong with a feed's description; it guards against slips in this package.
func (f *Feed) Valid() error {
	names := map[string]Kind{}
	for _, c := range f.Columns {
		if _, twice := names[c.Name]; twice {
			return fmt.Errorf("feed %s: column %s occurs twice", f.Name, c.Name)
		}
		names[c.Name] = c.Kind
	}
	if _, ok := names[f.Key]; !ok {
		return fmt.Errorf("feed %s: key %q is not a column", f.Name, f.Key)
	}
	if k, ok := names[f.Version]; f.Version != "" && (!ok || k != Timestamp) {
		return fmt.Errorf("feed %s: version %q is not a timestamp column", f.Name, f.Version)
	}
	if k, ok := names[f.Deleted]; f.Deleted != "" && (!ok || k != Bool) {
		return fmt.Errorf("feed %s: deleted %q is not a boolean column", f.Name, f.Deleted)
	}
	if k, ok := names[f.Mark]; f.Mark != "" && (!ok || k != Timestamp || f.Version != "") {
		return fmt.Errorf("feed %s: mark %q is not a timestamp column, or stands beside a version", f.Name, f.Mark)
	}
	if f.Derived != nil {
		for _, name := range f.Derived.Columns {
			if _, twice := names[name]; twice {
				return fmt.Errorf("feed %s: column %s occurs twice", f.Name, name)
			}
			names[name] = Text
		}
	}
	if f.Split != nil {
		if _, ok := names[f.Split.Column]; !ok || f.Split.Param == "" || f.Split.Parent == "" {
			return fmt.Errorf("feed %s: the split needs a parameter, a parent and a column", f.Name)
		}
		if f.Since || f.Bulk != "" {
			return fmt.Errorf("feed %s: a list that takes since, or is asynchronous, is not read in parts", f.Name)
		}
	}
	if f.Since && f.Version == "" && f.Mark == "" {
		return fmt.Errorf("feed %s: takes since, but no column says when a row changed", f.Name)
	}
	return nil
}
