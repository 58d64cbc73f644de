// Package provider is the august provider's HCL face. A resource is resource_<name>.go, with what Terraform calls in the order
// in which it calls; beside it, where that would get too long, are its _schema, its _model (between Terraform's values and the
// API's), its _plan, and what it consists of. Data sources and functions are the same.
package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework-validators/listvalidator"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/ephemeral"
	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/list"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/provider/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// Address is the provider's address in the registry.
const Address = "registry.terraform.io/feel-august/august"

var (
	_ provider.ProviderWithFunctions          = (*augustProvider)(nil)
	_ provider.ProviderWithEphemeralResources = (*augustProvider)(nil)
	_ provider.ProviderWithListResources      = (*augustProvider)(nil)
)

// New returns the provider's constructor, as the plugin server wants it.
func New(version string) func() provider.Provider {
	return func() provider.Provider { return &augustProvider{version: version} }
}

type augustProvider struct {
	version string
}

type providerModel struct {
	Project                   types.String    `tfsdk:"project"`
	Region                    types.String    `tfsdk:"region"`
	AccessToken               types.String    `tfsdk:"access_token"`
	ImpersonateServiceAccount types.String    `tfsdk:"impersonate_service_account"`
	Delegates                 types.List      `tfsdk:"impersonate_service_account_delegates"`
	Endpoints                 *endpointsModel `tfsdk:"endpoints"`
}

type endpointsModel struct {
	CloudSQL       types.String `tfsdk:"cloud_sql"`
	CloudRun       types.String `tfsdk:"cloud_run"`
	SecretManager  types.String `tfsdk:"secret_manager"`
	PubSub         types.String `tfsdk:"pubsub"`
	IAMCredentials types.String `tfsdk:"iam_credentials"`
	Monitoring     types.String `tfsdk:"monitoring"`
	Logging        types.String `tfsdk:"logging"`
	Storage        types.String `tfsdk:"storage"`
}

// Metadata implements provider.Provider.
func (p *augustProvider) Metadata(_ context.Context, _ provider.MetadataRequest, resp *provider.MetadataResponse) {
	resp.TypeName = "august"
	resp.Version = p.version
}

// Schema implements provider.Provider.
func (p *augustProvider) Schema(_ context.Context, _ provider.SchemaRequest, resp *provider.SchemaResponse) {
	endpoint := func(service, env string) schema.StringAttribute {
		return schema.StringAttribute{
			MarkdownDescription: "Base URL of " + service + ", when it is not Google's own. Environment: `" + env + "`.",
			Optional:            true,
			Validators:          []validator.String{baseURL()},
		}
	}
	resp.Schema = schema.Schema{
		MarkdownDescription: "Declares, runs and proves the data platform of a healthcare practice on Google Cloud.",
		Attributes: map[string]schema.Attribute{
			"project": schema.StringAttribute{
				MarkdownDescription: "Google Cloud project of every resource that does not name its own. " +
					"Environment: `AUGUST_PROJECT`, `GOOGLE_PROJECT` or `GOOGLE_CLOUD_PROJECT`.",
				Optional:   true,
				Validators: []validator.String{projectID()},
			},
			"region": schema.StringAttribute{
				MarkdownDescription: "Region of every resource that does not name its own. " +
					"Environment: `AUGUST_REGION` or `GOOGLE_REGION`.",
				Optional:   true,
				Validators: []validator.String{regionName()},
			},
			"access_token": schema.StringAttribute{
				MarkdownDescription: "OAuth 2.0 access token to call Google with, instead of Application Default Credentials. " +
					"It cannot be renewed, so it must outlive the apply. " +
					"Environment: `AUGUST_ACCESS_TOKEN` or `GOOGLE_OAUTH_ACCESS_TOKEN`.",
				Optional:  true,
				Sensitive: true,
			},
			"impersonate_service_account": schema.StringAttribute{
				MarkdownDescription: "E-mail of the service account to act as. It also signs the ID tokens that the sync runtime's " +
					"control API asks for. Environment: `AUGUST_IMPERSONATE_SERVICE_ACCOUNT` or `GOOGLE_IMPERSONATE_SERVICE_ACCOUNT`.",
				Optional:   true,
				Validators: []validator.String{serviceAccountEmail()},
			},
			"impersonate_service_account_delegates": schema.ListAttribute{
				MarkdownDescription: "E-mails of the service accounts on the way to `impersonate_service_account`, when the credentials may not act as it themselves: " +
					"they act as the first, each acts as the next, and the last as that account. Each needs the role `roles/iam.serviceAccountTokenCreator` on the one after it. " +
					"Environment: `AUGUST_IMPERSONATE_SERVICE_ACCOUNT_DELEGATES`, separated by commas.",
				Optional:    true,
				ElementType: types.StringType,
				Validators:  []validator.List{listvalidator.SizeAtLeast(1), listvalidator.NoNullValues(), listvalidator.ValueStringsAre(serviceAccountEmail())},
			},
			"endpoints": schema.SingleNestedAttribute{
				MarkdownDescription: "Where Google's APIs are, for private endpoints and for the local cloud. Plain HTTP is accepted on loopback only.",
				Optional:            true,
				Attributes: map[string]schema.Attribute{
					"cloud_sql":       endpoint("the Cloud SQL Admin API", "AUGUST_CLOUD_SQL_ENDPOINT"),
					"cloud_run":       endpoint("the Cloud Run Admin API", "AUGUST_CLOUD_RUN_ENDPOINT"),
					"secret_manager":  endpoint("the Secret Manager API", "AUGUST_SECRET_MANAGER_ENDPOINT"),
					"pubsub":          endpoint("the Pub/Sub API", "AUGUST_PUBSUB_ENDPOINT"),
					"iam_credentials": endpoint("the IAM Service Account Credentials API", "AUGUST_IAM_CREDENTIALS_ENDPOINT"),
					"monitoring":      endpoint("the Cloud Monitoring API", "AUGUST_MONITORING_ENDPOINT"),
					"logging":         endpoint("the Cloud Logging API. Runtimes are told of it for `advice.slow_query_log`", "AUGUST_LOGGING_ENDPOINT"),
					"storage":         endpoint("the Cloud Storage API, without its path `storage/v1`. The jobs of staging are told of it, and runtimes for `audit.bucket`", "AUGUST_STORAGE_ENDPOINT"),
				},
			},
		},
	}
}

