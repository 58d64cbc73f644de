package pipeline_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
	"github.com/feel-august/terraform-provider-august/internal/sandbox/clinic"
	sandbox "github.com/feel-august/terraform-provider-august/internal/sandbox/drchrono"
	"github.com/feel-august/terraform-provider-august/internal/sync/feed"
	"github.com/feel-august/terraform-provider-august/internal/sync/pipeline"
)

// Each of these passes, and the sync with it.
func TestASyncGetsOverFaultsThatPass(t *testing.T) {
	for name, fault := range map[string]sandbox.Fault{
		"500s":                         {Kind: sandbox.FaultStatus, Times: 3},
		"502 on one page":              {Kind: sandbox.FaultStatus, Status: 502, Endpoint: "transactions_list", Times: 2, Skip: 3},
		"truncated JSON":               {Kind: sandbox.FaultTruncated, Endpoint: "patient_payments", Times: 2},
		"truncated JSON in bulk":       {Kind: sandbox.FaultTruncated, Endpoint: "line_items_list", Times: 3, Skip: 4},
		"HTML with 200":                {Kind: sandbox.FaultHTML, Endpoint: "*_list", Times: 4},
		"dropped connections":          {Kind: sandbox.FaultDrop, Times: 4, Skip: 10},
		"a bulk request that failed":   {Kind: sandbox.FaultFailed, Endpoint: "line_items_list", Page: 2, Times: 2},
		"a bulk request with an error": {Kind: sandbox.FaultAsync, Endpoint: "appointments_list", Times: 2},
		"a token endpoint that fails":  {Kind: sandbox.FaultStatus, Endpoint: "o/token", Times: 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, 40, few...)
			r.server.AddFault(fault)
			r.synced()
			r.equal()
			if left := r.server.Faults(); len(left) != 0 {
				t.Errorf("the fault was not met: %+v", left)
			}
		})
	}
}

func TestASyncSaysWhatIsWrongWhenAFaultStays(t *testing.T) {
	for name, c := range map[string]struct {
		fault sandbox.Fault
		says  string
	}{
		"no permission":   {sandbox.Fault{Kind: sandbox.FaultStatus, Status: 403, Endpoint: "transactions_list"}, "drchrono: POST /api/transactions_list: status 403: an OAuth scope"},
		"down":            {sandbox.Fault{Kind: sandbox.FaultStatus, Status: 503, Endpoint: "patient_payments", Page: 3}, "drchrono: GET /api/patient_payments: status 503"},
		"HTML for good":   {sandbox.Fault{Kind: sandbox.FaultHTML, Endpoint: "doctors"}, "drchrono: GET /api/doctors: status 200: the answer is not JSON"},
		"bulk that fails": {sandbox.Fault{Kind: sandbox.FaultFailed, Endpoint: "line_items_list"}, "gave up on a bulk page"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, 20, few...)
			r.server.Set(func(s *sandbox.Settings) { s.PageCaps["patient_payments"] = 5 })
			id := r.server.AddFault(c.fault)
			s, _ := r.instance()
			r.start(s)
			r.put(s, spec)
			run := r.ended(s, runtimeapi.RunFailed, runtimeapi.RunSucceeded)
			if run.State != runtimeapi.RunFailed || !strings.Contains(run.Error, c.says) || strings.Contains(run.Error, "?") {
				t.Fatalf("fault %d: %+v", id, run)
			}
			// The next run goes on from where this one stopped.
			r.server.ClearFaults()
			r.server.ResetStats()
			r.sync(s, false)
			r.equal()
			if list := c.fault.Endpoint; list == "patient_payments" {
				pages := (r.clinic.Count(clinic.PatientPayments) + 4) / 5
				calls := r.server.Stats()["app"].Endpoints
				if n := calls[list]; pages < 4 || n != pages-2 {
					t.Errorf("%d of %d pages were asked for, although two were stored", n, pages)
				}
				if n := calls["transactions_list"]; n > 6 {
					t.Errorf("transactions were read in full again: %v", calls)
				}
			}
			if st, err := s.Status(t.Context(), "billing"); err != nil || st.LastFull == nil {
				t.Errorf("the feeds are read in full by now: %+v, %v", st, err)
			}
		})
	}
}

