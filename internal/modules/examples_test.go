package modules

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestExamples validates, tests and plans every configuration that somebody may begin with. Those of single resources are tested with the provider.
func TestExamples(t *testing.T) {
	t.Parallel()
	testExamples(t, newRig(t, ""))
}

// exampleVariables gives the variables of an example that have no default, as its user would in terraform.tfvars.
const exampleVariables = "terraform.tfvars.example"

func testExamples(t *testing.T, r *rig) {
	for _, dir := range configurations(t, filepath.Join(r.tree, "examples")) {
		if strings.Contains(dir, "/") || dir == "provider" { // of a resource
			continue
		}
		t.Run(dir, func(t *testing.T) {
			t.Parallel()
			in := filepath.Join("examples", dir)
			report(t, exampleFaults(filepath.Join(r.tree, in)))
			envs := r.workspaces(t, in)
			r.wellFormed(t, in, envs[0])
			for _, env := range envs {
				r.tests(t, in, env, "tests")
				if r.real {
					r.plans(t, in, env)
				}
			}
		})
	}
}

// workspaces are the environments to try a configuration in: both, where it asks which one it is.
func (r *rig) workspaces(t *testing.T, dir string) [][]string {
	t.Helper()
	for _, body := range texts(t, filepath.Join(r.tree, dir, "*.tf")) {
		if strings.Contains(body, "terraform.workspace") {
			return [][]string{{"TF_WORKSPACE=production", "TF_VAR_rehearsal=true"}, {"TF_WORKSPACE=staging", "TF_VAR_rehearsal=true"}}
		}
	}
	return [][]string{nil}
}

// plans plans a configuration from nothing, with hashicorp/google itself where that is there: creating something asks Google for nothing.
func (r *rig) plans(t *testing.T, dir string, env []string) {
	t.Helper()
	sources, err := parse(filepath.Join(r.tree, dir))
	if err != nil {
		t.Fatal(err)
	}
	var header strings.Builder
	for name := range required(sources) {
		for _, alias := range configured(sources, name) {
			kind, body := "mock_provider", ""
			if name == "google" && r.real {
				kind, body = "provider", unaskedGoogle
			}
			if alias != "" {
				body += fmt.Sprintf("  alias = %q\n", alias)
			}
			fmt.Fprintf(&header, "%s %q {\n%s}\n", kind, name, body)
		}
	}
	const tests = "planned"
	write(t, filepath.Join(r.tree, dir, tests, "plan.tftest.hcl"), header.String()+"run \"plan\" {\n  command = plan\n}\n")
	args := []string{"test", "-test-directory=" + tests}
	if _, err := os.Stat(filepath.Join(r.tree, dir, exampleVariables)); err == nil {
		args = append(args, "-var-file="+exampleVariables)
	}
	r.must(t, dir, "get", "-test-directory="+tests)
	if out, err := r.run(t, dir, env, args...); err != nil && !plannedButForChecks(out) {
		t.Errorf("%s: %s %s %s: %v\n%s", dir, strings.Join(env, " "), cli.Kind, strings.Join(args, " "), err, out)
	}
}

var planError = regexp.MustCompile(`(?m)^Error: (.*)$`)

// plannedButForChecks tells whether a plan has nothing against it but checks of what only an apply will know, a drill's outcome say. To `terraform
// plan` they are nothing to speak of, to `terraform test` they are errors.
func plannedButForChecks(out string) bool {
	errors := planError.FindAllStringSubmatch(out, -1)
	for _, e := range errors {
		if e[1] != "Check block assertion known after apply" {
			return false
		}
	}
	return len(errors) > 0
}

// unaskedGoogle has hashicorp/google believe that it is signed in. In another universe it does not ask Google as whom.
const unaskedGoogle = `  project         = "feel-august-platform"
  region          = "us-central1"
  access_token    = "fake"
  universe_domain = "emulator.local"
`

// TestExamples_oneSync has the platform apply the very module that the demo applies.
func TestExamples_oneSync(t *testing.T) {
	t.Parallel()
	for _, dir := range []string{"local", "platform"} {
		sources, err := parse(filepath.Join(repository, "examples", dir))
		if err != nil {
			t.Fatal(err)
		}
		found := ""
		for _, s := range sources {
			for _, module := range of("module", s.blocks) {
				if module.Labels[0] == "sync" {
					found = text(module.Body, "source")
				}
			}
		}
		if found != "../../modules/sync" {
			t.Errorf("examples/%s applies %q as its sync", dir, found)
		}
	}
}
