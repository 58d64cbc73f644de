package cloudrun

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"cloud.google.com/go/iam/apiv1/iampb"
	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/api/googleapi"
	"google.golang.org/api/option"
	rest "google.golang.org/api/run/v2"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

func itoa(n int) string { return strconv.Itoa(n) }

// raw sends JSON to the API and returns what it answers.
func (r *rig) raw(t *testing.T, method, path, body string) (int, tree) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, r.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	all, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	out := tree{}
	if err := decode(all, &out); err != nil {
		t.Fatalf("%s: %v", all, err)
	}
	return resp.StatusCode, out
}

// settle waits for the operation in an answer.
func (r *rig) settle(t *testing.T, op tree) tree {
	t.Helper()
	_, out := r.raw(t, http.MethodPost, "/v2/"+op["name"].(string)+":wait", `{"timeout":"60s"}`)
	return out
}

func TestAnswersFitTheProtos(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s := r.mustCreate(t, "shape", r.service())
	next := withoutEtag(s)
	next.Template.Containers[0].Env = r.service("APP_EXIT=1").Template.Containers[0].Env
	if _, err := r.update(t, next); err == nil {
		t.Fatal("it works")
	}
	strict := protojson.UnmarshalOptions{}
	for path, msg := range map[string]proto.Message{
		"/v2/" + s.GetName():                           &runpb.Service{},
		"/v2/" + parent + "/services":                  &runpb.ListServicesResponse{},
		"/v2/" + s.GetLatestReadyRevision():            &runpb.Revision{},
		"/v2/" + s.GetName() + "/revisions":            &runpb.ListRevisionsResponse{},
		"/v2/" + s.GetName() + ":getIamPolicy":         &iampb.Policy{},
		"/v2/" + s.GetName() + "/revisions?pageSize=1": &runpb.ListRevisionsResponse{},
	} {
		_, body := r.raw(t, http.MethodGet, path, "")
		text, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		if err := strict.Unmarshal(text, msg); err != nil {
			t.Errorf("%s: %v\n%s", path, err, text)
		}
	}
	_, list := r.raw(t, http.MethodGet, "/v2/"+parent+"/operations", "")
	for _, o := range list["operations"].([]any) {
		if kind, ok := lookup(o.(tree), "metadata.@type"); !ok || kind != "type.googleapis.com/google.cloud.run.v2.Service" {
			t.Errorf("operation %v", o)
		}
	}
}

