package coda_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
	sandbox "github.com/feel-august/terraform-provider-august/internal/sandbox/coda"
	"github.com/feel-august/terraform-provider-august/internal/sync/claims"
	"github.com/feel-august/terraform-provider-august/internal/sync/coda"
	"github.com/feel-august/terraform-provider-august/internal/sync/results"
)

// Every view there is, with all its fields, goes from the synced data into a table that was made for it, and shows
// there what it was told.
func TestPusher_everyView(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tables := map[string]string{
		runtimeapi.ViewBillingSummary: sandbox.BillingSummary, runtimeapi.ViewBillingDay: sandbox.BillingDay,
		runtimeapi.ViewBillingMismatches: sandbox.BillingMismatches, runtimeapi.ViewAbnormalResults: sandbox.AbnormalResults,
	}
	derive := map[string]func(context.Context, pgx.Tx, runtimeapi.PipelineSpec, int64) error{"billing": claims.Derive, "labs": results.Derive}
	b.exec(`insert into drchrono.doctors (id, first_name, last_name, raw, content_hash, observed_at) values (30001, 'Dora', 'Testdoc', '{}', '', now())`)
	// Visits that were closed as paid with a balance: they count, and each is a mismatch.
	b.exec(`insert into drchrono.appointments (id, patient, doctor, scheduled_time, billing_status, primary_insurer_name, raw, content_hash, observed_at)
		select n::text, n, 30001, '2026-03-02', 'Paid In Full', 'Example Payer 1/2', '{}', '', now() from generate_series(1, 30) n`)
	b.exec(`insert into drchrono.line_items (id, appointment, billed, balance_pt, service_date, raw, content_hash, observed_at)
		select n, n::text, 100.50, 100.50, '2026-03-02', '{}', '', now() from generate_series(1, 30) n`)
	b.exec(`insert into drchrono.lab_orders (id, patient, doctor, status, raw, content_hash, observed_at) values (40, 5000001, 30001, 'R', '{}', '', now())`)
	b.exec(`insert into drchrono.lab_tests (id, lab_order, name, status, raw, content_hash, observed_at) values (41, 40, 'Metabolic panel', 'F', '{}', '', now())`)
	b.exec(`insert into drchrono.lab_results (id, lab_test, lab_order, status, observation_description, value_kind, range_kind, abnormal_state, abnormal_direction,
			abnormal_severity, abnormal_basis, rule_version, fingerprint, observation_key, raw, content_hash, observed_at)
		select n, 41, 40, 'F', 'Analyte ' || n, 'number', 'none', 'abnormal', 'high', 'critical', 'lab_flag', 1, n, n, '{}', '', now() from generate_series(1, 3) n`)

	specs := map[string]runtimeapi.PipelineSpec{}
	for dataset, views := range runtimeapi.ViewFields {
		spec := runtimeapi.PipelineSpec{Dataset: dataset}
		for view, fields := range views {
			v := runtimeapi.CodaView{View: view, DocID: sandbox.ProductionDoc, TableID: tables[view], KeyColumn: "c-key", Columns: map[string]string{}}
			for _, field := range fields {
				v.Columns[field] = "c-" + strings.ReplaceAll(field, "_", "-")
				if runtimeapi.FieldOf(view, field).PHI != "" {
					v.PHIColumns = append(v.PHIColumns, field)
				}
			}
			spec.CodaViews = append(spec.CodaViews, v)
		}
		if found := spec.Validate(); len(found) > 0 {
			t.Fatalf("%s: %v", dataset, found)
		}
		raw, err := json.Marshal(spec)
		if err != nil {
			t.Fatal(err)
		}
		b.exec(`insert into august.pipeline (name, spec) values ($1, $2) on conflict (name) do update set spec = excluded.spec`, dataset, raw)
		var run int64
		if err := b.pool.QueryRow(t.Context(), `insert into august.run (pipeline, generation, state) values ($1, 1, 'succeeded') returning id`, dataset).Scan(&run); err != nil {
			t.Fatal(err)
		}
		if err := pgx.BeginFunc(t.Context(), b.pool, func(tx pgx.Tx) error { return derive[dataset](t.Context(), tx, spec, run) }); err != nil {
			t.Fatal(err)
		}
		specs[dataset] = spec
	}
	cfg := b.free()
	for _, spec := range specs {
		if found := coda.NewPusher(cfg).Check(t.Context(), spec); len(found) > 0 {
			t.Fatalf("%v", found)
		}
	}
	b.start(cfg)
	for dataset, spec := range specs {
		b.until("all of "+dataset, func() bool {
			all, err := coda.Status(t.Context(), b.pool, dataset, spec)
			for _, s := range all {
				if s.Rows == 0 || s.Pending+s.Refused > 0 || s.Error != "" {
					return false
				}
			}
			return err == nil
		})
		for _, view := range spec.CodaViews {
			b.shows(dataset, view)
		}
	}
}

// shows holds a table's rows to what the outbox holds of the view.
func (b *bundle) shows(pipeline string, view runtimeapi.CodaView) {
	b.t.Helper()
	shown := map[string]map[string]any{}
	for _, row := range b.coda.Rows(view.DocID, view.TableID) {
		shown[fmt.Sprint(row["c-key"])] = row
	}
	rows, err := b.pool.Query(b.t.Context(), `select key, payload from august.outbox where pipeline = $1 and view = $2`, pipeline, view.View)
	if err != nil {
		b.t.Fatal(err)
	}
	var key string
	var fields map[string]any
	n := 0
	if _, err := pgx.ForEachRow(rows, []any{&key, &fields}, func() error {
		n++
		if len(fields) != len(view.Columns) {
			b.t.Errorf("%s has %d fields, and declares %d", view.View, len(fields), len(view.Columns))
		}
		for field, value := range fields {
			if got := shown[key][view.Columns[field]]; fmt.Sprint(got) != fmt.Sprint(value) {
				b.t.Errorf("%s of %s: Coda shows %v, want %v", field, view.View, got, value)
			}
		}
		fields = nil
		return nil
	}); err != nil {
		b.t.Fatal(err)
	}
	if n == 0 || n != len(shown) {
		b.t.Errorf("%s: %d rows, Coda shows %d", view.View, n, len(shown))
	}
}
