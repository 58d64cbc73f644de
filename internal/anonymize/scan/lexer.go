package scan

import (
	"bytes"
	"net/netip"
	"unicode"
	"unicode/utf8"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/identify"
)

// want is a set of kinds.
type want uint16

func wanted(kinds ...identify.Kind) (w want) {
	for _, k := range kinds {
		w |= 1 << k
	}
	return
}

func (w want) has(k identify.Kind) bool { return w>>k&1 == 1 }

const (
	everything = want(1<<10 - 1)
	strong     = 1<<identify.FullName | 1<<identify.Email | 1<<identify.URL // what random bytes do not spell
)

// sink takes what a lexer finds in a text, in normal form. Both must copy what they keep.
type sink interface {
	// word takes a word of letters. It is near when no more than a few signs, or an initial, part it from the word before.
	word(folded []byte, near bool)
	// code takes whatever else may be an identifier.
	code(k identify.Kind, normal []byte)
}

// lexer finds in text whatever may be an identifier, in any format that people write it in. It may be used again, by one
// goroutine at a time.
type lexer struct {
	want    want
	to      sink
	scratch []byte // a word
	buf     []byte // a code
	groups  []group
}

// group is a run of digits.
type group struct{ from, to int }

func (g group) len() int { return g.to - g.from }

// text looks through a text.
func (l *lexer) text(v []byte) {
	if l.want.has(identify.Email) {
		l.emails(v)
	}
	if l.want.has(identify.URL) {
		l.urls(v)
	}
	if l.want.has(identify.IP) {
		l.ipv6(v)
	}
	lastEnd, lone := -1000, -1000 // of the last word, and where the initial after it ends
	for i := 0; i < len(v); {
		c := v[i]
		switch {
		case digit(c):
			i = l.digits(v, i)
		case letter(c) || wide(c):
			end := wordEnd(v, i)
			if end == i {
				_, n := utf8.DecodeRune(v[i:])
				i += n
				continue
			}
			l.joined(v, i)
			l.scratch = fold(l.scratch[:0], v[i:possessive(v, i, end)])
			switch {
			case len(l.scratch) > 1:
				if l.want.has(identify.Date) {
					l.month(v, i, end)
				}
				if l.want&(1<<identify.Name|1<<identify.FullName) != 0 && !placeholder(v, i, end) {
					l.to.word(l.scratch, i-lastEnd <= 3 || lone > lastEnd && i-lone <= 3)
				}
				lastEnd = end
			case i-lastEnd <= 3:
				lone = end
			}
			i = end
		default:
			i++
		}
	}
}

// wordEnd is the end of the word that begins at i: letters, and apostrophes and marks between them.
func wordEnd(v []byte, i int) int {
	end := i
	for i < len(v) {
		c := v[i]
		switch {
		case letter(c):
			i++
			end = i
		case c == '\'' && end > 0 && i == end:
			i++
		case wide(c):
			r, n := utf8.DecodeRune(v[i:])
			switch {
			case unicode.IsLetter(r) || unicode.IsMark(r):
				i += n
				end = i
			case (r == '’' || r == 'ʼ' || r == '\u00ad' || r == '\u200b') && i == end:
				i += n
			default:
				return end
			}
		default:
			return end
		}
	}
	return end
}

// possessive is the end of a word without 's.
func possessive(v []byte, from, end int) int {
	if end-from > 3 && v[end-1]|0x20 == 's' {
		if v[end-2] == '\'' {
			return end - 2
		}
		if b, ok := bytes.CutSuffix(v[from:end-1], []byte("’")); ok {
			return from + len(b)
		}
	}
	return end
}

// placeholder says whether a word is what redaction puts in place of something, such as [NAME].
func placeholder(v []byte, from, end int) bool {
	if from == 0 || end >= len(v) || v[from-1] != '[' || v[end] != ']' {
		return false
	}
	switch string(v[from:end]) {
	case "NAME", "DATE", "PHONE", "EMAIL", "SSN", "NUMBER", "URL", "IP", "ADDRESS", "CITY", "REDACTED":
		return true
	}
	return false
}

