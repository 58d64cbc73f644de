package cloudrun

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"
	"github.com/google/uuid"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/cloudrun/runner"
	"github.com/feel-august/terraform-provider-august/internal/localcloud/gapi"
)

// keptExecutions bounds the finished executions of one job that are remembered, as Cloud Run does.
const keptExecutions = 1000

// makeJob stores a new job. f.mu is held.
func (f *Face) makeJob(project, loc, id string, spec tree, who string, dry bool) (any, error) {
	j := &job{Project: project, Location: loc, ID: id, Executions: map[string]*execution{}}
	if old := f.jobs[j.name()]; old != nil && old.gone {
		return nil, gapi.Exists("Resource '%s' is being deleted: wait for the operation that does it.", id)
	} else if old != nil {
		return nil, gapi.Exists("Resource '%s' already exists.", id)
	}
	fillJob(spec, project)
	if err := checkJob(id, spec); err != nil {
		return nil, err
	}
	now := time.Now()
	j.Spec, j.UID, j.Creator, j.Created, j.Generation = spec, uuid.NewString(), who, now, 1
	j.touch(who)
	op := newOperation(project, loc)
	f.track(op)
	if dry {
		op.finish(typed("Job", j.render()))
		return op.render(), nil
	}
	j.Reconciling, j.Ready = true, j.Ready.turned(reconciling, "", "")
	if err := f.saveJob(j); err != nil {
		return nil, err
	}
	f.jobs[j.name()] = j
	op.metadata = typed("Job", j.render())
	f.look(j, op)
	return op.render(), nil
}

// changeJob replaces what a job declares. Executions under way are not touched by it. f.mu is held.
func (f *Face) changeJob(j *job, spec tree, who string, dry bool) (any, error) {
	fillJob(spec, j.Project)
	if err := checkJob(j.ID, spec); err != nil {
		return nil, err
	}
	op := newOperation(j.Project, j.Location)
	f.track(op)
	if dry {
		would := *j
		would.Spec = spec
		op.finish(typed("Job", would.render()))
		return op.render(), nil
	}
	if same(spec, j.Spec) && !j.Reconciling && j.Ready.State == succeeded {
		op.finish(typed("Job", j.render()))
		return op.render(), nil
	}
	if was, _ := lookup(j.Spec, "template"); !same(was, spec["template"]) {
		j.Digest = "" // a tag is resolved anew with each deployment
	}
	j.Spec = spec
	j.Generation++
	j.touch(who)
	j.Reconciling, j.Ready = true, j.Ready.turned(reconciling, "", "")
	if err := f.saveJob(j); err != nil {
		return nil, err
	}
	op.metadata = typed("Job", j.render())
	f.look(j, op)
	return op.render(), nil
}

// look brings the image of a job's template, which is all that makes a job ready. f.mu is held.
func (f *Face) look(j *job, op *operation) {
	if j.cancel != nil {
		j.cancel()
	}
	ctx, cancel := context.WithCancel(f.ctx)
	j.cancel = cancel
	image, digest := j.template().GetTemplate().GetContainers()[0].GetImage(), j.Digest
	f.background.Go(func() {
		defer cancel()
		_, err := f.fetch(ctx, &digest, image)
		f.mu.Lock()
		defer f.mu.Unlock()
		if ctx.Err() != nil {
			op.fail(codeAborted, "the change was superseded by a later one before it was complete")
			return
		}
		j.Digest, j.Observed, j.Reconciling = digest, j.Generation, false
		if err != nil {
			j.Ready = j.Ready.turned(failed, runner.ReasonImage, err.Error())
			op.fail(codeFailedPrecondition, err.Error())
		} else {
			j.Ready = j.Ready.turned(succeeded, "", "")
			op.finish(typed("Job", j.render()))
		}
		f.keepJob(j)
	})
}

// removeJob deletes a job and its executions. Its operation ends when nothing of it runs any more. f.mu is held.
func (f *Face) removeJob(j *job, dry bool) any {
	op := newOperation(j.Project, j.Location)
	f.track(op)
	gone := typed("Job", j.render())
	gone["deleteTime"] = stamp(time.Now())
	op.metadata = gone
	if dry {
		op.finish(typed("Job", j.render()))
		return op.render()
	}
	j.gone = true // nobody finds it any more; its name stays taken for as long as its folder is there
	if j.cancel != nil {
		j.cancel()
	}
	var over []<-chan struct{}
	for _, e := range j.Executions {
		e.stop("DELETED")
		over = append(over, e.over)
	}
	_ = os.Remove(filepath.Join(f.jobHome(j), "job.json")) // a crash from here on must not bring it back
	f.background.Go(func() {
		for _, one := range over {
			<-one
		}
		err := os.RemoveAll(f.jobHome(j))
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.jobs, j.name())
		if err != nil {
			op.fail(13, fmt.Sprintf("the job is deleted, its folder is not: %v", err))
			return
		}
		op.finish(clone(gone))
	})
	return op.render()
}

