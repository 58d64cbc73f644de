package labs

import (
	"strings"
	"testing"
)

func sayDecision(d Decision) string {
	return strings.Join([]string{string(d.State), string(d.Direction), string(d.Severity), string(d.Basis)}, " ")
}

// Every member of both vocabularies, and how it stands against is_abnormal and against what computing
// would say: the value is high, and positive would be expected of nothing.
func TestDecide_flag(t *testing.T) {
	t.Parallel()
	for flag, want := range map[string]string{
		"N":   "normal none none lab_flag",
		"NEG": "normal none none lab_flag",
		"L":   "abnormal low ordinary lab_flag",
		"H":   "abnormal high ordinary lab_flag",
		"LL":  "abnormal low critical lab_flag",
		"HH":  "abnormal high critical lab_flag",
		"<":   "abnormal low critical lab_flag",
		">":   "abnormal high critical lab_flag",
		"A":   "abnormal none ordinary lab_flag",
		"AA":  "abnormal none critical lab_flag",
		"S":   "not_applicable none none lab_flag",
		"R":   "not_applicable none none lab_flag",
		"I":   "not_applicable none none lab_flag",
		"MS":  "not_applicable none none lab_flag",
		"VS":  "not_applicable none none lab_flag",
		"POS": "unknown none none lab_flag",
		"U":   "unknown none none lab_flag",
		"D":   "unknown none none lab_flag",
		"B":   "unknown none none lab_flag",
		"W":   "unknown none none lab_flag",
		"ZZ":  "unknown none none lab_flag",

		// Spellings.
		" hh ":    "abnormal high critical lab_flag",
		"&lt;":    "abnormal low critical lab_flag",
		"＞":       "abnormal high critical lab_flag",
		"n\u200b": "normal none none lab_flag",

		// No flag: the value is held against the range.
		"":     "abnormal high ordinary computed",
		" ":    "abnormal high ordinary computed",
		"null": "abnormal high ordinary computed",
		"NULL": "abnormal high ordinary computed",
	} {
		r := Read(Observation{Value: "126", Unit: "mg/dL", Range: "70-99", Flag: flag})
		if got := sayDecision(r.Decision); got != want {
			t.Errorf("%q: %s, want %s", flag, got, want)
		}
		// is_abnormal decides where the flag does not.
		if r.Decision.State == Unknown || r.Decision.Basis == ByComputing {
			want = "abnormal none ordinary lab_is_abnormal"
		}
		if got := sayDecision(Read(Observation{Value: "126", Unit: "mg/dL", Range: "70-99", Flag: flag, IsAbnormal: "true"}).Decision); got != want {
			t.Errorf("%q and is_abnormal: %s, want %s", flag, got, want)
		}
	}
	for flag := range flags {
		if flag.Words() == "" || !flag.Known() {
			t.Errorf("%s has no words", flag)
		}
	}
	if Flag("ZZ").Known() || !Flag("").Known() || Flag("").Words() != "" {
		t.Error("an unknown flag is known, or none has words")
	}
}

