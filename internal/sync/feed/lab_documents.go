package feed

// LabDocuments are requisitions and reports of orders. Of a document only its id is kept: its address
// is signed and dies within the hour, and its HL7 message is all that there is about a patient.
var LabDocuments = Feed{
	Name: "lab_documents",
	Path: "/api/lab_documents",
	Key:  "id",
	Mark: "timestamp",
	Columns: []Column{
		{"id", ID}, {"lab_order", ID}, {"type", Text}, {"timestamp", Timestamp},
	},
	Derived: presence("document", "hl7"),
	Omit:    []string{"document", "hl7"},
	Since:   true,
	Sweep:   true,
}

// presence makes a column has_<member> for each member: whether there is anything in it.
func presence(members ...string) *Derived {
	d := &Derived{From: members, append: func(_ string, dst []byte, texts []string) []byte {
		for i, text := range texts {
			if i > 0 {
				dst = append(dst, '\t')
			}
			dst = appendFlag(dst, text != "")
		}
		return dst
	}}
	for _, m := range members {
		d.Columns = append(d.Columns, "has_"+m)
	}
	return d
}

func appendFlag(dst []byte, b bool) []byte {
	if b {
		return append(dst, 't')
	}
	return append(dst, 'f')
}
