package transform

import (
	"crypto/cipher"
	"errors"
)

// Names are made up of syllables that each hold two letters which no name has beside each other, such as Bazqen Trovxard: a
// person who reads one sees that it is nobody's, and no real name is ever made by chance.
const (
	onsets  = 16
	vowels  = "aeio"
	markers = 4
)

var (
	firstOnsets = [onsets]string{"B", "D", "F", "G", "H", "J", "K", "L", "M", "N", "P", "R", "S", "T", "V", "W"}
	lastOnsets  = [onsets]string{"Bl", "Br", "Cl", "Cr", "Dr", "Fl", "Gr", "Kl", "Pl", "Pr", "Sh", "Sk", "Sl", "St", "Tr", "Tw"}
	marks       = [markers]string{"zq", "vx", "xv", "qv"}

	firstEndings = [8]string{"a", "ar", "el", "en", "i", "in", "o", "us"}
	lastEndings  = [32]string{"ade", "aine", "all", "ame", "an", "ard", "ell", "elin", "en", "er", "erly", "eth", "ian", "ick", "iden", "ing",
		"is", "oby", "old", "on", "or", "orn", "oss", "ow", "ud", "um", "ump", "und", "ur", "usk", "yle", "ym"}
)

const (
	firstNames = onsets * 4 * markers * 8
	lastNames  = onsets * 4 * markers * 32
)

func appendFirst(dst []byte, n int) []byte {
	return appendName(dst, n, &firstOnsets, firstEndings[:])
}

func appendLast(dst []byte, n int) []byte {
	return appendName(dst, n, &lastOnsets, lastEndings[:])
}

func appendName(dst []byte, n int, first *[onsets]string, endings []string) []byte {
	dst = append(dst, first[n%onsets]...)
	n /= onsets
	dst = append(dst, vowels[n%len(vowels)])
	n /= len(vowels)
	dst = append(dst, marks[n%markers]...)
	return append(dst, endings[n/markers]...)
}

// dictionary is the invented names that are nobody's in the source either.
type dictionary struct {
	first [firstNames]uint16 // number of the name to be used for each number
	last  [lastNames]uint16
}

var errNames = errors.New("too many words of the source count as names: give its names more memory")

func newDictionary(taken func(word []byte) bool) (*dictionary, error) {
	d := &dictionary{}
	var word []byte
	choose := func(numbers []uint16, appendTo func([]byte, int) []byte) error {
		free := 0
		for i := range numbers {
			word = appendTo(word[:0], i)
			lowerASCII(word)
			numbers[i] = uint16(i)
			if taken != nil && taken(word) {
				numbers[i] = lastNames // not one of them
			} else {
				free++
			}
		}
		if free < len(numbers)/2 {
			return errNames
		}
		for i := range numbers {
			for j := i; numbers[i] == lastNames; j = (j + 1) % len(numbers) {
				numbers[i] = numbers[j]
			}
		}
		return nil
	}
	if err := choose(d.first[:], appendFirst); err != nil {
		return nil, err
	}
	return d, choose(d.last[:], appendLast)
}

// fakeName is somebody's whole name: the numbers of its parts.
type fakeName struct{ first, middle, last uint16 }

func (d *dictionary) name(s *scratch, key cipher.Block, of seed) fakeName {
	r := s.draw(key, of, drawName)
	n := r.next()
	return fakeName{d.first[n%firstNames], d.first[n>>16%firstNames], d.last[n>>32%lastNames]}
}

// part is what a column holds of a name.
type part uint8

const (
	partFull part = iota
	partFirst
	partMiddle
	partLast
	partCity // none: where the person lives
)

func partOf(name string) (part, error) {
	switch name {
	case "first":
		return partFirst, nil
	case "middle":
		return partMiddle, nil
	case "last":
		return partLast, nil
	case "full":
		return partFull, nil
	}
	return 0, errors.New("part is first, middle, last or full")
}

// append appends the part as the actual one is written: an initial as one, capitals as capitals, and a full name with its
// family name first when there is a comma, and with a middle name when it has one.
func (f fakeName) append(dst []byte, p part, actual []byte) []byte {
	style := styleOf(actual)
	if style.letters == 0 {
		for _, c := range actual { // nothing, or a dash; digits are a number that was typed into the wrong field
			if !isDigit(c) {
				dst = append(dst, c)
			}
		}
		return dst
	}
	from := len(dst)
	switch p {
	case partFirst:
		dst = appendFirst(dst, int(f.first))
	case partMiddle:
		dst = appendFirst(dst, int(f.middle))
	case partLast:
		dst = appendLast(dst, int(f.last))
	case partFull:
		if style.comma {
			dst = append(appendLast(dst, int(f.last)), ", "...)
		}
		if style.comma || style.words > 1 {
			dst = appendFirst(dst, int(f.first))
		}
		if style.words > 2 {
			dst = appendFirst(append(dst, ' '), int(f.middle))
		}
		if !style.comma {
			if style.words > 1 {
				dst = append(dst, ' ')
			}
			dst = appendLast(dst, int(f.last))
		}
	}
	switch {
	case p != partFull && style.letters == 1:
		dst = dst[:from+1]
		if style.dot {
			dst = append(dst, '.')
		}
	case style.lower == 0 && style.letters > 1:
		upperASCII(dst[from:])
	}
	if style.upper == 0 {
		lowerASCII(dst[from:])
	}
	return dst
}

type nameStyle struct {
	letters, upper, lower, words int
	comma, dot                   bool
}

func styleOf(name []byte) (s nameStyle) {
	inWord := false
	for _, c := range name {
		letter := true
		switch {
		case 'a' <= c && c <= 'z':
			s.lower++
		case 'A' <= c && c <= 'Z':
			s.upper++
		case c >= 0xC0:
			s.lower, s.upper = s.lower+1, s.upper+1 // of either case: neither is missing
		case c >= 0x80:
			continue
		default:
			letter = false
		}
		switch {
		case letter:
			s.letters++
			if !inWord {
				s.words++
			}
			inWord = true
		case c == ' ' || c == ',' || c == '\t':
			inWord = false
			s.comma = s.comma || c == ','
		case c == '.':
			s.dot = true
		}
	}
	return s
}

func upperASCII(text []byte) {
	for i, c := range text {
		if 'a' <= c && c <= 'z' {
			text[i] = c &^ 0x20
		}
	}
}
