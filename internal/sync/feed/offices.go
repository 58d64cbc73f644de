package feed

// Offices are the places of the practice. There is no "since": the list is short and read whole.
var Offices = Feed{
	Name: "offices",
	Path: "/api/offices",
	Key:  "id",
	Columns: []Column{
		{"id", ID}, {"name", Text}, {"doctor", ID}, {"state", Text}, {"archived", Bool},
	},
	Sweep: true,
}
