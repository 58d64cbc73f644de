package clinic

import "fmt"

var (
	firstNames = []string{"Testa", "Testo", "Samplia", "Mockard", "Probina", "Dummyann", "Fakerick", "Exempla",
		"Fixtura", "Stubert", "Synthia", "Placida", "Demoteo", "Trialise", "Simulo", "Protota"}
	lastNames = []string{"Patientova", "Testerson", "Exemplar", "Placeholder", "Fixturini", "Dummyfield", "Mockingham",
		"Samplewood", "Syntheticus", "Probandsky", "Notreally", "Demowicz", "Stubbleton", "Fakenhall", "Lorem", "Ipsumova"}
	doctorNames = []string{"Testdoc", "Mockphysician", "Sampleclinician", "Demodoctor", "Stubmedic", "Fixturesurgeon",
		"Dummypractitioner", "Prototherapist"}
	specialties = []string{"Family Medicine", "Internal Medicine", "Psychiatry", "Cardiology"}
	cities      = []struct{ city, state, zip string }{{"Testville", "NY", "10001"}, {"Sampleton", "NJ", "07001"},
		{"Mockburg", "CT", "06001"}, {"Fixture Falls", "VT", "05001"}, {"Demo Springs", "WY", "82001"}}
	payers = []payer{{"Example Health Plan", "TEST1"}, {"Synthetic Mutual", "TEST2"}, {"Mockcare Federal", "TEST3"},
		{"Testshield Blue", "TEST4"}, {"Placeholder Assurance", "TEST5"}, {"Samplecaid State", "TEST6"}}
	autoPayer = payer{"Fender Bender Test Insurance", "TEST7"}
	compPayer = payer{"Workshop Test Compensation", "TEST8"}
)

// staff makes doctors, offices and users. A doctor serves about 250 patients.
func (g *gen) staff(patients int) {
	group := 42 + g.idBase/100_000_000
	for i := range min(max(2, patients/250), 64) {
		last := doctorNames[i%len(doctorNames)]
		d := doctor{
			ID: g.id(Doctors), FirstName: pick(g, firstNames), LastName: last, Suffix: "MD", Specialty: specialties[i%len(specialties)],
			NPI: fmt.Sprintf("99999%05d", i), GroupNPI: "9999900000", PracticeGroup: fmt.Sprint(group),
			PracticeGroupName: "Synthetic Test Practice", Timezone: "US/Eastern", Email: fmt.Sprintf("doctor%d@example.test", i),
			OfficePhone: phone(i), JobTitle: "Physician (Private Practice)", Country: "US",
		}
		g.doctors = append(g.doctors, d.ID)
		g.emit(Doctors, d, nil)
		g.emit(Users, user{ID: g.id(Users), Username: fmt.Sprintf("testdoc%d", i), Doctor: d.ID, PracticeGroup: group,
			IsDoctor: true, Permissions: permissions()}, nil)
	}
	for i := range min(max(2, patients/600), 12) {
		place := cities[i%len(cities)]
		o := office{
			ID: g.id(Offices), Name: fmt.Sprintf("Test Office %s %d", place.city, i+1), Doctor: g.doctors[i%len(g.doctors)],
			Address: fmt.Sprintf("%d Example Street", i+1), City: place.city, State: place.state, ZIP: place.zip, Country: "US",
			Phone: phone(50 + i), ExamRooms: []room{{1, "Exam 1", true}, {2, "Exam 2", false}}, TaxID: "00-0000000",
			Start: "08:00:00", End: "18:00:00", Timeslots: []string{},
		}
		o.Archived = i == 11
		g.offices = append(g.offices, o.ID)
		g.emit(Offices, o, nil)
	}
	for i, lab := range []string{"Synthetic Diagnostics", "Mock Pathology"} {
		g.emit(Sublabs, sublab{ID: g.id(Sublabs), Name: lab + " Testville", Facility: fmt.Sprintf("TST%d", i+1), Vendor: lab}, nil)
	}
}

func permissions() map[string]bool {
	return map[string]bool{"scheduling": true, "clinical-notes": true, "billing": true, "show-billing-tab": true,
		"access-patient-payments": true, "manage-patients": true}
}

func phone(n int) string { return fmt.Sprintf("(555) 555-01%02d", n%100) }

