package redact

import (
	"bytes"
	"encoding/binary"
	"unicode"
	"unicode/utf8"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/lex"
)

// pass goes over a text once.
type pass struct {
	*Redactor
	own   *Own
	days  int  // by which dates move; 0: only their year stays
	moved bool // the dates have moved already

	in, dst []byte
	at      int // up to where the text has been read
	from    int // up to where it has been written
	changed bool
	open    bool     // what was changed may make the next pass see more
	email   lex.Span // the next one

	start   bool     // a sentence begins here
	before  flags    // of the word before,
	length  int      // its length,
	capital bool     // whether it began with a capital letter,
	ended   int      // and where it ended
	nameEnd int      // where the last name ended,
	fakeEnd int      // and where, if it was a fake one
	lastOwn *ownName // the last name, when it was the person's own,
	ownEnd  int      // and where it ended

	buf, ahead [wordMax]byte // the word, and the one after it
}

// wordMax bounds the length of a word that is told from others by all of its letters.
const wordMax = 96

func (p *pass) over(dst, in []byte) []byte {
	p.dst, p.in = dst, in
	p.start, p.ended, p.nameEnd = true, -10, -10
	p.nextEmail(0)
	for p.at < len(in) {
		if p.at >= p.email.From {
			if p.email.From < len(in) && p.at < p.email.To {
				p.put(p.email.From, p.email.To, "[EMAIL]")
			}
			p.nextEmail(p.at)
			continue
		}
		c := in[p.at]
		switch lex.ClassOf(c) {
		case lex.Letter, lex.Wide:
			p.word()
		case lex.Digit:
			p.number()
		case lex.Space:
			if c == '\n' || c == '\r' {
				p.start = true
			}
			p.at++
		default:
			p.mark(c)
		}
	}
	return append(p.dst, in[p.from:]...)
}

func (p *pass) nextEmail(from int) {
	for {
		i := bytes.IndexByte(p.in[from:], '@')
		if i < 0 {
			p.email = lex.Span{From: len(p.in), To: len(p.in)}
			return
		}
		if s, ok := lex.Email(p.in, from+i); ok && s.To > p.at {
			s.From = max(s.From, p.at)
			p.email = s
			return
		}
		from += i + 1
	}
}

// put writes label in the place of in[from:to].
func (p *pass) put(from, to int, label string) {
	if label == "[NAME]" || label == "[CITY]" {
		p.beside(from)
	}
	if from > 0 && lex.ClassOf(p.in[from-1]) != lex.Space && p.in[from-1] != '(' { // what is before may have been read as its beginning
		p.open = true
	}
	p.cut(from, to)
	p.dst = append(p.dst, label...)
	if label == "[NAME]" {
		p.nameEnd = to
	}
}

// beside notes that a name is written at in[from:]. A word with a capital letter before it, which may have been told to be no
// name without knowing of this one, is to be looked at again.
func (p *pass) beside(from int) {
	p.open = p.open || p.capital && p.before&title == 0 && from-p.ended <= 3
}

// cut leaves in[from:to] out.
func (p *pass) cut(from, to int) {
	p.dst = append(p.dst, p.in[p.from:max(from, p.from)]...)
	p.at, p.from = to, to
	p.changed = true
	p.start, p.before, p.lastOwn = false, 0, nil
}

func (p *pass) mark(c byte) {
	switch c {
	case '[':
		if end, name := placeholder(p.in, p.at); end > p.at {
			if name {
				p.nameEnd = end
			}
			p.at, p.start, p.before, p.lastOwn = end, false, 0, nil
			return
		}
	case '.':
		p.start = p.start || p.length > 2 || p.ended != p.at // not after Dr., J., p.o.
	case '!', '?', ':', '*', ';', '>':
		p.start = true
	case '\\':
		if p.escaped() {
			p.at++
		}
	}
	p.at++
}

// escaped says whether the letter behind the backslash here is written for a line feed or the like, and what follows is a name:
// "Note:\nSmith" is what is left of a text that was encoded twice.
func (p *pass) escaped() bool {
	i := p.at + 2
	if i >= len(p.in) || bytes.IndexByte([]byte("nrtNRT"), p.in[i-1]) < 0 {
		return false
	}
	next, ok := p.next(i, 0)
	return ok && next.from == i && (p.own.find(next.key, next.text) != nil || p.names(next.text) && next.flags&ordinary == 0)
}

