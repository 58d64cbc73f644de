package redact_test

import (
	"strings"
	"testing"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/identify"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/redact"
)

var asOf = time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC)

// dictionary is the names of a source, some of which are words as well.
var dictionary = map[string]bool{}

func init() {
	for _, w := range strings.Fields("anna smith oneill garcia ronald young brown may will rose white day lopez nguyen munoz kowalski jones lee") {
		dictionary[w] = true
	}
}

func newRedactor() *redact.Redactor {
	return redact.New(redact.Options{
		Names: func(w []byte) bool { return dictionary[string(w)] },
		Words: []string{"Feel August Clinic", "Dolores Park Practice", "Suite 1200B"},
		AsOf:  asOf,
	})
}

func person() *redact.Own {
	o := new(redact.Own)
	o.Name(redact.First, []byte("Marisol"), []byte("Zeldane"))
	o.Name(redact.Middle, []byte("Q"), []byte("Vexley"))
	o.Name(redact.Last, []byte("Quintero-O'Neill"), []byte("Fakename"))
	o.Add(identify.Phone, []byte("(512) 867-5309"))
	o.Add(identify.SSN, []byte("219-09-9999"))
	o.Add(identify.Email, []byte("mquint84@example.net"))
	o.Add(identify.Record, []byte("MAQU000123"))
	o.Add(identify.Record, []byte("7741"))
	o.Add(identify.Date, []byte("1984-03-02"))
	o.Add(identify.Street, []byte("1402 N. Juniper Blvd"))
	return o
}

