package provider

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework-validators/mapvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/identityschema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/evidence"
	"github.com/feel-august/terraform-provider-august/internal/bucket"
	"github.com/feel-august/terraform-provider-august/internal/gcp"
	"github.com/feel-august/terraform-provider-august/internal/gcp/cloudrun"
	"github.com/feel-august/terraform-provider-august/internal/gcp/logging"
)

// The two halves of a hand-over, export and import, are each a Cloud Run job of the runtime's image, with the account, network and
// database of what the runtime would be there. What they have in common is here.

const (
	envStorageEndpoint = "AUGUST_STORAGE_ENDPOINT"

	defaultJobTimeout = "1h"
	stagingDelete     = 10 * time.Minute

	// A job is stopped after its own time; making it, and reading what it made, takes a minute or two more.
	beyondJob = 15 * time.Minute

	// A refresh or a plan must not hang on a bucket or a runtime that does not answer.
	stagingPatience = 20 * time.Second
)

type stagingJobModel struct {
	ID             types.String   `tfsdk:"id"`
	Name           types.String   `tfsdk:"name"`
	Location       types.String   `tfsdk:"location"`
	Project        types.String   `tfsdk:"project"`
	Image          types.String   `tfsdk:"image"`
	ServiceAccount types.String   `tfsdk:"service_account"`
	Network        types.Object   `tfsdk:"network"`
	Database       types.Object   `tfsdk:"database"`
	Bucket         types.String   `tfsdk:"bucket"`
	CPU            types.String   `tfsdk:"cpu"`
	Memory         types.String   `tfsdk:"memory"`
	Timeout        types.String   `tfsdk:"timeout"`
	Triggers       types.Map      `tfsdk:"triggers"`
	Problem        types.String   `tfsdk:"problem"`
	Timeouts       timeouts.Value `tfsdk:"timeouts"`
}

// stagingJobAttributes are those of either half, and more. What is asked of the database is its own.
func stagingJobAttributes(ctx context.Context, database, bucketRole, again string, more map[string]schema.Attribute) map[string]schema.Attribute {
	text := func(description, standard string, validators ...validator.String) schema.StringAttribute {
		return schema.StringAttribute{
			MarkdownDescription: description + " Default: `" + standard + "`.",
			Optional:            true, Computed: true,
			Default:    stringdefault.StaticString(standard),
			Validators: validators,
		}
	}
	return together(more, map[string]schema.Attribute{
		"id": schema.StringAttribute{MarkdownDescription: "The job's resource name, `projects/{project}/locations/{location}/jobs/{name}`.", Computed: true},
		"name": schema.StringAttribute{
			MarkdownDescription: "Name of the Cloud Run job: up to 49 lower-case letters, digits and hyphens, starting with a letter.",
			Required:            true,
			Validators: []validator.String{stringvalidator.RegexMatches(regexp.MustCompile(`^[a-z]([a-z0-9-]{0,47}[a-z0-9])?$`),
				"is no name of a job: up to 49 lower-case letters, digits and hyphens, starting with a letter and not ending with a hyphen")},
			PlanModifiers: []planmodifier.String{stringplanmodifier.RequiresReplace()},
		},
		"location": schema.StringAttribute{
			MarkdownDescription: "Region of the job. Default: the provider's region.", Optional: true, Computed: true, Validators: []validator.String{regionName()},
		},
		"project": schema.StringAttribute{
			MarkdownDescription: "Project of the job. Default: the provider's project.", Optional: true, Computed: true, Validators: []validator.String{projectID()},
		},
		"image": schema.StringAttribute{
			MarkdownDescription: "Image of the runtime, by digest: `repository@sha256:…`, as `august_runtime_image` gives it. A new image changes the job and runs nothing.",
			Required:            true,
			Validators:          []validator.String{imageByDigest()},
		},
		"service_account": schema.StringAttribute{
			MarkdownDescription: "E-mail of the service account that the job runs as. It needs " + bucketRole + ".",
			Required:            true,
			Validators:          []validator.String{serviceAccountEmail()},
		},
		"network": networkAttribute(),
		"database": schema.SingleNestedAttribute{
			MarkdownDescription: database,
			Required:            true,
			Attributes:          databaseAttributes(map[string]schema.Attribute{}),
		},
		"cpu": text("Processors of the job: `1`, `2`, `4` or `8`. It uses all of them.", "2", stringvalidator.OneOf("1", "2", "4", "8")),
		"memory": text("Memory of the job in mebibytes or gibibytes. What it takes does not grow with the data, but with the number of distinct ids that are mapped by `surrogate`.", "1Gi",
			stringvalidator.RegexMatches(regexp.MustCompile(`^[1-9][0-9]*(Mi|Gi)$`), "is no amount of memory: write a number with Mi or Gi, such as \"1Gi\"")),
		"timeout": text("How long the job may take, from `1m` to `24h`, after which it is stopped and has failed; `timeouts` bounds the waiting for it.", defaultJobTimeout,
			durationBetween(time.Minute, 24*time.Hour)),
		"triggers": schema.MapAttribute{
			MarkdownDescription: "Any values. A change of them runs the job again" + again + ".",
			Optional:            true,
			ElementType:         types.StringType,
			Validators:          []validator.Map{mapvalidator.SizeAtLeast(1), mapvalidator.NoNullValues()},
		},
		"problem": schema.StringAttribute{
			MarkdownDescription: "What is wrong that no other attribute shows: a job that is gone or was changed by hand, a run that failed. The next apply sets it right. Null when nothing is.",
			Computed:            true,
		},
		"timeouts": timeoutsAttribute(ctx, 0, timeouts.Opts{
			Create: true, Update: true, Delete: true, CreateDescription: waiting, UpdateDescription: waiting,
			DeleteDescription: "How long to wait for the deletion of the job. Default: `10m`.",
		}),
	})
}

