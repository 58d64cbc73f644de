package labs

import (
	"strings"
	"testing"
)

func sayRange(r Range) string {
	return string(r.Kind) + "|" + strings.TrimSuffix(r.Format(), behind(r.Unit, "")) + "|" + r.Unit
}

// ranges is every form of range that is documented or was seen, and what was found to be read wrongly
// on the way.
var ranges = []struct{ raw, unit, want string }{
	// Two numbers and a space.
	{"70 99", "mg/dL", "interval|70 - 99|mg/dL"},
	{"0.7 1.3", "", "interval|0.7 - 1.3|"},
	{"-2 2", "", "interval|-2 - 2|"},
	{"-5 -1", "", "interval|-5 - -1|"},
	{"70  99 mg/dL", "mg/dL", "interval|70 - 99|mg/dL"},

	// Two numbers and a dash or "to".
	{"70-99", "mg/dL", "interval|70 - 99|mg/dL"},
	{"70-100", "", "interval|70 - 100|"},
	{"0.7-1.3", "", "interval|0.7 - 1.3|"},
	{"0.7 - 1.3", "", "interval|0.7 - 1.3|"},
	{"0.7 -1.3", "", "interval|0.7 - 1.3|"},
	{"0.7- 1.3", "", "interval|0.7 - 1.3|"},
	{"10-40", "", "interval|10 - 40|"},
	{"150-450", "10*3/uL", "interval|150 - 450|10*3/uL"},
	{"4.0–11.0", "", "interval|4.0 - 11.0|"},
	{"4.0—11.0", "", "interval|4.0 - 11.0|"},
	{"４－１１", "", "interval|4 - 11|"},
	{"-2-2", "", "interval|-2 - 2|"},
	{"-2 - 2", "", "interval|-2 - 2|"},
	{"-2--1", "", "interval|-2 - -1|"},
	{"-2 - -1", "", "interval|-2 - -1|"},
	{"−2–2", "", "interval|-2 - 2|"},
	{"-2 to +2", "", "interval|-2 - 2|"},
	{"(-2)-(+2)", "", "interval|-2 - 2|"},
	{"-5 -7", "", "interval|-5 - 7|"},
	{"10 to 40", "", "interval|10 - 40|"},
	{"10 TO 40", "", "interval|10 - 40|"},
	{"10to40", "", "interval|10 - 40|"},
	{"(70-99)", "", "interval|70 - 99|"},
	{"[70-99] mg/dL", "", "interval|70 - 99|mg/dL"},
	{"150,000-450,000", "", "interval|150000 - 450000|"},
	{"5-5", "", "interval|5 - 5|"},
	{"0-5", "", "interval|0 - 5|"},

	// An upper bound.
	{"<5.7", "%", "interval|<5.7|%"},
	{"< 200", "", "interval|<200|"},
	{"<200", "", "interval|<200|"},
	{"<=5", "", "interval|<=5|"},
	{"≤5", "", "interval|<=5|"},
	{"< OR = 5", "", "interval|<=5|"},
	{"0-<5", "", "interval|<5|"},
	{"0-<100", "", "interval|<100|"},
	{"0.0 - <5", "", "interval|<5|"},
	{"0-<=5", "", "interval|<=5|"},
	{"Up to 40", "", "interval|<=40|"},
	{"&lt;5.7", "", "interval|<5.7|"},

	// A lower bound.
	{">40", "", "interval|>40|"},
	{">=60", "", "interval|>=60|"},
	{">= 60", "", "interval|>=60|"},
	{"> OR = 60", "", "interval|>=60|"},
	{">or=60", "", "interval|>=60|"},
	{"≥ 40", "", "interval|>=40|"},
	{"=>40", "", "interval|>=40|"},
	{"Greater than 40", "", "interval|>40|"},

	// Both, with comparators.
	{">5-<10", "", "interval|>5 - <10|"},
	{">=5 and <10", "", "interval|>=5 - <10|"},
	{"10-<20", "", "interval|>=10 - <20|"},
	{">=0 - <5", "", "interval|>=0 - <5|"},

	// With a unit or a flag glued on.
	{"135-145 mEq/L", "mEq/L", "interval|135 - 145|mEq/L"},
	{"135-145 mEq/L", "", "interval|135 - 145|mEq/L"},
	{"135-145mEq/L", "", "interval|135 - 145|mEq/L"},
	{"135-145 mmol/L", "mEq/L", "interval|135 - 145|mmol/L"},
	{"70-99^N", "mg/dL", "interval|70 - 99|mg/dL"},
	{"12-16^N", "g/dL", "interval|12 - 16|g/dL"},
	{"70-99 mg/dL^N", "", "interval|70 - 99|mg/dL"},
	{"70-99^", "", "interval|70 - 99|"},
	{"0-2 L", "mg/dL", "interval|0 - 2|L"}, // a range has no flag without a caret
	{"70-99 N", "mg/dL", "unparsed|70-99 N|"},
	{"<5.7 % of total Hgb", "%", "interval|<5.7|% of total Hgb"},
	{">=60 mL/min/1.73m2", "", "interval|>=60|mL/min/1.73m2"},
	{"4.0-11.0 10*3/uL", "", "interval|4.0 - 11.0|10*3/uL"},
	{">4 10*3/uL", "", "interval|>4|10*3/uL"}, // not from 4 to 10
	{">4 10^3/uL", "", "interval|>4|10^3/uL"},
	{">4 10e3/uL", "", "interval|>4|10e3/uL"},
	{"4-11 x10E3/uL", "", "interval|4 - 11|x10E3/uL"},
	{"0-5 /HPF", "", "interval|0 - 5|/HPF"},
	{"5 8", "1e3", "interval|5 - 8|"},
	{"5 8", "8", "interval|5 - 8|"}, // a number is no unit

	// Titres.
	{"<1:40", "", "titre|<1:40|"},
	{"1:10 - 1:40", "", "titre|1:10 - 1:40|"},
	{"<1:40 titer", "titer", "titre|<1:40|titer"},

	// Words.
	{"Negative", "", "words|Negative|"},
	{"Non Reactive", "", "words|Non Reactive|"},
	{"Not Detected", "", "words|Not Detected|"},
	{"Clear", "", "words|Clear|"},
	{"Yellow", "", "words|Yellow|"},
	{" NONE  SEEN ", "", "words|NONE SEEN|"},
	{"Negative mg/dL", "mg/dL", "words|Negative|"},
	{"NEGATIVE MG/DL", "mg/dL", "words|NEGATIVE|"},
	{"Negative", "ve", "words|Negative|"},

	// Nothing usable.
	{"", "mg/dL", "none||"},
	{"-", "", "none||"},
	{"–", "", "none||"},
	{"---", "", "none||"},
	{"Not Estab.", "", "none||"},
	{"NOT ESTAB", "", "none||"},
	{"Not established", "", "none||"},
	{"See note", "", "none||"},
	{"See  Note.", "", "none||"},
	{"N/A", "", "none||"},
	{"See note mg/dL", "mg/dL", "none||"},
	{"- mg/dL", "mg/dL", "none||"},
	{"null", "", "none||"},
	{"\u00a0", "", "none||"},

	// What the grammar does not know.
	{"5", "", "unparsed|5|"},
	{"99-70", "", "unparsed|99-70|"}, // never turned round
	{"99 70", "", "unparsed|99 70|"},
	{"70-", "", "unparsed|70-|"},
	{"70 to", "", "unparsed|70 to|"},
	{"<", "", "unparsed|<|"},
	{"5-10-15", "", "unparsed|5-10-15|"},
	{"5-10 or 20-30", "", "unparsed|5-10 or 20-30|"},
	{"<5-10", "", "unparsed|<5-10|"},
	{"5->10", "", "unparsed|5->10|"},
	{">5-<5", "", "unparsed|>5-<5|"},
	{"0-1:40", "", "unparsed|0-1:40|"},
	{"1.2.3-5", "", "unparsed|1.2.3-5|"},
	{"0,7-1,3", "", "unparsed|0,7-1,3|"},
	{"Male: 13-17 Female: 12-15", "", "unparsed|Male: 13-17 Female: 12-15|"},
	{"Negative <1:40", "", "unparsed|Negative <1:40|"},
	{"2024-01-05", "", "unparsed|2024-01-05|"},
	{"1e999999999-2e999999999", "", "unparsed|1e999999999-2e999999999|"},
	{"0-1e400", "", "unparsed|0-1e400|"},
	{"...", "", "none||"},
	{strings.Repeat("x", 400), "", "unparsed|" + strings.Repeat("x", 400) + "|"},
	{"?", "", "unparsed|?|"},
	{"Interpret with the clinical picture; see the laboratory handbook for ranges by age and sex, and for fasting samples.", "",
		"unparsed|Interpret with the clinical picture; see the laboratory handbook for ranges by age and sex, and for fasting samples.|"},
}

func TestParseRange(t *testing.T) {
	t.Parallel()
	for _, test := range ranges {
		r := ParseRange(test.raw, test.unit)
		if got := sayRange(r); got != test.want || r.Raw != test.raw {
			t.Errorf("%q in %q is %q, want %q", test.raw, test.unit, got, test.want)
		}
	}
}

func TestParseRange_bounds(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string][4]bool{ // low, its inclusion, high, its inclusion
		"70 99":   {true, true, true, true},
		"<5.7":    {false, false, true, false},
		"<=5":     {false, false, true, true},
		">40":     {true, false, false, false},
		">=60":    {true, true, false, false},
		"0-<5":    {false, false, true, false},
		">5-<10":  {true, false, true, false},
		"10-<20":  {true, true, true, false},
		"Clear":   {},
		"-":       {},
		"5 or so": {},
	} {
		r := ParseRange(raw, "")
		if got := [4]bool{r.Low.Valid, r.LowInclusive, r.High.Valid, r.HighInclusive}; got != want {
			t.Errorf("%q: %v, want %v", raw, got, want)
		}
	}
}
