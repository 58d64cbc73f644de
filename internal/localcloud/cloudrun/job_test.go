package cloudrun

import (
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/iam/apiv1/iampb"
	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/api/iterator"
	"google.golang.org/protobuf/types/known/durationpb"
)

func TestJob_runsToItsEnd(t *testing.T) {
	t.Parallel()
	r := newJobRig(t)
	r.secrets[project+"/token/latest"] = "hush"
	want := r.job("COLOR=blue")
	want.Labels = map[string]string{"team": "a"}
	want.Template.TaskCount, want.Template.Parallelism = 3, 2
	want.Template.Labels = map[string]string{"kind": "nightly"}
	c := want.Template.Template.Containers[0]
	c.Env = append(c.Env, &runpb.EnvVar{Name: "TOKEN", Values: &runpb.EnvVar_ValueSource{ValueSource: &runpb.EnvVarSource{
		SecretKeyRef: &runpb.SecretKeySelector{Secret: "token", Version: "latest"},
	}}})
	j := r.createJob(t, "three", want)
	task := j.GetTemplate().GetTemplate()
	if task.GetMaxRetries() != 3 || task.GetTimeout().AsDuration() != 10*time.Minute || task.GetServiceAccount() == "" || task.GetContainers()[0].GetResources().GetLimits()["cpu"] != "1000m" ||
		j.GetTerminalCondition().GetState() != runpb.Condition_CONDITION_SUCCEEDED || j.GetExecutionCount() != 0 || j.GetLatestCreatedExecution() != nil || j.GetGeneration() != 1 {
		t.Errorf("made %v", j)
	}

	op, begun := r.begin(t, "three", &runpb.RunJobRequest_Overrides{ContainerOverrides: []*runpb.RunJobRequest_Overrides_ContainerOverride{{
		Args: []string{"migrate", "now"}, Env: []*runpb.EnvVar{{Name: "COLOR", Values: &runpb.EnvVar_Value{Value: "green"}}},
	}}})
	if !strings.HasPrefix(begun.GetName(), j.GetName()+"/executions/three-") || len(begun.GetName()) != len(j.GetName()+"/executions/three-")+5 {
		t.Errorf("the execution is called %s", begun.GetName())
	}
	e, err := r.finish(t, op, begun)
	if err != nil || completed(e).GetState() != runpb.Condition_CONDITION_SUCCEEDED || e.GetSucceededCount() != 3 || e.GetTaskCount() != 3 || e.GetParallelism() != 2 ||
		e.GetFailedCount()+e.GetRunningCount()+e.GetCancelledCount()+e.GetRetriedCount() != 0 || e.GetCompletionTime() == nil || e.GetReconciling() || e.GetLabels()["kind"] != "nightly" {
		t.Fatalf("%v, %v", e, err)
	}
	for _, kind := range []string{"ResourcesAvailable", "Started"} {
		if conditionOf(e.GetConditions(), kind).GetState() != runpb.Condition_CONDITION_SUCCEEDED {
			t.Errorf("%s: %v", kind, e.GetConditions())
		}
	}
	var indexes []string
	for _, a := range told(t, e) {
		indexes = append(indexes, a.env("CLOUD_RUN_TASK_INDEX"))
		if a.env("COLOR") != "green" || a.env("TOKEN") != "hush" || a.env("FROM_IMAGE") != "yes" || a.env("CLOUD_RUN_JOB") != "three" || a.env("CLOUD_RUN_TASK_COUNT") != "3" ||
			a.env("CLOUD_RUN_TASK_ATTEMPT") != "0" || !strings.HasSuffix(e.GetName(), "/"+a.env("CLOUD_RUN_EXECUTION")) || a.env("PORT")+a.env("K_SERVICE") != "" ||
			!strings.HasSuffix(a.env("GCE_METADATA_HOST"), task.GetServiceAccount()) || !slices.Equal(a.Args[1:], []string{"migrate", "now"}) {
			t.Errorf("a task was given %v %v", a.Args, a.Env)
		}
	}
	if slices.Sort(indexes); !slices.Equal(indexes, []string{"0", "1", "2"}) {
		t.Errorf("tasks %q ran", indexes)
	}
	for i, x := range r.allTasks(t, e) {
		if int(x.GetIndex()) != i || conditionOf(x.GetConditions(), "Completed").GetState() != runpb.Condition_CONDITION_SUCCEEDED || x.GetLastAttemptResult().GetStatus().GetCode() != 0 || x.GetRetried() != 0 {
			t.Errorf("task %v", x)
		}
		if one, err := r.tasks.GetTask(t.Context(), &runpb.GetTaskRequest{Name: x.GetName()}); err != nil || one.GetUid() != x.GetUid() {
			t.Errorf("%v, %v", one, err)
		}
	}

	// What was overridden once is as declared the next time.
	op, begun = r.begin(t, "three", &runpb.RunJobRequest_Overrides{TaskCount: 1, Timeout: durationpb.New(time.Hour)})
	second, err := r.finish(t, op, begun)
	if err != nil || second.GetTaskCount() != 1 || second.GetTemplate().GetTimeout().AsDuration() != time.Hour {
		t.Fatalf("%v, %v", second, err)
	}
	if a := told(t, second); len(a) != 1 || a[0].env("COLOR") != "blue" || !slices.Equal(a[0].Args[1:], []string{"serve"}) {
		t.Errorf("ran %v", a)
	}
	now, err := r.jobs.GetJob(t.Context(), &runpb.GetJobRequest{Name: j.GetName()})
	if err != nil || now.GetExecutionCount() != 2 || !strings.HasSuffix(second.GetName(), now.GetLatestCreatedExecution().GetName()) ||
		now.GetLatestCreatedExecution().GetCompletionStatus() != runpb.ExecutionReference_EXECUTION_SUCCEEDED || now.GetEtag() != j.GetEtag() {
		t.Errorf("%v, %v", now, err)
	}
	it := r.executions.ListExecutions(t.Context(), &runpb.ListExecutionsRequest{Parent: j.GetName()})
	for _, name := range []string{second.GetName(), e.GetName()} {
		if got, err := it.Next(); err != nil || got.GetName() != name {
			t.Errorf("listed %v, %v; want %s", got.GetName(), err, name)
		}
	}
	if _, err := it.Next(); err != iterator.Done {
		t.Error(err)
	}
}

