// Package modules tests the shared modules and the examples that use them, through the real Terraform CLI.
//
// `make test` runs them with a stand-in for hashicorp/google, which has its schemas; `make conformance` runs the same with the real one, and has it
// plan as well.
package modules

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/toolchain"
	"github.com/feel-august/terraform-provider-august/internal/modules/standin"
	"github.com/feel-august/terraform-provider-august/provider"
)

// cli is the CLI that the tests run.
var cli toolchain.Terraform

// TestMain is the tests, or one of the providers that they have Terraform start: each is another name of this program.
func TestMain(m *testing.M) {
	var err error
	switch filepath.Base(os.Args[0]) {
	case augustProgram:
		err = providerserver.Serve(context.Background(), provider.New("test"), providerserver.ServeOpts{Address: provider.Address, ProtocolVersion: 6})
	case googleProgram:
		err = serveRecording(filepath.Dir(os.Args[0]))
	default:
		if cli, err = toolchain.FindTerraform(context.Background()); err == nil {
			os.Exit(m.Run())
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "The tests of the modules:", err)
		os.Exit(1)
	}
}

// serveRecording serves the part of the recording that lies beside the program: newRig has put it there.
func serveRecording(dir string) error {
	packed, err := os.ReadFile(filepath.Join(dir, recordingFile))
	if err != nil {
		return err
	}
	recording, err := standin.Unpack(packed)
	if err != nil {
		return err
	}
	return recording.Serve()
}
