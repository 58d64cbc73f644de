package billing

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"testing"

	"github.com/shopspring/decimal"
	"pgregory.net/rapid"
)

func cents(n int64) decimal.Decimal { return decimal.New(n, -2) }

// practice makes books that add up to the cent: every amount on a line is the sum of records.
type practice struct {
	*Books
	t    *rapid.T
	id   int64
	unit int64 // of every amount, in cents
}

func (p *practice) next() int64 { p.id++; return p.id }

func (p *practice) amount(name string, most int64) decimal.Decimal {
	return cents(rapid.Int64Range(0, most/p.unit).Draw(p.t, name) * p.unit)
}

// consistentBooks have at least one visit with a line that payer and patient paid something of, and
// on which both still owe.
func consistentBooks(t *rapid.T, unit int64) *practice {
	p := &practice{Books: &Books{}, t: t, unit: unit}
	for i := range rapid.IntRange(1, 3).Draw(t, "visits") {
		v := &Visit{Appointment: strconv.Itoa(7000001 + i), BillingStatus: "Bill Insurance", InsurerStatus: [2]string{"Partially Paid", ""}}
		if i > 0 {
			v.BillingStatus = rapid.SampledFrom([]string{"", "Bill Insurance", "Balance Due", "Internal Review", "Payment Plan"}).Draw(t, "billing")
			v.InsurerStatus[0] = rapid.SampledFrom([]string{"", "ERA Received", "ERA Denied", "Payer Acknowledged"}).Draw(t, "ins1")
		}
		p.Visits = append(p.Visits, v)
		for range rapid.IntRange(1, 3).Draw(t, "lines") {
			p.line(v)
		}
	}
	if rapid.Bool().Draw(t, "refunded on account") {
		amount := p.amount("on account", 5000).Add(cents(100))
		p.Payments = append(p.Payments, Payment{ID: p.next(), Patient: 1, Amount: amount}, Payment{ID: p.next(), Patient: 1, Amount: amount.Neg(), Type: "REF"})
	}
	return p
}

func (p *practice) line(v *Visit) {
	l := Line{ID: p.next(), Appointment: v.Appointment, Status: v.InsurerStatus[0]}
	post := func(level int, paid, adjusted decimal.Decimal, reason, group string) {
		p.Transactions = append(p.Transactions, Transaction{
			ID: p.next(), Line: l.ID, Appointment: rapid.SampledFrom([]string{"", v.Appointment}).Draw(p.t, "own visit"),
			Level: level, Paid: paid, Adjustment: adjusted, Reason: reason, Group: group,
		})
	}
	paid := decimal.Zero
	for i := range rapid.IntRange(1, 3).Draw(p.t, "payers") {
		l.Paid[i] = p.amount("paid", 20000).Add(cents(1000))
		if rapid.Bool().Draw(p.t, "reversed") {
			post(i+1, l.Paid[i], decimal.Zero, "-3", "")
			post(i+1, l.Paid[i].Neg(), decimal.Zero, "-3", "")
		}
		first := p.amount("first part", 1000)
		post(i+1, first, decimal.Zero, "-3", "")
		post(i+1, l.Paid[i].Sub(first), decimal.Zero, "-3", "")
		paid = paid.Add(l.Paid[i])
	}
	l.Adjustment = p.amount("adjusted", 9000)
	post(1, decimal.Zero, l.Adjustment, "45", "CO")
	post(1, decimal.Zero, p.amount("copay", 3000), "3", "PR")
	post(2, decimal.Zero, p.amount("denied", 3000), "97", "CO")
	l.PatientPaid = p.amount("patient", 3000).Add(cents(1000))
	pay := func(amount decimal.Decimal, kind string) {
		p.Payments = append(p.Payments, Payment{ID: p.next(), Patient: 1, Appointment: v.Appointment, Line: l.ID, Amount: amount, Type: kind})
	}
	pay(l.PatientPaid, "")
	if rapid.Bool().Draw(p.t, "paid twice") {
		pay(l.PatientPaid, "")
		pay(l.PatientPaid.Neg(), rapid.SampledFrom([]string{"REF", "COR"}).Draw(p.t, "back"))
	}
	l.BalanceInsurance = p.amount("open", 9000).Add(cents(5000))
	l.BalancePatient = p.amount("owed", 9000).Add(cents(5000))
	l.InsuranceTotal = decimal.NewNullDecimal(paid)
	l.PaidTotal = decimal.NewNullDecimal(paid.Add(l.PatientPaid))
	l.BalanceTotal = decimal.NewNullDecimal(l.BalanceInsurance.Add(l.BalancePatient))
	l.Billed = decimal.Sum(l.Adjustment, l.PaidTotal.Decimal, l.BalanceTotal.Decimal)
	p.Lines = append(p.Lines, l)
}