func TestDecide(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		Observation
		want string
	}{
		{"is_abnormal", Observation{Value: "88", Range: "70-99", IsAbnormal: "true"}, "abnormal none ordinary lab_is_abnormal"},
		{"is_abnormal, Python's spelling", Observation{Value: "88", Range: "70-99", IsAbnormal: "True"}, "abnormal none ordinary lab_is_abnormal"},
		{"is_abnormal off is empty", Observation{Value: "95", Range: "10 to 40", IsAbnormal: "false"}, "abnormal high ordinary computed"},
		{"is_abnormal off is not normal", Observation{Value: "95", IsAbnormal: "False"}, "unknown none none none"},
		{"is_abnormal null", Observation{Value: "88", Range: "70-99", IsAbnormal: "null"}, "normal none none computed"},
		{"flag against is_abnormal", Observation{Value: "126", Range: "70-99", Flag: "N", IsAbnormal: "true"}, "normal none none lab_flag"},
		{"flag behind the value", Observation{Value: "88^H", Range: "70-99"}, "abnormal high ordinary lab_flag"},
		{"flag behind the value before is_abnormal", Observation{Value: "88 (LL)", Range: "70-99", IsAbnormal: "true"}, "abnormal low critical lab_flag"},
		{"two flags", Observation{Value: "126^H", Range: "70-99", Flag: "HH"}, "abnormal high critical lab_flag"},
		{"flag behind the range says nothing", Observation{Value: "7.1", Range: "12-16^N"}, "abnormal low ordinary computed"},

		{"positive, negative expected", Observation{Value: "POSITIVE", Range: "Negative", Flag: "POS"}, "abnormal none ordinary lab_flag"},
		{"positive, non reactive expected", Observation{Value: "Reactive", Range: "Non Reactive", Flag: "POS"}, "abnormal none ordinary lab_flag"},
		{"positive, not detected expected", Observation{Value: "Detected", Range: "NOT DETECTED", Flag: "pos"}, "abnormal none ordinary lab_flag"},
		{"positive as expected", Observation{Value: "Positive", Range: "Positive", Flag: "POS"}, "normal none none lab_flag"},
		{"positive as expected, but", Observation{Value: "Positive", Range: "Positive", Flag: "POS", IsAbnormal: "true"}, "abnormal none ordinary lab_is_abnormal"},
		{"positive, nothing expected", Observation{Value: "Positive", Range: "-", Flag: "POS"}, "unknown none none lab_flag"},
		{"positive, a number expected", Observation{Value: "Positive", Range: "<200", Flag: "POS"}, "unknown none none lab_flag"},

		{"text as expected", Observation{Value: "yellow", Range: "Yellow"}, "normal none none computed"},
		{"text of the same meaning", Observation{Value: "NON-REACTIVE", Range: "Negative"}, "normal none none computed"},
		{"opposite text", Observation{Value: "POSITIVE", Range: "Negative"}, "abnormal none ordinary computed"},
		{"opposite text, the other way", Observation{Value: "Negative", Range: "Positive"}, "abnormal none ordinary computed"},
		{"another text", Observation{Value: "Trace", Range: "Negative"}, "unknown none none none"},
		{"another colour", Observation{Value: "Turbid", Range: "Clear"}, "unknown none none none"},
		{"number, text expected", Observation{Value: "0", Range: "Negative"}, "unknown none none none"},
		{"text, number expected", Observation{Value: "Negative", Range: "<200"}, "unknown none none none"},

		{"within", Observation{Value: "88", Range: "70 99"}, "normal none none computed"},
		{"at the low bound", Observation{Value: "70.0", Range: "70 99"}, "normal none none computed"},
		{"at the high bound", Observation{Value: "99", Range: "70-99.00"}, "normal none none computed"},
		{"below", Observation{Value: "69.999", Range: "70 99"}, "abnormal low ordinary computed"},
		{"above", Observation{Value: "99.001", Range: "70 99"}, "abnormal high ordinary computed"},
		{"at an exclusive bound", Observation{Value: "150", Range: "< 150"}, "abnormal high ordinary computed"},
		{"at an inclusive bound", Observation{Value: "30", Range: "<=30"}, "normal none none computed"},
		{"at an exclusive low bound", Observation{Value: "40", Range: ">40"}, "abnormal low ordinary computed"},
		{"negative numbers", Observation{Value: "-5.2", Range: "-2-2"}, "abnormal low ordinary computed"},
		{"negative numbers within", Observation{Value: "-1", Range: "-2-2"}, "normal none none computed"},
		{"zero is not a bound of 0-<5", Observation{Value: "-1", Range: "0-<5"}, "normal none none computed"},

		{"below detection, within", Observation{Value: "<0.01", Range: "0-<100"}, "normal none none computed"},
		{"comparator at the bound", Observation{Value: ">60", Range: ">=60"}, "normal none none computed"},
		{"comparator at an exclusive bound", Observation{Value: ">60", Range: ">60"}, "normal none none computed"},
		{"inclusive comparator at an exclusive bound", Observation{Value: ">=60", Range: ">60"}, "unknown none none none"},
		{"comparator below all", Observation{Value: "<10", Range: "150-450"}, "abnormal low ordinary computed"},
		{"comparator up to the low bound", Observation{Value: "<150", Range: "150-450"}, "abnormal low ordinary computed"},
		{"inclusive comparator up to the low bound", Observation{Value: "<=150", Range: "150-450"}, "unknown none none none"},
		{"comparator above all", Observation{Value: ">500", Range: "150-450"}, "abnormal high ordinary computed"},
		{"comparator from the high bound", Observation{Value: ">450", Range: "150-450"}, "abnormal high ordinary computed"},
		{"comparator across the high bound", Observation{Value: ">400", Range: "150-450"}, "unknown none none none"},
		{"comparator across both bounds", Observation{Value: ">100", Range: "150-450"}, "unknown none none none"},
		{"comparator over the whole range", Observation{Value: "<500", Range: "150-450"}, "unknown none none none"},
		{"below detection, zero is in the range", Observation{Value: "<0.01", Range: "0-0.04"}, "unknown none none none"},
		{"comparator against the other side", Observation{Value: ">60", Range: "<100"}, "unknown none none none"},
		{"comparator, abnormal for sure", Observation{Value: ">4", Range: "<=4"}, "abnormal high ordinary computed"},

		{"one unit in two spellings", Observation{Value: "12 µg/L", Range: "5-10 ug/l"}, "abnormal high ordinary computed"},
		{"unit in the value", Observation{Value: "128 mEq/L", Unit: "mEq/L", Range: "135-145 mEq/L"}, "abnormal low ordinary computed"},
		{"unit in the range only", Observation{Value: "128", Range: "135-145 mEq/L"}, "abnormal low ordinary computed"},
		{"range in another unit", Observation{Value: "5.5", Unit: "mmol/L", Range: "70-99 mg/dL"}, "unknown none none none"},
		{"value in another unit", Observation{Value: "5.5 mmol/L", Unit: "mg/dL", Range: "70-99"}, "unknown none none none"},
		{"range unit of its own field", Observation{Value: "5.5", Unit: "mmol/L", Range: "70-99", RangeUnit: "mg/dL"}, "unknown none none none"},
		{"range unit that says nothing", Observation{Value: "126", Unit: "mg/dL", Range: "70-99", RangeUnit: "null"}, "abnormal high ordinary computed"},

		{"titre", Observation{Value: "1:640", Range: "<1:40"}, "abnormal high ordinary computed"},
		{"titre within", Observation{Value: "<1:40", Range: "<1:40"}, "normal none none computed"},
		{"titre and number", Observation{Value: "1:640", Range: "<40"}, "unknown none none none"},

		{"not performed", Observation{Value: "TNP", Range: "70-99"}, "unknown none none none"},
		{"not performed, flagged", Observation{Value: "TNP", Range: "70-99", Flag: "A"}, "abnormal none ordinary lab_flag"},
		{"narrative", Observation{Value: strings.Repeat("growth ", 40), Range: "Negative"}, "unknown none none none"},
		{"no range", Observation{Value: "108", Range: "Not Estab."}, "unknown none none none"},
		{"range out of order", Observation{Value: "88", Range: "99-70"}, "unknown none none none"},
		{"nothing", Observation{}, "unknown none none none"},
	} {
		d := Read(test.Observation).Decision
		if got := sayDecision(d); got != test.want {
			t.Errorf("%s: %s (%s), want %s", test.name, got, d.Rule, test.want)
		}
		if d.Rule == "" || d.Version != RuleVersion {
			t.Errorf("%s: rule %q of version %d", test.name, d.Rule, d.Version)
		}
	}
}

