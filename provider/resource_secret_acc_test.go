package provider

import (
	"encoding/base64"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"
	"google.golang.org/api/option"
	"google.golang.org/api/secretmanager/v1"

	"github.com/feel-august/terraform-provider-august/internal/gcp"
	"github.com/feel-august/terraform-provider-august/internal/gcp/secrets"
	"github.com/feel-august/terraform-provider-august/internal/localcloud/localtest"
)

const secretAddress = "august_secret.test"

// secretRig is a secret that a test has to itself.
type secretRig struct {
	t     *testing.T
	cloud *localtest.Cloud
	api   *secretmanager.Service
	name  string
}

func newSecretRig(t *testing.T, name string) *secretRig {
	t.Helper()
	cloud := localtest.Shared(t)
	api, err := secretmanager.NewService(t.Context(), option.WithEndpoint(cloud.Endpoints.SecretManager), option.WithoutAuthentication())
	if err != nil {
		t.Fatal(err)
	}
	return &secretRig{t, cloud, api, name}
}

func (r *secretRig) path() string { return "projects/" + accProject + "/secrets/" + r.name }

func (r *secretRig) config(value, more string) string {
	return providerBlock(r.cloud) + fmt.Sprintf(`
resource "august_secret" "test" {
  name                = %q
  value_wo            = %q
  deletion_protection = false
  %s
}
`, r.name, value, more)
}

// states is what can be seen of the versions: "1 disabled, 2 enabled".
func (r *secretRig) states() string {
	live, err := secrets.New(r.api).Get(r.t.Context(), secrets.Ref{Project: accProject, Name: r.name})
	if err != nil {
		return err.Error()
	}
	var all []string
	for _, v := range live.Versions {
		all = append([]string{strconv.FormatInt(v.Number, 10) + " " + strings.ToLower(v.State)}, all...)
	}
	return strings.Join(all, ", ")
}

// holds is a check of what the cloud has: the states of the versions, and the value of the newest one.
func (r *secretRig) holds(states, value string) resource.TestCheckFunc {
	return func(s *terraform.State) error {
		if got := r.states(); got != states {
			return fmt.Errorf("the versions are %q, want %q", got, states)
		}
		got := secretValue(r.t, r.cloud, r.name)
		if got != value {
			return fmt.Errorf("the newest version does not hold %q", value)
		}
		if strings.Contains(s.String(), value) {
			return fmt.Errorf("the state holds the value: %s", s)
		}
		return nil
	}
}

// add adds a version by hand.
func (r *secretRig) add(value string) {
	r.t.Helper()
	_, err := r.api.Projects.Secrets.AddVersion(r.path(), &secretmanager.AddSecretVersionRequest{
		Payload: &secretmanager.SecretPayload{Data: base64.StdEncoding.EncodeToString([]byte(value))},
	}).Do()
	if err != nil {
		r.t.Fatal(err)
	}
}

// create makes a secret by hand.
func (r *secretRig) create(labels map[string]string, values ...string) {
	r.t.Helper()
	_, err := r.api.Projects.Secrets.Create("projects/"+accProject, &secretmanager.Secret{
		Labels: labels, Replication: &secretmanager.Replication{Automatic: &secretmanager.Automatic{}},
	}).SecretId(r.name).Do()
	if err != nil {
		r.t.Fatal(err)
	}
	for _, value := range values {
		r.add(value)
	}
}

func (r *secretRig) gone(*terraform.State) error {
	if _, err := r.api.Projects.Secrets.Get(r.path()).Do(); gcp.KindOf(err) != gcp.NotFound {
		return fmt.Errorf("the secret %s is still there (%w)", r.name, err)
	}
	return nil
}

// planned is the checks of a step that plans an action for the secret, and is done with it afterwards.
func planned(action plancheck.ResourceActionType, more ...plancheck.PlanCheck) resource.ConfigPlanChecks {
	return resource.ConfigPlanChecks{
		PreApply:             append([]plancheck.PlanCheck{plancheck.ExpectResourceAction(secretAddress, action)}, more...),
		PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
	}
}

var unknownReference = plancheck.ExpectUnknownValue(secretAddress, tfjsonpath.New("reference"))

func knownReference(reference string) plancheck.PlanCheck {
	return plancheck.ExpectKnownValue(secretAddress, tfjsonpath.New("reference"), knownvalue.StringExact(reference))
}

