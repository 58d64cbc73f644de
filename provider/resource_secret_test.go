package provider

import (
	"encoding/base64"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"google.golang.org/api/option"
	"google.golang.org/api/secretmanager/v1"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/secrets"
)

// secretManager is the local Secret Manager, in this process, which may refuse calls.
func secretManager(t *testing.T, refuse func(r *http.Request) int) (url string, api *secretmanager.Service) {
	t.Helper()
	face, err := secrets.New(secrets.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	face.Register(mux)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if status := refuse(r); status != 0 && r.Header.Get("Authorization") != "" {
			http.Error(w, `{"error":{"code":403,"message":"Permission denied.","status":"PERMISSION_DENIED"}}`, status)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	api, err = secretmanager.NewService(t.Context(), option.WithEndpoint(server.URL+"/"), option.WithoutAuthentication())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := api.Projects.Secrets.Create("projects/"+accProject, &secretmanager.Secret{
		Labels: map[string]string{"team": "data"}, Replication: &secretmanager.Replication{Automatic: &secretmanager.Automatic{}},
	}).SecretId("token").Do(); err != nil {
		t.Fatal(err)
	}
	if _, err := api.Projects.Secrets.AddVersion("projects/"+accProject+"/secrets/token", &secretmanager.AddSecretVersionRequest{
		Payload: &secretmanager.SecretPayload{Data: base64.StdEncoding.EncodeToString([]byte("value-one"))},
	}).Do(); err != nil {
		t.Fatal(err)
	}
	return server.URL, api
}

func never(*http.Request) int { return 0 }

func newSecretProtocol(t *testing.T, url string) *protocol {
	t.Helper()
	p := newProtocol(t)
	noErrors(t, p.configure(map[string]any{"project": accProject, "access_token": "token", "endpoints": map[string]any{"secret_manager": url}}))
	return p
}

func TestSecret_importsByIdentity(t *testing.T) {
	t.Parallel()
	url, _ := secretManager(t, never)
	p := newSecretProtocol(t, url)
	for _, identity := range []map[string]any{{"project": accProject, "name": "token"}, {"name": "token"}} {
		state, after, diags := p.importByIdentity("august_secret", identity)
		noErrors(t, diags)
		if after["project"] != accProject || after["name"] != "token" {
			t.Errorf("identity %v", after)
		}
		if got := object(t, state)["reference"]; !got.Equal(goValue(got.Type(), "token:1")) {
			t.Errorf("reference %s", got)
		}
	}
}

func TestSecret_validates(t *testing.T) {
	t.Parallel()
	p := newProtocol(t)
	with := func(more map[string]any) map[string]any {
		config := map[string]any{"name": "token", "value_wo": "value"}
		for name, v := range more {
			config[name] = v
		}
		return config
	}
	for at, tt := range map[string]struct {
		more map[string]any
		word string
	}{
		"name":                 {map[string]any{"name": "coda token"}, "is no name of a secret"},
		"value_wo":             {map[string]any{"value_wo": ""}, "between 1 and 65536"},
		"keep_versions":        {map[string]any{"keep_versions": 0}, "between 1 and 100"},
		"retire":               {map[string]any{"retire": "delete"}, "destroy"},
		"on_destroy":           {map[string]any{"on_destroy": "destroy"}, "keep"},
		`labels["managed-by"]`: {map[string]any{"labels": map[string]any{"managed-by": "me"}}, "managed-by"},
		`labels["team"]`:       {map[string]any{"labels": map[string]any{"team": "Data"}}, "is no label's value"},
		"project":              {map[string]any{"project": "12"}, "project's number"},
		"timeouts.create":      {map[string]any{"timeouts": map[string]any{"create": "soon"}}, "Duration"},
	} {
		wantDiagnostic(t, p.validate("august_secret", with(tt.more)), at, tt.word)
	}
	noErrors(t, p.validate("august_secret", with(map[string]any{"value_wo": unknown{}, "labels": unknown{}})))
	// A value that is too long is not quoted.
	for _, d := range p.validate("august_secret", with(map[string]any{"value_wo": strings.Repeat("secretive", 10000)})) {
		if strings.Contains(d.Detail+d.Summary, "secretive") {
			t.Errorf("the error holds the value: %.200s", d.Detail)
		}
	}
}

// What cannot be read stays in the state; a value that may not be read at an import is planned to be put anew.
func TestSecret_denied(t *testing.T) {
	t.Parallel()
	url, _ := secretManager(t, func(*http.Request) int { return http.StatusForbidden })
	p := newSecretProtocol(t, url)
	resp, err := p.server.ReadResource(t.Context(), &tfprotov6.ReadResourceRequest{TypeName: "august_secret", CurrentState: p.value(p.typeOf("august_secret"), map[string]any{
		"id": "projects/" + accProject + "/secrets/token", "project": accProject, "name": "token",
	})})
	if err != nil {
		t.Fatal(err)
	}
	wantDiagnostic(t, resp.Diagnostics, "", "Secret not read", "stays in the state as it was", "role")

	url, _ = secretManager(t, func(r *http.Request) int {
		if strings.HasSuffix(r.URL.Path, ":access") {
			return http.StatusForbidden
		}
		return 0
	})
	p = newSecretProtocol(t, url)
	state, _, diags := p.importByIdentity("august_secret", map[string]any{"name": "token"})
	noErrors(t, diags)
	raw, err := tfprotov6.NewDynamicValue(p.typeOf("august_secret"), state)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := p.server.PlanResourceChange(t.Context(), &tfprotov6.PlanResourceChangeRequest{
		TypeName: "august_secret", PriorState: &raw, ProposedNewState: &raw,
		Config: p.value(p.typeOf("august_secret"), map[string]any{"name": "token", "value_wo": "value-one"}),
	})
	if err != nil {
		t.Fatal(err)
	}
	noErrors(t, plan.Diagnostics)
	if object(t, p.open("august_secret", plan.PlannedState))["reference"].IsKnown() {
		t.Error("the value is taken to be there, unseen")
	}
}

// A value that is not known while planning may be another one.
func TestSecret_unknownValue(t *testing.T) {
	t.Parallel()
	url, _ := secretManager(t, never)
	p := newSecretProtocol(t, url)
	planned, diags := p.planCreate("august_secret", map[string]any{"name": "other", "value_wo": unknown{}})
	noErrors(t, diags)
	attributes := object(t, planned)
	if attributes["version"].IsKnown() || !attributes["value_wo"].IsNull() || !attributes["id"].IsKnown() {
		t.Errorf("planned %s", planned)
	}
}

// An older version that cannot be retired is no reason to lose what is in place: an error would taint it, and the next apply delete it.
func TestSecret_notRetired(t *testing.T) {
	t.Parallel()
	url, api := secretManager(t, func(r *http.Request) int {
		if strings.HasSuffix(r.URL.Path, ":disable") {
			return http.StatusForbidden
		}
		return 0
	})
	const name = "projects/" + accProject + "/secrets/token"
	if _, err := api.Projects.Secrets.Patch(name, &secretmanager.Secret{
		Labels: map[string]string{"managed-by": "terraform-provider-august", "august-resource": "secret"},
	}).UpdateMask("labels").Do(); err != nil {
		t.Fatal(err)
	}
	if _, err := api.Projects.Secrets.AddVersion(name, &secretmanager.AddSecretVersionRequest{
		Payload: &secretmanager.SecretPayload{Data: base64.StdEncoding.EncodeToString([]byte("value-two"))},
	}).Do(); err != nil {
		t.Fatal(err)
	}
	p := newSecretProtocol(t, url)
	of := p.typeOf("august_secret")
	config := map[string]any{"name": "token", "value_wo": "value-three"}
	defaults := map[string]any{"name": "token", "keep_versions": 1, "retire": "disable", "on_destroy": "delete", "deletion_protection": true}
	plan, err := p.server.PlanResourceChange(t.Context(), &tfprotov6.PlanResourceChangeRequest{
		TypeName: "august_secret", Config: p.value(of, config), ProposedNewState: p.value(of, defaults), PriorState: p.value(of, nil),
	})
	if err != nil {
		t.Fatal(err)
	}
	noErrors(t, plan.Diagnostics)
	applied, err := p.server.ApplyResourceChange(t.Context(), &tfprotov6.ApplyResourceChangeRequest{
		TypeName: "august_secret", Config: p.value(of, config), PlannedState: plan.PlannedState, PlannedPrivate: plan.PlannedPrivate, PriorState: p.value(of, nil),
	})
	if err != nil {
		t.Fatal(err)
	}
	noErrors(t, applied.Diagnostics)
	var warned strings.Builder
	for _, d := range applied.Diagnostics {
		warned.WriteString(d.Summary + "; ")
	}
	if got := warned.String(); got != "Secret taken over; Older version not retired; " {
		t.Errorf("warned of %q", got)
	}
	if reference := object(t, p.open("august_secret", applied.NewState))["reference"]; !reference.Equal(goValue(reference.Type(), "token:3")) {
		t.Errorf("reference %s", reference)
	}
	read, err := p.server.ReadResource(t.Context(), &tfprotov6.ReadResourceRequest{TypeName: "august_secret", CurrentState: applied.NewState, Private: applied.Private})
	if err != nil {
		t.Fatal(err)
	}
	if problem := object(t, p.open("august_secret", read.NewState))["problem"]; problem.IsNull() {
		t.Error("the next plan does not show it")
	}
}

// A secret that destroying leaves where it is cannot be replaced under its name: the plan says so, not an apply that has forgotten it.
func TestSecret_keptInTheWay(t *testing.T) {
	t.Parallel()
	url, _ := secretManager(t, never)
	p := newSecretProtocol(t, url)
	state := map[string]any{
		"id": "projects/" + accProject + "/secrets/token", "project": accProject, "name": "token", "version": 1, "reference": "token:1",
		"keep_versions": 1, "retire": "disable", "on_destroy": "keep", "deletion_protection": true,
	}
	plan := func(more map[string]any) []*tfprotov6.Diagnostic {
		config := map[string]any{"name": "token", "value_wo": "value-one", "keep_versions": 1, "retire": "disable", "on_destroy": "keep", "deletion_protection": true}
		maps.Copy(config, more)
		prior := p.open("august_secret", p.value(p.typeOf("august_secret"), state))
		_, diags := p.planUpdate("august_secret", prior, config)
		return diags
	}
	elsewhere := []any{"us-east1"}
	wantDiagnostic(t, plan(map[string]any{"locations": elsewhere}), "locations", "Secret not planned", "name is taken", "on_destroy to \"delete\"")
	noErrors(t, plan(map[string]any{"locations": elsewhere, "name": "other"}))
	noErrors(t, plan(map[string]any{"locations": unknown{}}))
	noErrors(t, plan(nil))
}
