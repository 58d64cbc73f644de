package coda_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/sandbox/coda"
)

func TestUpsert(t *testing.T) {
	r := newRig(t)
	got := r.do("POST", summary+"/rows", rows(nil, "a 2026-01", "b 2026-01"), 202)
	if len(got["addedRowIds"].([]any)) != 2 {
		t.Errorf("insert: %v", got)
	}
	if len(r.months()) != 0 {
		t.Error("the write shows at once")
	}
	status := "/mutationStatus/" + got["requestId"].(string)
	if s := r.do("GET", status, "", 200); s["completed"] != false {
		t.Errorf("status %v", s)
	}
	r.clock.pass(time.Second)
	if s := r.do("GET", status, "", 200); s["completed"] != true || s["warning"] != nil {
		t.Errorf("status %v", s)
	}
	if m := r.months(); m["a"] != "2026-01" || m["b"] != "2026-01" {
		t.Errorf("rows %v", m)
	}

	got = r.do("POST", summary+"/rows", rows(byKey, "b 2026-02", "c 2026-02"), 202)
	if _, has := got["addedRowIds"]; has {
		t.Error("a keyed write names no new rows")
	}
	r.clock.pass(time.Second)
	if m := r.months(); m["a"] != "2026-01" || m["b"] != "2026-02" || m["c"] != "2026-02" || len(m) != 3 {
		t.Errorf("rows %v", m)
	}
	r.put(rows(nil, "b 2026-03"))
	r.put(rows([]string{"Key"}, "b 2026-04")) // by name; both rows match
	if m := r.months(); m["b"] != "2026-04+2026-04" {
		t.Errorf("two matches: %v", m)
	}
	r.put(rows(byKey, "d 1", "d 2")) // the second updates the first
	if m := r.months(); m["d"] != "2" {
		t.Errorf("the same key twice: %v", m)
	}
	if s := r.do("GET", status, "", 200); s["completed"] != true {
		t.Errorf("status %v", s)
	}
	r.clock.pass(25 * time.Hour)
	r.do("GET", status, "", 404)
}

func TestUpsertsInFlightTogether(t *testing.T) {
	for _, both := range []bool{false, true} {
		r := newRig(t)
		r.server.Set(func(s *coda.Settings) { s.ConcurrentInserts = both })
		r.do("POST", summary+"/rows", rows(byKey, "x 1"), 202)
		r.do("POST", summary+"/rows", rows(byKey, "x 2"), 202)
		r.clock.pass(time.Second)
		want := map[bool]string{false: "2", true: "1+2"}[both]
		if m := r.months(); m["x"] != want {
			t.Errorf("both insert = %v: %v, want %s", both, m, want)
		}
	}
}

func TestRefusals(t *testing.T) {
	r := newRig(t)
	r.put(rows(nil, "a 1"))
	big := strings.Repeat("x", 131_000)
	for _, c := range []struct {
		method, path, body string
		status             int
		message            string
	}{
		{"POST", summary + "/rows", `{`, 400, "expected JSON"},
		{"POST", summary + "/rows", `{}`, 400, "rows is required"},
		{"POST", summary + "/rows", `{"rows":[{"cells":[{"column":"c-none","value":1}]}]}`, 400, "Could not find the column"},
		{"POST", summary + "/rows", `{"rows":[{"cells":[{"column":"c-key","value":null}]}]}`, 400, "value must be"},
		{"POST", summary + "/rows", `{"rows":[{"cells":[{"column":"c-key","value":{}}]}]}`, 400, "value must be"},
		{"POST", summary + "/rows", `{"rows":[{"cells":[{"column":"c-month","value":"1"}]}],"keyColumns":["c-key"]}`, 400, "key column"},
		{"POST", samples + "/rows", `{"rows":[{"cells":[{"column":"c-double","value":1}]}],"keyColumns":["c-double"]}`, 400, "calculated"},
		{"POST", strings.Replace(summary, coda.BillingSummary, "table-billing-view", 1) + "/rows", rows(byKey, "a 1"), 400, "base tables"},
		{"POST", summary + "/rows", rows(nil, "a "+big), 400, "Row edit of size 131 KB exceeds maximum size of 85 KB."},
		{"POST", summary + "/rows", rows(nil, "a "+strings.Repeat("x", 2_000_001)), 400, "request entity too large"},
		{"POST", "/docs/" + coda.ProductionDoc + "/tables", `{}`, 404, ""},
		{"GET", "/docs/none", "", 404, ""},
		{"GET", "/docs/" + coda.ProductionDoc + "/tables/grid-none", "", 404, ""},
		{"GET", summary + "/columns/c-none", "", 404, ""},
		{"GET", summary + "/rows/i-none", "", 404, ""},
		{"PUT", summary + "/rows/i-none", `{"row":{"cells":[]}}`, 404, ""},
		{"GET", summary + "/rows?sortBy=natural&visibleOnly=false", "", 400, "natural"},
		{"GET", summary + "/rows?sortBy=name", "", 400, ""},
		{"GET", summary + "/rows?valueFormat=odd", "", 400, ""},
		{"GET", summary + "/rows?query=c-key", "", 400, ""},
		{"GET", summary + "/rows?query=c-key:plain", "", 400, ""},
		{"GET", summary + "/rows?pageToken=x", "", 400, ""},
		{"GET", "/mutationStatus/none", "", 404, ""},
	} {
		if got := r.do(c.method, c.path, c.body, c.status); !strings.Contains(got["message"].(string), c.message) {
			t.Errorf("%s %.80s: %v", c.method, c.path, got["message"])
		}
	}
	r.put(rows(nil, "edge "+strings.Repeat("x", 85_000-4)))
	r.do("POST", summary+"/rows", rows(nil, "edge "+strings.Repeat("x", 85_000-5)+"\n"), 400) // a newline counts twice
	r.token = "nobody"
	r.do("GET", "/whoami", "", 401)
}

