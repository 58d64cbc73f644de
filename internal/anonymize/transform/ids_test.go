package transform

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/identify"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/policy"
)

// both runs a test for each transformer of ids.
func both(t *testing.T, f func(t *testing.T, transformer string)) {
	for _, name := range []string{policy.Surrogate, policy.Permute} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f(t, name)
		})
	}
}

func TestPermutationIsOne(t *testing.T) {
	t.Parallel()
	var s scratch
	for _, size := range []uint64{1, 2, 3, 7, 10, 26, 100, 999, 4096, 65_537} {
		p := newPermutation(fixed(t, 1).derived("test"), 5, size)
		seen := make([]bool, size)
		for x := range size {
			y := p.apply(&s, x)
			if y >= size || seen[y] {
				t.Fatalf("of %d: %d goes to %d", size, x, y)
			}
			seen[y] = true
			if back := p.invert(&s, y); back != x {
				t.Fatalf("of %d: %d comes back as %d", size, x, back)
			}
		}
	}
	for _, size := range []uint64{maxCode, ssns, 1_000_000_000_000, 1<<63 - 1_000_000_000_000, 1 << 63} {
		p := newPermutation(fixed(t, 1).derived("test"), 5, size)
		for _, x := range []uint64{0, 1, size / 3, size - 1} {
			if y := p.apply(&s, x); y >= size || p.invert(&s, y) != x {
				t.Errorf("of %d: %d is lost", size, x)
			}
		}
	}
}

func TestIdsFitAndStayApart(t *testing.T) {
	t.Parallel()
	number := func(format string) func(i int) string {
		return func(i int) string { return fmt.Sprintf(format, i) }
	}
	uuid := func(i int) string { return fmt.Sprintf("0000%04x-0000-4000-8000-00000000%04x", i, i*7%65536) }
	for _, c := range []struct {
		typ    string
		n      int
		id     func(i int) string
		format string
	}{
		{"int2", 30_000, number("%d"), `^[1-9]\d{0,4}$`},
		{"int4", 20_000, number("%d"), `^[1-9]\d{0,9}$`},
		{"int8", 20_000, number("%d"), `^[1-9]\d{0,11}$`},
		{"numeric(7,0)", 20_000, number("%d"), `^[1-9]\d{0,6}$`},
		{"text", 20_000, number("%d"), `^[1-9]\d{0,4}$`},
		{"text", 10_000, number("%04d"), `^\d{4}$`},
		{"text", 20_000, number("MRN-%06d"), `^[A-Z]{3}-\d{6}$`},
		{"text", 900, number("ab%d"), `^[a-z]{2}\d{1,3}$`},
		{"varchar(13)", 20_000, number("P%012d"), `^[A-Z]\d{12}$`},
		{"text", 20_000, number("deadbeef%016x"), `^[0-9a-f]{24}$`},
		{"text", 20_000, number("%020d"), `^\d{20}$`},
		{"text", 2000, number("%015dz"), `^\d{15}[g-z]$`}, // a letter up to f would make hexadecimal digits of it
		{"text", 2000, number("Zürich %05d"), `^[A-Z][a-z]{5} \d{5}$`},
		{"text", 2000, number(strings.Repeat("a long one ", 9) + "%d"), `^[0-9a-f]{40}$`},
		{"uuid", 20_000, uuid, `^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`},
		{"text", 2000, func(i int) string { return strings.ToUpper("abcdefab" + uuid(i)[8:]) }, `^[0-9A-F]{8}-[0-9A-F]{4}-4[0-9A-F]{3}-[89AB][0-9A-F]{3}-[0-9A-F]{12}$`},
	} {
		both(t, func(t *testing.T, transformer string) {
			// A letter beyond ASCII becomes one within it, which permute has no way back from: two ids may become one, as with a
			// hash of so many characters. An import that finds two in a unique column refuses the export.
			injective := transformer != policy.Permute || !strings.Contains(c.format, "{5} ")
			do := one(t, fixed(t, 2), "v "+c.typ, transformer)
			format := regexp.MustCompile(c.format)
			seen, same := map[string]int{}, 0
			for i := range c.n {
				id := c.id(i)
				got := do(i, id)
				if !format.MatchString(got) && got != "0" {
					t.Fatalf("%s %q became %q", c.typ, id, got)
				}
				if before, taken := seen[got]; taken && injective {
					t.Fatalf("%s: %q and %q both became %q", c.typ, c.id(before), id, got)
				}
				seen[got] = i
				if got == id {
					same++
				}
				if i%16 == 0 && do(i+1_000_000, id) != got {
					t.Fatalf("%q became something else the second time", id)
				}
			}
			if same > 30 { // of a permutation about one point stays by chance
				t.Errorf("%s: %d ids stayed what they were", c.typ, same)
			}
		})
	}
}

