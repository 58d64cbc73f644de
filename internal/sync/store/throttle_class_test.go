package store_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/sync/drchrono"
	"github.com/feel-august/terraform-provider-august/internal/sync/pgtest"
	"github.com/feel-august/terraform-provider-august/internal/sync/store"
	"github.com/feel-august/terraform-provider-august/internal/sync/store/storetest"
)

// crowd keeps so many calls of a class waiting, over so many instances, until the test ends them, and counts what
// they are given.
func crowd(t *testing.T, db pgtest.Database, l store.Limits, class drchrono.Class, instances, each int) (count *atomic.Int64, stop func()) {
	t.Helper()
	count = new(atomic.Int64)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for range instances {
		ledger := connect(t, db).Throttle(l)
		for range each {
			wg.Go(func() {
				for ctx.Err() == nil {
					slot, err := ledger.Reserve(ctx, "app", class, time.Minute)
					if err != nil {
						if ctx.Err() == nil {
							t.Error(err)
						}
						return
					}
					count.Add(1)
					select { // as a call would be made
					case <-ctx.Done():
					case <-time.After(slot.Wait):
					}
				}
			})
		}
	}
	var once sync.Once
	stop = func() { once.Do(func() { cancel(); wg.Wait() }) }
	t.Cleanup(stop)
	return count, stop
}

func waitFor(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never came: %s", what)
		}
	}
}

// However many calls of a full sweep wait, on whatever instance, an urgent one is booked at the end of a
// queue that is short.
func TestThrottleLetsUrgentCallsGoFirst(t *testing.T) {
	db := storetest.New(t)
	s := connect(t, db)
	limits := store.Limits{PerHour: 100_000, Hour: age}
	backfill, _ := crowd(t, db, limits, drchrono.Backfill, 3, 12)
	waitFor(t, "a full sweep's calls", func() bool { return backfill.Load() > 15 })
	ledger := s.Throttle(limits)
	for range 5 {
		slot, err := ledger.Reserve(t.Context(), "app", drchrono.Interactive, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		// By the ledger's clock. In the order of asking it would be 36 calls, which is over four seconds.
		if slot.Wait > time.Second {
			t.Errorf("an urgent call waits %v behind a full sweep", slot.Wait)
		}
		time.Sleep(slot.Wait)
	}

	// While ordinary calls wait, a full sweep's get next to nothing; and nothing starves.
	scheduled, stop := crowd(t, db, limits, drchrono.Scheduled, 2, 6)
	waitFor(t, "ordinary calls", func() bool { return scheduled.Load() > 3 })
	had, ordinary := backfill.Load(), scheduled.Load()
	waitFor(t, "many ordinary calls", func() bool { return scheduled.Load() > ordinary+80 })
	got := backfill.Load() - had
	if got > 40 { // with as many turns as the others it would be more than 100
		t.Errorf("a full sweep got %d calls beside 80 ordinary ones that waited", got)
	}
	waitFor(t, "a call of the full sweep beside them", func() bool { return backfill.Load() > had })
	stop()
	had = backfill.Load()
	waitFor(t, "the full sweep goes on", func() bool { return backfill.Load() > had+10 })
	t.Logf("%d calls of a full sweep beside 80 ordinary ones", got)
}

// A full sweep leaves a share of the hour to the others, which comes free as the hour passes.
func TestThrottleKeepsAShareFromBackfill(t *testing.T) {
	for _, c := range []struct {
		name    string
		into    time.Duration // the hour, which lasts an hour
		used    int
		reserve int
		class   drchrono.Class
		left    int           // after the call; -1: it is not booked
		until   time.Duration // into the hour
	}{
		{"backfill begins", time.Minute, 0, 0, drchrono.Backfill, 179, 0},
		{"its share is spent", time.Minute, 180, 0, drchrono.Backfill, -1, 15 * time.Minute},
		{"a quarter came free", 16 * time.Minute, 180, 0, drchrono.Backfill, 4, 0},
		{"and is spent", 16 * time.Minute, 185, 0, drchrono.Backfill, -1, 30 * time.Minute},
		{"the last quarter", 50 * time.Minute, 194, 0, drchrono.Backfill, 0, 0},
		{"of which a quarter stays", 50 * time.Minute, 195, 0, drchrono.Backfill, -1, time.Hour + time.Second},
		{"all is spent", time.Minute, 200, 0, drchrono.Backfill, -1, time.Hour + time.Second},
		{"ordinary calls have it all", time.Minute, 199, 0, drchrono.Scheduled, 0, 0},
		{"urgent ones, too", time.Minute, 199, 0, drchrono.Interactive, 0, 0},
		{"until the end", time.Minute, 200, 0, drchrono.Interactive, -1, time.Hour + time.Second},
		{"a larger share", time.Minute, 99, 50, drchrono.Backfill, 0, 0},
		{"and no more", time.Minute, 100, 50, drchrono.Backfill, -1, 15 * time.Minute},
		{"no share", time.Minute, 199, -1, drchrono.Backfill, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := open(t)
			ledger := s.Throttle(store.Limits{PerHour: 200, Reserve: c.reserve})
			// The next call is that far into the hour after this one.
			hour := time.Now().Truncate(time.Hour).Add(time.Hour)
			if _, err := s.Pool().Exec(t.Context(), `insert into august.throttle (application, next_at, hour, used) values ('app', $1, $2, $3)`,
				hour.Add(c.into), hour, c.used); err != nil {
				t.Fatal(err)
			}
			slot, err := store.ReserveNow(t.Context(), ledger, "app", c.class, 3*time.Hour)
			switch {
			case err != nil && c.left >= 0:
				t.Errorf("not booked: %v", err)
			case c.left >= 0 && slot.Left != c.left:
				t.Errorf("left %d, want %d", slot.Left, c.left)
			case c.left < 0:
				var e *drchrono.Error
				if !errors.As(err, &e) || e.Kind != drchrono.Throttled || !e.Until.Equal(hour.Add(c.until)) {
					t.Errorf("%v, want a pause until %v", err, hour.Add(c.until))
				}
			}
		})
	}
}

