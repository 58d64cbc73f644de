package scan

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/catalog"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/policy"
)

// guarded judges the notes by their guard alone.
func (r *rig) guarded() (kinds []string) {
	r.Helper()
	s, err := New(r.policy, r.catalog)
	if err != nil {
		r.Fatal(err)
	}
	g, err := s.Guard("c.notes", r.names("c.notes"), r.hidden, r.catalog.Tables[1].Columns)
	if err != nil {
		r.Fatal(err)
	}
	w := g.Worker()
	for i, row := range r.rows["c.notes"] {
		w.Line(encode(append(slices.Clone(row), r.person("c.notes", row)...)), encode(r.results["c.notes"][i]))
	}
	w.Commit()
	found := cells{}
	s.guarded(&search{hits: s.suspects()}, found)
	for at := range found {
		if at.table != "c.notes" {
			r.Errorf("found %+v", at)
		}
		kinds = append(kinds, at.column+" "+at.kind.String())
	}
	slices.Sort(kinds)
	return kinds
}

// The row's own person is found in scrubbed text, in any format.
func TestGuard_own(t *testing.T) {
	t.Parallel()
	for note, kind := range map[string]string{ // of patient 3: Wystan Dinglebatch
		"seen":                           "",
		"Wystan":                         "name",
		"with DINGLEBATCH's wife":        "name",
		"with Sorrel Hinklebottom":       "", // somebody else: Run's
		"[NAME] was here":                "",
		"d.o.b. 4.3.43":                  "date",
		"on Mar 4 1943":                  "date",
		"(born 1943-03-04)":              "date",
		"in 1943":                        "",
		"on 1943-03-05":                  "",
		"wystan@CLINIC.test":             "email name",
		"017 4448103":                    "phone",
		"#123456703":                     "ssn",
		"chart MRN-0012303":              "record",
		"chart 12303":                    "record",
		"id 700004":                      "record",
		"id 70000":                       "",
		`\u0057ystan`:                    "",
		"Wystan\\Dinglebatch|0174448103": "name phone",
	} {
		for _, within := range []string{"note", "doc", "odd"} {
			r := clinic(t)
			r.column(catalog.Column{Type: "text[]", Base: "text", Array: true}, policy.Rule{Transformer: policy.Text}, "", "")
			switch within {
			case "note":
				r.results["c.notes"][3][2] = note
			case "doc":
				r.results["c.notes"][3][3] = fmt.Sprintf(`{"text": ["a", {"b": %q}]}`, note)
				if note[0] == '\\' {
					r.results["c.notes"][3][3] = `{"text": ["a", {"b": "` + note + `"}]}`
				}
			case "odd":
				r.results["c.notes"][3][5] = fmt.Sprintf("{%q}", note)
			}
			got := r.guarded()
			var want []string
			for k := range strings.FieldsSeq(kind) {
				want = append(want, within+" "+k)
			}
			if within == "doc" && note[0] == '\\' {
				want = []string{"doc name"} // in JSON this is how it is spelled
			}
			if !slices.Equal(got, want) {
				t.Errorf("%q in %s: found %q, want %q", note, within, got, want)
			}
		}
	}
}

// Where days are moved, a moved one may be the birth of a newborn by chance; one that was not moved is none.
func TestGuard_shifted(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		source, result string
		stops          bool
	}{
		{"born 3/4/43", "born 3/4/43", true},
		{"seen 3/18/43", "seen 3/4/43", false},
		{"born 3/4/43, seen 3/18/43", "born 2/18/43, seen 3/4/43", false},
		{"born 3/4/43, seen 3/18/43", "born 3/4/43, seen 3/4/43", true},
		{"born 3/4/43 in 17.1.20", "born 3/4/43 in X", true},
		{"seen March 20, 2024", "seen April 3, 2024", false}, // his name
		{"Wystan was seen", "Wystan was seen", true},
	} {
		r := clinic(t)
		for _, p := range r.rows["c.patients"][3:5] {
			p[2] = "April"
		}
		r.policy.Method, r.policy.Shift = policy.ExpertDetermination, policy.Shift{Min: -20, Max: -1}
		r.rows["c.notes"][3][2], r.results["c.notes"][3][2] = c.source, c.result
		if got := r.guarded(); (len(got) > 0) != c.stops {
			t.Errorf("%q became %q: found %q", c.source, c.result, got)
		}
		r.results["c.notes"][4][2] = "seen April 3, 2024" // as Run sees it
		if result, err := r.export(Options{}); err != nil || (result.Err() != nil) != c.stops {
			t.Errorf("%q became %q: %v, %v", c.source, c.result, err, result)
		}
	}
}

