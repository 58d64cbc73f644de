// Package labs reads what laboratories write: values, reference ranges and flags, which all arrive as
// text, become typed; whether a result is abnormal is decided together with why; of several rows for
// one observation the one that holds is found; and the results that a clinician must look at are told
// from those that can wait. It does no I/O.
//
// Nothing here guesses. What the grammar does not know stays text, what the rules cannot decide is
// unknown, and the text as received is always kept beside what was read from it. Results hold
// patients' data: nothing in this package writes any of them into an error or a log.
package labs

// RuleVersion names the grammar and the rules that read a result. It is stored with every reading, so
// that a change of the rules can be told from a change at the source. Raise it with every change here.
const RuleVersion = 1

// Observation is the texts of one result as DrChrono sends them.
type Observation struct {
	Value      string // LabResult.value; PatientLabResultSet.lab_result_value
	Unit       string // unit; lab_result_value_units
	Range      string // normal_range; lab_normal_range
	RangeUnit  string // lab_normal_range_units; empty: the range is in Unit, as in every LabResult
	Flag       string // abnormal_status; lab_abnormal_flag
	IsAbnormal string // is_abnormal, whose JSON boolean is given as "true" or "false"; no such member in PatientLabResultSet
}

// Reading is one result, read and judged.
type Reading struct {
	Value    Value
	Range    Range
	Decision Decision
}

// Read reads and judges one result.
func Read(o Observation) Reading {
	rangeUnit := o.RangeUnit
	if cleanUnit(rangeUnit) == "" {
		rangeUnit = o.Unit
	}
	r := Reading{Value: ParseValue(o.Value, o.Unit), Range: ParseRange(o.Range, rangeUnit)}
	r.Decision = Decide(o.Flag, o.IsAbnormal, r.Value, r.Range)
	return r
}
