package main

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	pubsub "cloud.google.com/go/pubsub/v2"

	"github.com/feel-august/terraform-provider-august/internal/sync/config"
	"github.com/feel-august/terraform-provider-august/internal/sync/store"
	"github.com/feel-august/terraform-provider-august/internal/sync/telemetry"
	"github.com/feel-august/terraform-provider-august/internal/sync/webhook"
)

// openDrain prepares what applies the webhook's deliveries. It does not connect.
func openDrain(ctx context.Context, cfg config.Config, db *store.Store, batch func(string, int, time.Duration), log *slog.Logger, metrics *telemetry.Metrics) (*webhook.Drain, error) {
	dc := webhook.DrainConfig{Store: db, Datasets: map[string]webhook.Dataset{}, Batch: batch, Log: log, Meter: metrics.Meter("webhook")}
	for name, d := range datasets() {
		dc.Datasets[name] = webhook.Dataset{Feeds: d.Feeds, Derives: d.Derive != nil}
	}
	if cfg.PubSub.Subscription != "" {
		options, err := webhook.DialOptions(cfg.PubSub.Endpoint)
		if err != nil {
			return nil, err
		}
		// The client outlives ctx: what is acknowledged last has to arrive. The process's end closes it.
		// The subscription has the form projects/p/subscriptions/s.
		client, err := pubsub.NewClient(context.WithoutCancel(ctx), strings.Split(cfg.PubSub.Subscription, "/")[1], options...)
		if err != nil {
			return nil, fmt.Errorf("prepare Pub/Sub: %w", err)
		}
		dc.Subscriber = client.Subscriber(cfg.PubSub.Subscription)
	}
	return webhook.NewDrain(dc), nil
}