// TestRESTClient uses the client with all fields of the REST API, which the provider uses too.
func TestRESTClient(t *testing.T) {
	r := newRig(t)
	svc, err := rest.NewService(t.Context(), option.WithEndpoint(r.url), option.WithoutAuthentication())
	if err != nil {
		t.Fatal(err)
	}
	api := svc.Projects.Locations.Services
	want := &rest.GoogleCloudRunV2Service{
		InvokerIamDisabled: true,
		Template: &rest.GoogleCloudRunV2RevisionTemplate{
			Scaling:    &rest.GoogleCloudRunV2RevisionScaling{MaxInstanceCount: 3, CpuUtilization: 0.5},
			Containers: []*rest.GoogleCloudRunV2Container{{Image: r.image}},
		},
	}
	op, err := api.Create(parent, want).ServiceId("rest").Do()
	if err != nil {
		t.Fatal(err)
	}
	if op, err = svc.Projects.Locations.Operations.Wait(op.Name, &rest.GoogleLongrunningWaitOperationRequest{Timeout: "60s"}).Do(); err != nil || !op.Done || op.Error != nil {
		t.Fatalf("%+v %v", op, err)
	}
	got, err := api.Get(parent + "/services/rest").Do()
	if err != nil {
		t.Fatal(err)
	}
	if got.Template.Scaling.CpuUtilization != 0.5 || got.Template.MaxInstanceRequestConcurrency != 80 || got.Template.Timeout != "300s" || got.Generation != 1 {
		t.Errorf("%+v", got.Template)
	}
	// Nested mask, zero value: the mask names it, so it is cleared; the rest stays.
	change := &rest.GoogleCloudRunV2Service{
		Etag:    got.Etag,
		Scaling: &rest.GoogleCloudRunV2ServiceScaling{ScalingMode: "MANUAL", ManualInstanceCount: 0, ForceSendFields: []string{"ManualInstanceCount"}},
	}
	op, err = api.Patch(got.Name, change).UpdateMask("scaling.scaling_mode,scaling.manualInstanceCount,template.scaling.maxInstanceCount").Do()
	if err != nil {
		t.Fatal(err)
	}
	if _, err = svc.Projects.Locations.Operations.Wait(op.Name, &rest.GoogleLongrunningWaitOperationRequest{}).Do(); err != nil {
		t.Fatal(err)
	}
	after, err := api.Get(got.Name).Do()
	if err != nil {
		t.Fatal(err)
	}
	if after.Scaling.ScalingMode != "MANUAL" || after.Template.Scaling.CpuUtilization != 0.5 || after.Template.Scaling.MaxInstanceCount != 100 || len(after.Template.Containers) != 1 {
		t.Errorf("%+v %+v", after.Scaling, after.Template.Scaling)
	}
	_, err = api.Patch(got.Name, change).UpdateMask("scaling").Do()
	if e, ok := err.(*googleapi.Error); !ok || e.Code != http.StatusConflict || !strings.Contains(e.Body, "ABORTED") {
		t.Errorf("stale etag: %v", err)
	}
	if _, err := api.Patch(got.Name, &rest.GoogleCloudRunV2Service{}).UpdateMask("template.nonsense").Do(); err == nil {
		t.Error("a mask with an unknown field was accepted")
	}
}

func TestDryRunsAndMissing(t *testing.T) {
	r := newRig(t)
	body := `{"invokerIamDisabled":true,"ingress":1,"template":{"containers":[{"image":"` + r.image + `","livenessProbe":null}]}}`
	code, op := r.raw(t, http.MethodPost, "/v2/"+parent+"/services?serviceId=dry&validateOnly=true", body)
	if timeout, _ := lookup(op, "response.template.timeout"); code != http.StatusOK || op["done"] != true || timeout != "300s" {
		t.Errorf("dry create: %d %v", code, op)
	}
	if code, _ := r.raw(t, http.MethodGet, "/v2/"+parent+"/services/dry", ""); code != http.StatusNotFound {
		t.Errorf("a dry run made the service: %d", code)
	}
	if code, _ := r.raw(t, http.MethodPatch, "/v2/"+parent+"/services/dry", body); code != http.StatusNotFound {
		t.Errorf("patch of nothing: %d", code)
	}
	code, op = r.raw(t, http.MethodPatch, "/v2/"+parent+"/services/dry?allowMissing=true", body)
	if op = r.settle(t, op); code != http.StatusOK || op["error"] != nil {
		t.Fatalf("allowMissing: %d %v", code, op)
	}
	if code, out := r.raw(t, http.MethodPost, "/v2/"+parent+"/services?serviceId=dry", body); code != http.StatusConflict {
		t.Errorf("twice: %d %v", code, out)
	}
	dry := strings.Replace(body, `"template"`, `"description":"x","template"`, 1)
	if _, op := r.raw(t, http.MethodPatch, "/v2/"+parent+"/services/dry?validateOnly=true", dry); op["done"] != true {
		t.Errorf("dry patch: %v", op)
	}
	if s := r.get(t, "dry"); s.GetDescription() != "" || s.GetGeneration() != 1 || s.GetIngress() != runpb.IngressTraffic_INGRESS_TRAFFIC_ALL {
		t.Errorf("a dry run changed the service: %v", s)
	}
}

