package clinic

import (
	"fmt"
	"strconv"
	"strings"
)

// observation is one way a lab writes a value and its range. Every form of range and value that labs
// are known to use occurs in every practice.
type observation struct {
	code, name, unit, normal string
	values                   []string // one is picked
	flags                    []string // beside the value of the same index
	numeric                  bool
}

var panels = []struct {
	code, name   string
	observations []observation
}{
	{"CMP", "Comprehensive metabolic panel", []observation{
		{"2345-7", "Glucose", "mg/dL", "70 99", []string{"88", "126", "55"}, []string{"", "H", "L"}, true},
		{"2160-0", "Creatinine", "mg/dL", "0.7 1.3", []string{"0.9", "1.8", "1.1"}, []string{"N", "H", ""}, true},
		{"2951-2", "Sodium", "mEq/L", "135-145 mEq/L", []string{"140 mEq/L", "128 mEq/L", "151"}, []string{"", "L", "H"}, true},
		{"2823-3", "Potassium", "mmol/L", "3.5 - 5.1", []string{"4.2", "6.9", "2.4"}, []string{"", "HH", "LL"}, true},
		{"1742-6", "ALT", "U/L", "10 to 40", []string{"22", "95", "8"}, []string{"", "", ""}, true},
		{"33914-3", "eGFR", "mL/min", ">=60", []string{"90", ">60", "44"}, []string{"N", "", "L"}, true},
	}},
	{"CBC", "Complete blood count", []observation{
		{"6690-2", "WBC", "10*3/uL", "4.0–11.0", []string{"6.1", "14.2", "0.9"}, []string{"", "H", "<"}, true},
		{"718-7", "Hemoglobin", "g/dL", "12-16^N", []string{"13.9", "7.1", "18.8"}, []string{"N", "LL", ">"}, true},
		{"777-3", "Platelets", "10*3/uL", "150-450", []string{"210", "90", "<10"}, []string{"", "L", "LL"}, true},
		{"11555-0", "Base excess", "mmol/L", "-2-2", []string{"0.4", "-5.2", "3"}, []string{"", "L", "H"}, true},
	}},
	{"LIPID", "Lipid panel", []observation{
		{"2093-3", "Cholesterol", "mg/dL", "<200", []string{"180", "244", "199"}, []string{"", "H", ""}, true},
		{"2085-9", "HDL", "mg/dL", ">40", []string{"52", "31", "61"}, []string{"", "L", ""}, true},
		{"13457-7", "LDL", "mg/dL", "0-<100", []string{"85", "160", "<0.01"}, []string{"", "A", ""}, true},
		{"2571-8", "Triglycerides", "mg/dL", "< 150", []string{"110", "300", "150"}, []string{"", "AA", ""}, true},
	}},
	{"A1C", "Hemoglobin A1c", []observation{
		{"4548-4", "Hemoglobin A1c", "%", "<5.7", []string{"5.4", "9.1", "5.7 %"}, []string{"", "H", ""}, true},
		{"27353-2", "Estimated average glucose", "mg/dL", "Not Estab.", []string{"108", "214", "117"}, []string{"", "", ""}, true},
	}},
	{"RENAL", "Renal function", []observation{
		{"48642-3", "eGFR (non-black)", "mL/min/1.73m2", "> OR = 60", []string{"75", "58", "100"}, []string{"", "", ""}, true},
		{"48643-1", "eGFR (black)", "mL/min/1.73m2", "≥ 40", []string{"75", "38", "100"}, []string{"", "", ""}, true},
		{"14959-1", "Microalbumin ratio", "mg/g", "<=30", []string{"12", "45", "<5"}, []string{"", "H", ""}, true},
		{"3094-0", "Urea nitrogen", "mg/dL", "", []string{"14", "33", "TNP"}, []string{"", "", ""}, false},
	}},
	{"UA", "Urinalysis", []observation{
		{"5778-6", "Color", "", "Yellow", []string{"Yellow", "AMBER", "yellow"}, []string{"", "A", ""}, false},
		{"32167-9", "Clarity", "", "Clear", []string{"Clear", "Turbid", "CLEAR"}, []string{"", "", ""}, false},
		{"5792-7", "Glucose, urine", "", "Negative", []string{"Negative", "Trace", "POSITIVE"}, []string{"NEG", "", "POS"}, false},
		{"2756-5", "pH", "", "5.0 8.0", []string{"6.0", "8.5", "7"}, []string{"", "", ""}, true},
	}},
	{"SERO", "Serology", []observation{
		{"7918-6", "HIV 1/2", "", "Non Reactive", []string{"Non Reactive", "Reactive", "non reactive"}, []string{"N", "A", ""}, false},
		{"94500-6", "SARS-CoV-2 RNA", "", "Not Detected", []string{"Not Detected", "Detected", "DNR"}, []string{"", "POS", ""}, false},
		{"5048-4", "ANA titre", "", "See note", []string{"1:80", "1:640", "<1:40"}, []string{"", "A", ""}, false},
		{"5195-3", "Hepatitis B surface antigen", "", "-", []string{"Negative", "Positive", "!!Storno"}, []string{"NEG", "POS", ""}, false},
	}},
	{"CULT", "Culture", []observation{
		{"630-4", "Urine culture", "", "", []string{"No growth after 48 hours (synthetic report)",
			"Testia coli greater than 100,000 CFU/mL. This is a synthetic narrative that goes on for a while, as culture reports do.",
			"Mixed flora"}, []string{"", "A", ""}, false},
		{"18906-8", "Ciprofloxacin", "", "", []string{"<=0.25", ">4", "2"}, []string{"S", "R", "I"}, false},
	}},
}

