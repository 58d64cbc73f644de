package clinic

import (
	"fmt"
	"sort"
	"strconv"
	"time"
)

// visit is one appointment while it is being made.
type visit struct {
	p           *person
	at, created int64
	appointment
	lines []*charge
}

// visits makes the appointments, about six a patient, in the order they were booked.
func (g *gen) visits(patients int) {
	all := make([]*visit, 0, patients*6+patients/8)
	for i := range patients * 6 {
		p := g.patients[i%patients]
		if i >= patients { // after one visit each, some come often
			p = g.patients[int(float64(patients)*g.r.Float64()*g.r.Float64())]
		}
		at := g.end - 720*day + g.r.Int64N(750*day)
		all = append(all, g.book(p, at))
	}
	for range max(1, patients/8) {
		all = append(all, g.book(nil, g.end-720*day+g.r.Int64N(750*day)))
	}
	sort.SliceStable(all, func(i, j int) bool { return all[i].created < all[j].created })
	for i, v := range all {
		g.visit(v, i)
	}
}

func (g *gen) book(p *person, at int64) *visit {
	at = at - at%day + 8*3600 + g.r.Int64N(36)*900
	created := at - g.r.Int64N(40)*day - 3600*g.r.Int64N(8)
	return &visit{p: p, at: at, created: min(created, g.end-1-g.r.Int64N(7200))}
}

func (g *gen) visit(v *visit, i int) {
	num := g.id(Appointments)
	age := (g.end - v.at) / day
	v.appointment = appointment{
		ID: strconv.FormatInt(num, 10), Doctor: pick(g, g.doctors), Office: pick(g, g.offices), ExamRoom: 1 + i%2,
		ScheduledTime: naive(v.at), Duration: 15 + 15*g.r.IntN(4), BillingNotes: []note{}, ICD10: []string{}, ICD9: []string{}, RecurDays: []string{},
		CreatedBy: "testdoc0", CreatedAt: naive(v.created), UpdatedAt: naive(v.created), IsWalkIn: i%50 == 3,
	}
	a := &v.appointment
	if v.p == nil {
		a.IsBreak, a.Reason, a.Duration = true, "Lunch", 60
		g.emitVisit(v, num)
		return
	}
	a.Patient, a.Doctor, a.Office, a.PaymentProfile = v.p.id, v.p.doctor, v.p.office, v.p.profile
	a.Reason = pick(g, []string{"", "Follow up (synthetic)", "Annual visit (synthetic)", "Test complaint"})
	if k, ok := g.canaryOf(v.p); ok {
		a.Reason, a.Notes = k.reason, k.notes
	}
	switch roll := g.r.IntN(1000); {
	case v.at >= g.end:
		a.Status = pick(g, []string{"", "", "Confirmed", "Not Confirmed"})
	case roll < 15:
		a.Deleted, a.Status = true, pick(g, []string{"", "Cancelled"})
		g.touch(v, v.at)
	case roll < 65:
		a.Status = "Cancelled"
		g.touch(v, v.at)
	case roll < 105:
		a.Status = "No Show"
		g.touch(v, v.at+day)
		if roll < 70 {
			g.charge(v, num, claimCase{billing: "Balance Due", pay: cashOpen}, len(procedures)-3, 0)
		}
	case roll < 135:
		a.Status = "Rescheduled"
		g.touch(v, v.at-day)
	case roll < 160:
		a.Status = "Complete" // seen, but nobody entered a charge
		g.touch(v, v.at)
	default:
		a.Status = pick(g, []string{"Complete", "Complete", "Complete", "Complete", "Checked In", "NOTE COMPLETE", ""})
		if a.Status == "NOTE COMPLETE" {
			a.CustomStatus = a.Status
		}
		for n := 1 + g.r.IntN(3); n > 0 && len(a.ICD10) < 4; n-- {
			a.ICD10 = append(a.ICD10, pick(g, diagnoses))
		}
		g.touch(v, v.at+3600)
		g.claim(v, num, g.pickCase(v, age), i)
	}
	if g.chance(8) || v.p.canary {
		g.billingNote(v, num)
	}
	g.emitVisit(v, num)
	if g.chance(12) && v.p.primary != nil {
		g.eligibility(v, num)
	}
}

// touch moves the visit's updated_at forward.
func (g *gen) touch(v *visit, at int64) {
	if s := naive(min(at, g.end-1)); s > v.UpdatedAt {
		v.UpdatedAt = s
	}
}

// pickCase hands out every case once, to the first visits that fit, and then by weight and age.
func (g *gen) pickCase(v *visit, age int64) claimCase {
	fits := func(c claimCase) bool {
		profile := c.profile
		if profile == "" {
			profile = "Insurance"
		}
		mine := v.p.profile
		if mine == "" {
			mine = "Cash"
		}
		return profile == mine && (!c.secondary() || v.p.secondary != nil || c.pay == denied)
	}
	if age > 45 {
		for i := range claimCases { // a few dozen, and only until all were out
			if c := claimCases[i]; g.cases&(1<<i) == 0 && fits(c) {
				g.cases |= 1 << i
				return c
			}
		}
	}
	weights := make([]int, len(claimCases))
	for i, c := range claimCases {
		if age >= c.young && (c.old == 0 || age <= c.old) && fits(c) {
			weights[i] = c.weight
		}
	}
	weights[0]++
	return claimCases[g.weighted(weights)]
}

