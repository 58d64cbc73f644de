package provider

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
)

func TestProvider_validates(t *testing.T) {
	t.Parallel()
	p := newProtocol(t)
	wantDiagnostic(t, p.validateProvider(map[string]any{"project": "Feel August"}), "project", "feel-august-platform")
	wantDiagnostic(t, p.validateProvider(map[string]any{"region": "us-central1-a"}), "region", "zone")
	wantDiagnostic(t, p.validateProvider(map[string]any{"impersonate_service_account": "terraform"}), "impersonate_service_account", "e-mail")
	wantDiagnostic(t, p.validateProvider(map[string]any{"endpoints": map[string]any{"cloud_sql": "localhost:8080"}}),
		"endpoints.cloud_sql", "scheme and host")
	wantDiagnostic(t, p.validateProvider(map[string]any{"endpoints": map[string]any{"cloud_run": "http://run.example.test/"}}),
		"endpoints.cloud_run", "Use https")
	noErrors(t, p.validateProvider(map[string]any{
		"project": "feel-august-platform", "region": "us-central1", "access_token": "token",
		"impersonate_service_account": "terraform@feel-august-platform.iam.gserviceaccount.com",
		"endpoints":                   map[string]any{"cloud_sql": "http://127.0.0.1:8080/", "cloud_run": "https://run.example.test/", "pubsub": unknown{}},
	}))
}

func TestProvider_toleratesUnknown(t *testing.T) {
	t.Parallel()
	for name, config := range map[string]map[string]any{
		"project":   {"project": unknown{}},
		"endpoints": {"project": "feel-august-platform", "access_token": "token", "endpoints": unknown{}},
		"token":     {"project": "feel-august-platform", "access_token": unknown{}},
		"account":   {"project": "feel-august-platform", "impersonate_service_account": unknown{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProtocol(t)
			noErrors(t, p.configure(config))
			planned, diags := p.planCreate("august_cloudsql_ha_policy", map[string]any{"instance": "platform"})
			if len(diags) > 0 {
				t.Errorf("%d diagnostics while something is unknown, want none", len(diags))
			}
			attributes := object(t, planned)
			if project := attributes["project"]; project.IsKnown() == (name == "project") {
				t.Errorf("planned project %s", project)
			}
			if zone := attributes["zone"]; zone.IsKnown() {
				t.Errorf("planned zone %s without having seen the instance", zone)
			}
		})
	}
}

func TestProvider_saysWhatIsMissing(t *testing.T) {
	t.Parallel()
	p := newProtocol(t)
	noErrors(t, p.configure(nil))
	_, diags := p.planCreate("august_cloudsql_ha_policy", map[string]any{"instance": "platform"})
	wantDiagnostic(t, diags, "project", "AUGUST_PROJECT", "GOOGLE_PROJECT", "provider block")
}

// The environment belongs to the whole process, so these are not parallel.
func TestClients_environment(t *testing.T) {
	t.Setenv("GOOGLE_PROJECT", "from-google")
	t.Setenv("AUGUST_REGION", "us-central1")
	t.Setenv("AUGUST_CLOUD_SQL_ENDPOINT", "http://127.0.0.1:9")
	var c clients
	c.configure(providerModel{Region: types.StringValue("us-east1")})
	if v, err := c.Project(); v != "from-google" || err != nil {
		t.Errorf("project %q, %v", v, err)
	}
	if v, err := c.Region(); v != "us-east1" || err != nil {
		t.Errorf("region %q, %v: the block wins", v, err)
	}
	if c.cloudSQL.value != "http://127.0.0.1:9/" {
		t.Errorf("endpoint %q: the last slash is added", c.cloudSQL.value)
	}
	t.Setenv("AUGUST_PROJECT", "from-august")
	c.configure(providerModel{})
	if v, _ := c.Project(); v != "from-august" {
		t.Errorf("project %q: our own variable comes first", v)
	}
	c.configure(providerModel{Project: types.StringUnknown()})
	if _, err := c.Project(); !isUnknown(err) {
		t.Errorf("got %v: what is unknown is not made up", err)
	}
}

