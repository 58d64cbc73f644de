package redact

import (
	"bytes"
	"unicode/utf8"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/lex"
)

// number reads what begins with the digit that is here, and decides what becomes of it.
func (p *pass) number() {
	in, i := p.in, p.at
	end := i
	for end < len(in) && lex.ClassOf(in[end]) == lex.Digit {
		end++
	}
	switch {
	case p.isCode(i) || p.isCodeWithin(end):
	case p.isPlain(end):
	case p.isIP():
	case p.date() || p.isBirthday(end):
	case p.isPhone():
	case p.isLong(end):
	case p.isAge(end):
	case p.isStreet():
	case p.isOldYear(end):
	default:
		p.at = end
	}
	p.start, p.before, p.length, p.capital, p.ended = false, 0, 3, false, p.at
}

// isPlain goes past what is plainly a measure, and cannot be the beginning of anything: 5%, 7.1, 128/76, 500 mg.
func (p *pass) isPlain(end int) bool {
	in, n := p.in, end-p.at
	if n > 3 || p.before&(ageWord|bornWord|dateWord|label) != 0 || end+2 >= len(in) || p.apposed(end) {
		return false
	}
	if c := in[end]; (c == '.' && n <= 2 || c == '/' && n == 3) && lex.ClassOf(in[end+1]) == lex.Digit {
		from := end + 1
		for end = from; end < len(in) && lex.ClassOf(in[end]) == lex.Digit; end++ {
		}
		if end-from > 3 || end-from > 2 && c == '.' || end+2 >= len(in) {
			return false
		}
	}
	switch in[end] {
	case '%':
	case ',', ';', ')':
		if lex.ClassOf(in[end+1]) != lex.Space || lex.ClassOf(in[end+2]) != lex.Letter {
			return false
		}
	case ' ':
		if in[end+1] < 'a' || in[end+1] > 'z' {
			return false
		}
		word := end + 1
		for end = word; end < len(in) && lex.ClassOf(in[end]) == lex.Letter; end++ {
		}
		if n := end - word; n > 16 || word+16 > len(in) || end == len(in) || in[end] >= utf8.RuneSelf {
			return false
		}
		k := keyAt(in[word:], end-word)
		if f := p.words.get(k, k.hash()); f&(ordinary|amount) == 0 || f&(yearWord|month|ageWord|of|sex) != 0 {
			return false
		}
		end = word - 1
	default:
		return false
	}
	p.at = end
	return true
}

// isCodeWithin looks for long numbers that other digits are written before.
func (p *pass) isCodeWithin(end int) bool {
	for i := p.at + 1; i < end; i++ {
		if p.isCode(i) {
			return true
		}
	}
	return false
}

// isCode looks for the numbers of the person and of the policy, whatever marks are in them.
func (p *pass) isCode(i int) bool {
	if p.own.codeMask&codeBit(p.in[i]|0x20) != 0 {
		for _, c := range p.own.codes {
			if i > p.at && len(c.text) < long {
				continue
			}
			if end := match(p.in, i, c.text); end > i {
				if c.label == "[PHONE]" {
					end = p.extension(end)
				}
				p.put(p.codeFrom(i, end), end, c.label)
				return true
			}
		}
	}
	for _, c := range p.codes {
		if i > p.at && len(c.text) < long {
			continue
		}
		if end := match(p.in, i, c.text); end > i {
			p.put(i, end, c.label)
			return true
		}
	}
	return false
}

// isCode says whether digits are one of the person's numbers.
func (o *Own) isCode(digits []byte) bool {
	for _, c := range o.codes {
		if bytes.Equal(c.text, digits) {
			return true
		}
	}
	return false
}

// long is how many signs a code has that is found among other digits as well.
const long = 7

// match is the end of the code that begins at text[i]; i, if it does not. The longer a code, the more marks may be in it.
func match(text []byte, i int, code []byte) int {
	gap := 0
	if len(code) > 4 {
		gap = 2
	}
	if len(code) >= long {
		gap = 6
	}
	at := i
	for n, want := range code {
		marks := 0
		for n > 0 && at < len(text) && marks < gap {
			if k := lex.ClassOf(text[at]); k == lex.Letter || k == lex.Digit {
				break
			}
			at++
			marks++
		}
		if at == len(text) {
			return i
		}
		c := text[at]
		if lex.ClassOf(c) == lex.Letter {
			c |= 0x20
		}
		if c != want {
			return i
		}
		at++
	}
	if at < len(text) {
		if k := lex.ClassOf(text[at]); k == lex.Digit && len(code) < long || k == lex.Letter && lex.ClassOf(code[len(code)-1]) == lex.Letter {
			return i
		}
	}
	return at
}

