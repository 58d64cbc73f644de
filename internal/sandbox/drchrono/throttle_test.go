package drchrono_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/sandbox/clinic"
	"github.com/feel-august/terraform-provider-august/internal/sandbox/drchrono"
)

// The hour is the clock's hour: what was used at 14:59:59 is forgotten at 15:00:00.
func TestHourlyThrottle(t *testing.T) {
	r := newRig(t)
	r.server.Set(func(s *drchrono.Settings) { s.PerHour, s.PerSecond = 500, 0 })
	for i := range 500 {
		if got, _, _ := r.do(http.MethodGet, "/api/sublabs", nil); got != 200 {
			t.Fatalf("call %d: %d", i+1, got)
		}
	}
	status, header, body := r.do(http.MethodGet, "/api/sublabs", nil)
	if status != 429 || string(body) != `{"detail":"Request was throttled. Expected available in 30.0 seconds."}` {
		t.Fatalf("call 501: %d %s", status, body)
	}
	if header.Get("Retry-After") != "" {
		t.Error("DrChrono sends no Retry-After")
	}
	r.clock.pass(29 * time.Second)
	if got, _, body := r.do(http.MethodGet, "/api/sublabs", nil); got != 429 || !strings.Contains(string(body), " 1.0 ") {
		t.Fatalf("a second before the hour: %d %s", got, body)
	}
	r.clock.pass(time.Second)
	for i := range 500 {
		if got, _, _ := r.do(http.MethodGet, "/api/sublabs", nil); got != 200 {
			t.Fatalf("new hour, call %d: %d", i+1, got)
		}
	}
	if got, _, body := r.do(http.MethodGet, "/api/sublabs", nil); got != 429 || !strings.Contains(string(body), " 3600.0 ") {
		t.Fatalf("the new hour's end: %d %s", got, body)
	}
	st := r.server.Stats()["app"]
	if st.Calls != 1003 || st.Throttled != 3 || st.ThisHour != 500 || st.Endpoints["sublabs"] != 1003 {
		t.Errorf("stats %+v", st)
	}
}

// Ten calls inside a second trip the short throttle: nine pass.
func TestBurstThrottle(t *testing.T) {
	r := newRig(t)
	r.server.Set(func(s *drchrono.Settings) { s.PerHour, s.PerSecond, s.RetryAfter = 0, 10, true })
	pass := 0
	for range 12 {
		if got, _, _ := r.do(http.MethodGet, "/api/sublabs", nil); got == 200 {
			pass++
		}
	}
	if pass != 9 {
		t.Errorf("%d of 12 calls passed in one instant, want 9", pass)
	}
	if _, header, _ := r.do(http.MethodGet, "/api/sublabs", nil); header.Get("Retry-After") != "1" {
		t.Errorf("Retry-After %q", header.Get("Retry-After"))
	}
	r.clock.pass(time.Second)
	r.get("/api/sublabs", 200)
}

func TestThrottleIsPerApplication(t *testing.T) {
	r := newRig(t, func(o *drchrono.Options) {
		o.Apps = append(o.Apps, drchrono.App{ClientID: "two", ClientSecret: "s", Clinic: o.Apps[0].Clinic, AccessToken: "second"})
	})
	r.server.Set(func(s *drchrono.Settings) { s.PerHour = 1 })
	r.get("/api/sublabs", 200)
	r.get("/api/sublabs", 429)
	r.token = "second"
	r.get("/api/sublabs", 200)
}

func TestReadLag(t *testing.T) {
	r := newRig(t)
	r.server.Set(func(s *drchrono.Settings) { s.ReadLagMillis = 3000 })
	since := r.clinic.Now()
	id := r.clinic.View(clinic.Patients, 0)[0].Key()
	if err := r.clinic.Edit(clinic.Patients, id, clinic.Object{"city": "Elsewhere"}); err != nil {
		t.Fatal(err)
	}
	added, err := r.clinic.Add(clinic.Transactions, clinic.Object{"ins_paid": "1.00"})
	if err != nil {
		t.Fatal(err)
	}
	r.get("/api/transactions/"+added, 404)
	if got := r.all("/api/patients?since=" + since); len(got) != 0 {
		t.Error("the edit shows at once")
	}
	r.clock.pass(3 * time.Second)
	r.get("/api/transactions/"+added, 200)
	if got := r.all("/api/patients?since=" + since); len(got) != 1 || got[0]["city"] != "Elsewhere" {
		t.Errorf("after the lag: %v", got)
	}
}

func TestControl(t *testing.T) {
	r := newRig(t)
	post := func(method, path, body string, want int) {
		t.Helper()
		req, err := http.NewRequest(method, r.http.URL+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != want {
			t.Fatalf("%s %s: %d, want %d", method, path, res.StatusCode, want)
		}
	}
	id := r.clinic.View(clinic.Appointments, 0)[3].Key()
	post(http.MethodPost, "/_sandbox/faults", `{"kind":"status","endpoint":"doctors","times":1}`, 201)
	r.get("/_sandbox/stats", 200)
	if got, _, _ := r.do(http.MethodGet, "/api/doctors", nil); got != 500 {
		t.Errorf("the fault did not strike: %d", got)
	}
	post(http.MethodPost, "/_sandbox/settings", `{"envelope":"data"}`, 200)
	if s := r.server.Settings(); s.Envelope != "data" || !s.Rotate {
		t.Errorf("settings %+v", s)
	}
	post(http.MethodPatch, "/_sandbox/objects/app/appointments/"+id, `{"ins1_status":"Paid in Full"}`, 204)
	if o, _ := r.clinic.Get(clinic.Appointments, id); o["ins1_status"] != "Paid in Full" {
		t.Error("the object did not change")
	}
	post(http.MethodPost, "/_sandbox/objects/app/transactions", `{"ins_paid":"5.00"}`, 201)
	post(http.MethodDelete, "/_sandbox/objects/app/appointments/"+id, ``, 204)
	post(http.MethodPost, "/_sandbox/objects/app/nonsense", `{}`, 400)
	post(http.MethodPost, "/_sandbox/faults", `{`, 400)
}
