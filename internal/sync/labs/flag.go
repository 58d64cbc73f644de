package labs

import (
	"iter"
	"strings"
)

// Flag is a lab's own word on a result: LabResult.abnormal_status, PatientLabResultSet.lab_abnormal_flag,
// or one written behind a value. It is folded: trimmed, upper case, and empty when the lab says nothing,
// for which the source also writes the literal text "null".
type Flag string

// ParseFlag reads either vocabulary; they agree where they overlap. A member that neither knows is kept.
func ParseFlag(s string) Flag {
	s = strings.ToUpper(unify(clean(s)))
	if s == "NULL" {
		return ""
	}
	return Flag(s)
}

// Known says whether a vocabulary has the flag.
func (f Flag) Known() bool {
	_, ok := flags[f]
	return ok || f == ""
}

// Words is what the flag means, empty for no flag and for one that no vocabulary has.
func (f Flag) Words() string { return flags[f].words }

// flags is both vocabularies. A flag without a state says something, but not by itself whether the
// result is normal.
var flags = map[Flag]struct {
	words     string
	state     State
	direction Direction
	severity  Severity
}{
	"N":   {words: "normal", state: Normal},
	"NEG": {words: "negative", state: Normal},
	"L":   {"low", Abnormal, Low, Ordinary},
	"H":   {"high", Abnormal, High, Ordinary},
	"LL":  {"alert low", Abnormal, Low, Critical},
	"HH":  {"alert high", Abnormal, High, Critical},
	"<":   {"panic low", Abnormal, Low, Critical},
	">":   {"panic high", Abnormal, High, Critical},
	"A":   {"abnormal", Abnormal, NoDirection, Ordinary},
	"AA":  {"very abnormal", Abnormal, NoDirection, Critical},
	"POS": {words: "positive"}, // abnormal only where negative is expected
	"S":   {words: "susceptible", state: NotApplicable},
	"R":   {words: "resistant", state: NotApplicable},
	"I":   {words: "intermediate", state: NotApplicable},
	"MS":  {words: "moderately susceptible", state: NotApplicable},
	"VS":  {words: "very susceptible", state: NotApplicable},
	"U":   {words: "significant change up"}, // against the result before, not against a range
	"D":   {words: "significant change down"},
	"B":   {words: "better"},
	"W":   {words: "worse"},
}

// cutCaret splits a component such as the "^N" of "70-99^N" off, which HL7 leaves behind. What follows
// the caret is a flag or nothing: 10^3 is no flag.
func cutCaret(s string) (core string, flag Flag, cut bool) {
	i := strings.LastIndexByte(s, '^')
	if i < 0 {
		return s, "", false
	}
	if flag = ParseFlag(s[i+1:]); !flag.Known() {
		return s, "", false
	}
	core = strings.TrimRight(s[:i], "^ ")
	if again, _, more := cutCaret(core); more { // two flags: neither is believed
		return again, "", true
	}
	return core, flag, true
}

// cutFlag splits a flag off that is written behind a value: "126 H", "126H", "126 (H)". A bare L or H
// is one only where it cannot be a litre or an hour, and a bare S never is: seconds are written so.
func cutFlag(s, unit string) (core string, flag Flag, cut bool) {
	if n := len(s); n > 2 && (s[n-1] == ')' || s[n-1] == ']') {
		i := strings.LastIndexAny(s, "([")
		if i > 0 && (s[i] == '(') == (s[n-1] == ')') {
			if f := Flag(s[i+1 : n-1]); f != "" && f.Known() {
				return strings.TrimRight(s[:i], "^ "), f, true
			}
		}
		return s, "", false
	}
	i := len(s)
	for i > 0 && isLetter(s[i-1]) {
		i--
	}
	flag = Flag(s[i:])
	if i == 0 || flag == "" || !flag.Known() {
		return s, "", false
	}
	switch flag {
	case "L":
		cut = unit != "" && FoldUnit(unit) != "l"
	case "H":
		cut = unit != "" && !hours[FoldUnit(unit)]
	case "LL", "HH":
		cut = true
	case "N", "A", "AA", "NEG", "POS":
		cut = s[i-1] == ' '
	}
	if !cut || (s[i-1] != ' ' && !isDigit(s[i-1])) {
		return s, "", false
	}
	return strings.TrimRight(s[:i], "^ "), flag, true
}

// form is one way to tell a text's number or range from the unit and the flag behind it.
type form struct {
	core string
	flag Flag
	unit string // declared, and stripped from the text
	free bool   // what follows the core's numbers may be another unit
}

// forms yields the ways to read s, the surest first. The unit comes from cleanUnit; bare says that a flag
// may also stand there without a caret.
func forms(s, unit string, bare bool) iter.Seq[form] {
	return func(yield func(form) bool) {
		core, flag, _ := cutCaret(s)
		if rest, ok := cutUnit(core, unit); ok && !yield(form{core: rest, flag: flag, unit: unit}) {
			return
		}
		if bare && flag == "" {
			if flagless, flag, ok := cutFlag(core, unit); ok {
				if rest, ok := cutUnit(flagless, unit); ok && !yield(form{core: rest, flag: flag, unit: unit}) {
					return
				}
				if !yield(form{core: flagless, flag: flag, free: true}) {
					return
				}
			}
		}
		yield(form{core: core, flag: flag, free: true})
	}
}

var hours = set("h", "hr", "hrs", "hour", "hours")

// cutUnit strips the declared unit from the end of s, where it stands apart.
func cutUnit(s, unit string) (string, bool) {
	at := len(s) - len(unit)
	if unit == "" || at <= 0 || !strings.EqualFold(s[at:], unit) {
		return s, false
	}
	before, first := s[at-1], unit[0]
	glued := isDigit(before) && !isDigit(first) && !strings.ContainsRune(".,eE:-+", rune(first))
	if before != ' ' && !glued {
		return s, false
	}
	return strings.TrimRight(s[:at], " "), true
}

// unitOf is the unit that a form leaves, given what followed its numbers; false when that is no unit.
func (f form) unitOf(tail, declared string) (string, bool) {
	tail = strings.TrimSpace(tail)
	switch {
	case tail == "":
		return declared, true
	case f.free && unitShaped(tail):
		return tail, true
	default:
		return "", false
	}
}
