package cloudrun

import (
	"encoding/json"
	"testing"

	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// Whatever becomes of a job is told in Google's fields and words, by its discovery document and by its protos.
func TestJob_answersFitTheDiscoveryDocument(t *testing.T) {
	t.Parallel()
	all := discovery(t)
	r := newJobRig(t)
	at := "/v2/" + parent + "/jobs"
	_, made := r.raw(t, "POST", at+"?jobId=doc", `{"labels":{"a":"b"},"annotations":{"c":"d"},"functionalType":"FUNCTIONAL_TYPE_AGENT","client":"e",
	 "template":{"labels":{"f":"g"},"annotations":{"h":"i"},"taskCount":3,"parallelism":2,"clientVersion":"1","template":{"maxRetries":1,"timeout":"60s","vpcAccess":{"egress":"ALL_TRAFFIC","networkInterfaces":[{"network":"default"}]},
	  "workloadIdentityConfig":{},"containers":[{"name":"one","image":"`+r.image+`","env":[{"name":"APP_FAILS","value":"1"}],"resources":{"limits":{"cpu":"2"}}}]}}}`)
	made = r.settle(t, made)
	if made["error"] != nil {
		t.Fatal(made)
	}
	for _, kept := range []string{"functionalType", "template.clientVersion", "template.template.workloadIdentityConfig"} {
		if _, ok := lookup(made, "response."+kept); !ok {
			t.Errorf("%s, which only REST knows, is lost", kept)
		}
	}
	_, good := r.raw(t, "POST", at+"/doc:run", "{}")
	goodEnd := r.settle(t, good)
	_, bad := r.raw(t, "POST", at+"/doc:run", `{"overrides":{"containerOverrides":[{"env":[{"name":"APP_FAILS","value":"9"}]}]}}`)
	badEnd := r.settle(t, bad)
	if goodEnd["error"] != nil || badEnd["error"] == nil {
		t.Fatalf("%v\n%v", goodEnd, badEnd)
	}
	_, long := r.raw(t, "POST", at+"/doc:run", `{"overrides":{"containerOverrides":[{"env":[{"name":"APP_NAP","value":"1h"}]}]}}`)
	name, _ := lookup(long, "metadata.name")
	_, cancel := r.raw(t, "POST", "/v2/"+name.(string)+":cancel", "{}")
	cancelEnd, longEnd := r.settle(t, cancel), r.settle(t, long)

	for _, o := range []tree{made, good, goodEnd, bad, badEnd, long, longEnd, cancel, cancelEnd} {
		for _, w := range check(all, all["GoogleLongrunningOperation"], "operation", o) {
			t.Error(w)
		}
		kinds := map[any]string{
			"type.googleapis.com/google.cloud.run.v2.Job":       "GoogleCloudRunV2Job",
			"type.googleapis.com/google.cloud.run.v2.Execution": "GoogleCloudRunV2Execution",
		}
		meta := clone(o["metadata"].(tree))
		kind, known := kinds[meta["@type"]]
		if delete(meta, "@type"); !known {
			t.Errorf("metadata of %v", o)
		}
		for _, w := range check(all, all[kind], "metadata", meta) {
			t.Error(w)
		}
	}
	badName, _ := lookup(bad, "metadata.name")
	strict := protojson.UnmarshalOptions{}
	for _, c := range []struct{ path, kind string }{
		{"/" + parent + "/jobs", "GoogleCloudRunV2ListJobsResponse"},
		{"/" + parent + "/jobs/doc", "GoogleCloudRunV2Job"},
		{"/" + parent + "/jobs/doc/executions", "GoogleCloudRunV2ListExecutionsResponse"},
		{"/" + parent + "/jobs/-/executions?pageSize=1", "GoogleCloudRunV2ListExecutionsResponse"},
		{"/" + name.(string), "GoogleCloudRunV2Execution"},
		{"/" + badName.(string) + "/tasks", "GoogleCloudRunV2ListTasksResponse"},
		{"/" + name.(string) + "/tasks", "GoogleCloudRunV2ListTasksResponse"},
		{"/" + parent + "/operations", "GoogleLongrunningListOperationsResponse"},
		{"/" + parent + "/jobs/doc:getIamPolicy", "GoogleIamV1Policy"},
	} {
		code, answer := r.raw(t, "GET", "/v2"+c.path, "")
		if code != 200 {
			t.Errorf("%s: %d %v", c.path, code, answer)
		}
		for _, w := range check(all, all[c.kind], c.kind, answer) {
			t.Error(w)
		}
	}
	// A job that has nothing of REST alone fits the protos to the letter.
	r.createJob(t, "plain", r.job("APP_FAILS=1"))
	op, e := r.begin(t, "plain", nil)
	if _, err := r.finish(t, op, e); err != nil {
		t.Fatal(err)
	}
	for path, msg := range map[string]proto.Message{
		parent + "/jobs/plain":            &runpb.Job{},
		parent + "/jobs/plain/executions": &runpb.ListExecutionsResponse{},
		e.GetName() + "/tasks":            &runpb.ListTasksResponse{},
	} {
		_, body := r.raw(t, "GET", "/v2/"+path, "")
		text, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		if err := strict.Unmarshal(text, msg); err != nil {
			t.Errorf("%s: %v\n%s", path, err, text)
		}
	}
}
