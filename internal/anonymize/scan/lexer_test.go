package scan

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/identify"
)

// noted is all that a lexer finds.
type noted struct{ all []string }

func (n *noted) word(w []byte, near bool) {
	s := "word " + string(w)
	if near {
		s += " near"
	}
	n.all = append(n.all, s)
}
func (n *noted) code(k identify.Kind, normal []byte) {
	n.all = append(n.all, fmt.Sprintf("%s %s", k, normal))
}

func found(text string) []string {
	n := &noted{}
	l := lexer{want: everything, to: n}
	l.text([]byte(text))
	return n.all
}

// In whatever format somebody writes an identifier, it is found.
func TestLexer(t *testing.T) {
	t.Parallel()
	for want, texts := range map[string][]string{
		"phone 0174448123":       {"(017) 444-8123", "017-444-8123", "017.444.8123", "0174448123", "+1 017 444 8123", "call 1-017-444-8123 now", "12 017-444-8123", "tel:+10174448123;", "017/444/8123", "ph017 444 8123x9", `{"p":["017 444 8123"]}`},
		"ssn 000123456":          {"000-12-3456", "000 12 3456", "000123456", "SSN:000-12-3456.", "[000123456]"},
		"email ada.test@x.test":  {"Ada.Test@X.test", "<ada.test@x.test>", "mailto:ada.test@x.test?subject=a", "to ada.test@x.test.", `"ada.test@x.test",`},
		"date 1954-03-07":        {"1954-03-07", "1954-03-07T10:00:00Z", "3/7/1954", "03/07/1954", "7.3.1954", "07-03-1954", "March 7, 1954", "mar 7 1954", "7 March 1954", "7th of March 1954", "07-Mar-1954", "7MAR1954", "19540307", "03071954", "3/7/54", "Mar. 7th, '54", "born1954-03-07."},
		"record mrn0012345":      {"MRN-0012345", "mrn0012345", "#MRN.0012345!", "mrn/0012345", "MRN_0012345"},
		"record 12345":           {"MRN-0012345", "id 12345", "0012345", "(12345)", "x12345y", "12345.5"},
		"record 12345678":        {"1234-5678", "12345678", "00-1234-5678"},
		"word sanchez":           {"Sánchez", "SANCHEZ's", "sa\u0301nchez", "sanchez1", "_Sanchez_", "Sánchez’s"},
		"word obrien":            {"O'Brien", "O’Brien", "OBRIEN"},
		"street 12 elm st":       {"12 Elm Street", "at 12 elm st.", "12 Elm St, Apt 4", "12b Elm Street"},
		"url x.test/p/ada":       {"https://x.test/p/ada", "see http://www.X.test/P/Ada.", "www.x.test/p/ada/", `"https://x.test/p/ada"`},
		"ip 203.0.113.9":         {"203.0.113.9", "from 203.0.113.9:443", "[203.0.113.9]", "::ffff:203.0.113.9"},
		"ip 2001:db9::1":         {"2001:db9::1", "2001:0db9:0:0:0:0:0:1", "[2001:DB9::1]:80"},
		"record 5f0c1e9a7b3d4c1": {"5f0c1e9a-7b3d-4c1"},
	} {
		for _, text := range texts {
			if got := found(text); !slices.ContainsFunc(got, func(s string) bool { return s == want || s == want+" near" }) {
				t.Errorf("%q: no %q, but %q", text, want, got)
			}
		}
	}
}

// What is none is not taken for one.
func TestLexer_none(t *testing.T) {
	t.Parallel()
	for text, not := range map[string][]string{
		"[NAME] was seen":       {"word name"},
		"price 12.345678":       {"record 345678"},
		"2024-03-05":            {"record 20240305", "phone "},
		"12:30:45":              {"record 123045"},
		"1234":                  {"record "},
		"99213-25":              {"phone "},
		"32/13/2024":            {"date "},
		"192.0.2.7 127.0.0.1":   {"ip "},
		"ab12":                  {"record "},
		"Ada 12345678 Lovelace": {"word lovelace near"},
	} {
		for _, n := range not {
			if got := found(text); slices.ContainsFunc(got, func(s string) bool { return strings.HasPrefix(s, n) }) {
				t.Errorf("%q: %q", text, got)
			}
		}
	}
}

func TestLexer_near(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"Ada Lovelace", "Lovelace, Ada", "ada.lovelace", "ada_lovelace", "Ada B. Lovelace", "Ada - Lovelace", "Ada\nLovelace"} {
		got := found(text)
		n := 0
		for _, s := range got {
			if strings.HasSuffix(s, " near") {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%q: %q", text, got)
		}
	}
}

// Whatever bytes there are, no lexer stumbles, and what stands among them is found.
func FuzzLexer(f *testing.F) {
	for _, s := range []string{"", "\xff\xfe", "'", "a'", "’", "12/3/45 a@b.c ::1 www.", "\u0301", "[NAME]", "Mar", "1st of"} {
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, before, after string) {
		for _, want := range []string{"phone 0174448123", "word zyxwvut"} {
			text := before + " | (017) 444-8123 | Zyxwvut | " + after
			if got := found(text); !slices.ContainsFunc(got, func(s string) bool { return strings.TrimSuffix(s, " near") == want }) {
				t.Errorf("%q: no %q, but %q", text, want, got)
			}
		}
		var w walker
		w.walk(tree(nil), []byte(before+after), func(*node, []byte) {}, func([]byte, bool) {})
		elements(nil, []byte(before+after), func([]byte) {})
		streetNormal(make([]byte, 0, 96), []byte(before))
	})
}
