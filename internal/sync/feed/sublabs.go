package feed

// Sublabs are the laboratories' places. There is no "since": the list is short and read whole.
var Sublabs = Feed{
	Name: "sublabs",
	Path: "/api/sublabs",
	Key:  "id",
	Columns: []Column{
		{"id", ID}, {"name", Text}, {"facility_code", Text}, {"vendor_name", Text},
	},
	Sweep: true,
}
