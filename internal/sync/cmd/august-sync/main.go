// Command august-sync is the sync runtime: it reads billing data from DrChrono, takes its webhooks, keeps it all in
// PostgreSQL, derives claims from it and brings summaries to Coda. It is configured by environment
// variables only.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"
)

// version and revision, a commit, are set by the linker.
var version, revision = "", ""

// stamp lets them be read out of the executable without running it, also when it is stripped and its build noted
// nothing: whoever packs it looks for the mark, which is what(1)'s, and follows the pointers behind it.
var stamp = struct {
	mark              [16]byte
	version, revision *string
}{
	[16]byte{'@', '(', '#', ')', 'a', 'u', 'g', 'u', 's', 't', '-', 's', 'y', 'n', 'c', ' '},
	&version, &revision,
}

func main() {
	ctx, stop := untilSignal()
	defer stop()
	if err := command().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "august-sync:", err)
		if errors.Is(err, errDrift) || errors.Is(err, errTampering) || errors.Is(err, errNoneParked) {
			os.Exit(exitFound)
		}
		os.Exit(1)
	}
}

// untilSignal is a context that ends with the first SIGTERM or SIGINT. The second ends the process.
func untilSignal() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		<-signals
		cancel()
		<-signals
		os.Exit(130)
	}()
	return ctx, cancel
}

const about = `august-sync is Feel August's sync runtime: one process that serves the control API, runs the
declared pipelines against DrChrono, and pushes summaries to Coda.

It reads its configuration from the environment, once:

  PORT                                 to listen on (8080)
  AUGUST_LISTEN_HOST                   address to listen on (all there are)
  AUGUST_LOG_LEVEL                     debug, info, warn or error (info)

  AUGUST_DATABASE_INSTANCE             connection name, project:region:name
  AUGUST_DATABASE_NAME, _USER          database and user on it
  AUGUST_DATABASE_POOL_MAX             connections at most (4), of which the webhook's inbox has one to itself; a
                                       recovery drill's probe takes one beside them, and an instance writes two at most
  AUGUST_DATABASE_HOST, _PORT          set: plain TCP to there; unset: the Cloud SQL connector with IAM
  AUGUST_DATABASE_PASSWORD             secret; only with AUGUST_DATABASE_HOST

  AUGUST_DRCHRONO_URL                  https://app.drchrono.com
  AUGUST_DRCHRONO_OAUTH                secret: {"client_id", "client_secret", "refresh_token"}
  AUGUST_DRCHRONO_WEBHOOK_SECRET       secret; _NEXT is accepted too during a rotation. Without it no delivery is taken
  AUGUST_WEBHOOK_VERIFY                answer DrChrono's verification (true); may be off once it is done
  AUGUST_WEBHOOK_INBOX_MAX_MB          of deliveries that may wait in the database (1024)

  AUGUST_PUBSUB_TOPIC, _SUBSCRIPTION   projects/p/topics/t and projects/p/subscriptions/s: keep deliveries until they
                                       are applied; without them the database does. The subscription has to keep order
  AUGUST_PUBSUB_ENDPOINT               https://host, or plain text at http://host:port; unset: Google's

  AUGUST_CODA_URL                      https://coda.io/apis/v1
  AUGUST_CODA_TOKEN                    secret; without it no Coda view is served
  AUGUST_CODA_WRITES_PER_10S           row writes that the token's user may make in ten seconds (3)

  AUGUST_AUDIT_BUCKET                  where heads of the audit trail go, gs://bucket/prefix or file:///folder; unset: nowhere
  AUGUST_AUDIT_RETENTION_DAYS          for which its entries are kept (2200, which is six years); 0: for ever

  AUGUST_ADVICE_LOGS                   have advice on indexes read the instance's log of slow statements (false), for which the
                                       service account needs roles/logging.viewer
  AUGUST_LOGGING_ENDPOINT              of Cloud Logging, https://host, or plain text at http://host:port; unset: Google's

  AUGUST_DATASET_BUCKET, _PUBLIC_KEY   of anonymised exports, for "august-sync import"
  AUGUST_STORAGE_ENDPOINT              of Cloud Storage, https://host, or plain text at http://host:port; unset: Google's

  AUGUST_CONTROL_AUDIENCE              audiences of control API tokens, by comma; without it the API is off
  AUGUST_CONTROL_CALLERS               e-mail addresses that may call it, by comma
  AUGUST_CONTROL_READERS               e-mail addresses that may only ask it, by comma
  AUGUST_OIDC_ISSUER                   https://accounts.google.com

Paths: /livez and /readyz for probes, /metrics for Prometheus, /v1/ for the control API,
/webhooks/drchrono for DrChrono.`

func command() *cobra.Command {
	root := &cobra.Command{
		Use:           "august-sync",
		Short:         "Feel August's sync runtime",
		Long:          about,
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE:          func(cmd *cobra.Command, _ []string) error { return serve(cmd.Context(), os.LookupEnv, os.Stderr) },
	}
	root.CompletionOptions.DisableDefaultCmd = true
	root.AddCommand(
		&cobra.Command{
			Use:   "serve",
			Short: "Serve until SIGTERM (the default)",
			Long: "Serve answers /livez at once and /readyz when the database is migrated. It waits for a database\n" +
				"that is away, and is ready all the same when Pub/Sub can take the webhook's deliveries. At SIGTERM it gives its runs back and exits within ten seconds; a second\n" +
				"signal ends it at once.",
			Args: cobra.NoArgs,
			RunE: root.RunE,
		},
		&cobra.Command{
			Use:   "migrate",
			Short: "Bring the database's schema up to this build and exit",
			Long: "Migrate needs only the AUGUST_DATABASE_ variables, and one connection whatever _POOL_MAX says. Migrations only go\n" +
				"forward; a newer schema is left alone. Several at a time take turns, and instances may serve meanwhile. A database\n" +
				"that is away is waited for, two minutes at most. At SIGTERM the migration at hand is rolled back.",
			Args: cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error { return migrate(cmd.Context(), os.LookupEnv, os.Stderr) },
		},
		reconcileCommand(),
		webhookCommand(),
		policyCommand(),
		auditCommand(),
		anonymizeCommand(),
		importCommand(),
		adviseCommand(),
		parseCommand(),
		&cobra.Command{
			Use:   "version",
			Short: "Print the version and exit",
			Args:  cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error {
				_, err := fmt.Fprintln(cmd.OutOrStdout(), buildVersion())
				return err
			},
		},
	)
	return root
}

// buildVersion is the linker's version, else what Go's build noted.
func buildVersion() string {
	if *stamp.version != "" { // through the stamp, so that the linker keeps it
		return *stamp.version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return "dev-" + s.Value[:12]
		}
	}
	return "dev"
}
