package cloudrun

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/gapi"
)

var (
	serviceName  = regexp.MustCompile(`^[a-z]([-a-z0-9]{0,47}[a-z0-9])?$`)
	revisionName = regexp.MustCompile(`^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$`)
	tagName      = regexp.MustCompile(`^[a-z]([-a-z0-9]{0,44}[a-z0-9])?$`)
	labelKey     = regexp.MustCompile(`^[\p{Ll}\p{Lo}][\p{Ll}\p{Lo}\p{N}_-]{0,62}$`)
	labelValue   = regexp.MustCompile(`^[\p{Ll}\p{Lo}\p{N}_-]{0,63}$`)
	secretName   = regexp.MustCompile(`^(projects/[a-z0-9:.-]+/secrets/)?[A-Za-z0-9_-]{1,255}$`)
	secretNumber = regexp.MustCompile(`^(latest|[1-9][0-9]*)$`)
	systemPrefix = regexp.MustCompile(`(^|\.)((run|cloud)\.googleapis\.com|(serving|autoscaling)\.knative\.dev)/`)
	reservedEnv  = []string{"PORT", "K_SERVICE", "K_REVISION", "K_CONFIGURATION"}
)

// checkService refuses what Cloud Run refuses, before anything is stored.
func checkService(id string, spec tree) error {
	if !serviceName.MatchString(id) {
		return gapi.Invalid("service_id %q: up to 49 lower-case letters, digits and hyphens, starting with a letter", id)
	}
	s := view(spec, &runpb.Service{})
	if err := checkMetadata("labels", s.GetLabels(), s.GetAnnotations()); err != nil {
		return err
	}
	if s.GetTemplate() == nil {
		return gapi.Invalid("service.template: the field is required")
	}
	if n := s.GetScaling(); n.GetMinInstanceCount() < 0 || n.GetMaxInstanceCount() < 0 || n.GetManualInstanceCount() < 0 {
		return gapi.Invalid("service.scaling: instance counts cannot be negative")
	}
	manual := s.GetScaling().GetScalingMode() == runpb.ServiceScaling_MANUAL
	if !manual && s.GetScaling() != nil && s.Scaling.ManualInstanceCount != nil {
		return gapi.Invalid("service.scaling.manual_instance_count: can be set only when scaling_mode is MANUAL")
	}
	if n := s.GetScaling(); n.GetMaxInstanceCount() > 0 && n.GetMinInstanceCount() > n.GetMaxInstanceCount() {
		return gapi.Invalid("service.scaling: min_instance_count %d is above max_instance_count %d", n.GetMinInstanceCount(), n.GetMaxInstanceCount())
	}
	if err := checkTraffic(id, s.GetTraffic()); err != nil {
		return err
	}
	if err := checkUtilization(spec["template"].(tree)); err != nil {
		return err
	}
	return checkTemplate(id, s.GetTemplate())
}

func checkMetadata(where string, labels, annotations map[string]string) error {
	for k, v := range labels {
		if systemPrefix.MatchString(k) {
			return gapi.Invalid("%s: the namespace of %q is reserved for the system", where, k)
		}
		if !labelKey.MatchString(k) || !labelValue.MatchString(v) {
			return gapi.Invalid("%s: %q: keys and values are up to 63 lower-case letters, digits, underscores and hyphens, keys starting with a letter", where, k)
		}
	}
	if len(labels) > 64 {
		return gapi.Invalid("%s: more than 64 labels", where)
	}
	for k := range annotations {
		if systemPrefix.MatchString(k) {
			return gapi.Invalid("annotations: the namespace of %q is reserved for the system; the v2 API has fields for these settings", k)
		}
	}
	return nil
}

