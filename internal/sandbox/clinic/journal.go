package clinic

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"
)

// header is the journal's first line: what the practice was made from.
type header struct {
	Patients  int       `json:"patients"`
	LabOrders int       `json:"lab_orders,omitempty"`
	Seed      uint64    `json:"seed"`
	Today     time.Time `json:"today"`
}

// entry is one edit in the journal.
type entry struct {
	Kind    Kind   `json:"kind"`
	Op      Op     `json:"op"`
	Object  Object `json:"object"`
	Changed int64  `json:"changed"`
	Wall    int64  `json:"wall"`
}

// Open makes a practice whose day and edits are kept in a file: opened again, on a later day, it is
// the same practice with the same edits. A file made from another size or seed starts afresh.
func Open(path string, size Size, seed uint64) (*Clinic, error) {
	if size.Patients <= 0 {
		size.Patients = 2000
	}
	h, entries, good, err := readJournal(path)
	if err != nil {
		return nil, err
	}
	fresh := h.Patients != size.Patients || h.LabOrders != size.LabOrders || h.Seed != seed
	if !fresh {
		size.Today = h.Today
	}
	c := New(size, seed)
	if !fresh {
		for _, e := range entries {
			body, extra, err := encodeObject(e.Kind, e.Object)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", path, err)
			}
			c.apply(e, body, extra)
		}
	}
	if fresh {
		good = 0
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600) // the caller's own state directory
	if err != nil {
		return nil, err
	}
	if err := f.Truncate(good); err != nil { // drop a line that a kill cut off
		return nil, errors.Join(err, f.Close())
	}
	if fresh {
		if err := json.NewEncoder(f).Encode(header{size.Patients, size.LabOrders, seed, c.today}); err != nil {
			return nil, errors.Join(err, f.Close())
		}
	}
	c.journal = f
	return c, nil
}

// Close closes the journal, if there is one.
func (c *Clinic) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.journal == nil {
		return nil
	}
	j := c.journal
	c.journal = nil
	return j.Close()
}

func (c *Clinic) write(e entry) error {
	if c.journal == nil {
		return nil
	}
	return json.NewEncoder(c.journal).Encode(e)
}

// readJournal returns the header, the whole entries, and where the last of them ends.
func readJournal(path string) (h header, entries []entry, good int64, err error) {
	f, err := os.Open(path) // the caller's own state directory
	if errors.Is(err, fs.ErrNotExist) {
		return h, nil, 0, nil
	}
	if err != nil {
		return h, nil, 0, err
	}
	defer func() { _ = f.Close() }() // only read
	r := bufio.NewReader(f)
	for n := 0; ; n++ {
		line, err := r.ReadBytes('\n')
		if errors.Is(err, io.EOF) { // nothing, or the part of a line that a kill left
			return h, entries, good, nil
		}
		if err != nil {
			return h, nil, 0, err
		}
		good += int64(len(line))
		if n == 0 {
			if err := json.Unmarshal(line, &h); err != nil {
				return header{}, nil, 0, nil // not a journal: start afresh
			}
			continue
		}
		var e entry
		d := json.NewDecoder(bytes.NewReader(line))
		d.UseNumber()
		if err := d.Decode(&e); err != nil {
			return h, nil, 0, fmt.Errorf("%s is damaged in line %d, delete it to start afresh: %w", path, n+1, err)
		}
		entries = append(entries, e)
	}
}
