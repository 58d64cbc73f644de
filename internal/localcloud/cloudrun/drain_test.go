package cloudrun

import (
	"bufio"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cloud.google.com/go/run/apiv2/runpb"
)

// TestRetiredInstanceFinishes holds a request in the old revision over a deploy: it ends as it would
// have, the process is told to stop only then, and has time to tidy up.
func TestRetiredInstanceFinishes(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s := r.mustCreate(t, "drain", r.service("COLOR=blue", "APP_TIDIES_FOR=1s"))
	old := call(t, s.GetUri())
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.GetUri()+"/work", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	lines := bufio.NewScanner(resp.Body)
	if !lines.Scan() || lines.Text() != "working" {
		t.Fatalf("%q %v", lines.Text(), lines.Err())
	}
	next := withoutEtag(s)
	next.Template.Containers[0].Env[0].Values = &runpb.EnvVar_Value{Value: "green"}
	if _, err := r.update(t, next); err != nil {
		t.Fatal(err)
	}
	if a := call(t, s.GetUri()); a.Color != "green" {
		t.Errorf("a new request goes to %q", a.Color)
	}
	log := filepath.Join(r.dir, "services", project, region, "drain", filepath.Base(s.GetLatestReadyRevision())+".log")
	said := func(what string) bool {
		body, err := os.ReadFile(log)
		return err == nil && strings.Contains(string(body), what)
	}
	if said("told to stop") {
		t.Error("the process was told to stop with a request in hand")
	}
	// The door is shut to new requests for blue; its own port is what reaches it.
	if code, body := fetch(t, "http://127.0.0.1:"+old.env("PORT")+"/finish", nil); code != http.StatusOK {
		t.Fatalf("%d %s", code, body)
	}
	if !lines.Scan() || lines.Text() != "worked" {
		t.Errorf("the request in hand ends with %q %v", lines.Text(), lines.Err())
	}
	eventually(t, "the process ends", func() bool { return !running(old.PID) })
	if !said("tidied up") {
		t.Error("it was killed before it had tidied up")
	}
}

// TestStubbornInstanceIsKilled: what does not end by itself after SIGTERM is ended.
func TestStubbornInstanceIsKilled(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s := r.mustCreate(t, "stubborn", r.service("APP_TIDIES_FOR=1h"))
	a := call(t, s.GetUri())
	op, err := r.services.DeleteService(t.Context(), &runpb.DeleteServiceRequest{Name: s.GetName()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := op.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if running(a.PID) {
		t.Error("it still runs")
	}
}
