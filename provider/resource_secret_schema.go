package provider

import (
	"context"
	"fmt"
	"regexp"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/mapvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/setvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/booldefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/int64default"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/setplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/feel-august/terraform-provider-august/internal/gcp/secrets"
)

const (
	defaultKeepVersions = 1
	// With more, a secret would keep what it is to be rotated for.
	mostKeepVersions = 100

	retireDisable = "disable"
	retireDestroy = "destroy"

	secretDelete = "delete"
	secretKeep   = "keep"
)

// Schema implements resource.Resource.
func (r *secretResource) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	computed := func(description string) schema.StringAttribute {
		return schema.StringAttribute{MarkdownDescription: description, Computed: true}
	}
	choice := func(description, standard string, all ...string) schema.StringAttribute {
		return schema.StringAttribute{
			MarkdownDescription: description + " Default: `" + standard + "`.",
			Optional:            true,
			Computed:            true,
			Default:             stringdefault.StaticString(standard),
			Validators:          []validator.String{stringvalidator.OneOf(all...)},
		}
	}
	resp.Schema = schema.Schema{
		MarkdownDescription: "A secret in Secret Manager. Its value goes in and never comes out: it is in no state, plan or log. " +
			"A new value becomes a new version, which is read back before older ones are retired; the version that was in use before stays usable, " +
			"for whatever runs until it is deployed anew. Needs Terraform 1.11 or newer, or OpenTofu 1.11 or newer.",
		Attributes: map[string]schema.Attribute{
			"id": computed("Path of the secret, `projects/{project}/secrets/{name}`."),
			"name": schema.StringAttribute{
				MarkdownDescription: "Name of the secret: up to 255 letters, digits, underscores and hyphens. Another name is another secret.",
				Required:            true,
				Validators: []validator.String{stringvalidator.RegexMatches(regexp.MustCompile(`^[A-Za-z0-9_-]{1,255}$`),
					"is no name of a secret: up to 255 letters, digits, underscores and hyphens")},
				PlanModifiers: []planmodifier.String{stringplanmodifier.RequiresReplace()},
			},
			"project": schema.StringAttribute{
				MarkdownDescription: "Project of the secret. Default: the provider's. In another project, it is another secret.",
				Optional:            true,
				Computed:            true,
				Validators:          []validator.String{projectID()},
			},
			"value_wo": schema.StringAttribute{
				MarkdownDescription: "Value of the secret, up to 64 KiB. It is write-only: take it from an ephemeral variable or an ephemeral resource, and it is kept nowhere. " +
					"Another value is noticed by a salted, slow hash in Terraform's private state.",
				Required:   true,
				WriteOnly:  true,
				Sensitive:  true,
				Validators: []validator.String{stringvalidator.LengthBetween(1, secrets.MaxValue)},
			},
			"value_wo_version": schema.Int64Attribute{
				MarkdownDescription: "When it is set, another value is only taken in when this number changes. " +
					"That is for values that are other ones each time they are asked for, as those of `ephemeral \"random_password\"` are.",
				Optional: true,
			},
			"labels": schema.MapAttribute{
				MarkdownDescription: "Labels of the secret: lower-case letters, digits, underscores and hyphens, up to 63 in name and value. Labels that are not named here are left alone; only the plan after an import shows those that there were, and takes them away.",
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
			"locations": schema.SetAttribute{
				MarkdownDescription: "Regions that hold the secret. Left out, Google decides (automatic replication). Secret Manager cannot change them: with other ones, it is another secret.",
				Optional:            true,
				ElementType:         types.StringType,
				Validators:          []validator.Set{setvalidator.SizeAtLeast(1), setvalidator.NoNullValues(), setvalidator.ValueStringsAre(regionName())},
				PlanModifiers:       []planmodifier.Set{setplanmodifier.RequiresReplace()},
			},
			"keep_versions": schema.Int64Attribute{
				MarkdownDescription: fmt.Sprintf("How many versions older than the newest stay usable. There is one at least: "+
					"the one that was in use before, since what runs with it is deployed anew only after the secret has changed. Where a deployment may fail, and the value change again before one succeeds, keep more. An import takes in how many there are: declare as many while something refers to them. Default: `%d`.", defaultKeepVersions),
				Optional:   true,
				Computed:   true,
				Default:    int64default.StaticInt64(defaultKeepVersions),
				Validators: []validator.Int64{int64validator.Between(1, mostKeepVersions)},
			},
			"retire": choice("What becomes of older versions: `disable`, which can be taken back, or `destroy`, which cannot.", retireDisable, retireDisable, retireDestroy),
			"on_destroy": choice("What destroying the resource does: `delete` deletes the secret with all of its versions, `keep` leaves it in Secret Manager. "+
				"It must have been applied before the destroy.", secretDelete, secretDelete, secretKeep),
			"deletion_protection": schema.BoolAttribute{
				MarkdownDescription: "Whether Terraform refuses to delete the secret. Default: `true`, since nothing brings its versions back.",
				Optional:            true,
				Computed:            true,
				Default:             booldefault.StaticBool(true),
			},
			"version": schema.Int64Attribute{
				MarkdownDescription: "Number of the version that holds the value.",
				Computed:            true,
			},
			"reference": computed("The version as `august_sync_runtime` takes it, `name:version`; a new one makes a new revision. " +
				"A service in another project takes `{id}/versions/{version}`. Null when the version was destroyed, or somebody else has added a newer one; the next apply then adds a version."),
			"problem":  computed("Where the versions are not as declared, because somebody else has changed them or one could not be retired; null when nowhere. The next apply sets it right."),
			"timeouts": timeoutsAttribute(ctx, secretTimeout, timeouts.Opts{Create: true, Update: true, Delete: true}),
		},
	}
}
