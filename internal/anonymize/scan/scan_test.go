package scan

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/catalog"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/identify"
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
		"words of a name far apart":    {catalog.Column{Base: "text"}, keeping, "Sorrel ..... Hinklebottom", false},
		"others between them":          {catalog.Column{Base: "text"}, keeping, "Sorrel met with Hinklebottom", false},
		"a middle name between them":   {catalog.Column{Base: "text"}, keeping, "Sorrel Nobody Hinklebottom", true},
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
		`{"text": "a", "kept": 700008, "code": 700008, "by": {"1": "x"}}`:              false,
		`{"kept": {"deep": [700008, {"er": "700008"}]}, "code": [{"any": 123456707}]}`: false,
		`{"text": {"deep": [700008]}}`:                                                 true,
		`{"text": 700008}`:                                                             true,
		`{"kept": "Sorrel Hinklebottom"}`:                                              true,
		`{"code": "123456707"}`:                                                        false,
		`{"by": {"Sorrel": 1}}`:                                                        true,
		`{"by": {"1": "Sorrel"}}`:                                                      true,
		`{"nobody": {"named": ["it", "Sorrel"]}}`:                                      true,
		`{"text": ["\u0053orrel"]}`:                                                    true,
		`[{"kept": "{\"name\": \"Sorrel Hinklebottom\"}"}, "broken`:                    true,
		`{"kept": "white", "text": null, "code": [true, false, 1e9]}`:                  false,
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

