package clinic

import (
	"fmt"
	"strconv"
)

// charge is a line item's money, in cents. billed = adjustment + ins + patient paid + both balances.
type charge struct {
	billed, allowed, adjustment, ins1, ins2, pt int64
	balanceIns, balancePt                       int64
}

// remit is one payer check, which becomes an EOB.
type remit struct {
	doctor    int64
	payer     payer
	trace     string
	checkDate int64
	posted    int64
	total     int64
}

// charge makes one line item with its transactions and patient payments, and may delete it again.
func (g *gen) charge(v *visit, num int64, c claimCase, proc, n int) {
	pr := procedures[proc]
	id := g.id(LineItems)
	if n > 0 && g.chance(0.6) { // entered by mistake: only the tombstone is left
		g.emit(LineItemDeletions, lineItemDeletion{id, num, naive(g.past(v.at, v.at+10*day))}, nil)
		return
	}
	m := &charge{billed: pr.cents * pr.units}
	l := lineItem{
		ID: id, Appointment: num, Patient: v.p.id, Doctor: v.Doctor, Code: pr.code, Type: pr.kind, Description: pr.text,
		Modifiers: []string{"", "", "", ""}, Pointers: []string{"1", "", "", ""}, Quantity: money(pr.units * 100), Units: "UN",
		Price: money(pr.cents), BillingStatus: lineStatus(c.ins1, int(id)), InsuranceState: "",
		ServiceDate: date(v.at), PostedDate: date(v.at + day), UpdatedAt: v.UpdatedAt,
	}
	if g.chance(12) {
		l.Modifiers[0] = pick(g, []string{"25", "59", "95", "GT"})
	}
	if g.chance(3) { // the same field holds either form
		l.ServiceDate, l.PostedDate = naive(v.at), naive(v.at+day)
	}
	if c.ins2 != "" {
		l.BillingStatus = lineStatus(c.ins2, int(id))
	}
	last := g.adjudicate(v, &l, m, c)
	if s := naive(last); s > l.UpdatedAt {
		l.UpdatedAt = s
	}
	g.touch(v, last)
	l.Billed, l.Allowed, l.Adjustment = money(m.billed), money(m.allowed), money(m.adjustment)
	if c.pay == unpaid && c.billing == "" && g.chance(20) {
		l.Billed, l.Quantity = nil, ""
		m.billed, m.balanceIns = 0, 0
	}
	l.Ins1Paid, l.Ins2Paid, l.Ins3Paid, l.InsTotal = money(m.ins1), money(m.ins2), "0.00", money(m.ins1+m.ins2)
	l.PtPaid, l.PaidTotal = money(m.pt), money(m.ins1+m.ins2+m.pt)
	l.BalanceIns, l.BalancePt, l.BalanceTotal = money(m.balanceIns), money(m.balancePt), money(m.balanceIns+m.balancePt)
	if m.allowed > 0 && g.chance(40) {
		l.Expected = money(m.allowed)
	}
	if m.ins1 > 0 && g.chance(0.3) { // the books disagree: reconciliation has something to find
		l.Ins1Paid = money(m.ins1 + 100)
	}
	v.lines = append(v.lines, m)
	g.emit(LineItems, l, nil)
}

