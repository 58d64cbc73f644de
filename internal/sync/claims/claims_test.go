package claims

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
	"github.com/feel-august/terraform-provider-august/internal/sync/coda"
	"github.com/feel-august/terraform-provider-august/internal/sync/pgtest"
	"github.com/feel-august/terraform-provider-august/internal/sync/store/storetest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// bundle is a migrated database with one pipeline.
type bundle struct {
	t    testing.TB
	pool *pgxpool.Pool
	spec runtimeapi.PipelineSpec
	run  int64
}

func setup(t testing.TB) *bundle {
	t.Helper()
	s := storetest.Open(t, storetest.New(t), 0)
	b := &bundle{t: t, pool: s.Pool(), spec: runtimeapi.PipelineSpec{Dataset: "billing", CodaViews: []runtimeapi.CodaView{{
		View: "billing_summary", DocID: "dTest", TableID: "grid-test", KeyColumn: "c-key", Columns: map[string]string{"claims": "c-claims"},
	}}}}
	b.exec(`insert into august.pipeline (name, spec) values ('billing', '{}')`)
	return b
}

func (b *bundle) exec(sql string, args ...any) {
	b.t.Helper()
	if _, err := b.pool.Exec(b.t.Context(), sql, args...); err != nil {
		b.t.Fatalf("%s: %v", sql, err)
	}
}

func (b *bundle) value(sql string, args ...any) string {
	b.t.Helper()
	var v *string
	if err := b.pool.QueryRow(b.t.Context(), `select (`+sql+`)::text`, args...).Scan(&v); err != nil {
		b.t.Fatalf("%s: %v", sql, err)
	}
	if v == nil {
		return "null"
	}
	return *v
}

func (b *bundle) derive() {
	b.t.Helper()
	ctx := context.Background()
	if err := b.pool.QueryRow(ctx, `insert into august.run (pipeline, generation, state) values ('billing', 1, 'succeeded') returning id`).Scan(&b.run); err != nil {
		b.t.Fatal(err)
	}
	if err := pgx.BeginFunc(ctx, b.pool, func(tx pgx.Tx) error { return Derive(ctx, tx, b.spec, b.run) }); err != nil {
		b.t.Fatal(err)
	}
}

// visits makes synthetic visits with one line each, and a posting of 60 on each line.
func (b *bundle) visits(from, to int, billing, ins1, payer string) {
	b.t.Helper()
	b.exec(`insert into drchrono.appointments (id, patient, doctor, scheduled_time, billing_status, ins1_status, primary_insurer_name, raw, content_hash, observed_at)
		select (7000000 + n)::text, 5000000 + n, 30001, timestamp '2026-03-01 09:00' + n % 27 * interval '1 day', $3, $4, $5, '{}', '', now()
		from generate_series($1::int, $2::int) n`, from, to, billing, ins1, payer)
	b.exec(`insert into drchrono.line_items (id, appointment, billed, ins1_paid, ins_total, pt_paid, balance_ins, balance_pt, service_date, denied_flag, raw, content_hash, observed_at)
		select 9000000 + n, (7000000 + n)::text, 100, 60, 60, 10, 0, 30, date '2026-03-01' + n % 27, false, '{}', '', now()
		from generate_series($1::int, $2::int) n`, from, to)
	b.exec(`insert into drchrono.transactions (id, line_item, appointment, ins_name, ins_paid, adjustment, adjustment_reason, claim_status, raw, content_hash, observed_at)
		select 8000000 + n, 9000000 + n, null, 1, 60, 0, '-3', '1', '{}', '', now()
		from generate_series($1::int, $2::int) n`, from, to)
}