func TestJob_retries(t *testing.T) {
	t.Parallel()
	r := newJobRig(t)
	r.createJob(t, "flaky", retries(r.job("APP_FAILS=2"), 2))
	op, begun := r.begin(t, "flaky", nil)
	e, err := r.finish(t, op, begun)
	if err != nil || e.GetSucceededCount() != 1 || e.GetRetriedCount() != 1 {
		t.Errorf("%v, %v", e, err)
	}
	if x := r.allTasks(t, e)[0]; x.GetRetried() != 2 {
		t.Errorf("retried %d times", x.GetRetried())
	}
	var attempts []string
	for _, a := range told(t, e) {
		attempts = append(attempts, a.env("CLOUD_RUN_TASK_ATTEMPT"))
	}
	if !slices.Equal(attempts, []string{"0", "1", "2"}) {
		t.Errorf("attempts %q", attempts)
	}

	// What they have written is in Cloud Logging, as the job's.
	entries, err := r.face.Entries(project)
	if err != nil || len(entries) != len(attempts) || entries[0].Resource != "cloud_run_job" || entries[0].Labels["job_name"] != "flaky" || entries[0].JSON["pid"] == nil ||
		entries[0].Own["run.googleapis.com/execution_name"] != e.GetName()[strings.LastIndexByte(e.GetName(), '/')+1:] {
		t.Errorf("logged %v, %v", entries, err)
	}

	// One failure more than there are retries. The other task is not held back by it.
	two := retries(r.job("APP_FAILS=1"), 0)
	r.createJob(t, "broken", two)
	op, begun = r.begin(t, "broken", &runpb.RunJobRequest_Overrides{TaskCount: 2})
	e, err = r.finish(t, op, begun)
	done := completed(e)
	short := e.GetName()[strings.LastIndexByte(e.GetName(), '/')+1:]
	if err == nil || !strings.Contains(err.Error(), "exit code 3") || done.GetState() != runpb.Condition_CONDITION_FAILED || done.GetExecutionReason() != runpb.Condition_NON_ZERO_EXIT_CODE ||
		done.GetSeverity() != runpb.Condition_ERROR || !strings.HasPrefix(done.GetMessage(), "Task "+short+"-task0 failed with message: The container exited") || e.GetFailedCount() != 2 || e.GetRetriedCount() != 0 {
		t.Errorf("%v, %v", e, err)
	}
	if x := r.allTasks(t, e)[1]; x.GetLastAttemptResult().GetExitCode() != 3 || x.GetLastAttemptResult().GetStatus().GetCode() == 0 || x.GetRetried() != 0 {
		t.Errorf("%v", x)
	}
	j, err := r.jobs.GetJob(t.Context(), &runpb.GetJobRequest{Name: parent + "/jobs/broken"})
	if err != nil || j.GetLatestCreatedExecution().GetCompletionStatus() != runpb.ExecutionReference_EXECUTION_FAILED {
		t.Errorf("%v, %v", j, err)
	}
}

