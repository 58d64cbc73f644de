package provider

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"golang.org/x/oauth2"
	"google.golang.org/api/option"
	"google.golang.org/api/run/v2"

	"github.com/feel-august/terraform-provider-august/internal/gcp"
	"github.com/feel-august/terraform-provider-august/internal/gcp/image"
	"github.com/feel-august/terraform-provider-august/internal/localcloud"
	"github.com/feel-august/terraform-provider-august/internal/localcloud/localtest"
)

// pushed is the images that this package's tests deploy, pushed when first asked for.
var pushed struct {
	mu   sync.Mutex
	refs map[string]string
}

// pushedImage is the reference of an image of a program, in the shared cloud's registry.
func pushedImage(t testing.TB, cloud *localtest.Cloud, name, file string) string {
	t.Helper()
	pushed.mu.Lock()
	defer pushed.mu.Unlock()
	if ref, ok := pushed.refs[name]; ok {
		return ref
	}
	binary, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	packed, err := image.Build(binary, nil)
	if err != nil {
		t.Fatal(err)
	}
	registry, err := image.NewRegistry(func(context.Context) (oauth2.TokenSource, error) {
		return nil, errors.New("no token is needed here")
	}, "test", http.DefaultTransport)
	if err != nil {
		t.Fatal(err)
	}
	repository := cloud.Endpoints.Registry + "/test/" + name
	if err := registry.Push(t.Context(), repository, packed, nil); err != nil {
		t.Fatal(err)
	}
	if pushed.refs == nil {
		pushed.refs = map[string]string{}
	}
	pushed.refs[name] = repository + "@" + packed.Digest.String()
	return pushed.refs[name]
}

// runtimeRig is a service that a test has to itself.
type runtimeRig struct {
	t     *testing.T
	cloud *localtest.Cloud
	api   *run.Service
	name  string
	image string // works
	dud   string // ends as soon as it starts

	drchrono string // more settings of that block
}

func newRuntimeRig(t *testing.T, name string) *runtimeRig {
	t.Helper()
	cloud := localtest.Shared(t)
	api, err := run.NewService(t.Context(), option.WithEndpoint(cloud.Endpoints.CloudRun), option.WithoutAuthentication())
	if err != nil {
		t.Fatal(err)
	}
	return &runtimeRig{
		t: t, cloud: cloud, api: api, name: name,
		image: pushedImage(t, cloud, "august-sync", localtest.Runtime(t)),
		dud:   pushedImage(t, cloud, "tiny", tinyRuntime(t, "")),
	}
}

func (r *runtimeRig) path() string {
	return "projects/" + accProject + "/locations/" + localtest.Region + "/services/" + r.name
}

// config is the runtime of an image, with more attributes in addition to those it cannot do without.
func (r *runtimeRig) config(image, more string) string {
	return providerBlock(r.cloud) + r.resource(image, more)
}

func (r *runtimeRig) resource(image, more string) string {
	return fmt.Sprintf(`
resource "august_sync_runtime" "test" {
  name            = %q
  image           = %q
  service_account = %q

  database = {
    instance        = "platform"
    name            = "august"
    user            = "august-sync"
    password_secret = "august-db-password"
    direct          = true
  }

  drchrono = {
    url          = %q
    oauth_secret = "drchrono-oauth"
    %s
  }

  control = {
    allowed_callers = [%q]
    issuer          = %q
  }
  %s
}
`, r.name, image, localcloud.ServiceAccount("august-sync", accProject), r.cloud.Endpoints.DrChrono, r.drchrono,
		localcloud.ServiceAccount("terraform", accProject), r.cloud.Endpoints.OIDCIssuer, more)
}

func (r *runtimeRig) get() *run.GoogleCloudRunV2Service {
	r.t.Helper()
	live, err := r.api.Projects.Locations.Services.Get(r.path()).Do()
	if err != nil {
		r.t.Fatal(err)
	}
	return live
}

// patch changes the service behind Terraform's back.
func (r *runtimeRig) patch(mask string, body *run.GoogleCloudRunV2Service) {
	r.t.Helper()
	operation, err := r.api.Projects.Locations.Services.Patch(r.path(), body).UpdateMask(mask).Do()
	r.wait(operation, err)
}

func (r *runtimeRig) delete() {
	r.t.Helper()
	operation, err := r.api.Projects.Locations.Services.Delete(r.path()).Do()
	r.wait(operation, err)
}

func (r *runtimeRig) wait(operation *run.GoogleLongrunningOperation, err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	err = gcp.Poll(ctx, 200*time.Millisecond, func(ctx context.Context) (bool, error) {
		operation, err = r.api.Projects.Locations.Operations.Get(operation.Name).Context(ctx).Do()
		return err == nil && operation.Done, err
	})
	if err != nil || operation.Error != nil {
		r.t.Fatalf("operation: %+v, %v", operation, err)
	}
}

func (r *runtimeRig) gone() {
	r.t.Helper()
	_, err := r.api.Projects.Locations.Services.Get(r.path()).Do()
	if gcp.KindOf(err) != gcp.NotFound {
		r.t.Errorf("service %s is still there (%v)", r.name, err)
	}
}

// noSecrets holds a state to the rule that no secret comes into it.
func noSecrets(t *testing.T, cloud *localtest.Cloud) resource.TestCheckFunc {
	return func(s *terraform.State) error {
		text := s.String()
		for _, secret := range secretValues(t, cloud) {
			if strings.Contains(text, secret) {
				return errors.New("the state holds a secret")
			}
		}
		return nil
	}
}
