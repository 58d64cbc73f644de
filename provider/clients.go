package provider

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"golang.org/x/oauth2"
	"google.golang.org/api/option"
	"google.golang.org/api/run/v2"
	"google.golang.org/api/secretmanager/v1"

	"github.com/feel-august/terraform-provider-august/internal/bucket"
	"github.com/feel-august/terraform-provider-august/internal/gcp/auth"
	"github.com/feel-august/terraform-provider-august/internal/gcp/cloudsql"
	"github.com/feel-august/terraform-provider-august/internal/gcp/image"
	"github.com/feel-august/terraform-provider-august/internal/gcp/logging"
	"github.com/feel-august/terraform-provider-august/internal/gcp/monitoring"
	"github.com/feel-august/terraform-provider-august/internal/gcp/pubsub"
)

// clients is what the provider block comes to: settings, and clients made when first used.
type clients struct {
	userAgent string

	project, region                                           setting
	accessToken, impersonate, delegates                       setting
	cloudSQL, cloudRun, secretManager, pubSub, iamCredentials setting
	monitoring, logging, storage                              setting

	mu     sync.Mutex
	tokens oauth2.TokenSource
	quota  string // project that calls count against, when the credentials name one
	ids    map[string]oauth2.TokenSource

	registry  *image.Registry
	drills    drillRoom
	pipelines pipelineLists
}

// setting is one value of the provider block, or of the environment behind it.
type setting struct {
	path    path.Path // where it is set in the provider block
	env     []string  // where it is looked for next
	value   string
	unknown bool // it waits for something that this apply makes
	fromEnv string
}

func newSetting(configured types.String, at path.Path, env ...string) setting {
	s := setting{path: at, env: env, value: configured.ValueString(), unknown: configured.IsUnknown()}
	if s.unknown || s.value != "" {
		return s
	}
	for _, name := range env {
		if v := os.Getenv(name); v != "" {
			s.value, s.fromEnv = v, name
			break
		}
	}
	return s
}

// newListSetting is a setting of several values. Commas are between them, as in the environment: no value has one in it.
func newListSetting(configured types.List, at path.Path, env ...string) setting {
	var values []string
	for _, v := range configured.Elements() {
		if v.IsUnknown() {
			return newSetting(types.StringUnknown(), at, env...)
		}
		if s, ok := v.(types.String); ok {
			values = append(values, s.ValueString())
		}
	}
	if configured.IsUnknown() {
		return newSetting(types.StringUnknown(), at, env...)
	}
	return newSetting(types.StringValue(strings.Join(values, ",")), at, env...)
}

// values is what a setting of several values holds.
func (s setting) values() []string {
	var all []string
	for value := range strings.SplitSeq(s.value, ",") {
		if value = strings.TrimSpace(value); value != "" {
			all = append(all, value)
		}
	}
	return all
}

// errUnknown says that a setting cannot be used yet. While planning it means: work without the API.
type errUnknown struct{ setting setting }

func (e errUnknown) Error() string {
	return fmt.Sprintf("the provider's %s is not known yet: it depends on something that is still to be created", e.setting.path)
}

// errMissing says that a setting is nowhere.
type errMissing struct{ setting setting }

func (e errMissing) Error() string {
	return fmt.Sprintf("the provider has no %s: set %[1]s in the provider block, or %s in the environment",
		e.setting.path, strings.Join(e.setting.env, " or "))
}

func (s setting) get() (string, error) {
	switch {
	case s.unknown:
		return "", errUnknown{s}
	case s.value == "":
		return "", errMissing{s}
	}
	return s.value, nil
}

