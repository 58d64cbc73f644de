package pipeline_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
	"github.com/feel-august/terraform-provider-august/internal/sandbox/clinic"
	sandbox "github.com/feel-august/terraform-provider-august/internal/sandbox/drchrono"
	"github.com/feel-august/terraform-provider-august/internal/sync/drchrono"
	"github.com/feel-august/terraform-provider-august/internal/sync/feed"
	"github.com/feel-august/terraform-provider-august/internal/sync/pipeline"
	"github.com/feel-august/terraform-provider-august/internal/sync/results"
)

// BenchmarkFullSync is a full sync of one feed of 100,000 rows from a source that limits nothing, from the
// order for it until the run has succeeded: into an empty table ("insert"), and again over the same rows
// ("unchanged"). Beside it are two floors, each a part of the work that nobody could go below: "floor" is
// COPY and one guarded merge of the same rows by hand, read and encoded beforehand; "fetch" gets the same
// pages, as many at a time, and reads nothing in them. The source runs on the same cores as all else.
func BenchmarkFullSync(b *testing.B) {
	for _, c := range []struct {
		feed feed.Feed
		size clinic.Size
	}{
		{feed.LineItems, clinic.Size{Patients: 8400}},
		{feed.Transactions, clinic.Size{Patients: 4200}},
		{feed.LabResults, clinic.Size{Patients: 2000, LabOrders: 20_000}},
	} {
		b.Run(c.feed.Name, func(b *testing.B) { benchFullSync(b, &c.feed, c.size) })
	}
}

func benchFullSync(parent *testing.B, f *feed.Feed, size clinic.Size) {
	r := newRigOf(parent, size)
	r.server.Set(func(s *sandbox.Settings) { s.PageCaps, s.BulkPolls = nil, 0 })
	source := r.clinic.View(kinds[f.Name], 0)
	if len(source) < 100_000 {
		r.Fatalf("the practice has %d %s only", len(source), f.Name)
	}
	s, _ := r.instance(func(c *pipeline.Config) {
		c.Datasets = map[string]pipeline.Dataset{f.Name: {Feeds: []feed.Feed{*f}, Due: results.Due}}
		c.Tick, c.Lease, c.Retry = 0, 0, 0
	})
	r.start(s)
	lines := r.lines(f, source)
	empty := func() {
		if err := s.Delete(r.Context(), "billing"); err != nil && !runtimeapi.IsNotFound(err) {
			r.Fatal(err)
		}
		r.exec(`truncate drchrono.` + f.Name + `, august.sweep_page`)
	}
	nothing := func() {}
	floor := func() { r.load(f, lines) }
	fetch := func() { r.fetch(f, len(source)) }
	first := func() { r.put(s, runtimeapi.PipelineSpec{Dataset: f.Name}); r.awaited() }
	again := func() {
		if _, err := s.Sync(r.Context(), "billing", runtimeapi.SyncRequest{Full: true}); err != nil {
			r.Fatal(err)
		}
		r.awaited()
	}
	floor() // the first load of a new cluster is slower than any other, which would flatter the rest
	for _, c := range []struct {
		what                  string
		before, prepare, sync func()
	}{{"insert", nothing, nothing, first}, {"unchanged", floor, first, again}} {
		bare := 0.0
		for _, way := range []struct {
			name          string
			prepare, work func()
		}{{"floor", c.before, floor}, {"fetch", nothing, fetch}, {"sync", c.prepare, c.sync}} {
			parent.Run(c.what+"/"+way.name, func(b *testing.B) {
				r.TB = b // what fails is this
				defer func() { r.TB = parent }()
				var spent time.Duration
				for b.Loop() {
					b.StopTimer()
					empty()
					way.prepare()
					r.exec(`checkpoint`)
					r.server.ResetStats()
					b.StartTimer()
					began := time.Now()
					way.work()
					spent += time.Since(began)
				}
				if got := r.one(`select count(*) from drchrono.` + f.Name + ` where deleted_at_source is null`); way.name != "fetch" && got != fmt.Sprint(len(source)) {
					b.Fatalf("%s rows of %d", got, len(source))
				}
				seconds := spent.Seconds() / float64(b.N)
				rate := float64(len(source)) / seconds
				b.ReportMetric(0, "ns/op")
				b.ReportMetric(seconds, "s")
				b.ReportMetric(float64(len(source)), "rows")
				b.ReportMetric(rate, "rows/s")
				if calls := r.server.Stats()["app"].Calls + r.server.Stats()["by hand"].Calls; calls > 0 {
					b.ReportMetric(float64(calls), "calls")
				}
				switch {
				case way.name == "floor":
					bare = rate
				case way.name == "sync" && bare > 0:
					b.ReportMetric(100*rate/bare, "%floor")
				}
			})
		}
	}
}