func TestClients_environmentIsValidated(t *testing.T) {
	t.Setenv("AUGUST_CLOUD_RUN_ENDPOINT", "http://run.example.test/")
	p := newProtocol(t)
	wantDiagnostic(t, p.configure(nil), "endpoints.cloud_run", "AUGUST_CLOUD_RUN_ENDPOINT", "Use https")
	t.Setenv("AUGUST_CLOUD_RUN_ENDPOINT", "")
	// One value is one value, whatever is in it: only a list has commas between several.
	for _, project := range []string{"feel-august-platform,feel-august-staging", " feel-august-platform", " "} {
		t.Setenv("AUGUST_PROJECT", project)
		wantDiagnostic(t, p.configure(nil), "project", "AUGUST_PROJECT")
	}
}

func TestDescribe_rawErrorComesLast(t *testing.T) {
	t.Parallel()
	got := describe("It did not work.", errors.New("raw"))
	if !strings.HasPrefix(got, "It did not work.") || !strings.HasSuffix(got, "Error: raw") {
		t.Errorf("got %q", got)
	}
}

// What is there already stays in the state while the provider waits for something that the same apply makes.
func TestProvider_keepsStatesWhileUnknown(t *testing.T) {
	t.Parallel()
	p := newProtocol(t)
	noErrors(t, p.configure(map[string]any{"project": "feel-august-platform", "region": "us-central1", "access_token": unknown{}}))
	for resource, state := range map[string]map[string]any{
		"august_cloudsql_ha_policy": {"id": "x", "project": "feel-august-platform", "instance": "platform"},
		"august_secret":             {"id": "x", "project": "feel-august-platform", "name": "token", "version": 1},
		"august_sync_runtime":       {"id": "x", "project": "feel-august-platform", "location": "us-central1", "name": "august-sync"},
		"august_sync_pipeline":      {"id": "x", "endpoint": "https://r.example.test", "audience": "a", "name": "billing", "generation": 1},
	} {
		t.Run(resource, func(t *testing.T) {
			t.Parallel()
			value := p.value(p.typeOf(resource), state)
			resp, err := p.server.ReadResource(t.Context(), &tfprotov6.ReadResourceRequest{TypeName: resource, CurrentState: value})
			if err != nil {
				t.Fatal(err)
			}
			if len(resp.Diagnostics) > 0 {
				t.Errorf("%s: %s", resp.Diagnostics[0].Summary, resp.Diagnostics[0].Detail)
			}
			if now := p.open(resource, resp.NewState); !now.Equal(p.open(resource, value)) {
				t.Errorf("the state has become %s", now)
			}
		})
	}
}

func TestFailAt_saysWhichNestedAttribute(t *testing.T) {
	t.Parallel()
	var diags diag.Diagnostics
	failAt(&diags, path.Root("coda").AtName("token_secret"), "Title", "It does not exist.", nil)
	failAt(&diags, path.Root("project"), "Title", "It is not known.", nil)
	if got := diags[0].Detail(); got != "coda.token_secret: It does not exist." {
		t.Error(got)
	}
	if got := diags[1].Detail(); got != "It is not known." {
		t.Error(got)
	}
}

func TestWayOut_interrupted(t *testing.T) {
	t.Parallel()
	if got := wayOut(fmt.Errorf("wait: %w", context.Canceled)); !strings.Contains(got, "apply again") {
		t.Errorf("got %q", got)
	}
}

func TestUndoneDetail(t *testing.T) {
	t.Parallel()
	for want, err := range map[string]error{
		"did not become ready, so": errors.New("the container ended"),
		"did not become ready in the time that timeouts.create allows, so": fmt.Errorf("wait: %w", context.DeadlineExceeded),
		"did not become ready before the run was interrupted, so":          fmt.Errorf("wait: %w", context.Canceled),
	} {
		if got := undoneDetail("p/s", err); !strings.Contains(got, want) || !strings.Contains(got, "nothing is left behind") {
			t.Errorf("%v: %q", err, got)
		}
	}
}
