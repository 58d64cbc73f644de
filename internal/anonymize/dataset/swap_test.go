package dataset_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/dataset"
	"github.com/feel-august/terraform-provider-august/internal/bucket"
	"github.com/feel-august/terraform-provider-august/internal/sync/pgtest"
)

// until polls what must become true.
func (r *rig) until(what string, is func() bool) {
	r.Helper()
	for range 6000 {
		if is() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	r.Fatalf("never came: %s\n%s", what, r.log)
}

// behind begins an import of an export, and lets a reader stand in the way of its swap; done has its outcome.
func (r *rig) behind(reader *pgx.Conn, export string) (done chan error) {
	r.Helper()
	older := connect(r, r.db.URL())
	r.exec(older, `begin; select 1`)
	done = make(chan error, 1)
	go func() {
		_, err := dataset.Import(r.Context(), r.config(export))
		done <- err
	}()
	r.until("the import waits for a transaction that is older", func() bool { return strings.Contains(r.log.String(), "waiting for transactions that are older") })
	r.exec(reader, `set application_name = 'report'; begin; select from clinic.people`)
	r.exec(older, `commit`)
	r.until("the swap waits", func() bool { return strings.Contains(r.log.String(), "waiting for the old tables") })
	return done
}

// Behind a reader that does not end the swap waits, and others read on.
func TestSwap_waits(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.populate(1, 3)
	r.publish("one", 2)
	r.bring("one")
	r.populate(2, 3)
	r.publish("two", 2)
	reader := connect(t, r.db.URL())
	done := r.behind(reader, "two")
	if !strings.Contains(r.log.String(), "of report") {
		t.Errorf("it does not say for whom it waits:\n%s", r.log)
	}
	other := connect(t, r.db.URL())
	for range 50 {
		var generation int
		if err := other.QueryRow(t.Context(), `select min(generation) from clinic.people join clinic.visits using (generation)`).Scan(&generation); err != nil || generation != 1 {
			t.Fatalf("generation %d, %v", generation, err)
		}
		time.Sleep(50 * time.Millisecond) // over several attempts
	}
	// Another import is told.
	c := r.config("one")
	c.Patience = time.Millisecond
	if _, err := dataset.Import(t.Context(), c); err == nil || !strings.Contains(err.Error(), "another import into this database is under way") {
		t.Errorf("a second import: %v", err)
	}
	select {
	case err := <-done:
		t.Fatalf("it did not wait: %v", err)
	default:
	}
	r.exec(reader, `commit`)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if got := r.one(`select min(generation) from clinic.people`); got != "2" {
		t.Errorf("generation %s is served", got)
	}
}

// A target that has come into use while the rows were loaded is refused as it would have been before.
func TestSwap_refusesProduction(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.populate(1, 3)
	r.publish("one", 2)
	for undo, sql := range map[string]string{
		`delete from august.pipeline`: `insert into august.pipeline (name, spec) values ('billing', '{}')`,
		`delete from clinic.jobs`:     `insert into clinic.jobs values ('cleaning')`,
	} {
		r.log = &buffer{}
		reader := connect(t, r.db.URL())
		done := r.behind(reader, "one")
		r.as(sql)
		r.exec(reader, `commit`)
		var refused *dataset.RefusedError
		if err := <-done; !errors.As(err, &refused) || !strings.Contains(err.Error(), " has rows") {
			t.Errorf("after %s: %v", sql, err)
		}
		if got := r.one(`select (select count(*) from august.pipeline) + (select count(*) from clinic.jobs) || ' ' || (select count(*) from clinic.people) || ' ' || (select count(*) from pg_namespace where nspname ~ '_(new|old)$')`); got != "1 0 0" {
			t.Errorf("after %s there are %s", sql, got)
		}
		r.as(undo)
	}
	r.bring("one")
}

// A transaction that keeps its snapshot sees the old rows, also in a table that it has not looked at before.
func TestSwap_keepsSnapshots(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.populate(1, 3)
	r.publish("one", 2)
	r.bring("one")
	r.populate(2, 3)
	r.publish("two", 2)
	reader := connect(t, r.db.URL())
	r.exec(reader, `begin isolation level repeatable read; select 1`)
	done := make(chan error, 1)
	go func() {
		_, err := dataset.Import(t.Context(), r.config("two"))
		done <- err
	}()
	r.until("it waits for the transaction", func() bool { return strings.Contains(r.log.String(), "waiting for transactions that are older") })
	var served string
	if err := reader.QueryRow(t.Context(), `select count(*) || ' ' || min(generation) from clinic.people`).Scan(&served); err != nil || served != "3 1" {
		t.Errorf("it sees %q, %v", served, err)
	}
	r.exec(reader, `commit`)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if got := r.one(`select min(generation) from clinic.people`); got != "2" {
		t.Errorf("generation %s is served", got)
	}
}

// When it has waited for long enough nothing is lost but the wait, unless the tables were altered.
func TestSwap_goesOnLater(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.populate(1, 3)
	r.publish("one", 2)
	reader := connect(t, r.db.URL())
	r.exec(reader, `begin; select from clinic.people`)
	c := r.config("one")
	c.Patience = time.Millisecond
	if _, err := dataset.Import(t.Context(), c); err == nil || !strings.Contains(err.Error(), "could not take the old ones' place") {
		t.Fatalf("it did not give up: %v", err)
	}
	if n := r.one(`select count(*) from clinic.people`); n != "0" {
		t.Errorf("%s rows are served", n)
	}
	first := r.log.String()
	r.exec(reader, `commit`)
	r.bring("one")
	if again := strings.TrimPrefix(r.log.String(), first); strings.Contains(again, "loaded") || !strings.Contains(again, "going on") {
		t.Errorf("it did all over again:\n%s", again)
	}

	r.populate(2, 4)
	r.publish("two", 2)
	done := r.behind(reader, "two")
	r.exec(reader, `create index by_name on clinic.people (name); commit`)
	if err := <-done; err == nil || !strings.Contains(err.Error(), "were altered while the import loaded") {
		t.Fatalf("altered: %v", err)
	}
	r.bring("two")
	if got := r.one(`select min(generation) || ' ' || (select count(*) from pg_indexes where indexname = 'by_name') from clinic.people`); got != "2 1" {
		t.Errorf("generation and index: %s", got)
	}
}

// breaking is a bucket that fails from an object on.
type breaking struct {
	bucket.Bucket
	opened atomic.Int64
	most   int64
}

var errBroken = errors.New("the bucket is away")

func (b *breaking) Open(ctx context.Context, name string) (io.ReadCloser, error) {
	if b.opened.Add(1) > b.most {
		return nil, errBroken
	}
	return b.Bucket.Open(ctx, name)
}

// An import goes on with the chunk where it was; one of another export begins anew.
func TestImport_resumes(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.populate(1, 10)
	m := r.publish("one", 2)
	objects := 0
	for _, table := range m.Tables {
		objects += len(table.Objects)
	}
	c := r.config("one")
	c.Workers = 1
	failing := &breaking{Bucket: r.bucket, most: 8}
	c.Bucket = failing
	if _, err := dataset.Import(t.Context(), c); !errors.Is(err, errBroken) {
		t.Fatalf("with the bucket away: %v", err)
	}
	loaded := strings.Count(r.log.String(), "loaded")
	if loaded == 0 {
		t.Fatal("nothing was loaded before")
	}
	counting := &breaking{Bucket: r.bucket, most: 1 << 30}
	c.Bucket = counting
	if _, err := dataset.Import(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if got := int(counting.opened.Load()); got != 1+objects-loaded { // the manifest, and what was left
		t.Errorf("%d objects were read, of %d with %d loaded before", got, objects, loaded)
	}

	r.populate(2, 10)
	r.publish("two", 2)
	r.populate(3, 10)
	r.publish("three", 2)
	c = r.config("two")
	c.Bucket = &breaking{Bucket: r.bucket, most: 8}
	if _, err := dataset.Import(t.Context(), c); !errors.Is(err, errBroken) {
		t.Fatalf("with the bucket away: %v", err)
	}
	r.bring("three")
	if got := r.one(`select concat_ws(' ', (select min(generation) || ' ' || max(generation) from clinic.people), (select count(*) from august.dataset_step), (select count(*) from pg_namespace where nspname ~ '_(new|old)$'))`); got != "3 3 0 0" {
		t.Errorf("generations, steps and schemas: %s", got)
	}
	r.bring("two")
	if got := r.one(`select min(generation) || ' ' || max(generation) from clinic.people`); got != "2 2" {
		t.Errorf("generations: %s", got)
	}
}

// Whoever reads sees one export, whole, in every statement.
func TestSwap_isOneMoment(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for g := 1; g <= 4; g++ {
		r.populate(g, 10+g)
		r.publish(fmt.Sprint("g", g), 5)
	}
	r.bring("g1") // there has to be something to read
	var wg sync.WaitGroup
	ctx, stop := context.WithCancel(t.Context())
	var seen [2]atomic.Int64 // the newest generation that each reader has seen
	for n := range seen {
		conn := connect(t, r.db.URL())
		wg.Go(func() {
			for ctx.Err() == nil {
				var low, high, people, visits int
				err := conn.QueryRow(context.Background(), `select least(p.low, v.low, t.low, o.low), greatest(p.high, v.high, t.high, o.high), p.n, v.n
					from (select min(generation) low, max(generation) high, count(*) n from clinic.people) p, (select min(generation) low, max(generation) high, count(*) n from clinic.visits) v,
					(select min(generation) low, max(generation) high from clinic.totals) t, (select min(generation) low, max(generation) high from clinic.two_up) o`).Scan(&low, &high, &people, &visits)
				if err != nil {
					var code interface{ SQLState() string }
					if errors.As(err, &code) && code.SQLState() == "40P01" {
						continue // it took its locks in another order than the swap, and PostgreSQL chose who is to try again
					}
					t.Errorf("a reader failed: %v", err)
					return
				}
				if low != high || people != 10+low || visits != 3*people {
					t.Errorf("a reader saw generations %d to %d, %d people, %d visits", low, high, people, visits)
					return
				}
				seen[n].Store(int64(low))
			}
		})
	}
	for g := int64(1); g <= 4; g++ {
		r.bring(fmt.Sprint("g", g))
		r.until("both readers see what was brought", func() bool { return t.Failed() || seen[0].Load() == g && seen[1].Load() == g })
	}
	stop()
	wg.Wait()
}

// stalling is a bucket that stops in the middle of whatever is long, until it may go on.
type stalling struct {
	bucket.Bucket
	stalled atomic.Bool
	goOn    chan struct{}
}

func (b *stalling) Open(ctx context.Context, name string) (io.ReadCloser, error) {
	from, err := b.Bucket.Open(ctx, name)
	return &stalled{from, b, 0}, err
}

type stalled struct {
	io.ReadCloser
	bucket *stalling
	read   int
}

func (s *stalled) Read(p []byte) (int, error) {
	if s.read > 1<<20 {
		s.bucket.stalled.Store(true)
		<-s.bucket.goOn
	}
	n, err := s.ReadCloser.Read(p)
	s.read += n
	return n, err
}

// A server that is stopped in the middle of a COPY quotes no row in its log.
func TestImport_terminated(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.populate(1, 200)
	const canary = "canary-0815"
	r.exec(r.source, `update clinic.people set name = '`+canary+`' || (select string_agg(md5(id || ' ' || n), '') from generate_series(1, 500) n)`)
	r.publish("one", 1000)
	c := r.config("one")
	slow := &stalling{Bucket: r.bucket, goOn: make(chan struct{})}
	c.Bucket = slow
	done := make(chan error, 1)
	go func() {
		_, err := dataset.Import(t.Context(), c)
		done <- err
	}()
	r.until("the bucket stalls", slow.stalled.Load)
	const copying = `from pg_stat_progress_copy where datname = current_database()`
	r.until("rows are in", func() bool { return r.one(`select coalesce(max(tuples_processed), 0) `+copying) > "0" })
	r.one(`select count(pg_terminate_backend(pid)) ` + copying)
	close(slow.goOn)
	if err := <-done; err == nil || strings.Contains(err.Error(), canary) {
		t.Errorf("the COPY was terminated: %v", err)
	}
	r.bring("one")
	if strings.Contains(strings.ReplaceAll(pgtest.Log(t), "set name = '"+canary, ""), canary) {
		t.Error("the server logs a value")
	}
	if got := r.one(`select count(*) filter (where length(name) = 16011) from clinic.people`); got != "200" {
		t.Errorf("%s rows are whole", got)
	}
}
