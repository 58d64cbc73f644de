package provider

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"google.golang.org/api/secretmanager/v1"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
)

// listed is one result of a list.
type listed struct {
	name     string
	identity map[string]string
	resource map[string]tftypes.Value // nil when it was not asked for
	diags    []*tfprotov6.Diagnostic
}

// list lists as `terraform query` does, with a limit of its own (0: none).
func (p *protocol) list(resource string, config map[string]any, limit int64, include bool) []listed {
	p.t.Helper()
	server, ok := p.server.(tfprotov6.ListResourceServer)
	if !ok {
		p.t.Fatal("the provider lists nothing")
	}
	value := p.value(p.schemas.ListResourceSchemas[resource].ValueType(), config)
	validated, err := server.ValidateListResourceConfig(p.t.Context(), &tfprotov6.ValidateListResourceConfigRequest{TypeName: resource, Config: value})
	if err != nil {
		p.t.Fatal(err)
	}
	noErrors(p.t, validated.Diagnostics)
	stream, err := server.ListResource(p.t.Context(), &tfprotov6.ListResourceRequest{TypeName: resource, Config: value, Limit: limit, IncludeResource: include})
	if err != nil {
		p.t.Fatal(err)
	}
	var all []listed
	for result := range stream.Results {
		one := listed{name: result.DisplayName, diags: result.Diagnostics}
		if result.Identity != nil && result.Identity.IdentityData != nil {
			raw, err := result.Identity.IdentityData.Unmarshal(p.identityType(resource))
			if err != nil {
				p.t.Fatal(err)
			}
			one.identity = map[string]string{}
			for name, v := range object(p.t, raw) {
				var s string
				if err := v.As(&s); err != nil {
					p.t.Fatal(err)
				}
				one.identity[name] = s
			}
		}
		if include && result.Resource != nil {
			one.resource = object(p.t, p.open(resource, result.Resource))
		}
		all = append(all, one)
	}
	return all
}

func names(all []listed) string {
	var out []string
	for _, one := range all {
		out = append(out, one.name)
	}
	return strings.Join(out, " ")
}

// pages answers lists two at a time, and asks what it does not list of somebody else.
type pages struct {
	lists  map[string]pageList // by path
	others http.Handler
	deny   string // page token from which on it refuses
	asked  []string
}

type pageList struct {
	field string
	items []any
}

// ServeHTTP implements http.Handler.
func (s *pages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	list, ok := s.lists[r.URL.Path]
	if !ok || r.Method != http.MethodGet {
		s.others.ServeHTTP(w, r)
		return
	}
	token := r.URL.Query().Get("pageToken")
	s.asked = append(s.asked, token)
	if s.deny != "" && token == s.deny {
		http.Error(w, `{"error":{"code":403,"message":"Permission denied.","status":"PERMISSION_DENIED"}}`, http.StatusForbidden)
		return
	}
	from, _ := strconv.Atoi(token)
	to := min(from+2, len(list.items))
	answer := map[string]any{list.field: list.items[from:to]}
	if to < len(list.items) {
		answer["nextPageToken"] = strconv.Itoa(to)
	}
	_ = json.NewEncoder(w).Encode(answer)
}

