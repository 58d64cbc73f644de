package provider

import (
	"fmt"
	"regexp"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
)

// What a failed update has done all the same is in the state, so that taking it out of the configuration takes it back.
func TestAccCloudSQLHAPolicy_failedUpdate(t *testing.T) {
	t.Parallel()
	fake, url := newFakeCloudSQL(t)
	config := func(more string) string {
		return fmt.Sprintf(`
provider "august" {
  project      = "feel-august-platform"
  access_token = "local"
  endpoints    = { cloud_sql = %[1]q, monitoring = %[1]q }
}

resource "august_cloudsql_ha_policy" "test" {
  instance = "platform"
  %s
}
`, url, more)
	}
	flags := func() string {
		fake.mu.Lock()
		defer fake.mu.Unlock()
		settings, _ := fake.instances["feel-august-platform/platform"]["settings"].(map[string]any)
		return fmt.Sprint(settings["databaseFlags"])
	}
	fails := func(fail bool) func() {
		return func() {
			fake.mu.Lock()
			defer fake.mu.Unlock()
			fake.failAfter = fail
		}
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: providers,
		Steps: []resource.TestStep{
			{Config: config("")},
			{
				PreConfig: fails(true), Config: config(`database_flags = { log_lock_waits = "on" }`),
				ExpectError: regexp.MustCompile("(?s)HA policy not applied.*did not come back in time"),
			},
			{
				PreConfig: fails(false), Config: config(""),
				Check: func(*terraform.State) error {
					if now := flags(); now != "[]" {
						return fmt.Errorf("the instance keeps %s", now)
					}
					return nil
				},
			},
		},
	})
}
