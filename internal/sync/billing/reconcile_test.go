package billing

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/shopspring/decimal"
)

func total(s string) decimal.NullDecimal { return decimal.NewNullDecimal(money(s)) }

// books is one visit that adds up: 150.00 charged, 50.00 adjusted off, 78.40 paid by the primary
// payer, 20.00 paid by the patient of whom 1.60 is still owed.
func books() *Books {
	return &Books{
		Visits: []*Visit{{Appointment: "7000001", BillingStatus: "Balance Due", InsurerStatus: [2]string{"ERA Received", ""}}},
		Lines: []Line{{
			ID: 11, Appointment: "7000001", Status: "ERA Received", Billed: money("150.00"), Adjustment: money("50.00"),
			Paid: [3]decimal.Decimal{money("78.40")}, InsuranceTotal: total("78.40"), PatientPaid: money("20.00"),
			PaidTotal: total("98.40"), BalancePatient: money("1.60"), BalanceTotal: total("1.60"),
		}},
		Transactions: []Transaction{
			{ID: 21, Line: 11, Appointment: "7000001", Level: 1, Paid: money("80.00"), Reason: "-3"},
			{ID: 22, Line: 11, Level: 1, Paid: money("-1.60"), Reason: "-3"},
			{ID: 23, Line: 11, Appointment: "7000001", Level: 1, Adjustment: money("50.00"), Reason: "45", Group: "CO"},
			{ID: 24, Line: 11, Appointment: "7000001", Level: 1, Adjustment: money("21.60"), Reason: "3", Group: "PR"},
		},
		Payments: []Payment{{ID: 31, Patient: 5000001, Appointment: "7000001", Line: 11, Amount: money("20.00"), Day: "2026-03-02"}},
	}
}

// words is what identifies the mismatches, with severity and amounts.
func words(found []Mismatch) string {
	var all []string
	for _, m := range found {
		w := string(m.Reason) + " " + string(m.Severity) + " " + m.Field
		for _, id := range []struct {
			name string
			id   int64
		}{{"line", m.Line}, {"level", int64(m.Level)}, {"transaction", m.Transaction}, {"payment", m.Payment}, {"repeats", m.Repeats}} {
			if id.id != 0 {
				w += fmt.Sprintf(" %s %d", id.name, id.id)
			}
		}
		all = append(all, w+" "+m.Expected.String()+" "+m.Found.String())
	}
	return strings.Join(all, "; ")
}

