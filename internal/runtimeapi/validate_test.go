package runtimeapi

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func validSpec() PipelineSpec {
	return PipelineSpec{
		Dataset:         "billing",
		Schedule:        "*/15 * * * *",
		WebhookEvents:   []string{"APPOINTMENT_MODIFY", "PATIENT_FLAG_CMODIFY", "PATIENT_FLAG_MODIFY"},
		StatusOverrides: map[string]string{"Sent to Collections": "patient_balance"},
		CodaViews: []CodaView{{
			View: "billing_summary", DocID: "dAugustProduction", TableID: "grid-billing-summary", KeyColumn: "c-key",
			Columns: map[string]string{"month": "c-month", "status": "c-status", "claims": "c-claims"},
		}},
	}
}

// labs makes the spec one of labs.
func labs(s *PipelineSpec) {
	s.Dataset, s.StatusOverrides = "labs", nil
	s.CodaViews[0].View, s.CodaViews[0].Columns = ViewAbnormalResults, map[string]string{"test": "c-test", "severity": "c-severity"}
	s.CodaViews[0].PHIColumns = []string{"test"}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(*PipelineSpec)
		field  string // of the only finding; empty: the spec is right
		says   string
	}{
		"right":            {func(*PipelineSpec) {}, "", ""},
		"only on request":  {func(s *PipelineSpec) { s.Schedule = "" }, "", ""},
		"labs":             {labs, "", ""},
		"labs, its fields": {func(s *PipelineSpec) { labs(s); s.CodaViews[0].Columns["patient"] = "c-x" }, "coda_views[0].columns.patient", "no field"},
		"labs, overrides":  {func(s *PipelineSpec) { labs(s); s.StatusOverrides = map[string]string{"Legal": "paid"} }, "status_overrides", "only dataset"},
		"no views":         {func(s *PipelineSpec) { s.Dataset, s.StatusOverrides = "patients", nil }, "coda_views[0].view", "has no views"},
		"patients":         {func(s *PipelineSpec) { s.Dataset, s.StatusOverrides, s.CodaViews = "patients", nil, nil }, "", ""},
		"no dataset":       {func(s *PipelineSpec) { s.Dataset, s.CodaViews = "billings", nil }, "dataset", `use "billing"`},
		"hour":             {func(s *PipelineSpec) { s.Schedule = "0 25 * * *" }, "schedule", `hour "25"`},
		"weekday":          {func(s *PipelineSpec) { s.Schedule = "0 2 * * funday" }, "schedule", `day of week "funday"`},
		"four fields":      {func(s *PipelineSpec) { s.Schedule = "0 2 * *" }, "schedule", "has 4 fields"},
		"shorthand":        {func(s *PipelineSpec) { s.Schedule = "@daily" }, "schedule", "five fields"},
		"zone":             {func(s *PipelineSpec) { s.Schedule = "TZ=x" }, "schedule", "UTC"},
		"never":            {func(s *PipelineSpec) { s.Schedule = "0 0 31 2 *" }, "schedule", "never comes"},
		"reconcile":        {func(s *PipelineSpec) { s.Reconcile = &ReconcileSpec{Schedule: "0 4 * * 0", Repair: true} }, "", ""},
		"reconcile, when":  {func(s *PipelineSpec) { s.Reconcile = &ReconcileSpec{Repair: true} }, "reconcile.schedule", "is empty"},
		"reconcile, hour":  {func(s *PipelineSpec) { s.Reconcile = &ReconcileSpec{Schedule: "0 24 * * 0"} }, "reconcile.schedule", `hour "24"`},
		"event":            {func(s *PipelineSpec) { s.WebhookEvents[1] = "CLAIM_MODIFY" }, "webhook_events[1]", "no event of DrChrono"},
		"event case":       {func(s *PipelineSpec) { s.WebhookEvents[0] = "appointment_modify" }, "webhook_events[0]", "APPOINTMENT_MODIFY"},
		"event twice":      {func(s *PipelineSpec) { s.WebhookEvents[1] = "APPOINTMENT_MODIFY" }, "webhook_events[1]", "twice"},
		"ping":             {func(s *PipelineSpec) { s.WebhookEvents[0] = "PING" }, "webhook_events[0]", "always answered"},
		"override":         {func(s *PipelineSpec) { s.StatusOverrides["Legal"] = "unknown" }, "status_overrides.Legal", "no claim state"},
		"override twice":   {func(s *PipelineSpec) { s.StatusOverrides["sent  to collections"] = "paid" }, "status_overrides.sent  to collections", "means the same"},
		"override control": {func(s *PipelineSpec) { s.StatusOverrides["a\x00"] = "paid" }, "status_overrides", "control character"},
		"override nothing": {func(s *PipelineSpec) { s.StatusOverrides[" "] = "paid" }, "status_overrides", "empty"},
		"view":             {func(s *PipelineSpec) { s.CodaViews[0].View = "claims" }, "coda_views[0].view", `"billing_summary"`},
		"doc":              {func(s *PipelineSpec) { s.CodaViews[0].DocID = "https://coda.io/d/x_dA" }, "coda_views[0].doc_id", "doc's id"},
		"no table":         {func(s *PipelineSpec) { s.CodaViews[0].TableID = "" }, "coda_views[0].table_id", "is empty"},
		"table view":       {func(s *PipelineSpec) { s.CodaViews[0].TableID = "table-x" }, "coda_views[0].table_id", "base tables only"},
		"key":              {func(s *PipelineSpec) { s.CodaViews[0].KeyColumn = "Key" }, "coda_views[0].key_column", "column's id"},
		"no columns":       {func(s *PipelineSpec) { s.CodaViews[0].Columns = nil }, "coda_views[0].columns", "at least one"},
		"field":            {func(s *PipelineSpec) { s.CodaViews[0].Columns["patient_name"] = "c-x" }, "coda_views[0].columns.patient_name", "no field"},
		"column twice":     {func(s *PipelineSpec) { s.CodaViews[0].Columns["status"] = "c-claims" }, "coda_views[0].columns.status", "already receives claims"},
		"column is key":    {func(s *PipelineSpec) { s.CodaViews[0].Columns["month"] = "c-key" }, "coda_views[0].columns.month", "already receives key_column"},
		"column empty":     {func(s *PipelineSpec) { s.CodaViews[0].Columns["month"] = "" }, "coda_views[0].columns.month", "is empty"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			spec := validSpec()
			test.change(&spec)
			found := spec.Validate()
			if test.field == "" {
				if len(found) != 0 {
					t.Fatalf("found %v in a right spec", found)
				}
				return
			}
			if len(found) != 1 {
				t.Fatalf("found %v, want one finding at %s", found, test.field)
			}
			if found[0].Field != test.field || !strings.Contains(found[0].Message, test.says) || found[0].Code != CodeInvalid {
				t.Errorf("found %v, want %q at %s", found[0], test.says, test.field)
			}
		})
	}
}