// What holds for every list of Google's: it is gone through page by page, as far as is asked, and an error in the middle is the
// last result, after what was found before it.
func TestList_pages(t *testing.T) {
	t.Parallel()
	ours := map[string]any{"managed-by": "terraform-provider-august", "august-resource": "sync-runtime"}
	services, instances, secrets := pageList{field: "services"}, pageList{field: "items"}, pageList{field: "secrets"}
	for i := range 5 {
		services.items = append(services.items, map[string]any{"name": fmt.Sprintf("projects/1/locations/us-central1/services/s%d", i), "labels": ours})
		instances.items = append(instances.items, map[string]any{"name": fmt.Sprintf("s%d", i), "databaseVersion": "POSTGRES_15", "settings": map[string]any{}})
		secrets.items = append(secrets.items, map[string]any{"name": fmt.Sprintf("projects/1/secrets/s%d", i)})
	}
	// None of these: somebody else's, another database, a replica.
	services.items = slices.Insert(services.items, 1, any(map[string]any{"name": "projects/1/locations/us-central1/services/other"}))
	instances.items = slices.Insert(instances.items, 1, any(map[string]any{"name": "mysql", "databaseVersion": "MYSQL_8_0", "settings": map[string]any{}}))
	secrets.items = slices.Insert(secrets.items, 1, any(map[string]any{"name": "projects/1/secrets/s0b"}))
	for resource, tt := range map[string]struct {
		path   string
		list   pageList
		second string // of what is listed
		parts  map[string]string
	}{
		"august_sync_runtime":       {"/v2/projects/" + accProject + "/locations/us-central1/services", services, "s1", map[string]string{"project": accProject, "location": "us-central1", "name": "s0"}},
		"august_cloudsql_ha_policy": {"/v1/projects/" + accProject + "/instances", instances, "s1", map[string]string{"project": accProject, "instance": "s0"}},
		"august_secret":             {"/v1/projects/" + accProject + "/secrets", secrets, "s0b", map[string]string{"project": accProject, "name": "s0"}},
	} {
		t.Run(resource, func(t *testing.T) {
			t.Parallel()
			google := &pages{lists: map[string]pageList{tt.path: tt.list}, others: http.NotFoundHandler()}
			server := httptest.NewServer(google)
			t.Cleanup(server.Close)
			p := newProtocol(t)
			noErrors(t, p.configure(map[string]any{"project": accProject, "region": "us-central1", "access_token": "token", "endpoints": map[string]any{
				"cloud_run": server.URL, "cloud_sql": server.URL, "secret_manager": server.URL,
			}}))
			all := p.list(resource, map[string]any{}, 0, false)
			if !strings.HasPrefix(names(all), "s0 "+tt.second+" ") || !strings.HasSuffix(names(all), " s4") || strings.Contains(names(all), "other") || strings.Contains(names(all), "mysql") {
				t.Errorf("listed %s", names(all))
			}
			for part, want := range tt.parts {
				if all[0].identity[part] != want {
					t.Errorf("the first is %v, want %v", all[0].identity, tt.parts)
				}
			}
			google.asked = nil
			if got := p.list(resource, map[string]any{}, 1, false); names(got) != "s0" || len(google.asked) != 1 {
				t.Errorf("of one: %s, with pages %q", names(got), google.asked)
			}
			google.deny = "4"
			got := p.list(resource, map[string]any{}, 0, false)
			last := got[len(got)-1]
			if len(got) < 4 || last.name != "" || strings.Contains(names(got[:len(got)-1]), "  ") {
				t.Fatalf("with an error in the middle: %q", names(got))
			}
			wantDiagnostic(t, last.diags, "", "not listed", accProject, "role")
			if got := p.list(resource, map[string]any{"project": "another-project"}, 0, false); len(got) != 1 {
				t.Errorf("of another project: %s", names(got))
			}
		})
	}
}

func TestList_withoutAPlace(t *testing.T) {
	t.Parallel()
	p := newProtocol(t)
	noErrors(t, p.configure(map[string]any{"access_token": "token"}))
	for resource := range p.schemas.ListResourceSchemas {
		config := map[string]any{}
		if resource == "august_sync_pipeline" {
			config["endpoint"] = "https://runtime.example.test"
		}
		got := p.list(resource, config, 0, false)
		if len(got) != 1 {
			t.Fatalf("%s: %d results, want an error", resource, len(got))
		}
		wantDiagnostic(t, got[0].diags, "", "not listed")
	}
}

func TestList_includesWhatItFinds(t *testing.T) {
	t.Parallel()
	url, api := secretManager(t, never)
	p := newSecretProtocol(t, url)
	if got := p.list("august_secret", map[string]any{}, 0, true); len(got) != 0 {
		t.Errorf("listed %s, which somebody else has made", names(got))
	}
	if _, err := api.Projects.Secrets.Patch("projects/"+accProject+"/secrets/token", &secretmanager.Secret{
		Labels: map[string]string{"managed-by": "terraform-provider-august", "august-resource": "secret", "team": "data"},
	}).UpdateMask("labels").Do(); err != nil {
		t.Fatal(err)
	}
	secret := p.list("august_secret", map[string]any{}, 0, true)
	if names(secret) != "token" {
		t.Fatalf("listed %q", names(secret))
	}
	noErrors(t, secret[0].diags)
	if reference := secret[0].resource["reference"]; !reference.Equal(goValue(reference.Type(), "token:1")) || !secret[0].resource["value_wo"].IsNull() {
		t.Errorf("with %v", secret[0].resource)
	}

	fake, _ := newFakeCloudSQL(t)
	server := httptest.NewServer(&pages{
		lists:  map[string]pageList{"/v1/projects/" + accProject + "/instances": {"items", []any{fake.instances[accProject+"/platform"]}}},
		others: fake,
	})
	t.Cleanup(server.Close)
	p = newProtocol(t)
	noErrors(t, p.configure(map[string]any{"project": accProject, "access_token": "token", "endpoints": map[string]any{"cloud_sql": server.URL, "monitoring": server.URL}}))
	got := p.list("august_cloudsql_ha_policy", map[string]any{}, 0, true)
	if len(got) != 1 {
		t.Fatalf("listed %q", names(got))
	}
	noErrors(t, got[0].diags)
	if version := got[0].resource["database_version"]; !version.Equal(goValue(version.Type(), "POSTGRES_15")) {
		t.Errorf("with %s", version)
	}
}

