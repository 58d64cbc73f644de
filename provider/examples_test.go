package provider

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/toolchain"
)

// What the documentation shows must hold together: the examples of all resources and data sources make one valid configuration,
// with their imports, and the demo's configuration is valid too.
func TestExamples(t *testing.T) {
	t.Parallel()
	terraform := terraformWithProvider(t)

	documented := t.TempDir()
	copyExample(t, documented, "../examples/provider/provider.tf", "provider.tf")
	resources, err := filepath.Glob("../examples/resources/*")
	if err != nil || len(resources) == 0 {
		t.Fatalf("no examples of resources: %v", err)
	}
	for _, resource := range resources {
		name := filepath.Base(resource)
		copyExample(t, documented, filepath.Join(resource, "resource.tf"), name+".tf")
		copyExample(t, documented, filepath.Join(resource, "import-by-string-id.tf"), name+"_import.tf")
	}
	sources, err := filepath.Glob("../examples/data-sources/*")
	if err != nil || len(sources) == 0 {
		t.Fatalf("no examples of data sources: %v", err)
	}
	for _, source := range sources {
		copyExample(t, documented, filepath.Join(source, "data-source.tf"), "data_"+filepath.Base(source)+".tf")
	}
	copyExample(t, documented, "../examples/ephemeral-resources/august_runtime_token/ephemeral-resource.tf", "ephemeral.tf")
	demo := t.TempDir()
	files, err := filepath.Glob("../examples/local/*.tf")
	if err != nil || len(files) == 0 {
		t.Fatalf("no example for the demo: %v", err)
	}
	for _, file := range files {
		copyExample(t, demo, file, filepath.Base(file))
	}

	for _, dir := range []string{documented, demo} {
		if out, err := terraform(dir, "validate", "-no-color"); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
	}
	if out, err := terraform("../examples", "fmt", "-check", "-recursive"); err != nil {
		t.Errorf("not formatted: %s", out)
	}
}

// terraformWithProvider runs the Terraform CLI with the provider as it is built from this source. Nothing is installed
// and no registry is asked.
func terraformWithProvider(t *testing.T) func(dir string, args ...string) (string, error) {
	t.Helper()
	run := terraformWithEnv(t)
	return func(in string, args ...string) (string, error) { return run(in, nil, args...) }
}

// terraformWithEnv is the same, with more in the environment.
func terraformWithEnv(t *testing.T) func(dir string, env map[string]string, args ...string) (string, error) {
	t.Helper()
	dir := t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-o", filepath.Join(dir, "terraform-provider-august"), "..")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the provider: %v\n%s", err, out)
	}
	config := filepath.Join(dir, "terraform.tfrc")
	// OpenTofu looks for a source without a host in its own registry, and for the demo's, which has one, in Terraform's.
	overrides := fmt.Sprintf("provider_installation {\n  dev_overrides {\n    %q = %q\n    %q = %[2]q\n  }\n  direct {}\n}\n",
		Address, dir, "registry.opentofu.org/feel-august/august")
	if err := os.WriteFile(config, []byte(overrides), 0o600); err != nil {
		t.Fatal(err)
	}
	return func(in string, env map[string]string, args ...string) (string, error) {
		cmd := exec.CommandContext(t.Context(), os.Getenv(toolchain.EnvTerraformTest), append([]string{"-chdir=" + in}, args...)...)
		// The demo's configuration is for these two workspaces, and says so in any other.
		cmd.Env = append(os.Environ(), "TF_CLI_CONFIG_FILE="+config, "TF_WORKSPACE=production")
		for name, value := range env {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
		out, err := cmd.CombinedOutput()
		return strings.TrimSpace(string(out)), err
	}
}

func copyExample(t *testing.T, dir, from, name string) {
	t.Helper()
	body, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name), body, 0o600); err != nil {
		t.Fatal(err)
	}
}
