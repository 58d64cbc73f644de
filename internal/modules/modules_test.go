package modules

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/toolchain"
)

// TestModules holds every module to the house's layout, and runs its tests and the examples of its README. TestModules/database is one of them.
func TestModules(t *testing.T) {
	t.Parallel()
	testModules(t, newRig(t, ""))
}

func testModules(t *testing.T, r *rig) {
	dirs, examples := configurations(t, filepath.Join(r.tree, "modules")), map[string][]string{}
	for _, dir := range dirs {
		examples[dir] = r.readme(t, filepath.Join("modules", dir), "example-"+strings.ReplaceAll(dir, "/", "-"))
	}
	r.formatted(t)
	for _, dir := range dirs {
		t.Run(dir, func(t *testing.T) {
			t.Parallel()
			in := filepath.Join("modules", dir)
			report(t, moduleFaults(filepath.Join(repository, in)))
			r.wellFormed(t, in, nil)
			r.tests(t, in, nil, "tests")
			for _, example := range examples[dir] {
				r.plans(t, example, nil)
			}
		})
	}
}

// configurations are the folders below one that hold a configuration: not those of their tests.
func configurations(t *testing.T, below string) []string {
	t.Helper()
	var dirs []string
	err := filepath.WalkDir(below, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && entry.Name() == "tests" {
			return filepath.SkipDir
		}
		if !entry.IsDir() && filepath.Ext(path) == ".tf" {
			dir, err := filepath.Rel(below, filepath.Dir(path))
			if err != nil {
				return err
			}
			dirs = append(dirs, dir)
		}
		return nil
	})
	if err != nil || len(dirs) == 0 {
		t.Fatalf("no configurations in %s: %v", below, err)
	}
	slices.Sort(dirs)
	return slices.Compact(dirs)
}

func report(t *testing.T, faults []string) {
	t.Helper()
	for _, fault := range faults {
		t.Error(fault)
	}
}

// wellFormed wants a configuration that Terraform has nothing to say about.
func (r *rig) wellFormed(t *testing.T, dir string, env []string) {
	t.Helper()
	r.must(t, dir, "get", "-test-directory=tests")
	out, _ := r.run(t, dir, env, "validate", "-json") // it fails when it has found something, and says what
	var said struct {
		Diagnostics []struct {
			Severity, Summary, Detail string
			Range                     struct {
				Filename string
				Start    struct{ Line int }
			}
		}
	}
	if err := json.Unmarshal([]byte(out), &said); err != nil {
		t.Fatalf("%s: validate: %v\n%s", dir, err, out)
	}
	for _, d := range said.Diagnostics {
		if d.Summary != "Provider development overrides are in effect" {
			t.Errorf("%s/%s:%d: %s: %s\n%s", dir, d.Range.Filename, d.Range.Start.Line, d.Severity, d.Summary, d.Detail)
		}
	}
}

// formatted wants all that there is formatted: modules, examples, and those of READMEs.
func (r *rig) formatted(t *testing.T) {
	t.Helper()
	if out, err := r.run(t, "", nil, "fmt", "-check", "-diff", "-recursive"); err != nil {
		t.Errorf("not formatted: run `make fmt`\n%s", out)
	}
}

var passed = regexp.MustCompile(`Success! [1-9]\d* passed, 0 failed\.`)

// tests runs the tests of a configuration that are in one of its folders.
func (r *rig) tests(t *testing.T, dir string, env []string, tests string) {
	t.Helper()
	if files, _ := filepath.Glob(filepath.Join(r.tree, dir, tests, "*.tftest.hcl")); len(files) == 0 && cli.Kind == toolchain.KindTofu {
		return // newRig has said why
	}
	join(t, filepath.Join(r.tree, dir, tests))
	args := []string{"test", "-test-directory=" + tests}
	out, err := r.run(t, dir, env, args...)
	if err != nil || !passed.MatchString(out) {
		t.Errorf("%s: %s %s %s: %v\n%s", dir, strings.Join(env, " "), cli.Kind, strings.Join(args, " "), err, out)
	}
}

var fence = regexp.MustCompile("(?ms)^```hcl\n(.*?)^```$")

// readme makes each example of a module's README a configuration of its own, and answers where they are.
func (r *rig) readme(t *testing.T, module, name string) (dirs []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(r.tree, module, "README.md"))
	if err != nil {
		return nil // moduleFaults says so
	}
	for i, example := range fence.FindAllStringSubmatch(string(text), -1) {
		dir := filepath.Join("examples", fmt.Sprintf("%s-%d", name, i+1))
		write(t, filepath.Join(r.tree, dir, "main.tf"), example[1])
		if !strings.Contains(example[1], "required_providers") {
			write(t, filepath.Join(r.tree, dir, "versions.tf"), bothProviders)
		}
		dirs = append(dirs, dir)
	}
	return dirs
}

const bothProviders = `terraform {
  required_providers {
    august = { source = "registry.terraform.io/feel-august/august" }
    google = { source = "hashicorp/google" }
  }
}
`
