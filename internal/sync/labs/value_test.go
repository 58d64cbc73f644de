package labs

import (
	"strings"
	"testing"
)

// say is a value in short: kind, what was read, unit and flag.
func say(v Value) string {
	s := string(v.Kind)
	for _, part := range []string{strings.TrimSuffix(v.Format(), behind(v.Unit, v.Flag)), v.Unit, string(v.Flag)} {
		s += "|" + part
	}
	return s
}

// values is every form of value that is documented or was seen, and what was found to be read wrongly
// on the way.
var values = []struct{ raw, unit, want string }{
	// Numbers.
	{"88", "mg/dL", "number|88|mg/dL|"},
	{"0.70", "", "number|0.70||"},
	{" 5.4 ", "%", "number|5.4|%|"},
	{"-5.2", "mmol/L", "number|-5.2|mmol/L|"},
	{"−5.2", "mmol/L", "number|-5.2|mmol/L|"},
	{"–5.2", "", "number|-5.2||"},
	{"+2.5", "", "number|2.5||"},
	{".5", "", "number|0.5||"},
	{"-.5", "", "number|-0.5||"},
	{"007", "", "number|7||"},
	{"-0", "", "number|0||"},
	{"1,200", "mg/dL", "number|1200|mg/dL|"},
	{"1,250,000", "", "number|1250000||"},
	{"1,200.5", "", "number|1200.5||"},
	{"1e3", "", "number|1000||"},
	{"1.25E+02", "", "number|125||"},
	{"2.5e-3", "", "number|0.0025||"},
	{"８８", "", "number|88||"},
	{"88", "<null>", "number|88|<null>|"},
	{"88", "-", "number|88||"},
	{"88", "n/a", "number|88||"},
	{"88", "10", "number|88||"},

	// With a comparator.
	{"<0.01", "ng/mL", "number|<0.01|ng/mL|"},
	{">60", "", "number|>60||"},
	{"< 10", "", "number|<10||"},
	{"<=0.25", "", "number|<=0.25||"},
	{"≤0.25", "", "number|<=0.25||"},
	{"=<0.25", "", "number|<=0.25||"},
	{"≥ 90", "", "number|>=90||"},
	{"＞60", "", "number|>60||"},
	{"&gt;60", "", "number|>60||"},
	{"﹤5", "", "number|<5||"},
	{"﹥5", "", "number|>5||"},
	{"&lt;= 5", "", "number|<=5||"},
	{"> OR = 60", "", "number|>=60||"},
	{"<or=60", "", "number|<=60||"},
	{"Less than 0.5", "", "number|<0.5||"},
	{"greater than or equal to 60", "", "number|>=60||"},
	{"<-2", "", "number|<-2||"},

	// With the unit inside.
	{"140 mEq/L", "mEq/L", "number|140|mEq/L|"},
	{"140 mEq/L", "", "number|140|mEq/L|"},
	{"140mEq/L", "mEq/L", "number|140|mEq/L|"},
	{"140 MEQ/L", "mEq/L", "number|140|mEq/L|"},
	{"5.7 %", "%", "number|5.7|%|"},
	{"5.7%", "", "number|5.7|%|"},
	{"5.7 % of total Hgb", "", "number|5.7|% of total Hgb|"},
	{"6.1 10*3/uL", "10*3/uL", "number|6.1|10*3/uL|"},
	{"6.1 10*3/uL", "", "number|6.1|10*3/uL|"},
	{"6.1 x10^3/uL", "", "number|6.1|x10^3/uL|"},
	{"6.1 10e3/uL", "", "number|6.1|10e3/uL|"},
	{"6.1 K/uL", "", "number|6.1|K/uL|"},
	{">60 mL/min/1.73m2", "", "number|>60|mL/min/1.73m2|"},
	{"75 mL/min/1.73 m2", "", "number|75|mL/min/1.73 m2|"},
	{"6.1 x10(3)/uL", "", "number|6.1|x10(3)/uL|"},
	{"5 ‰", "", "number|5|‰|"},
	{"3 /HPF", "", "number|3|/HPF|"},
	{"120 mm Hg", "Hg", "number|120|mm Hg|"},
	{"12 µg/L", "", "number|12|µg/L|"},
	{"5 L", "", "number|5|L|"},
	{"5 L", "L", "number|5|L|"},
	{"5 mg/L", "mg/dL", "number|5|mg/L|"}, // its own unit, not the declared one
	{"24 H", "hr", "number|24|H|"},

	// With a flag behind.
	{"126^H", "mg/dL", "number|126|mg/dL|H"},
	{"126 ^ H", "", "number|126||H"},
	{"126 H", "mg/dL", "number|126|mg/dL|H"},
	{"126H", "mg/dL", "number|126|mg/dL|H"},
	{"126 (H)", "", "number|126||H"},
	{"128 L", "mEq/L", "number|128|mEq/L|L"},
	{"128 (L)", "", "number|128||L"},
	{"6.9 mmol/L HH", "mmol/L", "number|6.9|mmol/L|HH"},
	{"6.9 mmol/L (HH)", "", "number|6.9|mmol/L|HH"},
	{"2.4 LL", "", "number|2.4||LL"},
	{"88 N", "", "number|88||N"},
	{">4 (R)", "", "number|>4||R"},
	{"3^<", "", "number|3||<"},
	{"88^", "", "number|88||"},
	{"88^H^L", "", "number|88||"}, // two flags: neither is believed
	{"126 mg/dL^(H)", "", "number|126|mg/dL|H"},
	{"126 H^^", "mg/dL", "number|126|mg/dL|H"},
	{"12.5 S", "sec", "number|12.5|S|"},

	// Titres.
	{"1:80", "", "titre|1:80||"},
	{"1:640", "titer", "titre|1:640|titer|"},
	{"<1:40", "", "titre|<1:40||"},
	{">=1:1280", "", "titre|>=1:1280||"},
	{"1 : 80", "", "titre|1:80||"},
	{"1:80 titer", "", "titre|1:80|titer|"},
	{"1:80 H", "titer", "titre|1:80|titer|H"},

	// Text.
	{"Negative", "", "text|Negative||"},
	{"POSITIVE", "mg/dL", "text|POSITIVE||"},
	{"Trace", "", "text|Trace||"},
	{"Non  Reactive", "", "text|Non Reactive||"},
	{"AMBER", "", "text|AMBER||"},
	{"Mixed flora", "", "text|Mixed flora||"},
	{"-", "", "text|-||"},
	{"1+", "", "text|1+||"},
	{"+++", "", "text|+++||"},
	{"0-5", "/HPF", "text|0-5||"},
	{"5-10 /HPF", "", "text|5-10 /HPF||"},
	{"2024-01-05", "", "text|2024-01-05||"},
	{"12/1/2024", "", "text|12/1/2024||"},
	{"12:30", "", "text|12:30||"},
	{"1:0", "", "text|1:0||"},
	{"1:2.5", "", "text|1:2.5||"},
	{"5,7", "", "text|5,7||"},       // a comma for a point: not to be read as 57
	{"0,123", "", "text|0,123||"},   // nor this as 123
	{"1,2345", "", "text|1,2345||"}, // nor this
	{"1.2.3", "", "text|1.2.3||"},
	{"5.", "", "text|5.||"},
	{"6.1 10(3/uL", "", "text|6.1 10(3/uL||"},
	{"5 mg/", "", "text|5 mg/||"},
	{"5 mg^N/", "", "text|5 mg^N/||"},
	{"5 é=5", "", "text|5 é=5||"},
	{"5 % of all cells seen", "", "text|5 % of all cells seen||"},
	{"2 of 3 colonies", "", "text|2 of 3 colonies||"},
	{"5 and/or more", "", "text|5 and/or more||"},
	{"88 see comment", "", "text|88 see comment||"},
	{"126*", "", "text|126*||"},
	{"1.2 x 10^5", "CFU/mL", "text|1.2 x 10^5||"},
	{"< ", "", "text|<||"},
	{"=5", "", "text|=5||"},
	{"٣٫٥", "", "text|٣٫٥||"},
	{"NaN", "", "text|NaN||"},
	{"Infinity", "", "text|Infinity||"},
	{"0x1F", "", "text|0x1F||"},
	{"1_000", "", "text|1_000||"},

	// Beyond the bounds of a number.
	{"1e29", "", "number|1" + strings.Repeat("0", 29) + "||"},
	{"1e30", "", "text|1e30||"},
	{"1e-29", "", "number|0." + strings.Repeat("0", 28) + "1||"},
	{"1e-30", "", "text|1e-30||"},
	{"1e999999999", "", "text|1e999999999||"},
	{"1e-999999999", "", "text|1e-999999999||"},
	{strings.Repeat("9", 30), "", "number|" + strings.Repeat("9", 30) + "||"},
	{strings.Repeat("9", 31), "", "text|" + strings.Repeat("9", 31) + "||"},
	{"1:99999999999999999999", "", "text|1:99999999999999999999||"},

	// Noise of lab systems.
	{"!!Storno", "", "no_result|!!Storno||"},
	{"DNR", "mg/dL", "no_result|DNR||"},
	{"TNP", "", "no_result|TNP||"},
	{"tnp.", "", "no_result|tnp.||"},
	{"TNP: specimen hemolyzed", "", "no_result|TNP: specimen hemolyzed||"},
	{"QNS", "", "no_result|QNS||"},
	{"Test not performed", "", "no_result|Test not performed||"},
	{"See note", "", "no_result|See note||"},

	// Narratives.
	{"No growth after 48 hours (synthetic report)", "", "narrative|No growth after 48 hours (synthetic report)||"},
	{"Testia coli greater than 100,000 CFU/mL. This is a synthetic narrative that goes on for a while, as culture reports do.", "",
		"narrative|Testia coli greater than 100,000 CFU/mL. This is a synthetic narrative that goes on for a while, as culture reports do.||"},
	{strings.Repeat("9 ", 4000), "", "narrative|" + strings.Repeat("9 ", 4000) + "||"},

	// Nothing.
	{"", "mg/dL", "empty|||"},
	{" \t\r\n\u00a0\u200b", "", "empty|||"},
	{"null", "", "empty|||"},

	// Debris.
	{"8\x008", "", "text|8 8||"},
	{"8\u200b8", "", "number|88||"},
	{"\ufeff88", "", "number|88||"},
	{"88\xff", "", "text|88\ufffd||"},
}

