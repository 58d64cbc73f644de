package drchrono_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/feel-august/terraform-provider-august/internal/sandbox/clinic"
	"github.com/feel-august/terraform-provider-august/internal/sandbox/drchrono"
)

// Every list gives every row exactly once, whatever the page size and the envelope's way forward.
func TestEveryListIsCompleteOnce(t *testing.T) {
	r := newRig(t)
	for path, kind := range map[string]clinic.Kind{
		"appointments?since=2000-01-01&show_archived=true": clinic.Appointments, "claim_billing_notes": clinic.ClaimBillingNotes,
		"doctors": clinic.Doctors, "eligibility_checks": clinic.EligibilityChecks, "eobs": clinic.EOBs, "lab_documents": clinic.LabDocuments,
		"lab_orders": clinic.LabOrders, "lab_orders_summary": clinic.LabOrders, "lab_results": clinic.LabResults, "lab_tests": clinic.LabTests,
		"line_item_deletions": clinic.LineItemDeletions, "line_items": clinic.LineItems, "offices": clinic.Offices,
		"patient_lab_results": clinic.PatientLabResults, "patient_payment_log": clinic.PatientPaymentLog,
		"patient_payments": clinic.PatientPayments, "patients?show_inactive=true": clinic.Patients, "procedures": clinic.LineItems,
		"sublabs": clinic.Sublabs, "transactions": clinic.Transactions, "users": clinic.Users,
	} {
		want := map[string]bool{}
		for _, row := range r.clinic.View(kind, 0) {
			want[row.Key()] = true
		}
		if len(want) == 0 {
			t.Errorf("%s: the clinic has none", path)
		}
		sep := "?"
		if strings.Contains(path, "?") {
			sep = "&"
		}
		seen := map[string]bool{}
		for _, o := range r.all("/api/" + path + sep + "page_size=97") {
			id := o["id"]
			if id == nil {
				id = o["billing_line_item_id"]
			}
			key := fmt.Sprint(id)
			if f, ok := id.(float64); ok {
				key = fmt.Sprintf("%.0f", f)
			}
			if seen[key] {
				t.Errorf("%s: %s came twice", path, key)
			}
			seen[key] = true
		}
		if len(seen) != len(want) {
			t.Errorf("%s: got %d rows, want %d", path, len(seen), len(want))
		}
	}
}

func TestPagingProperty(t *testing.T) {
	r := newRig(t)
	total := r.clinic.Count(clinic.LineItems)
	doctor := r.clinic.View(clinic.Doctors, 0)[0].ID
	rapid.Check(t, func(rt *rapid.T) {
		size := rapid.IntRange(20, 400).Draw(rt, "size")
		byDoctor := rapid.Bool().Draw(rt, "doctor")
		path, want := fmt.Sprintf("/api/line_items?page_size=%d", size), total
		if byDoctor {
			path += fmt.Sprintf("&doctor=%d", doctor)
			want = 0
			for _, row := range r.clinic.View(clinic.LineItems, 0) {
				if row.Doctor == doctor {
					want++
				}
			}
		}
		var ids []float64
		var back string
		for page := r.get(path, 200); ; page = r.get(page["next"].(string), 200) {
			for _, o := range page["results"].([]any) {
				ids = append(ids, o.(map[string]any)["id"].(float64))
			}
			if back, _ = page["previous"].(string); page["next"] == nil {
				break
			}
		}
		if len(ids) != want {
			rt.Fatalf("got %d, want %d", len(ids), want)
		}
		for i := 1; i < len(ids); i++ {
			if ids[i] <= ids[i-1] {
				rt.Fatalf("row %d: id %v after %v", i, ids[i], ids[i-1])
			}
		}
		if back != "" { // the page before the last ends where the last begins
			n := (want - 1) / min(size, 250) * min(size, 250)
			rows := r.get(back, 200)["results"].([]any)
			if got := rows[len(rows)-1].(map[string]any)["id"].(float64); got != ids[n-1] {
				rt.Fatalf("previous ends at %v, want %v", got, ids[n-1])
			}
		}
	})
}

