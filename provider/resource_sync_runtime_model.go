package provider

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/feel-august/terraform-provider-august/internal/gcp/cloudrun"
)

type syncRuntimeModel struct {
	ID                  types.String   `tfsdk:"id"`
	Name                types.String   `tfsdk:"name"`
	Location            types.String   `tfsdk:"location"`
	Project             types.String   `tfsdk:"project"`
	Image               types.String   `tfsdk:"image"`
	ServiceAccount      types.String   `tfsdk:"service_account"`
	Database            types.Object   `tfsdk:"database"`
	DrChrono            types.Object   `tfsdk:"drchrono"`
	Coda                types.Object   `tfsdk:"coda"`
	PubSub              types.Object   `tfsdk:"pubsub"`
	Audit               types.Object   `tfsdk:"audit"`
	Advice              types.Object   `tfsdk:"advice"`
	Control             types.Object   `tfsdk:"control"`
	Scaling             types.Object   `tfsdk:"scaling"`
	Rollout             types.Object   `tfsdk:"rollout"`
	Network             types.Object   `tfsdk:"network"`
	Migrations          types.Object   `tfsdk:"migrations"`
	Concurrency         types.Int64    `tfsdk:"concurrency"`
	CPU                 types.String   `tfsdk:"cpu"`
	Memory              types.String   `tfsdk:"memory"`
	TimeoutSeconds      types.Int64    `tfsdk:"timeout_seconds"`
	Public              types.Bool     `tfsdk:"public"`
	Ingress             types.String   `tfsdk:"ingress"`
	BinaryAuthorization types.Bool     `tfsdk:"binary_authorization"`
	Labels              types.Map      `tfsdk:"labels"`
	DeletionProtection  types.Bool     `tfsdk:"deletion_protection"`
	URI                 types.String   `tfsdk:"uri"`
	WebhookURL          types.String   `tfsdk:"webhook_url"`
	Audience            types.String   `tfsdk:"audience"`
	Revision            types.String   `tfsdk:"revision"`
	Ready               types.Bool     `tfsdk:"ready"`
	Problem             types.String   `tfsdk:"problem"`
	Timeouts            timeouts.Value `tfsdk:"timeouts"`
}

type databaseModel struct {
	databasePlace
	PoolMax             types.Int64 `tfsdk:"pool_max"`
	MaxConnections      types.Int64 `tfsdk:"max_connections"`
	ReservedConnections types.Int64 `tfsdk:"reserved_connections"`
}

type drchronoModel struct {
	URL           types.String `tfsdk:"url"`
	OAuthSecret   types.String `tfsdk:"oauth_secret"`
	WebhookSecret types.String `tfsdk:"webhook_secret"`
	NextSecret    types.String `tfsdk:"webhook_secret_next"`

	WebhookVerify     types.Bool  `tfsdk:"webhook_verify"`
	WebhookInboxMaxMB types.Int64 `tfsdk:"webhook_inbox_max_mb"`

	CallsPerHour   types.Int64 `tfsdk:"calls_per_hour"`
	ReservePercent types.Int64 `tfsdk:"reserve_percent"`
}

type codaModel struct {
	URL         types.String `tfsdk:"url"`
	TokenSecret types.String `tfsdk:"token_secret"`

	WritesPer10s types.Int64 `tfsdk:"writes_per_10s"`
}

type controlModel struct {
	AllowedCallers types.Set    `tfsdk:"allowed_callers"`
	AllowedReaders types.Set    `tfsdk:"allowed_readers"`
	Issuer         types.String `tfsdk:"issuer"`
	Audience       types.String `tfsdk:"audience"`
}

type scalingModel struct {
	MinInstances types.Int64 `tfsdk:"min_instances"`
	MaxInstances types.Int64 `tfsdk:"max_instances"`

	CPUUtilization         types.Int64 `tfsdk:"cpu_utilization"`
	ConcurrencyUtilization types.Int64 `tfsdk:"concurrency_utilization"`
}

