package provider

import (
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
)

// move moves a state to a resource, and returns what of it is not null, in the state and in the identity.
func (p *protocol) move(to, provider, from, raw string) (state, identity map[string]string, diags []*tfprotov6.Diagnostic) {
	p.t.Helper()
	resp, err := p.server.MoveResourceState(p.t.Context(), &tfprotov6.MoveResourceStateRequest{
		SourceProviderAddress: provider, SourceTypeName: from, SourceSchemaVersion: 1,
		SourceState: &tfprotov6.RawState{JSON: []byte(raw)}, TargetTypeName: to,
	})
	if err != nil {
		p.t.Fatal(err)
	}
	if resp.TargetState == nil {
		return nil, nil, resp.Diagnostics
	}
	state, identity = map[string]string{}, map[string]string{}
	for name, v := range object(p.t, p.open(to, resp.TargetState)) {
		var s string
		if !v.IsNull() {
			if err := v.As(&s); err != nil {
				p.t.Fatal(err)
			}
			state[name] = s
		}
	}
	raws, err := resp.TargetIdentity.IdentityData.Unmarshal(p.identityType(to))
	if err != nil {
		p.t.Fatal(err)
	}
	for name, v := range object(p.t, raws) {
		var s string
		if err := v.As(&s); err != nil {
			p.t.Fatal(err)
		}
		identity[name] = s
	}
	return state, identity, resp.Diagnostics
}

// States as hashicorp/google 6 and 7 write them, cut short.
const (
	googleService = `{"annotations":{},"client":"terraform","deletion_protection":true,"effective_labels":{"goog-terraform-provisioned":"true"},
		"etag":"\"CKq\"","generation":"3","id":"projects/feel-august-platform/locations/us-central1/services/august-sync","ingress":"INGRESS_TRAFFIC_ALL",
		"latest_ready_revision":"projects/feel-august-platform/locations/us-central1/services/august-sync/revisions/august-sync-00003-abc",
		"location":"us-central1","name":"august-sync","project":"feel-august-platform","terminal_condition":[{"state":"CONDITION_SUCCEEDED","type":"Ready"}],
		"template":[{"containers":[{"env":[{"name":"SECRET","value":"secret-value","value_source":[]}],"image":"us-docker.pkg.dev/p/r/i@sha256:00"}]}],
		"timeouts":null,"uid":"0d5e4f1c","uri":"https://august-sync-123.us-central1.run.app","urls":["https://august-sync-123.us-central1.run.app"]}`
	googleSecret = `{"annotations":{},"create_time":"2026-01-01T00:00:00Z","id":"projects/feel-august-platform/secrets/coda-token","labels":{"team":"data"},
		"name":"projects/123456789012/secrets/coda-token","project":"feel-august-platform","replication":[{"auto":[{"customer_managed_encryption":[]}],"user_managed":[]}],
		"secret_id":"coda-token","terraform_labels":{"team":"data"},"timeouts":null,"ttl":null,"version_aliases":{}}`
)

func TestMoveState(t *testing.T) {
	t.Parallel()
	p := newProtocol(t)
	noErrors(t, p.configure(map[string]any{"project": "another-project", "region": "us-east1", "access_token": "token"}))
	const google = "registry.terraform.io/hashicorp/google"
	for name, tt := range map[string]struct {
		to, provider, from, raw string
		want                    map[string]string
		refused                 []string
	}{
		"service": {
			"august_sync_runtime", google, "google_cloud_run_v2_service", googleService,
			map[string]string{"project": "feel-august-platform", "location": "us-central1", "name": "august-sync"}, nil,
		},
		"service of the beta, under OpenTofu": {
			"august_sync_runtime", "registry.opentofu.org/hashicorp/google-beta", "google_cloud_run_v2_service", googleService,
			map[string]string{"project": "feel-august-platform", "location": "us-central1", "name": "august-sync"}, nil,
		},
		"secret": {
			"august_secret", google, "google_secret_manager_secret", googleSecret,
			map[string]string{"project": "feel-august-platform", "name": "coda-token"}, nil,
		},
		"another type": {
			"august_sync_runtime", google, "google_cloud_run_service", googleService, nil,
			[]string{"Not moved to august_sync_runtime", "google_cloud_run_service", "google_cloud_run_v2_service", "import block"},
		},
		"another provider": {
			"august_secret", "registry.terraform.io/hashicorp/aws", "google_secret_manager_secret", googleSecret, nil,
			[]string{"Not moved to august_secret", "hashicorp/aws"},
		},
		"somebody else's google": {
			"august_secret", "registry.terraform.io/other/google", "google_secret_manager_secret", googleSecret, nil, []string{"other/google"},
		},
		"no state":      {"august_secret", google, "google_secret_manager_secret", `[]`, nil, []string{"cannot be read"}},
		"no id":         {"august_secret", google, "google_secret_manager_secret", `{"name":"x"}`, nil, []string{`The id ""`}},
		"a foreign id":  {"august_sync_runtime", google, "google_cloud_run_v2_service", `{"id":"august-sync"}`, nil, []string{`The id "august-sync"`}},
		"a secret's id": {"august_sync_runtime", google, "google_cloud_run_v2_service", `{"id":"projects/p/secrets/s"}`, nil, []string{"import block"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			state, identity, diags := p.move(tt.to, tt.provider, tt.from, tt.raw)
			if tt.want == nil {
				wantDiagnostic(t, diags, "", tt.refused...)
				return
			}
			noErrors(t, diags)
			for part, want := range tt.want {
				if state[part] != want || identity[part] != want {
					t.Errorf("%s is %q in the state, %q in the identity; want %q", part, state[part], identity[part], want)
				}
			}
			// What the other type knows of the thing is not taken over: a refresh reads it, and not all of it belongs in a state.
			if len(state) != len(tt.want) {
				t.Errorf("the state is %v", state)
			}
		})
	}
}