func TestReconcile(t *testing.T) {
	t.Parallel()
	pay := func(b *Books, amount, kind, trace string, line int64) *Payment {
		p := Payment{ID: 32 + int64(len(b.Payments)) - 1, Patient: 5000001, Line: line, Amount: money(amount), Type: kind, Trace: trace, Day: "2026-03-02"}
		if line != 0 {
			p.Appointment = "7000001"
		}
		b.Payments = append(b.Payments, p)
		return &b.Payments[len(b.Payments)-1]
	}
	post := func(b *Books, level int, paid, adjustment, reason, group string) *Transaction {
		b.Transactions = append(b.Transactions, Transaction{
			ID: 25 + int64(len(b.Transactions)) - 4, Line: 11, Level: level, Paid: money(paid), Adjustment: money(adjustment), Reason: reason, Group: group,
		})
		return &b.Transactions[len(b.Transactions)-1]
	}
	for name, test := range map[string]struct {
		change func(b *Books)
		want   string
	}{
		"adds up":               {func(*Books) {}, ""},
		"nothing":               {func(b *Books) { *b = Books{} }, ""},
		"a visit without lines": {func(b *Books) { b.Lines, b.Transactions, b.Payments = nil, nil, nil }, ""},

		// 5.4: unallocated payments.
		"on account":           {func(b *Books) { pay(b, "25", "COPAY", "", 0) }, "unallocated_payment info amount payment 32 0 25"},
		"on account, refunded": {func(b *Books) { pay(b, "25", "", "", 0); pay(b, "-25", "REF", "", 0) }, ""},
		"on account, refunded by a positive amount": {func(b *Books) { pay(b, "25", "", "", 0); pay(b, "25.00", "ref", "", 0) }, ""},
		"on account, corrected":                     {func(b *Books) { pay(b, "-25", "COR", "", 0); pay(b, "25", "", "", 0) }, ""},
		"on account twice, the second refunded": {func(b *Books) {
			pay(b, "25", "", "TESTCHK1", 0)
			pay(b, "25", "", "TESTCHK2", 0)
			pay(b, "-25", "REF", "", 0)
			slices.Reverse(b.Payments)
		}, "unallocated_payment info amount payment 33 0 25"},
		"on account, refunded in part": {func(b *Books) { pay(b, "25", "", "", 0); pay(b, "-5", "REF", "", 0) },
			"unallocated_payment info amount payment 32 0 25; unallocated_payment warning amount payment 33 0 -5"},
		"a correction upwards on account": {func(b *Books) { pay(b, "5", "COR", "", 0) }, "unallocated_payment info amount payment 32 0 5"},
		"on nobody's account": {func(b *Books) { pay(b, "25", "", "", 0).Patient = 0; pay(b, "-25", "REF", "", 0).Patient = 0 },
			"unallocated_payment warning amount payment 32 0 25; unallocated_payment warning amount payment 33 0 -25"},
		"another's refund": {func(b *Books) { pay(b, "25", "", "", 0); pay(b, "-25", "REF", "", 0).Patient = 5000002 },
			"unallocated_payment info amount payment 32 0 25; unallocated_payment warning amount payment 33 0 -25"},
		"on the visit, counted":     {func(b *Books) { b.Payments[0].Line = 0 }, ""},
		"on the visit, not counted": {func(b *Books) { pay(b, "10", "", "", 0).Appointment = "7000001" }, "unallocated_payment info amount payment 32 0 10"},
		"on the visit, refunded": {func(b *Books) {
			pay(b, "10", "", "", 0).Appointment = "7000001"
			pay(b, "-10", "REF", "", 0).Appointment = "7000001"
		}, ""},

		// 5.3: transactions without a line.
		"transaction of no line":        {func(b *Books) { post(b, 1, "7", "0", "-3", "").Line = 0 }, "orphan_transaction warning ins_paid level 1 transaction 25 0 7"},
		"transaction of a missing line": {func(b *Books) { post(b, 2, "7", "0", "-3", "").Line = 12 }, "orphan_transaction warning ins_paid line 12 level 2 transaction 25 0 7"},
		"adjustment of a missing line":  {func(b *Books) { post(b, 1, "0", "7", "45", "CO").Line = 12 }, "orphan_transaction warning adjustment line 12 level 1 transaction 25 0 7"},
		"transaction of a deleted line": {func(b *Books) {
			b.Lines = append(b.Lines, Line{ID: 12, Appointment: "7000001", Deleted: true, Billed: money("50"), Paid: [3]decimal.Decimal{money("7")}})
			post(b, 1, "7", "0", "-3", "").Line = 12
		}, "orphan_transaction info ins_paid line 12 level 1 transaction 25 0 7"},
		"transaction of an unknown visit": {func(b *Books) {
			b.Lines = append(b.Lines, Line{ID: 12, Appointment: "7000009"})
			post(b, 1, "7", "0", "-3", "").Line = 12
		}, "orphan_transaction warning ins_paid line 12 level 1 transaction 25 0 7"},
		"a deleted visit": {func(b *Books) { b.Visits[0].Deleted, b.Transactions, b.Payments = true, b.Transactions[:1], nil },
			"orphan_transaction warning ins_paid line 11 level 1 transaction 21 0 80"},
		"transaction that names another visit": {func(b *Books) { b.Transactions[0].Appointment = "7000009" }, ""},

		// 5.4: payments without a line.
		"payment on a missing line": {func(b *Books) { pay(b, "7", "", "", 12) }, "orphan_payment fault amount line 12 payment 32 0 7"},
		"payment on a deleted line": {func(b *Books) {
			b.Lines = append(b.Lines, Line{ID: 12, Appointment: "7000001", Deleted: true})
			pay(b, "7", "", "", 12)
		}, "orphan_payment fault amount line 12 payment 32 0 7"},
		"payment on a missing visit": {func(b *Books) { pay(b, "7", "", "", 0).Appointment = "7000009" }, "orphan_payment fault amount payment 32 0 7"},
		"payment on a deleted visit": {func(b *Books) {
			b.Visits = append(b.Visits, &Visit{Appointment: "7000009", Deleted: true})
			pay(b, "7", "", "", 0).Appointment = "7000009"
		}, "orphan_payment fault amount payment 32 0 7"},

		// 5.2: more than was owed, and balances below zero.
		"overpaid by the payer": {func(b *Books) {
			l := &b.Lines[0]
			l.Paid[0], l.InsuranceTotal, l.PaidTotal = money("98.40"), total("98.40"), total("118.40")
			l.BalancePatient, l.BalanceTotal = money("-18.40"), total("-18.40")
			post(b, 1, "20", "0", "-3", "")
		}, "overpaid warning paid_total line 11 100 118.4"},
		"paid without a charge": {func(b *Books) {
			l := &b.Lines[0]
			l.Billed, l.Adjustment, b.Transactions[2].Adjustment = decimal.Zero, decimal.Zero, decimal.Zero
			l.BalancePatient, l.BalanceTotal = money("-98.40"), total("-98.40")
		}, "overpaid warning paid_total line 11 0 98.4"},
		"adjusted by more than the charge, nothing paid": {func(b *Books) {
			l := &b.Lines[0]
			*l = Line{ID: 11, Appointment: "7000001", Billed: money("40"), Adjustment: money("50")}
			b.Transactions, b.Payments = b.Transactions[2:], nil
		}, ""},
		"cents too much": {func(b *Books) { b.Lines[0].Billed = money("148.35") }, ""},
		"balance below zero": {func(b *Books) { b.Lines[0].BalanceInsurance, b.Lines[0].BalanceTotal = money("-5"), total("-3.40") },
			"negative_balance warning balance_ins line 11 0 -5"},
		"one side below zero": {func(b *Books) {
			b.Lines[0].BalanceInsurance, b.Lines[0].BalancePatient = money("26.60"), money("-25")
		}, "negative_balance info balance_pt line 11 0 -25"},
		"cents below zero": {func(b *Books) { b.Lines[0].BalancePatient, b.Lines[0].BalanceTotal = money("-0.05"), total("-0.05") }, ""},

		// 6.3: paid in full, and yet a balance.
		"closed by the practice":          {func(b *Books) { b.Visits[0].BillingStatus = "Paid  in FULL" }, "underpaid warning balance_total 0 1.6"},
		"settled by the practice":         {func(b *Books) { b.Visits[0].BillingStatus = "Settled" }, "underpaid warning balance_total 0 1.6"},
		"closed by an override":           {func(b *Books) { b.Visits[0].BillingStatus = "Closed by Test" }, "underpaid warning balance_total 0 1.6"},
		"an override that does not close": {func(b *Books) { b.Visits[0].BillingStatus = "Payment Plan" }, ""},
		"closed, cents left": {func(b *Books) {
			b.Visits[0].BillingStatus, b.Lines[0].BalancePatient, b.Lines[0].BalanceTotal = "Paid In Full", money("0.05"), total("0.05")
		}, ""},
		"closed, but cancelled":      {func(b *Books) { b.Visits[0].BillingStatus, b.Visits[0].VisitStatus = "Paid In Full", "Cancelled" }, ""},
		"insurer done, patient owes": {func(b *Books) { b.Visits[0].InsurerStatus[0], b.Lines[0].Status = "Paid in Full", "Paid in Full" }, ""},
		"insurer's word":             {func(b *Books) { b.Visits[0].InsurerStatus[0] = "Paid in Full"; owes(b) }, "underpaid warning balance_ins level 1 0 30"},
		"secondary insurer's word": {func(b *Books) {
			b.Visits[0].InsurerStatus = [2]string{"Coordination of Benefits", "Paid in Full"}
			owes(b)
		},
			"underpaid warning balance_ins level 2 0 30"},
		"primary done, secondary open": {func(b *Books) { b.Visits[0].InsurerStatus = [2]string{"Paid in Full", "Payer Acknowledged"}; owes(b) }, ""},
		"primary done, secondary next": {func(b *Books) {
			b.Visits[0].InsurerStatus[0], b.Visits[0].BillingStatus = "Paid in Full", "Bill Secondary Insurance"
			owes(b)
		}, ""},
		"line's word, secondary open": {func(b *Books) {
			b.Visits[0].InsurerStatus, b.Lines[0].Status = [2]string{"Paid in Full", "In Process Payer"}, "Paid in Full"
			owes(b)
		}, ""},
		"line's word": {func(b *Books) { b.Lines[0].Status = "Paid in Full"; owes(b) }, "underpaid warning balance_ins line 11 0 30"},

		// 5.2: the line's own identities.
		"insurance total":          {func(b *Books) { b.Lines[0].InsuranceTotal = total("77.40") }, "line_total_drift warning ins_total line 11 78.4 77.4"},
		"insurance and paid total": {func(b *Books) { b.Lines[0].InsuranceTotal, b.Lines[0].PaidTotal = total("77.40"), total("97.40") }, "line_total_drift warning ins_total line 11 78.4 77.4"},
		"a payer's part":           {func(b *Books) { b.Lines[0].Paid[0] = money("79.40") }, "line_total_drift warning ins_total line 11 79.4 78.4"},
		"paid total":               {func(b *Books) { b.Lines[0].PaidTotal = total("99") }, "line_total_drift warning paid_total line 11 98.4 99"},
		"balance total":            {func(b *Books) { b.Lines[0].BalanceTotal = total("0") }, "line_total_drift warning balance_total line 11 1.6 0"},
		"cents": {func(b *Books) {
			b.Lines[0].InsuranceTotal, b.Lines[0].PaidTotal, b.Lines[0].BalanceTotal = total("78.45"), total("98.50"), total("1.55")
		}, ""},
		"total without parts, nothing posted": {func(b *Books) { b.Lines[0].Paid[0], b.Transactions = decimal.Zero, nil }, "line_total_drift warning ins_total line 11 0 78.4"},
		"no totals": {func(b *Books) {
			l := &b.Lines[0]
			l.InsuranceTotal, l.PaidTotal, l.BalanceTotal = decimal.NullDecimal{}, decimal.NullDecimal{}, decimal.NullDecimal{}
		}, ""},
		"total and postings disagree": {func(b *Books) { b.Lines[0].InsuranceTotal, b.Transactions[0].Paid = total("90"), money("70") },
			"line_total_drift warning ins_total line 11 78.4 90; posting_drift fault ins_total line 11 90 68.4"},

		// 6.4 rule 7: lines and transactions.
		"posted less":       {func(b *Books) { b.Transactions[0].Paid = money("75") }, "posting_drift fault ins1_paid line 11 level 1 78.4 73.4"},
		"posted cents more": {func(b *Books) { b.Transactions[0].Paid = money("80.05") }, ""},
		"posted to another level": {func(b *Books) { b.Transactions[0].Level, b.Transactions[1].Level = 2, 2 },
			"posting_drift fault ins1_paid line 11 level 1 78.4 0; posting_drift fault ins2_paid line 11 level 2 0 78.4"},
		"posted to no level":                {func(b *Books) { b.Transactions[0].Level = 0 }, ""},
		"posted to no level, less":          {func(b *Books) { b.Transactions[0].Level, b.Transactions[0].Paid = 0, money("70") }, "posting_drift fault ins_total line 11 78.4 68.4"},
		"reversed":                          {func(b *Books) { post(b, 1, "-78.40", "0", "-3", "") }, "posting_drift fault ins1_paid line 11 level 1 78.4 0"},
		"reversed and paid anew":            {func(b *Books) { post(b, 1, "-78.40", "0", "-3", ""); post(b, 1, "78.40", "0", "-3", "") }, ""},
		"adjusted more":                     {func(b *Books) { post(b, 1, "0", "9", "45", "CO") }, "posting_drift info adjustment line 11 50 59"},
		"adjusted less":                     {func(b *Books) { b.Transactions[2].Adjustment = money("40") }, "posting_drift info adjustment line 11 50 40"},
		"adjustment under a denial code":    {func(b *Books) { post(b, 1, "0", "150", "97", "CO") }, ""},
		"sequestration, counted or not":     {func(b *Books) { b.Transactions[2].Adjustment = money("48"); post(b, 1, "0", "2", "253", "CO") }, ""},
		"sequestration, not counted":        {func(b *Books) { post(b, 1, "0", "2", "253", "CO") }, ""},
		"patient's part under another code": {func(b *Books) { post(b, 1, "0", "9", "45", "PR") }, ""},
		"no posting at all":                 {func(b *Books) { b.Transactions = nil }, "paid_without_posting fault ins_total line 11 78.4 0"},

		// 6.4 rule 7: lines and patient payments.
		"patient paid more":      {func(b *Books) { pay(b, "5", "", "", 11) }, "payment_drift fault pt_paid line 11 20 25"},
		"refunded, not shown":    {func(b *Books) { pay(b, "-20", "REF", "", 11) }, "payment_drift fault pt_paid line 11 20 0"},
		"refunded and paid anew": {func(b *Books) { pay(b, "-20", "REF", "", 11); pay(b, "20", "", "", 11) }, ""},
		"corrected":              {func(b *Books) { b.Payments[0].Amount = money("23"); pay(b, "-3", "COR", "", 11) }, ""},
		"no payment at all":      {func(b *Books) { b.Payments = nil }, "paid_without_posting fault pt_paid line 11 20 0"},
		"visit's payments differ": {func(b *Books) { pay(b, "10", "", "", 0).Appointment = "7000001"; b.Payments[0].Amount = money("15") },
			"payment_drift fault pt_paid 20 25"},

		// 5.4: payments that look doubled.
		"twice on account": {func(b *Books) { pay(b, "25", "", "", 0); pay(b, "25.0", "", " ", 0) },
			"unallocated_payment info amount payment 32 0 25; duplicate_payment info amount payment 33 repeats 32 0 25; unallocated_payment info amount payment 33 0 25"},
		"twice on the line": {func(b *Books) { halves(b) }, "duplicate_payment info amount line 11 payment 32 repeats 31 0 10"},
		"thrice, one refunded": {func(b *Books) { halves(b); pay(b, "10", "", "", 11); pay(b, "-10", "REF", "", 11) },
			"duplicate_payment info amount line 11 payment 32 repeats 31 0 10"},
		"twice, refunded": {func(b *Books) { pay(b, "20", "", "", 11); pay(b, "-20", "REF", "", 11) }, ""},
		"another day":     {func(b *Books) { halves(b); b.Payments[1].Day = "2026-03-03" }, ""},
		"another trace":   {func(b *Books) { halves(b); b.Payments[1].Trace = "TESTCHK1" }, ""},
		"another patient": {func(b *Books) { halves(b); b.Payments[1].Patient = 5000002 }, ""},
		"nobody":          {func(b *Books) { halves(b); b.Payments[0].Patient, b.Payments[1].Patient = 0, 0 }, ""},
	} {
		b := books()
		test.change(b)
		o := NewOverrides(map[string]string{"Closed by TEST": "paid", "Payment Plan": "patient_balance"})
		if got := words(Reconcile(b, o)); got != test.want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, test.want)
		}
	}
}

