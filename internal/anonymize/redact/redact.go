// Package redact takes identifiers out of free text, of JSON by path, and of array literals. It fails closed: what it does
// not know to be harmless goes, or is an error that does not say it. It is pure.
package redact

import (
	"time"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/lex"
)

// Options are what free text is held against, beside the row's own person.
type Options struct {
	Names func(word []byte) bool // whether a folded word (lex.Fold) is in the source's dictionary of names; nil: there is none
	Words []string               // further words and phrases that text must not hold, such as the clinic's name
	AsOf  time.Time              // day at which ages are judged
}

// Redactor takes identifiers out of free text. Many may use it at once.
type Redactor struct {
	names func([]byte) bool
	words map[string]bool
	asOf  time.Time
}

// New makes a redactor.
func New(o Options) *Redactor {
	r := &Redactor{names: o.Names, words: map[string]bool{}, asOf: o.AsOf}
	if r.names == nil {
		r.names = func([]byte) bool { return false }
	}
	return r
}

// Text appends value without identifiers. The row's own person may be nil; then nobody is known.
func (r *Redactor) Text(dst, value []byte, own *Own) []byte {
	var buf [128]byte
	for i := 0; i < len(value); {
		end := lex.Word(value, i)
		if end == i {
			dst = append(dst, value[i])
			i++
			continue
		}
		word := lex.Fold(buf[:0], value[i:i+lex.Possessive(value[i:end])])
		switch fake, ok := own.fake(word); {
		case ok:
			dst = append(dst, fake...)
		case r.names(word):
			dst = append(dst, "[NAME]"...)
		default:
			dst = append(dst, value[i:end]...)
		}
		i = end
	}
	return dst
}
