// Package cloudrun is a thin client of the Cloud Run Admin API: what a runtime's service needs.
//
// It uses the REST client, which has every field; writes carry an update mask and an etag, so that what
// somebody else set on the service stays, and what they set meanwhile is not overwritten unseen.
package cloudrun

import (
	"maps"
	"slices"
	"strings"

	"google.golang.org/api/run/v2"

	"github.com/feel-august/terraform-provider-august/internal/gcp/secrets"
)

// Labels that mark a service as made by the provider. Adopting one that exists already depends on them.
const (
	labelManager  = "managed-by"
	labelKind     = "august-resource"
	manager       = "terraform-provider-august"
	kind          = "sync-runtime"
	systemLabels  = "goog-"
	googleSystems = "googleapis.com/"
)

// Values of Spec.Ingress.
const (
	IngressAll          = "INGRESS_TRAFFIC_ALL"
	IngressInternal     = "INGRESS_TRAFFIC_INTERNAL_ONLY"
	IngressLoadBalancer = "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER"
)

const (
	automatic = "AUTOMATIC"
	manual    = "MANUAL"
	latest    = "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST"
	named     = "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION"
	port      = 8080
)

// Spec is what a service is to be: all that the provider sets, and nothing that it leaves to others.
type Spec struct {
	Project, Location, Name string

	Image          string
	ServiceAccount string
	Env            []Env
	CPU, Memory    string
	Concurrency    int64
	Timeout        string // seconds with an s behind, as the API has it
	Min, Max       int64
	Public         bool
	Ingress        string
	Labels         map[string]string
	Audience       string
	Authorized     bool // the project's Binary Authorization policy decides whether the image may run

	// In percent; 0 is left as it is, Unset takes it away.
	CPUUtilization, ConcurrencyUtilization int64
	// Network is left as it is when nil.
	Network *Network
}

// Env is an environment variable: a value, or a reference to a secret.
type Env struct {
	Name   string
	Value  string
	Secret *secrets.Ref
}

// Path is the service's resource name.
func (s Spec) Path() string { return Path(s.Project, s.Location, s.Name) }

// Path is a service's resource name.
func Path(project, location, name string) string {
	return parent(project, location) + "/services/" + name
}

func parent(project, location string) string { return "projects/" + project + "/locations/" + location }

// Observe is what a service is, in the terms of a Spec.
func Observe(project, location, name string, live *run.GoogleCloudRunV2Service) Spec {
	s := Spec{
		Project: project, Location: location, Name: name,
		Public: live.InvokerIamDisabled, Ingress: live.Ingress, Labels: map[string]string{},
		Authorized: authorized(live.BinaryAuthorization),
	}
	for key, value := range live.Labels {
		if key != labelManager && key != labelKind && !strings.HasPrefix(key, systemLabels) && !strings.Contains(key, googleSystems) {
			s.Labels[key] = value
		}
	}
	if live.Scaling != nil {
		s.Min, s.Max = live.Scaling.MinInstanceCount, live.Scaling.MaxInstanceCount
	}
	if len(live.CustomAudiences) > 0 {
		s.Audience = live.CustomAudiences[0]
	}
	t := live.Template
	if t == nil {
		return s
	}
	s.Network = observeNetwork(t.VpcAccess)
	if t.Scaling != nil {
		s.CPUUtilization, s.ConcurrencyUtilization = percent(t.Scaling.CpuUtilization), percent(t.Scaling.ConcurrencyUtilization)
	}
	s.ServiceAccount, s.Timeout, s.Concurrency = t.ServiceAccount, t.Timeout, t.MaxInstanceRequestConcurrency
	if c := container(t); c != nil {
		s.Image = c.Image
		if c.Resources != nil {
			s.CPU, s.Memory = wholeCPU(c.Resources.Limits["cpu"]), c.Resources.Limits["memory"]
		}
		for _, e := range c.Env {
			s.Env = append(s.Env, observeEnv(e, project))
		}
	}
	return s
}

// wholeCPU writes thousandths of a processor as whole ones, where they are.
func wholeCPU(limit string) string {
	if whole, ok := strings.CutSuffix(limit, "000m"); ok {
		return whole
	}
	return limit
}

func observeEnv(e *run.GoogleCloudRunV2EnvVar, project string) Env {
	if e.ValueSource == nil || e.ValueSource.SecretKeyRef == nil {
		return Env{Name: e.Name, Value: e.Value}
	}
	key := e.ValueSource.SecretKeyRef
	ref, err := secrets.Parse(key.Secret, project)
	if err != nil {
		return Env{Name: e.Name}
	}
	if key.Version != "" {
		ref.Version = key.Version
	}
	return Env{Name: e.Name, Secret: &ref}
}

// container is the one that takes the requests; there may be others beside it.
func container(t *run.GoogleCloudRunV2RevisionTemplate) *run.GoogleCloudRunV2Container {
	for _, c := range t.Containers {
		if len(c.Ports) > 0 {
			return c
		}
	}
	if len(t.Containers) > 0 {
		return t.Containers[0]
	}
	return nil
}

// Managed says that the provider made the service.
func Managed(live *run.GoogleCloudRunV2Service) bool {
	return live.Labels[labelManager] == manager && live.Labels[labelKind] == kind
}

func sortedEnv(env []Env) []Env {
	return slices.SortedFunc(slices.Values(env), func(a, b Env) int { return strings.Compare(a.Name, b.Name) })
}

func (s Spec) labels() map[string]string {
	all := maps.Clone(s.Labels)
	if all == nil {
		all = map[string]string{}
	}
	all[labelManager], all[labelKind] = manager, kind
	return all
}
