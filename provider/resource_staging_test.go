package provider

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/catalog"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/evidence"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/policy"
	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
)

const (
	anonymization = "august_staging_anonymization"
	dataset       = "august_staging_dataset"
	someImage     = "us-central1-docker.pkg.dev/feel-august-platform/august/august-sync@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
)

// stagingServer is a runtime, a bucket and an instance, as far as a plan asks for them.
type stagingServer struct {
	*httptest.Server
	mu      sync.Mutex
	catalog catalog.Catalog
	answer  *runtimeapi.Error // in place of the catalogue
	status  int
	objects map[string][]byte
	denied  bool // the bucket
}

func newStagingServer(t *testing.T) (*stagingServer, *protocol) {
	t.Helper()
	s := &stagingServer{objects: map[string][]byte{}, catalog: clinicCatalog()}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	p := newProtocol(t)
	noErrors(t, p.configure(map[string]any{
		"project": "feel-august-platform", "region": "us-central1", "access_token": "token",
		"impersonate_service_account": "terraform@feel-august-platform.iam.gserviceaccount.com",
		"endpoints":                   map[string]any{"cloud_sql": s.URL, "cloud_run": s.URL, "iam_credentials": s.URL, "storage": s.URL},
	}))
	return s, p
}

// ServeHTTP implements http.Handler.
func (s *stagingServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	answer := func(body any) { _ = json.NewEncoder(w).Encode(body) }
	const objects = "/storage/v1/b/exports/o"
	switch at := r.URL.Path; {
	case strings.HasSuffix(at, ":generateIdToken"):
		answer(map[string]string{"token": fakeIDToken})
	case strings.HasSuffix(at, ":generateAccessToken"):
		answer(map[string]any{"accessToken": "token", "expireTime": time.Now().Add(time.Hour).UTC().Format(time.RFC3339)})
	case at == runtimeapi.PathCatalog && s.answer != nil:
		w.WriteHeader(s.status)
		answer(map[string]any{"error": s.answer})
	case at == runtimeapi.PathCatalog:
		answer(s.catalog)
	case strings.HasPrefix(at, objects) && s.denied:
		w.WriteHeader(http.StatusForbidden)
		answer(map[string]any{"error": map[string]any{"code": 403, "message": "storage.objects.list is missing"}})
	case at == objects:
		var items []map[string]string
		for name := range s.objects {
			if strings.HasPrefix(name, r.URL.Query().Get("prefix")) {
				items = append(items, map[string]string{"name": name})
			}
		}
		slices.SortFunc(items, func(a, b map[string]string) int { return strings.Compare(a["name"], b["name"]) })
		answer(map[string]any{"items": items})
	case strings.HasPrefix(at, objects+"/"):
		name, _ := url.PathUnescape(strings.TrimPrefix(at, objects+"/"))
		if body, ok := s.objects[name]; ok {
			_, _ = w.Write(body)
			return
		}
		w.WriteHeader(http.StatusNotFound)
	case strings.HasSuffix(at, "/instances/platform"):
		project := strings.Split(at, "/")[3]
		answer(map[string]any{"name": "platform", "connectionName": project + ":us-central1:platform", "project": project, "settings": map[string]any{}})
	default:
		w.WriteHeader(http.StatusNotFound)
		answer(map[string]any{"error": map[string]any{"code": 404, "status": "NOT_FOUND", "message": "it does not exist"}})
	}
}

// publish puts a manifest into the bucket, signed.
func (s *stagingServer) publish(t *testing.T, export, instance string, key ed25519.PrivateKey, passed bool) {
	t.Helper()
	signed, err := evidence.Sign(&evidence.Manifest{
		Format: evidence.Format, Export: export, Source: evidence.Source{Instance: instance, Snapshot: time.Date(2026, 11, 26, 8, 0, 0, 0, time.UTC)},
		PolicyHash: "sha256:1", Method: policy.SafeHarbor, Tables: []evidence.Table{{Name: "drchrono.patients", Rows: 7}, {Name: "billing.claim", Rows: 5}},
		Scan: evidence.Scan{Passed: passed},
	}, key)
	if err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.objects["clinic/"+evidence.ManifestName(export)] = signed
}

