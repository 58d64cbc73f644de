package provider

import (
	"context"
	"slices"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/identityschema"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/feel-august/terraform-provider-august/internal/gcp"
	"github.com/feel-august/terraform-provider-august/internal/gcp/secrets"
)

const (
	// A handful of small calls; the time is for those that are throttled.
	secretTimeout = 2 * time.Minute
	// A refresh or a plan must not hang on an API that does not answer.
	secretPatience = 20 * time.Second
)

var (
	_ resource.ResourceWithConfigure   = (*secretResource)(nil)
	_ resource.ResourceWithModifyPlan  = (*secretResource)(nil)
	_ resource.ResourceWithImportState = (*secretResource)(nil)
	_ resource.ResourceWithIdentity    = (*secretResource)(nil)
	_ resource.ResourceWithMoveState   = (*secretResource)(nil)
)

// NewSecretResource makes the august_secret resource: a secret whose value goes in and never comes out.
func NewSecretResource() resource.Resource { return &secretResource{} }

type secretResource struct{ configuredResource }

// Metadata implements resource.Resource.
func (r *secretResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_secret"
}

var secretIdentity = []string{"project", "name"}

// IdentitySchema implements resource.ResourceWithIdentity.
func (r *secretResource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = identityschema.Schema{
		Attributes: map[string]identityschema.Attribute{
			"project": identityschema.StringAttribute{Description: "Project of the secret; the provider's when left out.", OptionalForImport: true},
			"name":    identityschema.StringAttribute{Description: "Name of the secret.", RequiredForImport: true},
		},
	}
}

// Create implements resource.Resource. It ends with a secret that has its value, or with none: Terraform would mark a half-made
// one as tainted, and the next apply would delete it first.
func (r *secretResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	const title = "Secret not created"
	var config, plan secretModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := withTimeout(ctx, plan.Timeouts.Create, secretTimeout, &resp.Diagnostics)
	defer cancel()
	client := r.prepare(ctx, &plan, title, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	spec := plan.expand(ctx, &resp.Diagnostics)
	err := client.Create(ctx, spec)
	adopted := gcp.KindOf(err) == gcp.Conflict
	switch {
	case adopted:
		r.adopt(ctx, client, spec, title, &resp.Diagnostics)
	case err != nil:
		fail(&resp.Diagnostics, title, "The secret "+spec.Secret()+" could not be created. Should Secret Manager have made it all the same, the next apply takes it over.", err)
	}
	if resp.Diagnostics.HasError() {
		return
	}
	value := []byte(config.Value.ValueString())
	r.put(ctx, client, &plan, secretModel{}, secrets.Digest{}, value, title, &resp.Diagnostics)
	if plan.Version.IsUnknown() {
		if !adopted {
			r.undo(context.WithoutCancel(ctx), client, spec, &resp.Diagnostics)
		}
		return
	}
	resp.Diagnostics.Append(resp.Private.SetKey(ctx, secretDigestKey, digestOf(value, &resp.Diagnostics))...)
	resp.Diagnostics.Append(resp.State.Set(ctx, plan)...)
	resp.Diagnostics.Append(setIdentity(ctx, resp.Identity, secretIdentity, plan.identity())...)
}

// adopt takes over a secret that this provider has made, as after an apply that was cut short.
func (r *secretResource) adopt(ctx context.Context, client *secrets.Client, spec secrets.Spec, title string, diags *diag.Diagnostics) {
	live, err := client.Get(ctx, spec.Ref)
	switch {
	case err != nil:
		fail(diags, title, "There is a secret "+spec.Secret()+" already, and it could not be read.", err)
	case !live.Ours:
		failAt(diags, path.Root("name"), title, "There is a secret "+spec.Secret()+" already, and this provider did not make it. "+
			"Import it with the id \""+spec.Project+"/"+spec.Name+"\", choose another name, or delete it.", nil)
	case !slices.Equal(live.Locations, spec.Locations):
		failAt(diags, path.Root("locations"), title, "There is a secret "+spec.Secret()+" already, and where it is held can't be changed. Delete it, or declare the locations that it has.", nil)
	default:
		if err := client.Label(ctx, spec, nil); err != nil {
			fail(diags, title, "The secret "+spec.Secret()+" was there already, made by this provider, and its labels could not be set.", err)
			return
		}
		warn(diags, "Secret taken over", "The secret "+spec.Secret()+" was there already, made by this provider, as after an apply that was cut short. It is managed here from now on.", nil)
	}
}

// undo deletes a secret that has got no value. One that stays is taken over by the next apply.
func (r *secretResource) undo(ctx context.Context, client *secrets.Client, spec secrets.Spec, diags *diag.Diagnostics) {
	ctx, cancel := context.WithTimeout(ctx, secretPatience)
	defer cancel()
	if err := client.Delete(ctx, spec.Ref); err != nil {
		warn(diags, "Secret left behind", "The secret "+spec.Secret()+" has no value and could not be deleted again. The next apply takes it over.", err)
	}
}

// Read implements resource.Resource. It sees numbers and states of versions, and reads a value only after an import, which has
// to tell whether the configuration's is another one.
func (r *secretResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state secretModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if resp.Diagnostics.HasError() {
		return
	}
	// First of all, and also for a secret that is gone: Terraform before 1.12 keeps no identity to fall back on.
	resp.Diagnostics.Append(setIdentity(ctx, resp.Identity, secretIdentity, state.identity())...)
	ctx, cancel := context.WithTimeout(ctx, secretPatience)
	defer cancel()
	imported := state.ID.IsNull()
	var live secrets.Secret
	client, err := r.client(ctx)
	if err == nil {
		live, err = client.Get(ctx, state.ref())
	}
	switch {
	case gcp.KindOf(err) == gcp.NotFound:
		tflog.Debug(ctx, "the secret is gone", map[string]any{"secret": state.ref().Secret()})
		resp.State.RemoveResource(ctx)
		return
	case isUnknown(err) && !imported:
		return // the provider cannot be used before this very apply has made what it depends on
	case err != nil:
		fail(&resp.Diagnostics, "Secret not read", "The secret "+state.ref().Secret()+" could not be read. It stays in the state as it was.", err)
		return
	}
	state.flatten(ctx, live, imported, &resp.Diagnostics)
	if imported && live.Versions.State(live.Versions.Latest()) == secrets.Enabled {
		// When it may not be read, the next apply adds a version.
		if digest, err := client.Digest(ctx, state.ref(), live.Versions.Latest()); err == nil {
			resp.Diagnostics.Append(resp.Private.SetKey(ctx, secretDigestKey, marshalDigest(digest, &resp.Diagnostics))...)
		} else {
			tflog.Debug(ctx, "the secret's value cannot be compared", map[string]any{"secret": state.ref().Secret(), "error": err.Error()})
		}
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, state)...)
}

