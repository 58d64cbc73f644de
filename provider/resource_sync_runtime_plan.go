package provider

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"golang.org/x/sync/errgroup"

	"github.com/feel-august/terraform-provider-august/internal/gcp/secrets"
)

// ValidateConfig implements resource.ResourceWithValidateConfig: rules between attributes. What is unknown is left to
// the plan that knows it.
func (r *syncRuntimeResource) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	var config syncRuntimeModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	if resp.Diagnostics.HasError() {
		return
	}
	if d := objectAs[databaseModel](ctx, config.Database, &resp.Diagnostics); d != nil {
		d.checkSignIn(&resp.Diagnostics)
	}
	if s := objectAs[scalingModel](ctx, config.Scaling, &resp.Diagnostics); s != nil && !s.MinInstances.IsUnknown() && !s.MaxInstances.IsUnknown() {
		least, most := int64(defaultMinInstances), int64(defaultMaxInstances)
		if !s.MinInstances.IsNull() {
			least = s.MinInstances.ValueInt64()
		}
		if !s.MaxInstances.IsNull() {
			most = s.MaxInstances.ValueInt64()
		}
		if least > most {
			failAt(&resp.Diagnostics, path.Root("scaling").AtName("min_instances"), "Scaling not possible",
				fmt.Sprintf("At least %d instances cannot run where at most %d may. Lower min_instances or raise max_instances.", least, most), nil)
		}
	}
	checkMemory(config, &resp.Diagnostics)
	checkNetwork(ctx, config.Network, config.Location, &resp.Diagnostics)
	checkWebhook(ctx, config, &resp.Diagnostics)
	checkRollout(ctx, config, &resp.Diagnostics)
}

// checkWebhook holds to each other what the webhook needs.
func checkWebhook(ctx context.Context, config syncRuntimeModel, diags *diag.Diagnostics) {
	d := objectAs[drchronoModel](ctx, config.DrChrono, diags)
	if d == nil {
		return
	}
	if d.WebhookSecret.IsNull() && !d.NextSecret.IsNull() {
		failAt(diags, path.Root("drchrono").AtName("webhook_secret_next"), "Webhook's secret missing",
			"This is the secret that takes over from webhook_secret, which is not set. Set webhook_secret, with the next one beside it while both are in use.", nil)
	}
	if d.WebhookSecret.IsNull() && !config.PubSub.IsNull() && !config.PubSub.IsUnknown() {
		failAt(diags, path.Root("pubsub"), "Webhook's secret missing",
			"Nothing would be published: the runtime receives no webhooks without drchrono.webhook_secret. Set it, or leave pubsub out.", nil)
	}
	if b := objectAs[databaseModel](ctx, config.Database, diags); b != nil && !d.WebhookSecret.IsNull() && !b.PoolMax.IsNull() && b.PoolMax.ValueInt64() == leastPoolMax {
		failAt(diags, path.Root("database").AtName("pool_max"), "Pool too small",
			fmt.Sprintf("With drchrono.webhook_secret one connection is for the webhook's deliveries. Set pool_max to %d or more.", leastPoolMax+1), nil)
	}
}

// checkMemory holds memory to what Cloud Run gives with so many processors that are never taken away.
func checkMemory(config syncRuntimeModel, diags *diag.Diagnostics) {
	if config.Memory.IsNull() || config.Memory.IsUnknown() || config.CPU.IsUnknown() {
		return
	}
	memory := config.Memory.ValueString()
	n, err := strconv.ParseInt(strings.TrimRight(memory, "GMi"), 10, 64)
	if err != nil {
		return // its own validator says so
	}
	if strings.HasSuffix(memory, "Gi") {
		n *= 1024
	}
	least := map[string]int64{"4": 2048, "6": 4096, "8": 4096}[config.CPU.ValueString()]
	least = max(least, 512)
	if n < least || n > 32*1024 {
		failAt(diags, path.Root("memory"), "Memory not possible",
			fmt.Sprintf("With %s processors an instance can have from %dMi to 32Gi of memory, not %s.", orDefault(config.CPU, "1"), least, memory), nil)
	}
}