// signer is a key that is made of one byte, again and again.
func signer(seed byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed([]byte(strings.Repeat(string(rune(seed)), ed25519.SeedSize)))
}

func pemOf(key ed25519.PrivateKey) string {
	return evidence.PublicPEM(key.Public().(ed25519.PublicKey))
}

func clinicCatalog() catalog.Catalog {
	return catalog.Catalog{Tables: []catalog.Table{
		{Schema: "drchrono", Name: "patients", Kind: catalog.KindTable, PrimaryKey: []string{"id"}, Columns: []catalog.Column{
			{Name: "id", Type: "bigint", Base: "int8", Kind: "b", NotNull: true},
			{Name: "email", Type: "text", Base: "text", Kind: "b"},
		}},
		{Schema: "august", Name: "run", Kind: catalog.KindTable, Columns: []catalog.Column{{Name: "id", Type: "bigint", Base: "int8", Kind: "b"}}},
	}}
}

func clinicPolicy() map[string]any {
	return map[string]any{
		"method":      "safe_harbor",
		"attestation": map[string]any{"by": "the test", "expires": "2999-12-31"},
		"subject":     map[string]any{"table": "drchrono.patients", "key": "id"},
		"tables": map[string]any{"drchrono.patients": map[string]any{"columns": map[string]any{
			"id": map[string]any{"transformer": "surrogate"}, "email": map[string]any{"transformer": "email"},
		}}},
		"exclude": map[string]any{"august.*": "the runtime's own"},
	}
}

func stagingDatabase() map[string]any {
	return map[string]any{"instance": "platform", "name": "august", "user": "august-sync", "port": 5432, "direct": false}
}

func (s *stagingServer) anonymization(change func(map[string]any)) map[string]any {
	config := map[string]any{
		"name": "export", "image": someImage, "service_account": "a@feel-august-platform.iam.gserviceaccount.com", "database": stagingDatabase(),
		"endpoint": s.URL, "bucket": "gs://exports/clinic", "signing_key_secret": "signing-key", "policy": clinicPolicy(),
		"cpu": "2", "memory": "1Gi", "timeout": "1h",
	}
	if change != nil {
		change(config)
	}
	return config
}

func (s *stagingServer) dataset(change func(map[string]any)) map[string]any {
	config := map[string]any{
		"project": "feel-august-platform-staging", "name": "import", "image": someImage, "service_account": "a@feel-august-platform-staging.iam.gserviceaccount.com",
		"database": stagingDatabase(), "bucket": "gs://exports/clinic", "public_key": pemOf(signer('a')), "cpu": "2", "memory": "1Gi", "timeout": "1h",
	}
	if change != nil {
		change(config)
	}
	return config
}

// Every plan holds the policy against the database as it is, whatever else is planned, and says where and what to write.
func TestStagingAnonymization_everyPlanIsChecked(t *testing.T) {
	t.Parallel()
	s, p := newStagingServer(t)
	noErrors(t, second(p.planCreate(anonymization, s.anonymization(nil))))

	s.catalog.Tables[0].Columns = append(s.catalog.Tables[0].Columns,
		catalog.Column{Name: "maiden_name", Type: "text", Base: "text", Kind: "b"}, catalog.Column{Name: "Wohn Ort", Type: "text", Base: "text", Kind: "b"})
	s.catalog.Tables = append(s.catalog.Tables, catalog.Table{Schema: "drchrono", Name: "visits", Kind: catalog.KindTable, Columns: []catalog.Column{{Name: "at", Type: "date", Base: "date", Kind: "b"}}})
	_, diags := p.planCreate(anonymization, s.anonymization(nil))
	wantDiagnostic(t, diags, `policy.tables["drchrono.patients"].columns`, "maiden_name", `{ transformer = "name", part = "last" } # text, class A`, `"Wohn Ort"`)
	wantDiagnostic(t, diags, `policy.tables`, "does not name the table drchrono.visits", `at = { transformer = "year" }`, `"drchrono.visits" = "why it is left out"`)
	if len(diags) != 2 {
		t.Errorf("%d diagnostics for two tables", len(diags))
	}
	s.catalog = clinicCatalog()

	_, diags = p.planCreate(anonymization, s.anonymization(func(c map[string]any) {
		of := c["policy"].(map[string]any)
		of["attestation"] = map[string]any{"by": "the test", "expires": "2001-12-31"}
		of["exclude"] = map[string]any{"august.*": "x", "lab*.x": "y"}
		columns := of["tables"].(map[string]any)["drchrono.patients"].(map[string]any)["columns"].(map[string]any)
		columns["email"] = map[string]any{"transformer": "token"}
	}))
	wantDiagnostic(t, diags, "policy.attestation.expires", "expired")
	wantDiagnostic(t, diags, `policy.exclude["lab*.x"]`, "excludes nothing")
	wantDiagnostic(t, diags, `policy.tables["drchrono.patients"].columns["email"].transformer`, "164.514(c)")
}

