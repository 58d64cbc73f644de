package redact

import (
	"bytes"
	"math"
	"slices"
	"unicode/utf8"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/identify"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/lex"
)

// Part says what of a name a column holds.
type Part uint8

// Parts.
const (
	First Part = iota
	Middle
	Last
	Full // "Given Middle Family" or "Family, Given"
	other
	City // where the person lives: no name, and nothing is written for it but what it is
)

// Own is the person whom a row is about. A worker has one, and fills it anew for each row. The zero value is nobody. It
// belongs to one goroutine.
type Own struct {
	names   []ownName
	fakes   []key
	codes   []code
	initial [other + 1]struct{ real, fake byte }

	mask     [4]uint64 // of the names' and the fakes' hashes: most words are neither
	single   int       // names that are not composed of others;
	lengths  uint64    // how long those are that are still to be composed,
	letters  uint64    // and what they begin with
	codeMask uint64    // of the codes' first letters and digits

	city  [4]key // the words of the town,
	towns int    // so many

	birth  lex.Date
	street struct{ number, name []byte }
	days   int
	ready  bool

	bytes  []byte // what all of the above points into
	fold   []byte
	joined []byte
	before []byte // of Text
	pass   pass
}

// ownName is a word of the person's name.
type ownName struct {
	key
	word, fake []byte
	part       Part
	particle   bool // counts only beside another word of the name
}

// code is a number, or letters and digits, that identifies.
type code struct {
	text  []byte // small letters and digits
	label string // that is written in its place
}

// Reset forgets the person.
func (o *Own) Reset() {
	*o = Own{names: o.names[:0], fakes: o.fakes[:0], codes: o.codes[:0], bytes: o.bytes[:0], fold: o.fold, joined: o.joined, before: o.before}
}

// Shift moves the dates in text by so many days. Without it nothing is left of them but the year.
func (o *Own) Shift(days int) { o.days = days }

// Name adds a part of the person's name, and what is to be written in its place. NULL is not added.
func (o *Own) Name(part Part, own, fake []byte) {
	if part == City {
		o.town(own)
		return
	}
	if part != Full {
		o.name(part, own, fake)
		return
	}
	given, family := parts(own)
	fakeGiven, fakeFamily := parts(fake)
	if len(fakeGiven) == 0 {
		fakeGiven = fakeFamily
	}
	o.name(First, given, fakeGiven)
	o.name(Last, family, fakeFamily)
}

// parts parts a full name.
func parts(name []byte) (given, family []byte) {
	name = bytes.TrimSpace(name)
	if family, given, ok := bytes.Cut(name, []byte{','}); ok {
		if given = bytes.TrimSpace(given); !addition(given) {
			return given, bytes.TrimSpace(family)
		}
		name = bytes.TrimSpace(family)
	}
	if i := bytes.LastIndexByte(name, ' '); i >= 0 {
		return name[:i], name[i+1:]
	}
	return nil, name
}

// addition says whether what is behind a comma is no given name: Jr., III, MD.
func addition(text []byte) bool {
	var b [wordMax]byte
	n, _ := foldLong(&b, text)
	k := keyIn(&b, n)
	return n == 0 || identify.Particle(b[:n]) || everyday().get(k, k.hash())&degree != 0
}

// Code says whether identifiers of a kind are codes to Add: a text finds them by their digits.
func Code(kind identify.Kind) bool { return kind != identify.Name && kind != identify.FullName }

// MayHoldCode says whether a text may hold a code. Where it does not, codes need not be added.
func MayHoldCode(text []byte) bool {
	for _, c := range text {
		if lex.ClassOf(c) == lex.Digit {
			return true
		}
	}
	return false
}

// Add adds another identifier of the person's, as a column has it: a phone, an e-mail address, an SSN, a date of birth, a
// record number, a street; as identify.Name, the name of somebody close.
func (o *Own) Add(kind identify.Kind, value []byte) {
	switch kind {
	case identify.Name, identify.FullName:
		o.name(other, value, []byte("[NAME]"))
	case identify.Phone:
		d := o.digits(value)
		if n := len(d); n >= 10 {
			o.code(d, "[PHONE]")
			o.code(d[n-10:], "[PHONE]")
			o.code(d[n-7:], "[PHONE]")
			o.code(d[n-4:], "[PHONE]")
		} else if n >= 7 {
			o.code(d, "[PHONE]")
		}
	case identify.SSN:
		if d := o.digits(value); len(d) >= 4 {
			o.code(d, "[SSN]")
			o.code(d[len(d)-4:], "[SSN]")
		}
	case identify.Email:
		if at := bytes.IndexByte(value, '@'); at >= 4 {
			o.Add(identify.Record, value[:at])
		}
	case identify.Date:
		value = bytes.TrimSpace(value)
		if len(value) > 0 {
			o.birth, _ = lex.ReadDate(value, 0)
		}
	case identify.Street:
		for i := range value {
			if lex.ClassOf(value[i]) != lex.Digit {
				continue
			}
			if s, ok := lex.ReadStreet(value, i); ok {
				o.street.number = o.keep(value[s.Number.From:s.Number.To])
				o.fold = lex.Fold(o.fold[:0], value[s.Name.From:s.Name.To])
				o.street.name = o.keep(o.fold)
			}
			break
		}
	default:
		o.fold = o.fold[:0]
		for _, c := range value {
			switch lex.ClassOf(c) {
			case lex.Digit:
				o.fold = append(o.fold, c)
			case lex.Letter:
				o.fold = append(o.fold, c|0x20)
			}
		}
		d := 0
		for _, c := range o.fold {
			if lex.ClassOf(c) == lex.Digit {
				d++
			}
		}
		if d == 0 || len(o.fold) < 4 {
			return
		}
		text := o.keep(o.fold)
		o.code(text, "[NUMBER]")
		if d == len(text) {
			o.code(bytes.TrimLeft(text, "0"), "[NUMBER]")
		}
	}
}

