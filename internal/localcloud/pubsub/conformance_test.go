package pubsub

import (
	"strings"
	"testing"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/localtest/conformance"
)

// What its users do with gcloud: declare, look, change, try out, remove.
func TestGcloud(t *testing.T) {
	r := start(t, t.TempDir())
	gcloud := conformance.NewGcloud(t, "pubsub", "august-test", "CLOUDSDK_API_ENDPOINT_OVERRIDES_PUBSUB=http://"+r.addr+"/")
	says := func(what string, words ...string) {
		t.Helper()
		for _, word := range words {
			if !strings.Contains(what, word) {
				t.Errorf("no %q in:\n%s", word, what)
			}
		}
	}
	gcloud.Run("topics", "create", "events", "events-dead", "--labels=env=test")
	if out, err := gcloud.Try("topics", "create", "events"); err == nil {
		t.Errorf("the topic can be made twice: %s", out)
	}
	gcloud.Run("topics", "update", "events", "--update-labels=team=platform", "--message-retention-duration=1h")
	says(gcloud.Run("topics", "describe", "events"), "team: platform", "env: test", "messageRetentionDuration: 3600s")
	gcloud.Run("topics", "update", "events", "--clear-labels", "--clear-message-retention-duration")
	if out := gcloud.Run("topics", "describe", "events"); strings.Contains(out, "labels") || strings.Contains(out, "3600s") {
		t.Errorf("cleared: %s", out)
	}
	says(gcloud.Run("topics", "list"), "topics/events", "topics/events-dead")

	gcloud.Run("subscriptions", "create", "drain", "--topic=events", "--enable-message-ordering", "--ack-deadline=60", "--message-retention-duration=7d",
		"--expiration-period=never", "--dead-letter-topic=events-dead", "--max-delivery-attempts=20", "--min-retry-delay=1s", "--max-retry-delay=60s")
	says(gcloud.Run("subscriptions", "describe", "drain"), "ackDeadlineSeconds: 60", "enableMessageOrdering: true", "maxDeliveryAttempts: 20",
		"minimumBackoff: 1s", "expirationPolicy: {}", "state: ACTIVE")
	gcloud.Run("subscriptions", "update", "drain", "--ack-deadline=30", "--clear-retry-policy", "--clear-dead-letter-policy", "--update-labels=a=b")
	out := gcloud.Run("subscriptions", "describe", "drain")
	says(out, "ackDeadlineSeconds: 30", "a: b", "enableMessageOrdering: true")
	if strings.Contains(out, "retryPolicy") || strings.Contains(out, "deadLetterPolicy") {
		t.Errorf("cleared: %s", out)
	}
	says(gcloud.Run("topics", "list-subscriptions", "events"), "subscriptions/drain")

	gcloud.Run("topics", "publish", "events", "--message=hello", "--attribute=event=PING", "--ordering-key=patients/1")
	gcloud.Run("topics", "publish", "events", "--message=again", "--ordering-key=patients/1")
	says(gcloud.Run("subscriptions", "pull", "drain", "--auto-ack", "--format=json"), `"data": "aGVsbG8="`, `"event": "PING"`)
	id := strings.TrimSpace(gcloud.Run("subscriptions", "pull", "drain", "--format=value(ackId)"))
	gcloud.Run("subscriptions", "modify-message-ack-deadline", "drain", "--ack-ids="+id, "--ack-deadline=0")
	again := strings.TrimSpace(gcloud.Run("subscriptions", "pull", "drain", "--format=value(ackId)"))
	if again == "" || again == id {
		t.Errorf("after the nack: %q, before %q", again, id)
	}
	gcloud.Run("subscriptions", "ack", "drain", "--ack-ids="+again)
	gcloud.Run("topics", "publish", "events", "--message=skipped")
	gcloud.Run("subscriptions", "seek", "drain", "--time=2030-01-01T00:00:00Z")
	if out := gcloud.Run("subscriptions", "pull", "drain", "--format=value(ackId)"); strings.TrimSpace(out) != "" {
		t.Errorf("after the seek: %s", out)
	}

	gcloud.Run("topics", "add-iam-policy-binding", "events", "--member=serviceAccount:august-sync@august-test.iam.gserviceaccount.com", "--role=roles/pubsub.publisher")
	says(gcloud.Run("topics", "get-iam-policy", "events"), "roles/pubsub.publisher")
	gcloud.Run("topics", "detach-subscription", "drain")
	says(gcloud.Run("subscriptions", "describe", "drain"), "detached: true")
	gcloud.Run("subscriptions", "delete", "drain")
	gcloud.Run("topics", "delete", "events", "events-dead")
	if out := gcloud.Run("topics", "list", "--format=value(name)") + gcloud.Run("subscriptions", "list", "--format=value(name)"); strings.TrimSpace(out) != "" {
		t.Errorf("left: %s", out)
	}
}