func second[A, B any](_ A, b B) B { return b }

// Who cannot ask the runtime cannot say that the policy still covers everything. One that is away, or is older, may be mended by the very
// apply that this plans; it asks again.
func TestStagingAnonymization_runtimeAway(t *testing.T) {
	t.Parallel()
	s, p := newStagingServer(t)
	for code, at := range map[string]string{runtimeapi.CodeDenied: "endpoint", runtimeapi.CodeUnauthenticated: "audience"} {
		s.answer, s.status = &runtimeapi.Error{Code: code, Message: "no"}, map[string]int{runtimeapi.CodeDenied: 403, runtimeapi.CodeUnauthenticated: 401}[code]
		wantDiagnostic(t, second(p.planCreate(anonymization, s.anonymization(nil))), at, "runtime")
	}
	for code, status := range map[string]int{runtimeapi.CodeUnavailable: 500, runtimeapi.CodeNotFound: 404} {
		s.answer, s.status = &runtimeapi.Error{Code: code, Message: "no"}, status
		_, diags := p.planCreate(anonymization, s.anonymization(nil))
		noErrors(t, diags)
		if len(diags) != 1 || !strings.Contains(diags[0].Detail, "before anything is exported") {
			t.Errorf("%s: %v", code, diags)
		}
	}
	noErrors(t, second(p.planCreate(anonymization, s.anonymization(func(c map[string]any) { c["endpoint"] = unknown{} }))))
}

func TestStagingAnonymization_validates(t *testing.T) {
	t.Parallel()
	s, p := newStagingServer(t)
	for name, c := range map[string]struct {
		change func(map[string]any)
		at     string
		words  []string
	}{
		"persistent keys without a key": {func(c map[string]any) { c["policy"].(map[string]any)["keys"] = "persistent" }, "key_secret", []string{"outlives the run"}},
		"a key for ephemeral keys":      {func(c map[string]any) { c["key_secret"] = "k" }, "key_secret", []string{"forgets it"}},
		"no secret":                     {func(c map[string]any) { c["signing_key_secret"] = "-----BEGIN PRIVATE KEY-----" }, "signing_key_secret", []string{"never the secret itself"}},
		"no bucket":                     {func(c map[string]any) { c["bucket"] = "file:///tmp/x" }, "bucket", []string{"gs://bucket"}},
		"a password for the connector":  {func(c map[string]any) { c["database"].(map[string]any)["password_secret"] = "p" }, "database.password_secret", []string{"takes no password"}},
		"subnetwork elsewhere": {func(c map[string]any) {
			c["location"], c["network"] = "us-central1", map[string]any{"subnetwork": "projects/p/regions/us-east1/subnetworks/s"}
		}, "network.subnetwork", []string{"us-east1"}},
		"too little memory": {func(c map[string]any) { c["memory"] = "100Mi" }, "memory", []string{"512Mi"}},
		"no table":          {func(c map[string]any) { c["policy"].(map[string]any)["exclude"] = map[string]any{"patients": "x"} }, `policy.exclude["patients"]`, []string{"with its schema"}},
		"too long": {func(c map[string]any) {
			columns := map[string]any{}
			for n := range 40 { // of what does not compress
				reason := ""
				for m := range 40 {
					reason += fmt.Sprintf("%x", sha256.Sum256([]byte{byte(n), byte(m)}))
				}
				columns[fmt.Sprint("c", n)] = map[string]any{"transformer": "keep", "reason": reason}
			}
			c["policy"].(map[string]any)["tables"] = map[string]any{"s.t": map[string]any{"columns": columns}}
		}, "policy", []string{"a job can be given 32768"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantDiagnostic(t, p.validate(anonymization, s.anonymization(c.change)), c.at, c.words...)
		})
	}
	noErrors(t, p.validate(anonymization, s.anonymization(nil)))
}

