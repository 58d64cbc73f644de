package identify

import (
	"github.com/feel-august/terraform-provider-august/internal/anonymize/lex"
)

// Scanner finds what may be identifiers in a value of any column: text, JSON with its keys, arrays. A worker has one; it
// belongs to one goroutine.
type Scanner struct {
	word []byte
}

// Scan calls yield with each candidate, in the form that Has wants, until yield says no. The form is written over by the next.
func (s *Scanner) Scan(value []byte, yield func(k Kind, normal []byte) bool) {
	for i := 0; i < len(value); {
		end := lex.Word(value, i)
		if end == i {
			i++
			continue
		}
		s.word = lex.Fold(s.word[:0], value[i:i+lex.Possessive(value[i:end])])
		if len(s.word) > 1 && !yield(Name, s.word) {
			return
		}
		i = end
	}
}
