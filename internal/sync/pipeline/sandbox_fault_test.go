package pipeline_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
	"github.com/feel-august/terraform-provider-august/internal/sandbox/clinic"
	sandbox "github.com/feel-august/terraform-provider-august/internal/sandbox/drchrono"
	"github.com/feel-august/terraform-provider-august/internal/sync/feed"
)

// raw compares every live row with what the source serves in the given shapes: raw JSON and typed
// columns, as the decoder reads them.
func (r *rig) raw(shapes ...sandbox.Shape) {
	r.Helper()
	for i := range r.feeds {
		f := &r.feeds[i]
		d := feed.NewDecoder(f)
		line := func(raw string) string {
			row, err := d.Decode([]byte(raw))
			if err != nil {
				r.Errorf("%s: %v", f.Name, err)
			}
			fields := strings.Split(string(row.AppendCopy(nil)), "\t")
			if len(f.Omit) > 0 { // the raw JSON alone: columns may hold what is left out of it
				return fields[len(fields)-3]
			}
			return strings.Join(slices.Delete(fields, len(fields)-2, len(fields)-1), "\t") // without the hash
		}
		want := map[string]string{}
		for _, row := range r.clinic.View(kinds[f.Name], 0) {
			if !row.Deleted {
				want[row.Key()] = line(string(sandbox.Reshape(row.Body, shapes)))
			}
		}
		rows, err := r.store.Pool().Query(r.Context(), fmt.Sprintf(`select %s::text, raw::text from drchrono.%s where deleted_at_source is null`, f.Key, f.Name))
		if err != nil {
			r.Fatal(err)
		}
		var extra, differ []string
		for rows.Next() {
			var key, raw string
			if err := rows.Scan(&key, &raw); err != nil {
				r.Fatal(err)
			}
			if w, ok := want[key]; !ok {
				extra = append(extra, key)
			} else if w != line(raw) {
				differ = append(differ, key)
			}
			delete(want, key)
		}
		if err := rows.Err(); err != nil {
			r.Fatal(err)
		}
		if len(extra)+len(differ)+len(want) > 0 {
			var missing []string
			for key := range want {
				missing = append(missing, key)
			}
			r.Errorf("%s: missing %v, too many %v, different %v", f.Name, missing, extra, differ)
		}
	}
	if n := r.one(`select string_agg(feed || ': ' || reason, '; ') from drchrono.quarantine`); n != "null" {
		r.Errorf("in quarantine: %s", n)
	}
}

