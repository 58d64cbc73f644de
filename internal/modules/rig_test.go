package modules

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/toolchain"
	"github.com/feel-august/terraform-provider-august/internal/modules/standin"
)

// repository is where the modules and examples are.
const repository = "../.."

// rig is a copy of the modules and examples, in which Terraform may write, and the providers that it runs there.
type rig struct {
	tree string
	env  []string
	real bool // hashicorp/google itself
}

// newRig copies the tree. google is a folder with hashicorp/google in it; none has the recording stand in.
func newRig(t *testing.T, google string) *rig {
	t.Helper()
	r := &rig{tree: t.TempDir(), real: google != ""}
	names := map[string]bool{}
	for _, dir := range []string{"modules", "examples"} {
		copyTree(t, filepath.Join(repository, dir), filepath.Join(r.tree, dir), names)
	}
	var recording *standin.Recording
	overrides := ""
	if r.real {
		t.Logf("With hashicorp/google itself, in %s.", google)
		// OpenTofu looks for a source without a host in its own registry.
		overrides = fmt.Sprintf("  dev_overrides {\n    %q = %q\n    %q = %q\n  }\n", standin.Address, google, "registry.opentofu.org/hashicorp/google", google)
	} else {
		recording = used(t, names)
	}
	rc := filepath.Join(t.TempDir(), "rc")
	write(t, rc, "provider_installation {\n"+overrides+"  direct {}\n}\n")
	r.env = toolchain.CleanEnv(attach(t, recording), "TF_CLI_CONFIG_FILE="+rc, "CHECKPOINT_DISABLE=1", "TF_IN_AUTOMATION=1", "TF_CLI_ARGS=-no-color",
		"GOGC=400") // many short processes: a fifth less CPU
	return r
}

// used is the stand-in with the types that the tree names: each command asks for all that it has.
func used(t *testing.T, names map[string]bool) *standin.Recording {
	t.Helper()
	recording, err := standin.Recorded()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("With a stand-in for hashicorp/google, which has the schemas of %s and knows nothing else; `make conformance` tests with the provider itself.", recording.Version)
	return recording.Only(func(name string) bool { return names[name] })
}

var googleType = regexp.MustCompile(`\bgoogle_[a-z0-9_]+`)

// copyTree copies what git would keep, and notes each word that may be a type of hashicorp/google's.
func copyTree(t *testing.T, from, to string, names map[string]bool) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if entry.Name() == ".terraform" {
				return filepath.SkipDir
			}
			return os.MkdirAll(filepath.Join(to, rel), 0o755)
		}
		if strings.HasPrefix(entry.Name(), "terraform.tfstate") || entry.Name() == ".terraform.lock.hcl" {
			return nil
		}
		body, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if cli.Kind == toolchain.KindTofu && strings.HasSuffix(path, ".tftest.hcl") && bytes.Contains(body, []byte("override_during")) {
			t.Logf("%s is left out: OpenTofu's mocks have no override_during.", rel)
			return nil
		}
		for _, name := range googleType.FindAllString(string(body), -1) {
			names[name] = true
		}
		return os.WriteFile(filepath.Join(to, rel), body, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// run runs a command of the CLI in a folder of the tree, and answers what it printed and how it ended.
func (r *rig) run(t *testing.T, dir string, env []string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), cli.Path, args...)
	cmd.Dir = filepath.Join(r.tree, dir)
	cmd.Env = append(append([]string{}, r.env...), env...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// must runs a command that may not fail.
func (r *rig) must(t *testing.T, dir string, args ...string) {
	t.Helper()
	if out, err := r.run(t, dir, nil, args...); err != nil {
		t.Fatalf("%s: %s %s: %v\n%s", dir, cli.Kind, strings.Join(args, " "), err, out)
	}
}

func link(t *testing.T, to, name string) {
	t.Helper()
	if err := os.Symlink(to, name); err != nil {
		t.Fatal(err)
	}
}

// texts is the files that a pattern finds, by path.
func texts(t *testing.T, pattern string) map[string]string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all[file] = string(body)
	}
	return all
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
