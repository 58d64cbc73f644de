package redact_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/identify"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/redact"
)

// ways of writing an identifier down.
var (
	nameCases  = []func(string) string{strings.ToLower, strings.ToUpper, func(s string) string { return s }, accented}
	nameTails  = []string{"", "'s", "’s", "s", ".", ",", ")", ":", "?", "_x", "1", "-like", "\u200b", "/", "\""}
	nameHeads  = []string{"", "(", "\"", "Mr. ", "x_", "9", "wife ", "-", "/", ">", "#", "['", "\u00a0"}
	phoneForms = []string{"%s%s%s", "(%s) %s-%s", "%s-%s-%s", "%s.%s.%s", "%s %s %s", "+1 %s %s %s", "1-%s-%s-%s", "+1(%s)%s-%s", "%s/%s-%s", "%s – %s – %s", "%s, %s, %s", "tel:%s%s%s",
		"(%s)%s %s ext. 77", "%s*%s*%s", "%s_%s_%s", "001%s%s%s", "%s\u00a0%s\u00a0%s", "%s)-%s-%s", "%s : %s : %s", "%s\n%s\n%s"}
	dateForms = []string{"2006-01-02", "01/02/2006", "1/2/2006", "1/2/06", "01-02-2006", "1.2.2006", "2.1.2006", "02/01/2006", "2006/01/02", "20060102", "01022006", "Jan 2, 2006", "Jan. 2, 2006",
		"January 2, 2006", "January 2 2006", "2 January 2006", "2 Jan 2006", "02-Jan-2006", "02-Jan-06", "02Jan2006", "2Jan06", "2006 Jan 2", "2006-Jan-02", "Monday, January 2, 2006", "Mon Jan 2, 2006",
		"2006-01-02T15:04:05Z", "2006-01-02 15:04:05.000-07:00", "1/2/2006 3:04 PM", "Jan 2 '06", "Jan-02-2006", "January 2", "Jan 2", "2 January", "1/2", "01 / 02 / 2006", "2006.01.02", "200601021504", "01 02 2006", "010206"}
)

func accented(s string) string {
	return strings.NewReplacer("a", "á", "e", "ë", "i", "i\u0301", "o", "ô", "u", "ü", "n", "ñ").Replace(s)
}

// drawn is a person, and a text that tells of them.
type drawn struct {
	first, last, last2, phone, ssn, email, record string
	birth                                         time.Time
	text                                          string
}

func draw(t *rapid.T) *drawn {
	word := rapid.StringMatching(`[A-Z][a-z]{2,9}`).Filter(func(s string) bool { return !identify.Particle([]byte(strings.ToLower(s))) })
	digit := func(n int) string { return rapid.StringMatching(fmt.Sprintf(`[2-9][0-9]{%d}`, n-1)).Draw(t, "digits") }
	d := &drawn{first: word.Draw(t, "first"), last: word.Draw(t, "last"), last2: word.Draw(t, "last2"), phone: digit(10), ssn: digit(9), record: rapid.StringMatching(`[A-Z]{2,4}[0-9]{4,6}`).Draw(t, "record"),
		birth: time.Date(rapid.IntRange(1937, 2025).Draw(t, "year"), time.Month(rapid.IntRange(1, 12).Draw(t, "month")), rapid.IntRange(1, 28).Draw(t, "day"), 3, 4, 5, 0, time.UTC)}
	d.email = strings.ToLower(d.first[:1]+d.last) + digit(2) + "@example.com"
	from := func(s []string) string { return rapid.SampledFrom(s).Draw(t, "of") }
	name := func(s string) string {
		return from(nameHeads) + rapid.SampledFrom(nameCases).Draw(t, "case")(s) + from(nameTails)
	}
	pieces := []func() string{
		func() string { return name(d.first) },
		func() string { return name(d.last) },
		func() string { return name(d.last2) },
		func() string {
			return name(d.first) + from([]string{" ", "", ", ", "_", "\n", "  ", "-", "."}) + name(d.last)
		},
		func() string { return d.first[:1] + from([]string{". ", " ", "."}) + name(d.last) },
		func() string { return name(d.last) + ", " + d.first[:1] + from([]string{".", ""}) },
		func() string { return name(d.last + from([]string{"-", " ", ""}) + d.last2) },
		func() string { return fmt.Sprintf(from(phoneForms), d.phone[:3], d.phone[3:6], d.phone[6:]) },
		func() string { return d.phone[3:6] + from([]string{"-", ".", " ", ""}) + d.phone[6:] },
		func() string {
			return d.ssn[:3] + from([]string{"-", " ", ".", ""}) + d.ssn[3:5] + from([]string{"-", " ", ".", ""}) + d.ssn[5:]
		},
		func() string {
			return from([]string{"", "<", "mailto:", "e-mail: ", "("}) + d.email + from([]string{"", ">", ".", ")", ","})
		},
		func() string {
			return from([]string{"", "#", "MRN ", "mrn:"}) + d.record + from([]string{"", ".", ")", "/"})
		},
		func() string { return d.birth.Format(from(dateForms)) },
		func() string {
			return from([]string{"patient", "takes 5 mg", "and", "Dr. Able", "reports", "[NAME]", "", "12", "\t", "May", "Xyz", "I", "a", "-", "93 yo", "é", "日本"})
		},
	}
	var b strings.Builder
	for range rapid.IntRange(1, 12).Draw(t, "pieces") {
		b.WriteString(rapid.SampledFrom(pieces).Draw(t, "piece")())
		b.WriteString(from([]string{" ", " ", " ", ", ", ". ", "\n", " - ", "; "}))
	}
	d.text = b.String()
	return d
}

