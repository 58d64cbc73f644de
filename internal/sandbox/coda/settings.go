package coda

import (
	"slices"
	"strings"
	"time"
)

// Settings are the switches that stay as they are set: Server.Set or `POST /_sandbox/settings`.
type Settings struct {
	// MutationMillis is the time from 202 to applied.
	MutationMillis int `json:"mutation_millis"`
	// SnapshotMillis is the time between snapshots for reads; 0 = reads see what is applied.
	SnapshotMillis int `json:"snapshot_millis"`
	// StatusHiddenMillis is how long a new requestId is answered 404.
	StatusHiddenMillis int `json:"status_hidden_millis"`
	// ConcurrentInserts makes two keyed upserts of a new key in flight together both insert.
	ConcurrentInserts bool `json:"concurrent_inserts"`
	// LoseMutations makes the next so many writes complete without effect.
	LoseMutations int `json:"lose_mutations"`
	// Warning is the warning of mutations accepted from now on.
	Warning string `json:"warning"`
	// RowPage is the silent clamp of the row page.
	RowPage int `json:"row_page"`
	// NumericCurrency makes simple reads of currency give numbers instead of text such as "$12.34".
	NumericCurrency bool `json:"numeric_currency"`

	// The rate limits, per token owner. 0 = no limit.
	ReadsPer6s    int `json:"reads_per_6s"`
	WritesPer6s   int `json:"writes_per_6s"`
	RowsPer10s    int `json:"row_writes_per_10s"`
	DocListsPer6s int `json:"doc_lists_per_6s"`
	// RetryAfter is sent with a 429, in seconds; 0 = no such header, as with the real thing.
	RetryAfter int `json:"retry_after_seconds"`

	// RefuseText makes a write 400 that holds a cell with this text; Coda's body then quotes the cell.
	RefuseText string `json:"refuse_text"`
	// RevokedTokens are answered 401.
	RevokedTokens []string `json:"revoked_tokens"`
	// Gone are the docs ("doc"), tables ("doc/table") and columns ("doc/table/column") that somebody has deleted.
	Gone []string `json:"gone"`
	// Changed are the columns that somebody has changed, by "doc/table/column".
	Changed map[string]ColumnChange `json:"changed"`
}

// ColumnChange is what people do to a column in Coda. Empty fields change nothing.
type ColumnChange struct {
	Name       string `json:"name,omitempty"`
	Type       string `json:"type,omitempty"`
	Calculated bool   `json:"calculated,omitempty"`
}

// gone tells whether somebody has deleted it. The caller holds the lock.
func (s *Server) gone(path ...string) bool {
	return slices.Contains(s.settings.Gone, strings.Join(path, "/"))
}

// columns is a table's columns as they are now. The caller holds the lock.
func (s *Server) columns(d *doc, t *table) []Column {
	base := t.base()
	out := make([]Column, 0, len(base.Columns))
	for _, col := range base.Columns {
		if s.gone(d.ID, base.ID, col.ID) {
			continue
		}
		change := s.settings.Changed[d.ID+"/"+base.ID+"/"+col.ID]
		if change.Name != "" {
			col.Name = change.Name
		}
		if change.Type != "" {
			col.Format = Format{"type": change.Type, "isArray": false}
		}
		col.Calculated = col.Calculated || change.Calculated
		out = append(out, col)
	}
	return out
}

// column finds a column as it is now, by id, else by name. The caller holds the lock.
func (s *Server) column(d *doc, t *table, id string) *Column {
	columns := s.columns(d, t)
	for i := range columns {
		if columns[i].ID == id {
			return &columns[i]
		}
	}
	for i := range columns {
		if columns[i].Name == id {
			return &columns[i]
		}
	}
	return nil
}

func defaultSettings() Settings {
	return Settings{MutationMillis: 1000, RowPage: 200, ReadsPer6s: 100, WritesPer6s: 10, RowsPer10s: 3, DocListsPer6s: 4}
}

// Settings returns the switches as they are.
func (s *Server) Settings() Settings {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.settings
}

// Set changes switches.
func (s *Server) Set(change func(*Settings)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.settings)
	s.settings.RowPage = max(1, s.settings.RowPage)
}

// limit is a class of calls.
type limit int

const (
	readLimit limit = iota
	docsLimit
	rowLimit
)

// window holds one owner's recent calls by class.
type window struct {
	reads, writes, rows, docs []time.Time
}

// take counts a call, or refuses it. The caller holds the lock.
func (s *Server) take(owner string, class limit) bool {
	w := s.limits[owner]
	if w == nil {
		w = &window{}
		s.limits[owner] = w
	}
	now, set := s.clock(), s.settings
	fits := func(calls *[]time.Time, most int, span time.Duration) bool {
		keep := (*calls)[:0]
		for _, at := range *calls {
			if now.Sub(at) < span {
				keep = append(keep, at)
			}
		}
		*calls = keep
		return most <= 0 || len(keep) < most
	}
	const six, ten = 6 * time.Second, 10 * time.Second
	switch class {
	case docsLimit:
		if !fits(&w.docs, set.DocListsPer6s, six) {
			return false
		}
		w.docs = append(w.docs, now)
	case rowLimit:
		if !fits(&w.writes, set.WritesPer6s, six) || !fits(&w.rows, set.RowsPer10s, ten) {
			return false
		}
		w.writes, w.rows = append(w.writes, now), append(w.rows, now)
	default:
		if !fits(&w.reads, set.ReadsPer6s, six) {
			return false
		}
		w.reads = append(w.reads, now)
	}
	return true
}
