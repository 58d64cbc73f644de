package dataset

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/chunk"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/copytext"
)

// signature begins COPY's binary format: no flags, no extension.
var signature = []byte("PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00")

// field is a column as it goes into the database.
type field struct {
	name    string
	encode  encode
	notNull bool
}

// rows reads a chunk's lines and gives them in COPY's binary format: a server never quotes a row of that in its log, not even
// when it is stopped in the middle of one.
type rows struct {
	table  string
	object string
	want   int64
	fields []field

	from    *bufio.Reader
	long    []byte // a line that is longer than from's buffer
	parts   [][]byte
	value   []byte
	out     []byte
	at      int // in out, what was read of it
	n       int64
	err     error
	trailed bool
}

// batch is how much of the binary format is made at a time.
const batch = 64 << 10

func newRows(table, object string, want int64, fields []field, from io.Reader) *rows {
	return &rows{table: table, object: object, want: want, fields: fields, from: bufio.NewReaderSize(from, 256<<10), out: append(make([]byte, 0, 2*batch), signature...)}
}

func (r *rows) Read(p []byte) (int, error) {
	if r.at == len(r.out) {
		r.out, r.at = r.out[:0], 0
		for len(r.out) < batch && r.err == nil {
			r.err = r.line()
		}
		if errors.Is(r.err, io.EOF) && !r.trailed {
			r.out = binary.BigEndian.AppendUint16(r.out, 0xffff)
			r.trailed = true
		}
		if r.err != nil && !errors.Is(r.err, io.EOF) {
			return 0, r.err // rows that are whole do not matter any more
		}
	}
	n := copy(p, r.out[r.at:])
	r.at += n
	if n == 0 && len(p) > 0 {
		return 0, r.err
	}
	return n, nil
}

// line encodes the next line; io.EOF when there is none.
func (r *rows) line() error {
	line, err := r.next()
	if errors.Is(err, io.EOF) && r.n != r.want {
		return refuse("%s has %d lines, and the manifest says %d: make another export", r.object, r.n, r.want)
	}
	if err != nil {
		return err
	}
	r.n++
	r.parts = copytext.Split(r.parts[:0], line)
	if len(r.parts) != len(r.fields) {
		return refuse("line %d of %s has %d fields, and the manifest names %d columns of %s: make another export", r.n, r.object, len(r.parts), len(r.fields), r.table)
	}
	r.out = binary.BigEndian.AppendUint16(r.out, uint16(len(r.fields))) //nolint:gosec // a table has 1600 columns at most
	for i := range r.fields {
		if err := r.put(&r.fields[i], r.parts[i]); err != nil {
			return refuse("line %d of %s, column %s of %s: %v. Make another export", r.n, r.object, r.fields[i].name, r.table, err)
		}
	}
	return nil
}

func (r *rows) put(f *field, raw []byte) error {
	if copytext.IsNull(raw) {
		if f.notNull {
			return errors.New("it is NULL, and the column is not to be")
		}
		r.out = append(r.out, 0xff, 0xff, 0xff, 0xff)
		return nil
	}
	if !copytext.Plain(raw) {
		if !escaped(raw) {
			return errors.New("the field is not written as COPY does")
		}
		r.value = copytext.Unescape(r.value[:0], raw)
		raw = r.value
	}
	at := len(r.out)
	r.out = append(r.out, 0, 0, 0, 0)
	var err error
	r.out, err = f.encode(r.out, raw)
	binary.BigEndian.PutUint32(r.out[at:], uint32(len(r.out)-at-4)) //nolint:gosec // a line is far smaller
	return err
}

// escaped says whether each backslash begins what COPY writes.
func escaped(raw []byte) bool {
	for {
		i := bytes.IndexByte(raw, '\\')
		if i < 0 {
			return true
		}
		if i == len(raw)-1 || bytes.IndexByte([]byte(`bfnrtv\`), raw[i+1]) < 0 {
			return false
		}
		raw = raw[i+2:]
	}
}

func (r *rows) next() ([]byte, error) {
	line, err := r.from.ReadSlice('\n')
	if err == nil {
		return line, nil
	}
	r.long = r.long[:0]
	for errors.Is(err, bufio.ErrBufferFull) {
		if r.long = append(r.long, line...); len(r.long) > chunk.MaxLine {
			return nil, refuse("line %d of %s is longer than %d MB", r.n+1, r.object, chunk.MaxLine>>20)
		}
		line, err = r.from.ReadSlice('\n')
	}
	r.long = append(r.long, line...)
	if errors.Is(err, io.EOF) && len(r.long) > 0 {
		return nil, refuse("%s ends within a line: make another export", r.object)
	}
	return r.long, err
}

// broken is why not all lines could be read, nil when it was not their fault.
func (r *rows) broken() error {
	if errors.Is(r.err, io.EOF) {
		return nil
	}
	return r.err
}