// adjudicate plays the payers' and the patient's part, and returns when the last of it was posted.
func (g *gen) adjudicate(v *visit, l *lineItem, m *charge, c claimCase) int64 {
	share := func(percent int64) int64 { return m.billed * percent / 100 }
	last := v.at + 3600
	posted := g.past(v.at+9*day, v.at+35*day)
	switch c.pay {
	case unpaid:
		m.balanceIns = m.billed
		return last
	case cashPaid, cashOpen:
		m.balancePt = m.billed
		if c.pay == cashPaid {
			return g.collect(v, l, m, v.at+3600, m.billed)
		}
		return last
	case review:
		m.balanceIns = m.billed
		g.post(v, l, 1, "1", posted, 0, "-3", "")
		return posted
	case denied:
		g.deny(v, l, m, 1, posted, m.billed)
		return posted
	}

	m.allowed = share(60 + g.r.Int64N(25))
	m.adjustment = m.billed - m.allowed
	patient := m.allowed * []int64{0, 0, 0, 0, 20, 30}[g.r.IntN(6)] / 100
	if c.pay == paidOpen || c.pay == cobOpen || c.pay == cobPaid || c.pay == cobDenied {
		patient = max(patient, m.allowed/5)
	}
	m.ins1 = m.allowed - patient
	status := "1"
	if c.pay == cobOpen || c.pay == cobPaid {
		status = pick(g, []string{"1", "19"})
	}
	if c.pay == paidPartly {
		m.ins1 /= 2
	}
	m.balanceIns = m.allowed - m.ins1 - patient
	m.balancePt = patient
	g.post(v, l, 1, status, posted, m.ins1, "-3", "")
	g.post(v, l, 1, status, posted, m.adjustment, "45", "CO")
	if patient > 0 {
		g.post(v, l, 1, status, posted, patient, pick(g, []string{"1", "2", "3"}), "PR")
	}
	if c.pay == paidFull && g.chance(5) { // sequestration is taken out of the payment
		cut := m.ins1 * 2 / 100
		m.ins1 -= cut
		m.adjustment += cut
		g.post(v, l, 1, status, posted, -cut, "-3", "")
		g.post(v, l, 1, status, posted, cut, "253", "CO")
	}
	last = posted
	second := g.past(posted+7*day, posted+30*day)
	switch c.pay {
	case reversed, reversedPaid:
		last = second
		g.post(v, l, 1, "22", second, -m.ins1, "-3", "")
		g.post(v, l, 1, "22", second, -m.adjustment, "45", "CO")
		if c.pay == reversedPaid {
			third := g.past(second, second+20*day)
			g.post(v, l, 1, "1", third, m.ins1, "-3", "")
			g.post(v, l, 1, "1", third, m.adjustment, "45", "CO")
			last = third
		} else {
			*m = charge{billed: m.billed}
			g.deny(v, l, m, 1, second, m.billed)
		}
	case cobOpen:
		m.balanceIns, m.balancePt = m.balanceIns+m.balancePt, 0
	case cobPaid:
		m.ins2, m.balancePt = patient, 0
		g.post(v, l, 2, "2", second, m.ins2, "-3", "")
		g.post(v, l, 2, "2", second, m.billed-patient, "23", "OA")
		last = second
	case cobDenied:
		m.balanceIns, m.balancePt = m.balanceIns+m.balancePt, 0
		g.deny(v, l, m, 2, second, patient)
		last = second
	}
	if (c.pay == paidFull || c.pay == reversedPaid) && m.balancePt > 0 {
		last = max(last, g.collect(v, l, m, g.past(last, last+20*day), m.balancePt))
	} else if m.balancePt > 0 && g.chance(15) {
		last = max(last, g.collect(v, l, m, g.past(v.at, v.at+day), max(1, m.balancePt/2)))
	}
	return last
}

// deny posts a refusal: the amount is adjusted with a denial code but stays open with the insurer.
func (g *gen) deny(v *visit, l *lineItem, m *charge, level int, at, amount int64) {
	why := pick(g, denialCodes)
	l.Denied, l.InsuranceState = true, "Denied/"+why.group+"-"+why.reason
	g.post(v, l, level, "4", at, 0, "-3", "")
	g.post(v, l, level, "4", at, amount, why.reason, why.group)
	m.balanceIns = amount
}

// post makes one transaction: a payment when the reason is -3, else an adjustment.
func (g *gen) post(v *visit, l *lineItem, level int, status string, at, cents int64, reason, group string) {
	pol := v.p.primary
	if level == 2 && v.p.secondary != nil {
		pol = v.p.secondary
	}
	if pol == nil { // a claim case put on a patient without a policy
		pol = &policy{payer: payers[0]}
	}
	r := g.remit(v.Doctor, pol.payer, at)
	t := transaction{
		ID: g.id(Transactions), LineItem: l.ID, Appointment: l.Appointment, Patient: v.p.id, Doctor: v.Doctor, Level: level,
		InsPaid: "0.00", Adjustment: "0.00", Reason: reason, Group: group, ClaimStatus: status, PostedDate: date(r.posted),
		CheckDate: date(r.checkDate), Trace: r.trace, Insurance: remitInsurance{Name: pol.payer.name, IDNumber: pol.payer.id},
		CreatedAt: naive(at), UpdatedAt: naive(at),
	}
	if reason == "-3" {
		t.InsPaid = money(cents)
		r.total += cents
	} else {
		t.Adjustment = money(cents)
	}
	g.emit(Transactions, t, nil)
}