func TestRestrictedTokens(t *testing.T) {
	r := newRig(t)
	if who := r.do("GET", "/whoami", "", 200); who["scoped"] != false || who["loginId"] != "writer@example.test" {
		t.Errorf("whoami %v", who)
	}
	r.token = "table"
	if who := r.do("GET", "/whoami", "", 200); who["scoped"] != true {
		t.Errorf("whoami %v", who)
	}
	r.do("POST", summary+"/rows", rows(byKey, "a 1"), 202)
	r.do("GET", summary+"/rows", "", 200)
	r.do("GET", samples, "", 403)
	r.do("GET", "/docs/"+coda.ProductionDoc, "", 403)
	r.do("GET", "/docs", "", 403)
	r.token = "read"
	r.do("GET", samples+"/rows", "", 200)
	r.do("POST", summary+"/rows", rows(byKey, "a 1"), 403)
	r.do("GET", "/docs/"+coda.StagingDoc, "", 403)
}

func TestRateLimits(t *testing.T) {
	r := newRig(t)
	r.server.Set(func(s *coda.Settings) { s.ReadsPer6s, s.WritesPer6s, s.RowsPer10s, s.DocListsPer6s = 100, 10, 3, 4 })
	count := func(method, path, body string, ok int) int {
		for n := 0; ; n++ {
			req, _ := http.NewRequest(method, r.url+coda.Base+path, strings.NewReader(body))
			req.Header.Set("Authorization", "Bearer "+r.token)
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close()
			if res.StatusCode == 429 {
				if res.Header.Get("Retry-After") != "" {
					t.Error("Coda sends no Retry-After")
				}
				return n
			}
			if res.StatusCode != ok {
				t.Fatalf("%s %s: %d", method, path, res.StatusCode)
			}
		}
	}
	if n := count("GET", "/whoami", "", 200); n != 100 {
		t.Errorf("%d reads", n)
	}
	if n := count("GET", "/docs", "", 200); n != 4 {
		t.Errorf("%d doc lists", n)
	}
	if n := count("POST", summary+"/rows", rows(byKey, "a 1"), 202); n != 3 {
		t.Errorf("%d row writes", n)
	}
	r.clock.pass(6 * time.Second)
	if n := count("GET", "/whoami", "", 200); n != 100 {
		t.Errorf("%d reads after 6 s", n)
	}
	r.do("POST", summary+"/rows", rows(byKey, "a 1"), 429)
	r.clock.pass(4 * time.Second)
	r.do("POST", summary+"/rows", rows(byKey, "a 1"), 202)
	r.token = "table" // another person's budget
	r.do("POST", summary+"/rows", rows(byKey, "a 1"), 202)
}

func TestSnapshotsAndFreshness(t *testing.T) {
	r := newRig(t)
	r.server.Set(func(s *coda.Settings) { s.SnapshotMillis = 30_000 })
	id := r.do("POST", summary+"/rows", rows(byKey, "a 1"), 202)["requestId"].(string)
	r.header.Set("X-Coda-Doc-Version", "latest")
	stale := func() {
		t.Helper()
		if got := r.do("GET", summary+"/rows", "", 400); got["message"] != "Doc is not yet up to date." {
			t.Errorf("got %v", got)
		}
	}
	stale()
	r.clock.pass(2 * time.Second)
	if s := r.do("GET", "/mutationStatus/"+id, "", 200); s["completed"] != true {
		t.Errorf("status %v", s)
	}
	stale() // complete, and still not in the snapshot
	r.header.Del("X-Coda-Doc-Version")
	if len(r.months()) != 0 {
		t.Error("the snapshot is too fresh")
	}
	r.clock.pass(28 * time.Second)
	r.header.Set("X-Coda-Doc-Version", "latest")
	if m := r.months(); m["a"] != "1" {
		t.Errorf("rows %v", m)
	}
	r.header.Set("X-Coda-Doc-Version", "1")
	r.do("GET", summary+"/rows", "", 400)
}