// What is meant by no export is the newest, at plan; it is verified before anything is run, and never goes into what it came from.
func TestStagingDataset_plan(t *testing.T) {
	t.Parallel()
	s, p := newStagingServer(t)
	const production = "feel-august-platform:us-central1:platform"
	plan := func(change func(map[string]any)) (tftypes.Value, []*tfprotov6.Diagnostic) {
		return p.planCreate(dataset, s.dataset(change))
	}

	wantDiagnostic(t, second(plan(nil)), "bucket", "No export is published")
	s.publish(t, "20261126t080000z-1", production, signer('a'), true)
	s.publish(t, "20261126t090000z-2", production, signer('a'), true)
	s.objects["clinic/manifests/NOT AN EXPORT.json"] = nil
	planned, diags := plan(nil)
	noErrors(t, diags)
	facts := object(t, planned)
	if !facts["export"].Equal(tftypes.NewValue(tftypes.String, "20261126t090000z-2")) || !facts["rows"].Equal(tftypes.NewValue(tftypes.Number, 12)) || !facts["manifest_sha256"].IsKnown() {
		t.Errorf("planned %v, %v, %v", facts["export"], facts["rows"], facts["manifest_sha256"])
	}

	wantDiagnostic(t, second(plan(func(c map[string]any) { c["project"] = "feel-august-platform" })), "database.instance", "made from the instance "+production)
	wantDiagnostic(t, second(plan(func(c map[string]any) { c["public_key"] = pemOf(signer('b')) })), "public_key", "another key")
	wantDiagnostic(t, second(plan(func(c map[string]any) { c["export"] = "20261126t100000z-3" })), "export", "No export 20261126t100000z-3 is published")
	s.publish(t, "20261126t100000z-3", production, signer('a'), false)
	wantDiagnostic(t, second(plan(nil)), "export", "does not verify", "scan")
	s.objects["clinic/manifests/20261126t100000z-3.json"] = s.objects["clinic/manifests/20261126t080000z-1.json"]
	wantDiagnostic(t, second(plan(nil)), "export", "does not verify", "20261126t080000z-1")
	s.objects["clinic/manifests/20261126t100000z-3.json"] = []byte(strings.Replace(string(s.objects["clinic/manifests/20261126t080000z-1.json"]), `"rows": 7`, `"rows": 8`, 1))
	wantDiagnostic(t, second(plan(nil)), "export", "altered")

	// It cannot be looked up while planning: the apply does.
	s.denied = true
	planned, diags = plan(nil)
	noErrors(t, diags)
	if facts = object(t, planned); len(diags) != 1 || facts["export"].IsKnown() {
		t.Errorf("planned %v, %v", facts["export"], diags)
	}
}

// A new export shows as a change, one that is gone does not, and neither does a new image run anything.
func TestStagingDataset_planAgain(t *testing.T) {
	t.Parallel()
	s, p := newStagingServer(t)
	s.publish(t, "20261126t080000z-1", "other:us-central1:platform", signer('a'), true)
	planned, diags := p.planCreate(dataset, s.dataset(nil))
	noErrors(t, diags)
	state := settled(t, planned)
	export := func(change func(map[string]any)) string {
		t.Helper()
		planned, diags := p.planUpdate(dataset, state, s.dataset(change))
		noErrors(t, diags)
		var name string
		if err := object(t, planned)["export"].As(&name); err != nil {
			t.Fatal(err)
		}
		if problem := object(t, planned)["manifest_sha256"]; !problem.IsKnown() {
			t.Error("the manifest is not known")
		}
		return name
	}
	if got := export(func(c map[string]any) { c["image"] = strings.Replace(someImage, "0123", "3210", 1) }); got != "20261126t080000z-1" {
		t.Errorf("a new image imports %s", got)
	}
	s.publish(t, "20261126t090000z-2", "other:us-central1:platform", signer('a'), true)
	if got := export(nil); got != "20261126t090000z-2" {
		t.Errorf("planned %s, not the newest", got)
	}
	clear(s.objects)
	if got := export(nil); got != "20261126t080000z-1" {
		t.Errorf("planned %s for what is gone", got)
	}
}

