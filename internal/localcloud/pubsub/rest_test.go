package pubsub

import (
	"encoding/base64"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"google.golang.org/api/googleapi"
	rest "google.golang.org/api/pubsub/v1"
)

func code(err error) int {
	var api *googleapi.Error
	if errors.As(err, &api) {
		return api.Code
	}
	return 0
}

// The life of a topic and a subscription over REST, with Google's defaults.
func TestREST(t *testing.T) {
	r := start(t, t.TempDir())
	c := r.rest().Projects
	if _, err := c.Topics.Create(events, &rest.Topic{Labels: map[string]string{"env": "test"}}).Do(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Topics.Create(events, &rest.Topic{}).Do(); code(err) != http.StatusConflict {
		t.Errorf("the same topic again: %v", err)
	}
	s, err := c.Subscriptions.Create(drain, &rest.Subscription{Topic: events, RetryPolicy: &rest.RetryPolicy{}}).Do()
	if err != nil {
		t.Fatal(err)
	}
	if s.AckDeadlineSeconds != 10 || s.MessageRetentionDuration != "604800s" || s.ExpirationPolicy.Ttl != "2678400s" || s.State != "ACTIVE" ||
		s.RetryPolicy.MinimumBackoff != "10s" || s.RetryPolicy.MaximumBackoff != "600s" || s.PushConfig == nil {
		t.Errorf("created %+v", s)
	}

	// As gcloud: the mask in the body. As Terraform: in the query, with names that are not in the body and so are cleared.
	if _, err := c.Subscriptions.Patch(drain, &rest.UpdateSubscriptionRequest{
		Subscription: &rest.Subscription{AckDeadlineSeconds: 60, Labels: map[string]string{"a": "b"}}, UpdateMask: "ackDeadlineSeconds,labels",
	}).Do(); err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(patch(t, "http://"+r.addr+"/v1/"+drain+"?updateMask=labels,bigqueryConfig,retryPolicy,messageRetentionDuration",
		`{"subscription":{"messageRetentionDuration":"3600s"}}`))
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	s, err = c.Subscriptions.Get(drain).Do()
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s, %v", res.Status, err)
	}
	if s.AckDeadlineSeconds != 60 || s.MessageRetentionDuration != "3600s" || len(s.Labels) > 0 || s.RetryPolicy != nil {
		t.Errorf("patched %+v", s)
	}

	ids, err := c.Topics.Publish(events, &rest.PublishRequest{Messages: []*rest.PubsubMessage{{Data: base64.StdEncoding.EncodeToString([]byte("hello"))}}}).Do()
	if err != nil || len(ids.MessageIds) != 1 {
		t.Fatalf("publish: %+v, %v", ids, err)
	}
	got, err := c.Subscriptions.Pull(drain, &rest.PullRequest{MaxMessages: 10}).Do()
	if err != nil || len(got.ReceivedMessages) != 1 || got.ReceivedMessages[0].Message.MessageId != ids.MessageIds[0] {
		t.Fatalf("pull: %+v, %v", got, err)
	}
	if _, err := c.Subscriptions.Acknowledge(drain, &rest.AcknowledgeRequest{AckIds: []string{got.ReceivedMessages[0].AckId}}).Do(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Subscriptions.Acknowledge(drain, &rest.AcknowledgeRequest{AckIds: []string{"made-up"}}).Do(); code(err) != http.StatusBadRequest {
		t.Errorf("an ack ID of nobody: %v", err)
	}
	names, err := c.Topics.Subscriptions.List(events).Do()
	if err != nil || !slices.Equal(names.Subscriptions, []string{drain}) {
		t.Errorf("subscriptions of the topic: %+v, %v", names, err)
	}

	if _, err := c.Topics.Delete(events).Do(); err != nil {
		t.Fatal(err)
	}
	r = r.again(false)
	c = r.rest().Projects
	if s, err := c.Subscriptions.Get(drain).Do(); err != nil || s.Topic != "_deleted_topic_" {
		t.Errorf("without its topic: %+v, %v", s, err)
	}
	if _, err := c.Subscriptions.Delete(drain).Do(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Subscriptions.Get(drain).Do(); code(err) != http.StatusNotFound {
		t.Errorf("deleted: %v", err)
	}
}

func patch(t *testing.T, url, body string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPatch, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return req
}

func TestRefusals(t *testing.T) {
	r := start(t, t.TempDir())
	r.declare()
	for name, c := range map[string]struct {
		method, path, body string
		want               int
	}{
		"short name":             {"PUT", "topics/ab", `{}`, 400},
		"Google's name":          {"PUT", "topics/google", `{}`, 400},
		"label":                  {"PUT", "topics/abc", `{"labels":{"A":"b"}}`, 400},
		"schema":                 {"PUT", "topics/abc", `{"schemaSettings":{"schema":"projects/p/schemas/s"}}`, 501},
		"topic's retention":      {"PUT", "topics/abc", `{"messageRetentionDuration":"60s"}`, 400},
		"unknown field":          {"PUT", "topics/abc", `{"sparkles":true}`, 400},
		"no topic":               {"PUT", "subscriptions/abc", `{}`, 400},
		"topic is not there":     {"PUT", "subscriptions/abc", `{"topic":"projects/august-test/topics/none"}`, 404},
		"ack deadline":           {"PUT", "subscriptions/abc", `{"topic":"` + events + `","ackDeadlineSeconds":5}`, 400},
		"long ack deadline":      {"PUT", "subscriptions/abc", `{"topic":"` + events + `","ackDeadlineSeconds":601}`, 400},
		"retention":              {"PUT", "subscriptions/abc", `{"topic":"` + events + `","messageRetentionDuration":"2678401s"}`, 400},
		"expiry":                 {"PUT", "subscriptions/abc", `{"topic":"` + events + `","expirationPolicy":{"ttl":"3600s"}}`, 400},
		"attempts":               {"PUT", "subscriptions/abc", `{"topic":"` + events + `","deadLetterPolicy":{"deadLetterTopic":"` + dead + `","maxDeliveryAttempts":4}}`, 400},
		"dead-letter topic":      {"PUT", "subscriptions/abc", `{"topic":"` + events + `","deadLetterPolicy":{"deadLetterTopic":"` + dead + `-not"}}`, 404},
		"backoff":                {"PUT", "subscriptions/abc", `{"topic":"` + events + `","retryPolicy":{"minimumBackoff":"601s"}}`, 400},
		"filter":                 {"PUT", "subscriptions/abc", `{"topic":"` + events + `","filter":"attributes.a"}`, 400},
		"push":                   {"PUT", "subscriptions/abc", `{"topic":"` + events + `","pushConfig":{"pushEndpoint":"https://example.test"}}`, 501},
		"BigQuery":               {"PUT", "subscriptions/abc", `{"topic":"` + events + `","bigqueryConfig":{"table":"p.d.t"}}`, 501},
		"exists":                 {"PUT", "subscriptions/drain", `{"topic":"` + events + `"}`, 409},
		"no mask":                {"PATCH", "subscriptions/drain", `{"subscription":{}}`, 400},
		"order is for ever":      {"PATCH", "subscriptions/drain?updateMask=enableMessageOrdering", `{"subscription":{}}`, 400},
		"no such topic":          {"PATCH", "subscriptions/drain?updateMask=deadLetterPolicy", `{"subscription":{"deadLetterPolicy":{"deadLetterTopic":"` + dead + `-not"}}}`, 404},
		"no such field":          {"PATCH", "subscriptions/drain?updateMask=ackDeadlineSeconds,sparkles", `{"subscription":{"ackDeadlineSeconds":60}}`, 400},
		"nothing in the message": {"POST", "topics/events:publish", `{"messages":[{"orderingKey":"a"}]}`, 400},
		"no message":             {"POST", "topics/events:publish", `{}`, 400},
		"no pull of nothing":     {"POST", "subscriptions/drain:pull", `{}`, 400},
		"no method":              {"POST", "subscriptions/drain:shake", `{}`, 404},
		"snapshot":               {"POST", "subscriptions/drain:seek", `{"snapshot":"projects/august-test/snapshots/s"}`, 501},
	} {
		req, err := http.NewRequestWithContext(t.Context(), c.method, "http://"+r.addr+"/v1/"+inProject+"/"+c.path, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != c.want {
			t.Errorf("%s: %d, want %d", name, res.StatusCode, c.want)
		}
	}
	if s := r.subs[drain]; s.meta.GetAckDeadlineSeconds() != 10 {
		t.Error("a refused update has changed the subscription")
	}

	// What does not hold any more is no reason to refuse a change of something else.
	c := r.rest().Projects
	if _, err := c.Topics.Delete(dead).Do(); err != nil {
		t.Fatal(err)
	}
	update := &rest.UpdateSubscriptionRequest{Subscription: &rest.Subscription{AckDeadlineSeconds: 20}, UpdateMask: "ackDeadlineSeconds"}
	if _, err := c.Subscriptions.Patch(drain, update).Do(); err != nil {
		t.Errorf("without its dead-letter topic: %v", err)
	}
}

func TestPolicy(t *testing.T) {
	r := start(t, t.TempDir())
	r.declare()
	c := r.rest().Projects
	p, err := c.Topics.GetIamPolicy(events).Do()
	if err != nil || p.Etag == "" {
		t.Fatalf("policy %+v, %v", p, err)
	}
	p.Bindings = []*rest.Binding{{Role: "roles/pubsub.publisher", Members: []string{"serviceAccount:august-sync@august-test.iam.gserviceaccount.com"}}}
	if _, err := c.Topics.SetIamPolicy(events, &rest.SetIamPolicyRequest{Policy: p}).Do(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Topics.SetIamPolicy(events, &rest.SetIamPolicyRequest{Policy: p}).Do(); code(err) != http.StatusConflict {
		t.Errorf("with the etag of before: %v", err)
	}
	r = r.again(false)
	if p, err := r.rest().Projects.Topics.GetIamPolicy(events).Do(); err != nil || len(p.Bindings) != 1 {
		t.Errorf("after a restart: %+v, %v", p, err)
	}
	got, err := r.rest().Projects.Subscriptions.TestIamPermissions(drain, &rest.TestIamPermissionsRequest{Permissions: []string{"pubsub.subscriptions.consume"}}).Do()
	if err != nil || len(got.Permissions) != 1 {
		t.Errorf("permissions %+v, %v", got, err)
	}
}

func TestFilters(t *testing.T) {
	a := map[string]string{"event": "PATIENT_CREATE", "lane": "3", "odd key": `q"q`}
	for text, want := range map[string]bool{
		``: true, `attributes:event`: true, `attributes:none`: false, `attributes.event = "PATIENT_CREATE"`: true,
		`attributes.event="PING"`: false, `attributes.event != "PING"`: true, `attributes.none != "x"`: true,
		`hasPrefix(attributes.event, "PATIENT_")`: true, `hasPrefix(attributes.event, "LAB")`: false,
		`NOT attributes:none`: true, `-attributes:event`: false, `attributes:none OR attributes:lane`: true,
		`attributes:event AND attributes.lane = "4"`:               false,
		`(attributes:none AND attributes:none) OR attributes:lane`: true, `NOT (attributes:none OR attributes:event)`: false,
		`attributes."odd key" = "q\"q"`: true,
	} {
		f, err := parseFilter(text)
		if err != nil || f(a) != want {
			t.Errorf("%s: %v, want %v", text, err, want)
		}
	}
	for _, text := range []string{
		`attributes`, `attributes.`, `attributes.a`, `attributes.a =`, `attributes.a = b`, `data = "x"`, `(attributes:a`, `attributes:a)`, `attributes:a AND`,
		`"attributes":a`, `hasPrefix(attributes.a)`, `attributes.a = "x`, `attributes:a attributes:b`, `AND`, `attributes:a AND attributes:b OR attributes:c`, strings.Repeat(" ", maxFilter) + "attributes:a",
	} {
		if _, err := parseFilter(text); err == nil {
			t.Errorf("%s is accepted", text)
		}
	}
}