// Configure implements provider.Provider. It dials nothing and refuses nothing that is not known yet: a value that
// is missing or unknown is only an error for the resource that needs it, and is reported there.
func (p *augustProvider) Configure(ctx context.Context, req provider.ConfigureRequest, resp *provider.ConfigureResponse) {
	c := &clients{userAgent: userAgent(p.version, req.TerraformVersion)}
	resp.ResourceData = c
	resp.DataSourceData = c
	resp.EphemeralResourceData = c
	resp.ActionData = c
	resp.ListResourceData = c

	// The object itself may be unknown, for which a struct has no place.
	var endpoints types.Object
	if resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("endpoints"), &endpoints)...); resp.Diagnostics.HasError() {
		return
	}
	var config providerModel
	if endpoints.IsUnknown() {
		unknown := types.StringUnknown()
		config.Endpoints = &endpointsModel{unknown, unknown, unknown, unknown, unknown, unknown, unknown, unknown}
		for name, to := range map[string]*types.String{
			"project": &config.Project, "region": &config.Region, "access_token": &config.AccessToken,
			"impersonate_service_account": &config.ImpersonateServiceAccount,
		} {
			resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root(name), to)...)
		}
		resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("impersonate_service_account_delegates"), &config.Delegates)...)
	} else {
		resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	}
	if resp.Diagnostics.HasError() {
		return
	}
	c.configure(config)
	resp.Diagnostics.Append(c.validateEnvironment(ctx)...)
}

// DataSources implements provider.Provider.
func (p *augustProvider) DataSources(context.Context) []func() datasource.DataSource {
	return []func() datasource.DataSource{
		NewCloudSQLHAStatusDataSource,
		NewSyncStatusDataSource,
		NewSchemaCoverageDataSource,
		NewCapacityAdviceDataSource,
		NewIndexAdviceDataSource,
	}
}

// Resources implements provider.Provider.
func (p *augustProvider) Resources(context.Context) []func() resource.Resource {
	return []func() resource.Resource{
		NewCloudSQLHAPolicyResource,
		NewRuntimeImageResource,
		NewSyncRuntimeResource,
		NewSyncPipelineResource,
		NewRecoveryDrillResource,
		NewSecretResource,
		NewStagingAnonymizationResource,
		NewStagingDatasetResource,
		NewIndexResource,
	}
}

// EphemeralResources implements provider.ProviderWithEphemeralResources.
func (p *augustProvider) EphemeralResources(context.Context) []func() ephemeral.EphemeralResource {
	return []func() ephemeral.EphemeralResource{
		NewRuntimeTokenEphemeralResource,
	}
}

// ListResources implements provider.ProviderWithListResources.
func (p *augustProvider) ListResources(context.Context) []func() list.ListResource {
	return []func() list.ListResource{
		NewCloudSQLHAPolicyListResource,
		NewSecretListResource,
		NewSyncPipelineListResource,
		NewSyncRuntimeListResource,
	}
}

// Functions implements provider.ProviderWithFunctions.
func (p *augustProvider) Functions(context.Context) []func() function.Function {
	return []func() function.Function{
		NewAPICallBudgetFunction,
		NewCloudRunConcurrencyFunction,
		NewConnectionBudgetFunction,
	}
}
