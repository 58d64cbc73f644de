package redact

import (
	"bytes"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/identify"
)

// Part says what of a name a column holds.
type Part uint8

// Parts.
const (
	First Part = iota
	Middle
	Last
	Full // "Given Middle Family" or "Family, Given"
)

// Own is the person whom a row is about. A worker has one, and fills it anew for each row. The zero value is nobody. It
// belongs to one goroutine.
type Own struct {
	words []ownWord
	bytes []byte
	days  int
}

type ownWord struct{ word, fake []byte }

// Reset forgets the person.
func (o *Own) Reset() {
	o.words, o.bytes, o.days = o.words[:0], o.bytes[:0], 0
}

// Name adds a part of the person's name, and what is to be written in its place. NULL is not added.
func (o *Own) Name(part Part, real, fake []byte) {
	identify.Words(nil, real, func(word []byte) {
		o.words = append(o.words, ownWord{bytes.Clone(word), bytes.Clone(fake)})
	})
}

// Add adds another identifier of the person's: a phone, an e-mail address, an SSN, a date of birth, a record number, as the
// column's value.
func (o *Own) Add(kind identify.Kind, value []byte) {
}

// Shift moves the dates in the text by so many days. Without it nothing but their year is left.
func (o *Own) Shift(days int) { o.days = days }

func (o *Own) fake(word []byte) ([]byte, bool) {
	if o != nil {
		for i := range o.words {
			if bytes.Equal(o.words[i].word, word) {
				return o.words[i].fake, true
			}
		}
	}
	return nil, false
}
