package cloudrun

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"
)

// lingering gives a job an execution that is over when the returned function is called.
func (r *jobRig) lingering(t *testing.T, j *runpb.Job) (e *execution, end func()) {
	t.Helper()
	r.face.mu.Lock()
	defer r.face.mu.Unlock()
	on := r.face.jobs[j.GetName()]
	template, _ := lookup(on.Spec, "template.template")
	e = &execution{
		ID: on.ID + "-xxxxx", Created: time.Now(), Template: template.(tree), Digest: on.Digest,
		Done: condition{State: reconciling}, job: on, over: make(chan struct{}),
	}
	on.Executions[e.ID] = e
	if err := errors.Join(r.face.saveJob(on), os.WriteFile(r.face.executionLog(e), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	end = sync.OnceFunc(func() { close(e.over) })
	t.Cleanup(end)
	return e, end
}

// A job's name is free again when nothing is left of the job: the old one's folder goes with all that is in it.
func TestJob_deletedOneKeepsItsName(t *testing.T) {
	t.Parallel()
	r := newJobRig(t)
	j := r.createJob(t, "again", r.job())
	_, end := r.lingering(t, j)
	deleted, err := r.jobs.DeleteJob(t.Context(), &runpb.DeleteJobRequest{Name: j.GetName()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.jobs.GetJob(t.Context(), &runpb.GetJobRequest{Name: j.GetName()}); err == nil || len(r.face.Report()) != 0 {
		t.Errorf("it is still there: %v", r.face.Report())
	}
	if _, err := r.jobs.CreateJob(t.Context(), &runpb.CreateJobRequest{Parent: parent, JobId: "again", Job: r.job()}); err == nil || !strings.Contains(err.Error(), "is being deleted") {
		t.Errorf("made beside what is left of the old one: %v", err)
	}
	end()
	if _, err := deleted.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.createJob(t, "again", r.job())
}

// An execution that was being deleted when the local cloud ended is gone, and does not run again.
func TestJob_deletedExecutionStaysDeleted(t *testing.T) {
	t.Parallel()
	r := newJobRig(t)
	j := r.createJob(t, "once", r.job())
	e, end := r.lingering(t, j)
	if _, err := r.executions.DeleteExecution(t.Context(), &runpb.DeleteExecutionRequest{Name: e.name()}); err != nil {
		t.Fatal(err)
	}
	end()
	if err := r.face.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.start(t)
	r.connect(t)
	if got, err := r.executions.GetExecution(t.Context(), &runpb.GetExecutionRequest{Name: e.name()}); err == nil {
		t.Errorf("it is there: %v", got)
	}
	if _, err := os.Stat(r.face.executionLog(e)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("its log: %v", err)
	}
	if body, err := os.ReadFile(filepath.Join(r.face.jobHome(e.job), "job.json")); err != nil || strings.Contains(string(body), e.ID) {
		t.Errorf("it is in the state: %v", err)
	}
}
