package provider

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/listvalidator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/feel-august/terraform-provider-august/internal/gcp/cloudrun"
)

type rolloutModel struct {
	Steps    types.List   `tfsdk:"steps"`
	BakeTime types.String `tfsdk:"bake_time"`
	Verify   types.Bool   `tfsdk:"verify"`
}

var rolloutPath = path.Root("rollout")

func rolloutAttribute() schema.Attribute {
	return schema.SingleNestedAttribute{
		MarkdownDescription: "How traffic comes to a new revision. It starts beside the one that serves, without any traffic and at an address of its own, and is tried out there: it has to be ready, " +
			"be the revision that it should be, pass its self-test (database, schema, a delivery of its own making), and refuse a delivery that nobody has signed. One that fails is abandoned: traffic stays " +
			"where it was, the error names the check, and `ready` and `problem` keep saying so until an apply gets through. An apply that was cut short leaves traffic as it is, and the next one goes on from there. There is no way back once a revision has " +
			"everything, only forward, with another one. The service's first revision has nothing beside it: it serves as soon as it is ready, is tried out at the service's address, and is deleted with the service when it fails.",
		Optional: true,
		Attributes: map[string]schema.Attribute{
			"steps": schema.ListAttribute{
				MarkdownDescription: "Percents of the traffic, from `1` to `99` and ascending, that a revision has one after the other before it has everything, such as `[10, 50]`. Default: none, all at once.",
				Optional:            true,
				ElementType:         types.Int64Type,
				Validators:          []validator.List{listvalidator.SizeAtLeast(1), listvalidator.ValueInt64sAre(int64validator.Between(1, 99))},
			},
			"bake_time": schema.StringAttribute{
				MarkdownDescription: "How long a revision has to do well with each of `steps`, such as `30s` or `5m`. It is watched every two seconds, and three bad looks in a row give its share back. " +
					"All steps together have to fit into `timeouts.update`. Default: `0s`.",
				Optional:   true,
				Validators: []validator.String{durationBetween(0, 24*time.Hour)},
			},
			"verify": schema.BoolAttribute{
				MarkdownDescription: "Whether a revision is tried out before it has traffic. It is called from where Terraform runs, by the provider's own identity, which has to be in `control.allowed_callers` and, without `public`, to hold `roles/run.invoker` in the project, for a new service has no policy of its own yet. " +
					"`false` takes Cloud Run's word that the revision is ready, where Terraform cannot reach it. Default: `true`; with an `ingress` other than `all` it has to be said.",
				Optional: true,
			},
		},
	}
}

// rolloutOf is what the configuration says, with what it does not say.
func (m syncRuntimeModel) rolloutOf(ctx context.Context, diags *diag.Diagnostics) (steps []int64, bake time.Duration, verify bool) {
	o := objectAs[rolloutModel](ctx, m.Rollout, diags)
	if o == nil {
		return nil, 0, true
	}
	if !o.Steps.IsNull() && !o.Steps.IsUnknown() {
		var known []types.Int64
		diags.Append(o.Steps.ElementsAs(ctx, &known, false)...)
		for _, step := range known {
			steps = append(steps, step.ValueInt64()) // 0: not known yet
		}
	}
	bake, _ = time.ParseDuration(o.BakeTime.ValueString()) // its own validator says so
	return steps, bake, o.Verify.IsNull() || o.Verify.ValueBool()
}

// checkRollout holds to each other what a rollout needs. Nothing that is unknown is judged.
func checkRollout(ctx context.Context, config syncRuntimeModel, diags *diag.Diagnostics) {
	if config.Rollout.IsUnknown() {
		return
	}
	o := objectAs[rolloutModel](ctx, config.Rollout, diags)
	if closed := !config.Ingress.IsUnknown() && orDefault(config.Ingress, "all") != "all"; closed && (o == nil || o.Verify.IsNull()) {
		failAt(diags, rolloutPath.AtName("verify"), "Rollout not decided",
			"With ingress "+config.Ingress.ValueString()+" a new revision answers only from within the network. Set verify to true where Terraform runs inside of it, "+
				"so that each is tried out before it has traffic; or to false, to take Cloud Run's word that it is ready.", nil)
	}
	if o == nil || o.Steps.IsUnknown() || o.BakeTime.IsUnknown() {
		return
	}
	steps, bake, _ := config.rolloutOf(ctx, diags)
	for i, step := range steps {
		if i > 0 && step > 0 && step <= steps[i-1] {
			failAt(diags, rolloutPath.AtName("steps").AtListIndex(i), "Steps not ascending",
				fmt.Sprintf("%d %% comes after %d %%. Each step gives the new revision more of the traffic than the one before.", step, steps[i-1]), nil)
		}
	}
	at := rolloutPath.AtName("bake_time")
	if bake > 0 && len(steps) == 0 {
		failAt(diags, at, "Nothing to bake", "This is how long each of steps lasts, and there are none. Set steps, such as [10, 50], or leave bake_time out.", nil)
	}
	limit, d := config.Timeouts.Update(ctx, syncRuntimeTimeout)
	if diags.Append(d...); d.HasError() || timeoutUnknown(config, "update") {
		return
	}
	if whole := bake * time.Duration(len(steps)); whole >= limit {
		failAt(diags, at, "Rollout not possible in time", fmt.Sprintf(
			"%d steps of %s take %s, and timeouts.update allows %s, in which the revision has to start as well. Raise timeouts.update, or shorten bake_time.",
			len(steps), bake, whole, limit), nil)
	}
}

