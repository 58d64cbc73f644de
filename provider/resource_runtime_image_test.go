package provider

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"
)

const imageAddress = "august_runtime_image.test"

// tinyRuntime writes a small program that an image can be made of. Another tail makes it another runtime.
func tinyRuntime(t *testing.T, tail string) string {
	t.Helper()
	binary, err := buildTiny()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), runtimeName)
	if err := os.WriteFile(file, append(bytes.Clone(binary), tail...), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

var buildTiny = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "august-tiny-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	out := filepath.Join(dir, "tiny")
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", out, "../internal/gcp/image/testdata/tiny")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64")
	if output, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build tiny: %w\n%s", err, output)
	}
	return os.ReadFile(out)
})

// testRegistry is a real registry in this process that can be made to refuse.
type testRegistry struct {
	host string
	mu   sync.Mutex
	deny bool
}

func newTestRegistry(t *testing.T) *testRegistry {
	t.Helper()
	r := &testRegistry{}
	inner := registry.New(registry.WithReferrersSupport(true), registry.Logger(log.New(io.Discard, "", 0)))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.mu.Lock()
		deny := r.deny
		r.mu.Unlock()
		if deny && req.URL.Path != "/v2/" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		inner.ServeHTTP(w, req)
	}))
	t.Cleanup(server.Close)
	r.host = strings.TrimPrefix(server.URL, "http://")
	return r
}

func (r *testRegistry) refuse(yes bool) func() {
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.deny = yes
	}
}

// do sends a request to the registry, as somebody else would behind Terraform's back.
func (r *testRegistry) do(t *testing.T, method, path, accept string, body []byte) []byte {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+r.host+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", accept)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode >= 300 {
		t.Fatalf("%s %s: %s: %v", method, path, resp.Status, err)
	}
	return answer
}

func imageConfig(host, file, more string) string {
	return fmt.Sprintf(`
provider "august" {
  project      = "feel-august-platform"
  access_token = "token"
}

resource "august_runtime_image" "test" {
  repository   = "%s/platform/august-sync"
  runtime_path = %q
  %s
}
`, host, file, more)
}

