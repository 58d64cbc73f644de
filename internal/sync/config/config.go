// Package config is the runtime's configuration: one struct, read once from the environment and
// checked as a whole, so that a deployment with three mistakes says so three times at once.
package config

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/evidence"
	"github.com/feel-august/terraform-provider-august/internal/bucket"
)

// Config is everything the runtime is told.
type Config struct {
	Port     int
	Host     string // of the interface to listen on; empty means all
	Service  string // Cloud Run's names for what runs; empty elsewhere
	Revision string
	LogLevel slog.Level

	Database Database
	DrChrono DrChrono
	Webhook  Webhook
	PubSub   PubSub
	Coda     Coda
	Control  Control
	Audit    Audit
	Advice   Advice
	Dataset  Dataset // of LoadDataset only
}

// Database says where the database is and how to get in.
type Database struct {
	Instance string // project:region:name
	Name     string
	User     string
	Host     string // set: plain TCP to this host; empty: the Cloud SQL connector with IAM
	Port     int
	Password Secret // only with Host
	PoolMax  int    // all connections of the instance, the inbox's own included
}

// Project is the Google Cloud project that the instance is in.
func (d Database) Project() string {
	project, _, _ := strings.Cut(d.Instance, ":")
	return project
}

// DrChrono says where the EHR is and how to get in.
type DrChrono struct {
	URL               string
	ClientID          string
	ClientSecret      Secret
	RefreshToken      Secret // the first one; DrChrono rotates it, and the database keeps the rotated
	WebhookSecret     Secret
	WebhookSecretNext Secret // accepted too, while a rotation is under way
	CallsPerHour      int    // the application's limit; DrChrono raises it on request
	ReservePercent    int    // of the hour's calls, which full syncs leave to everything else
}

// Webhook says how deliveries are received. Without a secret in DrChrono none is.
type Webhook struct {
	Verify     bool // answer DrChrono's question whether the secret is known
	InboxMaxMB int  // of deliveries that may wait in the database
}

// PubSub says where deliveries are kept until they are applied. Without a topic it is the database alone.
type PubSub struct {
	Topic        string // projects/p/topics/t
	Subscription string // projects/p/subscriptions/s
	Endpoint     string // https://host, or http://host:port in plain text and without credentials; empty: Google's
}

// Coda says where Coda is. Without a token no Coda view is served.
type Coda struct {
	URL    string
	Token  Secret
	Writes int // row writes in ten seconds
}

// Audit says how long the audit trail is kept, and where its heads go.
type Audit struct {
	Bucket        string // gs://bucket/prefix or file:///folder; empty: heads go nowhere
	RetentionDays int    // 0: for ever
	Endpoint      string // of Cloud Storage; empty: Google's
}

// Advice says what advice on indexes may look at besides the database.
type Advice struct {
	Logs     bool   // the instance's log of slow statements, in Cloud Logging
	Endpoint string // of Cloud Logging; empty: Google's
}

// Dataset says where anonymised exports are published, and whose.
type Dataset struct {
	Bucket    string // gs://bucket/prefix or file:///folder
	PublicKey ed25519.PublicKey
	Endpoint  string // of Cloud Storage; empty: Google's
}

// Control says who may call the control API.
type Control struct {
	Audiences []string // of the tokens; none: the control API is off
	Callers   []string // e-mail addresses, lower case
	Readers   []string // likewise, of who may only ask
	Issuer    string
}

// Lookup finds an environment variable; os.LookupEnv is one.
type Lookup func(name string) (string, bool)

