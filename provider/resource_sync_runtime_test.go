package provider

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/feel-august/terraform-provider-august/internal/localcloud"
	"github.com/feel-august/terraform-provider-august/internal/localcloud/localtest"
)

const someDigest = "us-central1-docker.pkg.dev/feel-august-platform/august/august-sync@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// someRuntime is a configuration that works on the landing zone, with changes.
func someRuntime(change func(map[string]any)) map[string]any {
	config := map[string]any{
		"name": "rt-plan", "image": someDigest, "service_account": localcloud.ServiceAccount("august-sync", accProject),
		"database": map[string]any{
			"instance": "platform", "name": "august", "user": "august-sync", "password_secret": "august-db-password", "direct": true,
		},
		"drchrono": map[string]any{"oauth_secret": "drchrono-oauth"},
		"control":  map[string]any{"allowed_callers": []any{"terraform@feel-august-platform.iam.gserviceaccount.com"}},
	}
	if change != nil {
		change(config)
	}
	return config
}

func inside(name string, values map[string]any) func(map[string]any) {
	return func(config map[string]any) {
		inner, ok := config[name].(map[string]any)
		if !ok {
			inner = map[string]any{}
			config[name] = inner
		}
		for key, value := range values {
			inner[key] = value
		}
	}
}

func TestSyncRuntime_validates(t *testing.T) {
	t.Parallel()
	p := newProtocol(t)
	noErrors(t, p.validate("august_sync_runtime", someRuntime(nil)))
	with := func(name string, value any) func(map[string]any) {
		return func(config map[string]any) { config[name] = value }
	}
	for _, tt := range []struct {
		name   string
		change func(map[string]any)
		at     string
		word   string
	}{
		{"image by tag", with("image", "us-central1-docker.pkg.dev/p/r/august-sync:v1"), "image", "august_runtime_image"},
		{"image by name", with("image", "august-sync"), "image", "@sha256:"},
		{"name", with("name", "August_Sync"), "name", "lower-case"},
		{"no room for a tag", with("name", strings.Repeat("a", 38)), "name", "up to 37"},
		{"location", with("location", "us-central1-a"), "location", "zone"},
		{"secret's form", inside("drchrono", map[string]any{"oauth_secret": "projects/p/secrets"}), "drchrono.oauth_secret", "never the secret itself"},
		{"a secret instead of a reference", inside("coda", map[string]any{"token_secret": "{\"token\": \"a-b-c\"}"}), "coda.token_secret", "never the secret itself"},
		{"instance", inside("database", map[string]any{"instance": "https://example.test"}), "database.instance", "connection name"},
		{"direct without password", inside("database", map[string]any{"password_secret": nil}), "database.password_secret", "signs in by password"},
		{"password without direct", inside("database", map[string]any{"direct": false}), "database.password_secret", "signs in by IAM"},
		{"pool", inside("database", map[string]any{"pool_max": 2}), "database.pool_max", "between 3 and 100"},
		{"url", inside("drchrono", map[string]any{"url": "http://app.drchrono.com"}), "drchrono.url", "https"},
		{"calls", inside("drchrono", map[string]any{"calls_per_hour": 5}), "drchrono.calls_per_hour", "between 10"},
		{"reserve", inside("drchrono", map[string]any{"reserve_percent": 95}), "drchrono.reserve_percent", "between 0 and 90"},
		{"inbox", inside("drchrono", map[string]any{"webhook_inbox_max_mb": 0}), "drchrono.webhook_inbox_max_mb", "between 1 and 1000000"},
		{"writes", inside("coda", map[string]any{"token_secret": "coda-token", "writes_per_10s": 11}), "coda.writes_per_10s", "between 1 and 10"},
		{"a folder for a bucket", inside("audit", map[string]any{"bucket": "file:///srv/audit"}), "audit.bucket", "gs://bucket/prefix"},
		{"retention", inside("audit", map[string]any{"retention_days": -1}), "audit.retention_days", "between 0 and 36500"},
		{"no readers", inside("control", map[string]any{"allowed_callers": []any{"terraform@feel-august-platform.iam.gserviceaccount.com"}, "allowed_readers": []any{}}), "control.allowed_readers", "at least 1"},
		{"no callers", inside("control", map[string]any{"allowed_callers": []any{}}), "control.allowed_callers", "at least 1"},
		{"audience", inside("control", map[string]any{"audience": "a,b"}), "control.audience", "commas"},
		{"scaling", inside("scaling", map[string]any{"min_instances": 5}), "scaling.min_instances", "max_instances"},
		{"CPU utilization", inside("scaling", map[string]any{"cpu_utilization": 95}), "scaling.cpu_utilization", "between 10 and 90"},
		{"concurrency utilization", inside("scaling", map[string]any{"concurrency_utilization": 5}), "scaling.concurrency_utilization", "between 10 and 95"},
		{"no network", with("network", map[string]any{"egress": "all_traffic"}), "network", "Neither network nor subnetwork"},
		{"network's form", with("network", map[string]any{"network": "https://www.googleapis.com/compute/v1/projects/p/global/networks/n"}), "network.network", "not its self_link"},
		{"subnetwork's form", with("network", map[string]any{"subnetwork": "projects/p/subnetworks/n"}), "network.subnetwork", "projects/project/regions"},
		{"subnetwork's region", func(c map[string]any) {
			c["location"] = "us-central1"
			c["network"] = map[string]any{"subnetwork": "projects/p/regions/us-east1/subnetworks/n"}
		}, "network.subnetwork", "in us-east1 and what uses it in us-central1"},
		{"network's tags", with("network", map[string]any{"network": "n", "tags": []any{"A"}}), `network.tags[{{String []} A}]`, "no network tag"},
		{"egress", with("network", map[string]any{"network": "n", "egress": "ALL_TRAFFIC"}), "network.egress", "all_traffic"},
		{"concurrency", with("concurrency", 0), "concurrency", "between 1 and 1000"},
		{"cpu", with("cpu", "3"), "cpu", "\"4\""},
		{"memory", with("memory", "512"), "memory", "512Mi"},
		{"too little memory", with("memory", "256Mi"), "memory", "512Mi to 32Gi"},
		{"too little memory for so many processors", func(c map[string]any) { c["cpu"], c["memory"] = "4", "1Gi" }, "memory", "2048Mi"},
		{"topic's form", with("pubsub", map[string]any{"topic": "projects/p/subscriptions/abc", "subscription": "abc"}), "pubsub.topic", "does not refer to a topic"},
		{"subscription's form", with("pubsub", map[string]any{"topic": "abc", "subscription": "a/b"}), "pubsub.subscription", "projects/project/subscriptions/name"},
		{"Pub/Sub's address", with("pubsub", map[string]any{"topic": "abc", "subscription": "abc", "endpoint": "pubsub.test:443"}), "pubsub.endpoint", "https"},
		{"a queue for nothing", with("pubsub", map[string]any{"topic": "abc", "subscription": "abc"}), "pubsub", "drchrono.webhook_secret"},
		{"the next secret alone", inside("drchrono", map[string]any{"webhook_secret_next": "new"}), "drchrono.webhook_secret_next", "webhook_secret, which is not set"},
		{"pool with a webhook", func(c map[string]any) {
			inside("drchrono", map[string]any{"webhook_secret": "drchrono-webhook"})(c)
			inside("database", map[string]any{"pool_max": 3})(c)
		}, "database.pool_max", "4 or more"},
		{"ingress", with("ingress", "INGRESS_TRAFFIC_ALL"), "ingress", "internal_and_cloud_load_balancing"},
		{"our label", with("labels", map[string]any{"managed-by": "me"}), `labels["managed-by"]`, "managed-by"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			wantDiagnostic(t, newProtocol(t).validate("august_sync_runtime", someRuntime(tt.change)), tt.at, tt.word)
		})
	}
	// Nothing that is unknown is judged.
	noErrors(t, p.validate("august_sync_runtime", map[string]any{
		"name": unknown{}, "image": unknown{}, "service_account": unknown{}, "database": unknown{}, "drchrono": unknown{},
		"coda": unknown{}, "control": unknown{}, "pubsub": unknown{}, "scaling": unknown{}, "network": unknown{}, "memory": unknown{}, "labels": unknown{},
	}))
	noErrors(t, p.validate("august_sync_runtime", someRuntime(func(c map[string]any) {
		inside("database", map[string]any{"direct": unknown{}, "password_secret": nil})(c)
		inside("scaling", map[string]any{"min_instances": 5, "max_instances": unknown{}})(c)
	})))
}

