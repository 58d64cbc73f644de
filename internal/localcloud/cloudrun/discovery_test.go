package cloudrun

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cloud.google.com/go/run/apiv2/runpb"
)

// schema is one schema of Google's discovery document, as far as answers are checked against it.
type schema struct {
	Type                 string            `json:"type"`
	Format               string            `json:"format"`
	Ref                  string            `json:"$ref"`
	Enum                 []string          `json:"enum"`
	Items                *schema           `json:"items"`
	Properties           map[string]schema `json:"properties"`
	AdditionalProperties *schema           `json:"additionalProperties"`
}

// discovery reads the document that the generated client was made from.
func discovery(t *testing.T) map[string]schema {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "google.golang.org/api").Output()
	if err != nil {
		t.Fatal(err)
	}
	body, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(out)), "run", "v2", "run-api.json"))
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Schemas map[string]schema `json:"schemas"`
	}
	if err := json.Unmarshal(body, &doc); err != nil {
		t.Fatal(err)
	}
	return doc.Schemas
}

// check says how v does not fit s.
func check(all map[string]schema, s schema, at string, v any) (wrong []string) {
	if s.Ref != "" {
		s = all[s.Ref]
	}
	if s.Type == "any" { // the payload of an operation, checked by its own schema
		return nil
	}
	bad := func() []string { return []string{fmt.Sprintf("%s: %v is no %s %s", at, v, s.Type, s.Format)} }
	switch v := v.(type) {
	case tree:
		for k, x := range v {
			field, ok := s.Properties[k]
			if !ok && s.AdditionalProperties != nil {
				field, ok = *s.AdditionalProperties, true
			}
			if !ok {
				wrong = append(wrong, at+"."+k+": no such field")
				continue
			}
			wrong = append(wrong, check(all, field, at+"."+k, x)...)
		}
	case []any:
		if s.Items == nil {
			return bad()
		}
		for i, x := range v {
			wrong = append(wrong, check(all, *s.Items, fmt.Sprintf("%s[%d]", at, i), x)...)
		}
	case string:
		if s.Type != "string" || len(s.Enum) > 0 && !slices.Contains(s.Enum, v) {
			return bad()
		}
	case json.Number:
		if s.Type != "integer" && s.Type != "number" {
			return bad()
		}
	case bool:
		if s.Type != "boolean" {
			return bad()
		}
	}
	return wrong
}

func TestAnswersFitTheDiscoveryDocument(t *testing.T) {
	all := discovery(t)
	r := newRig(t)
	r.secrets[project+"/s/latest"] = "x"
	body := `{"invokerIamDisabled":true,"description":"d","labels":{"a":"b"},"functionalType":"FUNCTIONAL_TYPE_AGENT","scaling":{"minInstanceCount":1},
	 "template":{"sessionAffinity":true,"scaling":{"cpuUtilization":0.5,"concurrencyUtilization":0.7},"clientVersion":"1","executionEnvironment":"EXECUTION_ENVIRONMENT_GEN2",
	  "vpcAccess":{"egress":"ALL_TRAFFIC","networkInterfaces":[{"network":"default","tags":["a"]}]},
	  "containers":[{"name":"one","image":"` + r.image + `","env":[{"name":"S","valueSource":{"secretKeyRef":{"secret":"s","version":"latest"}}}],
	   "livenessProbe":{"httpGet":{"path":"/healthz","httpHeaders":[{"name":"X","value":"y"}]}},"resources":{"limits":{"cpu":"1"},"startupCpuBoost":true}}]},
	 "traffic":[{"type":"TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST","percent":100,"tag":"now"}]}`
	_, op := r.raw(t, "POST", "/v2/"+parent+"/services?serviceId=doc", body)
	done := r.settle(t, op)
	if done["error"] != nil {
		t.Fatal(done)
	}
	name := parent + "/services/doc"
	broken := `{"template":{"containers":[{"image":"` + r.image + `","env":[{"name":"APP_EXIT","value":"1"}]}]}}`
	_, failed := r.raw(t, "PATCH", "/v2/"+name, broken)
	failed = r.settle(t, failed)
	if failed["error"] == nil {
		t.Fatal("it works")
	}
	if _, kept := lookup(done, "response.template.scaling.cpuUtilization"); !kept {
		t.Error("a field that only REST knows is lost")
	}
	for _, o := range []tree{op, done, failed} {
		for _, w := range check(all, all["GoogleLongrunningOperation"], "operation", o) {
			t.Error(w)
		}
		meta := clone(o["metadata"].(tree))
		delete(meta, "@type")
		for _, w := range check(all, all["GoogleCloudRunV2Service"], "metadata", meta) {
			t.Error(w)
		}
	}
	for path, kind := range map[string]string{
		"/" + parent + "/services":   "GoogleCloudRunV2ListServicesResponse",
		"/" + name:                   "GoogleCloudRunV2Service",
		"/" + name + "/revisions":    "GoogleCloudRunV2ListRevisionsResponse",
		"/" + parent + "/operations": "GoogleLongrunningListOperationsResponse",
		"/" + name + ":getIamPolicy": "GoogleIamV1Policy",
	} {
		_, answer := r.raw(t, "GET", "/v2"+path, "")
		for _, w := range check(all, all[kind], kind, answer) {
			t.Error(w)
		}
	}
	if s := r.get(t, "doc"); s.GetTerminalCondition().GetState() != runpb.Condition_CONDITION_FAILED {
		t.Error(s.GetTerminalCondition())
	}
}
