package billing

import (
	"cmp"
	"fmt"

	"github.com/shopspring/decimal"
)

// Reason names a kind of mismatch. It is stored: a name is never given another meaning.
type Reason string

// The reasons. The sections are those of the contract's chapter on DrChrono's objects (5) and on
// claims (6).
const (
	UnallocatedPayment Reason = "unallocated_payment"  // 5.4: names neither line nor visit, or a visit that does not count it
	OrphanTransaction  Reason = "orphan_transaction"   // 5.3: its line, or its line's visit, is not there
	OrphanPayment      Reason = "orphan_payment"       // 5.4: the line or visit that it names is not there
	Overpaid           Reason = "overpaid"             // 5.2: a line got more than was charged and not adjusted off
	Underpaid          Reason = "underpaid"            // 6.3: paid in full by its status, with a balance left
	NegativeBalance    Reason = "negative_balance"     // 5.2: a balance below zero that no payment explains
	LineTotalDrift     Reason = "line_total_drift"     // 5.2: a line's total is not the sum of its parts
	PostingDrift       Reason = "posting_drift"        // 6.4 rule 7: a line's total is not the sum of its transactions
	PaymentDrift       Reason = "payment_drift"        // 6.4 rule 7: what lines got from the patient is not the sum of the payments
	PaidWithoutPosting Reason = "paid_without_posting" // 6.4 rule 7: a line was paid and no record says by what
	DuplicatePayment   Reason = "duplicate_payment"    // 5.4: same patient, target, amount, day and trace: only a suspicion
)

// Reasons is every Reason.
var Reasons = []Reason{
	UnallocatedPayment, OrphanTransaction, OrphanPayment, Overpaid, Underpaid, NegativeBalance, LineTotalDrift, PostingDrift,
	PaymentDrift, PaidWithoutPosting, DuplicatePayment,
}

// Severity says how much a mismatch asks for.
type Severity string

// The severities.
const (
	Info    Severity = "info"    // may be right: a suspicion, or something that passes by itself
	Warning Severity = "warning" // somebody has to look
	Fault   Severity = "fault"   // two records of the same money disagree
)

// Mismatch is one place where the books differ. Nothing is corrected because of it.
type Mismatch struct {
	Reason      Reason
	Severity    Severity
	Appointment string // "": none
	Line        int64  // 0: none, or the visit as a whole
	Level       int    // payer level; 0: none
	Transaction int64  // 0: none
	Payment     int64  // 0: none
	Repeats     int64  // the payment that this one seems to repeat; 0: none
	Field       string // the source's column whose value is Found or Expected
	Expected    decimal.Decimal
	Found       decimal.Decimal
	Text        string // what is wrong; the same for every mismatch of its kind, so it holds nobody's data
}

// Difference is Found less Expected. Over the mismatches of ins_total and ins1_paid to ins3_paid it
// sums to what all transactions paid less what all lines say that payers paid; likewise for pt_paid,
// amount and payments. LineTotalDrift, Overpaid, NegativeBalance, Underpaid and DuplicatePayment
// speak of other sums and take no part.
func (m *Mismatch) Difference() decimal.Decimal { return m.Found.Sub(m.Expected) }

// Key identifies the mismatch, the same in every run: all but its amounts, severity and text. No two of one
// Reconcile are equal.
func (m *Mismatch) Key() string {
	return fmt.Sprintf("%s/%s/%d/%d/%d/%d/%s", m.Reason, m.Appointment, m.Line, m.Level, m.Transaction, m.Payment, m.Field)
}

// compare puts what belongs together side by side.
func (m *Mismatch) compare(other *Mismatch) int {
	return cmp.Or(
		cmp.Compare(m.Appointment, other.Appointment),
		cmp.Compare(m.Line, other.Line),
		cmp.Compare(m.Transaction, other.Transaction),
		cmp.Compare(m.Payment, other.Payment),
		cmp.Compare(m.Reason, other.Reason),
		cmp.Compare(m.Level, other.Level),
		cmp.Compare(m.Field, other.Field),
	)
}