// awaited waits for the run that was asked for. A look at every moment would be part of the work.
func (r *rig) awaited() {
	r.Helper()
	for deadline := time.Now().Add(5 * time.Minute); ; time.Sleep(10 * time.Millisecond) {
		switch r.one(`select state from august.run order by id desc limit 1`) {
		case runtimeapi.RunSucceeded:
			return
		case runtimeapi.RunFailed:
			r.Fatalf("the run failed\n%s", r.logs)
		}
		if time.Now().After(deadline) {
			r.Fatalf("the run does not end\n%s", r.logs)
		}
	}
}

// lines reads rows and encodes them for COPY.
func (r *rig) lines(f *feed.Feed, rows []*clinic.Row) []byte {
	r.Helper()
	d := feed.NewDecoder(f)
	var out []byte
	for _, row := range rows {
		decoded, err := d.Decode(row.Body)
		if err != nil {
			r.Fatal(err)
		}
		out = decoded.AppendCopy(out)
	}
	return out
}

// load is what a person would write, the best that a single load can do.
func (r *rig) load(f *feed.Feed, lines []byte) {
	r.Helper()
	ctx := r.Context()
	conn, err := r.store.Pool().Acquire(ctx)
	if err != nil {
		r.Fatal(err)
	}
	defer conn.Release()
	cols := f.CopyColumns()
	typed := strings.Join(cols[:len(cols)-1], ", ") // the last one is a flag, not a column
	var set []string
	for _, c := range cols[1 : len(cols)-1] {
		set = append(set, c+" = excluded."+c)
	}
	newer := "t.content_hash <> excluded.content_hash"
	if f.Version != "" {
		newer = "t." + f.Version + " < excluded." + f.Version
	}
	for _, step := range []func() error{
		func() error {
			_, err := conn.Exec(ctx, `begin; set local session_replication_role = replica; -- without the audit trail
				create temp table by_hand on commit drop as select `+typed+`, false as source_deleted from drchrono.`+f.Name+` with no data`)
			return err
		},
		func() error {
			_, err := conn.Conn().PgConn().CopyFrom(ctx, bytes.NewReader(lines), `copy by_hand from stdin`)
			return err
		},
		func() error {
			_, err := conn.Exec(ctx, `insert into drchrono.`+f.Name+` as t (`+typed+`, observed_at) select `+typed+`, now() from by_hand
				on conflict (`+f.Key+`) do update set `+strings.Join(set, ", ")+`, observed_at = excluded.observed_at where `+newer)
			return err
		},
		func() error { _, err := conn.Exec(ctx, `commit`); return err },
	} {
		if err := step(); err != nil {
			r.Fatal(err)
		}
	}
}

// fetch gets a feed's pages as the runtime does and looks at nothing but where to go on.
func (r *rig) fetch(f *feed.Feed, rows int) {
	r.Helper()
	if f.Bulk == "" {
		for next := r.http.URL + f.Path + "?page_size=250"; next != ""; {
			page, err := r.call(http.MethodGet, next)
			if err != nil {
				r.Fatal(err)
			}
			next = ""                                          // which null leaves so
			_, tail, _ := bytes.Cut(page, []byte(`],"next":`)) // the source's last member
			if err := json.Unmarshal(bytes.TrimSuffix(tail, []byte("}")), &next); err != nil {
				r.Fatal("no next page: ", err)
			}
		}
		return
	}
	var g errgroup.Group
	g.SetLimit(12) // as many as the runtime fetches
	for n := range (rows + drchrono.BulkSize - 1) / drchrono.BulkSize {
		g.Go(func() error {
			list := r.http.URL + f.Bulk
			answer, err := r.call(http.MethodPost, fmt.Sprintf("%s?page=%d&page_size=%d&order_by=%s", list, n+1, drchrono.BulkSize, f.Order))
			if err != nil {
				return err
			}
			var submitted struct{ UUID string }
			if err := json.Unmarshal(answer, &submitted); err != nil {
				return err
			}
			_, err = r.call(http.MethodGet, list+"?uuid="+submitted.UUID)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		r.Fatal(err)
	}
}

// call makes one call that is not the runtime's.
func (r *rig) call(method, url string) ([]byte, error) {
	q, err := http.NewRequestWithContext(r.Context(), method, url, nil)
	if err != nil {
		return nil, err
	}
	q.Header.Set("Authorization", "Bearer "+byHand)
	a, err := r.http.Client().Do(q)
	if err != nil {
		return nil, err
	}
	defer func() { _ = a.Body.Close() }()
	if a.StatusCode >= http.StatusMultipleChoices {
		return nil, errors.New(a.Status)
	}
	return io.ReadAll(a.Body)
}