// makeExecution begins an execution of the job. Its operation ends with it. f.mu is held.
func (f *Face) makeExecution(j *job, t *runpb.ExecutionTemplate, who string, dry bool) (any, error) {
	template, err := canonical(t.GetTemplate())
	if err != nil {
		return nil, err
	}
	for _, field := range []string{"sandboxes", "workloadIdentityConfig"} { // which only REST knows
		if v, ok := lookup(j.Spec, "template.template."+field); ok {
			template[field] = cloneValue(v)
		}
	}
	now := time.Now()
	e := &execution{
		job: j, over: make(chan struct{}),
		UID: uuid.NewString(), Etag: newEtag(), Creator: who, Created: now, Updated: now,
		Template: template, Digest: j.Digest, Parallelism: t.GetParallelism(),
		Labels: t.GetLabels(), Annotations: t.GetAnnotations(),
	}
	for e.ID == "" || j.Executions[e.ID] != nil {
		e.ID = j.ID[:min(len(j.ID), 57)] + "-" + letters(5)
	}
	for i := range t.GetTaskCount() {
		e.Tasks = append(e.Tasks, &task{Index: i, UID: uuid.NewString(), Etag: newEtag(), State: taskPending})
	}
	e.Done = e.Done.turned(reconciling, "", "")
	op := newOperation(j.Project, j.Location)
	f.track(op)
	if dry {
		op.finish(typed("Execution", f.renderExecution(e)))
		return op.render(), nil
	}
	j.Executions[e.ID] = e
	j.Latest = e.ID
	j.Count++
	f.forget(j)
	if err := f.saveJob(j); err != nil {
		delete(j.Executions, e.ID) // it never began, and would never end
		return nil, err
	}
	op.look = func() tree { return typed("Execution", f.renderExecution(e)) }
	f.start(e, op)
	return op.render(), nil
}

// forget drops the oldest finished executions beyond those that are kept. f.mu is held.
func (f *Face) forget(j *job) {
	all := j.newestFirst()
	for i := len(all) - 1; i >= keptExecutions; i-- {
		if e := all[i]; !e.Ended.IsZero() {
			f.discard(e)
		}
	}
}

// discard forgets an execution and what it has written. f.mu is held.
func (f *Face) discard(e *execution) {
	delete(e.job.Executions, e.ID)
	_ = os.Remove(f.executionLog(e)) // absent when nothing of it ran
}

// cancelExecution ends an execution's tasks. f.mu is held.
func (f *Face) cancelExecution(e *execution, dry bool) (any, error) {
	if !e.Ended.IsZero() {
		return nil, gapi.Precondition("Execution '%s' cannot be cancelled: it has completed.", e.ID)
	}
	op := newOperation(e.job.Project, e.job.Location)
	f.track(op)
	op.look = func() tree { return typed("Execution", f.renderExecution(e)) }
	if dry {
		op.finish(typed("Execution", f.renderExecution(e)))
		return op.render(), nil
	}
	e.stop("CANCELLED")
	f.keepJob(e.job)
	f.after(e, func() { op.finish(typed("Execution", f.renderExecution(e))) })
	return op.render(), nil
}

// removeExecution deletes an execution, which ends it first when it is under way. f.mu is held.
func (f *Face) removeExecution(e *execution, dry bool) any {
	op := newOperation(e.job.Project, e.job.Location)
	f.track(op)
	op.metadata = typed("Execution", f.renderExecution(e))
	if dry {
		op.finish(typed("Execution", f.renderExecution(e)))
		return op.render()
	}
	e.stop("DELETED")
	f.keepJob(e.job) // a crash from here on must not run it again
	f.after(e, func() {
		f.discard(e)
		f.keepJob(e.job)
		gone := typed("Execution", f.renderExecution(e))
		gone["deleteTime"] = stamp(time.Now())
		op.finish(gone)
	})
	return op.render()
}

// after does something, under f.mu, when an execution is over.
func (f *Face) after(e *execution, do func()) {
	f.background.Go(func() {
		<-e.over
		f.mu.Lock()
		defer f.mu.Unlock()
		if !e.Ended.IsZero() { // else it goes on with the next start
			do()
		}
	})
}
