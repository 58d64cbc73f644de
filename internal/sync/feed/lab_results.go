package feed

import (
	"strconv"

	"github.com/shopspring/decimal"

	"github.com/feel-august/terraform-provider-august/internal/sync/labs"
)

// LabResults are what laboratories found. As with tests, there is no telling when one changed. The texts
// are kept as received; what package labs reads in them is beside them, with the version of its rules.
var LabResults = Feed{
	Name: "lab_results",
	Path: "/api/lab_results",
	Key:  "id",
	Columns: []Column{
		{"id", ID}, {"lab_test", ID}, {"lab_order", ID}, {"document", ID}, {"status", Text}, {"value", Text}, {"value_is_numeric", Bool},
		{"unit", Text}, {"normal_range", Text}, {"is_abnormal", Text}, {"abnormal_status", Text}, {"observation_code", Text},
		{"observation_description", Text}, {"group_code", Text}, {"test_performed", Timestamp}, {"specimen_received", Timestamp},
	},
	Derived: &Derived{
		From:    []string{"value", "unit", "normal_range", "abnormal_status", "is_abnormal", "comments", "observation_code", "observation_description"},
		Columns: append(append([]string{}, readingColumns...), "observation_key"),
		append: func(key string, dst []byte, t []string) []byte {
			dst = appendReading(dst, labs.Observation{Value: t[0], Unit: t[1], Range: t[2], Flag: t[3], IsAbnormal: t[4]}, t[5])
			id, _ := strconv.ParseInt(key, 10, 64) // it was read as an id before
			observation := labs.KeyOf(id, 0, t[6], t[7])
			if observation.Alone != 0 {
				return append(append(dst, "\t#"...), key...)
			}
			return appendEscaped(append(dst, '\t'), observation.Observation)
		},
	},
	Sweep: true,
	Split: byOrder,
}

// PatientLabResults are results that were entered by hand or came from elsewhere. They belong to a
// patient and to no order. Files that they were taken from and the doctor's comments get no column.
var PatientLabResults = Feed{
	Name:    "patient_lab_results",
	Path:    "/api/patient_lab_results",
	Key:     "id",
	Version: "updated_at",
	Columns: []Column{
		{"id", ID}, {"patient", ID}, {"ordering_doctor", ID}, {"title", Text}, {"loinc_code", Text}, {"lab_result_value", Text},
		{"lab_result_value_units", Text}, {"lab_normal_range", Text}, {"lab_normal_range_units", Text}, {"lab_abnormal_flag", Text},
		{"lab_order_status", Text}, {"date_test_performed", Timestamp}, {"doctor_signoff", Bool},
		{"created_at", Timestamp}, {"updated_at", Timestamp},
	},
	Derived: &Derived{
		From:    []string{"lab_result_value", "lab_result_value_units", "lab_normal_range", "lab_normal_range_units", "lab_abnormal_flag"},
		Columns: readingColumns,
		append: func(_ string, dst []byte, t []string) []byte {
			return appendReading(dst, labs.Observation{Value: t[0], Unit: t[1], Range: t[2], RangeUnit: t[3], Flag: t[4]}, "")
		},
	},
	Omit:  []string{"scanned_in_result", "lab_imported_from_ccr"}, // signed URLs of documents
	Since: true,
	Sweep: true,
}

// readingColumns are what a labs.Reading becomes.
var readingColumns = []string{
	"value_kind", "value_comparator", "value_number", "value_titre", "value_unit", "value_flag", "value_text",
	"range_kind", "range_low", "range_high", "range_low_inclusive", "range_high_inclusive", "range_unit", "range_expected",
	"abnormal_state", "abnormal_direction", "abnormal_severity", "abnormal_basis", "abnormal_rule", "rule_version", "fingerprint",
}

// appendReading reads a result and appends the fields of readingColumns. What a kind of value or range
// does not have is null.
func appendReading(dst []byte, o labs.Observation, comments string) []byte {
	r := labs.Read(o)
	v, g, d := r.Value, r.Range, r.Decision
	text := func(s string) {
		if s == "" {
			dst = append(dst, null...)
		} else {
			dst = appendEscaped(dst, s)
		}
		dst = append(dst, '\t')
	}
	number := func(n decimal.Decimal, valid bool) {
		if valid {
			dst = append(dst, n.String()...)
		} else {
			dst = append(dst, null...)
		}
		dst = append(dst, '\t')
	}
	whole := func(n int64, valid bool) {
		if valid {
			dst = strconv.AppendInt(dst, n, 10)
		} else {
			dst = append(dst, null...)
		}
		dst = append(dst, '\t')
	}
	flag := func(b, valid bool) {
		if valid {
			dst = appendFlag(dst, b)
		} else {
			dst = append(dst, null...)
		}
		dst = append(dst, '\t')
	}

	text(string(v.Kind))
	text(string(v.Comparator))
	number(v.Number, v.Kind == labs.ValueNumber)
	whole(v.Titre, v.Kind == labs.ValueTitre)
	text(v.Unit)
	text(string(v.Flag))
	text(v.Text)
	text(string(g.Kind))
	number(g.Low.Decimal, g.Low.Valid)
	number(g.High.Decimal, g.High.Valid)
	flag(g.LowInclusive, g.Low.Valid)
	flag(g.HighInclusive, g.High.Valid)
	text(g.Unit)
	text(g.Expected)
	text(string(d.State))
	text(string(d.Direction))
	text(string(d.Severity))
	text(string(d.Basis))
	text(d.Rule)
	whole(int64(d.Version), true)
	return append(dst, labs.Fingerprint(o, comments)...)
}
