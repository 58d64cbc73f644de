// Package redact takes identifiers out of free text, of JSON by path, and of array literals. It fails closed: what it does
// not know to be harmless goes, or is an error that does not say it. It is pure.
package redact

import (
	"bytes"
	"sync"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/lex"
)

// Options are what free text is held against, beside the row's own person.
type Options struct {
	Names func(word []byte) bool // whether a folded word (lex.Fold) is in the source's dictionary of names; nil: there is none
	Words []string               // further words and phrases that text must not hold, such as the clinic's name
	AsOf  time.Time              // day at which ages are judged; zero: today
}

// Redactor takes identifiers out of free text. Many may use it at once.
type Redactor struct {
	names    func([]byte) bool
	words    *table
	phrases  [][]key
	codes    []code // phrases with digits in them
	codeMask uint64
	year     int
	nobody   sync.Pool
}

// New makes a redactor.
func New(o Options) *Redactor {
	if o.AsOf.IsZero() {
		o.AsOf = time.Now()
	}
	r := &Redactor{names: o.Names, words: vocabulary(), year: o.AsOf.Year()}
	if r.names == nil {
		r.names = func([]byte) bool { return false }
	}
	r.nobody.New = func() any { return new(Own) }
	for _, w := range o.Words {
		r.phrase([]byte(w))
	}
	return r
}

func (r *Redactor) phrase(text []byte) {
	if bytes.ContainsAny(text, "0123456789") {
		var c []byte
		for _, b := range text {
			switch lex.ClassOf(b) {
			case lex.Digit:
				c = append(c, b)
			case lex.Letter:
				c = append(c, b|0x20)
			}
		}
		r.codes = append(r.codes, code{c, "[REDACTED]"})
		r.codeMask |= codeBit(c[0])
		return
	}
	var keys []key
	for from, to := range words(text) {
		word := lex.Fold(nil, text[from:from+lex.Possessive(text[from:to])])
		if len(keys) == 0 {
			r.words.add(string(word), phrase)
		}
		keys = append(keys, keyOf(word))
	}
	if len(keys) > 0 {
		r.phrases = append(r.phrases, keys)
	}
}

// passes bounds how often a text is gone over. What one pass has changed may make the next one see more: Text ends when
// nothing changes, or when what has changed is apart from all else, so that redacting its result changes nothing either.
const passes = 6

// Text appends value without identifiers. The row's own person may be nil: then nobody is known. Dates are cut to the year, or
// moved when the person says so. The result is valid UTF-8 when value is.
func (r *Redactor) Text(dst, value []byte, own *Own) []byte {
	if own == nil {
		own = r.nobody.Get().(*Own)
		defer r.nobody.Put(own)
	}
	own.prepare()
	p := &own.pass
	*p = pass{Redactor: r, own: own, days: own.days}
	from := len(dst)
	dst = p.over(dst, value)
	for n := 0; p.changed && p.open; n++ {
		if n == passes { // a text made to be so
			return append(dst[:from], "[REDACTED]"...)
		}
		before := append(own.before[:0], dst[from:]...)
		own.before = before
		*p = pass{Redactor: r, own: own, moved: own.days != 0}
		dst = p.over(dst[:from], before)
		if bytes.Equal(dst[from:], before) {
			break
		}
	}
	return dst
}
