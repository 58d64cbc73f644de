package results

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
	"github.com/feel-august/terraform-provider-august/internal/sandbox/clinic"
	"github.com/feel-august/terraform-provider-august/internal/sync/coda"
	"github.com/feel-august/terraform-provider-august/internal/sync/feed"
	"github.com/feel-august/terraform-provider-august/internal/sync/pgtest"
	"github.com/feel-august/terraform-provider-august/internal/sync/store"
	"github.com/feel-august/terraform-provider-august/internal/sync/store/storetest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// bundle is a migrated database with one pipeline, whose rows come in as a sync brings them.
type bundle struct {
	testing.TB
	store *store.Store
	pool  *pgxpool.Pool
	spec  runtimeapi.PipelineSpec
	run   int64
	page  int
}

func setup(t testing.TB) *bundle {
	t.Helper()
	s := storetest.Open(t, storetest.New(t), 0)
	b := &bundle{TB: t, store: s, pool: s.Pool(), spec: runtimeapi.PipelineSpec{Dataset: "labs", CodaViews: []runtimeapi.CodaView{{View: runtimeapi.ViewAbnormalResults}}}}
	b.exec(`insert into august.pipeline (name, spec) values ('labs', '{}')`)
	if err := b.pool.QueryRow(t.Context(), `insert into august.run (pipeline, generation, state, lease_owner) values ('labs', 1, 'running', 'i') returning id`).Scan(&b.run); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *bundle) exec(sql string, args ...any) {
	b.Helper()
	if _, err := b.pool.Exec(b.Context(), sql, args...); err != nil {
		b.Fatalf("%s: %v", sql, err)
	}
}

func (b *bundle) value(sql string, args ...any) string {
	b.Helper()
	var v string
	if err := b.pool.QueryRow(b.Context(), `select coalesce((`+sql+`)::text, 'null')`, args...).Scan(&v); err != nil {
		b.Fatalf("%s: %v", sql, err)
	}
	return v
}

// merge stores objects as a sync does.
func (b *bundle) merge(f *feed.Feed, objects ...string) {
	b.Helper()
	b.page++
	p := store.Page{Sweep: 1, Number: b.page, At: time.Now()}
	d := feed.NewDecoder(f)
	for _, o := range objects {
		row, err := d.Decode([]byte(o))
		if err != nil {
			b.Fatal(err)
		}
		p.Rows = append(p.Rows, row)
	}
	b.exec(`insert into august.feed_run (run_id, feed, ordinal) values ($1, $2, 1) on conflict do nothing`, b.run, f.Name)
	if _, err := b.store.MergePage(b.Context(), f, store.Holder{Run: b.run, Instance: "i"}, p); err != nil {
		b.Fatal(err)
	}
}

func (b *bundle) derive() {
	b.Helper()
	if err := pgx.BeginFunc(b.Context(), b.pool, func(tx pgx.Tx) error { return Derive(b.Context(), tx, b.spec, b.run) }); err != nil {
		b.Fatal(err)
	}
}

func result(id, test int, code, status, value, flag, performed string) string {
	return fmt.Sprintf(`{"id":%d,"lab_test":%d,"lab_order":"40","status":%q,"value":%q,"unit":"mg/dL","normal_range":"70 99","abnormal_status":%q,"observation_code":%q,"observation_description":"Glucose","test_performed":%q,"comments":"TESTCOMMENT"}`,
		id, test, status, value, flag, code, performed)
}

// queue is the review queue in short.
func (b *bundle) queue() string {
	b.Helper()
	return b.value(`select string_agg(concat_ws(' ', observation, result, state, reason), '; ' order by observation collate "C") from labs.review`)
}

