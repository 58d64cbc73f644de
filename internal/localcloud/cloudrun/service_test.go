package cloudrun

import (
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
)

func fieldMask(paths []string) *fieldmaskpb.FieldMask { return &fieldmaskpb.FieldMask{Paths: paths} }

func TestDeployRunsTheImage(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.secrets[project+"/token/latest"] = "hush-1"
	r.secrets["elsewhere/token/3"] = "hush-2"
	want := r.service("COLOR=blue")
	c := want.Template.Containers[0]
	for name, ref := range map[string]*runpb.SecretKeySelector{
		"TOKEN": {Secret: "token", Version: "latest"}, "OTHER": {Secret: "projects/elsewhere/secrets/token", Version: "3"},
	} {
		c.Env = append(c.Env, &runpb.EnvVar{Name: name, Values: &runpb.EnvVar_ValueSource{ValueSource: &runpb.EnvVarSource{SecretKeyRef: ref}}})
	}
	c.Args = []string{"given"}
	s := r.mustCreate(t, "hello", want)
	if s.GetTerminalCondition().GetState() != runpb.Condition_CONDITION_SUCCEEDED || s.GetReconciling() || s.GetGeneration() != 1 || s.GetObservedGeneration() != 1 {
		t.Errorf("not ready: %v", s)
	}
	if s.GetLatestReadyRevision() == "" || s.GetLatestReadyRevision() != s.GetLatestCreatedRevision() {
		t.Errorf("revisions: created %q, ready %q", s.GetLatestCreatedRevision(), s.GetLatestReadyRevision())
	}
	a := call(t, s.GetUri())
	for name, value := range map[string]string{
		"COLOR": "blue", "FROM_IMAGE": "yes", "TOKEN": "hush-1", "OTHER": "hush-2", "K_SERVICE": "hello", "K_CONFIGURATION": "hello",
		"K_REVISION": filepath.Base(s.GetLatestReadyRevision()), "GCE_METADATA_HOST": "127.0.0.1:1/metadata/" + project + "/" + s.GetTemplate().GetServiceAccount(), "PATH": "/", "HOME": "/", "AUGUST_LISTEN_HOST": "127.0.0.1",
	} {
		if a.env(name) != value {
			t.Errorf("%s = %q, want %q", name, a.env(name), value)
		}
	}
	if len(a.Env) != 12 {
		t.Errorf("the process has an environment that is not its own: %d variables", len(a.Env))
	}
	if fmt.Sprint(a.Args) != "[/app given]" {
		t.Errorf("arguments %q", a.Args)
	}
	if os.Getuid() == 0 && a.UID != 65534 {
		t.Errorf("runs as %d", a.UID)
	}
	if _, err := os.Stat(filepath.Join(a.Dir, "etc", "stale")); err == nil {
		t.Error("a whiteout in the second layer did not remove the file")
	}
	if host := strings.TrimPrefix(s.GetUri(), "http://"); a.Host != host {
		t.Errorf("Host %q, want %q", a.Host, host)
	}
	op, err := r.services.DeleteService(t.Context(), &runpb.DeleteServiceRequest{Name: s.GetName(), Etag: s.GetEtag()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := op.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if running(a.PID) {
		t.Error("the process outlives its service")
	}
	if _, err := os.Stat(filepath.Join(r.dir, "services", project, region, "hello")); err == nil {
		t.Error("the service's folder outlives it")
	}
}

func TestUpdateShiftsWithoutAFailedRequest(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s := r.mustCreate(t, "shift", r.service("COLOR=blue"))
	blue := call(t, s.GetUri())
	var failed, served atomic.Int64
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if code, body := fetch(t, s.GetUri()+"/nap?for=3ms", nil); code != http.StatusOK {
					failed.Add(1)
					t.Errorf("%d %s", code, body)
				}
				served.Add(1)
			}
		})
	}
	next := proto.Clone(s).(*runpb.Service)
	next.Template.Containers[0].Env[0].Values = &runpb.EnvVar_Value{Value: "green"}
	next.Labels = map[string]string{"not": "masked"}
	got, err := r.update(t, next, "template.containers")
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "blue ends", func() bool { return !running(blue.PID) })
	close(stop)
	wg.Wait()
	if failed.Load() > 0 || served.Load() == 0 {
		t.Fatalf("%d of %d requests failed", failed.Load(), served.Load())
	}
	if a := call(t, s.GetUri()); a.Color != "green" {
		t.Errorf("color %q", a.Color)
	}
	if got.GetLabels()["not"] != "" || got.GetGeneration() != 2 || got.GetLatestReadyRevision() == s.GetLatestReadyRevision() || got.GetUri() != s.GetUri() {
		t.Errorf("after the update: %v", got)
	}
	if _, err := r.update(t, next, "template.containers"); err == nil || !strings.Contains(err.Error(), "Conflict") {
		t.Errorf("a stale etag was accepted: %v", err)
	}
	got.Etag = ""
	again, err := r.update(t, got)
	if err != nil {
		t.Fatal(err)
	}
	if again.GetGeneration() != got.GetGeneration() || again.GetLatestCreatedRevision() != got.GetLatestCreatedRevision() {
		t.Error("an unchanged service got a new generation or revision")
	}
}

