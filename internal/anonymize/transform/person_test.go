package transform

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/catalog"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/identify"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/policy"
)

func named(part string) policy.Rule { return policy.Rule{Transformer: policy.Name, Part: part} }

// clinic is a table of persons and one of what happened to them.
func clinic(t testing.TB, keys *Keys, id string) *bed {
	b := newBed(t, keys)
	b.Policy.Subject = policy.Subject{Table: "a.person", Key: "id"}
	b.table("a.person", nil, "id int8", id, "first text", named("first"), "middle text", named("middle"), "last text", named("last"),
		"full_name text", named("full"), "email text", policy.Email, "phone text", policy.Phone, "ssn text", policy.SSN, "street text", policy.Street, "city text", policy.City)
	b.table("a.visit", []string{"person"}, "id int8", policy.Surrogate, "person int8", id, "patient_name text", named("full"),
		"contact text", policy.Email, "phones text[]", policy.Phone, "ssn text", policy.SSN, "street text", policy.Street,
		"doc json", policy.Rule{Transformer: policy.JSON, Paths: map[string]policy.Rule{"who.last": named("last"), "who.mail": {Transformer: policy.Email}}})
	b.refer("a.visit", "person", "a.person", "id")
	return b
}

func TestOnePersonEverywhere(t *testing.T) {
	t.Parallel()
	for _, id := range []string{policy.Surrogate, policy.Permute, policy.Keep} {
		s := clinic(t, fixed(t, 1), id).set(t)
		person, visit := worker(t, s, "a.person"), worker(t, s, "a.visit")
		if got := fmt.Sprint(visit.table.Hidden); got != "[id]" {
			t.Fatalf("hidden is %s", got)
		}
		different := map[string]bool{}
		for i := range 500 {
			id := fmt.Sprint(4000 + i)
			p := send(t, person, id, "Testa", "B", "Sample", "Testa B. Sample", "t@practice.test", "(617) 867-5309", "123-45-6789", "1 Real Road", "Boston", id)
			v := send(t, visit, fmt.Sprint(i), id, "Sample, Testa", "other@practice.test", "{617.867.5309,NULL}", "123456789", "2 Real Road", `{"who":{"last":"SAMPLE","mail":"x@practice.test"}}`, id)
			first, middle, last := p[1], p[2], p[3]
			if len(middle) != 1 || !regexp.MustCompile(`^`+first+` `+middle+`[a-z]+ `+last+`$`).MatchString(p[4]) || v[2] != last+", "+first {
				t.Fatalf("names do not agree: %q, %q", p[1:5], v[2])
			}
			if p[5] != v[3] || p[6][1:4] != v[4][1:4] || strings.ReplaceAll(p[7], "-", "") != v[5] || p[8] != v[6] {
				t.Fatalf("%q and %q are not one person", p, v)
			}
			if v[7] != `{"who":{"last":"`+strings.ToUpper(last)+`","mail":"`+p[5]+`"}}` {
				t.Fatalf("in JSON it is %s", v[7])
			}
			different[p[5]] = true
		}
		if len(different) != 500 {
			t.Errorf("500 persons have %d e-mail addresses", len(different))
		}
	}
}

// A name that is no name may be anything.
func TestNamesWithoutLetters(t *testing.T) {
	t.Parallel()
	w := worker(t, clinic(t, fixed(t, 1), policy.Surrogate).set(t), "a.person")
	got := send(t, w, "7", "617-867-5309", "", "123 45 6789", "(1980)", null, null, null, null, null, "7")
	if fmt.Sprintf("%q", got[1:5]) != `["--" "" "  " "()"]` {
		t.Errorf("numbers in the place of names become %q", got[1:5])
	}
}

// What is invented follows from the surrogate, not from the person.
func TestNothingFollowsFromWhoItIs(t *testing.T) {
	t.Parallel()
	k := fixed(t, 2)
	row := func(id, name string) string {
		return fmt.Sprint(send(t, worker(t, clinic(t, k, policy.Surrogate).set(t), "a.person"),
			id, name, name, name, name+" Sample", name+"@practice.test", "6178675309", "123456789", name, name, id))
	}
	if a, b := row("17", "Testa"), row("9000000", "Quux"); a != b {
		t.Errorf("the first person of a run is %s or %s", a, b)
	}
}

