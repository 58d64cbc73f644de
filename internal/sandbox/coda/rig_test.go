package coda_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

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
