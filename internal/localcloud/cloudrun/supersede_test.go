package cloudrun

import (
	"strings"
	"testing"

	"cloud.google.com/go/run/apiv2/runpb"
)

// TestLaterChangeSupersedes fixes forward while a rollout still waits for a candidate that will
// never answer: nobody has to sit through its four minutes.
func TestLaterChangeSupersedes(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s := r.mustCreate(t, "hasty", r.service("COLOR=blue"))
	stuck := withoutEtag(s)
	c := stuck.Template.Containers[0]
	c.Env = r.service("COLOR=stuck", "APP_SICK=1").Template.Containers[0].Env
	c.StartupProbe = &runpb.Probe{PeriodSeconds: 240, TimeoutSeconds: 1, FailureThreshold: 1, ProbeType: &runpb.Probe_HttpGet{HttpGet: &runpb.HTTPGetAction{Path: "/healthz"}}}
	slow, err := r.services.UpdateService(t.Context(), &runpb.UpdateServiceRequest{Service: stuck})
	if err != nil {
		t.Fatal(err)
	}
	if now := r.get(t, "hasty"); !now.GetReconciling() || now.GetTerminalCondition().GetState() != runpb.Condition_CONDITION_RECONCILING {
		t.Errorf("while rolling out: %v", now.GetTerminalCondition())
	}
	fixed := withoutEtag(s)
	fixed.Template.Containers[0].Env = r.service("COLOR=green").Template.Containers[0].Env
	got, err := r.update(t, fixed)
	if err != nil {
		t.Fatal(err)
	}
	if a := call(t, got.GetUri()); a.Color != "green" || got.GetReconciling() {
		t.Errorf("serves %q", a.Color)
	}
	if _, err := slow.Wait(t.Context()); err == nil || !strings.Contains(err.Error(), "superseded") {
		t.Errorf("the first change ends with %v", err)
	}
	eventually(t, "only green runs", func() bool {
		r.face.mu.Lock()
		defer r.face.mu.Unlock()
		return len(r.face.services[s.GetName()].pools) == 1
	})
	for range 3 { // deleted while it rolls out, too
		if _, err := r.services.UpdateService(t.Context(), &runpb.UpdateServiceRequest{Service: stuck}); err != nil {
			t.Fatal(err)
		}
	}
	op, err := r.services.DeleteService(t.Context(), &runpb.DeleteServiceRequest{Name: s.GetName()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := op.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
}