func (d *drawn) own() *redact.Own {
	o := new(redact.Own)
	o.Name(redact.First, []byte(d.first), []byte("Zzfaqa"))
	o.Name(redact.Last, []byte(d.last+"-"+d.last2), []byte("Qqbogus"))
	o.Add(identify.Phone, []byte(d.phone))
	o.Add(identify.SSN, []byte(d.ssn))
	o.Add(identify.Email, []byte(d.email))
	o.Add(identify.Record, []byte(d.record))
	o.Add(identify.Date, []byte(d.birth.Format(time.DateOnly)))
	return o
}

var label = regexp.MustCompile(`\[[A-Z]+\]`)

// survivor is what of a person is in a text that has been redacted.
func (d *drawn) survivor(text string) string {
	text = label.ReplaceAllString(text, "|")
	var letters, numbers strings.Builder
	marks := 0
	for _, r := range text {
		marks += utf8.RuneLen(r)
		switch {
		case unicode.IsDigit(r):
			if marks > 6 { // further apart than anybody writes the digits of a number
				numbers.WriteByte('|')
			}
			marks = 0
			numbers.WriteRune(r)
		case r == '|' || unicode.IsLetter(r):
			numbers.WriteByte('|')
		}
		if !unicode.Is(unicode.Mn, r) && r != '\u200b' {
			letters.WriteRune(unicode.ToLower(r))
		}
	}
	folded := strings.NewReplacer("á", "a", "ë", "e", "ô", "o", "ü", "u", "ñ", "n").Replace(letters.String())
	for _, w := range strings.FieldsFunc(folded, func(r rune) bool { return !unicode.IsLetter(r) }) {
		for _, name := range []string{d.first, d.last, d.last2, d.last + d.last2, d.first + d.last, d.last + d.first, d.first[:1] + d.last} {
			if name = strings.ToLower(name); w == name || w == name+"s" {
				return "name " + name
			}
		}
	}
	for _, n := range []string{d.phone, d.phone[3:], d.ssn} {
		if strings.Contains(numbers.String(), n) {
			return "number " + n
		}
	}
	if strings.Contains(folded, strings.ToLower(d.record)) {
		return "record " + d.record
	}
	for _, f := range dateForms {
		s := d.birth.Format(f)
		if whole := regexp.MustCompile(`(^|\D)` + regexp.QuoteMeta(s) + `(\D|$)`); len(s) > 4 && strings.Contains(text, s) && whole.MatchString(text) {
			return "date " + s
		}
	}
	return ""
}

