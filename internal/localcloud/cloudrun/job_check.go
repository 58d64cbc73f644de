package cloudrun

import (
	"fmt"
	"slices"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/gapi"
)

// What Cloud Run holds tasks to.
const (
	mostTasks   = 10000
	mostRetries = 10
	longestTask = 168 * time.Hour
)

// jobEnv are the variables that every task is given.
var jobEnv = []string{"CLOUD_RUN_JOB", "CLOUD_RUN_EXECUTION", "CLOUD_RUN_TASK_INDEX", "CLOUD_RUN_TASK_ATTEMPT", "CLOUD_RUN_TASK_COUNT"}

// fillJob sets what Cloud Run sets when a job does not say.
func fillJob(spec tree, project string) {
	ensure(spec, "launchStage", "GA")
	t, ok := spec["template"].(tree)
	if !ok {
		return
	}
	ensure(t, "taskCount", number(1))
	task, ok := t["template"].(tree)
	if !ok {
		return
	}
	ensure(task, "maxRetries", number(3))
	ensure(task, "timeout", "600s")
	ensure(task, "serviceAccount", gapi.ProjectNumber(project)+"-compute@developer.gserviceaccount.com")
	ensure(task, "executionEnvironment", "EXECUTION_ENVIRONMENT_GEN2")
	containers, _ := task["containers"].([]any)
	for _, c := range containers {
		ensure(c.(tree), "resources.limits", tree{"cpu": "1000m", "memory": "512Mi"})
	}
}

// checkJob refuses what Cloud Run refuses, before anything is stored.
func checkJob(id string, spec tree) error {
	if !revisionName.MatchString(id) { // jobs' names are as long as revisions'
		return gapi.Invalid("job_id %q: up to 63 lower-case letters, digits and hyphens, starting with a letter", id)
	}
	j := view(spec, &runpb.Job{})
	if err := checkMetadata("labels", j.GetLabels(), j.GetAnnotations()); err != nil {
		return err
	}
	t := j.GetTemplate()
	if t == nil {
		return gapi.Invalid("job.template: the field is required")
	}
	if t.GetTemplate() == nil {
		return gapi.Invalid("job.template.template: the field is required")
	}
	if err := checkMetadata("template.labels", t.GetLabels(), t.GetAnnotations()); err != nil {
		return err
	}
	if j.GetCreateExecution() != nil {
		return unimplemented("job: the local cloud executes a job only when :run is called, not by token")
	}
	if delayed, _ := lookup(spec, "template.delayExecution"); delayed == true {
		return unimplemented("template.delay_execution: the local cloud delays nothing")
	}
	if err := checkTasks(t.GetTaskCount(), t.GetTemplate().GetTimeout().AsDuration()); err != nil {
		return err
	}
	if n := t.GetParallelism(); n < 0 || n > t.GetTaskCount() {
		return gapi.Invalid("template.parallelism: %d is not within 0 and the task_count, %d", n, t.GetTaskCount())
	}
	return checkTask(t.GetTemplate())
}

func checkTasks(count int32, timeout time.Duration) error {
	if count < 1 || count > mostTasks {
		return gapi.Invalid("task_count: %d is not within 1 and %d", count, mostTasks)
	}
	if timeout < time.Second || timeout > longestTask {
		return gapi.Invalid("timeout: %s is not within 1s and %gh", timeout, longestTask.Hours())
	}
	return nil
}

func checkTask(t *runpb.TaskTemplate) error {
	if n := t.GetMaxRetries(); n < 0 || n > mostRetries {
		return gapi.Invalid("template.template.max_retries: %d is not within 0 and %d", n, mostRetries)
	}
	switch len(t.GetContainers()) {
	case 0:
		return gapi.Invalid("template.template.containers: at least one container is required")
	case 1:
	default:
		return unimplemented("template.template.containers: the local cloud runs one container per task, no sidecars")
	}
	c := t.GetContainers()[0]
	if err := reserved(c.GetEnv()); err != nil {
		return err
	}
	if err := checkContainer(c); err != nil {
		return gapi.Invalid("template.template.containers[0].%v", err)
	}
	if err := checkVPC(t.GetVpcAccess()); err != nil {
		return gapi.Invalid("template.template.%v", err)
	}
	for _, v := range t.GetVolumes() {
		if v.GetEmptyDir() == nil && v.GetCloudSqlInstance() == nil {
			return unimplemented("template.template.volumes: the local cloud mounts no volume (%q)", v.GetName())
		}
	}
	return nil
}

func reserved(env []*runpb.EnvVar) error {
	for _, e := range env {
		if slices.Contains(jobEnv, e.GetName()) {
			return gapi.Invalid("env: the following reserved env names were provided: %s. These values are automatically set by the system", e.GetName())
		}
	}
	return nil
}

// override is the job's template as one execution is to have it.
func (j *job) override(o *runpb.RunJobRequest_Overrides) (*runpb.ExecutionTemplate, error) {
	t := j.template()
	if o == nil {
		return t, nil
	}
	if o.GetTaskCount() != 0 {
		t.TaskCount = o.GetTaskCount()
		t.Parallelism = min(t.GetParallelism(), t.GetTaskCount())
	}
	if o.GetTimeout() != nil {
		t.Template.Timeout = o.GetTimeout()
	}
	if err := checkTasks(t.GetTaskCount(), t.GetTemplate().GetTimeout().AsDuration()); err != nil {
		return nil, gapi.Invalid("overrides.%s", err.(*gapi.Error).Message) //nolint:errorlint,forcetypeassert // it makes no other
	}
	c := t.GetTemplate().GetContainers()[0]
	for i, over := range o.GetContainerOverrides() {
		if over.GetName() != "" && over.GetName() != c.GetName() || i > 0 {
			return nil, gapi.Invalid("overrides.container_overrides[%d].name: the job has no container %q", i, over.GetName())
		}
		if len(over.GetArgs()) > 0 && over.GetClearArgs() {
			return nil, gapi.Invalid("overrides.container_overrides[%d]: args and clear_args exclude each other", i)
		}
		if len(over.GetArgs()) > 0 || over.GetClearArgs() {
			c.Args = over.GetArgs()
		}
		for _, e := range over.GetEnv() {
			c.Env = append(slices.DeleteFunc(c.GetEnv(), func(x *runpb.EnvVar) bool { return x.GetName() == e.GetName() }), e)
		}
	}
	if err := reserved(c.GetEnv()); err != nil {
		return nil, err
	}
	if err := checkContainer(c); err != nil {
		return nil, gapi.Invalid("overrides.container_overrides: %s", fmt.Sprint(err))
	}
	return t, nil
}