func TestList_pipelines(t *testing.T) {
	t.Parallel()
	runtime := newFakeRuntime(t)
	for _, name := range []string{"billing", "labs", "patients"} {
		runtime.pipelines[name] = &runtimeapi.Pipeline{Name: name, Generation: 3, Spec: runtimeapi.PipelineSpec{Dataset: name}}
	}
	p := newProtocol(t)
	noErrors(t, p.configure(map[string]any{
		"access_token": "local", "impersonate_service_account": "terraform@feel-august-platform.iam.gserviceaccount.com", "endpoints": map[string]any{"iam_credentials": runtime.url},
	}))
	config := map[string]any{"endpoint": runtime.url, "audience": "august-sync"}
	got := p.list("august_sync_pipeline", config, 2, true)
	if names(got) != "billing labs" {
		t.Fatalf("listed %q", names(got))
	}
	if want := map[string]string{"endpoint": runtime.url, "audience": "august-sync", "name": "labs"}; fmt.Sprint(got[1].identity) != fmt.Sprint(want) {
		t.Errorf("the second is %v", got[1].identity)
	}
	if dataset := got[1].resource["dataset"]; !dataset.Equal(goValue(dataset.Type(), "labs")) {
		t.Errorf("dataset %s", dataset)
	}
	if got := p.list("august_sync_pipeline", map[string]any{"endpoint": runtime.url}, 0, false); len(got) != 3 || got[0].identity["audience"] != runtime.url || got[0].resource != nil {
		t.Errorf("listed %+v", got)
	}
	runtime.status, runtime.code = http.StatusForbidden, runtimeapi.CodeDenied
	got = p.list("august_sync_pipeline", config, 0, false)
	if len(got) != 1 {
		t.Fatalf("listed %q", names(got))
	}
	wantDiagnostic(t, got[0].diags, "", "Pipelines not listed", "not today")
}

// A service whose traffic does not all go to its newest revision is listed as what it is.
func TestList_judgesRuntimes(t *testing.T) {
	t.Parallel()
	const name = "projects/" + accProject + "/locations/us-central1/services/sync"
	traffic := []any{map[string]any{"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION", "revision": "sync-1", "percent": 100}}
	service := map[string]any{
		"name": name, "labels": map[string]any{"managed-by": "terraform-provider-august", "august-resource": "sync-runtime"},
		"terminalCondition":     map[string]any{"type": "Ready", "state": "CONDITION_SUCCEEDED"},
		"latestCreatedRevision": name + "/revisions/sync-2", "latestReadyRevision": name + "/revisions/sync-2",
		"traffic": traffic, "trafficStatuses": traffic,
	}
	server := httptest.NewServer(&pages{
		lists:  map[string]pageList{"/v2/projects/" + accProject + "/locations/us-central1/services": {"services", []any{service}}},
		others: http.NotFoundHandler(),
	})
	t.Cleanup(server.Close)
	p := newProtocol(t)
	noErrors(t, p.configure(map[string]any{"project": accProject, "region": "us-central1", "access_token": "token", "endpoints": map[string]any{"cloud_run": server.URL}}))
	got := p.list("august_sync_runtime", map[string]any{}, 0, true)
	if names(got) != "sync" {
		t.Fatalf("listed %q", names(got))
	}
	var problem string
	if err := got[0].resource["problem"].As(&problem); err != nil || !strings.Contains(problem, "Traffic goes to sync-1") {
		t.Errorf("its problem is %q (%v)", problem, err)
	}
}
