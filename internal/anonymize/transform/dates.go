package transform

import (
	"bytes"
	"errors"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/policy"
)

var errDate = errors.New("a date is not written as ISO; the session that reads must have DateStyle ISO")

// offsets is by how many days a subject's dates may move: min to max without 0, or the whole weeks among them.
type offsets struct{ min, max, step int64 }

func newOffsets(s policy.Shift) (offsets, error) {
	o := offsets{int64(s.Min), int64(s.Max), 1}
	if s.Weeks {
		o.step = 7
		o.min, o.max = -floorDiv(-o.min, 7)*7, floorDiv(o.max, 7)*7
	}
	if o.min > o.max || o.count() == 0 {
		return o, errors.New("shift: no day is left to move dates by; set min and max so that one is, beside 0")
	}
	return o, nil
}

func (o offsets) zero() bool { return o.min <= 0 && o.max >= 0 }

func (o offsets) count() uint64 {
	n := (o.max-o.min)/o.step + 1
	if o.zero() {
		n--
	}
	return uint64(n) //nolint:gosec // min is at most max
}

func (o offsets) at(n uint64) int64 {
	days := o.min + int64(n)*o.step //nolint:gosec // below count
	if o.zero() && days >= 0 {
		days += o.step
	}
	return days
}

// shiftDate moves a date, or a moment, by the days of the row's subject, and keeps the clock.
func (w *Worker) shiftDate(dst, value []byte) ([]byte, error) {
	if infinite(value) {
		return append(dst, value...), nil
	}
	d, rest, ok := readDate(value)
	if !ok {
		return dst, errDate
	}
	to, capped := w.shifted(d)
	if capped {
		return appendDate(dst, to, midnight(rest)), nil
	}
	return appendDate(dst, to, rest), nil
}

// shifted is where a day moves to. What shows an age of 90 or more becomes the first day of the year that stands for all of
// them.
func (w *Worker) shifted(d date) (to date, capped bool) {
	to = dateOf(d.days() + w.days())
	ref := w.reference()
	if d.years(ref) >= oldest || to.years(ref) >= oldest {
		return date{ref.year - oldest, 1, 1}, true
	}
	return to, false
}

// yearOfDate leaves of a date, or a moment, its year.
func (w *Worker) yearOfDate(dst, value []byte) ([]byte, error) {
	if infinite(value) {
		return append(dst, value...), nil
	}
	d, rest, ok := readDate(value)
	if !ok {
		return dst, errDate
	}
	return appendDate(dst, w.yearOf(d), midnight(rest)), nil
}

// yearOf is the first day of a day's year. Who was born so long ago that the age is 90 or more is of one year with all of them;
// a date of anything else that is as old shows the same, and is treated alike.
func (w *Worker) yearOf(d date) date {
	return date{max(d.year, w.reference().year-oldest), 1, 1}
}

// midnight is what is to be behind a date in place of what was.
func midnight(rest []byte) []byte {
	if beforeChrist(rest) {
		rest = rest[:len(rest)-3]
	}
	if len(rest) == 0 {
		return nil
	}
	for _, c := range rest[1:] {
		if c == '+' || c == '-' {
			return midnightUTC
		}
	}
	return midnightNaive
}

var (
	midnightNaive = []byte(" 00:00:00")
	midnightUTC   = []byte(" 00:00:00+00")
)

// age leaves an age below 90; from there on all are 90.
func age(dst, value []byte) []byte {
	n, i := leadingNumber(value)
	switch {
	case string(value) == "NaN" || len(value) > 0 && value[0] == '-':
		return append(dst, value...) // no age, and none that tells anything
	case i == 0 || n >= oldest || bytes.IndexByte(value, 'e') >= 0:
		return append(dst, "90"...)
	}
	return append(dst, value...)
}

// ageText is age for text, which may say in what it counts. What is no age becomes empty.
func ageText(dst, value []byte) []byte {
	n, i := leadingNumber(value)
	rest := value[i:]
	switch {
	case i == 0 || n >= 1000 || !ageUnit(rest):
		return dst
	case n >= oldest && !smallUnit(rest):
		return append(dst, "90"...)
	}
	return append(dst, value...)
}

// leadingNumber reads the digits that a value begins with, so many; what is large counts as 1000 or more.
func leadingNumber(value []byte) (n, digits int) {
	for digits < len(value) && isDigit(value[digits]) {
		n = min(n*10+int(value[digits]-'0'), 1000)
		digits++
	}
	return n, digits
}

// ageUnit says whether what is behind an age is nothing, decimals, or a word for years or less.
func ageUnit(rest []byte) bool {
	if len(rest) > 0 && rest[0] == '.' {
		rest = rest[1:]
		for len(rest) > 0 && isDigit(rest[0]) {
			rest = rest[1:]
		}
	}
	return len(rest) == 0 || yearUnits[string(rest)] || smallUnit(rest)
}

func smallUnit(rest []byte) bool { return smallUnits[string(rest)] }

var (
	yearUnits = map[string]bool{" ": true, "y": true, " y": true, "yo": true, " yo": true, " yr": true, " yrs": true, " year": true, " years": true, " years old": true, " y.o.": true}
	// An age of 100 weeks is no great one.
	smallUnits = map[string]bool{"m": true, " m": true, " mo": true, " mos": true, " month": true, " months": true, "w": true, " w": true, " week": true, " weeks": true, "d": true, " d": true, " day": true, " days": true}
)