func TestText(t *testing.T) {
	r := newRedactor()
	for _, c := range []struct{ in, want string }{
		{"", ""},
		{"Patient takes 5 mg twice daily.", "Patient takes 5 mg twice daily."},
		{"BP 120/80, pulse 72, temp 98.6F, WBC 7.2, A1c 6.1%.", "BP 120/80, pulse 72, temp 98.6F, WBC 7.2, A1c 6.1%."},

		// The own name.
		{"Marisol Quintero-O'Neill called", "Zeldane Fakename called"},
		{"MARISOL QUINTERO", "ZELDANE FAKENAME"},
		{"marisol's rash", "zeldane's rash"},
		{"Quintero, Marisol Q.", "Fakename, Zeldane V."},
		{"M. Quintero", "Z. Fakename"},
		{"M. T. Quintero, M.Q. Quintero", "Z. X. Fakename, [NAME] Fakename"},
		{"Ms. O’Neill and the Quinteros", "Ms. Fakename and the Fakename"},
		{"Neill, QUINTERO O NEILL", "Fakename, FAKENAME X FAKENAME"},
		{"Márisol Quíntero", "Zeldane Fakename"},
		{"Mari\u00adsol", "Zeldane"},
		{"mquintero marisolquinteroneill MarisolQuintero", "zfakename marisolquinteroneill ZeldaneFakename"},
		{"then Xyzzy MQ", "then [NAME] [NAME]"},
		{"seen by MQ today, M.Q. agrees", "seen by [NAME] today, [NAME] agrees"},

		{`Note:\nMarisol\tQuintero\\nsmith, \nothing \reported`, `Note:\nZeldane\tFakename\\n[NAME], \nothing \reported`},

		// Other people's.
		{"wife Karen called", "wife [NAME] called"},
		{"her daughter's name is Emily", "her daughter's name is [NAME]"},
		{"seen by Dr. Xyzzy on 3/4", "seen by Dr. [NAME] on [DATE]"},
		{"Dr. Young will see her", "Dr. [NAME] will see her"},
		{"a young woman with brown sputum and white count", "a young woman with brown sputum and white count"},
		{"told Young about it", "told [NAME] about it"},
		{"PT WILL RETURN WITH BROWN SPUTUM", "PT WILL RETURN WITH BROWN SPUTUM"},
		{"Will Young came in. WILL YOUNG CAME IN. Brown, Will called. Will came in.", "[NAME] [NAME] came in. [NAME] [NAME] CAME IN. [NAME], [NAME] called. Will came in."},
		{"PT WILL SMITH RETURNED", "PT [NAME] [NAME] RETURNED"},
		{"rose smith", "[NAME] [NAME]"},
		{"Xyzzy Smith was here", "[NAME] [NAME] was here"},
		{"Smith, J. was here", "[NAME], [NAME]. was here"},
		{"MUÑOZ and Muñoz's", "[NAME] and [NAME]'s"},
		{"Seen at Feel August Clinic, feel-august clinic.", "Seen at [REDACTED], [REDACTED]."},
		{"suite 1200 B", "[REDACTED]"},

		// Numbers.
		{"call 512-867-5309", "call [PHONE]"},
		{"call (512) 867-5309 x12.", "call [PHONE]."},
		{"call +1 (512) 555.0100 or 512/555/0100", "call [PHONE] or [PHONE]"},
		{"5 1 2 8 6 7 5 3 0 9", "[PHONE]"},
		{"local 867-5309, last four 5309", "local [PHONE], last four [PHONE]"},
		{"+44 20 7946 0958", "[PHONE]"},
		{"SSN 219-09-9999 219099999 219 09 9999", "SSN [SSN] [SSN] [SSN]"},
		{"SSN XXX-XX-1234, ending 9999", "SSN [NUMBER], ending [SSN]"},
		{"chart MAQU000123, maqu-000123, JOSM000777", "chart [NUMBER], [NUMBER], [NUMBER]"},
		{"5 1 2 .. 8 6 7 -- 5 3 0 9", "[PHONE]"},
		{"room 7741", "room [NUMBER]"},
		{"platelets 250,000 claim 123456 12345.67", "platelets [NUMBER] claim [NUMBER] [NUMBER].67"},
		{"1EG4-TE5-MK73 and 550e8400-e29b-41d4-a716-446655440000", "[NUMBER] and [NUMBER]"},

		// Addresses.
		{"mail m.q+x@example.co.uk, or <foo@bar>.", "mail [EMAIL], or <[EMAIL]>."},
		{"see https://example.com/a?b=c. or www.foo.org", "see [URL]. or [URL]"},
		{"from 10.1.2.3 and 2001:db8::1", "from [IP] and [IP]"},
		{"lives at 1402 Juniper", "lives at [ADDRESS]"},
		{"lives at 12 Oak Hollow Street Apt 4, Austin, TX 78701 now", "lives at [ADDRESS] now"},
		{"from San Antonio, TX", "from [CITY], TX"},
		{"at 1402 North Juniper Blvd., Unit 3B, Round Rock, Texas 78664 now", "at [ADDRESS] now"},
		{"in El Paso, Texas or Austin TX 78701", "in [CITY], Texas or [CITY] TX [NUMBER]"},
		{"seen by Ada Q. Xyzzy, MD and Xyzzy Plugh PhD", "seen by [NAME], MD and [NAME] PhD"},
		{"Grandmother Xyzzy died", "Grandmother [NAME] died"},
		{"pain 4/10, on 4/10", "pain 4/10, on [DATE]"},
		{"10 days on the road", "10 days on the road"},

		// Numbers that say what they are.
		{"MRN 123, mrn: A1234; acct #9876 (policy XY-123), account number is 4821, SSN ending in 6789", "MRN [NUMBER], mrn: [NUMBER]; acct #[NUMBER] (policy [NUMBER]), account number is [NUMBER], SSN ending in [NUMBER]"},
		{"member of 12 step program, policy of 200 mg, license. 300 beds, on account of 3 falls", "member of 12 step program, policy of 200 mg, license. 300 beds, on account of 3 falls"},

		// Dates.
		{"DOB 3-2, born 25.12, birthday: 12-25; born 3-4 weeks early, 3-2", "DOB [DATE], born [DATE], birthday: [DATE]; born 3-4 weeks early, 3-2"},
		{"since Thanksgiving, on Christmas Eve, xmas 2019", "since [DATE], on [DATE] Eve, xmas 2019"},
		{"DOB 1984-03-02", "DOB 1984"},
		{"on March the 2nd, 1984, the 2nd of March 1984, 2 de marzo de 1984, March 2-4, 1984", "on 1984, the 1984, 1984, 1984"},
		{"seen 1/2/1930", "seen [DATE]"},
		{"January 13, 01/13/1984", "[DATE], 1984"},
		{"born 03/02/1984, 3/2/84, 2.3.1984, 2 March 1984, March 2nd, 1984, 02MAR1984", "born 1984, 1984, 1984, 1984, 1984, 1984"},
		{"Mar 2 1984; 2-Mar-84; 19840302; 1984/3/2; Mar. 2, '84", "1984; 1984; 1984; 1984; 1984"},
		{"Friday, March 2nd 1984 at 3", "1984 at 3"},
		{"2019-03-04T14:30:00.123Z and 3/4/2019 2:30 PM", "2019 and 2019"},
		{"since June, since Sept, this may be, in april", "since [DATE], since [DATE], this may be, in [DATE]"},
		{"since May, on May 5, until 3/4, in March 2019", "since [NAME], on [DATE], until [DATE], in 2019"},
		{"she may take 1/2 tablet, strength 5/5 strength", "she may take 1/2 tablet, strength 5/5 strength"},
		{"DOB 1/2/1930, born 1931", "DOB [DATE], born [DATE]"},

		// Ages.
		{"93-year-old man, 93 yo, 93yo, aged 95, 91 y/o, 92F, 89 year old, temp 99F", "90 or older man, 90 or older, 90 or older, aged 90 or older, 90 or older, 90 or older F, 89 year old, temp 99F"},
		{"ninety-three years old", "90 or older"},
		{"She is 93. O2 is 95, her mother is 97", "She is 90 or older. O2 is 95, her mother is 90 or older"},
		{"at the age of 93, he is now 93, she's 93, aged about 93", "at the age of 90 or older, he is now 90 or older, she's 90 or older, aged about 90 or older"},
		{"92–year–old, 92\u00a0year old, 92 - year - old, 91 y/o", "90 or older, 90 or older, 90 or older, 90 or older"},
		{"Age/Sex: 93/F, 94 M with cough, 94 male, 98 F today", "Age/Sex: 90 or older/F, 90 or older M with cough, 90 or older male, 98 F today"},
		{"Patient, 94, fell; his wife (91) called; Anna, 95, too; INR, 93, high", "Patient, 90 or older, fell; his wife (90 or older) called; [NAME], 90 or older, too; INR, 93, high"},
		{"her 92nd birthday, 95th percentile, in her nineties, in her 90s, SBP in the 90s", "her 90 or older birthday, 95th percentile, in her 90 or older, in her 90 or older, SBP in the 90s"},
		{"login mqquintero", "login zfakename"},
	} {
		o := person()
		got := string(r.Text([]byte("> "), []byte(c.in), o))
		if got != "> "+c.want {
			t.Errorf("%s\ngot  %s\nwant > %s", c.in, got, c.want)
		}
		if again := string(r.Text(nil, []byte(got), o)); again != got {
			t.Errorf("%s\nagain %s", got, again)
		}
	}
}

