package scan

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/catalog"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/chunk"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/copytext"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/evidence"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/identify"
	"github.com/feel-august/terraform-provider-august/internal/bucket"
)

// Options of Run.
type Options struct {
	Workers  int                       // that read side by side; 0: 2
	Progress func(done, objects int64) // told after each object, from several goroutines; may be nil

	candidates int // for tests
}

// search is what the workers of a Run share.
type search struct {
	set    *identify.Set
	found  *candidates
	shifts bool                     // text may hold days that were moved, with the names of months
	hits   map[wordAt]*atomic.Int64 // words that guards have seen, and how often they are in the column
}

// wordAt is a word, by its hash, in a column.
type wordAt struct {
	column int
	word   uint64
}

// Run reads all that was written back and looks through every value of it, makes sure of what the filter took for an
// identifier by a second look at the source, adds what the guards have found, and counts who shares quasi-identifiers. An
// error is that it could not be done; whether the result may be published is its Err.
func (s *Scanner) Run(ctx context.Context, written bucket.Bucket, tables []evidence.Table, from Source, set *identify.Set, o Options) (*Result, error) {
	if o.Workers <= 0 {
		o.Workers = 2
	}
	if o.candidates <= 0 {
		o.candidates = maxCandidates
	}
	in := &search{set: set, found: newCandidates(o.candidates), shifts: s.shifts, hits: s.suspects()}
	result := &Result{Scan: evidence.Scan{Identifiers: map[string]int64{}}}
	for k := identify.Name; k <= identify.IP; k++ {
		result.Scan.Identifiers[k.String()] = set.Count(k)
	}
	found := cells{}
	err := s.look(ctx, written, tables, in, o, result, found)
	full := errors.Is(err, errFull)
	if err != nil && !full {
		return nil, err
	}
	if err := s.confirm(ctx, from, in, o, found); err != nil {
		return nil, err
	}
	result.Scan.Candidates = in.found.total
	if full && len(found) == 0 {
		return nil, fmt.Errorf("the result holds more than %d different values that may be identifiers of the source, too many to make sure of, though those looked at are none: "+
			"the source has more identifiers than the scan's memory tells apart", o.candidates)
	}
	s.guarded(in, found)
	result.Scan.Findings = found.findings()
	slices.SortFunc(result.Scan.Findings, func(a, b evidence.Finding) int {
		return cmp.Or(strings.Compare(a.Table, b.Table), strings.Compare(a.Column, b.Column), strings.Compare(a.Kind, b.Kind))
	})
	if full {
		result.unfinished = true
		return result, nil
	}
	if result.K, err = s.anonymity(ctx, written, tables); err != nil {
		return nil, err
	}
	result.Scan.Passed = result.Err() == nil
	return result, nil
}

// look reads the objects.
func (s *Scanner) look(ctx context.Context, written bucket.Bucket, tables []evidence.Table, in *search, o Options, result *Result, found cells) error {
	type part struct {
		object  evidence.Object
		columns []*column
	}
	var parts []part
	for _, t := range tables {
		columns, err := s.judged(t)
		if err != nil {
			return err
		}
		for _, object := range t.Objects {
			parts = append(parts, part{object, columns})
		}
	}
	queue := make(chan part, len(parts))
	for _, p := range parts {
		queue <- p
	}
	close(queue)
	var (
		mu   sync.Mutex
		done atomic.Int64
	)
	group, ctx := errgroup.WithContext(ctx)
	for range min(o.Workers, len(parts)) {
		group.Go(func() error {
			v := newSieve(in)
			var fields [][]byte
			for p := range queue {
				err := lines(ctx, written, p.object, func(line []byte) error {
					fields = copytext.Split(fields[:0], line)
					if len(fields) != len(p.columns) {
						return fmt.Errorf("%s: a row has %d fields, and %s has %d columns: this is a mistake of august-sync", p.object.Name, len(fields), p.columns[0].place.table, len(p.columns))
					}
					v.row(p.columns, fields)
					if v.full {
						return errFull
					}
					return nil
				})
				if err != nil {
					return err
				}
				if n := done.Add(1); o.Progress != nil {
					o.Progress(n, int64(len(parts)))
				}
			}
			mu.Lock()
			defer mu.Unlock()
			result.Scan.Values += v.values
			for id, n := range v.dates {
				found[cellKind{s.cells[id].Table, s.cells[id].Column, identify.Date}] += n
			}
			return nil
		})
	}
	return group.Wait()
}

// judged says how the columns of a table of the manifest are judged.
func (s *Scanner) judged(t evidence.Table) ([]*column, error) {
	of := s.find(t.Name)
	if of == nil {
		return nil, fmt.Errorf("%s is not in the catalogue: this is a mistake of august-sync", t.Name)
	}
	write := make([]catalog.Column, len(t.Columns))
	for i, c := range t.Columns {
		at := slices.IndexFunc(of.Columns, func(o catalog.Column) bool { return o.Name == c.Name })
		if at < 0 {
			return nil, fmt.Errorf("%s.%s is not in the catalogue: this is a mistake of august-sync", t.Name, c.Name)
		}
		write[i] = of.Columns[at]
	}
	return s.columns(t.Name, write), nil
}

// confirm looks through the source for the candidates.
func (s *Scanner) confirm(ctx context.Context, from Source, in *search, o Options, found cells) error {
	c := in.found
	if len(c.known) == 0 {
		return nil
	}
	err := s.read(ctx, from, c.kinds(), o.Workers, func() func(identify.Kind, []byte) { return c.confirm })
	if err != nil {
		return err
	}
	kinds := make([]identify.Kind, len(c.real))
	for f, i := range c.known {
		kinds[i] = f.kind
	}
	for at, n := range c.counts {
		if c.real[at.candidate] {
			cell := s.cells[at.column]
			found[cellKind{cell.Table, cell.Column, kinds[at.candidate]}] += n
		}
	}
	return nil
}

// lines reads an object's lines. That they are what the manifest says is known at the end only.
func lines(ctx context.Context, written bucket.Bucket, o evidence.Object, line func([]byte) error) (err error) {
	r, err := chunk.Open(ctx, written, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	in := bufio.NewReaderSize(r, 256<<10)
	var long []byte
	for {
		p, err := in.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			long = append(long, p...)
			continue
		case errors.Is(err, io.EOF):
			if len(p)+len(long) > 0 {
				return fmt.Errorf("%s: the last line has no end", o.Name)
			}
			return nil
		case err != nil:
			return err
		}
		if len(long) > 0 {
			p = append(long, p...)
		}
		if err := line(p); err != nil {
			return err
		}
		if long = long[:0]; cap(long) > 4<<20 {
			long = nil
		}
	}
}