func TestDerive(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.visits(1, 20, "Bill Insurance", "ERA Received", "Example Payer")
	b.visits(21, 24, "Sent to Test Attorney", "", "Small Payer")
	b.visits(25, 25, "Bill Insurance", "Paid in Full", "Example Payer")
	b.exec(`update drchrono.appointments set appt_is_break = true where id = '7000025'`)
	b.derive()

	if got := b.value(`select jsonb_object_agg(state, n) from (select state, count(*) n from billing.claim group by 1) s`); got != `{"paid": 20, "unknown": 4}` {
		t.Errorf("states are %s", got)
	}
	if got := b.value(`select row(level, counts, status, billed, insurance_paid, level_paid, balance_patient, posted_paid, paid_differs, service_date, insurer_status, rule_version)
		from billing.claim where appointment = '7000001'`); got != `(1,t,paid,100.00,60.00,60.00,30.00,60.00,f,2026-03-02,"ERA Received",2)` {
		t.Errorf("the first claim is %s", got)
	}
	if got := b.value(`select count(*) from billing.claim_history where old_state is null and run_id = $1`, b.run); got != "24" {
		t.Errorf("%s claims are new", got)
	}

	// Nothing new writes nothing.
	before := b.value(`select max(updated_at) from billing.claim`)
	b.derive()
	if b.value(`select max(updated_at) from billing.claim`) != before || b.value(`select count(*) from billing.claim_history`) != "24" {
		t.Error("a derivation of the same data wrote something")
	}

	// A state that changes, a posting that disagrees, a visit that goes.
	b.exec(`update drchrono.appointments set ins1_status = 'ERA Denied' where id = '7000001'`)
	b.exec(`update drchrono.transactions set ins_paid = 55 where id = 8000002`)
	b.exec(`update drchrono.appointments set deleted_at_source = now() where id = '7000003'`)
	b.exec(`update drchrono.line_items set deleted_at_source = now() where id = 9000004`)
	b.spec.StatusOverrides = map[string]string{"sent to test attorney": "on_hold"}
	b.derive()
	if got := b.value(`select string_agg(concat_ws(':', appointment, old_state, '>', new_state, old_insurer_status, new_insurer_status), ' ' order by appointment)
		from billing.claim_history where run_id = $1 and appointment < '7000021'`, b.run); got !=
		"7000001:paid:>:denied:ERA Received:ERA Denied 7000003:paid:>:ERA Received 7000004:paid:>:ERA Received" {
		t.Errorf("history: %s", got)
	}
	if got := b.value(`select string_agg(appointment, ',') from billing.claim where paid_differs`); got != "7000002" {
		t.Errorf("books disagree at %s", got)
	}
	if got := b.value(`select count(*) from billing.claim where state = 'on_hold' and reason like 'override%'`); got != "4" {
		t.Errorf("%s claims are on hold", got)
	}

	status := runtimeapi.Status{Pipeline: "billing"}
	if err := Status(t.Context(), b.pool, b.spec, &status); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(status.Claims) != "map[denied:1 paid:17 pending:4]" || len(status.Coda) != 1 || status.Coda[0].Pending != 1 {
		t.Errorf("status is %+v", status)
	}
}

// One derivation brings claims, mismatches, the day and their counts up to date, and does so again when
// the practice says otherwise what its own statuses mean.
func TestDerive_books(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.visits(1, 12, "Closed by Test", "", "Example Payer") // each with a balance of 30
	b.payments(1, 12)
	b.exec(`update drchrono.line_items set ins_total = 61 where id = 9000001`)
	b.exec(`update drchrono.transactions set ins_paid = 55 where id = 8000002`)
	counts := func() string {
		t.Helper()
		status := runtimeapi.Status{Pipeline: "billing"}
		if err := Status(t.Context(), b.pool, b.spec, &status); err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(status.Claims, status.Mismatches, b.value(`select string_agg(concat_ws(' ', status, claims, balance), '; ' order by status) from billing.daily where day = (select max(day) from billing.daily)`))
	}
	want := func(when, want string) {
		t.Helper()
		b.derive()
		if got := counts(); got != want {
			t.Errorf("%s:\n got %s\nwant %s", when, got, want)
		}
	}
	want("a status that means nothing", "map[unknown:12] [{posting_drift fault 1} {line_total_drift warning 1}]unknown 12 360.00")
	b.spec.StatusOverrides = map[string]string{"closed  by TEST": "paid"}
	want("a status that means paid", "map[paid:12] [{posting_drift fault 1} {line_total_drift warning 1} {underpaid warning 12}]paid 12 360.00")
	b.spec.StatusOverrides = map[string]string{"Closed by Test": "patient_balance"}
	want("a status that means open", "map[paid:12] [{posting_drift fault 1} {line_total_drift warning 1}]paid 12 360.00")
	b.exec(`update drchrono.transactions set ins_paid = 60 where id = 8000002`)
	b.exec(`update drchrono.line_items set ins_total = 60 where id = 9000001`)
	want("repaired books", "map[paid:12] []paid 12 360.00")
	if got := b.value(`select concat_ws(' ', count(*), count(resolved_at)) from billing.mismatch`); got != "14 14" {
		t.Errorf("kept and resolved: %s", got)
	}
}

