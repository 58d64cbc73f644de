package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
	"github.com/feel-august/terraform-provider-august/internal/sync/drchrono"
	"github.com/feel-august/terraform-provider-august/internal/sync/feed"
	"github.com/feel-august/terraform-provider-august/internal/sync/store"
)

// A reconciliation is a run that compares the pipeline's tables with the source and, when it is to, repairs what
// differs and nothing else. The source gives no hashes, so it is read in full: as many calls as a full sync.
//
// It is the pipeline's open run, so that no sync changes what is compared. What it has seen is stored with every page:
// another instance goes on with the next one, and reports what the first would have.

// reconcile compares feed by feed, leaving out those that an earlier lease has compared.
func (s *Service) reconcile(ctx context.Context, l lease, d Dataset, log *slog.Logger) error {
	if err := s.cfg.Store.DropComparisons(ctx); err != nil {
		return err
	}
	done, err := s.openFeeds(ctx, l, d.Feeds)
	if err != nil {
		return err
	}
	reading := drchrono.WithClass(ctx, drchrono.Backfill)
	for i := range d.Feeds {
		f := &d.Feeds[i]
		if done[f.Name] {
			continue
		}
		if err := s.begin(ctx, l, f); err != nil {
			return err
		}
		state, err := s.cfg.Store.OpenComparison(ctx, f, store.Holder{Run: l.run, Instance: s.cfg.Instance})
		if err != nil {
			return err
		}
		c := &comparison{pass: pass{Service: s, lease: l, feed: f, sweep: state.Sweep, log: log.With("feed", f.Name)}, state: state}
		c.sink = c
		if err := c.run(reading, d); err != nil {
			return fmt.Errorf("reconcile %s: %w", f.Name, err)
		}
	}
	return s.finish(ctx, l, nil)
}

// comparison reads a feed in full and compares instead of merging.
type comparison struct {
	pass
	state   store.Comparison
	planned int   // parts that the list was to be read in
	beyond  int64 // rows that only the database has, too many to ask for
}

func (c *comparison) run(ctx context.Context, d Dataset) error {
	c.planned = len(c.sweep.Values)
	for restarted := false; !c.state.Read; restarted = true {
		if err := c.plan(ctx, d); err != nil {
			return err
		}
		c.load()
		err := c.read(ctx)
		if c.astray(err) && !restarted {
			c.log.WarnContext(ctx, "stored pages do not lead on; the list is read from its beginning", "error", err)
			if err := c.split(ctx, nil); err != nil {
				return err
			}
			continue
		}
		if c.tooLong(err) {
			err = c.divide(ctx, d, err)
		}
		if err != nil {
			return err
		}
		if err := c.cfg.Store.ReadAll(ctx, c.feed, c.holder(), &c.state, c.sweep.Values, c.planned-len(c.sweep.Values)); err != nil {
			return err
		}
	}
	c.load()
	if err := c.judge(ctx); err != nil {
		return err
	}
	report, err := c.report(ctx)
	if err != nil {
		return err
	}
	raw, err := json.Marshal(report)
	if err != nil {
		return err
	}
	if err := c.cfg.Store.CloseComparison(ctx, c.feed, c.holder(), c.state, raw); err != nil {
		return err
	}
	c.log.InfoContext(ctx, "feed compared", "drift", report.Drift(), "repaired", report.Repaired, "uncompared", report.Uncompared)
	return nil
}

// keep compares pages, and repairs them when it is to.
func (c *comparison) keep(ctx context.Context, pages []store.Page) (all store.Counts, err error) {
	for _, page := range pages {
		n, err := c.cfg.Store.ComparePage(ctx, c.feed, c.holder(), c.lease.pipeline, page, c.lease.repair)
		if err != nil {
			return all, err
		}
		if !page.Again {
			c.lease.advanced.Store(true)
		}
		all.Add(n)
	}
	return all, nil
}

// split lets the list be read from its beginning: in parts, or whole with nil.
func (c *comparison) split(ctx context.Context, values []string) error {
	err := c.cfg.Store.Recompare(ctx, c.feed, c.holder(), &c.state, values)
	c.sweep, c.planned = c.state.Sweep, len(values)
	return err
}

// askable is how many rows that only the database has are asked for, a call each. When there are more, a full sync
// costs less.
const askable = 1000

// judge asks for rows that only the database has. As many as no deletion explains are not touched.
func (c *comparison) judge(ctx context.Context) error {
	for {
		keys, all, held, err := c.cfg.Store.Unseen(ctx, c.feed, c.state, verified)
		if err != nil || all == 0 {
			return err
		}
		if all > askable || !store.Plausible(all, held) {
			c.beyond = all
			c.log.WarnContext(ctx, "too many rows are missing at the source to believe it or to ask for them; none is touched", "rows", all, "held", held)
			return nil
		}
		gone, failure := c.verify(ctx, keys) // notes those that are there
		if failure != nil {
			keys = nil // which of them were asked for is not known
		}
		if err := c.cfg.Store.Judge(ctx, c.feed, c.holder(), c.state, gone, keys, c.lease.repair); err != nil {
			return err
		}
		if failure != nil {
			return failure
		}
	}
}