func (g *gen) people(patients int) {
	for i := range patients {
		p := &person{
			id: g.id(Patients), first: pick(g, firstNames), last: pick(g, lastNames), doctor: pick(g, g.doctors),
			office: pick(g, g.offices), gender: pick(g, []string{"Female", "Male", "Female", "Male", "Other", "UNK", ""}),
		}
		p.birth = date(g.end - (18+g.r.Int64N(70))*365*day - g.r.Int64N(365)*day)
		ssn := fmt.Sprintf("900-%02d-%04d", 10+i/9000%90, 1000+i%9000)
		member := fmt.Sprintf("TEST-%06d-%02d", i, g.c.seed%100)
		email := fmt.Sprintf("patient%d@example.test", i)
		if i < len(canaries) {
			k := canaries[i]
			p.canary, p.first, p.last, ssn, member, email = true, k.first, k.last, k.ssn, k.member, k.email
		}
		g.insure(p, i, member)
		g.person(p, i, ssn, email)
		g.patients = append(g.patients, p)
	}
}

func (g *gen) insure(p *person, i int, member string) {
	n := g.r.IntN(100)
	if i >= 10 && i < 15 { // any practice has each sort, however small
		n = []int{84, 86, 88, 99, 0}[i-10]
	}
	switch {
	case p.canary || n < 84:
		p.profile = "Insurance"
		p.primary = &policy{pick(g, payers), member}
		if p.canary || i%4 == 0 {
			p.secondary = &policy{pick(g, payers), member + "-2"}
		}
	case n < 86:
		p.profile = "Auto Accident"
		p.primary = &policy{autoPayer, member}
	case n < 88:
		p.profile = "Worker's Comp"
		p.primary = &policy{compPayer, member}
	case n < 98:
		p.profile = "Cash"
	default:
		p.profile = ""
	}
}

func (g *gen) person(p *person, i int, ssn, email string) {
	place := pick(g, cities)
	created := g.past(g.end-900*day, g.end-400*day)
	out := patient{
		ID: p.id, ChartID: fmt.Sprintf("TEST%06d", i%1_000_000), Doctor: p.doctor, FirstName: p.first, LastName: p.last,
		DateOfBirth: p.birth, Gender: p.gender, SSN: ssn, Email: email, CellPhone: phone(i), HomePhone: phone(i + 7),
		Address: fmt.Sprintf("%d Synthetic Avenue", 100+i%900), City: place.city, State: place.state, ZIP: place.zip,
		Status: "A", PaymentProfile: p.profile, Copay: pick(g, []string{"", "20.00", "35.00", "0.00"}), Offices: []int64{p.office},
		Ethnicity: pick(g, []string{"blank", "not_hispanic", "hispanic", "declined"}), Race: pick(g, []string{"blank", "white", "black", "asian", "declined"}),
		Language: pick(g, []string{"eng", "eng", "eng", "spa", "blank"}), EmergencyName: pick(g, firstNames) + " " + p.last,
		EmergencyPhone: phone(i + 13), Employer: "Example Works", CreatedAt: naive(created),
		UpdatedAt: naive(g.past(created, g.end)),
	}
	if g.chance(10) {
		out.MiddleName = pick(g, firstNames)
	}
	if g.chance(5) {
		out.SSN, out.Email = "", ""
	}
	switch {
	case p.canary: // stays active
	case i%40 == 7:
		out.Status = "I"
	case i%100 == 13:
		out.Status, out.DateOfDeath = "D", date(g.end-30*day-g.r.Int64N(300)*day)
	}
	extra := patientExtra{Primary: g.insurance(p, p.primary), Secondary: g.insurance(p, p.secondary),
		Tertiary: g.insurance(p, nil), Demographics: []string{}, Flags: []string{}, FlagsAttached: []string{},
		AutoAccident: map[string]any{"auto_accident_company": "", "auto_accident_policy_number": ""},
		WorkersComp:  map[string]any{"workers_comp_company": "", "workers_comp_case_number": ""},
		Referring:    map[string]any{"first_name": "", "last_name": "", "npi": ""}}
	g.emit(Patients, out, extra)
}

func (g *gen) insurance(p *person, pol *policy) insurance {
	if pol == nil {
		return insurance{IsSubscriber: true}
	}
	return insurance{Company: pol.payer.name, PayerID: pol.payer.id, IDNumber: pol.member, GroupName: "Test Group",
		GroupNumber: "TEST-GRP", PlanName: pol.payer.name + " PPO", PlanType: pick(g, []string{"CI", "BL", "MB", "MC", "12"}), IsSubscriber: true,
		Relationship: "18", SubFirst: p.first, SubLast: p.last, SubBirth: p.birth, SubGender: p.gender, SubCountry: "US"}
}
