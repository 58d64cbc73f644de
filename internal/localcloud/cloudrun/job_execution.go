package cloudrun

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/cloudrun/runner"
)

// execution is one run of a job: its own copy of the template, and its tasks. Exported fields are its state on
// disk. All are guarded by Face.mu.
type execution struct {
	ID                  string
	UID, Etag, Creator  string
	Created, Updated    time.Time
	Started, Ended      time.Time
	Template            tree   // of its tasks
	Digest              string // what the image meant when the job was deployed
	Parallelism         int32  // 0: as many as there are
	Labels, Annotations map[string]string
	Tasks               []*task
	Stopping            string    // CANCELLED or DELETED, once it is to end early
	Done                condition // "Completed"

	job    *job
	cancel context.CancelFunc
	over   chan struct{} // closed when nothing of it runs any more
}

func (e *execution) name() string { return e.job.name() + "/executions/" + e.ID }

// executionLog takes what all of an execution's tasks write.
func (f *Face) executionLog(e *execution) string {
	return filepath.Join(f.jobHome(e.job), e.ID+".log")
}

// stop has an execution end early.
func (e *execution) stop(why string) {
	if !e.Ended.IsZero() {
		return
	}
	e.Stopping, e.Updated = why, time.Now()
	if e.cancel != nil {
		e.cancel()
	}
}

// interrupted takes note that the local cloud ended in the middle of attempts. They count as failed, as those on a
// machine of Cloud Run's that went down: a task that may be retried is, and one that may run only once is not run twice.
func (e *execution) interrupted() {
	for _, t := range e.Tasks {
		if t.State == taskRunning {
			t.record(attempt{Code: codeUnknown, Message: "The local cloud ended while the task ran."}, e.retries())
		}
	}
}

func (e *execution) count(is func(*task) bool) (n int64) {
	for _, t := range e.Tasks {
		if is(t) {
			n++
		}
	}
	return n
}

func (e *execution) in(state string) int64 {
	return e.count(func(t *task) bool { return t.State == state })
}

// status is how an execution stands, as its job tells it.
func (e *execution) status() string {
	switch {
	case e.Ended.IsZero() && e.Started.IsZero():
		return "EXECUTION_PENDING"
	case e.Ended.IsZero():
		return "EXECUTION_RUNNING"
	case e.Done.State == succeeded:
		return "EXECUTION_SUCCEEDED"
	case e.Stopping != "":
		return "EXECUTION_CANCELLED"
	}
	return "EXECUTION_FAILED"
}

// conclude ends an execution whose tasks run no more. err is why none could be started.
func (e *execution) conclude(err error) {
	now := time.Now()
	for _, t := range e.Tasks {
		switch {
		case t.ended():
		case e.Stopping != "":
			t.State, t.Ended = taskCancelled, now
			t.Last = &attempt{Code: codeCancelled, Message: "The task was cancelled."}
		case err != nil:
			t.State, t.Ended = taskFailed, now
			t.Last = &attempt{Code: codeFailedPrecondition, Message: err.Error(), Reason: runner.ReasonImage}
		}
	}
	e.Ended, e.Updated = now, now
	if e.in(taskSucceeded) == int64(len(e.Tasks)) {
		e.Done = e.Done.turned(succeeded, "", "Execution completed successfully in "+seconds(now.Sub(e.Created))+".")
		return
	}
	for _, t := range e.Tasks {
		if t.State == taskFailed {
			reason := t.Last.Reason
			if reason == "" {
				reason = "NON_ZERO_EXIT_CODE"
			}
			e.Done = e.Done.turned(failed, reason, fmt.Sprintf("Task %s failed with message: %s", t.id(e), t.Last.Message))
			break
		}
	}
	switch e.Stopping {
	case "CANCELLED":
		e.Done = e.Done.turned(failed, e.Stopping, "Execution "+e.ID+" was cancelled.")
	case "DELETED":
		e.Done = e.Done.turned(failed, e.Stopping, "Execution "+e.ID+" was deleted.")
	}
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2fs", d.Seconds()) }

// renderExecution is the Execution as the API shows it. f.mu is held.
func (f *Face) renderExecution(e *execution) tree {
	out := tree{
		"name": e.name(), "uid": e.UID, "etag": e.Etag, "creator": e.Creator, "job": e.job.ID,
		"generation": "1", "observedGeneration": "1", "launchStage": e.job.Spec["launchStage"],
		"createTime": stamp(e.Created), "updateTime": stamp(e.Updated),
		"taskCount": number(int64(len(e.Tasks))), "template": clone(e.Template),
		"logUri": "file://" + f.executionLog(e), "conditions": e.conditions(),
	}
	for key, values := range map[string]map[string]string{"labels": e.Labels, "annotations": e.Annotations} {
		if len(values) > 0 {
			shown := tree{}
			for k, v := range values {
				shown[k] = v
			}
			out[key] = shown
		}
	}
	for key, n := range map[string]int64{
		"parallelism":    int64(e.Parallelism),
		"runningCount":   e.in(taskRunning),
		"succeededCount": e.in(taskSucceeded),
		"failedCount":    e.in(taskFailed),
		"cancelledCount": e.in(taskCancelled),
		"retriedCount":   e.count(func(t *task) bool { return t.Retried > 0 }),
	} {
		if n > 0 {
			out[key] = number(n)
		}
	}
	if !e.Started.IsZero() {
		out["startTime"] = stamp(e.Started)
	}
	if e.Ended.IsZero() {
		out["reconciling"] = true
	} else {
		out["completionTime"] = stamp(e.Ended)
	}
	return out
}

// conditions are an execution's, from the last to the first that comes true.
func (e *execution) conditions() []any {
	done := e.Done
	if e.Ended.IsZero() && e.Stopping != "" {
		done.Reason, done.Message = "CANCELLING", "Execution "+e.ID+" is being cancelled."
	}
	started := condition{State: reconciling, At: e.Created}
	ready, available := started, started
	switch {
	case !e.Started.IsZero():
		started = condition{State: succeeded, At: e.Started, Message: "Started deployed execution in " + seconds(e.Started.Sub(e.Created)) + "."}
		ready = condition{State: succeeded, At: e.Started, Message: "Imported container image."}
		available = condition{State: succeeded, At: e.Started, Message: "Provisioned imported containers."}
	case e.Done.Reason == runner.ReasonImage:
		ready, started, available = e.Done, e.Done, e.Done
	case !e.Ended.IsZero():
		ready.State, started.State, available.State = pending, pending, pending
	}
	return []any{done.render("Completed"), available.render("ResourcesAvailable"), started.render("Started"), ready.render("ContainerReady")}
}