func TestRowsWithoutSubject(t *testing.T) {
	t.Parallel()
	s := clinic(t, fixed(t, 3), policy.Surrogate).set(t)
	visit := worker(t, s, "a.visit")
	row := func(id, person string) string {
		return fmt.Sprint(send(t, visit, id, person, "Testa Sample", "x", null, null, null, "null", person)[2:4])
	}
	a, again, b, other := row("1", null), row("1", null), row("2", null), row("1", "77")
	if a != again || a == b || a == other {
		t.Errorf("rows about nobody are %s, %s, %s; of a person %s", a, again, b, other)
	}
}

// Rows that nothing tells apart are nobody's, each of somebody else.
func TestRowsWithoutKey(t *testing.T) {
	t.Parallel()
	b := newBed(t, fixed(t, 3))
	b.table("a.t", nil, "email text", policy.Email, "at date", policy.DateShift, "again date", policy.DateShift)
	b.Catalog.Tables[0].PrimaryKey = nil
	s := b.set(t)
	first, second := worker(t, s, "a.t"), worker(t, s, "a.t")
	emails, dates := map[string]bool{}, map[string]bool{}
	for range 20 {
		for _, w := range []*Worker{first, second} {
			got := send(t, w, "t@practice.test", "2024-01-01", "2024-01-01")
			if got[1] != got[2] {
				t.Fatalf("within a row dates move apart: %q", got)
			}
			emails[got[0]], dates[got[1]] = true, true
		}
	}
	if len(emails) != 40 || len(dates) < 30 {
		t.Errorf("40 rows have %d addresses and %d dates", len(emails), len(dates))
	}
}

// Each combination of NULLs stays as it is, and what is not NULL is transformed in each: a NULL before it changes nothing.
func TestNullsStay(t *testing.T) {
	t.Parallel()
	b := clinic(t, fixed(t, 4), policy.Surrogate)
	b.table("a.all", []string{"person"}, "id int8", policy.Surrogate, "person int8", policy.Surrogate,
		"a date", policy.Year, "b timestamptz", policy.DateShift, "c int4", policy.Age, "d text", policy.Zip3, "e inet", policy.IP, "f text", policy.URL,
		"g text", policy.Token, "h text", policy.Scramble, "i text", policy.Rule{Transformer: policy.Person, Part: "full"}, "j text", policy.Text,
		"k jsonb", policy.Rule{Transformer: policy.JSON, Paths: map[string]policy.Rule{"a": {Transformer: policy.Text}}}, "l uuid", policy.Permute)
	b.refer("a.all", "person", "a.person", "id")
	s := b.set(t)
	for table, values := range map[string][]string{
		"a.person": {"5", "Testa", "B", "Sample", "Testa Sample", "t@practice.test", "6178675309", "123-45-6789", "1 Real Road", "Boston", "5"},
		"a.all": {"5", "6", "1950-02-03", "2020-02-03 10:11:12+00", "95", "02139", "10.1.2.3", "https://practice.test/x", "token", "scramble", "Some Body",
			"some text", `{"a":"b"}`, "9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d", "6", "Testa", "B", "Sample", "Testa Sample", "t@practice.test", "6178675309", "123-45-6789", "1 Real Road", "Boston"},
	} {
		w := worker(t, s, table)
		// What is hidden follows what is read; its NULLs are judged by Own.
		n := len(w.table.Read) + len(w.table.Hidden)
		if n > len(values) {
			t.Fatalf("%s reads %q and %q", table, w.table.Read, w.table.Hidden)
		}
		values = values[:n]
		whole := send(t, w, values...)
		columns := len(w.table.Write)
		for pattern := range 1 << (columns - 1) { // a key is never NULL
			in := append([]string(nil), values...)
			for i := 1; i < columns; i++ {
				if pattern>>(i-1)&1 == 1 {
					in[i] = null
				}
			}
			for i, got := range send(t, w, in...) {
				switch {
				case in[i] == null && got != null:
					t.Fatalf("%s.%s: NULL became %q", table, w.table.columns[i].name, got)
				case in[i] != null && got != whole[i]:
					t.Fatalf("%s.%s: with the NULLs %b it is %q, else %q", table, w.table.columns[i].name, pattern, got, whole[i])
				}
			}
		}
		for i, got := range whole[1:] {
			if got == values[i+1] && w.table.columns[i+1].name != "j" && w.table.columns[i+1].name != "k" { // text that says nothing stays
				t.Errorf("%s.%s: %q stayed", table, w.table.columns[i+1].name, got)
			}
		}
	}
}

