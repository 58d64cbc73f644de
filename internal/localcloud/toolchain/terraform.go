package toolchain

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// MinTerraform is the oldest CLI the provider supports: the first with write-only arguments.
const MinTerraform = "1.11.0"

// Variables that point at a Terraform CLI; the second is terraform-plugin-testing's own. The first may also name a kind,
// "tofu" say, that is to be found or installed.
const (
	EnvTerraform     = "AUGUST_TERRAFORM"
	EnvTerraformTest = "TF_ACC_TERRAFORM_PATH"
)

// Kinds of CLI.
const (
	KindTerraform = "terraform"
	KindTofu      = "tofu"
)

// Terraform is a CLI that runs the provider.
type Terraform struct {
	Path    string `json:"path"`
	Version string `json:"version"` // "1.11.4"
	Kind    string `json:"kind"`    // KindTerraform or KindTofu
}

// kinds is which CLIs will do, the best first.
func kinds() []string {
	if asked := os.Getenv(EnvTerraform); asked == KindTerraform || asked == KindTofu {
		return []string{asked}
	}
	return []string{KindTerraform, KindTofu}
}

// FindTerraform looks for a Terraform CLI in $AUGUST_TERRAFORM, $TF_ACC_TERRAFORM_PATH, on PATH, in
// the usual places and among the installed tools; failing that, for OpenTofu in the same places.
func FindTerraform(ctx context.Context) (Terraform, error) {
	for _, key := range []string{EnvTerraform, EnvTerraformTest} {
		if len(kinds()) == 1 { // a kind was asked for, wherever it is
			break
		}
		if path := os.Getenv(key); path != "" {
			tf, err := terraformAt(ctx, path)
			if err != nil {
				return Terraform{}, fmt.Errorf("$%s: %w", key, err)
			}
			return tf, nil
		}
	}
	var rejected error
	for _, kind := range kinds() {
		for _, path := range terraformPaths(kind) {
			if !isExecutable(path) {
				continue
			}
			tf, err := terraformAt(ctx, path)
			if err == nil {
				return tf, nil
			}
			rejected = err
		}
	}
	if rejected != nil {
		return Terraform{}, fmt.Errorf("a Terraform CLI of %s or newer %w: %w; run `august-local setup`, or set %s",
			MinTerraform, ErrNotFound, rejected, EnvTerraform)
	}
	return Terraform{}, fmt.Errorf("a Terraform CLI %w; run `august-local setup`, or set %s to the executable",
		ErrNotFound, EnvTerraform)
}

func terraformPaths(kind string) []string {
	var paths []string
	if path, err := exec.LookPath(kind); err == nil {
		paths = append(paths, path)
	}
	dirs := []string{"/usr/local/bin", "/opt/homebrew/bin", "/usr/bin", "/snap/bin"}
	if home, err := os.UserHomeDir(); err == nil {
		dirs = append(dirs, filepath.Join(home, "bin"), filepath.Join(home, ".local", "bin"))
	}
	if tools, err := Dir(); err == nil {
		dirs = append(dirs, filepath.Join(tools, kind))
	}
	for _, dir := range dirs {
		paths = append(paths, filepath.Join(dir, kind))
	}
	return paths
}

// terraformAt asks a CLI what it is. OpenTofu prints "terraform_version" too, so the kind follows
// from the words of its plain output.
func terraformAt(ctx context.Context, path string) (Terraform, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return Terraform{}, err
	}
	out, err := probe(ctx, path, "version", "-json")
	if err != nil {
		return Terraform{}, err
	}
	var v struct {
		Version string `json:"terraform_version"`
	}
	if err := json.Unmarshal([]byte(out), &v); err != nil || v.Version == "" {
		return Terraform{}, fmt.Errorf("%s does not tell its version as a Terraform CLI does", path)
	}
	if compareVersions(v.Version, MinTerraform) < 0 {
		return Terraform{}, fmt.Errorf("%s is %s: %w", path, v.Version, errTooOld)
	}
	plain, err := probe(ctx, path, "version")
	if err != nil {
		return Terraform{}, err
	}
	kind := KindTerraform
	if len(plain) >= 8 && plain[:8] == "OpenTofu" {
		kind = KindTofu
	}
	return Terraform{Path: path, Version: v.Version, Kind: kind}, nil
}
