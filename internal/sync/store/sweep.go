package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/sync/audit"
	"github.com/feel-august/terraform-provider-august/internal/sync/feed"
)

// Sweep is one pass over a feed's list. It outlives the run that began it: a later run goes on where
// it stopped.
type Sweep struct {
	ID      int64
	Full    bool
	Since   string    // lower bound as sent to the source, "" for none
	Started time.Time // by this database's clock
	Pages   []SweepPage

	Values []string   // that the feed's split takes one after the other; nil: the list is read whole
	ReadAt *time.Time // when the last complete sweep began; nil: there was none
}

// SweepPage is a page that a sweep has stored.
type SweepPage struct {
	Number int
	Next   string
	Pages  int
	Total  int64
	At     time.Time
	Part   string // value of the feed's split that it belongs to
}

// overlap is read again by every incremental sweep: the source's times name no zone, its lists may
// trail its writes, and clocks fold.
const overlap = 24 * time.Hour

// resumable is how old an unfinished sweep may be for its pages to count.
const resumable = 24 * time.Hour

// resumableParts is the same for a sweep in parts. Each part is a list of its own that is read at once, and
// thousands of them can take more than a day of the source's calls.
const resumableParts = 7 * 24 * time.Hour

// OpenSweep resumes the feed's unfinished sweep, or begins one: full when the feed has no watermark
// yet, and when none was completed since fullSince, unless that is nil. A sweep of a feed that is read
// in parts may still need its Values: see NeedsParts.
func (s *Store) OpenSweep(ctx context.Context, f *feed.Feed, pipeline string, fullSince *time.Time) (Sweep, error) {
	var w Sweep
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `insert into august.checkpoint (pipeline, feed) values ($1, $2) on conflict do nothing`, pipeline, f.Name); err != nil {
			return err
		}
		var watermark, started, fullAt, readAt *time.Time
		var id *int64
		var young bool
		if err := tx.QueryRow(ctx, `select watermark, full_at, read_at, sweep, sweep_full, sweep_since, sweep_started, sweep_values,
				coalesce(sweep_started > now() - case when sweep_values is null then $3::interval else $4::interval end, false)
			from august.checkpoint where pipeline = $1 and feed = $2 for update`, pipeline, f.Name, resumable, resumableParts,
		).Scan(&watermark, &fullAt, &readAt, &id, &w.Full, &w.Since, &started, &w.Values, &young); err != nil {
			return err
		}
		w.ReadAt = readAt
		never := watermark == nil // was everything read
		if f.Split != nil {
			never = fullAt == nil || f.Split.Always
		} else if !f.Since {
			never = true
		}
		full := never || fullSince != nil && (fullAt == nil || fullAt.Before(*fullSince))
		if young && id != nil && (w.Full || !full) {
			w.ID, w.Started = *id, *started
			return w.load(ctx, tx)
		}
		w = Sweep{Full: full, Since: f.SinceAll, ReadAt: readAt}
		if !full && f.Since {
			// Without an offset: the source refuses one.
			w.Since = watermark.Add(-overlap).Format("2006-01-02T15:04:05")
		}
		if id != nil {
			if _, err := tx.Exec(ctx, `delete from august.sweep_page where sweep = $1`, *id); err != nil {
				return err
			}
		}
		return tx.QueryRow(ctx, `update august.checkpoint set sweep = nextval('august.sweep_number'), sweep_full = $3, sweep_since = $4,
			sweep_values = null, sweep_started = clock_timestamp(), updated_at = now() where pipeline = $1 and feed = $2 returning sweep, sweep_started`,
			pipeline, f.Name, w.Full, w.Since).Scan(&w.ID, &w.Started)
	})
	if err != nil {
		return w, fmt.Errorf("open a sweep of %s: %w", f.Name, err)
	}
	return w, nil
}

func (w *Sweep) load(ctx context.Context, tx pgx.Tx) error {
	rows, err := tx.Query(ctx, `select page, next, pages, total, fetched_at, part from august.sweep_page where sweep = $1 order by page`, w.ID)
	if err != nil {
		return err
	}
	w.Pages, err = pgx.CollectRows(rows, pgx.RowToStructByPos[SweepPage])
	return err
}

// Abandon forgets an unfinished sweep, so that the next one begins anew.
func (s *Store) Abandon(ctx context.Context, w Sweep) error {
	_, err := s.pool.Exec(ctx, `with gone as (delete from august.sweep_page where sweep = $1) update august.checkpoint set sweep_started = null where sweep = $1`, w.ID)
	if err != nil {
		return fmt.Errorf("abandon a sweep: %w", err)
	}
	return nil
}

// ImplausibleError is a complete sweep that missed too many rows to believe that they are gone.
type ImplausibleError struct {
	Feed          string
	Missing, Held int64
}

func (e *ImplausibleError) Error() string {
	return fmt.Sprintf("%s: the full sync did not see %d of %d rows, too many to believe that they were deleted; nothing was marked as deleted. "+
		"Check in DrChrono that the authorised user still sees all doctors and offices, then request a full sync", e.Feed, e.Missing, e.Held)
}

// A sweep may miss plausibleRows, or plausibleShare of the rows if that is more.
const (
	plausibleRows  = 50
	plausibleShare = 0.20
)

// judges tells that what a complete sweep has not seen may be gone: one that was full, or one of all of
// some parts.
func (w Sweep) judges(f *feed.Feed) bool { return f.Sweep && (w.Full || f.Split != nil) }