func TestValidate_twoViewsOneTable(t *testing.T) {
	t.Parallel()
	spec := validSpec()
	spec.CodaViews = append(spec.CodaViews, spec.CodaViews[0])
	found := spec.Validate()
	if len(found) != 2 || found[0].Field != "coda_views[1].view" || found[1].Field != "coda_views[1].table_id" {
		t.Errorf("found %v, want the view and the table of the second", found)
	}
}

func TestValidateName(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"billing", "b", "billing-2", strings.Repeat("a", 63)} {
		if err := ValidateName(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{"", "Billing", "2b", "b-", "a/b", "a:sync", strings.Repeat("a", 64)} {
		if err := ValidateName(name); err == nil || err.Field != "name" {
			t.Errorf("%q was accepted", name)
		}
	}
}

func TestParseSchedule_utc(t *testing.T) {
	t.Parallel()
	s, err := ParseSchedule("30 2 * * *")
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 3, 1, 23, 0, 0, 0, time.FixedZone("west", -8*3600))
	if next, want := s.Next(at), time.Date(2026, 3, 3, 2, 30, 0, 0, time.UTC); !next.Equal(want) {
		t.Errorf("next is %v, want %v", next, want)
	}
}

func TestParseSchedule_neverPanics(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.StringMatching(`[0-9*/,=@TZ -]{0,20}`)).Draw(t, "schedule")
		s, err := ParseSchedule(text)
		if (s == nil) == (err == nil) {
			t.Fatalf("%q gives %v and %v", text, s, err)
		}
	})
}