func TestAccRuntimeImage_basic(t *testing.T) {
	t.Parallel()
	reg := newTestRegistry(t)
	file := tinyRuntime(t, "")
	digest := knownvalue.StringRegexp(regexp.MustCompile(`^sha256:[0-9a-f]{64}$`))
	moved := newTestRegistry(t)
	changed, changedSBOM := statecheck.CompareValue(compareDiffer()), statecheck.CompareValue(compareDiffer())
	digests := map[string]bool{} // of all images and SBOMs that were ever pushed
	remember := func(s *terraform.State) error {
		attributes := s.RootModule().Resources[imageAddress].Primary.Attributes
		digests[attributes["digest"]], digests[attributes["sbom_digest"]] = true, true
		return nil
	}

	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: providers,
		Steps: []resource.TestStep{
			{ // minimal; everything is known before anything is pushed
				Config: imageConfig(reg.host, file, ""),
				ConfigPlanChecks: resource.ConfigPlanChecks{
					PreApply: []plancheck.PlanCheck{
						plancheck.ExpectResourceAction(imageAddress, plancheck.ResourceActionCreate),
						plancheck.ExpectKnownValue(imageAddress, tfjsonpath.New("digest"), digest),
						plancheck.ExpectKnownValue(imageAddress, tfjsonpath.New("image"),
							knownvalue.StringRegexp(regexp.MustCompile(`^`+regexp.QuoteMeta(reg.host)+`/platform/august-sync@sha256:[0-9a-f]{64}$`))),
						plancheck.ExpectKnownValue(imageAddress, tfjsonpath.New("version"), knownvalue.StringExact("devel")),
						plancheck.ExpectKnownValue(imageAddress, tfjsonpath.New("sbom_digest"), digest),
					},
					PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
				},
				ConfigStateChecks: []statecheck.StateCheck{
					changed.AddStateValue(imageAddress, tfjsonpath.New("digest")),
					changedSBOM.AddStateValue(imageAddress, tfjsonpath.New("sbom_digest")),
				},
				Check: remember,
			},
			{ // full, in place; labels are part of the digest
				Config: imageConfig(reg.host, file, "tags = [\"staging\", \"v1\"]\n labels = { team = \"billing\" }\n timeouts = { create = \"1m\", update = \"1m\" }"),
				ConfigPlanChecks: resource.ConfigPlanChecks{
					PreApply:             []plancheck.PlanCheck{plancheck.ExpectResourceAction(imageAddress, plancheck.ResourceActionUpdate)},
					PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
				},
				ConfigStateChecks: []statecheck.StateCheck{
					changed.AddStateValue(imageAddress, tfjsonpath.New("digest")),
					changedSBOM.AddStateValue(imageAddress, tfjsonpath.New("sbom_digest")),
				},
				Check: remember,
			},
			{ // another runtime, in place
				PreConfig: func() { rewrite(t, file, "another") },
				Config:    imageConfig(reg.host, file, "tags = [\"staging\"]\n labels = { team = \"billing\" }"),
				ConfigPlanChecks: resource.ConfigPlanChecks{
					PreApply:             []plancheck.PlanCheck{plancheck.ExpectResourceAction(imageAddress, plancheck.ResourceActionUpdate)},
					PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
				},
				ConfigStateChecks: []statecheck.StateCheck{
					changed.AddStateValue(imageAddress, tfjsonpath.New("digest")),
					changedSBOM.AddStateValue(imageAddress, tfjsonpath.New("sbom_digest")),
				},
				Check: remember,
			},
			{
				ResourceName:    imageAddress,
				ImportState:     true,
				ImportStateKind: resource.ImportCommandWithID,
				ImportStateIdFunc: func(s *terraform.State) (string, error) {
					return s.RootModule().Resources[imageAddress].Primary.Attributes["image"], nil
				},
				ImportStateVerify:                    true,
				ImportStateVerifyIdentifierAttribute: "digest",
				// Which file an image was made of, the image does not say.
				ImportStateVerifyIgnore: []string{"runtime_path", "timeouts"},
			},
			{ // elsewhere
				Config: imageConfig(moved.host, file, "labels = { team = \"billing\" }"),
				ConfigPlanChecks: resource.ConfigPlanChecks{
					PreApply:             []plancheck.PlanCheck{plancheck.ExpectResourceAction(imageAddress, plancheck.ResourceActionReplace)},
					PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
				},
			},
		},
	})
	// Changing, replacing and destroying leave every image, with its SBOM, where revisions find it: what to keep is for the
	// registry's clean-up policy.
	if tags := string(reg.do(t, http.MethodGet, "/v2/platform/august-sync/tags/list", "", nil)); !strings.Contains(tags, "staging") {
		t.Errorf("after destroy the registry lists %s", tags)
	}
	if len(digests) != 6 {
		t.Errorf("three images and their SBOMs have the digests %v", digests)
	}
	for digest := range digests {
		reg.do(t, http.MethodHead, "/v2/platform/august-sync/manifests/"+digest, "", nil) // fails when it is gone
	}
}

