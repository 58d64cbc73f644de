package pipeline_test

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
	"github.com/feel-august/terraform-provider-august/internal/sandbox/clinic"
	"github.com/feel-august/terraform-provider-august/internal/sync/feed"
	"github.com/feel-august/terraform-provider-august/internal/sync/pipeline"
)

// reads notes which part of each list that can be read in parts was asked for: the order, or the doctor, "" for
// none.
type reads struct {
	mu     sync.Mutex
	of     map[string][]string // by list
	answer func(list, part string) int
}

// tooLong answers as the source does when a list is too long for it: an order's results can be read, all cannot.
func tooLong(list, part string) int {
	if list == "lab_results" && part == "" {
		return http.StatusInternalServerError
	}
	return 0
}

// watch puts notes on every read. refuse, when set, answers with a status.
func (r *rig) watch(refuse func(list, part string) int) *reads {
	n := &reads{of: map[string][]string{}, answer: refuse}
	r.front = func(w http.ResponseWriter, q *http.Request, api http.Handler) {
		list, query := strings.TrimPrefix(q.URL.Path, "/api/"), q.URL.Query()
		if part := query.Get("order") + query.Get("doctor"); list == "lab_tests" || list == "lab_results" || list == "eobs" {
			n.mu.Lock()
			status := 0
			if n.answer != nil {
				status = n.answer(list, part)
			}
			if status == 0 {
				n.of[list] = append(n.of[list], part)
			}
			n.mu.Unlock()
			if status != 0 {
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(status)
				_, _ = io.WriteString(w, `{"detail":"no"}`)
				return
			}
		}
		api.ServeHTTP(w, q)
	}
	return n
}

// take is the parts of a list that were asked for since the last call.
func (n *reads) take(list string) []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	got := n.of[list]
	n.of[list] = nil
	return got
}

func (n *reads) refuse(f func(list, part string) int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.answer = f
}

// settled makes it long ago that anything happened to an order, and each of them one that came back.
func (r *rig) settled() {
	r.Helper()
	r.exec(`update drchrono.lab_orders set observed_at = observed_at - interval '1 hour'`)
	r.exec(`update drchrono.lab_documents set observed_at = observed_at - interval '1 hour'`)
	r.exec(`update labs.order_progress set settled = true`)
}

func (r *rig) edited(errs ...error) {
	r.Helper()
	for _, err := range errs {
		if err != nil {
			r.Fatal(err)
		}
	}
}

func TestOnlyOrdersThatAreDueAreReadAgain(t *testing.T) {
	r := newRig(t, 80, laboratory...)
	n := r.watch(nil)
	s, _ := r.instance()
	r.start(s)
	r.put(s, spec)
	r.ended(s, runtimeapi.RunSucceeded)
	for _, list := range []string{"lab_tests", "lab_results"} {
		if got := n.take(list); slices.ContainsFunc(got, func(order string) bool { return order != "" }) || len(got) < 2 {
			t.Errorf("the first sync read %s by order: %v", list, got)
		}
	}
	// Nothing happened: nothing is read.
	r.settled()
	r.sync(s, false)
	if tests, found := n.take("lab_tests"), n.take("lab_results"); len(tests)+len(found) > 0 {
		t.Errorf("without a reason: %v, %v", tests, found)
	}
	// A laboratory corrects a result, adds one and takes one back, and sends a report.
	result := r.clinic.View(clinic.LabResults, 0)[10]
	order := result.Field("lab_order")
	var same []*clinic.Row
	for _, other := range r.clinic.View(clinic.LabResults, 0) {
		if other.Field("lab_order") == order && other.Key() != result.Key() {
			same = append(same, other)
		}
	}
	r.settled()
	_, err := r.clinic.Add(clinic.LabResults, clinic.Object{"lab_order": order, "lab_test": result.Field("lab_test"), "observation_code": "X-1"})
	r.edited(err,
		r.clinic.Edit(clinic.LabResults, result.Key(), clinic.Object{"value": "999", "status": "C"}),
		r.clinic.Delete(clinic.LabResults, same[0].Key()),
		r.clinic.Edit(clinic.LabOrders, order, clinic.Object{"accession_number": "TESTACC-NEW"}))
	run := r.sync(s, false)
	if _, _, deleted := changed(run); deleted != 1 {
		t.Errorf("%d rows are gone", deleted)
	}
	for _, list := range []string{"lab_tests", "lab_results"} {
		if got := n.take(list); len(got) != 1 || got[0] != order {
			t.Errorf("%s were read of %v, want of %s", list, got, order)
		}
	}
	r.equal()
	// A new document is a reason too; and more due than all of it costs reads it whole.
	r.settled()
	_, err = r.clinic.Add(clinic.LabDocuments, clinic.Object{"lab_order": order, "type": "RES"})
	r.edited(err)
	r.sync(s, false)
	if got := n.take("lab_results"); len(got) != 1 || got[0] != order {
		t.Errorf("after a document: %v", got)
	}
	r.exec(`update labs.order_progress set settled = false`)
	r.exec(`update drchrono.lab_orders set timestamp = now() at time zone 'utc'`)
	r.sync(s, false)
	if got := n.take("lab_results"); len(got) < 2 || got[0] != "" {
		t.Errorf("everything is due: %v", got)
	}
	r.equal()
}

