package scan

import (
	"bytes"
	"fmt"
	"hash/maphash"
	"slices"
	"sync"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/catalog"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/copytext"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/identify"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/policy"
)

// Guard judges the rows of one table as they are written, each against its own person and against what it was made from.
type Guard struct {
	scanner *Scanner
	table   string
	columns []watched
	own     []origin // of the person
	at      []int    // where in the source's line
	key     int      // where the person's key is

	mu    sync.Mutex
	tally tally
}

// watched is a column of the result, and where it comes from.
type watched struct {
	*column
	from  int // field of the source's line; -1: none
	image image
}

// image is how a value may come to be its own image.
type image uint8

const (
	passed   image = iota // it is kept, or not judged by what it was made from
	mapped                // by chance, as few values do
	invented              // never: made-up names and addresses are nobody's; but of initials there are only 26
	drawn                 // by chance, in any row: there are few made-up ones
)

func imageOf(transformer string) image {
	switch transformer {
	case policy.Surrogate, policy.Permute, policy.Token, policy.Scramble, policy.DateShift:
		return mapped
	case policy.Name, policy.Person, policy.Email, policy.Street:
		return invented
	case policy.Phone, policy.SSN, policy.URL, policy.IP:
		return drawn
	}
	return passed
}

// Guard makes the guard of a table. Lines of the source have the columns read and then hidden (transform.Table's Read and
// Hidden), lines of the result the columns write. Make all guards before Run.
func (s *Scanner) Guard(table string, read, hidden []string, write []catalog.Column) (*Guard, error) {
	g := &Guard{scanner: s, table: table, key: -1}
	for _, c := range s.columns(table, write) {
		w := watched{column: c, from: slices.Index(read, c.place.column)}
		if w.from >= 0 {
			w.image = imageOf(s.policy.Tables[table].Columns[c.place.column].Transformer)
		}
		g.columns = append(g.columns, w)
	}
	subject := s.find(s.policy.Subject.Table)
	offset, names := len(read), hidden
	if table == s.policy.Subject.Table && len(hidden) == 0 {
		offset, names = 0, read
	}
	if s.policy.HasSubject(table) && subject != nil {
		for i, name := range names {
			if name == s.policy.Subject.Key {
				g.key = offset + i
			}
			at := slices.IndexFunc(subject.Columns, func(c catalog.Column) bool { return c.Name == name })
			if at < 0 {
				return nil, fmt.Errorf("%s.%s is not in the catalogue: this is a mistake of august-sync", s.policy.Subject.Table, name)
			}
			c := subject.Columns[at]
			if o := s.origin(subject, c, s.policy.Tables[s.policy.Subject.Table].Columns[name]); o.kinds != 0 {
				g.own, g.at = append(g.own, o), append(g.at, offset+i)
			}
		}
	}
	g.tally.reset(len(g.columns))
	s.guards = append(s.guards, g)
	return g, nil
}

// Worker judges rows for one goroutine.
type Worker struct {
	*Guard
	collect *collector
	lex     lexer
	unwrap  unwrapper
	walker  walker
	source  [][]byte
	result  [][]byte
	own     owner
	person  []byte // key of the one that own is
	value   []byte
	array   []byte
	tally   tally

	inert [][inerts]uint64 // by column: hashes of values that hold nothing of anybody's
	anew  bool             // the row's person is not known yet

	at    *watched
	place *place
	n     int    // of at
	first []byte // of the person's words in a value
	born  bool   // the value holds a day of the person's
	known bool   // the value holds something of somebody's in the source
	texts func(text []byte, random bool)
	one   func(v []byte)
	leaf  func(at *node, text []byte)
	key   func(text []byte, named bool)
}

// Worker makes a worker. What it finds counts once it is committed.
func (g *Guard) Worker() *Worker {
	w := &Worker{Guard: g}
	w.collect = newCollector(w.own.add)
	w.collect.guard = true
	w.lex.to = w
	w.texts, w.one, w.leaf, w.key = w.text, w.element, w.member, w.name
	w.tally.reset(len(g.columns))
	w.inert = make([][inerts]uint64, len(g.columns))
	return w
}

// owner is the identifiers of a row's person.
type owner struct {
	items []owned
	bytes []byte
}

