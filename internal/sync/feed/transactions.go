package feed

// Transactions are postings of remittances per line item. Their deletion leaves no trace at the
// source, so only a full sweep finds it.
var Transactions = Feed{
	Name:    "transactions",
	Path:    "/api/transactions",
	Bulk:    "/api/transactions_list",
	Order:   "id",
	Key:     "id",
	Version: "updated_at",
	Columns: []Column{
		{"id", ID}, {"line_item", ID}, {"appointment", TextID}, {"patient", ID}, {"doctor", ID}, {"ins_name", Integer},
		{"ins_paid", Money}, {"adjustment", Money}, {"adjustment_reason", Text}, {"adjustment_group_code", Text}, {"claim_status", Text},
		{"posted_date", Date}, {"check_date", Date}, {"trace_number", Text}, {"created_at", Timestamp}, {"updated_at", Timestamp},
	},
	Since: true,
	Sweep: true,
}
