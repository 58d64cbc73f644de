package pipeline

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
	"github.com/feel-august/terraform-provider-august/internal/sync/drchrono"
	"github.com/feel-august/terraform-provider-august/internal/sync/store"
)

// ErrBusy says that a run of the pipeline is open, beside which nothing is compared.
var ErrBusy = errors.New("a run of the pipeline is under way: try again when it has ended")

// Reconcile compares the pipeline's tables with the source and, when asked to, repairs what differs
// and nothing else. The source gives no hashes, so it is read in full: as many calls as a full sync.
//
// It holds the pipeline's run as a sync does, so that no sync changes what is compared; requests for
// a sync join it. When its process dies, an instance takes the run over, as an ordinary sync.
func (s *Service) Reconcile(ctx context.Context, name string, repair bool) (runtimeapi.Reconcile, error) {
	report := runtimeapi.Reconcile{Pipeline: name, Repair: repair, Feeds: []runtimeapi.ReconcileFeed{}}
	p, err := s.Get(ctx, name)
	if err != nil {
		return report, err
	}
	d, ok := s.cfg.Datasets[p.Spec.Dataset]
	if !ok {
		return report, fmt.Errorf("this runtime has no dataset %q; it has %s", p.Spec.Dataset, s.datasets())
	}
	l := lease{pipeline: name, advanced: new(atomic.Bool)}
	err = s.cfg.Store.Pool().QueryRow(ctx, `
		insert into august.run (pipeline, generation, state, started_at, lease_owner, lease_until)
		select name, generation, 'running', clock_timestamp(), $2, now() + $3::interval from august.pipeline where name = $1
		on conflict (pipeline) where state in ('pending', 'running', 'parked') do nothing returning id, started_at`,
		name, s.cfg.Instance, s.cfg.Lease).Scan(&l.run, &report.StartedAt)
	if errors.Is(err, pgx.ErrNoRows) {
		return report, ErrBusy
	}
	if err != nil {
		return report, err
	}
	log := s.cfg.Log.With("pipeline", name, "run", l.run)
	work, stop := context.WithCancelCause(drchrono.WithClass(ctx, drchrono.Backfill))
	var beat sync.WaitGroup
	beat.Go(func() { s.heartbeat(work, l, stop) })
	defer func() { stop(nil); beat.Wait() }()
	if err = s.reconcile(work, l, d, &report, log); err == nil {
		err = s.settleReconcile(work, l, &report)
	}
	if err != nil {
		if cause := context.Cause(work); cause != nil && ctx.Err() == nil {
			err = cause
		}
		// An ordinary sync follows on it: it derives from what was repaired.
		s.settle(ctx, l, log, runtimeapi.RunPending, 0, time.Time{}, "")
	}
	return report, err
}

func (s *Service) reconcile(ctx context.Context, l lease, d Dataset, report *runtimeapi.Reconcile, log *slog.Logger) error {
	if _, err := s.openFeeds(ctx, l, d.Feeds); err != nil {
		return err
	}
	for i := range d.Feeds {
		c := comparison{pass: pass{Service: s, lease: l, feed: &d.Feeds[i], log: log.With("feed", d.Feeds[i].Name)}, repair: report.Repair, seen: map[string]sight{}}
		one, err := c.run(ctx, d)
		if err != nil {
			return fmt.Errorf("reconcile %s: %w", c.feed.Name, err)
		}
		report.Feeds = append(report.Feeds, one)
		drift := one.Missing + one.Differs + one.Deleted + one.Gone
		report.Drift += drift
		report.Left += drift - one.Repaired
	}
	return nil
}

// settleReconcile keeps the report and ends the run; after repairs it derives what follows from them.
func (s *Service) settleReconcile(ctx context.Context, l lease, report *runtimeapi.Reconcile) error {
	report.FinishedAt = time.Now().UTC()
	raw, err := json.Marshal(report)
	if err != nil {
		return err
	}
	if _, err := s.cfg.Store.Pool().Exec(ctx, `
		insert into august.reconcile (pipeline, started_at, finished_at, report) values ($1, $2, $3, $4)
		on conflict (pipeline) do update set started_at = excluded.started_at, finished_at = excluded.finished_at, report = excluded.report`,
		report.Pipeline, report.StartedAt, report.FinishedAt, raw); err != nil {
		return fmt.Errorf("keep the report: %w", err)
	}
	if _, err := s.cfg.Store.Pool().Exec(ctx, `update august.feed_run set state = 'succeeded', finished_at = now() where run_id = $1`, l.run); err != nil {
		return err
	}
	return s.finish(ctx, l, nil)
}