// What a call, a page or a bulk request can meet, and what the sync gets over within one run.
func TestASyncGetsOverEveryFaultThatPasses(t *testing.T) {
	for name, fault := range map[string]sandbox.Fault{
		"a throttle nobody expected":       {Kind: sandbox.FaultThrottle, Seconds: 0.35, Times: 2, Skip: 5},
		"a throttled token endpoint":       {Kind: sandbox.FaultThrottle, Endpoint: "o/token", Seconds: 0.35, Times: 1},
		"a token endpoint that hangs up":   {Kind: sandbox.FaultDrop, Endpoint: "o/token", Times: 2},
		"HTML from the token endpoint":     {Kind: sandbox.FaultHTML, Endpoint: "o/token", Times: 2},
		"calls that moved":                 {Kind: sandbox.FaultRedirect, Chance: 0.3},
		"bulk requests that moved":         {Kind: sandbox.FaultRedirect, Endpoint: "*_list"},
		"answers that end half-way":        {Kind: sandbox.FaultCut, Chance: 0.1},
		"JSON that ends half-way":          {Kind: sandbox.FaultTruncated, Chance: 0.1},
		"slow answers":                     {Kind: sandbox.FaultSlow, DelayMillis: 120, Chance: 0.3},
		"one page that fails":              {Kind: sandbox.FaultStatus, Page: 2, Times: 3},
		"504s now and then":                {Kind: sandbox.FaultStatus, Status: 504, Chance: 0.1},
		"rows on two pages":                {Kind: sandbox.FaultDuplicate, Rows: 7},
		"cancelled bulk requests":          {Kind: sandbox.FaultCanceled, Times: 2},
		"bulk results that expire":         {Kind: sandbox.FaultExpired, Endpoint: "line_items_list", Times: 2},
		"a bulk request that takes long":   {Kind: sandbox.FaultStuck, DelayMillis: 900, Times: 1},
		"bulk errors now and then":         {Kind: sandbox.FaultAsync, Chance: 0.1},
		"rows that a page does not show":   {Kind: sandbox.FaultLose, Rows: 2, Page: 2, Times: 3},
		"a page that shows the one before": {Kind: sandbox.FaultRepeat, Endpoint: "patient_payments", Page: 2, Times: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			read := few
			if fault.Chance > 0 { // it takes many calls to be sure to meet it
				read = feeds
			}
			r := newRig(t, 25, read...)
			s, _ := r.instance()
			r.start(s)
			if fault.Kind == sandbox.FaultLose || fault.Kind == sandbox.FaultRepeat {
				// A first sync cannot know of a row that it was not shown. One that knows it asks for it.
				r.put(s, spec)
				r.ended(s, runtimeapi.RunSucceeded)
			}
			r.server.SeedFaults(1)
			id := r.server.AddFault(fault)
			if fault.Kind == sandbox.FaultLose || fault.Kind == sandbox.FaultRepeat {
				run := r.sync(s, true)
				if _, _, deleted := changed(run); deleted != 0 {
					t.Errorf("%+v", run)
				}
			} else {
				r.put(s, spec)
			}
			if run := r.ended(s, runtimeapi.RunSucceeded, runtimeapi.RunFailed); run.State != runtimeapi.RunSucceeded || run.Error != "" {
				t.Fatalf("%+v\n%s", run, r.logs)
			}
			r.equal()
			if n := r.server.FaultsStruck()[id]; n == 0 || n < fault.Times {
				t.Errorf("the fault struck %d times", n)
			}
		})
	}
}

// A first sync that was not shown a row finds it the next time that it reads all.
func TestARowThatTheFirstSyncMissedComesLater(t *testing.T) {
	r := newRig(t, 40, few...)
	r.server.AddFault(sandbox.Fault{Kind: sandbox.FaultLose, Rows: 4, Page: 2})
	s := r.synced()
	if got, all := r.one(`select count(*) from drchrono.line_items`), fmt.Sprint(r.clinic.Count(clinic.LineItems)-4); got != all {
		t.Errorf("%s line items, want %s", got, all)
	}
	r.server.ClearFaults()
	r.sync(s, true)
	r.equal()
}

func TestASyncGetsOverSettings(t *testing.T) {
	every := []string{"appointments_list", "line_items_list", "transactions_list"}
	for name, set := range map[string]func(*sandbox.Settings){
		"refresh tokens that stay":              func(s *sandbox.Settings) { s.Rotate, s.AccessTokenSeconds = false, 1 },
		"refresh tokens that are not said":      func(s *sandbox.Settings) { s.Rotate, s.RefreshUnsaid, s.AccessTokenSeconds = false, true, 1 },
		"refresh tokens that rotate":            func(s *sandbox.Settings) { s.Rotate, s.AccessTokenSeconds = true, 1 },
		"new tokens not known at once":          func(s *sandbox.Settings) { s.FreshTokenMillis, s.AccessTokenSeconds = 5, 1 },
		"a throttle that says when in a header": func(s *sandbox.Settings) { s.PerSecond, s.RetryAfter, s.WaitUnsaid = 40, true, true },
		"a throttle that counts refused calls":  func(s *sandbox.Settings) { s.PerSecond, s.Hot = 40, true },
		"pages past the end that repeat":        func(s *sandbox.Settings) { s.BulkNoPagination, s.BulkRepeats = every, true },
		"bulk lists that answer at once":        func(s *sandbox.Settings) { s.BulkDirect = every },
		"bulk lists that answer with data":      func(s *sandbox.Settings) { s.BulkDirect, s.Envelope = every, "data" },
		"bulk requests that are slow":           func(s *sandbox.Settings) { s.BulkMillis, s.BulkPolls = 30, 4 },
		"lists that trail":                      func(s *sandbox.Settings) { s.ReadLagMillis = 3000 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			read := few
			if strings.Contains(name, "token") { // there is time for some to expire
				read = feeds
			}
			r := newRig(t, 15, read...)
			r.server.Set(set)
			s, _ := r.instance()
			r.start(s)
			r.put(s, spec)
			if run := r.ended(s, runtimeapi.RunSucceeded, runtimeapi.RunFailed); run.State != runtimeapi.RunSucceeded || run.Error != "" {
				t.Fatalf("%+v\n%s", run, r.logs)
			}
			r.equal()
			r.sync(s, true)
			r.equal()
		})
	}
}

