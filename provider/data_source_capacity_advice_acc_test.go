package provider

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"
	"google.golang.org/api/option"

	"github.com/feel-august/terraform-provider-august/internal/gcp/monitoring"
	"github.com/feel-august/terraform-provider-august/internal/localcloud/localtest"
	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
)

const capacityAddress = "data.august_capacity_advice.test"

func inCapacity(want knownvalue.Check, at ...string) statecheck.StateCheck {
	path := tfjsonpath.New(at[0])
	for _, step := range at[1:] {
		path = path.AtMapKey(step)
	}
	return statecheck.ExpectKnownValue(capacityAddress, path, want)
}

// Figures that are given by hand, within the connections of a real instance; and a service that is nowhere yet, whose advice is null, so that
// what it is used for has its default.
func TestAccCapacityAdvice_given(t *testing.T) {
	t.Parallel()
	cloud := localtest.Shared(t)
	advice := func(more string) string {
		return providerBlock(cloud) + `
data "august_capacity_advice" "test" {
  instance = "platform"
  ` + more + `
  services = {
    website = {
      requests_per_second      = 12.3
      peak_requests_per_second = 500
      latency_ms               = 48
      cpu_ms                   = 6.1
      database_ms              = 21
    }
    outreach = {
      requests_per_second = 30
      latency_ms          = 210
      cpu_ms              = 20
      database_ms         = 150
      burst_percent       = 50
      messages_per_second = 100
      batch_fixed_ms      = 8
      message_ms          = 0.2
    }
    coming = {
      service = "cap-not-there-yet"
    }
  }
}

resource "terraform_data" "settings" {
  input = {
    pool    = coalesce(data.august_capacity_advice.test.advice["coming"].pool_max, 4)
    website = data.august_capacity_advice.test.advice["website"].max_instances
  }
}
`
	}
	number := func(n int64) knownvalue.Check { return knownvalue.Int64Exact(n) }
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: providers,
		Steps: []resource.TestStep{
			{
				Config:           advice(""),
				ConfigPlanChecks: emptyAfterApply,
				ConfigStateChecks: []statecheck.StateCheck{
					inCapacity(knownvalue.StringExact("projects/"+accProject+"/instances/platform"), "id"),
					inCapacity(number(400), "available_connections"),
					inCapacity(knownvalue.StringExact("24h"), "window"), inCapacity(number(15), "reserved_connections"),
					inCapacity(number(5), "advice", "website", "pool_max"), inCapacity(number(10), "advice", "website", "concurrency"),
					inCapacity(number(1), "advice", "website", "min_instances"), inCapacity(number(11), "advice", "website", "max_instances"),
					inCapacity(knownvalue.Bool(true), "advice", "website", "fits"),
					inCapacity(knownvalue.StringRegexp(regexp.MustCompile(`connections at work when the burst is there: 1000 a second × 22.4 ms = 22.4`)), "advice", "website", "explanation"),
					inCapacity(knownvalue.Null(), "advice", "website", "max_messages"),
					inCapacity(number(160), "advice", "outreach", "max_messages"), inCapacity(number(320), "advice", "outreach", "max_outstanding_messages"),
					inCapacity(number(10), "advice", "outreach", "ack_deadline_seconds"), inCapacity(number(1), "advice", "outreach", "consumers"),
					inCapacity(knownvalue.Null(), "advice", "coming", "pool_max"), inCapacity(knownvalue.Null(), "advice", "coming", "max_instances"),
					inCapacity(knownvalue.ListPartial(map[int]knownvalue.Check{0: knownvalue.StringExact("requests_per_second")}), "advice", "coming", "unknown"),
					inCapacity(knownvalue.StringRegexp(regexp.MustCompile(`There is no Cloud Run service cap-not-there-yet in us-central1`)), "advice", "coming", "explanation"),
					inCapacity(knownvalue.Bool(false), "fits"), // since one is not known
					statecheck.ExpectKnownValue("terraform_data.settings", tfjsonpath.New("output").AtMapKey("pool"), number(4)),
					statecheck.ExpectKnownValue("terraform_data.settings", tfjsonpath.New("output").AtMapKey("website"), number(11)),
				},
			},
			{ // fewer connections: pools give way, and then the burst
				Config:           advice("max_connections = 50"),
				ConfigPlanChecks: emptyAfterApply,
				ConfigStateChecks: []statecheck.StateCheck{
					inCapacity(number(50), "available_connections"),
					inCapacity(knownvalue.Bool(false), "advice", "website", "fits"), inCapacity(knownvalue.Bool(false), "healthy"),
					inCapacity(knownvalue.StringRegexp(regexp.MustCompile(`need (4[5-9]|50) of 50: [0-5] left`)), "explanation"),
				},
			},
		},
	})
}