func (o *Own) keep(b []byte) []byte {
	from := len(o.bytes)
	o.bytes = append(o.bytes, b...)
	return o.bytes[from:len(o.bytes):len(o.bytes)]
}

func (o *Own) digits(value []byte) []byte {
	o.fold = o.fold[:0]
	for _, c := range value {
		if lex.ClassOf(c) == lex.Digit {
			o.fold = append(o.fold, c)
		}
	}
	return o.keep(o.fold)
}

func (o *Own) code(text []byte, label string) {
	if len(text) < 4 {
		return
	}
	o.codes = append(o.codes, code{text, label})
	o.codeMask |= codeBit(text[0])
}

// name adds the words of a name, one by one and written together.
func (o *Own) name(part Part, own, fake []byte) {
	o.ready = false
	fake = o.keep(bytes.TrimSpace(fake))
	o.invented(fake)
	first, alone := len(o.names), true
	o.joined = o.joined[:0]
	for from, to := range words(own) {
		o.fold = lex.Fold(o.fold[:0], own[from:to])
		o.joined = append(o.joined, o.fold...)
		if len(o.fold) == 0 {
			continue
		}
		if i := &o.initial[part]; i.real == 0 && len(fake) > 0 {
			i.real, i.fake = o.fold[0], fake[0]
		}
		alone = o.word(part, o.fold, fake) && alone
		// Of O'Neill, Neill as well.
		if letters(own[from:to]) {
			continue
		}
		if at := bytes.IndexAny(own[from:to], "'’`ʼ‘"); 0 <= at && at < 4 {
			if o.fold = lex.Fold(o.fold[:0], own[from+at:to]); len(o.fold) > 2 {
				o.word(part, o.fold, fake)
			}
		}
	}
	if alone { // a name of nothing but particles, such as Le
		for i := range o.names[first:] {
			o.names[first+i].particle = false
		}
	}
	if n := len(o.names); n == first || len(o.joined) != len(o.names[first].word) {
		o.word(part, o.joined, fake)
	}
	if !letters(own) && bytes.ContainsAny(own, "äöüÄÖÜåÅ") {
		o.joined = transcribe(o.joined[:0], own)
		o.name(part, o.keep(o.joined), fake)
	}
}

// invented adds the words of a fake name, which are left alone.
func (o *Own) invented(fake []byte) {
	if len(fake) > 0 && fake[0] == '[' {
		return
	}
	for from, to := range words(fake) {
		o.fold = lex.Fold(o.fold[:0], fake[from:to])
		k := keyOf(o.fold)
		o.fakes = append(o.fakes, k)
		o.note(k)
	}
}

// word adds a word of a name, and says whether it is a particle.
func (o *Own) word(part Part, word, fake []byte) bool {
	particle := identify.Particle(word)
	if len(word) > 1 {
		k := keyOf(word)
		o.names = append(o.names, ownName{key: k, word: o.keep(word), fake: fake, part: part, particle: particle})
		o.note(k)
		o.note(k.plural())
	}
	return particle
}

// words yields where each word begins and ends.
func words(text []byte) func(yield func(from, to int) bool) {
	return func(yield func(from, to int) bool) {
		for i := 0; i < len(text); {
			end := lex.Word(text, i)
			if end == i {
				i++
				continue
			}
			if !yield(i, end) {
				return
			}
			i = end
		}
	}
}

// transcribe writes umlauts as two letters, as people do who have no key for them.
func transcribe(dst, name []byte) []byte {
	for i := 0; i < len(name); {
		r, n := utf8.DecodeRune(name[i:])
		switch r {
		case 'ä', 'Ä':
			dst = append(dst, "ae"...)
		case 'ö', 'Ö':
			dst = append(dst, "oe"...)
		case 'ü', 'Ü':
			dst = append(dst, "ue"...)
		case 'å', 'Å':
			dst = append(dst, "aa"...)
		default:
			dst = append(dst, name[i:i+n]...)
		}
		i += n
	}
	return dst
}