func TestAListThatCannotBeReadWholeIsReadInParts(t *testing.T) {
	r := newRig(t, 60, laboratory...)
	parts := 0
	n := r.watch(func(list, order string) int {
		switch {
		case list != "lab_results":
			return 0
		case order == "": // the long list, whole
			return http.StatusInternalServerError
		}
		if parts++; parts > 15 { // and then the source goes away in the middle
			return http.StatusBadGateway
		}
		return 0
	})
	s, _ := r.instance()
	r.start(s)
	r.put(s, spec)
	r.until("a run that waits for the source", func() bool {
		return r.one(`select count(*) from august.run where state = 'parked' and attempt > 0`) != "0" || r.one(`select count(*) from august.run where state = 'failed'`) != "0"
	})
	if r.one(`select cardinality(sweep_values) from august.checkpoint where feed = 'lab_results'`) == "null" {
		t.Fatalf("not in parts\n%s", r.logs)
	}
	refused := ""
	n.refuse(func(list, order string) int {
		switch {
		case list == "lab_results" && order == "":
			return http.StatusInternalServerError
		case list == "lab_results" && order == refused:
			return http.StatusBadRequest
		}
		return 0
	})
	if state := r.ended(s, runtimeapi.RunSucceeded, runtimeapi.RunFailed).State; state == runtimeapi.RunFailed {
		r.sync(s, false)
	}
	r.equal()
	count := map[string]int{}
	for _, order := range n.take("lab_results") {
		count[order]++
	}
	again := 0
	for _, reads := range count {
		if reads > 1 {
			again++
		}
	}
	if orders := r.clinic.Count(clinic.LabOrders); len(count) != orders || again > 2 { // one to see that parts can be read, and the one that failed
		t.Errorf("%d of %d orders were read, %d more than once", len(count), orders, again)
	}
	if n := r.one(`select count(*) from august.sweep_page`); n != "0" {
		t.Errorf("%s pages are left", n)
	}

	// An order that is no more at the source is refused: its results stay until the list is read whole.
	refused = r.clinic.View(clinic.LabResults, 0)[3].Field("lab_order")
	held := `select count(*) from drchrono.lab_results where deleted_at_source is null and lab_order = ` + refused
	before := r.one(held)
	r.sync(s, true)
	if after := r.one(held); after != before || before == "0" || !strings.Contains(r.logs.String(), "refuses to list some parts") {
		t.Errorf("%s of %s results are left", after, before)
	}
	for _, canary := range clinic.Canaries() {
		if strings.Contains(r.logs.String(), canary) {
			t.Error("a patient's data is in the log")
		}
	}
}

// A list that fails because the source is down must not be taken for one that is too long.
func TestASourceThatIsDownDividesNothing(t *testing.T) {
	r := newRig(t, 20, laboratory...)
	n := r.watch(func(list, _ string) int {
		if list == "lab_results" {
			return http.StatusBadGateway
		}
		return 0
	})
	s, _ := r.instance()
	r.start(s)
	r.put(s, spec)
	r.ended(s, runtimeapi.RunFailed)
	if got := r.one(`select cardinality(sweep_values) from august.checkpoint where feed = 'lab_results'`); got != "null" {
		t.Errorf("divided into %s parts", got)
	}
	n.refuse(nil)
	r.sync(s, false)
	r.equal()
}