func TestRotatedTokensLastThroughAnything(t *testing.T) {
	r := newRig(t, 30, few...)
	// Tokens that die in mid-sync, and are not good at once.
	r.server.Set(func(s *sandbox.Settings) { s.Rotate, s.FreshTokenMillis = true, 5 })
	s, _ := r.instance()
	stop := r.start(s)
	r.put(s, spec)
	r.ended(s, runtimeapi.RunSucceeded)
	stop()
	// Both instances hold the same token; the source forgets it, as after a refresh elsewhere.
	a, _ := r.instance()
	b, _ := r.instance()
	r.start(a)
	r.start(b)
	if _, err := b.Put(t.Context(), "second", other); err != nil {
		t.Fatal(err)
	}
	r.sync(a, false)
	r.exec(`update august.credential set access_token = 'stale'`)
	r.sync(a, false)
	r.sync(b, true)
	r.equal()
	stats := r.server.Stats()["app"]
	if n := stats.Endpoints["o/token"]; n > 4 {
		t.Errorf("%d refreshes: %v", n, stats.Endpoints)
	}
}

func TestADeadGrantStopsTheRunAndANewSecretHeals(t *testing.T) {
	r := newRig(t, 20, few...)
	r.exec(`insert into august.credential (application, refresh_token, seed) values ('app', 'revoked', sha256('seed'))`)
	s, _ := r.instance()
	r.start(s)
	r.put(s, spec)
	run := r.ended(s, runtimeapi.RunFailed)
	if !strings.Contains(run.Error, "authorise the application again") {
		t.Errorf("%+v", run)
	}
	for _, secret := range []string{"revoked", "secret\"", "seed\""} {
		if strings.Contains(run.Error+r.logs.String(), secret) {
			t.Errorf("%s is shown", secret)
		}
	}
	r.exec(`update august.credential set seed = ''`) // as a new secret would
	r.sync(s, true)
	r.equal()
}

