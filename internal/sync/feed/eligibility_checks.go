package feed

// EligibilityChecks are answers of payers on whether a patient is covered. Only the bulk list takes
// "since". The coverage itself, of any size and about the subscriber, is not kept.
var EligibilityChecks = Feed{
	Name:    "eligibility_checks",
	Path:    "/api/eligibility_checks",
	Bulk:    "/api/eligibility_checks_list",
	Order:   "id",
	Key:     "id",
	Version: "updated_at",
	Columns: []Column{
		{"id", ID}, {"patient", ID}, {"appointment", TextID}, {"cob_level", Text}, {"payer_name", Text}, {"eligibility", Text},
		{"request_service_type", Text}, {"service_type_description", Text}, {"query_date", Timestamp}, {"updated_at", Timestamp},
	},
	Omit:  []string{"coverage_details", "coverage_subscriber"},
	Since: true,
	Sweep: true,
}