func TestDerive(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.merge(&feed.Doctors, `{"id":30001,"first_name":"Dora","last_name":"Testdoc"}`)
	b.merge(&feed.LabOrders, `{"id":40,"patient":5000001,"doctor":30001,"status":"S","timestamp":"2026-03-04T08:00:00"}`, `{"id":41,"status":"Q"}`)
	b.merge(&feed.LabTests, `{"id":1,"lab_order":40,"name":"Metabolic panel","status":"F"}`, `{"id":2,"lab_order":40,"name":"Lipids","status":"P"}`)
	b.merge(&feed.LabResults,
		result(10, 1, "G", "P", "88", "", "2026-03-04T09:00:00"), result(11, 1, "g", "F", "126", "", "2026-03-04T10:00:00"), // two versions
		result(12, 1, "K", "F", "6.9", "HH", "2026-03-04T09:00:00"), result(13, 1, "N", "F", "80", "", "2026-03-04T09:00:00"),
		result(14, 1, "W", "F", "80", "POS", "2026-03-04T09:00:00"), result(15, 1, "Q", "P", "500", "H", "2026-03-04T09:00:00"))
	b.derive()
	if got := b.value(`select string_agg(concat(id, '>', superseded_by), ' ' order by id) from drchrono.lab_results where superseded_by is not null`); got != "10>11" {
		t.Errorf("superseded: %s", got)
	}
	if got, want := b.queue(), "1:g 11 open abnormal; 1:k 12 open critical; 1:w 14 open flagged, but not as normal or abnormal"; got != want {
		t.Errorf("the queue is %s, want %s", got, want)
	}
	if got := b.value(`select row(lab_order, patient, doctor, test, name, severity, direction, basis) from labs.review where result = 12`); got != `(40,5000001,30001,"Metabolic panel",Glucose,critical,high,lab_flag)` {
		t.Errorf("review of 12: %s", got)
	}
	if got := b.value(`select string_agg(concat_ws(' ', lab_order, progress, tests, done, open, settled), '; ' order by lab_order) from labs.order_progress`); got != "40 partial_results 2 0 2 f; 41 queued 0 0 0 f" {
		t.Errorf("orders: %s", got)
	}

	// The same again writes nothing.
	state := func() string {
		return b.value(`select md5(string_agg(t, '|' order by t)) from (
			select r::text || r.xmin as t from labs.review r union all select p::text || p.xmin from labs.order_progress p
			union all select o::text || o.xmin from august.outbox o union all select r.id::text || r.xmin from drchrono.lab_results r) x`)
	}
	before := state()
	b.derive()
	if state() != before {
		t.Error("a derivation of the same data wrote something")
	}

	// Seen as it was; then the laboratory corrects one, in another row, and takes one back.
	b.exec(`insert into labs.acknowledgement (source, observation, result, status, fingerprint, acknowledged_by)
		select source, observation, result, status, fingerprint, 'clinician@example.test' from labs.review where result in (11, 12)`)
	b.derive()
	if got, want := b.queue(), "1:g 11 acknowledged acknowledged; 1:k 12 acknowledged acknowledged; 1:w 14 open flagged, but not as normal or abnormal"; got != want {
		t.Errorf("the queue is %s, want %s", got, want)
	}
	code := b.value(`select code from labs.review where observation = '1:g'`)
	b.exec(`update labs.review set since = '2026-01-01'`)
	b.merge(&feed.LabResults, result(16, 1, "G", "C", "88", "", "2026-03-04T10:00:00"), result(12, 1, "K", "X", "", "", "2026-03-04T09:00:00"), result(14, 1, "W", "F", "80", "N", "2026-03-04T09:00:00"))
	b.merge(&feed.LabTests, `{"id":2,"lab_order":40,"status":"X"}`)
	b.exec(`update drchrono.lab_results set deleted_at_source = now() where id = 15`)
	b.derive()
	if got, want := b.queue(), "1:g 16 reopened corrected after it was acknowledged; 1:k 12 reopened cancelled after it was acknowledged"; got != want {
		t.Errorf("the queue is %s, want %s", got, want)
	}
	if got := b.value(`select count(*) from labs.review where since = '2026-01-01'`); got != "0" || b.value(`select code from labs.review where observation = '1:g'`) != code {
		t.Errorf("%s states are as old as before, or the code changed", got)
	}
	if got := b.value(`select string_agg(concat(id, '>', superseded_by), ' ' order by id) from drchrono.lab_results where superseded_by is not null`); got != "10>16 11>16" {
		t.Errorf("superseded: %s", got)
	}
	if got := b.value(`select concat_ws(' ', progress, tests, done, cancelled, open, corrected, settled) from labs.order_progress where lab_order = 40`); got != "results_received 2 1 1 0 t t" {
		t.Errorf("order 40: %s", got)
	}
	// The correction goes: what it corrected holds again, and was seen.
	b.exec(`update drchrono.lab_results set deleted_at_source = now() where id = 16`)
	b.derive()
	if got := b.value(`select concat_ws(' ', result, state) from labs.review where observation = '1:g'`); got != "11 acknowledged" {
		t.Errorf("after the correction went: %s", got)
	}
	if got := b.value(`select concat(superseded_by) from drchrono.lab_results where id = 16`); got != "" {
		t.Errorf("a row that is gone is superseded by %s", got)
	}

	status := runtimeapi.Status{Pipeline: "labs"}
	if err := Status(t.Context(), b.pool, b.spec, &status); err != nil || fmt.Sprint(status.Orders, status.Reviews) != "map[queued:1 results_received:1] map[acknowledged:1 reopened:1]" {
		t.Errorf("status is %+v, %v", status, err)
	}
}