var (
	databaseTypes = together(databasePlaceTypes, map[string]attr.Type{
		"pool_max": types.Int64Type, "max_connections": types.Int64Type, "reserved_connections": types.Int64Type,
	})
	drchronoTypes = map[string]attr.Type{
		"url": types.StringType, "oauth_secret": types.StringType, "webhook_secret": types.StringType, "webhook_secret_next": types.StringType,
		"webhook_verify": types.BoolType, "webhook_inbox_max_mb": types.Int64Type,
		"calls_per_hour": types.Int64Type, "reserve_percent": types.Int64Type,
	}
	codaTypes    = map[string]attr.Type{"url": types.StringType, "token_secret": types.StringType, "writes_per_10s": types.Int64Type}
	controlTypes = map[string]attr.Type{
		"allowed_callers": types.SetType{ElemType: types.StringType}, "allowed_readers": types.SetType{ElemType: types.StringType}, "issuer": types.StringType, "audience": types.StringType,
	}
	scalingTypes = map[string]attr.Type{
		"min_instances": types.Int64Type, "max_instances": types.Int64Type, "cpu_utilization": types.Int64Type, "concurrency_utilization": types.Int64Type,
	}
)

// ingresses is the API's word for each of ours.
var ingresses = map[string]string{
	"all":                               cloudrun.IngressAll,
	"internal":                          cloudrun.IngressInternal,
	"internal_and_cloud_load_balancing": cloudrun.IngressLoadBalancer,
}

func ingressNames() []string { return slices.Sorted(maps.Keys(ingresses)) }

func (m syncRuntimeModel) identity() []string {
	return []string{m.Project.ValueString(), m.Location.ValueString(), m.Name.ValueString()}
}

func (m syncRuntimeModel) servicePath() string {
	return cloudrun.Path(m.Project.ValueString(), m.Location.ValueString(), m.Name.ValueString())
}

// settleNames fills in what follows from project, location and name; it is unknown as long as they are.
func (m *syncRuntimeModel) settleNames() {
	m.ID, m.Audience = types.StringUnknown(), types.StringUnknown()
	known := !m.Project.IsUnknown() && !m.Location.IsUnknown() && !m.Name.IsUnknown()
	if known {
		m.ID = types.StringValue(m.servicePath())
	}
	if m.Control.IsUnknown() {
		return
	}
	own, _ := m.Control.Attributes()["audience"].(types.String)
	switch {
	case !own.IsNull():
		m.Audience = own
	case known:
		m.Audience = types.StringValue(strings.Join(append([]string{"august-sync"}, m.identity()...), ":"))
	}
}

// refuseDeletion reports that the service is protected, if it is.
func (m syncRuntimeModel) refuseDeletion(diags *diag.Diagnostics) bool {
	if !m.DeletionProtection.ValueBool() {
		return false
	}
	failAt(diags, path.Root("deletion_protection"), "Sync runtime not deleted",
		"The service "+m.servicePath()+" is protected. Set deletion_protection to false and apply that first.", nil)
	return true
}

func (m *syncRuntimeModel) addProblem(problem string) {
	if before := m.Problem.ValueString(); before != "" {
		problem = before + "\n" + problem
	}
	m.Ready, m.Problem = types.BoolValue(false), types.StringValue(problem)
}

// expand turns a model in which everything is known into the service it asks for.
func (m syncRuntimeModel) expand(ctx context.Context, diags *diag.Diagnostics) cloudrun.Spec {
	spec := cloudrun.Spec{
		Project: m.Project.ValueString(), Location: m.Location.ValueString(), Name: m.Name.ValueString(),
		Image:          m.Image.ValueString(),
		ServiceAccount: m.ServiceAccount.ValueString(),
		CPU:            m.CPU.ValueString(),
		Memory:         m.Memory.ValueString(),
		Concurrency:    m.Concurrency.ValueInt64(),
		Timeout:        strconv.FormatInt(m.TimeoutSeconds.ValueInt64(), 10) + "s",
		Public:         m.Public.ValueBool(),
		Ingress:        ingresses[m.Ingress.ValueString()],
		Audience:       m.Audience.ValueString(),
		Authorized:     m.BinaryAuthorization.ValueBool(),
		Labels:         map[string]string{},
	}
	diags.Append(m.Labels.ElementsAs(ctx, &spec.Labels, false)...)
	if s := objectAs[scalingModel](ctx, m.Scaling, diags); s != nil {
		spec.Min, spec.Max = s.MinInstances.ValueInt64(), s.MaxInstances.ValueInt64()
	}
	spec.Env = m.environment(ctx, diags)
	return spec
}