func TestJob_endsThatAreNoExit(t *testing.T) {
	t.Parallel()
	r := newJobRig(t)
	noSecret := r.job()
	noSecret.Template.Template.Containers[0].Env = []*runpb.EnvVar{{Name: "X", Values: &runpb.EnvVar_ValueSource{ValueSource: &runpb.EnvVarSource{
		SecretKeyRef: &runpb.SecretKeySelector{Secret: "absent", Version: "latest"},
	}}}}
	noCommand := r.job()
	noCommand.Template.Template.Containers[0].Command = []string{"/absent"}
	const soon = 5 * time.Second // and long enough to have begun on any machine
	for id, c := range map[string]struct {
		job    *runpb.Job
		says   string
		reason runpb.Condition_CommonReason
		signal int32
	}{
		"killed":    {r.job("APP_KILL=1"), "terminated by signal 9", 0, 9},
		"secret":    {noSecret, "Secret projects/" + project + "/secrets/absent/versions/latest cannot be accessed", runpb.Condition_SECRETS_ACCESS_CHECK_FAILED, 0},
		"command":   {noCommand, "is not in the image", 0, 0},
		"in-time":   {within(r.job("APP_NAP=1h"), soon), "The configured timeout was reached.", 0, 0},
		"deaf":      {within(r.job("APP_DEAF=1"), soon), "The configured timeout was reached.", 0, 9},
		"timed-out": {within(r.job("APP_NAP=1h", "APP_FAILS=9"), soon), "The configured timeout was reached.", 0, 0},
	} {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			r.createJob(t, id, retries(c.job, 0))
			op, begun := r.begin(t, id, nil)
			e, err := r.finish(t, op, begun)
			done, x := completed(e), r.allTasks(t, e)[0]
			if err == nil || !strings.Contains(done.GetMessage(), c.says) || done.GetReason() != c.reason || x.GetLastAttemptResult().GetTermSignal() != c.signal || x.GetLastAttemptResult().GetStatus().GetCode() == 0 {
				t.Errorf("%v\n%v", done, x.GetLastAttemptResult())
			}
			if c.reason != 0 || id == "command" {
				return // nothing has run
			}
			if pid := told(t, e)[0].PID; running(pid) {
				t.Errorf("process %d still runs", pid)
			}
		})
	}
}