// report counts what was found, and compares both sides range by range.
func (c *comparison) report(ctx context.Context) (runtimeapi.ReconcileFeed, error) {
	one := runtimeapi.ReconcileFeed{Feed: c.feed.Name, Differ: []runtimeapi.ReconcileBucket{}}
	n, err := c.cfg.Store.Differences(ctx, c.feed, c.state)
	if err != nil {
		return one, err
	}
	one.Missing, one.Differs, one.Deleted, one.Gone, one.New, one.Repaired = n.Missing, n.Differs, n.Deleted, n.Gone+c.beyond, n.New, n.Repaired
	one.Uncompared = n.Bad + n.Unasked + int64(c.state.Refused)
	if err := c.cfg.Store.EachBucket(ctx, c.feed, c.state, func(b store.Bucket) {
		one.Buckets++
		one.Source += b.Source
		one.Database += b.Database
		if b.Source != b.Database || b.SourceHash != b.DatabaseHash {
			one.Differ = append(one.Differ, runtimeapi.ReconcileBucket{Keys: keysOf(b.Number), Source: b.Source, Database: b.Database,
				SourceHash: fmt.Sprintf("%016x", uint64(b.SourceHash)), DatabaseHash: fmt.Sprintf("%016x", uint64(b.DatabaseHash))}) //nolint:gosec // the bits of a hash
		}
	}); err != nil {
		return one, err
	}
	one.Problem = c.problem(n, len(one.Differ))
	return one, nil
}

// problem says what kept the feed from being compared as a whole.
func (c *comparison) problem(n store.Differences, differ int) string {
	var all []string
	add := func(number int64, text string) {
		if number > 0 {
			all = append(all, fmt.Sprintf(text, number))
		}
	}
	add(n.Bad, "%d rows of the source could not be decoded and were not compared: see the reasons in drchrono.quarantine")
	add(n.Unasked, "%d rows are only in the database, and whether they are gone could not be asked: see what the authorised user may read in DrChrono")
	add(int64(c.state.Refused), "%d parts of the list were refused and not compared")
	add(c.beyond, "%d rows are only in the database, too many to believe or to ask for: check in DrChrono that the authorised user still sees all doctors and offices, then request a full sync")
	if c.lease.repair && c.beyond == 0 {
		add(int64(differ), "%d ranges of keys still differ after the repair: reconcile again")
	}
	return strings.Join(all, "; ")
}

func keysOf(bucket *int64) string {
	if bucket == nil {
		return "other"
	}
	return fmt.Sprintf("%d-%d", *bucket*store.BucketSize, (*bucket+1)*store.BucketSize-1)
}

// settleReport makes the run's report of its feeds' and drops what they have left, in the transaction that ends the run.
func settleReport(ctx context.Context, tx pgx.Tx, l lease) error {
	report := runtimeapi.Reconcile{Pipeline: l.pipeline, Run: l.run, Repair: l.repair, Feeds: []runtimeapi.ReconcileFeed{}}
	if err := tx.QueryRow(ctx, `select started_at, clock_timestamp() from august.run where id = $1`, l.run).Scan(&report.StartedAt, &report.FinishedAt); err != nil {
		return err
	}
	report.StartedAt, report.FinishedAt = report.StartedAt.UTC(), report.FinishedAt.UTC()
	rows, _ := tx.Query(ctx, `
		with c as (delete from august.reconcile_feed where run_id = $1 returning feed, report)
		select c.report from c join august.feed_run f on f.run_id = $1 and f.feed = c.feed where c.report is not null order by f.ordinal`, l.run)
	var err error
	if report.Feeds, err = pgx.AppendRows(report.Feeds, rows, pgx.RowTo[runtimeapi.ReconcileFeed]); err != nil {
		return err
	}
	for _, one := range report.Feeds {
		report.Drift += one.Drift()
		report.Left += one.Drift() - one.Repaired
		report.Uncompared += one.Uncompared
	}
	raw, err := json.Marshal(report)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `update august.run set report = $2, finished_at = $3 where id = $1`, l.run, raw, report.FinishedAt)
	return err
}

// begin shows that a feed's turn has come.
func (s *Service) begin(ctx context.Context, l lease, f *feed.Feed) error {
	_, err := s.cfg.Store.Pool().Exec(ctx, `update august.feed_run set state = 'running', started_at = coalesce(started_at, clock_timestamp()) where run_id = $1 and feed = $2`,
		l.run, f.Name)
	return err
}

// reconciled is the newest report of a pipeline, nil without one.
func (s *Service) reconciled(ctx context.Context, name string) (*runtimeapi.Reconcile, error) {
	var report *runtimeapi.Reconcile
	err := s.cfg.Store.Pool().QueryRow(ctx, `select report from august.run where pipeline = $1 and kind = 'reconcile' and report is not null order by id desc limit 1`, name).Scan(&report)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	return report, err
}
