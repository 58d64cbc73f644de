package labs

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/shopspring/decimal"
	"pgregory.net/rapid"
)

type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

// checkValue holds a value to what is promised of every one.
func checkValue(t failer, raw, unit string) Value {
	t.Helper()
	v := ParseValue(raw, unit)
	if v.Raw != raw {
		t.Fatalf("%q is not kept", raw)
	}
	again := ParseValue(v.Format(), unit)
	if again.Kind != v.Kind || again.Comparator != v.Comparator || !sameNumber(again.Number, v.Number) || again.Titre != v.Titre ||
		again.Unit != v.Unit || again.Flag != v.Flag || again.Text != v.Text {
		t.Fatalf("%q in %q is %+v, and its %q is %+v", raw, unit, v, v.Format(), again)
	}
	checkNumber(t, v.Number)
	checkText(t, v.Text, v.Unit)
	switch v.Kind {
	case ValueNumber, ValueTitre:
		if v.Text != "" || v.Kind == ValueTitre && v.Titre <= 0 || !v.Flag.Known() {
			t.Fatalf("%q in %q is %+v", raw, unit, v)
		}
	case ValueText, ValueNoResult, ValueNarrative, ValueEmpty:
		if v.Comparator != "" || !v.Number.IsZero() || v.Titre != 0 || v.Unit != "" || v.Flag != "" {
			t.Fatalf("%q in %q is %+v", raw, unit, v)
		}
	default:
		t.Fatalf("%q is of kind %q", raw, v.Kind)
	}
	return v
}

// checkRange holds a range to what is promised of every one.
func checkRange(t failer, raw, unit string) Range {
	t.Helper()
	r := ParseRange(raw, unit)
	if r.Raw != raw {
		t.Fatalf("%q is not kept", raw)
	}
	again := ParseRange(r.Format(), unit)
	if again.Kind != r.Kind || !sameBound(again.Low, r.Low) || !sameBound(again.High, r.High) || again.LowInclusive != r.LowInclusive ||
		again.HighInclusive != r.HighInclusive || again.Unit != r.Unit || again.Expected != r.Expected {
		t.Fatalf("%q in %q is %+v, and its %q is %+v", raw, unit, r, r.Format(), again)
	}
	checkNumber(t, r.Low.Decimal)
	checkNumber(t, r.High.Decimal)
	checkText(t, r.Expected, r.Unit)
	bounded := r.Low.Valid || r.High.Valid
	if r.Low.Valid && r.High.Valid && r.Low.Decimal.GreaterThan(r.High.Decimal) {
		t.Fatalf("%q is out of order", raw)
	}
	if !r.Low.Valid && r.LowInclusive || !r.High.Valid && r.HighInclusive {
		t.Fatalf("%q includes a bound that it has not: %+v", raw, r)
	}
	switch r.Kind {
	case RangeInterval, RangeTitre:
		if !bounded || r.Expected != "" {
			t.Fatalf("%q is %+v", raw, r)
		}
	case RangeWords, RangeNone, RangeUnparsed:
		if bounded || r.Unit != "" || (r.Expected != "") != (r.Kind == RangeWords) {
			t.Fatalf("%q is %+v", raw, r)
		}
	default:
		t.Fatalf("%q is of kind %q", raw, r.Kind)
	}
	return r
}

// checkDecision holds a decision to what is promised of every one.
func checkDecision(t failer, o Observation) {
	t.Helper()
	r := Read(o)
	d, flag := r.Decision, ParseFlag(o.Flag)
	fail := func(why string) {
		t.Helper()
		t.Fatalf("%s: %+v is %+v", why, o, d)
	}
	if d != Read(o).Decision {
		fail("two decisions")
	}
	if d.Rule == "" || d.Version != RuleVersion {
		fail("no rule")
	}
	if d.State != Abnormal && (d.Direction != NoDirection || d.Severity != NoSeverity) {
		fail("not abnormal, but to a side")
	}
	if d.State == Abnormal && d.Severity == NoSeverity {
		fail("abnormal without a severity")
	}
	if d.Severity == Critical && d.Basis != ByFlag {
		fail("critical, but not on the lab's word")
	}
	if d.Basis == ByNobody && d.State != Unknown || d.State == NotApplicable && d.Basis != ByFlag {
		fail("decided by nobody")
	}
	if d.Basis == ByComputing && (flag != "" || r.Value.Flag != "" || parseBool(o.IsAbnormal) || d.State == Unknown) {
		fail("computed against the lab's word")
	}
	if d.Basis == ByComputing && r.Value.Kind != ValueNumber && r.Value.Kind != ValueTitre && r.Value.Kind != ValueText {
		fail("computed from nothing")
	}
	if meaning := flags[flag]; meaning.state != "" && (d.State != meaning.state || d.Basis != ByFlag) {
		fail("the flag does not win")
	}
	if flag == "" && r.Value.Flag == "" && parseBool(o.IsAbnormal) && d.Basis != ByIsAbnormal {
		fail("is_abnormal does not count")
	}
	if state, why := Review(Candidate{Status: Final, Decision: d}, nil); d.State == Abnormal && !state.Queued() || why == "" {
		fail("abnormal, and nobody is asked")
	}
	for _, status := range []Status{Preliminary, Pending, Correction, Final, "", "Z"} {
		if state, _ := Review(Candidate{Status: status, Decision: d}, nil); d.Severity == Critical && !state.Queued() {
			fail("critical, and nobody is asked")
		}
	}
}

