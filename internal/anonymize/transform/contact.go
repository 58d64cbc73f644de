package transform

import (
	"strconv"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/identify"
)

// fakeEmail appends an address that nobody can be written to at: example.com is reserved (RFC 2606). It is a person's alone.
func (w *Worker) fakeEmail(dst []byte, limit int) []byte {
	p := w.person()
	from := len(dst)
	dst = appendFirst(dst, int(p.name.first))
	dst = appendLast(append(dst, '.'), int(p.name.last))
	lowerASCII(dst[from:])
	dst = append(dst, '.')
	dst = append(w.personCode(dst), "@example.com"...)
	if limit > 0 && len(dst)-from > limit {
		dst = append(w.personCode(append(dst[:from], 'p')), "@example.com"...)
	}
	return dst
}

// shortestEmail is what an e-mail column must have room for.
const shortestEmail = len("p") + longestCode + len("@example.com")

// longestCode is the length of what personCode appends, at most.
const longestCode = 13

// personCode appends what no other person has: a hash of 64 bits of what names it.
func (w *Worker) personCode(dst []byte) []byte {
	return strconv.AppendUint(dst, w.person().seed.hi, 36)
}

// fakePhone appends a number that is nobody's, written as the real one is. Of North America it is of 555-0100 to 555-0199, which
// are for fiction; of any other country it begins with 999, which is none.
func (w *Worker) fakePhone(dst, value []byte) []byte {
	r := w.scratch.draw(w.fakes(), w.person().seed, drawPhone)
	n, abroad, extension := 0, false, false
	for i, c := range value {
		switch {
		case '0' <= c && c <= '9':
			n++
		case c == '+' && n == 0:
			abroad = i+1 == len(value) || value[i+1] != '1'
		}
	}
	local := [11]byte{'1', '2', '0', '0', '5', '5', '5', '0', '1', '0', '0'}
	for range tries {
		area, last := areaCode(r.below(areas)), r.below(100)
		local[1], local[2], local[3] = '0'+byte(area/100), '0'+byte(area/10%10), '0'+byte(area%10) //nolint:gosec // three digits
		local[9], local[10] = '0'+byte(last/10), '0'+byte(last%10)                                 //nolint:gosec // two digits
		w.code = append(w.code[:0], local[1:]...)
		if !w.isTaken(identify.Phone, w.code) {
			break
		}
	}
	number := local[1:]
	abroadCode := [3]byte{'9', '9', '9'}
	first := byte(0)
	for _, c := range value {
		if '0' <= c && c <= '9' {
			first = c
			break
		}
	}
	switch {
	case abroad:
		number = abroadCode[:]
	case n >= 11 && first == '1':
		number = local[:]
	case n < 7:
		number = nil
	case n < 10:
		number = local[4:]
	}
	at := 0
	for i, c := range value {
		switch {
		case '0' <= c && c <= '9':
			if at < len(number) {
				dst = append(dst, number[at])
			} else {
				dst = append(dst, '0'+byte(r.below(10))) //nolint:gosec // one digit
			}
			at++
		case c == 'x' || c == 'X':
			if at >= 7 && !extension && i+1 < len(value) {
				extension = true
				dst = append(dst, c)
			}
		case c < 0x80 && !isLetter(c) && c >= ' ' && c != '\'' && c != '"':
			dst = append(dst, c)
		}
	}
	return dst
}

// tries is how often something else is made up because what was is somebody's in the source: where invented data was taken for
// real.
const tries = 16

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

// areas is how many area codes fake numbers may have: three digits, the first from 2 to 9, the second not 9, none that is free
// of charge (8xx), personal (5xx), for services (N11) or 7xx, of which 700 is one.
const areas = 5 * 89

func areaCode(n uint64) uint64 {
	hundreds, rest := [5]uint64{2, 3, 4, 6, 9}[n/89], n%89
	if rest >= 11 {
		rest++ // without N11
	}
	if hundreds == 9 && rest == 0 {
		rest = 1 // 900 is for a charge
	}
	return 100*hundreds + rest
}

// ssns is how many numbers of social security fakes are chosen from: 900 to 999 have never been issued, nor, as taxpayers'
// numbers, with 01 to 49 behind; 0000 never ends one.
const ssns = 100 * 49 * 9999

// fakeSSN appends a number that was never issued, written as the real one is.
func (w *Worker) fakeSSN(dst, value []byte) []byte {
	n := 0
	for _, c := range value {
		if '0' <= c && c <= '9' {
			n++
		}
	}
	r := w.scratch.draw(w.fakes(), w.person().seed, drawSSN)
	var digits [9]byte
	if n == len(digits) {
		number, ok := w.personOrdinal()
		if ok && number < ssns {
			number = w.table.set.ssns.apply(&w.scratch, number)
		} else {
			number = r.below(ssns)
		}
		number = (900+number/(49*9999))*1_000_000 + (number/9999%49+1)*10_000 + number%9999 + 1
		for i := len(digits) - 1; i >= 0; i-- {
			digits[i] = '0' + byte(number%10)
			number /= 10
		}
	}
	at := 0
	for _, c := range value {
		switch {
		case '0' <= c && c <= '9' && n == len(digits):
			dst = append(dst, digits[at])
			at++
		case '0' <= c && c <= '9':
			dst = append(dst, '0'+byte(r.below(10))) //nolint:gosec // one digit
		case c == '-' || c == ' ' || c == '.':
			dst = append(dst, c)
		case c == '*' || c|0x20 == 'x':
			dst = append(dst, c) // of a masked one
		}
	}
	return dst
}