func TestDerive_outbox(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.visits(1, 30, "Paid In Full", "Paid in Full", "Example Payer")
	b.visits(31, 45, "Bill Insurance", "Payer Acknowledged", "Example Payer")
	b.visits(46, 50, "Bill Insurance", "Rejected Payer", "Small Payer")
	b.derive()
	if got := b.value(`select string_agg(payload ->> 'status' || ' ' || (payload ->> 'claims'), ',' order by payload ->> 'status') from august.outbox`); got != "paid 30,pending 15" {
		t.Fatalf("outbox holds %s", got)
	}
	if got := b.value(`select withheld from august.coda_view`); got != "5" {
		t.Errorf("%s claims are withheld", got)
	}
	var payload struct{ Billed, Balance json.Number }
	if err := json.Unmarshal([]byte(b.value(`select payload from august.outbox where payload ->> 'status' = 'paid'`)), &payload); err != nil || payload.Billed != "3000" || payload.Balance != "900" {
		t.Errorf("payload %+v, %v", payload, err)
	}

	// As if Coda had confirmed all; then one group changes and one vanishes.
	b.exec(`update august.outbox set sent = hash || $1::bytea`, []byte("somewhere"))
	if got := b.value(`select count(*) from august.outbox where not starts_with(key, $1)`, coda.Prefix); got != "0" {
		t.Errorf("%s keys are not ours", got)
	}
	hashes := b.value(`select string_agg(encode(hash, 'hex'), ',' order by key) from august.outbox`)
	b.derive()
	if b.value(`select string_agg(encode(hash, 'hex'), ',' order by key) from august.outbox`) != hashes {
		t.Error("unchanged rows were enqueued again")
	}
	b.exec(`update drchrono.appointments set ins1_status = 'Paid in Full' where id = '7000031'`)
	b.exec(`update drchrono.appointments set ins1_status = '', billing_status = '' where id between '7000032' and '7000045'`)
	b.derive()
	if got := b.value(`select string_agg(coalesce(payload ->> 'status', 'gone') || ' ' || coalesce(payload ->> 'claims', ''), ',' order by payload ->> 'status' nulls last) from august.outbox`); got != "not_billed 14,paid 31,gone " {
		t.Errorf("outbox holds %s", got)
	}

	b.spec.CodaViews = nil
	b.derive()
	if got := b.value(`select count(*) from august.outbox`); got != "0" {
		t.Errorf("%s rows of a view that is no more", got)
	}
}

// Of every documented claim_status of a transaction, only "denied" denies the line.
func TestDerive_claimStatus(t *testing.T) {
	t.Parallel()
	b := setup(t)
	statuses := strings.Split(",0,1,2,3,4,5,10,13,15,16,17,19,20,21,22,23,25,27,99, 4 ", ",")
	b.visits(1, len(statuses), "Bill Insurance", "ERA Received", "Example Payer")
	b.exec(`update drchrono.transactions t set ins_paid = 0, claim_status = ($1::text[])[t.id - 8000000]`, statuses)
	b.exec(`update drchrono.line_items set ins1_paid = 0, ins_total = 0, balance_ins = 60`)
	b.derive()
	if got := b.value(`select string_agg(concat('"', t.claim_status, '" ', c.state), ', ' order by t.id)
		from billing.claim c join drchrono.line_items l using (appointment) join drchrono.transactions t on t.line_item = l.id where c.denied_lines > 0`); got != `"4" denied, " 4 " denied` {
		t.Errorf("denied are %s", got)
	}
}

