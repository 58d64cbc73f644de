package identify

import (
	"bytes"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/lex"
)

// particles are parts of names that single nobody out. They count only where a name is nothing else.
var particles = wordset("and da das de del della den der des di do dos du e el ii iii iv jr la las le los mc miss mr mrs ms of or san sr st sta the van von y zu")

func wordset(words string) map[string]bool {
	set := map[string]bool{}
	for _, w := range bytes.Fields([]byte(words)) {
		set[string(w)] = true
	}
	return set
}

// Particle says whether a folded word is a part of names that singles nobody out.
func Particle(word []byte) bool { return len(word) <= particleMax && particles[string(word)] }

const particleMax = len("della")

// Words calls yield with what Add wants of kind Name, for each word of a name that singles somebody out.
// Words of one letter and particles do not; a name of nothing else yields its particles. scratch is written over.
func Words(scratch, name []byte, yield func(word []byte)) {
	counted := false
	for pass := range 2 {
		for i := 0; i < len(name); {
			end := lex.Word(name, i)
			if end == i {
				i++
				continue
			}
			scratch = lex.Fold(scratch[:0], name[i:i+lex.Possessive(name[i:end])])
			i = end
			if len(scratch) < 2 || Particle(scratch) != (pass == 1) {
				continue
			}
			counted = true
			yield(scratch)
		}
		if counted {
			return
		}
	}
}
