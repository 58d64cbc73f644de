package identify_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/identify"
)

func TestSet(t *testing.T) {
	const n = 50_000
	s := identify.New(n * 2)
	var group sync.WaitGroup
	for part := range 4 {
		group.Go(func() { // each word is added twice, at once
			for i := part / 2; i < n; i += 2 {
				s.Add(identify.Record, fmt.Appendf(nil, "known-%05d", i))
			}
		})
	}
	group.Wait()
	strangers := 0
	for i := range n {
		if !s.Has(identify.Record, fmt.Appendf(nil, "known-%05d", i)) {
			t.Fatalf("%d is forgotten", i)
		}
		if s.Has(identify.Record, fmt.Appendf(nil, "knows-%05d", i)) {
			strangers++
		}
		if s.Has(identify.Name, fmt.Appendf(nil, "known-%05d", i)) {
			t.Fatalf("record %d is a name", i)
		}
	}
	share := float64(strangers) / n
	if told := s.Strangers(identify.Record); share > 0.02 || share < told/2 || share > told*2 {
		t.Errorf("%.4f are taken for known, and the set says %.4f", share, told)
	}
	if c := s.Count(identify.Record); c < n*97/100 || c > n {
		t.Errorf("counted %d of %d", c, n)
	}
	if !s.Add(identify.Name, []byte("anna")) || s.Add(identify.Name, []byte("anna")) {
		t.Error("Add does not tell the new")
	}
}

// What is of no length that is known is never taken for known, and of one that is known, however long, nothing is forgotten.
func TestSetLengths(t *testing.T) {
	s := identify.New(0)
	for i := range 5000 { // so many that it takes all for known
		s.Add(identify.Record, fmt.Appendf(nil, "%064d", i))
	}
	if !s.Has(identify.Record, fmt.Appendf(nil, "%070d", 6000)) || !s.Has(identify.Record, fmt.Appendf(nil, "%064d", 1)) {
		t.Error("what is long is forgotten")
	}
	if s.Has(identify.Record, fmt.Appendf(nil, "%062d", 1)) || s.Has(identify.Phone, fmt.Appendf(nil, "%064d", 1)) {
		t.Error("what is of another length is taken for known")
	}
	if s.Has(identify.Record, fmt.Appendf(nil, "1%063d", 1)) {
		t.Error("what begins with another digit is taken for known")
	}
}

func TestSetsDiffer(t *testing.T) {
	a, b := identify.New(0), identify.New(0)
	for i := 1000; i < 9000; i += 40 { // of the same lengths and beginnings as those that are strangers
		a.Add(identify.Email, fmt.Append(nil, i))
		b.Add(identify.Email, fmt.Append(nil, i))
	}
	same := 0
	for i := 1001; i < 9000; i += 2 {
		if a.Has(identify.Email, fmt.Append(nil, i)) == b.Has(identify.Email, fmt.Append(nil, i)) {
			same++
		}
	}
	if same == 4000 {
		t.Error("two sets take the same strangers for known")
	}
}

func TestWords(t *testing.T) {
	for name, want := range map[string]string{
		"Anna":                   "anna",
		"Anna-Maria O'Neill":     "anna maria oneill",
		"  de la Cruz, José ":    "cruz jose",
		"Van":                    "van",
		"de la":                  "de la",
		"Ñandú Müller ß":         "nandu muller ss",
		"J. R. Smith Jr.":        "smith",
		"Smith's":                "smith",
		"":                       "",
		"123":                    "",
		"Mun\u0303oz":            "munoz",
		"ＡＮＮＡ":                   "anna",
		"Łukasz Þór":             "lukasz thor",
		"王小明":                    "王小明",
		"Ann\u00ada Ze\u200blda": "anna zelda",
		"ÉLOÏSE D’Angelo":        "eloise dangelo",
		"İpek Иванов Ёлкин Παπάς": "ipek иванов елкин παπας",
	} {
		var got []string
		identify.Words(nil, []byte(name), func(w []byte) { got = append(got, string(w)) })
		if s := strings.Join(got, " "); s != want {
			t.Errorf("%q: %q, want %q", name, s, want)
		}
	}
}

func TestNormalize(t *testing.T) {
	for _, c := range []struct {
		kind  identify.Kind
		alike []string
		none  []string
	}{
		{identify.Phone, []string{"5128675309", "(512) 867-5309", "+1 512.867.5309", "1-512-867-5309", "001 512 867 5309"}, []string{"", "867-5309", "none"}},
		{identify.SSN, []string{"219-09-9999", "219099999", "219 09 9999"}, []string{"", "9999", "21909999", "xxx"}},
		{identify.Email, []string{"A.B@Example.com", " a.b@example.COM "}, []string{"", "none", "@x", "x@"}},
		{identify.Record, []string{"MAQU000123", "maqu-000123", "MAQU 000123"}, []string{"", "12", "A1", "0012"}},
		{identify.Record, []string{"0012345", "12345", "1-2345"}, nil},
		{identify.Date, []string{"1984-03-02", "1984-03-02 12:00:00+00", "19840302"}, []string{"", "1984"}},
		{identify.IP, []string{"10.1.2.3", "10.1.2.3/32"}, []string{"", "10.1", "x"}},
		{identify.Street, []string{"12 Main Street", "12 MAIN STREET"}, []string{"", "x"}},
		{identify.Name, []string{"Müller", "muller", "MÜLLER"}, []string{"", "x", "1"}},
	} {
		var forms []string
		for _, v := range c.alike {
			got, ok := identify.Normalize([]byte("x"), c.kind, []byte(v))
			if !ok {
				t.Errorf("%s %q is none", c.kind, v)
			}
			forms = append(forms, string(got))
		}
		if len(slices.Compact(forms)) != 1 {
			t.Errorf("%s: %q", c.kind, forms)
		}
		for _, v := range c.none {
			if got, ok := identify.Normalize(nil, c.kind, []byte(v)); ok {
				t.Errorf("%s %q is %q", c.kind, v, got)
			}
		}
	}
}

func BenchmarkHas(b *testing.B) {
	s := identify.New(8 << 20)
	for i := range 1 << 20 {
		s.Add(identify.Name, fmt.Append(nil, i))
	}
	word := []byte("glucose")
	for b.Loop() {
		s.Has(identify.Name, word)
	}
}
