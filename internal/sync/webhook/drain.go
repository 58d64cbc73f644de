package webhook

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"go.opentelemetry.io/otel/metric"

	pubsub "cloud.google.com/go/pubsub/v2"

	"github.com/feel-august/terraform-provider-august/internal/sync/store"
	"github.com/feel-august/terraform-provider-august/internal/sync/telemetry"
)

// laneLock is the class of the advisory locks of lanes. Whoever holds one applies that lane; it ends with the transaction,
// and with the session.
const laneLock = 0x61756c61

// A batch is one transaction: so many deliveries, and so many bytes, at most.
const (
	mostRows  = 500
	mostBytes = 4 << 20
)

// DrainConfig is what a Drain needs.
type DrainConfig struct {
	Store      *store.Store
	Datasets   map[string]Dataset
	Subscriber *pubsub.Subscriber // of the deliveries that Pub/Sub holds; nil: there are none
	Log        *slog.Logger       // default: discards
	Meter      metric.Meter       // default: discards
	// Batch hears of each batch that was applied: where it came from, how many deliveries it had, and how long it took.
	Batch func(source string, rows int, took time.Duration)

	Poll    time.Duration // between two looks into an empty inbox; default 150 ms
	Linger  time.Duration // before the next batch when the last one was small, so that more come together; default 15 ms
	Retry   time.Duration // after a failure, doubled up to Longest; default 50 ms
	Longest time.Duration // default 2 s
}

// Drain applies deliveries, beside those of other instances.
type Drain struct {
	applier
	cfg  DrainConfig
	wake chan struct{}
	turn sync.Mutex // one batch at a time: the pool is small
	fresh
}

// NewDrain prepares a drain.
func NewDrain(cfg DrainConfig) *Drain {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	for v, otherwise := range map[*time.Duration]time.Duration{
		&cfg.Poll: 150 * time.Millisecond, &cfg.Linger: 15 * time.Millisecond, &cfg.Retry: 50 * time.Millisecond, &cfg.Longest: 2 * time.Second,
	} {
		if *v <= 0 {
			*v = otherwise
		}
	}
	if cfg.Batch == nil {
		cfg.Batch = func(string, int, time.Duration) {}
	}
	d := &Drain{applier: applier{cfg.Store, cfg.Datasets}, cfg: cfg, wake: make(chan struct{}, 1)}
	d.instrument(cfg)
	return d
}

// Notify tells that the inbox holds something new. It never waits.
func (d *Drain) Notify() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// Run drains until ctx ends. What is in hand then is given back: it stays pending, or Pub/Sub has it again.
func (d *Drain) Run(ctx context.Context) {
	var parts sync.WaitGroup
	if d.cfg.Subscriber != nil {
		parts.Go(func() { d.pull(ctx) })
	}
	parts.Go(func() { d.keepHouse(ctx) })
	d.inbox(ctx)
	parts.Wait()
}

// inbox applies what waits in the inbox table.
func (d *Drain) inbox(ctx context.Context) {
	trouble := d.trouble("the inbox is not drained")
	for ctx.Err() == nil {
		n, err := d.pass(ctx)
		if trouble.note(ctx, err) {
			continue
		}
		pause := d.cfg.Linger
		switch {
		case n >= mostRows/2:
			continue
		case n == 0:
			pause = d.cfg.Poll
		}
		var wake chan struct{}
		if n == 0 {
			wake = d.wake
		}
		select {
		case <-ctx.Done():
		case <-wake:
		case <-time.After(pause):
		}
	}
}

// share is how many deliveries of a lane a batch takes.
type share struct {
	lane int16
	most int32
}

// pass applies one batch of the inbox. It takes as many lanes as fill the batch, and leaves the others to other instances.
func (d *Drain) pass(ctx context.Context) (n int, err error) {
	d.turn.Lock()
	defer d.turn.Unlock()
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, batchTime)
	defer cancel()
	shares, err := d.waiting(ctx)
	if err != nil || len(shares) == 0 {
		return 0, err
	}
	var list []*task
	var settled time.Time
	err = d.inTransaction(ctx, func(tx pgx.Tx, isolate bool) error {
		var w wishes
		var err error
		if list, w, err = d.take(ctx, tx, shares); err != nil || len(list) == 0 {
			return err
		}
		d.judge(list, w)
		if err := d.merge(ctx, tx, list, w, isolate); err != nil {
			return err
		}
		err = d.settle(ctx, tx, list)
		settled = time.Now()
		return err
	})
	if err != nil {
		return 0, err
	}
	if len(list) > 0 {
		d.cfg.Batch("inbox", len(list), time.Since(began))
	}
	d.measure(ctx, list, "inbox", time.Since(settled))
	return len(list), nil
}

// batchTime bounds a batch: a database that vanished without a word must not hold it up for ever.
const batchTime = time.Minute