func TestPolicy(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	want := r.service()
	want.InvokerIamDisabled = false
	s := r.mustCreate(t, "iam", want)
	p, err := r.services.GetIamPolicy(t.Context(), &iampb.GetIamPolicyRequest{Resource: s.GetName()})
	if err != nil {
		t.Fatal(err)
	}
	old := p.GetEtag()
	p.Bindings = append(p.Bindings, &iampb.Binding{Role: invoker, Members: []string{"allUsers"}})
	if p, err = r.services.SetIamPolicy(t.Context(), &iampb.SetIamPolicyRequest{Resource: s.GetName(), Policy: p}); err != nil {
		t.Fatal(err)
	}
	call(t, s.GetUri())
	if bytes.Equal(p.GetEtag(), old) {
		t.Error("the etag stays")
	}
	p.Etag = old
	if _, err := r.services.SetIamPolicy(t.Context(), &iampb.SetIamPolicyRequest{Resource: s.GetName(), Policy: p}); err == nil {
		t.Error("a stale policy etag was accepted")
	}
	got, err := r.services.TestIamPermissions(t.Context(), &iampb.TestIamPermissionsRequest{Resource: s.GetName(), Permissions: []string{"run.services.get"}})
	if err != nil || len(got.GetPermissions()) != 1 {
		t.Errorf("%v %v", got, err)
	}
}