// flatten takes everything from the service as it is. Labels are taken when they are named already; after an import,
// which names none, all are.
func (m *syncRuntimeModel) flatten(ctx context.Context, live liveService, diags *diag.Diagnostics) {
	imported := m.URI.IsNull()
	seen := cloudrun.Observe(m.Project.ValueString(), m.Location.ValueString(), m.Name.ValueString(), live)

	m.ID = types.StringValue(m.servicePath())
	m.Image = stringOrNull(seen.Image)
	m.ServiceAccount = stringOrNull(seen.ServiceAccount)
	m.CPU, m.Memory = stringOrNull(seen.CPU), stringOrNull(seen.Memory)
	m.Concurrency = types.Int64Value(seen.Concurrency)
	seconds, _ := strconv.ParseInt(strings.TrimSuffix(seen.Timeout, "s"), 10, 64)
	m.TimeoutSeconds = types.Int64Value(seconds)
	m.Public = types.BoolValue(seen.Public)
	m.BinaryAuthorization = types.BoolValue(seen.Authorized)
	m.Ingress = types.StringValue(seen.Ingress)
	for ours, theirs := range ingresses {
		if theirs == seen.Ingress {
			m.Ingress = types.StringValue(ours)
		}
	}
	var targets scalingModel
	if was := objectAs[scalingModel](ctx, m.Scaling, diags); was != nil {
		targets = *was
	}
	m.Scaling = objectOf(ctx, scalingTypes, scalingModel{
		types.Int64Value(seen.Min), types.Int64Value(seen.Max),
		flattenTarget(targets.CPUUtilization, seen.CPUUtilization, imported), flattenTarget(targets.ConcurrencyUtilization, seen.ConcurrencyUtilization, imported),
	}, diags)
	m.Network = flattenNetwork(ctx, m.Network, seen.Network, imported, diags)
	m.Labels = ownLabels(m.Labels, seen.Labels, imported)
	if m.Migrations.IsNull() {
		m.Migrations = defaultMigrations
	}
	if m.DeletionProtection.IsNull() {
		m.DeletionProtection = types.BoolValue(false)
	}
	m.settleURI(stringOrNull(live.Uri))
	m.Revision = stringOrNull(cloudrun.Revision(live))

	m.Ready, m.Problem = types.BoolValue(true), types.StringNull()
	if foreign := m.flattenEnvironment(ctx, seen.Env, imported, diags); len(foreign) > 0 {
		m.addProblem("Environment variables that the configuration does not make: " + strings.Join(foreign, ", ") + ".")
	}
	seen.Audience = m.Audience.ValueString()
	drift, err := cloudrun.Drift(seen, live)
	if err != nil {
		fail(diags, "Sync runtime not understood", "The service could not be compared with what it should be.", err)
	}
	if len(drift) > 0 {
		m.addProblem("Changed behind Terraform's back: " + strings.Join(drift, "; ") + ".")
	}
}

// settleURI sets the service's address, and what follows from it.
func (m *syncRuntimeModel) settleURI(uri types.String) {
	m.URI, m.WebhookURL = uri, uri
	if uri.ValueString() != "" {
		m.WebhookURL = types.StringValue(strings.TrimSuffix(uri.ValueString(), "/") + webhookPath)
	}
}

func parseServiceID(id string) ([]string, bool) { return parseRunID(id, "services") }

// parseRunID takes apart the id of one of Cloud Run's services or jobs.
func parseRunID(id, collection string) ([]string, bool) {
	parts := strings.Split(id, "/")
	switch {
	case slices.Contains(parts, ""):
	case len(parts) == 1:
		return []string{"", "", parts[0]}, true
	case len(parts) == 3:
		return parts, true
	case len(parts) == 6 && parts[0] == "projects" && parts[2] == "locations" && parts[4] == collection:
		return []string{parts[1], parts[3], parts[5]}, true
	}
	return nil, false
}
