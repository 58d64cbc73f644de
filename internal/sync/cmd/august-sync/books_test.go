package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
	"github.com/feel-august/terraform-provider-august/internal/sandbox/clinic"
)

// The practice's books, through the process as it ships: what differs is counted and its kind named, an edit
// at the source makes a mismatch come and go, and other overrides judge the same visits anew.
func TestServe_books(t *testing.T) {
	t.Parallel()
	b := setup(t, 200)
	p := b.start("serve").ready()
	c := b.client(p)
	ctx := t.Context()
	synced := func(after int64) runtimeapi.Status {
		t.Helper()
		var status runtimeapi.Status
		p.until("the next run's success", func() bool {
			var err error
			if status, err = c.Status(ctx, "billing"); err != nil {
				t.Fatal(err)
			}
			if status.LastRun != nil && status.LastRun.State == runtimeapi.RunFailed {
				t.Fatalf("the run failed: %s\n%s", status.LastRun.Error, p.log())
			}
			return status.LastRun != nil && status.LastRun.ID > after && status.LastRun.State == runtimeapi.RunSucceeded
		})
		return status
	}
	count := func(s runtimeapi.Status, reason string) (n int64) {
		for _, m := range s.Mismatches {
			if m.Reason == reason {
				n += m.Count
			}
		}
		return n
	}
	put := func(overrides map[string]string) {
		t.Helper()
		spec := billing()
		spec.StatusOverrides, spec.Schedule = overrides, "" // no run but those that are asked for
		if _, err := c.PutPipeline(ctx, "billing", spec); err != nil {
			t.Fatal(err)
		}
	}
	put(map[string]string{"Sent to Test Attorney": "on_hold"})
	first := synced(0)

	// The clinic's own oddities, counted at the source.
	var drift, loose int64
	for _, l := range b.clinic.All(clinic.LineItems) {
		var paid float64
		for _, part := range []string{"ins1_paid", "ins2_paid", "ins3_paid"} {
			paid += number(l[part])
		}
		if d := number(l["ins_total"]) - paid; d > 0.05 || d < -0.05 {
			drift++
		}
	}
	for _, payment := range b.clinic.All(clinic.PatientPayments) {
		if payment["line_item"] == nil {
			loose++
		}
	}
	if drift == 0 || loose == 0 || count(first, "line_total_drift") != drift || count(first, "unallocated_payment") != loose || count(first, "orphan_payment") != 0 {
		t.Errorf("%d lines drift and %d payments are loose; found %v", drift, loose, first.Mismatches)
	}
	if got := len(first.Lag); got != len(first.Rows) || first.CallsThisHour == 0 || first.Paused {
		t.Errorf("lag of %d of %d feeds, %d calls", got, len(first.Rows), first.CallsThisHour)
	}
	conn, err := pgx.Connect(ctx, b.db.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(background()) }()
	daily := func() map[string]int64 {
		t.Helper()
		rows, err := conn.Query(ctx, `select status, sum(claims)::bigint from billing.daily where day = (select max(day) from billing.daily) group by 1`)
		if err != nil {
			t.Fatal(err)
		}
		by, status, n := map[string]int64{}, "", int64(0)
		if _, err := pgx.ForEachRow(rows, []any{&status, &n}, func() error { by[status] = n; return nil }); err != nil {
			t.Fatal(err)
		}
		return by
	}
	if !maps.Equal(daily(), first.Claims) {
		t.Errorf("the day has %v, the claims are %v", daily(), first.Claims)
	}

	// A line goes at the source, and what the patient paid on it is left.
	var line string
	for _, payment := range b.clinic.All(clinic.PatientPayments) {
		if payment["line_item"] != nil && number(payment["amount"]) > 0 {
			line = fmt.Sprint(payment["line_item"])
			break
		}
	}
	kept, _ := b.clinic.Get(clinic.LineItems, line)
	if err := b.clinic.Delete(clinic.LineItems, line); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Sync(ctx, "billing", runtimeapi.SyncRequest{}); err != nil {
		t.Fatal(err)
	}
	orphaned := synced(first.LastRun.ID)
	if count(orphaned, "orphan_payment") == 0 || orphaned.Mismatches[0].Severity != runtimeapi.MismatchFault {
		t.Errorf("line %v is gone; found %v", kept["id"], orphaned.Mismatches)
	}

	// The practice changes its mind about a status of its own: the same visits are judged anew at once.
	put(map[string]string{"Sent to Test Attorney": "paid"})
	judged := synced(orphaned.LastRun.ID)
	moved := judged.Claims["paid"] - orphaned.Claims["paid"]
	if moved <= 0 || judged.Claims["pending"] != orphaned.Claims["pending"]-moved || count(judged, "underpaid") != count(orphaned, "underpaid")+moved {
		t.Errorf("claims %v then %v, mismatches %v then %v", orphaned.Claims, judged.Claims, orphaned.Mismatches, judged.Mismatches)
	}
	if !maps.Equal(daily(), judged.Claims) {
		t.Errorf("the day has %v, the claims are %v", daily(), judged.Claims)
	}
	put(nil)
	back := synced(judged.LastRun.ID)
	if back.Claims["unknown"] < moved || count(back, "underpaid") != count(orphaned, "underpaid") {
		t.Errorf("without overrides: claims %v, mismatches %v", back.Claims, back.Mismatches)
	}

	// An instance that dies in the middle of a run leaves the books as they were; the next one ends the run, and writes
	// nothing that did not change.
	const written = `select coalesce(string_agg(concat_ws(' ', key, xmin, resolved_at), ';' order by key), '') from billing.mismatch`
	var before, after string
	if err := conn.QueryRow(ctx, written).Scan(&before); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Sync(ctx, "billing", runtimeapi.SyncRequest{Full: true}); err != nil {
		t.Fatal(err)
	}
	p.until("a run with a feed in", func() bool {
		s, err := c.Status(ctx, "billing")
		return err == nil && s.LastRun.ID > back.LastRun.ID && len(s.LastRun.Feeds) > 0 && s.LastRun.Feeds[0].State == runtimeapi.RunSucceeded
	})
	_ = p.cmd.Process.Kill()
	<-p.done
	b.clean("the log", p.log())
	p = b.start("serve").ready()
	c = b.client(p)
	again := synced(back.LastRun.ID)
	if err := conn.QueryRow(ctx, written).Scan(&after); err != nil {
		t.Fatal(err)
	}
	if before != after || !maps.Equal(again.Claims, back.Claims) || !slices.Equal(again.Mismatches, back.Mismatches) || !again.LastRun.Full {
		t.Errorf("mismatches %v then %v, claims %v then %v; rewritten: %t", back.Mismatches, again.Mismatches, back.Claims, again.Claims, before != after)
	}

	// Nothing of a mismatch that is kept or said holds anybody's data.
	var texts []string
	if err := conn.QueryRow(ctx, `select array_agg(distinct reason || ' ' || field || ' ' || text) from billing.mismatch`).Scan(&texts); err != nil {
		t.Fatal(err)
	}
	answered, _ := json.Marshal([]runtimeapi.Status{first, orphaned, judged, back, again})
	p.stop()
	b.clean("the log", p.log())
	b.clean("the status", string(answered))
	b.clean("the mismatches", fmt.Sprint(slices.Sorted(slices.Values(texts))))
}

// number is an amount as the clinic holds it.
func number(v any) (n float64) {
	_, _ = fmt.Sscan(fmt.Sprint(v), &n)
	return n
}
