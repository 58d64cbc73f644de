package transform

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/policy"
)

// The prefixes below which at most 20,000 people live, by the census of 2020.
var few = strings.Fields("036 059 102 202 203 204 205 369 556 692 753 772 821 823 878 879 884 893")

func TestZip3(t *testing.T) {
	t.Parallel()
	do := one(t, fixed(t, 1), "v text", policy.Zip3)
	kept, listed := 0, 0
	for line := range strings.Lines(zip3Census2020) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		listed++
		prefix := line[:3]
		want := prefix + "00"
		if slices.Contains(few, prefix) {
			want = "00000"
		} else {
			kept++
		}
		if got := do(1, prefix+"12"); got != want {
			t.Errorf("%s12 becomes %s, want %s", prefix, got, want)
		}
	}
	if listed != 894 || kept != 894-len(few) {
		t.Errorf("of %d prefixes %d are kept", listed, kept)
	}
	for actual, want := range map[string]string{
		"02139": "02100", "02139-1234": "02100-0000", "021391234": "021000000", "02139 ": "02100 ", "021": "021", "036": "000",
		"09012": "00000", "00501": "00000", "00100": "00000", "03601-1234": "00000-0000", // military; of one office, where nobody lives; none; few people
		"2139": "0000", "K1A 0B1": "00000", "SW1A 1AA": "00000", "12": "000", "021x9": "00000", "021-39": "00000", "0213912": "00000", "": "",
	} {
		if got := do(1, actual); got != want {
			t.Errorf("%q becomes %q, want %q", actual, got, want)
		}
	}
	short := one(t, fixed(t, 1), "v bpchar(3)", policy.Zip3)
	if got := short(1, "021") + short(1, "K1 ") + short(1, "A1C"); got != "021"+"000"+"000" {
		t.Errorf("three characters are %s", got)
	}
	padded := one(t, fixed(t, 1), "v bpchar(10)", policy.Zip3)
	if got := padded(1, "02139     "); got != "02100" {
		t.Errorf("of char(10) it is %q", got)
	}
}

func TestAddressesOfTheNet(t *testing.T) {
	t.Parallel()
	four, six := netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8::/32")
	for _, typ := range []string{"inet", "text"} {
		do := one(t, fixed(t, 2), "v "+typ, policy.IP)
		seen := map[string]bool{}
		for i := range 300 {
			a, b := netip.MustParseAddr(do(i, "10.1.2.3")), netip.MustParseAddr(do(i, "fe80::1:2:3"))
			if !four.Contains(a) || !six.Contains(b) {
				t.Fatalf("%s and %s are not for documentation", a, b)
			}
			if got := do(i, "fe80::1:2:3"); got != b.String() {
				t.Fatalf("%s is another way to write %s", got, b)
			}
			seen[b.String()] = true
			if p := netip.MustParsePrefix(do(i, "10.0.0.0/8")); p.Bits() != 8 || !four.Contains(p.Addr()) {
				t.Fatalf("the prefix is %s", p)
			}
		}
		if len(seen) < 299 {
			t.Errorf("300 people have %d addresses", len(seen))
		}
	}
	cidr := one(t, fixed(t, 2), "v cidr", policy.IP)
	for _, actual := range []string{"10.1.2.0/24", "10.0.0.0/8", "10.1.2.3/32", "fe80::/64", "fe80::1/128", "0.0.0.0/0", "::/0", "10.1.2.128/25"} {
		p := netip.MustParsePrefix(cidr(1, actual))
		if p != p.Masked() || !four.Contains(p.Addr()) && !six.Contains(p.Addr()) {
			t.Errorf("%s becomes %s", actual, p)
		}
	}
	text := one(t, fixed(t, 2), "v text", policy.IP)
	if got := text(1, "10.1.2.3, 10.9.9.9 (Testa)/x"); !regexp.MustCompile(`^192\.0\.2\.\d+$`).MatchString(got) {
		t.Errorf("what is around an address became %q", got)
	}
}

