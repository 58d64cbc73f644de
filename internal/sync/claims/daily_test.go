package claims

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// The days are those of the practice's clock, and each holds the state that was last seen in it.
func TestDaily(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.exec(`insert into drchrono.doctors (id, timezone, is_account_suspended, raw, content_hash, observed_at) values
		(30001, 'US/Eastern', false, '{}', '', now()), (30002, 'US/Eastern', null, '{}', '', now()), (30003, 'Mars/Test', false, '{}', '', now()),
		(30004, 'Mars/Test', false, '{}', '', now()), (30005, 'Mars/Test', false, '{}', '', now()), (30006, '', false, '{}', '', now())`)
	day := func(at string) {
		t.Helper()
		when, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		if err := pgx.BeginFunc(t.Context(), b.pool, func(tx pgx.Tx) error { // Derive's own day is today
			return errors.Join(stage(t.Context(), tx, nil), merge(t.Context(), tx, 1), Daily(t.Context(), tx, when))
		}); err != nil {
			t.Fatal(err)
		}
	}
	rows := func() string {
		return b.value(`select coalesce(string_agg(concat_ws(' ', to_char(day, 'DD'), status, payer, doctor, claims, billed, insurance_paid, patient_paid, balance), '; ' order by day, status, payer, doctor), '') from billing.daily`)
	}
	want := func(want string) {
		t.Helper()
		if got := rows(); got != want {
			t.Fatalf("\n got %s\nwant %s", got, want)
		}
	}
	day("2026-03-08T12:00:00Z")
	want("") // no claims

	b.visits(1, 3, "Bill Insurance", "Payer Acknowledged", "Example Payer")
	b.visits(4, 4, "Bill Insurance", "Payer Acknowledged", "EXAMPLE  payer")
	b.visits(5, 5, "Bill Insurance", "Payer Acknowledged", "")
	b.exec(`update drchrono.appointments set doctor = null where id = '7000005'`)
	day("2026-03-09T03:59:59Z") // still the 8th in New York, where the clocks went forward that day
	first := "08 pending (no payer) 0 1 100.00 60.00 10.00 30.00; 08 pending EXAMPLE  payer 30001 4 400.00 240.00 40.00 120.00"
	want(first)

	// The same day again: a claim moves, and only what differs is written.
	stamp := b.value(`select updated_at from billing.daily where doctor = 0`)
	b.exec(`update drchrono.appointments set ins1_status = 'Paid in Full' where id in ('7000001', '7000002')`)
	day("2026-03-09T03:59:59Z")
	eighth := "08 paid EXAMPLE  payer 30001 2 200.00 120.00 20.00 60.00; 08 pending (no payer) 0 1 100.00 60.00 10.00 30.00; 08 pending EXAMPLE  payer 30001 2 200.00 120.00 20.00 60.00"
	want(eighth)
	if b.value(`select updated_at from billing.daily where doctor = 0`) != stamp {
		t.Error("a row that did not change was written")
	}

	// A day later, and after two days without a run: what ended stays, what nothing was seen of repeats.
	b.exec(`update drchrono.appointments set ins1_status = 'Rejected Payor' where id = '7000003'`)
	b.exec(`update drchrono.line_items set deleted_at_source = now() where id = 9000005`)
	b.exec(`update drchrono.line_items set ins_total = 70, balance_pt = 20 where id = 9000001`)
	day("2026-03-11T12:00:00Z")
	repeated := "; " + strings.ReplaceAll(eighth, "08 ", "09 ") + "; " + strings.ReplaceAll(eighth, "08 ", "10 ")
	eleventh := "; 11 denied EXAMPLE  payer 30001 1 100.00 60.00 10.00 30.00; 11 paid EXAMPLE  payer 30001 2 200.00 130.00 20.00 50.00; 11 pending EXAMPLE  payer 30001 1 100.00 60.00 10.00 30.00"
	want(eighth + repeated + eleventh)

	// Neither a clock nor a zone that goes back changes a day that has ended.
	b.exec(`update drchrono.doctors set deleted_at_source = now() where timezone = 'US/Eastern'`)
	day("2026-03-10T23:00:00Z")
	want(eighth + repeated + eleventh)

	// The history tells the same of the last day.
	if got := b.value(`select string_agg(state || ' ' || n, ', ' order by state) from (
			select new_state as state, count(*) n from (select distinct on (appointment, level) * from billing.claim_history order by appointment, level, id desc) h
			where new_state is not null group by 1) s`); got != "paid 2, pending 1, rejected 1" {
		t.Errorf("history: %s", got)
	}
}