func TestListRules(t *testing.T) {
	r := newRig(t)
	for _, c := range []struct {
		path   string
		status int
	}{
		{"/api/appointments", 400},
		{"/api/appointments?verbose=true", 400},
		{"/api/appointments?since=2026-01-01", 200},
		{"/api/appointments?date=2026-10-01", 200},
		{"/api/appointments?occurred_since=2026-10-01T08:00:00", 200},
		{"/api/appointments?date_range=2026-01-01%2F2026-07-10", 200}, // 190 days
		{"/api/appointments?date_range=2026-01-01%2F2026-07-11", 400},
		{"/api/appointments?date_range=2026-01-01", 400},
		{"/api/line_items?since=2026-01-01T00:00:00", 200},
		{"/api/line_items?since=2026-01-01T00:00:00.25", 200},
		{"/api/line_items?since=2026-01-01T00:00:00Z", 400},
		{"/api/line_items?since=" + url.QueryEscape("2026-01-01T00:00:00-05:00"), 400},
		{"/api/line_items?since=yesterday", 400},
		{"/api/line_items?nonsense=1", 200},
		{"/api/line_items?doctor=x", 400},
		{"/api/line_items?cursor=x", 404},
		{"/api/eobs?since=2026-01-01T00:00:00Z", 200}, // not a parameter there, so not looked at
		{"/api/line_items/1", 404},
		{"/api/line_item_deletions/1", 404},
		{"/api/nothing", 404},
		{"/api/line_items/", 200},
	} {
		if got, _, body := r.do(http.MethodGet, c.path, nil); got != c.status {
			t.Errorf("%s: got %d, want %d: %.200s", c.path, got, c.status, body)
		}
	}
	if got, _, _ := r.do(http.MethodPost, "/api/line_items", nil); got != 405 {
		t.Errorf("POST: got %d, want 405", got)
	}
	r.server.Set(func(s *drchrono.Settings) { s.WideRangeEmpty = true })
	if got := r.get("/api/appointments?date_range=2025-01-01%2F2026-07-11", 200); len(got["results"].([]any)) != 0 || got["next"] != nil {
		t.Errorf("a wide range gave %v", got)
	}
	r.server.Set(func(s *drchrono.Settings) { s.Envelope = "data" })
	if got := r.get("/api/line_items", 200); got["data"] == nil || got["results"] != nil {
		t.Error("the envelope does not say data")
	}
}

func TestSinceAndArchive(t *testing.T) {
	r := newRig(t)
	row := r.clinic.View(clinic.Appointments, 0)[40]
	since := r.clinic.Now()
	if got := r.all("/api/appointments?since=" + since); len(got) != 0 {
		t.Fatalf("%d appointments from the future", len(got))
	}
	if err := r.clinic.Edit(clinic.Appointments, row.Key(), clinic.Object{"ins1_status": "ERA Denied"}); err != nil {
		t.Fatal(err)
	}
	got := r.all("/api/appointments?since=" + since)
	if len(got) != 1 || got[0]["ins1_status"] != "ERA Denied" || got[0]["updated_at"] != since {
		t.Fatalf("after the edit: %v", got)
	}
	if err := r.clinic.Delete(clinic.Appointments, row.Key()); err != nil {
		t.Fatal(err)
	}
	if got := r.all("/api/appointments?since=" + since); len(got) != 0 {
		t.Errorf("the deleted appointment is listed")
	}
	if got := r.all("/api/appointments?show_archived=1&since=" + since); len(got) != 1 || got[0]["deleted_flag"] != true {
		t.Errorf("show_archived: %v", got)
	}
	line := r.clinic.View(clinic.Transactions, 0)[0].LineItem
	if err := r.clinic.Delete(clinic.LineItems, fmt.Sprint(line)); err != nil {
		t.Fatal(err)
	}
	if got := r.all("/api/line_item_deletions?since=" + since); len(got) != 1 || got[0]["billing_line_item_id"] != float64(line) {
		t.Errorf("deletions: %v", got)
	}
	if got := r.all(fmt.Sprintf("/api/transactions?line_item=%d", line)); len(got) != 0 {
		t.Errorf("the line is gone and %d of its transactions are left", len(got))
	}
}

func TestPageCaps(t *testing.T) {
	r := newRig(t)
	for path, want := range map[string]int{
		"/api/appointments?since=2000-01-01&page_size=250": 20,
		"/api/transactions?page_size=1000":                 250,
		"/api/transactions":                                250,
		"/api/transactions?page_size=7":                    7,
		"/api/transactions?page_size=0":                    250,
		"/api/patients?verbose=true&page_size=250":         50,
		"/api/patients_summary?page_size=5":                50,
	} {
		if got := len(r.get(path, 200)["results"].([]any)); got != want {
			t.Errorf("%s: %d rows, want %d", path, got, want)
		}
	}
}