// joined yields a code that begins with a letter or a digit at i, such as MRN-00123, when nothing of it came before.
func (l *lexer) joined(v []byte, i int) {
	if !l.want.has(identify.Record) || i > 0 && (letter(v[i-1]) || digit(v[i-1]) || wide(v[i-1]) || i > 1 && joint(v[i-1]) && (letter(v[i-2]) || digit(v[i-2]))) {
		return
	}
	end, letters, digits, joints, dashes := i, 0, 0, 0, 0
scan:
	for ; end < len(v) && end-i < 64; end++ {
		switch c := v[end]; {
		case digit(c):
			digits++
		case letter(c):
			letters++
		case joint(c) && end+1 < len(v) && (letter(v[end+1]) || digit(v[end+1])):
			joints++
			if c == '-' {
				dashes++
			}
		default:
			break scan
		}
	}
	if letters > 0 && digits >= codeDigits || letters == 0 && dashes > 0 && dashes == joints && !calendar(v[i:end]) {
		l.buf = fold(l.buf[:0], v[i:end])
		l.record(l.buf)
	}
}

// calendar says whether digits and dashes are a day.
func calendar(v []byte) bool {
	return len(v) == 10 && (v[4] == '-' && v[7] == '-' || v[2] == '-' && v[5] == '-')
}

func joint(c byte) bool { return c == '-' || c == '_' || c == '.' || c == '/' || c == ':' }

// record yields a code or a number, if it is long enough to single anybody out.
func (l *lexer) record(code []byte) {
	if code = record(code); code != nil {
		l.to.code(identify.Record, code)
	}
}

// Least lengths of codes and numbers that are looked for at all.
const (
	codeLength   = 6 // of one with letters
	codeDigits   = 3 // digits in it
	numberDigits = 5
)

// record is the normal form of a folded code: nil when it is too short. Zeros before a number say nothing.
func record(code []byte) []byte {
	digits := 0
	for _, c := range code {
		if digit(c) {
			digits++
		}
	}
	if digits < len(code) {
		if len(code) < codeLength || digits < codeDigits {
			return nil
		}
		return code
	}
	if code = bytes.TrimLeft(code, "0"); len(code) < numberDigits {
		return nil
	}
	return code
}

// digits looks at the run of digits that begins at i and at those that follow it with no more between than people write within
// a number, and gives where to go on.
func (l *lexer) digits(v []byte, i int) int {
	l.groups = l.groups[:0]
	first := i
	for i < len(v) && digit(v[i]) && len(l.groups) < 32 {
		from := i
		for i < len(v) && digit(v[i]) {
			i++
		}
		l.groups = append(l.groups, group{from, i})
		next := i
		for next < len(v) && next-i < 3 && separator(v[next]) {
			next++
		}
		if next == i || next == len(v) || !digit(v[next]) {
			break
		}
		i = next
	}
	end := l.groups[len(l.groups)-1].to
	l.joined(v, first)
	for n, g := range l.groups {
		if l.want.has(identify.Record) {
			if g.from < 2 || v[g.from-1] != '.' || !digit(v[g.from-2]) { // else a fraction
				l.record(v[g.from:g.to])
			}
			if n > 0 {
				l.joined(v, g.from)
			}
		}
		if l.want.has(identify.Phone) {
			l.phone(v, l.groups[n:])
		}
		if l.want.has(identify.SSN) {
			l.ssn(v, l.groups[n:])
		}
		if l.want.has(identify.Date) {
			l.date(v, l.groups[n:])
		}
		if l.want.has(identify.IP) {
			l.ipv4(v, l.groups[n:])
		}
		if l.want.has(identify.Street) {
			l.street(v, g)
		}
	}
	return end
}

func separator(c byte) bool {
	switch c {
	case ' ', '-', '.', '(', ')', '/', '+', ',':
		return true
	}
	return false
}

// phone yields ten digits that begin a row of groups, without the 1 of North America before them.
func (l *lexer) phone(v []byte, groups []group) {
	sum := 0
	for n, g := range groups[:min(len(groups), 10)] {
		sum += g.len()
		if sum > 11 {
			return
		}
		if sum < 10 {
			continue
		}
		number := l.buf[:0]
		for _, g := range groups[:n+1] {
			number = append(number, v[g.from:g.to]...)
		}
		l.buf = number
		if sum == 11 {
			if number[0] != '1' {
				return
			}
			number = number[1:]
		}
		l.to.code(identify.Phone, number)
	}
}