// Plausible tells that deletions explain that so many of the rows that are held are missing at the source.
func Plausible(missing, held int64) bool {
	return missing <= plausibleRows || float64(missing) <= plausibleShare*float64(held)
}

// Missing lists the rows that a complete sweep has not seen, although it read where they would be, and that
// were not written since it began. Beyond a plausible share it returns an *ImplausibleError; a sweep with a
// row whose key was unreadable proves nothing and misses none.
func (s *Store) Missing(ctx context.Context, f *feed.Feed, w Sweep) ([]string, error) {
	if !w.judges(f) {
		return nil, nil
	}
	var within string // the parts that were read
	if w.Values != nil {
		within = fmt.Sprintf("and t.%s in (select unnest($3::text[])::bigint)", ident(f.Split.Column))
	} else {
		within = "and $3::text[] is null"
	}
	var keys []string
	var held int64
	err := s.pool.QueryRow(ctx, fmt.Sprintf(`
		with seen as materialized (select unnest(keys)::%[3]s as key from august.sweep_page where sweep = $1),
		missing as (
			select t.%[1]s as key from %[2]s t
			where t.deleted_at_source is null and t.observed_at < $2 %[4]s and not exists (select from seen s where s.key = t.%[1]s)
		),
		gone as (select coalesce(array_agg(key::text order by key), '{}') as keys from missing)
		select keys, case when cardinality(keys) > %[5]d then (select count(*) from %[2]s where deleted_at_source is null) else 0 end from gone
		where not exists (select from august.sweep_page where sweep = $1 and keyless > 0)`, ident(f.Key), table(f), keyType(f), within, plausibleRows),
		w.ID, w.Started, w.Values).Scan(&keys, &held)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look for rows of %s that are gone: %w", f.Name, err)
	}
	if n := int64(len(keys)); !Plausible(n, held) {
		return nil, &ImplausibleError{Feed: f.Name, Missing: n, Held: held}
	}
	return keys, nil
}

// CloseSweep ends a sweep: it marks the rows that are gone, moves the watermark and drops the pages.
// gone are rows of Missing that were looked for and not found. With keep the watermark stays where it was.
func (s *Store) CloseSweep(ctx context.Context, f *feed.Feed, h Holder, pipeline string, w Sweep, gone []Gone, keep bool) (Counts, error) {
	var c Counts
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if err := hold(ctx, tx, h); err != nil {
			return err
		}
		if len(gone) > 0 {
			if err := mark(ctx, tx, f, gone, &c); err != nil {
				return err
			}
		}
		for _, other := range slices.Sorted(maps.Keys(f.Deletes)) {
			var n int64
			if err := tx.QueryRow(ctx, qMarkOther(f, other, f.Deletes[other], w.Full)).Scan(&n); err != nil {
				return err
			}
			c.Deleted += n
		}
		// Rows changed while the sweep was under way may have been passed by: step back by its length.
		if _, err := tx.Exec(ctx, `
			with p as (select max(newest) - (max(fetched_at) - min(fetched_at)) as newest from august.sweep_page where sweep = $3)
			update august.checkpoint c set watermark = case when $4 then c.watermark else greatest(c.watermark, p.newest) end, sweep_started = null, updated_at = now(),
				full_at = case when c.sweep_full and not $4 then clock_timestamp() else c.full_at end,
				fresh_at = case when $4 then c.fresh_at else c.sweep_started end,
				read_at = case when $4 then c.read_at else c.sweep_started end
			from p where c.pipeline = $1 and c.feed = $2 and c.sweep = $3`, pipeline, f.Name, w.ID, keep); err != nil {
			return err
		}
		if w.judges(f) && !keep {
			if _, err := tx.Exec(ctx, `update august.checkpoint set missed = '{}', missed_sweep = null where pipeline = $1 and feed = $2 and missed_sweep <> $3`, pipeline, f.Name, w.ID); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(ctx, `delete from august.sweep_page where sweep = $1`, w.ID); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `update august.feed_run set deleted = deleted + $3, state = $4, finished_at = now() where run_id = $1 and feed = $2`,
			h.Run, f.Name, c.Deleted, map[bool]string{false: "succeeded", true: "failed"}[keep])
		return err
	})
	if err != nil && !errors.Is(err, ErrLeaseLost) {
		return c, fmt.Errorf("close the sweep of %s: %w", f.Name, err)
	}
	return c, err
}

// hold says that the transaction is the run's, and keeps that from being taken over until it ends: whoever did would look for
// missing rows among pages that are gone. Its lease can still be renewed.
func hold(ctx context.Context, tx pgx.Tx, h Holder) error {
	var run int64
	b := &pgx.Batch{}
	b.Queue(`select id from august.run where id = $1 and lease_owner = $2 and state = 'running' for key share`, h.Run, h.Instance).QueryRow(func(row pgx.Row) error {
		return row.Scan(&run)
	})
	audit.Run(h.Run).Queue(b)
	err := tx.SendBatch(ctx, b).Close()
	if errors.Is(err, pgx.ErrNoRows) {
		return ErrLeaseLost
	}
	return err
}

// mark marks rows that are gone.
func mark(ctx context.Context, tx pgx.Tx, f *feed.Feed, gone []Gone, c *Counts) error {
	var n int64
	keys, ats := goneColumns(gone)
	if err := tx.QueryRow(ctx, qMark(f), keys, ats).Scan(&n); err != nil {
		return fmt.Errorf("mark rows of %s as deleted: %w", f.Name, err)
	}
	c.Deleted += n
	return nil
}

func hash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
