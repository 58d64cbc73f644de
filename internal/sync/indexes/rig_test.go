package indexes_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
	"github.com/feel-august/terraform-provider-august/internal/sync/indexes"
	"github.com/feel-august/terraform-provider-august/internal/sync/pgtest"
	"github.com/feel-august/terraform-provider-august/internal/sync/store"
)

// builderEnv makes the test binary an instance that works on the orders of a database until it is killed.
const builderEnv = "AUGUST_TEST_BUILDER"

func TestMain(m *testing.M) {
	if raw := os.Getenv(builderEnv); raw != "" {
		var db pgtest.Database
		if err := json.Unmarshal([]byte(raw), &db); err != nil {
			panic(err)
		}
		s, err := open(db)
		if err != nil {
			panic(err)
		}
		indexes.New(indexes.Config{Store: s}).Run(context.Background())
		return
	}
	pgtest.Main(m)
}

func open(db pgtest.Database) (*store.Store, error) {
	return store.Open(context.Background(), store.Config{Host: db.Host, Port: db.Port, Database: db.Name, User: db.User, Password: db.Password})
}

// rig is a migrated database with a clinic's table, and a service that takes orders.
type rig struct {
	testing.TB
	db      pgtest.Database
	service *indexes.Service
	conn    *pgx.Conn
	mu      sync.Mutex
	logged  bytes.Buffer
}

// planted is what no answer and no log may hold.
const planted = "Planted-Patient-7731"

func newRig(t testing.TB) *rig {
	t.Helper()
	r := &rig{TB: t, db: pgtest.Copy(t, func(db pgtest.Database) error {
		s, err := open(db)
		if err != nil {
			return err
		}
		defer s.Close()
		if err := s.Migrate(context.Background()); err != nil {
			return err
		}
		_, err = s.Pool().Exec(context.Background(), `
			create schema clinic;
			create type clinic.status as enum ('paid', 'denied');
			create domain clinic.code as text check (value <> '');
			create table clinic.visit (id int primary key, patient text not null, status clinic.status, code clinic.code, raw jsonb, weight int, at timestamptz, constraint visit_weight unique (weight));
			create function clinic.evil(text) returns text language sql immutable as $$ select $1 $$;
			create function public.lower(int) returns text language sql immutable as $$ select 'x' $$;
			create operator clinic.=== (leftarg = text, rightarg = text, function = texteq);
			create table clinic.part (id int, at date) partition by range (at);
			create table clinic.part_2026 partition of clinic.part for values from ('2026-01-01') to ('2027-01-01');
			insert into clinic.visit select n, 'Made-up ' || n, case when n % 2 = 0 then 'paid'::clinic.status end, 'c', '{"a": 1}', n, now() from generate_series(1, 500) n;
			insert into clinic.visit (id, patient, raw) values (9001, '`+planted+`', '{"n": "`+planted+`"}'), (9002, '`+planted+`', null)`)
		return err
	})}
	s, err := open(r.db)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	r.service = indexes.New(indexes.Config{Store: s, Log: slog.New(slog.NewJSONHandler(r, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	r.conn = r.connect()
	return r
}

func (r *rig) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.logged.Write(p)
}

func (r *rig) connect() *pgx.Conn {
	r.Helper()
	conn, err := pgx.Connect(r.Context(), r.db.URL())
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func (r *rig) exec(conn *pgx.Conn, sql string) {
	r.Helper()
	if _, err := conn.Exec(r.Context(), sql); err != nil {
		r.Fatalf("%s: %v", sql, err)
	}
}

// works has the service work on orders beside the test.
func (r *rig) works() {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); r.service.Run(ctx) }()
	r.Cleanup(func() { cancel(); <-ended })
}

// until asks for an index until it is as the test wants it.
func (r *rig) until(name, what string, is func(runtimeapi.Index, error) bool) runtimeapi.Index {
	r.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	for {
		index, err := r.service.Get(r.Context(), "clinic", name)
		if is(index, err) {
			return index
		}
		if time.Now().After(deadline) {
			r.Fatalf("not %s: %+v, %v\n%s", what, index, err, r.logged.String())
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (r *rig) valid(name string) runtimeapi.Index {
	r.Helper()
	return r.until(name, "valid", func(i runtimeapi.Index, err error) bool { return err == nil && i.State == runtimeapi.IndexValid })
}

func (r *rig) gone(name string) {
	r.Helper()
	r.until(name, "gone", func(_ runtimeapi.Index, err error) bool { return runtimeapi.IsNotFound(err) })
}

func (r *rig) create(name string, spec runtimeapi.IndexSpec) {
	r.Helper()
	if _, err := r.service.Create(r.Context(), "clinic", name, spec); err != nil {
		r.Fatal(err)
	}
}

// on is an index of visits on columns.
func on(columns ...string) runtimeapi.IndexSpec {
	spec := runtimeapi.IndexSpec{Table: "visit", Method: "btree"}
	for _, c := range columns {
		spec.Columns = append(spec.Columns, runtimeapi.IndexColumn{Column: c})
	}
	return spec
}

func computed(expression string) runtimeapi.IndexSpec {
	return runtimeapi.IndexSpec{Table: "visit", Method: "btree", Columns: []runtimeapi.IndexColumn{{Expression: expression}}}
}

func where(predicate string) runtimeapi.IndexSpec {
	spec := on("id")
	spec.Where = predicate
	return spec
}

// instance is a process of its own that works on orders.
type instance struct {
	*rig
	cmd *exec.Cmd
}

func (r *rig) instance() *instance {
	r.Helper()
	self, err := os.Executable()
	if err != nil {
		r.Fatal(err)
	}
	raw, err := json.Marshal(r.db)
	if err != nil {
		r.Fatal(err)
	}
	i := &instance{r, exec.Command(self)}
	i.cmd.Env = append(os.Environ(), builderEnv+"="+string(raw))
	i.cmd.Stderr = os.Stderr
	if err := i.cmd.Start(); err != nil {
		r.Fatal(err)
	}
	r.Cleanup(i.kill)
	return i
}

// kill is kill -9.
func (i *instance) kill() {
	if i.cmd.ProcessState == nil {
		_ = i.cmd.Process.Kill()
		_ = i.cmd.Wait()
	}
}
