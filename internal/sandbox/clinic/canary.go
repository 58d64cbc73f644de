package clinic

// A canary is a patient whose every identifier is a string that occurs nowhere else. Where one turns
// up outside the EHR (a log, an error, a Coda row, staging data), PHI has leaked.
type canary struct {
	first, last, ssn, member, email string
	reason, notes, billing, payment string
	lab                             string
}

var canaries = [...]canary{
	canaryNamed("Quillanara", "Zephyrcanary", "900-90-9001", "TEST-CANARY-7Q1X"),
	canaryNamed("Oxtavianne", "Wrencanarini", "900-90-9002", "TEST-CANARY-8K2Z"),
	canaryNamed("Yevgrafina", "Tweetmarkova", "900-90-9003", "TEST-CANARY-9V3J"),
}

func canaryNamed(first, last, ssn, member string) canary {
	return canary{
		first: first, last: last, ssn: ssn, member: member, email: first + "." + last + "@example.test",
		reason: "canary-reason-" + last, notes: "canary-note-" + last, billing: "canary-billing-note-" + last,
		payment: "canary-payment-note-" + last, lab: "canary-lab-comment-" + last,
	}
}

// Canaries returns strings that are PHI in every practice and occur nowhere else: names, social
// security numbers, member ids, e-mail addresses, free text. Leak tests look for them.
func Canaries() []string {
	var out []string
	for _, k := range canaries {
		out = append(out, k.first, k.last, k.ssn, k.member, k.email, k.reason, k.notes, k.billing, k.payment, k.lab)
	}
	return out
}

// canaryOf returns the canary that a patient is, if it is one.
func (g *gen) canaryOf(p *person) (canary, bool) {
	if p == nil || !p.canary {
		return canary{}, false
	}
	return canaries[p.id-firstID[Patients]-g.idBase-1], true
}
