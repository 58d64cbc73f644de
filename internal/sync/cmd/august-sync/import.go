package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/dataset"
	"github.com/feel-august/terraform-provider-august/internal/bucket"
	"github.com/feel-august/terraform-provider-august/internal/sync/audit"
	"github.com/feel-august/terraform-provider-august/internal/sync/config"
	"github.com/feel-august/terraform-provider-august/internal/sync/store"
	"github.com/feel-august/terraform-provider-august/internal/sync/telemetry"
)

const aboutImport = `Import brings an anonymised export into a staging database. The export's manifest has to be signed by the key in
AUGUST_DATASET_PUBLIC_KEY, every object has to be the one that it names, and the day until which it counts as de-identified
may not have passed.

What looks like production is refused before anything is changed, and again before the tables are put in place: the database that the
export was made of, a clone of it, or one on its instance; one that a pipeline syncs into; one into which nothing was imported
before and that has rows in tables that the export knows. Other tables are left as they are. Then the schema is brought up to this
build, the rows are loaded into tables beside those that are served, verified, indexed and analysed, and put in place in one
transaction that waits for no reader longer than a second at a time. Tables that the export leaves out are emptied with them,
tokens and credentials among them. Whatever ends an import before that, the database serves what it did; give the same
command again, and it goes on with the chunk where it was. When it is the database that goes away, for a failover or its maintenance,
the import goes on by itself: it waits five minutes for the database to come back, ten times at most, checks all anew, and asks
whether the new tables are in place already. An export that is in already is left as it is.

The database user owns the tables, may create schemas (CREATE on the database), and need not be more. The tables
are made like the target's own: keys, indexes, triggers, rights, policies, comments and views stay. What could not be kept
is named, and nothing is begun.

It needs the AUGUST_DATABASE_ variables; _POOL_MAX bounds the connections that load side by side, _INSTANCE is what production's
instance is told by. The bucket is only read. One import at a time goes into a database; a second one waits for some seconds and is
refused. What was done goes to stderr, as the log: rows, and the tables that were emptied and that were left.

  AUGUST_DATASET_BUCKET       with the exports, gs://bucket/prefix or file:///folder
  AUGUST_DATASET_PUBLIC_KEY   of who signs exports: Ed25519, in PEM, as "openssl pkey -pubout" prints it
  AUGUST_STORAGE_ENDPOINT     of Cloud Storage, https://host or http://host:port; unset: Google's`

func importCommand() *cobra.Command {
	var export string
	c := &cobra.Command{
		Use:     "import",
		Short:   "Bring an anonymised export into a staging database",
		Long:    aboutImport,
		Example: "  august-sync import --export 20261126t080000z-3f9a51c2",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return importDataset(cmd.Context(), os.LookupEnv, os.Stderr, export)
		},
	}
	c.Flags().StringVar(&export, "export", "", "name of the export, as of its manifest: manifests/NAME.json in the bucket")
	_ = c.MarkFlagRequired("export") // the flag is there
	return c
}

// Tables of the runtime that an import looks at or leaves alone.
var (
	liveTables = []string{"august.pipeline", "august.credential"}
	keptTables = []string{"august.schema_version", "august.dataset", "august.dataset_step", "august.audit", "august.audit_block", "august.audit_head"}
)

func importDataset(ctx context.Context, env config.Lookup, errs io.Writer, export string) error {
	cfg, err := config.LoadDataset(env)
	if err != nil {
		return fmt.Errorf("the configuration is not right:\n%w", err)
	}
	log := telemetry.NewLogger(errs, cfg.LogLevel, cfg.Database.Project())
	from, err := bucket.Open(ctx, cfg.Dataset.Bucket, bucket.Options{Endpoint: cfg.Dataset.Endpoint})
	if err != nil {
		return err
	}
	workers := min(cfg.Database.PoolMax-1, 2*runtime.GOMAXPROCS(0))
	sc, _ := settings(cfg)
	sc.MaxConns = workers // and one that holds the lock
	db, err := store.Open(ctx, sc)
	if err != nil {
		return err
	}
	defer db.Close()
	result, err := dataset.Import(ctx, dataset.Config{
		Pool: db.Pool(), Bucket: from, Export: export, Trusted: cfg.Dataset.PublicKey,
		Instance: cfg.Database.Instance, Runtime: buildVersion(), Workers: workers,
		Migrate: func(ctx context.Context) error { _, err := bringUp(ctx, db, log); return err },
		Name: func(ctx context.Context, tx pgx.Tx) error {
			return audit.Source{Kind: audit.KindCommand, ID: "import"}.Set(ctx, tx)
		},
		Live: liveTables, Keep: keptTables, Log: log,
		Away: func(err error) bool { return store.Outage(err) && passes(err) },
	})
	if err != nil {
		if ctx.Err() != nil {
			err = errors.New("interrupted; the database serves what it did, and this command given again goes on where it was")
		} else {
			err = errors.New(telemetry.ErrorText(err))
		}
		log.Error("the import failed", "export", export, "error", err)
		return err
	}
	if result.Unchanged {
		log.Info("the export is in already", "result", result)
		return nil
	}
	log.Info("the export is in", "result", result)
	return nil
}
