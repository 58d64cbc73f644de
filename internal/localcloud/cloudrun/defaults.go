package cloudrun

import (
	"encoding/json"
	"strconv"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/gapi"
)

// fillService sets what Cloud Run sets when a service does not say. Values that proto3 JSON leaves
// out when zero are never written as zero, so that a tree stays canonical.
func fillService(spec tree, project string) {
	ensure(spec, "ingress", "INGRESS_TRAFFIC_ALL")
	ensure(spec, "launchStage", "GA")
	if list, _ := spec["traffic"].([]any); len(list) == 0 {
		spec["traffic"] = []any{tree{"type": latest, "percent": number(100)}}
	}
	for _, t := range spec["traffic"].([]any) {
		if t := t.(tree); t["type"] == nil {
			// A target without a type is what gcloud and people write for a named revision.
			t["type"] = latest
			if t["revision"] != nil {
				t["type"] = revisionType
			}
		}
	}
	if t, ok := spec["template"].(tree); ok {
		fillTemplate(t, project)
	}
}

func fillTemplate(t tree, project string) {
	ensure(t, "timeout", "300s")
	ensure(t, "serviceAccount", gapi.ProjectNumber(project)+"-compute@developer.gserviceaccount.com")
	ensure(t, "scaling.maxInstanceCount", number(100))
	containers, _ := t["containers"].([]any)
	for _, c := range containers {
		c := c.(tree)
		if _, ok := c["resources"]; !ok {
			c["resources"] = tree{"cpuIdle": true}
		}
		ensure(c, "resources.limits", tree{"cpu": "1000m", "memory": "512Mi"})
		if len(containers) == 1 {
			ensure(c, "ports", []any{tree{"name": "http1", "containerPort": number(8080)}})
		}
		if ports, _ := c["ports"].([]any); len(ports) > 0 {
			p := ports[0].(tree)
			ensure(p, "name", "http1")
			ensure(p, "containerPort", number(8080))
			if _, ok := c["startupProbe"]; !ok {
				c["startupProbe"] = tree{
					"timeoutSeconds": number(240), "periodSeconds": number(240), "failureThreshold": number(1),
					"tcpSocket": tree{"port": p["containerPort"]},
				}
			}
			for _, kind := range []string{"startupProbe", "livenessProbe", "readinessProbe"} {
				fillProbe(c, kind, p["containerPort"])
			}
		}
	}
	if _, ok := t["maxInstanceRequestConcurrency"]; !ok {
		n := number(80)
		if len(containers) > 0 && fractionalCPU(containers[0].(tree)) {
			n = number(1)
		}
		t["maxInstanceRequestConcurrency"] = n
	}
}

func fillProbe(container tree, kind string, port any) {
	p, ok := container[kind].(tree)
	if !ok {
		return
	}
	ensure(p, "timeoutSeconds", number(1))
	ensure(p, "periodSeconds", number(10))
	ensure(p, "failureThreshold", number(3))
	for _, action := range []string{"httpGet", "tcpSocket", "grpc"} {
		if a, ok := p[action].(tree); ok {
			ensure(a, "port", port)
			if action == "httpGet" {
				ensure(a, "path", "/")
			}
		}
	}
}

func fractionalCPU(container tree) bool {
	limit, _ := lookup(container, "resources.limits.cpu")
	s, _ := limit.(string)
	milli, err := milliCPU(s)
	return err == nil && milli < 1000
}

func number(n int64) json.Number { return json.Number(strconv.FormatInt(n, 10)) }