func TestAccSecret_basic(t *testing.T) {
	t.Parallel()
	r := newSecretRig(t, "acc-secret-basic")
	other := newSecretRig(t, "acc-secret-basic-other")
	const full = `
  labels        = { team = "data", stage = "test" }
  keep_versions = 2
  retire        = "destroy"
  on_destroy    = "delete"
  timeouts      = { create = "1m", update = "1m", delete = "1m" }
`
	const located = full + `locations = ["us-east1", "us-central1"]`
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: providers,
		CheckDestroy: func(s *terraform.State) error {
			if err := r.gone(s); err != nil {
				return err
			}
			return other.gone(s)
		},
		Steps: []resource.TestStep{
			{
				Config: r.config("value-one", ""), ConfigPlanChecks: planned(plancheck.ResourceActionCreate, unknownReference),
				Check: r.holds("1 enabled", "value-one"),
				ConfigStateChecks: []statecheck.StateCheck{
					statecheck.ExpectKnownValue(secretAddress, tfjsonpath.New("id"), knownvalue.StringExact(r.path())),
					statecheck.ExpectKnownValue(secretAddress, tfjsonpath.New("version"), knownvalue.Int64Exact(1)),
					statecheck.ExpectKnownValue(secretAddress, tfjsonpath.New("reference"), knownvalue.StringExact(r.name+":1")),
					statecheck.ExpectKnownValue(secretAddress, tfjsonpath.New("value_wo"), knownvalue.Null()),
					statecheck.ExpectKnownValue(secretAddress, tfjsonpath.New("problem"), knownvalue.Null()),
				},
			},
			{
				ResourceName: secretAddress, ImportState: true, ImportStateKind: resource.ImportCommandWithID, ImportStateId: r.name,
				ImportStateVerify: true, ImportStateVerifyIgnore: []string{"deletion_protection"}, // true until said otherwise
			},
			{ // everything else, while the value stays
				Config: r.config("value-one", full),
				ConfigPlanChecks: planned(plancheck.ResourceActionUpdate, knownReference(r.name+":1"),
					expectChanged(secretAddress, "keep_versions", "labels", "retire", "timeouts")),
				Check: r.holds("1 enabled", "value-one"),
			},
			{Config: r.config("value-two", full), ConfigPlanChecks: planned(plancheck.ResourceActionUpdate, unknownReference), Check: r.holds("1 enabled, 2 enabled", "value-two")},
			{Config: r.config("value-three", full), ConfigPlanChecks: planned(plancheck.ResourceActionUpdate), Check: r.holds("1 enabled, 2 enabled, 3 enabled", "value-three")},
			{Config: r.config("value-four", full), ConfigPlanChecks: planned(plancheck.ResourceActionUpdate), Check: r.holds("1 destroyed, 2 enabled, 3 enabled, 4 enabled", "value-four")},
			{ // back to the least, which keeps fewer
				Config:           r.config("value-four", ""),
				ConfigPlanChecks: planned(plancheck.ResourceActionUpdate, knownReference(r.name+":4")),
				Check:            r.holds("1 destroyed, 2 disabled, 3 enabled, 4 enabled", "value-four"),
			},
			{ // vanished
				PreConfig: func() {
					if _, err := r.api.Projects.Secrets.Delete(r.path()).Do(); err != nil {
						t.Error(err)
					}
				},
				Config: r.config("value-four", ""), ConfigPlanChecks: planned(plancheck.ResourceActionCreate), Check: r.holds("1 enabled", "value-four"),
			},
			{Config: r.config("value-four", located), ConfigPlanChecks: planned(plancheck.ResourceActionReplace), Check: r.holds("1 enabled", "value-four")},
			{Config: other.config("value-four", located), ConfigPlanChecks: planned(plancheck.ResourceActionReplace), Check: other.holds("1 enabled", "value-four")},
		},
	})
}

// A secret that somebody else has made is imported: a value that is there already adds no version, and another one does. No version
// that was usable is retired but by a plan that shows it, as a change of keep_versions.
func TestAccSecret_imported(t *testing.T) {
	t.Parallel()
	r := newSecretRig(t, "acc-secret-imported")
	r.create(map[string]string{"owner": "else"}, "value-none", "value-one", "value-two")
	protected := func(value string) string {
		return strings.Replace(r.config(value, "keep_versions = 2"), "deletion_protection = false", "", 1)
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: providers,
		CheckDestroy:             r.gone,
		Steps: []resource.TestStep{
			{Config: protected("value-two"), ExpectError: regexp.MustCompile(`(?s)this provider did not make\s+it.*Import\s+it\s+with\s+the\s+id\s+"` + accProject + `/acc-secret-imported"`)},
			{
				Config: protected("value-two") + fmt.Sprintf("import {\n to = %s\n id = %q\n}\n", secretAddress, r.path()),
				ConfigPlanChecks: planned(plancheck.ResourceActionUpdate, knownReference(r.name+":3"),
					expectChanged(secretAddress, "labels")), // those of others, which an import takes in
				Check: r.holds("1 enabled, 2 enabled, 3 enabled", "value-two"),
			},
			{Config: protected("value-two"), ResourceName: secretAddress, ImportState: true, ImportStateKind: resource.ImportBlockWithID, ImportStateId: accProject + "/" + r.name},
			{Config: protected("value-three"), ConfigPlanChecks: planned(plancheck.ResourceActionUpdate, unknownReference), Check: r.holds("1 disabled, 2 enabled, 3 enabled, 4 enabled", "value-three")},
			{Config: protected("value-three"), Destroy: true, ExpectError: regexp.MustCompile(`deletion_protection\s+to\s+false`)},
			{Config: r.config("value-three", "keep_versions = 2"), ConfigPlanChecks: planned(plancheck.ResourceActionUpdate, expectChanged(secretAddress, "deletion_protection"))},
		},
	})
}

