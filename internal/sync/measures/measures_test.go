package measures

import (
	"context"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
	"github.com/feel-august/terraform-provider-august/internal/sync/pgtest"
	"github.com/feel-august/terraform-provider-august/internal/sync/store"
	"github.com/feel-august/terraform-provider-august/internal/sync/store/storetest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

type rig struct {
	t  *testing.T
	at pgtest.Database
	db *store.Store
	sq *pgx.Conn // as an administrator
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t, at: storetest.New(t)}
	r.db = storetest.Open(t, r.at, 0)
	r.sq = r.connect(r.at.URL())
	return r
}

func (r *rig) connect(url string) *pgx.Conn {
	r.t.Helper()
	c, err := pgx.Connect(r.t.Context(), url)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = c.Close(context.Background()) })
	return c
}

func (r *rig) exec(sql string, args ...any) {
	r.t.Helper()
	if _, err := r.sq.Exec(r.t.Context(), sql, args...); err != nil {
		r.t.Fatal(err)
	}
}

// role makes a role of the test's own, which others share the server with.
func (r *rig) role() string {
	r.t.Helper()
	name := "made_up_" + r.at.Name
	r.exec(`create role ` + pgx.Identifier{name}.Sanitize() + ` login password 'synthetic'`)
	r.t.Cleanup(func() {
		c, err := pgx.Connect(context.Background(), r.at.URL())
		if err == nil {
			_, _ = c.Exec(context.Background(), `drop role `+pgx.Identifier{name}.Sanitize())
			_ = c.Close(context.Background())
		}
	})
	return name
}

func (r *rig) sample() {
	r.t.Helper()
	if err := Sample(r.t.Context(), r.db.Pool(), 0); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) read(m *Measurer, window time.Duration) runtimeapi.Measures {
	r.t.Helper()
	got, err := m.Measures(r.t.Context(), window)
	if err != nil {
		r.t.Fatal(err)
	}
	return got
}

func of(m runtimeapi.Measures, role string) runtimeapi.RoleMeasures {
	for _, one := range m.Roles {
		if one.Role == role {
			return one
		}
	}
	return runtimeapi.RoleMeasures{}
}