// A critical value waits for nobody: not for the laboratory to call it final, and not behind a result of before.
func TestDerive_criticalBeforeItIsFinal(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.merge(&feed.LabOrders, `{"id":40,"patient":5000001,"doctor":30001,"status":"S","timestamp":"2026-03-04T08:00:00"}`)
	b.merge(&feed.LabTests, `{"id":1,"lab_order":40,"name":"Metabolic panel","status":"P"}`)
	want := func(want string) {
		t.Helper()
		if b.derive(); b.queue() != want {
			t.Errorf("the queue is %s, want %s", b.queue(), want)
		}
	}
	for _, flag := range []string{"LL", "HH", "<", ">", "AA"} {
		b.merge(&feed.LabResults, result(10, 1, "K", "P", "2.1", flag, "2026-03-04T09:00:00"))
		want("1:k 10 open critical, and not yet final")
	}
	b.merge(&feed.LabResults, result(10, 1, "K", "P", "2.1", "L", "2026-03-04T09:00:00"))
	want("null")
	b.merge(&feed.LabResults, result(11, 1, "K", "F", "88", "N", "2026-03-04T10:00:00"))
	want("null")
	b.merge(&feed.LabResults, result(12, 1, "K", "P", "2.1", "LL", "2026-03-04T11:00:00"))
	want("1:k 12 open critical, and not yet final")
	if got := b.value(`select progress from labs.order_progress`); got != "partial_results" {
		t.Errorf("more is to come, and the order is %s", got)
	}
	if got := b.value(`select concat_ws(' ', payload->>'severity', payload->>'reason') from august.outbox where payload is not null`); got != "critical critical, and not yet final" {
		t.Errorf("Coda is told %s", got)
	}
	b.exec(`insert into labs.acknowledgement (source, observation, result, status, fingerprint, acknowledged_by)
		select source, observation, result, status, fingerprint, 'clinician@example.test' from labs.review`)
	want("1:k 12 acknowledged acknowledged")
	b.merge(&feed.LabResults, result(13, 1, "K", "F", "2.1", "LL", "2026-03-04T11:00:00"))
	want("1:k 13 acknowledged acknowledged")
	b.merge(&feed.LabResults, result(14, 1, "K", "P", "1.9", "LL", "2026-03-04T12:00:00"))
	want("1:k 14 reopened changed after it was acknowledged")
}

func TestDerive_signOffs(t *testing.T) {
	t.Parallel()
	b := setup(t)
	n := 0
	own := func(value, signed, status string) {
		t.Helper()
		n++
		b.merge(&feed.PatientLabResults, fmt.Sprintf(`{"id":7,"patient":5000001,"ordering_doctor":30001,"title":"Glucose","lab_result_value":%q,"lab_normal_range":"70 99","doctor_signoff":%s,"lab_order_status":%q,"updated_at":"2026-03-04T10:00:%02d"}`, value, signed, status, n))
		b.derive()
	}
	for i, step := range []struct{ value, signed, status, want string }{
		{"126", "false", "Results Received", "7 7 open abnormal"},
		{"126", "true", "Results Received", "7 7 acknowledged acknowledged"},
		{"140", "true", "Results Received", "7 7 reopened changed after it was acknowledged"}, // the mark is of what was there before
		{"140", "false", "Results Received", "7 7 open abnormal"},
		{"140", "false", "Results Reviewed with Patient", "7 7 acknowledged acknowledged"},
		{"88", "false", "", "null"},
		{"88", "true", "", "7 7 acknowledged acknowledged"},
		{"130", "true", "", "7 7 reopened changed after it was acknowledged"},
	} {
		if own(step.value, step.signed, step.status); b.queue() != step.want {
			t.Errorf("step %d: %s, want %s", i, b.queue(), step.want)
		}
	}
	if got := b.value(`select concat_ws(' ', count(*), count(*) filter (where withdrawn_at is null)) from labs.acknowledgement`); got != "3 1" {
		t.Errorf("acknowledgements: %s", got)
	}
}

