package labs

import (
	"strconv"
	"strings"

	"github.com/shopspring/decimal"
)

// Comparator says that a lab knows only on which side of a number a value lies. It is empty for a
// value that is the number.
type Comparator string

// The comparators.
const (
	Less           Comparator = "<"
	LessOrEqual    Comparator = "<="
	Greater        Comparator = ">"
	GreaterOrEqual Comparator = ">="
)

// spelledOut is the comparators in words, the longer before those they begin with.
var spelledOut = []struct {
	words      string
	comparator Comparator
}{
	{"less than or equal to ", LessOrEqual},
	{"less than ", Less},
	{"greater than or equal to ", GreaterOrEqual},
	{"greater than ", Greater},
	{"more than ", Greater},
	{"up to ", LessOrEqual},
	{"at least ", GreaterOrEqual},
}

// cutComparator splits off "<", "> =", "=>", "> OR =", "less than" and the like.
func cutComparator(s string) (Comparator, string) {
	for _, w := range spelledOut {
		if hasPrefixFold(s, w.words) {
			return w.comparator, s[len(w.words):]
		}
	}
	rest, equal := strings.CutPrefix(s, "=")
	if rest == "" || (rest[0] != '<' && rest[0] != '>') {
		return "", s
	}
	c := Comparator(rest[:1])
	rest = strings.TrimLeft(rest[1:], " ")
	if !equal {
		after := rest
		if hasPrefixFold(after, "or") {
			after = strings.TrimLeft(after[len("or"):], " ")
		}
		if after, equal = strings.CutPrefix(after, "="); equal {
			rest = strings.TrimLeft(after, " ")
		}
	}
	if equal {
		c += "="
	}
	return c, rest
}

// maxDigits is how many digits a number has at most when it is written out. No lab measures beyond it,
// and a decimal like 1e999999999 would cost memory wherever it is written.
const maxDigits = 30

// cutNumber splits a number off: digits, thousands apart by commas as in "1,200", a fraction, an
// exponent. Anything beyond the bounds is no number.
func cutNumber(s string) (decimal.Decimal, string, bool) {
	rest, sign := s, ""
	if rest != "" && (rest[0] == '-' || rest[0] == '+') {
		sign, rest = strings.Trim(rest[:1], "+"), rest[1:]
	}
	whole, rest := cutDigits(rest)
	if n := len(whole); n > 0 && n <= 3 && whole[0] != '0' {
		for {
			group, after, ok := cutGroup(rest)
			if !ok {
				break
			}
			whole, rest = whole+group, after
		}
	}
	fraction := ""
	if len(rest) > 1 && rest[0] == '.' && isDigit(rest[1]) {
		fraction, rest = cutDigits(rest[1:])
	}
	if len(whole)+len(fraction) == 0 {
		return decimal.Decimal{}, s, false
	}
	exponent := 0
	if sign != "" || whole != "10" || fraction != "" { // 10e3 is how some write the unit 10*3
		exponent, rest = cutExponent(rest)
	}
	// Written out, so that a number's exponent is never above zero: 1e3 is 1000.
	digits, point := whole+fraction, len(whole)+exponent
	switch {
	case point <= 0:
		digits, point = strings.Repeat("0", 1-point)+digits, 1
	case point > len(digits):
		digits += strings.Repeat("0", point-len(digits))
	}
	if len(digits) > maxDigits {
		return decimal.Decimal{}, s, false
	}
	if len(digits) <= 18 { // most are: what an int64 holds needs no text
		n, err := strconv.ParseInt(digits, 10, 64)
		if sign == "-" {
			n = -n
		}
		return decimal.New(n, int32(point-len(digits))), rest, err == nil //nolint:gosec // within maxDigits
	}
	text := sign + digits[:point]
	if point < len(digits) {
		text += "." + digits[point:]
	}
	d, err := decimal.NewFromString(text)
	return d, rest, err == nil
}

func cutDigits(s string) (digits, rest string) {
	i := 0
	for i < len(s) && isDigit(s[i]) {
		i++
	}
	return s[:i], s[i:]
}

// cutGroup splits ",123" off, unless a fourth digit follows.
func cutGroup(s string) (digits, rest string, ok bool) {
	if s == "" || s[0] != ',' {
		return "", s, false
	}
	digits, rest = cutDigits(s[1:])
	return digits, rest, len(digits) == 3
}

func cutExponent(s string) (int, string) {
	if len(s) < 2 || (s[0] != 'e' && s[0] != 'E') {
		return 0, s
	}
	rest, sign := s[1:], ""
	if rest[0] == '-' || rest[0] == '+' {
		sign, rest = rest[:1], rest[1:]
	}
	digits, rest := cutDigits(rest)
	n, err := strconv.Atoi(sign + digits)
	if err != nil || len(digits) > 2 {
		return 0, s
	}
	return n, rest
}

// cutTitre splits the dilution 1:80 off and gives its 80.
func cutTitre(s string) (int64, string, bool) {
	digits, rest := cutDigits(s)
	rest, ok := strings.CutPrefix(strings.TrimLeft(rest, " "), ":")
	if !ok || digits != "1" {
		return 0, s, false
	}
	digits, rest = cutDigits(strings.TrimLeft(rest, " "))
	n, err := strconv.ParseInt(digits, 10, 64)
	return n, rest, err == nil && n > 0
}

// atBoundary says whether a number ends where s begins, and is not the head of something else, such
// as the 10 of 10*3/uL, a date or a version.
func atBoundary(s string) bool {
	if s == "" {
		return true
	}
	if (s[0] == 'e' || s[0] == 'E') && len(s) > 1 && isDigit(s[1]) {
		return false
	}
	return !isDigit(s[0]) && !strings.ContainsRune(".,*^:-+(=<>", rune(s[0]))
}

// plain writes a number in digits, with the places it was read with.
func plain(d decimal.Decimal) string { return d.StringFixed(max(0, -d.Exponent())) }
