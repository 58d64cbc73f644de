package billing

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
)

// What follows is every member of every status that DrChrono documents, and what each means. Where a
// table says nothing of money, the visit has one line of 100.00 open with the insurer, nothing paid.

// appointmentStatuses is the members of ins1_status and ins2_status.
var appointmentStatuses = map[string]State{
	"Incomplete Information":         NeedsInfo,
	"In Process Emdeon":              Submitted,
	"Rejected Emdeon":                Rejected,
	"Rejected EPS":                   Rejected,
	"Rejected Jopari":                Rejected,
	"In Process Payor":               Pending,
	"Rejected Waystar Professional":  Rejected,
	"Rejected Waystar Institutional": Rejected,
	"In Process Payer":               Pending,
	"Payer Acknowledged":             Pending,
	"Rejected Payor":                 Rejected,
	"Rejected Payer":                 Rejected,
	"Paid in Full":                   Paid,
	"Partially Paid":                 PartiallyPaid,
	"Coordination of Benefits":       AdjudicatedReview, // at level 2: pending
	"ERA Received":                   AdjudicatedReview,
	"ERA Denied":                     Denied,
	"HCFA Form Faxed":                Submitted,
}

// lineStatuses is the members of a line's billing_status.
var lineStatuses = map[string]State{
	"Incomplete Information":   NeedsInfo,
	"In Process Emdeon":        Submitted,
	"In Process iHCFA":         Submitted,
	"In Process Gateway":       Submitted,
	"In Process Jopari":        Submitted,
	"In Process Waystar":       Submitted,
	"In Process EPS":           Submitted,
	"Rejected Emdeon":          Rejected,
	"Rejected iHCFA":           Rejected,
	"Rejected Gateway":         Rejected,
	"Rejected Jopari":          Rejected,
	"Rejected Waystar":         Rejected,
	"Rejected EPS":             Rejected,
	"In Process Payer":         Pending,
	"Payer Acknowledged":       Pending,
	"Rejected Payer":           Rejected,
	"Paid in Full":             Paid,
	"Partially Paid":           PartiallyPaid,
	"Coordination of Benefits": AdjudicatedReview,
	"ERA Received":             AdjudicatedReview,
	"ERA Denied":               Denied,
}

// practiceStatuses is the standard members of a visit's billing_status, before a claim was made.
var practiceStatuses = map[string]State{
	"":                                NotBilled,
	"Auto Accident Claim":             Queued,
	"Balance Due":                     PatientBalance,
	"Bill Insurance":                  Queued,
	"Bill Secondary Insurance":        Queued,
	"Durable Medical Equipment Claim": Queued,
	"Internal Review":                 OnHold,
	"Paid In Full":                    Paid,
	"Settled":                         Paid,
	"Worker's Comp Claim":             Queued,
}

// spellings is a status as DrChrono's screens, exports and people write it.
func spellings(status string) []string {
	all := []string{status, strings.ToLower(status), strings.ToUpper(status), "  " + strings.ReplaceAll(status, " ", "   ") + "\t"}
	for _, apostrophe := range []string{"’", "‘", "ʼ", "′", "`", "´", "＇"} {
		all = append(all, strings.ReplaceAll(status, "'", apostrophe))
	}
	all = append(all, strings.ReplaceAll(status, " ", "\u00a0"))
	for _, swap := range [][2]string{{"Payer", "Payor"}, {"Payor", "Payer"}} {
		all = append(all, strings.ReplaceAll(status, swap[0], swap[1]))
	}
	return all
}

func TestContract_insurerStatus(t *testing.T) {
	t.Parallel()
	for status, want := range appointmentStatuses {
		for _, written := range spellings(status) {
			if c := counted(t, visit("Bill Insurance", written, ""), nil); c.Level != 1 || c.State != want || c.InsurerStatus != written {
				t.Errorf("ins1_status %q is %s at level %d, want %s", written, c.State, c.Level, want)
			}
			atSecond := want
			if status == "Coordination of Benefits" {
				atSecond = Pending
			}
			c := counted(t, visit("Bill Secondary Insurance", "Coordination of Benefits", written), nil)
			if c.Level != 2 || c.State != atSecond || c.InsurerStatus != written {
				t.Errorf("ins2_status %q is %s at level %d, want %s", written, c.State, c.Level, atSecond)
			}
		}
	}
	// Members that only lines have mean the same when a visit has them, and so do new ones of a known kind.
	for status, want := range map[string]State{"In Process Newgate": Submitted, "Rejected by Newgate": Rejected, "Awaiting Moonrise": Unknown, "Paid": Unknown, "Denied": Unknown} {
		if c := counted(t, visit("Bill Insurance", status, ""), nil); c.State != want {
			t.Errorf("%q is %s, want %s", status, c.State, want)
		}
	}
}

func TestContract_lineStatus(t *testing.T) {
	t.Parallel()
	for status, want := range lineStatuses {
		for _, written := range spellings(status) {
			if got, _ := said(Fold(written)); got != want {
				t.Errorf("line status %q is %s, want %s", written, got, want)
			}
			if c := counted(t, visit("Bill Insurance", written, ""), nil); c.State != want {
				t.Errorf("line status %q as a visit's is %s, want %s", written, c.State, want)
			}
		}
	}
}