// ModifyPlan implements resource.ResourceWithModifyPlan. Database and secrets exist before the runtime does, so the
// plan looks them up: what is missing is an error here, before anything is changed.
func (r *syncRuntimeResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if req.Plan.Raw.IsNull() {
		var state syncRuntimeModel
		if resp.Diagnostics.Append(req.State.Get(ctx, &state)...); !resp.Diagnostics.HasError() {
			state.refuseDeletion(&resp.Diagnostics)
		}
		return
	}
	config, plan, state := planning[syncRuntimeModel](ctx, req, &resp.Diagnostics)
	if resp.Diagnostics.HasError() || r.clients == nil {
		return
	}
	r.placeAtPlan(&plan, config, state, &resp.Diagnostics)
	moved := state != nil && (!plan.Project.Equal(state.Project) || !plan.Location.Equal(state.Location) || !plan.Name.Equal(state.Name))
	if moved {
		for _, attribute := range []struct {
			name    string
			is, was types.String
		}{{"project", plan.Project, state.Project}, {"location", plan.Location, state.Location}} {
			if !attribute.is.Equal(attribute.was) {
				resp.RequiresReplace = append(resp.RequiresReplace, path.Root(attribute.name))
			}
		}
		state.refuseDeletion(&resp.Diagnostics)
		state = nil // the new service has nothing of the old one
	}
	if resp.Diagnostics.HasError() {
		return
	}

	live := r.locateDatabase(ctx, &plan, state, false, &resp.Diagnostics)
	plan.checkBudgetAtPlan(ctx, state, live, &resp.Diagnostics)
	r.checkSecrets(ctx, plan, &resp.Diagnostics)
	r.planPubSub(ctx, &plan, config, &resp.Diagnostics)
	r.checkPubSub(ctx, plan, false, &resp.Diagnostics)
	r.planAudit(ctx, &plan, config, &resp.Diagnostics)
	r.planAdvice(ctx, &plan, config, &resp.Diagnostics)
	plan.settleNames()
	plan.ready(state)
	resp.Diagnostics.Append(resp.Plan.Set(ctx, plan)...)
}

// placeAtPlan takes project and location from the provider where the configuration has none.
func (r *syncRuntimeResource) placeAtPlan(plan *syncRuntimeModel, config syncRuntimeModel, state *syncRuntimeModel, diags *diag.Diagnostics) {
	var is syncRuntimeModel
	if state != nil {
		is = *state
	}
	var projectErr, locationErr error
	plan.Project, projectErr = r.clients.project.atPlan(config.Project, is.Project)
	plan.Location, locationErr = r.clients.region.atPlan(config.Location, is.Location)
	reportPlace("Sync runtime not planned", projectErr, locationErr, diags)
}

// place does the same when everything must be known.
func (r *syncRuntimeResource) place(plan *syncRuntimeModel, title string, diags *diag.Diagnostics) {
	var projectErr, locationErr error
	plan.Project, projectErr = r.clients.project.atApply(plan.Project)
	plan.Location, locationErr = r.clients.region.atApply(plan.Location)
	reportPlace(title, projectErr, locationErr, diags)
}

func reportPlace(title string, project, location error, diags *diag.Diagnostics) {
	if project != nil {
		failAt(diags, path.Root("project"), title, "The service's project is not known.", project)
	}
	if location != nil {
		failAt(diags, path.Root("location"), title, "The service's location is not known.", location)
	}
}

// ready plans a service that is ready. A state in which it is not makes the plan an update, so that what failed before
// is tried again.
func (m *syncRuntimeModel) ready(state *syncRuntimeModel) {
	m.Ready, m.Problem = types.BoolValue(true), types.StringNull()
	m.Revision = types.StringUnknown()
	m.settleURI(types.StringUnknown())
	if state == nil {
		return
	}
	m.settleURI(state.URI)
	same := state.Ready.ValueBool() && state.Problem.IsNull()
	same = same && deployed(m.Database) == deployed(state.Database) && m.shapeOf() == state.shapeOf()
	for _, pair := range [][2]interface{ String() string }{
		{m.Image, state.Image},
		{m.ServiceAccount, state.ServiceAccount},
		{m.DrChrono, state.DrChrono},
		{m.Coda, state.Coda},
		{m.PubSub, state.PubSub},
		{m.Audit, state.Audit},
		{m.Advice, state.Advice},
		{m.Control, state.Control},
		{m.Audience, state.Audience},
		{m.Concurrency, state.Concurrency},
		{m.CPU, state.CPU},
		{m.Memory, state.Memory},
		{m.TimeoutSeconds, state.TimeoutSeconds},
	} {
		same = same && pair[0].String() == pair[1].String()
	}
	if same {
		m.Revision = state.Revision
	}
}