func TestRules(t *testing.T) {
	r := newRig(t)
	body := func(service, template, container string) string {
		return `{` + service + `"template":{` + template + `"containers":[{` + container + `"image":"` + r.image + `"}]}}`
	}
	for name, c := range map[string]struct{ id, body, says string }{
		"percents":           {"a", body(`"traffic":[{"type":1,"percent":90}],`, ``, ``), "sum to 90"},
		"foreign revision":   {"a", body(`"traffic":[{"type":2,"revision":"b-1","percent":100}],`, ``, ``), "not a revision of"},
		"absent revision":    {"a", body(`"traffic":[{"type":2,"revision":"a-1","percent":100}],`, ``, ``), "does not exist"},
		"tag twice":          {"a", body(`"traffic":[{"type":1,"percent":50,"tag":"x"},{"type":1,"percent":50,"tag":"x"}],`, ``, ``), "more than once"},
		"tag and name":       {strings.Repeat("a", 40), body(`"traffic":[{"type":1,"percent":100,"tag":"abcdefg"}],`, ``, ``), "cannot exceed 46"},
		"tag form":           {"a", body(`"traffic":[{"type":1,"percent":100,"tag":"X"}],`, ``, ``), "tag"},
		"name form":          {"A_b", body(``, ``, ``), "service_id"},
		"revision prefix":    {"a", body(``, `"revision":"b-1",`, ``), "must start with"},
		"system label":       {"a", body(`"labels":{"run.googleapis.com/x":"y"},`, ``, ``), "reserved"},
		"system annotation":  {"a", body(``, `"annotations":{"autoscaling.knative.dev/minScale":"1"},`, ``), "reserved"},
		"label form":         {"a", body(`"labels":{"x":"UPPER"},`, ``, ``), "lower-case"},
		"concurrency":        {"a", body(``, `"maxInstanceRequestConcurrency":1001,`, ``), "1000"},
		"timeout":            {"a", body(``, `"timeout":"3601s",`, ``), "3600"},
		"min above max":      {"a", body(``, `"scaling":{"minInstanceCount":3,"maxInstanceCount":2},`, ``), "above"},
		"service min above":  {"a", body(`"scaling":{"minInstanceCount":3,"maxInstanceCount":2},`, ``, ``), "service.scaling: min_instance_count 3 is above"},
		"cpu share":          {"a", body(``, `"scaling":{"cpuUtilization":0.91},`, ``), "cpu_utilization: 0.91"},
		"places share":       {"a", body(``, `"scaling":{"concurrencyUtilization":0.05},`, ``), "concurrency_utilization: 0.05"},
		"share form":         {"a", body(``, `"scaling":{"cpuUtilization":"much"},`, ``), "cpu_utilization: much"},
		"neither share":      {"a", body(``, `"scaling":{"cpuUtilization":0,"concurrencyUtilization":0},`, ``), "cannot both be disabled"},
		"readiness by TCP":   {"a", body(``, ``, `"readinessProbe":{"tcpSocket":{}},`), "readiness_probe: tcp_socket is not supported"},
		"readiness delay":    {"a", body(``, ``, `"readinessProbe":{"initialDelaySeconds":1,"httpGet":{}},`), "readiness_probe: initial_delay_seconds"},
		"cpu":                {"a", body(``, ``, `"resources":{"limits":{"cpu":"3"}},`), "cpu"},
		"cpu and memory":     {"a", body(``, ``, `"resources":{"limits":{"cpu":"4","memory":"1Gi"}},`), "2Gi"},
		"memory needs cpu":   {"a", body(``, ``, `"resources":{"limits":{"cpu":"1","memory":"8Gi"}},`), "needs at least"},
		"small cpu":          {"a", body(``, `"maxInstanceRequestConcurrency":2,`, `"resources":{"limits":{"cpu":"500m","memory":"512Mi"}},`), "must be 1"},
		"reserved variable":  {"a", body(``, ``, `"env":[{"name":"PORT","value":"1"}],`), "reserved env"},
		"variable twice":     {"a", body(``, ``, `"env":[{"name":"X"},{"name":"X"}],`), "more than once"},
		"secret form":        {"a", body(``, ``, `"env":[{"name":"X","valueSource":{"secretKeyRef":{"secret":"a/b"}}}],`), "secret_key_ref.secret"},
		"secret version":     {"a", body(``, ``, `"env":[{"name":"X","valueSource":{"secretKeyRef":{"secret":"a","version":"0"}}}],`), "version"},
		"probe":              {"a", body(``, ``, `"startupProbe":{"timeoutSeconds":5,"periodSeconds":2,"tcpSocket":{}},`), "above period"},
		"startup period":     {"a", body(``, ``, `"startupProbe":{"periodSeconds":241,"tcpSocket":{}},`), "startup_probe: period and timeout must be within 1 and 240"},
		"liveness delay":     {"a", body(``, ``, `"livenessProbe":{"initialDelaySeconds":3601,"httpGet":{}},`), "liveness_probe: period and timeout must be within 1 and 3600"},
		"manual count":       {"a", body(`"scaling":{"manualInstanceCount":1},`, ``, ``), "MANUAL"},
		"unknown field":      {"a", body(`"colour":"blue",`, ``, ``), "colour"},
		"no template":        {"a", `{}`, "required"},
		"no container":       {"a", `{"template":{}}`, "at least one container"},
		"two containers":     {"a", `{"template":{"containers":[{"image":"x","ports":[{"containerPort":80}]},{"image":"y","ports":[{"containerPort":81}]}]}}`, "exactly one"},
		"sidecar not run":    {"a", `{"template":{"containers":[{"image":"x","ports":[{"containerPort":80}]},{"image":"y"}]}}`, "no sidecars"},
		"no network":         {"a", body(``, `"vpcAccess":{"networkInterfaces":[{"tags":["a"]}]},`, ``), "network or subnetwork is required"},
		"two networks":       {"a", body(``, `"vpcAccess":{"networkInterfaces":[{"network":"a"},{"network":"b"}]},`, ``), "only one"},
		"network twice":      {"a", body(``, `"vpcAccess":{"connector":"c","networkInterfaces":[{"network":"a"}]},`, ``), "exclude each other"},
		"volume not mounted": {"a", body(``, `"volumes":[{"name":"v","secret":{"secret":"s"}}],`, ``), "mounts no volume"},
	} {
		code, out := r.raw(t, http.MethodPost, "/v2/"+parent+"/services?serviceId="+c.id, c.body)
		message, _ := lookup(out, "error.message")
		if text, _ := message.(string); code < 400 || code == 500 || !strings.Contains(text, c.says) {
			t.Errorf("%s: %d %v, want it to say %q", name, code, out, c.says)
		}
	}
	if left := len(r.face.Report()); left != 0 {
		t.Errorf("%d services were made", left)
	}
}
