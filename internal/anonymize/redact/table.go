package redact

import (
	"encoding/binary"
	"strings"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/lex"
)

// flags are what is known of a word, whoever the row is about.
type flags uint32

const (
	ordinary flags = 1 << iota
	title
	kin
	ageWord
	bornWord
	yearWord
	dateWord
	amount
	state
	month
	weekday
	phrase // the first word of a phrase of the policy's
	ninety
	copula
	pronoun
	scale
	stateName
	degree
	of
	sex
	hedge
	label // of a number
	link  // between a label and its number
	known // any of them

	// plainFlags are of words that, in small letters, are looked at no further.
	plainFlags = ordinary | title | kin | ageWord | bornWord | yearWord | dateWord | amount | state | of | pronoun | scale | stateName | degree | sex | hedge | label | link | known
)

// key is a folded word's first sixteen bytes and its length: words are looked for so often that strings would be slow.
type key struct {
	lo, hi uint64
	n      int
}

// keyOf is the key of a folded word.
func keyOf(word []byte) key {
	var b [16]byte
	copy(b[:], word)
	return key{binary.LittleEndian.Uint64(b[:8]), binary.LittleEndian.Uint64(b[8:]), len(word)}
}

// keyIn is the key of the first n bytes.
func keyIn(b *[wordMax]byte, n int) key {
	k := key{n: n, lo: binary.LittleEndian.Uint64(b[:])}
	if n <= 8 {
		k.lo &= 1<<(8*n) - 1
	} else {
		k.hi = binary.LittleEndian.Uint64(b[8:])
		if n < 16 {
			k.hi &= 1<<(8*(n-8)) - 1
		}
	}
	return k
}

// keyAt is the key of the word of n letters, at most sixteen, that text begins with; sixteen bytes of text there must be.
func keyAt(text []byte, n int) key {
	const small = 0x2020202020202020
	k := key{lo: binary.LittleEndian.Uint64(text) | small, n: n}
	if n <= 8 {
		k.lo &= 1<<(8*n) - 1
	} else {
		k.hi = (binary.LittleEndian.Uint64(text[8:]) | small) & (1<<(8*(n-8)) - 1)
	}
	return k
}

// plural is the key of the word with an s behind it.
func (k key) plural() key {
	switch {
	case k.n < 8:
		k.lo |= 's' << (8 * k.n)
	case k.n < 16:
		k.hi |= 's' << (8 * (k.n - 8))
	}
	k.n++
	return k
}

func (k key) hash() uint64 {
	return (k.lo ^ k.hi*0x9e3779b97f4a7c15) * 0xff51afd7ed558ccd
}

// table is an open hash table of words of at most sixteen bytes.
type table struct {
	entries []entry
	shift   uint
	mask    uint64
	n       int
}

type entry struct {
	key
	flags
}

func (t *table) add(word string, f flags) {
	if (t.n+1)*3 > len(t.entries) {
		old := t.entries
		t.shift, t.mask = 64-12, 1<<12-1
		for t.mask < uint64(len(old)) {
			t.shift, t.mask = t.shift-1, t.mask<<1|1
		}
		t.entries, t.n = make([]entry, t.mask+1), 0
		for _, e := range old {
			if e.flags != 0 {
				t.put(e.key, e.flags)
			}
		}
	}
	t.put(keyOf(lex.Fold(nil, []byte(word))), f|known)
}

func (t *table) put(k key, f flags) {
	for i := k.hash() >> t.shift; ; i = (i + 1) & t.mask {
		e := &t.entries[i]
		if e.flags == 0 {
			e.key = k
			t.n++
		}
		if e.key == k {
			e.flags |= f
			return
		}
	}
}

func (t *table) get(k key, hash uint64) flags {
	for i := hash >> t.shift; ; i = (i + 1) & t.mask {
		e := &t.entries[i]
		if e.key == k || e.flags == 0 {
			return e.flags
		}
	}
}

func vocabulary() *table {
	t := &table{}
	for _, v := range []struct {
		words string
		flags
	}{
		{ordinaryWords, ordinary}, {titleWords, title}, {kinWords, kin}, {ageWords, ageWord}, {bornWords, bornWord}, {yearWords, yearWord},
		{dateWords, dateWord}, {amountWords, amount}, {stateWords, state}, {monthWords, month}, {weekdayWords, weekday}, {"ninety nineties nonagenarian centenarian", ninety}, {"is was", copula}, {"he she who they her his their", pronoun}, {"male female man woman lady gentleman m f", sex}, {labelWords, label}, {"no num number id is of in ending", link}, {"of now nearly almost about just over", hedge}, {scaleWords, scale},
		{stateNames, stateName}, {degreeWords, degree}, {"of de th st nd rd", of},
	} {
		for _, w := range strings.Fields(v.words) {
			t.add(w, v.flags)
		}
	}
	return t
}
