package webhook

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/feel-august/terraform-provider-august/internal/sync/store"
)

// The inbox commits deliveries in groups, on one connection: while one transaction is being flushed to disk the next
// ones queue, and go together. No timer is needed, and an idle inbox writes the first one at once.
const (
	mostQueued     = 8192
	mostBatch      = 512
	mostBatchBytes = 4 << 20
)

// patience is how long a delivery waits while the database is away. An answer that comes late beats one refused, which
// DrChrono sends again only after an hour, so a restart or a quick failover is waited for. But no deadline of DrChrono's
// is documented, and senders commonly hang up after ten seconds: this and two tries at Pub/Sub stay below that.
const patience = 7 * time.Second

// A write that takes longer than writeTime is given up and made again on another connection. It may have been
// committed: then its rows are there already, and that is as good.
const (
	writeTime  = 3 * time.Second
	firstRetry = 50 * time.Millisecond
	mostRetry  = 400 * time.Millisecond
)

var (
	errInboxFull = errors.New("the inbox is full")
	errBusy      = errors.New("too many deliveries wait for the inbox")
	errLate      = errors.New("the inbox was not written in time")
)

// inbox writes deliveries to the table august.inbox.
type inbox struct {
	pool   *pgxpool.Pool // of one connection
	quota  *quota
	notify func()
	log    *slog.Logger
	meters *meters

	patience, writeTime time.Duration

	wake chan struct{} // something was queued
	quit chan struct{}
	done chan struct{}

	mu    sync.Mutex
	queue []*entry

	away bool // only the flusher's: the newest write found no database
}

// entry is a delivery that waits. Its caller may leave first: then it is empty.
type entry struct {
	delivery Delivery
	gone     bool // under the inbox's mutex
	settled  chan settled
}

type settled struct {
	fresh bool // it was not there before
	err   error
}

func newInbox(ctx context.Context, pool *pgxpool.Pool, quota *quota, notify func(), log *slog.Logger, meters *meters) *inbox {
	b := &inbox{pool: pool, quota: quota, notify: notify, log: log, meters: meters, patience: patience, writeTime: writeTime,
		wake: make(chan struct{}, 1), quit: make(chan struct{}), done: make(chan struct{})}
	go b.run(ctx)
	return b
}

// close ends the flusher. Whoever still waits is not answered by it any more.
func (b *inbox) close() {
	close(b.quit)
	<-b.done
}

// put returns when the delivery is committed, and tells whether it was new. It waits for nobody longer than patience.
func (b *inbox) put(ctx context.Context, d Delivery) (fresh bool, err error) {
	if !b.quota.admits(ctx) {
		return false, errInboxFull
	}
	e := &entry{delivery: d, settled: make(chan settled, 1)}
	b.mu.Lock()
	if len(b.queue) >= mostQueued {
		b.mu.Unlock()
		return false, errBusy
	}
	b.queue = append(b.queue, e)
	b.mu.Unlock()
	select {
	case b.wake <- struct{}{}:
	default:
	}
	late := time.NewTimer(b.patience)
	defer late.Stop()
	select {
	case s := <-e.settled:
		return s.fresh, s.err
	case <-late.C:
		b.mu.Lock()
		e.gone, e.delivery = true, Delivery{}
		b.mu.Unlock()
		return false, errLate
	}
}

// waiting is how many deliveries queue.
func (b *inbox) waiting() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.queue)
}

func (b *inbox) run(ctx context.Context) {
	defer close(b.done)
	pause := firstRetry
	for {
		batch, rows := b.take()
		if len(batch) == 0 {
			select {
			case <-b.wake:
				continue
			case <-b.quit:
				return
			}
		}
		if b.write(ctx, batch, rows) {
			pause = firstRetry
			continue
		}
		b.giveBack(batch)
		select {
		case <-time.After(pause/2 + rand.N(pause)): //nolint:gosec // nothing hangs on its being hard to guess
		case <-b.quit:
			return
		}
		pause = min(2*pause, mostRetry)
	}
}

// take takes the next batch off the queue. The deliveries are copied, as a caller that leaves empties its own.
func (b *inbox) take() ([]*entry, []Delivery) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var batch []*entry
	var rows []Delivery
	n, size := 0, 0
	for _, e := range b.queue {
		if len(batch) == mostBatch || size > mostBatchBytes {
			break
		}
		n++
		if !e.gone {
			batch, rows = append(batch, e), append(rows, e.delivery)
			size += len(e.delivery.Object)
		}
	}
	rest := copy(b.queue, b.queue[n:])
	clear(b.queue[rest:])
	b.queue = b.queue[:rest]
	return batch, rows
}