// ssn yields nine digits: in one run, or as 3-2-4.
func (l *lexer) ssn(v []byte, groups []group) {
	if groups[0].len() == 9 {
		l.to.code(identify.SSN, v[groups[0].from:groups[0].to])
	}
	if len(groups) < 3 || groups[0].len() != 3 || groups[1].len() != 2 || groups[2].len() != 4 {
		return
	}
	l.buf = l.buf[:0]
	for _, g := range groups[:3] {
		l.buf = append(l.buf, v[g.from:g.to]...)
	}
	l.to.code(identify.SSN, l.buf)
}

func (l *lexer) ipv4(v []byte, groups []group) {
	if len(groups) < 4 {
		return
	}
	for i, g := range groups[:4] {
		if g.len() > 3 || i > 0 && (g.from != groups[i-1].to+1 || v[g.from-1] != '.') {
			return
		}
	}
	l.ip(v[groups[0].from:groups[3].to])
}

// ipv6 looks at whatever has two colons and, but for points, only hexadecimal digits.
func (l *lexer) ipv6(v []byte) {
	for from := 0; ; {
		i := bytes.IndexByte(v[from:], ':')
		if i < 0 {
			return
		}
		begin, end := from+i, from+i
		for begin > from && address(v[begin-1]) {
			begin--
		}
		for end < len(v) && address(v[end]) {
			end++
		}
		if bytes.Count(v[begin:end], []byte{':'}) > 1 && end-begin >= 3 {
			l.ip(bytes.TrimRight(v[begin:end], "."))
		}
		from = end
	}
}

func address(c byte) bool { return digit(c) || c == ':' || c == '.' || c|0x20 >= 'a' && c|0x20 <= 'f' }

func (l *lexer) ip(v []byte) {
	if ip, err := netip.ParseAddr(string(v)); err == nil {
		if normal := ipNormal(l.buf[:0], ip); normal != nil {
			l.buf = normal
			l.to.code(identify.IP, normal)
		}
	}
}

func (l *lexer) emails(v []byte) {
	for from := 0; ; {
		i := bytes.IndexByte(v[from:], '@')
		if i < 0 {
			return
		}
		at := from + i
		begin, end := at, at+1
		for begin > from && mailbox(v[begin-1]) {
			begin--
		}
		for end < len(v) && mailbox(v[end]) && v[end] != '\'' {
			end++
		}
		l.email(v, begin, at, end)
		// What is no ASCII may be a part of it, or a dash before it.
		if far := begin; far > from && wide(v[far-1]) {
			for far > from && (mailbox(v[far-1]) || wide(v[far-1])) {
				far--
			}
			l.email(v, far, at, end)
		}
		from = at + 1
	}
}

func (l *lexer) email(v []byte, begin, at, end int) {
	if begin < at && end > at+2 {
		l.scratch = emailNormal(l.scratch[:0], v[begin:end])
		l.to.code(identify.Email, l.scratch)
	}
}

func mailbox(c byte) bool {
	if letter(c) || digit(c) {
		return true
	}
	switch c {
	case '.', '_', '-', '+', '%', '\'', '=', '&', '~', '#', '$':
		return true
	}
	return false
}

func (l *lexer) urls(v []byte) {
	for from := 0; from < len(v); {
		begin := from
		i, j := bytes.IndexByte(v[from:], ':'), bytes.Index(v[from:], []byte("www."))
		if i >= 0 { // hardly any text has one
			i = bytes.Index(v[from:], []byte("://"))
		}
		switch {
		case i < 0 && j < 0:
			return
		case i < 0 || j >= 0 && j < i:
			begin += j
		default:
			begin += i + 3
		}
		end := begin
		for end < len(v) && v[end] > ' ' && bytes.IndexByte([]byte("\"'<>)]},;\\"), v[end]) < 0 {
			end++
		}
		if end > begin+3 {
			l.scratch = urlNormal(l.scratch[:0], v[begin:end])
			l.to.code(identify.URL, l.scratch)
		}
		from = max(end, begin+1)
	}
}
