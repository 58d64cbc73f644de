package billing

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"pgregory.net/rapid"
)

func money(s string) decimal.Decimal { return decimal.RequireFromString(s) }

// visit is billed, with one line of 100 open with the insurer.
func visit(billing, ins1, ins2 string) *Visit {
	return &Visit{
		Appointment: "7000001", BillingStatus: billing, InsurerStatus: [2]string{ins1, ins2},
		Lines: Lines{Count: 1, Billed: money("100"), BalanceInsurance: money("100")},
	}
}

func day(s string) *time.Time {
	t, err := time.Parse("2006-01-02", s)
	if err != nil {
		panic(err)
	}
	return &t
}

// counted derives and returns the claim that counts.
func counted(t *testing.T, v *Visit, o Overrides) Claim {
	t.Helper()
	claims := Derive(v, o)
	i := slices.IndexFunc(claims, func(c Claim) bool { return c.Counts })
	if i < 0 {
		t.Fatalf("no claim counts in %+v", claims)
	}
	return claims[i]
}

func TestDerive_billingStatus(t *testing.T) {
	t.Parallel()
	for status, want := range map[string]State{
		"":                                NotBilled,
		"Bill Insurance":                  Queued,
		"Bill Secondary Insurance":        Queued,
		"Worker's Comp Claim":             Queued,
		"Worker’s  comp claim":            Queued,
		"Auto Accident Claim":             Queued,
		"Durable Medical Equipment Claim": Queued,
		"Internal Review":                 OnHold,
		"Balance Due":                     PatientBalance,
		"Paid In Full":                    Paid,
		"Settled":                         Paid,
		"Sent to Test Attorney":           Unknown,
	} {
		v := visit(status, "", "")
		if c := counted(t, v, nil); c.State != want {
			t.Errorf("%q is %s, want %s", status, c.State, want)
		}
		// Once a claim was made or sent, what waited is submitted; nothing else changes.
		for _, sent := range []func(){func() { v.FirstBilled = day("2026-03-02") }, func() { v.FirstBilled, v.FirstEDI = nil, day("2026-03-03") }} {
			sent()
			after := want
			if want == Queued {
				after = Submitted
			}
			if c := counted(t, v, nil); c.State != after {
				t.Errorf("%q once sent is %s, want %s", status, c.State, after)
			}
		}
	}
}

func TestState_Status(t *testing.T) {
	t.Parallel()
	for state, want := range map[State]Status{
		NotBilled: StatusNotBilled, Queued: StatusSubmitted, Submitted: StatusSubmitted,
		Pending: StatusPending, AdjudicatedReview: StatusPending, PartiallyPaid: StatusPending, NeedsInfo: StatusPending, OnHold: StatusPending,
		Paid: StatusPaid, PatientBalance: StatusPaid, Denied: StatusDenied, Rejected: StatusDenied, Unknown: StatusUnknown,
	} {
		if got := state.Status(); got != want {
			t.Errorf("%s is %s, want %s", state, got, want)
		}
	}
	for _, s := range States {
		if _, ok := ParseState(string(s)); ok != (s != Unknown) {
			t.Errorf("%s can be asked for: %v", s, ok)
		}
	}
}

// Which level counts, row by row.
func TestDerive_level(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		billing, ins1, ins2 string
		level               int
		state               State
		claims              int
	}{
		{"Bill Insurance", "Payer Acknowledged", "", 1, Pending, 1},
		{"Bill Insurance", "Coordination of Benefits", "", 1, AdjudicatedReview, 1},
		{"Bill Secondary Insurance", "Coordination of Benefits", "", 1, AdjudicatedReview, 2},
		{"Bill Secondary Insurance", "Coordination of Benefits", "In Process Emdeon", 2, Submitted, 2},
		{"Bill Insurance", "Coordination of Benefits", "Payer Acknowledged", 2, Pending, 2},
		{"Bill Insurance", "coordination of benefits", "Coordination of Benefits", 2, Pending, 2},
		{"Bill Secondary Insurance", "", "Rejected Payer", 2, Rejected, 1},
		{"Bill Secondary Insurance", "", "", 2, Queued, 1},
		{"Paid In Full", "Coordination of Benefits", "Paid in Full", 1, AdjudicatedReview, 2},
		{"Bill Insurance", "Paid in Full", "Denied Elsewhere", 1, Paid, 2},
		{"Bill Insurance", "", "Payer Acknowledged", 1, Queued, 2},
	} {
		v := visit(test.billing, test.ins1, test.ins2)
		c := counted(t, v, nil)
		if n := len(Derive(v, nil)); c.Level != test.level || c.State != test.state || n != test.claims {
			t.Errorf("%+v: level %d, %s, %d claims", test, c.Level, c.State, n)
		}
	}
}

