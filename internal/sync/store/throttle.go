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
	PerSecond int           // calls in any one second; default 9, as DrChrono throttles the tenth
	PerHour   int           // calls in one clock hour; default 500
	Hour      time.Duration // length of that hour; default an hour

	// Reserve is the share of the hour, in percent, that backfill leaves to the other classes. What they
	// do not use comes free by a quarter with each quarter of the hour. Default 10; NoReserve: none.
	Reserve int
}

// What the budget is unless the limits say otherwise.
const (
	DefaultPerSecond = 9
	DefaultPerHour   = 500
	DefaultReserve   = 10
	NoReserve        = -1
)

// Throttle is the durable ledger of every application's calls. All instances draw on the same one,
// and its clock is the database's, so theirs need not agree.
type Throttle struct {
	store   *Store
	spacing time.Duration
	limits  Limits
	turns   [drchrono.Backfill + 1]chan struct{}
}

// ahead is how far into the future a call of each class may be booked. The most urgent may join the
// end of the queue; the others only while the queue is shorter than this, and so they never hold up an
// urgent call by more, on whatever instance. The steps are wide enough for a booking's way to the
// database and back.
var ahead = [...]time.Duration{
	drchrono.Interactive: 24 * time.Hour,
	drchrono.Scheduled:   600 * time.Millisecond,
	drchrono.Backfill:    300 * time.Millisecond,
}

// enough is how long a call gives way to more urgent ones. Then it joins the queue as they do, so that
// nothing starves.
const enough = 5 * time.Second

// Throttle prepares a ledger with the given limits.
func (s *Store) Throttle(l Limits) *Throttle {
	if l.PerSecond <= 0 {
		l.PerSecond = DefaultPerSecond
	}
	if l.PerHour <= 0 {
		l.PerHour = DefaultPerHour
	}
	if l.Hour <= 0 {
		l.Hour = time.Hour
	}
	if l.Reserve == 0 {
		l.Reserve = DefaultReserve
	}
	l.Reserve = min(max(l.Reserve, 0), 90)
	// Calls are spaced evenly, a little wider than the limit: the network shortens some gaps.
	t := &Throttle{store: s, spacing: time.Second * 106 / 100 / time.Duration(l.PerSecond), limits: l}
	for i := range t.turns {
		t.turns[i] = make(chan struct{}, 1)
	}
	return t
}

// The source counts clock hours by its own clock, and a call takes time to arrive: no call is booked
// within a second of the hour's turn, so both sides count it in the same hour.
//
// clock_timestamp() is read under the row's lock; "for update" sees the row as the last booking left it.
//
// $1 application, $2 calls an hour, $3 spacing, $4 longest wait, $5 how far ahead, $6 share of the hour
// that is not this class's, $7 length of the hour.
const qReserve = `
with cur as materialized (
	select application, hour, used, clock_timestamp() as now, greatest(clock_timestamp(), next_at, paused_until) as at,
		case when rolling_until > clock_timestamp() then rolling end as rolling
	from august.throttle where application = $1 for update
), clear as (
	select application, hour, used, now, rolling,
		case when date_bin($7, at + interval '1 second', 'epoch') > date_bin($7, at - interval '1 second', 'epoch')
		then date_bin($7, at + interval '1 second', 'epoch') + interval '1 second' else at end as at
	from cur
), counted as (
	select application, now, at, date_bin($7, at, 'epoch') as hour, rolling * (1 - $6::float8) as rolling,
		case when hour = date_bin($7, at, 'epoch') then used else 0 end as used,
		floor(4 * extract(epoch from at - date_bin($7, at, 'epoch')) / extract(epoch from $7::interval))::int as quarter,
		case when rolling is not null then coalesce((select sum(m.calls) from august.throttle_minute m
			where m.application = $1 and m.minute > at - interval '11 minutes'), 0) end as recent
	from clear
), allowed as (
	select *, $2::int - case when $6::float8 > 0 then ceil($2::int * $6::float8 * (4 - quarter) / 4)::int else 0 end as most from counted
), decided as (
	select application, now, hour, used, most,
		case
		when used >= $2 or used >= most and quarter = 3 then hour + $7::interval + interval '1 second'
		when used >= most then hour + $7::interval * (quarter + 1) / 4
		when recent >= rolling then (select min(m.minute) from august.throttle_minute m
			where m.application = $1 and m.minute > at - interval '11 minutes') + interval '11 minutes 1 second'
		else at end as at,
		used < most and not coalesce(recent >= rolling, false) and at <= now + $4::interval as free
	from allowed
), booked as (
	select *, free and at <= now + $5::interval as booked from decided
), booking as (
	update august.throttle t set next_at = d.at + $3::interval, hour = d.hour, used = d.used + 1, calls = t.calls + 1
	from booked d where t.application = d.application and d.booked
), minute as (
	insert into august.throttle_minute as m (application, minute, calls) select application, date_trunc('minute', at), 1 from booked where booked
	on conflict (application, minute) do update set calls = m.calls + 1
), old as (
	delete from august.throttle_minute m using booked d where d.booked and d.used = 0 and m.application = $1 and m.minute < d.now - interval '1 hour'
)
select free, booked, at, greatest(at - now, interval '0'), greatest(most - used - 1, 0) from booked`

