package pipeline

import (
	"context"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/advise"
	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
	"github.com/feel-august/terraform-provider-august/internal/sync/drchrono"
	"github.com/feel-august/terraform-provider-august/internal/sync/feed"
)

// affordable refuses a declaration whose schedule, together with those that are declared already, needs more
// calls in some hour than the source allows. One that needs fewer than what it replaces is accepted even so:
// it is the way out.
func (s *Service) affordable(ctx context.Context, tx pgx.Tx, name string, spec runtimeapi.PipelineSpec) error {
	if spec.Paused || spec.Schedule == "" && spec.Reconcile == nil {
		return nil
	}
	rows, _ := tx.Query(ctx, qPipeline+" order by name")
	declared, err := pgx.CollectRows(rows, scanPipeline)
	if err != nil {
		return err
	}
	known, err := measured(ctx, tx)
	if err != nil {
		return err
	}
	var before, after []advise.CallPipeline
	for _, p := range declared {
		now := s.calls(p.Name, p.Spec, known)
		before = append(before, now)
		if p.Name != name {
			after = append(after, now)
		}
	}
	others := after
	after = append(slices.Clone(others), s.calls(name, spec, known))
	limits := advise.CallLimits{PerHour: int64(s.cfg.CallsPerHour)}
	budget := advise.Calls(limits, after)
	was := advise.Calls(limits, before)
	// How long a full sync takes is for the plan to look at; it parks and goes on, and refuses nothing. A comparison has
	// to end before the next one begins.
	if (budget.Left() >= 0 || budget.Worst <= was.Worst) && (budget.Reconciles() || budget.Reconcile <= was.Reconcile) {
		return nil
	}
	field := "schedule"
	if spec.Reconcile != nil { // whose schedule it is
		spec.Reconcile = nil
		if without := advise.Calls(limits, append(others, s.calls(name, spec, known))); without.Left() >= 0 && without.Reconciles() {
			field = "reconcile.schedule"
		}
	}
	return &runtimeapi.Error{Code: runtimeapi.CodeInvalid, Field: field,
		Message: "the pipelines of this runtime would need more calls in an hour than DrChrono allows the application: " +
			strings.Join(budget.Lines, "; ") + ". Where DrChrono has raised the limit, tell the runtime so (drchrono.calls_per_hour)"}
}

// calls is what a pipeline reads, by what its feeds were seen to hold. A feed that was never read is taken for
// a page.
func (s *Service) calls(name string, spec runtimeapi.PipelineSpec, known map[string]volume) advise.CallPipeline {
	p := advise.CallPipeline{Name: name, Cron: spec.Schedule, Schedule: scheduleOf(spec.Schedule, spec.Paused)}
	if r := spec.Reconcile; r != nil {
		p.ReconcileCron, p.Reconcile = r.Schedule, scheduleOf(r.Schedule, spec.Paused)
	}
	for i := range s.cfg.Datasets[spec.Dataset].Feeds {
		f := &s.cfg.Datasets[spec.Dataset].Feeds[i]
		c := CallFeed(f)
		v := known[f.Name]
		c.Rows, c.Changed = v.rows, v.changed
		if f.Split != nil { // a part is a page however short
			c.Rows = max(c.Rows, v.fullPages*c.PageSize)
			if v.runs > 0 { // seldom read whole
				c.Whole, c.Changed = false, v.pages*c.PageSize
			}
		}
		p.Feeds = append(p.Feeds, c)
	}
	return p
}

func scheduleOf(cron string, paused bool) advise.Schedule {
	if cron == "" || paused {
		return nil
	}
	schedule, err := runtimeapi.ParseSchedule(cron)
	if err != nil {
		return nil
	}
	return schedule
}

// CallFeed is how a feed is paged, for the budget of calls.
func CallFeed(f *feed.Feed) advise.CallFeed {
	c := advise.CallFeed{Name: f.Name, PageSize: drchrono.ListSize, PerPage: 1, Whole: !f.Since}
	if f.Bulk != "" {
		c.PageSize, c.PerPage = advise.BulkPage, advise.BulkPerPage
	}
	return c
}

// volume is how many rows a feed holds, on so many pages, and what an ordinary run reads of it, by so many of them.
type volume struct{ rows, fullPages, changed, pages, runs int64 }

// measured is what the feeds' newest runs have read: a full one of the last few, and on average the ordinary ones that ended within a week.
func measured(ctx context.Context, tx pgx.Tx) (map[string]volume, error) {
	rows, _ := tx.Query(ctx, `
		with whole as (
			select distinct on (f.feed) f.feed, f.read, f.pages from august.pipeline p cross join lateral (
				(select id from august.run where pipeline = p.name and "full" order by id desc limit 20)
				union all (select id from august.run where pipeline = p.name and kind = 'reconcile' order by id desc limit 20)
			) r join august.feed_run f on f.run_id = r.id
			where f.state = 'succeeded' order by f.feed, f.run_id desc
		), ordinary as (
			select f.feed, ceil(avg(f.read))::bigint as read, ceil(avg(f.pages))::bigint as pages, count(*) as runs
			from august.run r cross join lateral (select feed, read, pages from august.feed_run where run_id = r.id and state = 'succeeded' offset 0) f -- run by run
			where r.finished_at > now() - interval '7 days' and r.kind = 'sync' and not r."full" group by f.feed
		)
		select feed, coalesce(w.read, 0), coalesce(w.pages, 0), coalesce(o.read, 0), coalesce(o.pages, 0), coalesce(o.runs, 0)
		from whole w full join ordinary o using (feed)`)
	known := map[string]volume{}
	var name string
	var v volume
	_, err := pgx.ForEachRow(rows, []any{&name, &v.rows, &v.fullPages, &v.changed, &v.pages, &v.runs}, func() error { known[name] = v; return nil })
	return known, err
}
