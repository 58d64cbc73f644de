// Conformance runs the tests whose client this project did not write: gcloud where it is installed, and Terraform with
// hashicorp/google, which it builds if need be. It fails when one of them fails or is skipped.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/localtest/conformance"
	"github.com/feel-august/terraform-provider-august/internal/localcloud/toolchain"
)

// client is somebody else's program, and where it is tried. Tests are known by their names: a new one is run without
// being listed.
type client struct {
	name     string
	tests    string // pattern
	packages []string
}

var (
	google = client{"hashicorp/google", "^Test(Acc)?HashicorpGoogle", []string{cloudSQL, cloudRun, pubSub, storage, provider, modules}}
	gcloud = client{"gcloud", "^TestGcloud", []string{cloudSQL, cloudRun, pubSub, storage}}
)

const (
	module   = "github.com/feel-august/terraform-provider-august"
	cloudSQL = module + "/internal/localcloud/cloudsql"
	cloudRun = module + "/internal/localcloud/cloudrun"
	pubSub   = module + "/internal/localcloud/pubsub"
	storage  = module + "/internal/localcloud/storage"
	provider = module + "/provider"
	modules  = module + "/internal/modules"
)

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	if err := run(ctx, os.Stdout); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "conformance:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer) error {
	folder, err := toolchain.EnsureGoogle(ctx, out)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(out, "With hashicorp/google in %s.\n", folder)
	clients, tests := []client{google}, google.tests
	if path, err := exec.LookPath("gcloud"); err == nil || conformance.Required() {
		clients, tests = append(clients, gcloud), tests+"|"+gcloud.tests
		_, _ = fmt.Fprintf(out, "With gcloud, %s.\n", path)
	} else {
		_, _ = fmt.Fprintf(out, "Without gcloud, which is not installed; %s=1 insists on it.\n", conformance.RequireVariable)
	}

	// One package at a time: they bring up clouds of their own.
	args := []string{"test", "-json", "-count=1", "-p=1", "-buildvcs=false", "-timeout=30m", "-run", tests}
	cmd := exec.CommandContext(ctx, "go", append(args, google.packages...)...)
	cmd.Env = append(os.Environ(), toolchain.EnvGoogle+"="+folder, conformance.RequireVariable+"=1",
		"TF_ACC=1", "TF_CLI_CONFIG_FILE="+os.DevNull, "CHECKPOINT_DISABLE=1")
	cmd.Stderr = out
	events, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	v, err := follow(events, out)
	if ended := cmd.Wait(); ended != nil {
		return errors.Join(err, fmt.Errorf("go test: %w", ended))
	}
	if err != nil {
		return err
	}
	return v.judge(clients, out)
}
