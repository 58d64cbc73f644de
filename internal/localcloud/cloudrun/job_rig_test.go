package cloudrun

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	run "cloud.google.com/go/run/apiv2"
	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/api/iterator"
	"google.golang.org/api/option"
	"google.golang.org/protobuf/types/known/durationpb"
)

// jobRig has Google's own clients of jobs before a face.
type jobRig struct {
	*rig
	jobs       *run.JobsClient
	executions *run.ExecutionsClient
	tasks      *run.TasksClient
}

func newJobRig(t *testing.T) *jobRig {
	t.Helper()
	r := &jobRig{rig: newRig(t)}
	r.connect(t)
	return r
}

func (r *jobRig) connect(t *testing.T) {
	t.Helper()
	var err error
	if r.jobs, err = run.NewJobsRESTClient(t.Context(), option.WithEndpoint(r.url), option.WithoutAuthentication()); err != nil {
		t.Fatal(err)
	}
	if r.executions, err = run.NewExecutionsRESTClient(t.Context(), option.WithEndpoint(r.url), option.WithoutAuthentication()); err != nil {
		t.Fatal(err)
	}
	if r.tasks, err = run.NewTasksRESTClient(t.Context(), option.WithEndpoint(r.url), option.WithoutAuthentication()); err != nil {
		t.Fatal(err)
	}
}

// job is a job of the test program with variables, as "NAME=value".
func (r *jobRig) job(env ...string) *runpb.Job {
	return &runpb.Job{Template: &runpb.ExecutionTemplate{Template: &runpb.TaskTemplate{Containers: r.service(env...).GetTemplate().GetContainers()}}}
}

func retries(j *runpb.Job, n int32) *runpb.Job {
	j.GetTemplate().GetTemplate().Retries = &runpb.TaskTemplate_MaxRetries{MaxRetries: n}
	return j
}

func within(j *runpb.Job, d time.Duration) *runpb.Job {
	j.GetTemplate().GetTemplate().Timeout = durationpb.New(d)
	return j
}

func (r *jobRig) createJob(t *testing.T, id string, j *runpb.Job) *runpb.Job {
	t.Helper()
	op, err := r.jobs.CreateJob(t.Context(), &runpb.CreateJobRequest{Parent: parent, JobId: id, Job: j})
	if err != nil {
		t.Fatal(err)
	}
	out, err := op.Wait(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// begin runs a job and returns the operation, with the execution that it is about.
func (r *jobRig) begin(t *testing.T, id string, o *runpb.RunJobRequest_Overrides) (*run.RunJobOperation, *runpb.Execution) {
	t.Helper()
	op, err := r.jobs.RunJob(t.Context(), &runpb.RunJobRequest{Name: parent + "/jobs/" + id, Overrides: o})
	if err != nil {
		t.Fatal(err)
	}
	e, err := op.Metadata()
	if err != nil {
		t.Fatal(err)
	}
	return op, e
}

// finish waits for a run's end, and returns the execution as it then is, with how the operation ended.
func (r *jobRig) finish(t *testing.T, op *run.RunJobOperation, e *runpb.Execution) (*runpb.Execution, error) {
	t.Helper()
	_, failure := op.Wait(t.Context())
	return r.execution(t, e.GetName()), failure
}

func (r *jobRig) execution(t *testing.T, name string) *runpb.Execution {
	t.Helper()
	e, err := r.executions.GetExecution(t.Context(), &runpb.GetExecutionRequest{Name: name})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func (r *jobRig) allTasks(t *testing.T, e *runpb.Execution) []*runpb.Task {
	t.Helper()
	var all []*runpb.Task
	for it := r.tasks.ListTasks(t.Context(), &runpb.ListTasksRequest{Parent: e.GetName()}); ; {
		task, err := it.Next()
		if err == iterator.Done {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, task)
	}
}

// told is what the attempts of an execution's tasks have written about themselves.
func told(t *testing.T, e *runpb.Execution) (all []answer) {
	t.Helper()
	body, err := os.ReadFile(strings.TrimPrefix(e.GetLogUri(), "file://"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(body)) {
		var a answer
		if !strings.HasSuffix(line, "\n") {
			break // it is being written
		}
		if err := json.Unmarshal([]byte(line), &a); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if a.PID != 0 {
			all = append(all, a)
		}
	}
	return all
}

func conditionOf(all []*runpb.Condition, kind string) *runpb.Condition {
	for _, c := range all {
		if c.GetType() == kind {
			return c
		}
	}
	return nil
}

func completed(e *runpb.Execution) *runpb.Condition {
	return conditionOf(e.GetConditions(), "Completed")
}
