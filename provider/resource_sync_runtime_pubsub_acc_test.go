package provider

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"
	"google.golang.org/api/option"
	"google.golang.org/api/pubsub/v1"
	"google.golang.org/api/run/v2"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/localtest"
)

// queues are topics and subscriptions of a test's own, beside the landing zone's.
type queues struct {
	t   *testing.T
	api *pubsub.Service
}

func newQueues(t *testing.T, cloud *localtest.Cloud) queues {
	t.Helper()
	api, err := pubsub.NewService(t.Context(), option.WithEndpoint(cloud.Endpoints.PubSub), option.WithoutAuthentication())
	if err != nil {
		t.Fatal(err)
	}
	return queues{t, api}
}

// declare makes a topic and a subscription of the same name, in order unless changed.
func (q queues) declare(name string, change func(*pubsub.Subscription)) {
	q.t.Helper()
	project := "projects/" + accProject
	if _, err := q.api.Projects.Topics.Create(project+"/topics/"+name, &pubsub.Topic{}).Do(); err != nil {
		q.t.Fatal(err)
	}
	s := &pubsub.Subscription{Topic: project + "/topics/" + name, EnableMessageOrdering: true, AckDeadlineSeconds: 60}
	if change != nil {
		change(s)
	}
	if _, err := q.api.Projects.Subscriptions.Create(project+"/subscriptions/"+name, s).Do(); err != nil {
		q.t.Fatal(err)
	}
}

// queued is the rig's runtime with a webhook, and what is said of its queue.
func (r *runtimeRig) queued(pubsub string) string {
	return strings.Replace(r.config(r.image, pubsub), `oauth_secret = "drchrono-oauth"`,
		`oauth_secret = "drchrono-oauth"
    webhook_secret      = "drchrono-webhook"
    webhook_secret_next = "drchrono-webhook:1"`, 1)
}

// env is the live service's plain variables that begin with AUGUST_PUBSUB_.
func (r *runtimeRig) env() map[string]string {
	r.t.Helper()
	found := map[string]string{}
	for _, e := range r.get().Template.Containers[0].Env {
		if strings.HasPrefix(e.Name, "AUGUST_PUBSUB_") {
			found[e.Name] = e.Value
		}
	}
	return found
}

func TestAccSyncRuntime_pubsub(t *testing.T) {
	t.Parallel()
	r := newRuntimeRig(t, "rt-queue")
	newQueues(t, r.cloud).declare("rt-queue", nil)
	const short = `pubsub = {
    topic        = "rt-queue"
    subscription = "projects/feel-august-platform/subscriptions/rt-queue"
  }`
	repaired := func(behind func([]*run.GoogleCloudRunV2EnvVar) []*run.GoogleCloudRunV2EnvVar, attributes ...string) resource.TestStep {
		return resource.TestStep{
			PreConfig: func() {
				live := r.get()
				live.Template.Containers[0].Env = behind(live.Template.Containers[0].Env)
				live.Template.Revision = ""
				r.patch("template", &run.GoogleCloudRunV2Service{Template: live.Template})
			},
			Config: r.queued(short),
			ConfigPlanChecks: resource.ConfigPlanChecks{
				PreApply:             []plancheck.PlanCheck{expectChanged(runtimeAddress, attributes...)},
				PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
			},
		}
	}
	told := func(want map[string]string) resource.TestCheckFunc {
		return func(*terraform.State) error {
			if got := r.env(); fmt.Sprint(got) != fmt.Sprint(want) {
				return fmt.Errorf("the runtime is told %v, want %v", got, want)
			}
			return nil
		}
	}
	all := map[string]string{
		envPubSubTopic: "projects/feel-august-platform/topics/rt-queue", envPubSubSubscription: "projects/feel-august-platform/subscriptions/rt-queue",
		envPubSubEndpoint: r.cloud.Endpoints.PubSub,
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: providers,
		Steps: []resource.TestStep{
			{
				Config: r.queued(short),
				ConfigPlanChecks: resource.ConfigPlanChecks{
					PreApply: []plancheck.PlanCheck{
						plancheck.ExpectKnownValue(runtimeAddress, tfjsonpath.New("pubsub").AtMapKey("endpoint"), knownvalue.StringExact(r.cloud.Endpoints.PubSub)),
						plancheck.ExpectUnknownValue(runtimeAddress, tfjsonpath.New("webhook_url")),
					},
					PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
				},
				ConfigStateChecks: []statecheck.StateCheck{
					statecheck.ExpectKnownValue(runtimeAddress, tfjsonpath.New("webhook_url"), knownvalue.StringRegexp(regexp.MustCompile(`^http://.*[^/]/webhooks/drchrono$`))),
				},
				Check: resource.ComposeTestCheckFunc(told(all), noSecrets(t, r.cloud)),
			},
			{
				ResourceName: runtimeAddress, ImportState: true, ImportStateId: "rt-queue", ImportStateVerify: true,
				ImportStateVerifyIgnore: []string{"timeouts", "pubsub.subscription"}, // in other words
			},
			repaired(func(env []*run.GoogleCloudRunV2EnvVar) []*run.GoogleCloudRunV2EnvVar { // sent elsewhere by hand
				for _, e := range env {
					if e.Name == envPubSubTopic {
						e.Value = "projects/elsewhere/topics/rt-queue"
					}
				}
				return env
			}, "pubsub", "revision"),
			repaired(func(env []*run.GoogleCloudRunV2EnvVar) []*run.GoogleCloudRunV2EnvVar { // taken away by hand
				return slices.DeleteFunc(env, func(e *run.GoogleCloudRunV2EnvVar) bool { return strings.HasPrefix(e.Name, "AUGUST_PUBSUB_") })
			}, "problem", "pubsub", "ready", "revision"), // the apply before has pinned traffic, so theirs has none
			{ // an address of its own
				Config: r.queued(strings.Replace(short, `"rt-queue"`, `"rt-queue"`+"\n    endpoint = \"http://localhost:8085\"", 1)),
				Check:  told(map[string]string{envPubSubTopic: all[envPubSubTopic], envPubSubSubscription: all[envPubSubSubscription], envPubSubEndpoint: "http://localhost:8085"}),
			},
			{Config: r.queued(""), Check: told(map[string]string{})},
			{ // a topic that the same apply names, and that is not there: the apply refuses it
				Config: r.queued(`pubsub = {
    topic        = terraform_data.topic.output
    subscription = "rt-queue"
  }`) + `resource "terraform_data" "topic" { input = "rt-queue-not" }`,
				ExpectError: asShown("Deliveries not safe", `Topic "rt-queue-not" does not exist in project feel-august-platform`),
			},
		},
	})
}