// What is open shows, with a rule for each, and the policy that is written covers everything.
func TestSchemaCoverage(t *testing.T) {
	t.Parallel()
	s, p := newStagingServer(t)
	s.catalog.Tables[0].Columns = append(s.catalog.Tables[0].Columns, catalog.Column{Name: "maiden_name", Type: "text", Base: "text", Kind: "b"})
	of := p.schemas.DataSourceSchemas["august_schema_coverage"].ValueType()
	read := func(config map[string]any) map[string]tftypes.Value {
		t.Helper()
		resp, err := p.server.ReadDataSource(t.Context(), &tfprotov6.ReadDataSourceRequest{TypeName: "august_schema_coverage", Config: p.value(of, config)})
		if err != nil {
			t.Fatal(err)
		}
		noErrors(t, resp.Diagnostics)
		value, err := resp.State.Unmarshal(of)
		if err != nil {
			t.Fatal(err)
		}
		return object(t, value)
	}
	text := func(v tftypes.Value) (s string) {
		if err := v.As(&s); err != nil {
			t.Error(err)
		}
		return s
	}
	got := read(map[string]any{"endpoint": s.URL, "policy": clinicPolicy()})
	var open []tftypes.Value
	if err := got["unmapped"].As(&open); err != nil || len(open) != 1 || !got["complete"].Equal(tftypes.NewValue(tftypes.Bool, false)) {
		t.Fatalf("%v, complete %v, %v", got["unmapped"], got["complete"], err)
	}
	one := object(t, open[0])
	if text(one["table"]) != "drchrono.patients" || text(one["column"]) != "maiden_name" || text(one["class"]) != "A" || text(one["suggestion"]) != `{ transformer = "name", part = "last" }` {
		t.Errorf("%v", one)
	}
	hcl := text(got["hcl"])
	if !strings.Contains(hcl, `maiden_name = { transformer = "name", part = "last" }`) || !strings.Contains(hcl, "the test") {
		t.Errorf("the policy to write is\n%s", hcl)
	}

	whole := clinicPolicy()
	columns := whole["tables"].(map[string]any)["drchrono.patients"].(map[string]any)["columns"].(map[string]any)
	columns["maiden_name"] = map[string]any{"transformer": "name", "part": "last"}
	if got = read(map[string]any{"endpoint": s.URL, "policy": whole}); !got["complete"].Equal(tftypes.NewValue(tftypes.Bool, true)) {
		t.Errorf("not complete: %v, %v", got["unmapped"], got["problems"])
	}
	whole["attestation"] = map[string]any{"by": "the test", "expires": "2001-12-31"}
	if got = read(map[string]any{"endpoint": s.URL, "policy": whole}); !got["complete"].Equal(tftypes.NewValue(tftypes.Bool, false)) || !strings.Contains(got["problems"].String(), "expired") {
		t.Errorf("complete, although %v", got["problems"])
	}
	s.answer, s.status = &runtimeapi.Error{Code: runtimeapi.CodeUnavailable, Message: "the database is away"}, 500
	if got = read(map[string]any{"endpoint": s.URL}); !got["complete"].Equal(tftypes.NewValue(tftypes.Bool, false)) || !got["hcl"].IsNull() || !strings.Contains(got["problems"].String(), "away") {
		t.Errorf("a runtime that is away: %v", got)
	}
	s.answer = nil
	got = read(map[string]any{"endpoint": s.URL})
	if err := got["unmapped"].As(&open); err != nil || len(open) != 4 || !strings.Contains(text(got["hcl"]), "maiden_name") || strings.Contains(got["problems"].String(), "expire") {
		t.Errorf("without a policy: %v, %s", got["unmapped"], got["problems"])
	}
}
