package provider

import (
	"context"
	"fmt"
	"os"
	"reflect"
	"runtime/debug"
	"slices"
	"strconv"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/plancheck"

	"github.com/feel-august/terraform-provider-august/internal/localcloud"
	"github.com/feel-august/terraform-provider-august/internal/localcloud/localtest"
	"github.com/feel-august/terraform-provider-august/internal/localcloud/toolchain"
)

// The acceptance tests apply real configurations with the real Terraform, on a local cloud that they share. They are
// the tests that are named TestAcc, and run when TF_ACC=1 is set, as `make test` does.

const accProject = localtest.Production

// TestMain sees to it that a test depends on nothing that the developer has set for themselves, and that it is said once,
// before anything runs, when the Terraform CLI is missing.
func TestMain(m *testing.M) {
	var c clients
	c.configure(providerModel{})
	for _, s := range []setting{
		c.project, c.region, c.accessToken, c.impersonate,
		c.cloudSQL, c.cloudRun, c.secretManager, c.pubSub, c.iamCredentials, c.monitoring, c.logging, c.storage,
	} {
		for _, name := range s.env {
			_ = os.Unsetenv(name)
		}
	}
	if err := useTerraform(); err != nil {
		fmt.Fprintln(os.Stderr, "The tests of the provider run configurations:", err)
		os.Exit(1)
	}
	debug.SetGCPercent(gcPercent)
	localtest.Main(m)
}

// gcPercent is GOGC of the tests and of what they run. These processes end before they have grown, and a quarter of the CPU of
// a Terraform went into collecting garbage.
const gcPercent = 400

// useTerraform points the tests at the installed Terraform, or else OpenTofu; they would download one otherwise.
func useTerraform() error {
	cli, err := toolchain.FindTerraform(context.Background())
	if err != nil {
		return err
	}
	env := map[string]string{
		toolchain.EnvTerraformTest: cli.Path,
		"TF_CLI_CONFIG_FILE":       os.DevNull,
		"CHECKPOINT_DISABLE":       "1",
		"GOGC":                     strconv.Itoa(gcPercent),
	}
	if cli.Kind == toolchain.KindTofu {
		env["TF_ACC_PROVIDER_HOST"] = "registry.opentofu.org"
	}
	for name, value := range env {
		if err := os.Setenv(name, value); err != nil {
			return err
		}
	}
	return nil
}

// providerBlock points the provider at a local cloud, and gives it an identity there.
func providerBlock(c *localtest.Cloud) string {
	return fmt.Sprintf(`
provider "august" {
  project                     = %q
  region                      = %q
  access_token                = "local"
  impersonate_service_account = %q

  endpoints = {
    cloud_sql       = %q
    cloud_run       = %q
    secret_manager  = %q
    iam_credentials = %q
    monitoring      = %q
    pubsub          = %q
    logging         = %q
    storage         = %q
  }
}
`, accProject, localtest.Region, localcloud.ServiceAccount("terraform", accProject),
		c.Endpoints.CloudSQL, c.Endpoints.CloudRun, c.Endpoints.SecretManager, c.Endpoints.IAMCredentials, c.Endpoints.Monitoring, c.Endpoints.PubSub, c.Endpoints.Logging, c.Endpoints.Storage)
}

// expectChanged is a plan check that an update changes these attributes, and no others.
func expectChanged(address string, attributes ...string) plancheck.PlanCheck {
	return changedCheck{address, attributes}
}

type changedCheck struct {
	address    string
	attributes []string
}

// CheckPlan implements plancheck.PlanCheck.
func (c changedCheck) CheckPlan(_ context.Context, req plancheck.CheckPlanRequest, resp *plancheck.CheckPlanResponse) {
	for _, change := range req.Plan.ResourceChanges {
		if change.Address != c.address {
			continue
		}
		before, _ := change.Change.Before.(map[string]any)
		after, _ := change.Change.After.(map[string]any)
		var changed []string
		for name := range before {
			if !reflect.DeepEqual(before[name], after[name]) {
				changed = append(changed, name)
			}
		}
		slices.Sort(changed)
		if !slices.Equal(changed, c.attributes) {
			resp.Error = fmt.Errorf("%s changes %q, want %q", c.address, changed, c.attributes)
		}
		return
	}
	resp.Error = fmt.Errorf("%s is not in the plan", c.address)
}