// reconciled is the newest report of a pipeline, nil without one.
func (s *Service) reconciled(ctx context.Context, name string) (*runtimeapi.Reconcile, error) {
	var raw []byte
	err := s.cfg.Store.Pool().QueryRow(ctx, `select report from august.reconcile where pipeline = $1`, name).Scan(&raw)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	report := new(runtimeapi.Reconcile)
	return report, json.Unmarshal(raw, report)
}

// comparison reads a feed in full and compares instead of merging.
type comparison struct {
	pass
	repair bool

	mu   sync.Mutex // guards what follows
	one  runtimeapi.ReconcileFeed
	seen map[string]sight
	bad  int64
}

// sight is a row as the source has it.
type sight struct {
	hash    [sha256.Size]byte
	deleted bool
	diff    string
}

func (c *comparison) run(ctx context.Context, d Dataset) (runtimeapi.ReconcileFeed, error) {
	c.one = runtimeapi.ReconcileFeed{Feed: c.feed.Name, Differ: []runtimeapi.ReconcileBucket{}}
	c.keep = c.compare
	c.sweep = store.Sweep{Full: true, Since: c.feed.SinceAll}
	if err := c.cfg.Store.Pool().QueryRow(ctx, `select nextval('august.sweep_number'), clock_timestamp()`).Scan(&c.sweep.ID, &c.sweep.Started); err != nil {
		return c.one, err
	}
	if err := c.plan(ctx, d); err != nil {
		return c.one, err
	}
	c.load()
	err := c.patiently(ctx, func() error {
		err := c.read(ctx)
		if c.tooLong(err) {
			err = c.divide(ctx, d, err)
		}
		return err
	})
	if err != nil {
		return c.one, err
	}
	return c.one, c.count(ctx)
}

// patiently waits out a spent call budget: what was read is not read again.
func (c *comparison) patiently(ctx context.Context, do func() error) error {
	for {
		err := do()
		var source *drchrono.Error
		if !errors.As(err, &source) || source.Kind != drchrono.Throttled {
			return err
		}
		c.log.InfoContext(ctx, "the call budget is spent; the comparison waits", "until", source.Until)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(max(time.Until(source.Until), time.Second)):
		}
		c.requests = requests{} // what was submitted is in the database
	}
}

