package billing

import (
	"cmp"
	"slices"

	"github.com/shopspring/decimal"
)

const (
	notAllocated = "A payment of the patient is not allocated to a visit."
	notOnLine    = "A payment of the patient is allocated to a visit, but none of its lines shows it."
	refundOpen   = "A refund or correction on the patient's account has no payment that it takes back."
)

// patientPaid compares what lines show as paid by the patient with the payments (5.4, 6.4 rule 7).
// Whether lines count a payment that names only their visit is not documented: if the visit adds up
// with such payments they do, and if it adds up without them they do not.
func (r *reconciler) patientPaid(a *account) {
	if len(a.payments) == 0 {
		for _, e := range a.lines {
			r.linePaid(e)
		}
		return
	}
	shown, onLines := decimal.Zero, decimal.Zero
	for _, e := range a.lines {
		shown, onLines = shown.Add(e.PatientPaid), onLines.Add(sum(e.payments))
	}
	all := onLines.Add(sum(a.payments))
	switch n := len(a.lines); {
	case within(shown, all, n):
	case within(shown, onLines, n):
		for _, p := range unrefunded(a.payments) {
			r.add(unallocated(p, Info, notOnLine))
		}
	default:
		r.add(Mismatch{
			Reason: PaymentDrift, Severity: Fault, Appointment: a.visit.Appointment, Field: "pt_paid", Expected: shown, Found: all,
			Text: "What the visit's lines show as paid by the patient is not the sum of the payments.",
		})
	}
}

func (r *reconciler) linePaid(e *entry) {
	paid := sum(e.payments)
	switch {
	case near(paid, e.PatientPaid):
	case len(e.payments) == 0:
		r.add(e.at(PaidWithoutPosting, Fault, "pt_paid", e.PatientPaid, decimal.Zero, "The line shows a payment by the patient, but there is none."))
	default:
		r.add(e.at(PaymentDrift, Fault, "pt_paid", e.PatientPaid, paid, "What the line shows as paid by the patient is not the sum of the payments."))
	}
}

// onAccount names the unallocated payments of one patient (5.4) but those that were given back.
func (r *reconciler) onAccount(payments []*Payment) {
	if payments[0].Patient == 0 {
		for _, p := range payments {
			r.add(unallocated(p, Warning, notAllocated))
		}
		return
	}
	for _, p := range unrefunded(payments) {
		if p.takesBack() {
			r.add(unallocated(p, Warning, refundOpen))
		} else {
			r.add(unallocated(p, Info, notAllocated))
		}
	}
}

func unallocated(p *Payment, severity Severity, text string) Mismatch {
	return Mismatch{
		Reason: UnallocatedPayment, Severity: severity, Appointment: p.Appointment, Payment: p.ID, Field: "amount", Found: p.net(), Text: text,
	}
}

func sum(payments []*Payment) decimal.Decimal {
	total := decimal.Zero
	for _, p := range payments {
		total = total.Add(p.net())
	}
	return total
}

// unrefunded leaves out pairs of a payment and what takes exactly it back. The earliest id goes first.
func unrefunded(payments []*Payment) []*Payment {
	payments = slices.Clone(payments)
	byID(payments)
	back := map[string][]*Payment{}
	for _, p := range payments {
		if p.takesBack() {
			amount := p.net().Neg().String()
			back[amount] = append(back[amount], p)
		}
	}
	gone := map[*Payment]bool{}
	for _, p := range payments {
		amount := p.net().String()
		if refunds := back[amount]; len(refunds) > 0 {
			gone[p], gone[refunds[0]] = true, true
			back[amount] = refunds[1:]
		}
	}
	return slices.DeleteFunc(payments, func(p *Payment) bool { return gone[p] })
}

// duplicates suspects payments of one target, a line, a visit or a patient's account, that repeat another: same
// patient, amount, day and trace. What was given back since is no longer one too many. Payments on
// different lines are none: a check often pays several lines of one price.
func (r *reconciler) duplicates(payments []*Payment) {
	type key struct {
		patient            int64
		amount, day, trace string
	}
	type price struct {
		patient int64
		amount  string
	}
	payments = slices.Clone(payments)
	byID(payments)
	first, surplus, back := map[key]*Payment{}, map[price][][2]*Payment{}, map[price]int{}
	for _, p := range payments {
		if p.Patient == 0 {
			continue
		}
		if p.takesBack() {
			back[price{p.Patient, p.net().Neg().String()}]++
			continue
		}
		k := key{p.Patient, p.net().String(), p.Day, Fold(p.Trace)}
		if original := first[k]; original == nil {
			first[k] = p
		} else {
			at := price{p.Patient, k.amount}
			surplus[at] = append(surplus[at], [2]*Payment{p, original})
		}
	}
	for at, pairs := range surplus {
		for _, pair := range pairs[:max(0, len(pairs)-back[at])] {
			p := pair[0]
			r.add(Mismatch{
				Reason: DuplicatePayment, Severity: Info, Appointment: p.Appointment, Line: p.Line, Payment: p.ID, Repeats: pair[1].ID,
				Field: "amount", Found: p.net(), Text: "A payment repeats another one: same patient, amount, day and trace number. It may still be right.",
			})
		}
	}
}

func byID(payments []*Payment) {
	slices.SortFunc(payments, func(a, b *Payment) int { return cmp.Compare(a.ID, b.ID) })
}
