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
	"github.com/feel-august/terraform-provider-august/internal/sync/telemetry"
)

// errDrift says that the database differs from its source and was left so.
var errDrift = errors.New("the database differs from its source")

// exitDrift tells drift from every other failure.
const exitDrift = 3

const aboutReconcile = `Reconcile reads a pipeline's objects from DrChrono in full and compares every row, column by column,
and every range of 10,000 keys by count and hash, with the database. It writes nothing, unless
--repair is given: then it repairs the rows that differ, and no other.

Rows that only the database has are asked for one by one before they count as gone; when they are
more than deletions explain, they are reported and not touched. Changes younger than the pipeline's
last sync are counted as new: the next sync brings them, and they are no drift.

DrChrono gives no hashes, so this takes as many calls of the hour's budget as a full sync: about three
per 1,000 rows of a bulk list, one per 250 of another. When the budget is spent it waits for the next
hour. It shares the budget with the runtime, and holds the pipeline as a sync does: beside a run that
is under way it does not begin (see --wait), and a sync that is due meanwhile is left to it. When it
is killed, nothing is lost but its count: what was repaired stays, and the runtime goes on.

The report is JSON on stdout, without any row's content; the log goes to stderr. The exit code is 0
when nothing differs or all of it was repaired, 3 when drift is left, 1 when it could not compare.
It needs the same environment as serve, but for PORT and AUGUST_CONTROL_*.`

func reconcileCommand() *cobra.Command {
	var repair bool
	var wait time.Duration
	c := &cobra.Command{
		Use:     "reconcile PIPELINE",
		Short:   "Compare a pipeline's tables with DrChrono, and repair what differs",
		Long:    aboutReconcile,
		Example: "  august-sync reconcile billing\n  august-sync reconcile billing --repair --wait 1h",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return reconcile(cmd.Context(), os.LookupEnv, cmd.OutOrStdout(), os.Stderr, args[0], repair, wait)
		},
	}
	c.Flags().BoolVar(&repair, "repair", false, "write the rows that differ, and mark those that are gone")
	c.Flags().DurationVar(&wait, "wait", 0, "how long to wait for a run of the pipeline that is under way")
	return c
}

func reconcile(ctx context.Context, env config.Lookup, out, logs io.Writer, name string, repair bool, wait time.Duration) error {
	cfg, err := config.Load(env)
	if err != nil {
		return fmt.Errorf("the configuration is not right:\n%w", err)
	}
	log := telemetry.NewLogger(logs, cfg.LogLevel, cfg.Database.Project())
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
	source, err := openSource(cfg, db, log, metrics.Meter("drchrono"))
	if err != nil {
		return err
	}
	service := pipeline.New(pipeline.Config{Store: db, Source: source, Datasets: datasets(), Log: log, Meter: metrics.Meter("sync")})
	var report runtimeapi.Reconcile
	for until := time.Now().Add(wait); ; {
		report, err = service.Reconcile(ctx, name, repair)
		if !errors.Is(err, pipeline.ErrBusy) || time.Now().After(until) {
			break
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(min(time.Second, time.Until(until)+time.Millisecond)):
		}
	}
	if err != nil {
		return errors.New(telemetry.ErrorText(err))
	}
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(report); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	switch {
	case report.Left > 0 && repair:
		return fmt.Errorf("%w: %d differences were found and %d are left; the report says where", errDrift, report.Drift, report.Left)
	case report.Left > 0:
		return fmt.Errorf("%w: %d differences were found; run with --repair to repair them", errDrift, report.Drift)
	}
	return nil
}
