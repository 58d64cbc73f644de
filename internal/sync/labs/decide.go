package labs

import "github.com/shopspring/decimal"

// State says whether a result is abnormal.
type State string

// The states of a result.
const (
	Normal        State = "normal"
	Abnormal      State = "abnormal"
	Unknown       State = "unknown"        // nobody said, and it cannot be computed
	NotApplicable State = "not_applicable" // microbiology: susceptible, resistant
)

// Direction says to which side an abnormal result lies.
type Direction string

// The directions.
const (
	NoDirection Direction = "none" // not abnormal, no matter of high or low, or not known
	Low         Direction = "low"
	High        Direction = "high"
)

// Severity says how urgent an abnormal result is. Only a lab's flag makes one critical.
type Severity string

// The severities.
const (
	NoSeverity Severity = "none"
	Ordinary   Severity = "ordinary"
	Critical   Severity = "critical"
)

// Basis says who decided.
type Basis string

// The bases of a decision.
const (
	ByFlag       Basis = "lab_flag"        // the lab's flag; with Unknown: it says something, but not that
	ByIsAbnormal Basis = "lab_is_abnormal" // the lab's is_abnormal
	ByComputing  Basis = "computed"        // the value, held against the range
	ByNobody     Basis = "none"
)

// Decision is whether a result is abnormal, and on whose word.
type Decision struct {
	State     State
	Direction Direction
	Severity  Severity
	Basis     Basis
	Rule      string // the rule that decided, in words that hold nothing of the result
	Version   int    // RuleVersion
}

// Decide decides whether a result is abnormal. The flag and isAbnormal are as received.
//
// The lab's flag wins: the one in its own field, else one written behind the value. POS is abnormal
// only where negative is expected. Without a flag, or with one that does not say (POS elsewhere, a
// change since the last result, a member that is not known), is_abnormal makes a result abnormal. Only
// without any flag is a value held against the range.
//
// A false is_abnormal counts as empty. The member is a switch, off by default, to draw a doctor's
// attention; taken as "normal" it would hide what a lab that sets neither has to say.
func Decide(flag, isAbnormal string, v Value, r Range) Decision {
	f := ParseFlag(flag)
	if f == "" {
		f = v.Flag
	}
	d := Decision{State: Unknown, Direction: NoDirection, Severity: NoSeverity, Basis: ByNobody, Version: RuleVersion}
	meaning := flags[f]
	switch expected := expectation(r); {
	case meaning.state != "":
		d.State, d.Basis, d.Rule = meaning.state, ByFlag, "flag "+meaning.words
		if d.State == Abnormal {
			d.Direction, d.Severity = meaning.direction, meaning.severity
		}
	case f == "POS" && expected < 0:
		d.State, d.Severity, d.Basis, d.Rule = Abnormal, Ordinary, ByFlag, "flag positive, negative is expected"
	case parseBool(isAbnormal):
		d.State, d.Severity, d.Basis, d.Rule = Abnormal, Ordinary, ByIsAbnormal, "is_abnormal"
	case f == "POS" && expected > 0:
		d.State, d.Basis, d.Rule = Normal, ByFlag, "flag positive, positive is expected"
	case f == "POS":
		d.Basis, d.Rule = ByFlag, "flag positive, no expected result to hold it against"
	case f.Known() && f != "":
		d.Basis, d.Rule = ByFlag, "flag "+meaning.words+" says nothing about a range"
	case f != "":
		d.Basis, d.Rule = ByFlag, "flag without a rule"
	default:
		d.compute(v, r)
	}
	return d
}

func expectation(r Range) int {
	if r.Kind != RangeWords {
		return 0
	}
	return polarity(r.Expected)
}

// parseBool reads a boolean in any of the spellings that were seen; what is none is not true.
func parseBool(s string) bool {
	switch fold(s) {
	case "true", "t", "1", "yes":
		return true
	}
	return false
}

// compute holds the value against the range, where both are of one kind and in one unit.
func (d *Decision) compute(v Value, r Range) {
	switch {
	case v.Kind == ValueText && r.Kind == RangeWords:
		d.computeWords(v.Text, r.Expected)
		return
	case v.Kind == ValueNumber && r.Kind == RangeInterval, v.Kind == ValueTitre && r.Kind == RangeTitre:
	default:
		d.Rule = "no value and range to compare"
		return
	}
	if v.Unit != "" && r.Unit != "" && FoldUnit(v.Unit) != FoldUnit(r.Unit) {
		d.Rule = "value and range are in different units"
		return
	}
	state, direction := compare(v, r)
	d.State, d.Direction = state, direction
	switch {
	case state == Unknown:
		d.Rule = "value is known to one side only, across a bound of the range"
	case state == Normal:
		d.Basis, d.Rule = ByComputing, "value within the range"
	case direction == Low:
		d.Severity, d.Basis, d.Rule = Ordinary, ByComputing, "value below the range"
	default:
		d.Severity, d.Basis, d.Rule = Ordinary, ByComputing, "value above the range"
	}
}

// computeWords compares a word with the one to expect. Another word is not abnormal by itself (straw
// against yellow), only its opposite is.
func (d *Decision) computeWords(text, expected string) {
	is, ought := polarity(text), polarity(expected)
	switch {
	case fold(text) == fold(expected), is != 0 && is == ought:
		d.State, d.Basis, d.Rule = Normal, ByComputing, "value is the expected text"
	case is != 0 && is == -ought:
		d.State, d.Severity, d.Basis, d.Rule = Abnormal, Ordinary, ByComputing, "value is the opposite of the expected text"
	default:
		d.Rule = "value is another text than expected"
	}
}

// compare says where the numbers that the value can be lie: all within the range, all below it, all
// above it. Anything else is unknown.
func compare(v Value, r Range) (State, Direction) {
	at := v.Number
	if v.Kind == ValueTitre {
		at = decimal.NewFromInt(v.Titre)
	}
	hasLeast, hasGreatest := true, true // of the numbers that the value can be
	includes := true
	switch v.Comparator {
	case Less, LessOrEqual:
		hasLeast, includes = false, v.Comparator == LessOrEqual
	case Greater, GreaterOrEqual:
		hasGreatest, includes = false, v.Comparator == GreaterOrEqual
	}
	aboveLow, belowHigh := true, true // every number of the value is
	if r.Low.Valid {
		order := at.Cmp(r.Low.Decimal)
		if hasGreatest && (order < 0 || order == 0 && (!includes || !r.LowInclusive)) {
			return Abnormal, Low
		}
		aboveLow = hasLeast && (order > 0 || order == 0 && (r.LowInclusive || !includes))
	}
	if r.High.Valid {
		order := at.Cmp(r.High.Decimal)
		if hasLeast && (order > 0 || order == 0 && (!includes || !r.HighInclusive)) {
			return Abnormal, High
		}
		belowHigh = hasGreatest && (order < 0 || order == 0 && (r.HighInclusive || !includes))
	}
	if aboveLow && belowHigh {
		return Normal, NoDirection
	}
	return Unknown, NoDirection
}