// What people and administrators do while a writer runs.
func TestSettings_theDocChanges(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const columns, rows = summary + "/columns", summary + "/rows"
	row := func(column, value string) string {
		return `{"rows":[{"cells":[{"column":"c-key","value":"k"},{"column":"` + column + `","value":"` + value + `"}]}],"keyColumns":["c-key"]}`
	}
	for _, test := range []struct {
		change func(*coda.Settings)
		method string
		path   string
		body   string
		status int
		says   string
	}{
		{func(*coda.Settings) {}, "POST", rows, row("c-payer", "x"), 202, "requestId"},
		{func(s *coda.Settings) { s.RefuseText = "bad" }, "POST", rows, row("c-payer", "a bad one"), 400, "RequestSchemaValidationFailed"},
		{func(s *coda.Settings) {
			s.Changed = map[string]coda.ColumnChange{coda.ProductionDoc + "/" + coda.BillingSummary + "/c-payer": {Name: "Renamed", Type: "date", Calculated: true}}
		}, "GET", columns + "/c-payer", "", 200, `"calculated":true`},
		{func(*coda.Settings) {}, "GET", columns + "/Renamed", "", 200, `"type":"date"`},
		{func(s *coda.Settings) { s.Gone = []string{coda.ProductionDoc + "/" + coda.BillingSummary + "/c-payer"} }, "POST", rows, row("c-payer", "x"), 400, "c-payer"},
		{func(*coda.Settings) {}, "GET", columns + "/c-payer", "", 404, "column"},
		{func(s *coda.Settings) { s.Gone = []string{coda.ProductionDoc + "/" + coda.BillingSummary} }, "GET", rows, "", 404, "table"},
		{func(s *coda.Settings) { s.Gone = []string{coda.ProductionDoc} }, "GET", rows, "", 410, "deleted"},
		{func(s *coda.Settings) { s.RevokedTokens = []string{"full"} }, "GET", rows, "", 401, "Unauthorized"},
	} {
		r.server.Set(test.change)
		body, err := json.Marshal(r.do(test.method, test.path, test.body, test.status))
		if err != nil || !strings.Contains(string(body), test.says) {
			t.Errorf("%s %s gives %s, want %q", test.method, test.path, body, test.says)
		}
	}
}

func TestFault_answers(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.server.AddFault(coda.Fault{Kind: coda.FaultStatus, Status: 503, RetryAfter: 7, Message: "Down for a moment."})
	req, err := http.NewRequest("GET", r.url+coda.Base+"/whoami", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+r.token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, _ := io.ReadAll(res.Body)
	if res.StatusCode != 503 || !strings.Contains(string(body), "Down for a moment.") || res.Header.Get("Retry-After") != "7" {
		t.Errorf("got %d %s, %v", res.StatusCode, body, res.Header)
	}
}

// The switches can be reached from another process, and one that does not exist is refused.
func TestSwitches(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, call := range []struct {
		path, body string
		status     int
	}{
		{"settings", `{"reads_per_6s":7,"gone":["doc"]}`, 200},
		{"settings", `{"reads_per_6":9}`, 400},
		{"faults", `{"kind":"status","method":"GET","path":"/docs/*","status":503,"skip":1,"times":1}`, 201},
		{"faults", `{"kind":"hail"}`, 400},
		{"faults", `{"kind":"status","path":"["}`, 400},
		{"faults", `{"kind":"status","chance":1}`, 400},
	} {
		res, err := http.Post(r.url+"/_sandbox/"+call.path, "application/json", strings.NewReader(call.body))
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != call.status {
			t.Errorf("%s %s: %d, want %d", call.path, call.body, res.StatusCode, call.status)
		}
	}
	if s := r.server.Settings(); s.ReadsPer6s != 7 || len(s.Gone) != 1 || s.RowPage != 200 {
		t.Errorf("settings are %+v", s)
	}
	r.do("GET", "/whoami", "", 200) // not what the fault is meant for
	r.do("GET", "/docs/"+coda.ProductionDoc, "", 200)
	r.do("GET", "/docs/"+coda.ProductionDoc, "", 503)
	r.do("GET", "/docs/"+coda.ProductionDoc, "", 200)
	if left := r.server.Faults(); len(left) != 0 {
		t.Errorf("left %+v", left)
	}
}
