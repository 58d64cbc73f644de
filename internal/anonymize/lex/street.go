package lex

// Street is a street address as it is written somewhere.
type Street struct {
	Number Span
	Name   Span // the first word of the street's name that is no direction
	To     int
	Known  bool // it ends in a word such as Street
}

// ReadStreet reads the address that begins at text[i], a digit: a number, and up to five words. Without a word such as Street
// among them it is one only where nothing else is expected, which is for the caller to know.
func ReadStreet(text []byte, i int) (s Street, ok bool) {
	_, end := digitsAt(text, i)
	if end == i || end-i > 6 {
		return s, false
	}
	s.Number = Span{i, end}
	if end < len(text) && classes[text[end]] == Letter { // 12B
		end++
		if letterAt(text, end) {
			return s, false
		}
	}
	for range 6 {
		next := gap(text, end)
		if next == end || next == len(text) {
			break
		}
		word, e := shortWord(text, next)
		if e == next { // a numbered street, such as 5th
			v, d := digitsAt(text, next)
			if e = ordinal(text, d); v == 0 || e == d {
				break
			}
		}
		if s.Name.To > 0 && suffix(word.fold()) {
			s.Known, s.To = true, e
			if e < len(text) && text[e] == '.' && word.n < 5 {
				s.To++
			}
			return s, true
		}
		if s.Name.To == 0 && !direction(word.fold()) {
			s.Name = Span{next, e}
		}
		end = e
	}
	s.To = end
	return s, s.Name.To > 0
}

// gap is the end of what stands between two words of an address.
func gap(text []byte, i int) int {
	if i < len(text) && text[i] == '.' {
		i++
	}
	for n := 0; n < 2 && i < len(text) && text[i] == ' '; n++ {
		i++
	}
	return i
}

func direction(word []byte) bool {
	switch string(word) {
	case "n", "s", "e", "w", "ne", "nw", "se", "sw", "north", "south", "east", "west", "old", "new", "the":
		return true
	}
	return false
}

func suffix(word []byte) bool {
	switch string(word) {
	case "street", "st", "str", "avenue", "ave", "av", "road", "rd", "boulevard", "blvd", "drive", "dr", "lane", "ln", "court", "ct", "circle", "cir",
		"place", "pl", "plaza", "plz", "square", "sq", "terrace", "ter", "trail", "trl", "parkway", "pkwy", "highway", "hwy", "way", "loop", "alley",
		"crescent", "cres", "cove", "pike", "turnpike", "row", "walk", "freeway", "fwy", "expressway", "broadway", "park", "crossing", "xing", "ridge",
		"bend", "point", "hill", "hills", "run", "path", "glen", "landing", "heights", "hts", "manor", "meadows", "springs", "creek":
		return true
	}
	return false
}
