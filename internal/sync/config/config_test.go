package config

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/evidence"
)

const canary = "canary-8f14e45f"

func environment(changes map[string]string) Lookup {
	env := map[string]string{
		"AUGUST_DATABASE_INSTANCE": "feel-august-platform:us-central1:platform",
		"AUGUST_DATABASE_NAME":     "august",
		"AUGUST_DATABASE_USER":     "august-sync",
		"AUGUST_DRCHRONO_OAUTH":    `{"client_id":"august-production","client_secret":"` + canary + `","refresh_token":"` + canary + `"}`,
	}
	for name, value := range changes {
		env[name] = value
	}
	return func(name string) (string, bool) { value, ok := env[name]; return value, ok }
}

func TestLoad_defaults(t *testing.T) {
	t.Parallel()
	cfg, err := Load(environment(nil))
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Port != 8080 || cfg.Database.PoolMax != 4 || cfg.Database.Port != 5432 || cfg.LogLevel != slog.LevelInfo ||
		cfg.DrChrono.URL != "https://app.drchrono.com" || cfg.Coda.URL != "https://coda.io/apis/v1" ||
		cfg.Control.Issuer != "https://accounts.google.com" || cfg.Coda.Token.Set() ||
		cfg.Audit.Bucket != "" || cfg.Audit.RetentionDays != 2200 ||
		cfg.DrChrono.CallsPerHour != 500 || cfg.DrChrono.ReservePercent != 10 || cfg.Coda.Writes != 3 ||
		!cfg.Webhook.Verify || cfg.Webhook.InboxMaxMB != 1024 || cfg.PubSub != (PubSub{}) {
		t.Errorf("defaults are %+v", cfg)
	}
	if cfg.Database.Project() != "feel-august-platform" || cfg.DrChrono.ClientSecret.Reveal() != canary {
		t.Errorf("read %q and the wrong secret", cfg.Database.Project())
	}
}

func TestLoad_audit(t *testing.T) {
	t.Parallel()
	settings := environment(map[string]string{"AUGUST_AUDIT_BUCKET": "gs://trail/production", "AUGUST_AUDIT_RETENTION_DAYS": "0", "AUGUST_STORAGE_ENDPOINT": "http://127.0.0.1:9/"})
	for _, load := range []func(Lookup) (Config, error){Load, LoadDatabase} {
		cfg, err := load(settings)
		if err != nil || cfg.Audit != (Audit{Bucket: "gs://trail/production", Endpoint: "http://127.0.0.1:9"}) {
			t.Errorf("read %+v, %v", cfg.Audit, err)
		}
		if _, err := load(environment(map[string]string{"AUGUST_AUDIT_BUCKET": "/srv/" + canary, "AUGUST_AUDIT_RETENTION_DAYS": "-1"})); err == nil ||
			!strings.Contains(err.Error(), "AUGUST_AUDIT_BUCKET must be gs://") || !strings.Contains(err.Error(), "AUGUST_AUDIT_RETENTION_DAYS") || strings.Contains(err.Error(), canary) {
			t.Errorf("refused with %v", err)
		}
	}
}

func TestLoad_advice(t *testing.T) {
	t.Parallel()
	for _, load := range []func(Lookup) (Config, error){Load, LoadDatabase} {
		cfg, err := load(environment(map[string]string{"AUGUST_ADVICE_LOGS": "true", "AUGUST_LOGGING_ENDPOINT": "http://127.0.0.1:9/"}))
		if err != nil || cfg.Advice != (Advice{Logs: true, Endpoint: "http://127.0.0.1:9"}) {
			t.Errorf("read %+v, %v", cfg.Advice, err)
		}
		if _, err := load(environment(map[string]string{"AUGUST_ADVICE_LOGS": "true", "AUGUST_DATABASE_INSTANCE": "", "AUGUST_DATABASE_HOST": "127.0.0.1"})); err == nil || !strings.Contains(err.Error(), "AUGUST_ADVICE_LOGS goes with") {
			t.Errorf("a log of no instance: %v", err)
		}
	}
}

