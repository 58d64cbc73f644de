package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/sync/drchrono"
)

// Limits is the source's call budget of one application.
type Limits struct {
	PerSecond int // calls in any one second; default 9, as DrChrono throttles the tenth
	PerHour   int // calls in one clock hour; default 500
}

// Throttle is the durable ledger of every application's calls. All instances draw on the same one,
// and its clock is the database's, so theirs need not agree.
type Throttle struct {
	store   *Store
	spacing time.Duration
	perHour int
}

// Throttle prepares a ledger with the given limits.
func (s *Store) Throttle(l Limits) *Throttle {
	if l.PerSecond <= 0 {
		l.PerSecond = 9
	}
	if l.PerHour <= 0 {
		l.PerHour = 500
	}
	// Calls are spaced evenly, a little wider than the limit: the network shortens some gaps.
	return &Throttle{store: s, spacing: time.Second * 108 / 100 / time.Duration(l.PerSecond), perHour: l.PerHour}
}

// The source counts clock hours by its own clock, and a call takes time to arrive: no call is booked
// within a second of the hour's turn, so both sides count it in the same hour.
//
// clock_timestamp() is read under the row's lock; "for update" sees the row as the last booking left it.
const qReserve = `
with cur as materialized (
	select application, hour, used, clock_timestamp() as now, greatest(clock_timestamp(), next_at, paused_until) as at
	from august.throttle where application = $1 for update
), clear as (
	select application, hour, used, now,
		case when date_trunc('hour', at + interval '1 second') > date_trunc('hour', at - interval '1 second')
		then date_trunc('hour', at + interval '1 second') + interval '1 second' else at end as at
	from cur
), counted as (
	select application, now, at, date_trunc('hour', at) as hour,
		case when hour = date_trunc('hour', at) then used else 0 end as used
	from clear
), decided as (
	select application, now, hour, used,
		case when used < $2 then at else hour + interval '1 hour 1 second' end as at,
		used < $2 and at <= now + $4::interval as booked
	from counted
), booking as (
	update august.throttle t set next_at = d.at + $3::interval, hour = d.hour, used = d.used + 1, calls = t.calls + 1
	from decided d where t.application = d.application and d.booked
)
select booked, at, greatest(at - now, interval '0') from decided`

// Reserve books the application's next call; see drchrono.Ledger.
func (t *Throttle) Reserve(ctx context.Context, application string, maxWait time.Duration) (drchrono.Slot, error) {
	for {
		var booked bool
		var slot drchrono.Slot
		err := t.store.pool.QueryRow(ctx, qReserve, application, t.perHour, t.spacing, maxWait).Scan(&booked, &slot.At, &slot.Wait)
		if errors.Is(err, pgx.ErrNoRows) {
			_, err = t.store.pool.Exec(ctx, `insert into august.throttle (application) values ($1) on conflict do nothing`, application)
			if err == nil {
				continue
			}
		}
		if err != nil {
			return drchrono.Slot{}, fmt.Errorf("reserve a call: %w", err)
		}
		if !booked {
			return drchrono.Slot{}, &drchrono.Error{Kind: drchrono.Throttled, Until: slot.At}
		}
		return slot, nil
	}
}

// Pause stops all calls of the application for d; a longer pause under way stands.
func (t *Throttle) Pause(ctx context.Context, application string, d time.Duration) error {
	_, err := t.store.pool.Exec(ctx, `
		insert into august.throttle (application, paused_until) values ($1, clock_timestamp() + $2::interval)
		on conflict (application) do update set paused_until = greatest(throttle.paused_until, excluded.paused_until)`, application, d)
	if err != nil {
		return fmt.Errorf("pause calls: %w", err)
	}
	return nil
}