// Left alone, the runtime is found beside the provider's executable; then an import leaves nothing to change.
func TestAccRuntimeImage_besideTheProvider(t *testing.T) {
	t.Parallel()
	p := newProtocol(t)
	noErrors(t, p.configure(map[string]any{"access_token": "token"}))
	_, diags := p.planCreate("august_runtime_image", map[string]any{"repository": "127.0.0.1:1/august-sync"})
	wantDiagnostic(t, diags, "runtime_path", runtimeName, "make build")

	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	beside := filepath.Join(filepath.Dir(executable), runtimeName)
	rewrite(t, beside, "")
	t.Cleanup(func() { _ = os.Remove(beside) })

	reg := newTestRegistry(t)
	config := fmt.Sprintf(`
provider "august" { access_token = "token" }

resource "august_runtime_image" "test" {
  repository = "%s/platform/august-sync"
  tags       = ["production", "v1"]
  labels     = { team = "billing" }
}
`, reg.host)
	var image string
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: providers,
		Steps: []resource.TestStep{
			{Config: config, Check: func(s *terraform.State) error {
				image = s.RootModule().Resources[imageAddress].Primary.Attributes["image"]
				return nil
			}},
			{
				Config:            config,
				ResourceName:      imageAddress,
				ImportState:       true,
				ImportStateKind:   resource.ImportBlockWithID,
				ImportStateIdFunc: func(*terraform.State) (string, error) { return image, nil },
			},
		},
	})

	repository, digest, _ := strings.Cut(image, "@")
	state, identity, diags := p.importByIdentity("august_runtime_image", map[string]any{"repository": repository, "digest": digest})
	noErrors(t, diags)
	if identity["digest"] != digest {
		t.Errorf("identity after import: %v", identity)
	}
	var got string
	if err := object(t, state)["image"].As(&got); err != nil || got != image {
		t.Errorf("imported %q, %v", got, err)
	}

	// Its SBOM is no image, and says so rather than being taken for one.
	var sbom string
	if err := object(t, state)["sbom_digest"].As(&sbom); err != nil || !strings.HasPrefix(sbom, "sha256:") {
		t.Fatalf("imported the SBOM %q, %v", sbom, err)
	}
	_, _, diags = p.importByIdentity("august_runtime_image", map[string]any{"repository": repository, "digest": sbom})
	wantDiagnostic(t, diags, "repository", "is an artifact of the type", "Give the digest of an image that this provider pushed")
}

func TestAccRuntimeImage_drift(t *testing.T) {
	t.Parallel()
	reg := newTestRegistry(t)
	file := tinyRuntime(t, "")
	config := imageConfig(reg.host, file, `tags = ["staging"]`)
	var digest, sbom string
	remember := func(s *terraform.State) error {
		attributes := s.RootModule().Resources[imageAddress].Primary.Attributes
		digest, sbom = attributes["digest"], attributes["sbom_digest"]
		return nil
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: providers,
		Steps: []resource.TestStep{
			{Config: config, Check: remember},
			{ // the image vanishes: the plan names it, the apply pushes it again
				PreConfig: func() {
					reg.do(t, http.MethodDelete, "/v2/platform/august-sync/manifests/"+digest, "", nil)
					reg.do(t, http.MethodDelete, "/v2/platform/august-sync/manifests/staging", "", nil)
				},
				Config: config,
				ConfigPlanChecks: resource.ConfigPlanChecks{
					PreApply: []plancheck.PlanCheck{
						plancheck.ExpectResourceAction(imageAddress, plancheck.ResourceActionUpdate),
						expectBefore(imageAddress, "image", nil),
					},
					PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
				},
			},
			{ // only its SBOM vanishes: nothing that depends on the image changes
				PreConfig: func() { reg.do(t, http.MethodDelete, "/v2/platform/august-sync/manifests/"+sbom, "", nil) },
				Config:    config,
				ConfigPlanChecks: resource.ConfigPlanChecks{
					PreApply: []plancheck.PlanCheck{
						plancheck.ExpectResourceAction(imageAddress, plancheck.ResourceActionUpdate),
						expectBefore(imageAddress, "sbom_digest", nil),
						plancheck.ExpectKnownValue(imageAddress, tfjsonpath.New("image"),
							knownvalue.StringRegexp(regexp.MustCompile(`@sha256:[0-9a-f]{64}$`))),
					},
					PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
				},
				Check: func(*terraform.State) error {
					reg.do(t, http.MethodHead, "/v2/platform/august-sync/manifests/"+sbom, "", nil)
					return nil
				},
			},
			{ // somebody points the tag elsewhere
				PreConfig: func() {
					const media = "application/vnd.oci.image.manifest.v1+json"
					manifest := reg.do(t, http.MethodGet, "/v2/platform/august-sync/manifests/"+digest, media, nil)
					reg.do(t, http.MethodPut, "/v2/platform/august-sync/manifests/staging", media, append(manifest, '\n'))
				},
				Config: config,
				ConfigPlanChecks: resource.ConfigPlanChecks{
					PreApply: []plancheck.PlanCheck{
						plancheck.ExpectResourceAction(imageAddress, plancheck.ResourceActionUpdate),
						expectBefore(imageAddress, "tags", []any{}),
					},
					PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
				},
			},
			{ // a registry that does not answer changes nothing
				PreConfig: reg.refuse(true),
				Config:    config,
				PlanOnly:  true,
			},
			{PreConfig: reg.refuse(false), Config: config, PlanOnly: true},
		},
	})
}

