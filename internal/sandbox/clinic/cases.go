package clinic

// pay says what a claim's money looks like.
type pay int

const (
	unpaid       pay = iota
	paidFull         // insurer done, patient done
	paidOpen         // insurer done, patient owes
	paidPartly       // insurer paid a part and still owes
	denied           // adjudicated, nothing paid, denial CARC
	review           // remittance without money or denial
	cobOpen          // primary paid, the rest is with the secondary
	cobPaid          // both paid
	cobDenied        // primary paid, secondary denied
	reversed         // paid, then taken back
	reversedPaid     // paid, taken back, paid anew
	cashPaid
	cashOpen
)

// claimCase is one state that a visit's claim can be in.
type claimCase struct {
	billing, ins1, ins2 string
	pay                 pay
	weight              int
	young, old          int64 // days since the visit; old 0 = any
	billed              bool
	profile             string // "" = Insurance
}

func (c claimCase) secondary() bool {
	return c.ins2 != "" || c.pay == cobOpen || c.pay == cobPaid || c.pay == cobDenied || c.billing == "Bill Secondary Insurance"
}

// claimCases holds every insurer status DrChrono documents, both spellings of payer, every billing
// status, and some values nobody documented. Each occurs at least once in any practice.
var claimCases = []claimCase{
	{"", "", "", unpaid, 4, 0, 30, false, ""},
	{"Bill Insurance", "", "", unpaid, 20, 0, 4, false, ""},
	{"Bill Insurance", "", "", unpaid, 10, 1, 7, true, ""},
	{"Bill Insurance", "Incomplete Information", "", unpaid, 2, 2, 0, true, ""},
	{"Bill Insurance", "In Process Emdeon", "", unpaid, 20, 1, 14, true, ""},
	{"Bill Insurance", "HCFA Form Faxed", "", unpaid, 1, 1, 60, true, ""},
	{"Bill Insurance", "In Process Payor", "", unpaid, 10, 3, 30, true, ""},
	{"Bill Insurance", "In Process Payer", "", unpaid, 15, 3, 30, true, ""},
	{"Bill Insurance", "Payer Acknowledged", "", unpaid, 25, 4, 45, true, ""},
	{"Bill Insurance", "Rejected Emdeon", "", unpaid, 1, 2, 0, true, ""},
	{"Bill Insurance", "Rejected EPS", "", unpaid, 1, 2, 0, true, ""},
	{"Bill Insurance", "Rejected Jopari", "", unpaid, 1, 2, 0, true, ""},
	{"Bill Insurance", "Rejected Waystar Professional", "", unpaid, 1, 2, 0, true, ""},
	{"Bill Insurance", "Rejected Waystar Institutional", "", unpaid, 1, 2, 0, true, ""},
	{"Bill Insurance", "Rejected Payor", "", unpaid, 1, 3, 0, true, ""},
	{"Bill Insurance", "Rejected Payer", "", unpaid, 2, 3, 0, true, ""},
	{"Paid In Full", "Paid in Full", "", paidFull, 60, 14, 0, true, ""},
	{"Settled", "Paid in Full", "", paidFull, 4, 30, 0, true, ""},
	{"Balance Due", "Paid in Full", "", paidOpen, 15, 14, 0, true, ""},
	{"Bill Insurance", "ERA Received", "", paidOpen, 15, 10, 0, true, ""},
	{"Balance Due", "ERA Received", "", paidOpen, 10, 14, 0, true, ""},
	{"Bill Insurance", "ERA Received", "", paidPartly, 3, 10, 0, true, ""},
	{"Bill Insurance", "ERA Received", "", denied, 2, 10, 0, true, ""},
	{"Bill Insurance", "ERA Received", "", review, 2, 10, 0, true, ""},
	{"Bill Insurance", "Partially Paid", "", paidPartly, 4, 14, 0, true, ""},
	{"Bill Insurance", "Partially Paid", "", paidOpen, 2, 14, 0, true, ""},
	{"Bill Insurance", "ERA Denied", "", denied, 8, 14, 0, true, ""},
	{"Internal Review", "ERA Denied", "", denied, 2, 20, 0, true, ""},
	{"Internal Review", "", "", unpaid, 2, 1, 60, false, ""},
	{"Bill Insurance", "ERA Denied", "", reversed, 1, 40, 0, true, ""},
	{"Paid In Full", "Paid in Full", "", reversedPaid, 1, 40, 0, true, ""},
	{"Bill Secondary Insurance", "Coordination of Benefits", "", cobOpen, 4, 14, 0, true, ""},
	{"Bill Secondary Insurance", "Coordination of Benefits", "In Process Emdeon", cobOpen, 2, 14, 60, true, ""},
	{"Bill Insurance", "Coordination of Benefits", "Payer Acknowledged", cobOpen, 3, 14, 90, true, ""},
	{"Bill Secondary Insurance", "Coordination of Benefits", "In Process Payor", cobOpen, 1, 14, 90, true, ""},
	{"Bill Secondary Insurance", "Coordination of Benefits", "Rejected Payer", cobOpen, 1, 14, 0, true, ""},
	{"Bill Secondary Insurance", "Coordination of Benefits", "ERA Received", cobPaid, 3, 20, 0, true, ""},
	{"Paid In Full", "Coordination of Benefits", "Paid in Full", cobPaid, 10, 20, 0, true, ""},
	{"Bill Secondary Insurance", "Coordination of Benefits", "ERA Denied", cobDenied, 2, 20, 0, true, ""},
	{"Bill Secondary Insurance", "ERA Denied", "", denied, 1, 20, 0, true, ""},
	{"Sent to Test Attorney", "", "", unpaid, 1, 60, 0, true, ""},
	{"Payment Plan", "ERA Received", "", paidOpen, 2, 30, 0, true, ""},
	{"Durable Medical Equipment Claim", "", "", unpaid, 1, 0, 20, false, ""},
	{"Bill Insurance", "In Process Newgate", "", unpaid, 1, 3, 20, true, ""},
	{"Bill Insurance", "Rejected Newgate", "", unpaid, 1, 3, 0, true, ""},
	{"Bill Insurance", "Awaiting Moonrise", "", unpaid, 1, 3, 0, true, ""},
	{"Worker's Comp Claim", "", "", unpaid, 2, 0, 7, false, "Worker's Comp"},
	{"Worker’s Comp Claim", "In Process Payer", "", unpaid, 2, 2, 60, true, "Worker's Comp"},
	{"Worker's Comp Claim", "Paid in Full", "", paidFull, 6, 20, 0, true, "Worker's Comp"},
	{"Auto Accident Claim", "", "", unpaid, 2, 0, 7, true, "Auto Accident"},
	{"Auto Accident Claim", "Payer Acknowledged", "", unpaid, 2, 2, 60, true, "Auto Accident"},
	{"Auto Accident Claim", "Paid in Full", "", paidFull, 6, 20, 0, true, "Auto Accident"},
	{"Paid In Full", "", "", cashPaid, 8, 0, 0, false, "Cash"},
	{"Balance Due", "", "", cashOpen, 2, 0, 0, false, "Cash"},
}

