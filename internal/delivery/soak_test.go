package delivery_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"google.golang.org/api/monitoring/v3"
	"google.golang.org/api/option"

	"github.com/feel-august/terraform-provider-august/internal/delivery"
)

var soaked = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// cloudMonitoring answers what a soak asks, as the API's own documents have it: two services with an objective each, whose budgets burn so
// fast, and alerts.
func cloudMonitoring(t *testing.T, burns map[string]string, alerts string) delivery.Promises {
	t.Helper()
	mux := http.NewServeMux()
	answer := func(w http.ResponseWriter, format string, args ...any) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, format, args...)
	}
	mux.HandleFunc("GET /v3/projects/clinic/services", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("pageToken") == "" {
			answer(w, `{"services": [{"name": "projects/1/services/sync"}], "nextPageToken": "second"}`)
			return
		}
		answer(w, `{"services": [{"name": "projects/1/services/web"}]}`)
	})
	mux.HandleFunc("GET /v3/projects/1/services/{service}/serviceLevelObjectives", func(w http.ResponseWriter, r *http.Request) {
		if burns == nil {
			answer(w, `{}`)
			return
		}
		s := r.PathValue("service")
		answer(w, `{"serviceLevelObjectives": [{"name": "projects/1/services/%s/serviceLevelObjectives/up", "displayName": "%s is up"}]}`, s, s)
	})
	mux.HandleFunc("GET /v3/projects/clinic/timeSeries", func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		if q.Get("interval.startTime") != "2026-11-26T11:30:00Z" || q.Get("interval.endTime") != "2026-11-26T12:00:00Z" {
			t.Errorf("asked from %s to %s", q.Get("interval.startTime"), q.Get("interval.endTime"))
		}
		for service, points := range burns {
			if q.Get("filter") == fmt.Sprintf(`select_slo_burn_rate("projects/1/services/%s/serviceLevelObjectives/up", "1800s")`, service) {
				answer(w, `{"timeSeries": [{"points": [%s]}]}`, points)
				return
			}
		}
		t.Errorf("filter %s", q.Get("filter"))
	})
	mux.HandleFunc("GET /v3/projects/clinic/alerts", func(w http.ResponseWriter, _ *http.Request) { answer(w, `{"alerts": [%s]}`, alerts) })
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	api, err := monitoring.NewService(t.Context(), option.WithEndpoint(server.URL), option.WithoutAuthentication())
	if err != nil {
		t.Fatal(err)
	}
	return delivery.Promises{API: api, Project: "clinic"}
}

func burnt(at string, rate float64) string {
	return fmt.Sprintf(`{"interval": {"endTime": "2026-11-26T%s:00Z"}, "value": {"doubleValue": %g}}`, at, rate)
}

func TestSoak(t *testing.T) {
	t.Parallel()
	steady := burnt("12:00", 0.4)
	for name, test := range map[string]struct {
		burns  map[string]string
		alerts string
		want   string // in the error; empty: it holds
	}{
		"holds":                      {map[string]string{"sync": steady, "web": ""}, "", ""},
		"the newest counts":          {map[string]string{"sync": burnt("12:00", 1) + "," + burnt("11:40", 9), "web": steady}, "", ""},
		"burns":                      {map[string]string{"sync": steady, "web": burnt("11:40", 0.1) + "," + burnt("12:00", 2.6)}, "", "web is up: its error budget was spent 2.6 times"},
		"an alert is open":           {map[string]string{"sync": steady, "web": steady}, `{"name": "projects/1/alerts/7", "state": "OPEN", "openTime": "2026-11-25T10:00:00Z", "policy": {"displayName": "queue is stuck"}}`, `the alert "queue is stuck" was open`},
		"an alert was open":          {map[string]string{"sync": steady, "web": steady}, `{"name": "projects/1/alerts/7", "state": "CLOSED", "closeTime": "2026-11-26T11:31:00Z"}`, `the alert "projects/1/alerts/7" was open`},
		"an alert was closed before": {map[string]string{"sync": steady, "web": steady}, `{"name": "projects/1/alerts/7", "state": "CLOSED", "closeTime": "2026-11-26T11:29:00Z"}`, ""},
		"nobody has used it":         {map[string]string{"sync": "", "web": ""}, "", "nothing was measured"},
		"there is nothing to hold":   {nil, "", "has no service level objective"},
		"several things at once":     {map[string]string{"sync": burnt("12:00", 3), "web": burnt("12:00", 4)}, "", "web is up"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			kept, alerts, err := cloudMonitoring(t, test.burns, test.alerts).Kept(t.Context(), soaked, 30*time.Minute)
			if err == nil {
				err = delivery.Soaked(kept, alerts, 2)
			}
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("%v, want %q", err, test.want)
			}
		})
	}
}