func TestDerive_notAClaim(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Visit){
		"break":       func(v *Visit) { v.Break = true },
		"deleted":     func(v *Visit) { v.Deleted = true },
		"no lines":    func(v *Visit) { v.Lines.Count = 0 },
		"cancelled":   func(v *Visit) { v.VisitStatus = "Cancelled" },
		"rescheduled": func(v *Visit) { v.VisitStatus = " rescheduled" },
	} {
		v := visit("Bill Insurance", "Paid in Full", "")
		change(v)
		if claims := Derive(v, nil); claims != nil {
			t.Errorf("%s: %+v", name, claims)
		}
	}
	v := visit("Bill Insurance", "Paid in Full", "")
	v.VisitStatus = "NOTE COMPLETE"
	if len(Derive(v, nil)) != 1 {
		t.Error("a custom visit status makes it no claim")
	}
}

func TestDerive_money(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		status        string
		paid, balance string
		flagged       int
		want          State
	}{
		"remittance paid":                {"ERA Received", "78.40", "0", 0, Paid},
		"remittance paid despite a flag": {"ERA Received", "78.40", "0", 1, Paid},
		"remittance paid in part":        {"ERA Received", "40", "38.40", 1, PartiallyPaid},
		"remittance denied":              {"ERA Received", "0", "100", 1, Denied},
		"remittance denied, closed":      {"ERA Received", "0", "0", 1, Denied},
		"remittance of nothing":          {"ERA Received", "0", "100", 0, AdjudicatedReview},
		"remittance overpaid":            {"ERA Received", "120", "-20", 0, AdjudicatedReview},
		"remittance taken back":          {"ERA Received", "-5", "105", 1, AdjudicatedReview},
		"part, some open":                {"Partially Paid", "40", "38.40", 0, PartiallyPaid},
		"part, nothing open":             {"Partially Paid", "40", "0", 0, Paid},
		"denied whatever was paid":       {"ERA Denied", "10", "0", 0, Denied},
	} {
		v := visit("Bill Insurance", test.status, "")
		v.Lines.InsurancePaid, v.Lines.BalanceInsurance, v.Lines.Flagged = money(test.paid), money(test.balance), test.flagged
		if c := counted(t, v, nil); c.State != test.want {
			t.Errorf("%s is %s (%s), want %s", name, c.State, c.Reason, test.want)
		}
	}
}

func TestDerive_lineDenials(t *testing.T) {
	t.Parallel()
	full := func(level int, reason string) Posting {
		p := Posting{Level: level, Billed: money("100"), Reasons: []string{"-3", reason}}
		if IsDenialCARC(reason) {
			p.DenialCARC = money("100")
		}
		return p
	}
	for name, test := range map[string]struct {
		posting Posting
		lines   int
		reasons string
	}{
		"full price under a denial code": {full(1, "197"), 1, "[197]"},
		"no level":                       {full(0, "b7"), 1, "[B7]"},
		"other level":                    {full(2, "197"), 0, "[]"},
		"write-off":                      {full(1, "45"), 0, "[]"},
		"less than the price":            {Posting{Level: 1, Billed: money("100"), DenialCARC: money("60"), Reasons: []string{"97"}}, 0, "[]"},
		"something paid":                 {Posting{Level: 1, Billed: money("100"), DenialCARC: money("100"), Paid: money("1"), Reasons: []string{"97"}}, 0, "[]"},
		"claim status 4":                 {Posting{Level: 1, Billed: money("100"), Denied: true}, 1, "[]"},
	} {
		v := visit("Bill Insurance", "ERA Received", "")
		v.Lines.Postings = []Posting{test.posting}
		c := counted(t, v, nil)
		if c.DeniedLines != test.lines || fmt.Sprint(c.DenialReasons) != test.reasons || (c.State == Denied) != (test.lines > 0) {
			t.Errorf("%s: %d lines, %v, %s", name, c.DeniedLines, c.DenialReasons, c.State)
		}
	}
	v := visit("Bill Insurance", "ERA Denied", "")
	v.Lines.Flagged = 1
	v.Lines.Postings = []Posting{{Level: 1, Flagged: true, Denied: true, Reasons: []string{"16"}}}
	if c := counted(t, v, nil); c.DeniedLines != 1 || fmt.Sprint(c.DenialReasons) != "[16]" {
		t.Errorf("a flagged line with postings counts as %d, %v", c.DeniedLines, c.DenialReasons)
	}
}

func TestDerive_rebilled(t *testing.T) {
	t.Parallel()
	v := visit("Bill Secondary Insurance", "ERA Denied", "")
	if c := counted(t, v, nil); c.State != Queued {
		t.Errorf("to the secondary after a denial is %s", c.State)
	}
	v = visit("Bill Insurance", "", "")
	v.FirstBilled = day("2026-03-02")
	v.Lines.Postings = []Posting{{Level: 1, Denied: true}}
	if c := counted(t, v, nil); c.State != Queued {
		t.Errorf("statuses emptied after a denial is %s", c.State)
	}
	v.InsurerStatus[0] = "ERA Denied"
	if c := counted(t, v, nil); c.State != Denied {
		t.Errorf("still denied is %s", c.State)
	}
}