func TestParseValue(t *testing.T) {
	t.Parallel()
	for _, test := range values {
		v := ParseValue(test.raw, test.unit)
		want := test.want
		if v.Kind == ValueNarrative {
			want = strings.ReplaceAll(want, "narrative|"+test.raw, "narrative|"+v.Raw)
		}
		if got := say(v); got != want || v.Raw != test.raw {
			t.Errorf("%q in %q is %q, want %q", test.raw, test.unit, got, want)
		}
	}
}

func TestFoldUnit(t *testing.T) {
	t.Parallel()
	for _, same := range [][]string{
		{"mg/dL", "MG/DL", "mg / dl", " mg/dL "},
		{"µg/L", "μg/L", "ug/L", "mcg/L"},
		{"10*3/uL", "10^3/µL", "x10(3)/uL", "x10E3/uL", "10e3/UL"},
		{"mL/min/1.73m2", "mL/min/1.73 m2"},
	} {
		for _, unit := range same {
			if FoldUnit(unit) != FoldUnit(same[0]) {
				t.Errorf("%q and %q are two units", unit, same[0])
			}
		}
	}
	for _, differ := range [][2]string{{"mg/dL", "g/dL"}, {"10*3/uL", "10*6/uL"}, {"mg/dL", "mg/L"}, {"%", ""}, {"x10", "10*"}} {
		if FoldUnit(differ[0]) == FoldUnit(differ[1]) {
			t.Errorf("%q and %q are one unit", differ[0], differ[1])
		}
	}
}
