package claims

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/sync/billing"
)

func (b *bundle) reconcile() {
	b.t.Helper()
	ctx := context.Background()
	if err := pgx.BeginFunc(ctx, b.pool, func(tx pgx.Tx) error {
		return Reconcile(ctx, tx, billing.NewOverrides(b.spec.StatusOverrides))
	}); err != nil {
		b.t.Fatal(err)
	}
}

// payments makes the payments of 10 that the lines of visits show.
func (b *bundle) payments(from, to int) {
	b.t.Helper()
	b.exec(`insert into drchrono.patient_payments (id, patient, appointment, line_item, amount, payment_transaction_type, received_date, raw, content_hash, observed_at)
		select 6000000 + n, 5000000 + n, (7000000 + n)::text, 9000000 + n, 10, '', date '2026-03-01', '{}', '', now()
		from generate_series($1::int, $2::int) n`, from, to)
}

const openMismatches = `select coalesce(string_agg(concat_ws(' ', reason, severity, field, coalesce(appointment, '-'), line_item, level, transaction, payment, repeats, expected, found, difference),
	'; ' order by key), '') from billing.mismatch where resolved_at is null`

func TestReconcile(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.visits(1, 30, "Balance Due", "ERA Received", "Example Payer")
	b.payments(1, 30)
	b.reconcile()
	if got := b.value(openMismatches); got != "" {
		t.Fatalf("books that add up: %s", got)
	}

	// One defect a visit, and records that belong to none.
	b.exec(`update drchrono.line_items set ins_total = 61 where id = 9000001`)
	b.exec(`update drchrono.transactions set ins_paid = 55 where id = 8000002`)
	b.exec(`update drchrono.transactions set deleted_at_source = now() where id = 8000003`)
	b.exec(`update drchrono.patient_payments set amount = 12 where id = 6000004`)
	b.exec(`update drchrono.appointments set billing_status = 'Settled' where id = '7000005'`)
	b.exec(`update drchrono.line_items set balance_ins = -5 where id = 9000006`)
	b.exec(`update drchrono.line_items set deleted_at_source = now() where id = 9000007`)
	b.exec(`update drchrono.appointments set deleted_at_source = now() where id = '7000008'`)
	b.exec(`update drchrono.appointments set deleted_flag = true where id = '7000009'`)
	b.exec(`delete from drchrono.line_items where id in (9000010, 9000011)`)
	b.exec(`insert into drchrono.line_item_deletions (billing_line_item_id, appointment_id, raw, content_hash, observed_at) values (9000011, '7000011', '{}', '', now())`)
	b.exec(`delete from drchrono.appointments where id = '7000012'`)
	b.exec(`update drchrono.line_items set appointment = null where id = 9000013`)
	b.exec(`update drchrono.transactions set line_item = null where id = 8000014`)
	b.exec(`update drchrono.patient_payments set line_item = null, appointment = null where id = 6000015`)
	b.exec(`update drchrono.patient_payments set line_item = null, appointment = '7999999' where id = 6000016`)
	b.exec(`update drchrono.patient_payments set line_item = null where id = 6000017`) // counted by the visit all the same
	b.exec(`insert into drchrono.patient_payments (id, patient, appointment, line_item, amount, received_date, raw, content_hash, observed_at)
		select 6500018, patient, appointment, line_item, amount, received_date, '{}', '', now() from drchrono.patient_payments where id = 6000018`)
	b.exec(`update drchrono.line_items set pt_paid = 20, balance_pt = 20 where id = 9000018`)
	b.exec(`insert into drchrono.patient_payments (id, amount, raw, content_hash, observed_at) values (6600001, 7, '{}', '', now())`)
	b.exec(`update drchrono.line_items set paid_total = 99, balance_total = 30 where id = 9000019`)
	b.exec(`update drchrono.patient_payments set deleted_at_source = now() where id = 6000020`)
	b.exec(`insert into drchrono.transactions (id, ins_name, ins_paid, raw, content_hash, observed_at) values (8600001, 2147483647, 1, '{}', '', now())`)
	want := "duplicate_payment info amount 7000018 9000018 6500018 6000018 0.00 10.00 10.00; " +
		"line_total_drift warning ins_total 7000001 9000001 60.00 61.00 1.00; " +
		"line_total_drift warning paid_total 7000019 9000019 70.00 99.00 29.00; " +
		"negative_balance info balance_ins 7000006 9000006 0.00 -5.00 -5.00; " +
		"orphan_payment fault amount 7000007 9000007 6000007 0.00 10.00 10.00; " +
		"orphan_payment fault amount 7000008 9000008 6000008 0.00 10.00 10.00; " +
		"orphan_payment fault amount 7000009 9000009 6000009 0.00 10.00 10.00; " +
		"orphan_payment fault amount 7000010 9000010 6000010 0.00 10.00 10.00; " +
		"orphan_payment fault amount 7000011 9000011 6000011 0.00 10.00 10.00; " +
		"orphan_payment fault amount 7000012 9000012 6000012 0.00 10.00 10.00; " +
		"orphan_payment fault amount 7000013 9000013 6000013 0.00 10.00 10.00; " +
		"orphan_payment fault amount 7999999 6000016 0.00 10.00 10.00; " +
		"orphan_transaction warning ins_paid - 1 8000014 0.00 60.00 60.00; " +
		"orphan_transaction warning ins_paid - 2147483647 8600001 0.00 1.00 1.00; " +
		"orphan_transaction info ins_paid - 9000007 1 8000007 0.00 60.00 60.00; " +
		"orphan_transaction warning ins_paid - 9000008 1 8000008 0.00 60.00 60.00; " +
		"orphan_transaction warning ins_paid - 9000009 1 8000009 0.00 60.00 60.00; " +
		"orphan_transaction warning ins_paid - 9000010 1 8000010 0.00 60.00 60.00; " +
		"orphan_transaction info ins_paid - 9000011 1 8000011 0.00 60.00 60.00; " +
		"orphan_transaction warning ins_paid - 9000012 1 8000012 0.00 60.00 60.00; " +
		"orphan_transaction warning ins_paid - 9000013 1 8000013 0.00 60.00 60.00; " +
		"paid_without_posting fault ins_total 7000003 9000003 60.00 0.00 -60.00; " +
		"paid_without_posting fault ins_total 7000014 9000014 60.00 0.00 -60.00; " +
		"paid_without_posting fault pt_paid 7000015 9000015 10.00 0.00 -10.00; " +
		"paid_without_posting fault pt_paid 7000016 9000016 10.00 0.00 -10.00; " +
		"paid_without_posting fault pt_paid 7000020 9000020 10.00 0.00 -10.00; " +
		"payment_drift fault pt_paid 7000004 9000004 10.00 12.00 2.00; " +
		"posting_drift fault ins1_paid 7000002 9000002 1 60.00 55.00 -5.00; " +
		"unallocated_payment info amount - 6000015 0.00 10.00 10.00; " +
		"unallocated_payment warning amount - 6600001 0.00 7.00 7.00; " +
		"underpaid warning balance_total 7000005 0.00 30.00 30.00"
	b.reconcile()
	if got := b.value(openMismatches); got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}

	// Nothing new writes nothing.
	before := b.value(`select string_agg(concat(key, since, updated_at, xmin), ';' order by key) from billing.mismatch`)
	b.reconcile()
	if b.value(`select string_agg(concat(key, since, updated_at, xmin), ';' order by key) from billing.mismatch`) != before {
		t.Error("a reconciliation of the same data wrote something")
	}

	// What is repaired is resolved, what changes keeps its beginning, what comes back begins anew.
	b.exec(`update drchrono.line_items set ins_total = 60 where id = 9000001`)
	b.exec(`update drchrono.transactions set ins_paid = 50 where id = 8000002`)
	b.reconcile()
	if got := b.value(`select concat_ws(' ', count(*), string_agg(line_item::text, ','), bool_and(resolved_at > since)) from billing.mismatch where resolved_at is not null`); got != "1 9000001 t" {
		t.Errorf("resolved: %s", got)
	}
	if got := b.value(`select concat_ws(' ', found, since < updated_at) from billing.mismatch where line_item = 9000002`); got != "50.00 t" {
		t.Errorf("changed: %s", got)
	}
	b.exec(`update drchrono.line_items set ins_total = 61 where id = 9000001`)
	b.reconcile()
	if got := b.value(`select concat_ws(' ', resolved_at, since = updated_at, since > (select min(since) from billing.mismatch)) from billing.mismatch where line_item = 9000001`); got != "t t" {
		t.Errorf("back again: %s", got)
	}
}