func TestDerive_overrides(t *testing.T) {
	t.Parallel()
	o := NewOverrides(map[string]string{"Sent  to test ATTORNEY": "on_hold", "Settled": "denied", "Legal": "nonsense"})
	if c := counted(t, visit("Sent to Test Attorney", "", ""), o); c.State != OnHold {
		t.Errorf("override gives %s", c.State)
	}
	if c := counted(t, visit("settled", "", ""), o); c.State != Denied {
		t.Errorf("override of a standard status gives %s", c.State)
	}
	if c := counted(t, visit("Sent to Test Attorney", "Paid in Full", ""), o); c.State != Paid {
		t.Errorf("an insurer's word gives way to an override: %s", c.State)
	}
	if c := counted(t, visit("Legal", "", ""), o); c.State != Unknown {
		t.Errorf("an override to no state gives %s", c.State)
	}
}

func TestDerive_booksThatDisagree(t *testing.T) {
	t.Parallel()
	v := visit("Paid In Full", "Paid in Full", "")
	v.Lines.LevelPaid[0] = money("78.40")
	v.Lines.Postings = []Posting{{Level: 1, Paid: money("80.00")}, {Level: 1, Paid: money("-1.62")}, {Level: 2, Paid: money("5")}}
	if c := counted(t, v, nil); c.PaidDiffers || !c.PostedPaid.Equal(money("78.38")) {
		t.Errorf("cents of drift are flagged: %s", c.PostedPaid)
	}
	v.Lines.LevelPaid[0] = money("79.40")
	if c := counted(t, v, nil); !c.PaidDiffers {
		t.Error("a dollar's difference is not flagged")
	}
}

func TestIsDenialCARC_notWritten(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"", " ", "+4", "04", "A", "A2", "P", "P24", "x", "4.0"} {
		if IsDenialCARC(code) {
			t.Errorf("%q is no denial", code)
		}
	}
}

var statuses = []string{
	"", "Incomplete Information", "In Process Emdeon", "Rejected Payer", "In Process Payer", "Payer Acknowledged", "Paid in Full",
	"Partially Paid", "Coordination of Benefits", "ERA Received", "ERA Denied", "HCFA Form Faxed",
}

func anyVisit() *rapid.Generator[*Visit] {
	return rapid.Custom(func(t *rapid.T) *Visit {
		status := rapid.OneOf(rapid.SampledFrom(statuses), rapid.String())
		amount := func(name string) decimal.Decimal {
			return decimal.New(rapid.Int64Range(-20000, 20000).Draw(t, name), -2)
		}
		v := &Visit{
			BillingStatus: rapid.OneOf(rapid.SampledFrom([]string{"", "Bill Insurance", "Bill Secondary Insurance", "Balance Due", "Worker's Comp Claim"}), rapid.String()).Draw(t, "billing"),
			InsurerStatus: [2]string{status.Draw(t, "ins1"), status.Draw(t, "ins2")},
			VisitStatus:   rapid.SampledFrom([]string{"", "Complete", "Cancelled", "No Show"}).Draw(t, "visit"),
			Break:         rapid.Bool().Draw(t, "break"),
		}
		v.Lines = Lines{
			Count: rapid.IntRange(0, 3).Draw(t, "lines"), Flagged: rapid.IntRange(0, 3).Draw(t, "flagged"),
			InsurancePaid: amount("paid"), BalanceInsurance: amount("balance"),
		}
		for range rapid.IntRange(0, 3).Draw(t, "postings") {
			v.Lines.Postings = append(v.Lines.Postings, Posting{
				Level: rapid.IntRange(-1, 4).Draw(t, "level"), Denied: rapid.Bool().Draw(t, "denied"),
				Paid: amount("posted"), DenialCARC: amount("carc"), Reasons: []string{rapid.String().Draw(t, "reason")},
			})
		}
		return v
	})
}

func TestDerive_properties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		v := anyVisit().Draw(t, "visit")
		claims := Derive(v, nil)
		if len(claims) == 0 {
			return
		}
		counts := 0
		for _, c := range claims {
			if !slices.Contains(States, c.State) || !slices.Contains(Statuses, c.State.Status()) || c.Reason == "" {
				t.Fatalf("%q (%s) is no state", c.State, c.Reason)
			}
			if c.DeniedLines > v.Lines.Count {
				t.Fatalf("%d of %d lines denied", c.DeniedLines, v.Lines.Count)
			}
			if c.Counts {
				counts++
			}
		}
		if counts != 1 {
			t.Fatalf("%d claims of a visit count", counts)
		}
		// A status nobody documented never turns into a state that says something.
		v.InsurerStatus = [2]string{"Zzz " + rapid.StringMatching(`[a-z]{1,8}`).Draw(t, "new"), ""}
		if c := Derive(v, nil)[0]; c.State != Unknown {
			t.Fatalf("%q is %s", c.InsurerStatus, c.State)
		}
	})
}

func TestFold_idempotent(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.String().Draw(t, "status")
		if once := Fold(s); Fold(once) != once {
			t.Fatalf("%q folds to %q and %q", s, once, Fold(once))
		}
	})
}