func checkTraffic(id string, targets []*runpb.TrafficTarget) error {
	sum, tags := int32(0), map[string]bool{}
	for i, t := range targets {
		sum += t.GetPercent()
		switch {
		case t.GetPercent() < 0 || t.GetPercent() > 100:
			return gapi.Invalid("service.traffic[%d].percent: %d is not within 0 and 100", i, t.GetPercent())
		case t.GetType() == runpb.TrafficTargetAllocationType_TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST && t.GetRevision() != "":
			return gapi.Invalid("service.traffic[%d].revision: must be empty when the type is LATEST", i)
		case t.GetType() == runpb.TrafficTargetAllocationType_TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION && !strings.HasPrefix(t.GetRevision(), id+"-"):
			return gapi.Invalid("service.traffic[%d].revision: %q is not a revision of %q (a short name, starting with the service's)", i, t.GetRevision(), id)
		case t.GetTag() != "" && !tagName.MatchString(t.GetTag()):
			return gapi.Invalid("service.traffic[%d].tag: %q: up to 46 lower-case letters, digits and hyphens, starting with a letter", i, t.GetTag())
		case t.GetTag() != "" && len(t.GetTag())+len(id) > 46:
			return gapi.Invalid("service.traffic[%d].tag: traffic tag '%s' and service name '%s' together are too long: they cannot exceed 46 characters", i, t.GetTag(), id)
		case t.GetTag() != "" && tags[t.GetTag()]:
			return gapi.Invalid("service.traffic[%d].tag: %q is used more than once", i, t.GetTag())
		}
		tags[t.GetTag()] = true
	}
	if sum != 100 {
		return gapi.Invalid("service.traffic: percents sum to %d, they must sum to 100", sum)
	}
	return nil
}

func checkTemplate(id string, t *runpb.RevisionTemplate) error {
	if err := checkMetadata("template.labels", t.GetLabels(), t.GetAnnotations()); err != nil {
		return err
	}
	scaling := t.GetScaling()
	timeout := t.GetTimeout().AsDuration().Seconds()
	switch name := t.GetRevision(); {
	case name != "" && (!strings.HasPrefix(name, id+"-") || !revisionName.MatchString(name)):
		return gapi.Invalid("template.revision: %q must start with %q and be up to 63 lower-case letters, digits and hyphens", name, id+"-")
	case scaling.GetMinInstanceCount() < 0 || scaling.GetMaxInstanceCount() < 0:
		return gapi.Invalid("template.scaling: instance counts cannot be negative")
	case scaling.GetMaxInstanceCount() > 0 && scaling.GetMinInstanceCount() > scaling.GetMaxInstanceCount():
		return gapi.Invalid("template.scaling: min_instance_count %d is above max_instance_count %d", scaling.GetMinInstanceCount(), scaling.GetMaxInstanceCount())
	case t.GetMaxInstanceRequestConcurrency() < 1 || t.GetMaxInstanceRequestConcurrency() > 1000:
		return gapi.Invalid("template.max_instance_request_concurrency: %d is not within 1 and 1000", t.GetMaxInstanceRequestConcurrency())
	case timeout < 1 || timeout > 3600:
		return gapi.Invalid("template.timeout: %gs is not within 1s and 3600s", timeout)
	case len(t.GetContainers()) == 0:
		return gapi.Invalid("template.containers: at least one container is required")
	}
	ingress := 0
	for i, c := range t.GetContainers() {
		if err := checkContainer(c); err != nil {
			return gapi.Invalid("template.containers[%d].%v", i, err)
		}
		if len(c.GetPorts()) > 0 {
			ingress++
		}
		if milli, err := milliCPU(c.GetResources().GetLimits()["cpu"]); err == nil && milli < 1000 && t.GetMaxInstanceRequestConcurrency() > 1 {
			return gapi.Invalid("template.max_instance_request_concurrency: with less than 1 CPU it must be 1, not %d", t.GetMaxInstanceRequestConcurrency())
		}
	}
	if ingress != 1 {
		return gapi.Invalid("template.containers: exactly one container must have ports, %d have", ingress)
	}
	if len(t.GetContainers()) > 1 {
		return unimplemented("template.containers: the local cloud runs one container per revision, no sidecars")
	}
	if err := checkVPC(t.GetVpcAccess()); err != nil {
		return gapi.Invalid("template.%v", err)
	}
	for _, v := range t.GetVolumes() {
		if v.GetEmptyDir() == nil && v.GetCloudSqlInstance() == nil {
			return unimplemented("template.volumes: the local cloud mounts no volume (%q)", v.GetName())
		}
	}
	return nil
}