func timeoutUnknown(config syncRuntimeModel, name string) bool {
	value, ok := config.Timeouts.Attributes()[name]
	return config.Timeouts.IsUnknown() || (ok && value.IsUnknown())
}

// rollout is how an apply brings traffic to a new revision.
func (r *syncRuntimeResource) rollout(ctx context.Context, plan syncRuntimeModel, spec cloudrun.Spec, diags *diag.Diagnostics) cloudrun.Rollout {
	how := cloudrun.Rollout{Progress: progressOf(ctx, spec)}
	var verify bool
	how.Steps, how.Bake, verify = plan.rolloutOf(ctx, diags)
	if !verify {
		return how
	}
	d := objectAs[drchronoModel](ctx, plan.DrChrono, diags)
	how.Examiner = newExaminer(r.clients, spec.Audience, d != nil && !d.WebhookSecret.IsNull())
	return how
}

// failUpdate says how an update ended, and what becomes of it.
func failUpdate(diags *diag.Diagnostics, title string, spec cloudrun.Spec, err error) {
	const forward = "The next plan shows what is still to be done. "
	var (
		notReady  *cloudrun.NotReadyError
		abandoned *cloudrun.AbandonedError
		overtaken *cloudrun.OvertakenError
	)
	switch {
	case errors.As(err, &abandoned):
		fail(diags, title, fmt.Sprintf("The new revision %s of %s was abandoned, for it failed the check %q. %s%sRemove the cause and apply again, or go forward with another image.",
			abandoned.Revision, spec.Path(), abandoned.Cause.Check, stays(err), forward), err)
	case errors.As(err, &overtaken):
		fail(diags, title, "Somebody else changed the service "+spec.Path()+" while a new revision was rolled out. Nothing of theirs was overwritten. "+forward+
			"Find out who deploys there beside Terraform, and apply again.", err)
	case errors.As(err, &notReady):
		fail(diags, title, "The service "+spec.Path()+" did not become ready. "+forward+"Remove the cause and apply again.", err)
	default:
		fail(diags, title, "The service "+spec.Path()+" could not be brought into line. "+forward, err)
	}
}

// stays says where traffic is after a revision was abandoned, and nothing of any other failure.
func stays(err error) string {
	var abandoned *cloudrun.AbandonedError
	switch {
	case !errors.As(err, &abandoned):
		return ""
	case abandoned.Untidy != nil:
		return "Its traffic could not be given back: " + abandoned.Kept + " has it now. "
	case abandoned.Kept == "":
		return "Nothing served before it, and nothing does. "
	case strings.Contains(abandoned.Kept, "%"):
		return "Traffic stays with the revisions before it: " + abandoned.Kept + ". "
	}
	return "Traffic stays with the revision before it, " + abandoned.Kept + ". "
}

// failure is what private state keeps of a revision that was abandoned: Cloud Run does not know of checks that are not
// its own, and a later plan has to say why.
type failure struct {
	Version  int    `json:"version"`
	Revision string `json:"revision"`
	Failure  string `json:"failure"`
}

const (
	failureKey     = "rollout"
	failureVersion = 1
	mostFailure    = 4 << 10 // bytes; what answers at a candidate's address may be anything
)

// writableState is a resource's private state, as each response has it.
type writableState interface {
	privateState
	SetKey(ctx context.Context, key string, value []byte) diag.Diagnostics
}

func failureOf(err error) *failure {
	var abandoned *cloudrun.AbandonedError
	if !errors.As(err, &abandoned) {
		return nil
	}
	text := abandoned.Cause.Error()
	return &failure{failureVersion, abandoned.Revision, strings.ToValidUTF8(text[:min(len(text), mostFailure)], "?")}
}

// recall is the failure that was kept, nil when there is none, or one that a later provider wrote.
func recall(ctx context.Context, private privateState, diags *diag.Diagnostics) *failure {
	raw, d := private.GetKey(ctx, failureKey)
	diags.Append(d...)
	var f failure
	if len(raw) == 0 || json.Unmarshal(raw, &f) != nil || f.Version != failureVersion {
		return nil
	}
	return &f
}

// remember keeps a failure, or forgets what was kept.
func remember(ctx context.Context, private writableState, f *failure, diags *diag.Diagnostics) {
	var raw []byte
	if f != nil {
		raw, _ = json.Marshal(f) // three plain fields
	}
	diags.Append(private.SetKey(ctx, failureKey, raw)...)
}

// judge says of a service whether its newest revision is ready and serves, and why not. A failure that is kept is worth
// telling as long as it is about that revision. cause asks Cloud Run, when there is something to ask.
func (m *syncRuntimeModel) judge(live liveService, kept *failure, cause func() string) (applies bool) {
	ready, astray := cloudrun.Ready(live), cloudrun.Astray(live)
	if ready && astray == "" {
		return false
	}
	applies = kept != nil && kept.Revision == cloudrun.Newest(live)
	switch {
	case !ready && applies:
		m.addProblem("Revision " + kept.Revision + " did not become ready, and was abandoned: " + cause())
	case !ready:
		m.addProblem(cause())
	case applies:
		m.addProblem("Revision " + kept.Revision + " was abandoned, for it failed " + kept.Failure)
	}
	if astray != "" {
		m.addProblem(strings.ToUpper(astray[:1]) + astray[1:] + ".")
	}
	return applies
}