func TestIdsAtTheEdges(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, transformer string) {
		for typ, values := range map[string][]string{
			"int2": {"-32768", "-1", "0", "1", "32767"},
			"int4": {"-2147483648", "-1", "0", "1", "2147483647"},
			"int8": {"-9223372036854775808", "-1", "0", "1", "999999999999", "1000000000000", "9223372036854775807"},
		} {
			do := one(t, fixed(t, 3), "v "+typ, transformer)
			bits, _ := strconv.Atoi(strings.TrimPrefix(typ, "int"))
			seen := map[string]bool{}
			for _, v := range values {
				got := do(1, v)
				if _, err := strconv.ParseInt(got, 10, bits*8); err != nil {
					t.Errorf("%s becomes %s, which is no %s", v, got, typ)
				}
				if seen[got] {
					t.Errorf("%s is there twice", got)
				}
				seen[got] = true
			}
		}
		do := one(t, fixed(t, 3), "v text", transformer)
		for _, v := range []string{"", "-", " ", "0", "(/)"} {
			if got := do(1, v); got != v {
				t.Errorf("%q, in which there is nothing, became %q", v, got)
			}
		}
	})
}

// All texts of a small shape map onto themselves, one to one.
func TestSmallShapesAreFull(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, transformer string) {
		do := one(t, fixed(t, 4), "v text", transformer)
		seen := map[string]bool{}
		for i := range 26 * 100 {
			v := fmt.Sprintf("%c-%02d", 'a'+i/100, i%100)
			seen[do(1, v)] = true
		}
		for i := range 10 {
			seen[do(1, fmt.Sprintf("A%d", i))] = true
		}
		if len(seen) != 26*100+10 {
			t.Errorf("there are %d codes", len(seen))
		}
	})
}

func TestTooManyIds(t *testing.T) {
	t.Parallel()
	b := newBed(t, fixed(t, 5))
	b.table("a.t", nil, "id numeric(2)", policy.Surrogate)
	w := worker(t, b.set(t), "a.t")
	for i := range 100 {
		send(t, w, fmt.Sprint(i))
	}
	_, err := trySend(w, "777777")
	if err == nil || !strings.HasPrefix(err.Error(), "a.t.id: there are more ids than codes") || strings.Contains(err.Error(), "777777") {
		t.Errorf("got %v", err)
	}
}

// A subject without a code is nobody to invent things for.
func TestTooManySubjects(t *testing.T) {
	t.Parallel()
	b := newBed(t, fixed(t, 5))
	b.Policy.Subject = policy.Subject{Table: "a.person", Key: "id"}
	b.table("a.person", nil, "id numeric(2)", policy.Surrogate)
	b.table("a.visit", nil, "id int8", policy.Surrogate, "person numeric(2)", policy.Surrogate)
	b.table("a.note", []string{"visit", "person"}, "id int8", policy.Surrogate, "visit int8", policy.Surrogate, "email text", policy.Email)
	b.refer("a.visit", "person", "a.person", "id")
	b.refer("a.note", "visit", "a.visit", "id")
	w := worker(t, b.set(t), "a.note")
	for i := range 100 {
		send(t, w, fmt.Sprint(i), "1", "t@practice.test", fmt.Sprint(i))
	}
	if _, err := trySend(w, "1", "1", "t@practice.test", "777777"); err == nil || !strings.HasPrefix(err.Error(), "a.note.email: there are more ids") {
		t.Errorf("got %v", err)
	}
}

