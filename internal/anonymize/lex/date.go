package lex

import (
	"time"
	"unicode/utf8"
)

// Span is a part of a text.
type Span struct{ From, To int }

// Date is a date as it is written somewhere. What is not said is 0.
type Date struct {
	Year, Month, Day int
	Short            bool // Year has two digits: the century is left out
	Word             bool // the month is a word

	From, To  int // all of it, a weekday before and a time of day after it included
	Y, M, D   Span
	Clock     int  // where the time of day begins; To without one
	Ordinal   bool // the day has an ending such as "th"
	Uncertain bool // may be something else, such as a fraction or a verb
}

// Full says whether it is one day.
func (d *Date) Full() bool { return (d.Year > 0 || d.Short) && d.Month > 0 && d.Day > 0 }

// ReadDate reads the date that begins at text[i], where a word or a number begins.
func ReadDate(text []byte, i int) (Date, bool) {
	from := i
	if classes[text[i]] == Letter {
		word, end := shortWord(text, i)
		if end > i && weekday(word.fold()) {
			i = end
			for n := 0; n < 3 && i < len(text) && (text[i] == ' ' || text[i] == ',' || text[i] == '.'); n++ {
				i++
			}
			if i == end || i == len(text) {
				return Date{}, false
			}
		}
	}
	var d Date
	ok := false
	switch classes[text[i]] {
	case Digit:
		d, ok = dateOfNumber(text, i)
	case Letter:
		d, ok = dateOfMonth(text, i)
	}
	if !ok {
		return d, false
	}
	d.From, d.Clock = from, d.To
	d.To = clock(text, d.To)
	return d, true
}

// digitsAt reads the digits at text[i]; their value, when there are no more than eight.
func digitsAt(text []byte, i int) (value, end int) {
	end = i
	for end < len(text) && classes[text[end]] == Digit {
		if end-i < 8 {
			value = value*10 + int(text[end]-'0')
		}
		end++
	}
	return value, end
}

func isYear(v, width int) bool { return width == 4 && 1850 <= v && v < 2110 }

// separator reads what parts the numbers of a date: the kind, with all dashes alike, and where the next may begin.
func separator(text []byte, i int) (kind byte, end int) {
	if i < len(text) && text[i] == ' ' {
		kind = ' '
		i++
	}
	if i == len(text) {
		return 0, i
	}
	switch c := text[i]; {
	case c == '-' || c == '/' || c == '.' || c == '_' || c == '\\':
		kind = c
		i++
	case c >= utf8.RuneSelf:
		r, n := utf8.DecodeRune(text[i:])
		if dash(r) {
			kind = '-'
			i += n
		} else if r == '\u00a0' {
			kind = ' '
			i += n
		}
	}
	if kind != 0 && kind != ' ' && i < len(text) && text[i] == ' ' {
		i++
	}
	return kind, i
}

func dash(r rune) bool { return '\u2010' <= r && r <= '\u2015' || r == '\u2212' || r == '\uff0d' }

func dateOfNumber(text []byte, i int) (Date, bool) {
	a, end := digitsAt(text, i)
	switch width := end - i; {
	case width == 8 || width == 12 || width == 14:
		return compactDate(text, i, end)
	case isYear(a, width):
		d := Date{Year: a, Y: Span{i, end}}
		kind, next := separator(text, end)
		if kind == 0 || next == len(text) {
			return d, false
		}
		if classes[text[next]] == Letter {
			word, wordEnd := shortWord(text, next)
			if d.Month = month(word.fold()); d.Month == 0 {
				return d, false
			}
			d.M, d.Word, d.To = Span{next, wordEnd}, true, wordEnd
			_, next = separator(text, wordEnd)
			if v, e := digitsAt(text, next); 0 < e-next && e-next <= 2 && 1 <= v && v <= 31 {
				d.Day, d.D, d.To = v, Span{next, e}, e
			}
			return d, d.Day > 0 || text[d.M.From] < 'a'
		}
		m, e := digitsAt(text, next)
		if e == next || e-next > 2 || m < 1 || m > 12 {
			return d, false
		}
		d.Month, d.M, d.To = m, Span{next, e}, e
		again, next := separator(text, e)
		if again == kind {
			if v, e := digitsAt(text, next); 0 < e-next && e-next <= 2 && 1 <= v && v <= 31 {
				d.Day, d.D, d.To = v, Span{next, e}, e
				return d, true
			}
		}
		return d, kind != ' '
	case width <= 2 && 1 <= a && a <= 31:
		if d, ok := dateOfDay(text, i, end, a); ok {
			return d, true
		}
		return numericDate(text, i, end, a)
	case width == 2:
		return numericDate(text, i, end, a) // such as 80-03-04
	}
	return Date{}, false
}

