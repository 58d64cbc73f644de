package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	stdlog "log"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
	"github.com/feel-august/terraform-provider-august/internal/sync/config"
	"github.com/feel-august/terraform-provider-august/internal/sync/pipeline"
	"github.com/feel-august/terraform-provider-august/internal/sync/store"
	"github.com/feel-august/terraform-provider-august/internal/sync/telemetry"
)

// errDrift says that the database differs from its source and was left so, or that not all of it is known not to.
var errDrift = errors.New("the database is not known to equal its source")

// exitFound tells what a command found, drift or tampering, from a failure to look.
const exitFound = 3

const aboutReconcile = `Reconcile reads a pipeline's objects from DrChrono in full and compares every row, column by column,
and every range of 10,000 keys by count and hash, with the database. It writes nothing, unless
--repair is given: then it repairs the rows that differ, and no other.

Rows that only the database has are asked for one by one before they count as gone; when they are
more than deletions explain, they are reported and not touched. Changes younger than the pipeline's
last sync are counted as new: the next sync brings them, and they are no drift.

It starts a run of the pipeline, or joins the one that is open and repairs, or does not repair, alike.
A runtime that serves works on the run; when there is none, this process does. A run of the pipeline
that is open comes first, and a sync that is due meanwhile follows.

DrChrono gives no hashes, so this takes as many calls of the hour's budget as a full sync: about two
per 1,000 rows of a bulk list, one per 250 of another. When the budget is spent the run waits for the
next hour. What was compared is kept: whatever ends this process or the runtime, the run goes on where
it was, in a runtime that serves or with this command given again, and reports what it would have.

The report is JSON on stdout, without any row's content; progress and the log go to stderr. Exit codes:

  0  nothing differs, or all of it was repaired
  1  the run failed or was interrupted; stderr says why, and whether it goes on
  3  differences are left, or not every row could be compared; the report says where

It needs the same environment as serve, but for PORT and AUGUST_CONTROL_*.`

func reconcileCommand() *cobra.Command {
	var repair bool
	c := &cobra.Command{
		Use:     "reconcile PIPELINE",
		Short:   "Compare a pipeline's tables with DrChrono, and repair what differs",
		Long:    aboutReconcile,
		Example: "  august-sync reconcile billing\n  august-sync reconcile billing --repair",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return reconcile(cmd.Context(), os.LookupEnv, cmd.OutOrStdout(), os.Stderr, args[0], repair)
		},
	}
	c.Flags().BoolVar(&repair, "repair", false, "write the rows that differ, and mark those that are gone")
	return c
}

func reconcile(ctx context.Context, env config.Lookup, out, errs io.Writer, name string, repair bool) error {
	cfg, err := config.Load(env)
	if err != nil {
		return fmt.Errorf("the configuration is not right:\n%w", err)
	}
	log := telemetry.NewLogger(errs, cfg.LogLevel, cfg.Database.Project())
	stdlog.SetOutput(io.Discard) // see serve
	metrics, err := telemetry.NewMetrics()
	if err != nil {
		return err
	}
	db, _, err := open(ctx, cfg)
	if err != nil {
		return err
	}
	defer db.Close()
	if err := migratedFar(ctx, db); err != nil {
		return err
	}
	source, err := openSource(cfg, db, log, metrics.Meter("drchrono"))
	if err != nil {
		return err
	}
	service := pipeline.New(pipeline.Config{Store: db, Source: source, Datasets: datasets(), Log: log, Meter: metrics.Meter("sync")})
	run, err := service.Reconcile(ctx, name, runtimeapi.ReconcileRequest{Repair: repair})
	if err != nil {
		return errors.New(telemetry.ErrorText(err))
	}
	said := ""
	id := run.ID
	run, err = service.Attend(ctx, name, id, func(run runtimeapi.Run) {
		if line := progress(run); line != said {
			said = line
			_, _ = fmt.Fprintf(errs, "august-sync: run %d %s\n", run.ID, line)
		}
	})
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("interrupted; run %d is not lost: a runtime that serves goes on with it, and so does this command given again", id)
	case err != nil:
		return errors.New(telemetry.ErrorText(err))
	case run.State == runtimeapi.RunFailed:
		return fmt.Errorf("run %d failed: %s", id, run.Error)
	case run.Report == nil:
		return fmt.Errorf("run %d was taken for a sync by an older revision of the runtime: run this command again when that has gone", id)
	}
	return tell(out, *run.Report)
}

// migratedFar refuses a database that this build's tables are not in. To bring it up is for whoever deploys.
func migratedFar(ctx context.Context, db *store.Store) error {
	have, err := db.SchemaVersion(ctx)
	if err != nil {
		return errors.New(telemetry.ErrorText(err))
	}
	want, err := store.Schema()
	if err == nil && have < want {
		err = fmt.Errorf("the database's schema has version %d, and this build needs %d: deploy its runtime, or run august-sync migrate", have, want)
	}
	return err
}

// tell writes the report, and turns what it says into the exit code's error.
func tell(out io.Writer, report runtimeapi.Reconcile) error {
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(report); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	switch problems := report.Problems(); {
	case report.Left > 0 && !report.Repair:
		return fmt.Errorf("%w: %d differences were found; run with --repair to repair them", errDrift, report.Drift)
	case report.Left > 0:
		return fmt.Errorf("%w: %d differences were found and %d are left; %s", errDrift, report.Drift, report.Left, problems)
	case report.Uncompared > 0 || problems != "":
		return fmt.Errorf("%w: %s", errDrift, problems)
	}
	return nil
}

// progress is how far a run is, in a line.
func progress(run runtimeapi.Run) string {
	switch run.State {
	case runtimeapi.RunQueued:
		return "waits for the pipeline's open run to end"
	case runtimeapi.RunPending:
		return "waits for an instance to work on it"
	case runtimeapi.RunParked:
		line := "is parked"
		if run.ResumeAt != nil {
			line += " until " + run.ResumeAt.UTC().Format(time.RFC3339)
		}
		return line + ": " + run.Error
	case runtimeapi.RunRunning:
		for i, f := range run.Feeds {
			if f.State == runtimeapi.RunRunning {
				return fmt.Sprintf("reads %s, object %d of %d: %d pages, %d rows, %d changed", f.Feed, i+1, len(run.Feeds), f.Pages, f.Read, f.Changed)
			}
		}
		return "is running"
	}
	return run.State
}
