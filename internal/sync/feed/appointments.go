package feed

// Appointments are visits and, with their line items, claims. The reason and the notes are free text
// about patients and get no columns; nor do diagnoses and member ids, which billing status does not need.
var Appointments = Feed{
	Name:    "appointments",
	Path:    "/api/appointments",
	Bulk:    "/api/appointments_list", // the plain list gives 20 rows a page
	Order:   "updated_at",
	Key:     "id",
	Version: "updated_at",
	Deleted: "deleted_flag",
	Columns: []Column{
		{"id", TextID}, {"patient", ID}, {"doctor", ID}, {"office", ID}, {"scheduled_time", Timestamp}, {"duration", Integer},
		{"status", Text}, {"billing_status", Text}, {"ins1_status", Text}, {"ins2_status", Text},
		{"first_billed_date", Timestamp}, {"last_billed_date", Timestamp}, {"first_edi_date", Timestamp}, {"last_edi_date", Timestamp},
		{"primary_insurer_name", Text}, {"primary_insurer_payer_id", Text},
		{"secondary_insurer_name", Text}, {"secondary_insurer_payer_id", Text},
		{"payment_profile", Text}, {"billing_provider", Text}, {"resubmit_claim_original_id", TextID}, {"cloned_from", TextID},
		{"appt_is_break", Bool}, {"deleted_flag", Bool}, {"created_at", Timestamp}, {"updated_at", Timestamp},
	},
	Since:    true,
	SinceAll: "2000-01-01",
	// Without it deleted visits just vanish.
	Filters: map[string]string{"show_archived": "true"},
	Sweep:   true,
}
