package redact

import (
	"bytes"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/lex"
)

// isAge takes ages over 89.
func (p *pass) isAge(end int) bool {
	age := 0
	if end-p.at < 2 || end-p.at > 3 {
		return false
	}
	for _, c := range p.in[p.at:end] {
		age = age*10 + int(c-'0')
	}
	if age < 90 || age > 130 {
		return false
	}
	const label = "90 or older"
	if bytes.HasPrefix(p.in[p.at:], []byte(label)) {
		p.at += len(label)
		return true
	}
	told := p.before&ageWord != 0 && p.at-p.ended <= 3 || p.apposed(end)
	to, unit := p.unit(end)
	if !unit {
		to, unit = p.sexed(end, age)
	}
	if !told && !unit {
		return false
	}
	p.cut(p.at, to)
	p.open = true
	p.dst = append(p.dst, label...)
	if to < len(p.in) && lex.ClassOf(p.in[to]) == lex.Letter {
		p.dst = append(p.dst, ' ')
	}
	return true
}

// unit is the end of the word that makes the number before in[i] an age: years, years old, -year-old, yo, y/o, y.o.
func (p *pass) unit(i int) (end int, ok bool) {
	end = i
	for range 2 {
		at := p.joint(end)
		next, has := p.next(at, 0)
		if !has || next.flags&yearWord == 0 {
			break
		}
		end, ok = next.to, true
		if len(next.text) == 1 && end+1 < len(p.in) && (p.in[end] == '/' || p.in[end] == '.') && p.in[end+1]|0x20 == 'o' {
			if end += 2; end < len(p.in) && p.in[end-2] == '.' && p.in[end] == '.' {
				end++
			}
		}
	}
	return end, ok
}

// joint is the end of what joins a number to its unit at in[i]: a slash, a full stop, spaces and hyphens of whatever kind.
func (p *pass) joint(i int) int {
	if i < len(p.in) && (p.in[i] == '/' || p.in[i] == '.') {
		return i + 1
	}
	for range 3 {
		switch rest := p.in[i:]; {
		case len(rest) > 0 && (rest[0] == ' ' || rest[0] == '-'):
			i++
		case len(rest) > 1 && rest[0] == 0xc2 && rest[1] == 0xa0: // that does not break
			i += 2
		case len(rest) > 2 && rest[0] == 0xe2 && rest[1] == 0x80 && (0x90 <= rest[2] && rest[2] <= 0x95 || rest[2] == 0xaf):
			i += 3
		default:
			return i
		}
	}
	return i
}

// sexed says whether a number is an age by what is behind it, and where it ends: 94 male, 93/F, her 92nd birthday, her 90s.
func (p *pass) sexed(end, age int) (to int, ok bool) {
	if p.before&pronoun != 0 && end < len(p.in) && p.in[end] == 's' {
		return end + 1, true
	}
	next, has := p.next(p.joint(end), 0)
	switch {
	case !has:
		return end, false
	case next.flags&of != 0 && next.from == end:
		then, has := p.next(next.to, 1)
		return next.to, has && then.flags&(bornWord|yearWord) != 0
	case next.flags&sex == 0:
		return end, false
	case len(next.text) > 1:
		return end, true
	}
	return end, next.cap && (next.text[0] == 'm' || age <= 96) // warmer than that it is a temperature
}

// apposed says whether a number is set beside whom it is the age of: the patient, 94, was; his wife (91).
func (p *pass) apposed(end int) bool {
	from := p.at
	for from > 0 && p.at-from < 2 && (p.in[from-1] == ' ' || p.in[from-1] == ',' || p.in[from-1] == '(') {
		from--
	}
	if p.at-from != 2 || end >= len(p.in) || (p.in[from] != ',' || p.in[end] != ',') && (p.in[p.at-1] != '(' || p.in[end] != ')') {
		return false
	}
	return p.ended == from && p.before&kin != 0 || p.nameEnd == from
}

// isNinety takes ages over 89 that are written in words.
func (p *pass) isNinety(w *word) bool {
	if string(w.text) != "ninety" { // in her nineties, a centenarian
		p.put(w.from, w.base, "90 or older")
		p.open = true
		return true
	}
	end := w.to
	next, ok := p.next(end, 1)
	if ok && bytes.IndexByte([]byte("otfsen"), next.text[0]) >= 0 && next.flags&yearWord == 0 && len(next.text) < 6 {
		switch string(next.text) {
		case "one", "two", "three", "four", "five", "six", "seven", "eight", "nine":
			end = next.to
		}
	}
	to, unit := p.unit(end)
	if !unit && p.before&ageWord == 0 {
		return false
	}
	p.put(w.from, to, "90 or older")
	p.open = true
	return true
}
