package drchrono_test

import (
	"fmt"
	"net/http"
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