// The outbox leaves the covered systems: it names no patient, no id, no value and no time.
func TestDerive_outbox(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := clinic.New(clinic.Size{Patients: 40}, 3)
	for f, kind := range map[*feed.Feed]clinic.Kind{
		&feed.Doctors: clinic.Doctors, &feed.LabOrders: clinic.LabOrders, &feed.LabTests: clinic.LabTests,
		&feed.LabResults: clinic.LabResults, &feed.PatientLabResults: clinic.PatientLabResults,
	} {
		var objects []string
		for _, row := range c.View(kind, 0) {
			objects = append(objects, string(row.Body))
		}
		b.merge(f, objects...)
	}
	b.derive()
	if got := b.value(`select count(*) from august.outbox`); got == "0" || got != b.value(`select count(*) from labs.review where state in ('open', 'reopened')`) {
		t.Errorf("%s rows are on their way", got)
	}
	rows := b.value(`select string_agg(key || payload::text, E'\n') from august.outbox`)
	for _, never := range clinic.Canaries() {
		if strings.Contains(rows, never) {
			t.Errorf("%q is on its way to Coda", never)
		}
	}
	if times := regexp.MustCompile(`\d{4}-\d\d-\d\d|\d{7,}`).FindString(b.value(`select string_agg(payload::text, E'\n') from august.outbox`)); times != "" {
		t.Errorf("an id or a time is on its way to Coda: %s", times)
	}
	var p map[string]string
	if err := json.Unmarshal([]byte(b.value(`select payload from august.outbox limit 1`)), &p); err != nil {
		t.Fatal(err)
	}
	for _, field := range runtimeapi.ViewFields["labs"][runtimeapi.ViewAbnormalResults] {
		if _, ok := p[field]; !ok {
			t.Errorf("field %s is in no row", field)
		}
		delete(p, field)
	}
	if len(p) > 0 {
		t.Errorf("rows have fields that the view does not declare: %v", p)
	}
	if got := b.value(`select count(*) from august.outbox where not starts_with(key, $1)`, coda.Prefix); got != "0" {
		t.Errorf("%s keys are not ours", got)
	}
	// Every reading of the practice is in the table as the grammar made it.
	if got := b.value(`select count(*) from drchrono.lab_results where value_kind = 'number' and (value_number is null or unit <> '' and value_unit is null)`); got != "0" {
		t.Errorf("%s numbers are incomplete", got)
	}
	b.spec.CodaViews = nil
	b.derive()
	if got := b.value(`select count(*) from august.outbox`); got != "0" {
		t.Errorf("%s rows of a view that is no more", got)
	}
}

func TestDue(t *testing.T) {
	t.Parallel()
	b := setup(t)
	recent := time.Now().UTC().Add(-24 * time.Hour).Format("2006-01-02T15:04:05")
	b.merge(&feed.LabOrders, fmt.Sprintf(`{"id":1,"status":"S","timestamp":%q}`, recent), `{"id":2,"status":"S","timestamp":"2020-01-01T00:00:00"}`,
		`{"id":3,"status":"S"}`, fmt.Sprintf(`{"id":4,"status":"R","timestamp":%q}`, recent), `{"id":5,"status":"R","timestamp":"2020-01-01T00:00:00"}`)
	b.merge(&feed.LabTests, `{"id":1,"lab_order":4,"status":"F"}`)
	b.derive()
	due := func(since time.Time) string {
		t.Helper()
		orders, err := Due(t.Context(), b.pool, "lab_results", since)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(orders, " ")
	}
	if got := due(time.Now().Add(-time.Hour)); got != "1 2 3 4 5" {
		t.Errorf("all have just changed: %s", got)
	}
	// Young and not settled, or of unknown age; the old and the settled have had their time.
	if got := due(time.Now().Add(time.Hour)); got != "1 3" {
		t.Errorf("nothing changed: %s", got)
	}
	since := time.Now()
	b.merge(&feed.LabDocuments, `{"id":9,"lab_order":5,"type":"RES"}`)
	if got := due(since); got != "1 3 5" {
		t.Errorf("a document came: %s", got)
	}
}
