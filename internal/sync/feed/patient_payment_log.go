package feed

// PatientPaymentLog is the history of patients' payments. Nothing links a row to its payment, so it
// tells that something changed and not what. It only grows: nothing is swept.
var PatientPaymentLog = Feed{
	Name:    "patient_payment_log",
	Path:    "/api/patient_payment_log",
	Key:     "id",
	Version: "updated_at",
	Columns: []Column{
		{"id", ID}, {"action", Text}, {"amount", Money}, {"appointment", TextID}, {"patient", ID}, {"doctor", ID},
		{"payment_method", Text}, {"source", Text}, {"created_by", Text}, {"updated_at", Timestamp},
	},
	Since: true,
}