// Of three looks at a role, one at two connections in a transaction and one at work, the means and the most are known; and one
// that has gone counts as none.
func TestConnections(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	role := r.role()
	own := *r.sq.Config()
	own.User, own.Password = role, "synthetic"
	connect := func() *pgx.Conn {
		c, err := pgx.ConnectConfig(t.Context(), own.Copy())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close(context.Background()) })
		return c
	}
	m := New(Config{Store: r.db, Instance: "p:r:i", Subscription: "projects/p/subscriptions/s"})
	r.sample() // none of it is there
	idle, held, busy := connect(), connect(), connect()
	if _, err := held.Exec(t.Context(), `begin`); err != nil {
		t.Fatal(err)
	}
	r.exec(`select pg_advisory_lock(42)`)
	var working sync.WaitGroup
	working.Go(func() { _, _ = busy.Exec(context.Background(), `select pg_advisory_lock(42)`) })
	for waits := false; !waits; {
		if err := r.sq.QueryRow(t.Context(), `select exists (select from pg_stat_activity where usename = $1 and wait_event_type = 'Lock')`, role).Scan(&waits); err != nil {
			t.Fatal(err)
		}
	}
	r.sample()
	got := r.read(m, time.Hour)
	if now := of(got, role); now.Connections != 3 || now.Active != 1 || now.IdleInTransaction != 1 {
		t.Errorf("now %+v", now)
	}
	r.exec(`select pg_advisory_unlock(42)`)
	working.Wait()
	for _, c := range []*pgx.Conn{idle, busy} {
		_ = c.Close(t.Context())
	}
	for left := 3; left > 1; {
		if err := r.sq.QueryRow(t.Context(), `select count(*) from pg_stat_activity where usename = $1`, role).Scan(&left); err != nil {
			t.Fatal(err)
		}
	}
	r.sample()

	got = r.read(m, time.Hour)
	w := of(got, role).Window
	if w == nil || w.Samples != 3 {
		t.Fatalf("window %+v", w)
	}
	want := runtimeapi.RoleWindow{From: w.From, To: w.To, Samples: 3, Mean: 4. / 3, Most: 3, MeanActive: 1. / 3, MostActive: 1, MeanIdleInTransaction: 2. / 3, MostIdleInTransaction: 1}
	if w.Waits["Lock"] != 1./3 {
		t.Errorf("waits %v", w.Waits)
	}
	if got := *w; got.Mean != want.Mean || got.Most != 3 || got.MeanActive != want.MeanActive || got.MostActive != 1 ||
		math.Abs(got.MeanIdleInTransaction-want.MeanIdleInTransaction) > 1e-9 || got.MostIdleInTransaction != 1 || got.Busy() != 1 {
		t.Errorf("window %+v, want %+v", got, want)
	}
	if got.All == nil || got.All.Most < 3 || got.All.MostActive < 1 {
		t.Errorf("all %+v", got.All)
	}
	if got.MaxConnections < 10 || got.Reserved < 1 || got.Instance != "p:r:i" || got.Deliveries.Subscription != "projects/p/subscriptions/s" || got.Pool.Max < 1 || got.Pool.Acquires < 1 {
		t.Errorf("measures %+v", got)
	}
	if len(got.Unknown) != 1 || !strings.HasPrefix(got.Unknown[0].What, "statements") {
		t.Errorf("unknown %+v", got.Unknown)
	}
	// A younger look is enough, and what is older than it is kept goes.
	if err := Sample(t.Context(), r.db.Pool(), time.Hour); err != nil || of(r.read(m, time.Hour), role).Window.Samples != 3 {
		t.Errorf("sampled again: %v", err)
	}
	for _, table := range []string{"connection_look", "connection_minute", "connection_wait"} {
		r.exec(`update august.` + table + ` set minute = minute - interval '9 days'`)
	}
	r.exec(`update august.connection_look set last = last - interval '9 days'`)
	if got := r.read(m, time.Hour); got.All != nil || of(got, role).Window != nil || !slices.ContainsFunc(got.Unknown, func(u runtimeapi.UnknownMeasure) bool { return u.What == "connections over time" }) {
		t.Errorf("out of the window: %+v", got)
	}
	r.sample()
	var old int
	if err := r.sq.QueryRow(t.Context(), `select count(*) from (select minute from august.connection_look union all select minute from august.connection_minute union all
		select minute from august.connection_wait) m where minute < now() - interval '8 days'`).Scan(&old); err != nil || old != 0 {
		t.Errorf("%d rows are kept for too long, %v", old, err)
	}
}