// Checks of payers are read doctor by doctor, whole each time: what is gone shows at once, also of a
// doctor who has left.
func TestEOBsAreReadByDoctor(t *testing.T) {
	r := newRig(t, 60, always(feed.Doctors, feed.EOBs)...)
	s, _ := r.instance()
	r.start(s)
	r.put(s, spec)
	r.ended(s, runtimeapi.RunSucceeded)
	eobs := r.clinic.View(clinic.EOBs, 0)
	r.edited(r.clinic.Delete(clinic.EOBs, eobs[2].Key()), r.clinic.Edit(clinic.EOBs, eobs[5].Key(), clinic.Object{"total_paid": "1.23"}))
	doctor := eobs[5].Field("doctor")
	r.edited(r.clinic.Delete(clinic.Doctors, doctor))
	if _, _, deleted := changed(r.sync(s, false)); deleted != 2 {
		t.Errorf("%d rows are gone, want a check and a doctor", deleted)
	}
	r.equal()
	if got := r.one(`select count(*) from drchrono.eobs where deleted_at_source is null and doctor = ` + doctor); got == "0" {
		t.Error("the checks of a doctor who left are gone")
	}
}

// A list that is read whole each time need not be read by every run.
func TestAFeedRests(t *testing.T) {
	r := newRig(t, 20)
	s, _ := r.instance(func(c *pipeline.Config) {
		c.Datasets = map[string]pipeline.Dataset{"billing": {Feeds: []feed.Feed{feed.Doctors, feed.EOBs}}}
	})
	r.start(s)
	r.put(s, spec)
	r.ended(s, runtimeapi.RunSucceeded)
	calls := func(full bool) int {
		r.server.ResetStats()
		r.sync(s, full)
		return r.server.Stats()["app"].Endpoints["eobs"]
	}
	if n := calls(false); n != 0 {
		t.Errorf("%d calls although it was read a moment ago", n)
	}
	if n := calls(true); n == 0 {
		t.Error("a full run left it out")
	}
	r.exec(`update august.checkpoint set read_at = read_at - interval '21 hours' where feed = 'eobs'`)
	if n := calls(false); n == 0 {
		t.Error("it was left out a day later")
	}
}

// Two pipelines may sweep one table: neither takes for gone what the other has just brought.
func TestDatasetsShareAFeed(t *testing.T) {
	r := newRig(t, 40, append(slices.Clone(few), feed.LabDocuments)...)
	a, _ := r.instance()
	b, _ := r.instance()
	r.start(a)
	r.start(b)
	r.put(a, spec)
	if _, err := b.Put(t.Context(), "second", other); err != nil {
		t.Fatal(err)
	}
	r.ended(a, runtimeapi.RunSucceeded)
	r.until("the other's first sync", func() bool {
		st, err := b.Status(t.Context(), "second")
		return err == nil && st.LastRun != nil && st.LastRun.State == runtimeapi.RunSucceeded
	})
	var syncs sync.WaitGroup
	for round := range 3 {
		_, err := r.clinic.Add(clinic.Doctors, clinic.Object{"npi_number": "9999999999"})
		r.edited(err, r.clinic.Delete(clinic.LabDocuments, r.clinic.View(clinic.LabDocuments, 0)[round].Key()))
		syncs.Go(func() {
			if _, err := b.Sync(t.Context(), "second", runtimeapi.SyncRequest{Full: true}); err != nil {
				t.Error(err)
			}
		})
		r.sync(a, true)
		syncs.Wait()
	}
	r.until("the other's last sync", func() bool {
		return r.one(`select count(*) from august.run where state not in ('succeeded', 'failed')`) == "0"
	})
	if failed := r.one(`select string_agg(error, '; ') from august.run where state = 'failed'`); failed != "null" {
		t.Errorf("a run failed: %s", failed)
	}
	r.sync(a, true)
	r.equal()
}