// What the source does not say is learned from how it refuses.
func TestThrottleLearnsTheLimitOfTenMinutes(t *testing.T) {
	for _, c := range []struct {
		name  string
		calls int // in the last ten minutes
		pause time.Duration
		want  string
	}{
		{"long and in mid-hour", 290, 4 * time.Minute, "276"},
		{"short: the second's limit", 290, time.Second, "null"},
		{"longer than ten minutes", 290, 20 * time.Minute, "null"},
		{"after few calls: another program", 60, 4 * time.Minute, "null"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := open(t)
			// An hour that is longer, so that its turn is nowhere near: some of these turn at the same time, not all.
			var length time.Duration
			for _, length = range []time.Duration{2 * time.Hour, 3 * time.Hour, 5 * time.Hour, 7 * time.Hour} {
				if time.Until(time.Now().Truncate(length).Add(length)) > 30*time.Minute {
					break
				}
			}
			ledger := s.Throttle(store.Limits{PerHour: 500, Hour: length})
			if _, err := ledger.Reserve(t.Context(), "app", drchrono.Interactive, time.Minute); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Pool().Exec(t.Context(), `insert into august.throttle_minute
				select 'app', date_trunc('minute', now()) - n * interval '1 minute', $1 / 5 from generate_series(2, 6) n`, c.calls); err != nil {
				t.Fatal(err)
			}
			if err := ledger.Pause(t.Context(), "app", c.pause); err != nil {
				t.Fatal(err)
			}
			var got string
			if err := s.Pool().QueryRow(t.Context(), `select coalesce(rolling::text, 'null') from august.throttle`).Scan(&got); err != nil || got != c.want {
				t.Errorf("learned %s, want %s (%v)", got, c.want, err)
			}
			if c.want == "null" {
				return
			}
			// It holds after the pause, until the oldest minute has gone; and is forgotten in the end.
			if _, err := s.Pool().Exec(t.Context(), `update august.throttle set paused_until = now(), next_at = now()`); err != nil {
				t.Fatal(err)
			}
			var e *drchrono.Error
			if _, err := ledger.Reserve(t.Context(), "app", drchrono.Interactive, time.Second); !errors.As(err, &e) || time.Until(e.Until) > 6*time.Minute || time.Until(e.Until) < 3*time.Minute {
				t.Errorf("error %v", err)
			}
			if _, err := s.Pool().Exec(t.Context(), `update august.throttle set rolling_until = now()`); err != nil {
				t.Fatal(err)
			}
			if _, err := ledger.Reserve(t.Context(), "app", drchrono.Interactive, time.Second); err != nil {
				t.Error(err)
			}
		})
	}
}
