package feed

// Patients are the people whom the practice treats, those too who are inactive or have died. Only what
// identifies and reaches them is kept: no social security number, no photo, no insurance card, none of
// the demographics that neither billing nor labs need.
var Patients = Feed{
	Name:    "patients",
	Path:    "/api/patients",
	Bulk:    "/api/patients_list",
	Order:   "id",
	Key:     "id",
	Version: "updated_at",
	Columns: []Column{
		{"id", ID}, {"chart_id", Text}, {"doctor", ID}, {"first_name", Text}, {"middle_name", Text}, {"last_name", Text},
		{"date_of_birth", Date}, {"gender", Text}, {"email", Text}, {"home_phone", Text}, {"cell_phone", Text}, {"office_phone", Text},
		{"address", Text}, {"city", Text}, {"state", Text}, {"zip_code", Text}, {"patient_status", Text}, {"patient_payment_profile", Text},
		{"copay", Text}, {"date_of_death", Date}, {"date_of_first_appointment", Date}, {"date_of_last_appointment", Date},
		{"disable_sms_messages", Bool}, {"created_at", Timestamp}, {"updated_at", Timestamp},
	},
	Omit: []string{
		"social_security_number", "patient_photo", "patient_photo_date",
		"race", "race_subcategories", "ethnicity", "pronouns", "gender_identity_code", "gender_identity_description",
		"emergency_contact_name", "emergency_contact_phone", "emergency_contact_relation",
		"employer", "employer_address", "employer_city", "employer_state", "employer_zip_code",
		"responsible_party_name", "responsible_party_email", "responsible_party_phone", "responsible_party_relation",
		"primary_care_physician", "referring_source", "referring_doctor", "medication_history_consent", "default_pharmacy", "preferred_pharmacies",
		// Sent with verbose=true, which is not asked for; a source that sends them anyway is not to be trusted with it.
		"primary_insurance", "secondary_insurance", "tertiary_insurance", "auto_accident_insurance", "workers_comp_insurance",
		"custom_demographics", "patient_flags", "patient_flags_attached",
	},
	Since: true,
	Sweep: true,
	// Without it a patient who becomes inactive just vanishes.
	Filters: map[string]string{"show_inactive": "true"},
}