func TestAccRuntimeImage_unknownRepository(t *testing.T) {
	t.Parallel()
	reg := newTestRegistry(t)
	config := fmt.Sprintf(`
provider "august" { access_token = "token" }

resource "terraform_data" "registry" { input = "%s/platform" }

resource "august_runtime_image" "test" {
  repository   = "${terraform_data.registry.output}/august-sync"
  runtime_path = %q
}
`, reg.host, tinyRuntime(t, ""))
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: providers,
		Steps: []resource.TestStep{{
			Config: config,
			ConfigPlanChecks: resource.ConfigPlanChecks{
				PreApply: []plancheck.PlanCheck{
					plancheck.ExpectKnownValue(imageAddress, tfjsonpath.New("digest"), knownvalue.NotNull()),
					plancheck.ExpectUnknownValue(imageAddress, tfjsonpath.New("image")),
				},
				PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
			},
		}},
	})
}

func TestRuntimeImage_refuses(t *testing.T) {
	t.Parallel()
	p := newProtocol(t)
	noErrors(t, p.configure(map[string]any{"access_token": "token"}))
	for repository, word := range map[string]string{
		"august-sync":                              "which host",
		"feel-august/august-sync":                  "which host",
		"127.0.0.1:5000/august-sync:latest":        "tag or digest",
		"127.0.0.1:5000/august-sync@sha256:abc":    "tag or digest",
		"https://us-central1-docker.pkg.dev/p/r/i": "no scheme",
		"us-central1-docker.pkg.dev/P/R/I":         "us-central1-docker.pkg.dev/feel-august-platform",
	} {
		wantDiagnostic(t, p.validate("august_runtime_image", map[string]any{"repository": repository}), "repository", word)
	}
	noErrors(t, p.validate("august_runtime_image", map[string]any{"repository": "us-central1-docker.pkg.dev/p/r/i", "tags": []any{"v1.0"}}))

	plan := func(file string) map[string]any {
		return map[string]any{"repository": "127.0.0.1:1/august-sync", "runtime_path": file}
	}
	_, diags := p.planCreate("august_runtime_image", plan("/nowhere/august-sync"))
	wantDiagnostic(t, diags, "runtime_path", "make build", "runtime_path")
	script := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(script, []byte("#!/bin/sh\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, diags = p.planCreate("august_runtime_image", plan(script))
	wantDiagnostic(t, diags, "runtime_path", "not a Linux executable", "make build")
}

func TestAccRuntimeImage_registryErrors(t *testing.T) {
	t.Parallel()
	reg := newTestRegistry(t)
	reg.refuse(true)()
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: providers,
		Steps: []resource.TestStep{{
			Config:      imageConfig(reg.host, tinyRuntime(t, ""), ""),
			ExpectError: regexp.MustCompile(`(?s)Runtime image not pushed.*docker login`),
		}},
	})
}

func rewrite(t *testing.T, file, tail string) {
	t.Helper()
	binary, err := buildTiny()
	if err == nil {
		err = os.WriteFile(file, append(bytes.Clone(binary), tail...), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}