// waiting is the shares of the next batch, of lanes in any order.
func (d *Drain) waiting(ctx context.Context) ([]share, error) {
	rows, _ := d.store.Pool().Query(ctx, `
		select lane::smallint, n::integer from generate_series(0, $1 - 1) lane cross join lateral (
			select count(*) as n from (select from august.inbox where state = 'pending' and lane = lane.lane limit $2) i) c
		where n > 0`, Lanes, mostRows)
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (s share, err error) { return s, row.Scan(&s.lane, &s.most) })
	if err != nil {
		return nil, fmt.Errorf("look into the inbox: %w", err)
	}
	//nolint:gosec // spreads instances over the lanes; nothing hangs on its being hard to guess
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	left := int32(mostRows)
	for i := range all {
		all[i].most = min(all[i].most, left)
		if left -= all[i].most; left == 0 {
			return all[:i+1], nil
		}
	}
	return all, nil
}

// take locks the lanes that nobody else has, and reads what waits there.
func (d *Drain) take(ctx context.Context, tx pgx.Tx, shares []share) ([]*task, wishes, error) {
	lanes, mosts := make([]int16, len(shares)), make([]int32, len(shares))
	for i, s := range shares {
		lanes[i], mosts[i] = s.lane, s.most
	}
	// What a lane holds is read by a statement of its own: one that waited for the lock would not see what its holder did.
	rows, _ := tx.Query(ctx, `select lane, most from unnest($1::smallint[], $2::integer[]) u(lane, most) where pg_try_advisory_xact_lock($3, lane)`, lanes, mosts, laneLock)
	held, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (s share, err error) { return s, row.Scan(&s.lane, &s.most) })
	if err != nil || len(held) == 0 {
		return nil, wishes{}, err
	}
	lanes, mosts = lanes[:len(held)], mosts[:len(held)]
	for i, s := range held {
		lanes[i], mosts[i] = s.lane, s.most
	}
	var list []*task
	var w wishes
	b := &pgx.Batch{}
	b.Queue(qWaiting, lanes, mosts, mostBytes).Query(func(rows pgx.Rows) (err error) {
		list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (*task, error) {
			t := new(task)
			var object []byte
			err := row.Scan(&t.row, &t.ID, &t.Event, &t.Subject.Kind, &t.Subject.Key, &object, &t.Received)
			t.Object = object
			return t, err
		})
		return err
	})
	b.Queue(qSpecs).Query(func(rows pgx.Rows) error {
		specs, err := scanSpecs(rows)
		w = d.wishesOf(specs)
		return err
	})
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return nil, w, fmt.Errorf("read the inbox: %w", err)
	}
	return list, w, nil
}

// qWaiting is the first deliveries of each lane, up to a sum of bytes, in the order in which they came.
const qWaiting = `
select id, delivery, event, kind, key, object, received_at from (
	select i.*, sum(octet_length(object)) over (order by i.lane, i.id rows between unbounded preceding and 1 preceding) as before
	from unnest($1::smallint[], $2::integer[]) u(lane, most)
	cross join lateral (select * from august.inbox where state = 'pending' and lane = u.lane order by id limit u.most) i
) b where coalesce(before, 0) < $3 order by id`

// settle writes down what became of a batch. Objects that are of no more use are not kept.
func (d *Drain) settle(ctx context.Context, tx pgx.Tx, list []*task) error {
	ids, states, reasons := make([]int64, len(list)), make([]string, len(list)), make([]string, len(list))
	for i, t := range list {
		ids[i], states[i], reasons[i] = t.row, t.state, t.reason
	}
	var at time.Time
	if err := tx.QueryRow(ctx, `
		with settled as (
			update august.inbox i set state = u.state, reason = u.reason, attempts = attempts + 1, settled_at = clock_timestamp(),
				object = case when u.state in ('parked', 'unknown') then object end
			from unnest($1::bigint[], $2::text[], $3::text[]) u(id, state, reason) where i.id = u.id returning settled_at)
		select max(settled_at) from settled`, ids, states, reasons).Scan(&at); err != nil {
		return fmt.Errorf("settle deliveries: %w", err)
	}
	for _, t := range list {
		t.settled = at
	}
	return nil
}

// trouble paces tries while something fails, and says it once.
type trouble struct {
	*Drain
	what  string
	since time.Time
	pause time.Duration
}

func (d *Drain) trouble(what string) *trouble { return &trouble{Drain: d, what: what} }

// note tells whether err calls for another try, after it has waited for that.
func (t *trouble) note(ctx context.Context, err error) bool {
	switch {
	case ctx.Err() != nil:
		return true
	case err == nil:
		if !t.since.IsZero() {
			t.cfg.Log.InfoContext(ctx, "deliveries are applied again", "after", time.Since(t.since).Round(time.Millisecond))
		}
		t.since, t.pause = time.Time{}, 0
		return false
	case t.since.IsZero():
		t.since = time.Now()
		t.cfg.Log.ErrorContext(ctx, t.what+"; it is tried again and again, and nothing is lost", "error", telemetry.ErrorText(err))
	}
	if store.Outage(err) {
		t.store.Pool().Reset() // whatever led to that server is not to be tried again
	}
	t.pause = min(max(2*t.pause, t.cfg.Retry), t.cfg.Longest)
	select {
	case <-ctx.Done():
	case <-time.After(t.pause/2 + rand.N(t.pause)): //nolint:gosec // spreads tries; nothing hangs on its being hard to guess
	}
	return true
}
