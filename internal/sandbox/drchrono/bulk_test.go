package drchrono_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/sandbox/clinic"
	"github.com/feel-august/terraform-provider-august/internal/sandbox/drchrono"
)

func TestBulkGivesEveryRowOnce(t *testing.T) {
	r := newRig(t)
	for path, kind := range map[string]clinic.Kind{
		"appointments_list?since=2000-01-01&show_archived=true&": clinic.Appointments, "patients_list?show_inactive=true&": clinic.Patients,
		"line_items_list?": clinic.LineItems, "transactions_list?order_by=updated_at&": clinic.Transactions,
		"eligibility_checks_list?since=2000-01-01&": clinic.EligibilityChecks,
	} {
		seen, pages := map[string]bool{}, 1
		for page := 1; page <= pages; page++ {
			got := r.bulk(fmt.Sprintf("/api/%spage=%d&page_size=100", path, page))
			if got["status"] != "Complete" {
				t.Fatalf("%s: %v", path, got["status"])
			}
			p := got["pagination"].(map[string]any)
			pages = int(p["pages"].(float64))
			if p["count"].(float64) != float64(r.clinic.Count(kind)) || p["page"].(float64) != float64(page) {
				t.Errorf("%s: pagination %v", path, p)
			}
			for _, o := range got["results"].([]any) {
				seen[fmt.Sprint(o.(map[string]any)["id"])] = true
			}
		}
		if len(seen) != r.clinic.Count(kind) {
			t.Errorf("%s: %d rows, want %d", path, len(seen), r.clinic.Count(kind))
		}
	}
}

// The rows are those of the moment of the request.
func TestBulkIsASnapshot(t *testing.T) {
	r := newRig(t)
	id := r.clinic.View(clinic.Patients, 0)[0].Key()
	job := r.json(http.MethodPost, "/api/patients_list", nil, 201)
	if !strings.Contains(job["description"].(string), r.http.URL+"/api/patients_list?uuid="+job["uuid"].(string)) {
		t.Errorf("description %v", job["description"])
	}
	if err := r.clinic.Edit(clinic.Patients, id, clinic.Object{"city": "Elsewhere"}); err != nil {
		t.Fatal(err)
	}
	poll := "/api/patients_list?uuid=" + job["uuid"].(string)
	if got := r.get(poll, 200); got["status"] != "In progress" || got["results"] != nil {
		t.Fatalf("first poll: %v", got)
	}
	if got := r.get(poll, 200)["results"].([]any)[0].(map[string]any); got["city"] == "Elsewhere" || got["primary_insurance"] != nil {
		t.Errorf("got %v", got)
	}
	r.clock.pass(time.Hour - time.Second)
	r.get(poll, 200)
	r.clock.pass(time.Second)
	if got := r.get(poll, 404); got["detail"] != "Invalid uuid specified" {
		t.Errorf("after an hour: %v", got)
	}
}

func TestBulkRefusals(t *testing.T) {
	r := newRig(t)
	for path, want := range map[string]int{
		"/api/appointments_list": 400, "/api/appointments_list?since=2026-01-01T00:00:00Z": 400,
		"/api/patients_list?order_by=name": 400, "/api/patients_list?page=0": 400, "/api/lab_results_list": 404,
	} {
		if got, _, _ := r.do(http.MethodPost, path, nil); got != want {
			t.Errorf("%s: %d, want %d", path, got, want)
		}
	}
	r.get("/api/patients_list", 400)
	r.get("/api/patients_list?uuid=none", 404)
	job := r.json(http.MethodPost, "/api/patients_list", nil, 201)
	r.get("/api/line_items_list?uuid="+job["uuid"].(string), 404)
	if got := r.bulk("/api/patients_list?page=9"); len(got["results"].([]any)) != 0 {
		t.Error("a page past the end has rows")
	}
}

func TestBulkFailures(t *testing.T) {
	r := newRig(t)
	r.server.Set(func(s *drchrono.Settings) { s.BulkPolls = 0; s.BulkNoPagination = []string{"line_items_list"} })
	r.server.AddFault(drchrono.Fault{Kind: drchrono.FaultAsync, Endpoint: "line_items_list", Times: 1})
	job := r.json(http.MethodPost, "/api/line_items_list", nil, 201)
	if got := r.get("/api/line_items_list?uuid="+job["uuid"].(string), 500); got["status"] != "Error" || got["uuid"] != job["uuid"] {
		t.Errorf("got %v", got)
	}
	r.server.AddFault(drchrono.Fault{Kind: drchrono.FaultFailed, Endpoint: "*_list", Times: 1})
	if got := r.bulk("/api/line_items_list"); got["status"] != "Failed" {
		t.Errorf("got %v", got["status"])
	}
	if got := r.bulk("/api/line_items_list"); got["status"] != "Complete" || got["pagination"] != nil {
		t.Errorf("got %v %v", got["status"], got["pagination"])
	}
}
