package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/sync/config"
	"github.com/feel-august/terraform-provider-august/internal/sync/store"
	"github.com/feel-august/terraform-provider-august/internal/sync/telemetry"
)

// migratePatience is how long migrate waits for a database that is away: a failover of Cloud SQL takes about a minute.
const migratePatience = 2 * time.Minute

// migrateConns is what migrate holds of the database, and what the provider's connection budget counts for it.
const migrateConns = 1

// migrate is the command of that name.
func migrate(ctx context.Context, env config.Lookup, out io.Writer) error {
	cfg, err := config.LoadDatabase(env)
	if err != nil {
		return fmt.Errorf("the configuration is not right:\n%w", err)
	}
	cfg.Database.PoolMax = migrateConns
	db, _, err := open(ctx, cfg)
	if err != nil {
		return err
	}
	defer db.Close()
	log := telemetry.NewLogger(out, cfg.LogLevel, cfg.Database.Project())
	schema, err := bringUp(ctx, db, log)
	if err != nil {
		log.Error("the migrations failed", "error", err)
		return err
	}
	log.Info("migrated", "schema_version", schema)
	return nil
}

// bringUp brings the schema up to this build, and gives its version.
func bringUp(ctx context.Context, db *store.Store, log *slog.Logger) (schema int32, err error) {
	began, said := time.Now(), ""
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, 2*time.Second) {
		if err = db.Migrate(ctx); err == nil {
			schema, err = db.SchemaVersion(ctx)
		}
		if err == nil || ctx.Err() != nil || !store.Outage(err) || !passes(err) || time.Since(began) > migratePatience {
			break
		}
		if why := store.Reason(err); why != said {
			log.Warn("waiting for the database", "reason", why)
			said = why
		}
		wait(ctx, pause)
	}
	switch {
	case err != nil && ctx.Err() != nil:
		err = errors.New("stopped before the schema was up to this build; nothing is left of a migration that was under way")
	case err != nil:
		err = errors.New("the schema is not up to this build: " + telemetry.ErrorText(err))
	}
	return schema, err
}
