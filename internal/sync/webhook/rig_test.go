package webhook

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/sync/pgtest"
	"github.com/feel-august/terraform-provider-august/internal/sync/store/storetest"
	"github.com/feel-august/terraform-provider-august/internal/sync/telemetry"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

const (
	secretNow  = "secret-canary-now"
	secretNext = "secret-canary-next"
)

// rig is a receiver before a real database.
type rig struct {
	t       testing.TB
	db      pgtest.Database // as the test sees it
	admin   *pgx.Conn
	r       *Receiver
	mux     *http.ServeMux
	metrics *telemetry.Metrics
	log     *lines
}

// lines is a log that may be read while it is written.
type lines struct {
	mu  sync.Mutex
	out bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.out.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.out.String()
}

// newRig starts a receiver on a database at an address, which may be a proxy's.
func newRig(t testing.TB, db, at pgtest.Database, change func(*Config)) *rig {
	t.Helper()
	g := &rig{t: t, db: db, mux: http.NewServeMux(), log: new(lines)}
	var err error
	if g.admin, err = pgx.Connect(context.Background(), db.URL()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = g.admin.Close(context.Background()) })
	if g.metrics, err = telemetry.NewMetrics(); err != nil {
		t.Fatal(err)
	}
	cfg := Config{
		Secret: secretNow, Next: secretNext, MaxMB: 1024, Pool: storetest.Open(t, at, 1).Pool(), Beside: storetest.Open(t, at, 2).Pool(),
		Log: telemetry.NewLogger(g.log, slog.LevelDebug, ""), Meter: g.metrics.Meter("webhook"),
	}
	if change != nil {
		change(&cfg)
	}
	if g.r, err = New(context.Background(), cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = g.r.Close() })
	// Nothing is given up because the machine is slow; a test that is about giving up sets its own time.
	g.r.inbox.patience, g.r.inbox.writeTime = time.Minute, time.Minute
	if g.r.pubsub != nil {
		g.r.pubsub.timeout = time.Minute
	}
	g.r.Mount(g.mux)
	return g
}

func simpleRig(t testing.TB, change func(*Config)) *rig {
	t.Helper()
	db := storetest.New(t)
	return newRig(t, db, db, change)
}

// request is one of DrChrono's.
func request(secret, event, id, body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, Path, strings.NewReader(body))
	r.Header.Set("X-drchrono-signature", secret)
	r.Header.Set("X-drchrono-event", event)
	r.Header.Set("X-drchrono-delivery", id)
	return r
}

func (g *rig) do(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	g.mux.ServeHTTP(w, r)
	return w
}

func (g *rig) post(event, id, body string) int { return g.do(request(secretNow, event, id, body)).Code }

// stored counts the inbox's rows that a condition holds for.
func (g *rig) stored(where string, args ...any) int {
	g.t.Helper()
	var n int
	if err := g.admin.QueryRow(context.Background(), "select count(*) from august.inbox where "+where, args...).Scan(&n); err != nil {
		g.t.Fatal(err)
	}
	return n
}

func (g *rig) exec(sql string) {
	g.t.Helper()
	if _, err := g.admin.Exec(context.Background(), sql); err != nil {
		g.t.Fatal(err)
	}
}

// counted is the value that /metrics shows for deliveries of an event and outcome.
func (g *rig) counted(event, outcome string) string {
	return g.metric(fmt.Sprintf(`august_webhook_deliveries_total{event=%q,outcome=%q} `, event, outcome))
}

func (g *rig) metric(prefix string) string {
	w := httptest.NewRecorder()
	g.metrics.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for line := range strings.SplitSeq(w.Body.String(), "\n") {
		if value, ok := strings.CutPrefix(line, prefix); ok {
			return value
		}
	}
	return ""
}

// until waits for what has to become true.
func until(t testing.TB, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never came: %s", what)
		}
	}
}