// A transformer that transforms nothing is seen, and that of an id in a small domain keeps one by chance.
func TestGuard_unmapped(t *testing.T) {
	t.Parallel()
	r := clinic(t)
	for i := range 3 {
		r.results["c.notes"][i][1] = r.rows["c.notes"][i][1]
	}
	if got := r.guarded(); len(got) > 0 {
		t.Errorf("three of twelve ids are themselves: found %q", got)
	}
	for i := range 12 {
		r.results["c.notes"][i][1] = r.rows["c.notes"][i][1]
	}
	if got := r.guarded(); !slices.Equal(got, []string{"patient record"}) {
		t.Errorf("all ids are themselves: found %q", got)
	}
}

// Of what is drawn for each person out of few, some rows are their own image; ages up to 89 are all.
func TestGuard_drawn(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		base  string
		rule  policy.Rule
		value func(i int) (from, to string)
		want  int
	}{
		{"text", policy.Rule{Transformer: policy.Name, Part: policy.Middle}, func(i int) (string, string) { return string(rune('A' + i)), string(rune('A' + i)) }, 0},
		{"text", policy.Rule{Transformer: policy.Name, Part: policy.Middle}, func(i int) (string, string) { return fmt.Sprint("Real", i), fmt.Sprint("Real", i) }, 1},
		{"text", policy.Rule{Transformer: policy.Phone}, func(i int) (string, string) { return fmt.Sprint("555-010", i), fmt.Sprint("555-010", i/7*i) }, 0},
		{"text", policy.Rule{Transformer: policy.Phone}, func(i int) (string, string) { return fmt.Sprint("444-010", i), fmt.Sprint("444-010", i) }, 1},
		{"int4", policy.Rule{Transformer: policy.Age}, func(i int) (string, string) { return fmt.Sprint(40 + i), fmt.Sprint(40 + i) }, 0},
		{"date", policy.Rule{Transformer: policy.DateShift}, func(i int) (string, string) { return fmt.Sprint("2020-02-", 10+i), fmt.Sprint("2020-02-", 10+i) }, 1},
		{"text", policy.Rule{Transformer: policy.Zip3}, func(i int) (string, string) { return fmt.Sprint(100 + i), fmt.Sprint(100 + i) }, 0},
	} {
		r := clinic(t)
		r.column(catalog.Column{Base: c.base}, c.rule, "", "")
		for i := range r.rows["c.notes"] {
			r.rows["c.notes"][i][5], r.results["c.notes"][i][5] = c.value(i)
		}
		if got := r.guarded(); len(got) != c.want {
			t.Errorf("%s: found %q", c.rule.Transformer, got)
		}
	}
}

// Twelve ids of many that are themselves are no chance, eleven may be.
func TestMapping(t *testing.T) {
	t.Parallel()
	for same, fails := range map[int]bool{11: false, 12: true} {
		var all mapping
		for part := range 2 { // of two chunks
			var m mapping
			for i := part; i < 100; i += 2 {
				id, other := fmt.Appendf(nil, "%d", i), []byte("x")
				if i < same {
					other = id
				}
				m.see(id, other, mapped)
				m.see(id, other, mapped)
			}
			all.rows, all.own = all.rows+m.rows, all.own+m.own
			all.same.merge(&m.same)
			all.all.merge(&m.all)
		}
		if all.failed(mapped) != fails || all.own != int64(2*same) || all.rows != 200 {
			t.Errorf("%d of 100: %+v", same, all)
		}
	}
}