func TestNothingOfThePersonSurvives(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := draw(t)
		r := newRedactor()
		got := string(r.Text(nil, []byte(d.text), d.own()))
		if s := d.survivor(got); s != "" {
			t.Errorf("%s survives\nin  %q\nout %q", s, d.text, got)
		}
		if !utf8.ValidString(got) {
			t.Errorf("not UTF-8: %q becomes %q", d.text, got)
		}
		if again := string(r.Text(nil, []byte(got), d.own())); again != got {
			t.Errorf("again\nin  %q\nout %q\n    %q", d.text, got, again)
		}
	})
}

// A day's distance to another is kept, whatever either is written like.
func TestDatesMove(t *testing.T) {
	r := newRedactor()
	rapid.Check(t, func(t *rapid.T) {
		day := time.Date(rapid.IntRange(1995, 2026).Draw(t, "year"), time.Month(rapid.IntRange(1, 12).Draw(t, "month")), rapid.IntRange(1, 31).Draw(t, "day"), 15, 4, 5, 0, time.UTC)
		days := -rapid.IntRange(1, 364).Draw(t, "days")
		for _, f := range []string{"2006-01-02", "01/02/2006", "01/02/06", "01-02-2006", "2006/01/02", "20060102", "Jan 2, 2006", "January 2, 2006", "2 January 2006", "02-Jan-2006", "02Jan2006",
			"2006-01-02T15:04:05Z", "01/02/2006 3:04 PM", "2006-Jan-02", "200601021504"} {
			o := new(redact.Own)
			o.Shift(days)
			written := day.Format(f)
			got := string(r.Text(nil, []byte("on "+written+" she"), o))
			// Of 10/11 nobody can say whether 9/9 or 09/09 is meant.
			if day.Month() == time.May { // and May is an abbreviation, too
				f = strings.Replace(f, "January", "Jan", 1)
			}
			if strings.ContainsAny(f, "/- ") {
				f = strings.NewReplacer("01", "1", "02", "2").Replace(f)
			}
			moved, err := time.Parse(f, strings.TrimSuffix(strings.TrimPrefix(got, "on "), " she"))
			if want := day.AddDate(0, 0, days); err != nil || moved.Format(f) != want.Format(f) {
				t.Fatalf("%s %d days: got %q, want %q", written, days, got, want.Format(f))
			}
		}
	})
}

func FuzzText(f *testing.F) {
	for _, s := range []string{"Marisol Quintero-O'Neill", "M. Quintero, DOB 3/2/84, (512) 867-5309", "a@b 1/2/2019/3/4 2019-2020-01", "[NAME] [DATE]", "12 Oak St Apt 4, Austin, TX 78701", "93 90 or older yo", "\xff\xfeQuintero\xff",
		"Mon, 2 Jan 2006", "XXX-XX-1234", "http://x.y/z@w", "::1 1.2.3.4.5", "Mr. Mrs. Smith Young", "5 1 2 8 6 7 5 3 0 9 9", "5 1 2 5 3 08 6 7 5 3 0 9 9", "0.0.0.0.1.2.3.4", "Mon, 2006 Jan 2", "2006-Jan-2", "Jan 2nd", "1/2/06", "１２３４５", "O'Neill's’s", "Feel August  Clinic Suite 1200 B"} {
		f.Add(s, 0)
		f.Add(s, -30)
	}
	d := &drawn{first: "Marisol", last: "Quintero", last2: "Neill", phone: "5128675309", ssn: "219099999", record: "MAQU000123", birth: time.Date(1984, 3, 2, 3, 4, 5, 0, time.UTC)}
	r := newRedactor()
	f.Fuzz(func(t *testing.T, s string, days int) {
		o := person()
		o.Shift(days % 365)
		got := r.Text(nil, []byte(s), o)
		if utf8.ValidString(s) {
			if !utf8.Valid(got) {
				t.Errorf("not UTF-8: %q becomes %q", s, got)
			}
			if w := d.survivor(string(got)); w != "" && days%365 == 0 {
				t.Errorf("%s survives: %q becomes %q", w, s, got)
			}
		}
		if days%365 != 0 {
			return // dates move again
		}
		if again := r.Text(nil, got, o); string(again) != string(got) {
			t.Errorf("%q becomes %q, and that %q", s, got, again)
		}
	})
}
