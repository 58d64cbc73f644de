package cloudrun

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/protobuf/proto"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/cloudrun/runner"
)

// again starts the rig's face anew, with other times.
func (r *rig) again(t *testing.T, window, idleAfter, queueWait time.Duration) {
	t.Helper()
	if err := r.face.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.window, r.idleAfter, r.queueWait = window, idleAfter, queueWait
	r.start(t)
}

// idleRig lets instances go that are not needed. Its requests wait for places much shorter than any start takes: as
// long as an instance is on its way, that does not count.
func idleRig(t *testing.T) *rig {
	t.Helper()
	r := newRig(t)
	r.again(t, r.window, 100*time.Millisecond, 10*time.Millisecond)
	return r
}

// TestFullInstanceGetsASecond at once: nobody waits for the next look at the load.
func TestFullInstanceGetsASecond(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.again(t, time.Hour, time.Hour, time.Minute)
	want := r.service()
	want.Template.MaxInstanceRequestConcurrency = 1
	s := r.mustCreate(t, "full", want)
	first, leave := r.open(t, s.GetUri())
	defer leave()
	second, leave := r.open(t, s.GetUri()) // the first instance has no place for it
	defer leave()
	if first == second {
		t.Error("one instance has two requests and one place")
	}
}

// TestUnneededInstancesGo down to none, and the next request waits for a cold start.
func TestUnneededInstancesGo(t *testing.T) {
	t.Parallel()
	r := idleRig(t)
	want := r.service("APP_STARTS_FOR=1s") // ten times as long as an instance is kept that nobody asks for
	want.Template.MaxInstanceRequestConcurrency = 1
	s := r.mustCreate(t, "busy", want)
	_, first := r.open(t, s.GetUri())
	_, second := r.open(t, s.GetUri())
	first()
	second()
	eventually(t, "all instances go", func() bool { return r.instances("busy", s.GetLatestReadyRevision()) == 0 })
	if l := r.face.Report()[0]; l.State != "READY" || !strings.HasSuffix(l.Detail, "0 running") {
		t.Errorf("scaled to zero: %+v", l)
	}
	call(t, s.GetUri()) // waits for a cold start
}

// TestBusyInstanceGetsASecond starts one where there is room yet, but more in use than is meant to be.
func TestBusyInstanceGetsASecond(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	want := r.service()
	want.Template.MaxInstanceRequestConcurrency = 5
	s := r.mustCreate(t, "used", want)
	for range 4 { // 80 % of one, 40 % of two
		_, leave := r.open(t, s.GetUri())
		defer leave()
	}
	eventually(t, "a second instance", func() bool { return r.instances("used", s.GetLatestReadyRevision()) == 2 })
}

// TestCPUStartsASecond keeps one request in hand that uses all the CPU there is. The limit is low, so
// that a crowded machine gives enough of it.
func TestCPUStartsASecond(t *testing.T) {
	t.Parallel()
	r := idleRig(t)
	body := `{"invokerIamDisabled":true,"template":{"scaling":{"cpuUtilization":0.5,"concurrencyUtilization":0},"maxInstanceRequestConcurrency":1,
	  "containers":[{"image":"` + r.image + `","resources":{"limits":{"cpu":"80m","memory":"512Mi"}}}]}}`
	_, op := r.raw(t, "POST", "/v2/"+parent+"/services?serviceId=hot", body)
	if op = r.settle(t, op); op["error"] != nil {
		t.Fatal(op)
	}
	s := r.get(t, "hot")
	ended := make(chan struct{})
	leave := r.burn(t, s.GetUri(), ended)
	eventually(t, "a second instance", func() bool { return r.instances("hot", s.GetLatestReadyRevision()) >= 2 })
	leave()
	<-ended
	eventually(t, "all instances go", func() bool { return r.instances("hot", s.GetLatestReadyRevision()) == 0 })
}

