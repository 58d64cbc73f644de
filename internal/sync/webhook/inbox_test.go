package webhook

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/sync/pgtest"
	"github.com/feel-august/terraform-provider-august/internal/sync/store/storetest"
)

func object(id int) string {
	return fmt.Sprintf(`{"object":{"id":%d,"pad":%q},"practice_group_id":7}`, id, strings.Repeat("x", 100))
}

// hold makes the inbox wait for a commit, until what it returns is called.
func (g *rig) hold() (release func()) {
	g.t.Helper()
	conn, err := pgx.Connect(context.Background(), g.db.URL())
	if err != nil {
		g.t.Fatal(err)
	}
	if _, err := conn.Exec(context.Background(), "begin; lock table august.inbox in exclusive mode"); err != nil {
		g.t.Fatal(err)
	}
	return func() { _ = conn.Close(context.Background()) }
}

// posts sends deliveries at the same time.
func (g *rig) posts(from, to int) (answered func() map[int]int) {
	codes := make(chan int)
	for i := from; i < to; i++ {
		go func() { codes <- g.post("PATIENT_MODIFY", strconv.Itoa(i), object(i)) }()
	}
	return func() map[int]int {
		out := map[int]int{}
		for range to - from {
			out[<-codes]++
		}
		return out
	}
}

func TestInbox_commitsTogether(t *testing.T) {
	t.Parallel()
	notified := new(atomic.Int64)
	g := simpleRig(t, func(c *Config) { c.Notify = func() { notified.Add(1) } })
	release := g.hold()
	first := g.posts(0, 1)
	until(t, "the first is being written", func() bool {
		return g.r.inbox.waiting() == 0 && g.waitsForLock()
	})
	rest := g.posts(1, 300)
	until(t, "the rest queue", func() bool { return g.r.inbox.waiting() == 299 })
	if got := g.metric("august_webhook_inbox_queue "); got != "299" {
		t.Errorf("the queue is said to be %q", got)
	}
	release()
	for _, answered := range []func() map[int]int{first, rest} {
		if codes := answered(); len(codes) != 1 || codes[200] == 0 {
			t.Errorf("answered %v", codes)
		}
	}
	var transactions int
	if err := g.admin.QueryRow(context.Background(), "select count(distinct xmin::text) from august.inbox").Scan(&transactions); err != nil || transactions != 2 {
		t.Errorf("300 deliveries in %d transactions, %v", transactions, err)
	}
	if n := g.stored("kind = 'patients' and practice = 7 and lane between 0 and 15 and length(digest) = 32 and received_at between now() - interval '1 hour' and now()"); n != 300 {
		t.Errorf("%d rows", n)
	}
	if got := g.metric("august_webhook_inbox_batch_count "); got != "2" || notified.Load() != 2 {
		t.Errorf("%s batches, %d wakes", got, notified.Load())
	}
}

// waitsForLock tells whether a session of this database waits for a lock.
func (g *rig) waitsForLock() bool {
	g.t.Helper()
	var waits bool
	if err := g.admin.QueryRow(context.Background(),
		"select exists (select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock')").Scan(&waits); err != nil {
		g.t.Fatal(err)
	}
	return waits
}

// The same delivery twice in one batch is one row, and both are answered with 200.
func TestInbox_duplicatesInABatch(t *testing.T) {
	t.Parallel()
	g := simpleRig(t, nil)
	release := g.hold()
	first := g.posts(0, 1)
	until(t, "the first is being written", g.waitsForLock)
	both := []func() map[int]int{g.posts(1, 50), g.posts(1, 50)}
	until(t, "the rest queue", func() bool { return g.r.inbox.waiting() == 98 })
	release()
	for _, answered := range append(both, first) {
		if codes := answered(); len(codes) != 1 || codes[200] == 0 {
			t.Errorf("answered %v", codes)
		}
	}
	if n := g.stored("true"); n != 50 || g.counted("PATIENT_MODIFY", "duplicate") != "49" {
		t.Errorf("%d rows, %s duplicates", n, g.counted("PATIENT_MODIFY", "duplicate"))
	}
}

// A row that the database refuses fails alone.
func TestInbox_split(t *testing.T) {
	t.Parallel()
	g := simpleRig(t, nil)
	g.exec(`alter table august.inbox add constraint no_sevens check (key not like '%7%')`)
	release := g.hold()
	first := g.posts(0, 1)
	until(t, "the first is being written", g.waitsForLock)
	rest := g.posts(1, 100)
	until(t, "the rest queue", func() bool { return g.r.inbox.waiting() == 99 })
	release()
	first()
	codes := rest()
	sevens := 0
	for i := range 100 {
		if strings.Contains(strconv.Itoa(i), "7") {
			sevens++
		}
	}
	if codes[503] != sevens || codes[200] != 99-sevens || g.stored("true") != 100-sevens {
		t.Errorf("answered %v, %d rows; %d are at fault", codes, g.stored("true"), sevens)
	}
	if log := g.log.String(); !strings.Contains(log, `"delivery":"77"`) || strings.Contains(log, "xxxx") {
		t.Errorf("logged %.2000s", log)
	}
}

