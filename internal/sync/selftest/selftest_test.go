package selftest

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.opentelemetry.io/otel/metric/noop"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
	"github.com/feel-august/terraform-provider-august/internal/sync/pgtest"
	"github.com/feel-august/terraform-provider-august/internal/sync/store"
	"github.com/feel-august/terraform-provider-august/internal/sync/store/storetest"
	"github.com/feel-august/terraform-provider-august/internal/sync/webhook"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

const secret = "secret-canary-webhook"

// rig is a runtime's parts on a real database.
type rig struct {
	t   *testing.T
	db  *store.Store
	sql *pgx.Conn // as an administrator
	url string
}

func newRig(t *testing.T) *rig {
	t.Helper()
	database := storetest.New(t)
	r := &rig{t: t, db: storetest.Open(t, database, 0)}
	var err error
	if r.sql, err = pgx.Connect(t.Context(), database.URL()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.sql.Close(context.Background()) })
	receiver, err := webhook.New(t.Context(), webhook.Config{
		Secret: secret, Pool: storetest.Open(t, database, 0).Pool(), Beside: r.db.Pool(), MaxMB: 64, Log: slog.New(slog.DiscardHandler), Meter: noop.Meter{},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = receiver.Close() })
	mux := http.NewServeMux()
	receiver.Mount(mux)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	r.url = server.URL
	return r
}

// drain settles deliveries until the test's end.
func (r *rig) drain() {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		webhook.NewDrain(webhook.DrainConfig{Store: r.db}).Run(ctx)
	}()
	r.t.Cleanup(func() { cancel(); <-ended })
}

func (r *rig) exec(sql string) {
	r.t.Helper()
	if _, err := r.sql.Exec(r.t.Context(), sql); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) scan(sql string, into ...any) {
	r.t.Helper()
	if err := r.sql.QueryRow(r.t.Context(), sql).Scan(into...); err != nil {
		r.t.Fatal(err)
	}
}

// try makes the checks, and holds their outcomes against what is wanted: "database schema webhook".
func (r *rig) try(cfg Config, want string) []runtimeapi.SelfCheck {
	r.t.Helper()
	cfg.Store = r.db
	checks := New(cfg).Checks(r.t.Context())
	var got []string
	for _, c := range checks {
		got = append(got, c.Outcome)
		if strings.Contains(fmt.Sprint(c), secret) {
			r.t.Errorf("%s tells the secret", c.Name)
		}
	}
	if strings.Join(got, " ") != want {
		r.t.Errorf("%+v; want %s", checks, want)
	}
	return checks
}

func TestChecks(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.drain()
	r.try(Config{URL: r.url, Secret: secret, Settle: time.Minute}, "passed passed passed")
	var kept int
	r.scan(`select count(*) from august.inbox where event = 'AUGUST_SELF_TEST' and state = 'ignored' and delivery like 'self-test-%'`, &kept)
	if kept != 1 {
		t.Errorf("%d deliveries of its own are settled", kept)
	}
	r.try(Config{URL: r.url}, "passed passed skipped")
	if c := r.try(Config{URL: r.url, Secret: "another"}, "passed passed failed")[2]; !strings.Contains(c.Detail, "answered 401") {
		t.Errorf("a receiver with another secret: %s", c.Detail)
	}
	if c := r.try(Config{URL: "http://127.0.0.1:1", Secret: secret}, "passed passed failed")[2]; !strings.Contains(c.Detail, "does not answer") {
		t.Errorf("no receiver: %s", c.Detail)
	}
}

// A delivery that nobody settles is a runtime that only seems to work.
func TestChecks_nothingIsSettled(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	if c := r.try(Config{URL: r.url, Secret: secret, Settle: 300 * time.Millisecond}, "passed passed failed")[2]; !strings.Contains(c.Detail, "was not settled") {
		t.Errorf("the webhook: %s", c.Detail)
	}
}

func TestChecks_schema(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.exec(`update august.schema_version set version = version + 1`) // a revision after this one has migrated
	r.try(Config{}, "passed passed skipped")
	r.exec(`update august.schema_version set version = version - 2`)
	want, err := store.Schema()
	if err != nil {
		t.Fatal(err)
	}
	if c := r.try(Config{}, "passed failed skipped")[1]; !strings.Contains(c.Detail, fmt.Sprintf("version %d and this build needs %d", want-1, want)) {
		t.Errorf("the schema: %s", c.Detail)
	}
}

func TestChecks_readOnly(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var name string
	r.scan(`select current_database()`, &name)
	r.exec(`alter database ` + pgx.Identifier{name}.Sanitize() + ` set default_transaction_read_only = on`)
	r.db.Pool().Reset()
	if c := r.try(Config{}, "failed failed skipped")[0]; c.Detail == "" {
		t.Error("nothing is said of the database")
	}
}
