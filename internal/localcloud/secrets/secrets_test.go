package secrets

import (
	"errors"
	"hash/crc32"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	secretmanager "cloud.google.com/go/secretmanager/apiv1"
	"cloud.google.com/go/secretmanager/apiv1/secretmanagerpb"
	"github.com/googleapis/gax-go/v2/apierror"
	"google.golang.org/api/googleapi"
	"google.golang.org/api/iterator"
	"google.golang.org/api/option"
	legacy "google.golang.org/api/secretmanager/v1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
)

const project = "projects/august-test"

// serve starts the face over dir and returns its address.
func serve(t *testing.T, dir string) string {
	t.Helper()
	f, err := New(Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	f.Register(mux)
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	return srv.URL
}

func client(t *testing.T, url string) *secretmanager.Client {
	t.Helper()
	c, err := secretmanager.NewRESTClient(t.Context(), option.WithEndpoint(url), option.WithoutAuthentication())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func legacyClient(t *testing.T, url string) *legacy.Service {
	t.Helper()
	s, err := legacy.NewService(t.Context(), option.WithEndpoint(url+"/"), option.WithoutAuthentication())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func automatic() *secretmanagerpb.Secret {
	return &secretmanagerpb.Secret{
		Labels: map[string]string{"env": "test"},
		Replication: &secretmanagerpb.Replication{
			Replication: &secretmanagerpb.Replication_Automatic_{Automatic: &secretmanagerpb.Replication_Automatic{}},
		},
	}
}

// The whole life of a secret through the official client, which sends and wants enums as numbers.
func TestOfficialClient(t *testing.T) {
	ctx := t.Context()
	dir := filepath.Join(t.TempDir(), "secrets")
	c := client(t, serve(t, dir))

	s, err := c.CreateSecret(ctx, &secretmanagerpb.CreateSecretRequest{Parent: project, SecretId: "coda-token", Secret: automatic()})
	if err != nil {
		t.Fatal(err)
	}
	if s.GetName() != project+"/secrets/coda-token" || s.GetEtag() == "" || s.GetReplication().GetAutomatic() == nil {
		t.Errorf("created %v", s)
	}
	_, err = c.CreateSecret(ctx, &secretmanagerpb.CreateSecretRequest{Parent: project, SecretId: "coda-token", Secret: automatic()})
	wantStatus(t, err, http.StatusConflict)

	first, err := c.AddSecretVersion(ctx, &secretmanagerpb.AddSecretVersionRequest{
		Parent: s.GetName(), Payload: &secretmanagerpb.SecretPayload{Data: []byte("one")},
	})
	if err != nil {
		t.Fatal(err)
	}
	if first.GetName() != s.GetName()+"/versions/1" || first.GetState() != secretmanagerpb.SecretVersion_ENABLED || first.GetClientSpecifiedPayloadChecksum() {
		t.Errorf("first version %v", first)
	}
	sum := int64(crc32.Checksum([]byte("two"), crc32.MakeTable(crc32.Castagnoli)))
	second, err := c.AddSecretVersion(ctx, &secretmanagerpb.AddSecretVersionRequest{
		Parent: s.GetName(), Payload: &secretmanagerpb.SecretPayload{Data: []byte("two"), DataCrc32C: &sum},
	})
	if err != nil {
		t.Fatal(err)
	}
	if !second.GetClientSpecifiedPayloadChecksum() {
		t.Error("a checksum was sent, but the version does not say so: gcloud would fail")
	}
	_, err = c.AddSecretVersion(ctx, &secretmanagerpb.AddSecretVersionRequest{
		Parent: s.GetName(), Payload: &secretmanagerpb.SecretPayload{Data: []byte("two"), DataCrc32C: proto.Int64(sum + 1)},
	})
	wantStatus(t, err, http.StatusBadRequest)

	got, err := c.AccessSecretVersion(ctx, &secretmanagerpb.AccessSecretVersionRequest{Name: s.GetName() + "/versions/latest"})
	if err != nil {
		t.Fatal(err)
	}
	if string(got.GetPayload().GetData()) != "two" || got.GetName() != second.GetName() || got.GetPayload().GetDataCrc32C() != sum {
		t.Errorf("latest is %s with checksum %d", got.GetName(), got.GetPayload().GetDataCrc32C())
	}

	// Latest is the highest number, also when it cannot be read.
	if _, err := c.DisableSecretVersion(ctx, &secretmanagerpb.DisableSecretVersionRequest{Name: second.GetName()}); err != nil {
		t.Fatal(err)
	}
	_, err = c.AccessSecretVersion(ctx, &secretmanagerpb.AccessSecretVersionRequest{Name: s.GetName() + "/versions/latest"})
	wantStatus(t, err, http.StatusBadRequest)
	if _, err := c.EnableSecretVersion(ctx, &secretmanagerpb.EnableSecretVersionRequest{Name: second.GetName()}); err != nil {
		t.Fatal(err)
	}

	destroyed, err := c.DestroySecretVersion(ctx, &secretmanagerpb.DestroySecretVersionRequest{Name: first.GetName()})
	if err != nil || destroyed.GetState() != secretmanagerpb.SecretVersion_DESTROYED || destroyed.GetDestroyTime() == nil {
		t.Errorf("destroyed %v, %v", destroyed, err)
	}
	_, err = c.EnableSecretVersion(ctx, &secretmanagerpb.EnableSecretVersionRequest{Name: first.GetName()})
	wantStatus(t, err, http.StatusBadRequest)

	updated, err := c.UpdateSecret(ctx, &secretmanagerpb.UpdateSecretRequest{
		Secret:     &secretmanagerpb.Secret{Name: s.GetName(), Labels: map[string]string{"env": "changed"}, VersionAliases: map[string]int64{"stable": 2}},
		UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"labels", "version_aliases"}},
	})
	if err != nil || updated.GetLabels()["env"] != "changed" || updated.GetEtag() == s.GetEtag() {
		t.Errorf("updated %v, %v", updated, err)
	}
	if got, err := c.AccessSecretVersion(ctx, &secretmanagerpb.AccessSecretVersionRequest{Name: s.GetName() + "/versions/stable"}); err != nil || got.GetName() != second.GetName() {
		t.Errorf("alias leads to %v, %v", got.GetName(), err)
	}
	_, err = c.UpdateSecret(ctx, &secretmanagerpb.UpdateSecretRequest{
		Secret: &secretmanagerpb.Secret{Name: s.GetName(), Etag: s.GetEtag()}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"labels"}},
	})
	wantStatus(t, err, http.StatusBadRequest) // FAILED_PRECONDITION: https://cloud.google.com/secret-manager/docs/etags

	// A new face over the same directory serves the same secrets, and the next number.
	c = client(t, serve(t, dir))
	var numbers []string
	versions := c.ListSecretVersions(ctx, &secretmanagerpb.ListSecretVersionsRequest{Parent: s.GetName(), PageSize: 1})
	for {
		v, err := versions.Next()
		if errors.Is(err, iterator.Done) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		numbers = append(numbers, v.GetName()[len(s.GetName()+"/versions/"):]+" "+v.GetState().String())
	}
	if want := []string{"2 ENABLED", "1 DESTROYED"}; !slices.Equal(numbers, want) {
		t.Errorf("versions %v; want %v", numbers, want)
	}
	third, err := c.AddSecretVersion(ctx, &secretmanagerpb.AddSecretVersionRequest{
		Parent: s.GetName(), Payload: &secretmanagerpb.SecretPayload{Data: []byte("three")},
	})
	if err != nil || third.GetName() != s.GetName()+"/versions/3" {
		t.Errorf("after a restart: %v, %v; want version 3", third.GetName(), err)
	}

	if err := c.DeleteSecret(ctx, &secretmanagerpb.DeleteSecretRequest{Name: s.GetName()}); err != nil {
		t.Fatal(err)
	}
	_, err = c.GetSecret(ctx, &secretmanagerpb.GetSecretRequest{Name: s.GetName()})
	wantStatus(t, err, http.StatusNotFound)
}