// owes leaves 30.00 open with insurance.
func owes(b *Books) {
	l := &b.Lines[0]
	l.Billed, l.BalanceInsurance, l.BalanceTotal = money("180"), money("30"), total("31.60")
}

// halves makes of the patient's payment two of 10.00.
func halves(b *Books) {
	b.Payments[0].Amount = money("10")
	second := b.Payments[0]
	second.ID = 32
	b.Payments = append(b.Payments, second)
}

// A practice may override a closing status to something that does not close.
func TestReconcile_overridden(t *testing.T) {
	t.Parallel()
	b := books()
	b.Visits[0].BillingStatus = "Settled"
	if got := Reconcile(b, NewOverrides(map[string]string{"settled": "on_hold"})); len(got) != 0 {
		t.Errorf("found %s", words(got))
	}
}

// A line without totals is only compared with its parts, and nothing of a record's own reaches a text.
func TestMismatch_text(t *testing.T) {
	t.Parallel()
	b := books()
	b.Visits[0].BillingStatus = "Paid In Full"
	b.Lines[0].PaidTotal = total("1234.56")
	b.Transactions[0].Paid = money("1")
	b.Payments = append(b.Payments, Payment{ID: 41, Patient: 5000001, Line: 99, Amount: money("3"), Trace: "TESTCHK9"}, Payment{ID: 42, Amount: money("3")})
	found := Reconcile(b, nil)
	if len(found) != 5 {
		t.Fatalf("found %s", words(found))
	}
	for _, m := range found {
		if m.Text == "" || strings.ContainsAny(m.Text, "0123456789") || !strings.HasSuffix(m.Text, ".") || !slices.Contains(Reasons, m.Reason) {
			t.Errorf("%s says %q", m.Reason, m.Text)
		}
	}
}
