package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/feel-august/terraform-provider-august/internal/advise/index"
	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
	"github.com/feel-august/terraform-provider-august/internal/sync/config"
	"github.com/feel-august/terraform-provider-august/internal/sync/telemetry"
)

const aboutAdvise = `Advise says which indexes the database lacks, and which are in its way: for each the statement, what it would save
and cost a day, and the evidence. It creates and drops nothing.

The workload is what PostgreSQL has counted between looks, ten minutes apart while a runtime serves; a database that
nobody has looked at yet has none, and this command is a look, too. Statements come from pg_stat_statements:

  create extension pg_stat_statements;      -- and the server has to load it; Cloud SQL does
  create extension hypopg;                  -- has the planner prove each gain; without it arithmetic does
  grant pg_read_all_stats to "<the runtime's role>";   -- else statements of other roles are not seen
  grant pg_read_all_data to "<the runtime's role>";    -- or SELECT on the tables: else they cannot be planned

What it prints has no value of a row and no literal of a statement. It needs the AUGUST_DATABASE_ variables.`

func adviseCommand() *cobra.Command {
	var req runtimeapi.IndexAdviceRequest
	var least float64
	var asJSON bool
	c := &cobra.Command{
		Use: "advise", Short: "Say which indexes the database lacks, and which are in its way", Long: aboutAdvise, Args: cobra.NoArgs,
		Example: "  august-sync advise --days 14 --schema billing",
		RunE: func(cmd *cobra.Command, _ []string) error {
			req.LeastPercent = &least
			return printAdvice(cmd.Context(), os.LookupEnv, req, asJSON, cmd.OutOrStdout(), os.Stderr)
		},
	}
	c.Flags().Float64Var(&req.WindowDays, "days", runtimeapi.AdviceWindowDefault, "newest days of the workload to look at")
	c.Flags().StringSliceVar(&req.Schemas, "schema", nil, "only tables of this schema; may be given again")
	c.Flags().Float64Var(&least, "least", runtimeapi.AdviceLeastDefault, "percent of the workload's time that an index has to save")
	c.Flags().Float64Var(&req.UnusedDays, "unused-days", runtimeapi.AdviceUnusedDefault, "for which an index must have been watched before it is called unused")
	c.Flags().IntVar(&req.MostProposals, "most", runtimeapi.AdviceMostDefault, "indexes to propose at most")
	c.Flags().BoolVar(&asJSON, "json", false, "print the advice as the control API gives it")
	return c
}

func printAdvice(ctx context.Context, env config.Lookup, req runtimeapi.IndexAdviceRequest, asJSON bool, out, progress io.Writer) error {
	if found := req.Validate(); len(found) > 0 {
		return errors.New(found[0].Error())
	}
	db, cfg, err := openAlone(ctx, env)
	if err != nil {
		return err
	}
	defer db.Close()
	if err := migratedFar(ctx, db); err != nil {
		return err
	}
	adviser, err := openAdvisor(ctx, cfg, db, telemetry.NewLogger(progress, cfg.LogLevel, cfg.Database.Project()))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, runtimeapi.AdviceTime)
	defer cancel()
	advice, err := adviser.Indexes(ctx, req)
	if err != nil {
		return err
	}
	if asJSON {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		return e.Encode(advice)
	}
	p := &page{out: out}
	p.advice(advice)
	return p.err
}

// page prints an advice for people.
type page struct {
	out io.Writer
	err error
}

func (p *page) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.out, format+"\n", args...)
	}
}

const day = "2006-01-02 15:04"

func (p *page) advice(a *index.Advice) {
	p.line("Workload from %s to %s UTC: %d statements read, %s of execution; proved by %s.",
		a.Window.From.UTC().Format(day), a.Window.To.UTC().Format(day), a.Read, seconds(a.Seconds), a.Proof)
	for _, n := range a.Notes {
		p.line("  ! %s", n)
	}
	p.line("\nMISSING: %d", len(a.Proposals))
	for i, m := range a.Proposals {
		p.line("\n%d. %s", i+1, m.Statement)
		p.line("   %s.", m.Reason)
		p.line("   saves %s a day, %.1f %% of the workload; keeping it costs %s a day; %s on disk; proved by %s", seconds(m.Saved), m.SavedPercent, seconds(m.Written), size(m.Bytes), m.Proof)
		for _, e := range m.Evidence {
			p.line("   · %s", e.Statement)
			p.line("     %.0f calls, %s; cost for unknown values %.4g → %.4g%s", e.Calls, seconds(e.Seconds), e.GenericBefore, e.GenericAfter, literal(e))
			for _, s := range e.Statistics {
				p.line("     %s", s)
			}
		}
		for _, w := range m.Warnings {
			p.line("   ! %s", w)
		}
	}
	p.line("\nIN THE WAY, OR WITHOUT A KEY: %d", len(a.Useless))
	for _, u := range a.Useless {
		name := u.Index
		if name == "" {
			name = u.Table
		}
		p.line("\n%s %s.%s: %s", u.Kind, u.Schema, name, u.Reason)
		p.line("   %s", u.Statement)
		p.line("   %s on disk; keeping it costs %s a day", size(u.Bytes), seconds(u.Written))
		for _, e := range u.Evidence {
			p.line("   · %s", e)
		}
		for _, w := range u.Warnings {
			p.line("   ! %s", w)
		}
	}
	if len(a.Unread) > 0 {
		p.line("\nNOT LOOKED AT:")
		for _, u := range a.Unread {
			p.line("  %d statements, %s: %s", u.Statements, seconds(u.Seconds), u.Reason)
		}
	}
}

func literal(e index.Evidence) string {
	if e.Literals == 0 {
		return ""
	}
	return fmt.Sprintf(", for %d draws of values %.4g → %.4g", e.Literals, e.LiteralBefore, e.LiteralAfter)
}

func seconds(s float64) string {
	switch {
	case s >= 7200:
		return fmt.Sprintf("%.1f h", s/3600)
	case s >= 120:
		return fmt.Sprintf("%.1f min", s/60)
	case s >= 1:
		return fmt.Sprintf("%.1f s", s)
	}
	return fmt.Sprintf("%.3g ms", s*1000)
}

func size(bytes int64) string {
	switch {
	case bytes >= 1<<30:
		return fmt.Sprintf("%.1f GB", float64(bytes)/(1<<30))
	case bytes >= 1<<20:
		return fmt.Sprintf("%.1f MB", float64(bytes)/(1<<20))
	}
	return fmt.Sprintf("%d kB", bytes>>10)
}
