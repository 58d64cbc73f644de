package coda

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"reflect"
	"slices"
	"time"
)

// mutation is an accepted write on its way into a table.
type mutation struct {
	ID       string    `json:"id"`
	Doc      string    `json:"doc"`
	Table    string    `json:"table"`
	Accepted time.Time `json:"accepted"`
	Due      time.Time `json:"due"`
	Applied  bool      `json:"applied"`
	Lost     bool      `json:"lost,omitempty"` // a fault: it will complete and change nothing
	Warning  string    `json:"warning,omitempty"`

	Rows   []edit   `json:"rows,omitempty"`
	Keys   []string `json:"keys,omitempty"` // key column ids
	Delete []string `json:"delete,omitempty"`
}

// edit is one row of a write.
type edit struct {
	ID     string         `json:"id,omitempty"` // set: update this row, or insert under this id
	Update bool           `json:"update,omitempty"`
	Insert bool           `json:"insert,omitempty"` // decided when it was accepted; see Settings.ConcurrentInserts
	Values map[string]any `json:"values"`
}

const mutationLife = 24 * time.Hour

// accept queues a mutation. The caller holds the lock.
func (s *Server) accept(d *doc, t *table, m *mutation) {
	now := s.clock()
	m.ID = "mutate:" + token()
	m.Doc, m.Table, m.Accepted = d.ID, t.ID, now
	m.Due = now.Add(time.Duration(s.settings.MutationMillis) * time.Millisecond)
	if n := len(d.queue); n > 0 && m.Due.Before(d.queue[n-1].Due) {
		m.Due = d.queue[n-1].Due // a document's edits are applied in order
	}
	m.Warning = s.settings.Warning
	if s.settings.LoseMutations > 0 {
		s.settings.LoseMutations--
		m.Lost = true
	}
	if s.settings.ConcurrentInserts && len(m.Keys) > 0 {
		for i := range m.Rows {
			m.Rows[i].Insert = len(matching(t, m.Keys, m.Rows[i].Values)) == 0
		}
	}
	for id, old := range s.mutations {
		if now.Sub(old.Due) > mutationLife {
			delete(s.mutations, id)
		}
	}
	s.mutations[m.ID] = m
	d.queue = append(d.queue, m)
	s.dirty = true
	s.settle()
}

func token() string {
	b := make([]byte, 8)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

// settle brings every document up to now: applies what is due and takes the snapshots that fell
// due. The caller holds the lock.
func (s *Server) settle() {
	now := s.clock()
	for _, d := range s.docs {
		if every := time.Duration(s.settings.SnapshotMillis) * time.Millisecond; every > 0 {
			if at := now.Truncate(every); at.After(d.snapped) {
				s.apply(d, at)
				d.snap(at)
			}
			s.apply(d, now)
		} else {
			s.apply(d, now)
			d.snap(now)
		}
	}
	s.save()
}

func (d *doc) snap(at time.Time) {
	d.snapped = at
	if !d.stale {
		return
	}
	d.stale = false
	for _, t := range d.tables {
		t.shown = slices.Clone(t.live)
	}
}

func (s *Server) apply(d *doc, upTo time.Time) {
	for len(d.queue) > 0 && !d.queue[0].Due.After(upTo) {
		m := d.queue[0]
		d.queue = d.queue[1:]
		m.Applied = true
		if t := d.table(m.Table); t != nil && !m.Lost {
			s.change(t.base(), m)
			d.stale = true
		}
		m.Rows = nil // only its state is asked for from here on
		s.dirty = true
	}
}

// change applies one mutation to a table.
func (s *Server) change(t *table, m *mutation) {
	if len(m.Delete) > 0 {
		t.live = slices.DeleteFunc(slices.Clone(t.live), func(r *row) bool { return slices.Contains(m.Delete, r.ID) })
	}
	var index map[string][]int
	if len(m.Keys) > 0 {
		index = map[string][]int{}
		for i, r := range t.live {
			k := keyOf(m.Keys, r.Values)
			index[k] = append(index[k], i)
		}
	}
	for _, e := range m.Rows {
		var at []int
		switch {
		case e.Update:
			at = []int{slices.IndexFunc(t.live, func(r *row) bool { return r.ID == e.ID })}
			if at[0] < 0 {
				continue // deleted meanwhile
			}
		case len(m.Keys) > 0 && !e.Insert:
			at = index[keyOf(m.Keys, e.Values)]
		}
		for _, i := range at {
			t.live[i] = s.edited(t.live[i], e.Values, m.Due)
		}
		if len(at) == 0 {
			r := s.inserted(e, m.Due)
			if index != nil {
				k := keyOf(m.Keys, r.Values)
				index[k] = append(index[k], len(t.live))
			}
			t.live = append(t.live, r)
		}
	}
}

// edited is the row with the named cells changed.
func (s *Server) edited(r *row, values map[string]any, at time.Time) *row {
	s.version++
	next := &row{ID: r.ID, Seq: r.Seq, Version: s.version, Created: r.Created, Updated: at, Values: map[string]any{}}
	for k, v := range r.Values {
		next.Values[k] = v
	}
	for k, v := range values {
		next.Values[k] = v
	}
	return next
}

func (s *Server) inserted(e edit, at time.Time) *row {
	s.version++
	s.nextRow++
	id := e.ID
	if id == "" {
		id = newRowID()
	}
	return &row{ID: id, Seq: s.nextRow, Version: s.version, Created: at, Updated: at, Values: e.Values}
}

func newRowID() string { return "i-" + token() }

// keyOf is the comparable form of a row's key cells: kind and value, so that 1 and "1" differ.
func keyOf(keys []string, values map[string]any) string {
	out := ""
	for _, k := range keys {
		v := values[k]
		if v == nil {
			v = ""
		}
		out += fmt.Sprintf("%T:%v\x00", v, v)
	}
	return out
}

func matching(t *table, keys []string, values map[string]any) []*row {
	var out []*row
	for _, r := range t.base().live {
		same := true
		for _, k := range keys {
			same = same && reflect.DeepEqual(r.Values[k], values[k])
		}
		if same {
			out = append(out, r)
		}
	}
	return out
}