// Objects that differ from the documents are kept as they came, and their columns hold what can be read.
func TestObjectsOfOtherShapes(t *testing.T) {
	each := [][]sandbox.Shape{nil, sandbox.Shapes()}
	for _, shape := range sandbox.Shapes() {
		each = append(each, []sandbox.Shape{shape})
	}
	for _, shapes := range each {
		t.Run(fmt.Sprint(shapes), func(t *testing.T) {
			t.Parallel()
			r := newRig(t, 15)
			r.server.Set(func(s *sandbox.Settings) { s.PageCaps = nil }) // it is the objects that matter, not the pages
			s := r.synced()
			r.equal()
			// From one day to the next, and back.
			for _, now := range [][]sandbox.Shape{shapes, nil} {
				r.server.Set(func(s *sandbox.Settings) { s.Shapes = now })
				if run := r.sync(s, true); run.Error != "" {
					t.Errorf("%+v", run)
				}
				r.raw(now...)
				if !slices.Contains(now, sandbox.ShapeDecimals) {
					continue
				}
				got := r.one(`select sum(billed) from drchrono.line_items`)
				if want := r.one(`select sum(nullif(raw->>'billed', '')::numeric(12,2)) from drchrono.line_items`); got != want {
					t.Errorf("%s billed, %s in the raw JSON", got, want)
				}
			}
		})
	}
}

// What stays wrong ends the run with a word on what it is; the next run goes on.
func TestASyncSaysWhatIsWrongWithAPage(t *testing.T) {
	var elsewhere atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	t.Cleanup(other.Close)
	for name, c := range map[string]struct {
		fault sandbox.Fault
		says  string
	}{
		"pages in a circle":           {sandbox.Fault{Kind: sandbox.FaultCircle, Endpoint: "patient_payments", Page: 4}, "in a circle"},
		"a page that is its own next": {sandbox.Fault{Kind: sandbox.FaultCircle, Endpoint: "patient_payments", Page: 2}, "names itself as the next"},
		"another host":                {sandbox.Fault{Kind: sandbox.FaultRedirect, Endpoint: "doctors", To: other.URL}, "leads to another host"},
		"a conflict":                  {sandbox.Fault{Kind: sandbox.FaultStatus, Status: 409, Endpoint: "line_items_list"}, "status 409: the source does not accept"},
		"a level that is not bought":  {sandbox.Fault{Kind: sandbox.FaultStatus, Status: 403, Endpoint: "patient_payments"}, "status 403"},
		"bulk results that expire":    {sandbox.Fault{Kind: sandbox.FaultExpired, Endpoint: "transactions_list"}, "gave up on a bulk page"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, 40, few...)
			r.server.Set(func(s *sandbox.Settings) { s.PageCaps["patient_payments"] = 5 })
			r.server.AddFault(c.fault)
			s, _ := r.instance()
			r.start(s)
			r.put(s, spec)
			if run := r.ended(s, runtimeapi.RunFailed, runtimeapi.RunSucceeded); run.State != runtimeapi.RunFailed || !strings.Contains(run.Error, c.says) {
				t.Fatalf("%+v", run)
			}
			r.server.ClearFaults()
			r.sync(s, false)
			r.equal()
		})
	}
	if n := elsewhere.Load(); n != 0 {
		t.Errorf("%d calls, and the token with them, went to another host", n)
	}
}

