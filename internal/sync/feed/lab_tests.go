package feed

// LabTests are the tests of an order. No row shows when it changed and the list takes no "since": it is
// read order by order where that is less than all of it. Notes stay in raw.
var LabTests = Feed{
	Name: "lab_tests",
	Path: "/api/lab_tests",
	Key:  "id",
	Columns: []Column{
		{"id", ID}, {"lab_order", ID}, {"code", Text}, {"name", Text}, {"description", Text}, {"status", Text},
		{"collection_date", Timestamp}, {"specimen_source", Text}, {"specimen_condition", Text}, {"specimen_total_volume", Quantity},
	},
	Sweep: true,
	Split: byOrder,
}

// byOrder is how what belongs to an order is read.
var byOrder = &Split{Param: "order", Parent: "lab_orders", Column: "lab_order"}
