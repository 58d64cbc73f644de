package redact

import (
	"bytes"
	"unicode/utf8"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/lex"
)

// isOwn writes the fake name in the place of a word of the own one.
func (p *pass) isOwn(w *word) bool {
	o := p.own
	if len(o.names) == 0 {
		return false
	}
	n := o.find(w.key, w.text)
	if last := len(w.text) - 1; n == nil && last > 2 && w.text[last] == 's' && w.base == w.to { // the Smiths
		n = o.find(keyOf(w.text[:last]), w.text[:last])
	}
	if n == nil && w.to-w.from > len(w.text) {
		n = p.partlyOwn(w)
	}
	switch {
	case n == nil && o.isFake(w.key):
		p.nameEnd, p.fakeEnd, p.at = w.base, w.base, w.to
		return true
	case n == nil && w.text != nil && len(w.text) == 1:
		return w.cap && p.isInitial(w)
	case n == nil && w.all && w.flags&ordinary == 0 && o.initials(w.text):
		p.put(w.from, w.base, "[NAME]")
		return true
	case n == nil && len(w.text) > 0 && w.text[0] >= 0xe0 && p.holdsOwn(w):
		p.put(w.from, w.base, "[NAME]")
		return true
	case n == nil, n.particle && !p.besideOwn(w, n.part):
		return false
	}
	if p.lastOwn != nil && p.lastOwn.part == n.part && p.lastOwn != n && p.near(w.from, 3, " -'.") && p.from == p.nameEnd && p.ownEnd == p.nameEnd {
		p.from = w.base // one fake name stands for all words of the own one
	} else {
		p.beside(w.from)
		p.dst = append(p.dst, p.in[p.from:w.from]...)
		p.dst = appendLike(p.dst, n.fake, w)
		p.from = w.base
	}
	p.changed = true
	p.lastOwn, p.ownEnd, p.nameEnd, p.at = n, w.base, w.base, w.to
	return true
}

// partlyOwn looks for the name between the apostrophes of a word.
func (p *pass) partlyOwn(w *word) *ownName {
	for i := w.from; i < w.to; {
		end := i
		for end < w.to && (lex.ClassOf(p.in[end]) == lex.Letter || lex.ClassOf(p.in[end]) == lex.Wide && !lex.Apostrophe(p.in[end:])) {
			end++
		}
		if n, _ := foldLong(&p.ahead, p.in[i:end]); n > 1 {
			if own := p.own.find(keyIn(&p.ahead, n), p.ahead[:n]); own != nil && !own.particle {
				w.base = w.to
				return own
			}
		}
		i = max(end, i+1)
	}
	return nil
}

// appendLike appends a fake name in capitals or in small letters as the own one was.
func appendLike(dst, fake []byte, w *word) []byte {
	if len(fake) == 0 || fake[0] == '[' {
		return append(dst, "[NAME]"...)
	}
	for _, c := range fake {
		switch {
		case w.all && 'a' <= c && c <= 'z':
			c &^= 0x20
		case !w.cap && 'A' <= c && c <= 'Z':
			c |= 0x20
		}
		dst = append(dst, c)
	}
	return dst
}

// near says whether the last name ended just before i, with nothing but a few marks between.
func (p *pass) near(i, gap int, marks string) bool {
	if p.nameEnd < 0 || i-p.nameEnd > gap || i < p.nameEnd {
		return false
	}
	for _, c := range p.in[p.nameEnd:i] {
		if bytes.IndexByte([]byte(marks), c) < 0 {
			return false
		}
	}
	return true
}

// besideOwn says whether a particle is beside a word of the same name.
func (p *pass) besideOwn(w *word, part Part) bool {
	if p.lastOwn != nil && p.lastOwn.part == part && p.near(w.from, 2, " ,.-") {
		return true
	}
	end := w.to
	for range 3 {
		next, ok := p.next(end, 2)
		if !ok {
			return false
		}
		n := p.own.find(next.key, next.text)
		if n == nil {
			return false
		}
		if !n.particle {
			return n.part == part
		}
		end = next.to
	}
	return false
}

// holdsOwn looks for the name inside of a run of letters in a script that writes no spaces.
func (p *pass) holdsOwn(w *word) bool {
	for i := range p.own.names {
		if n := p.own.names[i].word; n[0] >= 0xe0 && bytes.Contains(w.text, n) {
			return true
		}
	}
	return false
}

