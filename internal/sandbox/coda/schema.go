package coda

import "time"

// Doc is a document's design. Over the API a document's tables and columns cannot be changed.
type Doc struct {
	ID, Name string
	Owner    string // e-mail; default owner@example.test
	Zone     string // of date values; default America/Los_Angeles
	Tables   []Table
	// TooBig makes docSize.overApiSizeLimit true and every row call fail.
	TooBig bool
}

// Table is a table's or view's design.
type Table struct {
	ID, Name string
	// Parent makes this a view of another table of the document.
	Parent  string
	Columns []Column
}

// Column is a column's design.
type Column struct {
	ID, Name   string
	Format     Format
	Display    bool
	Calculated bool
	Formula    string
	Hidden     bool
}

// Format is a column's format as the API shows it: "type" and the keys that go with it.
type Format map[string]any

// Type is the format's type.
func (f Format) Type() string { t, _ := f["type"].(string); return t }

// Names of the landing zone.
const (
	ProductionDoc     = "dAugustProduction"
	StagingDoc        = "dAugustStaging"
	BillingSummary    = "grid-billing-summary"
	BillingDay        = "grid-billing-day"
	BillingMismatches = "grid-billing-mismatches"
	AbnormalResults   = "grid-abnormal-results"
	Samples           = "grid-samples"
)

// LandingZone is one document per environment, each with a table for every view that can be shown in Coda, of
// which the demo fills the billing summary, and a table with a column of every common format.
func LandingZone() []Doc {
	return []Doc{
		{ID: ProductionDoc, Name: "August production", Tables: tables()},
		{ID: StagingDoc, Name: "August staging", Tables: tables()},
	}
}

func tables() []Table {
	text, money := Format{"type": "text", "isArray": false}, Format{"type": "currency", "isArray": false, "currencyCode": "USD", "precision": 2, "format": "currency"}
	number := Format{"type": "number", "isArray": false, "precision": 0, "useThousandsSeparator": false}
	return []Table{
		{ID: BillingSummary, Name: "Billing summary", Columns: []Column{
			{ID: "c-key", Name: "Key", Format: text, Display: true}, {ID: "c-month", Name: "Month", Format: text},
			{ID: "c-status", Name: "Status", Format: text}, {ID: "c-payer", Name: "Payer", Format: text},
			{ID: "c-claims", Name: "Claims", Format: number}, {ID: "c-billed", Name: "Billed", Format: money},
			{ID: "c-insurance-paid", Name: "Insurance paid", Format: money}, {ID: "c-patient-paid", Name: "Patient paid", Format: money},
			{ID: "c-balance", Name: "Balance", Format: money},
		}},
		{ID: BillingDay, Name: "Billing by day", Columns: []Column{
			{ID: "c-key", Name: "Key", Format: text, Display: true}, {ID: "c-day", Name: "Day", Format: text},
			{ID: "c-status", Name: "Status", Format: text}, {ID: "c-payer", Name: "Payer", Format: text}, {ID: "c-doctor", Name: "Doctor", Format: text},
			{ID: "c-claims", Name: "Claims", Format: number}, {ID: "c-billed", Name: "Billed", Format: money},
			{ID: "c-insurance-paid", Name: "Insurance paid", Format: money}, {ID: "c-patient-paid", Name: "Patient paid", Format: money},
			{ID: "c-balance", Name: "Balance", Format: money},
		}},
		{ID: BillingMismatches, Name: "Billing mismatches", Columns: []Column{
			{ID: "c-key", Name: "Key", Format: text, Display: true}, {ID: "c-month", Name: "Month", Format: text},
			{ID: "c-reason", Name: "Reason", Format: text}, {ID: "c-severity", Name: "Severity", Format: text},
			{ID: "c-mismatches", Name: "Mismatches", Format: number},
		}},
		{ID: AbnormalResults, Name: "Abnormal results", Columns: []Column{
			{ID: "c-key", Name: "Key", Format: text, Display: true}, {ID: "c-test", Name: "Test", Format: text},
			{ID: "c-observation", Name: "Observation", Format: text}, {ID: "c-abnormal-state", Name: "Abnormal", Format: text},
			{ID: "c-direction", Name: "Direction", Format: text}, {ID: "c-severity", Name: "Severity", Format: text},
			{ID: "c-basis", Name: "Basis", Format: text}, {ID: "c-review", Name: "Review", Format: text},
			{ID: "c-reason", Name: "Reason", Format: text}, {ID: "c-doctor", Name: "Doctor", Format: text},
		}},
		{ID: "table-billing-view", Name: "Billing by month", Parent: BillingSummary},
		{ID: Samples, Name: "Samples", Columns: []Column{
			{ID: "c-name", Name: "Name", Format: text, Display: true},
			{ID: "c-number", Name: "Number", Format: number},
			{ID: "c-percent", Name: "Percent", Format: Format{"type": "percent", "isArray": false, "precision": 1}},
			{ID: "c-currency", Name: "Currency", Format: money},
			{ID: "c-date", Name: "Date", Format: Format{"type": "date", "isArray": false, "format": "YYYY-MM-DD"}},
			{ID: "c-datetime", Name: "Date and time", Format: Format{"type": "dateTime", "isArray": false, "dateFormat": "YYYY-MM-DD", "timeFormat": "HH:mm"}},
			{ID: "c-time", Name: "Time", Format: Format{"type": "time", "isArray": false, "format": "h:mm A"}},
			{ID: "c-duration", Name: "Duration", Format: Format{"type": "duration", "isArray": false, "precision": 0, "maxUnit": "hours"}},
			{ID: "c-checkbox", Name: "Checkbox", Format: Format{"type": "checkbox", "isArray": false, "displayType": "check"}},
			{ID: "c-select", Name: "Select", Format: Format{"type": "select", "isArray": false, "options": []map[string]string{{"name": "Open"}, {"name": "Closed"}}}},
			{ID: "c-tags", Name: "Tags", Format: Format{"type": "select", "isArray": true, "options": []map[string]string{{"name": "A"}, {"name": "B"}}}},
			{ID: "c-relation", Name: "Relation", Format: Format{"type": "lookup", "isArray": false, "table": map[string]string{"id": BillingSummary}}},
			{ID: "c-person", Name: "Person", Format: Format{"type": "person", "isArray": false}},
			{ID: "c-email", Name: "Email", Format: Format{"type": "email", "isArray": false, "display": "icon", "autocomplete": false}},
			{ID: "c-link", Name: "Link", Format: Format{"type": "link", "isArray": false, "display": "url", "force": false}},
			{ID: "c-slider", Name: "Slider", Format: Format{"type": "slider", "isArray": false, "minimum": 0, "maximum": 100, "step": 1}},
			{ID: "c-scale", Name: "Scale", Format: Format{"type": "scale", "isArray": false, "maximum": 5, "icon": "star"}},
			{ID: "c-button", Name: "Button", Format: Format{"type": "button", "isArray": false, "label": "Push"}, Calculated: true},
			{ID: "c-double", Name: "Double", Format: number, Calculated: true, Formula: "Number*2"},
			{ID: "c-hidden", Name: "Hidden", Format: text, Hidden: true},
		}},
	}
}

