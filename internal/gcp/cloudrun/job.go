package cloudrun

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"google.golang.org/api/run/v2"

	"github.com/feel-august/terraform-provider-august/internal/gcp"
)

// JobKind is what a job is for. A job of another kind is somebody else's, though the provider made it.
type JobKind string

// Kinds of jobs.
const (
	Migrations    JobKind = "sync-runtime-job"
	Anonymization JobKind = "staging-anonymization"
	Dataset       JobKind = "staging-dataset"
)

// Job is a job that runs a command of a runtime's image, as the service itself would: in the same network, under the
// same account, with the same processors and memory. It runs one task, once.
type Job struct {
	Project, Location, Name string
	Kind                    JobKind

	Revision *run.GoogleCloudRunV2RevisionTemplate // what it runs as
	Args     []string
	Env      func(name string) bool // which of the revision's variables it is given; nil: all
	Timeout  time.Duration
	Labels   map[string]string
}

// Path is the job's resource name.
func (j Job) Path() string { return JobPath(j.Project, j.Location, j.Name) }

// JobPath is a job's resource name.
func JobPath(project, location, name string) string {
	return parent(project, location) + "/jobs/" + name
}

// ExecutionError is a job that ran and did not succeed.
type ExecutionError struct {
	Execution string // its resource name
	Cause     string // what Cloud Run says about it
	Log       string // where its output is; empty when Cloud Run does not say
}

// Error implements error.
func (e *ExecutionError) Error() string {
	text := "execution " + e.Execution + ": " + e.Cause
	if e.Log != "" {
		text += "\nLogs: " + e.Log
	}
	return text
}

// Revision is the template of a revision that is made of nothing but the spec, for a job that belongs to no service.
func (s Spec) Revision() (*run.GoogleCloudRunV2RevisionTemplate, error) {
	return s.NextRevision(&run.GoogleCloudRunV2Service{})
}

// NextRevision is the template of the revision that an update makes of a service, and nil when it makes none. A
// service that is not there yet is an empty one.
func (s Spec) NextRevision(live *run.GoogleCloudRunV2Service) (*run.GoogleCloudRunV2RevisionTemplate, error) {
	next, mask, _, err := s.merge(live, nil)
	if err != nil || !slices.Contains(mask, "template") && !remade(live) {
		return nil, err
	}
	return next.Template, nil
}

// remade says that the newest revision of a service is made anew although nothing of it differs: it did not become
// ready, and what stood in its way may be gone.
func remade(live *run.GoogleCloudRunV2Service) bool {
	return !Ready(live) && (live.LatestCreatedRevision != live.LatestReadyRevision || Settled(live))
}

// Execute brings a job into line, runs it and waits for its end. A job of that name that the provider did not make is
// left alone: *TakenError. What ran and failed is an *ExecutionError. When ctx ends first, the execution is cancelled.
func (c *Client) Execute(ctx context.Context, j Job, progress Progress) error {
	const tries = 5
	var err error
	for range tries {
		var etag string
		if etag, err = c.settleJob(ctx, j, progress); err == nil {
			err = c.runJob(ctx, j.Path(), etag, progress)
		}
		// Somebody else, another apply for one, has made or changed it meanwhile.
		if kind := gcp.KindOf(err); kind != gcp.Stale && kind != gcp.Conflict {
			return err
		}
	}
	return err
}

// SettleJob brings a job into line and does not run it.
func (c *Client) SettleJob(ctx context.Context, j Job, progress Progress) error {
	const tries = 5
	var err error
	for range tries {
		_, err = c.settleJob(ctx, j, progress)
		if kind := gcp.KindOf(err); kind != gcp.Stale && kind != gcp.Conflict {
			return err
		}
	}
	return err
}

// settleJob makes the job what it is to be, and returns its etag then.
func (c *Client) settleJob(ctx context.Context, j Job, progress Progress) (etag string, err error) {
	jobs := c.api.Projects.Locations.Jobs
	live, err := c.GetJob(ctx, j.Path())
	missing := gcp.KindOf(err) == gcp.NotFound
	switch {
	case missing:
		live = &run.GoogleCloudRunV2Job{}
	case err != nil:
		return "", err
	case !j.Kind.Owns(live):
		return "", &TakenError{j.Path()}
	}
	next, words, err := j.merge(live)
	if err != nil {
		return "", err
	}
	if len(words) == 0 && !live.Reconciling && live.TerminalCondition != nil && live.TerminalCondition.State == "CONDITION_SUCCEEDED" {
		return live.Etag, nil
	}
	var operation *run.GoogleLongrunningOperation
	if missing {
		c = c.ofYoung()
		operation, err = jobs.Create(parent(j.Project, j.Location), next).JobId(j.Name).Context(ctx).Do()
	} else { // jobs have no update mask: they are replaced whole, and the etag keeps writers apart
		operation, err = jobs.Patch(j.Path(), next).Context(ctx).Do()
	}
	if err == nil {
		err = c.wait(ctx, operation, progress)
	}
	if err == nil {
		live, err = c.GetJob(ctx, j.Path())
	}
	if err != nil {
		return "", fmt.Errorf("bring job %s into line: %w", j.Path(), err)
	}
	return live.Etag, nil
}

