package provider

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/plancheck"

	"github.com/feel-august/terraform-provider-august/internal/localcloud"
	"github.com/feel-august/terraform-provider-august/internal/localcloud/cloudsql"
	"github.com/feel-august/terraform-provider-august/internal/localcloud/toolchain"
)

const accProject = "feel-august-platform"

var shared struct {
	once      sync.Once
	endpoints localcloud.Endpoints
	stop      func()
	err       error
}

func TestMain(m *testing.M) {
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		if strings.HasPrefix(name, "GOOGLE_") || strings.HasPrefix(name, "AUGUST_") {
			os.Unsetenv(name)
		}
	}
	code := m.Run()
	if shared.stop != nil {
		shared.stop()
	}
	os.Exit(code)
}

// cloud is the local cloud that this package's acceptance tests share.
func cloud(t *testing.T) localcloud.Endpoints {
	t.Helper()
	shared.once.Do(func() { shared.endpoints, shared.stop, shared.err = start() })
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.endpoints
}

func start() (e localcloud.Endpoints, stop func(), err error) {
	ctx := context.Background()
	pg, err := toolchain.FindPostgres(ctx)
	if err != nil {
		return e, nil, err
	}
	cred, err := toolchain.Owner()
	if err != nil {
		return e, nil, err
	}
	dir, _ := os.MkdirTemp("", "acc")
	os.Chmod(dir, 0o755)
	f, err := cloudsql.New(cloudsql.Options{Dir: dir, BinDir: pg.Bin, Credential: cred})
	if err != nil {
		return e, nil, err
	}
	if err := f.Start(ctx); err != nil {
		return e, nil, err
	}
	mux := http.NewServeMux()
	f.Register(mux)
	srv := httptest.NewServer(mux)
	e.CloudSQL, e.CloudRun, e.SecretManager, e.IAMCredentials = srv.URL+"/", srv.URL+"/", srv.URL+"/", srv.URL+"/"
	return e, func() { srv.Close(); f.Close(ctx); os.RemoveAll(dir) }, nil
}

// block is the provider block that points at the local cloud.
func block(e localcloud.Endpoints) string {
	return fmt.Sprintf(`
provider "august" {
  project                     = %q
  region                      = %q
  access_token                = "local"

  endpoints = {
    cloud_sql       = %q
    cloud_run       = %q
    secret_manager  = %q
    iam_credentials = %q
  }
}
`, accProject, localcloud.Region,
		e.CloudSQL, e.CloudRun, e.SecretManager, e.IAMCredentials)
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