func TestFailedRevisionKeepsTheOld(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s := r.mustCreate(t, "firm", r.service("COLOR=blue"))
	cases := map[string]struct {
		change func(*runpb.Container)
		reason string
		says   string
	}{
		"exits": {func(c *runpb.Container) {
			c.Env = append(c.Env, &runpb.EnvVar{Name: "APP_EXIT", Values: &runpb.EnvVar_Value{Value: "1"}})
		}, "HEALTH_CHECK_CONTAINER_ERROR", "The startup probe (TCP connection to port 8080) failed: the container ended with exit status 3 before the probe passed. Logs: "},
		"probe": {func(c *runpb.Container) {
			c.StartupProbe = &runpb.Probe{PeriodSeconds: 5, TimeoutSeconds: 5, FailureThreshold: 1, ProbeType: &runpb.Probe_HttpGet{HttpGet: &runpb.HTTPGetAction{Path: "/healthz"}}}
			c.Env = append(c.Env, &runpb.EnvVar{Name: "APP_SICK", Values: &runpb.EnvVar_Value{Value: "1"}})
		}, "HEALTH_CHECK_CONTAINER_ERROR", "failed the configured startup probe checks. The startup probe (HTTP GET /healthz on port 8080) failed: it answers 503."},
		"secret": {func(c *runpb.Container) {
			c.Env = append(c.Env, &runpb.EnvVar{Name: "T", Values: &runpb.EnvVar_ValueSource{ValueSource: &runpb.EnvVarSource{SecretKeyRef: &runpb.SecretKeySelector{Secret: "nope", Version: "latest"}}}})
		}, "SECRETS_ACCESS_CHECK_FAILED", "projects/" + project + "/secrets/nope/versions/latest"},
		"image": {func(c *runpb.Container) { c.Image = strings.Split(c.Image, "@")[0] + ":absent" }, "CONTAINER_MISSING", ":absent"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			next := proto.Clone(s).(*runpb.Service)
			next.Etag = ""
			c.change(next.Template.Containers[0])
			_, err := r.update(t, next)
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("the operation ends with %v, want it to say %q", err, c.says)
			}
			got := r.get(t, "firm")
			tc := got.GetTerminalCondition()
			if reason := tc.GetRevisionReason().String() + tc.GetReason().String(); tc.GetState() != runpb.Condition_CONDITION_FAILED || !strings.Contains(reason, c.reason) {
				t.Errorf("condition %v", tc)
			}
			if got.GetLatestReadyRevision() != s.GetLatestReadyRevision() || got.GetLatestCreatedRevision() == s.GetLatestReadyRevision() {
				t.Errorf("created %q, ready %q", got.GetLatestCreatedRevision(), got.GetLatestReadyRevision())
			}
			if got.GetReconciling() || got.GetObservedGeneration() != got.GetGeneration() {
				t.Error("still reconciling")
			}
			if a := call(t, s.GetUri()); a.Color != "blue" {
				t.Errorf("serves %q", a.Color)
			}
		})
	}
	if got, err := r.update(t, withoutEtag(s)); err != nil || got.GetTerminalCondition().GetState() != runpb.Condition_CONDITION_SUCCEEDED {
		t.Errorf("fixing forward: %v %v", got.GetTerminalCondition(), err)
	}
}

func withoutEtag(s *runpb.Service) *runpb.Service {
	s = proto.Clone(s).(*runpb.Service)
	s.Etag = ""
	return s
}

func TestFailedFirstDeployStays(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	if _, err := r.create(t, "first", r.service("APP_EXIT=1")); err == nil {
		t.Fatal("it was created")
	}
	s := r.get(t, "first")
	if s.GetTerminalCondition().GetState() != runpb.Condition_CONDITION_FAILED || s.GetLatestReadyRevision() != "" || s.GetUri() == "" {
		t.Errorf("after a failed first deploy: %v", s)
	}
	if code, _ := fetch(t, s.GetUri(), nil); code != http.StatusServiceUnavailable {
		t.Errorf("answers %d", code)
	}
	next := r.service("COLOR=red")
	next.Name = s.GetName()
	if _, err := r.update(t, next); err != nil {
		t.Fatal(err)
	}
	if a := call(t, s.GetUri()); a.Color != "red" {
		t.Errorf("color %q", a.Color)
	}
}

