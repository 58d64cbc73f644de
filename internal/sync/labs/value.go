package labs

import (
	"strconv"
	"strings"

	"github.com/shopspring/decimal"
)

// ValueKind is the kind of a value.
type ValueKind string

// The kinds of values.
const (
	ValueEmpty     ValueKind = "empty"     // nothing, or the text "null"
	ValueNumber    ValueKind = "number"    // 88, <0.01, 140 mEq/L
	ValueTitre     ValueKind = "titre"     // 1:80, <1:40
	ValueText      ValueKind = "text"      // Negative, Trace
	ValueNarrative ValueKind = "narrative" // a report in sentences
	ValueNoResult  ValueKind = "no_result" // the lab system says that there is none: TNP, DNR, !!Storno
)

// Value is a result's value, read.
type Value struct {
	Raw        string // as received
	Kind       ValueKind
	Comparator Comparator      // of a number or a titre
	Number     decimal.Decimal // of a number; at most 30 digits, none left out
	Titre      int64           // of a titre: the 80 of 1:80
	Unit       string          // of a number or a titre: written behind it, else the declared one
	Flag       Flag            // written behind a number or a titre
	Text       string          // of a text or of no result: white space tidied
}

// What is longer is a report, not a word.
const (
	maxWord  = 48 // characters
	maxWords = 6
)

// maxNumeric is the longest text, in bytes, that is looked at for numbers.
const maxNumeric = 160

// ParseValue reads a value. The unit is the one in the result's own field, which applies unless the
// value brings another.
func ParseValue(raw, unit string) Value {
	text := clean(raw)
	v := Value{Raw: raw}
	if text == "" || strings.EqualFold(text, "null") {
		v.Kind = ValueEmpty
		return v
	}
	if len(text) <= maxNumeric {
		unit = cleanUnit(unit)
		for f := range forms(unify(text), unit, true) {
			if v.read(f, unit) {
				return v
			}
		}
	}
	v.Text = text
	switch {
	case noResult(text):
		v.Kind = ValueNoResult
	case len([]rune(text)) > maxWord || strings.Count(text, " ") >= maxWords:
		v.Kind, v.Text = ValueNarrative, ""
	default:
		v.Kind = ValueText
	}
	return v
}

func (v *Value) read(f form, declared string) bool {
	comparator, s := cutComparator(f.core)
	if titre, rest, ok := cutTitre(s); ok {
		unit, ok := f.unitOf(rest, declared)
		if ok {
			v.Kind, v.Comparator, v.Titre, v.Unit, v.Flag = ValueTitre, comparator, titre, unit, f.flag
		}
		return ok
	}
	number, rest, ok := cutNumber(s)
	if !ok {
		return false
	}
	unit, ok := f.unitOf(rest, declared)
	if ok {
		v.Kind, v.Comparator, v.Number, v.Unit, v.Flag = ValueNumber, comparator, number, unit, f.flag
	}
	return ok
}

// Format writes what was read in one spelling; reading it again gives the same.
func (v Value) Format() string {
	switch v.Kind {
	case ValueNumber:
		return string(v.Comparator) + plain(v.Number) + behind(v.Unit, v.Flag)
	case ValueTitre:
		return string(v.Comparator) + "1:" + strconv.FormatInt(v.Titre, 10) + behind(v.Unit, v.Flag)
	case ValueText, ValueNoResult:
		return v.Text
	case ValueNarrative:
		return v.Raw
	default:
		return ""
	}
}

func behind(unit string, flag Flag) string {
	s := ""
	if unit != "" {
		s = " " + unit
	}
	if flag != "" {
		s += "^" + string(flag)
	}
	return s
}

// noResult recognises a lab system's words for "there is no result": test not performed, do not
// report, quantity not sufficient, taken back.
func noResult(text string) bool {
	if strings.HasPrefix(text, "!!") {
		return true
	}
	text = fold(text)
	if noResults[text] {
		return true
	}
	first := text
	if i := strings.IndexFunc(text, func(c rune) bool { return c < 'a' || c > 'z' }); i >= 0 {
		first = text[:i]
	}
	return noResultCodes[first]
}

var (
	noResultCodes = set("tnp", "dnr", "qns", "storno")
	noResults     = set("test not performed", "not performed", "not done", "cancelled", "canceled", "pending",
		"see note", "see notes", "see comment", "see comments", "see below", "see report", "n/a")
)
