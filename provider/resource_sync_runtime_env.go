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
	"github.com/feel-august/terraform-provider-august/internal/gcp/secrets"
)

// liveService is a service as Cloud Run has it.
type liveService = *run.GoogleCloudRunV2Service

// liveInstance is an instance as Cloud SQL has it.
type liveInstance = *sqladmin.DatabaseInstance

// The variables that the runtime reads its configuration from.
const (
	envDatabaseInstance = "AUGUST_DATABASE_INSTANCE"
	envDatabaseName     = "AUGUST_DATABASE_NAME"
	envDatabaseUser     = "AUGUST_DATABASE_USER"
	envDatabasePoolMax  = "AUGUST_DATABASE_POOL_MAX"
	envDatabaseHost     = "AUGUST_DATABASE_HOST"
	envDatabasePort     = "AUGUST_DATABASE_PORT"
	envDatabasePassword = "AUGUST_DATABASE_PASSWORD"
	envDrChronoURL      = "AUGUST_DRCHRONO_URL"
	envDrChronoOAuth    = "AUGUST_DRCHRONO_OAUTH"
	envDrChronoWebhook  = "AUGUST_DRCHRONO_WEBHOOK_SECRET"
	envDrChronoNext     = "AUGUST_DRCHRONO_WEBHOOK_SECRET_NEXT"
	envWebhookVerify    = "AUGUST_WEBHOOK_VERIFY"
	envWebhookInboxMax  = "AUGUST_WEBHOOK_INBOX_MAX_MB"
	envDrChronoCalls    = "AUGUST_DRCHRONO_CALLS_PER_HOUR"
	envDrChronoReserve  = "AUGUST_DRCHRONO_RESERVE_PERCENT"
	envCodaURL          = "AUGUST_CODA_URL"
	envCodaToken        = "AUGUST_CODA_TOKEN" //nolint:gosec // the name of a variable, not what it holds
	envCodaWrites       = "AUGUST_CODA_WRITES_PER_10S"
	envAuditBucket      = "AUGUST_AUDIT_BUCKET"
	envAuditRetention   = "AUGUST_AUDIT_RETENTION_DAYS"
	envControlAudience  = "AUGUST_CONTROL_AUDIENCE"
	envControlCallers   = "AUGUST_CONTROL_CALLERS"
	envIssuer           = "AUGUST_OIDC_ISSUER"
)