// What the runtime depends on is looked up while planning.
func TestAccSyncRuntime_planRefuses(t *testing.T) {
	t.Parallel()
	cloud := localtest.Shared(t)
	p := newProtocol(t)
	noErrors(t, p.configure(map[string]any{
		"project": accProject, "region": localtest.Region, "access_token": "local",
		"endpoints": map[string]any{
			"cloud_sql": cloud.Endpoints.CloudSQL, "cloud_run": cloud.Endpoints.CloudRun, "secret_manager": cloud.Endpoints.SecretManager,
			"pubsub": cloud.Endpoints.PubSub,
		},
	}))
	for _, tt := range []struct {
		name   string
		change func(map[string]any)
		at     string
		words  []string
	}{
		{
			"secret", inside("drchrono", map[string]any{"oauth_secret": "no-such-secret"}), "drchrono.oauth_secret",
			[]string{`Secret "no-such-secret" does not exist in project feel-august-platform`, "august_secret"},
		},
		{
			"next secret", inside("drchrono", map[string]any{"webhook_secret": "drchrono-webhook", "webhook_secret_next": "drchrono-webhook:9"}),
			"drchrono.webhook_secret_next", []string{"no version 9"},
		},
		{
			"secret elsewhere", inside("coda", map[string]any{"token_secret": "projects/other-project/secrets/coda-token"}), "coda.token_secret",
			[]string{"does not exist in project other-project"},
		},
		{
			"version", inside("database", map[string]any{"password_secret": "august-db-password:99"}), "database.password_secret",
			[]string{"no version 99", "google_secret_manager_secret_version"},
		},
		{
			"instance", inside("database", map[string]any{"instance": "nowhere"}), "database.instance",
			[]string{"no Cloud SQL instance nowhere in project feel-august-platform", "connection_name"},
		},
		{
			"instance's region", inside("database", map[string]any{"instance": "feel-august-platform:europe-west1:platform"}), "database.instance",
			[]string{"feel-august-platform:us-central1:platform", "region"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, diags := p.planCreate("august_sync_runtime", someRuntime(tt.change))
			wantDiagnostic(t, diags, tt.at, tt.words...)
		})
	}
	_, diags := p.planCreate("august_sync_runtime", someRuntime(nil))
	noErrors(t, diags)
}