func (g *gen) claim(v *visit, num int64, c claimCase, i int) {
	a := &v.appointment
	a.BillingStatus, a.Ins1Status, a.Ins2Status = c.billing, c.ins1, c.ins2
	if p := v.p.primary; p != nil {
		a.PrimaryName, a.PrimaryPayer, a.PrimaryMember = p.payer.name, p.payer.id, p.member
	}
	if p := v.p.secondary; p != nil {
		a.SecondaryName, a.SecondaryPayer, a.SecondaryMember = p.payer.name, p.payer.id, p.member
	}
	if c.billed {
		billed := g.past(v.at+3600, v.at+4*day)
		a.FirstBilled, a.LastBilled = naive(billed), naive(billed)
		if c.ins1 != "HCFA Form Faxed" && c.ins1 != "Incomplete Information" {
			a.FirstEDI, a.LastEDI = naive(billed), naive(billed)
		}
		if c.pay == reversedPaid || g.chance(4) {
			a.LastBilled = naive(g.past(billed, billed+40*day))
		}
		g.touch(v, billed)
	}
	if i%400 == 5 {
		a.ResubmitOriginal = num - 1
	}
	if i%300 == 9 {
		a.ClonedFrom = num - 2
	}
	if g.chance(3) {
		a.BillingProvider = strconv.FormatInt(pick(g, g.doctors), 10)
	}
	for n := []int{1, 2, 2, 3, 3, 4}[g.r.IntN(6)]; n > 0; n-- {
		g.charge(v, num, c, g.r.IntN(len(procedures)), n)
	}
}

func (g *gen) emitVisit(v *visit, num int64) {
	a := v.appointment
	extra := appointmentExtra{
		ClinicalNote: map[string]any{"pdf": nil, "locked": a.Status == "Complete", "updated_at": a.UpdatedAt},
		CustomFields: []string{}, CustomVitals: []string{}, Extended: a.UpdatedAt, Reminders: []string{},
		Transitions: []transition{}, Vitals: map[string]any{"weight": nil},
	}
	if a.Status != "" {
		extra.Transitions = append(extra.Transitions, transition{a.ID, "", a.Status, a.UpdatedAt})
	}
	if virtual := v.p != nil && v.at > g.end+20*day && num%9 == 0; virtual {
		// A series: its base, and recurrences that exist only as ids with an underscore.
		a.Recurring, a.IsVirtualBase, a.RecursEvery = true, true, 1
		a.RecurStart, a.RecurEnd, a.RecurDays = date(v.at), date(v.at+21*day), []string{time.Unix(v.at, 0).UTC().Weekday().String()}
		for week := int64(1); week <= 3; week++ {
			at := v.at + week*7*day
			o := a
			o.ID = fmt.Sprintf("%d_%s", num, date(at)[:4]+date(at)[5:7]+date(at)[8:])
			o.ScheduledTime, o.IsVirtualBase, o.BaseRecurring, o.RecurrenceKey = naive(at), false, a.ID, o.ID
			g.emit(Appointments, o, extra)
		}
	}
	g.emit(Appointments, a, extra)
}

func (g *gen) billingNote(v *visit, num int64) {
	n := note{ID: g.id(ClaimBillingNotes), Appointment: num, Text: "Called test payer, reference TEST-REF (synthetic)",
		CreatedAt: naive(g.past(v.at, v.at+30*day)), CreatedBy: "testdoc0"}
	if k, ok := g.canaryOf(v.p); ok {
		n.Text = k.billing
	}
	v.BillingNotes = append(v.BillingNotes, n)
	g.emit(ClaimBillingNotes, n, nil)
}

func (g *gen) eligibility(v *visit, num int64) {
	asked := g.past(v.at-2*day, v.at)
	pol, level := v.p.primary, "Primary Insurance"
	if v.p.secondary != nil && g.chance(25) {
		pol, level = v.p.secondary, "Secondary Insurance"
	}
	service := pick(g, []struct{ code, text string }{{"30", "Health Benefit Plan Coverage"}, {"98", "Professional (Physician) Visit - Office"}, {"MH", "Mental Health"}})
	e := eligibility{
		ID: g.id(EligibilityChecks), Patient: strconv.FormatInt(v.p.id, 10), Appointment: strconv.FormatInt(num, 10), Level: level, Payer: pol.payer.name,
		Eligibility: pick(g, []string{"1", "1", "1", "1", "6", "B", "I", "V"}), ServiceType: service.code, ServiceText: service.text,
		QueryDate: naive(asked), UpdatedAt: naive(asked + 40),
		Subscriber: map[string]any{"first_name": v.p.first, "last_name": v.p.last, "member_id": pol.member, "date_of_birth": v.p.birth},
	}
	if g.chance(3) {
		e.Appointment = nil
	}
	g.emit(EligibilityChecks, e, eligibilityExtra{Details: map[string]any{"copay": "20.00", "deductible_remaining": "150.00", "plan": pol.payer.name}})
}