// lineStatus is the line items' copy of a claim status, which has members of its own.
func lineStatus(claim string, i int) string {
	switch claim {
	case "In Process Payor":
		return "In Process Payer"
	case "Rejected Payor":
		return "Rejected Payer"
	case "Rejected Waystar Professional", "Rejected Waystar Institutional":
		return "Rejected Waystar"
	case "HCFA Form Faxed":
		return "In Process iHCFA"
	case "In Process Emdeon":
		return []string{"In Process Emdeon", "In Process Waystar", "In Process Gateway", "In Process Jopari",
			"In Process EPS", "In Process iHCFA"}[i%6]
	case "Rejected Emdeon":
		return []string{"Rejected Emdeon", "Rejected iHCFA", "Rejected Gateway"}[i%3]
	}
	return claim
}

// denialCodes are adjustment reasons that mean "not paid" with a group that fits.
var denialCodes = []struct{ reason, group string }{{"16", "CO"}, {"18", "OA"}, {"22", "CO"}, {"27", "PR"}, {"29", "CO"},
	{"50", "CO"}, {"96", "PR"}, {"97", "CO"}, {"109", "OA"}, {"119", "PR"}, {"197", "CO"}, {"204", "PR"}, {"B7", "CO"}}

var procedures = []struct {
	code, kind, text string
	cents            int64
	units            int64
}{
	{"99213", "C", "OFFICE VISIT EST LOW", 15000, 1}, {"99214", "C", "OFFICE VISIT EST MODERATE", 22000, 1},
	{"99203", "C", "OFFICE VISIT NEW LOW", 19000, 1}, {"36415", "C", "VENIPUNCTURE", 1800, 1},
	{"80053", "C", "COMPREHENSIVE METABOLIC PANEL", 4850, 1}, {"85025", "C", "CBC WITH DIFFERENTIAL", 3275, 1},
	{"90834", "C", "PSYCHOTHERAPY 45 MIN", 17500, 1}, {"93000", "C", "ECG COMPLETE", 6425, 1},
	{"97110", "C", "THERAPEUTIC EXERCISES", 5500, 2}, {"J3420", "H", "VITAMIN B12 INJECTION", 1250, 1},
	{"G0439", "H", "ANNUAL WELLNESS SUBSEQUENT", 16500, 1}, {"NOSHOW", "U", "NO SHOW FEE (TEST)", 5000, 1},
	{"0510", "R", "CLINIC (REVENUE LINE)", 8000, 1}, {"SUPPLY", "S", "SUPPLY (TEST)", 999, 3},
}

var diagnoses = []string{"E11.9", "I10", "F41.1", "J06.9", "M54.50", "Z00.00", "E78.5", "R53.83"}
