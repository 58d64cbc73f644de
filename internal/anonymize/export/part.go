package export

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/chunk"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/copytext"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/evidence"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/scan"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/transform"
	"github.com/feel-august/terraform-provider-august/internal/bucket"
)

// sink takes the lines of one COPY, has them transformed and writes them into parts.
type sink struct {
	bucket bucket.Bucket
	name   func() string           // of the next part
	most   int64                   // bytes of a part
	told   func(rows, bytes int64) // what went into a part

	lines []byte   // results that wait
	waits []extent // of each of them
	mixed []byte   // the same, in another order

	ctx    context.Context //nolint:containedctx // of one COPY: pgx writes without one
	worker *transform.Worker
	guard  *scan.Worker
	nulls  []int64 // by column
	fields [][]byte
	rows   int64
	bytes  int64
	part   *chunk.Writer
	size   int64             // of the part so far
	made   []evidence.Object // parts that are whole
	err    error             // of the transformer or the bucket: pgx may tell only that its connection is closed
}

type extent struct{ from, to int }

// begin makes the sink ready for another COPY; what it has allocated stays.
func (s *sink) begin(ctx context.Context, t *table) {
	s.ctx, s.worker, s.guard = ctx, t.becomes.Worker(), t.guard.Worker()
	s.nulls = make([]int64, len(t.columns))
	s.lines, s.waits = s.lines[:0], s.waits[:0]
	s.rows, s.bytes, s.size, s.part, s.made, s.err = 0, 0, 0, nil, nil, nil
}

// Write takes one line: PostgreSQL sends a row in each message of COPY, and pgx hands them over one by one.
func (s *sink) Write(line []byte) (int, error) {
	from := len(s.lines)
	if s.lines, s.err = s.worker.Line(s.lines, line); s.err != nil {
		return 0, s.err
	}
	if len(s.lines)-from > chunk.MaxLine {
		s.err = errLong
		return 0, s.err
	}
	s.guard.Line(line, s.lines[from:])
	s.waits = append(s.waits, extent{from, len(s.lines)})
	if len(s.lines) >= buffer {
		if s.err = s.flush(); s.err != nil {
			return 0, s.err
		}
	}
	return len(line), nil
}

// errLong would fail the import.
var errLong = fmt.Errorf("a row of the result is longer than %d MB, which no import takes: drop or cut its longest column", chunk.MaxLine>>20)

var errShape = errors.New("a transformed row has not as many fields as the table has columns: this is a mistake of august-sync")

// flush gives the part what waits. A table's rows lie more or less in the order of their making, which says who came first:
// within a buffer it is given up.
func (s *sink) flush() error {
	if len(s.waits) == 0 {
		return nil
	}
	rand.Shuffle(len(s.waits), func(i, j int) { s.waits[i], s.waits[j] = s.waits[j], s.waits[i] }) //nolint:gosec // ChaCha8 that the system has seeded
	s.mixed = s.mixed[:0]
	for _, w := range s.waits {
		line := s.lines[w.from:w.to]
		if !s.count(line) {
			return errShape
		}
		s.mixed = append(s.mixed, line...)
	}
	if s.part == nil {
		part, err := chunk.Create(s.ctx, s.bucket, s.name())
		if err != nil {
			return &bucketError{err}
		}
		s.part, s.size = part, 0
	}
	rows, size := int64(len(s.waits)), int64(len(s.mixed))
	if err := s.part.Write(s.mixed, len(s.waits)); err != nil {
		return &bucketError{err}
	}
	s.rows, s.bytes, s.size = s.rows+rows, s.bytes+size, s.size+size
	s.told(rows, size)
	s.lines, s.waits = s.lines[:0], s.waits[:0]
	if cap(s.lines) > 8*buffer { // there was a row of megabytes: the next is not
		s.lines, s.mixed = nil, nil
	}
	if s.size >= s.most {
		return s.close()
	}
	return nil
}

// count notes a line's NULLs, and tells whether it has a field for each column.
func (s *sink) count(line []byte) bool {
	if bytes.IndexByte(line, '\n') != len(line)-1 {
		return false
	}
	if len(s.nulls) == 0 {
		return len(line) == 1
	}
	s.fields = copytext.Split(s.fields[:0], line)
	if len(s.fields) != len(s.nulls) {
		return false
	}
	for column, field := range s.fields {
		if copytext.IsNull(field) {
			s.nulls[column]++
		}
	}
	return true
}

// close makes the part of what it was given.
func (s *sink) close() error {
	if s.part == nil {
		return nil
	}
	object, err := s.part.Close()
	s.part = nil
	if err != nil {
		return &bucketError{err}
	}
	s.made = append(s.made, object)
	return nil
}

// end makes the last part.
func (s *sink) end() error {
	if err := s.flush(); err != nil {
		return err
	}
	if err := s.close(); err != nil {
		return err
	}
	s.guard.Commit()
	return nil
}

// undo removes what was made since begin. What cannot be removed now is when the run has failed.
func (s *sink) undo(ctx context.Context) {
	if s.part != nil {
		s.part.Abandon()
		s.part = nil
	}
	for _, o := range s.made {
		_ = s.bucket.Delete(ctx, o.Name)
	}
	s.guard.Discard()
	s.told(-s.rows, -s.bytes)
	s.rows, s.bytes, s.made = 0, 0, nil
}