// Load reads the whole configuration. The error lists everything that is wrong, by variable, and
// never holds a value.
func Load(lookup Lookup) (Config, error) {
	r := reader{lookup: lookup}
	cfg := Config{
		Port:     r.number("PORT", 8080, 1, 65535),
		Host:     r.text("AUGUST_LISTEN_HOST", ""),
		Service:  r.text("K_SERVICE", ""),
		Revision: r.text("K_REVISION", ""),
		LogLevel: r.level(),
		Database: r.database(),
		DrChrono: r.drchrono(),
		Webhook: Webhook{
			Verify:     r.flag("AUGUST_WEBHOOK_VERIFY", true),
			InboxMaxMB: r.number("AUGUST_WEBHOOK_INBOX_MAX_MB", 1024, 1, 1_000_000),
		},
		PubSub: PubSub{
			Topic:        r.resource("AUGUST_PUBSUB_TOPIC", "topics"),
			Subscription: r.resource("AUGUST_PUBSUB_SUBSCRIPTION", "subscriptions"),
			Endpoint:     r.host("AUGUST_PUBSUB_ENDPOINT"),
		},
		Coda: Coda{
			URL:   r.address("AUGUST_CODA_URL", "https://coda.io/apis/v1"),
			Token: r.secret("AUGUST_CODA_TOKEN"),
			// Coda has published 3 and 5, and counts per user: other users of the account may need a share. It allows ten
			// writes of any sort in six seconds, and these may come all at once.
			Writes: r.number("AUGUST_CODA_WRITES_PER_10S", 3, 1, 10),
		},
		Control: Control{
			Audiences: r.list("AUGUST_CONTROL_AUDIENCE"),
			Callers:   r.callers("AUGUST_CONTROL_CALLERS"),
			Readers:   r.callers("AUGUST_CONTROL_READERS"),
			Issuer:    r.address("AUGUST_OIDC_ISSUER", "https://accounts.google.com"),
		},
		Audit:  r.audit(),
		Advice: r.advice(),
	}
	if cfg.DrChrono.WebhookSecret.Set() && cfg.Database.PoolMax < leastWithInbox {
		r.wrong("AUGUST_DATABASE_POOL_MAX", fmt.Sprintf("must be %d or more with AUGUST_DRCHRONO_WEBHOOK_SECRET: the webhook's inbox has a connection of its own", leastWithInbox))
	}
	if cfg.DrChrono.WebhookSecretNext.Set() && !cfg.DrChrono.WebhookSecret.Set() {
		r.wrong("AUGUST_DRCHRONO_WEBHOOK_SECRET", "is not set, and AUGUST_DRCHRONO_WEBHOOK_SECRET_NEXT is: give the current secret, with the next one beside it")
	}
	if (cfg.PubSub.Topic == "") != (cfg.PubSub.Subscription == "") {
		r.wrong("AUGUST_PUBSUB_SUBSCRIPTION", "goes with AUGUST_PUBSUB_TOPIC: what one instance publishes another has to pull")
	}
	return cfg, r.err()
}

// leastWithInbox is the smallest AUGUST_DATABASE_POOL_MAX when there is an inbox.
const leastWithInbox = 4

// LoadDatabase reads only what a command needs that works on the database alone.
func LoadDatabase(lookup Lookup) (Config, error) {
	r := reader{lookup: lookup}
	cfg := Config{LogLevel: r.level(), Database: r.database(), Audit: r.audit(), Advice: r.advice()}
	return cfg, r.err()
}

// LoadDataset reads what an import needs: the database, and where the exports are.
func LoadDataset(lookup Lookup) (Config, error) {
	r := reader{lookup: lookup}
	cfg := Config{LogLevel: r.level(), Database: r.database()}
	cfg.Dataset = Dataset{
		Bucket:   r.required("AUGUST_DATASET_BUCKET", "the bucket with the exports, gs://bucket/prefix or file:///folder"),
		Endpoint: r.host("AUGUST_STORAGE_ENDPOINT"),
	}
	if cfg.Dataset.Bucket != "" {
		if err := bucket.CheckURL(cfg.Dataset.Bucket); err != nil {
			r.wrong("AUGUST_DATASET_BUCKET", err.Error())
		}
	}
	const key = "AUGUST_DATASET_PUBLIC_KEY"
	if text := r.required(key, "the public key that exports are signed for, in PEM"); text != "" {
		var err error
		if cfg.Dataset.PublicKey, err = evidence.ParsePublicKey([]byte(text)); err != nil {
			r.wrong(key, "cannot be read: "+err.Error())
		}
	}
	return cfg, r.err()
}

