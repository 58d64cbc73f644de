package pipeline_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
	"github.com/feel-august/terraform-provider-august/internal/sandbox/clinic"
	"github.com/feel-august/terraform-provider-august/internal/sync/feed"
	"github.com/feel-august/terraform-provider-august/internal/sync/pipeline"
)

func TestReconcileFindsAndRepairsOnlyWhatDiffers(t *testing.T) {
	r := newRig(t, 60, few...)
	s, _ := r.instance()
	stop := r.start(s)
	r.put(s, spec)
	r.ended(s, runtimeapi.RunSucceeded)
	stop()
	clean, err := s.Reconcile(t.Context(), "billing", false)
	if err != nil || clean.Drift != 0 || clean.Left != 0 || len(clean.Feeds) != len(few) {
		t.Fatalf("%+v, %v", clean, err)
	}
	for _, f := range clean.Feeds {
		if len(f.Differ) != 0 || f.Source != f.Database || f.Problem != "" || f.New != 0 {
			t.Errorf("nothing differs, and %+v", f)
		}
	}
	// Lost, edited by hand with and without its hash, marked, made up.
	const pick = `(select id from drchrono.%s where deleted_at_source is null order by md5(id::text) limit %d offset %d)`
	for _, sql := range []string{
		`delete from drchrono.line_items where id in ` + fmt.Sprintf(pick, "line_items", 20, 0),
		`update drchrono.line_items set billed = billed + 1 where id in ` + fmt.Sprintf(pick, "line_items", 15, 0),
		`update drchrono.line_items set content_hash = '\x00', updated_at = updated_at + interval '3 hours' where id in ` + fmt.Sprintf(pick, "line_items", 10, 20),
		`update drchrono.transactions set deleted_at_source = now() where id in ` + fmt.Sprintf(pick, "transactions", 12, 0),
		`insert into drchrono.transactions (id, raw, content_hash, observed_at) select 1 + n, '{}', '', now() from generate_series(1, 7) n`,
	} {
		r.exec(sql)
	}
	const untouched = `select md5(string_agg(xmin::text || id::text, ',' order by id)) from drchrono.patient_payments`
	before := r.one(untouched)
	check := func(report runtimeapi.Reconcile, err error, repaired int64) {
		t.Helper()
		if err != nil || report.Drift != 64 || report.Left != 64-repaired {
			t.Errorf("%+v, %v", report, err)
		}
		for _, f := range report.Feeds {
			got := [5]int64{f.Missing, f.Differs, f.Deleted, f.Gone, f.Repaired}
			want := map[string][5]int64{"line_items": {20, 25, 0, 0, min(repaired, 45)}, "transactions": {0, 0, 12, 7, min(repaired, 19)}}[f.Feed]
			if got != want || (len(f.Differ) > 0) != (repaired == 0 && want != [5]int64{}) {
				t.Errorf("%s: %v, want %v; %+v", f.Feed, got, want, f.Differ)
			}
		}
	}
	report, err := s.Reconcile(t.Context(), "billing", false)
	check(report, err, 0)
	report, err = s.Reconcile(t.Context(), "billing", true)
	check(report, err, 64)
	r.equal()
	if r.one(untouched) != before {
		t.Error("rows that did not differ were written")
	}
	st, err := s.Status(t.Context(), "billing")
	if err != nil || st.Reconcile == nil || st.Reconcile.Drift != 64 || !st.Reconcile.Repair {
		t.Errorf("%+v, %v", st.Reconcile, err)
	}
	if n := r.one(`select count(*) from august.sweep_page`); n != "0" {
		t.Errorf("%s pages are left", n)
	}
	for _, canary := range clinic.Canaries() {
		if strings.Contains(r.logs.String(), canary) {
			t.Error("a patient's data is in the log")
		}
	}
}

// A list is compared as a sync reads it: in parts where it cannot be read whole, or never is.
func TestReconcileReadsListsInParts(t *testing.T) {
	r := newRig(t, 30, append(always(feed.Doctors, feed.EOBs), laboratory...)...)
	n := r.watch(tooLong)
	s, _ := r.instance()
	stop := r.start(s)
	r.put(s, spec)
	r.ended(s, runtimeapi.RunSucceeded)
	stop()
	order := r.one(`select lab_order from drchrono.lab_results order by id limit 1`)
	for _, sql := range []string{
		`insert into drchrono.lab_results select made.* from drchrono.lab_results t, generate_series(1, 3) n, jsonb_populate_record(t, jsonb_build_object('id', n)) made
			where t.id = (select min(id) from drchrono.lab_results where lab_order = ` + order + `)`,
		`delete from drchrono.lab_results where id > 3 and lab_order = ` + order,
		`update drchrono.eobs set total_paid = total_paid + 1 where id in (select id from drchrono.eobs order by id limit 2)`,
	} {
		r.exec(sql)
	}
	lost := 0
	for _, row := range r.clinic.View(clinic.LabResults, 0) {
		if row.Field("lab_order") == order {
			lost++
		}
	}
	n.take("lab_results")
	n.take("eobs")
	report, err := s.Reconcile(t.Context(), "billing", true)
	if err != nil || report.Drift != int64(lost+3+2) || report.Left != 0 {
		t.Errorf("%d lost: %+v, %v", lost, report, err)
	}
	r.equal()
	for list, parts := range map[string]clinic.Kind{"lab_results": clinic.LabOrders, "eobs": clinic.Doctors} {
		got := n.take(list)
		slices.Sort(got)
		if slices.Contains(got, "") || len(slices.Compact(got)) != r.clinic.Count(parts) {
			t.Errorf("%s were read of %v", list, got)
		}
	}
	if n := r.one(`select count(*) from august.sweep_page`); n != "0" {
		t.Errorf("%s pages are left", n)
	}
}

func TestReconcileAndSyncDoNotMix(t *testing.T) {
	r := newRig(t, 20, few...)
	s, _ := r.instance()
	r.put(s, spec) // pending: nothing runs yet
	if _, err := s.Reconcile(t.Context(), "billing", true); !errors.Is(err, pipeline.ErrBusy) {
		t.Fatalf("beside a run: %v", err)
	}
	stop := r.start(s)
	r.ended(s, runtimeapi.RunSucceeded)
	var asked atomic.Bool
	r.front = func(w http.ResponseWriter, q *http.Request, api http.Handler) {
		if asked.CompareAndSwap(false, true) {
			run, err := s.Sync(t.Context(), "billing", runtimeapi.SyncRequest{})
			if err != nil || run.State != runtimeapi.RunRunning {
				t.Errorf("a sync meanwhile: %+v, %v", run, err)
			}
		}
		api.ServeHTTP(w, q)
	}
	if report, err := s.Reconcile(t.Context(), "billing", true); err != nil || report.Drift != 0 {
		t.Errorf("%+v, %v", report, err)
	}
	stop()
	// One that dies leaves its run to the next instance, which ends it as a sync.
	r.exec(`insert into august.run (pipeline, generation, state, started_at, lease_owner, lease_until) values ('billing', 1, 'running', now(), 'gone', now() + interval '300 milliseconds')`)
	r.start(s)
	if run := r.ended(s, runtimeapi.RunSucceeded, runtimeapi.RunFailed); run.State != runtimeapi.RunSucceeded {
		t.Errorf("%+v", run)
	}
	r.equal()
}
