package provider

import (
	"context"
	"regexp"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/mapvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/setvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/booldefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/int64default"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/objectdefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// What a runtime is when nothing else is said.
const (
	defaultDrChronoURL  = "https://app.drchrono.com"
	defaultCodaURL      = "https://coda.io/apis/v1"
	defaultIssuer       = "https://accounts.google.com"
	defaultPoolMax      = 4
	defaultMinInstances = 1
	defaultMaxInstances = 3
)

// Schema implements resource.Resource.
func (r *syncRuntimeResource) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	secret := secretAttribute
	text := func(description, standard string, validators ...validator.String) schema.StringAttribute {
		return schema.StringAttribute{
			MarkdownDescription: description + " Default: `" + standard + "`.",
			Optional:            true,
			Computed:            true,
			Default:             stringdefault.StaticString(standard),
			Validators:          validators,
		}
	}
	number := func(description string, standard int64, validators ...validator.Int64) schema.Int64Attribute {
		return schema.Int64Attribute{
			MarkdownDescription: description,
			Optional:            true,
			Computed:            true,
			Default:             int64default.StaticInt64(standard),
			Validators:          validators,
		}
	}
	flag := func(description string) schema.BoolAttribute {
		return schema.BoolAttribute{
			MarkdownDescription: description + " Default: `false`.",
			Optional:            true,
			Computed:            true,
			Default:             booldefault.StaticBool(false),
		}
	}
	computed := func(description string) schema.StringAttribute {
		return schema.StringAttribute{MarkdownDescription: description, Computed: true}
	}

	resp.Schema = schema.Schema{
		MarkdownDescription: "Runs the sync runtime as a Cloud Run service, from an image named by digest, with its secrets by reference.\n\n" +
			"The resource owns what it declares: image, environment, scaling, probes, traffic. Other labels, annotations, volumes and containers beside " +
			"the runtime's stay as somebody else made them, and so do network settings where `network` is left out. Before a new revision is made, the database's schema is brought up to it (see `migrations`). An apply ends when the new revision is ready, has been tried out and has all of the traffic. A first deployment that does not get there is deleted again, and a later one " +
			"leaves traffic with the revision before it; either way the cause is told, and the next plan shows what is still to be done.",
		Attributes: map[string]schema.Attribute{
			"id": computed("The service's resource name, `projects/{project}/locations/{location}/services/{name}`."),
			"name": schema.StringAttribute{
				MarkdownDescription: "Name of the service: up to 37 lower-case letters, digits and hyphens, starting with a letter. Cloud Run would take more, but not beside the tag of a new revision.",
				Required:            true,
				Validators: []validator.String{stringvalidator.RegexMatches(regexp.MustCompile(`^[a-z]([a-z0-9-]{0,35}[a-z0-9])?$`),
					"is no service name: up to 37 lower-case letters, digits and hyphens, starting with a letter and not ending with a hyphen")},
				PlanModifiers: []planmodifier.String{stringplanmodifier.RequiresReplace()},
			},
			"location": schema.StringAttribute{
				MarkdownDescription: "Region of the service. Default: the provider's region.",
				Optional:            true,
				Computed:            true,
				Validators:          []validator.String{regionName()},
			},
			"project": schema.StringAttribute{
				MarkdownDescription: "Project of the service. Default: the provider's project.",
				Optional:            true,
				Computed:            true,
				Validators:          []validator.String{projectID()},
			},
			"image": schema.StringAttribute{
				MarkdownDescription: "Image to run, by digest: `repository@sha256:…`, as `august_runtime_image` gives it. A tag would run whatever it points at when an instance starts.",
				Required:            true,
				Validators:          []validator.String{imageByDigest()},
			},
			"service_account": schema.StringAttribute{
				MarkdownDescription: "E-mail of the service account that the runtime runs as.",
				Required:            true,
				Validators:          []validator.String{serviceAccountEmail()},
			},
			"database": schema.SingleNestedAttribute{
				MarkdownDescription: "The database that the runtime keeps its data in, PostgreSQL 14 or newer. The runtime makes and migrates its own schemas there.",
				Required:            true,
				Attributes: databaseAttributes(map[string]schema.Attribute{
					"pool_max": number("Largest number of database connections of one running instance of the service, from 3 to 100: one for the derivation of claims, one for the writer to Coda, one for heartbeats; from 4 with `drchrono.webhook_secret`, for deliveries. Default: `4`. "+
						"The plan refuses a pool that the instance has too few connections for: those of `scaling.max_instances`, of a new revision beside them while it is rolled out, of the job that migrates, of a recovery drill's probe, of an index being made, and of `reserved_connections`.",
						defaultPoolMax, int64validator.Between(leastPoolMax, 100)),
					"max_connections": schema.Int64Attribute{
						MarkdownDescription: "The flag `max_connections` that the instance will have when the service is deployed, from 14 to 262143. Default: what it has. " +
							"Set it where the same apply changes the flag, as `august_cloudsql_ha_policy.platform.database_flags[\"max_connections\"]`: the plan then holds the pool against this figure, and the apply against the instance.",
						Optional:   true,
						Validators: []validator.Int64{int64validator.Between(14, mostConnections)},
					},
					"reserved_connections": schema.Int64Attribute{
						MarkdownDescription: "Connections of the instance that are not this service's, from 0 to 262143: what PostgreSQL keeps for superusers (3), what Cloud SQL itself holds (about 12), " +
							"and what everything else on the instance may hold. Default: `15`, as if nothing else used it.",
						Optional:   true,
						Validators: []validator.Int64{int64validator.Between(0, mostConnections)},
					},
				}),
			},
			"drchrono": schema.SingleNestedAttribute{
				MarkdownDescription: "The EHR to sync from.",
				Required:            true,
				Attributes: map[string]schema.Attribute{
					"url": text("Base URL of DrChrono.", defaultDrChronoURL, baseURL()),
					"oauth_secret": secret("Secret that holds a JSON object with `client_id`, `client_secret` and the first `refresh_token`. "+
						"DrChrono rotates the refresh token; the runtime keeps the rotated one in its database.", true),
					"webhook_secret":      secret("Secret token of the webhook at `webhook_url`, as set in DrChrono: with it the runtime receives DrChrono's deliveries, and refuses those that do not show it. They have one of the `pool_max` connections to themselves, so there have to be 4.", false),
					"webhook_secret_next": secret("Secret token that takes over from `webhook_secret`. While both are set, deliveries may show either, so that the token can be changed in DrChrono without losing one.", false),
					"webhook_verify": schema.BoolAttribute{
						MarkdownDescription: "Whether the runtime answers DrChrono's *Verify webhook*, for which it signs a text that anybody may send; `true` when it is left out. Once verified, nothing needs it until the address or the secret changes.",
						Optional:            true,
					},
					"webhook_inbox_max_mb": schema.Int64Attribute{
						MarkdownDescription: "Megabytes of deliveries that may wait in the database, from `1` to `1000000`; `1024` when it is left out. Beyond that DrChrono is told to try again later, rather than the database's disk filled.",
						Optional:            true,
						Validators:          []validator.Int64{int64validator.Between(1, 1_000_000)},
					},
					"calls_per_hour": schema.Int64Attribute{
						MarkdownDescription: "Calls that DrChrono lets the application make in a clock hour, where it was raised from `500` on request (api@drchrono.com). " +
							"All instances share this budget; a pipeline whose schedule does not fit into it is refused.",
						Optional:   true,
						Validators: []validator.Int64{int64validator.Between(10, 1_000_000)},
					},
					"reserve_percent": schema.Int64Attribute{
						MarkdownDescription: "Share of the hour's calls that full syncs leave to everything else, from `0` to `90`; `10` when it is left out. " +
							"What nobody needs comes free with each quarter of the hour.",
						Optional:   true,
						Validators: []validator.Int64{int64validator.Between(0, 90)},
					},
				},
			},
			"coda": schema.SingleNestedAttribute{
				MarkdownDescription: "Where pipelines send their Coda views. Left out, the runtime serves none.",
				Optional:            true,
				Attributes: map[string]schema.Attribute{
					"url":          text("Base URL of Coda's API.", defaultCodaURL, baseURL()),
					"token_secret": secret("API token of Coda.", true),
					"writes_per_10s": schema.Int64Attribute{
						MarkdownDescription: "Row writes that the token's user may make in ten seconds, each of up to 100 rows, from `1` to `10`; `3` when it is left out. Coda has published 3 and 5. " +
							"It counts them per user, over all tokens and docs: the runtime's instances share one book of them, of what else writes as that user the runtime knows nothing.",
						Optional: true,
						// Coda allows no more than ten writes of any sort in six seconds, and these may come all at once.
						Validators: []validator.Int64{int64validator.Between(1, 10)},
					},
				},
			},
			"pubsub": pubsubAttribute(),
			"audit":  auditAttribute(),
			"advice": adviceAttribute(),
			"control": schema.SingleNestedAttribute{
				MarkdownDescription: "Who may call the runtime's control API, which `august_sync_pipeline` uses.",
				Required:            true,
				Attributes: map[string]schema.Attribute{
					"allowed_callers": schema.SetAttribute{
						MarkdownDescription: "E-mails of the accounts that may call: the one that runs Terraform, above all.",
						Required:            true,
						ElementType:         types.StringType,
						Validators:          []validator.Set{setvalidator.SizeAtLeast(1), setvalidator.ValueStringsAre(serviceAccountEmail())},
					},
					"allowed_readers": schema.SetAttribute{
						MarkdownDescription: "E-mails of the accounts that may ask, and change nothing: all that a plan needs. The account that plans what nobody has approved yet belongs here.",
						Optional:            true,
						ElementType:         types.StringType,
						Validators:          []validator.Set{setvalidator.SizeAtLeast(1), setvalidator.ValueStringsAre(serviceAccountEmail())},
					},
					"issuer": text("Issuer of the callers' ID tokens.", defaultIssuer, baseURL()),
					"audience": schema.StringAttribute{
						MarkdownDescription: "Audience that the callers' ID tokens must have. Default: `august-sync:{project}:{location}:{name}`.",
						Optional:            true,
						Validators: []validator.String{stringvalidator.RegexMatches(regexp.MustCompile(`^[^\s,]+$`),
							"is no audience: it holds neither blanks nor commas")},
					},
				},
			},
			"scaling": schema.SingleNestedAttribute{
				MarkdownDescription: "How many instances of the service run.",
				Optional:            true,
				Computed:            true,
				Default: objectdefault.StaticValue(types.ObjectValueMust(scalingTypes, map[string]attr.Value{
					"min_instances": types.Int64Value(defaultMinInstances), "max_instances": types.Int64Value(defaultMaxInstances),
					"cpu_utilization": types.Int64Null(), "concurrency_utilization": types.Int64Null(),
				})),
				Attributes: map[string]schema.Attribute{
					"min_instances": number("Fewest instances, from 0 to 1000. Schedules run inside the service, so that with `0` they wait for the next request. Default: `1`.",
						defaultMinInstances, int64validator.Between(0, 1000)),
					"max_instances": number("Most instances, from 1 to 1000. Times `pool_max`, it is what the database must have connections for. Default: `3`.",
						defaultMaxInstances, int64validator.Between(1, 1000)),
					"cpu_utilization":         utilizationAttribute("Percent of an instance's processors that are in use before another instance is started, from 10 to 90.", 90),
					"concurrency_utilization": utilizationAttribute("Percent of `concurrency` that is in use before another instance is started, from 10 to 95.", 95),
				},
			},
			"rollout":     rolloutAttribute(),
			"network":     networkAttribute(),
			"migrations":  migrationsAttribute(),
			"concurrency": number("Most requests that one instance serves at a time, from 1 to 1000. Default: `80`.", 80, int64validator.Between(1, 1000)),
			"cpu":         text("Processors of an instance: `1`, `2`, `4`, `6` or `8`.", "1", stringvalidator.OneOf("1", "2", "4", "6", "8")),
			"memory": text("Memory of an instance in mebibytes or gibibytes, such as `512Mi` or `2Gi`: from `512Mi` to `32Gi`, and from `2Gi` with 4 processors, `4Gi` with 6 or 8.", "512Mi",
				stringvalidator.RegexMatches(regexp.MustCompile(`^[1-9][0-9]*(Mi|Gi)$`), "is no amount of memory: write a number with Mi or Gi, such as \"512Mi\"")),
			"timeout_seconds": number("Longest time that a request may take, in seconds, from 1 to 3600. Default: `300`.", 300, int64validator.Between(1, 3600)),
			"public":          flag("Whether Cloud Run lets requests in without a Google identity. DrChrono's webhooks have none: to receive them this has to be `true`. The runtime checks every request itself, whatever this says."),
			"ingress": text("Where requests may come from: `all`, `internal` or `internal_and_cloud_load_balancing`.", "all",
				stringvalidator.OneOf(ingressNames()...)),
			"binary_authorization": flag("Whether the project's Binary Authorization policy decides whether the image may run. A deployment that it refuses fails, and traffic stays where it is."),
			"labels": schema.MapAttribute{
				MarkdownDescription: "Labels of the service: lower-case letters, digits, underscores and hyphens, up to 63 in name and value. Labels that are not named here are left alone.",
				Optional:            true,
				ElementType:         types.StringType,
				Validators: []validator.Map{
					mapvalidator.SizeAtLeast(1),
					mapvalidator.NoNullValues(),
					mapvalidator.KeysAre(stringvalidator.RegexMatches(regexp.MustCompile(`^[a-z][a-z0-9_-]{0,62}$`),
						"is no label: lower-case letters, digits, underscores and hyphens, starting with a letter"),
						stringvalidator.NoneOf("managed-by", "august-resource")),
					mapvalidator.ValueStringsAre(stringvalidator.RegexMatches(regexp.MustCompile(`^[a-z0-9_-]{0,63}$`),
						"is no label's value: up to 63 lower-case letters, digits, underscores and hyphens")),
				},
			},
			"deletion_protection": flag("Whether Terraform refuses to delete the service."),
			"uri":                 computed("Address of the service."),
			"webhook_url":         computed("Address to give DrChrono as the webhook's callback URL."),
			"audience":            computed("Audience that the control API's callers must ask a token for."),
			"revision":            computed("Name of the revision that serves; of several, the one that serves most."),
			"ready": schema.BoolAttribute{
				MarkdownDescription: "Whether the service runs as it was last asked to: its newest revision is ready and has all of the traffic. When it does not, the next plan sets it right.",
				Computed:            true,
			},
			"problem": computed("What is wrong with the service that no other attribute shows: a revision that did not become ready or failed a check, " +
				"traffic that does not all go to the newest, scaling that was changed by hand. Null when nothing is."),
			"timeouts": timeoutsAttribute(ctx, syncRuntimeTimeout, timeouts.Opts{Create: true, Update: true, Delete: true}),
		},
	}
}
