package conformance

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/toolchain"
)

// googleAddress is written out because OpenTofu would look in another registry.
const googleAddress = "registry.terraform.io/hashicorp/google"

// Google is a folder in which Terraform runs with a built hashicorp/google, which most instances are made by.
type Google struct {
	t         testing.TB
	dir       string
	env       []string
	terraform string
}

// Setup says what Terraform's configuration begins with.
type Setup struct {
	Project, Region string
	Endpoints       map[string]string // custom endpoints of hashicorp/google by argument: sql_custom_endpoint
	Beside          map[string]string // folders of other providers by address
}

// GoogleFolder is where hashicorp/google is; a test is skipped, or fails, where it is not.
func GoogleFolder(t testing.TB) string {
	t.Helper()
	folder := os.Getenv(toolchain.EnvGoogle)
	if folder == "" {
		missing(t, toolchain.EnvGoogle+" names no folder with terraform-provider-google in it")
	}
	return folder
}

// NewGoogle makes the folder, with its provider.tf. It needs the variable that names a folder with
// terraform-provider-google in it.
func NewGoogle(t testing.TB, s Setup) *Google {
	t.Helper()
	folder := GoogleFolder(t)
	cli, err := toolchain.FindTerraform(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	g := &Google{t: t, dir: t.TempDir(), terraform: cli.Path}
	g.env = toolchain.CleanEnv("TF_CLI_CONFIG_FILE="+filepath.Join(g.dir, "rc"), "CHECKPOINT_DISABLE=1", "TF_IN_AUTOMATION=1")

	folders := maps.Clone(s.Beside)
	if folders == nil {
		folders = map[string]string{}
	}
	folders[googleAddress] = folder
	var overrides, required, endpoints strings.Builder
	for _, address := range slices.Sorted(maps.Keys(folders)) {
		fmt.Fprintf(&overrides, "    %q = %q\n", address, folders[address])
		fmt.Fprintf(&required, "    %s = { source = %q }\n", path.Base(address), address)
	}
	for _, name := range slices.Sorted(maps.Keys(s.Endpoints)) {
		fmt.Fprintf(&endpoints, "  %s = %q\n", name, s.Endpoints[name])
	}
	g.Write("rc", "provider_installation {\n  dev_overrides {\n"+overrides.String()+"  }\n  direct {}\n}\n")
	g.Write("provider.tf", fmt.Sprintf(`
terraform {
  required_providers {
%s  }
}

provider "google" {
  project         = %q
  region          = %q
  access_token    = "fake"
  universe_domain = "emulator.local" # asks nobody who the token belongs to
  poll_interval   = "200ms"
%s}
`, required.String(), s.Project, s.Region, endpoints.String()))
	return g
}

// Write puts a file into the folder.
func (g *Google) Write(name, body string) {
	g.t.Helper()
	if err := os.WriteFile(filepath.Join(g.dir, name), []byte(body), 0o600); err != nil {
		g.t.Fatal(err)
	}
}

// Terraform runs a command and answers what it printed and how it ended.
func (g *Google) Terraform(args ...string) (string, int) {
	g.t.Helper()
	out, err := run(g.t, g.dir, g.env, g.terraform, append(args, "-no-color")...)
	if err == nil {
		return out, 0
	}
	var ended *exec.ExitError
	if !errors.As(err, &ended) {
		g.t.Fatal(err)
	}
	return out, ended.ExitCode()
}

// Apply applies what was written.
func (g *Google) Apply() {
	g.t.Helper()
	if out, code := g.Terraform("apply", "-auto-approve"); code != 0 {
		g.t.Fatalf("apply: %s", out)
	}
}

// Destroy destroys all that there is.
func (g *Google) Destroy() {
	g.t.Helper()
	if out, code := g.Terraform("destroy", "-auto-approve"); code != 0 {
		g.t.Fatalf("destroy: %s", out)
	}
}

// Settled wants a plan to find nothing, and nothing to say about it.
func (g *Google) Settled(after string) {
	g.t.Helper()
	out, code := g.Terraform("plan", "-detailed-exitcode")
	if code != 0 || !strings.Contains(out, "No changes.") {
		g.t.Fatalf("after %s, the plan ends with %d: %s", after, code, out)
	}
	if strings.Contains(out, "changed outside of Terraform") || strings.Contains(out, "known after apply") {
		g.t.Errorf("after %s, the plan is noisy: %s", after, out)
	}
}
