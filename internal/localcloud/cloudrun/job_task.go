package cloudrun

import (
	"fmt"
	"strconv"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"
)

// What becomes of a task.
const (
	taskPending   = "PENDING"
	taskRunning   = "RUNNING"
	taskSucceeded = "SUCCEEDED"
	taskFailed    = "FAILED"
	taskCancelled = "CANCELLED"
)

// task is one of an execution's tasks. Exported fields are its state on disk. All are guarded by Face.mu.
type task struct {
	Index                     int32
	UID, Etag                 string
	State                     string
	Scheduled, Started, Ended time.Time
	Retried                   int32
	Last                      *attempt
}

// attempt is how one attempt of a task ended.
type attempt struct {
	Code    int // of google.rpc.Status; 0 is success
	Message string
	Reason  string // why the execution has failed when it is for this; "" for the usual one
	Exit    *int   // the process's, when it ended by itself
	Signal  int
}

func (t *task) id(e *execution) string   { return fmt.Sprintf("%s-task%d", e.ID, t.Index) }
func (t *task) name(e *execution) string { return e.name() + "/tasks/" + t.id(e) }

func (t *task) ended() bool { return t.State != taskPending && t.State != taskRunning }

// record takes the outcome of an attempt, and tells whether it was the last one.
func (t *task) record(a attempt, retries int32) (last bool) {
	t.Last = &a
	switch {
	case a.Code == 0:
		t.State = taskSucceeded
	case t.Retried < retries:
		t.Retried++
		t.State = taskPending
		return false
	default:
		t.State = taskFailed
	}
	t.Ended = time.Now()
	return true
}

// renderTask is the Task as the API shows it. f.mu is held.
func (f *Face) renderTask(e *execution, t *task) tree {
	out := clone(e.Template)
	out["name"] = t.name(e)
	out["uid"] = t.UID
	out["etag"] = t.Etag
	out["job"] = e.job.ID
	out["execution"] = e.ID
	out["generation"] = "1"
	out["observedGeneration"] = "1"
	out["createTime"] = stamp(e.Created)
	out["logUri"] = "file://" + f.executionLog(e)
	for key, at := range map[string]time.Time{"scheduledTime": t.Scheduled, "startTime": t.Started, "completionTime": t.Ended} {
		if !at.IsZero() {
			out[key] = stamp(at)
		}
	}
	out["updateTime"] = stamp(latestOf(e.Created, t.Scheduled, t.Started, t.Ended))
	if t.Index > 0 {
		out["index"] = number(int64(t.Index))
	}
	if t.Retried > 0 {
		out["retried"] = number(int64(t.Retried))
	}
	if t.Last != nil {
		out["lastAttemptResult"] = t.Last.render()
	}
	done := condition{State: reconciling, At: e.Created}
	switch t.State {
	case taskSucceeded:
		done = condition{State: succeeded, At: t.Ended, Message: "Task completed successfully."}
	case taskFailed:
		done = condition{State: failed, At: t.Ended, Reason: "NON_ZERO_EXIT_CODE", Message: t.Last.Message}
		if t.Last.Reason != "" {
			done.Reason = t.Last.Reason
		}
	case taskCancelled:
		done = condition{State: failed, At: t.Ended, Reason: "CANCELLED", Message: t.Last.Message}
	}
	if !t.ended() {
		out["reconciling"] = true
	}
	started := condition{State: reconciling, At: e.Created}
	if !t.Started.IsZero() {
		started = condition{State: succeeded, At: t.Started}
	}
	out["conditions"] = []any{done.render("Completed"), started.render("Started")}
	return out
}

func (a attempt) render() tree {
	status := tree{}
	if a.Code != 0 {
		status["code"], status["message"] = number(int64(a.Code)), a.Message
	}
	out := tree{"status": status}
	switch {
	case a.Signal != 0:
		out["termSignal"] = number(int64(a.Signal))
	case a.Exit != nil && *a.Exit != 0:
		out["exitCode"] = number(int64(*a.Exit))
	}
	return out
}

func latestOf(first time.Time, more ...time.Time) time.Time {
	for _, t := range more {
		if t.After(first) {
			first = t
		}
	}
	return first
}

// environOf is what Cloud Run tells a task about itself.
func (t *task) environOf(e *execution, number int32) []string {
	return []string{
		"CLOUD_RUN_JOB=" + e.job.ID,
		"CLOUD_RUN_EXECUTION=" + e.ID,
		"CLOUD_RUN_TASK_INDEX=" + strconv.Itoa(int(t.Index)),
		"CLOUD_RUN_TASK_ATTEMPT=" + strconv.Itoa(int(number)),
		"CLOUD_RUN_TASK_COUNT=" + strconv.Itoa(len(e.Tasks)),
	}
}

func (e *execution) tasks() *runpb.TaskTemplate { return view(e.Template, &runpb.TaskTemplate{}) }

func (e *execution) retries() int32 { return e.tasks().GetMaxRetries() }
