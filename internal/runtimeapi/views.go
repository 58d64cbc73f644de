package runtimeapi

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Kinds of values that a view's fields hold.
const (
	KindText   = "text"   // also dates: Coda reads a date only together with everything else in a request
	KindNumber = "number" // counts and amounts
	KindBool   = "bool"
)

// Field is what is known of a field of a view.
type Field struct {
	Kind string

	// PHI says why the field tells something of a patient, alone or with others; empty: it does not.
	// Such a field goes to Coda only when the view names it in PHIColumns.
	PHI string
}

// viewFields is every field that somebody has thought about, by view. One that is missing counts as PHI:
// a new field is refused until it is entered here.
var viewFields = map[string]map[string]Field{
	ViewBillingSummary: { // of groups of at least eleven claims
		"month": {Kind: KindText}, "status": {Kind: KindText}, "payer": {Kind: KindText}, "claims": {Kind: KindNumber},
		"billed": {Kind: KindNumber}, "insurance_paid": {Kind: KindNumber}, "patient_paid": {Kind: KindNumber}, "balance": {Kind: KindNumber},
	},
	ViewBillingDay: {
		"day": {Kind: KindText}, "status": {Kind: KindText}, "payer": {Kind: KindText}, "doctor": {Kind: KindText}, "claims": {Kind: KindNumber},
		"billed": {Kind: KindNumber}, "insurance_paid": {Kind: KindNumber}, "patient_paid": {Kind: KindNumber}, "balance": {Kind: KindNumber},
	},
	ViewBillingMismatches: {
		"month": {Kind: KindText}, "reason": {Kind: KindText}, "severity": {Kind: KindText}, "mismatches": {Kind: KindNumber},
	},
	// One row is one patient's result, and there is no group to hide in. Its key is drawn by lot and leads to the patient
	// inside of the database only. What is not PHI are words of our own: "abnormal", "high", "reopened".
	ViewAbnormalResults: {
		"abnormal_state": {Kind: KindText}, "direction": {Kind: KindText}, "severity": {Kind: KindText}, "basis": {Kind: KindText},
		"review": {Kind: KindText}, "reason": {Kind: KindText},
		"doctor":      {Kind: KindText, PHI: "whose patient it is: with the time at which Coda got the row, few come into question"},
		"test":        {Kind: KindText, PHI: "what was tested, in the laboratory's own words"},
		"observation": {Kind: KindText, PHI: "what was observed, in the laboratory's own words"},
	},
}

// FieldOf is what is known of a view's field.
func FieldOf(view, field string) Field {
	if f, ok := viewFields[view][field]; ok {
		return f
	}
	return Field{Kind: KindText, PHI: "nobody has found out yet what it says of a patient"}
}

// accepts is the types of Coda columns that keep a kind of value as it is sent. Coda takes any value for
// any column, and garbles what does not fit.
var accepts = map[string][]string{
	KindText:   {"text", "select"},
	KindNumber: {"number", "currency", "percent", "slider", "scale", "text"},
	KindBool:   {"checkbox", "text"},
}

// Accepts is the types of Coda columns that the field fits, the best one first.
func (f Field) Accepts() []string { return accepts[f.Kind] }

// phi holds a view to its allow-list: what says something of a patient leaves only by name.
func (v *findings) phi(at string, view CodaView, known []string) {
	for _, field := range slices.Sorted(maps.Keys(view.Columns)) {
		if !slices.Contains(known, field) {
			continue // it does not exist; that is said already
		}
		if why := FieldOf(view.View, field).PHI; why != "" && !slices.Contains(view.PHIColumns, field) {
			v.add(at+"columns."+field, "%q holds protected health information (%s) and is not sent to Coda unless the view allows it by name: "+
				"add %q to phi_columns when Coda has signed a business associate agreement for this workspace, or take it out of columns", field, why, field)
		}
	}
	seen := map[string]bool{}
	for _, field := range view.PHIColumns {
		_, mapped := view.Columns[field]
		switch {
		case seen[field]:
			v.add(at+"phi_columns", "names %q twice", field)
		case !slices.Contains(known, field):
			v.add(at+"phi_columns", "names %q, which is no field of view %q; it has %s", field, view.View, strings.Join(known, ", "))
		case !mapped:
			v.add(at+"phi_columns", "names %q, which columns does not send: an allowance that nobody uses lets it out unnoticed later", field)
		}
		seen[field] = true
	}
}

// Tables is where the views of a spec go, as "doc/table", with the field that says so.
func (s PipelineSpec) Tables() map[string]string {
	out := map[string]string{}
	for i, view := range s.CodaViews {
		out[view.DocID+"/"+view.TableID] = fmt.Sprintf("coda_views[%d].table_id", i)
	}
	return out
}
