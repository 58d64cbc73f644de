package scan

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/catalog"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/policy"
)

var (
	keeping   = policy.Rule{Transformer: policy.Keep, Class: policy.None, Reason: "a test"}
	scrubbing = policy.Rule{Transformer: policy.Text}
)

func TestRun_clean(t *testing.T) {
	t.Parallel()
	r := clinic(t)
	result := r.passes()
	if result.Scan.Values != 12*10+12*5 {
		t.Errorf("looked at %d values", result.Scan.Values)
	}
	for kind, n := range map[string]int64{"full_name": 12, "email": 12, "phone": 12, "ssn": 12, "date": 12, "street": 12} {
		if got := result.Scan.Identifiers[kind]; got != n {
			t.Errorf("%d of kind %s, want %d", got, kind, n)
		}
	}
	if len(r.queries) != 0 {
		t.Errorf("looked a second time without a candidate: %q", r.queries)
	}
}

// What belongs to somebody of the source is found in whatever column, whoever the row is about.
func TestRun_planted(t *testing.T) {
	t.Parallel()
	others := map[string]string{ // of patient 7, in a note of patient 3
		"full_name": "spoke to Hinklebottom, Sorrel about it",
		"email":     "write to SORREL@clinic.test!",
		"phone":     "ring 017.444.8107 after six",
		"ssn":       "ssn 123 45 6707",
		"record":    "see MRN-0012307",
		"date":      "born March 8th, 1947",
		"street":    "lives at 108 Zebra St., Apt 2",
	}
	columns := map[string]struct {
		catalog.Column
		wrap func(string) string
	}{
		"text":    {catalog.Column{Type: "text", Base: "text"}, func(s string) string { return s }},
		"citext":  {catalog.Column{Type: "citext", Base: "citext"}, func(s string) string { return "é\t\\" + s + "\n" }},
		"char":    {catalog.Column{Type: "character(80)", Base: "bpchar"}, func(s string) string { return s + strings.Repeat(" ", 9) }},
		"array":   {catalog.Column{Type: "text[]", Base: "text", Array: true}, func(s string) string { return `{"a \"b\\",NULL,{"` + s + `"}}` }},
		"bytea":   {catalog.Column{Type: "bytea", Base: "bytea"}, func(s string) string { return `\x` + hex.EncodeToString([]byte(s)) }},
		"xml":     {catalog.Column{Type: "xml", Base: "xml"}, func(s string) string { return "<a b='1'>" + strings.ReplaceAll(s, "o", "&#111;") + "</a>" }},
		"hstore":  {catalog.Column{Type: "hstore", Base: "hstore"}, func(s string) string { return `"a\"b"=>"` + s + `"` }},
		"json":    {catalog.Column{Type: "json", Base: "json"}, func(s string) string { return `{"a":[1,{"b":"` + strings.ReplaceAll(s, "e", `\u0065`) + `"}]}` }},
		"key":     {catalog.Column{Type: "jsonb", Base: "jsonb"}, func(s string) string { return `{"a":{"` + s + `":null}}` }},
		"jsons":   {catalog.Column{Type: "jsonb[]", Base: "jsonb", Array: true}, func(s string) string { return `{"{\"a\": \"` + s + `\"}"}` }},
		"type":    {catalog.Column{Type: "clinic_note", Base: "clinic_note", Kind: "c"}, func(s string) string { return `(1,"` + s + `")` }},
		"unknown": {catalog.Column{Type: "ltree", Base: "ltree"}, func(s string) string { return s }},
	}
	for kind, planted := range others {
		for name, c := range columns {
			for mode, rule := range map[string]policy.Rule{"kept": keeping, "text": scrubbing} {
				t.Run(kind+"/"+name+"/"+mode, func(t *testing.T) {
					t.Parallel()
					r := clinic(t)
					r.column(c.Column, rule, c.wrap(planted), c.wrap(planted))
					r.stops("c.notes", "odd", kind)
				})
			}
		}
	}
}

