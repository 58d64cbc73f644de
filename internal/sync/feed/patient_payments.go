package feed

// PatientPayments are payments by patients. There is no bulk list, and their deletion leaves no
// trace but in a full sweep.
var PatientPayments = Feed{
	Name:    "patient_payments",
	Path:    "/api/patient_payments",
	Key:     "id",
	Version: "updated_at",
	Columns: []Column{
		{"id", ID}, {"patient", ID}, {"appointment", TextID}, {"line_item", ID}, {"doctor", ID}, {"amount", Money},
		{"payment_method", Text}, {"payment_transaction_type", Text}, {"posted_date", Date}, {"received_date", Date},
		{"trace_number", Text}, {"created_at", Timestamp}, {"updated_at", Timestamp},
	},
	Since: true,
	Sweep: true,
}
