package transform

import (
	_ "embed"
	"strconv"
	"strings"
	"sync"
)

var (
	streetKinds = [8]string{" Street", " Avenue", " Road", " Lane", " Drive", " Court", " Way", " Place"}
	cityEndings = [8]string{"ville", "ton", "burg", "field", "port", "dale", "ford", "wick"}
)

// fakeStreet appends a house in a street of an invented name.
func (w *Worker) fakeStreet(dst []byte) []byte {
	r := w.scratch.draw(w.fakes(), w.person().seed, drawStreet)
	n := r.next()
	dst = strconv.AppendUint(dst, n>>40%9899+101, 10)
	dst = appendLast(append(dst, ' '), int(w.table.set.dictionary.last[n%lastNames]))
	return append(dst, streetKinds[n>>16%8]...)
}

// fakeCity appends an invented city.
func (w *Worker) fakeCity(dst []byte) []byte {
	r := w.scratch.draw(w.fakes(), w.person().seed, drawCity)
	n := r.next()
	dst = append(dst, lastOnsets[n%onsets]...)
	dst = append(dst, vowels[n>>8%4])
	dst = append(dst, marks[n>>16%markers]...)
	return append(dst, cityEndings[n>>24%8]...)
}

// The populations of the three first digits of ZIP codes: United States Census 2020, table P1, added up over all ZIP code
// tabulation areas. They are in the public domain.
//
//go:embed zip3-census2020.tsv
var zip3Census2020 string

// ZIP3Version names the census by which three digits of a ZIP code are kept.
const ZIP3Version = "2020"

// enough is how many people must live where codes begin with the same three digits for these to be kept: 45 CFR 164.514(b)(2)(i)(B).
const enough = 20_000

// populous tells the three digits that may be kept. It is a list of what is allowed: what it does not know goes.
var populous = sync.OnceValue(func() *[1000]bool {
	var list [1000]bool
	for line := range strings.Lines(zip3Census2020) {
		prefix, people, ok := strings.Cut(strings.TrimSpace(line), "\t")
		if !ok || strings.HasPrefix(line, "#") {
			continue
		}
		n, err := strconv.Atoi(prefix)
		count, err2 := strconv.Atoi(people)
		if err != nil || err2 != nil || n > 999 {
			panic("the census is not readable")
		}
		list[n] = count > enough
	}
	return &list
})

// zip3 appends the three first digits of a ZIP code, the others as zeros, in its shape: 02139-1234 becomes 02100-0000. What is no
// such code, or is where too few people live, becomes zeros.
func zip3(dst, value []byte) []byte {
	if len(value) == 0 {
		return dst
	}
	digits, us := 0, true
	var first [3]int
	for i, c := range value {
		switch {
		case '0' <= c && c <= '9':
			if digits < 3 {
				first[digits] = int(c - '0')
			}
			digits++
		case (c == '-' || c == ' ') && digits == 5 && i > 0:
		case c == ' ' && (digits == 0 || i == len(value)-1):
		default:
			us = false
		}
	}
	n := 100*first[0] + 10*first[1] + first[2]
	if !us || digits != 3 && digits != 5 && digits != 9 {
		return append(dst, "00000"[:min(5, max(3, len(value)))]...)
	}
	kept := 0
	if populous()[n] {
		kept = 3
	}
	at := 0
	for _, c := range value {
		switch {
		case c < '0' || c > '9':
			dst = append(dst, c)
			continue
		case at < kept:
			dst = append(dst, c)
		default:
			dst = append(dst, '0')
		}
		at++
	}
	return dst
}