func TestInventedNames(t *testing.T) {
	t.Parallel()
	marked := regexp.MustCompile(`^[A-Z][a-z]+$`)
	seen := map[string]bool{}
	for i := range firstNames + lastNames {
		name := string(appendFirst(nil, i%firstNames))
		if i >= firstNames {
			name = string(appendLast(nil, i-firstNames))
		}
		odd := strings.Contains(name, "zq") || strings.Contains(name, "vx") || strings.Contains(name, "xv") || strings.Contains(name, "qv")
		if !marked.MatchString(name) || !odd || seen[name] {
			t.Fatalf("%q is no name to invent", name)
		}
		seen[name] = true
	}
	// None of them is a word of the source.
	taken := func(word []byte) bool { return word[0] == 'b' }
	d, err := newDictionary(taken)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range append(d.first[:], d.last[:]...) {
		if n >= lastNames {
			t.Fatalf("%d is no name", n)
		}
	}
	for _, n := range d.last {
		if taken([]byte(strings.ToLower(string(appendLast(nil, int(n)))))) {
			t.Fatalf("%s is a name of the source", appendLast(nil, int(n)))
		}
	}
	for _, n := range d.first {
		if taken([]byte(strings.ToLower(string(appendFirst(nil, int(n)))))) {
			t.Fatalf("%s is a name of the source", appendFirst(nil, int(n)))
		}
	}
	if _, err := newDictionary(func([]byte) bool { return true }); err == nil {
		t.Error("there are names although all are taken")
	}
}

func TestNamesAreWrittenAsTheRealOnes(t *testing.T) {
	t.Parallel()
	b := newBed(t, fixed(t, 5))
	b.table("a.t", nil, "id int8", policy.Surrogate, "first text", named("first"), "last text", named("last"), "whole text", named("full"),
		"short varchar(5)", named("last"), "other text", policy.Rule{Transformer: policy.Person, Part: "full"})
	w := worker(t, b.set(t), "a.t")
	row := func(first, last, full string) string {
		return fmt.Sprint(send(t, w, "1", first, last, full, last, full)[1:5])
	}
	plain := send(t, w, "1", "Testa", "Sample", "Testa Sample", "Sample", "Some Body")
	f, l := plain[1], plain[2]
	if plain[4] != l[:5] {
		t.Errorf("in five characters %s is %s", l, plain[4])
	}
	for actual, want := range map[[3]string][3]string{
		{"TESTA", "SAMPLE", "TESTA SAMPLE"}:  {strings.ToUpper(f), strings.ToUpper(l), strings.ToUpper(f + " " + l)},
		{"testa", "sample", "sample, testa"}: {strings.ToLower(f), strings.ToLower(l), strings.ToLower(l + ", " + f)},
		{"T", "S.", "Sample, Testa"}:         {f[:1], l[:1] + ".", l + ", " + f},
		{"Zoë", "Ærø", "Sample"}:             {f, l, l},
		{"", "-", " "}:                       {"", "-", " "},
	} {
		got := row(actual[0], actual[1], actual[2])
		short := want[1]
		if len(short) > 5 {
			short = short[:5]
		}
		if got != fmt.Sprint([]string{want[0], want[1], want[2], short}) {
			t.Errorf("%q becomes %s, want %q", actual, got, want)
		}
	}
	// Somebody else is the same however the name is written, and not the row's person.
	do := one(t, fixed(t, 5), "v text", policy.Rule{Transformer: policy.Person, Part: "last"})
	if a, b, c := do(1, "Some Body"), do(2, " some  BODY "), do(1, "Any Body"); a != b || a == c {
		t.Errorf("other persons are %s, %s, %s", a, b, c)
	}
}