func TestJob_cancelAndDelete(t *testing.T) {
	t.Parallel()
	r := newJobRig(t)
	want := r.job("APP_NAP=1h")
	want.Template.Parallelism = 1
	want.Template.TaskCount = 2
	j := r.createJob(t, "long", want)
	op, e := r.begin(t, "long", nil)
	pid := 0
	eventually(t, "the first task runs", func() bool {
		now := r.execution(t, e.GetName())
		if _, err := os.Stat(strings.TrimPrefix(now.GetLogUri(), "file://")); err != nil || now.GetRunningCount() != 1 {
			return false
		}
		if a := told(t, now); len(a) == 1 {
			pid = a[0].PID
		}
		return pid != 0
	})
	if meta, err := op.Metadata(); err != nil || completed(meta).GetState() != runpb.Condition_CONDITION_RECONCILING {
		t.Errorf("the operation tells %v, %v", meta, err)
	}
	if _, err := op.Poll(t.Context()); err != nil || op.Done() {
		t.Errorf("done %t, %v", op.Done(), err)
	}
	if meta, err := op.Metadata(); err != nil || meta.GetRunningCount() != 1 {
		t.Errorf("the operation tells %v, %v", meta, err)
	}
	cancel, err := r.executions.CancelExecution(t.Context(), &runpb.CancelExecutionRequest{Name: e.GetName()})
	if err != nil {
		t.Fatal(err)
	}
	cancelled, err := cancel.Wait(t.Context())
	if err != nil || cancelled.GetCancelledCount() != 2 || completed(cancelled).GetExecutionReason() != runpb.Condition_CANCELLED {
		t.Fatalf("%v, %v", cancelled, err)
	}
	if _, err := op.Wait(t.Context()); err == nil || !strings.Contains(err.Error(), "was cancelled") {
		t.Errorf("the run ended with %v", err)
	}
	if running(pid) {
		t.Error("the process still runs")
	}
	if _, err := r.executions.CancelExecution(t.Context(), &runpb.CancelExecutionRequest{Name: e.GetName()}); err == nil {
		t.Error("what is over was cancelled")
	}

	// An execution that is deleted ends; a job that is deleted ends all of them.
	_, second := r.begin(t, "long", nil)
	del, err := r.executions.DeleteExecution(t.Context(), &runpb.DeleteExecutionRequest{Name: second.GetName()})
	if err != nil {
		t.Fatal(err)
	}
	if gone, err := del.Wait(t.Context()); err != nil || gone.GetDeleteTime() == nil || completed(gone).GetExecutionReason() != runpb.Condition_DELETED {
		t.Errorf("%v, %v", gone, err)
	}
	if _, err := r.executions.GetExecution(t.Context(), &runpb.GetExecutionRequest{Name: second.GetName()}); err == nil {
		t.Error("the execution is still there")
	}
	third, _ := r.begin(t, "long", nil)
	away, err := r.jobs.DeleteJob(t.Context(), &runpb.DeleteJobRequest{Name: j.GetName()})
	if err != nil {
		t.Fatal(err)
	}
	if gone, err := away.Wait(t.Context()); err != nil || gone.GetDeleteTime() == nil {
		t.Errorf("%v, %v", gone, err)
	}
	if _, err := third.Wait(t.Context()); err == nil || !strings.Contains(err.Error(), "was deleted") {
		t.Errorf("the run ended with %v", err)
	}
	if _, err := r.jobs.GetJob(t.Context(), &runpb.GetJobRequest{Name: j.GetName()}); err == nil {
		t.Error("the job is still there")
	}
	if left, _ := os.ReadDir(r.dir + "/jobs/" + project + "/" + region); len(left) != 0 {
		t.Errorf("%v is left", left)
	}
}