type owned struct {
	kind     identify.Kind
	from, to int
}

func (o *owner) add(k identify.Kind, normal []byte) {
	if k == identify.FullName || k == identify.Name && (len(normal) < nameLetters || particles[string(normal)]) {
		return // words of two letters are too often others
	}
	from := len(o.bytes)
	o.bytes = append(o.bytes, normal...)
	o.items = append(o.items, owned{k, from, len(o.bytes)})
}

func (o *owner) has(k identify.Kind, normal []byte) bool {
	for _, i := range o.items {
		if i.kind == k && i.to-i.from == len(normal) && bytes.Equal(o.bytes[i.from:i.to], normal) {
			return true
		}
	}
	return false
}

// Line judges a row: a line of the source, and what has become of it.
func (w *Worker) Line(source, result []byte) {
	w.source = copytext.Split(w.source[:0], source)
	w.result = copytext.Split(w.result[:0], result)
	if len(w.result) != len(w.columns) {
		return // which Run does not let pass
	}
	w.anew = true
	for i := range w.columns {
		col, field := &w.columns[i], w.result[i]
		if copytext.IsNull(field) {
			continue
		}
		if col.image != passed && col.from < len(w.source) {
			w.tally.maps[i].see(w.source[col.from], field, col.image)
			continue
		}
		if len(w.Guard.own) == 0 || col.place.treatment != kept && col.place.treatment != free && col.root == nil {
			continue
		}
		w.at, w.place, w.n = col, col.place, i
		w.judge(field)
	}
}

// meet learns who the row's person is.
func (w *Worker) meet() {
	if !w.anew {
		return
	}
	w.anew = false
	if w.Guard.key >= 0 && w.Guard.key < len(w.source) {
		// Rows of one person often follow on each other.
		key := w.source[w.Guard.key]
		if len(w.person) > 0 && bytes.Equal(key, w.person) {
			return
		}
		w.person = append(w.person[:0], key...)
	}
	w.own.items, w.own.bytes = w.own.items[:0], w.own.bytes[:0]
	w.collect.people, w.collect.words = w.collect.people[:0], w.collect.words[:0]
	for i := range w.Guard.own {
		if at := w.Guard.at[i]; at < len(w.source) {
			w.collect.field(&w.Guard.own[i], w.source[at])
		}
	}
}

func (w *Worker) judge(field []byte) {
	if !copytext.Plain(field) {
		w.value = copytext.Unescape(w.value[:0], field)
		field = w.value
	}
	switch p := w.at.place; {
	case p.treatment == kept && (p.shape == integer || p.shape == day):
		w.share(field)
	case p.shape == opaque || p.shape == integer || p.shape == day:
	default:
		slot, h := w.memo(field)
		if slot != nil && *slot == h {
			return
		}
		w.born, w.known = false, false
		w.whole(field)
		if w.born && (!w.scanner.shifts || w.unmoved(field)) {
			w.tally.count(w.n, identify.Date)
		}
		if slot != nil && !w.known {
			*slot = h
		}
	}
}

func (w *Worker) whole(v []byte) {
	if w.at.place.array {
		w.array = elements(w.array, v, w.one)
		return
	}
	w.element(v)
}

// Values that recur are looked through once.
const (
	inerts   = 128
	inertMax = 48 // bytes
)

// memo is where it is remembered that a short value, which likely recurs, holds nothing of anybody's; h is what stands there then.
func (w *Worker) memo(v []byte) (slot *uint64, h uint64) {
	if len(v) > inertMax {
		return nil, 0
	}
	h = maphash.Bytes(seeds[0], v) | 1
	return &w.inert[w.n][h>>1%inerts], h
}

// mine says whether an identifier is of the row's person. Most that a value may be read to hold are nobody's in the source, so
// that who the person is has seldom to be learnt.
func (w *Worker) mine(k identify.Kind, normal []byte) bool {
	if set := w.scanner.set; set != nil && !set.Has(k, normal) {
		return false
	}
	w.known = true
	w.meet()
	return w.own.has(k, normal)
}