// A runtime that is deployed, measured by Cloud Run and by itself. What is advised for it is settings that it takes.
func TestAccCapacityAdvice_measured(t *testing.T) {
	t.Parallel()
	r := newRuntimeRig(t, "rt-capacity")
	const data = `
data "august_capacity_advice" "test" {
  instance = "platform"
  endpoint = august_sync_runtime.test.uri
  audience = august_sync_runtime.test.audience
  window   = "1h"
  services = {
    sync = {
      service       = august_sync_runtime.test.name
      database_user = "august-sync"
    }
  }
}
`
	config := r.config(r.image, "") + data
	given := func(rate string) string {
		return r.config(r.image, `
  concurrency = data.august_capacity_advice.test.advice["sync"].concurrency
  scaling = {
    min_instances = data.august_capacity_advice.test.advice["sync"].min_instances
    max_instances = data.august_capacity_advice.test.advice["sync"].max_instances
  }
`) + strings.NewReplacer("august_sync_runtime.test.name", `"rt-capacity"`, "  endpoint = august_sync_runtime.test.uri\n", "", "  audience = august_sync_runtime.test.audience\n", "",
			`database_user = "august-sync"`, "requests_per_second = "+rate+`
      peak_requests_per_second = `+rate+`
      latency_ms = 50
      cpu_ms = 5
      database_ms = 5`).Replace(data)
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: providers,
		Steps: []resource.TestStep{
			{Config: config},
			{ // some have called, and the connections were looked at
				PreConfig: func() {
					uri := r.get().Uri
					metrics, err := monitoring.New(t.Context(), option.WithEndpoint(localtest.Shared(t).Endpoints.Monitoring), option.WithoutAuthentication())
					if err != nil {
						t.Fatal(err)
					}
					// A sample of its processors tells what an instance did since the one before.
					for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(time.Second) {
						for range 20 {
							resp, err := http.Get(uri + "/livez")
							if err != nil {
								t.Fatal(err)
							}
							_ = resp.Body.Close()
						}
						m, err := r.control().Measures(t.Context(), time.Hour)
						if err != nil {
							t.Fatal(err)
						}
						seen, err := metrics.Service(t.Context(), localtest.Production, "us-central1", "rt-capacity", time.Hour)
						if err != nil {
							t.Fatal(err)
						}
						if slices.ContainsFunc(m.Roles, func(role runtimeapi.RoleMeasures) bool { return role.Role == "august-sync" && role.Window != nil }) &&
							seen.CPU != nil && seen.Until.Sub(seen.Since) >= 2*time.Second {
							return
						}
						if time.Now().After(deadline) {
							t.Fatalf("too little was measured: %+v, %+v", m, seen)
						}
					}
				},
				Config: config, ConfigPlanChecks: emptyAfterApply,
				ConfigStateChecks: []statecheck.StateCheck{
					inCapacity(knownvalue.StringRegexp(regexp.MustCompile(`(?s)^measured over .* requests a second, .* ms of it with a connection, and .* ms of CPU`)), "advice", "sync", "explanation"),
					inCapacity(knownvalue.NotNull(), "advice", "sync", "min_instances"),
					inCapacity(knownvalue.Int64Func(func(n int64) error {
						if n < defaultPoolMax {
							return fmt.Errorf("the runtime works with no pool of %d", n)
						}
						return nil
					}), "advice", "sync", "pool_max"),
					inCapacity(knownvalue.ListExact(nil), "advice", "sync", "unknown"),
					inCapacity(knownvalue.StringRegexp(regexp.MustCompile(`(?s)max_connections: 400, the default of db-custom-2-7680.*sync, the write probe of a recovery drill: 2\nsync, the making of an index: 1\nsync, the job that migrates: 1`)), "explanation"),
				},
			},
			{ // advice as settings, of figures that are given; the name is a literal, since a service cannot depend on what is asked of it
				Config: given("20"),
				ConfigPlanChecks: resource.ConfigPlanChecks{
					PreApply:             []plancheck.PlanCheck{plancheck.ExpectResourceAction(runtimeAddress, plancheck.ResourceActionUpdate), expectChanged(runtimeAddress, "concurrency", "revision", "scaling")},
					PostApplyPostRefresh: emptyAfterApply.PostApplyPostRefresh, // what was deployed stays
				},
				ConfigStateChecks: []statecheck.StateCheck{
					// 40 a second × 50 ms = 2 at once; by CPU 6 + 2 × √6 = 11 on an instance
					statecheck.ExpectKnownValue(runtimeAddress, tfjsonpath.New("concurrency"), knownvalue.Int64Exact(11)),
					statecheck.ExpectKnownValue(runtimeAddress, tfjsonpath.New("scaling").AtMapKey("max_instances"), knownvalue.Int64Exact(1)),
				},
			},
			{ // a tenth more changes nothing: what was deployed stays
				Config: given("22"), PlanOnly: true,
			},
		},
	})
}

func TestAccCapacityAdvice_refuses(t *testing.T) {
	t.Parallel()
	cloud := localtest.Shared(t)
	config := func(instance, service string) string {
		return providerBlock(cloud) + `
data "august_capacity_advice" "test" {
  instance = "` + instance + `"
  services = { website = { ` + service + ` } }
}
`
	}
	step := func(config string, want ...string) resource.TestStep {
		return resource.TestStep{Config: config, PlanOnly: true, ExpectError: asShown(want...)}
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: providers,
		Steps: []resource.TestStep{
			step(config("platform", "latency_ms = 20, database_ms = 21"), `services["website"].database_ms: A request that takes 20 ms cannot have a connection for 21 ms.`),
			step(config("platform", `location = "us-east1"`), `services["website"].location: It says where a Cloud Run service is, and there is none`),
			step(config("platform", `database_user = "website"`), `services["website"].database_user: It is looked up in what a sync runtime has measured, and none is named`),
			step(config("platform", "drain_seconds = 5"), `services["website"].drain_seconds: Nothing gathers unless a burst is sudden: add sudden = true, or leave it out.`),
			step(config("cap-typo", "latency_ms = 20"), "There is no Cloud SQL instance feel-august-platform/cap-typo"),
		},
	})
}
