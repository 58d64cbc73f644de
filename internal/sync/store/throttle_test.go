package store_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/sync/drchrono"
	"github.com/feel-august/terraform-provider-august/internal/sync/store"
	"github.com/feel-august/terraform-provider-august/internal/sync/store/storetest"
)

// age is the length of an hour that does not turn while a test runs.
const age = 36_500 * 24 * time.Hour

func TestThrottleSpacesTheCallsOfAllInstances(t *testing.T) {
	db := storetest.New(t)
	limits := store.Limits{Hour: age}
	s := connect(t, db)
	if _, err := s.Throttle(limits).Reserve(t.Context(), "app", drchrono.Interactive, time.Minute); err != nil {
		t.Fatal(err)
	}
	// All are booked at the end of a queue, so that no gap comes of how long a booking takes.
	if _, err := s.Pool().Exec(t.Context(), `update august.throttle set next_at = clock_timestamp() + interval '10 minutes'`); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var at []time.Time
	var wg sync.WaitGroup
	for range 4 {
		ledger := connect(t, db).Throttle(limits)
		for range 4 {
			wg.Go(func() {
				for range 3 {
					slot, err := ledger.Reserve(t.Context(), "app", drchrono.Interactive, time.Hour)
					if err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					at = append(at, slot.At)
					mu.Unlock()
				}
			})
		}
	}
	wg.Wait()
	slices.SortFunc(at, time.Time.Compare)
	if len(at) != 48 {
		t.Fatalf("%d slots", len(at))
	}
	for i := 9; i < len(at); i++ {
		if gap := at[i].Sub(at[i-9]); gap <= time.Second {
			t.Errorf("ten calls within %v", gap)
		}
	}
	if spent := at[47].Sub(at[0]); spent > 6*time.Second {
		t.Errorf("48 calls take %v: the budget is not used", spent)
	}
}

