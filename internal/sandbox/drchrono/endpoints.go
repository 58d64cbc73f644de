package drchrono

import (
	"strings"

	"github.com/feel-august/terraform-provider-august/internal/sandbox/clinic"
)

// endpoint is one resource under /api/.
type endpoint struct {
	kind    clinic.Kind
	scopes  []string
	since   bool         // honours `since`
	order   clinic.Order // of the list
	params  []string     // the filters it honours; others are ignored, as the real one does
	needs   bool         // wants one of since, occurred_since, date, date_range
	noID    bool         // has no GET by id
	project []string     // serve only these fields of the kind's objects
	bulk    bool         // has a *_list form
}

var billing = []string{"billing"}
var labs = []string{"labs"}

var endpoints = map[string]*endpoint{
	"appointments": {kind: clinic.Appointments, scopes: []string{"calendar", "clinical"}, since: true, order: clinic.ByDate, needs: true, bulk: true,
		params: []string{"status", "patient", "office", "doctor", "occurred_since", "date", "date_range", "ignore_virtual", "show_archived"}},
	"claim_billing_notes": {kind: clinic.ClaimBillingNotes, scopes: billing, params: []string{"appointment", "doctor"}},
	"doctors":             {kind: clinic.Doctors, scopes: []string{"user"}, params: []string{"doctor"}},
	"eligibility_checks": {kind: clinic.EligibilityChecks, scopes: []string{"calendar", "patients"}, bulk: true,
		params: []string{"appointment", "appointment_date", "appointment_date_range", "doctor", "query_date", "query_date_range", "patient", "service_types"}},
	"eobs":          {kind: clinic.EOBs, scopes: billing, params: []string{"doctor"}},
	"lab_documents": {kind: clinic.LabDocuments, scopes: labs, since: true, params: []string{"doctor"}},
	"lab_orders":    {kind: clinic.LabOrders, scopes: labs, since: true, params: []string{"doctor"}},
	"lab_orders_summary": {kind: clinic.LabOrders, scopes: []string{"clinical"}, since: true, params: []string{"patient", "doctor"},
		project: []string{"id", "patient", "doctor", "sublab", "status", "priority", "timestamp", "requisition_id", "documents"}},
	"lab_results":         {kind: clinic.LabResults, scopes: labs, params: []string{"order", "doctor"}},
	"lab_tests":           {kind: clinic.LabTests, scopes: labs, params: []string{"order", "doctor"}},
	"line_item_deletions": {kind: clinic.LineItemDeletions, scopes: billing, since: true, params: []string{"appointment_id"}, noID: true},
	"line_items": {kind: clinic.LineItems, scopes: billing, since: true, bulk: true,
		params: []string{"posted_date", "patient", "office", "doctor", "appointment", "service_date", "service_date_range"}},
	"offices":             {kind: clinic.Offices, scopes: []string{"user"}, params: []string{"doctor"}},
	"patient_lab_results": {kind: clinic.PatientLabResults, scopes: []string{"labs", "patients"}, since: true, params: []string{"patient", "doctor", "ordering_doctor"}},
	"patient_payment_log": {kind: clinic.PatientPaymentLog, scopes: billing, since: true, params: []string{"office", "doctor"}},
	"patient_payments":    {kind: clinic.PatientPayments, scopes: []string{"billing:patient-payment"}, since: true, params: []string{"posted_date", "patient", "doctor"}},
	"patients":            {kind: clinic.Patients, scopes: []string{"patients"}, since: true, bulk: true, params: append([]string{"created_at", "show_inactive"}, demographics...)},
	"patients_summary": {kind: clinic.Patients, scopes: []string{"patients:summary"}, since: true, params: demographics,
		project: []string{"id", "chart_id", "doctor", "first_name", "middle_name", "last_name", "date_of_birth", "gender", "patient_status", "updated_at"}},
	"procedures": {kind: clinic.LineItems, scopes: billing, params: []string{"patient", "doctor", "appointment", "service_date", "mu_date", "mu_date_range"},
		project: []string{"id", "appointment", "patient", "doctor", "code", "procedure_type", "description", "service_date", "updated_at"}},
	"sublabs":      {kind: clinic.Sublabs, scopes: labs},
	"transactions": {kind: clinic.Transactions, scopes: billing, since: true, bulk: true, params: []string{"line_item", "posted_date", "appointment", "doctor"}},
	"users":        {kind: clinic.Users},
}

var demographics = []string{"first_name", "last_name", "gender", "date_of_birth", "doctor", "race", "ethnicity", "preferred_language", "chart_id", "email"}

// append writes one object as this endpoint shows it.
func (e *endpoint) append(to []byte, r *clinic.Row, verbose bool) []byte {
	if e.project == nil {
		return r.AppendJSON(to, verbose)
	}
	to = append(to, '{')
	first := true
	r.Each(func(key, raw []byte) bool {
		for _, name := range e.project {
			if name != string(key) {
				continue
			}
			if !first {
				to = append(to, ',')
			}
			if e.kind == clinic.LineItems && name == "service_date" {
				name = "date" // the clinical view's word for it
			}
			to = append(append(append(to, '"'), name...), '"', ':')
			to = append(to, raw...)
			first = false
		}
		return true
	})
	return append(to, '}')
}

// appendAll writes the elements of a list.
func (e *endpoint) appendAll(to []byte, rows []*clinic.Row, verbose bool, s Settings) []byte {
	for i, r := range rows {
		if i > 0 {
			to = append(to, ',')
		}
		if len(s.Shapes) > 0 {
			to = append(to, Reshape(e.append(nil, r, verbose), s.Shapes)...)
		} else {
			to = e.append(to, r, verbose)
		}
	}
	return to
}

// truthy reads the spellings of true that the framework takes.
func truthy(s string) bool {
	switch strings.ToLower(s) {
	case "true", "1", "t", "yes":
		return true
	}
	return false
}
