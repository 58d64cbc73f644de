package standin

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/toolchain"
)

// asksGoogle is a configuration whose only provider is the one to record. OpenTofu would look for a source without a host elsewhere.
const asksGoogle = "terraform {\n  required_providers {\n    google = { source = \"" + Address + "\" }\n  }\n}\n"

// Ask has Terraform ask the real provider, which is in this folder, for its schemas.
func Ask(ctx context.Context, folder, version string) (_ *Recording, err error) {
	cli, err := toolchain.FindTerraform(ctx)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "august-record-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // two small files
	rc := filepath.Join(dir, "rc")
	if err := os.WriteFile(rc, fmt.Appendf(nil, "provider_installation {\n  dev_overrides {\n    %q = %q\n  }\n  direct {}\n}\n", Address, folder), 0o600); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, "main.tf"), []byte(asksGoogle), 0o600); err != nil {
		return nil, err
	}
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, cli.Path, "providers", "schema", "-json")
	cmd.Dir, cmd.Stderr = dir, &said
	cmd.Env = toolchain.CleanEnv("TF_CLI_CONFIG_FILE="+rc, "CHECKPOINT_DISABLE=1")
	listing, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("ask hashicorp/google in %s for its schemas: %w\n%s", folder, err, &said)
	}
	return Listed("hashicorp/google", version, listing)
}
