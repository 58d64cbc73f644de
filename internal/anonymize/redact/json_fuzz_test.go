package redact_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/redact"
)

// What is JSON stays JSON, what is not is an error, and no error says a word of it.
func FuzzJSON(f *testing.F) {
	for _, s := range []string{`{"name":"Secretname","address":{"street":"x"},"contacts":[{"phone":"1"}],"tags":["a",[1]],"by":{"Secretname":{"note":"y"}},"n":-1.5e+9}`, `{"Secretname":{"a":[true,null]}}`,
		`[{"code":"\ud83d\ude00\ud800\u0000"}]`, `"Secretname"`, ` [ ] `, `{"name":{"Secretname":[]}}`, `{"n":1,"n":2,}`, `nul`, `"\`, `{"address":3}`} {
		f.Add([]byte(s))
	}
	paths := []string{"name", "address.street", "contacts[].phone", "[].code", "tags[]", "by.*.note", "n"}
	var w [2]*redact.Rewriter
	for i, unknown := range []string{"fail", "drop"} {
		d, err := redact.Compile(paths, unknown)
		if err != nil {
			f.Fatal(err)
		}
		w[i] = d.Rewriter(func(dst []byte, _ int, kind redact.Kind, value []byte) ([]byte, redact.Kind, error) {
			if kind == redact.String {
				return append(dst, "<\x01\"\\>"...), kind, nil
			}
			if kind == redact.Container {
				return dst, redact.Null, nil
			}
			return append(dst, value...), kind, nil
		})
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		valid := json.Valid(in)
		for i := range w {
			got, err := w[i].JSON(nil, in)
			switch {
			case err != nil && len(got) > 0:
				t.Errorf("%q: %s beside %v", in, got, err)
			case err != nil && strings.Contains(err.Error(), "Secret"):
				t.Errorf("%q: %v", in, err)
			case err == nil && (!valid || !json.Valid(got) || bytes.Contains(got, []byte("Secret"))):
				t.Errorf("%q becomes %q", in, got)
			case err != nil && valid && i == 1 && utf8Valid(in):
				t.Errorf("%q: %v", in, err)
			}
		}
	})
}

// utf8Valid says whether the strings are Unicode, which encoding/json does not ask for, and the depth is one that we allow.
func utf8Valid(in []byte) bool {
	return bytes.Equal(bytes.ToValidUTF8(in, nil), in) && bytes.Count(in, []byte("["))+bytes.Count(in, []byte("{")) < 200
}
