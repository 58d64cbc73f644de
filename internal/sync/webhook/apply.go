package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
	"github.com/feel-august/terraform-provider-august/internal/sync/audit"
	"github.com/feel-august/terraform-provider-august/internal/sync/feed"
	"github.com/feel-august/terraform-provider-august/internal/sync/store"
)

// Dataset is what a pipeline of that name keeps.
type Dataset struct {
	Feeds   []feed.Feed
	Derives bool // something is computed from them
}

// States of a delivery in the inbox.
const (
	applied = "applied" // merged, or older than what is stored
	ignored = "ignored" // no pipeline wants it
	unknown = "unknown" // not an event that DrChrono is known to send
	parked  = "parked"  // waits for a person
)

// task is a delivery at hand, and what becomes of it.
type task struct {
	Delivery
	row    int64 // of august.inbox
	state  string
	reason string // of any state but applied, without a value of the delivery

	settled time.Time // by the database's clock

	feed    *feed.Feed // of an applied one
	content feed.Row
}

func (t *task) settle(state, reason string) { t.state, t.reason, t.feed = state, reason, nil }

// deletes tells that the object is gone: what is delivered is what it was.
func (t *task) deletes() bool { return strings.HasSuffix(t.Event, "_DELETE") }

// wishes is which deliveries the declared pipelines want.
type wishes struct {
	feeds    map[string]*feed.Feed // by event
	derivers map[string][]string   // pipelines that compute something from a feed, by its name
	useless  map[string]string     // why an event that a pipeline names is of no use
}

// wishesOf reads the declared pipelines, each with its spec.
func (a *applier) wishesOf(specs map[string]runtimeapi.PipelineSpec) wishes {
	w := wishes{map[string]*feed.Feed{}, map[string][]string{}, map[string]string{}}
	for _, name := range slices.Sorted(maps.Keys(specs)) {
		spec := specs[name]
		if spec.Paused {
			continue
		}
		dataset := a.datasets[spec.Dataset]
		for i := range dataset.Feeds {
			if dataset.Derives {
				w.derivers[dataset.Feeds[i].Name] = append(w.derivers[dataset.Feeds[i].Name], name)
			}
		}
		for _, event := range spec.WebhookEvents {
			i := slices.IndexFunc(dataset.Feeds, func(f feed.Feed) bool { return f.Name == kindOf(event) })
			if i < 0 {
				w.useless[event] = fmt.Sprintf("pipeline %s names the event, and its dataset holds no such objects", name)
				continue
			}
			w.feeds[event] = &dataset.Feeds[i]
		}
	}
	return w
}

// applier turns deliveries into rows.
type applier struct {
	store    *store.Store
	datasets map[string]Dataset
}

// judge decides what becomes of deliveries that nothing else is wrong with, and decodes those that are wanted.
func (a *applier) judge(list []*task, w wishes) {
	decoders := map[*feed.Feed]*feed.Decoder{}
	for _, t := range list {
		f, wanted := w.feeds[t.Event]
		switch {
		case t.Event == Ping:
			t.settle(ignored, "it only asks for an answer")
		case t.Event == SelfTest:
			t.settle(ignored, "a runtime's test of itself")
		case t.Event == "":
			t.settle(parked, "it names no event")
		case !slices.Contains(runtimeapi.WebhookEvents, t.Event):
			t.settle(unknown, "DrChrono is not known to send this event")
		case t.Fault != "":
			t.settle(parked, t.Fault)
		case !wanted && len(t.Object) > 0 && !json.Valid(t.Object): // a wanted one is decoded anyway
			t.settle(parked, "it is no JSON")
		case !wanted && w.useless[t.Event] != "":
			t.settle(ignored, w.useless[t.Event])
		case !wanted:
			t.settle(ignored, "no enabled pipeline names the event")
		case len(t.Object) == 0:
			t.settle(parked, "it holds no object")
		default:
			if decoders[f] == nil {
				decoders[f] = feed.NewDecoder(f)
			}
			row, err := decoders[f].Decode(t.Object)
			if err != nil { // a RowError, which holds no value
				t.settle(parked, err.Error())
				continue
			}
			t.state, t.feed, t.content = applied, f, row
		}
	}
}