func TestTokensAndScrambles(t *testing.T) {
	t.Parallel()
	k := fixed(t, 3)
	for actual, want := range map[string]string{
		"12345": `^\d{16}$`, "123 45": `^\d{16}$`, "ab1": `^[0-9a-z]{16}$`, "AB1": `^[0-9A-Z]{16}$`, strings.Repeat("x1", 20): `^[0-9a-z]{40}$`, "": `^$`, " ": `^ $`, "Zoë": `^[0-9A-Z]{16}$`,
	} {
		if got := one(t, k, "v text", policy.Token)(1, actual); !regexp.MustCompile(want).MatchString(got) {
			t.Errorf("the token of %q is %q", actual, got)
		}
	}
	for actual, want := range map[string]string{
		"AB-12 cd": `^[A-Z]{2}-\d\d [a-z]{2}$`, "Zoë": `^[A-Z][a-z]{2}$`, "": `^$`, "\t\\": "^\t\\\\$", "日本": `^[a-z]{2}$`,
	} {
		if got := one(t, k, "v text", policy.Scramble)(1, actual); !regexp.MustCompile(want).MatchString(got) {
			t.Errorf("%q is scrambled to %q", actual, got)
		}
	}
	if got := one(t, k, "v varchar(6)", policy.Token)(1, "abcdef1234"); len(got) != 6 {
		t.Errorf("in six characters a token is %q", got)
	}
	for _, transformer := range []string{policy.Token, policy.Scramble} {
		do, again := one(t, k, "v text", transformer), one(t, fixed(t, 3), "v text", transformer)
		other, unlinked := one(t, k, "v text", policy.Rule{Transformer: transformer, Domain: "other"}), one(t, EphemeralKeys(), "v text", transformer)
		seen := map[string]bool{}
		for i := range 2000 {
			v := fmt.Sprintf("value-%012d", i)
			got := do(i, v)
			if got != again(i+5, v) {
				t.Fatalf("%s: with the same key %q differs", transformer, v)
			}
			if got == other(i, v) || got == unlinked(i, v) || got == v || seen[got] {
				t.Fatalf("%s: %q becomes %q, and so does something else", transformer, v, got)
			}
			seen[got] = true
		}
		if a, b := do(1, "a  b"), do(1, " A B"); transformer == policy.Token && !strings.EqualFold(a, b) {
			t.Errorf("two ways of writing the same are %q and %q", a, b)
		}
	}
}

func TestArrays(t *testing.T) {
	t.Parallel()
	b := newBed(t, fixed(t, 4))
	b.table("a.t", nil, "id int8", policy.Surrogate, "zips text[]", policy.Zip3, "ids int8[]", policy.Permute, "born date[]", policy.Year, "kept text[]", policy.Keep, "ips inet[]", policy.IP)
	w := worker(t, b.set(t), "a.t")
	got := send(t, w, "1", `{02139,NULL,"","K1A 0B1"}`, "[0:1]={5,5}", "{{2024-05-06},{NULL}}", `{"a\\b",c}`, "{}")
	id := strings.TrimSuffix(strings.TrimPrefix(got[2], "[0:1]={"), "}")
	one, two, _ := strings.Cut(id, ",")
	if got[1] != `{02100,NULL,"",00000}` || one != two || one == "5" || got[3] != "{{2024-01-01},{NULL}}" || got[4] != `{"a\\b",c}` || got[5] != "{}" {
		t.Errorf("arrays become %q", got)
	}
	if _, err := trySend(w, "1", "{Testa", null, null, null, null); err == nil || !strings.HasPrefix(err.Error(), "a.t.zips: ") || strings.Contains(err.Error(), "Testa") {
		t.Errorf("what is no array: %v", err)
	}
}