func TestTagsAndTraffic(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	first := r.service("COLOR=blue")
	first.Template.Revision = "canary-blue"
	s := r.mustCreate(t, "canary", first)

	next := withoutEtag(s)
	next.Template.Revision = "canary-green"
	next.Template.Containers[0].Env[0].Values = &runpb.EnvVar_Value{Value: "green"}
	pinned := runpb.TrafficTargetAllocationType_TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION
	next.Traffic = []*runpb.TrafficTarget{{Type: pinned, Revision: "canary-blue", Percent: 100}, {Type: pinned, Revision: "canary-green", Tag: "candidate"}}
	s, err := r.update(t, next, "template", "traffic")
	if err != nil {
		t.Fatal(err)
	}
	if a := call(t, s.GetUri()); a.Color != "blue" {
		t.Errorf("main door leads to %q", a.Color)
	}
	tagged := s.GetTrafficStatuses()[1]
	if a := call(t, tagged.GetUri()); a.Color != "green" || tagged.GetTag() != "candidate" {
		t.Errorf("tag door leads to %q: %v", a.Color, tagged)
	}

	next = withoutEtag(s)
	next.Traffic[0].Percent, next.Traffic[1].Percent = 50, 50
	if s, err = r.update(t, next, "traffic"); err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for range 60 {
		seen[call(t, s.GetUri()).Color]++
	}
	if seen["blue"] == 0 || seen["green"] == 0 {
		t.Errorf("half and half gives %v", seen)
	}

	next = withoutEtag(s)
	next.Template.Containers[0].Env[0].Values = &runpb.EnvVar_Value{Value: "other"}
	if _, err := r.update(t, next, "template"); err == nil || !strings.Contains(err.Error(), "already exists") {
		t.Errorf("a revision changed under its name: %v", err)
	}
	if _, err := r.revs.DeleteRevision(t.Context(), &runpb.DeleteRevisionRequest{Name: s.GetName() + "/revisions/canary-blue"}); err == nil {
		t.Error("a revision in use was deleted")
	}

	next = withoutEtag(s)
	next.Traffic = next.Traffic[1:]
	next.Traffic[0] = &runpb.TrafficTarget{Type: pinned, Revision: "canary-green", Percent: 100}
	if s, err = r.update(t, next, "traffic"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the tag's door is shut", func() bool { code, _ := fetch(t, tagged.GetUri(), nil); return code == 0 })
	op, err := r.revs.DeleteRevision(t.Context(), &runpb.DeleteRevisionRequest{Name: s.GetName() + "/revisions/canary-blue"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := op.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestManualScalingToZeroStopsTheRuntime(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s := r.mustCreate(t, "halt", r.service())
	a := call(t, s.GetUri())
	next := withoutEtag(s)
	next.Scaling = &runpb.ServiceScaling{ScalingMode: runpb.ServiceScaling_MANUAL, ManualInstanceCount: proto.Int32(0)}
	s, err := r.update(t, next, "scaling")
	if err != nil {
		t.Fatal(err)
	}
	if s.GetScaling().ManualInstanceCount == nil || s.GetScaling().GetScalingMode() != runpb.ServiceScaling_MANUAL {
		t.Errorf("not visible: %v", s.GetScaling())
	}
	eventually(t, "the process ends", func() bool { return !running(a.PID) })
	if code, _ := fetch(t, s.GetUri(), nil); code != http.StatusServiceUnavailable {
		t.Errorf("answers %d", code)
	}
	next = withoutEtag(s)
	next.Scaling = nil
	if s, err = r.update(t, next, "scaling"); err != nil {
		t.Fatal(err)
	}
	call(t, s.GetUri())
}

func TestStateSurvivesARestart(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	want := r.service("COLOR=blue")
	want.Traffic = []*runpb.TrafficTarget{{Type: runpb.TrafficTargetAllocationType_TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST, Percent: 100, Tag: "now"}}
	s := r.mustCreate(t, "again", want)
	before := call(t, s.GetUri())
	if err := r.face.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if running(before.PID) {
		t.Error("the process outlives the face")
	}
	r.start(t)
	got := r.get(t, "again")
	if !proto.Equal(got, s) {
		t.Errorf("changed over a restart:\n%v\n%v", s, got)
	}
	for _, uri := range []string{got.GetUri(), got.GetTrafficStatuses()[0].GetUri()} {
		if a := call(t, uri); a.Color != "blue" || a.PID == before.PID {
			t.Errorf("%s: %v", uri, a)
		}
	}
	if err := filepath.WalkDir(r.dir, func(path string, _ fs.DirEntry, err error) error {
		if strings.HasSuffix(path, ".pid") && strings.Contains(path, "again") {
			return err
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}
