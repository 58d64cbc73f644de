package feed

// Doctors are the providers of the practice. There is no "since": the list is short and read whole.
var Doctors = Feed{
	Name: "doctors",
	Path: "/api/doctors",
	Key:  "id",
	Columns: []Column{
		{"id", ID}, {"first_name", Text}, {"last_name", Text}, {"specialty", Text}, {"npi_number", Text},
		{"practice_group", Text}, {"practice_group_name", Text}, {"timezone", Text}, {"is_account_suspended", Bool},
	},
	Volatile: []string{"profile_picture"}, // a signed URL
	Sweep:    true,
}
