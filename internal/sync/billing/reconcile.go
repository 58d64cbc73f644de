package billing

import (
	"slices"
	"strings"

	"github.com/shopspring/decimal"
)

// Reconcile compares what lines say of their money with their transactions and payments, and names
// each mismatch; none is fixed. Line totals are trusted for the present and sums of records for
// history, so neither is taken for the truth.
//
// Amounts that differ by no more than five cents agree; sums over a visit may differ by five cents a
// line. Of one cause one mismatch tells: what follows from it is left out. The mismatches come by visit,
// line and record, whatever the order of the books.
func Reconcile(b *Books, overrides Overrides) []Mismatch {
	r := reconciler{
		visits: make(map[string]*account, len(b.Visits)), lines: make(map[int64]*entry, len(b.Lines)),
		overrides: overrides, unallocated: map[int64][]*Payment{},
	}
	for _, v := range b.Visits {
		r.visits[v.Appointment] = &account{visit: v}
	}
	for i := range b.Lines {
		r.line(&b.Lines[i])
	}
	for i := range b.Transactions {
		r.transaction(&b.Transactions[i])
	}
	for i := range b.Payments {
		r.payment(&b.Payments[i])
	}
	for _, a := range r.visits {
		if a.visit.Deleted {
			continue // what names it is an orphan
		}
		for _, e := range a.lines {
			r.totals(e)
			r.postings(e)
			r.balances(e)
			r.duplicates(e.payments)
		}
		r.patientPaid(a)
		r.duplicates(a.payments)
		r.underpaid(a)
	}
	for _, payments := range r.unallocated {
		r.onAccount(payments)
		r.duplicates(payments)
	}
	slices.SortFunc(r.found, func(a, b Mismatch) int { return a.compare(&b) })
	return r.found
}

// account is one visit's part of the books.
type account struct {
	visit    *Visit
	lines    []*entry
	payments []*Payment // that name the visit but no line
}

// entry is one line's part.
type entry struct {
	*Line
	account      *account // nil: its visit is not there
	transactions []*Transaction
	payments     []*Payment
}

type reconciler struct {
	visits      map[string]*account
	lines       map[int64]*entry
	unallocated map[int64][]*Payment // by patient
	overrides   Overrides
	found       []Mismatch
}

func (r *reconciler) add(m Mismatch) { r.found = append(r.found, m) }

// line files a line under its visit, unless it is deleted.
func (r *reconciler) line(l *Line) {
	e := &entry{Line: l, account: r.visits[l.Appointment]}
	r.lines[l.ID] = e
	if e.account != nil && !l.Deleted {
		e.account.lines = append(e.account.lines, e)
	}
}

// Why a record has nowhere to go.
const (
	namesNoLine  = "names no line item"
	lineMissing  = "names a line item that is not there"
	lineDeleted  = "names a line item that was deleted"
	visitMissing = "belongs to a visit that is not there"
	visitDeleted = "belongs to a visit that was deleted"
)

// place finds the line that a record names; else it says why there is none.
func (r *reconciler) place(line int64) (e *entry, why string) {
	e = r.lines[line]
	switch {
	case line == 0:
		return nil, namesNoLine
	case e == nil:
		return nil, lineMissing
	case e.Deleted:
		return nil, lineDeleted
	case e.account == nil:
		return nil, visitMissing
	case e.account.visit.Deleted:
		return nil, visitDeleted
	default:
		return e, ""
	}
}

// transaction files a transaction under its line; its own visit counts for nothing, for it may be
// missing (5.3).
func (r *reconciler) transaction(t *Transaction) {
	e, why := r.place(t.Line)
	if why == "" {
		e.transactions = append(e.transactions, t)
		return
	}
	m := Mismatch{
		Reason: OrphanTransaction, Severity: Warning, Appointment: t.Appointment, Line: t.Line, Level: t.Level, Transaction: t.ID,
		Field: "ins_paid", Found: t.Paid, Text: "A posted transaction " + why + "; no line shows what it posted.",
	}
	if t.Paid.IsZero() && !t.Adjustment.IsZero() {
		m.Field, m.Found = "adjustment", t.Adjustment
	}
	if why == lineDeleted { // they go with the line, but the source says so only in a full read (5.9, 2.7)
		m.Severity = Info
	}
	r.add(m)
}

