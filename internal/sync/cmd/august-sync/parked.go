package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
	"github.com/feel-august/terraform-provider-august/internal/sync/audit"
	"github.com/feel-august/terraform-provider-august/internal/sync/config"
	"github.com/feel-august/terraform-provider-august/internal/sync/telemetry"
	"github.com/feel-august/terraform-provider-august/internal/sync/webhook"
)

// errNoneParked says that a selection meant no parked delivery.
var errNoneParked = errors.New("no parked delivery is meant by that")

const aboutParked = `Parked lists deliveries of the webhook that could not be applied: what they hold cannot be read, or the
database refuses it. They wait for a person, and are kept until they are replayed or discarded. The
list holds ids, times and reasons, and nothing that a delivery says.

It works on the database alone and needs the AUGUST_DATABASE_ variables. Exit codes:

  0  the list is complete, also when it is empty
  1  it could not look; stderr says why`

const aboutReplay = `Replay puts parked deliveries back, and a runtime that serves applies them again, in the order in which
they came. Give numbers, or an object, or a time. A delivery that is older than what is stored changes
nothing; one that fails again is parked again.

It works on the database alone and needs the AUGUST_DATABASE_ variables. Exit codes:

  0  the number on stdout was put back
  1  nothing was changed; stderr says why
  3  none of what was meant is parked`

const aboutDiscard = `Discard gives parked deliveries up for good. The reason stays with them for as long as settled deliveries
are kept; it must not hold a patient's data. Choose as for replay; the exit codes are the same.`

func webhookCommand() *cobra.Command {
	c := &cobra.Command{Use: "webhook", Short: "List, replay or discard deliveries that could not be applied", Args: cobra.NoArgs}
	var list, replay, discard parkedFlags
	lister := &cobra.Command{
		Use: "parked", Short: "List deliveries that could not be applied", Long: aboutParked, Args: cobra.NoArgs,
		Example: "  august-sync webhook parked --kind line_items --since 2026-03-04T00:00:00Z",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return list.shelf(cmd.Context(), os.LookupEnv, func(ctx context.Context, s webhook.Shelf) error { return list.list(ctx, s, cmd.OutOrStdout()) })
		},
	}
	list.register(lister, false)
	settle := func(use, short, long, example string, flags *parkedFlags, done string, do func(webhook.Shelf, context.Context, runtimeapi.ParkedSelection) (int64, error)) *cobra.Command {
		cmd := &cobra.Command{Use: use, Short: short, Long: long, Example: example, Args: cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error {
				return flags.shelf(cmd.Context(), os.LookupEnv, func(ctx context.Context, s webhook.Shelf) error {
					return flags.settle(ctx, cmd.OutOrStdout(), done, func(which runtimeapi.ParkedSelection) (int64, error) { return do(s, ctx, which) })
				})
			},
		}
		flags.register(cmd, true)
		return cmd
	}
	discarder := settle("discard", "Give up deliveries that could not be applied", aboutDiscard, "  august-sync webhook discard --id 17 --reason \"the object was corrected since\"", &discard, "discarded", webhook.Shelf.Discard)
	discarder.Flags().StringVar(&discard.reason, "reason", "", "why they are not needed")
	_ = discarder.MarkFlagRequired("reason") // the flag is there
	c.AddCommand(lister, discarder,
		settle("replay", "Put deliveries that could not be applied back", aboutReplay, "  august-sync webhook replay --kind line_items --key 9100001\n  august-sync webhook replay --id 17 --id 18", &replay, "put back", webhook.Shelf.Replay))
	return c
}

// parkedFlags is a selection as it is written on the command line.
type parkedFlags struct {
	ids                             []int64
	kind, key, since, until, reason string
}

func (f *parkedFlags) register(c *cobra.Command, ids bool) {
	if ids {
		c.Flags().Int64SliceVar(&f.ids, "id", nil, "number of a delivery, as parked lists it; may be given again")
	}
	c.Flags().StringVar(&f.kind, "kind", "", "what deliveries are about, such as line_items")
	c.Flags().StringVar(&f.key, "key", "", "id of the object that they are about; with --kind")
	c.Flags().StringVar(&f.since, "since", "", "received at this time or later (RFC 3339)")
	c.Flags().StringVar(&f.until, "until", "", "received before this time (RFC 3339)")
}

func (f *parkedFlags) selection() (runtimeapi.ParkedSelection, error) {
	which := runtimeapi.ParkedSelection{IDs: f.ids, Kind: f.kind, Key: f.key, Reason: f.reason}
	for _, t := range []struct {
		name, text string
		into       **time.Time
	}{{"--since", f.since, &which.From}, {"--until", f.until, &which.To}} {
		if t.text == "" {
			continue
		}
		at, err := time.Parse(time.RFC3339, t.text)
		if err != nil {
			return which, fmt.Errorf("%s must be a time, as 2026-03-04T12:00:00Z", t.name)
		}
		*t.into = &at
	}
	if which.Key != "" && which.Kind == "" {
		return which, errors.New("--key goes with --kind")
	}
	return which, nil
}

// shelf opens what is parked.
func (f *parkedFlags) shelf(ctx context.Context, env config.Lookup, do func(context.Context, webhook.Shelf) error) error {
	db, _, err := openAlone(ctx, env)
	if err != nil {
		return err
	}
	defer db.Close()
	if err := migratedFar(ctx, db); err != nil {
		return err
	}
	who := "somebody"
	if u, err := user.Current(); err == nil {
		who = u.Username
	}
	return do(audit.With(ctx, audit.Source{Kind: audit.KindCommand, ID: who}), webhook.Shelf{Store: db})
}

func (f *parkedFlags) list(ctx context.Context, s webhook.Shelf, out io.Writer) error {
	which, err := f.selection()
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "ID\tRECEIVED\tPARKED\tEVENT\tKIND\tKEY\tATTEMPTS\tREASON")
	for after := int64(0); ; {
		page, err := s.List(ctx, which, after, runtimeapi.MostParked)
		if err != nil {
			return errors.New(telemetry.ErrorText(err))
		}
		for _, p := range page.Deliveries {
			_, _ = fmt.Fprintf(table, "%d\t%s\t%s\t%s\t%s\t%s\t%d\t%s\n", p.ID, p.ReceivedAt.UTC().Format(time.RFC3339), p.ParkedAt.UTC().Format(time.RFC3339),
				p.Event, p.Kind, p.Key, p.Attempts, p.Reason)
		}
		if after = page.Next; after == 0 {
			return table.Flush()
		}
	}
}

func (f *parkedFlags) settle(_ context.Context, out io.Writer, done string, do func(runtimeapi.ParkedSelection) (int64, error)) error {
	which, err := f.selection()
	if err != nil {
		return err
	}
	if e := which.Validate(); e != nil {
		return errors.New(e.Message)
	}
	n, err := do(which)
	if err != nil {
		return errors.New(telemetry.ErrorText(err))
	}
	_, err = fmt.Fprintf(out, "%d %s\n", n, done)
	if n == 0 {
		return errNoneParked
	}
	return err
}
