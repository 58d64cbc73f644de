package cloudrun

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"cloud.google.com/go/run/apiv2/runpb"
)

const envServe = "CLOUDRUN_TEST_SERVE"

// What a killed local cloud was in the middle of counts as a failed attempt: its processes are ended, and only a task
// that may be retried runs again.
func TestJob_afterAKill(t *testing.T) {
	if dir := os.Getenv(envServe); dir != "" {
		serveUntilKilled(t, dir)
	}
	t.Parallel()
	r := newJobRig(t)
	if err := r.face.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	other := exec.Command(os.Args[0], "-test.run=^TestJob_afterAKill$")
	other.Env = append(os.Environ(), envServe+"="+r.dir)
	out, err := other.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = other.Process.Kill(); _ = other.Wait() })
	for lines := bufio.NewScanner(out); r.url == "" || !strings.HasPrefix(lines.Text(), "serving "); {
		if !lines.Scan() {
			t.Fatal("the other local cloud does not serve")
		}
		if url, ok := strings.CutPrefix(lines.Text(), "serving "); ok {
			r.url = url
		}
	}
	r.connect(t)

	quick := r.createJob(t, "done", r.job())
	op, e := r.begin(t, "done", nil)
	before, err := r.finish(t, op, e)
	if err != nil {
		t.Fatal(err)
	}
	r.createJob(t, "once", retries(r.job("APP_NAP=1h"), 0))
	r.createJob(t, "again", retries(r.job("APP_NAP=1h"), 1))
	_, once := r.begin(t, "once", nil)
	_, again := r.begin(t, "again", nil)
	pids := map[string]int{}
	eventually(t, "both run", func() bool {
		for _, e := range []*runpb.Execution{once, again} {
			if now := r.execution(t, e.GetName()); now.GetRunningCount() == 1 {
				if _, err := os.Stat(strings.TrimPrefix(now.GetLogUri(), "file://")); err == nil {
					if a := told(t, now); len(a) == 1 {
						pids[e.GetName()] = a[0].PID
					}
				}
			}
		}
		return len(pids) == 2
	})
	if err := other.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = other.Wait()
	for _, pid := range pids {
		if !running(pid) {
			t.Fatal("the kill has ended the tasks as well: it proves nothing")
		}
	}

	r.start(t)
	r.connect(t)
	for _, pid := range pids {
		// Nobody may be there to bury what the killed one has left.
		if stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); err == nil && !strings.Contains(string(stat), ") Z ") {
			t.Errorf("process %d still runs: %s", pid, stat)
		}
	}
	eventually(t, "the one that may not be retried has failed", func() bool { return r.execution(t, once.GetName()).GetCompletionTime() != nil })
	if now := r.execution(t, once.GetName()); now.GetFailedCount() != 1 || !strings.Contains(completed(now).GetMessage(), "The local cloud ended while the task ran.") || len(told(t, now)) != 1 {
		t.Errorf("%v", now)
	}
	eventually(t, "the other one runs again", func() bool {
		now := r.execution(t, again.GetName())
		return now.GetRunningCount() == 1 && now.GetRetriedCount() == 1 && len(told(t, now)) == 2
	})
	cancel, err := r.executions.CancelExecution(t.Context(), &runpb.CancelExecutionRequest{Name: again.GetName()})
	if err != nil {
		t.Fatal(err)
	}
	if now, err := cancel.Wait(t.Context()); err != nil || now.GetCancelledCount() != 1 {
		t.Errorf("%v, %v", now, err)
	}
	// What was over is as it was, and the job goes on.
	if now := r.execution(t, before.GetName()); !now.GetCompletionTime().AsTime().Equal(before.GetCompletionTime().AsTime()) || now.GetSucceededCount() != 1 {
		t.Errorf("%v", now)
	}
	op, e = r.begin(t, "done", nil)
	if _, err := r.finish(t, op, e); err != nil {
		t.Error(err)
	}
	if j, err := r.jobs.GetJob(t.Context(), &runpb.GetJobRequest{Name: quick.GetName()}); err != nil || j.GetExecutionCount() != 2 {
		t.Errorf("%v, %v", j, err)
	}
}

// A local cloud that is closed ends its tasks in peace, and takes them up again as one that was killed does.
func TestJob_afterAClose(t *testing.T) {
	t.Parallel()
	r := newJobRig(t)
	r.createJob(t, "long", r.job("APP_NAP=1h"))
	op, e := r.begin(t, "long", nil)
	pid := 0
	eventually(t, "it runs", func() bool {
		now := r.execution(t, e.GetName())
		if _, err := os.Stat(strings.TrimPrefix(now.GetLogUri(), "file://")); err != nil {
			return false
		}
		if a := told(t, now); len(a) == 1 {
			pid = a[0].PID
		}
		return pid != 0
	})
	if err := r.face.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if running(pid) {
		t.Error("the task still runs")
	}
	if _, err := op.Poll(t.Context()); err == nil {
		t.Error("the operation did not tell of it")
	}
	r.start(t)
	r.connect(t)
	eventually(t, "it runs again", func() bool { return r.execution(t, e.GetName()).GetRetriedCount() == 1 && len(told(t, e)) == 2 })
}

// serveUntilKilled is this test in the process that it kills.
func serveUntilKilled(t *testing.T, dir string) {
	t.Helper()
	r := &rig{dir: dir, ports: &ports{at: map[string]int{}}, secrets: map[string]string{}}
	r.start(t)
	if _, err := os.Stdout.WriteString("serving " + r.url + "\n"); err != nil {
		t.Fatal(err)
	}
	select {}
}