// locateDatabase finds the database's instance; see databasePlace.locate.
func (r *syncRuntimeResource) locateDatabase(ctx context.Context, plan, state *syncRuntimeModel, must bool, diags *diag.Diagnostics) liveInstance {
	d := objectAs[databaseModel](ctx, plan.Database, diags)
	if d == nil {
		return nil
	}
	defer func() { plan.Database = objectOf(ctx, databaseTypes, d, diags) }()
	var was *databasePlace
	if state != nil {
		if of := objectAs[databaseModel](ctx, state.Database, diags); of != nil {
			was = &of.databasePlace
		}
	}
	return d.locate(ctx, r.clients, plan.Project, was, must, diags)
}

// checkSecrets asks whether every secret that is referred to exists. It asks for all at once, since a plan waits for it.
func (r *syncRuntimeResource) checkSecrets(ctx context.Context, plan syncRuntimeModel, diags *diag.Diagnostics) {
	if plan.Project.IsUnknown() {
		return
	}
	references := map[string]types.String{}
	if d := objectAs[databaseModel](ctx, plan.Database, diags); d != nil {
		references["database.password_secret"] = d.PasswordSecret
	}
	if d := objectAs[drchronoModel](ctx, plan.DrChrono, diags); d != nil {
		references["drchrono.oauth_secret"], references["drchrono.webhook_secret"] = d.OAuthSecret, d.WebhookSecret
		references["drchrono.webhook_secret_next"] = d.NextSecret
	}
	if c := objectAs[codaModel](ctx, plan.Coda, diags); c != nil {
		references["coda.token_secret"] = c.TokenSecret
	}
	api, err := r.clients.Secrets(ctx)
	if err != nil {
		if !isUnknown(err) {
			warn(diags, "Secrets not looked up", "Whether the secrets exist could not be found out while planning.", err)
		}
		return
	}
	order := []string{"database.password_secret", "drchrono.oauth_secret", "drchrono.webhook_secret", "drchrono.webhook_secret_next", "coda.token_secret"}
	found := make([]error, len(order))
	var group errgroup.Group
	for i, where := range order {
		reference, ok := references[where]
		if !ok || reference.IsNull() || reference.IsUnknown() {
			continue
		}
		ref, err := secrets.Parse(reference.ValueString(), plan.Project.ValueString())
		if err != nil {
			continue // its own validator says so
		}
		group.Go(func() error {
			found[i] = secrets.Check(ctx, api, ref)
			return nil
		})
	}
	_ = group.Wait()
	for i, err := range found {
		parent, child, _ := strings.Cut(order[i], ".")
		at := path.Root(parent).AtName(child)
		var problem secrets.Problem
		switch {
		case errors.As(err, &problem):
			failAt(diags, at, "Secret not usable", strings.ToUpper(string(problem[:1]))+string(problem[1:])+
				". When the same apply makes it, refer to its version's id or name, which is not known before.", nil)
		case err != nil:
			warnAt(diags, at, "Secret not looked up", "Whether the secret exists could not be found out while planning.", err)
		}
	}
}

// secretReference wants a reference to a secret. The message does not repeat the value: it may be a secret, put here by mistake.
func secretReference() validator.String {
	return checked{"a reference to a secret: " + secrets.Forms, func(value string) (title, detail string) {
		if _, err := secrets.Parse(value, ""); err != nil {
			return "Secret reference not understood", "This takes a reference to a secret in Secret Manager, and never the secret itself. Write " + secrets.Forms + "."
		}
		return "", ""
	}}
}

// imageByDigest wants an image that cannot change under its name.
func imageByDigest() validator.String {
	return checked{"an image by digest", func(value string) (title, detail string) {
		if _, err := name.NewDigest(value, name.StrictValidation); err != nil {
			return "Image has no digest", fmt.Sprintf("%q does not say which image runs, since a tag may point at another one tomorrow. "+
				"Use the image attribute of an august_runtime_image, or write \"repository@sha256:…\".", value)
		}
		return "", ""
	}}
}