const waiting = "How long to wait for the job to be made and to have run, after which it is cancelled. Default: its `timeout`, and 15 minutes."

// patience is how long to wait for a job when nothing is said of it: no less than the job may take.
func (m stagingJobModel) patience() time.Duration {
	limit, _ := time.ParseDuration(m.Timeout.ValueString()) // validated
	return limit + beyondJob
}

// bucketAttribute takes a bucket of Cloud Storage.
func bucketAttribute(about string) schema.StringAttribute {
	return schema.StringAttribute{
		MarkdownDescription: about,
		Required:            true,
		Validators: []validator.String{checked{"a bucket of Cloud Storage", func(value string) (title, detail string) {
			if err := bucket.CheckURL(value); err != nil || !strings.HasPrefix(value, "gs://") {
				return "Bucket not understood", fmt.Sprintf("%q is no bucket of Cloud Storage. Write gs://bucket or gs://bucket/prefix.", value)
			}
			return "", ""
		}}},
	}
}

var stagingJobIdentity = []string{"project", "location", "name"}

func stagingJobIdentitySchema() identityschema.Schema {
	return identityschema.Schema{
		Attributes: map[string]identityschema.Attribute{
			"project":  identityschema.StringAttribute{Description: "Project of the job; the provider's when left out.", OptionalForImport: true},
			"location": identityschema.StringAttribute{Description: "Region of the job; the provider's when left out.", OptionalForImport: true},
			"name":     identityschema.StringAttribute{Description: "Name of the job.", RequiredForImport: true},
		},
	}
}

// stagingJob is the base of either half.
type stagingJob struct {
	configuredResource
	kind cloudrun.JobKind
	what string // for messages: "Staging anonymization"
}

// importState imports a half by the name of its job.
func (r stagingJob) importState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	importer{
		what:  r.what,
		parts: stagingJobIdentity,
		forms: []string{`"project/location/name"`, `"name"`, `"projects/project/locations/location/jobs/name"`},
		parse: func(id string) ([]string, bool) { return parseRunID(id, "jobs") },
		fallback: func(part string) (string, error) {
			switch part {
			case "project":
				return r.clients.Project()
			case "location":
				return r.clients.Region()
			}
			return "", nil
		},
	}.run(ctx, req, resp)
}

