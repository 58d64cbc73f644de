package provider

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/localtest"
	"github.com/feel-august/terraform-provider-august/internal/localcloud/toolchain"
)

// cli is the Terraform CLI in a folder of its own, with the provider as it is built from this source: a process, as users
// start it, that starts the provider as a process. Nothing is installed and no registry is asked.
type cli struct {
	t   testing.TB
	dir string
	env []string
}

func newCLI(t testing.TB, env ...string) *cli {
	t.Helper()
	provider := localtest.Provider(t)
	config := filepath.Join(provider, "terraform.tfrc")
	// OpenTofu looks for a source without a host in its own registry, and for the demo's, which has one, in Terraform's.
	overrides := fmt.Sprintf("provider_installation {\n  dev_overrides {\n    %q = %q\n    %q = %[2]q\n  }\n  direct {}\n}\n",
		Address, provider, "registry.opentofu.org/feel-august/august")
	if err := os.WriteFile(config, []byte(overrides), 0o600); err != nil {
		t.Fatal(err)
	}
	env = append(append(os.Environ(), "TF_CLI_CONFIG_FILE="+config, "TF_IN_AUTOMATION=1"), env...)
	return &cli{t: t, dir: t.TempDir(), env: env}
}

// beside is the same CLI with a folder, and so a state, of its own.
func (c *cli) beside() *cli {
	other := *c
	other.dir = c.t.TempDir()
	return &other
}

// requireAugust is the part of a configuration that says which provider it means.
const requireAugust = "terraform {\n  required_providers {\n    august = { source = \"feel-august/august\" }\n  }\n}\n"

func (c *cli) write(name, text string) {
	c.t.Helper()
	if err := os.WriteFile(filepath.Join(c.dir, name), []byte(text), 0o600); err != nil {
		c.t.Fatal(err)
	}
}

func (c *cli) command(args ...string) *exec.Cmd {
	cmd := exec.CommandContext(c.t.Context(), os.Getenv(toolchain.EnvTerraformTest), append([]string{"-chdir=" + c.dir}, args...)...)
	cmd.Env = c.env
	return cmd
}

// run runs a command that may fail.
func (c *cli) run(args ...string) (string, error) {
	out, err := c.command(args...).CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// output is what a command that may not fail says, without its warnings.
func (c *cli) output(args ...string) string {
	c.t.Helper()
	out, err := c.command(args...).Output()
	if err != nil {
		c.t.Fatalf("%s: %v", strings.Join(args, " "), err)
	}
	return string(out)
}

// must runs a command that may not.
func (c *cli) must(args ...string) string {
	c.t.Helper()
	out, err := c.run(args...)
	if err != nil {
		c.t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

func (c *cli) apply(args ...string) string {
	c.t.Helper()
	return c.must(append([]string{"apply", "-auto-approve", "-no-color", "-input=false"}, args...)...)
}

// plansNothing is the test of a state that is true.
func (c *cli) plansNothing(args ...string) {
	c.t.Helper()
	out, err := c.run(append([]string{"plan", "-detailed-exitcode", "-no-color", "-input=false"}, args...)...)
	if err != nil {
		c.t.Errorf("the plan is not empty: %v\n%s", err, out)
	}
}

// destroyed removes everything at the end of the test, which fails when that does.
func (c *cli) destroyed(args ...string) {
	c.t.Helper()
	c.must(append([]string{"destroy", "-auto-approve", "-no-color", "-input=false"}, args...)...)
}

// planned is what a plan changes: the attributes of each resource, none of those that stay.
func (c *cli) planned() map[string][]string {
	c.t.Helper()
	c.must("plan", "-no-color", "-input=false", "-out=plan.bin")
	var plan struct {
		ResourceChanges []struct {
			Address string
			Change  struct {
				Actions       []string
				Before, After map[string]any
				AfterUnknown  map[string]any `json:"after_unknown"`
			}
		} `json:"resource_changes"`
	}
	if err := json.Unmarshal([]byte(c.output("show", "-json", "plan.bin")), &plan); err != nil {
		c.t.Fatal(err)
	}
	changes := map[string][]string{}
	for _, r := range plan.ResourceChanges {
		if changes[r.Address] = nil; slices.Equal(r.Change.Actions, []string{"no-op"}) {
			continue
		}
		for name, after := range r.Change.After {
			if !reflect.DeepEqual(r.Change.Before[name], after) {
				changes[r.Address] = append(changes[r.Address], name)
			}
		}
		for name, unknown := range r.Change.AfterUnknown {
			if unknown == true {
				changes[r.Address] = append(changes[r.Address], name)
			}
		}
		if slices.Sort(changes[r.Address]); len(changes[r.Address]) == 0 {
			changes[r.Address] = r.Change.Actions // a removal, or a move
		}
	}
	return changes
}