// placeholder is the end of what this package writes in the place of something; name says whether that was a name.
func placeholder(text []byte, i int) (end int, name bool) {
	end = i + 1
	for end < len(text) && 'A' <= text[end] && text[end] <= 'Z' && end-i < 10 {
		end++
	}
	if end < len(text) && text[end] == ']' {
		switch string(text[i+1 : end]) {
		case "NAME":
			return end + 1, true
		case "DATE", "PHONE", "EMAIL", "SSN", "NUMBER", "URL", "IP", "ADDRESS", "CITY", "REDACTED":
			return end + 1, false
		}
	}
	return i, false
}

// word reads the word that begins here, and decides what becomes of it.
func (p *pass) word() {
	in, i := p.in, p.at
	end := i
	for end < len(in) && lex.ClassOf(in[end]) == lex.Letter {
		end++
	}
	if in[i] < utf8.RuneSelf && p.passes(i, end) {
		return
	}
	n, small := min(end-i, wordMax), byte(0)
	for j, c := range in[i : i+n] {
		p.buf[j] = c | 0x20
		small |= c & 0x20
	}
	base := end
	plain := end == len(in) || in[end] != '\'' && in[end] != '`' && in[end] < utf8.RuneSelf && end-i <= wordMax
	if !plain {
		if end = lex.Word(in, i); end == i {
			p.wide()
			return
		}
		base = i + lex.Possessive(in[i:end])
		n, small = foldLong(&p.buf, in[i:base])
	}
	w := word{from: i, base: base, to: end, text: p.buf[:n]}
	w.key = keyIn(&p.buf, n)
	w.flags = p.words.get(w.key, w.hash())
	w.cap = in[i] < 'a' || in[i] >= utf8.RuneSelf && upper(in[i:])
	w.all = w.cap && small == 0 && n > 1

	if end < len(in) && p.more(&w) {
		return
	}
	switch {
	case w.flags&phrase != 0 && p.isPhrase(&w):
	case w.flags&(month|weekday) != 0 && p.date():
	case p.isCode(i):
	case p.isOwn(&w):
	case p.isOwnCity(&w):
	case p.isName(&w):
		p.put(w.from, w.base, "[NAME]")
	case w.flags&(month|ninety) != 0 && p.isMonth(&w):
	case w.flags&ordinary == 0 && w.cap && (p.beforeDegree(&w) || p.isCity(&w)):
	default:
		p.at = end
	}
	if p.before&(kin|pronoun) != 0 && w.flags&copula != 0 {
		p.before |= ageWord // her daughter's name is Emily, who is 93
	} else if told := p.before&ageWord != 0 && w.flags&hedge != 0 || w.flags&pronoun != 0 && w.base < w.to; told {
		p.before = w.flags | ageWord // the age of 93, he is now 93, she's 93
	} else if p.before&label != 0 && w.flags&link != 0 {
		p.before = w.flags | label // account number is 4821
	} else {
		p.before = w.flags
	}
	p.start, p.length, p.capital, p.ended = false, n, w.cap, p.at
}

// passes goes past a word that is nothing to look at, as most words of a text are.
func (p *pass) passes(i, end int) bool {
	in, n := p.in, end-i
	if n == 0 || n > 16 || i+17 >= len(in) {
		return false
	}
	switch in[end] {
	case ' ', ',', '\n', ';', ')':
	case '.':
		if lex.ClassOf(in[end+1]) != lex.Space {
			return false
		}
	default:
		return false
	}
	k := keyAt(in[i:], n)
	hash := k.hash()
	f := p.words.get(k, hash)
	if f&^plainFlags != 0 || f&(hedge|link) != 0 && p.before&(ageWord|label) != 0 || p.own.may(k, hash) || (p.own.codeMask|p.codeMask)&codeBit(in[i]) != 0 {
		return false
	}
	if in[i] < 'a' && (f&ordinary == 0 || p.before&title != 0 || n == 1) {
		return false
	}
	if f&ordinary == 0 || in[i] < 'a' {
		binary.LittleEndian.PutUint64(p.buf[:], k.lo)
		binary.LittleEndian.PutUint64(p.buf[8:], k.hi)
		if n == 1 || p.names(p.buf[:n]) {
			return false
		}
	}
	p.start, p.before, p.length, p.capital, p.ended = false, f, n, in[i] < 'a', end
	p.at = end
	if in[end] == ' ' {
		p.at++
	}
	return true
}

