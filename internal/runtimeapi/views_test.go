package runtimeapi

import (
	"strings"
	"testing"
)

// Whoever adds a field has to say what it holds.
func TestViewFields_allAreThoughtAbout(t *testing.T) {
	t.Parallel()
	for dataset, views := range ViewFields {
		for view, fields := range views {
			for _, field := range fields {
				f, ok := viewFields[view][field]
				if !ok {
					t.Errorf("%s: field %q of %s is not in viewFields: enter its kind, and why it is PHI if it is", dataset, field, view)
				}
				if len(f.Accepts()) == 0 {
					t.Errorf("field %q of %s fits no column", field, view)
				}
			}
		}
	}
}

// The rows of this view are of one patient each: what could tell whose they are leaves by name only.
func TestViewFields_ofOnePatient(t *testing.T) {
	t.Parallel()
	var phi []string
	for _, field := range ViewFields["labs"][ViewAbnormalResults] {
		if FieldOf(ViewAbnormalResults, field).PHI != "" {
			phi = append(phi, field)
		}
	}
	if got := strings.Join(phi, " "); got != "test observation doctor" {
		t.Errorf("held back are %s", got)
	}
}

func TestValidate_phi(t *testing.T) {
	// A field of a view that nobody has entered stands for any that says something of a patient.
	const field = "patient_name"
	ViewFields["billing"]["phi_test"] = []string{"month", field}
	viewFields["phi_test"] = map[string]Field{"month": {Kind: KindText}, field: {Kind: KindText, PHI: "names the patient"}}
	t.Cleanup(func() { delete(ViewFields["billing"], "phi_test"); delete(viewFields, "phi_test") })
	for name, test := range map[string]struct {
		columns []string
		allowed []string
		at      string
		says    string
	}{
		"none":            {[]string{"month"}, nil, "", ""},
		"not allowed":     {[]string{"month", field}, nil, "columns." + field, `add "patient_name" to phi_columns`},
		"says why":        {[]string{field}, nil, "columns." + field, "names the patient"},
		"other allowed":   {[]string{"month", field}, []string{"month"}, "columns." + field, "business associate"},
		"allowed":         {[]string{"month", field}, []string{field}, "", ""},
		"allowed no more": {[]string{"month", field}, []string{"month", field}, "", ""}, // a field may turn out harmless
		"unused":          {[]string{"month"}, []string{field}, "phi_columns", "does not send"},
		"unknown":         {[]string{"month"}, []string{"nobody"}, "phi_columns", "no field of view"},
		"twice":           {[]string{field}, []string{field, field}, "phi_columns", "twice"},
	} {
		t.Run(name, func(t *testing.T) {
			view := CodaView{View: "phi_test", DocID: "d", TableID: "grid-a", KeyColumn: "c-key", Columns: map[string]string{}, PHIColumns: test.allowed}
			for _, c := range test.columns {
				view.Columns[c] = "c-" + c
			}
			found := PipelineSpec{Dataset: "billing", CodaViews: []CodaView{view}}.Validate()
			switch {
			case test.at == "" && len(found) == 0:
			case test.at == "" || len(found) != 1:
				t.Errorf("found %v, want one at %q", found, test.at)
			case found[0].Field != "coda_views[0]."+test.at || !strings.Contains(found[0].Message, test.says):
				t.Errorf("found %v, want %q at %s", found[0], test.says, test.at)
			}
		})
	}
	if FieldOf(ViewBillingSummary, "anything new").PHI == "" {
		t.Error("a field that nobody has thought about may leave")
	}
}
