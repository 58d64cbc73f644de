package policy_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	. "github.com/feel-august/terraform-provider-august/internal/anonymize/policy"
)

// words are what names, reasons and values may be made of.
var oddities = []string{"", "a", "patient", "for", "null", "true", "if", "each", "1st", "a-b", "a.b", "Weird Name", `"`, `\`, "${a}", "%{ if }", "$${", "%%{x", "$", "%", "{", "}", "\n", "\r\n\t", "\x00", "\x1b", "\u007f", "é", "患者", "🩺", "  ", "#", "//", "/*", "<<EOT"}

type maker struct{ *rand.Rand }

func (m maker) text() string {
	var b strings.Builder
	for range 1 + m.IntN(3) {
		b.WriteString(oddities[m.IntN(len(oddities))])
	}
	return b.String()
}

func (m maker) texts() (list []string) {
	for range m.IntN(3) {
		list = append(list, m.text())
	}
	return list
}

func (m maker) rule(deep bool) Rule {
	r := Rule{Transformer: m.text()}
	for _, s := range []*string{&r.Domain, &r.Value, &r.Part, &r.Unknown, &r.Class, &r.Reason, &r.Type} {
		if m.IntN(3) == 0 {
			*s = m.text()
		}
	}
	if deep && m.IntN(3) == 0 {
		r.Paths = map[string]Rule{}
		for range m.IntN(3) {
			r.Paths[m.text()] = m.rule(false)
		}
	}
	return r
}

// policy is one that says anything at all.
func (m maker) policy() *Policy {
	p := &Policy{Version: Version, Method: Method(m.text()), Keys: KeyMode(m.text()), AsOf: m.text(), Attestation: Attestation{By: m.text(), ID: m.text(), Expires: m.text()},
		Subject: Subject{Table: m.text(), Key: m.text()}, Tables: map[string]Table{}, Words: m.texts()}
	if m.IntN(2) == 0 {
		p.Shift = Shift{Min: m.IntN(9) - 4, Max: m.IntN(9) - 4, Weeks: m.IntN(2) == 0}
	}
	for range m.IntN(4) {
		t := Table{Subject: m.texts(), Columns: map[string]Rule{}}
		for range m.IntN(5) {
			t.Columns[m.text()] = m.rule(true)
		}
		p.Tables[m.text()] = t
	}
	for range m.IntN(3) {
		if p.Exclude == nil {
			p.Exclude = map[string]string{}
		}
		p.Exclude[m.text()] = m.text()
		p.References = append(p.References, Reference{Table: m.text(), Column: m.text(), To: m.text(), ToCol: m.text(), Orphans: m.IntN(2) == 0})
		p.Quasi = append(p.Quasi, Quasi{Table: m.text(), Columns: m.texts(), K: m.IntN(3), Sensitive: m.text()})
	}
	if m.IntN(3) == 0 {
		p.Subset = &Subset{Table: m.text(), Percent: m.IntN(3), Where: m.text()}
	}
	return p
}

// A policy comes back from its variable and from Terraform's language as it was, whatever is in it.
func FuzzPolicy(f *testing.F) {
	for seed := range uint64(200) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		p := maker{rand.New(rand.NewPCG(seed, 1))}.policy()
		encoded, err := p.Encode()
		if err != nil {
			t.Fatal(err)
		}
		back, err := Decode(encoded)
		if err != nil || back.Hash() != p.Hash() || !bytes.Equal(back.Canonical(), p.Canonical()) {
			t.Fatalf("%s comes back as %+v, %v", p.Canonical(), back, err)
		}

		text := HCL(p)
		if formatted := hclwrite.Format(text); !bytes.Equal(formatted, text) {
			t.Errorf("terraform fmt makes\n%s\nof\n%s", formatted, text)
		}
		if read := fromHCL(t, text); !bytes.Equal(read.Canonical(), p.Canonical()) {
			t.Errorf("\n%s is read as\n%s, not\n%s", text, read.Canonical(), p.Canonical())
		}
		file := Local("policy", "a\nb", p)
		if formatted := hclwrite.Format(file); !bytes.Equal(formatted, file) {
			t.Errorf("terraform fmt makes\n%s\nof\n%s", formatted, file)
		}
		if _, problems := hclsyntax.ParseConfig(file, "policy.tf", hcl.InitialPos); problems.HasErrors() {
			t.Errorf("%s: %v", file, problems)
		}
	})
}

func fromHCL(t *testing.T, text []byte) *Policy {
	t.Helper()
	expression, problems := hclsyntax.ParseExpression(text, "policy.tf", hcl.InitialPos)
	if problems.HasErrors() {
		t.Fatalf("%s\n%v", text, problems)
	}
	value, problems := expression.Value(nil)
	if problems.HasErrors() {
		t.Fatalf("%s\n%v", text, problems)
	}
	raw, err := json.Marshal(ctyjson.SimpleJSONValue{Value: value})
	if err != nil {
		t.Fatal(err)
	}
	var p Policy
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	return &p
}

// What is not a policy in its one form is refused, and nothing is guessed.
func FuzzDecode(f *testing.F) {
	good, _ := clinic()
	encoded, _ := good.Encode()
	f.Add(encoded)
	f.Add("")
	f.Add("====")
	f.Add(pack(`{"version":1}`))
	f.Add(pack(strings.Repeat(" ", 1<<20)))
	f.Fuzz(func(t *testing.T, s string) {
		p, err := Decode(s)
		if err != nil {
			return
		}
		again, err := p.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if back, err := Decode(again); err != nil || back.Hash() != p.Hash() {
			t.Errorf("%s does not come back: %v", p.Canonical(), err)
		}
	})
}

func pack(document string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(document))
	_ = w.Close()
	return base64.StdEncoding.EncodeToString(b.Bytes())
}

func TestDecode(t *testing.T) {
	t.Parallel()
	p, _ := clinic()
	good := string(p.Canonical())
	if back, err := Decode(pack(good)); err != nil || !reflect.DeepEqual(back.Tables, p.Tables) {
		t.Fatalf("%v", err)
	}
	for name, document := range map[string]string{
		"an unknown member":           strings.Replace(good, `{"version":1,`, `{"version":1,"except":["ssn"],`, 1),
		"an unknown member of a rule": strings.Replace(good, `"note":{"transformer":"text"`, `"note":{"unless":"x","transformer":"text"`, 1),
		"a column twice":              strings.Replace(good, `"note":{"transformer":"text"}`, `"note":{"transformer":"text"},"note":{"transformer":"keep"}`, 1),
		"a member in capitals":        strings.Replace(good, `"method"`, `"METHOD"`, 1),
		"another version":             strings.Replace(good, `"version":1`, `"version":2`, 1),
		"something behind it":         good + "{}",
		"white space":                 good + " ",
		"nothing":                     "",
		"no object":                   "null",
		"a list":                      "[]",
		"too much":                    good + strings.Repeat(" ", 5<<20),
		"a null for tables":           strings.Replace(good, `"exclude":{`, `"words":null,"exclude":{`, 1),
	} {
		if document == good {
			t.Errorf("%s: the document has not changed", name)
		}
		if _, err := Decode(pack(document)); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	encoded, _ := p.Encode()
	for name, s := range map[string]string{"nothing": "", "no base64": "$", "no gzip": "AAAA", "half": encoded[:len(encoded)/2/4*4], "two": pack(good) + pack(good), "white space": " " + encoded} {
		if _, err := Decode(s); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

// Two policies that say the same have one hash, whoever wrote them; and any difference is another.
func TestHash(t *testing.T) {
	t.Parallel()
	p, _ := clinic()
	q, _ := clinic()
	q.Exclude["clinic.none"] = "no"
	delete(q.Exclude, "clinic.none")
	q.Words, q.References = []string{}, append([]Reference{}, q.References...)
	about(q, "clinic.log", []string{}...)
	for path, tb := range q.Tables {
		if tb.Subject == nil {
			tb.Subject = []string{}
			q.Tables[path] = tb
		}
	}
	set(q, "clinic.visits.note", Rule{Transformer: Text, Paths: map[string]Rule{}})
	if p.Hash() != q.Hash() || !strings.HasPrefix(p.Hash(), "sha256:") || len(p.Hash()) != 71 {
		t.Errorf("%s and %s", p.Hash(), q.Hash())
	}
	set(q, "clinic.visits.note", Rule{Transformer: Null})
	if p.Hash() == q.Hash() {
		t.Error("another rule has the same hash")
	}
	if (&Policy{}).Hash() != (&Policy{Tables: map[string]Table{}}).Hash() {
		t.Error("no tables and none differ")
	}
}

func TestEncode_isBounded(t *testing.T) {
	t.Parallel()
	p, _ := clinic()
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		set(p, fmt.Sprintf("clinic.visits.c%d", random.Uint64()), Rule{Transformer: Text, Reason: fmt.Sprint(random.Uint64())})
	}
	if _, err := p.Encode(); err == nil || !strings.Contains(err.Error(), "32768") {
		t.Errorf("a policy that is too large: %v", err)
	}
}
