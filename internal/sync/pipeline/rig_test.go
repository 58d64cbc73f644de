package pipeline_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
	"github.com/feel-august/terraform-provider-august/internal/sandbox/clinic"
	sandbox "github.com/feel-august/terraform-provider-august/internal/sandbox/drchrono"
	"github.com/feel-august/terraform-provider-august/internal/sync/drchrono"
	"github.com/feel-august/terraform-provider-august/internal/sync/feed"
	"github.com/feel-august/terraform-provider-august/internal/sync/pgtest"
	"github.com/feel-august/terraform-provider-august/internal/sync/pipeline"
	"github.com/feel-august/terraform-provider-august/internal/sync/results"
	"github.com/feel-august/terraform-provider-august/internal/sync/store"
	"github.com/feel-august/terraform-provider-august/internal/sync/store/storetest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// feeds is every feed there is, parents before what is read in parts of theirs. All of them are read by
// every run.
var feeds = always(
	feed.Doctors, feed.Offices, feed.Patients, feed.Appointments, feed.LineItems, feed.Transactions, feed.PatientPayments, feed.LineItemDeletions,
	feed.PatientPaymentLog, feed.EOBs, feed.EligibilityChecks,
	feed.Sublabs, feed.LabOrders, feed.LabDocuments, feed.LabTests, feed.LabResults, feed.PatientLabResults,
)

// few is feeds of every kind of list: all of it each time, in bulk by change and by id, by cursor since a time, and of
// what is gone. They are enough where it does not matter what is read.
var few = always(feed.Doctors, feed.Appointments, feed.LineItems, feed.Transactions, feed.PatientPayments, feed.LineItemDeletions)

// laboratory is feeds that are read in parts of others, with those.
var laboratory = always(feed.LabOrders, feed.LabDocuments, feed.LabTests, feed.LabResults)

func always(feeds ...feed.Feed) []feed.Feed {
	for i := range feeds {
		feeds[i].Every = 0
	}
	return feeds
}

var kinds = map[string]clinic.Kind{
	"doctors": clinic.Doctors, "offices": clinic.Offices, "patients": clinic.Patients, "appointments": clinic.Appointments, "line_items": clinic.LineItems,
	"transactions": clinic.Transactions, "patient_payments": clinic.PatientPayments, "line_item_deletions": clinic.LineItemDeletions,
	"patient_payment_log": clinic.PatientPaymentLog, "eobs": clinic.EOBs, "eligibility_checks": clinic.EligibilityChecks,
	"sublabs": clinic.Sublabs, "lab_orders": clinic.LabOrders, "lab_documents": clinic.LabDocuments, "lab_tests": clinic.LabTests,
	"lab_results": clinic.LabResults, "patient_lab_results": clinic.PatientLabResults,
}

// rig is a practice, its API and a database.
type rig struct {
	testing.TB
	feeds  []feed.Feed // of each dataset
	clinic *clinic.Clinic
	server *sandbox.Server
	http   *httptest.Server
	db     pgtest.Database
	store  *store.Store
	limits store.Limits
	conns  int                                                    // of each instance's pool
	front  func(http.ResponseWriter, *http.Request, http.Handler) // before the API, when set
	logs   *logs
}

// byHand is the token of another application of the same practice, for calls that are not the runtime's.
const byHand = "synthetic-token-by-hand"

// newRig makes a small practice whose lists have many pages, without a throttle. All of it is read, or only some feeds.
func newRig(t testing.TB, patients int, only ...feed.Feed) *rig {
	t.Helper()
	return newRigOf(t, clinic.Size{Patients: patients}, only...)
}

func newRigOf(t testing.TB, size clinic.Size, only ...feed.Feed) *rig {
	t.Helper()
	r := &rig{TB: t, feeds: feeds, db: storetest.New(t), limits: store.Limits{PerSecond: 1_000_000, PerHour: 1_000_000}, logs: &logs{}}
	if only != nil {
		r.feeds = only
	}
	r.clinic = clinic.New(size, 1)
	var err error
	r.server, err = sandbox.New(sandbox.Options{Apps: []sandbox.App{{ClientID: "app", ClientSecret: "secret", Clinic: r.clinic, RefreshToken: "seed"},
		{ClientID: "by hand", Clinic: r.clinic, AccessToken: byHand}}})
	if err != nil {
		t.Fatal(err)
	}
	r.server.Set(func(s *sandbox.Settings) {
		s.PerHour, s.PerSecond, s.BulkPolls = 0, 0, 1
		s.PageCaps = map[string]int{"appointments_list": 40, "line_items_list": 50, "transactions_list": 60, "patient_payments": 20,
			"patients_list": 30, "eligibility_checks_list": 30, "patient_payment_log": 20, "eobs": 9, "lab_orders": 20, "lab_documents": 30, "lab_tests": 25, "lab_results": 60}
	})
	r.http = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if r.front != nil {
			r.front(w, q, r.server)
			return
		}
		r.server.ServeHTTP(w, q)
	}))
	t.Cleanup(r.http.Close)
	r.store = r.connect()
	return r
}