// Books larger than a page are cut so that no mismatch is lost, doubled or made up.
func TestReconcile_pages(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const n = page + 100
	b.visits(1, n, "Balance Due", "ERA Received", "Example Payer")
	b.payments(1, n)
	b.exec(`update drchrono.appointments set deleted_at_source = now() where id <= '7000050'`)
	b.exec(`insert into drchrono.transactions (id, line_item, ins_name, ins_paid, raw, content_hash, observed_at)
		select 8500000 + n, 9500000 + n % 7, 1, 2, '{}', '', now() from generate_series(1, $1::int) n`, n)
	b.exec(`insert into drchrono.patient_payments (id, patient, line_item, amount, raw, content_hash, observed_at)
		select 6500000 + n, 5000000 + n, 9500000 + n, 3, '{}', '', now() from generate_series(1, $1::int) n`, n)
	// Each patient of a hundred paid much on account and got half of it back: none may be torn apart by a page.
	b.exec(`insert into drchrono.patient_payments (id, patient, amount, payment_transaction_type, trace_number, raw, content_hash, observed_at)
		select 6700000 + n, 5000000 + n % 100, case when n % 200 < 100 then 4 else -4 end, case when n % 200 < 100 then '' else 'REF' end, n::text, '{}', '', now()
		from generate_series(0, $1::int - 1) n`, page/200*200+400)
	b.reconcile()
	if got := b.value(`select string_agg(reason || ' ' || n || ' ' || total, ', ' order by reason) from (select reason, count(*) n, sum(found) total from billing.mismatch group by 1) s`); got !=
		"orphan_payment 4150 12800.00, orphan_transaction 4150 11200.00" {
		t.Errorf("found %s", got)
	}
}

func BenchmarkReconcile(bench *testing.B) {
	b := setup(bench)
	b.visits(1, 25000, "Balance Due", "ERA Received", "Example Payer")
	b.payments(1, 25000)
	b.exec(`update drchrono.transactions set ins_paid = 55 where id % 50 = 0`)
	b.exec(`analyze`)
	for bench.Loop() {
		b.reconcile()
	}
}