// checkVPC checks the form of what is only shown: local processes are in no VPC.
func checkVPC(v *runpb.VpcAccess) error {
	nics := v.GetNetworkInterfaces()
	switch {
	case v.GetConnector() != "" && len(nics) > 0:
		return errors.New("vpc_access: connector and network_interfaces exclude each other")
	case len(nics) > 1:
		return fmt.Errorf("vpc_access.network_interfaces: only one is supported, not %d", len(nics))
	case v != nil && v.GetConnector() == "" && len(nics) == 0 && v.GetEgress() != runpb.VpcAccess_VPC_EGRESS_UNSPECIFIED:
		return errors.New("vpc_access.egress: means nothing without a connector or network_interfaces")
	}
	for _, n := range nics {
		if n.GetNetwork() == "" && n.GetSubnetwork() == "" {
			return errors.New("vpc_access.network_interfaces: network or subnetwork is required")
		}
	}
	return nil
}

func checkContainer(c *runpb.Container) error {
	if c.GetImage() == "" {
		return errors.New("image: the field is required")
	}
	if len(c.GetPorts()) > 1 {
		return errors.New("ports: only one port can be specified")
	}
	for _, p := range c.GetPorts() {
		if p.GetContainerPort() < 1 || p.GetContainerPort() > 65535 {
			return fmt.Errorf("ports: %d is not a port", p.GetContainerPort())
		}
		if p.GetName() != "http1" && p.GetName() != "h2c" {
			return fmt.Errorf("ports: name %q must be http1 or h2c", p.GetName())
		}
	}
	seen := map[string]bool{}
	for _, e := range c.GetEnv() {
		switch {
		case e.GetName() == "" || strings.ContainsAny(e.GetName(), "=\x00"):
			return errors.New("env: a variable has no proper name")
		case slices.Contains(reservedEnv, e.GetName()):
			return fmt.Errorf("env: the following reserved env names were provided: %s. These values are automatically set by the system", e.GetName())
		case seen[e.GetName()]:
			return fmt.Errorf("env: %q is set more than once", e.GetName())
		case strings.ContainsRune(e.GetValue(), 0):
			return fmt.Errorf("env: the value of %q holds a NUL byte", e.GetName())
		}
		seen[e.GetName()] = true
		if src := e.GetValueSource(); src != nil {
			ref := src.GetSecretKeyRef()
			if ref == nil || !secretName.MatchString(ref.GetSecret()) {
				return fmt.Errorf("env[%s].value_source.secret_key_ref.secret: must be {secret} or projects/{project}/secrets/{secret}", e.GetName())
			}
			if v := ref.GetVersion(); v != "" && !secretNumber.MatchString(v) {
				return fmt.Errorf("env[%s].value_source.secret_key_ref.version: %q must be 'latest' or a number", e.GetName(), v)
			}
		}
	}
	return errors.Join(checkProbe("startup_probe", c.GetStartupProbe()), checkProbe("liveness_probe", c.GetLivenessProbe()), checkProbe("readiness_probe", c.GetReadinessProbe()), checkResources(c.GetResources()))
}