// GetJob reads a job.
func (c *Client) GetJob(ctx context.Context, path string) (*run.GoogleCloudRunV2Job, error) {
	var live *run.GoogleCloudRunV2Job
	err := c.read(ctx, func(ctx context.Context) (err error) {
		live, err = c.api.Projects.Locations.Jobs.Get(path).Context(ctx).Do()
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read job %s: %w", path, err)
	}
	return live, nil
}

// Drift says in words what of a job is not as it should be.
func (j Job) Drift(live *run.GoogleCloudRunV2Job) ([]string, error) {
	_, words, err := j.merge(live)
	return words, err
}

// merge is the job as it is with ours written over it, and what that changes, in words. What others have put beside it stays.
func (j Job) merge(live *run.GoogleCloudRunV2Job) (next *run.GoogleCloudRunV2Job, words []string, err error) {
	next = &run.GoogleCloudRunV2Job{}
	if err := copyTo(next, live); err != nil {
		return nil, nil, err
	}
	m := merger{}
	labels := map[string]string{}
	maps.Copy(labels, next.Labels)
	maps.Copy(labels, j.Labels)
	labels[labelManager], labels[labelKind] = manager, string(j.Kind)
	set(&m, "labels", "labels", &next.Labels, labels)

	if next.Template == nil {
		next.Template = &run.GoogleCloudRunV2ExecutionTemplate{}
	}
	if next.Template.Template == nil {
		next.Template.Template = &run.GoogleCloudRunV2TaskTemplate{}
	}
	const field = "template"
	set(&m, field, "tasks", &next.Template.TaskCount, 1)
	if next.Template.Parallelism > 1 { // which one task cannot have
		set(&m, field, "parallelism", &next.Template.Parallelism, 0)
	}
	t, of := next.Template.Template, j.Revision
	set(&m, field, "service account", &t.ServiceAccount, of.ServiceAccount)
	set(&m, field, "network", &t.VpcAccess, of.VpcAccess)
	set(&m, field, "volumes", &t.Volumes, of.Volumes)
	set(&m, field, "encryption key", &t.EncryptionKey, of.EncryptionKey)
	set(&m, field, "timeout", &t.Timeout, fmt.Sprintf("%gs", j.Timeout.Seconds()))
	set(&m, field, "retries", &t.MaxRetries, 0) // what failed is for a person to look at
	t.ForceSendFields = []string{"MaxRetries"}
	if len(t.Containers) != 1 {
		m.note(field, "containers")
		t.Containers = []*run.GoogleCloudRunV2Container{{}}
	}
	is, as := t.Containers[0], container(of)
	if as == nil {
		return nil, nil, errors.New("the revision has no container")
	}
	set(&m, field, "image", &is.Image, as.Image)
	set(&m, field, "command", &is.Command, as.Command)
	set(&m, field, "arguments", &is.Args, j.Args)
	set(&m, field, "volume mounts", &is.VolumeMounts, as.VolumeMounts)
	var env []*run.GoogleCloudRunV2EnvVar
	for _, e := range as.Env {
		if j.Env == nil || j.Env(e.Name) {
			env = append(env, e)
		}
	}
	set(&m, field, "environment", &is.Env, env)
	if is.Resources == nil {
		is.Resources = &run.GoogleCloudRunV2ResourceRequirements{}
	}
	if as.Resources != nil {
		for _, name := range []string{"cpu", "memory"} {
			if limit := as.Resources.Limits[name]; wholeCPU(is.Resources.Limits[name]) != wholeCPU(limit) {
				set(&m, field, name, &is.Resources.Limits, limits(is.Resources.Limits, name, limit))
			}
		}
	}
	return next, m.words, nil
}

// runJob runs the job as it was when it had this etag, and waits for the execution's end.
func (c *Client) runJob(ctx context.Context, path, etag string, progress Progress) error {
	operation, err := c.api.Projects.Locations.Jobs.Run(path, &run.GoogleCloudRunV2RunJobRequest{Etag: etag}).Context(ctx).Do()
	if err != nil {
		return fmt.Errorf("run job %s: %w", path, err)
	}
	var e *run.GoogleCloudRunV2Execution
	if err := json.Unmarshal(operation.Metadata, &e); err != nil || e == nil || e.Name == "" {
		return fmt.Errorf("run job %s: the operation %s does not say which execution it is about", path, operation.Name)
	}
	name := e.Name
	started := time.Now()
	err = gcp.Poll(ctx, c.Every, func(ctx context.Context) (bool, error) {
		err := gcp.Retry(ctx, 2*time.Minute, func(ctx context.Context) (err error) {
			e, err = c.api.Projects.Locations.Jobs.Executions.Get(name).Context(ctx).Do()
			return err
		}, gcp.NotFound, gcp.Throttled, gcp.Transient, gcp.Unavailable)
		if err != nil {
			return false, fmt.Errorf("read execution %s: %w", name, err)
		}
		if progress != nil {
			progress("execution "+name, time.Since(started))
		}
		return e.CompletionTime != "", nil
	})
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("execution %s was not over when the waiting ended%s: %w", name, c.cancelExecution(ctx, name), context.Cause(ctx))
	case err != nil:
		return err
	case e.SucceededCount == e.TaskCount && e.TaskCount > 0:
		return nil
	}
	return &ExecutionError{Execution: name, Cause: c.causeOf(ctx, e), Log: e.LogUri}
}

