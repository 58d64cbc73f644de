package transform

import (
	"fmt"
	"strings"
	"testing"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/policy"
)

// samples are values of each type, as COPY writes them.
var samples = map[string][]string{
	"bool": {"t"}, "int2": {"-1", "7"}, "int4": {"0", "123456"}, "int8": {"12345678901", "-9223372036854775808"}, "numeric": {"12.50", "NaN"}, "numeric(9,0)": {"123456789"},
	"float8": {"1.5", "Infinity", "1e+20"}, "text": {"", "Testa Sample", "a\\b\tc\n", "日本"}, "varchar(40)": {"x", "0123456789012345678901234567890123456789"},
	"varchar(8)": {"12345678"}, "bpchar(8)": {"abc     "}, "citext": {"Ab"}, "name": {"n"}, "date": {"2024-02-29", "infinity", "0044-03-15 BC"},
	"timestamp": {"2024-02-29 10:11:12.5"}, "timestamptz": {"2024-02-29 10:11:12+05:30", "-infinity"}, "time": {"10:11:12"}, "interval": {"1 day"},
	"uuid": {"9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d"}, "inet": {"10.1.2.3", "10.0.0.0/8", "::1"}, "cidr": {"10.0.0.0/8", "::/0"}, "json": {`{"a": 1}`, "null"}, "jsonb": {`{"a": "b"}`},
	"tsvector": {"'a':1"}, "bytea": {`\xff`}, "xml": {"<a/>"}, "point": {"(1,2)"},
	"text[]": {"{}", `{a,NULL,"b c"}`}, "int8[]": {"{1,2}"}, "date[]": {"{2024-02-29,NULL}"},
}

var transformerNames = []string{policy.Keep, policy.Null, policy.Constant, policy.Derived, policy.Surrogate, policy.Permute, policy.Token, policy.Scramble, policy.Name, policy.Person,
	policy.Email, policy.Phone, policy.SSN, policy.Street, policy.City, policy.Zip3, policy.Year, policy.DateShift, policy.Age, policy.Text, policy.JSON, policy.URL, policy.IP}

// ruleFor is a rule for a transformer as complete as it can be.
func ruleFor(transformer, typ string) policy.Rule {
	rule := policy.Rule{Transformer: transformer, Class: policy.None, Reason: "a test", Type: typ}
	switch transformer {
	case policy.Name, policy.Person:
		rule.Part = policy.Full
	case policy.Constant:
		rule.Value = map[bool]string{true: "{}", false: "1"}[strings.HasSuffix(typ, "[]") || strings.HasPrefix(typ, "json")]
	case policy.JSON:
		rule.Paths = map[string]policy.Rule{"a": {Transformer: policy.Text}}
	}
	return rule
}

// Whatever a policy may say is made, and takes any value of its type: no export that was allowed to begin fails for its rules.
func TestWhatPoliciesAllowWorks(t *testing.T) {
	t.Parallel()
	made := map[string]int{}
	for typ, values := range samples {
		for _, transformer := range transformerNames {
			rule := ruleFor(transformer, typ)
			b := newBed(t, fixed(t, 1))
			b.Policy.Method, b.Policy.Subject = policy.ExpertDetermination, policy.Subject{Table: "a.t", Key: "id"}
			b.table("a.t", nil, "id int8", policy.Surrogate, "v "+typ, rule)
			allowed := true
			for _, f := range policy.Check(b.Policy, b.Catalog, asOf) {
				allowed = allowed && f.Column != "v"
			}
			s, err := New(b.Config)
			if !allowed {
				continue
			}
			made[transformer]++
			if err != nil {
				t.Errorf("%s of %s: %v", transformer, typ, err)
				continue
			}
			w := worker(t, s, "a.t")
			for _, v := range append(values, null) {
				in := []string{"1"}
				if len(w.table.Read) > 1 {
					in = append(in, v)
				}
				for _, hidden := range w.table.Hidden {
					in = append(in, map[bool]string{true: "1", false: v}[hidden == "id"])
				}
				out, err := trySend(w, in...)
				if err != nil && strings.HasSuffix(err.Error(), errWhole.Error()) && typ == "numeric" {
					continue // an id is a whole number, of whatever type
				}
				if err != nil {
					t.Errorf("%s of %s: %q: %v", transformer, typ, v, err)
				} else if len(out) != len(w.table.Write) {
					t.Errorf("%s of %s: %q became %q", transformer, typ, v, out)
				}
			}
		}
	}
	if len(made) != len(transformerNames) {
		t.Errorf("some transformers are allowed for nothing: %s", fmt.Sprint(made))
	}
}