// Update implements resource.Resource.
func (r *secretResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	const title = "Secret not updated"
	var config, plan, state secretModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	digest := digestFrom(ctx, req.Private, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := withTimeout(ctx, plan.Timeouts.Update, secretTimeout, &resp.Diagnostics)
	defer cancel()
	client := r.prepare(ctx, &plan, title, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	spec := plan.expand(ctx, &resp.Diagnostics)
	if err := client.Label(ctx, spec, droppedLabels(plan.Labels, state.Labels)); err != nil {
		fail(&resp.Diagnostics, title, "The labels of "+spec.Secret()+" could not be set.", err)
		return
	}
	value := []byte(config.Value.ValueString())
	rotate := plan.Version.IsUnknown()
	r.put(ctx, client, &plan, state, digest, value, title, &resp.Diagnostics)
	if plan.Version.IsUnknown() {
		return // nothing has changed but the labels, and those the next plan reads
	}
	if rotate {
		resp.Diagnostics.Append(resp.Private.SetKey(ctx, secretDigestKey, digestOf(value, &resp.Diagnostics))...)
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, plan)...)
	resp.Diagnostics.Append(setIdentity(ctx, resp.Identity, secretIdentity, plan.identity())...)
}

// Delete implements resource.Resource.
func (r *secretResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	const title = "Secret not deleted"
	var state secretModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if resp.Diagnostics.HasError() || state.refuseDeletion(&resp.Diagnostics) {
		return
	}
	if state.OnDestroy.ValueString() == secretKeep {
		tflog.Info(ctx, "the secret is forgotten; it stays in Secret Manager", map[string]any{"secret": state.ref().Secret()})
		return
	}
	ctx, cancel := withTimeout(ctx, state.Timeouts.Delete, secretTimeout, &resp.Diagnostics)
	defer cancel()
	client, err := r.client(ctx)
	if err == nil {
		err = client.Delete(ctx, state.ref())
	}
	if err != nil {
		fail(&resp.Diagnostics, title, "The secret "+state.ref().Secret()+" could not be deleted.", err)
	}
}

// ImportState implements resource.ResourceWithImportState.
func (r *secretResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	importer{
		what:  "Secret",
		parts: secretIdentity,
		forms: []string{`"project/name"`, `"name"`, `"projects/project/secrets/name" with the project's id, not its number`},
		parse: func(id string) ([]string, bool) {
			project, name, ok := secrets.ParseID(id)
			return []string{project, name}, ok
		},
		fallback: func(part string) (string, error) {
			if part == "project" {
				return r.clients.Project()
			}
			return "", nil
		},
	}.run(ctx, req, resp)
}

func (r *secretResource) client(ctx context.Context) (*secrets.Client, error) {
	api, err := r.clients.Secrets(ctx)
	if err != nil {
		return nil, err
	}
	return secrets.New(api), nil
}

// prepare finds out what the plan could not.
func (r *secretResource) prepare(ctx context.Context, plan *secretModel, title string, diags *diag.Diagnostics) *secrets.Client {
	client, err := r.client(ctx)
	if err != nil {
		fail(diags, title, "The Secret Manager API cannot be called.", err)
		return nil
	}
	if plan.Project, err = r.clients.project.atApply(plan.Project); err != nil {
		failAt(diags, path.Root("project"), title, "The secret's project is not known.", err)
	}
	plan.ID = types.StringValue(plan.ref().Secret())
	return client
}

// put sees to it that the secret holds the value, and that of its older versions no more are usable than are to be kept. When the
// plan's version stays unknown, there is none that holds it. Once there is one, it stays in the state, whatever fails after it.
func (r *secretResource) put(ctx context.Context, client *secrets.Client, plan *secretModel, state secretModel, digest secrets.Digest, value []byte, title string, diags *diag.Diagnostics) {
	ref, current := plan.ref(), state.Version.ValueInt64()
	live, err := client.Get(ctx, ref)
	if err != nil {
		fail(diags, title, "The secret "+ref.Secret()+" could not be read.", err)
		return
	}
	if plan.Version.IsUnknown() {
		number := int64(0)
		if latest := live.Versions.Latest(); live.Versions.State(latest) == secrets.Enabled {
			number = r.held(ctx, client, ref, latest, state, digest, value)
		}
		if number == 0 {
			number, err = client.Add(ctx, ref, live.Versions.Latest(), value)
			if err != nil {
				failAt(diags, path.Root("value_wo"), title, "The value could not be added to "+ref.Secret()+" as a new version. The versions before it are as they were.", err)
				return
			}
			tflog.Info(ctx, "added a version", map[string]any{"secret": ref.Secret(), "version": number})
		}
		plan.settle(number)
	} else if live.Versions.State(current) == secrets.Disabled {
		if err := client.Enable(ctx, ref, current); err != nil {
			fail(diags, title, "The version in use could not be enabled again.", err)
			return
		}
	}
	keep := int(plan.KeepVersions.ValueInt64())
	for _, number := range live.Versions.ToRetire(plan.Version.ValueInt64(), keep, current) {
		if err := client.Retire(ctx, ref, number, plan.Retire.ValueString() == retireDestroy); err != nil {
			// No error: of a secret that is created, it would have Terraform delete what has just been put in place.
			warn(diags, "Older version not retired", "The value is in place, and an older version of "+ref.Secret()+" could not be retired. The next plan shows it, and its apply tries again.", err)
			return
		}
		tflog.Info(ctx, "retired a version", map[string]any{"secret": ref.Secret(), "version": number})
	}
}

// held is the newest version's number if it holds the value, and 0 if it does not or that cannot be told.
func (r *secretResource) held(ctx context.Context, client *secrets.Client, ref secrets.Ref, latest int64, state secretModel, digest secrets.Digest, value []byte) int64 {
	if latest == state.Version.ValueInt64() && digest.Matches(value) {
		return latest
	}
	if holds, err := client.Holds(ctx, ref, latest, value); err == nil && holds {
		return latest
	}
	return 0
}
