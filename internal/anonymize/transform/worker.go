package transform

import (
	"github.com/feel-august/terraform-provider-august/internal/anonymize/copytext"
)

// Worker transforms lines of one table, one after the other; each goroutine has its own.
type Worker struct {
	Nulls []int64 // so many NULLs has each column of the result had, in the order of Table.Write

	table  *Table
	fields [][]byte
	value  []byte // the value of a field that is not plain
	result []byte
}

// Worker makes a worker of the table.
func (t *Table) Worker() *Worker {
	return &Worker{Nulls: make([]int64, len(t.columns)), table: t}
}

// Line appends what becomes of a line of COPY's text format: the fields of Read, then those of Hidden. What it appends ends
// with a line feed. After an error nothing of the line is to be used.
func (w *Worker) Line(dst, line []byte) ([]byte, error) {
	t := w.table
	w.fields = copytext.Split(w.fields[:0], line)
	want := len(t.Read) + len(t.Hidden)
	if want > 0 && len(w.fields) != want {
		return dst, &Error{t.Path, "*", "a row does not have as many fields as were asked for"}
	}
	for i := range t.columns {
		c := &t.columns[i]
		if i > 0 {
			dst = append(dst, '\t')
		}
		var err error
		if dst, err = w.cell(dst, c, i); err != nil {
			return dst, &Error{t.Path, c.name, err.Error()}
		}
	}
	return append(dst, '\n'), nil
}

func (w *Worker) cell(dst []byte, c *column, i int) ([]byte, error) {
	field := c.fixed
	if c.reads {
		field = w.fields[c.in]
	}
	if copytext.IsNull(field) {
		w.Nulls[i]++
		return append(dst, field...), nil
	}
	if c.apply == nil {
		return append(dst, field...), nil
	}
	value := field
	if !copytext.Plain(field) {
		w.value = copytext.Unescape(w.value[:0], field)
		value = w.value
	}
	var err error
	w.result, err = c.apply(w, w.result[:0], value)
	if err != nil {
		return dst, err
	}
	return copytext.Escape(dst, w.result), nil
}