// doc is a document and its rows.
type doc struct {
	Doc
	zone    *time.Location
	created time.Time
	tables  []*table
	queue   []*mutation // accepted, not applied, in order
	stale   bool        // something applied is not in the snapshot yet
	snapped time.Time
}

// table is a base table's rows: live is what writes see, shown what reads see. Rows never change; an
// edit puts a new one in the place.
type table struct {
	Table
	parent *table // a view's table
	live   []*row
	shown  []*row
}

type row struct {
	ID      string         `json:"id"`
	Seq     int            `json:"seq"` // order of creation
	Version int64          `json:"version"`
	Created time.Time      `json:"created"`
	Updated time.Time      `json:"updated"`
	Values  map[string]any `json:"values"` // by column id; see values.go
}

func newDoc(d Doc, now time.Time) *doc {
	if d.Owner == "" {
		d.Owner = "owner@example.test"
	}
	if d.Zone == "" {
		d.Zone = "America/Los_Angeles"
	}
	out := &doc{Doc: d, created: now, snapped: now}
	var err error
	if out.zone, err = time.LoadLocation(d.Zone); err != nil {
		out.zone = time.UTC
	}
	for _, t := range d.Tables {
		out.tables = append(out.tables, &table{Table: t})
	}
	for _, t := range out.tables {
		if t.Parent != "" {
			t.parent = out.table(t.Parent)
		}
	}
	return out
}

func (s *Server) doc(id string) *doc {
	for _, d := range s.docs {
		if d.ID == id {
			return d
		}
	}
	return nil
}

// table finds a table or view by id, else by name.
func (d *doc) table(id string) *table {
	for _, t := range d.tables {
		if t.ID == id {
			return t
		}
	}
	for _, t := range d.tables {
		if t.Name == id {
			return t
		}
	}
	return nil
}

// base is the table that holds the rows.
func (t *table) base() *table {
	if t.parent != nil {
		return t.parent
	}
	return t
}

func (t *table) display() *Column {
	b := t.base()
	for i := range b.Columns {
		if b.Columns[i].Display {
			return &b.Columns[i]
		}
	}
	if len(b.Columns) == 0 {
		return &Column{}
	}
	return &b.Columns[0]
}