// Among what is kept, a word is somebody's name only where names follow the persons; numbers likewise.
func TestGuard_kept(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		column catalog.Column
		value  func(i int, person []string) string
		want   string
		run    bool // as Run does, which knows how often a word occurs
	}{
		"names":              {catalog.Column{Base: "text"}, func(i int, p []string) string { return p[1] }, "odd name", true},
		"a few":              {catalog.Column{Base: "text"}, func(i int, p []string) string { return map[bool]string{true: p[1]}[i < 4] }, "", true},
		"all of everybody":   {catalog.Column{Base: "text"}, func(i int, p []string) string { return "Zadok Yrsa Xanthe Wystan Verity Urania Tamsin Sorrel" }, "", true},
		"one whole name":     {catalog.Column{Base: "text"}, func(i int, p []string) string { return map[bool]string{true: p[1] + " x " + p[2]}[i == 5] }, "odd full_name", false},
		"ids":                {catalog.Column{Base: "int8"}, func(i int, p []string) string { return p[0] }, "odd record", false},
		"an id":              {catalog.Column{Base: "int8"}, func(i int, p []string) string { return map[bool]string{true: p[0], false: "1"}[i < 5] }, "", false},
		"births":             {catalog.Column{Base: "date"}, func(i int, p []string) string { return p[3] }, "odd date", false},
		"a birth":            {catalog.Column{Base: "date"}, func(i int, p []string) string { return map[bool]string{true: p[3], false: "2001-01-01"}[i == 5] }, "", false},
		"an ssn in a number": {catalog.Column{Base: "numeric"}, func(i int, p []string) string { return p[6][:3] + p[6][4:6] + p[6][7:] }, "odd ssn", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := clinic(t)
			r.column(c.column, policy.Rule{Transformer: policy.Keep, Class: policy.None}, "", "")
			for i, p := range r.rows["c.patients"] {
				r.results["c.notes"][i][5] = c.value(i, p)
			}
			if c.run {
				result, err := r.export(Options{})
				if err != nil {
					t.Fatal(err)
				}
				var got string
				for _, f := range result.Scan.Findings {
					got += f.Column + " " + f.Kind
				}
				if got != c.want {
					t.Errorf("found %q, want %q", got, c.want)
				}
				return
			}
			if got := r.guarded(); (c.want == "") != (len(got) == 0) || c.want != "" && got[0] != c.want {
				t.Errorf("found %q, want %q", got, c.want)
			}
		})
	}
}

// A value that recurs is looked through again where it is somebody's.
func TestGuard_recurring(t *testing.T) {
	t.Parallel()
	r := clinic(t)
	for _, i := range []int{3, 9} { // that only a guard looks for
		r.results["c.notes"][i][2] = "call " + r.rows["c.patients"][9][5]
	}
	r.stops("c.notes", "note", "phone")
}

// What was discarded is forgotten, and what was committed is not.
func TestGuard_discard(t *testing.T) {
	t.Parallel()
	r := clinic(t)
	s, err := New(r.policy, r.catalog)
	if err != nil {
		t.Fatal(err)
	}
	g, err := s.Guard("c.notes", r.names("c.notes"), r.hidden, r.catalog.Tables[1].Columns)
	if err != nil {
		t.Fatal(err)
	}
	row := r.rows["c.notes"][3]
	source := encode(append(slices.Clone(row), r.person("c.notes", row)...))
	bad := slices.Clone(r.results["c.notes"][3])
	bad[2] = "Wystan"
	w := g.Worker()
	count := func() (n int64) {
		found := cells{}
		s.guarded(&search{}, found)
		for _, c := range found {
			n += c
		}
		return
	}
	w.Line(source, encode(bad))
	w.Discard()
	w.Commit()
	if n := count(); n != 0 {
		t.Errorf("%d are left of what was discarded", n)
	}
	w.Line(source, encode(bad))
	w.Line(source, encode(bad))
	w.Commit()
	w.Line(source, encode(bad))
	w.Commit()
	if n := count(); n != 3 {
		t.Errorf("%d of 3 were committed", n)
	}
}
