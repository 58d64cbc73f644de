package cloudrun

import (
	"encoding/json"
	"testing"
)

// TestKnativeSaysAll shows a service in v1's words, and reads them back into one that has never been seen: nothing that
// those words have is lost, and what they leave out is taken away.
func TestKnativeSaysAll(t *testing.T) {
	spec, _, err := parseService([]byte(`{
	 "scaling":{"minInstanceCount":1,"maxInstanceCount":4},"invokerIamDisabled":true,
	 "template":{"scaling":{"minInstanceCount":2,"maxInstanceCount":3},"maxInstanceRequestConcurrency":7,"timeout":"60s","sessionAffinity":true,
	  "vpcAccess":{"egress":"ALL_TRAFFIC","networkInterfaces":[{"network":"default","subnetwork":"apps","tags":["sync"]}]},
	  "containers":[{"image":"i","env":[{"name":"A","value":"b"},{"name":"S","valueSource":{"secretKeyRef":{"secret":"s","version":"3"}}}],
	   "resources":{"limits":{"cpu":"1","memory":"512Mi"},"cpuIdle":true},
	   "readinessProbe":{"httpGet":{"path":"/readyz"},"periodSeconds":1}}]}}`))
	if err != nil {
		t.Fatal(err)
	}
	fillService(spec, project)
	show := func(s *service) *knativeObject {
		t.Helper()
		f := &Face{}
		body, err := json.Marshal(f.knative(s))
		if err != nil {
			t.Fatal(err)
		}
		o := &knativeObject{}
		if err := decode(body, o); err != nil {
			t.Fatal(err)
		}
		return o
	}
	s := &service{Project: project, Location: region, ID: "all", Spec: spec}
	s.init()
	again, err := show(s).apply(tree{})
	if err != nil {
		t.Fatal(err)
	}
	fillService(again, project)
	if !same(again, spec) {
		t.Errorf("was  %v\nnow  %v", spec, again)
	}

	less := clone(spec)
	remove(less, "scaling")
	remove(less, "template.vpcAccess")
	s.Spec = less
	now, err := show(s).apply(spec)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{"scaling", "template.vpcAccess"} {
		if v, ok := lookup(now, p); ok {
			t.Errorf("%s is still %v", p, v)
		}
	}
}