// isInitial replaces single letters that stand for a name of the person's.
func (p *pass) isInitial(w *word) bool {
	// J.S., J. M. S.
	var letters [3]byte
	n, end := 0, w.from
	for i := w.from; n < 3 && i+1 < len(p.in) && lex.ClassOf(p.in[i]) == lex.Letter && p.in[i] < 'a' && p.in[i+1] == '.'; {
		letters[n] = p.in[i] | 0x20
		n++
		end = i + 2
		if i = end; i < len(p.in) && p.in[i] == ' ' {
			i++
		}
	}
	if n > 1 && p.own.initials(letters[:n]) {
		p.put(w.from, end, "[NAME]")
		return true
	}
	beside, kept := p.lastOwn != nil && p.near(w.from, 3, " ,.-"), p.near(w.from, 3, " ,.-") && p.fakeEnd == p.nameEnd
	for end, tries := w.to, 0; !beside && tries < 3; tries++ {
		next, ok := p.next(end, 2)
		if !ok {
			break
		}
		if n := p.own.find(next.key, next.text); n != nil && !n.particle {
			beside = true
		} else if p.own.isFake(next.key) {
			kept = true
		} else if len(next.text) != 1 || !next.cap {
			break
		}
		end = next.to
	}
	if !beside && kept { // written here by the pass before
		p.at, p.nameEnd, p.fakeEnd = w.to, w.to, w.to
		return true
	}
	if !beside || (w.text[0] == 'a' || w.text[0] == 'i') && (w.to == len(p.in) || p.in[w.to] != '.') && w.text[0] != p.own.initial[First].real && w.text[0] != p.own.initial[Middle].real {
		return false
	}
	fake := byte('X')
	for _, part := range [...]Part{First, Middle} {
		if i := p.own.initial[part]; i.real == w.text[0] && i.fake < utf8.RuneSelf && lex.ClassOf(i.fake) == lex.Letter {
			fake = i.fake &^ 0x20
			break
		}
	}
	p.dst = append(append(p.dst, p.in[p.from:w.from]...), fake)
	p.changed, p.open = p.changed || fake != p.in[w.from], true
	p.from, p.at = w.to, w.to
	p.nameEnd = w.to
	return true
}

// isName says whether a word is to be taken for somebody's name.
func (p *pass) isName(w *word) bool {
	if len(w.text) < 2 {
		return w.cap && len(w.text) == 1 && (p.in[w.from] != 'A' && p.in[w.from] != 'I' || w.to < len(p.in) && p.in[w.to] == '.') &&
			(p.near(w.from, 2, " ,-") || p.nextIsName(w, 2))
	}
	listed := p.names(w.text)
	if listed && w.flags&ordinary == 0 {
		return true
	}
	if !w.cap {
		return false
	}
	gap := -1
	if p.ended >= 0 {
		gap = w.from - p.ended
	}
	switch {
	case p.before&title != 0 && 0 < gap && gap <= 3 && (w.flags&ordinary == 0 || listed || !w.all) && !p.lineEnded(p.ended, w.from):
		return true
	case listed && !w.all && !p.start, listed && (p.near(w.from, 2, " -.,") || p.nextIsName(w, 2) || p.nextIsListed(w)):
		return true
	case w.flags&ordinary != 0 || w.all || w.flags&known != 0 && w.flags&^(known|state|amount) != 0:
		return false
	}
	return p.before&kin != 0 && !p.start && 0 < gap && gap <= 3 || p.near(w.from, 1, " -") || !listed && p.nextIsName(w, 1)
}

func (p *pass) lineEnded(from, to int) bool { return bytes.IndexByte(p.in[from:to], '\n') >= 0 }

// nextIsListed says whether the word that follows is in the dictionary as well, and written like this one: of WILL YOUNG each
// is a word, and both are somebody.
func (p *pass) nextIsListed(w *word) bool {
	next, ok := p.next(w.to, 2)
	if !ok || !next.cap || next.all != w.all || len(next.text) < 2 {
		return false
	}
	switch string(p.in[w.to:next.from]) {
	case " ", ", ", "-":
		return p.names(next.text)
	}
	return false
}

// nextIsName says whether the word that follows is a name that is no ordinary word.
func (p *pass) nextIsName(w *word, gap int) bool {
	if i := w.to + 1; i < len(p.in) && p.in[i] == '[' {
		if _, name := placeholder(p.in, i); name {
			return true
		}
	}
	next, ok := p.next(w.to, gap)
	if !ok || !next.cap || next.from == w.to || next.flags&ordinary != 0 || len(next.text) < 2 {
		return false
	}
	for _, c := range p.in[w.to:next.from] {
		if c != ' ' && c != '-' && c != '.' {
			return false
		}
	}
	return p.names(next.text) || p.own.find(next.key, next.text) != nil
}
