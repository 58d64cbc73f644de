package transform

import (
	"bytes"
	"crypto/cipher"
	"encoding/binary"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/copytext"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/identify"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/redact"
)

// Worker transforms lines of one table, one after the other; each goroutine has its own.
type Worker struct {
	table     *Table
	rewriters []*redact.Rewriter
	array     redact.Array
	ownArray  redact.Array // of a hidden column: the array of a column may be in hand

	line   []byte
	fields [][]byte
	value  []byte // of a field that is not plain
	result []byte
	row    row

	ownOf    []byte // what row.own was made of,
	ownCodes bool   // with the codes

	scratch scratch
	id      []byte
	key     []byte
	shape   []byte
	code    []byte
	digits  []byte
	radixes []uint64
	hidden  []byte
	fake    []byte
	normal  []byte
}

// Worker makes a worker of the table.
func (t *Table) Worker() *Worker {
	w := &Worker{table: t}
	for i := range t.documents {
		w.rewriters = append(w.rewriters, t.documents[i].rewriter(w))
	}
	return w
}

// Line appends what becomes of a line of COPY's text format: the fields of Read, then those of Hidden. What it appends ends
// with a line feed. After an error nothing of the line is to be used.
func (w *Worker) Line(dst, line []byte) ([]byte, error) {
	t := w.table
	w.fields = copytext.Split(w.fields[:0], line)
	w.line = line
	w.row.known = 0
	want := len(t.Read) + len(t.Hidden)
	if want > 0 && len(w.fields) != want {
		return dst, &Error{t.Path, "*", "a row does not have as many fields as were asked for"}
	}
	from := len(dst)
	for i := range t.columns {
		c := &t.columns[i]
		if i > 0 {
			dst = append(dst, '\t')
		}
		var err error
		if dst, err = w.cell(dst, c); err != nil {
			return dst[:from], &Error{t.Path, c.name, err.Error()}
		}
	}
	return append(dst, '\n'), nil
}

func (w *Worker) cell(dst []byte, c *column) ([]byte, error) {
	if !c.reads {
		return append(dst, c.fixed...), nil
	}
	field := w.fields[c.in]
	if c.apply == nil || copytext.IsNull(field) {
		return append(dst, field...), nil
	}
	value := field
	if !copytext.Plain(field) {
		w.value = copytext.Unescape(w.value[:0], field)
		value = w.value
	}
	var err error
	w.result, err = c.apply(w, w.result[:0], value)
	if err == nil && w.row.known&failed != 0 {
		err = w.row.err
	}
	if err != nil {
		return dst, err
	}
	return copytext.Escape(dst, w.result), nil
}

// row is what was found out about the row in hand.
type row struct {
	known  uint8
	err    error
	person person
	days   int64
	ref    date
	own    *redact.Own
}

const (
	personKnown = 1 << iota
	daysKnown
	refKnown
	ownKnown
	failed
)

// person is whom a row is about: by the code of the subject, so that nothing of what is invented follows from who it is; a
// row without a subject is about itself.
type person struct {
	seed seed
	name fakeName
	at   codeAt // of the subject
	is   bool   // a subject
}

// Purposes of what is drawn of a person.
const (
	drawName = iota + 1
	drawPhone
	drawSSN
	drawStreet
	drawCity
	drawIP
)

func (w *Worker) fakes() cipher.Block { return w.table.set.fakes }

func (w *Worker) person() *person {
	p := &w.row.person
	if w.row.known&personKnown != 0 {
		return p
	}
	w.row.known |= personKnown
	s := w.table.set
	scope, err := uint64(0), error(nil)
	w.key = w.key[:0]
	*p = person{}
	switch key, ok := w.subjectKey(); {
	case ok && s.subject != nil:
		p.is = true
		w.key, p.at, err = s.subject.appendAt(w, w.key, key)
	case ok:
		p.is = true
		w.key = append(w.key, key...)
	default:
		scope = 1
		err = w.ownKey(true)
	}
	if err != nil {
		w.row.known |= failed
		w.row.err = err
	}
	p.seed.hi, p.seed.lo = w.scratch.mac(s.people, scope, w.key)
	p.name = s.dictionary.name(&w.scratch, s.fakes, p.seed)
	return p
}

// ownKey sets the key to what a row without a subject is known by: its primary key, as it is or as it is mapped. Without one,
// or when its code is not remembered, it is somebody whom no other row is about.
func (w *Worker) ownKey(mapped bool) error {
	t := w.table
	w.key = append(append(w.key[:0], t.Path...), 0)
	for _, k := range t.key {
		field := w.fields[k.in]
		if mapped && k.domain != nil && k.domain.once {
			return w.nobody()
		}
		if mapped && k.domain != nil && !copytext.IsNull(field) {
			var err error
			if w.key, err = k.domain.append(w, w.key, field); err != nil {
				return err
			}
		} else {
			w.key = append(w.key, field...)
		}
		w.key = append(w.key, '\t')
	}
	if len(t.key) == 0 {
		return w.nobody()
	}
	return nil
}