// TestServiceMinimumFollowsTraffic divides it by share; what only a tag leads to starts when it is asked.
func TestServiceMinimumFollowsTraffic(t *testing.T) {
	t.Parallel()
	r := idleRig(t)
	first := r.service("COLOR=blue")
	first.Template.Revision = "split-blue"
	first.Scaling = &runpb.ServiceScaling{MinInstanceCount: 2}
	s := r.mustCreate(t, "split", first)
	eventually(t, "the minimum runs", func() bool { return r.instances("split", "split-blue") == 2 })
	next := withoutEtag(s)
	next.Template.Revision = "split-green"
	next.Template.Containers[0].Env = r.service("COLOR=green").Template.Containers[0].Env
	pinned := runpb.TrafficTargetAllocationType_TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION
	next.Traffic = []*runpb.TrafficTarget{{Type: pinned, Revision: "split-blue", Percent: 100}, {Type: pinned, Revision: "split-green", Tag: "candidate"}}
	s, err := r.update(t, next, "template", "traffic")
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the candidate goes", func() bool { return r.instances("split", "split-green") == 0 })
	if a := call(t, s.GetTrafficStatuses()[1].GetUri()); a.Color != "green" {
		t.Errorf("the tag leads to %q", a.Color)
	}
	next = withoutEtag(s)
	next.Traffic[0].Percent, next.Traffic[1].Percent = 50, 50
	if _, err = r.update(t, next, "traffic"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "each has one", func() bool {
		return r.instances("split", "split-blue") == 1 && r.instances("split", "split-green") == 1
	})
	rev, err := r.revs.GetRevision(t.Context(), &runpb.GetRevisionRequest{Name: s.GetName() + "/revisions/split-green"})
	if err != nil || rev.GetScalingStatus().GetDesiredMinInstanceCount() != 1 {
		t.Errorf("%v %v", rev.GetScalingStatus(), err)
	}
}

func TestBounds(t *testing.T) {
	type counts = runpb.ServiceScaling
	manual := runpb.ServiceScaling_MANUAL
	for name, c := range map[string]struct {
		whole    *counts
		own      *runpb.RevisionScaling
		percent  int
		min, max int
	}{
		"by itself":                    {nil, nil, 100, 0, localMax},
		"of its own":                   {nil, &runpb.RevisionScaling{MinInstanceCount: 2, MaxInstanceCount: 3}, 0, 2, 3},
		"asks for more than fits here": {nil, &runpb.RevisionScaling{MinInstanceCount: localMax + 1}, 0, localMax + 1, localMax + 1},
		"a third":                      {&counts{MinInstanceCount: 2, MaxInstanceCount: 4}, nil, 34, 1, 2},
		"the greater minimum":          {&counts{MinInstanceCount: 4}, &runpb.RevisionScaling{MinInstanceCount: 1}, 50, 2, localMax},
		"a tag only":                   {&counts{MinInstanceCount: 2, MaxInstanceCount: 4}, nil, 0, 0, 1},
		"manual":                       {&counts{ScalingMode: manual, ManualInstanceCount: proto.Int32(3)}, nil, 50, 2, 2},
		"manual, a tag only":           {&counts{ScalingMode: manual, ManualInstanceCount: proto.Int32(3)}, nil, 0, 0, 1},
		"stopped":                      {&counts{ScalingMode: manual, ManualInstanceCount: proto.Int32(0)}, &runpb.RevisionScaling{MinInstanceCount: 1}, 100, 0, 0},
	} {
		spec, err := canonical(&runpb.Service{Scaling: c.whole, Template: &runpb.RevisionTemplate{Scaling: c.own, Containers: []*runpb.Container{{Image: "i"}}}})
		if err != nil {
			t.Fatal(err)
		}
		fillService(spec, project)
		s := &service{Spec: spec}
		if b := s.bounds(&revision{Template: s.template()}, c.percent); b != (runner.Bounds{Min: c.min, Max: c.max}) {
			t.Errorf("%s: %+v, want %d to %d", name, b, c.min, c.max)
		}
	}
}

// TestUnreadyInstanceRests gets no request while its readiness probe fails, and goes on as it is
// afterwards.
func TestUnreadyInstanceRests(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.again(t, r.window, time.Hour, time.Minute)
	sick := filepath.Join(filepath.Dir(r.dir), "sick")
	want := r.service("APP_SICK_FILE=" + sick)
	want.Template.Scaling = &runpb.RevisionScaling{MinInstanceCount: 2, MaxInstanceCount: 2}
	want.Template.Containers[0].ReadinessProbe = &runpb.Probe{PeriodSeconds: 1, FailureThreshold: 1,
		ProbeType: &runpb.Probe_HttpGet{HttpGet: &runpb.HTTPGetAction{Path: "/healthz"}}}
	s := r.mustCreate(t, "ready", want)
	if p := s.GetTemplate().GetContainers()[0].GetReadinessProbe(); p.GetTimeoutSeconds() != 1 || p.GetHttpGet().GetPort() != 8080 {
		t.Errorf("shown as %v", p)
	}
	answering := func() map[int]bool { // some at a time, so that each instance that takes requests gets one
		pids := map[int]bool{}
		for range 4 {
			pid, leave := r.open(t, s.GetUri())
			defer leave()
			pids[pid] = true
		}
		return pids
	}
	eventually(t, "both answer", func() bool { return len(answering()) == 2 })
	rests, leave := r.open(t, s.GetUri())
	leave()
	file := fmt.Sprintf("%s.%d", sick, rests)
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	eventually(t, "only the other one answers", func() bool { return !answering()[rests] })
	if !running(rests) {
		t.Error("an unready instance was ended")
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it answers again", func() bool { return answering()[rests] })
}
