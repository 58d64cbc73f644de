package cloudrun

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/api/run/v2"
)

// merge is the service as it is with the spec written over it, the fields that this changes, and what is
// changed, in words. Labels in drop go away. Everything that the spec says nothing about stays as somebody
// else made it: other labels, annotations, network, volumes, containers beside ours. Where traffic goes is no matter of
// the spec: a Rollout moves it.
func (s Spec) merge(live *run.GoogleCloudRunV2Service, drop []string) (next *run.GoogleCloudRunV2Service, mask, words []string, err error) {
	next = &run.GoogleCloudRunV2Service{}
	if err := copyTo(next, live); err != nil {
		return nil, nil, nil, err
	}
	m := merger{}

	labels := map[string]string{}
	for key, value := range next.Labels {
		if !slices.Contains(drop, key) {
			labels[key] = value
		}
	}
	for key, value := range s.labels() {
		labels[key] = value
	}
	set(&m, "labels", "labels", &next.Labels, labels)
	set(&m, "ingress", "ingress", &next.Ingress, s.Ingress)
	set(&m, "invokerIamDisabled", "who may call", &next.InvokerIamDisabled, s.Public)
	set(&m, "customAudiences", "custom audiences", &next.CustomAudiences, []string{s.Audience})
	if authorized(next.BinaryAuthorization) != s.Authorized { // a policy of the service's own is somebody else's matter
		m.note("binaryAuthorization", "Binary Authorization")
		next.BinaryAuthorization = nil
		if s.Authorized {
			next.BinaryAuthorization = &run.GoogleCloudRunV2BinaryAuthorization{UseDefault: true}
		}
	}
	next.Scaling = m.scaling(next.Scaling, s)

	if next.Template == nil {
		next.Template = &run.GoogleCloudRunV2RevisionTemplate{}
	}
	m.template(next.Template, s)
	next.ForceSendFields = []string{"InvokerIamDisabled"}
	return next, m.mask, m.words, nil
}

// authorized tells that the project's policy applies to a service.
func authorized(b *run.GoogleCloudRunV2BinaryAuthorization) bool { return b != nil && b.UseDefault }

// merger keeps book of what changes.
type merger struct{ mask, words []string }

func (m *merger) note(field, what string) {
	if !slices.Contains(m.mask, field) {
		m.mask = append(m.mask, field)
	}
	if !slices.Contains(m.words, what) {
		m.words = append(m.words, what)
	}
}

// set writes a value where it differs from what is there.
func set[T any](m *merger, field, what string, to *T, value T) {
	was, err := json.Marshal(*to)
	is, err2 := json.Marshal(value)
	if err != nil || err2 != nil || !bytes.Equal(was, is) {
		m.note(field, what)
		*to = value
	}
}

func (m *merger) scaling(live *run.GoogleCloudRunV2ServiceScaling, s Spec) *run.GoogleCloudRunV2ServiceScaling {
	if live == nil {
		live = &run.GoogleCloudRunV2ServiceScaling{}
	}
	if live.ScalingMode == manual {
		what := fmt.Sprintf("scaling is manual, at %d instances", live.ManualInstanceCount)
		if live.ManualInstanceCount == 0 {
			what = "the service is stopped: scaling is manual, at no instance"
		}
		m.note("scaling", what)
	}
	if live.MinInstanceCount != s.Min || live.MaxInstanceCount != s.Max {
		m.note("scaling", "scaling")
	}
	return &run.GoogleCloudRunV2ServiceScaling{ScalingMode: automatic, MinInstanceCount: s.Min, MaxInstanceCount: s.Max}
}