// compactDate is of a run of digits alone: 20190304, 03041980, 20190304123000.
func compactDate(text []byte, i, end int) (Date, bool) {
	at := func(from, to int) int { v, _ := digitsAt(text[:i+to], i+from); return v }
	ymd := Date{Year: at(0, 4), Month: at(4, 6), Day: at(6, 8), Y: Span{i, i + 4}, M: Span{i + 4, i + 6}, D: Span{i + 6, i + 8}, To: end}
	mdy := Date{Month: at(0, 2), Day: at(2, 4), Year: at(4, 8), M: Span{i, i + 2}, D: Span{i + 2, i + 4}, Y: Span{i + 4, i + 8}, To: end}
	for _, d := range [2]Date{ymd, mdy} {
		if end-i > 8 && d.Y.From != i {
			break
		}
		if isYear(d.Year, 4) && fit(&d) {
			return d, true
		}
	}
	return Date{}, false
}

// fit makes a date of a month and a day that may have been read the wrong way round.
func fit(d *Date) bool {
	if d.Month < 1 || d.Day < 1 || d.Month > 31 || d.Day > 31 || d.Month > 12 && d.Day > 12 {
		return false
	}
	if d.Month > 12 {
		d.Month, d.Day, d.M, d.D = d.Day, d.Month, d.D, d.M
		return true
	}
	return true
}

// numericDate is of numbers with marks between them, of which the first has been read.
func numericDate(text []byte, i, end, a int) (Date, bool) {
	kind, next := separator(text, end)
	b, e := digitsAt(text, next)
	if kind == 0 || e == next {
		return Date{}, false
	}
	if isYear(b, e-next) { // 3/2019
		return Date{Year: b, Month: a, Y: Span{next, e}, M: Span{i, end}, To: e}, a <= 12 && kind != ' ' && kind != '.'
	}
	if e-next > 2 {
		return Date{}, false
	}
	if again, after := separator(text, e); again != 0 && (again == ' ') == (kind == ' ') {
		c, last := digitsAt(text, after)
		d := Date{Year: c, Month: a, Day: b, Y: Span{after, last}, M: Span{i, end}, D: Span{next, e}, To: last}
		if isYear(c, last-after) && fit(&d) {
			return d, true
		}
		if last-after == 2 && kind != ' ' {
			d.Short = true
			if fit(&d) {
				return d, true
			}
			d = Date{Year: a, Month: b, Day: c, Y: Span{i, end}, M: Span{next, e}, D: Span{after, last}, To: last, Short: true}
			if fit(&d) {
				return d, true
			}
		}
	}
	d := Date{Month: a, Day: b, M: Span{i, end}, D: Span{next, e}, To: e, Uncertain: true}
	return d, kind == '/' && fit(&d)
}

// dateOfDay is of a day, of which the number has been read, before a month: 2 January 2006, 2nd of Jan, 02JAN06.
func dateOfDay(text []byte, i, end, day int) (Date, bool) {
	d := Date{Day: day, D: Span{i, end}}
	next := ordinal(text, end)
	d.Ordinal = next > end
	for n := 0; n < 2 && next < len(text) && (text[next] == ' ' || text[next] == '-' || text[next] == '/' || text[next] == '.'); n++ {
		next++
	}
	word, e := shortWord(text, next)
	if w := word.fold(); string(w) == "of" || string(w) == "de" {
		if e == len(text) || text[e] != ' ' {
			return d, false
		}
		next = e + 1
		word, e = shortWord(text, next)
	}
	if d.Month = month(word.fold()); d.Month == 0 {
		return d, false
	}
	d.M, d.Word, d.To = Span{next, e}, true, e
	yearAfter(text, &d, e)
	return d, d.Year > 0 || d.Short || !verb(word.fold()) || text[next] < 'a'
}