// defects change books in one way and say which reason must come of it. Amounts are a dollar or more.
var defects = map[string]func(p *practice) Reason{
	"unallocated": func(p *practice) Reason {
		p.Payments = append(p.Payments, Payment{ID: p.next(), Patient: 2, Amount: p.amount("amount", 5000).Add(cents(100))})
		return UnallocatedPayment
	},
	"orphan transaction": func(p *practice) Reason {
		p.Transactions = append(p.Transactions, Transaction{ID: p.next(), Line: 999999, Level: 1, Paid: p.amount("amount", 5000)})
		return OrphanTransaction
	},
	"orphan payment": func(p *practice) Reason {
		p.Payments = append(p.Payments, Payment{ID: p.next(), Patient: 1, Appointment: "7999999", Amount: cents(700)})
		return OrphanPayment
	},
	"overpaid": func(p *practice) Reason { // and what follows from it
		l := &p.Lines[0]
		more := decimal.Sum(l.BalanceInsurance, l.BalancePatient, p.amount("amount", 5000), cents(100))
		l.Paid[0], l.InsuranceTotal.Decimal, l.PaidTotal.Decimal = l.Paid[0].Add(more), l.InsuranceTotal.Decimal.Add(more), l.PaidTotal.Decimal.Add(more)
		l.BalanceInsurance, l.BalanceTotal.Decimal = l.BalanceInsurance.Sub(more), l.BalanceTotal.Decimal.Sub(more)
		p.Transactions = append(p.Transactions, Transaction{ID: p.next(), Line: l.ID, Level: 1, Paid: more, Reason: "-3"})
		return Overpaid
	},
	"underpaid": func(p *practice) Reason {
		p.Visits[0].BillingStatus = rapid.SampledFrom([]string{"Paid In Full", "SETTLED"}).Draw(p.t, "closed")
		return Underpaid
	},
	"underpaid by the insurer": func(p *practice) Reason { p.Visits[0].InsurerStatus[0] = "Paid in Full"; return Underpaid },
	"negative balance": func(p *practice) Reason {
		l := &p.Lines[0]
		below := p.amount("amount", 5000).Add(cents(100)).Neg()
		l.BalanceTotal.Decimal = l.BalanceTotal.Decimal.Sub(l.BalancePatient).Add(below)
		l.BalancePatient = below
		return NegativeBalance
	},
	"total": func(p *practice) Reason {
		l := &p.Lines[0]
		field := rapid.SampledFrom([]*decimal.NullDecimal{&l.InsuranceTotal, &l.PaidTotal, &l.BalanceTotal}).Draw(p.t, "total")
		field.Decimal = field.Decimal.Add(p.amount("amount", 5000).Add(cents(100)))
		return LineTotalDrift
	},
	"posting": func(p *practice) Reason {
		i := slices.IndexFunc(p.Transactions, func(t Transaction) bool { return t.Line == p.Lines[0].ID && t.Reason == "-3" })
		p.Transactions[i].Paid = p.Transactions[i].Paid.Sub(p.amount("amount", 5000).Add(cents(100)))
		return PostingDrift
	},
	"payment": func(p *practice) Reason {
		p.Payments = append(p.Payments, Payment{ID: p.next(), Patient: 1, Appointment: p.Lines[0].Appointment, Line: p.Lines[0].ID, Amount: cents(-100), Type: "COR"})
		return PaymentDrift
	},
	"no postings": func(p *practice) Reason {
		p.Transactions = slices.DeleteFunc(p.Transactions, func(t Transaction) bool { return t.Line == p.Lines[0].ID })
		return PaidWithoutPosting
	},
	"no payments": func(p *practice) Reason {
		p.Payments = slices.DeleteFunc(p.Payments, func(c Payment) bool { return c.Line == p.Lines[0].ID })
		return PaidWithoutPosting
	},
	"duplicate": func(p *practice) Reason { // the line shows both
		l := &p.Lines[0]
		for range 2 {
			p.Payments = append(p.Payments, Payment{ID: p.next(), Patient: 3, Appointment: l.Appointment, Line: l.ID, Amount: cents(150), Day: "2026-03-02", Trace: "TESTCHK1"})
		}
		l.PatientPaid, l.PaidTotal.Decimal = l.PatientPaid.Add(cents(300)), l.PaidTotal.Decimal.Add(cents(300))
		l.BalancePatient, l.BalanceTotal.Decimal = l.BalancePatient.Sub(cents(300)), l.BalanceTotal.Decimal.Sub(cents(300))
		return DuplicatePayment
	},
}