// sixYears is what 45 CFR 164.316(b)(2)(i) asks for, and a few days.
const sixYears = 2200

func (r *reader) audit() Audit {
	a := Audit{
		Bucket:        r.text("AUGUST_AUDIT_BUCKET", ""),
		RetentionDays: r.number("AUGUST_AUDIT_RETENTION_DAYS", sixYears, 0, 36500),
		Endpoint:      r.host("AUGUST_STORAGE_ENDPOINT"),
	}
	if a.Bucket != "" {
		if err := bucket.CheckURL(a.Bucket); err != nil {
			r.wrong("AUGUST_AUDIT_BUCKET", err.Error())
		}
	}
	return a
}

func (r *reader) advice() Advice {
	a := Advice{Logs: r.flag("AUGUST_ADVICE_LOGS", false), Endpoint: r.host("AUGUST_LOGGING_ENDPOINT")}
	if a.Logs && r.text("AUGUST_DATABASE_INSTANCE", "") == "" {
		r.wrong("AUGUST_ADVICE_LOGS", "goes with AUGUST_DATABASE_INSTANCE: the log is that instance's")
	}
	return a
}

// StorageEndpoint is where Cloud Storage is, for a command that needs to know nothing else; empty: Google's.
func StorageEndpoint(lookup Lookup) (string, error) {
	r := reader{lookup: lookup}
	return r.host("AUGUST_STORAGE_ENDPOINT"), r.err()
}

var instanceForm = regexp.MustCompile(`^([a-z0-9.-]+:)?[a-z][a-z0-9-]*:[a-z0-9-]+:[a-z][a-z0-9-]*$`)

func (r *reader) database() Database {
	d := Database{
		Instance: r.text("AUGUST_DATABASE_INSTANCE", ""),
		Name:     r.required("AUGUST_DATABASE_NAME", "the name of the database on the instance"),
		User:     r.required("AUGUST_DATABASE_USER", "the database user; with IAM, the service account's e-mail"),
		Host:     r.text("AUGUST_DATABASE_HOST", ""),
		Port:     r.number("AUGUST_DATABASE_PORT", 5432, 1, 65535),
		Password: r.secret("AUGUST_DATABASE_PASSWORD"),
		PoolMax:  r.number("AUGUST_DATABASE_POOL_MAX", 4, 3, 100),
	}
	if d.Instance != "" && !instanceForm.MatchString(d.Instance) {
		r.wrong("AUGUST_DATABASE_INSTANCE", "must be a connection name, project:region:name")
	}
	if d.Instance == "" && d.Host == "" {
		r.wrong("AUGUST_DATABASE_INSTANCE", "is not set; give the instance's connection name, or AUGUST_DATABASE_HOST for plain TCP")
	}
	if d.Host == "" && d.Password.Set() {
		r.wrong("AUGUST_DATABASE_PASSWORD", "goes with AUGUST_DATABASE_HOST; the connector signs in by IAM and takes no password")
	}
	return d
}

func (r *reader) drchrono() DrChrono {
	d := DrChrono{
		URL:               r.address("AUGUST_DRCHRONO_URL", "https://app.drchrono.com"),
		WebhookSecret:     r.secret("AUGUST_DRCHRONO_WEBHOOK_SECRET"),
		WebhookSecretNext: r.secret("AUGUST_DRCHRONO_WEBHOOK_SECRET_NEXT"),
		CallsPerHour:      r.number("AUGUST_DRCHRONO_CALLS_PER_HOUR", 500, 10, 1_000_000),
		ReservePercent:    r.number("AUGUST_DRCHRONO_RESERVE_PERCENT", 10, 0, 90),
	}
	const name, form = "AUGUST_DRCHRONO_OAUTH", `a JSON object with the strings "client_id", "client_secret" and "refresh_token"`
	raw := r.required(name, form)
	if raw == "" {
		return d
	}
	var oauth struct {
		ClientID     string `json:"client_id"`
		ClientSecret string `json:"client_secret"`
		RefreshToken string `json:"refresh_token"`
	}
	// The decoder's own error would quote the secret.
	if json.Unmarshal([]byte(raw), &oauth) != nil {
		r.wrong(name, "is not "+form)
		return d
	}
	var missing []string
	for _, field := range []struct{ name, value string }{
		{"client_id", oauth.ClientID}, {"client_secret", oauth.ClientSecret}, {"refresh_token", oauth.RefreshToken},
	} {
		if field.value == "" {
			missing = append(missing, field.name)
		}
	}
	if len(missing) > 0 {
		r.wrong(name, "lacks "+strings.Join(missing, ", ")+"; give "+form)
	}
	d.ClientID, d.ClientSecret, d.RefreshToken = oauth.ClientID, NewSecret(oauth.ClientSecret), NewSecret(oauth.RefreshToken)
	return d
}

