package scan

import "github.com/feel-august/terraform-provider-august/internal/anonymize/identify"

// A street is known by its number and the two words after it, the kind of street in short: 12 north main, 7 elm st. One word
// is enough where there is no other.

var streetKinds = map[string]string{
	"street": "st", "avenue": "ave", "av": "ave", "road": "rd", "drive": "dr", "lane": "ln", "court": "ct", "boulevard": "blvd",
	"place": "pl", "square": "sq", "terrace": "ter", "parkway": "pkwy", "highway": "hwy", "circle": "cir",
	"north": "n", "south": "s", "east": "e", "west": "w",
}

// street yields what may be a street after a number.
func (l *lexer) street(v []byte, number group) {
	if cap(l.buf) < 96 {
		l.buf = make([]byte, 0, 96)
	}
	one, two := streetKey(l.buf[:0], v, number)
	if two != nil {
		l.to.code(identify.Street, two)
	}
	if one != nil {
		l.to.code(identify.Street, one)
	}
}

// streetKey gives what a number and the words after it are known by: with one word, and with two.
func streetKey(dst, v []byte, number group) (one, two []byte) {
	if number.len() > 6 || cap(dst) < 96 {
		return nil, nil
	}
	dst = append(dst, v[number.from:number.to]...)
	i := number.to
	if i < len(v) && letter(v[i]) && (i+1 == len(v) || v[i+1] == ' ') {
		i++ // 12b
	}
	for n := range 2 {
		for gap := 0; i < len(v) && (v[i] == ' ' || v[i] == '.' || v[i] == ','); i, gap = i+1, gap+1 {
			if gap == 2 {
				return one, nil
			}
		}
		from := i
		for i < len(v) && (letter(v[i]) || digit(v[i]) || wide(v[i])) {
			i++
		}
		if from == i || i-from > 32 || from == number.to {
			return one, nil
		}
		var buf [40]byte
		word := fold(buf[:0], v[from:i])
		dst = append(dst, ' ')
		if short, ok := streetKinds[string(word)]; ok {
			dst = append(dst, short...)
		} else {
			dst = append(dst, word...)
		}
		if n == 0 {
			one = dst
			continue
		}
		two = dst
	}
	return one, two
}

// streetNormal is what a street is known by; nil when it has no number.
func streetNormal(dst, v []byte) []byte {
	for i := 0; i < len(v); i++ {
		if !digit(v[i]) {
			continue
		}
		from := i
		for i < len(v) && digit(v[i]) {
			i++
		}
		one, two := streetKey(dst, v, group{from, i})
		if two != nil {
			return two
		}
		if one != nil && len(one) > i-from+4 { // a word of four letters at least
			return one
		}
	}
	return nil
}