func TestAccSecret_drift(t *testing.T) {
	t.Parallel()
	r := newSecretRig(t, "acc-secret-drift")
	config := r.config("value-one", "")
	set := func(verb string, version int) func() {
		return func() {
			name := r.path() + "/versions/" + strconv.Itoa(version)
			var err error
			switch verb {
			case "enable":
				_, err = r.api.Projects.Secrets.Versions.Enable(name, &secretmanager.EnableSecretVersionRequest{}).Do()
			case "disable":
				_, err = r.api.Projects.Secrets.Versions.Disable(name, &secretmanager.DisableSecretVersionRequest{}).Do()
			case "destroy":
				_, err = r.api.Projects.Secrets.Versions.Destroy(name, &secretmanager.DestroySecretVersionRequest{}).Do()
			}
			if err != nil {
				t.Error(err)
			}
		}
	}
	seen := func(what string) plancheck.PlanCheck {
		return expectBefore(secretAddress, "problem", "The versions are not as declared: "+what+".")
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: providers,
		CheckDestroy:             r.gone,
		Steps: []resource.TestStep{
			{Config: config},
			{
				PreConfig: func() { r.add("by-hand") }, Config: config,
				ConfigPlanChecks: planned(plancheck.ResourceActionUpdate, unknownReference, seen("version 2 is added after version 1")),
				Check:            r.holds("1 enabled, 2 disabled, 3 enabled", "value-one"), // 1 was in use
			},
			{
				PreConfig: set("disable", 3), Config: config,
				ConfigPlanChecks: planned(plancheck.ResourceActionUpdate, knownReference(r.name+":3"), seen("version 3 is disabled"), expectChanged(secretAddress, "problem")),
				Check:            r.holds("1 enabled, 2 disabled, 3 enabled", "value-one"),
			},
			{
				PreConfig: set("enable", 2), Config: config,
				ConfigPlanChecks: planned(plancheck.ResourceActionUpdate, knownReference(r.name+":3"), seen("version 1 is enabled, although no longer to be kept")),
				Check:            r.holds("1 disabled, 2 enabled, 3 enabled", "value-one"),
			},
			{
				PreConfig: set("destroy", 3), Config: config,
				ConfigPlanChecks: planned(plancheck.ResourceActionUpdate, unknownReference, seen("version 3 is destroyed")),
				Check:            r.holds("1 disabled, 2 enabled, 3 destroyed, 4 enabled", "value-one"),
			},
			{ // somebody else has put in just what is declared now
				PreConfig: func() { r.add("value-two") }, Config: r.config("value-two", ""),
				ConfigPlanChecks: planned(plancheck.ResourceActionUpdate, unknownReference),
				Check:            r.holds("1 disabled, 2 disabled, 3 destroyed, 4 enabled, 5 enabled", "value-two"),
			},
		},
	})
}

// With value_wo_version, the number says when there is another value.
func TestAccSecret_valueVersion(t *testing.T) {
	t.Parallel()
	r := newSecretRig(t, "acc-secret-version")
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: providers,
		Steps: []resource.TestStep{
			{Config: r.config("value-one", "value_wo_version = 1"), Check: r.holds("1 enabled", "value-one")},
			{Config: r.config("value-two", "value_wo_version = 1"), ConfigPlanChecks: planned(plancheck.ResourceActionNoop), Check: r.holds("1 enabled", "value-one")},
			{Config: r.config("value-two", "value_wo_version = 2"), ConfigPlanChecks: planned(plancheck.ResourceActionUpdate, unknownReference), Check: r.holds("1 enabled, 2 enabled", "value-two")},
			{Config: r.config("value-two", "value_wo_version = 3"), ConfigPlanChecks: planned(plancheck.ResourceActionUpdate, knownReference(r.name+":2")), Check: r.holds("1 enabled, 2 enabled", "value-two")},
		},
	})
}

// What an apply that was cut short has made is taken over; what is kept on destroy stays.
func TestAccSecret_takenOver(t *testing.T) {
	t.Parallel()
	r := newSecretRig(t, "acc-secret-taken")
	r.create(map[string]string{"managed-by": "terraform-provider-august", "august-resource": "secret", "owner": "else"}, "value-one")
	kept := r.config("value-one", `on_destroy = "keep"`)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: providers,
		CheckDestroy:             r.holds("1 enabled", "value-one"),
		Steps: []resource.TestStep{
			{Config: r.config("value-one", `locations = ["us-east1"]`), ExpectError: regexp.MustCompile(`can't be changed`)},
			{Config: kept, ConfigPlanChecks: planned(plancheck.ResourceActionCreate), Check: r.holds("1 enabled", "value-one")},
		},
	})
}
