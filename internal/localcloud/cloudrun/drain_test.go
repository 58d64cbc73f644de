package cloudrun

import (
	"bufio"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/protobuf/proto"
)

// TestRetiredInstanceFinishes holds a request in the old revision over a deploy: it ends as it would
// have, the process is told to stop only then, and has time to tidy up.
func TestRetiredInstanceFinishes(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s := r.mustCreate(t, "drain", r.service("COLOR=blue", "APP_TIDIES_FOR=200ms"))
	old := call(t, s.GetUri())
	work := r.work(t, s.GetUri())
	next := withoutEtag(s)
	next.Template.Containers[0].Env[0].Values = &runpb.EnvVar_Value{Value: "green"}
	if _, err := r.update(t, next); err != nil {
		t.Fatal(err)
	}
	if a := call(t, s.GetUri()); a.Color != "green" {
		t.Errorf("a new request goes to %q", a.Color)
	}
	work.finish(t)
	eventually(t, "the process ends", func() bool { return !running(old.PID) })
	r.wrote(t, s, "worked", "told to stop", "tidied up")
}

// TestShrunkInstanceFinishes, too: one of two is not wanted any more, and both have a request in hand.
func TestShrunkInstanceFinishes(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	want := r.service()
	want.Scaling = &runpb.ServiceScaling{ScalingMode: runpb.ServiceScaling_MANUAL, ManualInstanceCount: proto.Int32(2)}
	s := r.mustCreate(t, "shrink", want)
	eventually(t, "two run", func() bool { return r.instances("shrink", s.GetLatestReadyRevision()) == 2 })
	one, other := r.work(t, s.GetUri()), r.work(t, s.GetUri())
	if one.port == other.port {
		t.Fatal("both requests are in one instance")
	}
	next := withoutEtag(s)
	next.Scaling.ManualInstanceCount = proto.Int32(1)
	if _, err := r.update(t, next, "scaling"); err != nil {
		t.Fatal(err)
	}
	one.finish(t)
	other.finish(t)
	eventually(t, "one runs", func() bool { return r.instances("shrink", s.GetLatestReadyRevision()) == 1 })
	r.wrote(t, s, "worked", "told to stop")
}

// errand is a request in hand that ends when it is told to.
type errand struct {
	port  string // of its instance: no door leads to one that is on its way out
	lines *bufio.Scanner
}

func (r *rig) work(t *testing.T, url string) errand {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/work", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	j := errand{resp.Header.Get("X-Port"), bufio.NewScanner(resp.Body)}
	if !j.lines.Scan() || j.lines.Text() != "working" {
		t.Fatalf("%d %q %v", resp.StatusCode, j.lines.Text(), j.lines.Err())
	}
	return j
}

func (j errand) finish(t *testing.T) {
	t.Helper()
	if code, body := fetch(t, "http://127.0.0.1:"+j.port+"/finish", nil); code != http.StatusOK {
		t.Fatalf("%d %s", code, body)
	}
	if !j.lines.Scan() || j.lines.Text() != "worked" {
		t.Errorf("the request in hand ends with %q %v", j.lines.Text(), j.lines.Err())
	}
}

// wrote finds lines in the service's log, in their order.
func (r *rig) wrote(t *testing.T, s *runpb.Service, lines ...string) {
	t.Helper()
	path := filepath.Join(r.dir, "services", project, region, filepath.Base(s.GetName()), filepath.Base(s.GetLatestReadyRevision())+".log")
	eventually(t, strings.Join(lines, ", ")+" in the log", func() bool {
		body, err := os.ReadFile(path)
		rest, found := string(body), err == nil
		for _, line := range lines {
			if found {
				_, rest, found = strings.Cut(rest, line)
			}
		}
		return found
	})
}

// TestStubbornInstanceIsKilled: what does not end by itself after SIGTERM is ended. Until then the service's name is taken:
// its folder goes with all that is in it.
func TestStubbornInstanceIsKilled(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s := r.mustCreate(t, "stubborn", r.service("APP_TIDIES_FOR=1h"))
	a := call(t, s.GetUri())
	op, err := r.services.DeleteService(t.Context(), &runpb.DeleteServiceRequest{Name: s.GetName()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.create(t, "stubborn", r.service()); err == nil || !strings.Contains(err.Error(), "is being deleted") {
		t.Errorf("made beside what is left of the old one: %v", err)
	}
	if len(r.face.Report()) != 0 {
		t.Errorf("it is still there: %v", r.face.Report())
	}
	if _, err := op.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if running(a.PID) {
		t.Error("it still runs")
	}
	r.mustCreate(t, "stubborn", r.service())
}
