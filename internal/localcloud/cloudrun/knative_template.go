package cloudrun

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/gapi"
)

// Annotations by which v1 says what v2 has fields for.
const (
	noteMin        = "autoscaling.knative.dev/minScale"
	noteMax        = "autoscaling.knative.dev/maxScale"
	noteBoost      = "run.googleapis.com/startup-cpu-boost"
	noteThrottling = "run.googleapis.com/cpu-throttling"
	noteGeneration = "run.googleapis.com/execution-environment"
	noteSecrets    = "run.googleapis.com/secrets" //nolint:gosec // an annotation's name
	noteAffinity   = "run.googleapis.com/sessionAffinity"
	noteConnector  = "run.googleapis.com/vpc-access-connector"
	noteNetworks   = "run.googleapis.com/network-interfaces"
	noteEgress     = "run.googleapis.com/vpc-access-egress"
)

func decimal(n int32) string { return strconv.Itoa(int(n)) }

// knativeTemplate is a v2 template in Knative's words. Containers have the same shape in both, but
// for secrets, and for resource settings that are annotations in v1.
func knativeTemplate(template tree) tree {
	t := view(template, &runpb.RevisionTemplate{})
	notes, labels := tree{}, tree{}
	for k, v := range t.GetAnnotations() {
		notes[k] = v
	}
	for k, v := range t.GetLabels() {
		labels[k] = v
	}
	if n := t.GetScaling().GetMinInstanceCount(); n > 0 {
		notes[noteMin] = decimal(n)
	}
	if n := t.GetScaling().GetMaxInstanceCount(); n > 0 {
		notes[noteMax] = decimal(n)
	}
	if e := t.GetExecutionEnvironment().String(); strings.HasPrefix(e, "EXECUTION_ENVIRONMENT_GEN") {
		notes[noteGeneration] = strings.ToLower(strings.TrimPrefix(e, "EXECUTION_ENVIRONMENT_"))
	}
	if t.GetSessionAffinity() {
		notes[noteAffinity] = "true"
	}
	showVPC(notes, template)
	var aliases []string
	containers, _ := cloneValue(template["containers"]).([]any)
	for _, c := range containers {
		c := c.(tree)
		if res, ok := c["resources"].(tree); ok {
			notes[noteThrottling] = strconv.FormatBool(res["cpuIdle"] == true)
			if res["startupCpuBoost"] == true {
				notes[noteBoost] = "true"
			}
			c["resources"] = tree{"limits": res["limits"]}
		}
		env, _ := c["env"].([]any)
		for _, e := range env {
			e := e.(tree)
			ref, ok := lookup(e, "valueSource.secretKeyRef")
			if !ok {
				continue
			}
			ref2 := ref.(tree)
			name, _ := ref2["secret"].(string)
			if strings.Contains(name, "/") {
				aliases = append(aliases, secretAlias(name)+":"+name)
				name = secretAlias(name)
			}
			version, _ := ref2["version"].(string)
			if version == "" {
				version = "latest"
			}
			delete(e, "valueSource")
			e["valueFrom"] = tree{"secretKeyRef": tree{"name": name, "key": version}}
		}
	}
	if aliases != nil {
		notes[noteSecrets] = strings.Join(aliases, ",")
	}
	meta := tree{"annotations": notes}
	if len(labels) > 0 {
		meta["labels"] = labels
	}
	if t.GetRevision() != "" {
		meta["name"] = t.GetRevision()
	}
	return tree{"metadata": meta, "spec": tree{
		"containerConcurrency": t.GetMaxInstanceRequestConcurrency(), "timeoutSeconds": int64(t.GetTimeout().AsDuration() / time.Second),
		"serviceAccountName": t.GetServiceAccount(), "containers": containers,
	}}
}

// A knativeObject is what gcloud sends to create or replace a service.
type knativeObject struct {
	Metadata struct {
		Name            string            `json:"name"`
		ResourceVersion string            `json:"resourceVersion"`
		Labels          map[string]string `json:"labels"`
		Annotations     map[string]string `json:"annotations"`
	} `json:"metadata"`
	Spec struct {
		Template struct {
			Metadata struct {
				Name        string            `json:"name"`
				Labels      map[string]string `json:"labels"`
				Annotations map[string]string `json:"annotations"`
			} `json:"metadata"`
			Spec struct {
				ContainerConcurrency int64  `json:"containerConcurrency"`
				TimeoutSeconds       int64  `json:"timeoutSeconds"`
				ServiceAccountName   string `json:"serviceAccountName"`
				Containers           []tree `json:"containers"`
			} `json:"spec"`
		} `json:"template"`
		Traffic []struct {
			LatestRevision bool   `json:"latestRevision"`
			RevisionName   string `json:"revisionName"`
			Percent        int64  `json:"percent"`
			Tag            string `json:"tag"`
		} `json:"traffic"`
	} `json:"spec"`
}