// What would lose or disorder deliveries is refused while planning, and the rest is warned of.
func TestAccSyncRuntime_pubsubRefuses(t *testing.T) {
	t.Parallel()
	cloud := localtest.Shared(t)
	q := newQueues(t, cloud)
	q.declare("rt-good", nil)
	q.declare("rt-unordered", func(s *pubsub.Subscription) { s.EnableMessageOrdering = false })
	q.declare("rt-filtered", func(s *pubsub.Subscription) { s.Filter = "attributes:event" })
	q.declare("rt-risky", func(s *pubsub.Subscription) {
		s.AckDeadlineSeconds, s.MessageRetentionDuration = 10, "3600s"
		s.DeadLetterPolicy = &pubsub.DeadLetterPolicy{DeadLetterTopic: "projects/" + accProject + "/topics/rt-letters"}
		if _, err := q.api.Projects.Topics.Create(s.DeadLetterPolicy.DeadLetterTopic, &pubsub.Topic{}).Do(); err != nil {
			t.Fatal(err)
		}
	})
	q.declare("rt-detached", nil)
	if _, err := q.api.Projects.Subscriptions.Detach("projects/" + accProject + "/subscriptions/rt-detached").Do(); err != nil {
		t.Fatal(err)
	}

	plan := func(endpoint, topic, subscription string) []*tfprotov6.Diagnostic {
		p := newProtocol(t)
		noErrors(t, p.configure(map[string]any{
			"project": accProject, "region": localtest.Region, "access_token": "local",
			"endpoints": map[string]any{
				"cloud_sql": cloud.Endpoints.CloudSQL, "cloud_run": cloud.Endpoints.CloudRun, "secret_manager": cloud.Endpoints.SecretManager, "pubsub": endpoint,
			},
		}))
		_, diags := p.planCreate("august_sync_runtime", someRuntime(func(c map[string]any) {
			inside("drchrono", map[string]any{"webhook_secret": "drchrono-webhook"})(c)
			c["pubsub"] = map[string]any{"topic": topic, "subscription": subscription}
		}))
		return diags
	}
	for _, tt := range []struct{ topic, subscription, at, word string }{
		{"rt-none", "rt-good", "pubsub.topic", "refer to its id"},
		{"rt-good", "rt-none", "pubsub.subscription", "google_pubsub_subscription"},
		{"rt-good", "rt-risky", "pubsub.subscription", "belongs to projects/feel-august-platform/topics/rt-risky"},
		{"rt-unordered", "rt-unordered", "pubsub.subscription", "enable_message_ordering"},
		{"rt-filtered", "rt-filtered", "pubsub.subscription", "filter"},
		{"rt-detached", "rt-detached", "pubsub.subscription", "detached"},
	} {
		wantDiagnostic(t, plan(cloud.Endpoints.PubSub, tt.topic, tt.subscription), tt.at, "Deliveries not safe", tt.word)
	}

	warned := func(diags []*tfprotov6.Diagnostic) string {
		noErrors(t, diags)
		var all []string
		for _, d := range diags {
			all = append(all, d.Summary+": "+d.Detail)
		}
		return strings.Join(all, "\n")
	}
	if got := warned(plan(cloud.Endpoints.PubSub, "rt-good", "rt-good")); got != "" {
		t.Errorf("a safe queue: %s", got)
	}
	got := warned(plan(cloud.Endpoints.PubSub, "rt-risky", "rt-risky"))
	for _, word := range []string{"ack_deadline_seconds", "message_retention_duration", "max_delivery_attempts", "rt-letters has no subscription"} {
		if !strings.Contains(got, word) {
			t.Errorf("no warning of %s in:\n%s", word, got)
		}
	}
	denied := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }))
	t.Cleanup(denied.Close)
	if got := warned(plan(denied.URL, "rt-good", "rt-good")); !strings.Contains(got, "could not be found out") {
		t.Errorf("without the API: %s", got)
	}
}