// share counts how often a number or a day that is kept is one of the row's own person.
func (w *Worker) share(v []byte) {
	s := &w.tally.shares[w.n]
	s.rows++
	kinds := []identify.Kind{identify.Record, identify.SSN, identify.Phone}
	if w.at.place.shape == day {
		kinds, v = kinds[:1], v[:min(len(v), 10)]
		kinds[0] = identify.Date
	} else if v = bytes.TrimLeft(v, "0"); len(v) < numberDigits {
		return
	}
	for _, k := range kinds {
		if w.mine(k, v) {
			s.own, s.kind = s.own+1, k
			return
		}
	}
}

func (w *Worker) element(v []byte) {
	if w.at.root != nil {
		w.walker.walk(w.at.root, v, w.leaf, w.key)
		w.place = w.at.place
		return
	}
	w.unwrap.texts(w.place.shape, v, w.texts)
}

func (w *Worker) member(at *node, text []byte) {
	p, ok := w.at.places[at]
	if !ok {
		p = w.at.loose
	}
	if p.treatment == kept || p.treatment == free {
		w.place = p
		w.text(text, false)
	}
}

func (w *Worker) name(text []byte, named bool) {
	if !named {
		w.place = w.at.loose
		w.text(text, false)
	}
}

func (w *Worker) text(v []byte, random bool) {
	w.first = w.first[:0]
	w.lex.want = everything &^ wanted(identify.FullName)
	if random {
		w.lex.want &= strong | wanted(identify.Phone, identify.SSN)
	}
	w.lex.text(v)
}

func (w *Worker) word(word []byte, _ bool) {
	if len(word) < nameLetters || !w.mine(identify.Name, word) {
		return
	}
	if w.place.treatment == free {
		if !w.scanner.shifts || monthOf(word) == 0 { // else a day may have moved to April
			w.tally.count(w.n, identify.Name)
		}
		return
	}
	switch {
	case len(w.first) == 0:
		w.first = append(w.first, word...)
	case !bytes.Equal(w.first, word): // two of the person's names in one value are no chance
		w.tally.count(w.n, identify.FullName)
	}
	w.tally.hit(w.n, maphash.Bytes(seeds[0], word))
}

func (w *Worker) code(k identify.Kind, normal []byte) {
	if k == identify.Record && len(normal) < w.place.digits && !hasLetter(normal) || !w.mine(k, normal) {
		return
	}
	if k == identify.Date {
		w.born = true
		return
	}
	w.tally.count(w.n, k)
}

// unmoved says whether a day of the person's stands where it stood before. Where days are shifted, a day of a newborn's may
// fall on the birth by chance.
func (w *Worker) unmoved(result []byte) bool {
	if w.at.from < 0 || w.at.from >= len(w.source) {
		return true
	}
	after := w.days(result)
	before := w.days(copytext.Unescape(nil, w.source[w.at.from]))
	for i, d := range after {
		if !w.own.has(identify.Date, []byte(d)) {
			continue
		}
		if len(before) != len(after) && slices.Contains(before, d) || len(before) == len(after) && before[i] == d {
			return true
		}
	}
	return false
}

// days are all that a value may be read to hold.
func (w *Worker) days(v []byte) []string {
	var days dayList
	w.lex.to = &days
	w.whole(bytes.Clone(v))
	w.lex.to = w
	return days
}

type dayList []string

func (d *dayList) word([]byte, bool) {}
func (d *dayList) code(k identify.Kind, normal []byte) {
	if k == identify.Date {
		*d = append(*d, string(normal))
	}
}

// Commit counts what was found since the last Commit or Discard: when a chunk is written.
func (w *Worker) Commit() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.Guard.tally.add(&w.tally)
	w.tally.reset(len(w.columns))
}

// Discard forgets it: when a chunk is begun anew.
func (w *Worker) Discard() { w.tally.reset(len(w.columns)) }

// kind is the one that a column's identifiers are counted under.
func (s *Scanner) kind(table, column string) identify.Kind {
	t := s.find(table)
	for _, c := range t.Columns {
		if c.Name != column {
			continue
		}
		rule := s.policy.Tables[table].Columns[column]
		if rule.Transformer == policy.DateShift {
			return identify.Date
		}
		k := s.kinds(t, c, rule)
		for kind := identify.Name; kind <= identify.IP; kind++ {
			if k.has(kind) {
				return kind
			}
		}
	}
	return identify.Record
}