// merge merges what was judged fit, feed by feed in the order of their names, and leaves a mark for each pipeline that
// computes something from what changed. When the database refuses the data of a delivery, that one is parked if it is to
// be isolated; else the whole transaction is at fault.
func (a *applier) merge(ctx context.Context, tx pgx.Tx, list []*task, w wishes, isolate bool) error {
	by := map[string][]*task{}
	for _, t := range list {
		if t.feed != nil {
			by[t.feed.Name] = append(by[t.feed.Name], t)
		}
	}
	var derivers []string
	for _, name := range slices.Sorted(maps.Keys(by)) {
		way := a.mergeFeed
		if isolate {
			way = a.isolate
		}
		changed, err := way(ctx, tx, by[name])
		if err != nil {
			return err
		}
		if changed {
			derivers = append(derivers, w.derivers[name]...)
		}
	}
	if len(derivers) == 0 {
		return nil
	}
	slices.Sort(derivers)
	if _, err := tx.Exec(ctx, `insert into august.derive_mark (pipeline) select unnest($1::text[])`, slices.Compact(derivers)); err != nil {
		return fmt.Errorf("mark what to derive: %w", err)
	}
	return nil
}

// mergeFeed merges deliveries of one feed. What they change is audited as theirs.
func (a *applier) mergeFeed(ctx context.Context, tx pgx.Tx, list []*task) (changed bool, err error) {
	rows, by := make([]store.Delivery, len(list)), map[string]*task{}
	for i, t := range list {
		rows[i] = store.Delivery{Row: t.content, Deleted: t.deletes(), Received: t.Received}
		if old := by[t.content.Key]; old == nil || !old.deletes() && (t.deletes() || t.content.Version >= old.content.Version) {
			by[t.content.Key] = t
		}
	}
	deliveries := make(map[string]string, len(by))
	for key, t := range by {
		deliveries[key] = t.ID
	}
	c, err := a.store.MergeRows(ctx, tx, list[0].feed, audit.Source{Kind: audit.KindWebhook, Deliveries: deliveries}, rows)
	return c.Changed+c.Deleted > 0, err
}

// isolate merges deliveries of one feed, and parks those whose data the database refuses: a refused half is halved, down to
// the delivery at fault.
func (a *applier) isolate(ctx context.Context, tx pgx.Tx, list []*task) (changed bool, err error) {
	err = pgx.BeginFunc(ctx, tx, func(tx pgx.Tx) (err error) { changed, err = a.mergeFeed(ctx, tx, list); return err })
	if err == nil || !store.Unfit(err) {
		return changed, err
	}
	if len(list) == 1 {
		list[0].settle(parked, "the database refuses it: "+store.Refused(err))
		return false, nil
	}
	first, err := a.isolate(ctx, tx, list[:len(list)/2])
	if err != nil {
		return false, err
	}
	second, err := a.isolate(ctx, tx, list[len(list)/2:])
	return first || second, err
}

// inTransaction does a batch in one transaction, and once more when the database refuses the data of one of its deliveries:
// then that one is isolated.
func (a *applier) inTransaction(ctx context.Context, batch func(tx pgx.Tx, isolate bool) error) error {
	try := func(isolate bool) error {
		return pgx.BeginFunc(ctx, a.store.Pool(), func(tx pgx.Tx) error { return batch(tx, isolate) })
	}
	err := try(false)
	if store.Unfit(err) {
		err = try(true)
	}
	return err
}

const qSpecs = `select name, spec from august.pipeline`

// scanSpecs reads qSpecs. A spec that is not understood wants nothing: the scheduler says so.
func scanSpecs(rows pgx.Rows) (map[string]runtimeapi.PipelineSpec, error) {
	specs := map[string]runtimeapi.PipelineSpec{}
	var name string
	var raw []byte
	_, err := pgx.ForEachRow(rows, []any{&name, &raw}, func() error {
		var spec runtimeapi.PipelineSpec
		var syntax *json.SyntaxError
		var wrong *json.UnmarshalTypeError
		if err := json.Unmarshal(raw, &spec); errors.As(err, &syntax) || errors.As(err, &wrong) {
			return nil
		}
		specs[name] = spec
		return nil
	})
	return specs, err
}