// Reserve books the application's next call; see drchrono.Ledger. An instance asks for one call of a
// class at a time: the others of that class wait here, not in the database.
func (t *Throttle) Reserve(ctx context.Context, application string, class drchrono.Class, maxWait time.Duration) (drchrono.Slot, error) {
	class = min(class, drchrono.Backfill)
	select {
	case t.turns[class] <- struct{}{}:
		defer func() { <-t.turns[class] }()
	case <-ctx.Done():
		return drchrono.Slot{}, ctx.Err()
	}
	for began := time.Now(); ; {
		early := ahead[class]
		if time.Since(began) > enough {
			early = ahead[drchrono.Interactive]
		}
		slot, booked, err := t.book(ctx, application, class, maxWait, early)
		if err != nil || booked {
			return slot, err
		}
		select { // others are before it
		case <-ctx.Done():
			return drchrono.Slot{}, ctx.Err()
		case <-time.After(max(slot.Wait-early, time.Millisecond)):
		}
	}
}

// book books the next call unless it is further away than early.
func (t *Throttle) book(ctx context.Context, application string, class drchrono.Class, maxWait, early time.Duration) (slot drchrono.Slot, booked bool, err error) {
	share := 0.0
	if class == drchrono.Backfill {
		share = float64(t.limits.Reserve) / 100
	}
	for {
		var free bool
		err := t.store.pool.QueryRow(ctx, qReserve, application, t.limits.PerHour, t.spacing, maxWait, early, share, t.limits.Hour).
			Scan(&free, &booked, &slot.At, &slot.Wait, &slot.Left)
		if errors.Is(err, pgx.ErrNoRows) {
			_, err = t.store.pool.Exec(ctx, `insert into august.throttle (application) values ($1) on conflict do nothing`, application)
			if err == nil {
				continue
			}
		}
		if err != nil {
			return slot, false, fmt.Errorf("reserve a call: %w", err)
		}
		if !free {
			return drchrono.Slot{}, false, &drchrono.Error{Kind: drchrono.Throttled, Until: slot.At}
		}
		return slot, booked, nil
	}
}

// fewest is the smallest limit of ten minutes that is believed: a pause that came after fewer calls has
// another reason, such as another program that uses the application.
const fewest = 100

// Pause stops all calls of the application for d; a longer pause under way stands.
//
// A pause that neither the second's limit explains, as it is long, nor the hour's, as it ends in mid-hour,
// is one of the limit of ten minutes that integrations report and no document names. Then what was called
// in the last ten minutes, less a little, is taken for that limit, for a day.
func (t *Throttle) Pause(ctx context.Context, application string, d time.Duration) error {
	_, err := t.store.pool.Exec(ctx, `
		with recent as (
			select coalesce(sum(calls), 0) * 95 / 100 as calls from august.throttle_minute where application = $1 and minute > clock_timestamp() - interval '10 minutes'
		), seen as (
			select case when $2::interval between interval '5 seconds' and interval '10 minutes 10 seconds' and calls >= $3
				and abs(extract(epoch from clock_timestamp() + $2::interval - date_bin($4, clock_timestamp() + $2::interval + $4::interval / 2, 'epoch'))) > 60
				then calls::int end as calls from recent
		)
		insert into august.throttle as t (application, paused_until, rolling, rolling_until)
			select $1, clock_timestamp() + $2::interval, calls, case when calls is null then '-infinity' else clock_timestamp() + interval '1 day' end from seen
		on conflict (application) do update set paused_until = greatest(t.paused_until, excluded.paused_until),
			rolling = case when excluded.rolling is null then t.rolling when t.rolling_until > clock_timestamp() then least(t.rolling, excluded.rolling) else excluded.rolling end,
			rolling_until = greatest(t.rolling_until, excluded.rolling_until)`, application, d, fewest, t.limits.Hour)
	if err != nil {
		return fmt.Errorf("pause calls: %w", err)
	}
	return nil
}