// prepare makes ready for what is made of several parts of the name: johnsmith, smithjohn, jsmith, smithj, jqsmith. Hardly any
// text has one, so they are made when there is a word as long as one, with the first letter of one.
func (o *Own) prepare() {
	if o.ready {
		return
	}
	o.ready, o.lengths, o.letters, o.single = true, 0, 0, len(o.names)
	n := 0
	for a, b := range o.joins {
		n++
		if !letters(a.word) || !letters(b.word) || !letters(a.fake) || !letters(b.fake) {
			o.lengths, o.letters = math.MaxUint64, math.MaxUint64
			continue
		}
		long, fake := len(a.word)+len(b.word), len(a.fake)+len(b.fake)
		for _, l := range [...]int{long, fake, len(b.word) + 1, len(b.word) + 2, len(b.fake) + 1} {
			o.lengths |= 3 << min(l, 62) // with an s behind it, too
		}
		o.letters |= 1<<(a.word[0]&31) | 1<<(b.word[0]&31) | 1<<(a.fake[0]&31) | 1<<(b.fake[0]&31)
	}
	o.names = slices.Grow(o.names, min(5*n, manyNames+5)) // a pass points at names
}

// manyNames are so many words of a name that no more are composed of them.
const manyNames = 64

// joins yields each given name with each family name.
func (o *Own) joins(yield func(a, b *ownName) bool) {
	names := o.names[:o.single]
	for f := range names {
		a := &names[f]
		if a.part != First || a.particle || len(a.fake) == 0 {
			continue
		}
		for l := range names {
			if b := &names[l]; b.part == Last && !b.particle && len(b.fake) > 0 && !yield(a, b) {
				return
			}
		}
	}
}

// compose makes what prepare has made ready for.
func (o *Own) compose() {
	o.lengths = 0
	for a, b := range o.joins {
		if len(o.names) > manyNames {
			return
		}
		both := o.join(a.fake, b.fake)
		o.invented(both)
		o.word(Full, o.join(a.word, b.word), both)
		o.word(Full, o.join(b.word, a.word), both)
		if len(b.word) > 2 {
			short := o.join(letter(a.fake), b.fake)
			o.invented(short)
			o.word(Full, o.join(letter(a.word), b.word), short)
			o.word(Full, o.join(b.word, letter(a.word)), short)
			if m := o.initial[Middle].real; m != 0 && m < utf8.RuneSelf { // jqsmith
				o.joined = append(append(append(o.joined[:0], letter(a.word)...), m), b.word...)
				o.word(Full, o.joined, short)
			}
		}
	}
}

// letters says whether a text is nothing but letters of ASCII.
func letters(text []byte) bool {
	for _, c := range text {
		if lex.ClassOf(c) != lex.Letter {
			return false
		}
	}
	return true
}

// letter is a word's first letter.
func letter(word []byte) []byte {
	_, n := utf8.DecodeRune(word)
	return word[:n]
}

func (o *Own) join(a, b []byte) []byte {
	from := len(o.bytes)
	o.bytes = append(append(o.bytes, a...), b...)
	return o.bytes[from:len(o.bytes):len(o.bytes)]
}

func (o *Own) note(k key) {
	h := k.hash()
	o.mask[h>>62] |= 1 << (h >> 56 & 63)
}

// may says whether a word may be of the person's name, or of the fake one. The hash is its key's.
func (o *Own) may(k key, hash uint64) bool {
	if o.lengths>>min(k.n, 63)&1 != 0 && o.letters>>(k.lo&31)&1 != 0 {
		o.compose()
	}
	return o.mask[hash>>62]>>(hash>>56&63)&1 != 0
}

// codeBit is the bit of a small letter or a digit.
func codeBit(c byte) uint64 {
	if c >= 'a' {
		return 1 << (c & 31)
	}
	return 1 << (32 + c&15)
}

// find is the person's name that a folded word is.
func (o *Own) find(k key, word []byte) *ownName {
	if !o.may(k, k.hash()) {
		return nil
	}
	for i := range o.names {
		if n := &o.names[i]; n.key == k && (k.n <= 16 || bytes.Equal(n.word, word)) {
			return n
		}
	}
	return nil
}

// isFake says whether a word was written in the place of one of the person's.
func (o *Own) isFake(k key) bool {
	if !o.may(k, k.hash()) {
		return false
	}
	for i := range o.fakes {
		if o.fakes[i] == k {
			return true
		}
	}
	return false
}

// initials says whether capital letters are those of the person.
func (o *Own) initials(letters []byte) bool {
	f, m, l := o.initial[First].real, o.initial[Middle].real, o.initial[Last].real
	switch {
	case f == 0 || l == 0:
		return false
	case len(letters) == 2:
		return letters[0] == f && letters[1] == l || letters[0] == l && letters[1] == f
	case len(letters) == 3:
		return letters[0] == f && letters[2] == l && (m == 0 || letters[1] == m) || letters[0] == l && letters[1] == f && letters[2] == m
	}
	return false
}