func checkNumber(t failer, d decimal.Decimal) {
	t.Helper()
	if d.Exponent() > 0 || d.Exponent() < -maxDigits || len(plain(d)) > maxDigits+len("-.") {
		t.Fatalf("a number of exponent %d", d.Exponent())
	}
}

func checkText(t failer, texts ...string) {
	t.Helper()
	for _, s := range texts {
		if !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) || s != strings.TrimSpace(s) {
			t.Fatalf("%q is not tidy", s)
		}
	}
}

// sameNumber also compares the places.
func sameNumber(a, b decimal.Decimal) bool { return a.Equal(b) && a.Exponent() == b.Exponent() }

func sameBound(a, b decimal.NullDecimal) bool {
	return a.Valid == b.Valid && sameNumber(a.Decimal, b.Decimal)
}

// pieces is what values and ranges are made of, to be put together in ways that nobody would.
var pieces = rapid.SampledFrom([]string{
	"0", "1", "5", "10", "70", "99", "0.7", ".5", "1.30", "-2", "+2", "1,200", "1e3", "1e99", "007", "<", ">", "<=", ">=", "=<", "≥", "≤",
	"> OR = ", "less than ", "up to ", " ", " ", " ", "-", "–", "−", " - ", " to ", "to", " and ", "1:80", "1:", ":", "(", ")", "[", "]",
	"^", "^N", "^H", "^^", " H", " L", "HH", "(H)", " (L)", "N", "S", "R", "POS", "NEG", "mg/dL", "mEq/L", " mg/dL", "%", "µg/L", "10*3/uL", "10^3",
	"x10(3)/uL", "10e3/uL", "L", "/", "/HPF", "h", "Hg", "mm", "Negative", "Not ", "Detected", "Clear", "Not Estab.", "See note", "TNP", "!!Storno",
	"null", "n/a", "*", "+", ".", ",", "e", "E5", "\x00", "\u200b", "\u00a0", "&lt;", "&", "lt;", "８", "＜", "\xff", "é", "٣",
})

func drawText(t *rapid.T, name string) string {
	return strings.Join(rapid.SliceOfN(pieces, 0, 7).Draw(t, name), "")
}

func TestGrammar_pieces(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		unit := drawText(t, "unit")
		checkValue(t, drawText(t, "value"), unit)
		checkRange(t, drawText(t, "range"), unit)
		checkDecision(t, Observation{Value: drawText(t, "value"), Unit: unit, Range: drawText(t, "range"), RangeUnit: drawText(t, "range unit"),
			Flag: drawText(t, "flag"), IsAbnormal: rapid.SampledFrom([]string{"", "true", "False", "null"}).Draw(t, "is_abnormal")})
	})
}

