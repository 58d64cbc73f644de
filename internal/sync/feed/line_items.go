package feed

// LineItems are charges of visits.
var LineItems = Feed{
	Name:    "line_items",
	Path:    "/api/line_items",
	Bulk:    "/api/line_items_list",
	Order:   "id",
	Key:     "id",
	Version: "updated_at",
	Columns: []Column{
		{"id", ID}, {"appointment", TextID}, {"patient", ID}, {"doctor", ID}, {"code", Text}, {"procedure_type", Text},
		{"quantity", Quantity}, {"units", Text}, {"price", Money}, {"billed", Money}, {"allowed", Money}, {"adjustment", Money},
		{"ins1_paid", Money}, {"ins2_paid", Money}, {"ins3_paid", Money}, {"ins_total", Money}, {"pt_paid", Money}, {"paid_total", Money},
		{"balance_ins", Money}, {"balance_pt", Money}, {"balance_total", Money}, {"expected_reimbursement", Money},
		{"billing_status", Text}, {"insurance_status", Text}, {"denied_flag", Bool},
		{"service_date", Date}, {"posted_date", Date}, {"updated_at", Timestamp},
	},
	Since: true,
	Sweep: true,
}
