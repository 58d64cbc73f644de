package coda_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/feel-august/terraform-provider-august/internal/sandbox/coda"
)

type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

type rig struct {
	t      *testing.T
	clock  *clock
	server *coda.Server
	url    string
	token  string
	header http.Header
}

func newRig(t *testing.T, change ...func(*coda.Options)) *rig {
	t.Helper()
	r := &rig{t: t, clock: &clock{at: time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)}, token: "full", header: http.Header{}}
	o := coda.Options{Clock: r.clock.now, Tokens: []coda.Token{
		{Token: "full", Owner: "writer@example.test"},
		{Token: "table", Owner: "table@example.test", Doc: coda.ProductionDoc, Table: coda.BillingSummary},
		{Token: "read", Owner: "read@example.test", Doc: coda.ProductionDoc, ReadOnly: true},
	}}
	for _, c := range change {
		c(&o)
	}
	var err error
	if r.server, err = coda.New(o); err != nil {
		t.Fatal(err)
	}
	r.server.Set(func(s *coda.Settings) { s.ReadsPer6s, s.WritesPer6s, s.RowsPer10s, s.DocListsPer6s = 0, 0, 0, 0 })
	server := httptest.NewServer(r.server)
	t.Cleanup(server.Close)
	r.url = server.URL
	return r
}

const summary = "/docs/" + coda.ProductionDoc + "/tables/" + coda.BillingSummary
const samples = "/docs/" + coda.ProductionDoc + "/tables/" + coda.Samples

