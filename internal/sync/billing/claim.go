package billing

import (
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"
)

// Visit is an appointment with what the rules need to know of its lines and postings.
type Visit struct {
	Appointment string
	Patient     *int64
	Doctor      *int64
	Scheduled   *time.Time // visit's date
	Break       bool
	Deleted     bool   // in DrChrono, or no longer there
	VisitStatus string // Appointment.status

	BillingStatus string    // what the practice wants done
	InsurerStatus [2]string // ins1_status, ins2_status
	Payer         [2]string
	PayerID       [2]string
	FirstBilled   *time.Time
	FirstEDI      *time.Time

	Lines Lines
}

// Lines is the sum of a visit's line items and of their postings.
type Lines struct {
	Count            int
	FirstService     *time.Time
	Flagged          int // lines with denied_flag
	Billed           decimal.Decimal
	Adjustment       decimal.Decimal
	InsurancePaid    decimal.Decimal // ins_total
	LevelPaid        [2]decimal.Decimal
	PatientPaid      decimal.Decimal
	BalanceInsurance decimal.Decimal
	BalancePatient   decimal.Decimal

	Postings []Posting
}

// Posting is what one payer level's transactions say of one line, summed per line and level.
type Posting struct {
	Level      int // 1, 2; 0: the transactions name none
	Billed     decimal.Decimal
	Flagged    bool // the line's denied_flag
	Denied     bool // a transaction with claim_status 4
	Paid       decimal.Decimal
	Reasons    []string        // adjustment reasons posted
	DenialCARC decimal.Decimal // adjusted under a denial CARC
}

// Claim is one visit at one payer level.
type Claim struct {
	Visit         *Visit
	Level         int
	Counts        bool // this level's state is the visit's
	State         State
	Reason        string // the rule that decided
	InsurerStatus string // raw, of this level
	DeniedLines   int
	DenialReasons []string
	PostedPaid    decimal.Decimal // sum of this level's postings
	PaidDiffers   bool            // lines and postings disagree by more than rounding
}

// ServiceDate is the first date of service of the lines, else the visit's.
func (v *Visit) ServiceDate() *time.Time {
	if v.Lines.FirstService != nil {
		return v.Lines.FirstService
	}
	return v.Scheduled
}

// SubmittedOn is the first day on which a claim was made or sent; nil before.
func (v *Visit) SubmittedOn() *time.Time {
	if v.FirstBilled != nil && (v.FirstEDI == nil || v.FirstBilled.Before(*v.FirstEDI)) {
		return v.FirstBilled
	}
	return v.FirstEDI
}

// Overrides is a practice's own billing statuses and the states they mean, by folded status.
type Overrides map[string]State

// NewOverrides reads a practice's map; names that are no states are left out, for the
// specification was checked before.
func NewOverrides(statuses map[string]string) Overrides {
	o := Overrides{}
	for status, name := range statuses {
		if state, ok := ParseState(name); ok {
			o[Fold(status)] = state
		}
	}
	return o
}

// Derive gives the visit's claims: none when it is not a claim, else one or two, of which exactly
// one counts.
func Derive(v *Visit, overrides Overrides) []Claim {
	if !billable(v) {
		return nil
	}
	level := countingLevel(v)
	ins1, ins2 := Fold(v.InsurerStatus[0]), Fold(v.InsurerStatus[1])
	var claims []Claim
	for _, l := range []struct {
		level  int
		exists bool
	}{
		{1, level == 1 || ins1 != ""},
		{2, level == 2 || ins2 != "" || Fold(v.BillingStatus) == billSecondary},
	} {
		if l.exists {
			claims = append(claims, claimAt(v, l.level, level, overrides))
		}
	}
	return claims
}

func claimAt(v *Visit, level, counting int, overrides Overrides) Claim {
	c := Claim{Visit: v, Level: level, Counts: level == counting, InsurerStatus: v.InsurerStatus[level-1]}
	denials(&c)
	paidAtLevel := decimal.Zero
	for _, p := range v.Lines.Postings {
		if p.Level == level {
			paidAtLevel = paidAtLevel.Add(p.Paid)
		}
	}
	c.PostedPaid = paidAtLevel
	c.PaidDiffers = paidAtLevel.Sub(v.Lines.LevelPaid[level-1]).Abs().GreaterThan(rounding)
	c.State, c.Reason = state(v, &c, overrides)
	return c
}

// rounding is the drift between totals that is not worth a word.
var rounding = decimal.RequireFromString("0.05")

// billable says whether the visit is a claim at all. DrChrono's own receivables also leave out
// no-shows with insurance lines; here they stay, for the practice did charge them.
func billable(v *Visit) bool { return !v.dropped() && v.Lines.Count > 0 }

// dropped says whether the visit is none, or did not take place.
func (v *Visit) dropped() bool {
	if v.Break || v.Deleted {
		return true
	}
	switch Fold(v.VisitStatus) {
	case "cancelled", "canceled", "rescheduled":
		return true
	}
	return false
}

const (
	billInsurance = "bill insurance"
	billSecondary = "bill secondary insurance"
	coordination  = "coordination of benefits"
	eraDenied     = "era denied"
	eraReceived   = "era received"
	partiallyPaid = "partially paid"
)

// countingLevel is the payer level whose state is the visit's.
func countingLevel(v *Visit) int {
	ins1, ins2, billing := Fold(v.InsurerStatus[0]), Fold(v.InsurerStatus[1]), Fold(v.BillingStatus)
	switch {
	case ins1 != "" && ins2 == "":
		return 1
	case billing == billSecondary, billing == billInsurance && ins1 == coordination:
		return 2
	default:
		return 1
	}
}