// Without the APIs a plan goes on, and says what it could not check.
func TestSyncRuntime_planWithoutTheAPIs(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
	}))
	t.Cleanup(server.Close)
	p := newProtocol(t)
	noErrors(t, p.configure(map[string]any{
		"project": accProject, "region": "us-central1", "access_token": "local",
		"endpoints": map[string]any{"cloud_sql": server.URL, "cloud_run": server.URL, "secret_manager": server.URL},
	}))
	planned, diags := p.planCreate("august_sync_runtime", someRuntime(nil))
	noErrors(t, diags)
	if len(diags) != 3 {
		t.Errorf("%d warnings, want one for the instance and one for each secret", len(diags))
	}
	if database := object(t, object(t, planned)["database"]); database["address"].IsKnown() {
		t.Error("the address is known without having been looked up")
	}
}

func TestParseServiceID(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]string{
		"august-sync": "//august-sync", "p/l/n": "p/l/n", "projects/p/locations/l/services/n": "p/l/n",
		"p/n": "", "p//n": "", "": "", "projects/p/regions/l/services/n": "",
	} {
		parts, ok := parseServiceID(id)
		got := ""
		if ok {
			got = parts[0] + "/" + parts[1] + "/" + parts[2]
		}
		if got != want {
			t.Errorf("%q gives %q, want %q", id, got, want)
		}
	}
}
