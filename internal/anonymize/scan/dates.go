package scan

import (
	"bytes"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/identify"
)

// date yields the days that a row of groups may begin with: 1980-03-04, 3/4/1980, 4.3.80, 19800304, 03041980. Where day and
// month could be either, both.
func (l *lexer) date(v []byte, groups []group) {
	g := groups[0]
	if g.len() == 8 {
		n := v[g.from:g.to]
		l.day(n[:4], n[4:6], n[6:])
		l.day(n[4:], n[:2], n[2:4])
		l.day(n[4:], n[2:4], n[:2])
	}
	if len(groups) < 3 {
		return
	}
	a, b, c := v[g.from:g.to], v[groups[1].from:groups[1].to], v[groups[2].from:groups[2].to]
	if len(b) > 2 {
		return
	}
	switch {
	case len(a) == 4 && len(c) <= 2:
		l.day(a, b, c)
	case len(a) <= 2 && (len(c) == 4 || len(c) == 2):
		l.day(c, a, b)
		if !bytes.Equal(a, b) {
			l.day(c, b, a)
		}
	}
}

const twoDigits = "00010203040506070809101112"

var months = func() map[string]int {
	m := map[string]int{"sept": 9}
	for i := time.January; i <= time.December; i++ {
		name := string(fold(nil, []byte(i.String())))
		m[name], m[name[:3]] = int(i), int(i)
	}
	return m
}()

// monthLengths is how long the names of months are that begin with a letter: few words are as long.
var monthLengths = func() (t [256]uint16) {
	for name := range months {
		t[name[0]] |= 1 << len(name)
	}
	return
}()

// monthOf is the month that a folded word names; 0: none.
func monthOf(word []byte) int {
	if len(word) == 0 || len(word) > 9 || monthLengths[word[0]]>>len(word)&1 == 0 {
		return 0
	}
	return months[string(word)]
}

// month yields the days around the name of a month: March 4, 1980; 4th of March 1980; 04-Mar-80.
func (l *lexer) month(v []byte, from, end int) {
	m := monthOf(l.scratch)
	if m == 0 {
		return
	}
	mm := []byte(twoDigits[2*m : 2*m+2])
	first, after := number(v, end, 3)
	if first == nil {
		return
	}
	if before := numberBefore(v, from); before != nil && len(first) != 1 {
		l.day(first, mm, before)
	}
	if len(first) <= 2 {
		if year, _ := number(v, after, 5); year != nil {
			l.day(year, mm, first)
		}
	}
}

// number is the run of digits that begins within so many bytes that are no part of a sentence of their own.
func number(v []byte, i, within int) ([]byte, int) {
	for n := 0; i < len(v) && !digit(v[i]); i, n = i+1, n+1 {
		c := v[i]
		if n >= within || !separator(c) && c != '\'' && !bytes.ContainsRune([]byte("stndrdthof"), rune(c|0x20)) {
			return nil, 0
		}
	}
	from := i
	for i < len(v) && digit(v[i]) {
		i++
	}
	if from == i {
		return nil, 0
	}
	return v[from:i], i
}

// numberBefore is the day of a month that ends right before i.
func numberBefore(v []byte, i int) []byte {
	for n := 0; i > 0 && !digit(v[i-1]); i, n = i-1, n+1 {
		c := v[i-1]
		if n >= 7 || !separator(c) && !bytes.ContainsRune([]byte("stndrdthof"), rune(c|0x20)) {
			return nil
		}
	}
	end := i
	for i > 0 && digit(v[i-1]) {
		i--
	}
	if end == i || end-i > 2 {
		return nil
	}
	return v[i:end]
}

// day yields a day of the last 150 years or so, as 1980-03-04. A year of two digits is of either century.
func (l *lexer) day(year, month, day []byte) {
	m, d := atoi(month), atoi(day)
	if m < 1 || m > 12 || d < 1 || d > 31 || len(year) != 4 && len(year) != 2 {
		return
	}
	y := atoi(year)
	if len(year) == 2 {
		l.yield(1900+y, m, d)
		y += 2000
	}
	if y >= 1870 && y < 2100 {
		l.yield(y, m, d)
	}
}

func (l *lexer) yield(y, m, d int) {
	l.buf = appendDay(l.buf[:0], y, m, d)
	l.to.code(identify.Date, l.buf)
}

func appendDay(dst []byte, y, m, d int) []byte {
	digit := func(n int) byte { return byte('0' + n%10) }
	return append(dst, digit(y/1000), digit(y/100), digit(y/10), digit(y), '-', digit(m/10), digit(m), '-', digit(d/10), digit(d))
}

func atoi(b []byte) int {
	n := 0
	for _, c := range b {
		n = n*10 + int(c-'0')
	}
	return n
}