func (c *clients) configure(m providerModel) {
	if m.Endpoints == nil {
		m.Endpoints = &endpointsModel{}
	}
	endpoint := func(v types.String, name, env string) setting {
		s := newSetting(v, path.Root("endpoints").AtName(name), env)
		if s.value != "" && !strings.HasSuffix(s.value, "/") {
			s.value += "/"
		}
		return s
	}
	c.project = newSetting(m.Project, path.Root("project"), "AUGUST_PROJECT", "GOOGLE_PROJECT", "GOOGLE_CLOUD_PROJECT")
	c.region = newSetting(m.Region, path.Root("region"), "AUGUST_REGION", "GOOGLE_REGION")
	c.accessToken = newSetting(m.AccessToken, path.Root("access_token"), "AUGUST_ACCESS_TOKEN", "GOOGLE_OAUTH_ACCESS_TOKEN")
	c.impersonate = newSetting(m.ImpersonateServiceAccount, path.Root("impersonate_service_account"),
		"AUGUST_IMPERSONATE_SERVICE_ACCOUNT", "GOOGLE_IMPERSONATE_SERVICE_ACCOUNT")
	c.delegates = newListSetting(m.Delegates, path.Root("impersonate_service_account_delegates"), "AUGUST_IMPERSONATE_SERVICE_ACCOUNT_DELEGATES")
	c.cloudSQL = endpoint(m.Endpoints.CloudSQL, "cloud_sql", "AUGUST_CLOUD_SQL_ENDPOINT")
	c.cloudRun = endpoint(m.Endpoints.CloudRun, "cloud_run", "AUGUST_CLOUD_RUN_ENDPOINT")
	c.secretManager = endpoint(m.Endpoints.SecretManager, "secret_manager", "AUGUST_SECRET_MANAGER_ENDPOINT")
	c.pubSub = endpoint(m.Endpoints.PubSub, "pubsub", "AUGUST_PUBSUB_ENDPOINT")
	c.iamCredentials = endpoint(m.Endpoints.IAMCredentials, "iam_credentials", "AUGUST_IAM_CREDENTIALS_ENDPOINT")
	c.monitoring = endpoint(m.Endpoints.Monitoring, "monitoring", "AUGUST_MONITORING_ENDPOINT")
	c.logging = endpoint(m.Endpoints.Logging, "logging", "AUGUST_LOGGING_ENDPOINT")
	c.storage = endpoint(m.Endpoints.Storage, "storage", "AUGUST_STORAGE_ENDPOINT")
}

// validateEnvironment holds what came from the environment to the rules that the schema holds the block to.
func (c *clients) validateEnvironment(ctx context.Context) diag.Diagnostics {
	var diags diag.Diagnostics
	if c.delegates.value != "" && c.impersonate.value == "" && !c.impersonate.unknown {
		failAt(&diags, c.delegates.path, "Nobody to act as", "The delegates are the way to a service account, and there is none to act as. Set impersonate_service_account, or leave them out.", nil)
	}
	check := func(s setting, v validator.String) {
		if s.fromEnv == "" {
			return
		}
		resp := validator.StringResponse{}
		v.ValidateString(ctx, validator.StringRequest{Path: s.path, ConfigValue: types.StringValue(s.value)}, &resp)
		for _, d := range resp.Diagnostics {
			diags.AddAttributeError(s.path, d.Summary(), "The value comes from the environment variable "+s.fromEnv+". "+d.Detail())
		}
	}
	check(c.project, projectID())
	check(c.region, regionName())
	check(c.impersonate, serviceAccountEmail())
	for _, account := range c.delegates.values() {
		one := c.delegates
		one.value = account
		check(one, serviceAccountEmail())
	}
	for _, s := range []setting{c.cloudSQL, c.cloudRun, c.secretManager, c.pubSub, c.iamCredentials, c.monitoring, c.logging, c.storage} {
		check(s, baseURL())
	}
	return diags
}

// Project is the project to use by default.
func (c *clients) Project() (string, error) { return c.project.get() }

// Region is the region to use by default.
func (c *clients) Region() (string, error) { return c.region.get() }

// or is a resource's own value when it has one, else the setting. It is unknown when either is.
func (s setting) or(own types.String) (types.String, error) {
	if !own.IsNull() {
		return own, nil
	}
	value, err := s.get()
	if s.unknown {
		return types.StringUnknown(), nil
	}
	if err != nil {
		return types.StringNull(), err
	}
	return types.StringValue(value), nil
}

// TokenSource gives access tokens for Google's APIs.
func (c *clients) TokenSource(ctx context.Context) (oauth2.TokenSource, error) {
	config, err := c.auth()
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.tokens == nil {
		// Tokens outlive the call that first asks for one.
		ts, err := auth.TokenSource(context.WithoutCancel(ctx), config)
		if err != nil {
			return nil, err
		}
		project, err := auth.QuotaProject(ctx, config)
		if err != nil {
			return nil, err
		}
		c.tokens, c.quota = ts, project
	}
	return c.tokens, nil
}

// IDToken gives ID tokens for an audience, which is how the runtime's control API knows who calls.
func (c *clients) IDToken(ctx context.Context, audience string) (oauth2.TokenSource, error) {
	config, err := c.auth()
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if ts, ok := c.ids[audience]; ok {
		return ts, nil
	}
	ts, err := auth.IDTokenSource(context.WithoutCancel(ctx), config, audience)
	if err != nil {
		return nil, err
	}
	if c.ids == nil {
		c.ids = map[string]oauth2.TokenSource{}
	}
	c.ids[audience] = ts
	return ts, nil
}