func TestThrottleEndsTheHourAndHoldsPauses(t *testing.T) {
	s := open(t)
	ledger := s.Throttle(store.Limits{PerSecond: 1000, PerHour: 20, Hour: age})
	var booked int
	var wg sync.WaitGroup
	var mu sync.Mutex
	for range 8 {
		wg.Go(func() {
			for range 5 {
				_, err := ledger.Reserve(t.Context(), "app", drchrono.Interactive, time.Second)
				var e *drchrono.Error
				mu.Lock()
				switch {
				case err == nil:
					booked++
				case !errors.As(err, &e) || e.Kind != drchrono.Throttled || !e.Until.Equal(time.Unix(0, 0).Add(age+time.Second)):
					t.Errorf("error %v", err)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if booked != 20 {
		t.Errorf("%d calls booked in an hour of 20", booked)
	}
	if _, err := ledger.Reserve(t.Context(), "other", drchrono.Interactive, time.Second); err != nil {
		t.Errorf("another application has a budget of its own: %v", err)
	}
	// The next hour brings a new budget.
	if _, err := s.Pool().Exec(t.Context(), `update august.throttle set hour = hour - interval '36500 days' where application = 'app'`); err != nil {
		t.Fatal(err)
	}
	if _, err := ledger.Reserve(t.Context(), "app", drchrono.Interactive, time.Second); err != nil {
		t.Error(err)
	}
	// A pause holds, and a shorter one does not cut it.
	for _, d := range []time.Duration{time.Hour, time.Second} {
		if err := ledger.Pause(t.Context(), "app", d); err != nil {
			t.Fatal(err)
		}
	}
	slot, err := ledger.Reserve(t.Context(), "app", drchrono.Interactive, 2*time.Hour)
	if err != nil || slot.Wait < 30*time.Minute || slot.Wait > time.Hour {
		t.Errorf("slot %+v, %v", slot, err)
	}
	if _, err := ledger.Reserve(t.Context(), "app", drchrono.Interactive, time.Second); drchrono.KindOf(err) != drchrono.Throttled {
		t.Errorf("error %v", err)
	}
}

func TestThrottleKeepsClearOfTheHoursTurn(t *testing.T) {
	s := open(t)
	ledger := s.Throttle(store.Limits{})
	if _, err := ledger.Reserve(t.Context(), "app", drchrono.Interactive, time.Minute); err != nil {
		t.Fatal(err)
	}
	for _, offset := range []string{"-0.9", "0", "0.9"} {
		if _, err := s.Pool().Exec(t.Context(), `update august.throttle set next_at = date_trunc('hour', now()) + interval '1 hour' + $1::interval, used = 1`, offset+" seconds"); err != nil {
			t.Fatal(err)
		}
		slot, err := ledger.Reserve(t.Context(), "app", drchrono.Interactive, 2*time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		if turn := slot.At.Truncate(time.Hour); slot.At.Sub(turn) != time.Second {
			t.Errorf("booked %v after the turn", slot.At.Sub(turn))
		}
	}
}

func TestRefreshIsSingleFlightAndKeepsTheRotatedToken(t *testing.T) {
	db := storetest.New(t)
	var mu sync.Mutex
	minted := 0
	mint := func(_ context.Context, refresh string) (drchrono.Token, error) {
		mu.Lock()
		defer mu.Unlock()
		if minted++; refresh != "seed" {
			t.Errorf("refreshed with %q", refresh)
		}
		return drchrono.Token{Access: "access-1", Refresh: "rotated-1", Expires: time.Now().Add(48 * time.Hour)}, nil
	}
	var wg sync.WaitGroup
	for range 4 {
		vault := connect(t, db).Credentials()
		wg.Go(func() {
			tok, err := vault.Refresh(t.Context(), "app", "seed", "", mint)
			if err != nil || tok.Access != "access-1" {
				t.Errorf("%+v, %v", tok, err)
			}
		})
	}
	wg.Wait()
	if minted != 1 {
		t.Errorf("minted %d times", minted)
	}
	vault := connect(t, db).Credentials()
	if tok, err := vault.Token(t.Context(), "app", "seed"); err != nil || tok.Refresh != "rotated-1" {
		t.Errorf("%+v, %v", tok, err)
	}

	// A token minted while the caller was cancelled is kept: the old one is dead.
	ctx, cancel := context.WithCancel(t.Context())
	_, err := vault.Refresh(ctx, "app", "seed", "access-1", func(context.Context, string) (drchrono.Token, error) {
		cancel()
		return drchrono.Token{Access: "access-2", Refresh: "rotated-2"}, nil
	})
	if err != nil {
		t.Error(err)
	}
	if tok, err := vault.Token(t.Context(), "app", "seed"); err != nil || tok.Refresh != "rotated-2" || !tok.Expires.IsZero() {
		t.Errorf("%+v, %v", tok, err)
	}

	// So is one whose connection broke meanwhile.
	s := connect(t, db)
	_, err = s.Credentials().Refresh(t.Context(), "app", "seed", "access-2", func(context.Context, string) (drchrono.Token, error) {
		_, err := connect(t, db).Pool().Exec(t.Context(), `select pg_terminate_backend(pid) from pg_stat_activity where state = 'idle in transaction' and datname = current_database()`)
		return drchrono.Token{Access: "access-3", Refresh: "rotated-3"}, err
	})
	if err != nil {
		t.Error(err)
	}
	if tok, err := vault.Token(t.Context(), "app", "seed"); err != nil || tok.Refresh != "rotated-3" {
		t.Errorf("%+v, %v", tok, err)
	}

	// A refused grant is not tried again, until the secret is replaced.
	calls := 0
	dead := func(context.Context, string) (drchrono.Token, error) {
		calls++
		return drchrono.Token{}, &drchrono.Error{Kind: drchrono.Unauthorized, Err: drchrono.ErrGrant}
	}
	for range 3 {
		if _, err := vault.Refresh(t.Context(), "app", "seed", "access-3", dead); drchrono.KindOf(err) != drchrono.Unauthorized {
			t.Errorf("error %v", err)
		}
	}
	if calls != 1 {
		t.Errorf("a dead grant was tried %d times", calls)
	}
	if tok, err := vault.Token(t.Context(), "app", "seed-2"); err != nil || tok.Refresh != "seed-2" || tok.Access != "" {
		t.Errorf("%+v, %v", tok, err)
	}
}
