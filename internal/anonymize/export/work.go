package export

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/evidence"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/scan"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/transform"
)

// table is a table of the export, and what has become of it.
type table struct {
	path    string
	query   query
	columns []evidence.Column
	becomes *transform.Table
	guard   *scan.Guard
	pages   int64 // of the largest of its partitions, when it is in parts
	whole   bool  // it cannot be read by pages

	mu      sync.Mutex
	rows    int64
	bytes   int64
	counted int64 // as PostgreSQL counts them
	objects []evidence.Object
}

// task is a piece of work: a span of a table's pages, or, without any, to count its rows.
type task struct {
	table    *table
	from, to int64 // pages; to 0: all from there on
}

func (t task) counts() bool { return t.from < 0 }

// condition is that of a span. Each row of the snapshot has one place, which it keeps while the snapshot is held.
func (t task) condition() string {
	if t.table.whole {
		return ""
	}
	c := fmt.Sprintf("t.ctid >= '(%d,0)'", t.from)
	if t.to > 0 {
		c += fmt.Sprintf(" and t.ctid < '(%d,0)'", t.to)
	}
	return c
}

// tasks cuts tables into spans, so that workers share a large one.
func tasks(tables []*table, span int64, workers int) []task {
	all, total := []task(nil), int64(0)
	for _, t := range tables {
		total += t.pages
	}
	for _, t := range tables {
		spans := t.spans(span, total/int64(workers))
		for i := range spans {
			one := task{table: t, from: i * t.pages / spans, to: (i + 1) * t.pages / spans}
			if i == spans-1 {
				one.to = 0
			}
			all = append(all, one)
		}
	}
	for _, t := range tables {
		all = append(all, task{table: t, from: -1})
	}
	return all
}

// joinedSpan is how much larger spans are of a table with others beside: for each span PostgreSQL reads those anew.
const joinedSpan = 4

// spans is into how many a table is cut, of which a worker has so large a share.
func (t *table) spans(span, share int64) int64 {
	joined := t.query.joins() > 0
	if joined {
		span *= joinedSpan
	}
	spans := max(1, (t.pages+span-1)/span)
	switch {
	case t.whole:
		return 1
	case t.pages >= 64 && (!joined || t.pages*3 > share*2): // a table of half a megabyte has two workers, if they had to wait for it
		return max(spans, 2)
	}
	return spans
}

// reader is one of the run's workers.
type reader struct {
	*run
	from *sessions
	sink *sink
}

// read has the workers do all tasks.
func (r *run) read(ctx context.Context, from *sessions, all []task) error {
	queue := make(chan task, len(all))
	for _, t := range all {
		queue <- t
	}
	close(queue)
	group, ctx := errgroup.WithContext(ctx)
	for range min(r.Workers, len(all)) {
		group.Go(func() error {
			w := &reader{r, from, &sink{bucket: r.Bucket, name: r.partName, most: r.PartBytes, told: r.progress.add}}
			for t := range queue {
				if err := w.insist(ctx, t); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// patience is how often a span is tried, and grace how long until it is tried again; then twice as long.
const (
	patience = 6
	grace    = 200 * time.Millisecond
)

// insist does a task, and does it again when a connection was lost or the bucket stumbled: the snapshot is still there.
func (w *reader) insist(ctx context.Context, t task) error {
	for attempt := 1; ; attempt++ {
		err := w.from.with(ctx, func(conn *pgx.Conn) error { return w.do(ctx, conn, t) })
		if err == nil {
			return nil
		}
		var stumbled *bucketError
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case attempt == patience || !lost(err) && !errors.As(err, &stumbled):
			return tableError(t.table.path, err)
		}
		w.Log.WarnContext(ctx, "a span is read again", "table", t.table.path, "attempt", attempt, "error", err.Error())
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(grace << (attempt - 1)):
		}
	}
}

func (w *reader) do(ctx context.Context, conn *pgx.Conn, t task) (err error) {
	if t.counts() {
		return conn.QueryRow(ctx, t.table.query.count()).Scan(&t.table.counted)
	}
	w.sink.begin(ctx, t.table)
	defer func() {
		if err != nil {
			w.sink.undo(context.WithoutCancel(ctx))
		}
	}()
	tag, err := conn.PgConn().CopyTo(ctx, w.sink, "copy ("+t.table.query.text(t.condition())+") to stdout")
	switch {
	case w.sink.err != nil:
		return w.sink.err
	case err != nil:
		return err
	}
	if err := w.sink.end(); err != nil {
		return err
	}
	if n := tag.RowsAffected(); n != w.sink.rows {
		return fmt.Errorf("PostgreSQL sent %d rows, and %d came", n, w.sink.rows)
	}
	t.table.add(w.sink)
	w.progress.done(t)
	return nil
}

// add notes what a span has become.
func (t *table) add(s *sink) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rows += s.rows
	t.bytes += s.bytes
	t.objects = append(t.objects, s.made...)
	for i, n := range s.nulls {
		t.columns[i].Nulls += n
	}
}