// What the runtime's role may not see is said, and counted all the same.
func TestConnections_hidden(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	role := r.role()
	r.exec(`grant usage on schema august to ` + role)
	r.exec(`grant select on all tables in schema august to ` + role)
	r.exec(`grant select on all sequences in schema august to ` + role)
	own := *r.sq.Config()
	own.User, own.Password = role, "synthetic"
	alone, err := pgx.ConnectConfig(t.Context(), &own)
	if err != nil {
		t.Fatal(err)
	}
	if err := pgx.BeginFunc(t.Context(), alone, func(tx pgx.Tx) error {
		seen, hidden, err := rolesNow(t.Context(), tx)
		if err == nil && (seen.by[role] != nil || seen.by[r.at.User] == nil || hidden < 1) {
			t.Errorf("the only one sees %+v, %d hidden", seen.by, hidden)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	_ = alone.Close(t.Context())
	db, err := store.Open(t.Context(), store.Config{Host: r.at.Host, Port: r.at.Port, Database: r.at.Name, User: role, Password: "synthetic"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	got := r.read(New(Config{Store: db}), time.Hour)
	if of(got, r.at.User).Connections < 1 || !slices.ContainsFunc(got.Unknown, func(u runtimeapi.UnknownMeasure) bool { return strings.Contains(u.Why, "pg_read_all_stats") }) {
		t.Errorf("roles %+v, unknown %+v", got.Roles, got.Unknown)
	}
}

// Calls are of the days that reach into the window, and deliveries of the numbers that were given meanwhile.
func TestRates(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.exec(`insert into august.workload_day (day, first, last, gaps, evicted) values
		(current_date, now() - interval '100 s', now(), 0, 0), (current_date - 7, now() - interval '7 days', now() - interval '6 days 23 h', 0, 0)`)
	r.exec(`insert into august.workload_statement_day (day, role, queryid, calls, seconds, rows, blocks) values
		(current_date, 'web', 1, 300, 3, 0, 0), (current_date, 'web', 2, 700, 1, 0, 0), (current_date - 7, 'web', 1, 999, 99, 0, 0)`)
	r.exec(`insert into august.connection_look (minute, samples, first, last, received) values
		(date_trunc('minute', now()) - interval '3 min', 4, now() - interval '3 min', now() - interval '180 s', 1000),
		(date_trunc('minute', now()) - interval '2 min', 4, now() - interval '2 min', now() - interval '120 s', 1060),
		(date_trunc('minute', now()) - interval '1 min', 4, now() - interval '1 min', now() - interval '60 s', 1660)`)
	r.exec(`insert into august.inbox (delivery, digest, event, kind, key, lane, object, via, received_at) values
		('a', '\x01', 'PATIENT_MODIFY', 'patients', '1', 1, '{}', 'inbox', now() - interval '2 s'), ('b', '\x01', 'PATIENT_MODIFY', 'patients', '2', 1, '{}', 'inbox', now())`)
	got := r.read(New(Config{Store: r.db}), time.Hour)
	web := of(got, "web")
	if web.CallsPerSecond == nil || math.Abs(*web.CallsPerSecond-10) > 1e-6 || math.Abs(*web.CallMs-4) > 1e-6 || web.Connections != 0 {
		t.Errorf("web %+v", web)
	}
	if s := got.Statements; s == nil || s.To.Sub(s.From) != 100*time.Second {
		t.Errorf("statements of %+v", s)
	}
	d := got.Deliveries
	if d.Pending != 2 || d.OldestMs == nil || *d.OldestMs < 2000 || math.Abs(d.PerSecond-5.5) > 1e-6 || math.Abs(d.PeakMinute-10) > 1e-6 {
		t.Errorf("deliveries %+v", d)
	}
}

func TestBatches(t *testing.T) {
	t.Parallel()
	ms := func(n float64) time.Duration { return time.Duration(n * float64(time.Millisecond)) }
	fit := func(n int, size func(i int) int, took func(size int) float64) runtimeapi.BatchMeasures {
		b := NewBatches()
		for i := range n {
			s := size(i)
			b.Note("inbox", s, ms(took(s)))
		}
		return b.Measures()[0]
	}
	sizes := func(i int) int { return 1 + i%50 }
	line := func(size int) float64 { return 5 + 0.25*float64(size) }
	got := fit(200, sizes, line)
	if got.BaseMs == nil || math.Abs(*got.BaseMs-5) > 1e-3 || math.Abs(*got.EachMs-0.25) > 1e-4 {
		t.Errorf("line %+v", got)
	}
	if got.Batches != 200 || got.Rows != 4*50*51/2 || got.Largest != 50 || got.MeanSize != 25.5 || math.Abs(got.MeanMs-line(0)-0.25*25.5) > 1e-3 || got.MostMs != line(50) {
		t.Errorf("batches %+v", got)
	}
	if origin := fit(200, sizes, func(s int) float64 { return 0.01 * float64(s*s) }); origin.BaseMs == nil || *origin.BaseMs != 0 || *origin.EachMs <= 0 {
		t.Errorf("below nothing: %+v", origin)
	}
	for name, none := range map[string]runtimeapi.BatchMeasures{
		"few":     fit(19, sizes, line),
		"alike":   fit(200, func(i int) int { return 30 + i%20 }, line),
		"falling": fit(200, sizes, func(s int) float64 { return 100 - float64(s) }),
	} {
		if none.BaseMs != nil || none.EachMs != nil || none.Batches == 0 {
			t.Errorf("%s: %+v", name, none)
		}
	}
	// Newer batches count for more: a database that has become slower is seen.
	b := NewBatches()
	for i := range 10000 {
		b.Note("pubsub", sizes(i), ms(line(sizes(i))))
	}
	for i := range 5000 {
		b.Note("pubsub", sizes(i), ms(2*line(sizes(i))))
	}
	if now := b.Measures()[0]; math.Abs(*now.BaseMs-10) > 0.2 || math.Abs(*now.EachMs-0.5) > 0.01 {
		t.Errorf("after a change %v + n × %v", *now.BaseMs, *now.EachMs)
	}
}
