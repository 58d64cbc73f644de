package clinic

import (
	"bufio"
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
	Patients int       `json:"patients"`
	Seed     uint64    `json:"seed"`
	Today    time.Time `json:"today"`
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
	h, entries, err := readJournal(path)
	if err != nil {
		return nil, err
	}
	fresh := h.Patients != size.Patients || h.Seed != seed
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
	flags := os.O_CREATE | os.O_WRONLY | os.O_APPEND
	if fresh {
		flags |= os.O_TRUNC
	}
	f, err := os.OpenFile(path, flags, 0o600)
	if err != nil {
		return nil, err
	}
	if fresh {
		if err := json.NewEncoder(f).Encode(header{size.Patients, seed, c.today}); err != nil {
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

func readJournal(path string) (header, []entry, error) {
	var h header
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return h, nil, nil
	}
	if err != nil {
		return h, nil, err
	}
	defer func() { _ = f.Close() }() // only read
	d := json.NewDecoder(bufio.NewReader(f))
	d.UseNumber()
	if err := d.Decode(&h); err != nil {
		return header{}, nil, nil // an empty or foreign file: start afresh
	}
	var entries []entry
	for {
		var e entry
		switch err := d.Decode(&e); {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF): // the last line may be cut off by a kill
			return h, entries, nil
		case err != nil:
			return h, nil, fmt.Errorf("%s is damaged: %w", path, err)
		}
		entries = append(entries, e)
	}
}
