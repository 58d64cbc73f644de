package labs

import (
	"strconv"
	"strings"

	"github.com/shopspring/decimal"
)

// RangeKind is the kind of a reference range.
type RangeKind string

// The kinds of ranges.
const (
	RangeNone     RangeKind = "none"     // nothing usable: "", "-", Not Estab., See note
	RangeInterval RangeKind = "interval" // of numbers, open at one side or closed at both
	RangeTitre    RangeKind = "titre"    // of titres: <1:40
	RangeWords    RangeKind = "words"    // the text to expect: Negative, Clear
	RangeUnparsed RangeKind = "unparsed" // something that the grammar does not know
)

// Range is a reference range, read. A bound that is not valid is open; of a titre it is the 40 of 1:40.
type Range struct {
	Raw           string // as received
	Kind          RangeKind
	Low, High     decimal.NullDecimal
	LowInclusive  bool
	HighInclusive bool
	Unit          string // of an interval or titres: written behind it, else the declared one
	Expected      string // of words: white space tidied
}

// ParseRange reads a reference range. The unit is the range's own, else the value's declared one.
//
// A flag glued to a range ("70-99^N") says nothing about the result and is dropped.
func ParseRange(raw, unit string) Range {
	text := clean(raw)
	r := Range{Raw: raw}
	if len(text) > maxNumeric {
		r.Kind = RangeUnparsed
		return r
	}
	unit = cleanUnit(unit)
	for f := range forms(unify(text), unit, false) {
		if r.read(f, unit) {
			return r
		}
	}
	for cut := true; cut; { // Negative mg/dL
		text, cut = cutUnit(text, unit)
	}
	switch {
	case noRange[fold(text)]:
		r.Kind = RangeNone
	case words(text):
		r.Kind, r.Expected = RangeWords, text
	default:
		r.Kind = RangeUnparsed
	}
	return r
}

// noRange is the words for "no range", folded: a "-" is nothing.
var noRange = set("", "null", "none", "n/a", "na", "not estab", "not established", "not applicable", "not available",
	"no range", "no reference range", "see note", "see notes", "see comment", "see comments", "see below", "see report")

// words says whether a range is a word or two that a value can be compared with.
func words(text string) bool {
	return len(text) <= 2*maxWord && !strings.ContainsAny(unify(text), "0123456789<>=^") && strings.ContainsFunc(text, unitSign)
}

func (r *Range) read(f form, declared string) bool {
	i, tail, ok := cutInterval(f.core)
	if !ok {
		return false
	}
	unit, ok := f.unitOf(tail, declared)
	if !ok {
		return false
	}
	r.Kind, r.Unit = RangeInterval, unit
	if i.titre {
		r.Kind = RangeTitre
	}
	r.Low, r.High, r.LowInclusive, r.HighInclusive = i.low, i.high, i.lowInclusive, i.highInclusive
	return true
}

type interval struct {
	low, high                   decimal.NullDecimal
	lowInclusive, highInclusive bool
	titre                       bool
}

// bound is a comparator and what it compares with.
type bound struct {
	comparator Comparator
	at         decimal.Decimal
	titre      bool
}

func cutBound(s string) (b bound, rest string, ok bool) {
	b.comparator, s = cutComparator(s)
	if titre, rest, ok := cutTitre(s); ok {
		b.at, b.titre = decimal.NewFromInt(titre), true
		return b, rest, true
	}
	if inner, after, found := strings.Cut(s, ")"); found && strings.HasPrefix(s, "(") { // (-2)-(+2)
		if at, left, ok := cutNumber(inner[1:]); ok && left == "" {
			b.at = at
			return b, after, true
		}
	}
	b.at, rest, ok = cutNumber(s)
	return b, rest, ok
}

// cutInterval splits one of the forms of a range off.
func cutInterval(s string) (i interval, tail string, ok bool) {
	if inner, tail, ok := cutBrackets(s); ok { // (70-99)
		if i, rest, ok := cutInterval(inner); ok && rest == "" {
			return i, tail, true
		}
	}
	first, rest, ok := cutBound(s)
	if !ok {
		return interval{}, s, false
	}
	if i, tail, ok := cutSecond(first, rest); ok {
		return i, tail, true
	}
	i, ok = first.alone()
	return i, rest, ok
}