// nobody sets the key to one that no other row has.
func (w *Worker) nobody() error {
	w.key = binary.BigEndian.AppendUint64(append(append(w.key[:0], w.table.Path...), 1), w.table.nobodies.Add(1))
	return nil
}

// personOrdinal is the number of the row's subject among all; not ok when they are not numbered.
func (w *Worker) personOrdinal() (uint64, bool) {
	p := w.person()
	s := w.table.set
	if !p.is || s.subject == nil {
		return 0, false
	}
	return s.subject.ordinal(w, p.at)
}

// isTaken asks whether an identifier that was made up, in the form that identify.Normalize gives, is one of the source's.
func (w *Worker) isTaken(kind identify.Kind, normal []byte) bool {
	ask := w.table.set.cfg.Taken
	return ask != nil && ask(kind, normal)
}

// isTakenCode asks the same of the code of an id.
func (w *Worker) isTakenCode(code []byte) bool {
	var ok bool
	w.normal, ok = identify.Normalize(w.normal[:0], identify.Record, code)
	return ok && w.isTaken(identify.Record, w.normal)
}

// subjectKey is the field that says who the row's subject is.
func (w *Worker) subjectKey() ([]byte, bool) {
	if len(w.table.Hidden) == 0 {
		return nil, false
	}
	field := w.fields[len(w.table.Read)]
	return field, !copytext.IsNull(field)
}

// days is by how many the dates of the row move: all of a subject's by the same, in every table. A row without a subject has
// days of its own.
func (w *Worker) days() int64 {
	if w.row.known&daysKnown != 0 {
		return w.row.days
	}
	w.row.known |= daysKnown
	s := w.table.set
	scope := uint64(0)
	if key, ok := w.subjectKey(); ok {
		w.key = append(w.key[:0], key...)
	} else {
		scope = 1
		_ = w.ownKey(false) // only what is mapped can fail
	}
	hi, lo := w.scratch.mac(s.moves, scope, w.key)
	by := w.scratch.draw(s.bys, seed{hi, lo}, 0)
	w.row.days = s.offsets.at(by.below(s.offsets.count()))
	return w.row.days
}

// reference is the day at which the ages of the row's person are judged: the day of death, when it is later than the one that
// holds for all.
func (w *Worker) reference() date {
	if w.row.known&refKnown != 0 {
		return w.row.ref
	}
	w.row.known |= refKnown
	w.row.ref = w.table.set.asOf
	if i := w.table.death; i >= 0 {
		if d, _, ok := readDate(w.fields[i]); ok && d.days() > w.row.ref.days() {
			w.row.ref = d
		}
	}
	return w.row.ref
}

// own is what a text about the row's person must not hold.
func (w *Worker) own(text []byte) *redact.Own {
	if len(w.table.own) == 0 {
		return nil
	}
	if _, ok := w.subjectKey(); !ok {
		return nil
	}
	if w.row.known&ownKnown == 0 {
		w.row.known |= ownKnown
		// Rows of one person often follow on each other, and all that is known of a person stands beside the row.
		if hidden := w.beside(); !bytes.Equal(hidden, w.ownOf) {
			w.ownOf = append(w.ownOf[:0], hidden...)
			w.meet()
		}
	}
	if !w.ownCodes && redact.MayHoldCode(text) {
		w.ownCodes = true
		w.identify(true)
	}
	if w.row.known&failed != 0 {
		w.ownOf = w.ownOf[:0]
	}
	return w.row.own
}

// meet makes own of another person, without the codes: many a text can hold none.
func (w *Worker) meet() {
	if w.row.own == nil {
		w.row.own = &redact.Own{}
	}
	w.row.own.Reset()
	w.ownCodes = false
	if w.table.set.shifts {
		w.row.own.Shift(int(w.days()))
	}
	w.identify(false)
}

// identify adds the person's codes to own, or all else.
func (w *Worker) identify(codes bool) {
	for i := range w.table.own {
		c := &w.table.own[i]
		field := w.fields[len(w.table.Read)+c.at]
		if copytext.IsNull(field) || redact.Code(c.kind) != codes {
			continue
		}
		if !copytext.Plain(field) {
			w.hidden = copytext.Unescape(w.hidden[:0], field)
			field = w.hidden
		}
		if !c.array {
			w.identifier(c, field)
			continue
		}
		_, err := w.ownArray.Rewrite(nil, field, func(dst, value []byte) ([]byte, error) {
			w.identifier(c, value)
			return dst, nil
		})
		if err != nil {
			w.row.known |= failed
			w.row.err = err
		}
	}
}

// beside is what of the line is not of the row itself.
func (w *Worker) beside() []byte {
	own := len(w.table.Read) // tabs
	for _, f := range w.fields[:len(w.table.Read)] {
		own += len(f)
	}
	return w.line[own:]
}

func (w *Worker) identifier(c *ownColumn, value []byte) {
	if c.fake == nil {
		w.row.own.Add(c.kind, value)
		return
	}
	var err error
	if w.fake, err = c.fake(w, w.fake[:0], value); err != nil {
		w.row.known |= failed
		w.row.err = err
	}
	w.row.own.Name(c.part.redact(), value, w.fake)
}