// apply writes what o says over spec, which keeps the fields that v1 has no words for.
func (o *knativeObject) apply(spec tree) (tree, error) {
	out := clone(spec)
	setMap(out, "labels", userKeys(o.Metadata.Labels))
	setMap(out, "annotations", userKeys(o.Metadata.Annotations))
	notes := o.Metadata.Annotations
	if v, ok := map[string]string{"all": "ALL", "internal": "INTERNAL_ONLY", "internal-and-cloud-load-balancing": "INTERNAL_LOAD_BALANCER", "none": "NONE"}[notes["run.googleapis.com/ingress"]]; ok {
		out["ingress"] = "INGRESS_TRAFFIC_" + v
	}
	setFlag(out, "invokerIamDisabled", notes["run.googleapis.com/invoker-iam-disabled"])
	setFlag(out, "defaultUriDisabled", notes["run.googleapis.com/default-url-disabled"])
	if notes["run.googleapis.com/scalingMode"] == "manual" {
		put(out, "scaling", tree{"scalingMode": "MANUAL", "manualInstanceCount": json.Number(orZero(notes["run.googleapis.com/manualInstanceCount"]))})
	} else if sc, ok := out["scaling"].(tree); ok {
		delete(sc, "scalingMode")
		delete(sc, "manualInstanceCount")
	}
	for note, field := range map[string]string{"run.googleapis.com/minScale": "scaling.minInstanceCount", "run.googleapis.com/maxScale": "scaling.maxInstanceCount"} {
		remove(out, field)
		if n := notes[note]; n != "" && n != "0" {
			put(out, field, json.Number(n))
		}
	}
	if sc, ok := out["scaling"].(tree); ok && len(sc) == 0 {
		delete(out, "scaling")
	}
	if len(o.Spec.Traffic) > 0 {
		var traffic []any
		for _, t := range o.Spec.Traffic {
			one := tree{"type": latest}
			if !t.LatestRevision {
				one["type"], one["revision"] = revisionType, t.RevisionName
			}
			if t.Percent > 0 {
				one["percent"] = number(t.Percent)
			}
			if t.Tag != "" {
				one["tag"] = t.Tag
			}
			traffic = append(traffic, one)
		}
		out["traffic"] = traffic
	}
	template, err := o.template(out)
	if err != nil {
		return nil, err
	}
	out["template"] = template
	// Once through the parser: what comes out is canonical, and unknown fields are refused.
	body, err := json.Marshal(out)
	if err != nil {
		return nil, err
	}
	if out, _, err = parseService(body); err != nil {
		return nil, err
	}
	// A template that v1 shows as it was is the one it was, down to what v1 cannot show.
	old, _ := spec["template"].(tree)
	if now, _ := out["template"].(tree); old != nil && now != nil && same(knativeTemplate(now), knativeTemplate(old)) {
		out["template"] = clone(old)
	}
	return out, nil
}

func (o *knativeObject) template(spec tree) (tree, error) {
	given := o.Spec.Template
	t := tree{}
	if old, ok := spec["template"].(tree); ok {
		t = clone(old)
	}
	notes := given.Metadata.Annotations
	setMap(t, "labels", userKeys(given.Metadata.Labels))
	setMap(t, "annotations", userKeys(notes))
	delete(t, "revision")
	if given.Metadata.Name != "" {
		t["revision"] = given.Metadata.Name
	}
	for note, field := range map[string]string{noteMin: "scaling.minInstanceCount", noteMax: "scaling.maxInstanceCount"} {
		remove(t, field)
		if n := notes[note]; n != "" && n != "0" {
			put(t, field, json.Number(n))
		}
	}
	setFlag(t, "sessionAffinity", notes[noteAffinity])
	if err := readVPC(t, notes); err != nil {
		return nil, err
	}
	if g := notes[noteGeneration]; g != "" {
		t["executionEnvironment"] = "EXECUTION_ENVIRONMENT_" + strings.ToUpper(g)
	}
	if n := given.Spec.ContainerConcurrency; n > 0 {
		t["maxInstanceRequestConcurrency"] = number(n)
	}
	if n := given.Spec.TimeoutSeconds; n > 0 {
		t["timeout"] = fmt.Sprintf("%ds", n)
	}
	if a := given.Spec.ServiceAccountName; a != "" {
		t["serviceAccount"] = a
	}
	full := map[string]string{}
	for _, a := range strings.Split(notes[noteSecrets], ",") {
		if alias, name, ok := strings.Cut(a, ":"); ok {
			full[alias] = name
		}
	}
	var containers []any
	for _, c := range given.Spec.Containers {
		prune(c)
		res, _ := c["resources"].(tree)
		if res == nil {
			res = tree{}
		}
		delete(res, "requests")
		if !strings.EqualFold(notes[noteThrottling], "false") {
			res["cpuIdle"] = true
		}
		setFlag(res, "startupCpuBoost", notes[noteBoost])
		c["resources"] = res
		env, _ := c["env"].([]any)
		for _, e := range env {
			e, ok := e.(tree)
			if !ok {
				return nil, gapi.Invalid("spec.template.spec.containers.env: an entry is no object")
			}
			ref, ok := take(e, "valueFrom.secretKeyRef")
			delete(e, "valueFrom")
			if ref, isTree := ref.(tree); ok && isTree {
				name, _ := ref["name"].(string)
				if f := full[name]; f != "" {
					name = f
				}
				e["valueSource"] = tree{"secretKeyRef": tree{"secret": name, "version": ref["key"]}}
			}
		}
		containers = append(containers, c)
	}
	t["containers"] = containers
	return t, nil
}

// setFlag reads an annotation; gcloud, which is Python, writes "True" in some.
func setFlag(t tree, key, note string) {
	delete(t, key)
	if strings.EqualFold(note, "true") {
		t[key] = true
	}
}

func setMap(t tree, key string, m map[string]string) {
	delete(t, key)
	if len(m) == 0 {
		return
	}
	out := tree{}
	for k, v := range m {
		out[k] = v
	}
	t[key] = out
}

// userKeys leaves out the labels and annotations that belong to the system, as v2 has fields for them.
func userKeys(m map[string]string) map[string]string {
	out := map[string]string{}
	for k, v := range m {
		if !systemPrefix.MatchString(k) && !strings.HasPrefix(k, "client.knative.dev/") {
			out[k] = v
		}
	}
	return out
}

func orZero(s string) string {
	if s == "" {
		return "0"
	}
	return s
}