// reader reads variables and collects what is wrong with them.
type reader struct {
	lookup   Lookup
	problems []error
}

func (r *reader) wrong(name, what string) {
	r.problems = append(r.problems, fmt.Errorf("%s %s", name, what))
}

func (r *reader) err() error { return errors.Join(r.problems...) }

func (r *reader) text(name, otherwise string) string {
	value, _ := r.lookup(name)
	if value = strings.TrimSpace(value); value == "" {
		return otherwise
	}
	return value
}

func (r *reader) required(name, what string) string {
	value := r.text(name, "")
	if value == "" {
		r.wrong(name, "is not set; give "+what)
	}
	return value
}

func (r *reader) secret(name string) Secret { return NewSecret(r.text(name, "")) }

func (r *reader) number(name string, otherwise, least, most int) int {
	value := r.text(name, "")
	if value == "" {
		return otherwise
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < least || n > most {
		r.wrong(name, fmt.Sprintf("must be a whole number from %d to %d", least, most))
		return otherwise
	}
	return n
}

func (r *reader) address(name, otherwise string) string {
	value := strings.TrimRight(r.text(name, otherwise), "/")
	u, err := url.Parse(value)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		r.wrong(name, "must be an http or https URL without user, query or fragment")
		return otherwise
	}
	return value
}

func (r *reader) flag(name string, otherwise bool) bool {
	value := r.text(name, strconv.FormatBool(otherwise))
	is, err := strconv.ParseBool(value)
	if err != nil {
		r.wrong(name, "must be true or false")
		return otherwise
	}
	return is
}

// resource reads the name of a resource of Pub/Sub.
func (r *reader) resource(name, kind string) string {
	value := r.text(name, "")
	if parts := strings.Split(value, "/"); value != "" && (len(parts) != 4 || parts[0] != "projects" || parts[1] == "" || parts[2] != kind || parts[3] == "") {
		r.wrong(name, "must be a full name, projects/{project}/"+kind+"/{name}")
	}
	return value
}

// host reads an address without a path, which may be left out.
func (r *reader) host(name string) string {
	if r.text(name, "") == "" {
		return ""
	}
	value := r.address(name, "")
	if u, err := url.Parse(value); err == nil && u.Path != "" {
		r.wrong(name, "must be https://host or http://host:port, without a path")
	}
	return value
}

func (r *reader) list(name string) []string {
	var out []string
	for item := range strings.SplitSeq(r.text(name, ""), ",") {
		if item = strings.TrimSpace(item); item != "" {
			out = append(out, item)
		}
	}
	return out
}

func (r *reader) callers(name string) []string {
	callers := r.list(name)
	for i, caller := range callers {
		if local, domain, ok := strings.Cut(caller, "@"); !ok || local == "" || domain == "" || strings.Contains(caller, "*") {
			r.wrong(name, fmt.Sprintf("entry %d is not one e-mail address", i+1))
		}
		callers[i] = strings.ToLower(caller)
	}
	return callers
}

func (r *reader) level() slog.Level {
	const name = "AUGUST_LOG_LEVEL"
	var level slog.Level
	if value := r.text(name, "info"); level.UnmarshalText([]byte(value)) != nil {
		r.wrong(name, "must be debug, info, warn or error")
	}
	return level
}
