package redact_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/redact"
)

// Of a text that may hold no code, the same becomes whether the person's are known or not.
func TestMayHoldCode(t *testing.T) {
	r := redact.New(redact.Options{Names: func([]byte) bool { return false }})
	rapid.Check(t, func(t *rapid.T) {
		d := draw(t)
		text := []byte(strings.Map(func(c rune) rune {
			if '0' <= c && c <= '9' {
				return -1
			}
			return c
		}, d.text))
		if redact.MayHoldCode(text) {
			t.Fatalf("%q has no digit", text)
		}
		named := new(redact.Own)
		named.Name(redact.First, []byte(d.first), []byte("Zzfaqa"))
		named.Name(redact.Last, []byte(d.last+"-"+d.last2), []byte("Qqbogus"))
		if with, without := r.Text(nil, text, d.own()), r.Text(nil, text, named); string(with) != string(without) {
			t.Errorf("%q: with the codes %q, without %q", text, with, without)
		}
	})
}