func checkProbe(what string, p *runpb.Probe) error {
	most := int32(3600)
	if what == "startup_probe" {
		most = 240
	}
	switch {
	case p == nil:
		return nil
	case p.GetTimeoutSeconds() < 1 || p.GetTimeoutSeconds() > most, p.GetPeriodSeconds() < 1 || p.GetPeriodSeconds() > most,
		p.GetFailureThreshold() < 1, p.GetInitialDelaySeconds() < 0 || p.GetInitialDelaySeconds() > most:
		return fmt.Errorf("%s: period and timeout must be within 1 and %d seconds, failure_threshold at least 1, initial_delay within 0 and %[2]d seconds", what, most)
	case p.GetTimeoutSeconds() > p.GetPeriodSeconds():
		return fmt.Errorf("%s: timeout_seconds %d is above period_seconds %d", what, p.GetTimeoutSeconds(), p.GetPeriodSeconds())
	case p.GetProbeType() == nil:
		return fmt.Errorf("%s: one of http_get, tcp_socket and grpc is required", what)
	case what != "startup_probe" && p.GetTcpSocket() != nil:
		return fmt.Errorf("%s: tcp_socket is not supported", what)
	case what == "readiness_probe" && p.GetInitialDelaySeconds() > 0:
		return errors.New("readiness_probe: initial_delay_seconds is not supported: it begins when the startup probe has passed")
	case p.GetHttpGet() != nil && !strings.HasPrefix(p.GetHttpGet().GetPath(), "/"):
		return fmt.Errorf("%s.http_get.path: must start with /", what)
	}
	return nil
}

// checkResources knows Cloud Run's pairs of CPU and memory.
func checkResources(r *runpb.ResourceRequirements) error {
	cpu, memory := r.GetLimits()["cpu"], r.GetLimits()["memory"]
	if cpu == "" {
		cpu = "1"
	}
	milli, err := milliCPU(cpu)
	if err != nil || milli < 80 || milli > 1000 && !slices.Contains([]int64{2000, 4000, 6000, 8000}, milli) {
		return fmt.Errorf("resources.limits.cpu: %q must be 1, 2, 4, 6, 8 or between 0.08 and 1", cpu)
	}
	if memory == "" {
		return nil
	}
	bytes, err := memoryBytes(memory)
	const mi, gi = int64(1) << 20, int64(1) << 30
	if err != nil || bytes < 128*mi || bytes > 32*gi {
		return fmt.Errorf("resources.limits.memory: %q must be between 128Mi and 32Gi", memory)
	}
	for _, rule := range []struct{ above, cpu int64 }{{24 * gi, 8000}, {16 * gi, 6000}, {8 * gi, 4000}, {4 * gi, 2000}, {gi, 1000}, {512 * mi, 500}} {
		if bytes > rule.above && milli < rule.cpu {
			return fmt.Errorf("resources.limits: memory %s needs at least %g CPU, not %s", memory, float64(rule.cpu)/1000, cpu)
		}
	}
	for _, rule := range []struct{ cpu, memory int64 }{{6000, 4 * gi}, {4000, 2 * gi}} {
		if milli >= rule.cpu && bytes < rule.memory {
			return fmt.Errorf("resources.limits: %s CPU need at least %dGi of memory, not %s", cpu, rule.memory/gi, memory)
		}
	}
	return nil
}

func milliCPU(s string) (int64, error) {
	if m, ok := strings.CutSuffix(s, "m"); ok {
		return strconv.ParseInt(m, 10, 64)
	}
	f, err := strconv.ParseFloat(s, 64)
	return int64(f*1000 + 0.5), err
}

func memoryBytes(s string) (int64, error) {
	for _, u := range []struct {
		suffix string
		size   float64
	}{{"Ki", 1 << 10}, {"Mi", 1 << 20}, {"Gi", 1 << 30}, {"k", 1e3}, {"M", 1e6}, {"G", 1e9}, {"", 1}} {
		if n, ok := strings.CutSuffix(s, u.suffix); ok {
			f, err := strconv.ParseFloat(n, 64)
			return int64(f * u.size), err
		}
	}
	return 0, errors.New("no size")
}

func unimplemented(format string, args ...any) error {
	return gapi.Errorf(501, "UNIMPLEMENTED", "notImplemented", format, args...)
}