// environment is what the runtime is told, with secrets by reference.
func (m syncRuntimeModel) environment(ctx context.Context, diags *diag.Diagnostics) []cloudrun.Env {
	var env []cloudrun.Env
	value := func(name, value string) { env = append(env, cloudrun.Env{Name: name, Value: value}) }
	number := func(name string, n types.Int64) {
		if !n.IsNull() {
			value(name, strconv.FormatInt(n.ValueInt64(), 10))
		}
	}
	secret := func(name string, reference types.String) {
		if reference.IsNull() {
			return
		}
		ref, err := secrets.Parse(reference.ValueString(), m.Project.ValueString())
		if err != nil {
			fail(diags, "Secret reference not understood", "The reference for "+name+" cannot be used.", err)
			return
		}
		env = append(env, cloudrun.Env{Name: name, Secret: &ref})
	}

	if d := objectAs[databaseModel](ctx, m.Database, diags); d != nil {
		value(envDatabaseInstance, d.ConnectionName.ValueString())
		value(envDatabaseName, d.Name.ValueString())
		value(envDatabaseUser, d.User.ValueString())
		value(envDatabasePoolMax, strconv.FormatInt(d.PoolMax.ValueInt64(), 10))
		if d.Direct.ValueBool() {
			value(envDatabaseHost, d.Address.ValueString())
			value(envDatabasePort, strconv.FormatInt(d.Port.ValueInt64(), 10))
			secret(envDatabasePassword, d.PasswordSecret)
		}
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
	if a := objectAs[auditModel](ctx, m.Audit, diags); a != nil {
		if !a.Bucket.IsNull() {
			value(envAuditBucket, a.Bucket.ValueString())
		}
		number(envAuditRetention, a.RetentionDays)
	}
	if c := objectAs[controlModel](ctx, m.Control, diags); c != nil {
		var callers []string
		diags.Append(c.AllowedCallers.ElementsAs(ctx, &callers, false)...)
		slices.Sort(callers)
		value(envControlAudience, m.Audience.ValueString())
		value(envControlCallers, strings.Join(callers, ","))
		value(envIssuer, c.Issuer.ValueString())
	}
	return env
}

// variables reads an environment, and remembers which of it has been asked for.
type variables struct {
	byName  map[string]cloudrun.Env
	asked   map[string]bool
	project string
}

func (v variables) has(name string) bool { _, ok := v.byName[name]; return ok }

func (v variables) text(name string) string {
	v.asked[name] = true
	return v.byName[name].Value
}

func (v variables) string(name string) types.String { return stringOrNull(v.text(name)) }

func (v variables) number(name string, otherwise int64) types.Int64 {
	n, err := strconv.ParseInt(v.text(name), 10, 64)
	if err != nil {
		n = otherwise
	}
	return types.Int64Value(n)
}

// flagOrNull is a flag that is in the environment only where it is declared.
func (v variables) flagOrNull(name string) types.Bool {
	is, err := strconv.ParseBool(v.text(name))
	if err != nil {
		return types.BoolNull()
	}
	return types.BoolValue(is)
}

// numberOrNull is a number that is in the environment only where it is declared.
func (v variables) numberOrNull(name string) types.Int64 {
	n, err := strconv.ParseInt(v.text(name), 10, 64)
	if err != nil {
		return types.Int64Null()
	}
	return types.Int64Value(n)
}

// secret is the reference that a variable holds, in the words of before when it means the same. A variable that holds
// a value instead gives null: the value may be the secret, and must not come into the state.
func (v variables) secret(name string, before types.String) types.String {
	v.asked[name] = true
	ref := v.byName[name].Secret
	if ref == nil {
		return types.StringNull()
	}
	if was, err := secrets.Parse(before.ValueString(), v.project); err == nil && was == *ref {
		return before
	}
	return types.StringValue(ref.Short(v.project))
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
	database.ConnectionName = v.string(envDatabaseInstance)
	database.Instance = m.instanceOf(database)
	database.Name, database.User = v.string(envDatabaseName), v.string(envDatabaseUser)
	database.PoolMax = v.number(envDatabasePoolMax, defaultPoolMax)
	database.Direct = types.BoolValue(v.has(envDatabaseHost))
	database.Address = v.string(envDatabaseHost)
	database.PasswordSecret = v.secret(envDatabasePassword, database.PasswordSecret)
	if port := v.number(envDatabasePort, defaultDatabasePort); v.has(envDatabaseHost) || database.Port.IsNull() {
		database.Port = port
	}
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
	audit := auditModel{Bucket: v.string(envAuditBucket), RetentionDays: v.numberOrNull(envAuditRetention)}
	// An empty block declares nothing, and stays.
	if was := objectAs[auditModel](ctx, m.Audit, diags); was != nil || v.has(envAuditBucket) || v.has(envAuditRetention) {
		m.Audit = objectOf(ctx, auditTypes, audit, diags)
	} else {
		m.Audit = types.ObjectNull(auditTypes)
	}

	control := controlModel{Issuer: v.string(envIssuer)}
	if was := objectAs[controlModel](ctx, m.Control, diags); was != nil {
		control.Audience = was.Audience
	}
	var callers []string
	for caller := range strings.SplitSeq(v.text(envControlCallers), ",") {
		if caller != "" {
			callers = append(callers, caller)
		}
	}
	set, d := types.SetValueFrom(ctx, types.StringType, callers)
	diags.Append(d...)
	control.AllowedCallers = set
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

// instanceOf is the database's instance in the words it was declared in, when they mean the one it is. Otherwise it is
// the name alone, when the instance is where the service is, else the connection name.
func (m *syncRuntimeModel) instanceOf(d databaseModel) types.String {
	parts := instanceForm.FindStringSubmatch(d.ConnectionName.ValueString())
	if parts == nil || parts[1] == "" {
		return d.ConnectionName
	}
	project, region, name := parts[1], parts[2], parts[3]
	declared := d.Instance.ValueString()
	switch {
	case declared == d.ConnectionName.ValueString(), declared == name && project == m.Project.ValueString():
		return d.Instance
	case declared == "" && project == m.Project.ValueString() && region == m.Location.ValueString():
		return types.StringValue(name)
	}
	return d.ConnectionName
}