// A range is in its own unit, else in the value's.
func TestRead_rangeUnit(t *testing.T) {
	t.Parallel()
	for own, want := range map[string]string{"": "mg/dL", "null": "mg/dL", "-": "mg/dL", "g/L": "g/L"} {
		if r := Read(Observation{Value: "126", Unit: "mg/dL", Range: "70-99", RangeUnit: own}); r.Range.Unit != want || r.Value.Unit != "mg/dL" {
			t.Errorf("%q: %q", own, r.Range.Unit)
		}
	}
}

// What a clinic's labs send, form by form: the value and the range of each are read as something typed.
func TestRead_clinic(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		unit, normal string
		values       [3]string
		flags        [3]string
		kinds        string // of the range, then of the values
		states       [3]string
	}{
		{"mg/dL", "70 99", [3]string{"88", "126", "55"}, [3]string{"", "H", "L"}, "interval number number number", [3]string{"normal/computed", "abnormal/lab_flag", "abnormal/lab_flag"}},
		{"mg/dL", "0.7 1.3", [3]string{"0.9", "1.8", "1.1"}, [3]string{"N", "H", ""}, "interval number number number", [3]string{"normal/lab_flag", "abnormal/lab_flag", "normal/computed"}},
		{"mEq/L", "135-145 mEq/L", [3]string{"140 mEq/L", "128 mEq/L", "151"}, [3]string{"", "L", "H"}, "interval number number number", [3]string{"normal/computed", "abnormal/lab_flag", "abnormal/lab_flag"}},
		{"mmol/L", "3.5 - 5.1", [3]string{"4.2", "6.9", "2.4"}, [3]string{"", "HH", "LL"}, "interval number number number", [3]string{"normal/computed", "abnormal/lab_flag", "abnormal/lab_flag"}},
		{"U/L", "10 to 40", [3]string{"22", "95", "8"}, [3]string{}, "interval number number number", [3]string{"normal/computed", "abnormal/computed", "abnormal/computed"}},
		{"mL/min", ">=60", [3]string{"90", ">60", "44"}, [3]string{"N", "", "L"}, "interval number number number", [3]string{"normal/lab_flag", "normal/computed", "abnormal/lab_flag"}},
		{"10*3/uL", "4.0–11.0", [3]string{"6.1", "14.2", "0.9"}, [3]string{"", "H", "<"}, "interval number number number", [3]string{"normal/computed", "abnormal/lab_flag", "abnormal/lab_flag"}},
		{"g/dL", "12-16^N", [3]string{"13.9", "7.1", "18.8"}, [3]string{"N", "LL", ">"}, "interval number number number", [3]string{"normal/lab_flag", "abnormal/lab_flag", "abnormal/lab_flag"}},
		{"10*3/uL", "150-450", [3]string{"210", "90", "<10"}, [3]string{"", "L", "LL"}, "interval number number number", [3]string{"normal/computed", "abnormal/lab_flag", "abnormal/lab_flag"}},
		{"mmol/L", "-2-2", [3]string{"0.4", "-5.2", "3"}, [3]string{"", "L", "H"}, "interval number number number", [3]string{"normal/computed", "abnormal/lab_flag", "abnormal/lab_flag"}},
		{"mg/dL", "<200", [3]string{"180", "244", "199"}, [3]string{"", "H", ""}, "interval number number number", [3]string{"normal/computed", "abnormal/lab_flag", "normal/computed"}},
		{"mg/dL", ">40", [3]string{"52", "31", "61"}, [3]string{"", "L", ""}, "interval number number number", [3]string{"normal/computed", "abnormal/lab_flag", "normal/computed"}},
		{"mg/dL", "0-<100", [3]string{"85", "160", "<0.01"}, [3]string{"", "A", ""}, "interval number number number", [3]string{"normal/computed", "abnormal/lab_flag", "normal/computed"}},
		{"mg/dL", "< 150", [3]string{"110", "300", "150"}, [3]string{"", "AA", ""}, "interval number number number", [3]string{"normal/computed", "abnormal/lab_flag", "abnormal/computed"}},
		{"%", "<5.7", [3]string{"5.4", "9.1", "5.7 %"}, [3]string{"", "H", ""}, "interval number number number", [3]string{"normal/computed", "abnormal/lab_flag", "abnormal/computed"}},
		{"mg/dL", "Not Estab.", [3]string{"108", "214", "117"}, [3]string{}, "none number number number", [3]string{"unknown/none", "unknown/none", "unknown/none"}},
		{"mL/min/1.73m2", "> OR = 60", [3]string{"75", "58", "100"}, [3]string{}, "interval number number number", [3]string{"normal/computed", "abnormal/computed", "normal/computed"}},
		{"mL/min/1.73m2", "≥ 40", [3]string{"75", "38", "100"}, [3]string{}, "interval number number number", [3]string{"normal/computed", "abnormal/computed", "normal/computed"}},
		{"mg/g", "<=30", [3]string{"12", "45", "<5"}, [3]string{"", "H", ""}, "interval number number number", [3]string{"normal/computed", "abnormal/lab_flag", "normal/computed"}},
		{"mg/dL", "", [3]string{"14", "33", "TNP"}, [3]string{}, "none number number no_result", [3]string{"unknown/none", "unknown/none", "unknown/none"}},
		{"", "Yellow", [3]string{"Yellow", "AMBER", "yellow"}, [3]string{"", "A", ""}, "words text text text", [3]string{"normal/computed", "abnormal/lab_flag", "normal/computed"}},
		{"", "Clear", [3]string{"Clear", "Turbid", "CLEAR"}, [3]string{}, "words text text text", [3]string{"normal/computed", "unknown/none", "normal/computed"}},
		{"", "Negative", [3]string{"Negative", "Trace", "POSITIVE"}, [3]string{"NEG", "", "POS"}, "words text text text", [3]string{"normal/lab_flag", "unknown/none", "abnormal/lab_flag"}},
		{"", "5.0 8.0", [3]string{"6.0", "8.5", "7"}, [3]string{}, "interval number number number", [3]string{"normal/computed", "abnormal/computed", "normal/computed"}},
		{"", "Non Reactive", [3]string{"Non Reactive", "Reactive", "non reactive"}, [3]string{"N", "A", ""}, "words text text text", [3]string{"normal/lab_flag", "abnormal/lab_flag", "normal/computed"}},
		{"", "Not Detected", [3]string{"Not Detected", "Detected", "DNR"}, [3]string{"", "POS", ""}, "words text text no_result", [3]string{"normal/computed", "abnormal/lab_flag", "unknown/none"}},
		{"", "See note", [3]string{"1:80", "1:640", "<1:40"}, [3]string{"", "A", ""}, "none titre titre titre", [3]string{"unknown/none", "abnormal/lab_flag", "unknown/none"}},
		{"", "-", [3]string{"Negative", "Positive", "!!Storno"}, [3]string{"NEG", "POS", ""}, "none text text no_result", [3]string{"normal/lab_flag", "unknown/lab_flag", "unknown/none"}},
		{"", "", [3]string{"No growth after 48 hours (synthetic report)",
			"Testia coli greater than 100,000 CFU/mL. This is a synthetic narrative that goes on for a while, as culture reports do.",
			"Mixed flora"}, [3]string{"", "A", ""}, "none narrative narrative text", [3]string{"unknown/none", "abnormal/lab_flag", "unknown/none"}},
		{"", "", [3]string{"<=0.25", ">4", "2"}, [3]string{"S", "R", "I"}, "none number number number", [3]string{"not_applicable/lab_flag", "not_applicable/lab_flag", "not_applicable/lab_flag"}},
	} {
		kinds := ""
		for i, value := range test.values {
			r := Read(Observation{Value: value, Unit: test.unit, Range: test.normal, Flag: test.flags[i], IsAbnormal: "false"})
			if i == 0 {
				kinds = string(r.Range.Kind)
			}
			kinds += " " + string(r.Value.Kind)
			if got := string(r.Decision.State) + "/" + string(r.Decision.Basis); got != test.states[i] {
				t.Errorf("%q against %q, flag %q: %s, want %s", value, test.normal, test.flags[i], got, test.states[i])
			}
		}
		if kinds != test.kinds {
			t.Errorf("%q: %s, want %s", test.normal, kinds, test.kinds)
		}
	}
}