// labs makes orders, each with its tests, results and documents, and results that belong to none.
func (g *gen) labs(patients, orders int) {
	for i := range max(len(panels), orders) {
		p := g.patients[i%len(g.patients)]
		g.order1(p, i)
	}
	for i := range max(6, patients/3) {
		g.patientResult(pick(g, g.patients), i)
	}
}

func (g *gen) order1(p *person, i int) {
	at := g.past(g.end-400*day, g.end)
	if i%12 == 0 { // still open when the history ends
		at = g.past(g.end-5*day, g.end)
	}
	done := g.past(at+day, at+6*day)
	o := labOrder{ID: g.id(LabOrders), Patient: p.id, Doctor: p.doctor, Sublab: firstID[Sublabs] + g.idBase + 1 + int64(i%2), Status: "R",
		Priority: pick(g, []string{"N", "N", "N", "S"}), Timestamp: naive(at), ICD10: []icd10{{pick(g, diagnoses), "SYNTHETIC DIAGNOSIS"}}}
	o.Requisition = strconv.FormatInt(o.ID, 10)
	o.Accession = fmt.Sprintf("TESTACC%d", o.ID)
	open := i%12 == 0
	if open {
		o.Status = pick(g, []string{"N", "Q", "A", "S", "S", "E"})
		done = at
	}
	k, canary := g.canaryOf(p)
	if canary {
		o.Notes = k.lab
	}
	requisition := g.id(LabDocuments)
	result := int64(0)
	o.Documents = []int64{requisition}
	docs := []labDocument{{ID: requisition, LabOrder: o.ID, Type: pick(g, []string{"REQ", "REQ", "R-A"}), Document: signed(requisition), Timestamp: o.Timestamp}}
	var hl7 []string
	if !open {
		result = g.id(LabDocuments)
		o.Documents = append(o.Documents, result)
	}
	for n := range 1 + g.r.IntN(2) {
		panel := panels[(i+n*3)%len(panels)]
		t := labTest{ID: g.id(LabTests), LabOrder: o.ID, Code: panel.code, Name: panel.name, Description: panel.name + " (synthetic)",
			Status: "F", Collection: naive(at), Source: "BLD"}
		if open {
			t.Status, t.Collection = pick(g, []string{"P", "I", "X"}), nil
		}
		g.emit(LabTests, t, nil)
		for j, ob := range panel.observations {
			if open {
				break
			}
			hl7 = append(hl7, g.result(&o, &t, ob, panel.code, i/len(panels)+j, result, at, done, k.lab))
		}
	}
	if !open {
		doc := labDocument{ID: result, LabOrder: o.ID, Type: "RES", Document: signed(result), Timestamp: naive(done)}
		if i%3 != 1 {
			doc.HL7 = message(p, &o, at, done, hl7)
		}
		if i%9 == 4 {
			doc.Document = ""
		}
		docs = append(docs, doc)
	}
	r := g.emit(LabOrders, o, nil)
	r.Updated = max(r.Updated, done) // `since` sees the order move to R, although its body shows no time of change
	for _, d := range docs {
		g.emit(LabDocuments, d, nil)
	}
}