func TestPhones(t *testing.T) {
	t.Parallel()
	do := one(t, fixed(t, 6), "v text", policy.Phone)
	for actual, want := range map[string]string{
		"(617) 867-5309":        `^\([2-469]\d\d\) 555-01\d\d$`,
		"617.867.5309":          `^[2-469]\d\d\.555\.01\d\d$`,
		"6178675309":            `^[2-469]\d\d55501\d\d$`,
		"+1 617 867 5309":       `^\+1 [2-469]\d\d 555 01\d\d$`,
		"16178675309":           `^1[2-469]\d\d55501\d\d$`,
		"867-5309":              `^555-01\d\d$`,
		"617-867-5309 x123":     `^[2-469]\d\d-555-01\d\d x\d{3}$`,
		"617-867-5309 ext. 12":  `^[2-469]\d\d-555-01\d\d x\. \d\d$`,
		"+44 20 7946 0018":      `^\+99 9\d \d{4} \d{4}$`,
		"cell of Testa: 867":    `^\D*\d{3}$`,
		"5309":                  `^\d{4}$`,
		" ":                     `^ $`,
		"":                      `^$`,
		"Testa 617 867-5309 mö": `^ [2-469]\d\d 555-01\d\d $`,
	} {
		seen := map[string]bool{}
		for i := range 300 {
			got := do(i, actual)
			if !regexp.MustCompile(want).MatchString(got) || strings.Contains(got, "Testa") || regexp.MustCompile(`^\D*1?[2-9](11|9\d)55501`).MatchString(got) {
				t.Fatalf("%q becomes %q", actual, got)
			}
			seen[got] = true
		}
		if n := len(regexp.MustCompile(`\d`).FindAllString(actual, -1)); n >= 10 && len(seen) < 290 {
			t.Errorf("%q: 300 people have %d numbers", actual, len(seen))
		}
	}
}

// Where the source's own numbers are for fiction, those of others are passed over.
func TestTakenNumbersArePassedOver(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		kind   identify.Kind
		rule   string
		actual string
	}{{identify.Phone, policy.Phone, "(617) 867-5309"}, {identify.IP, policy.IP, "10.1.2.3"}} {
		taken := map[string]bool{}
		b := newBed(t, fixed(t, 6))
		b.table("a.t", nil, "id int8", policy.Surrogate, "v text", c.rule)
		normal := func(v string) string {
			n, ok := identify.Normalize(nil, c.kind, []byte(v))
			if !ok {
				t.Fatalf("%q is not of kind %s", v, c.kind)
			}
			return string(n)
		}
		for w, i := worker(t, b.set(t), "a.t"), 0; i < 100; i++ {
			taken[normal(send(t, w, fmt.Sprint(i), c.actual)[1])] = true
		}
		b.Taken = func(kind identify.Kind, v []byte) bool { return kind == c.kind && taken[string(v)] }
		for w, i := worker(t, b.set(t), "a.t"), 0; i < 100; i++ {
			if got := send(t, w, fmt.Sprint(i), c.actual)[1]; taken[normal(got)] {
				t.Errorf("%s is somebody's", got)
			}
		}
	}
}

func TestSocialSecurityNumbers(t *testing.T) {
	t.Parallel()
	s := clinic(t, fixed(t, 7), policy.Surrogate).set(t)
	w := worker(t, s, "a.person")
	never := regexp.MustCompile(`^9\d\d-(0[1-9]|[1-4]\d)-\d{4}$`)
	seen := map[string]bool{}
	const n = 30_000 // of drawn numbers some nine would be there twice
	for i := range n {
		id := fmt.Sprint(i)
		got := send(t, w, id, null, null, null, null, null, null, "123-45-6789", null, null, id)[7]
		if !never.MatchString(got) || strings.HasSuffix(got, "0000") || seen[got] {
			t.Fatalf("number %d is %s", i, got)
		}
		seen[got] = true
	}
	do := one(t, fixed(t, 7), "v text", policy.SSN)
	for actual, want := range map[string]string{
		"123456789": `^9\d{8}$`, "123 45 6789": `^9\d\d \d\d \d{4}$`, "6789": `^\d{4}$`, "***-**-6789": `^\*\*\*-\*\*-\d{4}$`, "XXX-XX-6789": `^XXX-XX-\d{4}$`,
		"": `^$`, "none": `^$`, "123-45-6789 (Testa)": `^9\d\d-\d\d-\d{4} $`,
	} {
		if got := do(1, actual); !regexp.MustCompile(want).MatchString(got) {
			t.Errorf("%q becomes %q", actual, got)
		}
	}
}