// payment files a payment under its line, else its visit, else its patient.
func (r *reconciler) payment(p *Payment) {
	var why string
	if p.Line != 0 {
		var e *entry
		if e, why = r.place(p.Line); why == "" {
			e.payments = append(e.payments, p)
			return
		}
	} else if p.Appointment == "" {
		r.unallocated[p.Patient] = append(r.unallocated[p.Patient], p)
		return
	} else {
		a := r.visits[p.Appointment]
		switch {
		case a == nil:
			why = visitMissing
		case a.visit.Deleted:
			why = visitDeleted
		default:
			a.payments = append(a.payments, p)
			return
		}
	}
	r.add(Mismatch{
		Reason: OrphanPayment, Severity: Fault, Appointment: p.Appointment, Line: p.Line, Payment: p.ID,
		Field: "amount", Found: p.net(), Text: "A payment of the patient " + why + "; no line shows the money.",
	})
}

// at starts a mismatch of a line.
func (e *entry) at(reason Reason, severity Severity, field string, expected, found decimal.Decimal, text string) Mismatch {
	return Mismatch{Reason: reason, Severity: severity, Appointment: e.Appointment, Line: e.ID, Field: field, Expected: expected, Found: found, Text: text}
}

// totals checks the identities of 5.2. When ins_total is off, paid_total may have been made of the
// total or of its parts.
func (r *reconciler) totals(e *entry) {
	drift := func(field string, expected, found decimal.Decimal, text string) {
		r.add(e.at(LineTotalDrift, Warning, field, expected, found, text))
	}
	if !e.consistent() {
		drift("ins_total", e.parts(), e.insurance(), "The line's insurance total is not the sum of what its payers paid.")
	}
	paid := e.insurance().Add(e.PatientPaid)
	if e.PaidTotal.Valid && !near(e.PaidTotal.Decimal, paid) && !near(e.PaidTotal.Decimal, e.parts().Add(e.PatientPaid)) {
		drift("paid_total", paid, e.PaidTotal.Decimal, "The line's paid total is not the sum of what insurance and patient paid.")
	}
	open := e.BalanceInsurance.Add(e.BalancePatient)
	if e.BalanceTotal.Valid && !near(e.BalanceTotal.Decimal, open) {
		drift("balance_total", open, e.BalanceTotal.Decimal, "The line's balance is not the sum of its insurance and patient balances.")
	}
}

var levelFields = [3]string{"ins1_paid", "ins2_paid", "ins3_paid"}

// postings compares the line with the sum of its transactions (5.3, 6.4 rule 7), per payer level when
// every payment names one and the line agrees with itself, else in total.
func (r *reconciler) postings(e *entry) {
	if len(e.transactions) == 0 {
		if paid := e.insurance(); !near(paid, decimal.Zero) && !near(e.parts(), decimal.Zero) {
			r.add(e.at(PaidWithoutPosting, Fault, "ins_total", paid, decimal.Zero, "The line shows a payment by insurance, but no transaction was posted on it."))
		}
		return
	}
	var levels [3]decimal.Decimal
	total, named := decimal.Zero, true
	for _, t := range e.transactions {
		total = total.Add(t.Paid)
		if t.Level >= 1 && t.Level <= len(levels) {
			levels[t.Level-1] = levels[t.Level-1].Add(t.Paid)
		} else if !t.Paid.IsZero() {
			named = false
		}
	}
	switch {
	case named && e.consistent():
		for i, posted := range levels {
			if !near(posted, e.Paid[i]) {
				m := e.at(PostingDrift, Fault, levelFields[i], e.Paid[i], posted, "What the line shows as paid by this payer is not the sum of the payer's transactions.")
				m.Level = i + 1
				r.add(m)
			}
		}
	case !near(total, e.insurance()) && !near(total, e.parts()):
		r.add(e.at(PostingDrift, Fault, "ins_total", e.insurance(), total, "What the line shows as paid by insurance is not the sum of its transactions."))
	}
	r.adjustments(e)
}

// adjustments compares what the line shows as adjusted off with its transactions. Which of them a line
// counts is known for some reasons only, so the line agrees when any reading of the others explains it.
func (r *reconciler) adjustments(e *entry) {
	certain, open := decimal.Zero, map[string]decimal.Decimal{}
	for _, t := range e.transactions {
		switch reason := strings.ToUpper(strings.TrimSpace(t.Reason)); writeOff(reason, t.Group) {
		case surely:
			certain = certain.Add(t.Adjustment)
		case perhaps:
			open[reason] = open[reason].Add(t.Adjustment)
		}
	}
	low, high := certain, certain
	for _, sum := range open {
		low, high = low.Add(decimal.Min(sum, decimal.Zero)), high.Add(decimal.Max(sum, decimal.Zero))
	}
	if low.Sub(e.Adjustment).GreaterThan(rounding) || e.Adjustment.Sub(high).GreaterThan(rounding) {
		r.add(e.at(PostingDrift, Info, "adjustment", e.Adjustment, certain, "What the line shows as adjusted off is not the sum of its transactions."))
	}
}