func (m *merger) template(t *run.GoogleCloudRunV2RevisionTemplate, s Spec) {
	const field = "template"
	set(m, field, "service account", &t.ServiceAccount, s.ServiceAccount)
	set(m, field, "timeout", &t.Timeout, s.Timeout)
	set(m, field, "concurrency", &t.MaxInstanceRequestConcurrency, s.Concurrency)
	set(m, field, "health checks", &t.HealthCheckDisabled, false)
	c := container(t)
	if c == nil {
		c = &run.GoogleCloudRunV2Container{}
		t.Containers = []*run.GoogleCloudRunV2Container{c}
	}
	set(m, field, "image", &c.Image, s.Image)
	set(m, field, "command", &c.Command, nil)
	set(m, field, "arguments", &c.Args, nil)
	set(m, field, "port", &c.Ports, []*run.GoogleCloudRunV2ContainerPort{{Name: "http1", ContainerPort: port}})
	m.env(c, s)
	if c.Resources == nil {
		c.Resources = &run.GoogleCloudRunV2ResourceRequirements{}
	}
	if wholeCPU(c.Resources.Limits["cpu"]) != s.CPU {
		set(m, field, "cpu", &c.Resources.Limits, limits(c.Resources.Limits, "cpu", s.CPU))
	}
	set(m, field, "memory", &c.Resources.Limits, limits(c.Resources.Limits, "memory", s.Memory))
	// Schedules and the outbox work between requests, so the processor must not be taken away then.
	set(m, field, "processor between requests", &c.Resources.CpuIdle, false)
	set(m, field, "processor boost at start", &c.Resources.StartupCpuBoost, true)
	c.Resources.ForceSendFields = []string{"CpuIdle"}
	set(m, field, "start-up probe", &c.StartupProbe, probe("/readyz", 1, 1, 120))
	set(m, field, "liveness probe", &c.LivenessProbe, probe("/livez", 10, 5, 3))
	m.shape(t, s)
	t.Revision = "" // Cloud Run names the next one: a name can be given only once
}

// env compares variables by name, since their order means nothing.
func (m *merger) env(c *run.GoogleCloudRunV2Container, s Spec) {
	was := make([]Env, 0, len(c.Env))
	for _, e := range c.Env {
		was = append(was, observeEnv(e, s.Project))
	}
	differ := differing(was, s.Env)
	if len(differ) == 0 {
		return
	}
	m.note("template", "environment ("+strings.Join(differ, ", ")+")")
	c.Env = nil
	for _, e := range sortedEnv(s.Env) {
		v := &run.GoogleCloudRunV2EnvVar{Name: e.Name, Value: e.Value}
		if e.Secret != nil {
			secret := e.Secret.Name
			if e.Secret.Project != s.Project {
				secret = e.Secret.Secret()
			}
			v.ValueSource = &run.GoogleCloudRunV2EnvVarSource{
				SecretKeyRef: &run.GoogleCloudRunV2SecretKeySelector{Secret: secret, Version: e.Secret.Version},
			}
		}
		c.Env = append(c.Env, v)
	}
}

// differing is the names of the variables that are not the same in both.
func differing(a, b []Env) []string {
	inA, inB := printable(a), printable(b)
	var names []string
	for name, value := range inA {
		if other, ok := inB[name]; !ok || other != value {
			names = append(names, name)
		}
	}
	for name := range inB {
		if _, ok := inA[name]; !ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func printable(env []Env) map[string]string {
	all := map[string]string{}
	for _, e := range env {
		if all[e.Name] = "value " + e.Value; e.Secret != nil {
			all[e.Name] = "secret " + e.Secret.String()
		}
	}
	return all
}

func limits(live map[string]string, name, value string) map[string]string {
	next := map[string]string{name: value}
	for k, v := range live {
		if k != name {
			next[k] = v
		}
	}
	return next
}

func probe(path string, period, timeout, failures int64) *run.GoogleCloudRunV2Probe {
	return &run.GoogleCloudRunV2Probe{
		PeriodSeconds: period, TimeoutSeconds: timeout, FailureThreshold: failures,
		HttpGet: &run.GoogleCloudRunV2HTTPGetAction{Path: path, Port: port},
	}
}

func copyTo[T any](to, from *T) error {
	raw, err := json.Marshal(from)
	if err != nil {
		return fmt.Errorf("copy %T: %w", from, err)
	}
	return json.Unmarshal(raw, to)
}
