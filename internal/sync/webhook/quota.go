package webhook

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// What waits is measured now and then, never per delivery, and at most a twentieth of the time goes into that. Between
// two measurements what this instance adds is added; what others add shows in the next.
const (
	measureEvery = 5 * time.Second
	measureShare = 20
	measureTime  = 30 * time.Second
)

// rowSize is about what a row takes beside its object, indexes included.
const rowSize = 300

// waiting is the size of what is not applied yet. What is parked counts, for it takes disk until a person has decided;
// what is done does not: housekeeping takes it away. Each state has an index of its own, so that the measurement reads
// no rows that are done.
const waiting = `select coalesce(sum(size), 0)::bigint from (
	select sum(coalesce(octet_length(object), 0) + $1) as size from august.inbox where state = 'pending'
	union all
	select sum(coalesce(octet_length(object), 0) + $1) from august.inbox where state = 'parked') s`

// quota keeps the inbox from filling the database's disk.
type quota struct {
	pool *pgxpool.Pool
	most int64 // bytes
	log  *slog.Logger

	mu       sync.Mutex
	held     int64 // measured, and added since
	added    int64 // while a measurement is under way; it may see that too, and then it counts twice until the next
	next     time.Time
	measures bool
	full     bool
}

// admits tells whether there is room.
func (q *quota) admits(ctx context.Context) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.full {
		q.refresh(ctx)
	}
	return !q.full
}

// add counts what was written.
func (q *quota) add(ctx context.Context, size int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.held += size
	if q.measures {
		q.added += size
	}
	q.judge()
	q.refresh(ctx)
}

// bytes is what waits, as far as is known.
func (q *quota) bytes() int64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.held
}

// judge opens again well below the quota, so as not to flutter.
func (q *quota) judge() {
	switch {
	case !q.full && q.held >= q.most:
		q.full = true
		q.log.Error("the inbox is full: deliveries are refused until the drain has caught up, parked ones are settled, or AUGUST_WEBHOOK_INBOX_MAX_MB is larger",
			"waiting_mb", q.held>>20)
	case q.full && q.held < q.most-q.most/10:
		q.full = false
		q.log.Info("the inbox has room again", "waiting_mb", q.held>>20)
	}
}

// refresh measures beside whoever asks, when it is time.
func (q *quota) refresh(ctx context.Context) {
	if q.measures || time.Now().Before(q.next) {
		return
	}
	q.measures, q.added = true, 0
	go q.measure(context.WithoutCancel(ctx))
}

func (q *quota) measure(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, measureTime)
	defer cancel()
	began := time.Now()
	var held int64
	err := q.pool.QueryRow(ctx, waiting, rowSize).Scan(&held)
	q.mu.Lock()
	defer q.mu.Unlock()
	q.measures, q.next = false, time.Now().Add(max(measureEvery, measureShare*time.Since(began)))
	if err == nil { // else the database is away, and the inbox says so
		q.held = held + q.added
		q.judge()
	}
}