// giveBack queues a batch again, before what came meanwhile.
func (b *inbox) giveBack(batch []*entry) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.queue = append(batch, b.queue...)
}

// write commits a batch and answers it. It is false when the database is away: then it answered nothing.
func (b *inbox) write(ctx context.Context, batch []*entry, rows []Delivery) bool {
	fresh, err := b.insert(ctx, rows)
	switch {
	case err == nil:
		b.settle(ctx, batch, rows, fresh)
		b.said(nil)
		return true
	case refused(err) && len(rows) > 1: // one row must not fail its neighbours
		half := len(rows) / 2
		for _, part := range [][2]int{{0, half}, {half, len(rows)}} {
			if entries := batch[part[0]:part[1]]; !b.write(ctx, entries, rows[part[0]:part[1]]) {
				b.giveBack(entries)
			}
		}
		return true
	case refused(err):
		b.log.Error("the inbox refuses a delivery", "delivery", rows[0].ID, "error", err)
	case code(err) == "53100": // waiting does not help against a full disk
		b.said(err)
	default:
		b.said(err)
		b.pool.Reset() // another connection may lead to the new primary
		return false
	}
	for _, e := range batch {
		e.settled <- settled{err: err}
	}
	return true
}

// settle answers a batch that is committed.
func (b *inbox) settle(ctx context.Context, batch []*entry, rows []Delivery, fresh map[string]int) {
	var size int64
	for i, e := range batch {
		d := &rows[i]
		isNew := fresh[d.ID] > 0
		if isNew {
			fresh[d.ID]--
			size += int64(len(d.Object)) + rowSize
		}
		e.settled <- settled{fresh: isNew}
	}
	b.meters.batch.Record(ctx, int64(len(batch)))
	if size > 0 {
		b.quota.add(ctx, size)
		b.notify()
	}
}

// said tells of an outage once, and of its end.
func (b *inbox) said(err error) {
	if away := err != nil; away != b.away {
		b.away = away
		if away {
			b.log.Warn("the inbox cannot be written; deliveries wait for it, or are refused", "reason", store.Reason(err), "error", err)
		} else {
			b.log.Info("the inbox is written again")
		}
	}
}

// insertRows leaves received_at to the database's clock. Rows keep their order.
const insertRows = `insert into august.inbox (delivery, digest, event, kind, key, lane, practice, object, via)
	select t.*, 'inbox' from unnest($1::text[], $2::bytea[], $3::text[], $4::text[], $5::text[], $6::smallint[], $7::bigint[], $8::bytea[]) t
	on conflict (delivery, digest) do nothing
	returning delivery`

// insert commits rows, and tells how many of each delivery id were new.
func (b *inbox) insert(ctx context.Context, rows []Delivery) (map[string]int, error) {
	n := len(rows)
	ids, events, kinds, keys := make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	digests, objects := make([][]byte, n), make([][]byte, n)
	lanes, practices := make([]int16, n), make([]int64, n)
	for i := range rows {
		d := &rows[i]
		ids[i], digests[i], events[i], kinds[i], keys[i] = d.ID, d.Digest, d.Event, d.Subject.Kind, d.Subject.Key
		lanes[i], practices[i], objects[i] = d.Subject.Lane(), d.Practice, d.Object
	}
	ctx, cancel := context.WithTimeout(ctx, b.writeTime)
	defer cancel()
	answer, err := b.pool.Query(ctx, insertRows, ids, digests, events, kinds, keys, lanes, practices, objects)
	if err != nil {
		return nil, err
	}
	defer answer.Close()
	fresh := make(map[string]int, n)
	for answer.Next() {
		var id string
		if err := answer.Scan(&id); err != nil {
			return nil, err
		}
		fresh[id]++
	}
	return fresh, answer.Err() // the statement is its own transaction: without an error it is committed
}

// refused tells that the rows are at fault, not the database.
func refused(err error) bool {
	c := code(err)
	return strings.HasPrefix(c, "22") || strings.HasPrefix(c, "23") || strings.HasPrefix(c, "54")
}

func code(err error) string {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code
	}
	return ""
}