func TestEmailAndAddresses(t *testing.T) {
	t.Parallel()
	b := newBed(t, fixed(t, 8))
	b.table("a.t", nil, "id int8", policy.Surrogate, "a text", policy.Email, "b varchar(26)", policy.Email, "c text", policy.Street, "d varchar(8)", policy.Street,
		"e text", policy.City, "f text", policy.URL)
	w := worker(t, b.set(t), "a.t")
	seen := map[string]bool{}
	const n = 500
	for i := range n {
		got := send(t, w, fmt.Sprint(i), "t@practice.test", "t@practice.test", "1 Real Road", "1 Real Road", "Boston", "http://practice.test/1")
		for j, want := range []string{`^[a-z]+\.[a-z]+\.[0-9a-z]{1,13}@example\.com$`, `^p[0-9a-z]{1,13}@example\.com$`, `^[1-9]\d{2,3} [A-Z][a-z]+ [A-Z][a-z]+$`, `^[1-9].{7}$`,
			`^[A-Z][a-z]+$`, `^https://example\.invalid/[0-9a-z]{1,13}$`} {
			if !regexp.MustCompile(want).MatchString(got[j+1]) {
				t.Fatalf("column %d is %q", j+1, got[j+1])
			}
		}
		seen[got[1]], seen[got[2]], seen[got[6]] = true, true, true
	}
	if len(seen) != 3*n {
		t.Errorf("%d addresses are of %d people", len(seen), n)
	}
	if got := send(t, w, "1", "", " ", "", "", "", ""); fmt.Sprintf("%q", got[1:]) != `["" " " "" "" "" ""]` {
		t.Errorf("what is blank became %q", got[1:])
	}
	for _, c := range []string{"v varchar(25)", "v varchar(20)"} {
		for _, rule := range []string{policy.Email, policy.URL} {
			b := newBed(t, fixed(t, 8))
			b.table("a.t", nil, "id int8", policy.Surrogate, c, rule)
			if _, err := New(b.Config); err == nil {
				t.Errorf("%s can be %s", c, rule)
			}
		}
	}
}

// The columns that identify a subject come along where there is text, and what they hold is taken out of it.
func TestOwnNamesLeaveText(t *testing.T) {
	t.Parallel()
	b := clinic(t, fixed(t, 9), policy.Surrogate)
	b.table("a.note", []string{"visit", "person"}, "id int8", policy.Surrogate, "visit int8", policy.Surrogate, "body text", policy.Text,
		"doc json", policy.Rule{Transformer: policy.JSON, Paths: map[string]policy.Rule{"n[]": {Transformer: policy.Text}}})
	b.refer("a.note", "visit", "a.visit", "id")
	person := b.Catalog.Table("a.person")
	person.Columns = append(person.Columns, catalog.Column{Name: "maiden_name", Type: "text", Base: "text", Kind: "b"}, catalog.Column{Name: "copay", Type: "text", Base: "text", Kind: "b"})
	b.Policy.Tables["a.person"].Columns["maiden_name"] = policy.Rule{Transformer: policy.Null}
	b.Policy.Tables["a.person"].Columns["copay"] = policy.Rule{Transformer: policy.Null}
	s := b.set(t)
	w := worker(t, s, "a.note")
	if got := strings.Join(w.table.Hidden, " "); got != "id first middle last full_name email phone ssn street city maiden_name" {
		t.Fatalf("hidden is %s", got)
	}
	hidden := []string{"7", "Testa", "B", "Sample", "Testa B. Sample", "t@practice.test", "617-867-5309", "123-45-6789", "1 Real Road", "Mill Harbor", "Quux"}
	got := send(t, w, append([]string{"1", "2", "Ms. Sample of Mill Harbor said: Testa, née Quux", `{"n":["SAMPLE"]}`}, hidden...)...)
	p := send(t, worker(t, s, "a.person"), "7", "Testa", "B", "Sample", "Testa Sample", null, null, null, null, null, "7")
	text := strings.ToLower(got[2] + got[3])
	if strings.Contains(text, "sample") || strings.Contains(text, "testa") || strings.Contains(text, "quux") || strings.Contains(text, "harbor") || !strings.Contains(got[2], p[1]) || !strings.Contains(got[2], p[3]) {
		t.Errorf("the text is %q and %q", got[2], got[3])
	}
}

