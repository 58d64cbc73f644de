package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/catalog"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/inspect"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/policy"
	"github.com/feel-august/terraform-provider-august/internal/sync/config"
	"github.com/feel-august/terraform-provider-august/internal/sync/store"
	"github.com/feel-august/terraform-provider-august/internal/sync/telemetry"
)

const aboutPolicy = `Policy prints a policy to begin with for august_staging_anonymization: a rule for each column of each table of
the database, by its name, its type and its place in keys and references. It keeps only what has no room for an
identifier; of this product's own tables it knows more. What is left for a person to decide, the attestation
always, goes to stderr.

It reads PostgreSQL's own tables and no row. It needs the AUGUST_DATABASE_ variables.`

func policyCommand() *cobra.Command {
	method := string(policy.SafeHarbor)
	c := &cobra.Command{
		Use: "policy", Short: "Print a policy to begin with for anonymising this database", Long: aboutPolicy, Args: cobra.NoArgs,
		Example: "  august-sync policy > policy.tf",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return printPolicy(cmd.Context(), os.LookupEnv, policy.Method(method), cmd.OutOrStdout(), os.Stderr)
		},
	}
	c.Flags().StringVar(&method, "method", method, "the legal method to claim, "+string(policy.SafeHarbor)+" or "+string(policy.ExpertDetermination))
	return c
}

func printPolicy(ctx context.Context, env config.Lookup, method policy.Method, out, progress io.Writer) error {
	if method != policy.SafeHarbor && method != policy.ExpertDetermination {
		return fmt.Errorf("--method is %s or %s", policy.SafeHarbor, policy.ExpertDetermination)
	}
	db, _, err := openAlone(ctx, env)
	if err != nil {
		return err
	}
	defer db.Close()
	c, err := schemaOf{db}.Catalog(ctx)
	if err != nil {
		return fmt.Errorf("the database could not be looked at: %s", telemetry.ErrorText(err))
	}
	p := policy.Starter(c, method)
	if _, err := out.Write(policy.Local("anonymization_policy",
		"What becomes of each column in staging. Begun by august-sync policy: read it, correct it, and attest to it.", p)); err != nil {
		return err
	}
	for _, f := range policy.Check(p, c, time.Now()) {
		if _, err := fmt.Fprintln(progress, f); err != nil {
			return err
		}
	}
	return nil
}

// schemaOf tells what a database is made of.
type schemaOf struct{ db *store.Store }

// Catalog is as of one moment.
func (s schemaOf) Catalog(ctx context.Context) (c *catalog.Catalog, err error) {
	err = pgx.BeginTxFunc(ctx, s.db.Pool(), pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		c, err = inspect.Read(ctx, tx)
		return err
	})
	return c, err
}
