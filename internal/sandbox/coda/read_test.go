package coda_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/feel-august/terraform-provider-august/internal/sandbox/coda"
)

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