// codeFrom takes what opens a telephone number along.
func (p *pass) codeFrom(i, end int) int {
	for i > p.from {
		switch c := p.in[i-1]; {
		case c == '+', c == '(' && bytes.IndexByte(p.in[i:end], ')') >= 0:
			i--
		default:
			return i
		}
	}
	return i
}

func (p *pass) isIP() bool {
	end := lex.IP(p.in, p.at)
	if end == p.at {
		return false
	}
	p.put(p.at, end, "[IP]")
	return true
}

// isPhone takes telephone and social security numbers.
func (p *pass) isPhone() bool {
	c := lex.ReadChain(p.in, p.at)
	if n := c.Phone(p.in); n > 0 {
		end := p.extension(c.Groups[n-1].To)
		p.put(p.codeFrom(p.at, end), end, "[PHONE]")
		return true
	}
	if n := c.SSN(); n > 0 {
		p.put(p.at, c.Groups[n-1].To, "[SSN]")
		return true
	}
	// The last four of one that is masked: XXX-XX-1234.
	if i := p.at; c.Width(0) == 4 && i > 3 && p.in[i-1] == '-' && masks(p.in[i-2]) && masks(p.in[i-3]) {
		p.put(i, c.Groups[0].To, "[SSN]")
		return true
	}
	return false
}

func masks(c byte) bool { return c|0x20 == 'x' || c == '*' || c == '#' }

// extension is the end of an extension at in[i]; i without one.
func (p *pass) extension(i int) int {
	at := i
	for n := 0; n < 2 && at < len(p.in) && (p.in[at] == ' ' || p.in[at] == ','); n++ {
		at++
	}
	word := at
	for at < len(p.in) && lex.ClassOf(p.in[at]) == lex.Letter {
		at++
	}
	switch at - word {
	case 1:
		if p.in[word]|0x20 != 'x' {
			return i
		}
	case 3, 9:
		if p.in[word]|0x20 != 'e' || p.in[word+1]|0x20 != 'x' || p.in[word+2]|0x20 != 't' {
			return i
		}
	default:
		return i
	}
	for n := 0; n < 2 && at < len(p.in) && (p.in[at] == ' ' || p.in[at] == '.'); n++ {
		at++
	}
	digits := at
	for at < len(p.in) && lex.ClassOf(p.in[at]) == lex.Digit {
		at++
	}
	if at == digits {
		return i
	}
	return at
}

// isLong takes numbers of five or more digits, in thousands by commas as well, and codes with that many digits.
func (p *pass) isLong(end int) bool {
	in, i := p.in, p.at
	digits := end - i
	if digits <= 3 {
		for end+3 < len(in) && in[end] == ',' && lex.ClassOf(in[end+1]) == lex.Digit && lex.ClassOf(in[end+2]) == lex.Digit && lex.ClassOf(in[end+3]) == lex.Digit &&
			(end+4 == len(in) || lex.ClassOf(in[end+4]) != lex.Digit) {
			end += 4
			digits += 3
		}
	}
	code, letters, n := lex.Code(in, i)
	switch {
	case code > end && (letters > 0 && n >= 5 || letters == 0 && n >= 7):
		p.put(i, code, "[NUMBER]")
	case digits >= 5:
		p.put(i, end, "[NUMBER]")
	case n >= labelled && p.isLabelled(i):
		if next, ok := p.next(code, 2); ok && next.flags&(amount|yearWord) != 0 {
			return false
		}
		p.put(i, code, "[NUMBER]")
	default:
		return false
	}
	return true
}

// labelled is how many digits a number has at least that its label tells to be somebody's: MRN 123, policy XY-1234.
const labelled = 3

// isLabelled says whether a label is before what begins at in[i].
func (p *pass) isLabelled(i int) bool {
	if p.before&label == 0 || i-p.ended > 4 {
		return false
	}
	for _, c := range p.in[p.ended:i] {
		if bytes.IndexByte([]byte(" #:-="), c) < 0 {
			return false
		}
	}
	return true
}

// isOldYear takes a year of birth that tells of an age over 89.
func (p *pass) isOldYear(end int) bool {
	if end-p.at != 4 || p.in[p.at] != '1' {
		return false
	}
	year := 0
	for _, c := range p.in[p.at:end] {
		year = year*10 + int(c-'0')
	}
	if year < 1850 || year > p.year-90 || p.before&(bornWord|dateWord) == 0 && year != p.own.birth.Year {
		return false
	}
	p.put(p.at, end, "[DATE]")
	return true
}
