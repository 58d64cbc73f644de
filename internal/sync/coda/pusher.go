package coda

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
)

// Limits that Coda publishes, with room to spare.
const (
	maxRows    = 100
	maxRequest = 500_000 // of 2 MB
	maxRowEdit = 85_000
)

// Config is what a Pusher needs.
type Config struct {
	Pool  *pgxpool.Pool
	URL   string
	Token string       // empty: nothing is pushed, and each view says why
	Log   *slog.Logger // default: discards
	Meter metric.Meter // default: discards

	Every    time.Duration // how often the outbox is looked at; default 2 s
	Writes   int           // row writes in a Window; default 3, the smaller of the two published limits
	Window   time.Duration // default 10.1 s: Coda's ten, and a little for clocks that differ; see reserve
	Throttle time.Duration // pause after a 429, doubled twice; default 30 s
	Backoff  time.Duration // pause after a failure that may pass, doubled up to a minute; default 5 s
	Refused  time.Duration // pause after a failure that somebody has to mend; default 5 min

	FirstPoll time.Duration // before the first look at a write's progress, growing by half; default 1 s
	LastPoll  time.Duration // default 4 s: a look costs one of a hundred reads in six seconds
	GiveUp    time.Duration // on a write's progress, for now; default 3 min
	Appears   time.Duration // a write's id may be unknown for so long; default 15 s
	Settle    time.Duration // given to a write whose answer was lost; default 45 s
	Verify    time.Duration // how often the table is compared with what was sent, when nothing is; default 1 h
	Lag       time.Duration // Coda's listings trail its writes by at most this; default 2 min
	Retry     time.Duration // a row that Coda refused is tried again so much later; default 24 h
}

// Pusher works the outbox off: one writer per table across all instances, at Coda's pace.
type Pusher struct {
	cfg     Config
	client  *Client
	account []byte
	rows    metric.Int64Counter
	writes  metric.Int64Counter

	pushes    sync.WaitGroup
	standings map[string]*standing // by target.id

	mu      sync.Mutex
	busy    map[string]bool // tables that are being pushed to
	session *session        // of all pushes; nil: there are none
}

// standing is what is known of a target from its last push. One push at a time uses it.
type standing struct {
	checked time.Time  // when its table was found in order
	failed  bool       // whether the push failed
	flying  []underWay // what it left under way
}

// NewPusher prepares a pusher.
func NewPusher(cfg Config) *Pusher {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Meter == nil {
		cfg.Meter = noop.Meter{}
	}
	for value, otherwise := range map[*time.Duration]time.Duration{
		&cfg.Every: 2 * time.Second, &cfg.Window: 10100 * time.Millisecond, &cfg.Throttle: 30 * time.Second,
		&cfg.Backoff: 5 * time.Second, &cfg.Refused: 5 * time.Minute, &cfg.FirstPoll: time.Second, &cfg.LastPoll: 4 * time.Second,
		&cfg.GiveUp: 3 * time.Minute, &cfg.Appears: 15 * time.Second, &cfg.Settle: 45 * time.Second, &cfg.Verify: time.Hour, &cfg.Lag: 2 * time.Minute,
		&cfg.Retry: 24 * time.Hour,
	} {
		if *value <= 0 {
			*value = otherwise
		}
	}
	if cfg.Writes <= 0 {
		cfg.Writes = 3
	}
	account := sha256.Sum256([]byte("august coda account " + cfg.Token))
	p := &Pusher{
		cfg: cfg, client: NewClient(cfg.URL, cfg.Token), account: account[:],
		standings: map[string]*standing{}, busy: map[string]bool{},
	}
	var err error
	if p.rows, err = cfg.Meter.Int64Counter("august.coda.rows", metric.WithDescription("Rows that Coda confirmed, by view and operation.")); err != nil {
		cfg.Log.Error("metric not made", "error", err)
	}
	if p.writes, err = cfg.Meter.Int64Counter("august.coda.writes", metric.WithDescription("Write requests to Coda, by HTTP status.")); err != nil {
		cfg.Log.Error("metric not made", "error", err)
	}
	return p
}