// cancelExecution ends what nobody waits for any more, and says whether it does.
func (c *Client) cancelExecution(ctx context.Context, name string) string {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
	defer cancel()
	_, err := c.api.Projects.Locations.Jobs.Executions.Cancel(name, &run.GoogleCloudRunV2CancelExecutionRequest{}).Context(ctx).Do()
	if err != nil {
		return fmt.Sprintf(", and could not be cancelled (%v)", err)
	}
	return ", and was cancelled"
}

// causeOf is why an execution failed, as Cloud Run tells it.
func (c *Client) causeOf(ctx context.Context, e *run.GoogleCloudRunV2Execution) string {
	cause := "it did not succeed"
	for _, condition := range e.Conditions {
		if condition.Type != "Completed" || condition.Message == "" {
			continue
		}
		cause = strings.TrimSpace(condition.Message)
		for _, reason := range []string{condition.Reason, condition.ExecutionReason} {
			if reason != "" && !strings.HasSuffix(reason, "UNDEFINED") {
				cause += " (" + reason + ")"
			}
		}
	}
	tasks, err := c.api.Projects.Locations.Jobs.Executions.Tasks.List(e.Name).Context(ctx).Do()
	if err != nil {
		return cause // it is told all the same
	}
	for _, t := range tasks.Tasks {
		if last := t.LastAttemptResult; last != nil {
			switch {
			case last.ExitCode != 0 && !strings.Contains(cause, fmt.Sprintf("exit code %d", last.ExitCode)):
				cause += fmt.Sprintf(" Exit code %d.", last.ExitCode)
			case last.TermSignal != 0 && !strings.Contains(cause, "signal"):
				cause += fmt.Sprintf(" Ended by signal %d.", last.TermSignal)
			}
		}
	}
	return cause
}

// DeleteJob deletes a job of a kind, and whatever of it runs. One that is gone already, or is somebody else's, is fine.
func (c *Client) DeleteJob(ctx context.Context, path string, kind JobKind) error {
	live, err := c.GetJob(ctx, path)
	if gcp.KindOf(err) == gcp.NotFound || err == nil && !kind.Owns(live) {
		return nil
	}
	if err != nil {
		return err
	}
	operation, err := c.api.Projects.Locations.Jobs.Delete(path).Context(ctx).Do()
	if gcp.KindOf(err) == gcp.NotFound {
		return nil
	}
	if err == nil {
		err = c.wait(ctx, operation, nil)
	}
	if err != nil {
		return fmt.Errorf("delete job %s: %w", path, err)
	}
	return nil
}

// Owns says that the provider made the job, and for this.
func (k JobKind) Owns(live *run.GoogleCloudRunV2Job) bool {
	return live.Labels[labelManager] == manager && live.Labels[labelKind] == string(k)
}

// ObserveJob is what a job runs as, in the terms of a Spec, and what it runs.
func ObserveJob(project, location, name string, live *run.GoogleCloudRunV2Job) (s Spec, args []string, timeout time.Duration) {
	service := &run.GoogleCloudRunV2Service{Labels: live.Labels}
	if live.Template != nil && live.Template.Template != nil {
		t := live.Template.Template
		service.Template = &run.GoogleCloudRunV2RevisionTemplate{ServiceAccount: t.ServiceAccount, VpcAccess: t.VpcAccess, Containers: t.Containers}
		timeout, _ = time.ParseDuration(t.Timeout) // what is no duration is none
		if c := container(service.Template); c != nil {
			args = c.Args
		}
	}
	return Observe(project, location, name, service), args, timeout
}