func TestOwn(t *testing.T) {
	r, o := newRedactor(), person()
	o.Reset()
	const text = "Marisol Quintero, 7741"
	if got := string(r.Text(nil, []byte(text), o)); got != text {
		t.Errorf("a person who was forgotten is taken out: %s", got)
	}
	o.Name(redact.Full, []byte("Dr. Jörg de la Müller"), []byte("Zed Fakename"))
	o.Name(redact.Full, []byte("Vandelay, Art"), []byte("Zed Fakename"))
	o.Name(redact.Full, []byte("Kel Varnsen, Jr."), []byte("Zed Fakename"))
	o.Name(redact.Last, []byte("Le"), nil)
	o.Add(identify.Name, []byte("Pennypacker"))
	for in, want := range map[string]string{
		"Mueller, MULLER, joerg":    "Fakename, FAKENAME, zed",
		"art vandelay, pennypacker": "zed fakename, [NAME]",
		"Varnsen, Kel":              "Fakename, Zed",
		"le la de":                  "[NAME] la de",
	} {
		if got := string(r.Text(nil, []byte(in), o)); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
	if got := string(r.Text(nil, []byte("Smith, 93 yo"), nil)); got != "[NAME], 90 or older" {
		t.Errorf("without a person: %s", got)
	}
}

// Where the person lives is smaller than a state. A town may be named as a thing is.
func TestOwnCity(t *testing.T) {
	r := newRedactor()
	for _, c := range []struct{ city, in, want string }{
		{"Boston", "lives in Boston, BOSTON's; boston marathon; Austin", "lives in [CITY], [CITY]'s; [CITY] marathon; Austin"},
		{"San Lindo", "moved to San Lindo; SAN LINDO; san diego; Lindo", "moved to [CITY]; [CITY]; san diego; Lindo"},
		{"Reading", "from Reading. Reading is hard, reading too", "from [CITY]. Reading is hard, reading too"},
		{"", "from Reading", "from Reading"},
	} {
		o := person()
		o.Name(redact.City, []byte(c.city), nil)
		if got := string(r.Text(nil, []byte(c.in), o)); got != c.want {
			t.Errorf("of %s: %s, want %s", c.city, got, c.want)
		} else if again := string(r.Text(nil, []byte(got), o)); again != got {
			t.Errorf("again %s", again)
		}
		o.Reset()
		if got := string(r.Text(nil, []byte("Boston"), o)); got != "Boston" {
			t.Errorf("a town that was forgotten: %s", got)
		}
	}
}