// What refers to an id is mapped as that is, whatever its type and table, and what shares no domain is not.
func TestReferencesAreMappedAlike(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, transformer string) {
		b := newBed(t, fixed(t, 6))
		coded := policy.Rule{Transformer: transformer}
		shared := policy.Rule{Transformer: transformer, Domain: "mrn"}
		b.table("a.person", nil, "id int8", coded, "chart text", shared)
		b.table("a.visit", nil, "id uuid", coded, "person int4", coded, "note text", coded, "chart text", shared,
			"doc jsonb", policy.Rule{Transformer: policy.JSON, Paths: map[string]policy.Rule{"p": {Transformer: transformer, Domain: "a.person.id"}, "v": {Transformer: transformer}, "w": {Transformer: transformer, Domain: "a.visit.id"}}})
		b.table("a.line", nil, "id int8", coded, "visit uuid", coded, "person text", coded, "people int8[]", policy.Rule{Transformer: transformer, Domain: "a.person.id"})
		b.refer("a.visit", "person", "a.person", "id")
		b.refer("a.line", "person", "a.visit", "person")
		b.refer("a.line", "visit", "a.visit", "id")
		s := b.set(t)
		person, visit, line := worker(t, s, "a.person"), worker(t, s, "a.visit"), worker(t, s, "a.line")
		for i := range 200 {
			id, u, chart := fmt.Sprint(1000+i), fmt.Sprintf("%08x-1111-4111-8111-11111111111a", i), fmt.Sprintf("C%05d", i)
			p := send(t, person, id, chart)
			v := send(t, visit, u, id, id, chart, `{"p":`+id+`,"v":"`+u+`","w":"`+strings.ToUpper(u)+`"}`)
			l := send(t, line, id, u, id, "{"+id+",NULL}")
			if v[1] != p[0] || l[2] != p[0] || l[3] != "{"+p[0]+",NULL}" || !strings.HasPrefix(v[4], `{"p":`+p[0]+`,`) {
				t.Fatalf("the person %s is %q, %q and %q", id, p, v, l)
			}
			if l[1] != v[0] || v[3] != p[1] || !strings.HasSuffix(v[4], `,"w":"`+v[0]+`"}`) {
				t.Fatalf("visit or chart differ: %q, %q, %q", p, v, l)
			}
			if l[0] == p[0] || v[2] == p[0] || strings.Contains(v[4], `"v":"`+v[0]) {
				t.Fatalf("domains are alike: %q, %q, %q", p, v, l)
			}
			if len(p[0]) > 10 {
				t.Fatalf("%s does not fit int4", p[0])
			}
		}
	})
}

// Two keys have nothing in common, and one is always the same where a value decides.
func TestKeysUnlink(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, transformer string) {
		for _, typ := range []string{"int8", "text", "uuid"} {
			value := func(i int) string {
				if typ == "uuid" {
					return fmt.Sprintf("%08x-1111-4111-8111-111111111111", i)
				}
				return fmt.Sprint(100_000_000 + i)
			}
			a, b := one(t, EphemeralKeys(), "v "+typ, transformer), one(t, EphemeralKeys(), "v "+typ, transformer)
			first := map[string]bool{}
			for i := range 2000 {
				first[a(i, value(i))] = true
			}
			common := 0
			for i := range 2000 {
				if first[b(i, value(i))] {
					common++
				}
			}
			if common > 3 {
				t.Errorf("%s: two runs have %d of 2000 codes in common", typ, common)
			}
		}
	})
	k := fixed(t, 7)
	a, b := one(t, k, "v int8", policy.Permute), one(t, k, "v int8", policy.Permute)
	if a(1, "4711") != b(2, "4711") {
		t.Error("with the same key permuted ids differ")
	}
	other, _ := NewKeys(k.master) // a later run with the same secret
	c := one(t, other, "v int8", policy.Surrogate)
	if x, y := one(t, k, "v int8", policy.Surrogate)(1, "4711"), c(1, "4711"); x == y {
		t.Error("surrogates of two runs are alike, although the secret must not matter")
	}
}

// A surrogate depends on nothing but when its id was first seen.
func TestSurrogateDoesNotFollowFromTheValue(t *testing.T) {
	t.Parallel()
	k := fixed(t, 8)
	for typ, pair := range map[string][2]string{"int8": {"17", "900000001"}, "text": {"AB-100", "QX-999"}} {
		if a, b := one(t, k, "v "+typ, policy.Surrogate)(1, pair[0]), one(t, k, "v "+typ, policy.Surrogate)(1, pair[1]); a != b {
			t.Errorf("%s: the first of all is %s here and %s there", typ, a, b)
		}
	}
}

