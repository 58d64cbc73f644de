package redact

import (
	"bytes"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/lex"
)

// isStreet takes street addresses, with what follows of them.
func (p *pass) isStreet() bool {
	s, ok := lex.ReadStreet(p.in, p.at)
	if !ok {
		return false
	}
	if own := &p.own.street; len(own.name) > 0 && bytes.Equal(own.number, p.in[s.Number.From:s.Number.To]) {
		n, _ := foldLong(&p.ahead, p.in[s.Name.From:s.Name.To])
		if bytes.Equal(p.ahead[:n], own.name) {
			if !s.Known {
				s.To = s.Name.To
			}
			p.put(p.at, p.address(s.To), "[ADDRESS]")
			return true
		}
	}
	if !s.Known {
		return false
	}
	// Ten days on the road are none.
	for from, to := range words(p.in[s.Name.From:s.To]) {
		n, _ := foldLong(&p.ahead, p.in[s.Name.From+from:s.Name.From+to])
		if c := p.in[s.Name.From+from]; c >= 'a' && c < 0x80 && from == 0 && p.flagsOf(p.ahead[:n])&(ordinary|yearWord|amount) != 0 {
			return false
		}
	}
	p.put(p.at, p.address(s.To), "[ADDRESS]")
	return true
}

// address is the end of the flat, the town, the state and the postal code that follow a street.
func (p *pass) address(i int) int {
	end := i
	if next, ok := p.next(end, 3); ok {
		switch string(next.text) {
		case "apt", "apartment", "unit", "suite", "ste", "lot", "room", "rm", "bldg", "floor", "fl", "no":
			at := next.to
			for n := 0; n < 3 && at < len(p.in) && (p.in[at] == ' ' || p.in[at] == '.' || p.in[at] == '#'); n++ {
				at++
			}
			if code, _, _ := lex.Code(p.in, at); code > at {
				end = code
			}
		}
	}
	town := end
	for range 4 {
		if at := p.stateAfter(town); at > 0 {
			return p.zip(at)
		}
		next, ok := p.next(town, 2)
		if !ok || !next.cap {
			break
		}
		town = next.to
	}
	return end
}

func (p *pass) zip(i int) int {
	at := i
	for n := 0; n < 2 && at < len(p.in) && (p.in[at] == ' ' || p.in[at] == ','); n++ {
		at++
	}
	code, letters, digits := lex.Code(p.in, at)
	if letters == 0 && (digits == 5 || digits == 9) {
		return code
	}
	return i
}

// isCity takes away the town before a state's code: Austin, TX.
func (p *pass) isCity(w *word) bool {
	end := w.to
	for range 3 {
		if code := p.stateAfter(end); code > 0 {
			p.put(w.from, end, "[CITY]")
			return true
		}
		if end >= len(p.in) || p.in[end] != ' ' {
			return false
		}
		next, ok := p.next(end, 1)
		if !ok || !next.cap || next.flags&ordinary != 0 {
			return false
		}
		end = next.to
	}
	return false
}

// stateAfter is the end of ", TX" at in[i]; 0, when it is not there.
func (p *pass) stateAfter(i int) int {
	if i+3 >= len(p.in) || p.in[i] != ',' {
		return 0
	}
	i++
	if p.in[i] == ' ' {
		i++
	}
	end := i + 2
	if end > len(p.in) || end < len(p.in) && (lex.ClassOf(p.in[end]) == lex.Letter || lex.ClassOf(p.in[end]) == lex.Digit) {
		return 0
	}
	if p.in[i] >= 'a' || p.in[i+1] >= 'a' || p.flagsOf([]byte{p.in[i] | 0x20, p.in[i+1] | 0x20})&state == 0 {
		return 0
	}
	return end
}