func cutBrackets(s string) (inner, tail string, ok bool) {
	if s == "" || (s[0] != '(' && s[0] != '[') {
		return "", s, false
	}
	end := strings.LastIndexByte(s, map[byte]byte{'(': ')', '[': ']'}[s[0]])
	if end < 0 {
		return "", s, false
	}
	return strings.TrimSpace(s[1:end]), s[end+1:], true
}

// cutSecond reads what follows a range's first number up to the end of its second: "70 99", "70-99",
// "70 to 99", "0-<5".
//
// A dash before a digit may be a minus. After a space it is one, by the documented form, when the two
// are then in order ("-5 -1"), and else it stands between them ("0.7 -1.3").
func cutSecond(first bound, rest string) (i interval, tail string, ok bool) {
	after := strings.TrimLeft(rest, " ")
	if after != rest {
		if second, tail, ok := cutBound(after); ok && atBoundary(tail) {
			if i, ok := first.to(second); ok {
				return i, tail, true
			}
		}
	}
	switch {
	case strings.HasPrefix(after, "-"):
		after = after[1:]
	case hasPrefixFold(after, "to"):
		after = after[2:]
	case hasPrefixFold(after, "and ") && first.comparator != "": // > 5 and < 10
		after = after[4:]
	default:
		return interval{}, rest, false
	}
	second, tail, ok := cutBound(strings.TrimLeft(after, " "))
	if !ok || !atBoundary(tail) {
		return interval{}, rest, false
	}
	i, ok = first.to(second)
	return i, tail, ok
}

// alone is a range with one bound; a number alone is none.
func (b bound) alone() (interval, bool) {
	i := interval{titre: b.titre}
	at := decimal.NewNullDecimal(b.at)
	switch b.comparator {
	case Less, LessOrEqual:
		i.high, i.highInclusive = at, b.comparator == LessOrEqual
	case Greater, GreaterOrEqual:
		i.low, i.lowInclusive = at, b.comparator == GreaterOrEqual
	default:
		return interval{}, false
	}
	return i, true
}

// to is a range with two bounds in order. "0-<5" has only the upper one: the 0 says no more than that
// nothing is below it.
func (b bound) to(high bound) (interval, bool) {
	if b.titre != high.titre || b.comparator == Less || b.comparator == LessOrEqual ||
		high.comparator == Greater || high.comparator == GreaterOrEqual {
		return interval{}, false
	}
	i := interval{titre: b.titre, lowInclusive: b.comparator != Greater, highInclusive: high.comparator != Less}
	if order := b.at.Cmp(high.at); order > 0 || order == 0 && (!i.lowInclusive || !i.highInclusive) {
		return interval{}, false
	}
	i.high = decimal.NewNullDecimal(high.at)
	if b.comparator == "" && high.comparator != "" && b.at.IsZero() {
		i.lowInclusive = false
		return i, true
	}
	i.low = decimal.NewNullDecimal(b.at)
	return i, true
}

// Format writes what was read in one spelling; reading it again gives the same.
func (r Range) Format() string {
	switch r.Kind {
	case RangeInterval, RangeTitre:
	case RangeWords:
		return r.Expected
	case RangeUnparsed:
		return r.Raw
	default:
		return ""
	}
	low, high := r.side(r.Low, GreaterOrEqual, r.LowInclusive), r.side(r.High, LessOrEqual, r.HighInclusive)
	s := low + high
	if low != "" && high != "" {
		if r.LowInclusive && r.HighInclusive {
			low, high = low[len(GreaterOrEqual):], high[len(LessOrEqual):]
		}
		s = low + " - " + high
	}
	return s + behind(r.Unit, "")
}

func (r Range) side(bound decimal.NullDecimal, inclusive Comparator, isInclusive bool) string {
	if !bound.Valid {
		return ""
	}
	if !isInclusive {
		inclusive = inclusive[:1]
	}
	if r.Kind == RangeTitre {
		return string(inclusive) + "1:" + strconv.FormatInt(bound.Decimal.IntPart(), 10)
	}
	return string(inclusive) + plain(bound.Decimal)
}