func wantStatus(t *testing.T, err error, code int) {
	t.Helper()
	var api *apierror.APIError
	if !errors.As(err, &api) || api.HTTPCode() != code {
		t.Errorf("error is %v; want HTTP status %d", err, code)
	}
}

// The other official client, with which hashicorp/google is built: names for enums, the IAM verbs.
func TestLegacyClient(t *testing.T) {
	c := legacyClient(t, serve(t, t.TempDir())).Projects.Secrets
	name := project + "/secrets/drchrono-oauth"

	if _, err := c.Create(project, &legacy.Secret{}).SecretId("drchrono-oauth").Do(); code(err) != http.StatusBadRequest {
		t.Errorf("no replication: %v", err)
	}
	s, err := c.Create(project, &legacy.Secret{Replication: &legacy.Replication{
		UserManaged: &legacy.UserManaged{Replicas: []*legacy.Replica{{Location: "us-central1"}}},
		NullFields:  []string{"Automatic"}, // as hashicorp/google sends it
	}}).SecretId("drchrono-oauth").Do()
	if err != nil || s.Replication.UserManaged == nil || s.Replication.Automatic != nil {
		t.Fatalf("created %+v, %v", s, err)
	}
	v, err := c.AddVersion(name, &legacy.AddSecretVersionRequest{Payload: &legacy.SecretPayload{Data: "b25l"}}).Do()
	if err != nil || v.State != "ENABLED" || v.ReplicationStatus.UserManaged.Replicas[0].Location != "us-central1" {
		t.Fatalf("added %+v, %v", v, err)
	}
	if v, err = c.Versions.Enable(v.Name, &legacy.EnableSecretVersionRequest{}).Do(); err != nil || v.State != "ENABLED" {
		t.Errorf("enabling what is enabled: %+v, %v", v, err)
	}
	if got, err := c.Versions.Access(name + "/versions/1").Do(); err != nil || got.Payload.Data != "b25l" || got.Payload.DataCrc32c == 0 {
		t.Errorf("access: %v", err)
	}
	if list, err := c.List(project).Filter("name:oauth").Do(); err != nil || len(list.Secrets) != 1 || list.TotalSize != 1 {
		t.Errorf("list: %+v, %v", list, err)
	}

	policy, err := c.GetIamPolicy(name).OptionsRequestedPolicyVersion(3).Do()
	if err != nil || policy.Etag == "" {
		t.Fatalf("policy %+v, %v", policy, err)
	}
	stale := policy.Etag
	policy.Bindings = []*legacy.Binding{{Role: "roles/secretmanager.secretAccessor", Members: []string{"serviceAccount:august-sync@august-test.iam.gserviceaccount.com"}}}
	if policy, err = c.SetIamPolicy(name, &legacy.SetIamPolicyRequest{Policy: policy}).Do(); err != nil || len(policy.Bindings) != 1 {
		t.Errorf("set policy: %+v, %v", policy, err)
	}
	if _, err := c.SetIamPolicy(name, &legacy.SetIamPolicyRequest{Policy: &legacy.Policy{Etag: stale}}).Do(); code(err) != http.StatusConflict {
		t.Errorf("a stale policy: %v", err)
	}
	if _, err := c.Patch(name, &legacy.Secret{}).UpdateMask("replication").Do(); code(err) != http.StatusBadRequest {
		t.Errorf("a change of replication: %v", err)
	}
	if _, err := c.Patch(name, &legacy.Secret{Ttl: "3600s"}).UpdateMask("ttl").Do(); err != nil {
		t.Errorf("ttl: %v", err)
	}
	if s, err = c.Get(name).Do(); err != nil || s.ExpireTime == "" || s.Ttl != "" {
		t.Errorf("after ttl: %+v, %v; want an expiry", s, err)
	}
	if s, err = c.Patch(name, &legacy.Secret{}).UpdateMask("ttl").Do(); err != nil || s.ExpireTime != "" {
		t.Errorf("without ttl: %+v, %v; want no expiry", s, err)
	}
	if _, err := c.Delete(name).Etag(`"stale"`).Do(); code(err) != http.StatusBadRequest {
		t.Errorf("delete with a stale etag: %v", err)
	}
	if _, err := c.Delete(name).Etag(s.Etag).Do(); err != nil {
		t.Errorf("delete: %v", err)
	}
}

