package provider

import (
	"context"
	"regexp"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework-validators/mapvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/setvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/identityschema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/feel-august/terraform-provider-august/internal/gcp"
	"github.com/feel-august/terraform-provider-august/internal/gcp/image"
)

// The image is some ten megabytes and goes up once; this leaves room for a slow line and the
// registry client's own three tries.
const runtimeImageTimeout = 10 * time.Minute

var (
	_ resource.ResourceWithConfigure   = (*runtimeImageResource)(nil)
	_ resource.ResourceWithModifyPlan  = (*runtimeImageResource)(nil)
	_ resource.ResourceWithImportState = (*runtimeImageResource)(nil)
	_ resource.ResourceWithIdentity    = (*runtimeImageResource)(nil)
)

// NewRuntimeImageResource makes the august_runtime_image resource: the sync runtime as an OCI image
// in a registry, its digest known while planning.
func NewRuntimeImageResource() resource.Resource { return &runtimeImageResource{} }

type runtimeImageResource struct{ configuredResource }

// Metadata implements resource.Resource.
func (r *runtimeImageResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_runtime_image"
	// The digest is part of the identity, and a new runtime is an update in place.
	resp.ResourceBehavior.MutableIdentity = true
}

// Schema implements resource.Resource.
func (r *runtimeImageResource) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Packs the sync runtime into an OCI image and pushes it, without Docker. " +
			"The image holds the runtime, a CA bundle and a user that is not root: no shell, no package manager, no libraries. " +
			"Packing is reproducible, so the digest is known while planning and is the same on every machine. " +
			"A bill of materials (SPDX 2.3) of everything in it is attached to the image in the registry, and its manifest says which release of Go and which binary it was made of, and for a release of the runtime which commit.\n\n" +
			"A changed runtime is pushed beside the images before it. Destroying the resource forgets the image and leaves it in the registry, " +
			"where a revision may still run from it; let the registry's clean-up policy decide how long images are kept.",
		Attributes: map[string]schema.Attribute{
			"id": schema.StringAttribute{
				MarkdownDescription: "The image by digest, whether or not it is still in the registry.",
				Computed:            true,
			},
			"repository": schema.StringAttribute{
				MarkdownDescription: "Repository to push to, with host and path and without tag or digest, such as " +
					"`us-central1-docker.pkg.dev/feel-august-platform/august/august-sync`. " +
					"Google's registries are given the provider's credentials, others those of Docker's configuration.",
				Required:      true,
				Validators:    []validator.String{repositoryName()},
				PlanModifiers: []planmodifier.String{stringplanmodifier.RequiresReplace()},
			},
			"runtime_path": schema.StringAttribute{
				MarkdownDescription: "File that holds the runtime, a static Linux executable for amd64. " +
					"Default: `" + runtimeName + "` beside the provider's own executable, where releases put it.",
				Optional:   true,
				Validators: []validator.String{stringvalidator.LengthAtLeast(1)},
			},
			"tags": schema.SetAttribute{
				MarkdownDescription: "Tags to point at the image, for people to find it by; the service is deployed by digest. " +
					"One that is taken out of the set stays in the registry as it is.",
				Optional:    true,
				ElementType: types.StringType,
				Validators: []validator.Set{
					setvalidator.SizeAtLeast(1),
					setvalidator.ValueStringsAre(stringvalidator.RegexMatches(regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$`),
						"is no tag: letters, digits, underscores, dots and hyphens, at most 128, not starting with a dot or hyphen")),
				},
			},
			"labels": schema.MapAttribute{
				MarkdownDescription: "Labels of the image, beside title, source and version, which the provider sets. They are part of what the digest is computed from.",
				Optional:            true,
				ElementType:         types.StringType,
				Validators: []validator.Map{
					mapvalidator.SizeAtLeast(1),
					mapvalidator.NoNullValues(),
					mapvalidator.KeysAre(stringvalidator.NoneOf(image.LabelTitle, image.LabelSource, image.LabelVersion)),
				},
			},
			"digest": schema.StringAttribute{
				MarkdownDescription: "Digest of the image, `sha256:…`. Known while planning.",
				Computed:            true,
			},
			"image": schema.StringAttribute{
				MarkdownDescription: "The image by digest, `repository@sha256:…`, as `august_sync_runtime` wants it. Known while planning. " +
					"Null when the image is no longer in the registry; the next apply pushes it again.",
				Computed: true,
			},
			"version": schema.StringAttribute{
				MarkdownDescription: "Version of the runtime, as its build recorded it; `devel` when it was built outside a release.",
				Computed:            true,
			},
			"size_bytes": schema.Int64Attribute{
				MarkdownDescription: "What the image takes in the registry, compressed, in bytes.",
				Computed:            true,
			},
			"sbom_digest": schema.StringAttribute{
				MarkdownDescription: "Digest of the image's bill of materials, an artifact of the type `" + image.SBOMType + "` that refers to the image. Known while planning. " +
					"Null when it is no longer attached to the image; the next apply attaches it again.",
				Computed: true,
			},
			"timeouts": timeoutsAttribute(ctx, runtimeImageTimeout, timeouts.Opts{Create: true, Update: true}),
		},
	}
}

var runtimeImageIdentity = []string{"repository", "digest"}

// IdentitySchema implements resource.ResourceWithIdentity.
func (r *runtimeImageResource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = identityschema.Schema{
		Attributes: map[string]identityschema.Attribute{
			"repository": identityschema.StringAttribute{Description: "Repository of the image.", RequiredForImport: true},
			"digest":     identityschema.StringAttribute{Description: "Digest of the image, with its algorithm in front.", RequiredForImport: true},
		},
	}
}

// ModifyPlan implements resource.ResourceWithModifyPlan. It packs the image, so that everything computed
// is known before anything is pushed.
func (r *runtimeImageResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if req.Plan.Raw.IsNull() {
		return // destroying needs no image
	}
	var plan runtimeImageModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	if resp.Diagnostics.HasError() {
		return
	}
	plan.settle(plan.foresee(ctx, req.Private, &resp.Diagnostics))
	if resp.Diagnostics.HasError() {
		return
	}
	resp.Diagnostics.Append(resp.Plan.Set(ctx, plan)...)
}

// Create implements resource.Resource.
func (r *runtimeImageResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan runtimeImageModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := withTimeout(ctx, plan.Timeouts.Create, runtimeImageTimeout, &resp.Diagnostics)
	defer cancel()
	r.push(ctx, &plan, resp.Private, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, plan)...)
	resp.Diagnostics.Append(setIdentity(ctx, resp.Identity, runtimeImageIdentity, plan.identity())...)
}

// Read implements resource.Resource. An image that is gone stays in the state with a null image, so that
// the plan says what is missing and pushes it again.
func (r *runtimeImageResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state runtimeImageModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if resp.Diagnostics.HasError() {
		return
	}
	// First of all, and also for a resource that is gone: Terraform before 1.12 keeps no identity to fall back on.
	resp.Diagnostics.Append(setIdentity(ctx, resp.Identity, runtimeImageIdentity, state.identity())...)
	imported := state.Version.IsNull()
	r.refresh(ctx, &state, &resp.Diagnostics)
	if imported && state.Version.IsNull() {
		resp.State.RemoveResource(ctx) // there is no such image to import
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, state)...)
}

// Update implements resource.Resource.
func (r *runtimeImageResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var plan runtimeImageModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := withTimeout(ctx, plan.Timeouts.Update, runtimeImageTimeout, &resp.Diagnostics)
	defer cancel()
	r.push(ctx, &plan, resp.Private, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, plan)...)
	resp.Diagnostics.Append(setIdentity(ctx, resp.Identity, runtimeImageIdentity, plan.identity())...)
}

// Delete implements resource.Resource. The image stays: a revision that still serves, or one that traffic may
// be given back to, needs it.
func (r *runtimeImageResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var state runtimeImageModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	tflog.Info(ctx, "the image is forgotten; it stays in its registry", map[string]any{"image": state.Image.ValueString()})
}

// ImportState implements resource.ResourceWithImportState.
func (r *runtimeImageResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	importer{
		what:  "Runtime image",
		parts: runtimeImageIdentity,
		forms: []string{`"host/path@sha256:…"`},
		parse: parseImageID,
	}.run(ctx, req, resp)
}

// push sends the image that was planned, and no other.
func (r *runtimeImageResource) push(ctx context.Context, plan *runtimeImageModel, private privateKeeper, diags *diag.Diagnostics) {
	const title = "Runtime image not pushed"
	file, labels, _ := plan.source(ctx, diags)
	if diags.HasError() {
		return
	}
	packed, known := pack(file, labels, diags)
	if diags.HasError() {
		return
	}
	if !plan.Digest.IsUnknown() && plan.Digest.ValueString() != packed.Digest.String() {
		failAt(diags, path.Root("runtime_path"), title,
			"The runtime binary is not the one that was planned: its image would be "+packed.Digest.String()+", not "+plan.Digest.ValueString()+
				". Plan again, and apply without rebuilding the runtime in between.", nil)
		return
	}
	plan.settle(known)
	tags, d := plan.tags(ctx)
	diags.Append(d...)
	registry, err := r.clients.Registry(ctx)
	if err != nil {
		fail(diags, title, "The registry's client could not be made.", err)
		return
	}
	if err := registry.Push(ctx, plan.Repository.ValueString(), packed, tags); err != nil {
		failAt(diags, path.Root("repository"), title, registryDetail("The image could not be pushed to "+plan.Repository.ValueString()+".", plan.Repository, err), nil)
		return
	}
	known.keep(ctx, private)
	tflog.Info(ctx, "pushed the runtime's image", map[string]any{"image": plan.Image.ValueString(), "size_bytes": packed.Size})
}

// refresh looks the image up. One that cannot be looked up stays as it was.
func (r *runtimeImageResource) refresh(ctx context.Context, state *runtimeImageModel, diags *diag.Diagnostics) {
	registry, err := r.clients.Registry(ctx)
	if err == nil {
		err = state.refresh(ctx, registry)
	}
	if err != nil && state.Version.IsNull() {
		failAt(diags, path.Root("repository"), "Runtime image not imported",
			registryDetail("The image "+state.reference()+" could not be read.", state.Repository, err), nil)
	} else if err != nil && !isUnknown(err) {
		warnAt(diags, path.Root("repository"), "Runtime image not looked up",
			registryDetail("Whether the image is still at "+state.Repository.ValueString()+" could not be found out. It stays in the state as it was.", state.Repository, err), nil)
	}
}

func registryDetail(detail string, repository types.String, err error) string {
	advice := image.Advice(repository.ValueString(), err)
	// What holds for any call, such as credentials that are missing or time that ran out, is nearer the truth than what
	// a registry's silence would mean.
	if way := wayOut(err); way != "" && gcp.KindOf(err) != gcp.Unavailable {
		advice = way
	}
	if advice != "" {
		detail += "\n\n" + advice
	}
	return detail + "\n\nError: " + err.Error()
}