// compare notes how a page differs, and repairs it when asked to.
func (c *comparison) compare(ctx context.Context, page store.Page) (store.Counts, error) {
	diffs, err := c.cfg.Store.Compare(ctx, c.feed, c.lease.pipeline, page.Rows, page.At)
	if err != nil {
		return store.Counts{}, err
	}
	kinds := make(map[string]store.Diff, len(diffs))
	for _, d := range diffs {
		kinds[d.Key] = d
	}
	if c.repair && len(diffs) > 0 {
		force := page
		force.Sweep, force.Rows, force.Bad, force.Again = 0, nil, nil, true
		for _, r := range page.Rows {
			if _, ok := kinds[r.Key]; ok {
				force.Rows, force.Force = append(force.Rows, r), append(force.Force, r.Key)
			}
		}
		if _, err := c.cfg.Store.MergePage(ctx, c.feed, c.holder(), force); err != nil {
			return store.Counts{}, err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bad += int64(len(page.Bad))
	for _, r := range page.Rows {
		d := kinds[r.Key]
		old, again := c.seen[r.Key]
		c.seen[r.Key] = sight{r.Hash, r.Deleted, d.Kind}
		if d.Kind == "" || again && old.diff != "" { // a row that moved to another page counts once
			continue
		}
		switch {
		case d.New:
			c.one.New++
			continue
		case d.Kind == store.DiffMissing:
			c.one.Missing++
		case d.Kind == store.DiffDeleted:
			c.one.Deleted++
		default:
			c.one.Differs++
		}
		if c.repair {
			c.one.Repaired++
		}
	}
	return store.Counts{Read: int64(len(page.Rows) + len(page.Bad)), Changed: int64(len(diffs))}, nil
}

// bucket is one side's rows within a range of keys.
type bucket struct {
	rows int64
	hash uint64
}

func (b *bucket) add(key string, hash []byte) {
	sum := sha256.Sum256(append([]byte(key+"\x00"), hash...))
	b.rows++
	b.hash ^= binary.BigEndian.Uint64(sum[:])
}

// bucketSize is the keys of a bucket.
const bucketSize = 10_000

func bucketOf(key string) string {
	n, err := strconv.ParseInt(key, 10, 64)
	if err != nil || n < 0 {
		return "other"
	}
	return fmt.Sprintf("%d-%d", n-n%bucketSize, n-n%bucketSize+bucketSize-1)
}

// count looks for rows that only the database has, and compares both sides bucket by bucket.
func (c *comparison) count(ctx context.Context) error {
	var only []string
	if err := c.cfg.Store.EachStored(ctx, c.feed, func(r store.Stored) {
		if s, ok := c.seen[r.Key]; !ok && r.At.Before(c.sweep.Started) || ok && s.deleted {
			only = append(only, r.Key)
		}
	}); err != nil {
		return err
	}
	if err := c.judge(ctx, only); err != nil {
		return err
	}
	source, database := map[string]*bucket{}, map[string]*bucket{}
	of := func(side map[string]*bucket, key string) *bucket {
		name := bucketOf(key)
		if side[name] == nil {
			side[name] = &bucket{}
		}
		return side[name]
	}
	stored := map[string]bool{}
	if err := c.cfg.Store.EachStored(ctx, c.feed, func(r store.Stored) {
		hash := r.Hash
		if s, ok := c.seen[r.Key]; ok && r.At.After(c.sweep.Started) && s.diff == "" {
			hash = s.hash[:] // written by somebody else meanwhile, and newer
		}
		stored[r.Key] = true
		c.one.Database++
		of(database, r.Key).add(r.Key, hash)
	}); err != nil {
		return err
	}
	for key, s := range c.seen {
		if !s.deleted {
			c.one.Source++
			of(source, key).add(key, s.hash[:])
		}
	}
	names := map[string]bool{}
	for name := range source {
		names[name] = true
	}
	for name := range database {
		names[name] = true
	}
	c.one.Buckets = int64(len(names))
	for name := range names {
		a, b := source[name], database[name]
		if a == nil {
			a = &bucket{}
		}
		if b == nil {
			b = &bucket{}
		}
		if *a != *b {
			c.one.Differ = append(c.one.Differ, runtimeapi.ReconcileBucket{Keys: name, Source: a.rows, Database: b.rows,
				SourceHash: fmt.Sprintf("%016x", a.hash), DatabaseHash: fmt.Sprintf("%016x", b.hash)})
		}
	}
	slices.SortFunc(c.one.Differ, func(a, b runtimeapi.ReconcileBucket) int {
		return slices.Compare([]string{fmt.Sprintf("%040s", a.Keys)}, []string{fmt.Sprintf("%040s", b.Keys)})
	})
	if c.bad > 0 {
		c.one.Problem = fmt.Sprintf("%d rows of the source could not be decoded and were not compared", c.bad)
	}
	return nil
}

// judge asks for rows that only the database has. As many as no deletion explains are not touched.
func (c *comparison) judge(ctx context.Context, only []string) error {
	if !c.feed.Sweep || c.bad > 0 || len(only) == 0 {
		return nil
	}
	if held := len(c.seen) + len(only); len(only) > 50 && len(only)*5 > held {
		c.one.Gone = int64(len(only))
		c.log.WarnContext(ctx, "too many rows are missing at the source to believe it; none is touched", "rows", len(only), "held", held)
		return nil
	}
	slices.Sort(only)
	for len(only) > 0 {
		n := min(len(only), verified)
		var gone []store.Gone
		if err := c.patiently(ctx, func() (err error) { gone, err = c.verify(ctx, only[:n]); return err }); err != nil {
			return err
		}
		only = only[n:]
		c.one.Gone += int64(len(gone))
		if !c.repair || len(gone) == 0 {
			continue
		}
		marked, err := c.cfg.Store.MarkGone(ctx, c.feed, c.holder(), gone)
		if err != nil {
			return err
		}
		c.one.Repaired += marked.Deleted
	}
	return nil
}