// dateOfMonth is of a month that is a word: January 2, 2006; Jan 2006; Jan. 2nd.
func dateOfMonth(text []byte, i int) (Date, bool) {
	word, end := shortWord(text, i)
	d := Date{Month: month(word.fold()), M: Span{i, end}, Word: true}
	if d.Month == 0 {
		return d, false
	}
	next := end
	for n := 0; n < 3 && next < len(text); n++ {
		if c := text[next]; c != ' ' && c != '.' && c != ',' && c != '-' && c != '/' {
			break
		}
		next++
	}
	if word, e := shortWord(text, next); string(word.fold()) == "the" && e+1 < len(text) && text[e] == ' ' {
		next = e + 1
	}
	v, e := digitsAt(text, next)
	if isYear(v, e-next) {
		d.Year, d.Y, d.To = v, Span{next, e}, e
		return d, true
	}
	if e == next || e-next > 2 || v < 1 || v > 31 {
		return d, false
	}
	d.Day, d.D = v, Span{next, e}
	d.To = ordinal(text, e)
	d.Ordinal = d.To > e
	// A range of days, such as January 2-4, 2006.
	if kind, after := separator(text, d.To); kind == '-' && text[next-1] != '-' {
		if v, e := digitsAt(text, after); 0 < e-after && e-after <= 2 && 1 <= v && v <= 31 {
			d.To = e
			d.Uncertain = true
		}
	}
	yearAfter(text, &d, d.To)
	return d, d.Year > 0 || d.Short || !verb(word.fold()) || text[i] < 'a'
}

// yearAfter reads the year that follows, if one does.
func yearAfter(text []byte, d *Date, i int) {
	from, quote, mark := i, false, false
	for n := 0; n < 4 && i < len(text); n++ {
		c := text[i]
		switch {
		case c == '\'':
			quote = true
		case c == ',' || c == '-' || c == '/':
			mark = true
		case c != ' ' && c != '.':
			n = 4
			continue
		}
		i++
	}
	if word, e := shortWord(text, i); i > from && (string(word.fold()) == "de" || string(word.fold()) == "of") && e < len(text) && text[e] == ' ' {
		i = e + 1
	}
	v, end := digitsAt(text, i)
	switch {
	case isYear(v, end-i):
		d.Year, d.Y, d.To = v, Span{i, end}, end
	case end-i == 2 && (quote || mark || i == from) && ends(text, end):
		d.Year, d.Y, d.To, d.Short = v, Span{i, end}, end, true
	}
}

// ends says whether a number ends at text[i], and neither a unit follows nor the next part of a time or of another date.
func ends(text []byte, i int) bool {
	if i == len(text) {
		return true
	}
	switch c := text[i]; c {
	case '%':
		return false
	case ':', '/', '-', '.', '_', '\\':
		return i+1 == len(text) || classes[text[i+1]] != Digit
	default:
		return classes[c] != Letter
	}
}

func ordinal(text []byte, i int) int {
	if len(text)-i < 2 || len(text)-i > 2 && classes[text[i+2]] == Letter {
		return i
	}
	switch string([]byte{text[i] | 0x20, text[i+1] | 0x20}) {
	case "st", "nd", "rd", "th":
		return i + 2
	}
	return i
}

