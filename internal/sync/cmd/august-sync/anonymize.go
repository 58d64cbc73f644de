package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	stdlog "log"
	"os"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/evidence"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/export"
	"github.com/feel-august/terraform-provider-august/internal/bucket"
	"github.com/feel-august/terraform-provider-august/internal/sync/config"
	"github.com/feel-august/terraform-provider-august/internal/sync/telemetry"
)

const aboutAnonymize = `Anonymize takes the database's rows out, each as the policy lets it become staging's, and publishes them in
a bucket for "august-sync import". The database is only read, as of one moment; a replica will do, and all
that the role needs is SELECT on the columns that leave, or by which people are told; with SELECT on whole
tables, or on ctid beside their columns, several connections share a large one.

The policy is closed: what it does not name, or does not fit the database as it is now, ends the command
before a row is read. All that is written is then scanned for the identifiers of the source, and only when
none has survived the manifest is signed and written, which makes an export of it: manifests/NAME.json.
Whatever fails before leaves nothing behind; what a kill leaves is never an export, and the next run of
that name removes it, any other a day later. No scan has passed it: whoever may read the bucket may read it
until then. A published export is never written over.

A connection that is lost is made again, and what it was reading is read again as of the same moment, as
long as the connection that holds the snapshot lives. When that is lost too the command fails, and has to
be run again: another moment would not fit what was read before. A run cannot be resumed for the same
reason.

While it runs, the tables may be written, but not altered, truncated or dropped: who tries waits until it
ends, and so do those who come after him. Migrate before, or after. On a primary it also keeps VACUUM from
removing rows that have died since it began. In the bucket it has to be allowed to create, read, list and
delete objects (roles/storage.objectAdmin), and staging to read them.

  AUGUST_DATABASE_…              the database, as the runtime has it
  AUGUST_ANONYMIZE_POLICY        the policy, encoded as the provider does it; "august-sync policy" prints one to start with
  AUGUST_ANONYMIZE_BUCKET        gs://bucket/prefix or file:///folder
  AUGUST_ANONYMIZE_SIGNING_KEY   secret: an Ed25519 key in PKCS#8 PEM, as "openssl genpkey -algorithm ed25519" makes it;
                                 staging has the public one, as "openssl pkey -pubout" prints it
  AUGUST_ANONYMIZE_KEY           secret of 32 bytes or more, as "openssl rand -hex 32" makes it, for a policy whose keys are
                                 persistent, and for no other
  AUGUST_ANONYMIZE_WORKERS       connections that read, beside the one that holds the snapshot (2)
  AUGUST_STORAGE_ENDPOINT        of Cloud Storage; unset: Google's

What was published goes to stdout as JSON, progress and the log to stderr. Neither holds a value of a row.`

func anonymizeCommand() *cobra.Command {
	var name string
	c := &cobra.Command{
		Use: "anonymize", Short: "Publish the database's rows for staging, without whom they are about", Long: aboutAnonymize, Args: cobra.NoArgs,
		Example: "  august-sync anonymize --export 20261126t080000z-3f9a51c2",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !cmd.Flags().Changed("export") {
				name = evidence.NewName(time.Now())
			}
			return anonymize(cmd.Context(), os.LookupEnv, cmd.OutOrStdout(), os.Stderr, name)
		},
	}
	c.Flags().StringVar(&name, "export", "", "name of the export; names sort by time (the time, and a few random digits)")
	return c
}

// published is what an export's command says.
type published struct {
	Export     string `json:"export"`
	Manifest   string `json:"manifest"` // in the bucket
	Tables     int    `json:"tables"`
	Rows       int64  `json:"rows"`
	PolicyHash string `json:"policy_hash"`
	KeyID      string `json:"key_id"`
}

func anonymize(ctx context.Context, env config.Lookup, out, errs io.Writer, name string) error {
	cfg, a, err := config.LoadAnonymize(env)
	if err == nil {
		if bad := export.CheckName(name); bad != nil {
			err = fmt.Errorf("--export %w", bad)
		}
	}
	if err != nil {
		return fmt.Errorf("the configuration is not right:\n%w", err)
	}
	debug.SetGCPercent(25) // what is in memory stays; little is made beside it
	log := telemetry.NewLogger(errs, cfg.LogLevel, cfg.Database.Project())
	stdlog.SetOutput(io.Discard) // see serve
	db, _, err := open(ctx, cfg)
	if err != nil {
		return err
	}
	source := db.Settings()
	db.Close() // the export makes connections of its own
	to, err := bucket.Open(ctx, a.Bucket, bucket.Options{Endpoint: a.Endpoint})
	if err != nil {
		return err
	}
	x := export.Config{
		Source: source, Instance: cfg.Database.Instance, Bucket: to, Export: name, Policy: a.Policy,
		Sign: a.Signing, Workers: a.Workers, Runtime: buildVersion(), Log: log,
	}
	if a.Key.Set() {
		x.Key = []byte(a.Key.Reveal())
	}
	m, err := export.Run(ctx, x)
	if err != nil {
		log.Error("nothing was published", "error", err)
		return errors.New(telemetry.ErrorText(err))
	}
	p := published{Export: m.Export, Manifest: evidence.ManifestName(m.Export), Tables: len(m.Tables), PolicyHash: m.PolicyHash, KeyID: m.KeyID}
	for _, t := range m.Tables {
		p.Rows += t.Rows
	}
	return json.NewEncoder(out).Encode(p)
}
