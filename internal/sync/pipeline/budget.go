package pipeline

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/advise"
	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
	"github.com/feel-august/terraform-provider-august/internal/sync/feed"
)

// affordable refuses a declaration whose schedule, together with those that are declared already, needs more
// calls in some hour than the source allows. One that needs fewer than what it replaces is accepted even so:
// it is the way out.
func (s *Service) affordable(ctx context.Context, tx pgx.Tx, name string, spec runtimeapi.PipelineSpec) error {
	if spec.Paused || spec.Schedule == "" {
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
	after = append(after, s.calls(name, spec, known))
	limits := advise.CallLimits{PerHour: int64(s.cfg.CallsPerHour)}
	budget := advise.Calls(limits, after)
	// How long a full sync takes is for the plan to look at; it parks and goes on, and refuses nothing.
	if budget.Left() >= 0 || budget.Worst <= advise.Calls(limits, before).Worst {
		return nil
	}
	return &runtimeapi.Error{Code: runtimeapi.CodeInvalid, Field: "schedule",
		Message: "the pipelines of this runtime would need more calls in an hour than DrChrono allows the application: " +
			strings.Join(budget.Lines, "; ") + ". Where DrChrono has raised the limit, tell the runtime so (drchrono.calls_per_hour)"}
}

// calls is what a pipeline reads, by what its feeds were seen to hold. A feed that was never read is taken for
// a page.
func (s *Service) calls(name string, spec runtimeapi.PipelineSpec, known map[string]volume) advise.CallPipeline {
	p := advise.CallPipeline{Name: name, Cron: spec.Schedule}
	if spec.Schedule != "" && !spec.Paused {
		if schedule, err := runtimeapi.ParseSchedule(spec.Schedule); err == nil {
			p.Schedule = schedule
		}
	}
	for i := range s.cfg.Datasets[spec.Dataset].Feeds {
		f := &s.cfg.Datasets[spec.Dataset].Feeds[i]
		c := CallFeed(f)
		v := known[f.Name]
		c.Rows, c.Changed = v.rows, v.changed
		if f.Split != nil && v.runs > 0 { // seldom read whole, and a part is a page however short
			c.Whole, c.Changed = false, v.pages*c.PageSize
		}
		p.Feeds = append(p.Feeds, c)
	}
	return p
}

// CallFeed is how a feed is paged, for the budget of calls.
func CallFeed(f *feed.Feed) advise.CallFeed {
	c := advise.CallFeed{Name: f.Name, PageSize: advise.ListPage, PerPage: 1, Whole: !f.Since}
	if f.Bulk != "" {
		c.PageSize, c.PerPage = advise.BulkPage, advise.BulkPerPage
	}
	return c
}

// volume is how many rows a feed holds, and what an ordinary run reads of it, by so many of them.
type volume struct{ rows, changed, pages, runs int64 }

// measured is what the feeds' newest runs have read: a full one, and on average the ordinary ones of a week.
func measured(ctx context.Context, tx pgx.Tx) (map[string]volume, error) {
	rows, _ := tx.Query(ctx, `
		select f.feed, coalesce((array_agg(f.read order by f.run_id desc) filter (where r."full"))[1], 0)::bigint,
			coalesce(ceil(avg(f.read) filter (where ordinary)), 0)::bigint, coalesce(ceil(avg(f.pages) filter (where ordinary)), 0)::bigint,
			count(*) filter (where ordinary)
		from august.feed_run f join august.run r on r.id = f.run_id
		cross join lateral (select not r."full" and f.finished_at > now() - interval '7 days' as ordinary) o
		where f.state = 'succeeded' group by f.feed`)
	known := map[string]volume{}
	var name string
	var v volume
	_, err := pgx.ForEachRow(rows, []any{&name, &v.rows, &v.changed, &v.pages, &v.runs}, func() error { known[name] = v; return nil })
	return known, err
}