func TestJSONByPath(t *testing.T) {
	t.Parallel()
	b := newBed(t, fixed(t, 5))
	b.table("a.t", nil, "id int8", policy.Surrogate, "doc jsonb", policy.Rule{Transformer: policy.JSON, Unknown: policy.Drop, Paths: map[string]policy.Rule{
		"keep": {Transformer: policy.Keep}, "null": {Transformer: policy.Null}, "const": {Transformer: policy.Constant, Value: "x"}, "nil": {Transformer: policy.Constant, Value: "{}"},
		"zip": {Transformer: policy.Zip3}, "age": {Transformer: policy.Age}, "dob": {Transformer: policy.Year}, "phones[].n": {Transformer: policy.Phone},
	}})
	w := worker(t, b.set(t), "a.t")
	for actual, want := range map[string]string{
		`{"keep":"a\"b","null":{"a":1},"const":"Testa","nil":{"a":[1]},"other":"Testa"}`: `{"keep":"a\"b","null":null,"const":"x","nil":{}}`,
		`{"zip":"02139","age":93,"dob":"1950-02-03","keep":1.50}`:                        `{"zip":"02100","age":90,"dob":"1950-01-01","keep":1.50}`,
		`{"zip":null,"age":null,"keep":true,"dob":"soon","null":1,"const":false}`:        `{"zip":null,"age":null,"keep":true,"dob":"","null":null,"const":"x"}`,
		`{"age":"old","zip":2139}`: `{"age":"","zip":"0000"}`,
	} {
		if got := send(t, w, "1", actual)[1]; got != want {
			t.Errorf("%s becomes %s, want %s", actual, got, want)
		}
	}
	for _, actual := range []string{`{"keep":["Testa"]}`, `{"zip":["Testa"]}`, `{"age":{"Testa":1}}`, `{"dob":true}`, `{"Testa`} {
		if _, err := trySend(w, "1", actual); err == nil || strings.Contains(err.Error(), "Testa") || !strings.HasPrefix(err.Error(), "a.t.doc: ") {
			t.Errorf("%s: %v", actual, err)
		}
	}
}

func TestLinesOfAnotherWidthAreRefused(t *testing.T) {
	t.Parallel()
	b := newBed(t, fixed(t, 6))
	b.table("a.t", nil, "id int8", policy.Surrogate, "v text", policy.Keep)
	w := worker(t, b.set(t), "a.t")
	for _, line := range []string{"1\n", "1\t2\t3\n", "\n"} {
		if got, err := w.Line(nil, []byte(line)); err == nil || len(got) > 0 {
			t.Errorf("%q becomes %q", line, got)
		}
	}
}

// What a transformer appends can always be read back as one field of one line.
func FuzzLine(f *testing.F) {
	b := newBed(f, fixed(f, 7))
	columns := []any{"id text", policy.Surrogate}
	for i, transformer := range []string{policy.Permute, policy.Token, policy.Scramble, policy.Email, policy.Phone, policy.SSN, policy.Street, policy.City, policy.Zip3,
		policy.Year, policy.DateShift, policy.Age, policy.URL, policy.IP, policy.Keep} {
		columns = append(columns, fmt.Sprintf("c%d text", i), transformer)
	}
	for i, part := range []string{"first", "middle", "last", "full"} {
		columns = append(columns, fmt.Sprintf("n%d text", i), named(part), fmt.Sprintf("p%d text", i), policy.Rule{Transformer: policy.Person, Part: part})
	}
	b.table("a.t", nil, columns...)
	s := b.set(f)
	w := worker(f, s, "a.t")
	for _, seed := range []string{"", `\`, "a\tb\n", "Testa Sample", "123-45-6789", "2024-02-29", "ü", "\xff\xfe", strings.Repeat("x", 100), "9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d", "0123456789abcdef"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		in := make([]string, len(w.table.Read))
		for i := range in {
			in[i] = value
		}
		if value == null || strings.IndexByte(value, 0) >= 0 {
			return // PostgreSQL has no such text
		}
		first, err := trySend(w, in...)
		if err != nil && strings.Contains(err.Error(), errExhausted.Error()) {
			return // there are more characters than letters
		}
		if err != nil {
			t.Fatalf("%q: %v", value, err)
		}
		second := send(t, w, in...)
		if !slices.Equal(first, second) {
			t.Errorf("%q becomes %q and %q", value, first, second)
		}
	})
}
