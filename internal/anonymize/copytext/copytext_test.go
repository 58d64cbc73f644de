package copytext_test

import (
	"bytes"
	"testing"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/copytext"
)

func FuzzField(f *testing.F) {
	for _, s := range []string{"", `\`, `\N`, "a\tb", "a\nb\r", `a\tb`, "\b\f\v\\\\", "π", `\.`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		field := copytext.Escape(nil, value)
		if copytext.IsNull(field) || bytes.ContainsAny(field, "\t\n\r") {
			t.Errorf("%q is written as %q", value, field)
		}
		if got := copytext.Unescape(nil, field); !bytes.Equal(got, value) {
			t.Errorf("%q comes back as %q", value, got)
		}
		if copytext.Plain(field) && !bytes.Equal(field, value) {
			t.Errorf("%q counts as plain", field)
		}
		line := append(append(append(append([]byte{}, field...), '\t'), copytext.Null...), '\n')
		if got := copytext.Split(nil, line); len(got) != 2 || !bytes.Equal(got[0], field) || !copytext.IsNull(got[1]) {
			t.Errorf("%q is split into %q", line, got)
		}
	})
}
