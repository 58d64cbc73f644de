package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	stdlog "log"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"go.opentelemetry.io/otel/metric"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
	"github.com/feel-august/terraform-provider-august/internal/sync/audit"
	"github.com/feel-august/terraform-provider-august/internal/sync/coda"
	"github.com/feel-august/terraform-provider-august/internal/sync/config"
	"github.com/feel-august/terraform-provider-august/internal/sync/control"
	"github.com/feel-august/terraform-provider-august/internal/sync/drchrono"
	"github.com/feel-august/terraform-provider-august/internal/sync/indexes"
	"github.com/feel-august/terraform-provider-august/internal/sync/measures"
	"github.com/feel-august/terraform-provider-august/internal/sync/pipeline"
	"github.com/feel-august/terraform-provider-august/internal/sync/probe"
	"github.com/feel-august/terraform-provider-august/internal/sync/selftest"
	"github.com/feel-august/terraform-provider-august/internal/sync/store"
	"github.com/feel-august/terraform-provider-august/internal/sync/telemetry"
	"github.com/feel-august/terraform-provider-august/internal/sync/webhook"
)

// Cloud Run kills ten seconds after SIGTERM. Requests get the first part of that, then connections
// are closed; what remains is for the scheduler's own delay.
const (
	drainTime = 7 * time.Second
	closeTime = time.Second
)

// serve runs until ctx ends, and then winds down.
func serve(ctx context.Context, env config.Lookup, out io.Writer) error {
	began := time.Now()
	cfg, err := config.Load(env)
	if err != nil {
		return fmt.Errorf("the configuration is not right:\n%w", err)
	}
	log := telemetry.NewLogger(out, cfg.LogLevel, cfg.Database.Project()).With("service", cfg.Service, "revision", cfg.Revision)
	// net/http's client writes what it did not expect on a connection, which may be a patient's data, to
	// the standard logger. Nothing of ours goes there.
	stdlog.SetOutput(io.Discard)
	metrics, err := telemetry.NewMetrics()
	if err != nil {
		return err
	}
	api := control.New(&control.OIDC{
		Issuer: cfg.Control.Issuer, Audiences: cfg.Control.Audiences, Callers: cfg.Control.Callers, Readers: cfg.Control.Readers,
		HTTP: &http.Client{Timeout: 10 * time.Second}, Log: log,
	}, log)
	db, own, dial, err := openBoth(ctx, cfg)
	if err != nil {
		return err
	}
	batches := measures.NewBatches()
	drain, err := openDrain(ctx, cfg, db, batches.Note, log, metrics)
	if err != nil {
		return err
	}
	receiver, err := openReceiver(ctx, cfg, db, own, drain.Notify, log, metrics)
	if err != nil {
		return err
	}
	ready := newReadiness(receiver.Receives)
	mux := http.NewServeMux()
	receiver.Mount(mux)
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok\n") })
	mux.Handle("GET /readyz", ready)
	mux.Handle("GET /metrics", metrics.Handler())
	mux.Handle("/v1/", api)
	handler, err := metrics.Requests(log, mux)
	if err != nil {
		return err
	}

	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(cfg.Host, strconv.Itoa(cfg.Port)))
	if err != nil {
		return fmt.Errorf("listen on PORT: %w", err)
	}
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      60 * time.Second,
		IdleTimeout:       120 * time.Second,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug), // a peer's broken TLS or request
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	log.Info("listening", "port", cfg.Port, "version", buildVersion())

	// The parts outlive ctx by nothing: they end with it, and the server drains beside them.
	var parts sync.WaitGroup
	parts.Go(func() {
		if err := work(ctx, cfg, db, dial, drain, batches, log, metrics, api, ready, began); err != nil && ctx.Err() == nil {
			log.Error("the runtime stopped working", "error", err)
			served <- err
		}
	})
	select {
	case <-ctx.Done():
	case err = <-served:
	}
	ready.set("stopping")
	log.Info("stopping")
	windDown(context.WithoutCancel(ctx), server, &parts, func() {
		_ = receiver.Close()
		own.Close()
		db.Close()
	}, metrics, log)
	if err != nil && !errors.Is(err, http.ErrServerClosed) && ctx.Err() == nil {
		return err
	}
	log.Info("stopped")
	return nil
}