// Every number that can be written is read as itself, with its places, in any company.
func TestGrammar_numbers(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		number := func(name string) decimal.Decimal {
			return decimal.New(rapid.Int64Range(-1e9, 1e9).Draw(t, name), -rapid.Int32Range(0, 6).Draw(t, name+" places"))
		}
		n := number("number")
		comparator := rapid.SampledFrom([]Comparator{"", Less, LessOrEqual, Greater, GreaterOrEqual}).Draw(t, "comparator")
		unit := rapid.SampledFrom([]string{"", "mg/dL", "10*3/uL", "%", "L", "mL/min/1.73 m2", "odd unit"}).Draw(t, "unit")
		space := rapid.SampledFrom([]string{"", " "}).Draw(t, "space")
		v := ParseValue(string(comparator)+space+plain(n)+" "+unit, unit)
		if v.Kind != ValueNumber || !sameNumber(v.Number, n) || v.Comparator != comparator || v.Unit != unit {
			t.Fatalf("%s%s %s is %+v", comparator, n, unit, v)
		}
		low, high := n, number("other")
		if low.GreaterThan(high) {
			low, high = high, low
		}
		between := rapid.SampledFrom([]string{" ", "-", " - ", " to ", "–"}).Draw(t, "between")
		r := ParseRange(plain(low)+between+plain(high), unit)
		if r.Kind != RangeInterval || !r.Low.Decimal.Equal(low) || !r.High.Decimal.Equal(high) || !r.LowInclusive || !r.HighInclusive {
			t.Fatalf("from %s%sto %s is %+v", low, between, high, r)
		}
	})
}

// The comparison agrees with trying every number that the value can be, on a grid that has a point
// between any two that are written.
func TestCompare_grid(t *testing.T) {
	t.Parallel()
	const grid = 40 // in halves, far beyond what is written
	in := func(c Comparator, x, of int) bool {
		return c == "" && x == of || c == Less && x < of || c == LessOrEqual && x <= of || c == Greater && x > of || c == GreaterOrEqual && x >= of
	}
	rapid.Check(t, func(t *rapid.T) {
		write := func(c Comparator, n int) string { return string(c) + decimal.NewFromInt(int64(n)).String() }
		small := rapid.IntRange(-6, 6)
		value, valueIs := small.Draw(t, "value"), rapid.SampledFrom([]Comparator{"", Less, LessOrEqual, Greater, GreaterOrEqual}).Draw(t, "value is")
		low, lowIs := small.Draw(t, "low"), rapid.SampledFrom([]Comparator{"", Greater, GreaterOrEqual}).Draw(t, "low is")
		high, highIs := rapid.IntRange(low, 7).Draw(t, "high"), rapid.SampledFrom([]Comparator{"", Less, LessOrEqual}).Draw(t, "high is")
		var text string
		switch {
		case lowIs != "" && highIs != "":
			text = write(lowIs, low) + " - " + write(highIs, high)
		case lowIs != "":
			text = write(lowIs, low)
		case highIs != "":
			text = write(highIs, high)
		default:
			text, lowIs, highIs = write("", low)+" "+write("", high), GreaterOrEqual, LessOrEqual
		}
		r := ParseRange(text, "")
		if r.Kind == RangeUnparsed && low == high { // >5 - <5 has nothing in it
			return
		}
		below, within, above := 0, 0, 0
		for x := -grid; x <= grid; x++ {
			switch {
			case !in(valueIs, x, 2*value):
			case lowIs != "" && !in(lowIs, x, 2*low):
				below++
			case highIs != "" && !in(highIs, x, 2*high):
				above++
			default:
				within++
			}
		}
		want := "unknown none"
		switch {
		case below+above == 0:
			want = "normal none"
		case within+above == 0:
			want = "abnormal low"
		case within+below == 0:
			want = "abnormal high"
		}
		d := Decide("", "", ParseValue(write(valueIs, value), ""), r)
		if got := string(d.State) + " " + string(d.Direction); got != want {
			t.Fatalf("%s against %s is %s, want %s", write(valueIs, value), text, got, want)
		}
	})
}

func FuzzValue(f *testing.F) {
	for _, test := range values {
		f.Add(test.raw, test.unit)
	}
	f.Fuzz(func(t *testing.T, raw, unit string) { checkValue(t, raw, unit) })
}

func FuzzRange(f *testing.F) {
	for _, test := range ranges {
		f.Add(test.raw, test.unit)
	}
	f.Fuzz(func(t *testing.T, raw, unit string) { checkRange(t, raw, unit) })
}

func FuzzDecide(f *testing.F) {
	i := 0
	for flag := range flags {
		v, r := values[i%len(values)], ranges[i%len(ranges)]
		f.Add(v.raw, v.unit, r.raw, r.unit, string(flag), "False")
		i += 7
	}
	f.Add("<0.01", "mg/dL", "0-<100", "", "", "true")
	f.Add("POSITIVE", "", "Negative", "", "POS", "")
	f.Add("1:640", "", "<1:40", "", "null", "null")
	f.Fuzz(func(t *testing.T, value, unit, normal, rangeUnit, flag, isAbnormal string) {
		checkDecision(t, Observation{value, unit, normal, rangeUnit, flag, isAbnormal})
	})
}
