package provider

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"google.golang.org/api/run/v2"
	"google.golang.org/api/sqladmin/v1"

	"github.com/feel-august/terraform-provider-august/internal/gcp/cloudrun"
)

// liveService is a service as Cloud Run has it.
type liveService = *run.GoogleCloudRunV2Service

// liveJob is a job as Cloud Run has it.
type liveJob = *run.GoogleCloudRunV2Job

// liveInstance is an instance as Cloud SQL has it.
type liveInstance = *sqladmin.DatabaseInstance

// The variables that the runtime reads its configuration from.
const (
	envDatabasePoolMax = "AUGUST_DATABASE_POOL_MAX"
	envDrChronoURL     = "AUGUST_DRCHRONO_URL"
	envDrChronoOAuth   = "AUGUST_DRCHRONO_OAUTH"
	envDrChronoWebhook = "AUGUST_DRCHRONO_WEBHOOK_SECRET"
	envDrChronoNext    = "AUGUST_DRCHRONO_WEBHOOK_SECRET_NEXT"
	envWebhookVerify   = "AUGUST_WEBHOOK_VERIFY"
	envWebhookInboxMax = "AUGUST_WEBHOOK_INBOX_MAX_MB"
	envDrChronoCalls   = "AUGUST_DRCHRONO_CALLS_PER_HOUR"
	envDrChronoReserve = "AUGUST_DRCHRONO_RESERVE_PERCENT"
	envCodaURL         = "AUGUST_CODA_URL"
	envCodaToken       = "AUGUST_CODA_TOKEN" //nolint:gosec // the name of a variable, not what it holds
	envCodaWrites      = "AUGUST_CODA_WRITES_PER_10S"
	envAuditBucket     = "AUGUST_AUDIT_BUCKET"
	envAuditRetention  = "AUGUST_AUDIT_RETENTION_DAYS"
	envAdviceLogs      = "AUGUST_ADVICE_LOGS"
	envLoggingEndpoint = "AUGUST_LOGGING_ENDPOINT"
	envControlAudience = "AUGUST_CONTROL_AUDIENCE"
	envControlCallers  = "AUGUST_CONTROL_CALLERS"
	envControlReaders  = "AUGUST_CONTROL_READERS"
	envIssuer          = "AUGUST_OIDC_ISSUER"
)

// environment is what the runtime is told, with secrets by reference.
func (m syncRuntimeModel) environment(ctx context.Context, diags *diag.Diagnostics) []cloudrun.Env {
	env := &environment{project: m.Project.ValueString(), diags: diags}
	value, number, secret := env.value, env.number, env.secret
	if d := objectAs[databaseModel](ctx, m.Database, diags); d != nil {
		d.tell(env)
		value(envDatabasePoolMax, strconv.FormatInt(d.PoolMax.ValueInt64(), 10))
	}
	if d := objectAs[drchronoModel](ctx, m.DrChrono, diags); d != nil {
		value(envDrChronoURL, d.URL.ValueString())
		secret(envDrChronoOAuth, d.OAuthSecret)
		secret(envDrChronoWebhook, d.WebhookSecret)
		secret(envDrChronoNext, d.NextSecret)
		if !d.WebhookVerify.IsNull() {
			value(envWebhookVerify, strconv.FormatBool(d.WebhookVerify.ValueBool()))
		}
		number(envWebhookInboxMax, d.WebhookInboxMaxMB)
		number(envDrChronoCalls, d.CallsPerHour)
		number(envDrChronoReserve, d.ReservePercent)
	}
	if c := objectAs[codaModel](ctx, m.Coda, diags); c != nil {
		value(envCodaURL, c.URL.ValueString())
		secret(envCodaToken, c.TokenSecret)
		number(envCodaWrites, c.WritesPer10s)
	}
	m.pubsubVariables(ctx, value, diags)
	m.auditVariables(ctx, env, diags)
	m.adviceVariables(ctx, env, diags)
	if c := objectAs[controlModel](ctx, m.Control, diags); c != nil {
		var callers, readers []string
		diags.Append(c.AllowedCallers.ElementsAs(ctx, &callers, false)...)
		diags.Append(c.AllowedReaders.ElementsAs(ctx, &readers, false)...)
		slices.Sort(callers)
		slices.Sort(readers)
		value(envControlAudience, m.Audience.ValueString())
		value(envControlCallers, strings.Join(callers, ","))
		value(envControlReaders, strings.Join(readers, ","))
		value(envIssuer, c.Issuer.ValueString())
	}
	return env.all
}