// work waits for the database, then runs pipelines and the push to Coda until ctx ends.
func work(ctx context.Context, cfg config.Config, db *store.Store, dial func(string) pgconn.DialFunc, drain *webhook.Drain, batches *measures.Batches, log *slog.Logger, metrics *telemetry.Metrics, api *control.Server, ready *readiness, began time.Time) error {
	schema, err := migrated(ctx, db, log, ready)
	if err != nil {
		return err
	}
	if err := metrics.WatchPool(db.Pool()); err != nil {
		return err
	}
	source, err := openSource(cfg, db, log, metrics.Meter("drchrono"))
	if err != nil {
		return err
	}
	pusher := coda.NewPusher(coda.Config{
		Pool: db.Pool(), URL: cfg.Coda.URL, Token: cfg.Coda.Token.Reveal(), Writes: cfg.Coda.Writes, Log: log, Meter: metrics.Meter("coda"),
	})
	service := pipeline.New(pipeline.Config{Store: db, Source: source, Datasets: datasets(), Views: pusher, Log: log, Meter: metrics.Meter("sync"),
		CallsPerHour: cfg.DrChrono.CallsPerHour})
	probes := probe.New(probe.Config{
		Store: db, Targets: probe.Targets{Own: cfg.Database.Instance, Dial: dial}, Log: log, Stop: ctx.Done(), Connect: probeConnect(dial != nil),
	})
	tester := selftest.New(selftest.Config{Store: db, URL: "http://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(cfg.Port)), Secret: cfg.DrChrono.WebhookSecret.Reveal()})
	adviser, err := openAdvisor(ctx, cfg, db, log)
	if err != nil {
		return err
	}
	builder := indexes.New(indexes.Config{Store: db, Log: log})
	measurer := measures.New(measures.Config{Store: db, Batches: batches, Instance: cfg.Database.Instance, Subscription: cfg.PubSub.Subscription, Log: log})
	api.Ready(control.Backend{
		Pipelines: service, Probes: probes, Shelf: webhook.Shelf{Store: db}, Tester: tester, Schema: schemaOf{db}, Adviser: adviser, Measurer: measurer, Indexes: builder,
		Info: runtimeapi.Info{Version: buildVersion(), Revision: cfg.Revision, SchemaVersion: schema, Instance: cfg.Database.Instance},
	})
	ready.serve(new(sign).of(db.Pool()))
	log.Info("ready", "schema_version", schema, "took", time.Since(began).Round(time.Millisecond))

	keeper, err := audit.NewKeeper(audit.Config{
		Pool: db.Pool(), Bucket: cfg.Audit.Bucket, Endpoint: cfg.Audit.Endpoint, Retention: cfg.Audit.RetentionDays, Log: log, Meter: metrics.Meter("audit"),
	})
	if err != nil {
		return err
	}
	var beside sync.WaitGroup
	beside.Go(func() { pusher.Run(ctx) })
	beside.Go(func() { keeper.Run(ctx) })
	beside.Go(func() { drain.Run(ctx) })
	beside.Go(func() { adviser.Run(ctx) })
	beside.Go(func() { measurer.Run(ctx) })
	beside.Go(func() { builder.Run(ctx) })
	defer beside.Wait()
	return service.Run(ctx)
}

// openReceiver prepares what takes the webhook's deliveries. It works before the database is there, and without it when
// there is Pub/Sub.
func openReceiver(ctx context.Context, cfg config.Config, db, own *store.Store, notify func(), log *slog.Logger, metrics *telemetry.Metrics) (*webhook.Receiver, error) {
	return webhook.New(ctx, webhook.Config{
		Secret: cfg.DrChrono.WebhookSecret.Reveal(), Next: cfg.DrChrono.WebhookSecretNext.Reveal(), NoVerify: !cfg.Webhook.Verify,
		Pool: own.Pool(), Beside: db.Pool(), MaxMB: cfg.Webhook.InboxMaxMB,
		Topic: cfg.PubSub.Topic, Endpoint: cfg.PubSub.Endpoint, Notify: notify,
		Log: log, Meter: metrics.Meter("webhook"),
	})
}

// openSource prepares the client of DrChrono. Whoever has one draws on the same budget of calls.
func openSource(cfg config.Config, db *store.Store, log *slog.Logger, meter metric.Meter) (*drchrono.Client, error) {
	return drchrono.New(drchrono.Config{
		BaseURL: cfg.DrChrono.URL,
		Credential: drchrono.Credential{
			ClientID: cfg.DrChrono.ClientID, ClientSecret: cfg.DrChrono.ClientSecret.Reveal(), RefreshToken: cfg.DrChrono.RefreshToken.Reveal(),
		},
		Ledger: db.Throttle(limits(cfg.DrChrono)), Vault: db.Credentials(), Log: log, Meter: meter,
	})
}

// probeConnect is the time for one attempt of a probe's to connect. After a failover the connector may
// first have to ask where the instance is now.
func probeConnect(connector bool) time.Duration {
	if connector {
		return 3 * time.Second
	}
	return time.Second
}

// limits is the application's call budget.
func limits(cfg config.DrChrono) store.Limits {
	l := store.Limits{PerHour: cfg.CallsPerHour, Reserve: cfg.ReservePercent}
	if l.Reserve == 0 {
		l.Reserve = store.NoReserve
	}
	return l
}

// migrated waits until the database is there and its schema is up to this build's. It returns the
// schema's version.
func migrated(ctx context.Context, db *store.Store, log *slog.Logger, ready *readiness) (int32, error) {
	said := ""
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, 2*time.Second) {
		err := db.Migrate(ctx)
		if err == nil {
			var schema int32
			if schema, err = db.SchemaVersion(ctx); err == nil {
				return schema, nil
			}
		}
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
		why := store.Reason(err)
		ready.waits(err)
		if why != said {
			log.Warn("waiting for the database", "reason", why, "error", err)
			said = why
		}
		// Instances that an outage has left waiting must not all come back in the same moment.
		if !wait(ctx, pause/2+rand.N(pause)) { //nolint:gosec // nothing hangs on its being hard to guess
			return 0, ctx.Err()
		}
	}
}

func wait(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// windDown lets requests and parts end, then closes what they used. Nothing in it waits for long.
func windDown(ctx context.Context, server *http.Server, parts *sync.WaitGroup, closeAll func(), metrics *telemetry.Metrics, log *slog.Logger) {
	draining, cancel := context.WithTimeout(ctx, drainTime)
	defer cancel()
	ended := make(chan struct{})
	go func() { parts.Wait(); close(ended) }()
	if err := server.Shutdown(draining); err != nil {
		log.Warn("requests did not end in time", "error", err)
		_ = server.Close()
	}
	select {
	case <-ended:
	case <-draining.Done():
		log.Warn("runs did not end in time; their leases expire by themselves")
	}
	closed := make(chan struct{})
	go func() { closeAll(); close(closed) }()
	last, cancel := context.WithTimeout(ctx, closeTime)
	defer cancel()
	_ = metrics.Shutdown(last)
	select {
	case <-closed:
	case <-last.Done():
	}
}
