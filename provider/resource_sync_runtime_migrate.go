package provider

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/booldefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/objectdefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"google.golang.org/api/run/v2"

	"github.com/feel-august/terraform-provider-august/internal/gcp"
	"github.com/feel-august/terraform-provider-august/internal/gcp/cloudrun"
)

// A revision whose migrations fail must not become one. So they run before it is made, as a job of the same image under
// the same account: what fails there has touched nothing of the service.

const (
	migrationsFailed         = "Migrations failed"
	defaultMigrationsTimeout = "10m"
	migrateCommand           = "migrate"

	// migrateSuffix makes the job's name of the service's: 49 characters and these, and those that Cloud Run adds for an
	// execution, are no more than the 63 that it allows.
	migrateSuffix = "-migrate"

	// migrateConnections is what august-sync's command holds of the database, whatever the pool of the service.
	migrateConnections = 1
)

var (
	migrationsTypes   = map[string]attr.Type{"job": types.BoolType, "timeout": types.StringType}
	defaultMigrations = types.ObjectValueMust(migrationsTypes, map[string]attr.Value{
		"job": types.BoolValue(true), "timeout": types.StringValue(defaultMigrationsTimeout),
	})
)

func migrationsAttribute() schema.Attribute {
	return schema.SingleNestedAttribute{
		MarkdownDescription: "How the database's schema is brought up to the image's.",
		Optional:            true,
		Computed:            true,
		Default:             objectdefault.StaticValue(defaultMigrations),
		Attributes: map[string]schema.Attribute{
			"job": schema.BoolAttribute{
				MarkdownDescription: "Whether the migrations run before each new revision is made, as the Cloud Run job `{name}-migrate`: with the new image and its command `migrate`, the service's account, network and " +
					"database. When they fail nothing of the service is touched, and the error names the execution, the cause and the log. The job is made when it is needed and deleted with the service; whoever applies needs " +
					"`run.jobs.*`, which is in `roles/run.developer`. With `false` the runtime migrates when it starts, as it does in any case when there is something left to do. Default: `true`.",
				Optional: true,
				Computed: true,
				Default:  booldefault.StaticBool(true),
			},
			"timeout": schema.StringAttribute{
				MarkdownDescription: "How long the migrations may take, from `1s` to `24h`, after which they are stopped and have failed; `timeouts` bounds them too. Default: `" + defaultMigrationsTimeout + "`.",
				Optional:            true,
				Computed:            true,
				Default:             stringdefault.StaticString(defaultMigrationsTimeout),
				Validators:          []validator.String{durationBetween(time.Second, 24*time.Hour)},
			},
		},
	}
}

// migratesByJob is whether a job migrates; it does where nothing else is said.
func (m syncRuntimeModel) migratesByJob() bool {
	job, _ := m.Migrations.Attributes()["job"].(types.Bool)
	return job.IsNull() || job.IsUnknown() || job.ValueBool()
}

func (m syncRuntimeModel) migrationsTimeout() time.Duration {
	text, _ := m.Migrations.Attributes()["timeout"].(types.String)
	limit, err := time.ParseDuration(text.ValueString())
	if err != nil {
		limit, _ = time.ParseDuration(defaultMigrationsTimeout)
	}
	return limit
}

func (m syncRuntimeModel) migrationsPath() string {
	return cloudrun.JobPath(m.Project.ValueString(), m.Location.ValueString(), m.Name.ValueString()+migrateSuffix)
}

// migrate runs the migrations, if what is planned makes a new revision. After an error nothing of the service has been
// touched, and nothing of it may be.
func (r *syncRuntimeResource) migrate(ctx context.Context, client *cloudrun.Client, spec cloudrun.Spec, how cloudrun.Rollout, plan, state *syncRuntimeModel, diags *diag.Diagnostics) {
	if !plan.migratesByJob() {
		if state != nil && state.migratesByJob() {
			deleteMigrations(ctx, client, *plan, diags)
		}
		return
	}
	live, err := client.Get(ctx, spec.Path())
	switch {
	case cloudrun.IsNotFound(err) && state == nil:
		live = &run.GoogleCloudRunV2Service{}
	case cloudrun.IsNotFound(err), err == nil && state == nil && !cloudrun.Managed(live):
		return // there is nothing to update, or somebody else's to take over, and the next step says so
	case err != nil:
		fail(diags, migrationsFailed, "Whether a new revision is to be made could not be found out, since the service "+spec.Path()+" could not be read. Nothing was run.", err)
		return
	}
	revision, err := spec.NextRevision(live)
	if err != nil || revision == nil {
		if err != nil {
			fail(diags, migrationsFailed, "Whether a new revision is to be made could not be found out. Nothing was run.", err)
		}
		return
	}
	if how.Able(ctx) != nil {
		return // no revision will be made, and the next step says why
	}
	job := cloudrun.Job{
		Project: spec.Project, Location: spec.Location, Name: spec.Name + migrateSuffix, Kind: cloudrun.Migrations,
		Revision: revision,
		Args:     []string{migrateCommand},
		Env:      forMigrations,
		Timeout:  plan.migrationsTimeout(),
		Labels:   spec.Labels,
	}
	if err := client.Execute(ctx, job, progressOf(ctx, spec)); err != nil {
		reportMigrations(ctx, job, spec, err, diags)
	}
}

// forMigrations says which variables the migrations are given: those of the database, without the pool, which they do
// not use. They have no business with the other secrets.
func forMigrations(name string) bool {
	return strings.HasPrefix(name, "AUGUST_DATABASE_") && name != envDatabasePoolMax
}

func reportMigrations(ctx context.Context, job cloudrun.Job, spec cloudrun.Spec, err error, diags *diag.Diagnostics) {
	untouched := " Nothing of the service " + spec.Path() + " was touched."
	var (
		taken *cloudrun.TakenError
		ended *cloudrun.ExecutionError
	)
	switch {
	case errors.As(err, &taken):
		failAt(diags, path.Root("name"), migrationsFailed, "There is a job "+job.Path()+" already, and this provider did not make it."+untouched+
			" Delete the job, choose another name for the runtime, or let it migrate when it starts: migrations = { job = false }.", nil)
	case errors.As(err, &ended):
		fail(diags, migrationsFailed, "The database's schema could not be brought up to that of the new image."+untouched+
			" Its job stays, so that the execution can be looked at. Remove the cause, which the log names, and apply again.", err)
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		fail(diags, migrationsFailed, "The time that `timeouts` allows ran out before the migrations were done."+untouched+
			" Allow more time, and apply again.\n\nError: "+err.Error(), nil)
	case ctx.Err() != nil:
		fail(diags, migrationsFailed, "The run was interrupted before the migrations were done."+untouched+" Apply again.\n\nError: "+err.Error(), nil)
	case gcp.KindOf(err) == gcp.Denied:
		fail(diags, migrationsFailed, "The job "+job.Path()+" could not be run."+untouched+
			" It takes roles/run.developer on the project, and roles/iam.serviceAccountUser on the runtime's account.", err)
	default:
		fail(diags, migrationsFailed, "The job "+job.Path()+" could not be run."+untouched, err)
	}
}

// deleteMigrations deletes the job of a service that has no more use for it. The caller's time may be what ran out.
func deleteMigrations(ctx context.Context, client *cloudrun.Client, m syncRuntimeModel, diags *diag.Diagnostics) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	if err := client.DeleteJob(ctx, m.migrationsPath(), cloudrun.Migrations); err != nil {
		warn(diags, "Job not deleted", "The job "+m.migrationsPath()+" could not be deleted. Nothing uses it any more: delete it by hand.", err)
	}
}
