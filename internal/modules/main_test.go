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
	"github.com/feel-august/terraform-provider-august/provider"
)

// cli is the CLI that the tests run.
var cli toolchain.Terraform

// augustProgram is this program's name when Terraform starts it as the provider.
const augustProgram = "terraform-provider-august"

func TestMain(m *testing.M) {
	var err error
	if filepath.Base(os.Args[0]) == augustProgram {
		err = providerserver.Serve(context.Background(), provider.New("test"), providerserver.ServeOpts{Address: provider.Address, ProtocolVersion: 6})
	} else if err = quiet(); err == nil {
		if cli, err = toolchain.FindTerraform(context.Background()); err == nil {
			os.Exit(m.Run())
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "The tests of the modules:", err)
		os.Exit(1)
	}
}

// quiet has the providers of this process trace nothing: they would to standard error, where no Terraform reads along.
func quiet() error {
	for _, name := range []string{"TF_LOG_SDK", "TF_LOG_SDK_PROTO", "TF_LOG_SDK_FRAMEWORK", "TF_LOG_PROVIDER"} {
		if err := os.Setenv(name, "OFF"); err != nil {
			return err
		}
	}
	return nil
}