func code(err error) int {
	var api *googleapi.Error
	if errors.As(err, &api) {
		return api.Code
	}
	return 0
}

// Payloads are on disk for their owner only, gone when destroyed, and never part of an error.
func TestPayloadStaysPrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "secrets")
	url := serve(t, dir)
	c := legacyClient(t, url).Projects.Secrets
	name := project + "/secrets/s"
	if _, err := c.Create(project, &legacy.Secret{Replication: &legacy.Replication{Automatic: &legacy.Automatic{}}}).SecretId("s").Do(); err != nil {
		t.Fatal(err)
	}
	v, err := c.AddVersion(name, &legacy.AddSecretVersionRequest{Payload: &legacy.SecretPayload{Data: "c2VjcmV0LXdvcmQ="}}).Do()
	if err != nil {
		t.Fatal(err)
	}
	state := filepath.Join(dir, "state.json")
	info, err := os.Stat(state)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("state file: %v, %v; want mode 0600", info.Mode(), err)
	}
	if _, err := c.Versions.Destroy(v.Name, &legacy.DestroySecretVersionRequest{}).Do(); err != nil {
		t.Fatal(err)
	}
	if body, err := os.ReadFile(state); err != nil || strings.Contains(string(body), "c2VjcmV0LXdvcmQ=") {
		t.Errorf("the destroyed payload is still on disk (%v)", err)
	}

	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/v1/"+name+":addVersion", strings.NewReader(`{"payload":{"data":"!secret-word!"}}`))
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body := make([]byte, 4096)
	n, _ := res.Body.Read(body)
	if res.StatusCode != http.StatusBadRequest || strings.Contains(string(body[:n]), "secret-word") {
		t.Errorf("a payload that is not base64: %s %s", res.Status, body[:n])
	}
}
