package billing

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/feel-august/terraform-provider-august/internal/sandbox/clinic"
)

// object reads what the made-up practice serves.
type object clinic.Object

func (o object) text(field string) string {
	if o[field] == nil {
		return ""
	}
	return fmt.Sprint(o[field])
}

func (o object) id(field string) int64 {
	n, _ := strconv.ParseInt(o.text(field), 10, 64)
	return n
}

func (o object) money(field string) decimal.Decimal {
	d, _ := decimal.NewFromString(o.text(field))
	return d
}

// clinicBooks is a made-up practice's whole books.
func clinicBooks(c *clinic.Clinic) *Books {
	b := &Books{}
	for _, o := range c.All(clinic.Appointments) {
		o := object(o)
		b.Visits = append(b.Visits, &Visit{
			Appointment: o.text("id"), VisitStatus: o.text("status"), BillingStatus: o.text("billing_status"), Break: o["appt_is_break"] == true,
			Deleted: o["deleted_flag"] == true, InsurerStatus: [2]string{o.text("ins1_status"), o.text("ins2_status")},
		})
	}
	for _, o := range c.All(clinic.LineItems) {
		o := object(o)
		b.Lines = append(b.Lines, Line{
			ID: o.id("id"), Appointment: o.text("appointment"), Status: o.text("billing_status"), Billed: o.money("billed"), Adjustment: o.money("adjustment"),
			Paid:           [3]decimal.Decimal{o.money("ins1_paid"), o.money("ins2_paid"), o.money("ins3_paid")},
			InsuranceTotal: decimal.NewNullDecimal(o.money("ins_total")), PatientPaid: o.money("pt_paid"), PaidTotal: decimal.NewNullDecimal(o.money("paid_total")),
			BalanceInsurance: o.money("balance_ins"), BalancePatient: o.money("balance_pt"), BalanceTotal: decimal.NewNullDecimal(o.money("balance_total")),
		})
	}
	for _, o := range c.All(clinic.Transactions) {
		o := object(o)
		b.Transactions = append(b.Transactions, Transaction{
			ID: o.id("id"), Line: o.id("line_item"), Appointment: o.text("appointment"), Level: int(o.id("ins_name")), Paid: o.money("ins_paid"),
			Adjustment: o.money("adjustment"), Reason: o.text("adjustment_reason"), Group: o.text("adjustment_group_code"),
		})
	}
	for _, o := range c.All(clinic.PatientPayments) {
		o := object(o)
		b.Payments = append(b.Payments, Payment{
			ID: o.id("id"), Patient: o.id("patient"), Appointment: o.text("appointment"), Line: o.id("line_item"), Amount: o.money("amount"),
			Type: o.text("payment_transaction_type"), Day: o.text("received_date"), Trace: o.text("trace_number"),
		})
	}
	return b
}

// A practice that this room knows nothing of: its visits are paid, denied, reversed, refunded and
// coordinated in every documented way, and a few of its lines disagree with themselves.
func TestReconcile_clinic(t *testing.T) {
	t.Parallel()
	c := clinic.New(clinic.Size{Patients: 400, Today: time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)}, 7)
	b := clinicBooks(c)
	want := map[Reason]int{}
	for _, l := range b.Lines {
		if !l.parts().Equal(l.InsuranceTotal.Decimal) {
			want[LineTotalDrift]++
		}
	}
	onAccount := map[string]int{}
	for _, p := range b.Payments {
		if p.Line == 0 {
			want[UnallocatedPayment]++
			key := fmt.Sprint(p.Patient, p.Day, p.Trace)
			if onAccount[key]++; onAccount[key] > 1 {
				want[DuplicatePayment]++
			}
		}
	}
	found := Reconcile(b, nil)
	got := map[Reason]int{}
	for _, m := range found {
		got[m.Reason]++
	}
	t.Logf("%d visits, %d lines, %d transactions, %d payments: %v", len(b.Visits), len(b.Lines), len(b.Transactions), len(b.Payments), got)
	if fmt.Sprint(got) != fmt.Sprint(want) || want[LineTotalDrift] == 0 || want[UnallocatedPayment] == 0 {
		t.Errorf("found %v, want %v", got, want)
	}

	// A deleted line takes its transactions along, but leaves what the patient paid.
	var paid *Payment
	for i := range b.Payments {
		if p := &b.Payments[i]; p.Line != 0 && p.Amount.IsPositive() {
			paid = p
			break
		}
	}
	if err := c.Delete(clinic.LineItems, strconv.FormatInt(paid.Line, 10)); err != nil {
		t.Fatal(err)
	}
	after := Reconcile(clinicBooks(c), nil)
	orphans := 0
	for _, m := range after {
		if m.Reason == OrphanPayment && m.Line == paid.Line {
			orphans++
		}
	}
	if orphans == 0 || len(after) != len(found)+orphans {
		t.Errorf("%d orphans, %d mismatches after %d", orphans, len(after), len(found))
	}
}
