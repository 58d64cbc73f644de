package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
	"github.com/feel-august/terraform-provider-august/internal/sandbox/storm"
	"github.com/feel-august/terraform-provider-august/internal/sync/pgtest"
)

// stormTime is how long each rate is kept up.
const stormTime = 30 * time.Second

// Deliveries at fixed rates, open loop: how long until the 200, and until the row is committed. The floor is what a
// receiver costs that only makes a body durable: one connection, one insert and one commit for all that waits.
func BenchmarkWebhooks(bench *testing.B) {
	for _, rate := range []float64{200, 1000} {
		bench.Run(fmt.Sprintf("rate=%.0f/runtime", rate), func(bench *testing.B) { storms(bench, rate, false) })
		if rate == 200 { // full syncs of the practice go on meanwhile, and take what connections they get
			bench.Run("rate=200/syncing", func(bench *testing.B) { storms(bench, rate, true) })
		}
		bench.Run(fmt.Sprintf("rate=%.0f/floor", rate), func(bench *testing.B) {
			server := httptest.NewServer(storm.Bare(bench, pgtest.New(bench).URL(), webhookSecret))
			defer server.Close()
			for bench.Loop() {
				blow(bench, server.URL, rate)
			}
		})
	}
}

// storms sends deliveries to a runtime.
func storms(bench *testing.B, rate float64, syncing bool) {
	bench.Helper()
	b := setup(bench, 80)
	b.env["AUGUST_LOG_LEVEL"], b.env["AUGUST_DRCHRONO_CALLS_PER_HOUR"] = "info", "1000000"
	p := b.start("serve").ready()
	client := b.client(p)
	spec := runtimeapi.PipelineSpec{Dataset: "billing", WebhookEvents: []string{"LINE_ITEM_CREATE", "LINE_ITEM_MODIFY"}}
	if _, err := client.PutPipeline(bench.Context(), "billing", spec); err != nil {
		bench.Fatal(err)
	}
	p.until("the first sync", func() bool {
		s, err := client.Status(bench.Context(), "billing")
		return err == nil && s.LastFull != nil
	})
	if syncing { // of another dataset: billing's would find that nobody at the source knows the storm's line items
		labs := runtimeapi.PipelineSpec{Dataset: "labs"}
		if _, err := client.PutPipeline(bench.Context(), "labs", labs); err != nil {
			bench.Fatal(err)
		}
		ctx, stop := context.WithCancel(bench.Context())
		defer stop()
		go func() {
			for ctx.Err() == nil {
				_, _ = client.Sync(ctx, "labs", runtimeapi.SyncRequest{Full: true}) // joins the one that is open
				time.Sleep(100 * time.Millisecond)
			}
		}()
	}
	for bench.Loop() {
		b.committed(bench, p, blow(bench, p.url+"/webhooks/drchrono", rate))
	}
	p.stop()
}

func blow(bench *testing.B, url string, rate float64) []storm.Sent {
	bench.Helper()
	sent := storm.Blow(bench.Context(), storm.Config{URL: func() string { return url }, Secret: webhookSecret, Rate: rate, For: stormTime,
		Objects: 5000, Fresh: 0.2, Seed: uint64(rate)})
	if answers := storm.Statuses(sent); answers[http.StatusOK] != len(sent) {
		bench.Fatalf("%d deliveries were answered %v", len(sent), answers)
	}
	for _, p := range []float64{50, 95, 99} {
		bench.ReportMetric(float64(storm.Percentile(sent, p).Microseconds())/1000, fmt.Sprintf("ms-p%.0f", p))
	}
	return sent
}

// committed waits until all is applied, once each, and reports how long that took from when a delivery was taken.
func (b *bundle) committed(bench *testing.B, p *process, sent []storm.Sent) {
	bench.Helper()
	conn, err := pgx.Connect(bench.Context(), b.db.URL())
	if err != nil {
		bench.Fatal(err)
	}
	defer func() { _ = conn.Close(background()) }()
	var rows, ids, applied int
	var p50, p95, p99 float64
	p.until("every delivery to be applied", func() bool {
		err := conn.QueryRow(bench.Context(), `select count(*), count(distinct delivery), count(*) filter (where state = 'applied'),
			coalesce(percentile_cont(0.5) within group (order by took), 0), coalesce(percentile_cont(0.95) within group (order by took), 0),
			coalesce(percentile_cont(0.99) within group (order by took), 0)
			from (select delivery, state, extract(epoch from settled_at - received_at) * 1000 as took from august.inbox) i`).Scan(&rows, &ids, &applied, &p50, &p95, &p99)
		return err == nil && applied >= len(sent)
	})
	if rows != len(sent) || ids != len(sent) {
		bench.Errorf("%d rows of %d deliveries in the inbox, %d were sent", rows, ids, len(sent))
	}
	bench.ReportMetric(p50, "ms-commit-p50")
	bench.ReportMetric(p95, "ms-commit-p95")
	bench.ReportMetric(p99, "ms-commit-p99")
}