func (r stagingJob) cloudRun(ctx context.Context) (*cloudrun.Client, error) {
	api, err := r.clients.CloudRun(ctx)
	if err != nil {
		return nil, err
	}
	return cloudrun.New(api), nil
}

func (m stagingJobModel) identity() []string {
	return []string{m.Project.ValueString(), m.Location.ValueString(), m.Name.ValueString()}
}

func (m stagingJobModel) path() string {
	return cloudrun.JobPath(m.Project.ValueString(), m.Location.ValueString(), m.Name.ValueString())
}

// place is the database.
func (m stagingJobModel) place(ctx context.Context, diags *diag.Diagnostics) databasePlace {
	if d := objectAs[databasePlace](ctx, m.Database, diags); d != nil {
		return *d
	}
	return databasePlace{ConnectionName: types.StringUnknown(), Name: types.StringUnknown()}
}

// data names the database that the job reads or writes, and nothing of how it is reached. It is unknown when that is.
func (m stagingJobModel) data(ctx context.Context, diags *diag.Diagnostics) types.String {
	d := m.place(ctx, diags)
	if d.ConnectionName.IsUnknown() || d.Name.IsUnknown() {
		return types.StringUnknown()
	}
	return types.StringValue(d.ConnectionName.ValueString() + "/" + d.Name.ValueString())
}

// validate holds to each other what the configuration says.
func (m stagingJobModel) validate(ctx context.Context, diags *diag.Diagnostics) {
	if d := objectAs[databasePlace](ctx, m.Database, diags); d != nil {
		d.checkSignIn(diags)
	}
	checkNetwork(ctx, m.Network, m.Location, diags)
	checkMemory(syncRuntimeModel{CPU: m.CPU, Memory: m.Memory}, diags)
}

// plan says where the job will be, and finds its database. It says whether it is another job than the state's.
func (r stagingJob) plan(ctx context.Context, plan *stagingJobModel, config stagingJobModel, state *stagingJobModel, resp *resource.ModifyPlanResponse) (another bool) {
	var is stagingJobModel
	if state != nil {
		is = *state
	}
	title, diags := r.what+" not planned", &resp.Diagnostics
	var projectErr, locationErr error
	plan.Project, projectErr = r.clients.project.atPlan(config.Project, is.Project)
	plan.Location, locationErr = r.clients.region.atPlan(config.Location, is.Location)
	reportPlace(title, projectErr, locationErr, diags)
	if state != nil {
		for _, a := range []struct {
			name    string
			is, was types.String
		}{{"project", plan.Project, is.Project}, {"location", plan.Location, is.Location}, {"name", plan.Name, is.Name}} {
			if !a.is.Equal(a.was) {
				resp.RequiresReplace, another = append(resp.RequiresReplace, path.Root(a.name)), true
			}
		}
	}
	if plan.ID = types.StringUnknown(); !plan.Project.IsUnknown() && !plan.Location.IsUnknown() && !plan.Name.IsUnknown() {
		plan.ID = types.StringValue(plan.path())
	}
	plan.Problem = types.StringNull()
	r.locate(ctx, plan, state, false, diags)
	return another
}

// locate finds the database's instance; see databasePlace.locate.
func (r stagingJob) locate(ctx context.Context, plan, state *stagingJobModel, must bool, diags *diag.Diagnostics) {
	d := objectAs[databasePlace](ctx, plan.Database, diags)
	if d == nil {
		return
	}
	var was *databasePlace
	if state != nil {
		was = objectAs[databasePlace](ctx, state.Database, diags)
	}
	d.locate(ctx, r.clients, plan.Project, was, must, diags)
	plan.Database = objectOf(ctx, databasePlaceTypes, d, diags)
}