// NewIDToken is an ID token that nobody has had before, so that all of its hour is left.
func (c *clients) NewIDToken(ctx context.Context, audience string) (string, error) {
	config, err := c.auth()
	if err != nil {
		return "", err
	}
	ts, err := auth.IDTokenSource(ctx, config, audience)
	if err != nil {
		return "", err
	}
	token, err := ts.Token()
	if err != nil {
		return "", err
	}
	return token.AccessToken, nil
}

// HTTPClient calls Google with the provider's credentials, user agent and log.
func (c *clients) HTTPClient(ctx context.Context) (*http.Client, error) {
	ts, err := c.TokenSource(ctx)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return &http.Client{Transport: &oauth2.Transport{Source: ts, Base: auth.ForProject(c.transport(), c.quota)}}, nil
}

// UserAgent names provider and Terraform to whoever is called.
func (c *clients) UserAgent() string { return c.userAgent }

// CloudSQL is the client of the Cloud SQL Admin API.
func (c *clients) CloudSQL(ctx context.Context) (*cloudsql.Client, error) {
	options, err := c.options(ctx, c.cloudSQL)
	if err != nil {
		return nil, err
	}
	return cloudsql.New(ctx, options...)
}

// CloudRun is the client of the Cloud Run Admin API.
func (c *clients) CloudRun(ctx context.Context) (*run.Service, error) {
	options, err := c.options(ctx, c.cloudRun)
	if err != nil {
		return nil, err
	}
	return run.NewService(ctx, options...)
}

// Monitoring is the client of the Cloud Monitoring API.
func (c *clients) Monitoring(ctx context.Context) (*monitoring.Client, error) {
	options, err := c.options(ctx, c.monitoring)
	if err != nil {
		return nil, err
	}
	return monitoring.New(ctx, options...)
}

// Logging is the client of the Cloud Logging API.
func (c *clients) Logging(ctx context.Context) (*logging.Client, error) {
	options, err := c.options(ctx, c.logging)
	if err != nil {
		return nil, err
	}
	return logging.New(ctx, options...)
}

// Bucket reaches the objects of a bucket of Cloud Storage.
func (c *clients) Bucket(ctx context.Context, address string) (bucket.Bucket, error) {
	if c.storage.unknown {
		return nil, errUnknown{c.storage}
	}
	client, err := c.HTTPClient(ctx)
	if err != nil {
		return nil, err
	}
	return bucket.Open(ctx, address, bucket.Options{Endpoint: c.storage.value, Client: client})
}

// PubSub is the client of the Pub/Sub API.
func (c *clients) PubSub(ctx context.Context) (*pubsub.Client, error) {
	options, err := c.options(ctx, c.pubSub)
	if err != nil {
		return nil, err
	}
	return pubsub.New(ctx, options...)
}

// Secrets is the client of the Secret Manager API.
func (c *clients) Secrets(ctx context.Context) (*secretmanager.Service, error) {
	options, err := c.options(ctx, c.secretManager)
	if err != nil {
		return nil, err
	}
	return secretmanager.NewService(ctx, options...)
}

func (c *clients) options(ctx context.Context, endpoint setting) ([]option.ClientOption, error) {
	if endpoint.unknown {
		return nil, errUnknown{endpoint}
	}
	client, err := c.HTTPClient(ctx)
	if err != nil {
		return nil, err
	}
	options := []option.ClientOption{option.WithHTTPClient(client)}
	if endpoint.value != "" {
		options = append(options, option.WithEndpoint(endpoint.value))
	}
	return options, nil
}

func (c *clients) auth() (auth.Config, error) {
	for _, s := range []setting{c.accessToken, c.impersonate, c.delegates, c.iamCredentials} {
		if s.unknown {
			return auth.Config{}, errUnknown{s}
		}
	}
	return auth.Config{
		AccessToken:    c.accessToken.value,
		Impersonate:    c.impersonate.value,
		Delegates:      c.delegates.values(),
		IAMCredentials: c.iamCredentials.value,
		Base:           c.transport(),
	}, nil
}

func (c *clients) transport() http.RoundTripper {
	return &loggingTransport{userAgent: c.userAgent, base: patient}
}