// A job is replaced whole, as its method has no mask; an etag keeps two writers apart.
func TestJob_changes(t *testing.T) {
	t.Parallel()
	r := newJobRig(t)
	body := func(more string) string {
		return `{` + more + `"template":{"template":{"containers":[{"image":"` + r.image + `"}]}}}`
	}
	at := "/v2/" + parent + "/jobs"
	if code, op := r.raw(t, http.MethodPost, at+"?jobId=j&validateOnly=true", body("")); code != http.StatusOK || op["done"] != true {
		t.Errorf("dry create: %d %v", code, op)
	}
	if code, _ := r.raw(t, http.MethodPatch, at+"/j", body("")); code != http.StatusNotFound {
		t.Errorf("patch of nothing: %d", code)
	}
	code, op := r.raw(t, http.MethodPatch, at+"/j?allowMissing=true", body(`"labels":{"a":"b"},`))
	if op = r.settle(t, op); code != http.StatusOK || op["error"] != nil {
		t.Fatalf("allowMissing: %d %v", code, op)
	}
	if code, _ := r.raw(t, http.MethodPost, at+"?jobId=j", body("")); code != http.StatusConflict {
		t.Errorf("twice: %d", code)
	}
	_, was := r.raw(t, http.MethodGet, at+"/j", "")
	etag := strconv.Quote(strings.Trim(was["etag"].(string), `"`))
	if _, op := r.raw(t, http.MethodPatch, at+"/j?validateOnly=true", body("")); op["done"] != true {
		t.Errorf("dry patch: %v", op)
	}
	if _, now := r.raw(t, http.MethodGet, at+"/j", ""); !same(now, was) {
		t.Errorf("a dry patch has made %v", now)
	}
	_, op = r.raw(t, http.MethodPatch, at+"/j", body(`"labels":{"a":"b"},`))
	if _, now := r.raw(t, http.MethodGet, at+"/j", ""); op["done"] != true || !same(now, was) {
		t.Errorf("a patch of nothing new has made %v", now)
	}
	code, op = r.raw(t, http.MethodPatch, at+"/j", body(`"etag":`+etag+`,`))
	if op = r.settle(t, op); code != http.StatusOK || op["error"] != nil {
		t.Fatalf("patch: %d %v", code, op)
	}
	_, now := r.raw(t, http.MethodGet, at+"/j", "")
	if now["labels"] != nil || now["generation"] != "2" || now["etag"] == was["etag"] {
		t.Errorf("replaced by %v", now)
	}
	for name, answer := range map[string]func() (int, tree){
		"patch":  func() (int, tree) { return r.raw(t, http.MethodPatch, at+"/j", body(`"etag":`+etag+`,`)) },
		"run":    func() (int, tree) { return r.raw(t, http.MethodPost, at+"/j:run", `{"etag":`+etag+`}`) },
		"delete": func() (int, tree) { return r.raw(t, http.MethodDelete, at+"/j?etag="+strings.Trim(etag, `"`), "") },
	} {
		if code, out := answer(); code != http.StatusConflict {
			t.Errorf("%s with a stale etag: %d %v", name, code, out)
		}
	}
	if code, op := r.raw(t, http.MethodPost, at+"/j:run", `{"validateOnly":true}`); code != http.StatusOK || op["done"] != true {
		t.Errorf("dry run: %d %v", code, op)
	}
	if _, now := r.raw(t, http.MethodGet, at+"/j", ""); now["executionCount"] != nil {
		t.Error("a dry run has run")
	}
	absent := strings.Replace(body(""), "@sha256:", "@sha256:00000000", 1)
	absent = absent[:strings.Index(absent, "@sha256:")+8] + strings.Repeat("0", 64) + `"}]}}}`
	_, op = r.raw(t, http.MethodPatch, at+"/j", absent)
	if message, _ := lookup(r.settle(t, op), "error.message"); message == nil || !strings.Contains(message.(string), "not found") {
		t.Errorf("an image that is not there: %v", message)
	}
	_, op = r.raw(t, http.MethodPost, at+"/j:run", "{}")
	if ended := r.settle(t, op); ended["error"] == nil {
		t.Error(ended)
	}
	_, list := r.raw(t, http.MethodGet, at+"/j/executions", "")
	done, _ := lookup(list["executions"].([]any)[0].(tree)["conditions"].([]any)[0].(tree), "reason")
	if done != "CONTAINER_MISSING" {
		t.Errorf("it failed for %v", done)
	}
}