// clock is the end of the time of day that follows a date at text[i]; i without one.
func clock(text []byte, i int) int {
	at := i
	for n := 0; n < 3 && at < len(text) && (text[at] == ' ' || text[at] == ',' || text[at] == 'T' || text[at] == 't' || text[at] == '@' || text[at] == '-'); n++ {
		at++
	}
	h, e := digitsAt(text, at)
	if at == i || e == at || e-at > 2 || h > 24 || e == len(text) || text[e] != ':' {
		return i
	}
	for n := 0; n < 2 && e < len(text) && text[e] == ':'; n++ {
		_, next := digitsAt(text, e+1)
		if next-e != 3 {
			break
		}
		e = next
		at = e
	}
	if at != e {
		return i
	}
	if e < len(text) && (text[e] == '.' || text[e] == ',') {
		if _, next := digitsAt(text, e+1); next > e+1 {
			e = next
		}
	}
	// PM, Z, +01:00, -0500
	next := e
	if next < len(text) && text[next] == ' ' {
		next++
	}
	if len(text)-next >= 2 && (text[next]|0x20 == 'a' || text[next]|0x20 == 'p') && text[next+1]|0x20 == 'm' && !letterAt(text, next+2) {
		return next + 2
	}
	if e < len(text) && (text[e] == 'Z' || text[e] == 'z') && !letterAt(text, e+1) {
		return e + 1
	}
	if e < len(text) && (text[e] == '+' || text[e] == '-') {
		if _, z := digitsAt(text, e+1); z-e == 3 || z-e == 5 {
			if e = z; e < len(text) && text[e] == ':' {
				if _, z := digitsAt(text, e+1); z-e == 3 {
					e = z
				}
			}
		}
	}
	return e
}

// short is a word of at most twelve letters, in small letters.
type short struct {
	letters [12]byte
	n       int
}

func (s *short) fold() []byte { return s.letters[:s.n] }

// shortWord reads a word of ASCII letters; none, when it is longer.
func shortWord(text []byte, i int) (s short, end int) {
	for end = i; end < len(text) && classes[text[end]] == Letter; end++ {
		if s.n == len(s.letters) {
			return short{}, i
		}
		s.letters[s.n] = text[end] | 0x20
		s.n++
	}
	if end < len(text) && classes[text[end]] == Wide && letterAt(text, end) {
		return short{}, i
	}
	return s, end
}

// month is the month that a folded word names; 0: none.
func month(word []byte) int {
	switch string(word) {
	case "january", "jan", "enero", "ene":
		return 1
	case "february", "feb", "febr", "febrero":
		return 2
	case "march", "mar", "marzo":
		return 3
	case "april", "apr", "abril", "abr":
		return 4
	case "may", "mayo":
		return 5
	case "june", "jun", "junio":
		return 6
	case "july", "jul", "julio":
		return 7
	case "august", "aug", "agosto", "ago":
		return 8
	case "september", "sept", "sep", "septiembre":
		return 9
	case "october", "oct", "octubre":
		return 10
	case "november", "nov", "noviembre":
		return 11
	case "december", "dec", "diciembre", "dic":
		return 12
	}
	return 0
}

// verb says whether a month's name is a word of another meaning, too.
func verb(word []byte) bool {
	switch string(word) {
	case "may", "mar", "ago":
		return true
	}
	return false
}

func weekday(word []byte) bool {
	switch string(word) {
	case "monday", "mon", "tuesday", "tue", "tues", "wednesday", "wed", "thursday", "thu", "thur", "thurs", "friday", "fri",
		"saturday", "sat", "sunday", "sun":
		return true
	}
	return false
}

// AppendMonth appends a month's name as another one is written: abbreviated or not, in capitals or not.
func AppendMonth(dst []byte, m int, like []byte) []byte {
	name := time.Month(m).String()
	if n := len(like); n < 4 || n == 4 && like[3]|0x20 != 'e' && like[3]|0x20 != 'y' { // June and July are whole
		name = name[:3]
	}
	for i := range len(name) {
		c := name[i]
		switch {
		case i == 0 && like[0] >= 'a':
			c |= 0x20
		case i > 0 && len(like) > 1 && like[1] < 'a':
			c &^= 0x20
		}
		dst = append(dst, c)
	}
	return dst
}
