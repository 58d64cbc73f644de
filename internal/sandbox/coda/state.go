package coda

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// state is what the sandbox remembers over a restart: rows, and the mutations on their way.
type state struct {
	Rows      map[string]map[string][]*row `json:"rows"` // by document and table
	Mutations []*mutation                  `json:"mutations"`
	NextRow   int                          `json:"next_row"`
	Version   int64                        `json:"version"`
}

// save writes the state when it changed. The caller holds the lock.
func (s *Server) save() {
	if s.file == "" || !s.dirty {
		return
	}
	st := state{Rows: map[string]map[string][]*row{}, NextRow: s.nextRow, Version: s.version}
	for _, d := range s.docs {
		st.Rows[d.ID] = map[string][]*row{}
		for _, t := range d.tables {
			if t.parent == nil {
				st.Rows[d.ID][t.ID] = t.live
			}
		}
		st.Mutations = append(st.Mutations, d.queue...)
	}
	for _, m := range s.mutations {
		if m.Applied {
			st.Mutations = append(st.Mutations, m)
		}
	}
	if err := write(s.file, st); err != nil {
		s.log.Error("coda sandbox cannot keep its state", "error", err)
		return
	}
	s.dirty = false
}

func write(file string, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	tmp := filepath.Join(filepath.Dir(file), "."+filepath.Base(file)+".new")
	if err := os.WriteFile(tmp, body, 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, file)
}

func (s *Server) load() error {
	if s.file == "" {
		return nil
	}
	body, err := os.ReadFile(s.file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var st state
	if err := json.Unmarshal(body, &st); err != nil {
		return fmt.Errorf("%s is damaged, delete it to start afresh: %w", s.file, err)
	}
	s.nextRow, s.version = st.NextRow, st.Version
	for _, d := range s.docs {
		for _, t := range d.tables {
			t.live = st.Rows[d.ID][t.ID]
		}
		d.stale = true
		d.snap(s.clock())
	}
	for _, m := range st.Mutations {
		s.mutations[m.ID] = m
		if d := s.doc(m.Doc); d != nil && !m.Applied {
			d.queue = append(d.queue, m)
		}
	}
	return nil
}