// without hides objects from a list, not from reads by id, as when rows move between pages.
func (r *rig) without(list string, hide func(object map[string]any) bool) {
	r.front = func(w http.ResponseWriter, q *http.Request, api http.Handler) {
		if q.URL.Path != list {
			api.ServeHTTP(w, q)
			return
		}
		rec := httptest.NewRecorder()
		api.ServeHTTP(rec, q)
		var e map[string]json.RawMessage
		var rows []json.RawMessage
		if err := json.Unmarshal(rec.Body.Bytes(), &e); err != nil {
			r.Error(err)
		}
		if json.Unmarshal(e["results"], &rows) == nil && e["results"] != nil {
			rows = slices.DeleteFunc(rows, func(raw json.RawMessage) bool {
				var o map[string]any
				d := json.NewDecoder(bytes.NewReader(raw))
				d.UseNumber()
				return d.Decode(&o) == nil && hide(o)
			})
			// Joined by hand: encoding/json would rewrite what is inside.
			e["results"] = append(append([]byte("["), bytes.Join(func() (b [][]byte) {
				for _, row := range rows {
					b = append(b, row)
				}
				return b
			}(), []byte(","))...), ']')
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(rec.Code)
		out := json.NewEncoder(w)
		out.SetEscapeHTML(false)
		_ = out.Encode(e)
	}
}

func TestAMissedRowIsAskedForBeforeItCountsAsGone(t *testing.T) {
	r := newRig(t, 30, few...)
	s := r.synced()
	rows := r.clinic.View(clinic.PatientPayments, 0)
	hidden, gone := rows[3].Key(), rows[5].Key()
	if err := r.clinic.Delete(clinic.PatientPayments, gone); err != nil {
		t.Fatal(err)
	}
	r.without("/api/patient_payments", func(o map[string]any) bool { return o["id"].(json.Number).String() == hidden })
	if _, _, deleted := changed(r.sync(s, true)); deleted != 1 {
		t.Errorf("deleted %d", deleted)
	}
	r.equal()
}

// Rows that change during a full sync of a list ordered by change move to its end, which was read first.
func TestRowsThatMoveWhileTheyAreReadAreNotGone(t *testing.T) {
	r := newRig(t, 80, feed.Appointments)
	s, _ := r.instance(func(c *pipeline.Config) { c.Fetchers = 1 })
	r.start(s)
	r.put(s, spec)
	r.ended(s, runtimeapi.RunSucceeded)
	rows := slices.Clone(r.clinic.View(clinic.Appointments, 0))
	slices.SortFunc(rows, func(a, b *clinic.Row) int {
		return strings.Compare(a.Field("updated_at")+a.Key(), b.Field("updated_at")+b.Key())
	})
	edited := 0
	r.front = func(w http.ResponseWriter, q *http.Request, api http.Handler) {
		if q.Method == http.MethodPost && strings.HasSuffix(q.URL.Path, "appointments_list") && q.URL.Query().Get("page") == "4" && edited == 0 {
			for _, row := range rows[40:160] { // pages 2 to 4, of 40 rows each
				if row.Deleted {
					continue
				}
				if err := r.clinic.Edit(clinic.Appointments, row.Key(), clinic.Object{"billing_status": "Internal Review"}); err != nil {
					t.Error(err)
				}
				edited++
			}
		}
		api.ServeHTTP(w, q)
	}
	run := r.sync(s, true)
	if _, _, deleted := changed(run); deleted != 0 || edited <= 100 { // fewer would be asked for one by one
		t.Errorf("%d deleted, %d edited", deleted, edited)
	}
	r.equal()
}

func TestAFullSyncRefusesToDropAnImplausibleShare(t *testing.T) {
	r := newRig(t, 60, few...)
	s := r.synced()
	// The authorised user no longer sees one doctor's rows.
	doctor := r.clinic.View(clinic.LineItems, 0)[0].Field("doctor")
	r.without("/api/line_items_list", func(o map[string]any) bool { n, ok := o["doctor"].(json.Number); return ok && n.String() == doctor })
	if _, err := s.Sync(t.Context(), "billing", runtimeapi.SyncRequest{Full: true}); err != nil {
		t.Fatal(err)
	}
	run := r.ended(s, runtimeapi.RunFailed)
	if !strings.Contains(run.Error, "line_items: the full sync did not see") {
		t.Errorf("%+v", run)
	}
	for _, f := range run.Feeds {
		if (f.State == runtimeapi.RunFailed) != (f.Feed == "line_items") {
			t.Errorf("%+v", f)
		}
	}
	r.equal() // nothing was dropped
	r.front = nil
	r.sync(s, true)
	r.equal()
}

func TestBulkListsOfOtherShapes(t *testing.T) {
	for name, set := range map[string]func(*sandbox.Settings){
		"without pagination": func(s *sandbox.Settings) {
			s.BulkNoPagination = []string{"appointments_list", "line_items_list", "transactions_list"}
		},
		"arrays called data": func(s *sandbox.Settings) { s.Envelope = "data"; s.BulkCompleted = true; s.BulkPolls = 3 },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, 30, few...)
			r.server.Set(set)
			s := r.synced()
			r.equal()
			r.sync(s, true)
			r.equal()
		})
	}
}

func TestDeriveRunsInTheRunsTransactionWithTheNewestSpec(t *testing.T) {
	r := newRig(t, 20)
	var seen []runtimeapi.PipelineSpec
	fail := true
	s, _ := r.instance(func(c *pipeline.Config) {
		c.Datasets = map[string]pipeline.Dataset{"billing": {Feeds: feeds[:2],
			Derive: func(ctx context.Context, tx pgx.Tx, spec runtimeapi.PipelineSpec, run int64) error {
				seen = append(seen, spec)
				if _, err := tx.Exec(ctx, `create table derived ()`); err != nil {
					return err
				}
				if fail {
					return errors.New("it cannot be")
				}
				return nil
			}}}
	})
	r.start(s)
	r.put(s, spec)
	run := r.ended(s, runtimeapi.RunFailed)
	if run.Error != "computing the dataset failed: it cannot be" || r.one(`select to_regclass('derived')`) != "null" {
		t.Errorf("%+v", run)
	}
	fail = false
	changed := spec
	changed.StatusOverrides = map[string]string{"Payment Plan": "pending"}
	r.put(s, changed) // a change of what is derived starts a run by itself
	r.ended(s, runtimeapi.RunSucceeded)
	if len(seen) != 2 || seen[1].StatusOverrides["Payment Plan"] != "pending" || r.one(`select to_regclass('derived')`) != "derived" {
		t.Errorf("%+v", seen)
	}
}

