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
	for range 6 {
		if at := p.stateAfter(town); at > 0 {
			return p.zip(at)
		}
		if at := p.zip(town); at > town {
			return at
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

// town sets the town that the person lives in.
func (o *Own) town(name []byte) {
	o.towns = 0
	for from, to := range words(name) {
		if o.towns == len(o.city) {
			break
		}
		o.fold = lex.Fold(o.fold[:0], name[from:to])
		o.city[o.towns] = keyOf(o.fold)
		o.towns++
	}
	if o.towns > 0 {
		o.note(o.city[0])
	}
}

// isOwnCity takes the town that the person lives in. One that is named as a thing is (Reading) must be written as a town.
func (p *pass) isOwnCity(w *word) bool {
	o := p.own
	if o.towns == 0 || o.city[0] != w.key || o.towns == 1 && w.flags&ordinary != 0 && (!w.cap || w.all || p.start) {
		return false
	}
	end := w.base
	for _, k := range o.city[1:o.towns] {
		next, ok := p.next(end, 2)
		if !ok || next.key != k {
			return false
		}
		end = next.base
	}
	p.put(w.from, end, "[CITY]")
	return true
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

// stateAfter is the end of what tells that a town is before in[i]: ", TX", ", Texas", " TX 78701"; 0, when nothing does.
func (p *pass) stateAfter(i int) int {
	next, ok := p.next(i, 2)
	if !ok || i == len(p.in) || !next.cap {
		return 0
	}
	switch {
	case next.flags&state != 0 && next.all && (p.in[i] == ',' || p.zip(next.to) > next.to), next.flags&stateName != 0 && p.in[i] == ',':
		return next.to
	}
	return 0
}

// beforeDegree takes the name before a degree: Ada Q. Example, MD.
func (p *pass) beforeDegree(w *word) bool {
	end := w.to
	for range 4 {
		next, ok := p.next(end, 2)
		if !ok || !next.cap {
			return false
		}
		if next.flags&degree != 0 && (next.all || len(next.text) > 2 && p.in[next.to-1] < 'a') {
			p.put(w.from, end, "[NAME]")
			return true
		}
		if next.flags&ordinary != 0 && len(next.text) > 1 || p.in[end] == ',' {
			return false
		}
		end = next.to
	}
	return false
}
