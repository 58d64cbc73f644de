package provider

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"google.golang.org/api/sqladmin/v1"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/localtest"
	"github.com/feel-august/terraform-provider-august/internal/localcloud/localtest/conformance"
)

// besideGoogle is an instance that this provider and hashicorp/google share.
type besideGoogle struct {
	*instance
	*conformance.Google
}

func newBesideGoogle(t *testing.T, name string) *besideGoogle {
	t.Helper()
	return &besideGoogle{laterInstance(t, name), googleBeside(t, map[string]string{"sql_custom_endpoint": localtest.Shared(t).Endpoints.CloudSQL + "sql/v1beta4/"})}
}

// googleBeside is hashicorp/google with this provider beside it, in one configuration.
func googleBeside(t *testing.T, endpoints map[string]string) *conformance.Google {
	t.Helper()
	ours := t.TempDir()
	g := conformance.NewGoogle(t, conformance.Setup{Project: accProject, Region: localtest.Region, Endpoints: endpoints, Beside: map[string]string{Address: ours}})
	build := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-o", filepath.Join(ours, "terraform-provider-august"), "..")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the provider: %v\n%s", err, out)
	}
	return g
}

// documentedIgnores is the list that the documentation tells people to copy, in two places.
func documentedIgnores(t *testing.T) []string {
	t.Helper()
	var list []string
	for _, page := range []string{"resources/cloudsql_ha_policy.md.tmpl", "guides/hardening-an-existing-instance.md"} {
		body, err := os.ReadFile(filepath.Join("../templates", page))
		if err != nil {
			t.Fatal(err)
		}
		block := regexp.MustCompile(`(?s)ignore_changes = \[(.*?)\n    \]`).FindStringSubmatch(string(body))
		if block == nil {
			t.Fatalf("%s has no ignore_changes", page)
		}
		var here []string
		for line := range strings.Lines(block[1]) {
			if line = strings.Trim(strings.TrimSpace(line), ","); line != "" {
				here = append(here, line)
			}
		}
		if list != nil && !slices.Equal(list, here) {
			t.Fatalf("%s says %q, another page %q", page, here, list)
		}
		list = here
	}
	return list
}

func TestAccHashicorpGoogle_policyBesideInstance(t *testing.T) {
	t.Parallel()
	b := newBesideGoogle(t, "ha-beside-google")
	ignores := documentedIgnores(t)
	config := func(labels, policy string, ignores []string) {
		b.Write("main.tf", b.head+fmt.Sprintf(`
resource "google_sql_database_instance" "platform" {
  name                = %q
  database_version    = "POSTGRES_15"
  deletion_protection = false # Terraform's own; Cloud SQL's belongs to the policy

  settings {
    tier    = "db-perf-optimized-N-2"
    edition = "ENTERPRISE_PLUS"
    user_labels = { %s }

    # What an instance is often declared with, and the policy takes over.
    availability_type           = "ZONAL"
    deletion_protection_enabled = false
    backup_configuration {
      enabled    = true
      start_time = "03:00"
    }
    maintenance_window {
      day  = 2
      hour = 12
    }
    insights_config {
      query_insights_enabled = false
    }
    connection_pool_config {
      connection_pooling_enabled = false
    }
    database_flags {
      name  = "log_lock_waits"
      value = "off"
    }
  }

  lifecycle {
    ignore_changes = [%s]
  }
}

resource "august_cloudsql_ha_policy" "platform" {
  instance   = basename(google_sql_database_instance.platform.self_link)
  on_destroy = "relax"
  %s
}
`, b.name, labels, strings.Join(ignores, ", "), policy))
	}

	// One plan makes the instance and hardens it.
	first := `
  maintenance_window      = { day = "sunday", hour = 8 }
  deny_maintenance_period = { start_date = "12-15", end_date = "01-10" }
  insights                = {}
  connection_pooling      = { flags = { max_pool_size = "40" } }
  database_flags          = { log_lock_waits = "on" }
`
	config(`team = "platform"`, first, ignores)
	b.Apply()
	b.Settled("the first apply")

	// The policy changes.
	second := strings.NewReplacer(`hour = 8`, `hour = 9`, `"12-15"`, `"12-20"`, `insights                = {}`, `insights = { query_plans_per_minute = 9 }`,
		`"40"`, `"60"`, `{ log_lock_waits = "on" }`, `{ log_lock_waits = "on", log_statement = "ddl" }`).Replace(first) + `
  cross_region_replica = { name = "ha-beside-google-dr", region = "us-east1", deletion_protection = false }
`
	config(`team = "platform"`, second, ignores)
	b.Apply()
	b.Settled("a change of the policy")

	// The other provider changes the instance, which it writes back whole: what the policy has set must survive.
	config(`team = "data"`, second, ignores)
	b.Apply()
	b.Settled("a change by hashicorp/google")
	s := b.get().Settings
	if s.UserLabels["team"] != "data" || s.AvailabilityType != "REGIONAL" || s.MaintenanceWindow.Hour != 9 || len(s.DenyMaintenancePeriods) != 1 ||
		s.InsightsConfig.QueryPlansPerMinute != 9 || !s.DeletionProtectionEnabled || s.ConnectionPoolConfig.Flags[0].Value != "60" {
		t.Errorf("the instance is now %+v", s)
	}

	// A failover is no drift for either.
	b.wait(b.api.Instances.Failover(accProject, b.name, &sqladmin.InstancesFailoverRequest{
		FailoverContext: &sqladmin.FailoverContext{SettingsVersion: s.SettingsVersion},
	}).Do())
	b.Settled("a failover")

	// Each of the list is there for a reason: without it, hashicorp/google would take back what the policy has set.
	for _, ignored := range ignores {
		config(`team = "data"`, second, slices.DeleteFunc(slices.Clone(ignores), func(s string) bool { return s == ignored }))
		if out, code := b.Terraform("plan", "-detailed-exitcode"); code != 2 {
			t.Errorf("without %s, the plan ends with %d: %s", ignored, code, out)
		}
	}

	// Cloud SQL keeps an instance that has replicas, and the policy deletes none.
	b.wait(b.api.Instances.Delete(accProject, b.name+"-dr").Do())

	// And one destroy ends it all, since the policy relaxes what it has protected.
	config(`team = "data"`, second, ignores)
	b.Destroy()
	if _, err := b.api.Instances.Get(accProject, b.name).Do(); err == nil {
		t.Error("the instance is still there")
	}
}
