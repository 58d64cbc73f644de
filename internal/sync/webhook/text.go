package webhook

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode"
)

// How long a stranger's texts may be, in bytes. DrChrono's own are far shorter; PostgreSQL's index entries and
// Pub/Sub's attributes and ordering keys take these together.
const (
	mostID    = 128
	mostEvent = 64
	mostFault = 256
)

// hidden stands where a secret was.
const hidden = "[secret]"

// hider takes the webhook's secrets out of what is kept.
type hider []string

// bytes hides the secrets in a JSON text, in which they may be escaped.
func (h hider) bytes(raw []byte) []byte {
	for _, secret := range h {
		for _, form := range spellings(secret) {
			if bytes.Contains(raw, form) {
				raw = bytes.ReplaceAll(raw, form, []byte(hidden))
			}
		}
	}
	return raw
}

// text is a stranger's text without secrets, as any database and log takes it: printable, valid UTF-8, and bounded.
func (h hider) text(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) && r != unicode.ReplacementChar { // which is also what invalid bytes are read as
			return r
		}
		return -1
	}, s)
	for _, secret := range h {
		if secret != "" {
			s = strings.ReplaceAll(s, secret, hidden)
		}
	}
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "")
	}
	return strings.TrimSpace(s)
}

// spellings is a secret as JSON may hold it.
func spellings(secret string) [][]byte {
	if secret == "" {
		return nil
	}
	forms := [][]byte{[]byte(secret)}
	if !strings.ContainsAny(secret, "\"\\/<>&") {
		return forms
	}
	escaped, err := json.Marshal(secret) // as in HTML
	if err != nil {
		return forms
	}
	var plain bytes.Buffer
	e := json.NewEncoder(&plain)
	e.SetEscapeHTML(false)
	_ = e.Encode(secret) // a string can always be encoded, and a buffer written
	for _, form := range [][]byte{escaped, bytes.TrimSpace(plain.Bytes())} {
		form = form[1 : len(form)-1] // without the quotes
		forms = append(forms, form, bytes.ReplaceAll(form, []byte("/"), []byte(`\/`)))
	}
	return forms
}