func TestReconcile_eachDefectItsReason(t *testing.T) {
	t.Parallel()
	seen := map[Reason]bool{}
	for name, inject := range defects {
		rapid.Check(t, func(t *rapid.T) {
			p := consistentBooks(t, 1)
			if found := Reconcile(p.Books, nil); len(found) != 0 {
				t.Fatalf("books that add up: %s", words(found))
			}
			want := inject(p)
			seen[want] = true
			if found := Reconcile(p.Books, nil); len(found) != 1 || found[0].Reason != want {
				t.Fatalf("%s: %s, want one %s", name, words(found), want)
			}
		})
	}
	for _, reason := range Reasons {
		if !seen[reason] {
			t.Errorf("nothing injects %s", reason)
		}
	}
}

// brokenBooks have any number of defects.
func brokenBooks(t *rapid.T) *practice {
	p := consistentBooks(t, 1)
	names := make([]string, 0, len(defects))
	for name := range defects {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom(names), 0, 5, rapid.ID).Draw(t, "defects") {
		if name == "posting" && !slices.ContainsFunc(p.Transactions, func(t Transaction) bool { return t.Line == p.Lines[0].ID }) {
			continue
		}
		defects[name](p)
	}
	return p
}

func TestReconcile_orderChangesNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := brokenBooks(t)
		want := Reconcile(p.Books, nil)
		if !reflect.DeepEqual(Reconcile(p.Books, nil), want) {
			t.Fatal("the same books give something else")
		}
		shuffled := &Books{
			Visits: rapid.Permutation(p.Visits).Draw(t, "visits"), Lines: rapid.Permutation(p.Lines).Draw(t, "lines"),
			Transactions: rapid.Permutation(p.Transactions).Draw(t, "transactions"), Payments: rapid.Permutation(p.Payments).Draw(t, "payments"),
		}
		if got := Reconcile(shuffled, nil); !reflect.DeepEqual(got, want) {
			t.Fatalf("in another order\n got %s\nwant %s", words(got), words(want))
		}
		keys := map[string]bool{}
		for i := range want {
			keys[want[i].Key()] = true
		}
		if len(keys) != len(want) {
			t.Fatalf("keys of %s are equal", words(want))
		}
		for i := 1; i < len(want); i++ {
			if want[i-1].compare(&want[i]) >= 0 {
				t.Fatalf("%s come in this order", words(want[i-1:i+1]))
			}
		}
	})
}