func state(v *Visit, c *Claim, overrides Overrides) (State, string) {
	ins1, ins2, billing := Fold(v.InsurerStatus[0]), Fold(v.InsurerStatus[1]), Fold(v.BillingStatus)
	status := Fold(c.InsurerStatus)
	// Billed again after a denial: what the insurer said is about the claim before.
	if c.Level == 1 && status == eraDenied && billing == billSecondary && ins2 == "" {
		return Queued, "rebilled to the secondary payer after a denial"
	}
	if status != "" {
		return insurerState(v, c, status)
	}
	if own, ok := overrides[billing]; ok && billing != "" {
		return own, "override of the practice"
	}
	if toInsurer[billing] {
		switch {
		case ins1 == "" && ins2 == "" && denied(v):
			return Queued, "rebilled after a denial"
		case c.Level == 2 && ins1 != "":
			// The dates are those of the primary payer's claim.
			return Queued, "secondary payer not billed yet"
		case v.SubmittedOn() != nil:
			return Submitted, "billed, no answer yet"
		default:
			return Queued, "waits for the daily batch"
		}
	}
	if own, ok := billingStates[billing]; ok {
		return own, "billing status"
	}
	return Unknown, "billing status without a rule"
}

// insurerState reads a status of clearinghouse or payer, given folded and not empty.
func insurerState(v *Visit, c *Claim, status string) (State, string) {
	settled := v.Lines.BalanceInsurance.IsZero()
	paid := v.Lines.InsurancePaid.IsPositive()
	switch status {
	case coordination:
		if c.Level == 1 {
			return AdjudicatedReview, "adjudicated, moved to the secondary payer"
		}
		return Pending, "insurer status"
	case partiallyPaid:
		if settled {
			return Paid, "partially paid, nothing open with the insurer"
		}
		return PartiallyPaid, "insurer status"
	case eraReceived:
		switch {
		case paid && settled:
			return Paid, "remittance: paid, nothing open with the insurer"
		case paid && v.Lines.BalanceInsurance.IsPositive():
			return PartiallyPaid, "remittance: paid in part"
		case v.Lines.InsurancePaid.IsZero() && c.DeniedLines > 0:
			return Denied, "remittance: nothing paid, lines denied"
		default:
			return AdjudicatedReview, "remittance needs a person"
		}
	}
	return said(status)
}

// said is what a status of clearinghouse or payer says by itself, before level and money are looked
// at. It is given folded. Lines have copies of it, with members of their own.
func said(status string) (State, string) {
	status = strings.ReplaceAll(status, "payor", "payer") // the source writes both
	if known, ok := insurerStates[status]; ok {
		return known, "insurer status"
	}
	switch {
	case strings.HasPrefix(status, "in process"):
		return Submitted, "insurer status of the kind \"in process\""
	case strings.HasPrefix(status, "rejected"):
		return Rejected, "insurer status of the kind \"rejected\""
	default:
		return Unknown, "insurer status without a rule"
	}
}

// insurerStates is the documented statuses and what each says by itself.
var insurerStates = map[string]State{
	"incomplete information":         NeedsInfo,
	"in process emdeon":              Submitted,
	"hcfa form faxed":                Submitted,
	"in process payer":               Pending,
	"payer acknowledged":             Pending,
	coordination:                     AdjudicatedReview,
	eraReceived:                      AdjudicatedReview,
	partiallyPaid:                    PartiallyPaid,
	"paid in full":                   Paid,
	"rejected emdeon":                Rejected,
	"rejected eps":                   Rejected,
	"rejected jopari":                Rejected,
	"rejected waystar professional":  Rejected,
	"rejected waystar institutional": Rejected,
	"rejected payer":                 Rejected,
	eraDenied:                        Denied,
}

// toInsurer is the billing statuses that ask for a claim.
var toInsurer = map[string]bool{
	billInsurance: true, billSecondary: true, "worker's comp claim": true,
	"auto accident claim": true, "durable medical equipment claim": true,
}

// billingStates is the other standard billing statuses.
var billingStates = map[string]State{
	"":                NotBilled,
	"internal review": OnHold,
	"balance due":     PatientBalance,
	"paid in full":    Paid,
	"settled":         Paid,
}

// denials counts the lines denied at the claim's level and collects why.
func denials(c *Claim) {
	byFlag := c.Visit.Lines.Flagged
	byPosting := 0
	reasons := map[string]bool{}
	for _, p := range c.Visit.Lines.Postings {
		if p.Level != 0 && p.Level != c.Level {
			continue
		}
		if !p.refused() {
			continue
		}
		if !p.Flagged { // flagged lines are counted already
			byPosting++
		}
		for _, reason := range p.Reasons {
			if IsDenialCARC(reason) {
				reasons[strings.ToUpper(strings.TrimSpace(reason))] = true
			}
		}
	}
	// A line can have one posting without and one with a level.
	c.DeniedLines = min(byFlag+byPosting, c.Visit.Lines.Count)
	c.DenialReasons = make([]string, 0, len(reasons))
	for reason := range reasons {
		c.DenialReasons = append(c.DenialReasons, reason)
	}
	slices.Sort(c.DenialReasons)
}

// denied says whether any line was denied at any level.
func denied(v *Visit) bool {
	return v.Lines.Flagged > 0 || slices.ContainsFunc(v.Lines.Postings, Posting.refused)
}

// refused says whether the line counts as denied: flagged, adjudicated as denied, or adjusted at its
// full price under a denial code with nothing paid.
func (p Posting) refused() bool {
	return p.Flagged || p.Denied ||
		(p.Paid.IsZero() && p.DenialCARC.IsPositive() && p.DenialCARC.GreaterThanOrEqual(p.Billed))
}
