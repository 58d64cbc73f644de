package cloudrun

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/protobuf/types/known/durationpb"
)

func TestCrashedProcessIsStartedAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s := r.mustCreate(t, "crash", r.service())
	first := call(t, s.GetUri())
	if code, _ := fetch(t, s.GetUri()+"/crash", nil); code != http.StatusServiceUnavailable {
		t.Errorf("the crashing request answers %d", code)
	}
	eventually(t, "another process answers", func() bool {
		code, body := fetch(t, s.GetUri(), nil)
		var a answer
		return code == http.StatusOK && json.Unmarshal([]byte(body), &a) == nil && a.PID != first.PID
	})
	body, err := os.ReadFile(filepath.Join(r.dir, "services", project, region, "crash", filepath.Base(s.GetLatestReadyRevision())+".log"))
	if err != nil || !strings.Contains(string(body), "exit status 7") || !strings.Contains(string(body), "listening") {
		t.Errorf("log: %s %v", body, err)
	}
	if strings.Contains(string(body), "K_SERVICE") {
		t.Error("the log holds the environment")
	}
}

func TestLivenessProbeRestarts(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	want := r.service()
	get := &runpb.Probe_HttpGet{HttpGet: &runpb.HTTPGetAction{Path: "/healthz"}}
	want.Template.Containers[0].StartupProbe = &runpb.Probe{ProbeType: get}
	want.Template.Containers[0].LivenessProbe = &runpb.Probe{PeriodSeconds: 1, FailureThreshold: 1, ProbeType: get}
	s := r.mustCreate(t, "alive", want)
	first := call(t, s.GetUri())
	if code, _ := fetch(t, s.GetUri()+"/sicken", nil); code != http.StatusOK {
		t.Fatal(code)
	}
	eventually(t, "the sick process is replaced", func() bool { return !running(first.PID) })
	if again := call(t, s.GetUri()); again.PID == first.PID {
		t.Error("the same process answers")
	}
}

func TestDoorQueuesAndRefuses(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	want := r.service()
	want.Template.MaxInstanceRequestConcurrency = 1
	want.Template.Scaling = &runpb.RevisionScaling{MaxInstanceCount: 1}
	s := r.mustCreate(t, "narrow", want)
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			if code, body := fetch(t, s.GetUri()+"/nap?for=50ms", nil); code != http.StatusOK {
				t.Errorf("in line: %d %s", code, body)
			}
		})
	}
	wg.Wait()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.GetUri()+"/hold", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(resp.Body).ReadString('\n'); err != nil || line != "holding\n" {
		t.Errorf("a stream does not reach the caller as it is written: %q %v", line, err)
	}
	_ = resp.Body.Close()

	want.Template.Timeout = durationpb.New(time.Second)
	if code, body := fetch(t, r.mustCreate(t, "hasty", want).GetUri()+"/nap?for=1h", nil); code != http.StatusGatewayTimeout {
		t.Errorf("too long: %d %s", code, body)
	}
}

func TestFullServiceAnswers429(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.again(t, r.window, time.Hour, 100*time.Millisecond)
	want := r.service()
	want.Template.MaxInstanceRequestConcurrency = 1
	want.Template.Scaling = &runpb.RevisionScaling{MaxInstanceCount: 1}
	s := r.mustCreate(t, "full", want)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.GetUri()+"/hold", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if code, body := fetch(t, s.GetUri(), nil); code != http.StatusTooManyRequests {
		t.Errorf("a full service answers %d %s", code, body)
	}
}

func TestPrivateServiceWantsAToken(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	want := r.service()
	want.InvokerIamDisabled = false
	s := r.mustCreate(t, "private", want)
	if code, _ := fetch(t, s.GetUri(), nil); code != http.StatusForbidden {
		t.Errorf("without a token: %d", code)
	}
	sent := map[string]struct {
		header http.Header
		sees   string
	}{
		"checked header loses its signature": {http.Header{"Authorization": {"Bearer a.b.c"}}, "Bearer a.b.SIGNATURE_REMOVED_BY_GOOGLE"},
		"the other header saves it":          {http.Header{"Authorization": {"Bearer a.b.c"}, "X-Serverless-Authorization": {"Bearer a.b.c"}}, "Bearer a.b.c"},
	}
	for name, c := range sent {
		code, body := fetch(t, s.GetUri(), c.header)
		var a answer
		if code != http.StatusOK || json.Unmarshal([]byte(body), &a) != nil || a.Header.Get("Authorization") != c.sees || a.Header.Get("X-Serverless-Authorization") != "" {
			t.Errorf("%s: %d, the container sees %q", name, code, a.Header.Get("Authorization"))
		}
	}
}

func TestStartSweepsStrays(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s := r.mustCreate(t, "stray", r.service())
	home := filepath.Join(r.dir, "services", project, region, "stray")
	if err := r.face.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	// What a killed supervisor leaves: a process in a group of its own, and its pid file.
	app, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "app")
	if err := os.WriteFile(path, app, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path)
	cmd.Env = []string{"PORT=0"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { _ = cmd.Wait(); close(done) }()
	t.Cleanup(func() { _ = cmd.Process.Kill(); <-done })
	stat, err := os.ReadFile(filepath.Join("/proc", itoa(cmd.Process.Pid), "stat"))
	if err != nil {
		t.Fatal(err)
	}
	start := strings.Fields(string(stat))[21]
	pid := func(name, start string) {
		t.Helper()
		body, _ := json.Marshal(map[string]any{"pid": cmd.Process.Pid, "start": start})
		if err := os.WriteFile(filepath.Join(home, name), body, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pid("other.pid", "1") // the same number, another process: not ours to end
	if n, err := Sweep(r.dir); err != nil || n != 0 {
		t.Fatalf("swept %d, %v", n, err)
	}
	if !running(cmd.Process.Pid) {
		t.Fatal("a process with another start time was ended")
	}
	pid("stray.pid", start)
	r.start(t)
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Fatal("the stray still runs")
	}
	call(t, s.GetUri())
}
