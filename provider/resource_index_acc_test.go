package provider

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"google.golang.org/api/option"
	"google.golang.org/api/sqladmin/v1"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
)

const indexAddress = "august_index.test"

// index is a runtime and an index of a table of the test's own, in one configuration.
func (r *runtimeRig) index(attributes string) string {
	return r.config(r.image, "") + fmt.Sprintf(`
resource "august_index" "test" {
  endpoint = august_sync_runtime.test.uri
  audience = august_sync_runtime.test.audience
  schema   = "clinic_index"
  table    = "visits"
  %s
}
`, attributes)
}

// sql runs statements on the runtime's database, as somebody who needs no Terraform.
func (r *runtimeRig) sql(statements ...string) {
	r.t.Helper()
	conn := r.database()
	for _, statement := range statements {
		if _, err := conn.Exec(context.Background(), statement); err != nil {
			r.t.Fatalf("%s: %v", statement, err)
		}
	}
}

func (r *runtimeRig) database() *pgx.Conn {
	r.t.Helper()
	sql, err := sqladmin.NewService(r.t.Context(), option.WithEndpoint(r.cloud.Endpoints.CloudSQL), option.WithoutAuthentication())
	if err != nil {
		r.t.Fatal(err)
	}
	platform, err := sql.Instances.Get(accProject, "platform").Do()
	if err != nil {
		r.t.Fatal(err)
	}
	conn, err := pgx.Connect(context.Background(), databaseOf(platform, secretValue(r.t, r.cloud, "august-db-password")))
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// brokenOff makes an index that is not valid: its making waits for a transaction, and gives up.
func (r *runtimeRig) brokenOff(table, statement string) {
	r.t.Helper()
	other, conn := r.database(), r.database()
	tx, err := other.Begin(context.Background())
	if err == nil {
		_, err = tx.Exec(context.Background(), `lock table `+table+` in row exclusive mode`)
	}
	if err == nil {
		_, err = conn.Exec(context.Background(), `set lock_timeout = '500ms'`)
	}
	if err != nil {
		r.t.Fatal(err)
	}
	var timeout *pgconn.PgError
	if _, err := conn.Exec(context.Background(), statement); !errors.As(err, &timeout) || timeout.Code != "55P03" {
		r.t.Fatalf("%s: %v", statement, err)
	}
	if err := tx.Rollback(context.Background()); err != nil {
		r.t.Fatal(err)
	}
}

func TestAccIndex_basic(t *testing.T) {
	t.Parallel()
	r := newRuntimeRig(t, "rt-index")
	r.sql(`drop schema if exists clinic_index cascade`, `create schema clinic_index`,
		`create table clinic_index.visits (id int primary key, patient text, status text, at timestamptz, deleted_at timestamptz)`,
		`insert into clinic_index.visits select n, 'Made-up ' || n, 'open', now(), null from generate_series(1, 1000) n`)
	step := func(config string, action plancheck.ResourceActionType, more ...plancheck.PlanCheck) resource.TestStep {
		return resource.TestStep{Config: config, ConfigPlanChecks: resource.ConfigPlanChecks{
			PreApply:             append([]plancheck.PlanCheck{plancheck.ExpectResourceAction(indexAddress, action)}, more...),
			PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
		}}
	}
	is := func(attribute string, value knownvalue.Check) statecheck.StateCheck {
		return statecheck.ExpectKnownValue(indexAddress, tfjsonpath.New(attribute), value)
	}
	const minimal = `columns = [{ column = "status" }]`
	full := r.index(`
  name       = "visits_open"
  columns    = [{ column = "status" }, { column = "at", order = "desc", nulls = "last" }, { expression = "LOWER(patient)", operator_class = "text_pattern_ops", collation = "C" }]
  include    = ["id"]
  where      = "deleted_at is null"
  fillfactor = 80
  timeouts   = { create = "5m", update = "5m", delete = "5m" }`)
	const definition = `CREATE INDEX visits_open ON clinic_index.visits USING btree (status, at DESC NULLS LAST, lower(patient) COLLATE "C" text_pattern_ops) INCLUDE (id) WITH (fillfactor='80') WHERE (deleted_at IS NULL)`
	importID := func(name string) resource.ImportStateIdFunc {
		return func(s *terraform.State) (string, error) {
			attributes := s.RootModule().Resources[indexAddress].Primary.Attributes
			return strings.TrimSuffix(attributes["id"], "visits_open") + name + "?audience=" + attributes["audience"], nil
		}
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: providers,
		CheckDestroy:             func(*terraform.State) error { r.gone(); return nil },
		Steps: []resource.TestStep{
			func() resource.TestStep { // one apply makes the runtime and the index
				s := step(r.index(minimal), plancheck.ResourceActionCreate, plancheck.ExpectUnknownValue(indexAddress, tfjsonpath.New("endpoint")),
					plancheck.ExpectKnownValue(indexAddress, tfjsonpath.New("name"), knownvalue.StringExact("august_visits_status_idx")))
				s.ConfigStateChecks = []statecheck.StateCheck{is("valid", knownvalue.Bool(true)), is("method", knownvalue.StringExact("btree")), is("where", knownvalue.Null()),
					is("definition", knownvalue.StringExact("CREATE INDEX august_visits_status_idx ON clinic_index.visits USING btree (status)"))}
				return s
			}(),
			{ // what the database does not take, the plan says
				Config: r.index(`columns = [{ expression = "now()" }]`), PlanOnly: true, ExpectError: regexp.MustCompile(`(?s)Index not valid.*columns.*IMMUTABLE`),
			},
			{
				Config: r.index(`columns = [{ expression = "lower(patient); drop table x" }]`), PlanOnly: true, ExpectError: regexp.MustCompile(`(?s)Index not valid.*semicolon`),
			},
			{ // another's is not taken
				PreConfig:   func() { r.sql(`create index by_hand on clinic_index.visits (at)`) },
				Config:      r.index(`name = "by_hand"` + "\n" + `columns = [{ column = "at" }]`),
				ExpectError: regexp.MustCompile(`(?s)Index not created.*was not made.*Import`),
			},
			func() resource.TestStep { // nothing was made, and the one of before is gone: it was to be replaced
				s := step(full, plancheck.ResourceActionCreate)
				s.ConfigStateChecks = []statecheck.StateCheck{is("definition", knownvalue.StringExact(definition)), is("where", knownvalue.StringExact("deleted_at is null"))}
				return s
			}(),
			{
				ResourceName: indexAddress, ImportState: true, ImportStateKind: resource.ImportCommandWithID, ImportStateIdFunc: importID("visits_open"),
				ImportStateVerify: true, ImportStateVerifyIgnore: []string{"timeouts", "where", "columns.2.expression"},
			},
			// Other words for the same index are no other index.
			step(strings.Replace(full, "deleted_at is null", "(visits.deleted_at IS NULL)", 1), plancheck.ResourceActionUpdate, expectChanged(indexAddress, "where")),
			step(strings.Replace(full, "deleted_at is null", "deleted_at is not null", 1), plancheck.ResourceActionReplace),
			func() resource.TestStep { // broken off, as by a crash
				s := step(strings.Replace(full, "deleted_at is null", "deleted_at is not null", 1), plancheck.ResourceActionUpdate, expectChanged(indexAddress, "valid"), expectBefore(indexAddress, "valid", false))
				s.PreConfig = func() {
					r.sql(`drop index clinic_index.visits_open`)
					r.brokenOff("clinic_index.visits", strings.Replace(strings.Replace(definition, "CREATE INDEX", "CREATE INDEX CONCURRENTLY", 1), "IS NULL", "IS NOT NULL", 1))
				}
				return s
			}(),
			func() resource.TestStep { // dropped by hand
				s := step(full, plancheck.ResourceActionCreate)
				s.PreConfig = func() { r.sql(`drop index clinic_index.visits_open`) }
				return s
			}(),
			func() resource.TestStep { // made otherwise by hand
				s := step(full, plancheck.ResourceActionReplace, expectBefore(indexAddress, "definition", "CREATE INDEX visits_open ON clinic_index.visits USING hash (status)"), expectBefore(indexAddress, "method", "hash"))
				s.PreConfig = func() {
					r.sql(`drop index clinic_index.visits_open`, `create index visits_open on clinic_index.visits using hash (status)`)
				}
				return s
			}(),
			{ // the index goes before the runtime does
				Config:           r.config(r.image, ""),
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction(indexAddress, plancheck.ResourceActionDestroy)}},
				Check: func(*terraform.State) error {
					if _, err := r.control().GetIndex(t.Context(), "clinic_index", "visits_open"); !runtimeapi.IsNotFound(err) {
						return fmt.Errorf("the index is not gone: %w", err)
					}
					return nil
				},
			},
		},
	})
	r.sql(`drop schema clinic_index cascade`)
}