// remit finds the check that a posting belongs to: one a week, payer and doctor.
func (g *gen) remit(doctor int64, p payer, at int64) *remit {
	week := at / (7 * day)
	key := fmt.Sprintf("TESTEFT%s%d%d", p.id, doctor, week)
	r := g.remits[key]
	if r == nil {
		r = &remit{doctor: doctor, payer: p, trace: key, checkDate: at - 2*day, posted: at}
		g.remits[key] = r
		g.order = append(g.order, r)
	}
	return r
}

func (g *gen) eobs() {
	methods := []string{"ACH", "ACH", "CHK", "BOPCTX", "VPAY"}
	for _, r := range g.order {
		e := eob{ID: g.id(EOBs), Doctor: r.doctor, PayerID: r.payer.id, PayerName: r.payer.name, Trace: r.trace,
			Method: pick(g, methods), TotalPaid: money(r.total), CheckDate: date(r.checkDate), Deposit: date(r.checkDate + day),
			Posted: date(r.posted), UpdatedAt: naive(r.posted)}
		if r.total == 0 {
			e.Method, e.Deposit = "NON", nil
		}
		g.emit(EOBs, e, nil)
	}
	g.order, g.remits = nil, nil
}

// collect takes money from the patient and returns when.
func (g *gen) collect(v *visit, l *lineItem, m *charge, at, cents int64) int64 {
	if cents <= 0 {
		return at
	}
	at = min(at, g.end-1)
	m.pt += cents
	m.balancePt -= cents
	g.payment(v, l, at, cents, "")
	if g.chance(1) { // paid twice, refunded
		g.payment(v, l, at, cents, "")
		g.payment(v, l, at, -cents, "REF")
	}
	if g.chance(4) {
		g.payment(v, nil, at, 2500, "COPAY") // on account, not allocated
	}
	return at
}

func (g *gen) payment(v *visit, l *lineItem, at, cents int64, kind string) {
	methods := []string{"CASH", "CHCK", "CRDT", "VISA", "MSTR", "DBIT", "ONPT", "PTPA", "AMEX", "OTHR"}
	p := patientPayment{
		ID: g.id(PatientPayments), Patient: v.p.id, Doctor: v.Doctor, Amount: money(cents), Method: pick(g, methods), Type: kind,
		PostedDate: date(at), Received: date(at), CreatedBy: "testdoc0", CreatedAt: naive(at), UpdatedAt: naive(at),
	}
	log := paymentLog{ID: g.id(PatientPaymentLog), Action: "C", Amount: p.Amount, Patient: strconv.FormatInt(v.p.id, 10),
		Doctor: strconv.FormatInt(v.Doctor, 10), Method: p.Method, Source: "Test desk", CreatedBy: "10001", UpdatedAt: p.UpdatedAt}
	if l != nil {
		p.Appointment, p.LineItem = l.Appointment, l.ID
		log.Appointment = strconv.FormatInt(l.Appointment, 10)
	}
	if p.Method == "CHCK" {
		p.Trace = fmt.Sprintf("TESTCHK%d", p.ID)
	}
	if k, ok := g.canaryOf(v.p); ok {
		p.Notes = k.payment
	}
	g.emit(PatientPayments, p, nil)
	g.emit(PatientPaymentLog, log, nil)
	if g.chance(3) {
		log.ID, log.Action = g.id(PatientPaymentLog), pick(g, []string{"U", "F", "A", "D"})
		g.emit(PatientPaymentLog, log, nil)
	}
}