// The answer with the new refresh token was lost, and the old one is dead: only a person helps, and is asked to.
func TestALostRotationAsksForAPerson(t *testing.T) {
	r := newRig(t, 5, few...)
	r.server.AddFault(sandbox.Fault{Kind: sandbox.FaultCut, Endpoint: "o/token", Times: 1})
	s, _ := r.instance()
	r.start(s)
	r.put(s, spec)
	if run := r.ended(s, runtimeapi.RunFailed, runtimeapi.RunSucceeded); !strings.Contains(run.Error, "authorise the application again") {
		t.Errorf("%+v", run)
	}
}

// A 429 that names a time parks the run until then, be the limit one that nobody documents.
func TestARollingLimitParksTheRun(t *testing.T) {
	for name, c := range map[string]struct {
		set         func(*sandbox.Settings)
		fault       *sandbox.Fault
		least, most time.Duration
	}{
		"ten minutes":        {set: func(s *sandbox.Settings) { s.PerTenMinutes = 25 }, least: 9 * time.Minute, most: 10*time.Minute + 5*time.Second},
		"a time in its text": {fault: &sandbox.Fault{Kind: sandbox.FaultThrottle, Seconds: 271.5, Skip: 12}, least: 4 * time.Minute, most: 272 * time.Second},
		"no time at all":     {fault: &sandbox.Fault{Kind: sandbox.FaultThrottle, Skip: 12}, least: 50 * time.Second, most: 61 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, 30, few...)
			if c.set != nil {
				r.server.Set(c.set)
			}
			if c.fault != nil {
				r.server.AddFault(*c.fault)
			}
			s, _ := r.instance()
			r.start(s)
			r.put(s, spec)
			run := r.ended(s, runtimeapi.RunParked, runtimeapi.RunFailed, runtimeapi.RunSucceeded)
			if run.State != runtimeapi.RunParked || run.ResumeAt == nil || time.Until(*run.ResumeAt) < c.least || time.Until(*run.ResumeAt) > c.most {
				t.Fatalf("%+v", run)
			}
			r.server.ClearFaults()
			r.server.Set(func(s *sandbox.Settings) { s.PerTenMinutes = 0 })
			r.resume()
			r.ended(s, runtimeapi.RunSucceeded)
			r.equal()
		})
	}
}

// An edit that the lists do not show yet is not lost: the next sync steps back far enough.
func TestAnEditThatTheListsTrailIsReadLater(t *testing.T) {
	r := newRig(t, 30, few...)
	s := r.synced()
	r.server.Set(func(s *sandbox.Settings) { s.ReadLagMillis = 3_600_000 })
	key := r.clinic.View(clinic.LineItems, 0)[3].Key()
	if err := r.clinic.Edit(clinic.LineItems, key, clinic.Object{"billed": "77.01"}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.clinic.Add(clinic.Transactions, clinic.Object{"ins_paid": "12.01"}); err != nil {
		t.Fatal(err)
	}
	for _, full := range []bool{false, true} {
		if _, changed, deleted := changed(r.sync(s, full)); changed != 0 || deleted != 0 {
			t.Errorf("%d changed, %d deleted, although the lists show nothing yet", changed, deleted)
		}
	}
	r.server.Set(func(s *sandbox.Settings) { s.ReadLagMillis = 0 })
	if _, changed, _ := changed(r.sync(s, false)); changed != 2 {
		t.Errorf("%d changed", changed)
	}
	r.equal()
}

// An insurer's status that comes without a new updated_at is found when all is read again.
func TestAChangeWithoutANewTimeIsFoundByAFullSync(t *testing.T) {
	r := newRig(t, 30, few...)
	s := r.synced()
	for _, row := range r.clinic.View(clinic.Appointments, 0)[10:14] {
		if err := r.clinic.EditUnseen(clinic.Appointments, row.Key(), clinic.Object{"ins1_status": "ERA Denied", "billing_status": "Internal Review"}); err != nil {
			t.Fatal(err)
		}
	}
	r.sync(s, true)
	r.equal()
}