// Numbers are judged where they stand: by their length among what is kept, never among codes.
func TestRun_numbers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		column catalog.Column
		rule   policy.Rule
		value  string
		stops  bool
	}{
		"id of six digits in text":     {catalog.Column{Base: "text"}, scrubbing, "see 700008", true},
		"which is kept":                {catalog.Column{Base: "text"}, keeping, "700008", false}, // like a procedure, a ZIP code
		"in a code":                    {catalog.Column{Base: "text"}, policy.Rule{Transformer: policy.Token}, "700008", false},
		"in a number":                  {catalog.Column{Base: "int4"}, keeping, "700008", false},
		"ssn in digits":                {catalog.Column{Base: "text"}, keeping, "123456707", true},
		"as a code":                    {catalog.Column{Base: "text"}, policy.Rule{Transformer: policy.Surrogate}, "123456707", false},
		"phone of nobody":              {catalog.Column{Base: "text"}, keeping, "(017) 555-0107", false},
		"day of somebody's birth":      {catalog.Column{Base: "text"}, keeping, "since 1947-03-08", true},
		"day of nobody's":              {catalog.Column{Base: "text"}, keeping, "since 1947-03-09", false},
		"year":                         {catalog.Column{Base: "date"}, policy.Rule{Transformer: policy.Year}, "1947-01-01", false},
		"that is none":                 {catalog.Column{Base: "timestamptz"}, policy.Rule{Transformer: policy.Year}, "1999-01-02 00:00:00+00", true},
		"word that is a name in text":  {catalog.Column{Base: "text"}, scrubbing, "asked sorrel", true},
		"which is kept as well":        {catalog.Column{Base: "text"}, keeping, "asked sorrel", false}, // like White
		"label of an enum":             {catalog.Column{Base: "mood", Kind: "e"}, keeping, "Sorrel Hinklebottom", false},
		"bytes that are no text":       {catalog.Column{Base: "bytea"}, scrubbing, `\xff` + hex.EncodeToString([]byte("sorrel 700008")), false},
		"with what chance cannot make": {catalog.Column{Base: "bytea"}, scrubbing, `\xff` + hex.EncodeToString([]byte("sorrel@clinic.test")), true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := clinic(t)
			r.column(c.column, c.rule, "", c.value)
			if c.stops {
				r.stops("c.notes", "odd")
			} else {
				r.passes()
			}
		})
	}
}

// In JSON each path is judged by its own rule; what no path names is judged as text, keys among it.
func TestRun_paths(t *testing.T) {
	t.Parallel()
	for doc, stops := range map[string]bool{
		`{"text": "a", "kept": 700008, "code": 700008, "by": {"1": "x"}}`: false,
		`{"text": 700008}`:                                            true,
		`{"kept": "Sorrel Hinklebottom"}`:                             true,
		`{"code": "123456707"}`:                                       false,
		`{"by": {"Sorrel": 1}}`:                                       true,
		`{"by": {"1": "Sorrel"}}`:                                     true,
		`{"nobody": {"named": ["it", "Sorrel"]}}`:                     true,
		`{"text": ["\u0053orrel"]}`:                                   true,
		`[{"kept": "{\"name\": \"Sorrel Hinklebottom\"}"}, "broken`:   true,
		`{"kept": "white", "text": null, "code": [true, false, 1e9]}`: false,
	} {
		t.Run(doc, func(t *testing.T) {
			t.Parallel()
			r := clinic(t)
			r.results["c.notes"][3][3] = doc
			if stops {
				r.stops("c.notes", "doc")
			} else {
				r.passes()
			}
		})
	}
}

// Nothing is known of a result that cannot be read, and nothing is said of one that was altered.
func TestRun_broken(t *testing.T) {
	t.Parallel()
	r := clinic(t)
	r.broken = errors.New("no connection")
	if _, err := r.export(Options{}); !errors.Is(err, r.broken) {
		t.Errorf("%v", err)
	}
	r = clinic(t)
	r.results["c.notes"][11] = r.results["c.notes"][11][:4]
	if _, err := r.export(Options{}); err == nil || !strings.Contains(err.Error(), "a row has 4 fields") {
		t.Errorf("%v", err)
	}
}

// When there is more than can be remembered, what was seen decides.
func TestRun_full(t *testing.T) {
	t.Parallel()
	r := clinic(t)
	r.policy.Tables["c.notes"].Columns["note"] = keeping
	for i, p := range r.rows["c.patients"] {
		r.results["c.notes"][i][2] = p[4]
	}
	result, err := r.export(Options{candidates: 4})
	if err != nil {
		t.Fatal(err)
	}
	if err := result.Err(); err == nil || !strings.Contains(err.Error(), "c.notes.note holds 12 of kind email;") || !strings.Contains(err.Error(), "and the rest was not read") {
		t.Errorf("%v", err)
	}
	if result.Scan.Passed {
		t.Error("passed")
	}
	r.silent(fmt.Sprint(result.Err(), result.Scan))
}