// Books cut by visit, and what belongs to none by patient, give the mismatches of the whole.
func TestReconcile_cutBooks(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := brokenBooks(t)
		lines := map[int64]string{}
		for _, l := range p.Lines {
			lines[l.ID] = l.Appointment
		}
		cut := map[string]*Books{}
		at := func(key string) *Books {
			if cut[key] == nil {
				cut[key] = &Books{}
			}
			return cut[key]
		}
		for _, v := range p.Visits {
			b := at(v.Appointment)
			b.Visits = append(b.Visits, v)
		}
		for _, l := range p.Lines {
			b := at(l.Appointment)
			b.Lines = append(b.Lines, l)
		}
		for _, c := range p.Transactions {
			b := at(lines[c.Line])
			b.Transactions = append(b.Transactions, c)
		}
		for _, c := range p.Payments {
			key := c.Appointment
			switch {
			case c.Line != 0:
				key = lines[c.Line]
			case key == "":
				key = fmt.Sprint("patient ", c.Patient)
			}
			b := at(key)
			b.Payments = append(b.Payments, c)
		}
		var got []Mismatch
		for _, b := range cut {
			got = append(got, Reconcile(b, nil)...)
		}
		slices.SortFunc(got, func(a, b Mismatch) int { return a.compare(&b) })
		if want := Reconcile(p.Books, nil); words(got) != words(want) {
			t.Fatalf("cut\n got %s\nwant %s", words(got), words(want))
		}
	})
}

// What differs between two records of the same money is the sum of the mismatches about it.
func TestReconcile_conserves(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := consistentBooks(t, 100) // in cents, differences could hide within the tolerance
		for i := range p.Transactions {
			if rapid.IntRange(0, 3).Draw(t, "touch") == 0 {
				c := &p.Transactions[i]
				c.Paid = c.Paid.Add(cents(100 * rapid.Int64Range(-50, 50).Draw(t, "posted")))
				c.Line = rapid.SampledFrom([]int64{c.Line, c.Line, 0, 999999}).Draw(t, "line")
				c.Level = rapid.SampledFrom([]int{c.Level, c.Level, 0, 1, 2, 3, 9}).Draw(t, "level")
			}
		}
		for i := range p.Payments {
			if rapid.IntRange(0, 3).Draw(t, "touch") == 0 {
				c := &p.Payments[i]
				c.Amount = c.Amount.Add(cents(100 * rapid.Int64Range(-50, 50).Draw(t, "paid")))
				c.Line = rapid.SampledFrom([]int64{c.Line, c.Line, 0, 999999}).Draw(t, "line")
				c.Appointment = rapid.SampledFrom([]string{c.Appointment, c.Appointment, "", "7999999"}).Draw(t, "visit")
			}
		}
		posted, collected := decimal.Zero, decimal.Zero
		for _, c := range p.Transactions {
			posted = posted.Add(c.Paid)
		}
		for _, c := range p.Payments {
			collected = collected.Add(c.net())
		}
		for _, l := range p.Lines {
			posted, collected = posted.Sub(l.InsuranceTotal.Decimal), collected.Sub(l.PatientPaid)
		}
		for _, m := range Reconcile(p.Books, nil) {
			switch {
			case m.Reason == DuplicatePayment, m.Reason == Overpaid:
			case slices.Contains([]string{"ins_paid", "ins_total", "ins1_paid", "ins2_paid", "ins3_paid"}, m.Field):
				posted = posted.Sub(m.Difference())
			case m.Field == "amount", m.Field == "pt_paid":
				collected = collected.Sub(m.Difference())
			}
		}
		if !posted.IsZero() || !collected.IsZero() {
			t.Fatalf("no mismatch tells of %s posted and %s collected: %s", posted, collected, words(Reconcile(p.Books, nil)))
		}
	})
}