func TestContract_billingStatus(t *testing.T) {
	t.Parallel()
	for status, want := range practiceStatuses {
		for _, written := range spellings(status) {
			if c := counted(t, visit(written, "", ""), nil); c.State != want {
				t.Errorf("billing_status %q is %s, want %s", written, c.State, want)
			}
			if status == "" {
				continue
			}
			// A practice may give each of them another meaning, whatever spelling it uses; an insurer's word stays above.
			o := NewOverrides(map[string]string{strings.ToUpper(status): string(NeedsInfo)})
			if c := counted(t, visit(written, "", ""), o); c.State != NeedsInfo {
				t.Errorf("billing_status %q overridden is %s", written, c.State)
			}
			if c := counted(t, visit(written, "Payer Acknowledged", ""), o); c.State != Pending {
				t.Errorf("billing_status %q overridden, with the insurer's word, is %s", written, c.State)
			}
		}
	}
	for _, state := range States {
		o := NewOverrides(map[string]string{"Sent to Test Attorney": string(state)})
		if c := counted(t, visit("sent to  test attorney", "", ""), o); c.State != state {
			t.Errorf("an override to %s gives %s", state, c.State)
		}
	}
}

// codes reads a list as the contract writes it: "4 to 16, 18, A5 to A8".
func codes(t *testing.T, list string) []string {
	t.Helper()
	var all []string
	for item := range strings.SplitSeq(list, ", ") {
		first, last, span := strings.Cut(item, " to ")
		letter := strings.TrimRight(first, "0123456789")
		if letter == "-" {
			letter = ""
		}
		from, err := strconv.Atoi(strings.TrimPrefix(first, letter))
		if err != nil {
			t.Fatalf("%q: %v", item, err)
		}
		to := from
		if span {
			if to, err = strconv.Atoi(strings.TrimPrefix(last, letter)); err != nil {
				t.Fatalf("%q: %v", item, err)
			}
		}
		for n := from; n <= to; n++ {
			all = append(all, letter+strconv.Itoa(n))
		}
	}
	return all
}

// Every documented adjustment reason is a denial or it is not.
func TestContract_adjustmentReason(t *testing.T) {
	t.Parallel()
	denials := codes(t, "4 to 16, 18 to 24, 26, 27, 29, 31 to 34, 39, 40, 49 to 51, 53 to 56, 58 to 61, 69, 70, 74 to 76, 78, 85, 87, "+
		"89 to 91, 94 to 97, 101, 102, 106 to 112, 114, 116, 117, 119, 121, 125, 129, 132 to 136, 138 to 140, 143, 146 to 154, "+
		"157 to 159, 162 to 177, 179 to 186, 188 to 195, 197 to 200, 202 to 204, 206 to 222, 224, 226 to 236, 242, 243, 251, 252, 254, "+
		"256 to 261, 267 to 277, 288, A0, A1, A5 to A8, B1, B4, B5, B7 to B16, B20, B22, B23, P1, P2, P4 to P11, P13, P14, P16 to P23, W1")
	others := codes(t, "-4 to 3, 35, 44, 45, 66, 100, 103 to 105, 115, 118, 122, 128, 130, 131, 137, 142, 144, 155, 160, 161, 178, 187, 201, "+
		"205, 223, 225, 237 to 241, 244 to 250, 253, 262 to 266, 279, 286, 287, 297, P3, P12, P15, W2 to W4, Y1 to Y3")
	all := codes(t, "-4 to 16, 18 to 24, 26, 27, 29, 31 to 35, 39, 40, 44, 45, 49 to 51, 53 to 56, 58 to 61, 66, 69, 70, 74 to 76, 78, 85, 87, "+
		"89 to 91, 94 to 97, 100 to 112, 114 to 119, 121, 122, 125, 128 to 140, 142 to 144, 146 to 155, 157 to 195, 197 to 254, "+
		"256 to 277, 279, 286 to 288, 297, A0, A1, A5 to A8, B1, B4, B5, B7 to B16, B20, B22, B23, P1 to P23, W1 to W4, Y1 to Y3")
	want := map[string]bool{}
	for _, code := range denials {
		want[code] = true
	}
	for _, code := range others {
		if want[code] {
			t.Errorf("%s is in both lists", code)
		}
		want[code] = false
	}
	if len(want) != len(all) || len(want) != len(denials)+len(others) {
		t.Errorf("%d denials and %d others are not the %d documented codes", len(denials), len(others), len(all))
	}
	for _, code := range all {
		denial, known := want[code]
		if got := IsDenialCARC(code); !known || got != denial || IsDenialCARC(" "+strings.ToLower(code)) != denial {
			t.Errorf("%s is a denial: %v, want %v (known: %v)", code, got, denial, known)
		}
	}
	if fmt.Sprint(codes(t, "-4 to -2, W1")) != "[-4 -3 -2 W1]" {
		t.Error("lists are read wrongly")
	}
}
