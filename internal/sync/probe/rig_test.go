package probe_test

import (
	"context"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
	"github.com/feel-august/terraform-provider-august/internal/sync/pgtest"
	"github.com/feel-august/terraform-provider-august/internal/sync/probe"
	"github.com/feel-august/terraform-provider-august/internal/sync/store/storetest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

const (
	own = "feel-august-platform:us-central1:platform"
	id  = "drill-2026-01"
)

// rig is a migrated database behind an address that can break, and the service on it.
type rig struct {
	testing.TB
	db      pgtest.Database // direct
	proxy   *pgtest.Proxy
	service *probe.Service
	stop    chan struct{}
}

func newRig(t testing.TB) *rig {
	t.Helper()
	r := &rig{TB: t, db: storetest.New(t), stop: make(chan struct{})}
	r.proxy = pgtest.NewProxy(t, r.db)
	r.service = probe.New(probe.Config{Store: storetest.Open(t, r.proxy.Database(), 0), Targets: probe.Targets{Own: own}, Stop: r.stop})
	return r
}

func (r *rig) exec(sql string, args ...any) {
	r.Helper()
	conn, err := pgx.Connect(r.Context(), r.db.URL())
	if err == nil {
		_, err = conn.Exec(r.Context(), sql, args...)
		_ = conn.Close(r.Context())
	}
	if err != nil {
		r.Fatalf("%s: %v", sql, err)
	}
}

// stream is a probe under way, as its caller sees it.
type stream struct {
	*rig
	mu     sync.Mutex
	events []runtimeapi.ProbeEvent
	hang   context.CancelFunc
	done   chan error
}

func (r *rig) begin(req runtimeapi.ProbeRequest) *stream {
	r.Helper()
	if req.ID == "" {
		req.ID = id
	}
	req.First = max(req.First, 1)
	ctx, cancel := context.WithCancel(context.Background())
	s := &stream{rig: r, hang: cancel, done: make(chan error, 1)}
	go func() {
		s.done <- r.service.Write(ctx, req, func(e runtimeapi.ProbeEvent) error {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.events = append(s.events, e)
			return ctx.Err()
		})
	}()
	r.Cleanup(func() { _ = s.end() })
	return s
}

func (s *stream) end() error {
	s.hang()
	err := <-s.done
	s.done <- err
	return err
}

func (s *stream) all() []runtimeapi.ProbeEvent {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]runtimeapi.ProbeEvent(nil), s.events...)
}

// acknowledged is the numbers that the caller may count on, as ranges.
func (s *stream) acknowledged() (ranges []runtimeapi.ProbeRange, n int) {
	for _, e := range s.all() {
		if e.Number == 0 || e.Error != "" {
			continue
		}
		n++
		if last := len(ranges) - 1; last >= 0 && ranges[last].Last+1 == e.Number {
			ranges[last].Last = e.Number
		} else {
			ranges = append(ranges, runtimeapi.ProbeRange{First: e.Number, Last: e.Number})
		}
	}
	return ranges, n
}

// gap is the longest time between two acknowledgements.
func (s *stream) gap() (longest time.Duration) {
	var last time.Time
	for _, e := range s.all() {
		if e.Number == 0 || e.Error != "" {
			continue
		}
		if !last.IsZero() {
			longest = max(longest, e.At.Sub(last))
		}
		last = e.At
	}
	return longest
}

// more waits for n further acknowledgements.
func (s *stream) more(n int) {
	s.Helper()
	_, before := s.acknowledged()
	s.until("rows are acknowledged", func() bool { _, now := s.acknowledged(); return now >= before+n })
}

func (r *rig) until(what string, is func() bool) {
	r.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			r.Fatalf("never came: %s\n%s", what, stacks())
		}
	}
}

// verify checks that everything acknowledged is there.
func (s *stream) verify() runtimeapi.VerifyResult {
	s.Helper()
	ranges, n := s.acknowledged()
	result, err := s.service.Verify(s.Context(), id, runtimeapi.VerifyRequest{Acknowledged: ranges})
	if err != nil {
		s.Fatal(err)
	}
	if result.Missing != 0 || result.Present < int64(n) || result.Highest < ranges[len(ranges)-1].Last {
		s.Errorf("%d acknowledged: %+v", n, result)
	}
	return result
}

// backends is how many sessions of probes the server has.
func (r *rig) backends() (n int) {
	r.Helper()
	conn, err := pgx.Connect(r.Context(), r.db.URL())
	if err == nil {
		err = conn.QueryRow(r.Context(), `select count(*) from pg_stat_activity where datname = current_database() and application_name = 'august-sync probe'`).Scan(&n)
		_ = conn.Close(r.Context())
	}
	if err != nil {
		return -1
	}
	return n
}

func stacks() string {
	buf := make([]byte, 1<<20)
	return string(buf[:runtime.Stack(buf, true)])
}

// writers counts goroutines of this package's streams.
func writers() int { return strings.Count(stacks(), "internal/sync/probe.(*") }
