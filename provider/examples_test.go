package provider

import (
	"os"
	"path/filepath"
	"testing"
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
	demo := newCLI(t)
	copyLocalExample(t, demo)

	for _, dir := range []string{documented, demo.dir} {
		if out, err := terraform(dir, "validate", "-no-color"); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
	}
	if out, err := terraform("../examples", "fmt", "-check", "-recursive"); err != nil {
		t.Errorf("not formatted: %s", out)
	}
}

// terraformWithProvider runs the Terraform CLI with the provider as it is built from this source, in folders of any kind.
func terraformWithProvider(t *testing.T) func(dir string, args ...string) (string, error) {
	t.Helper()
	// The demo's configuration is for two workspaces, and says so in any other.
	tf := newCLI(t, "TF_WORKSPACE=production")
	return func(in string, args ...string) (string, error) {
		at := *tf
		at.dir = in
		return at.run(args...)
	}
}

// copyLocalExample copies the demo's configuration and the modules that it applies to a CLI's folder, which becomes the example's.
func copyLocalExample(t *testing.T, c *cli) {
	t.Helper()
	root := c.dir
	for _, dir := range []string{"examples/local", "modules/sync", "modules/staging/policy"} {
		if err := os.CopyFS(filepath.Join(root, dir), os.DirFS(filepath.Join("..", dir))); err != nil {
			t.Fatal(err)
		}
	}
	c.dir = filepath.Join(root, "examples", "local")
	c.must("get")
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
