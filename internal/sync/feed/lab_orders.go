package feed

// LabOrders are what was asked of laboratories. The list takes "since", but no row shows when it
// changed: the newest submission that was seen is never later than the newest change.
var LabOrders = Feed{
	Name: "lab_orders",
	Path: "/api/lab_orders",
	Key:  "id",
	Mark: "timestamp",
	Columns: []Column{
		{"id", ID}, {"patient", ID}, {"doctor", ID}, {"sublab", ID}, {"status", Text}, {"priority", Text}, {"timestamp", Timestamp},
		{"requisition_id", Text}, {"external_requisition_id", Text}, {"accession_number", Text},
	},
	Since: true,
	Sweep: true,
}
