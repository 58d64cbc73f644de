package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/feel-august/terraform-provider-august/internal/bucket"
	"github.com/feel-august/terraform-provider-august/internal/sync/audit"
	"github.com/feel-august/terraform-provider-august/internal/sync/config"
	"github.com/feel-august/terraform-provider-august/internal/sync/telemetry"
)

// errTampering says that the audit trail is not as it was written.
var errTampering = errors.New("the audit trail does not verify")

const aboutVerify = `Verify computes the chain of the audit trail anew from its entries, block by block, and holds it against
itself, against every head in the bucket, and against the time within which entries have to be sealed.
Without a bucket, a chain that was computed anew as a whole, or whose end was cut off, is not found.

It reads the database as of one moment and writes nothing. With --export it verifies an export instead,
and needs no database. Entries that the retention removed are counted; their removal is an entry itself.

The result goes to stdout, progress to stderr. Exit codes:

  0  everything is as it was sealed
  1  it could not look, or not to the end; stderr says why
  3  tampering was found; stdout names the first block and what is wrong, and what else was seen

It needs the AUGUST_DATABASE_ variables; AUGUST_AUDIT_BUCKET, AUGUST_AUDIT_RETENTION_DAYS and
AUGUST_STORAGE_ENDPOINT as the runtime has them.`

const aboutExport = `Export writes whole blocks with their entries, as compressed lines of JSON, and a manifest, which comes
last. "august-sync audit verify --export" verifies them anywhere, without a database. An export is never
written over: each needs a folder of its own.

The entries hold ids of patients' objects and hashes, no content. It needs the AUGUST_DATABASE_ variables.`

func auditCommand() *cobra.Command {
	c := &cobra.Command{Use: "audit", Short: "Verify or export the audit trail", Args: cobra.NoArgs}
	var v verification
	verify := &cobra.Command{
		Use: "verify", Short: "Compute the audit trail's chain anew and say what does not hold", Long: aboutVerify, Args: cobra.NoArgs,
		Example: "  august-sync audit verify --heads gs://feel-august-audit/production\n  august-sync audit verify --export file:///srv/audit-2026",
		RunE: func(cmd *cobra.Command, _ []string) error {
			v.hasHeads = cmd.Flags().Changed("heads")
			return v.run(cmd.Context(), os.LookupEnv, cmd.OutOrStdout(), os.Stderr)
		},
	}
	verify.Flags().StringVar(&v.heads, "heads", "", "bucket with the heads, gs://bucket/prefix or file:///folder (AUGUST_AUDIT_BUCKET)")
	verify.Flags().Int64Var(&v.from, "from", 1, "first block to verify; the one before is taken as it is")
	verify.Flags().StringVar(&v.export, "export", "", "verify the export there, without a database")
	verify.Flags().DurationVar(&v.unsealed, "max-unsealed", 10*time.Minute, "age from which an entry has to be in a block")
	var x exporting
	export := &cobra.Command{
		Use: "export", Short: "Write entries and the blocks that prove them", Long: aboutExport, Args: cobra.NoArgs,
		Example: "  august-sync audit export --to gs://feel-august-audit-exports/2026 --from 2026-01-01 --until 2027-01-01",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return x.run(cmd.Context(), os.LookupEnv, cmd.OutOrStdout())
		},
	}
	export.Flags().StringVar(&x.to, "to", "", "where to, gs://bucket/prefix or file:///folder")
	export.Flags().StringVar(&x.from, "from", "", "blocks sealed from this day or moment on (RFC 3339, UTC)")
	export.Flags().StringVar(&x.until, "until", "", "blocks sealed before this day or moment")
	_ = export.MarkFlagRequired("to") // the flag is there
	c.AddCommand(verify, export)
	return c
}

type verification struct {
	heads, export string
	hasHeads      bool
	from          int64
	unsealed      time.Duration
}