// What an expert lets go is not held back: that is what the determination is of. For Safe Harbor nobody can.
func TestRun_determined(t *testing.T) {
	t.Parallel()
	for method, stops := range map[policy.Method]bool{policy.SafeHarbor: true, policy.ExpertDetermination: false} {
		r := clinic(t)
		r.policy.Method = method
		rule := policy.Rule{Transformer: policy.Keep, Class: "F", Type: "text", Reason: "a test"}
		r.column(catalog.Column{Base: "text"}, rule, "sorrel@clinic.test", "sorrel@clinic.test")
		if stops {
			r.stops("c.notes", "odd", "email")
		} else {
			r.passes()
		}
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

// What the filter takes for an identifier, and the source does not hold, is dismissed.
func TestRun_strangers(t *testing.T) {
	t.Parallel()
	r := clinic(t)
	r.crowd = 200_000 // of the filter's bits, nearly all are set
	r.policy.Tables["c.notes"].Columns["note"] = keeping
	for i := range r.results["c.notes"] {
		r.results["c.notes"][i][2] = fmt.Sprintf("of 98765%02d, 321-54-98%02d: call (018) 555-98%02d or nobody%d@nowhere.test about Nobody Nowhere%c", i, i, i, i, 'a'+i)
	}
	if result := r.passes(); result.Scan.Candidates < 12 {
		t.Errorf("%d candidates: the filter is too good for this test", result.Scan.Candidates)
	}
	if len(r.queries) == 0 {
		t.Error("the source was not looked through again")
	}

	// With room for four of them only, none of which is one, nothing is known of the rest.
	if _, err := r.export(Options{candidates: 4}); err == nil || !strings.Contains(err.Error(), "too many to make sure of") {
		t.Errorf("%v", err)
	}
}

// Identifiers are collected wherever the policy says that they are, in whatever form they are written, and ids once.
func TestCollect(t *testing.T) {
	t.Parallel()
	r := clinic(t)
	column := func(name, base string, rule policy.Rule, value string) {
		r.catalog.Tables[0].Columns = append(r.catalog.Tables[0].Columns, catalog.Column{Name: name, Type: base, Base: strings.TrimSuffix(base, "[]"), Kind: "b", Array: strings.HasSuffix(base, "[]")})
		r.policy.Tables["c.patients"].Columns[name] = rule
		for i, row := range r.rows["c.patients"] {
			v := null
			if i == 0 {
				v = value
			}
			r.rows["c.patients"][i] = append(row, v)
		}
	}
	nothing := policy.Rule{Transformer: policy.Null}
	column("guarantor_name", "text", nothing, "Mr. Ulric van Tumbledown Jr")
	column("spouse_first_name", "text", nothing, "Ma Xi")
	column("spouse_last_name", "text", nothing, "Snaggletooth-Le")
	column("other_phones", "text[]", nothing, `{"018 444 0001",NULL,"+1 (018) 444-0002 x3"}`)
	column("fax", "int8", nothing, "184440003")
	column("extra", "jsonb", policy.Rule{Transformer: policy.JSON, Paths: map[string]policy.Rule{
		"contacts[].name": {Transformer: policy.Person, Part: "full"}, "contacts[].phone": {Transformer: policy.Phone}, "member_id": {Transformer: policy.Token}, "score": keeping}},
		`{"contacts": [{"name": "Wiggins, Fenella", "phone": "018 444 0004"}], "member_id": "W-0099123", "score": 7654321, "x": "Nobody Else"}`)
	column("kept_id", "text", policy.Rule{Transformer: policy.Keep, Class: policy.None}, "kept7654321")
	column("portal_id", "uuid", policy.Rule{Transformer: policy.Surrogate}, "6f1b2c3d-0000-4000-8000-0123456789ab")
	column("date_of_death", "timestamptz", policy.Rule{Transformer: policy.Year}, "2021-05-06 07:08:09+00")
	column("created_at", "timestamptz", policy.Rule{Transformer: policy.Year}, "2022-05-06 07:08:09+00")

	// What may refer to rows that are not there has ids of its own.
	r.column(catalog.Column{Type: "int8", Base: "int8"}, policy.Rule{Transformer: policy.Surrogate}, "990001", "")
	r.policy.References = []policy.Reference{{Table: "c.notes", Column: "odd", To: "c.notes", ToCol: "id", Orphans: true}}
	// An office is nobody.
	r.catalog.Tables = append(r.catalog.Tables, catalog.Table{Schema: "c", Name: "offices", Kind: catalog.KindPartitioned, Columns: []catalog.Column{
		{Name: "name", Type: "text", Base: "text", Kind: "b"}, {Name: "email", Type: "text", Base: "text", Kind: "b"}}})
	r.policy.Tables["c.offices"] = policy.Table{Columns: map[string]policy.Rule{"name": nothing, "email": nothing}}
	r.rows["c.offices"] = [][]string{{"Familymedicine", "office@clinic.test"}}

	s, err := New(r.policy, r.catalog)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	err = s.read(t.Context(), r.source, everything, 1, func() func(identify.Kind, []byte) {
		return func(k identify.Kind, normal []byte) { got[k.String()+" "+string(normal)] = true }
	})
	if err != nil {
		t.Fatal(err)
	}
	for want := range strings.SplitSeq(`name zadok|full_name abblethwaite zadok|full_name tumbledown ulric|full_name ma snaggletooth|phone 0184440001|phone 0184440002|full_name fenella wiggins|phone 0184440004|record w0099123|record 99123|record 6f1b2c3d0000400080000123456789ab|date 2021-05-06|date 1940-03-01|record 700001|record mrn0012300|record 12300|street 101 zebra st|email zadok@clinic.test|email office@clinic.test|record 990001|ssn 123456700`, "|") {
		if !got[want] {
			t.Errorf("%q was not collected", want)
		}
	}
	for _, not := range []string{"record 7654321", "record kept7654321", "full_name else nobody", "date 2022-05-06", "full_name abblethwaite yrsa", "full_name ma xi", "name van", "name le", "name familymedicine", "phone 0184440003"} {
		if got[not] {
			t.Errorf("%q was collected", not)
		}
	}
	for _, q := range r.queries {
		if strings.Contains(q, `"patient"`) || strings.Contains(q, `"kept_id"`) || strings.Contains(q, `"gender"`) {
			t.Errorf("asked for more than it needs: %s", q)
		}
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