func TestLoad_lists(t *testing.T) {
	t.Parallel()
	cfg, err := Load(environment(map[string]string{
		"AUGUST_CONTROL_AUDIENCE": "https://a.example.test, https://b.example.test,",
		"AUGUST_CONTROL_CALLERS":  "Terraform@x.iam.gserviceaccount.com",
		"AUGUST_OIDC_ISSUER":      "http://127.0.0.1:9/identity/",

		"AUGUST_DRCHRONO_CALLS_PER_HOUR":  "2000",
		"AUGUST_DRCHRONO_RESERVE_PERCENT": "0",
		"AUGUST_CODA_WRITES_PER_10S":      "5",

		"AUGUST_WEBHOOK_VERIFY":       "false",
		"AUGUST_WEBHOOK_INBOX_MAX_MB": "7",
		"AUGUST_PUBSUB_TOPIC":         "projects/p/topics/t",
		"AUGUST_PUBSUB_SUBSCRIPTION":  "projects/p/subscriptions/s",
		"AUGUST_PUBSUB_ENDPOINT":      "http://127.0.0.1:8085/",
	}))
	if err != nil {
		t.Fatal(err)
	}
	if len(cfg.Control.Audiences) != 2 || cfg.Control.Callers[0] != "terraform@x.iam.gserviceaccount.com" || cfg.Control.Issuer != "http://127.0.0.1:9/identity" {
		t.Errorf("read %+v", cfg.Control)
	}
	if cfg.DrChrono.CallsPerHour != 2000 || cfg.DrChrono.ReservePercent != 0 || cfg.Coda.Writes != 5 {
		t.Errorf("read %+v and %+v", cfg.DrChrono, cfg.Coda)
	}
	if want := (PubSub{"projects/p/topics/t", "projects/p/subscriptions/s", "http://127.0.0.1:8085"}); cfg.PubSub != want || cfg.Webhook != (Webhook{false, 7}) {
		t.Errorf("read %+v and %+v", cfg.PubSub, cfg.Webhook)
	}
}

func TestLoad_listsEveryProblemAtOnce(t *testing.T) {
	t.Parallel()
	_, err := Load(environment(map[string]string{
		"PORT":                     canary,
		"AUGUST_DATABASE_INSTANCE": canary + "!",
		"AUGUST_DATABASE_NAME":     " ",
		"AUGUST_DATABASE_PASSWORD": canary,
		"AUGUST_DATABASE_POOL_MAX": "2",
		"AUGUST_DRCHRONO_OAUTH":    `{"client_id":"` + canary,
		"AUGUST_CODA_URL":          "ftp://" + canary,
		"AUGUST_CONTROL_CALLERS":   "ok@example.test,*@" + canary,
		"AUGUST_CONTROL_READERS":   canary,

		"AUGUST_CODA_WRITES_PER_10S":  "11",
		"AUGUST_WEBHOOK_VERIFY":       canary,
		"AUGUST_WEBHOOK_INBOX_MAX_MB": "0",
		"AUGUST_PUBSUB_TOPIC":         canary,
		"AUGUST_PUBSUB_SUBSCRIPTION":  "projects/p/topics/" + canary,
		"AUGUST_PUBSUB_ENDPOINT":      "https://example.test/" + canary,
		"AUGUST_LOG_LEVEL":            canary,
	}))
	if err == nil {
		t.Fatal("accepted")
	}
	for _, name := range []string{
		"PORT", "AUGUST_DATABASE_INSTANCE", "AUGUST_DATABASE_NAME", "AUGUST_DATABASE_PASSWORD", "AUGUST_DATABASE_POOL_MAX",
		"AUGUST_DRCHRONO_OAUTH", "AUGUST_CODA_URL", "AUGUST_CODA_WRITES_PER_10S", "AUGUST_CONTROL_CALLERS", "AUGUST_CONTROL_READERS", "AUGUST_LOG_LEVEL",
		"AUGUST_WEBHOOK_VERIFY", "AUGUST_WEBHOOK_INBOX_MAX_MB", "AUGUST_PUBSUB_TOPIC", "AUGUST_PUBSUB_SUBSCRIPTION", "AUGUST_PUBSUB_ENDPOINT",
	} {
		if !strings.Contains(err.Error(), name+" ") {
			t.Errorf("says nothing of %s", name)
		}
	}
	if strings.Contains(err.Error(), canary) {
		t.Errorf("shows a value: %v", err)
	}
}

func TestLoad_namesMissingCredential(t *testing.T) {
	t.Parallel()
	_, err := Load(environment(map[string]string{"AUGUST_DRCHRONO_OAUTH": `{"client_id":"x"}`}))
	if err == nil || !strings.Contains(err.Error(), "lacks client_secret, refresh_token") {
		t.Errorf("got %v", err)
	}
}