// flattenEnvironment takes the runtime's configuration from its environment, and returns the names of the variables
// that are no part of it.
func (m *syncRuntimeModel) flattenEnvironment(ctx context.Context, env []cloudrun.Env, imported bool, diags *diag.Diagnostics) []string {
	v := variables{byName: map[string]cloudrun.Env{}, asked: map[string]bool{}, project: m.Project.ValueString()}
	for _, e := range env {
		v.byName[e.Name] = e
	}

	var database databaseModel
	if was := objectAs[databaseModel](ctx, m.Database, diags); was != nil {
		database = *was
	}
	database.observe(v, m.Location.ValueString())
	database.PoolMax = v.number(envDatabasePoolMax, defaultPoolMax)
	m.Database = objectOf(ctx, databaseTypes, database, diags)

	var drchrono drchronoModel
	if was := objectAs[drchronoModel](ctx, m.DrChrono, diags); was != nil {
		drchrono = *was
	}
	drchrono.URL = v.string(envDrChronoURL)
	drchrono.OAuthSecret = v.secret(envDrChronoOAuth, drchrono.OAuthSecret)
	drchrono.WebhookSecret = v.secret(envDrChronoWebhook, drchrono.WebhookSecret)
	drchrono.NextSecret = v.secret(envDrChronoNext, drchrono.NextSecret)
	drchrono.WebhookVerify, drchrono.WebhookInboxMaxMB = v.flagOrNull(envWebhookVerify), v.numberOrNull(envWebhookInboxMax)
	drchrono.CallsPerHour, drchrono.ReservePercent = v.numberOrNull(envDrChronoCalls), v.numberOrNull(envDrChronoReserve)
	m.DrChrono = objectOf(ctx, drchronoTypes, drchrono, diags)

	coda := codaModel{URL: v.string(envCodaURL), WritesPer10s: v.numberOrNull(envCodaWrites)}
	if was := objectAs[codaModel](ctx, m.Coda, diags); was != nil {
		coda.TokenSecret = was.TokenSecret
	}
	coda.TokenSecret = v.secret(envCodaToken, coda.TokenSecret)
	if m.Coda = types.ObjectNull(codaTypes); v.has(envCodaURL) || v.has(envCodaToken) {
		m.Coda = objectOf(ctx, codaTypes, coda, diags)
	}

	m.flattenPubSub(ctx, v, diags)
	m.flattenAudit(ctx, v, diags)
	m.flattenAdvice(ctx, v, diags)

	control := controlModel{Issuer: v.string(envIssuer)}
	if was := objectAs[controlModel](ctx, m.Control, diags); was != nil {
		control.Audience = was.Audience
	}
	addresses := func(name string) types.Set {
		var all []string
		for address := range strings.SplitSeq(v.text(name), ",") {
			if address != "" {
				all = append(all, address)
			}
		}
		set, d := types.SetValueFrom(ctx, types.StringType, all)
		diags.Append(d...)
		return set
	}
	control.AllowedCallers = addresses(envControlCallers)
	if control.AllowedReaders = types.SetNull(types.StringType); v.text(envControlReaders) != "" {
		control.AllowedReaders = addresses(envControlReaders)
	}
	m.flattenAudience(v.text(envControlAudience), imported, &control)
	m.Control = objectOf(ctx, controlTypes, control, diags)

	var foreign []string
	for name := range v.byName {
		if !v.asked[name] {
			foreign = append(foreign, name)
		}
	}
	slices.Sort(foreign)
	return foreign
}

// flattenAudience puts an audience where the user writes it: nowhere, when it is the default.
func (m *syncRuntimeModel) flattenAudience(live string, imported bool, control *controlModel) {
	standard := syncRuntimeModel{Project: m.Project, Location: m.Location, Name: m.Name, Control: types.ObjectNull(controlTypes)}
	standard.settleNames()
	m.Audience = stringOrNull(live)
	if !control.Audience.IsNull() || (imported && !m.Audience.Equal(standard.Audience)) {
		control.Audience = m.Audience
	}
}