func (p *pass) flagsOf(word []byte) flags {
	k := keyOf(word)
	return p.words.get(k, k.hash())
}

// word is a word of the text.
type word struct {
	from, base, to int // base: without a possessive ending
	text           []byte
	key
	flags
	cap, all bool // begins with a capital letter; has nothing else
}

func upper(b []byte) bool {
	r, _ := utf8.DecodeRune(b)
	return unicode.IsUpper(r) || unicode.IsTitle(r)
}

// foldLong folds a word that is not plain ASCII, or long, as far as it fits.
func foldLong(buf *[wordMax]byte, text []byte) (n int, small byte) {
	for i := 0; i < len(text); {
		r, k := utf8.DecodeRune(text[i:])
		if unicode.IsLower(r) {
			small = 0x20
		}
		// A letter folds to no more than eighteen bytes.
		if n+18 <= wordMax {
			n = len(lex.Fold(buf[:n], text[i:i+k]))
		}
		i += k
	}
	return n, small
}

// wide goes past a character that is no letter. Digits of other scripts are numbers that nothing here reads.
func (p *pass) wide() {
	end := p.at
	for end < len(p.in) {
		r, n := utf8.DecodeRune(p.in[end:])
		if !unicode.IsNumber(r) || r < utf8.RuneSelf {
			break
		}
		end += n
	}
	if end > p.at {
		if r, n := utf8.DecodeRune(p.in[p.at:]); unicode.IsDigit(r) && p.at+n < end {
			p.put(p.at, end, "[NUMBER]")
			return
		}
		p.at = end
		return
	}
	_, n := utf8.DecodeRune(p.in[p.at:])
	p.at += n
}

// more looks whether the word is only the beginning of something.
func (p *pass) more(w *word) bool {
	in, c := p.in, p.in[w.to]
	if w.to+1 >= len(in) && lex.ClassOf(c) != lex.Digit {
		return false
	}
	switch {
	case c == ':' || c == '.' || c == '-':
		if lex.ClassOf(in[w.to+1]) == lex.Space {
			return false
		}
	case lex.ClassOf(c) != lex.Digit && c != '_':
		return false
	}
	if end := lex.URL(in, w.from); end > w.from {
		p.put(w.from, end, "[URL]")
		return true
	}
	if (c == ':' || lex.ClassOf(c) == lex.Digit) && len(w.text) <= 4 {
		if end := lex.IP(in, w.from); end > w.from {
			p.put(w.from, end, "[IP]")
			return true
		}
	}
	if c == ':' || c == '.' || w.flags&(month|weekday) != 0 {
		return false
	}
	if end, letters, digits := lex.Code(in, w.from); letters > 0 && (digits >= 5 || digits >= labelled && p.isLabelled(w.from)) {
		p.put(w.from, end, "[NUMBER]")
		return true
	}
	return false
}

// isPhrase looks for phrases of the policy's.
func (p *pass) isPhrase(w *word) bool {
	for _, keys := range p.phrases {
		if keys[0] != w.key {
			continue
		}
		end, ok := w.base, true
		for _, k := range keys[1:] {
			next, ok2 := p.next(max(end, w.to), 3)
			if ok = ok2 && next.key == k; !ok {
				break
			}
			end = next.base
		}
		if ok {
			p.put(w.from, end, "[REDACTED]")
			return true
		}
	}
	return false
}

// next reads the word after text[i], with up to so many bytes between that are no letters or digits.
func (p *pass) next(i, gap int) (w word, ok bool) {
	for n := 0; ; n++ {
		if i >= len(p.in) || n > gap {
			return w, false
		}
		c := lex.ClassOf(p.in[i])
		if c == lex.Letter || c == lex.Wide && lex.Word(p.in, i) > i {
			break
		}
		if c == lex.Digit || c == lex.Wide || p.in[i] == '[' {
			return w, false
		}
		i++
	}
	w.from, w.to = i, lex.Word(p.in, i)
	w.base = i + lex.Possessive(p.in[i:w.to])
	n, small := foldLong(&p.ahead, p.in[i:w.base])
	w.text = p.ahead[:n]
	w.key = keyIn(&p.ahead, n)
	w.flags = p.words.get(w.key, w.hash())
	w.cap = p.in[i] < 'a' || p.in[i] >= utf8.RuneSelf && upper(p.in[i:])
	w.all = w.cap && small == 0 && n > 1
	return w, true
}