// A database that goes away and comes back: what waits is written then, said once, and nothing doubles.
func TestInbox_outage(t *testing.T) {
	t.Parallel()
	for name, away := range map[string]func(*pgtest.Proxy){"refuses": (*pgtest.Proxy).Refuse, "vanishes": (*pgtest.Proxy).BlackHole, "cuts": (*pgtest.Proxy).Cut} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := storetest.New(t)
			proxy := pgtest.NewProxy(t, db)
			g := newRig(t, db, proxy.Database(), nil)
			g.r.inbox.writeTime = writeTime // after which a connection that says nothing is given up
			if code := g.post("PATIENT_MODIFY", "before", object(0)); code != 200 {
				t.Fatalf("before: %d", code)
			}
			away(proxy)
			answered := g.posts(1, 100)
			if name != "cuts" {
				until(t, "the outage is noticed", func() bool { return strings.Contains(g.log.String(), "cannot be written") })
			}
			proxy.Heal()
			if codes := answered(); codes[200] != 99 {
				t.Errorf("answered %v\n%s", codes, g.log)
			}
			if n := g.stored("true"); n != 100 {
				t.Errorf("%d rows", n)
			}
			if log := g.log.String(); name != "cuts" && (strings.Count(log, "cannot be written") != 1 || strings.Count(log, "written again") != 1) {
				t.Errorf("logged %s", log)
			}
		})
	}
}

// A connection whose server takes no writes any more, as after a failover, is not used again.
func TestInbox_demoted(t *testing.T) {
	t.Parallel()
	g := simpleRig(t, nil)
	if code := g.post("PATIENT_MODIFY", "before", object(0)); code != 200 {
		t.Fatalf("before: %d", code)
	}
	g.exec(`create table demoted as select pid from pg_stat_activity where datname = current_database() and query like 'insert into august.inbox%';
		create function demoted() returns trigger language plpgsql as $$ begin
			if pg_backend_pid() in (select pid from demoted) then raise 'cannot execute INSERT in a read-only transaction' using errcode = '25006'; end if;
			return new;
		end $$;
		create trigger demoted before insert on august.inbox for each row execute function demoted()`)
	if code := g.post("PATIENT_MODIFY", "after", object(1)); code != 200 || g.stored("true") != 2 {
		t.Errorf("after: %d", code)
	}
	if log := g.log.String(); !strings.Contains(log, "takes no writes") {
		t.Errorf("logged %s", log)
	}
}

// A database that stays away: every delivery is answered, with 503, and leaves no room taken.
func TestInbox_longOutage(t *testing.T) {
	t.Parallel()
	db := storetest.New(t)
	proxy := pgtest.NewProxy(t, db)
	proxy.Refuse()
	g := newRig(t, db, proxy.Database(), nil)
	g.r.inbox.patience = 100 * time.Millisecond
	if codes := g.posts(0, 50)(); codes[503] != 50 {
		t.Errorf("answered %v", codes)
	}
	if got := g.counted("PATIENT_MODIFY", "unavailable"); got != "50" {
		t.Errorf("counted %q", got)
	}
	proxy.Heal()
	g.r.inbox.patience = time.Minute
	if codes := g.posts(0, 50)(); codes[200] != 50 || g.stored("true") != 50 {
		t.Errorf("afterwards %v, %d rows", codes, g.stored("true"))
	}
}

// Without its table, before the migration, the inbox waits as for a database that is away.
func TestInbox_beforeMigration(t *testing.T) {
	t.Parallel()
	g := simpleRig(t, nil)
	g.exec("alter table august.inbox rename to elsewhere")
	answered := g.posts(0, 10)
	until(t, "it is missed", func() bool { return strings.Contains(g.log.String(), "cannot be written") })
	g.exec("alter table august.elsewhere rename to inbox")
	if codes := answered(); codes[200] != 10 {
		t.Errorf("answered %v", codes)
	}
}

// A queue that is full refuses at once.
func TestInbox_fullQueue(t *testing.T) {
	t.Parallel()
	g := simpleRig(t, nil)
	g.r.inbox.mu.Lock()
	g.r.inbox.queue = slices.Repeat([]*entry{{gone: true}}, mostQueued)
	g.r.inbox.mu.Unlock()
	if _, err := g.r.inbox.put(t.Context(), Delivery{}); !errors.Is(err, errBusy) {
		t.Errorf("got %v", err)
	}
	g.r.inbox.wake <- struct{}{} // those whose callers have left take no place
	until(t, "the queue is emptied", func() bool { return g.r.inbox.waiting() == 0 })
	if code := g.post("PATIENT_MODIFY", "1", object(1)); code != 200 {
		t.Errorf("%d", code)
	}
}

