package pubsub

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"google.golang.org/api/option"
	"google.golang.org/api/pubsub/v1"

	"github.com/feel-august/terraform-provider-august/internal/gcp"
)

var (
	deliveries = Ref{Topic, "p", "deliveries"}
	sync       = Ref{Subscription, "p", "sync"}
)

func TestParse(t *testing.T) {
	t.Parallel()
	for reference, want := range map[string]string{
		"deliveries": "projects/mine/topics/deliveries", "projects/other/topics/t-1": "projects/other/topics/t-1",
		"projects/other/subscriptions/t-1": "", "ab": "", "": "", "1st": "", "projects/p/topics/": "", "a/b": "", "topics/abc": "",
	} {
		ref, err := Parse(Topic, reference, "mine")
		if (err == nil) != (want != "") || err == nil && ref.String() != want {
			t.Errorf("%q is %q, %v; want %q", reference, ref, err, want)
		}
	}
	if got := deliveries.Short("p") + " " + deliveries.Short("q"); got != "deliveries projects/p/topics/deliveries" {
		t.Errorf("short: %s", got)
	}
}

// safe is a subscription of which there is nothing to say.
func safe(change func(*pubsub.Subscription)) *pubsub.Subscription {
	s := &pubsub.Subscription{
		Name: sync.String(), Topic: deliveries.String(), EnableMessageOrdering: true, AckDeadlineSeconds: 60,
		MessageRetentionDuration: "604800s", PushConfig: &pubsub.PushConfig{},
	}
	if change != nil {
		change(s)
	}
	return s
}

func TestJudge(t *testing.T) {
	t.Parallel()
	if found := judge(deliveries, sync, safe(nil)); len(found) > 0 {
		t.Errorf("a safe subscription: %v", found)
	}
	for word, c := range map[string]struct {
		change func(*pubsub.Subscription)
		fatal  bool
	}{
		"detached":                    {func(s *pubsub.Subscription) { s.Detached = true }, true},
		"projects/p/topics/other":     {func(s *pubsub.Subscription) { s.Topic = "projects/p/topics/other" }, true},
		"enable_message_ordering":     {func(s *pubsub.Subscription) { s.EnableMessageOrdering = false }, true},
		"without push":                {func(s *pubsub.Subscription) { s.PushConfig.PushEndpoint = "https://example.test" }, true},
		"and export":                  {func(s *pubsub.Subscription) { s.BigqueryConfig = &pubsub.BigQueryConfig{} }, true},
		"filter":                      {func(s *pubsub.Subscription) { s.Filter = "attributes:a" }, true},
		"ack_deadline_seconds to 30":  {func(s *pubsub.Subscription) { s.AckDeadlineSeconds = 10 }, false},
		"message_retention_duration":  {func(s *pubsub.Subscription) { s.MessageRetentionDuration = "604799s" }, false},
		"max_delivery_attempts to 20": {func(s *pubsub.Subscription) { s.DeadLetterPolicy = &pubsub.DeadLetterPolicy{MaxDeliveryAttempts: 5} }, false},
	} {
		found := judge(deliveries, sync, safe(c.change))
		if len(found) != 1 || found[0].Fatal != c.fatal || found[0].About != Subscription || !strings.Contains(found[0].Message, word) {
			t.Errorf("%s: %+v", word, found)
		}
	}
}

func client(t *testing.T, h http.HandlerFunc) *Client {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	c, err := New(t.Context(), option.WithEndpoint(server.URL+"/"), option.WithoutAuthentication())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// What is not there is a finding; what cannot be found out is an error.
func TestCheck(t *testing.T) {
	t.Parallel()
	const letters = `"enableMessageOrdering":true,"ackDeadlineSeconds":60,"topic":"projects/p/topics/deliveries","deadLetterPolicy":{"deadLetterTopic":"projects/p/topics/dead","maxDeliveryAttempts":50}`
	for name, c := range map[string]struct {
		answers map[string]string // by path; one that is missing is 404
		about   Kind
		fatal   bool
		word    string
	}{
		"no topic":        {nil, Topic, true, `topic "deliveries" does not exist in project p; create it with google_pubsub_topic`},
		"no subscription": {map[string]string{"topics/deliveries": `{}`}, Subscription, true, "google_pubsub_subscription"},
		"no dead-letter topic": {map[string]string{"topics/deliveries": `{}`, "subscriptions/sync": `{` + letters + `}`},
			Subscription, false, "topics/dead does not exist"},
		"nobody keeps dead letters": {map[string]string{"topics/deliveries": `{}`, "subscriptions/sync": `{` + letters + `}`, "topics/dead/subscriptions": `{}`},
			Subscription, false, "has no subscription"},
		"all is well": {map[string]string{"topics/deliveries": `{}`, "subscriptions/sync": `{` + letters + `}`,
			"topics/dead/subscriptions": `{"subscriptions":["projects/p/subscriptions/dead"]}`}, "", false, ""},
	} {
		found, err := client(t, func(w http.ResponseWriter, r *http.Request) {
			body, ok := c.answers[strings.TrimPrefix(r.URL.Path, "/v1/projects/p/")]
			if !ok {
				w.WriteHeader(http.StatusNotFound)
				body = `{"error":{"code":404,"status":"NOT_FOUND","message":"Resource not found"}}`
			}
			_, _ = fmt.Fprint(w, body)
		}).Check(t.Context(), deliveries, sync)
		switch {
		case err != nil:
			t.Errorf("%s: %v", name, err)
		case c.word == "" && len(found) > 0, c.word != "" && (len(found) != 1 || found[0].About != c.about || found[0].Fatal != c.fatal || !strings.Contains(found[0].Message, c.word)):
			t.Errorf("%s: %+v", name, found)
		}
	}
	_, err := client(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }).Check(t.Context(), deliveries, sync)
	if gcp.KindOf(err) != gcp.Denied || !strings.Contains(err.Error(), deliveries.String()) {
		t.Errorf("denied: %v", err)
	}
}