// weight is whether a line's adjustment holds a transaction's.
type weight int

const (
	never weight = iota
	perhaps
	surely
)

// writeOff says whether a line counts a transaction's adjustment as adjusted off (5.3). Payment rows
// and what the patient owes are not; denials, interest, sequestration and the source's own codes may be.
func writeOff(reason, group string) weight {
	switch {
	case reason == "-3", reason == "1", reason == "2", reason == "3":
		return never
	case reason == "", reason == "0", strings.HasPrefix(reason, "-"), reason == "225", reason == "253", Fold(group) == "pr", IsDenialCARC(reason):
		return perhaps
	default:
		return surely
	}
}

// balances looks for lines that got more than they could, and for balances below zero (5.2).
func (r *reconciler) balances(e *entry) {
	owed := e.Billed.Sub(e.Adjustment)
	// When the line disagrees with itself, the lesser sum decides.
	paid := decimal.Min(e.insurance(), e.parts()).Add(e.PatientPaid)
	if paid.IsPositive() && paid.Sub(owed).GreaterThan(rounding) {
		r.add(e.at(Overpaid, Warning, "paid_total", owed, paid, "The line was paid more than was charged and not adjusted off."))
		return // its negative balance follows
	}
	severity := Info // one side stands against the other, as with a copay taken before the payer answers
	if e.BalanceInsurance.Add(e.BalancePatient).Neg().GreaterThan(rounding) {
		severity = Warning
	}
	for _, side := range []struct {
		field  string
		amount decimal.Decimal
		text   string
	}{
		{"balance_ins", e.BalanceInsurance, "The line's balance with insurance is below zero, and payments do not explain it."},
		{"balance_pt", e.BalancePatient, "The line's balance with the patient is below zero, and payments do not explain it."},
	} {
		if side.amount.Neg().GreaterThan(rounding) {
			r.add(e.at(NegativeBalance, severity, side.field, decimal.Zero, side.amount, side.text))
		}
	}
}

// underpaid looks for visits that are paid in full by the practice's word, by the insurers', or by the
// status of a single line (6.3), and yet have a balance.
func (r *reconciler) underpaid(a *account) {
	v := a.visit
	if v.dropped() {
		return
	}
	insurance, patient := decimal.Zero, decimal.Zero
	for _, e := range a.lines {
		insurance, patient = insurance.Add(e.BalanceInsurance), patient.Add(e.BalancePatient)
	}
	tolerance := rounding.Mul(decimal.NewFromInt(int64(len(a.lines))))
	m := Mismatch{Reason: Underpaid, Severity: Warning, Appointment: v.Appointment}
	billing, ins2 := Fold(v.BillingStatus), Fold(v.InsurerStatus[1])
	closed, ok := r.overrides[billing]
	if !ok {
		closed = billingStates[billing]
	}
	if open := insurance.Add(patient); closed == Paid && open.GreaterThan(tolerance) {
		m.Field, m.Found, m.Text = "balance_total", open, "The practice closed the visit as paid, but a balance is left."
		r.add(m)
		return
	}
	if level := paidInFull(v); level != 0 && insurance.GreaterThan(tolerance) {
		m.Level, m.Field, m.Found, m.Text = level, "balance_ins", insurance, "The insurer's status is paid in full, but a balance with insurance is left."
		r.add(m)
		return
	}
	if ins2 != "" {
		return // a line's status may be the primary payer's, and its balance the secondary's
	}
	for _, e := range a.lines {
		if state, _ := said(Fold(e.Status)); state == Paid && e.BalanceInsurance.GreaterThan(rounding) {
			r.add(e.at(Underpaid, Warning, "balance_ins", decimal.Zero, e.BalanceInsurance, "The line's status is paid in full, but a balance with insurance is left."))
		}
	}
}

// paidInFull is the highest level whose payer paid in full while no other level has anything open; 0 if none.
func paidInFull(v *Visit) (level int) {
	for i, status := range v.InsurerStatus {
		status = Fold(status)
		switch state, _ := said(status); {
		case state == Paid:
			level = i + 1
		case status != "" && (i != 0 || status != coordination): // coordination: the primary is done
			return 0
		}
	}
	if level == 1 && Fold(v.BillingStatus) == billSecondary {
		return 0 // the rest goes to the secondary payer
	}
	return level
}