func (r *rig) connect() *store.Store {
	r.Helper()
	return storetest.Open(r, r.db, r.conns)
}

// instance makes one instance of the runtime, with a pool of its own.
func (r *rig) instance(change ...func(*pipeline.Config)) (*pipeline.Service, *store.Store) {
	r.Helper()
	s := r.connect()
	source, err := drchrono.New(drchrono.Config{
		BaseURL: r.http.URL, Credential: drchrono.Credential{ClientID: "app", ClientSecret: "secret", RefreshToken: "seed"},
		Ledger: s.Throttle(r.limits), Vault: s.Credentials(), PerSecond: min(r.limits.PerSecond, 10_000), Log: slog.New(slog.NewTextHandler(r.logs, nil)),
		Timeout: 10 * time.Second, Backoff: 5 * time.Millisecond, Poll: time.Millisecond, MaxWait: 2 * time.Second,
	})
	if err != nil {
		r.Fatal(err)
	}
	cfg := pipeline.Config{Store: s, Source: source, Datasets: map[string]pipeline.Dataset{
		"billing": {Feeds: r.feeds, Due: results.Due, Derive: results.Derive}, "other": {Feeds: r.feeds, Due: results.Due},
	},
		Log: slog.New(slog.NewTextHandler(r.logs, nil)), Tick: 50 * time.Millisecond, Lease: time.Second, Retry: 50 * time.Millisecond}
	for _, c := range change {
		c(&cfg)
	}
	return pipeline.New(cfg), s
}

// start runs an instance until the test, or the returned function, stops it.
func (r *rig) start(s *pipeline.Service) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := s.Run(ctx); err != nil {
			r.Error(err)
		}
	}()
	var once sync.Once
	stop = func() { once.Do(func() { cancel(); <-done }) }
	r.Cleanup(stop)
	return stop
}

var (
	spec  = runtimeapi.PipelineSpec{Dataset: "billing"}
	other = runtimeapi.PipelineSpec{Dataset: "other"} // the same feeds, for a second pipeline beside the first
)

func (r *rig) put(s *pipeline.Service, spec runtimeapi.PipelineSpec) {
	r.Helper()
	if _, err := s.Put(r.Context(), "billing", spec); err != nil {
		r.Fatal(err)
	}
}

// synced starts an instance and waits for its first sync.
func (r *rig) synced() *pipeline.Service {
	r.Helper()
	s, _ := r.instance()
	r.start(s)
	r.put(s, spec)
	if run := r.ended(s, runtimeapi.RunSucceeded, runtimeapi.RunFailed); run.State != runtimeapi.RunSucceeded {
		r.Fatalf("%+v\n%s", run, r.logs)
	}
	return s
}

// until polls what must become true.
func (r *rig) until(what string, is func() bool) {
	r.Helper()
	pause := time.Millisecond // and longer each time: looking takes the time of what is waited for
	for deadline := time.Now().Add(2 * time.Minute); !is(); time.Sleep(pause) {
		pause = min(2*pause, 20*time.Millisecond)
		if time.Now().After(deadline) {
			r.Fatalf("never came: %s\n%s", what, r.logs)
		}
	}
}

// ended waits until the newest run is in one of the states.
func (r *rig) ended(s *pipeline.Service, states ...string) runtimeapi.Run {
	r.Helper()
	var run runtimeapi.Run
	r.until(fmt.Sprintf("a run that is %v", states), func() bool {
		// The status counts every table, which takes the time of what is waited for.
		var state string
		if err := r.store.Pool().QueryRow(r.Context(), `select state from august.run where pipeline = 'billing' order by id desc limit 1`).Scan(&state); err != nil || !slices.Contains(states, state) {
			return false
		}
		st, err := s.Status(r.Context(), "billing")
		if err != nil || st.LastRun == nil {
			return false
		}
		run = *st.LastRun
		return slices.Contains(states, run.State)
	})
	return run
}