// Whatever the rows before were about, and whatever of their persons their texts needed, each text loses what is its own person's.
func TestPersonsOneAfterTheOther(t *testing.T) {
	t.Parallel()
	b := clinic(t, fixed(t, 9), policy.Surrogate)
	b.table("a.note", []string{"person"}, "id int8", policy.Surrogate, "person int8", policy.Surrogate, "body text", policy.Text)
	b.refer("a.note", "person", "a.person", "id")
	w := worker(t, b.set(t), "a.note")
	persons := map[string][]string{
		"7": {"7", "Testa", "B", "Sample", null, null, null, "123-45-6789", "1 Real Road", "Boston"},
		"8": {"8", "Quilla", null, "Mockup", null, null, null, "123-45-4321", "2 Real Road", "Boston"},
		"9": {"7", "Testa", "B", "Mockup", null, null, null, "123-45-6789", "1 Real Road", "Boston"}, // renamed meanwhile
	}
	for i, c := range []struct{ person, text, gone string }{
		{"7", "testa again", "testa"}, {"7", "ends in 6789", "6789"}, {"8", "ends in 4321", "4321"}, {"8", "quilla again", "quilla"}, {"7", "ends in 6789, says testa", "6789"},
		{"7", "says testa", "testa"}, {"9", "says mockup", "mockup"}, {"8", "says mockup", "mockup"}, {"8", "tmockup", ""}, {"7", "tsample", "tsample"}, {"7", "samplet", "samplet"},
	} {
		got := send(t, w, append([]string{fmt.Sprint(i), "1", c.text}, persons[c.person]...)...)
		if c.gone != "" && strings.Contains(got[2], c.gone) || c.gone == "" && got[2] != c.text {
			t.Errorf("%d: %q became %q", i, c.text, got[2])
		}
	}
}

// Arrays on both sides: text that is one, and names of the person that are.
func TestArraysOfTextAndNames(t *testing.T) {
	t.Parallel()
	b := newBed(t, fixed(t, 9))
	b.Policy.Subject = policy.Subject{Table: "a.person", Key: "id"}
	b.table("a.person", nil, "id int8", policy.Surrogate, "names text[]", named("first"), "phones text[]", policy.Phone)
	b.table("a.note", []string{"person"}, "id int8", policy.Surrogate, "person int8", policy.Surrogate, "notes text[]", policy.Text, "docs jsonb[]",
		policy.Rule{Transformer: policy.JSON, Paths: map[string]policy.Rule{"n": {Transformer: policy.Text}}})
	b.refer("a.note", "person", "a.person", "id")
	got := send(t, worker(t, b.set(t), "a.note"), "1", "7", `{"Testa was here","nobody","call 6178675309"}`, `{"{\"n\": \"Quux\"}"}`, "7", "{Testa,Quux}", "{617-867-5309}")
	whole := strings.Join(got, " ")
	if strings.Contains(whole, "Testa") || strings.Contains(whole, "Quux") || strings.Contains(whole, "5309") || !strings.Contains(got[2], "was here") || !strings.Contains(got[2], ",nobody,") ||
		!strings.HasPrefix(got[3], `{"{\"n\":`) {
		t.Errorf("the row is %q", got)
	}
}
