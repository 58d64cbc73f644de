package feed

// LineItemDeletions are the source's own tombstones of line items. They are never withdrawn, and the
// list need not be complete, so nothing is swept.
var LineItemDeletions = Feed{
	Name:    "line_item_deletions",
	Path:    "/api/line_item_deletions",
	Key:     "billing_line_item_id",
	Version: "created_at",
	Columns: []Column{
		{"billing_line_item_id", ID}, {"appointment_id", TextID}, {"created_at", Timestamp},
	},
	Since: true,
	// A line item takes its transactions along, of which the source says nothing.
	Deletes: map[string]string{"line_items": "id", "transactions": "line_item"},
}