// What waits is bounded, and the inbox opens again when there is less of it.
func TestInbox_quota(t *testing.T) {
	t.Parallel()
	g := simpleRig(t, func(c *Config) { c.MaxMB = 1 })
	g.r.inbox.quota.next = time.Now().Add(time.Hour) // what is written during a measurement may count twice
	body := fmt.Sprintf(`{"object":{"id":1,"pad":%q}}`, strings.Repeat("x", 300<<10))
	n := 0
	for g.post("PATIENT_MODIFY", strconv.Itoa(n), body) == 200 {
		if n++; n > 10 {
			t.Fatal("there is no bound")
		}
	}
	if n != 4 { // three make 0.9 MB, the fourth passes the bound
		t.Errorf("took %d of 300 kB, with room for 1 MB", n)
	}
	if !strings.Contains(g.log.String(), "the inbox is full") {
		t.Errorf("logged %s", g.log)
	}
	// What is parked still counts, what is applied does not.
	g.exec("update august.inbox set state = 'parked'")
	g.measure()
	if code := g.post("PATIENT_MODIFY", "parked", body); code != 503 {
		t.Errorf("with all of it parked: %d", code)
	}
	g.exec("update august.inbox set state = 'applied', object = null")
	g.measure()
	if code := g.post("PATIENT_MODIFY", "applied", body); code != 200 {
		t.Errorf("with all of it applied: %d", code)
	}
	if log := g.log.String(); strings.Count(log, "the inbox is full") != 1 || strings.Count(log, "has room again") != 1 {
		t.Errorf("logged %s", log)
	}
}

// measure does not wait until it is time.
func (g *rig) measure() {
	q := g.r.inbox.quota
	until(g.t, "no measurement under way", func() bool { q.mu.Lock(); defer q.mu.Unlock(); return !q.measures })
	q.mu.Lock()
	q.measures = true
	q.mu.Unlock()
	q.measure(context.Background())
}

// A measurement that is under way does not lose what is added meanwhile.
func TestQuota_addsWhileItMeasures(t *testing.T) {
	t.Parallel()
	g := simpleRig(t, func(c *Config) { c.MaxMB = 1 })
	q := g.r.inbox.quota
	q.mu.Lock()
	q.measures, q.next = true, time.Now().Add(time.Hour)
	q.mu.Unlock()
	q.add(t.Context(), 2<<20)
	q.measure(t.Context()) // of an empty table
	if q.bytes() != 2<<20 || q.admits(t.Context()) {
		t.Errorf("%d bytes are known", q.bytes())
	}
}

// A full disk refuses at once, and is over when there is room.
func TestInbox_fullDisk(t *testing.T) {
	t.Parallel()
	g := simpleRig(t, nil)
	g.exec(`create sequence attempts; create function full_disk() returns trigger language plpgsql as $$ begin
			perform nextval('attempts'); raise 'no space left on device' using errcode = '53100'; end $$;
		create trigger full_disk before insert on august.inbox execute function full_disk()`)
	code := g.post("PATIENT_MODIFY", "first", object(0))
	var attempts int
	if err := g.admin.QueryRow(context.Background(), "select last_value from attempts").Scan(&attempts); err != nil || code != 503 || attempts != 1 {
		t.Errorf("answered %d after %d attempts, %v", code, attempts, err)
	}
	if codes := g.posts(0, 20)(); codes[503] != 20 {
		t.Errorf("answered %v", codes)
	}
	g.exec(`drop trigger full_disk on august.inbox`)
	if codes := g.posts(0, 20)(); codes[200] != 20 || g.stored("true") != 20 {
		t.Errorf("afterwards %v", codes)
	}
	if log := g.log.String(); strings.Count(log, "cannot be written") != 1 || strings.Count(log, "written again") != 1 {
		t.Errorf("logged %s", log)
	}
}

// Load while connections are cut: each 200 is one row.
func TestInbox_cutUnderLoad(t *testing.T) {
	t.Parallel()
	db := storetest.New(t)
	proxy := pgtest.NewProxy(t, db)
	g := newRig(t, db, proxy.Database(), nil)
	acked := new(atomic.Int64)
	stop := make(chan struct{})
	var senders sync.WaitGroup
	for s := range 8 {
		senders.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				if g.post("PATIENT_MODIFY", fmt.Sprintf("%d-%d", s, i), object(i)) == 200 {
					acked.Add(1)
				}
			}
		})
	}
	for n := range int64(10) {
		until(t, "progress", func() bool { return acked.Load() > 50*(n+1) })
		proxy.Cut()
	}
	close(stop)
	senders.Wait()
	if n := int64(g.stored("true")); n != acked.Load() { // nobody was refused, so nothing else was written
		t.Errorf("%d rows of %d answered with 200", n, acked.Load())
	}
}