// Terraform with the provider that most people use: apply, plan nothing, change, plan nothing, destroy.
func TestHashicorpGoogle(t *testing.T) {
	r := start(t, t.TempDir())
	g := conformance.NewGoogle(t, conformance.Setup{Project: "august-test", Region: "us-central1",
		Endpoints: map[string]string{"pubsub_custom_endpoint": "http://" + r.addr + "/v1/"}})
	config := func(labels, subscription string) {
		g.Write("main.tf", `
resource "google_pubsub_topic" "dead" { name = "events-dead" }
resource "google_pubsub_topic" "events" {
  name                       = "events"
  message_retention_duration = "86400s"
  `+labels+`
}
resource "google_pubsub_subscription" "plain" {
  name  = "plain"
  topic = google_pubsub_topic.dead.id
}
resource "google_pubsub_subscription" "drain" {
  name                    = "drain"
  topic                   = google_pubsub_topic.events.id
  enable_message_ordering = true
  `+subscription+`
}
resource "google_pubsub_topic_iam_member" "publisher" {
  topic  = google_pubsub_topic.events.id
  role   = "roles/pubsub.publisher"
  member = "serviceAccount:august-sync@august-test.iam.gserviceaccount.com"
}
resource "google_pubsub_subscription_iam_member" "subscriber" {
  subscription = google_pubsub_subscription.drain.id
  role         = "roles/pubsub.subscriber"
  member       = "serviceAccount:august-sync@august-test.iam.gserviceaccount.com"
}
`)
	}
	config(`labels = { env = "test" }`, `
  labels                     = { env = "test" }
  ack_deadline_seconds       = 20
  message_retention_duration = "604800s"
  retain_acked_messages      = true
  filter                     = "attributes:event"
  expiration_policy { ttl = "" }
  dead_letter_policy {
    dead_letter_topic     = google_pubsub_topic.dead.id
    max_delivery_attempts = 10
  }
  retry_policy { minimum_backoff = "10s" }
`)
	g.Apply()
	g.Settled("create")

	config(`labels = { env = "prod", team = "platform" }`, `
  labels                       = { env = "prod" }
  ack_deadline_seconds         = 60
  message_retention_duration   = "86400s"
  filter                       = "attributes:event"
  enable_exactly_once_delivery = true
  expiration_policy { ttl = "172800s" }
  dead_letter_policy {
    dead_letter_topic     = google_pubsub_topic.dead.id
    max_delivery_attempts = 50
  }
  retry_policy {
    minimum_backoff = "1s"
    maximum_backoff = "30s"
  }
`)
	g.Apply()
	g.Settled("update")
	s := r.subs[drain].meta
	if s.GetAckDeadlineSeconds() != 60 || s.GetDeadLetterPolicy().GetMaxDeliveryAttempts() != 50 || s.GetRetainAckedMessages() || s.GetLabels()["env"] != "prod" {
		t.Errorf("updated: %v", s)
	}

	config("", `
  filter = "attributes:event"
  expiration_policy { ttl = "" }
`)
	g.Apply()
	g.Settled("leaving it all out")
	if s := r.subs[drain].meta; s.GetDeadLetterPolicy() != nil || s.GetRetryPolicy() != nil {
		t.Errorf("left out: %v", s)
	}
	g.Destroy()
	if len(r.topics)+len(r.subs) > 0 {
		t.Errorf("left: %v, %v", r.topics, r.subs)
	}
}