// The fields that each list gives, as a client without the sandbox's source would write them down.
var fields = map[string]string{
	"appointments?since=2000-01-01": "id patient doctor office exam_room scheduled_time duration status custom_status reason notes billing_status ins1_status ins2_status first_billed_date last_billed_date first_edi_date last_edi_date primary_insurer_name primary_insurer_payer_id primary_insurance_id_number secondary_insurer_name secondary_insurer_payer_id secondary_insurance_id_number payment_profile billing_provider supervising_provider billing_notes resubmit_claim_original_id cloned_from icd10_codes icd9_codes profile appt_is_break is_walk_in allow_overlapping deleted_flag created_at updated_at created_by color recurring_appointment base_recurring_appointment is_virtual_base recurrence_instance_key recur_start_date recur_end_date recurring_days recurs_every",
	"line_items":                    "id appointment patient doctor code procedure_type description modifiers diagnosis_pointers quantity units price billed allowed adjustment ins1_paid ins2_paid ins3_paid ins_total pt_paid paid_total balance_ins balance_pt balance_total expected_reimbursement billing_status insurance_status denied_flag service_date posted_date updated_at",
	"transactions":                  "id line_item appointment patient doctor ins_name ins_paid adjustment adjustment_reason adjustment_group_code claim_status posted_date check_date trace_number insurance created_at updated_at",
	"patient_payments":              "id patient appointment line_item doctor amount payment_method payment_transaction_type posted_date received_date trace_number notes created_by created_at updated_at",
	"patient_payment_log":           "id action amount appointment patient doctor payment_method source created_by updated_at",
	"claim_billing_notes":           "id appointment text created_at created_by",
	"eobs":                          "id doctor insurance_payer_id insurance_payer_name insurance_payer_trace_number payment_method total_paid check_date deposit_date posted_date scanned_eob updated_at",
	"eligibility_checks":            "id patient appointment cob_level payer_name eligibility request_service_type service_type_description query_date coverage_subscriber updated_at",
	"line_item_deletions":           "billing_line_item_id appointment_id created_at",
	"lab_orders":                    "id patient doctor sublab status priority timestamp requisition_id external_requisition_id accession_number icd10_codes documents notes",
	"lab_tests":                     "id lab_order code name description status collection_date specimen_source specimen_condition specimen_total_volume internal_notes report_notes",
	"lab_results":                   "id lab_test lab_order document status value value_is_numeric unit normal_range is_abnormal abnormal_status observation_code observation_description group_code test_performed specimen_received comments",
	"lab_documents":                 "id lab_order type document hl7 timestamp",
	"sublabs":                       "id name facility_code vendor_name",
	"patient_lab_results":           "id patient ordering_doctor title loinc_code lab_result_value lab_result_value_as_float lab_result_value_units lab_normal_range lab_normal_range_units lab_abnormal_flag lab_order_status date_test_performed doctor_signoff doctor_comments scanned_in_result lab_imported_from_ccr created_at updated_at",
}

func TestFieldsAreTheContracts(t *testing.T) {
	r := newRig(t)
	for path, list := range fields {
		want := map[string]bool{}
		for f := range strings.FieldsSeq(list) {
			want[f] = true
		}
		for _, o := range r.get("/api/"+path, 200)["results"].([]any) {
			for f := range o.(map[string]any) {
				if !want[f] {
					t.Errorf("%s has a field %s", path, f)
				}
			}
			for f := range want {
				if _, ok := o.(map[string]any)[f]; !ok {
					t.Errorf("%s lacks %s", path, f)
				}
			}
		}
	}
}

func TestWireTypes(t *testing.T) {
	r := newRig(t)
	visit := r.get("/api/appointments?since=2000-01-01", 200)["results"].([]any)[0].(map[string]any)
	if _, ok := visit["id"].(string); !ok {
		t.Errorf("an appointment's id is text, not %v", visit["id"])
	}
	line := r.get("/api/line_items", 200)["results"].([]any)[0].(map[string]any)
	for _, f := range []string{"id", "appointment", "patient", "doctor"} {
		if _, ok := line[f].(float64); !ok {
			t.Errorf("a line's %s is a number, not %v", f, line[f])
		}
	}
	for _, f := range []string{"price", "quantity", "ins_total", "balance_ins"} {
		if _, ok := line[f].(string); !ok {
			t.Errorf("a line's %s is text, not %v", f, line[f])
		}
	}
	verbose := []string{"auto_accident_insurance", "custom_demographics", "patient_flags", "patient_flags_attached", "primary_insurance",
		"secondary_insurance", "tertiary_insurance", "referring_doctor", "workers_comp_insurance"}
	plain := r.get("/api/patients", 200)["results"].([]any)[0].(map[string]any)
	full := r.get("/api/patients?verbose=true", 200)["results"].([]any)[0].(map[string]any)
	for _, f := range verbose {
		_, inPlain := plain[f]
		_, inFull := full[f]
		if inPlain || !inFull {
			t.Errorf("%s: plain %v, verbose %v", f, inPlain, inFull)
		}
	}
	for _, p := range r.all("/api/patients") {
		if p["patient_status"] != "A" {
			t.Errorf("an inactive patient is listed")
		}
	}
	if a, b := len(r.all("/api/patients?show_inactive=true")), len(r.all("/api/patients")); a <= b {
		t.Errorf("%d patients with the inactive ones, %d without", a, b)
	}
}

func BenchmarkBulkPage(b *testing.B) {
	c := clinic.New(clinic.Size{Patients: 500}, 1)
	s, err := drchrono.New(drchrono.Options{Apps: []drchrono.App{{ClientID: "a", Clinic: c, AccessToken: "t"}}})
	if err != nil {
		b.Fatal(err)
	}
	s.Set(func(s *drchrono.Settings) {
		s.PerHour, s.PerSecond, s.PageCaps = 0, 0, map[string]int{"line_items": 1000}
	})
	req := httptest.NewRequest(http.MethodGet, "/api/line_items", nil)
	req.Header.Set("Authorization", "Bearer t")
	b.ReportAllocs()
	for b.Loop() {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, req)
		b.SetBytes(int64(w.Body.Len()))
	}
}