func TestLoad_webhook(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		changes map[string]string
		problem string
	}{
		"a connection for the inbox":    {map[string]string{"AUGUST_DRCHRONO_WEBHOOK_SECRET": canary, "AUGUST_DATABASE_POOL_MAX": "4"}, ""},
		"no connection for it":          {map[string]string{"AUGUST_DRCHRONO_WEBHOOK_SECRET": canary, "AUGUST_DATABASE_POOL_MAX": "3"}, "AUGUST_DATABASE_POOL_MAX must be 4"},
		"none needed":                   {map[string]string{"AUGUST_DATABASE_POOL_MAX": "3"}, ""},
		"a topic that nobody pulls":     {map[string]string{"AUGUST_PUBSUB_TOPIC": "projects/p/topics/t"}, "AUGUST_PUBSUB_SUBSCRIPTION goes with"},
		"a subscription of no topic":    {map[string]string{"AUGUST_PUBSUB_SUBSCRIPTION": "projects/p/subscriptions/s"}, "AUGUST_PUBSUB_SUBSCRIPTION goes with"},
		"a next secret without a first": {map[string]string{"AUGUST_DRCHRONO_WEBHOOK_SECRET_NEXT": canary}, "AUGUST_DRCHRONO_WEBHOOK_SECRET is not set"},
	} {
		_, err := Load(environment(c.changes))
		if got := fmt.Sprint(err); c.problem == "" && err != nil || c.problem != "" && !strings.Contains(got, c.problem) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestLoadDatabase_needsNothingElse(t *testing.T) {
	t.Parallel()
	env := map[string]string{"AUGUST_DATABASE_HOST": "127.0.0.1", "AUGUST_DATABASE_NAME": "august", "AUGUST_DATABASE_USER": "u", "AUGUST_DATABASE_PASSWORD": "p"}
	if _, err := LoadDatabase(func(name string) (string, bool) { v, ok := env[name]; return v, ok }); err != nil {
		t.Error(err)
	}
}

func TestLoadDataset(t *testing.T) {
	t.Parallel()
	public, _, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := LoadDataset(environment(map[string]string{"AUGUST_DATASET_BUCKET": "gs://exports", "AUGUST_DATASET_PUBLIC_KEY": evidence.PublicPEM(public), "AUGUST_STORAGE_ENDPOINT": "http://127.0.0.1:9/"}))
	if err != nil || cfg.Dataset.Bucket != "gs://exports" || cfg.Dataset.Endpoint != "http://127.0.0.1:9" || !cfg.Dataset.PublicKey.Equal(public) || cfg.Database.Name != "august" {
		t.Errorf("read %+v, %v", cfg.Dataset, err)
	}
	_, err = LoadDataset(environment(map[string]string{"AUGUST_DATASET_BUCKET": "/srv/" + canary, "AUGUST_DATASET_PUBLIC_KEY": canary, "AUGUST_STORAGE_ENDPOINT": canary}))
	for _, name := range []string{"AUGUST_DATASET_BUCKET must be gs://", "AUGUST_DATASET_PUBLIC_KEY cannot be read", "AUGUST_STORAGE_ENDPOINT must be"} {
		if err == nil || !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), canary) {
			t.Errorf("refused with %v", err)
		}
	}
	if _, err = LoadDataset(environment(nil)); err == nil || strings.Count(err.Error(), "is not set") != 2 {
		t.Errorf("without anything: %v", err)
	}
}

func TestSecret_neverPrints(t *testing.T) {
	t.Parallel()
	cfg, err := Load(environment(map[string]string{"AUGUST_CODA_TOKEN": canary}))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		_, _ = fmt.Fprintf(&out, verb+verb+verb, cfg, &cfg, struct{ hidden Secret }{cfg.Coda.Token})
	}
	encoded, err := json.Marshal(cfg)
	if err != nil {
		t.Fatal(err)
	}
	out.Write(encoded)
	for _, log := range []*slog.Logger{slog.New(slog.NewJSONHandler(&out, nil)), slog.New(slog.NewTextHandler(&out, nil))} {
		log.Info("start", "config", cfg, "value", cfg.Coda.Token, "pointer", &cfg.Coda)
	}
	if strings.Contains(out.String(), canary) || strings.Contains(out.String(), fmt.Sprintf("%x", canary)) {
		t.Errorf("a secret was printed:\n%s", out.String())
	}
}
