package redact_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/redact"
)

var errBad = errors.New("bad")

// mark shows what a rule was given.
func mark(dst []byte, rule int, kind redact.Kind, value []byte) ([]byte, redact.Kind, error) {
	switch kind {
	case redact.Container:
		return dst, kind, errBad
	case redact.String:
		return append(append(append(dst, byte('0'+rule)), ':'), value...), kind, nil
	}
	return append(dst, value...), kind, nil
}

func TestJSON(t *testing.T) {
	paths := []string{"name", "address.street", "contacts[].phone", "[].code", "tags[]", "by.*.note", "n"}
	for _, c := range []struct{ unknown, in, want string }{
		{"fail", `{"name":"Ann"}`, `{"name":"0:Ann"}`},
		{"fail", ` { "name" : "\u0041\n\"" , "n" : 1.50e3 } `, `{"name":"0:A\n\"","n":1.50e3}`},
		{"fail", `{"n\u0061me":"x"}`, `{"name":"0:x"}`},
		{"fail", `{"name":"a","name":"b"}`, `{"name":"0:a","name":"0:b"}`},
		{"fail", `{"address":{"street":"x"},"contacts":[{"phone":"1"},{"phone":null}],"tags":["a",2,true]}`,
			`{"address":{"street":"1:x"},"contacts":[{"phone":"2:1"},{"phone":null}],"tags":["4:a",2,true]}`},
		{"fail", `[{"code":"c"}]`, `[{"code":"3:c"}]`},
		{"fail", `{"by":{"Anna Smith":{"note":"x"},"17":{"note":"y"}}}`, `{"by":{"1":{"note":"5:x"},"2":{"note":"5:y"}}}`},
		{"fail", `{"address":null}`, `{"address":null}`},
		{"fail", `{}`, `{}`},
		{"fail", `[]`, `[]`},
		{"fail", `null`, `null`},
		{"fail", `{"name":"a","Smith":1}`, `!member 2 of the document has no rule`},
		{"fail", `{"address":{"Smith":1}}`, `!member 1 of "address" has no rule`},
		{"fail", `{"contacts":[{"phone":"1"},{"phone":"2","Smith":3}]}`, `!member 2 of "contacts[]" has no rule`},
		{"fail", `{"by":{"Smith":{"Jones":1}}}`, `!member 1 of "by.*" has no rule`},
		{"fail", `{"address":"Smith"}`, `!"address" has no rule for a string`},
		{"fail", `"Smith"`, `!the document has no rule for a string`},
		{"fail", `{"name":{"Smith":1}}`, `!"name": bad`},
		{"drop", `{"Smith":{"deep":[1,{"x":2}]},"name":"a","Jones":1}`, `{"name":"0:a"}`},
		{"drop", `{"address":"Smith","n":1}`, `{"n":1}`},
		{"drop", `{"contacts":["Smith",{"phone":"1"}]}`, `{"contacts":[{"phone":"2:1"}]}`},
		{"drop", `"Smith"`, `null`},
	} {
		d, err := redact.Compile(paths, c.unknown)
		if err != nil {
			t.Fatal(err)
		}
		got, err := d.Rewriter(mark).JSON([]byte("before "), []byte(c.in))
		if err != nil {
			got = append(got, "!"+err.Error()...)
		}
		if string(got) != "before "+c.want {
			t.Errorf("%s %s\ngot  %s\nwant %s", c.unknown, c.in, got, c.want)
		}
	}
}

func TestJSONThatIsNone(t *testing.T) {
	d, err := redact.Compile([]string{"a", "b.c"}, "drop")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{"", " ", "{", "}", `{"a"}`, `{"a":}`, `{"a":1,}`, `{,}`, `{"a":1 "b":2}`, `[1,]`, `[,1]`, `01`, `1.`, `1e`, `-`, `+1`, `.5`, `nul`, `truex`,
		`"`, `"\x"`, `"\u12"`, `"\u12g4"`, "\"\n\"", "\"\xff\"", `{"a":1}{`, `{a:1}`, `{"b":{"c":1}`, `{"x":[}`, `{"x":{1:2}}`, `NaN`,
		strings.Repeat("[", 100000), `{"x":` + strings.Repeat("[", 1000) + strings.Repeat("]", 1000) + "}"} {
		if got, err := d.Rewriter(mark).JSON(nil, []byte(s)); err == nil {
			t.Errorf("%.40s is taken for JSON: %s", s, got)
		} else if err.Error() != "not JSON" {
			t.Errorf("%.40s: %v", s, err)
		}
	}
}

func TestCompile(t *testing.T) {
	for _, paths := range [][]string{{"a", "a"}, {"a..b"}, {".a"}, {"a."}, {"a[b"}, {""}, {"a[]b"}} {
		if _, err := redact.Compile(paths, ""); err == nil {
			t.Errorf("%q compiles", paths)
		}
	}
	if _, err := redact.Compile(nil, "keep"); err == nil {
		t.Error("unknown = keep compiles")
	}
}

func TestArray(t *testing.T) {
	var a redact.Array
	for _, c := range []struct{ in, want string }{
		{`{}`, `{}`},
		{`{a,NULL,"NULL","b c",null}`, `{<a>,NULL,<NULL>,"<b c>",NULL}`},
		{`{{a,b},{c,d}}`, `{{<a>,<b>},{<c>,<d>}}`},
		{`[0:1]={a,b}`, `[0:1]={<a>,<b>}`},
		{`{"a\"b","c\\d","e,f","{}",""}`, `{"<a\"b>","<c\\d>","<e,f>","<{}>",<>}`},
		{`{a`, `!`}, {`a}`, `!`}, {`{a,}`, `!`}, {`{a}}`, `!`}, {`{"a}`, `!`}, {`{"a"b}`, `!`}, {``, `!`}, {`{,a}`, `!`}, {`{a{b}}`, `!`}, {`[Smith]={a}`, `!`},
	} {
		got, err := a.Rewrite(nil, []byte(c.in), func(dst, value []byte) ([]byte, error) {
			return append(append(append(dst, '<'), value...), '>'), nil
		})
		if err != nil {
			got = []byte("!")
		}
		if string(got) != c.want {
			t.Errorf("%s\ngot  %s\nwant %s", c.in, got, c.want)
		}
	}
}
