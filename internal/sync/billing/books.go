package billing

import (
	"github.com/shopspring/decimal"
)

// Books is what Reconcile compares: visits, and the three sets of records that tell of their money.
//
// Books are closed: whatever line a transaction or payment names, and whatever visit a line or payment
// names, is in the books if it is there at all; with a visit come all its lines, with a line all its
// transactions and payments, and with an unallocated payment the patient's other unallocated ones. Books
// cut along these lines give together the mismatches of the whole, which is how they are streamed.
// An id occurs once among the records of its kind.
type Books struct {
	Visits       []*Visit // their Lines are not looked at
	Lines        []Line
	Transactions []Transaction
	Payments     []Payment
}

// Line is a line item. A null amount is zero, but a null total is no statement.
type Line struct {
	ID               int64
	Appointment      string // "": none
	Deleted          bool   // or no longer there
	Status           string // the line's copy of the claim status
	Billed           decimal.Decimal
	Adjustment       decimal.Decimal
	Paid             [3]decimal.Decimal // ins1_paid, ins2_paid, ins3_paid
	InsuranceTotal   decimal.NullDecimal
	PatientPaid      decimal.Decimal
	PaidTotal        decimal.NullDecimal
	BalanceInsurance decimal.Decimal
	BalancePatient   decimal.Decimal
	BalanceTotal     decimal.NullDecimal
}

// parts is what the payers paid by the line's three columns.
func (l *Line) parts() decimal.Decimal { return decimal.Sum(l.Paid[0], l.Paid[1], l.Paid[2]) }

// insurance is what the payers paid by the line's total.
func (l *Line) insurance() decimal.Decimal {
	if l.InsuranceTotal.Valid {
		return l.InsuranceTotal.Decimal
	}
	return l.parts()
}

// consistent says whether the line's three columns add up to its total.
func (l *Line) consistent() bool { return near(l.insurance(), l.parts()) }

// Transaction is one posting of a remittance. Amounts carry their sign: a reversal (claim_status 22) is
// negative, so sums need no status.
type Transaction struct {
	ID          int64
	Line        int64  // 0: none
	Appointment string // may be missing although the line has one
	Level       int    // ins_name; 0: none
	Paid        decimal.Decimal
	Adjustment  decimal.Decimal
	Reason      string // adjustment_reason
	Group       string // adjustment_group_code
}

// Payment is one payment by a patient, or money given back.
type Payment struct {
	ID          int64
	Patient     int64  // 0: none
	Appointment string // "": not allocated
	Line        int64  // 0: not allocated to a line
	Amount      decimal.Decimal
	Type        string // payment_transaction_type
	Day         string // received, else posted: 2026-03-01
	Trace       string
}

// net is the amount with its sign. A refund is money out however it is written; a correction is as it
// is written.
func (p *Payment) net() decimal.Decimal {
	if Fold(p.Type) == "ref" {
		return p.Amount.Abs().Neg()
	}
	return p.Amount
}

// takesBack says whether the record undoes a payment: a refund, or a correction downwards.
func (p *Payment) takesBack() bool { return p.net().IsNegative() }

// near says whether two amounts differ by no more than rounding.
func near(a, b decimal.Decimal) bool { return within(a, b, 1) }

// within is near for sums of so many lines.
func within(a, b decimal.Decimal, lines int) bool {
	return !a.Sub(b).Abs().GreaterThan(rounding.Mul(decimal.NewFromInt(int64(max(1, lines)))))
}