// prepare finds out what the plan could not.
func (r stagingJob) prepare(ctx context.Context, plan *stagingJobModel, title string, diags *diag.Diagnostics) *cloudrun.Client {
	client, err := r.cloudRun(ctx)
	if err != nil {
		fail(diags, title, "The Cloud Run Admin API cannot be called.", err)
		return nil
	}
	var projectErr, locationErr error
	plan.Project, projectErr = r.clients.project.atApply(plan.Project)
	plan.Location, locationErr = r.clients.region.atApply(plan.Location)
	if reportPlace(title, projectErr, locationErr, diags); diags.HasError() {
		return nil
	}
	r.locate(ctx, plan, nil, true, diags)
	plan.ID, plan.Problem = types.StringValue(plan.path()), types.StringNull()
	return client
}

// job is the job that a model, in which everything is known, asks for.
func (r stagingJob) job(ctx context.Context, m stagingJobModel, args []string, tell func(*environment), diags *diag.Diagnostics) cloudrun.Job {
	env := &environment{project: m.Project.ValueString(), diags: diags}
	m.place(ctx, diags).tell(env)
	tell(env)
	if at := strings.TrimSuffix(r.clients.storage.value, "/"); at != "" {
		env.value(envStorageEndpoint, at)
	}
	spec := cloudrun.Spec{
		Project: m.Project.ValueString(), Location: m.Location.ValueString(), Name: m.Name.ValueString(),
		Image: m.Image.ValueString(), ServiceAccount: m.ServiceAccount.ValueString(), CPU: m.CPU.ValueString(), Memory: m.Memory.ValueString(),
		Network: expandNetwork(ctx, m.Network, diags), Env: env.all,
	}
	template, err := spec.Revision()
	limit, problem := time.ParseDuration(m.Timeout.ValueString())
	if err = errors.Join(err, problem); err != nil {
		fail(diags, r.what+" not understood", "What the job is to be could not be worked out.", err)
	}
	return cloudrun.Job{
		Project: spec.Project, Location: spec.Location, Name: spec.Name, Kind: r.kind, Revision: template, Args: args, Timeout: limit,
	}
}

// observe takes from a job what it is, after an import, and returns its variables.
func (m *stagingJobModel) observe(ctx context.Context, live liveJob, diags *diag.Diagnostics) variables {
	seen, _, timeout := cloudrun.ObserveJob(m.Project.ValueString(), m.Location.ValueString(), m.Name.ValueString(), live)
	v := variables{byName: map[string]cloudrun.Env{}, asked: map[string]bool{}, project: m.Project.ValueString()}
	for _, e := range seen.Env {
		v.byName[e.Name] = e
	}
	m.ID = types.StringValue(m.path())
	m.Image, m.ServiceAccount = stringOrNull(seen.Image), stringOrNull(seen.ServiceAccount)
	m.CPU, m.Memory = stringOrNull(seen.CPU), stringOrNull(seen.Memory)
	m.Timeout = types.StringValue(written(timeout))
	m.Network = flattenNetwork(ctx, m.Network, seen.Network, true, diags)
	var d databasePlace
	d.observe(v, m.Location.ValueString())
	m.Database = objectOf(ctx, databasePlaceTypes, d, diags)
	return v
}