// No id stays what it is.
func TestNoIdIsItsOwnCode(t *testing.T) {
	t.Parallel()
	k := fixed(t, 8)
	for typ, id := range map[string]string{"int8": "17", "text": "AB-100000"} {
		code := one(t, k, "v "+typ, policy.Surrogate)(1, id) // the one that is given first
		if got := one(t, k, "v "+typ, policy.Surrogate)(1, code); got == code {
			t.Errorf("%s stays", code)
		}
	}
}

// Where case does not count, codes differ in more than that.
func TestCodesOfCitext(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, transformer string) {
		do := one(t, fixed(t, 9), "v citext", transformer)
		seen := map[string]bool{}
		for i := range 26 * 26 {
			small := string([]byte{'a' + byte(i/26), 'a' + byte(i%26)})
			if do(1, small) != do(1, strings.ToUpper(small)) {
				t.Fatalf("%s is mapped by its case", small)
			}
			seen[strings.ToLower(do(1, small))] = true
		}
		if len(seen) != 26*26 {
			t.Errorf("of %d ids there are %d codes", 26*26, len(seen))
		}
	})
}

// Codes are no record numbers of the source.
func TestTakenCodesArePassedOver(t *testing.T) {
	t.Parallel()
	for _, typ := range []string{"int8", "text"} {
		b := newBed(t, fixed(t, 9))
		b.table("a.t", nil, "id "+typ, policy.Surrogate)
		plain := worker(t, b.set(t), "a.t")
		taken := map[string]bool{}
		for i := range 50 {
			taken[strings.ToLower(send(t, plain, fmt.Sprint(100_000_000+i))[0])] = true
		}
		b.Taken = func(kind identify.Kind, normal []byte) bool { return kind == identify.Record && taken[string(normal)] }
		w := worker(t, b.set(t), "a.t")
		for i := range 50 {
			if got := send(t, w, fmt.Sprint(100_000_000+i))[0]; taken[got] {
				t.Errorf("%s: %s is taken", typ, got)
			}
		}
	}
}

// What nothing refers to is not remembered, and has a code of its own all the same.
func TestIdsThatNothingRefersTo(t *testing.T) {
	t.Parallel()
	b := newBed(t, fixed(t, 11))
	b.once = true
	b.Policy.Subject = policy.Subject{Table: "a.p", Key: "id"}
	b.table("a.p", nil, "id int8", policy.Surrogate, "email text", policy.Email)
	b.table("a.t", nil, "id int8", policy.Surrogate, "email text", policy.Email)
	b.table("a.u", nil, "id text", policy.Surrogate, "other int8", policy.Surrogate)
	b.table("a.v", nil, "id int2", policy.Surrogate)
	s := b.set(t)
	for domain, once := range map[string]bool{"a.p.id": false, "a.t.id": true, "a.u.id": true, "a.u.other": false, "a.v.id": true} {
		if s.domains[domain].once != once {
			t.Errorf("%s: once is %v", domain, !once)
		}
	}
	seen := map[string]bool{}
	for i := range 5000 {
		id := fmt.Sprint(i)
		u := send(t, worker(t, s, "a.u"), fmt.Sprintf("AB%07d", i), "5")
		v := send(t, worker(t, s, "a.v"), fmt.Sprint(i%100))
		r := send(t, worker(t, s, "a.t"), id, "t@practice.test")
		seen[u[0]], seen[r[0]], seen[r[1]], seen["v"+v[0]], seen["other"+u[1]] = true, true, true, true, true
	}
	if len(seen) != 3*5000+100+1 {
		t.Errorf("there are %d codes and addresses", len(seen))
	}
	for _, domain := range []string{"a.t.id", "a.u.id"} {
		for _, x := range []*crosswalk{s.domains[domain].short, s.domains[domain].numbers, s.domains[domain].texts} {
			for i := range x.shards {
				if len(x.shards[i].entries) > 0 {
					t.Fatalf("%s remembers ids", domain)
				}
			}
		}
	}
}