func (g *gen) result(o *labOrder, t *labTest, ob observation, group string, i int, doc, at, done int64, comment string) string {
	n := i % 3
	l := labResult{ID: g.id(LabResults), LabTest: t.ID, LabOrder: strconv.FormatInt(o.ID, 10), Document: doc, Status: "F", Value: ob.values[n],
		Numeric: ob.numeric, Unit: ob.unit, Range: ob.normal, Abnormal: ob.flags[n], Code: ob.code, Description: ob.name, Group: group,
		Performed: naive(done), Received: naive(at + 7200), Comments: comment}
	abnormal := l.Abnormal != "" && l.Abnormal != "N" && l.Abnormal != "NEG" && l.Abnormal != "S"
	switch l.ID % 23 { // every way this field has been seen
	case 1:
		l.IsAbnormal = strconv.FormatBool(abnormal)
	case 2:
		l.IsAbnormal = map[bool]string{true: "True", false: "False"}[abnormal]
	case 3:
		l.IsAbnormal = nil
	case 4:
		l.IsAbnormal = true // without a flag: abnormal, direction unknown
		if !abnormal {
			l.Abnormal = ""
		}
	default:
		l.IsAbnormal = abnormal
	}
	if l.ID%41 == 0 { // the lab corrects itself: a second row on the same test and code
		first := l
		first.ID, first.Status = l.ID, "P"
		g.emit(LabResults, first, nil)
		l.ID, l.Status, l.Performed = g.id(LabResults), "C", naive(min(done+3600, g.end-1))
	}
	g.emit(LabResults, l, nil)
	return fmt.Sprintf("OBX|%d|ST|%s^%s^LN||%s|%s|%s|%s|||F", i+1, ob.code, ob.name, l.Value, l.Unit, l.Range, l.Abnormal)
}

func signed(id int64) string {
	return fmt.Sprintf("https://files.example.test/lab/%d.pdf?Signature=synthetic", id)
}

func message(p *person, o *labOrder, at, done int64, obx []string) string {
	stamp := strings.NewReplacer("-", "", "T", "", ":", "")
	head := []string{
		"MSH|^~\\&|TESTLAB|SYNTH|DRC|TEST|" + stamp.Replace(naive(done)) + "||ORU^R01|" + strconv.FormatInt(o.ID, 10) + "|T|2.3",
		"PID|1||TEST||" + p.last + "^" + p.first + "||" + stamp.Replace(p.birth) + "|" + p.gender,
		"OBR|1|" + o.Requisition + "||PANEL|||" + stamp.Replace(naive(at)) + "|||||||||||||||" + stamp.Replace(naive(done)),
	}
	return strings.Join(append(head, obx...), "\r")
}

func (g *gen) patientResult(p *person, i int) {
	panel := panels[i%len(panels)]
	ob := panel.observations[i%len(panel.observations)]
	n := i % 3
	at := g.past(g.end-500*day, g.end)
	flags := []string{"", "N", "H", "L", "null", "U", "MS", "W", "A"}
	r := patientLabResult{ID: g.id(PatientLabResults), Patient: p.id, Ordering: p.doctor, Title: ob.name, LOINC: ob.code, Value: ob.values[n],
		Units: ob.unit, Range: ob.normal, RangeUnits: ob.unit, Flag: flags[i%len(flags)], Performed: naive(at), Signoff: i%2 == 0,
		Status:    []string{"Results Received", "Results Reviewed with Patient", "In Progress", "Order Entered", "Paper Order", ""}[i%6],
		CreatedAt: naive(at), UpdatedAt: naive(g.past(at, at+5*day))}
	if f, err := strconv.ParseFloat(r.Value, 64); err == nil {
		r.Float = f
	}
	if k, ok := g.canaryOf(p); ok {
		r.Comments = k.lab
	}
	g.emit(PatientLabResults, r, nil)
}
