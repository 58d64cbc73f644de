package runtimeapi

import (
	"strings"
	"testing"
	"time"
)

func TestFindings(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)
	ago := func(d time.Duration) *time.Time { then := time.Now().Add(-d); return &then }
	// well is a pipeline that nothing is wrong with.
	well := func() Status {
		return Status{
			LastFull: &at, LastRun: &Run{ID: 7, State: RunSucceeded},
			Rows: map[string]int64{"offices": 1, "doctors": 2, "line_items": 0},
			Lag:  map[string]float64{"offices": 60, "doctors": 3600, "line_items": 0.5},
			Coda: []CodaStatus{{View: "billing_summary", Rows: 20}},
		}
	}
	for name, tt := range map[string]struct {
		change func(*Status)
		want   string // code severity, and words of the messages
		words  []string
	}{
		"well":              {func(*Status) {}, "", nil},
		"under way":         {func(s *Status) { s.LastRun.State = RunRunning }, "", nil},
		"never asked":       {func(s *Status) { s.LastFull, s.LastRun, s.Lag = nil, nil, nil }, "NEVER_SYNCED critical", []string{"none was asked for yet"}},
		"first run":         {func(s *Status) { s.LastFull, s.Lag = nil, nil; s.LastRun.State = RunRunning }, "NEVER_SYNCED critical", []string{"run 7 is running"}},
		"first parked":      {func(s *Status) { s.LastFull, s.Lag = nil, nil; s.LastRun.State = RunParked; s.LastRun.ResumeAt = &at }, "NEVER_SYNCED critical, PARKED info", []string{"2026-03-02T10:00:00Z"}},
		"parked":            {func(s *Status) { s.LastRun.State, s.LastRun.Error = RunParked, "the source is down." }, "PARKED info", []string{"by itself: the source is down."}},
		"failed":            {func(s *Status) { s.LastRun.State, s.LastRun.Error = RunFailed, "the token is refused: authorise again" }, "LAST_RUN_FAILED critical", []string{"Run 7 failed: the token is refused: authorise again."}},
		"failed mutely":     {func(s *Status) { s.LastRun.State = RunFailed }, "LAST_RUN_FAILED critical", []string{"runtime's log"}},
		"quarantined":       {func(s *Status) { s.LastRun.Error = "3 of 10 rows of offices could not be decoded" }, "ROWS_LEFT_OUT warning", []string{"3 of 10"}},
		"at the limit":      {func(s *Status) { s.Lag["doctors"] = 7200 }, "", nil},
		"lagging":           {func(s *Status) { s.Lag["doctors"], s.Lag["line_items"] = 7201, 86400 }, "LAGGING warning", []string{"may be 2h0m0s old, and is older: doctors 2h0m1s, line_items 24h0m0s."}},
		"lag not kept":      {func(s *Status) { delete(s.Lag, "offices") }, "LAG_UNKNOWN warning", []string{"of offices:"}},
		"older runtime":     {func(s *Status) { s.Lag = nil }, "LAG_UNKNOWN warning", []string{"doctors, line_items, offices"}},
		"paused":            {func(s *Status) { s.Paused = true }, "PAUSED warning", nil},
		"coda waits":        {func(s *Status) { s.Coda[0].Pending = 3 }, "CODA_BEHIND info", []string{"billing_summary: 3 rows"}},
		"coda fails":        {func(s *Status) { s.Coda[0].Pending, s.Coda[0].Error = 3, "key column c-a does not exist" }, "CODA_FAILING warning", []string{"3 rows wait: key column c-a"}},
		"webhook":           {func(s *Status) { s.Webhook = &WebhookStatus{P95Ms: new(5000.0), Pending: 9} }, "", nil},
		"webhook slow":      {func(s *Status) { s.Webhook = &WebhookStatus{P95Ms: new(5000.5), Pending: 9} }, "WEBHOOK_SLOW warning", []string{"longer than 5.001s", "9 wait"}},
		"parked deliveries": {func(s *Status) { s.Webhook = &WebhookStatus{Parked: 3} }, "WEBHOOK_PARKED warning", []string{"3 deliveries"}},
		"books differ": {func(s *Status) {
			s.Mismatches = []MismatchCount{{"posting_drift", MismatchFault, 2}, {"underpaid", MismatchWarning, 5}}
		}, "BOOKS_DIFFER info", []string{"7 places", "2 are faults"}},
		"compared": {func(s *Status) {
			s.Reconcile, s.ReconcileRun = &Reconcile{Run: 5, Drift: 3}, &Run{ID: 5, Kind: KindReconcile, State: RunSucceeded}
			s.ReconcileDue = ago(23 * time.Hour)
		}, "", nil},
		"drift":       {func(s *Status) { s.Reconcile = &Reconcile{Run: 5, Drift: 3, Left: 2} }, "DRIFT_LEFT warning", []string{"2 places of 3 that run 5 found: reconcile with repair."}},
		"drift stays": {func(s *Status) { s.Reconcile = &Reconcile{Run: 5, Drift: 3, Left: 2, Repair: true} }, "DRIFT_LEFT warning", []string{"could not repair"}},
		"not compared": {func(s *Status) {
			s.Reconcile = &Reconcile{Run: 5, Feeds: []ReconcileFeed{{Feed: "offices"}, {Feed: "doctors", Problem: "2 rows could not be decoded."}}}
		}, "NOT_COMPARED warning", []string{"Run 5 did", "doctors: 2 rows could not be decoded."}},
		"overdue":            {func(s *Status) { s.ReconcileDue = ago(25 * time.Hour) }, "RECONCILE_OVERDUE warning", []string{"it has not begun"}},
		"overdue and paused": {func(s *Status) { s.ReconcileDue, s.Paused = ago(25*time.Hour), true }, "PAUSED warning", nil},
		"overdue, under way": {func(s *Status) {
			s.ReconcileDue, s.ReconcileRun = ago(25*time.Hour), &Run{ID: 5, Kind: KindReconcile, State: RunParked}
		}, "RECONCILE_OVERDUE warning", []string{"run 5 is parked"}},
		"reconciliation failed": {func(s *Status) {
			s.ReconcileRun = &Run{ID: 5, Kind: KindReconcile, State: RunFailed, Error: "the source is down"}
		}, "RECONCILE_FAILED warning", []string{"Run 5, a reconciliation, failed: the source is down."}},
		"worst is first": {func(s *Status) { s.Coda[0].Pending, s.Paused, s.LastRun.State = 1, true, RunFailed }, "LAST_RUN_FAILED critical, PAUSED warning, CODA_BEHIND info", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := well()
			tt.change(&s)
			var got, texts []string
			for _, f := range s.Findings(2 * time.Hour) {
				got, texts = append(got, f.Code+" "+f.Severity), append(texts, f.Message)
			}
			if strings.Join(got, ", ") != tt.want {
				t.Errorf("got %q, want %q", strings.Join(got, ", "), tt.want)
			}
			for _, word := range tt.words {
				if !strings.Contains(strings.Join(texts, "\n"), word) {
					t.Errorf("no %q in %q", word, texts)
				}
			}
		})
	}
}