// Run pushes until ctx ends. What it was waiting for then is waited for by whoever comes next.
func (p *Pusher) Run(ctx context.Context) {
	defer p.pushes.Wait()
	tick := time.NewTicker(p.cfg.Every)
	defer tick.Stop()
	for {
		if err := p.look(ctx); err != nil && ctx.Err() == nil {
			p.cfg.Log.ErrorContext(ctx, "outbox not read", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// target is one view of one pipeline.
type target struct {
	pipeline string
	view     runtimeapi.CodaView
	dest     []byte
}

func (t target) id() string { return t.pipeline + "/" + t.view.View + string(t.dest) }

func (t target) table() string { return t.view.DocID + "/" + t.view.TableID }

// look begins to push every view that has something to push and whose time has come. A view waits for no other
// one: most of a push is waiting for Coda to apply what it has taken, and the account's writes would go unused.
func (p *Pusher) look(ctx context.Context) error {
	rows, err := p.cfg.Pool.Query(ctx, `
		select p.name, p.spec from august.pipeline p
		where exists (select from august.coda_view v where v.pipeline = p.name)
		order by p.name`)
	if err != nil {
		return err
	}
	type declared struct {
		name string
		spec []byte
	}
	pipelines, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (d declared, err error) {
		return d, row.Scan(&d.name, &d.spec)
	})
	if err != nil {
		return err
	}
	var failed []error
	for _, d := range pipelines {
		var spec runtimeapi.PipelineSpec
		if err := json.Unmarshal(d.spec, &spec); err != nil {
			if err := p.unreadable(ctx, d.name); err != nil {
				failed = append(failed, err)
			}
			continue
		}
		if spec.Paused {
			continue
		}
		for _, view := range spec.CodaViews {
			t := target{pipeline: d.name, view: view, dest: destination(view)}
			if err := p.visit(ctx, t); err != nil {
				failed = append(failed, fmt.Errorf("view %s of pipeline %s: %w", view.View, d.name, err))
			}
			if err := ctx.Err(); err != nil {
				return err
			}
		}
	}
	return errors.Join(failed...)
}

// visit begins to push a view when it is due.
func (p *Pusher) visit(ctx context.Context, t target) error {
	if !p.begin(t.table()) {
		return nil
	}
	at := p.standings[t.id()]
	if at == nil {
		at = &standing{}
		p.standings[t.id()] = at
	}
	due, err := p.due(ctx, t, at)
	if err != nil || !due {
		p.end(t.table())
		return err
	}
	p.pushes.Go(func() {
		defer p.end(t.table())
		if err := p.push(ctx, t, at); err != nil && ctx.Err() == nil {
			p.cfg.Log.ErrorContext(ctx, "view not pushed", "pipeline", t.pipeline, "view", t.view.View, "error", err)
		}
	})
	return nil
}

// begin makes the caller the only one of this instance that pushes to the table, until end.
func (p *Pusher) begin(table string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.busy[table] {
		return false
	}
	p.busy[table] = true
	return true
}

func (p *Pusher) end(table string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.busy, table)
}

// unreadable notes on a pipeline's views that its declaration cannot be read. Once it can be, a look at the
// tables takes the note away.
func (p *Pusher) unreadable(ctx context.Context, pipeline string) error {
	_, err := p.cfg.Pool.Exec(ctx, `update august.coda_view set error = $2, verified_at = '-infinity', updated_at = now() where pipeline = $1 and error <> $2`, pipeline,
		"this version of the runtime cannot read the pipeline's declaration: declare it again")
	return err
}

// due says whether the view has something to send. A failure holds back only the table and columns
// that it happened with. The order leads to the view's own rows, whatever other views have.
func (p *Pusher) due(ctx context.Context, t target, at *standing) (due bool, err error) {
	err = p.cfg.Pool.QueryRow(ctx, `
		select (v.next_try <= clock_timestamp() or $6)
			and (v.in_flight <> '' or coalesce((select true from august.outbox where pipeline = $4 and view = $5 and `+waiting+` order by key limit 1), false) or `+unverified+`)
		from august.coda_view v where pipeline = $4 and view = $5`,
		p.cfg.Verify, p.cfg.Lag, t.dest, t.pipeline, t.view.View, !at.failed).Scan(&due)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	return due, err
}

// push sends what waits, as the only writer of the table. Failures of Coda are noted on the view;
// an error is one of the database.
func (p *Pusher) push(ctx context.Context, t target, at *standing) error {
	if p.cfg.Token == "" {
		return note(ctx, p.cfg.Pool, t, p.cfg.Refused, noToken)
	}
	s, err := p.join(ctx)
	if err != nil {
		return err
	}
	defer p.leave(s)
	if mine, err := s.lock(ctx, "august.coda "+t.table()); err != nil || !mine {
		return err
	}
	defer s.unlock(ctx, "august.coda "+t.table())
	w := &writer{Pusher: p, target: t, standing: at, conn: s}
	err = w.run(ctx)
	w.flying = w.under
	if ctx.Err() != nil {
		return nil
	}
	return w.settle(ctx, err)
}

// note puts a failure on the view. The text may hold Coda's own words, cut short anywhere: PostgreSQL
// refuses half a character, and the failure would be forgotten and tried again at once.
func note(ctx context.Context, db execer, t target, pause time.Duration, text string) error {
	text = strings.ToValidUTF8(strings.ReplaceAll(text, "\x00", ""), "")
	_, err := db.Exec(ctx, `
		update august.coda_view set error = $3, failures = failures + 1, next_try = clock_timestamp() + $4::interval, updated_at = now()
		where pipeline = $1 and view = $2`, t.pipeline, t.view.View, text, pause)
	if err != nil {
		return fmt.Errorf("note how %s stands: %w", t.view.View, err)
	}
	return nil
}

func (p *Pusher) counted(ctx context.Context, view, op string, rows int) {
	if p.rows != nil {
		p.rows.Add(ctx, int64(rows), metric.WithAttributes(attribute.String("view", view), attribute.String("op", op)))
	}
}

func (p *Pusher) wrote(ctx context.Context, err error) {
	if p.writes == nil {
		return
	}
	code := 202
	if err != nil {
		code = status(err)
	}
	p.writes.Add(ctx, 1, metric.WithAttributes(attribute.Int("status", code)))
}