// written is a duration as one writes it: 1h, not 1h0m0s.
func written(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

const (
	jobGone = "The job is gone."
	lastRun = "The last " // run or export failed: what an apply has said stays until the next one
)

// judge names what is wrong with a job: it is somebody else's, or not as it should be.
func (r stagingJob) judge(m *stagingJobModel, live liveJob, job cloudrun.Job, diags *diag.Diagnostics) {
	if strings.HasPrefix(m.Problem.ValueString(), lastRun) || diags.HasError() {
		return
	}
	m.Problem = types.StringNull()
	drift, err := job.Drift(live)
	switch {
	case !r.kind.Owns(live):
		m.Problem = types.StringValue("The job is somebody else's: it was made anew, or its labels were changed.")
	case err != nil:
		fail(diags, r.what+" not understood", "The job could not be compared with what it should be.", err)
	case len(drift) > 0:
		m.Problem = types.StringValue("Changed behind Terraform's back: " + strings.Join(drift, "; ") + ".")
	}
}

const exportFlag = "--export"

// ranLast is the export that a job's arguments name.
func (r stagingJob) ranLast(live liveJob) string {
	_, args, _ := cloudrun.ObserveJob("", "", "", live)
	for n, arg := range args {
		if arg == exportFlag && n+1 < len(args) && evidence.IsName(args[n+1]) {
			return args[n+1]
		}
	}
	return ""
}

// delete deletes the job, and whatever of it runs. What it has made stays.
func (r stagingJob) delete(ctx context.Context, m stagingJobModel, diags *diag.Diagnostics) {
	ctx, cancel := withTimeout(ctx, m.Timeouts.Delete, stagingDelete, diags)
	defer cancel()
	client, err := r.cloudRun(ctx)
	if err == nil {
		err = client.DeleteJob(ctx, m.path(), r.kind)
	}
	if err != nil {
		fail(diags, r.what+" not deleted", "The job "+m.path()+" could not be deleted.", err)
	}
}

func jobProgress(ctx context.Context, job cloudrun.Job) cloudrun.Progress {
	return func(what string, waited time.Duration) {
		tflog.Info(ctx, "running a job", map[string]any{"job": job.Path(), "what": what, "waited": waited.Round(time.Second).String()})
	}
}

// mostLines are the most lines of a job's log that an error shows.
const mostLines = 30

// report says why a job did not do what it was run for, with what its log says. It returns what to remember of it.
func (r stagingJob) report(ctx context.Context, job cloudrun.Job, title, untouched string, err error, diags *diag.Diagnostics) (problem string) {
	var (
		taken *cloudrun.TakenError
		ended *cloudrun.ExecutionError
	)
	switch {
	case errors.As(err, &taken):
		failAt(diags, path.Root("name"), title, "There is a job "+job.Path()+" already, and this resource did not make it. "+untouched+
			" Import it, choose another name, or delete it.", nil)
		return ""
	case errors.As(err, &ended):
		fail(diags, title, "The job ran, and did not succeed. "+untouched+"\n\n"+r.log(ctx, ended)+
			"\n\nThe job stays, so that the execution can be looked at. Remove the cause and apply again.", err)
		return lastRun + "run, " + ended.Execution + ", failed."
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		fail(diags, title, "The time that `timeouts` allows ran out before the job was done. "+unlessDone(untouched)+" Allow more time, and apply again.\n\nError: "+err.Error(), nil)
	case ctx.Err() != nil:
		fail(diags, title, "The run was interrupted before the job was done. "+unlessDone(untouched)+" Apply again.\n\nError: "+err.Error(), nil)
	case gcp.KindOf(err) == gcp.Denied:
		fail(diags, title, "The job "+job.Path()+" could not be run. "+untouched+
			" It takes roles/run.developer on the project, and roles/iam.serviceAccountUser on the job's account.", err)
		return ""
	default:
		fail(diags, title, "The job "+job.Path()+" could not be run. "+untouched, err)
		return ""
	}
	return lastRun + "run was not waited for to its end."
}

// unlessDone says of a job that nobody saw the end of what would be known of one that failed.
func unlessDone(untouched string) string {
	return "Unless it had just done its work, " + strings.ToLower(untouched[:1]) + untouched[1:]
}

// log is what an execution has written of what went wrong. Its lines hold no value of any row.
func (r stagingJob) log(ctx context.Context, ended *cloudrun.ExecutionError) string {
	client, err := r.clients.Logging(ctx)
	if err != nil {
		return "Its log could not be read: " + err.Error()
	}
	entries, err := client.Errors(ctx, ended.Execution, mostLines)
	switch {
	case gcp.KindOf(err) == gcp.Denied:
		return "What its log says could not be read: this account lacks " + logging.Role + " on the project."
	case err != nil:
		return "Its log could not be read: " + err.Error()
	case len(entries) == 0:
		return "It has written nothing at the severity ERROR."
	}
	var lines []string
	for _, e := range entries {
		lines = append(lines, strings.Split(e.String(), "\n")...)
	}
	if more := len(lines) - mostLines; more > 0 {
		lines = append(lines[:mostLines], fmt.Sprintf("… and %d lines more", more))
	}
	return "Its log says:\n  " + strings.Join(lines, "\n  ")
}