// The newest day and the mismatches, without what is too few to show.
func TestDerive_views(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, view := range []string{runtimeapi.ViewBillingDay, runtimeapi.ViewBillingMismatches} {
		b.spec.CodaViews = append(b.spec.CodaViews, runtimeapi.CodaView{View: view, DocID: "dTest", TableID: "grid-" + view, KeyColumn: "c-key", Columns: map[string]string{"status": "c-status"}})
	}
	b.visits(1, 30, "Paid In Full", "Paid in Full", "Example Payer")
	b.visits(31, 45, "Bill Insurance", "Payer Acknowledged", "Example Payer")
	b.visits(46, 50, "Bill Insurance", "Rejected Payer", "Small Payer")
	b.payments(1, 50)
	b.exec(`update drchrono.appointments set doctor = 30002 where id = '7000031'`)
	b.exec(`update drchrono.transactions set ins_paid = 55 where id <= 8000003`) // too few faults
	b.exec(`insert into billing.daily (day, status, payer, doctor, claims, billed, insurance_paid, patient_paid, balance) values (current_date - 1, 'denied', 'Old Payer', 1, 99, 0, 0, 0, 0)`)
	b.derive()
	const shown = `select string_agg(concat_ws(' ', payload->>'status', payload->>'doctor', payload->>'claims', payload->>'billed', payload->>'reason', payload->>'severity', payload->>'mismatches'), '; ' order by key)
		from august.outbox where view = $1 and payload is not null`
	if got := b.value(shown, runtimeapi.ViewBillingDay); got != "paid 30001 30 3000; pending 30001 14 1400" {
		t.Errorf("the day is %s", got)
	}
	if got := b.value(shown, runtimeapi.ViewBillingMismatches); got != "underpaid warning 30" {
		t.Errorf("mismatches are %s", got)
	}
	if got := b.value(`select string_agg(withheld::text, ' ' order by view) from august.coda_view`); got != "6 3 5" {
		t.Errorf("withheld are %s", got)
	}
	if got := b.value(`select count(*) from august.outbox where not starts_with(key, $1) or payload::text ~ '[57]0000[0-9]{2}'`, coda.Prefix); got != "0" {
		t.Errorf("%s rows are not ours, or name a visit or patient", got)
	}

	// The next day replaces the rows of this one, and adds none.
	before := b.value(`select string_agg(key, ',' order by key) from august.outbox where view = $1`, runtimeapi.ViewBillingDay)
	b.exec(`update billing.daily set day = day - 1`)
	b.derive()
	if b.value(`select string_agg(key, ',' order by key) from august.outbox where view = $1 and payload is not null`, runtimeapi.ViewBillingDay) != before {
		t.Error("another day has other keys")
	}
}

// The outbox leaves the covered systems: nothing of a patient may be in it.
func TestDerive_outboxHoldsNoPatient(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.visits(1, 12, "Bill Insurance", "Payer Acknowledged", "Example Payer")
	b.derive()
	for column := range strings.FieldsSeq("patient appointment") {
		for _, id := range []string{"5000001", "7000001"} {
			if b.value(`select count(*) from august.outbox where payload::text like '%' || $1 || '%' or key like '%' || $1 || '%'`, id) != "0" {
				t.Errorf("the outbox names a %s", column)
			}
		}
	}
}

func BenchmarkDerive(bench *testing.B) {
	b := setup(bench)
	b.visits(1, 12000, "Bill Insurance", "ERA Received", "Example Payer")
	b.visits(12001, 12000+13000, "Bill Insurance", "Payer Acknowledged", "Other Payer")
	b.payments(1, 25000)
	b.exec(`update drchrono.transactions set ins_paid = 55 where id % 50 = 0`)
	b.exec(`analyze`)
	began := time.Now()
	b.derive()
	first := time.Since(began)
	for bench.Loop() {
		b.derive()
	}
	bench.ReportMetric(first.Seconds(), "first-s") // the loop forgets what was reported before it
}