func TestSchedulesFireAndDeclarationsAreIdempotent(t *testing.T) {
	r := newRig(t, 20, few...)
	s, _ := r.instance()
	r.start(s)
	every := spec
	every.Schedule = "*/15 * * * *"
	r.put(s, every)
	r.ended(s, runtimeapi.RunSucceeded)
	first, err := s.Get(t.Context(), "billing")
	if err != nil {
		t.Fatal(err)
	}
	again, err := s.Put(t.Context(), "billing", every)
	if err != nil || again.Generation != first.Generation || !again.UpdatedAt.Equal(first.UpdatedAt) || again.Generation != 1 {
		t.Errorf("the same declaration is a change: %+v, %v", again, err)
	}
	st, err := s.Status(t.Context(), "billing")
	if err != nil || st.NextRun == nil || time.Until(*st.NextRun) > 15*time.Minute || st.NextRun.Minute()%15 != 0 {
		t.Fatalf("%+v, %v", st, err)
	}
	r.exec(`update august.pipeline set next_run = now() - interval '1 second'`)
	r.until("the schedule's run succeeds", func() bool {
		if st, err = s.Status(t.Context(), "billing"); err != nil {
			t.Fatal(err)
		}
		return st.LastRun.State == runtimeapi.RunSucceeded && !st.LastRun.Full
	})
	if st.NextRun == nil || !st.NextRun.After(time.Now()) {
		t.Errorf("next run %v", st.NextRun)
	}
	for _, bad := range []runtimeapi.PipelineSpec{{Dataset: "weather"}, {Dataset: "billing", Schedule: "now and then"}} {
		if _, err := s.Put(t.Context(), "bad", bad); err == nil || err.(*runtimeapi.Error).Code != runtimeapi.CodeInvalid {
			t.Errorf("error %v", err)
		}
	}
	if _, err := s.Get(t.Context(), "none"); err == nil || err.(*runtimeapi.Error).Code != runtimeapi.CodeNotFound {
		t.Errorf("error %v", err)
	}
}

func TestARowAtFaultIsSetAsideAndSaid(t *testing.T) {
	r := newRig(t, 20, few...)
	s := r.synced()
	key := r.clinic.View(clinic.LineItems, 0)[2].Key()
	held := r.one(`select billed from drchrono.line_items where id = $1::bigint`, key)
	for _, full := range []bool{false, true} {
		if err := r.clinic.Edit(clinic.LineItems, key, clinic.Object{"billed": "about Patientova"}); err != nil {
			t.Fatal(err)
		}
		run := r.sync(s, full)
		if !strings.HasPrefix(run.Error, "1 of ") || !strings.Contains(run.Error, "of line_items could not be decoded") {
			t.Errorf("%+v", run)
		}
	}
	if got := r.one(`select billed from drchrono.line_items where id = $1::bigint and deleted_at_source is null`, key); got != held {
		t.Errorf("billed is %s, was %s", got, held)
	}
	if got := r.one(`select reason from drchrono.quarantine where key = $1`, key); got != "billed: not a decimal" || strings.Contains(r.logs.String(), "Patientova") {
		t.Errorf("reason %q", got)
	}
	if err := r.clinic.Edit(clinic.LineItems, key, clinic.Object{"billed": "12.00"}); err != nil {
		t.Fatal(err)
	}
	if run := r.sync(s, false); run.Error != "" {
		t.Errorf("%+v", run)
	}
	r.equal()
}
