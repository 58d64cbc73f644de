package copytext_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/copytext"
)

func FuzzField(f *testing.F) {
	for _, s := range []string{"", `\`, `\N`, "a\tb", "a\nb\r", `a\tb`, "\b\f\v\\\\", "π", `\.`, "1234567\t", "12345678\t\t\t", "\b\t\b\t\b\t\b\t\b", "abcdefg\\h", "\x89\x8d\xdc\t\n\x80\x01\xff\r"} {
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
		value = bytes.ReplaceAll(value, []byte{'\n'}, nil)
		if got, want := copytext.Split(nil, value), bytes.Split(value, []byte{'\t'}); !slices.EqualFunc(got, want, bytes.Equal) {
			t.Errorf("%q is split into %q", value, got)
		}
	})
}