func (r *rig) do(method, path, body string, want int) map[string]any {
	r.t.Helper()
	if !strings.HasPrefix(path, "http") {
		path = r.url + coda.Base + path
	}
	req, err := http.NewRequest(method, path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header = r.header.Clone()
	req.Header.Set("Authorization", "Bearer "+r.token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	got, err := io.ReadAll(res.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	if res.StatusCode != want {
		r.t.Fatalf("%s %s: got %d, want %d: %.300s", method, path, res.StatusCode, want, got)
	}
	out := map[string]any{}
	if err := json.Unmarshal(got, &out); err != nil {
		r.t.Fatalf("%s %s: %v in %.300s", method, path, err, got)
	}
	if want >= 400 && (out["statusCode"] != float64(want) || out["statusMessage"] == nil || out["message"] == nil) {
		r.t.Errorf("%s %s: error body %v", method, path, out)
	}
	return out
}

// rows makes an upsert body: each row is "key month", by column ids.
func rows(keys []string, pairs ...string) string {
	type cell struct {
		Column string `json:"column"`
		Value  any    `json:"value"`
	}
	type row struct {
		Cells []cell `json:"cells"`
	}
	in := struct {
		Rows []row    `json:"rows"`
		Keys []string `json:"keyColumns,omitempty"`
	}{Keys: keys, Rows: []row{}}
	for _, p := range pairs {
		key, month, _ := strings.Cut(p, " ")
		in.Rows = append(in.Rows, row{[]cell{{"c-key", key}, {"c-month", month}}})
	}
	body, _ := json.Marshal(in)
	return string(body)
}

var byKey = []string{"c-key"}

// put writes and waits until it is applied.
func (r *rig) put(body string) {
	r.t.Helper()
	r.do("POST", summary+"/rows", body, 202)
	r.clock.pass(2 * time.Second)
}

// months is what the summary holds, by key, duplicates joined.
func (r *rig) months() map[string]string {
	r.t.Helper()
	out := map[string]string{}
	path := summary + "/rows?limit=100"
	for {
		page := r.do("GET", path, "", 200)
		for _, it := range page["items"].([]any) {
			v := it.(map[string]any)["values"].(map[string]any)
			key := v["c-key"].(string)
			if out[key] != "" {
				out[key] += "+"
			}
			out[key] += v["c-month"].(string)
		}
		next, ok := page["nextPageLink"].(string)
		if !ok {
			return out
		}
		path = next
	}
}

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

// However pages and edits fall, rows that stay are read once.
func TestRowPagingProperty(t *testing.T) {
	r := newRig(t)
	var all []string
	for i := range 457 {
		all = append(all, fmt.Sprintf("k%03d m", i))
	}
	r.put(rows(nil, all...))
	rapid.Check(t, func(rt *rapid.T) {
		limit := rapid.IntRange(5, 400).Draw(rt, "limit")
		sort := rapid.SampledFrom([]string{"", "createdAt", "updatedAt", "natural"}).Draw(rt, "sort")
		seen := map[string]bool{}
		path := fmt.Sprintf("%s/rows?limit=%d&sortBy=%s", summary, limit, sort)
		if sort == "" {
			path = fmt.Sprintf("%s/rows?limit=%d", summary, limit)
		}
		for {
			page := r.do("GET", path, "", 200)
			items := page["items"].([]any)
			if len(items) > min(limit, 200) {
				rt.Fatalf("%d rows in a page", len(items))
			}
			for _, it := range items {
				name := it.(map[string]any)["name"].(string)
				if seen[name] {
					rt.Fatalf("%s came twice", name)
				}
				seen[name] = true
			}
			tok, ok := page["nextPageToken"].(string)
			if !ok {
				break
			}
			path = summary + "/rows?limit=1&query=nonsense&pageToken=" + url.QueryEscape(tok) // all but the token is ignored
		}
		if len(seen) != 457 {
			rt.Fatalf("%d rows, want 457", len(seen))
		}
	})
}

func TestSyncTokens(t *testing.T) {
	r := newRig(t)
	r.put(rows(nil, "a 1", "b 1", "c 1"))
	first := r.do("GET", summary+"/rows", "", 200)
	tok := url.QueryEscape(first["nextSyncToken"].(string))
	if got := r.do("GET", summary+"/rows?syncToken="+tok, "", 200); len(got["items"].([]any)) != 0 {
		t.Errorf("nothing changed: %v", got["items"])
	}
	r.put(rows(byKey, "b 2"))
	r.do("DELETE", summary+"/rows/a", "", 202) // by name
	r.clock.pass(2 * time.Second)
	items := r.do("GET", summary+"/rows?syncToken="+tok, "", 200)["items"].([]any)
	if len(items) != 1 || items[0].(map[string]any)["name"] != "b" {
		t.Errorf("changed: %v", items)
	}
	if m := r.months(); len(m) != 2 {
		t.Errorf("rows %v", m)
	}
}

func TestUpdateAndDelete(t *testing.T) {
	r := newRig(t)
	ids := r.do("POST", summary+"/rows", rows(nil, "a 1", "b 1", "c 1"), 202)["addedRowIds"].([]any)
	r.clock.pass(time.Second)
	path := summary + "/rows/" + ids[0].(string)
	if got := r.do("PUT", path, `{"row":{"cells":[{"column":"c-claims","value":7}]}}`, 202); got["id"] != ids[0] {
		t.Errorf("update: %v", got)
	}
	r.clock.pass(time.Second)
	got := r.do("GET", path+"?useColumnNames=true", "", 200)
	if v := got["values"].(map[string]any); v["Claims"] != 7.0 || v["Month"] != "1" || got["parent"] == nil {
		t.Errorf("row: %v", got)
	}
	body, _ := json.Marshal(map[string]any{"rowIds": []any{ids[0], ids[1], "i-unknown"}})
	r.do("DELETE", summary+"/rows", string(body), 202)
	r.clock.pass(time.Second)
	if m := r.months(); len(m) != 1 || m["c"] != "1" {
		t.Errorf("rows %v", m)
	}
}

func TestColumnFormats(t *testing.T) {
	r := newRig(t)
	target := r.do("POST", summary+"/rows", rows(nil, "claim-1 1"), 202)["addedRowIds"].([]any)[0].(string)
	r.clock.pass(time.Second)
	for _, c := range []struct {
		column      string
		value       any
		raw         bool
		simple, arr any
		richType    string
	}{
		{"c-name", "00123", false, "123", "123", ""},
		{"c-name", "00123", true, "00123", "00123", ""},
		{"c-number", 12.5, false, 12.5, 12.5, ""},
		{"c-number", "1,250", false, 1250.0, 1250.0, ""},
		{"c-number", "many", false, "many", "many", ""}, // broken, and still 202
		{"c-currency", 12.3, false, "$12.30", "$12.30", "MonetaryAmount"},
		{"c-date", "2026-03-04", false, "2026-03-04T00:00:00.000-08:00", "2026-03-04T00:00:00.000-08:00", ""},
		{"c-datetime", "2026-07-04T12:00:00Z", false, "2026-07-04T05:00:00.000-07:00", "2026-07-04T05:00:00.000-07:00", ""},
		{"c-date", "2026-03-04", true, "2026-03-04", "2026-03-04", ""},
		{"c-checkbox", true, false, true, true, ""},
		{"c-select", "Open", false, "Open", "Open", ""},
		{"c-tags", []any{"A", "B"}, false, "A,B", []any{"A", "B"}, ""},
		{"c-relation", target, false, "claim-1", "claim-1", "StructuredValue"},
		{"c-relation", "claim-1", false, "claim-1", "claim-1", "StructuredValue"},
		{"c-relation", "no such row", false, "no such row", "no such row", ""},
		{"c-relation", target, true, target, target, ""}, // disableParsing breaks relations
		{"c-link", "https://example.test/", false, "https://example.test/", "https://example.test/", "WebPage"},
		{"c-person", "a@example.test", false, "a@example.test", "a@example.test", "Person"},
		{"c-button", "x", false, "", "", ""},
		{"c-double", 4, false, "", "", ""},
		{"c-number", "", false, "", "", ""},
	} {
		body, _ := json.Marshal(map[string]any{"rows": []any{map[string]any{"cells": []any{map[string]any{"column": c.column, "value": c.value}}}}})
		id := r.do("POST", fmt.Sprintf("%s/rows?disableParsing=%v", samples, c.raw), string(body), 202)["addedRowIds"].([]any)[0].(string)
		r.clock.pass(time.Second)
		read := func(format string) any {
			return r.do("GET", samples+"/rows/"+id+"?valueFormat="+format, "", 200)["values"].(map[string]any)[c.column]
		}
		if got := read("simple"); got != c.simple {
			t.Errorf("%s %v: simple %v, want %v", c.column, c.value, got, c.simple)
		}
		if got := read("simpleWithArrays"); fmt.Sprint(got) != fmt.Sprint(c.arr) {
			t.Errorf("%s %v: simpleWithArrays %v, want %v", c.column, c.value, got, c.arr)
		}
		if got, _ := read("rich").(map[string]any); c.richType != "" && (got["@type"] != c.richType || got["@context"] != "http://schema.org/") {
			t.Errorf("%s %v: rich %v", c.column, c.value, got)
		}
	}
}

func TestSchemaReads(t *testing.T) {
	r := newRig(t)
	if got := r.do("GET", "/docs?query=stag", "", 200)["items"].([]any); len(got) != 1 {
		t.Errorf("docs %v", got)
	}
	if got := r.do("GET", "/docs/"+coda.ProductionDoc, "", 200); got["docSize"].(map[string]any)["overApiSizeLimit"] != false {
		t.Errorf("doc %v", got)
	}
	if got := r.do("GET", "/docs/"+coda.ProductionDoc+"/tables?tableTypes=view", "", 200)["items"].([]any); len(got) != 1 {
		t.Errorf("views %v", got)
	}
	if got := r.do("GET", summary, "", 200); got["displayColumn"].(map[string]any)["id"] != "c-key" {
		t.Errorf("table %v", got)
	}
	var ids []string
	for path := summary + "/columns?limit=4"; path != ""; {
		page := r.do("GET", path, "", 200)
		for _, it := range page["items"].([]any) {
			ids = append(ids, it.(map[string]any)["id"].(string))
		}
		path, _ = page["nextPageLink"].(string)
	}
	if want := "c-key c-month c-status c-payer c-claims c-billed c-insurance-paid c-patient-paid c-balance"; strings.Join(ids, " ") != want {
		t.Errorf("columns %v", ids)
	}
	if got := r.do("GET", samples+"/columns/c-double", "", 200); got["calculated"] != true || got["format"].(map[string]any)["type"] != "number" {
		t.Errorf("column %v", got)
	}
	r.put(rows(nil, "a 1", "b 2"))
	for q, want := range map[string]int{`c-key:"a"`: 1, `"Month":"2"`: 1, `c-key:"z"`: 0, `c-claims:1`: 0} {
		if got := r.do("GET", summary+"/rows?query="+url.QueryEscape(q), "", 200)["items"].([]any); len(got) != want {
			t.Errorf("%s: %d rows, want %d", q, len(got), want)
		}
	}
}

func TestFaults(t *testing.T) {
	r := newRig(t)
	r.server.AddFault(coda.Fault{Kind: coda.FaultStatus, Path: "/docs/*/tables/*/rows", Method: "GET", Status: 504, Times: 1})
	r.do("GET", summary+"/rows", "", 504)
	r.do("GET", summary+"/rows", "", 200)
	r.server.AddFault(coda.Fault{Kind: coda.FaultApplied, Times: 1})
	r.do("POST", summary+"/rows", rows(byKey, "a 1"), 504)
	r.server.Set(func(s *coda.Settings) { s.LoseMutations = 1; s.StatusHiddenMillis = 500; s.Warning = "odd" })
	lost := r.do("POST", summary+"/rows", rows(byKey, "b 1"), 202)["requestId"].(string)
	r.do("GET", "/mutationStatus/"+lost, "", 404)
	r.clock.pass(time.Second)
	if s := r.do("GET", "/mutationStatus/"+lost, "", 200); s["completed"] != true || s["warning"] != "odd" {
		t.Errorf("status %v", s)
	}
	if m := r.months(); m["a"] != "1" || m["b"] != "" {
		t.Errorf("rows %v", m)
	}
	if s := r.server.Stats(); s.Calls["POST /docs/{doc}/tables/{table}/rows"] != 2 || s.Pending != 0 || s.Statuses[504] != 2 {
		t.Errorf("stats %+v", s)
	}
	if got := r.server.Rows(coda.ProductionDoc, coda.BillingSummary); len(got) != 1 || got[0]["c-key"] != "a" {
		t.Errorf("rows %v", got)
	}
}

func TestStateSurvivesRestart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "coda.json")
	keep := func(o *coda.Options) { o.StateFile = file }
	r := newRig(t, keep)
	r.put(rows(nil, "a 1"))
	r.months()
	id := r.do("POST", summary+"/rows", rows(byKey, "b 2"), 202)["requestId"].(string)
	again := newRig(t, keep)
	again.clock.pass(10 * time.Second)
	if m := again.months(); m["a"] != "1" || m["b"] != "2" {
		t.Errorf("rows %v", m)
	}
	if s := again.do("GET", "/mutationStatus/"+id, "", 200); s["completed"] != true {
		t.Errorf("status %v", s)
	}
}