func (v *verification) run(ctx context.Context, env config.Lookup, out, errs io.Writer) error {
	if v.export != "" {
		from, err := openBucket(ctx, env, v.export)
		if err != nil {
			return err
		}
		heads, err := openBucket(ctx, env, v.heads)
		if err != nil {
			return err
		}
		report, err := audit.VerifyExport(ctx, from, heads)
		return conclude(out, report, heads != nil, err)
	}
	db, cfg, err := openAlone(ctx, env)
	if err != nil {
		return err
	}
	defer db.Close()
	if !v.hasHeads {
		v.heads = cfg.Audit.Bucket
	}
	heads, err := openBucket(ctx, env, v.heads)
	if err != nil {
		return err
	}
	said := time.Now()
	report, err := audit.Verify(ctx, audit.Verification{
		Pool: db.Pool(), Heads: heads, From: v.from, Retention: cfg.Audit.RetentionDays, MaxUnsealed: v.unsealed,
		Progress: func(r audit.Report) {
			if time.Since(said) > time.Second {
				said = time.Now()
				_, _ = fmt.Fprintf(errs, "august-sync: %d blocks chained, %d entries computed\n", r.Blocks, r.Entries)
			}
		},
	})
	return conclude(out, report, heads != nil, err)
}

// openBucket opens an address, none for none.
func openBucket(ctx context.Context, env config.Lookup, address string) (bucket.Bucket, error) {
	if address == "" {
		return nil, nil
	}
	endpoint, err := config.StorageEndpoint(env)
	if err != nil {
		return nil, fmt.Errorf("the configuration is not right:\n%w", err)
	}
	return bucket.Open(ctx, address, bucket.Options{Endpoint: endpoint})
}

// conclude writes what was found and turns it into the exit code's error.
func conclude(out io.Writer, r audit.Report, headed bool, err error) error {
	if err != nil {
		return errors.New(telemetry.ErrorText(err))
	}
	var text strings.Builder
	for _, t := range r.Retirements {
		fmt.Fprintf(&text, "retired: %d entries written before %s, of blocks %d to %d, on %s by %s\n", t.Entries, t.Upper.UTC().Format(time.DateOnly), t.First, t.Last, t.At.UTC().Format(time.RFC3339), t.Actor)
	}
	for _, f := range r.Findings {
		fmt.Fprintf(&text, "%s\n", f)
	}
	if r.More > 0 {
		fmt.Fprintf(&text, "and %d more\n", r.More)
	}
	fmt.Fprintf(&text, "%d blocks with %d entries were computed, up to block %d", r.Blocks, r.Entries, r.Last.Number)
	if r.Retired > 0 {
		fmt.Fprintf(&text, "; %d more entries are past their retention", r.Retired)
	}
	if r.Unsealed > 0 {
		fmt.Fprintf(&text, "; %d wait to be sealed", r.Unsealed)
	}
	if headed {
		fmt.Fprintf(&text, "; %d heads were compared\n", r.Heads)
	} else {
		text.WriteString("; no heads were compared: a chain that was made anew as a whole would not be seen\n")
	}
	if _, err := io.WriteString(out, text.String()); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	if !r.Good() {
		return fmt.Errorf("%w: %s", errTampering, r.Findings[0])
	}
	return nil
}

type exporting struct{ to, from, until string }

func (x *exporting) run(ctx context.Context, env config.Lookup, out io.Writer) error {
	e := audit.Exported{}
	for _, bound := range []struct {
		flag, value string
		into        *time.Time
	}{{"--from", x.from, &e.From}, {"--until", x.until, &e.Until}} {
		if bound.value == "" {
			continue
		}
		var err error
		if *bound.into, err = time.Parse(time.DateOnly, bound.value); err != nil {
			if *bound.into, err = time.Parse(time.RFC3339, bound.value); err != nil {
				return fmt.Errorf("%s must be a day such as 2026-12-31 or a moment such as 2026-12-31T12:00:00Z", bound.flag)
			}
		}
	}
	db, _, err := openAlone(ctx, env)
	if err != nil {
		return err
	}
	defer db.Close()
	if e.To, err = openBucket(ctx, env, x.to); err != nil {
		return err
	}
	e.Pool = db.Pool()
	m, err := audit.Export(ctx, e)
	if err != nil {
		return errors.New(telemetry.ErrorText(err))
	}
	_, err = fmt.Fprintf(out, "%d entries in blocks %d to %d; the last one's hash is %s\n", m.Entries, m.First, m.Last, m.Hash)
	return err
}
