package toolchain

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/hashicorp/go-version"
	"github.com/hashicorp/hc-install/product"
	"github.com/hashicorp/hc-install/releases"
)

// OpenTofu is built from its module where HashiCorp's releases cannot be reached: the newest version
// that Go 1.26 builds. Its go.mod has a replace directive, so `go install module@version` refuses it.
const tofuModule = "github.com/opentofu/opentofu@v1.12.6"

// tofuRelease marks the build as a release: a version with -dev satisfies no `required_version`.
const tofuRelease = "github.com/opentofu/opentofu/version.dev=no"

const releasesIndex = "https://releases.hashicorp.com/terraform/index.json"

// EnsureTerraform finds a Terraform CLI, and installs one among the tools where there is none:
// Terraform's newest release, or OpenTofu by way of the Go module proxy. Progress goes to out.
func EnsureTerraform(ctx context.Context, out io.Writer) (Terraform, error) {
	tf, err := FindTerraform(ctx)
	if !errors.Is(err, ErrNotFound) {
		return tf, err
	}
	tools, err := Dir()
	if err != nil {
		return Terraform{}, err
	}
	may := kinds()
	if slices.Contains(may, KindTerraform) {
		path, err := installRelease(ctx, filepath.Join(tools, KindTerraform), out)
		if err == nil {
			return terraformAt(ctx, path)
		}
		_, _ = fmt.Fprintf(out, "Terraform's releases cannot be had (%v).\n", err)
		if !slices.Contains(may, KindTofu) {
			return Terraform{}, err
		}
	}
	path, err := BuildTofu(ctx, filepath.Join(tools, KindTofu), out)
	if err != nil {
		return Terraform{}, fmt.Errorf("no Terraform CLI could be installed: %w; install Terraform %s or newer yourself, or set %s to it",
			err, MinTerraform, EnvTerraform)
	}
	return terraformAt(ctx, path)
}

// installRelease downloads Terraform's newest release, whose checksum and signature hc-install checks.
func installRelease(ctx context.Context, dir string, out io.Writer) (string, error) {
	// hc-install would try for minutes where nothing can be reached.
	if err := reachable(ctx, releasesIndex); err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // a program, not a secret
		return "", err
	}
	_, _ = fmt.Fprintln(out, "Installing Terraform from releases.hashicorp.com.")
	return (&releases.LatestVersion{
		Product:     product.Terraform,
		Constraints: version.MustConstraints(version.NewConstraint(">= " + MinTerraform)),
		InstallDir:  dir,
		Timeout:     10 * time.Minute,
	}).Install(ctx)
}

func reachable(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, url, nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", url, res.Status)
	}
	return nil
}

// BuildTofu builds OpenTofu into dir from its module and returns the executable's path.
func BuildTofu(ctx context.Context, dir string, out io.Writer) (string, error) {
	goTool, err := exec.LookPath("go")
	if err != nil {
		return "", fmt.Errorf("OpenTofu cannot be built without Go: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // a program, not a secret
		return "", err
	}
	_, _ = fmt.Fprintf(out, "Building %s; this takes about six minutes, once.\n", tofuModule)

	var listing bytes.Buffer
	if err := runGo(ctx, goTool, &listing, out, "mod", "download", "-json", tofuModule); err != nil {
		return "", fmt.Errorf("download %s: %w", tofuModule, err)
	}
	var module struct{ Dir string }
	if err := json.Unmarshal(listing.Bytes(), &module); err != nil {
		return "", fmt.Errorf("download %s: %w", tofuModule, err)
	}
	// The module's own folder in the module cache is the main module here, so that its replace
	// directives hold and its go.sum is the one that counts.
	path := filepath.Join(dir, KindTofu)
	if err := runGo(ctx, goTool, out, out, "build", "-C", module.Dir, "-trimpath", "-buildvcs=false", "-ldflags=-s -w -X "+tofuRelease, "-o", path, "./cmd/tofu"); err != nil {
		return "", fmt.Errorf("build %s: %w", tofuModule, err)
	}
	return path, nil
}

// runGo runs the go command with the user's proxy settings and none of the calling module's.
func runGo(ctx context.Context, goTool string, stdout, stderr io.Writer, args ...string) error {
	cmd := exec.CommandContext(ctx, goTool, args...)
	cmd.Dir = os.TempDir() // outside of any module
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=", "CGO_ENABLED=0", "GOOS=", "GOARCH=")
	cmd.Stdout, cmd.Stderr = stdout, stderr
	return cmd.Run()
}
