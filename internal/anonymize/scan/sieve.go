package scan

import (
	"bytes"
	"hash/maphash"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/copytext"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/identify"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/redact"
)

// sieve looks through rows of the result for what the filter takes for identifiers. Each goroutine has its own.
type sieve struct {
	*search
	lex    lexer
	unwrap unwrapper
	walker walker
	value  []byte
	array  []byte
	pair   []byte

	at     *place
	last   [2][]byte // the words before, newest first, while they are near and may be a name's
	values int64
	dates  map[int]int64 // by column: that are not the first of a January
	full   bool

	texts func(text []byte, random bool)
	one   func(v []byte)
	leaf  func(at *node, text []byte)
	key   func(text []byte, named bool)
}

func newSieve(s *search) *sieve {
	v := &sieve{search: s, dates: map[int]int64{}}
	v.lex.to = v
	v.texts = v.text
	v.one = v.element
	v.leaf = v.member
	v.key = v.name
	return v
}

// row looks through a row of a table.
func (s *sieve) row(columns []*column, fields [][]byte) {
	for i, col := range columns {
		if i == len(fields) {
			return
		}
		field := fields[i]
		if copytext.IsNull(field) {
			continue
		}
		s.values++
		s.at = col.place
		if s.at.judge == 0 && col.root == nil {
			continue
		}
		if !copytext.Plain(field) {
			s.value = copytext.Unescape(s.value[:0], field)
			field = s.value
		}
		if s.at.array {
			s.array = elements(s.array, field, s.one)
			continue
		}
		s.element(field)
	}
}

func (s *sieve) element(v []byte) {
	if col := s.at.cell; col.root != nil {
		s.walker.walk(col.root, v, s.leaf, s.key)
		s.at = col.place
		return
	}
	if s.at.shape == uuid {
		var buf [40]byte
		s.code(identify.Record, fold(buf[:0], v))
		return
	}
	s.unwrap.texts(s.at.shape, v, s.texts)
}

func (s *sieve) text(v []byte, random bool) {
	s.lex.want = s.at.judge
	if random {
		s.lex.want &= strong
	}
	s.last[0], s.last[1] = s.last[0][:0], s.last[1][:0]
	s.lex.text(v)
}

// member judges a value within JSON.
func (s *sieve) member(at *node, text []byte) {
	col := s.at.cell
	p, ok := col.places[at]
	if !ok {
		p = col.loose
	}
	if s.at = p; p.judge != 0 {
		s.text(text, false)
	}
}

// name judges a key within JSON: one that the policy names says nothing.
func (s *sieve) name(text []byte, named bool) {
	if col := s.at.cell; !named {
		s.at = col.loose
		s.text(text, false)
	}
}

// nameLetters are those of the shortest word that is judged as a name by itself.
const nameLetters = 3

// word makes full names of words.
func (s *sieve) word(w []byte, near bool) {
	if !near {
		s.last[0], s.last[1] = s.last[0][:0], s.last[1][:0]
	}
	if s.at.treatment == kept && s.hits != nil {
		s.occurs(w)
	}
	if !s.set.Has(identify.Name, w) {
		if !particles[string(w)] {
			// One word may stand between: a middle name that the source does not have.
			s.last[0], s.last[1] = s.last[1][:0], s.last[0]
		}
		return
	}
	ordinary := redact.Ordinary(w)
	if s.lex.want.has(identify.FullName) {
		for _, before := range s.last {
			if len(before) > 0 && (!ordinary || !redact.Ordinary(before)) {
				s.code(identify.FullName, pair(&s.pair, before, w))
			}
		}
	}
	if s.lex.want.has(identify.Name) && len(w) >= nameLetters && !ordinary && !particles[string(w)] && (!s.shifts || monthOf(w) == 0) {
		s.code(identify.Name, w)
	}
	s.last[0], s.last[1] = append(s.last[1][:0], w...), s.last[0]
}

// occurs counts a word that a guard has seen in rows of persons who bear it as a name.
func (s *sieve) occurs(w []byte) {
	if n := s.hits[wordAt{s.at.id, maphash.Bytes(seeds[0], w)}]; n != nil {
		n.Add(1)
	}
}

func (s *sieve) code(k identify.Kind, normal []byte) {
	switch k {
	case identify.Email:
		if bytes.HasSuffix(normal, []byte("@example.com")) {
			return
		}
	case identify.URL:
		if bytes.HasPrefix(normal, []byte("example.invalid")) {
			return
		}
	case identify.Phone:
		if fictitious(normal) {
			return
		}
	case identify.SSN:
		if neverIssued(normal) {
			return
		}
	case identify.Record:
		if len(normal) < s.at.digits && s.at.shape != uuid && !hasLetter(normal) {
			return
		}
	case identify.Date:
		if string(normal[4:]) == "-01-01" {
			return
		}
		if s.at.years { // whosever date it is
			s.dates[s.at.id]++
			return
		}
	}
	if s.set.Has(k, normal) && !s.found.add(fingerprintOf(k, normal), s.at.id) {
		s.full = true
	}
}

func hasLetter(code []byte) bool {
	for _, c := range code {
		if !digit(c) {
			return true
		}
	}
	return false
}
