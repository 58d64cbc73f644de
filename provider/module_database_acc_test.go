package provider

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"google.golang.org/api/cloudresourcemanager/v1"
	"google.golang.org/api/sqladmin/v1"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/localtest"
)

// projectRoles keeps the IAM policies of projects, which the local cloud does not have, and answers for them as Resource
// Manager does: what is written back has to name the version that was read.
func projectRoles(t *testing.T) string {
	t.Helper()
	var mu sync.Mutex
	policies := map[string]*cloudresourcemanager.Policy{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		project, verb, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/v1/projects/"), ":")
		policy := policies[project]
		if policy == nil {
			policy = &cloudresourcemanager.Policy{Version: 3, Etag: "BwAAAAAAAAE="}
		}
		if verb == "setIamPolicy" {
			var want cloudresourcemanager.SetIamPolicyRequest
			if err := json.NewDecoder(r.Body).Decode(&want); err != nil || want.Policy.Etag != policy.Etag {
				http.Error(w, `{"error": {"code": 409, "status": "ABORTED", "message": "There were concurrent policy changes."}}`, http.StatusConflict)
				return
			}
			policy = want.Policy
			policy.Etag = fmt.Sprintf("BwAAAAA%04d=", len(policy.Bindings)+len(policies))
			policies[project] = policy
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(policy)
	}))
	t.Cleanup(server.Close)
	return server.URL + "/"
}

// The module has hashicorp/google look away from all that the guide says it should.
func TestModuleDatabase_ignores(t *testing.T) {
	body, err := os.ReadFile("../modules/database/main.tf")
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile(`(?s)ignore_changes = \[(.*?)\n    \]`).FindString(string(body))
	for _, ignored := range documentedIgnores(t) {
		if !strings.Contains(block, ignored+",") {
			t.Errorf("the module's instance does not ignore %s", ignored)
		}
	}
}

// The module is applied for real, by hashicorp/google and by this provider, each of which then changes its own part: the
// other never sees anything to take back.
func TestAccHashicorpGoogle_moduleDatabase(t *testing.T) {
	t.Parallel()
	i := laterInstance(t, "module-database")
	g := googleBeside(t, map[string]string{
		"sql_custom_endpoint":              localtest.Shared(t).Endpoints.CloudSQL + "sql/v1beta4/",
		"resource_manager_custom_endpoint": projectRoles(t),
	})
	module, err := filepath.Abs("../modules/database")
	if err != nil {
		t.Fatal(err)
	}
	declare := func(changed ...string) {
		g.Write("main.tf", i.head+strings.NewReplacer(changed...).Replace(fmt.Sprintf(`
module "database" {
  source              = %q
  project             = %q
  name                = %q
  region              = %q
  deletion_protection = true
  max_connections     = 60
  labels              = { team = "platform" }
  databases           = { clinic = {} }
  direct_connections  = true
  access              = { psc = { consumer_projects = [] } }

  iam_users = {
    sync    = { email = "august-sync@%[2]s.iam.gserviceaccount.com", database_roles = ["cloudsqlsuperuser"] }
    auditor = { email = "auditor@example.com", type = "user", database_roles = ["pg_read_all_data"] }
  }
  password_users = {
    website = { database_roles = ["pg_read_all_data"], password_version = 1 }
  }
  passwords = { website = "correct horse 7 Battery" }

  replica = { name = "%[3]s-dr", region = "us-east1" }

  services = {
    august-sync = { max_instances = 3, pool_max = 4, min_instances = 1, job_connections = 4 }
  }
}

output "database" { value = module.database.database }
`, module, accProject, i.name, localtest.Region)))
	}

	declare()
	if out, code := g.Terraform("get"); code != 0 {
		t.Fatalf("get: %s", out)
	}
	g.Apply()
	g.Settled("the first apply")
	s := i.get().Settings
	if s.AvailabilityType != "REGIONAL" || !s.BackupConfiguration.PointInTimeRecoveryEnabled || !s.DeletionProtectionEnabled ||
		s.IpConfiguration.Ipv4Enabled || s.IpConfiguration.SslMode != "ENCRYPTED_ONLY" || !s.IpConfiguration.PscConfig.PscEnabled {
		t.Errorf("the instance is not hardened: %+v, %+v", s, s.IpConfiguration)
	}
	if flags := i.flags(); flags["cloudsql.iam_authentication"] != "on" || flags["pgaudit.log"] != "ddl,role,write" || flags["max_connections"] != "60" {
		t.Errorf("the instance has the flags %v", flags)
	}
	if out, _ := g.Terraform("state", "pull"); strings.Contains(out, "correct horse") {
		t.Error("the password is in the state")
	}
	conn, err := pgx.Connect(t.Context(), fmt.Sprintf("host=%s user=website password='correct horse 7 Battery' dbname=clinic sslmode=require", i.get().IpAddresses[0].IpAddress))
	if err != nil {
		t.Fatalf("the user with a password does not get in: %v", err)
	}
	_ = conn.Close(t.Context())

	// hashicorp/google's part changes, and the settings are written back whole.
	labels := []string{`team = "platform"`, `team = "data"`, `consumer_projects = []`, `consumer_projects = ["feel-august-website"]`}
	declare(labels...)
	g.Apply()
	g.Settled("a change of the labels and of who may make an endpoint")
	if s = i.get().Settings; s.UserLabels["team"] != "data" || len(s.IpConfiguration.PscConfig.AllowedConsumerProjects) != 2 || s.AvailabilityType != "REGIONAL" || !s.DeletionProtectionEnabled || s.MaintenanceWindow.UpdateTrack != "week5" {
		t.Errorf("after hashicorp/google's change: %+v", s)
	}

	// The policy's part changes, with a restart.
	connections := append(labels, `= 60`, `= 80`)
	declare(connections...)
	g.Apply()
	g.Settled("a change of the flags")
	if flags := i.flags(); flags["max_connections"] != "80" || flags["cloudsql.enable_pgaudit"] != "on" {
		t.Errorf("after the policy's change the instance has the flags %v", flags)
	}

	// A failover is drift for neither.
	i.wait(i.api.Instances.Failover(accProject, i.name, &sqladmin.InstancesFailoverRequest{
		FailoverContext: &sqladmin.FailoverContext{SettingsVersion: i.get().Settings.SettingsVersion},
	}).Do())
	g.Settled("a failover")

	// Services that may need more than there is fail the plan, with the arithmetic.
	declare(append(connections, "max_instances = 3", "max_instances = 30")...)
	if out, code := g.Terraform("plan"); code != 1 || !strings.Contains(out, "too many") {
		t.Errorf("with too many connections, the plan ends with %d: %s", code, out)
	}

	// What is protected is not destroyed, and what is no longer is.
	declare(connections...)
	if out, code := g.Terraform("destroy", "-auto-approve"); code == 0 {
		t.Errorf("destroyed what is protected: %s", out)
	}
	declare(append(connections, "deletion_protection = true", "deletion_protection = false")...)
	g.Apply()
	i.wait(i.api.Instances.Delete(accProject, i.name+"-dr").Do()) // the policy deletes no replica
	g.Destroy()
	if _, err := i.api.Instances.Get(accProject, i.name).Do(); err == nil {
		t.Error("the instance is still there")
	}
}