// sync asks for a run and waits for its success.
func (r *rig) sync(s *pipeline.Service, full bool) runtimeapi.Run {
	r.Helper()
	asked, err := s.Sync(r.Context(), "billing", runtimeapi.SyncRequest{Full: full})
	if err != nil {
		r.Fatal(err)
	}
	run := r.ended(s, runtimeapi.RunSucceeded, runtimeapi.RunFailed)
	if run.State != runtimeapi.RunSucceeded || run.ID != asked.ID {
		r.Fatalf("run %d: %+v\n%s", asked.ID, run, r.logs)
	}
	return run
}

func changed(run runtimeapi.Run) (read, changed, deleted int64) {
	for _, f := range run.Feeds {
		read, changed, deleted = read+f.Read, changed+f.Changed, deleted+f.Deleted
	}
	return read, changed, deleted
}

func (r *rig) one(sql string, args ...any) string {
	r.Helper()
	var s string
	if err := r.store.Pool().QueryRow(r.Context(), "select coalesce(("+sql+")::text, 'null')", args...).Scan(&s); err != nil {
		r.Fatalf("%s: %v", sql, err)
	}
	return s
}

func (r *rig) exec(sql string, args ...any) {
	r.Helper()
	if _, err := r.store.Pool().Exec(r.Context(), sql, args...); err != nil {
		r.Fatal(err)
	}
}

// equal compares every live row with the practice, byte by byte, and sums of typed money columns.
func (r *rig) equal() {
	r.Helper()
	read := map[string]bool{}
	for _, f := range r.feeds {
		read[f.Name] = true
		name, kind := f.Name, kinds[f.Name]
		want := map[string]string{}
		for _, row := range r.clinic.View(kind, 0) {
			if !row.Deleted {
				want[row.Key()] = kept(row, f.Omit)
			}
		}
		if len(want) == 0 && name != "line_item_deletions" {
			r.Errorf("the practice has no %s to compare", name)
		}
		rows, err := r.store.Pool().Query(r.Context(), fmt.Sprintf(`select %s::text, raw::text from drchrono.%s where deleted_at_source is null`, f.Key, name))
		if err != nil {
			r.Fatal(err)
		}
		extra := 0
		for rows.Next() {
			var k, raw string
			if err := rows.Scan(&k, &raw); err != nil {
				r.Fatal(err)
			}
			if w, ok := want[k]; !ok {
				extra++
			} else if w != raw {
				r.Errorf("%s %s differs from the practice's", name, k)
			}
			delete(want, k)
		}
		if err := rows.Err(); err != nil {
			r.Fatal(err)
		}
		if extra+len(want) > 0 {
			r.Errorf("%s: %d rows missing, %d too many", name, len(want), extra)
		}
	}
	for _, sum := range []struct{ table, column string }{{"line_items", "billed"}, {"line_items", "balance_total"}, {"transactions", "ins_paid"}, {"patient_payments", "amount"}, {"patient_payment_log", "amount"}, {"eobs", "total_paid"}} {
		if !read[sum.table] {
			continue
		}
		got := r.one(fmt.Sprintf(`select sum(%s) from drchrono.%s where deleted_at_source is null`, sum.column, sum.table))
		raw := r.one(fmt.Sprintf(`select sum(nullif(raw->>'%s', '')::numeric(12,2)) from drchrono.%s where deleted_at_source is null`, sum.column, sum.table))
		if got != raw || got == "null" {
			r.Errorf("%s of %s: %s in the typed column, %s in the raw JSON", sum.column, sum.table, got, raw)
		}
	}
	if n := r.one(`select string_agg(feed || ': ' || reason, '; ') from drchrono.quarantine`); n != "null" {
		r.Errorf("in quarantine: %s", n)
	}
}

// kept is a row of the practice without the members that must not be stored.
func kept(row *clinic.Row, omit []string) string {
	body := []byte{'{'}
	row.Each(func(key, raw []byte) bool {
		if !slices.Contains(omit, string(key)) {
			if len(body) > 1 {
				body = append(body, ',')
			}
			body = append(append(append(append(body, '"'), key...), '"', ':'), raw...)
		}
		return true
	})
	return string(append(body, '}'))
}

// logs collects what the runtime logs, to show on failure and to search for what must not be there.
type logs struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