func TestJob_rules(t *testing.T) {
	t.Parallel()
	r := newJobRig(t)
	body := func(job, template, task, container string) string {
		return `{` + job + `"template":{` + template + `"template":{` + task + `"containers":[{` + container + `"image":"` + r.image + `"}]}}}`
	}
	for name, c := range map[string]struct{ id, body, says string }{
		"name form":         {"A", body(``, ``, ``, ``), "job_id"},
		"name length":       {strings.Repeat("a", 64), body(``, ``, ``, ``), "job_id"},
		"no template":       {"a", `{}`, "job.template"},
		"no task template":  {"a", `{"template":{}}`, "job.template.template"},
		"no container":      {"a", `{"template":{"template":{"timeout":"5s"}}}`, "at least one container"},
		"two containers":    {"a", `{"template":{"template":{"containers":[{"image":"x"},{"image":"y"}]}}}`, "no sidecars"},
		"retries":           {"a", body(``, ``, `"maxRetries":11,`, ``), "10"},
		"timeout":           {"a", body(``, ``, `"timeout":"604801s",`, ``), "168h"},
		"no time":           {"a", body(``, ``, `"timeout":"0s",`, ``), "timeout"},
		"task count":        {"a", body(``, `"taskCount":10001,`, ``, ``), "10000"},
		"parallelism":       {"a", body(``, `"taskCount":2,"parallelism":3,`, ``, ``), "parallelism"},
		"reserved variable": {"a", body(``, ``, ``, `"env":[{"name":"CLOUD_RUN_TASK_INDEX","value":"1"}],`), "reserved env"},
		"system label":      {"a", body(`"labels":{"run.googleapis.com/x":"y"},`, ``, ``, ``), "reserved"},
		"by token":          {"a", body(`"runExecutionToken":"x",`, ``, ``, ``), ":run"},
		"cpu":               {"a", body(``, ``, ``, `"resources":{"limits":{"cpu":"3"}},`), "cpu"},
		"unknown field":     {"a", body(`"colour":"blue",`, ``, ``, ``), "colour"},
		"two networks":      {"a", body(``, ``, `"vpcAccess":{"networkInterfaces":[{"network":"a"},{"network":"b"}]},`, ``), "template.template.vpc_access.network_interfaces: only one"},
		"volume":            {"a", body(``, ``, `"volumes":[{"name":"v","secret":{"secret":"s"}}],`, ``), "mounts no volume"},
	} {
		code, out := r.raw(t, http.MethodPost, "/v2/"+parent+"/jobs?jobId="+c.id, c.body)
		message, _ := lookup(out, "error.message")
		if text, _ := message.(string); code < 400 || code == 500 || !strings.Contains(text, c.says) {
			t.Errorf("%s: %d %v, want it to say %q", name, code, out, c.says)
		}
	}
	if left := len(r.face.Report()); left != 0 {
		t.Errorf("%d jobs were made", left)
	}
	r.createJob(t, "a", r.job())
	for name, c := range map[string]struct{ body, says string }{
		"tasks":         {`{"overrides":{"taskCount":10001}}`, "10000"},
		"timeout":       {`{"overrides":{"timeout":"0.5s"}}`, "timeout"},
		"container":     {`{"overrides":{"containerOverrides":[{"name":"other"}]}}`, "other"},
		"args":          {`{"overrides":{"containerOverrides":[{"args":["x"],"clearArgs":true}]}}`, "exclude"},
		"reserved":      {`{"overrides":{"containerOverrides":[{"env":[{"name":"CLOUD_RUN_JOB","value":"x"}]}]}}`, "reserved env"},
		"unknown field": {`{"overrides":{"colour":"blue"}}`, "not a valid"},
	} {
		code, out := r.raw(t, http.MethodPost, "/v2/"+parent+"/jobs/a:run", c.body)
		message, _ := lookup(out, "error.message")
		if text, _ := message.(string); code < 400 || code == 500 || !strings.Contains(text, c.says) {
			t.Errorf("override of %s: %d %v, want it to say %q", name, code, out, c.says)
		}
	}
}

func TestJob_policy(t *testing.T) {
	t.Parallel()
	r := newJobRig(t)
	j := r.createJob(t, "iam", r.job())
	p, err := r.jobs.GetIamPolicy(t.Context(), &iampb.GetIamPolicyRequest{Resource: j.GetName()})
	if err != nil {
		t.Fatal(err)
	}
	old := p.GetEtag()
	p.Bindings = []*iampb.Binding{{Role: invoker, Members: []string{"user:testa@example.test"}}}
	if _, err := r.jobs.SetIamPolicy(t.Context(), &iampb.SetIamPolicyRequest{Resource: j.GetName(), Policy: p}); err != nil {
		t.Fatal(err)
	}
	if p, err = r.jobs.GetIamPolicy(t.Context(), &iampb.GetIamPolicyRequest{Resource: j.GetName()}); err != nil || len(p.GetBindings()) != 1 {
		t.Errorf("%v, %v", p, err)
	}
	p.Etag = old
	if _, err := r.jobs.SetIamPolicy(t.Context(), &iampb.SetIamPolicyRequest{Resource: j.GetName(), Policy: p}); err == nil {
		t.Error("a stale policy etag was accepted")
	}
	got, err := r.jobs.TestIamPermissions(t.Context(), &iampb.TestIamPermissionsRequest{Resource: j.GetName(), Permissions: []string{"run.jobs.run"}})
	if err != nil || len(got.GetPermissions()) != 1 {
		t.Errorf("%v, %v", got, err)
	}
}
