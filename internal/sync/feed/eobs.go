package feed

import "time"

// EOBs are payers' checks with their totals. The list takes no "since" and, in a large practice, does
// not answer in one piece: it is read whole, doctor by doctor.
var EOBs = Feed{
	Name:    "eobs",
	Path:    "/api/eobs",
	Key:     "id",
	Version: "updated_at",
	Columns: []Column{
		{"id", ID}, {"doctor", ID}, {"insurance_payer_id", Text}, {"insurance_payer_name", Text}, {"insurance_payer_trace_number", Text},
		{"payment_method", Text}, {"total_paid", Money}, {"check_date", Date}, {"deposit_date", Date}, {"posted_date", Date},
		{"updated_at", Timestamp},
	},
	Omit:  []string{"scanned_eob"}, // a signed URL of a document
	Sweep: true,
	Every: 20 * time.Hour, // once a day, at whichever run comes then
	Split: &Split{Param: "doctor", Parent: "doctors", Column: "doctor", Always: true},
}
