package demo

import (
	"fmt"
	"io"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"
	"google.golang.org/api/option"
	"google.golang.org/api/sqladmin/v1"

	"github.com/feel-august/terraform-provider-august/internal/localcloud"
	"github.com/feel-august/terraform-provider-august/internal/localcloud/localtest"
	"github.com/feel-august/terraform-provider-august/internal/sandbox/clinic"
)

// handed are the schemas that the example's policy hands over, and kept what it leaves out of them; of the runtime's own, nothing
// comes over.
var (
	handed = []string{"drchrono", "billing", "labs"}
	kept   = []string{"billing.daily", "drchrono.quarantine"}
)

// checkHandOver refreshes staging's data, and looks for production's patients in all that is there then.
func (s *stage) checkHandOver(t *testing.T, cloud localcloud.Description) {
	ctx := t.Context()
	reports := []report{{environment: environments[0]}, {environment: environments[1]}}
	if err := handOver(ctx, s.tf, reports, func(string, ...any) {}, io.Discard); err != nil {
		t.Fatalf("%v\n%s", err, s.log("apply"))
	}
	s.wantNoChanges(t, "after the export")
	staging := *s
	staging.workspace = environments[1].Workspace
	staging.wantNoChanges(t, "after the import")

	export, taken := reports[0].outputs.Anonymised.Value, reports[1].outputs.Dataset.Value
	if export == nil || export.Verdict != "passed" || export.Scan.Values == 0 || sum(export.Scan.Identifiers) == 0 || len(export.K) == 0 {
		t.Fatalf("the export's evidence: %+v", export)
	}
	if taken == nil || taken.Export != export.Export || taken.PolicyHash != export.PolicyHash || taken.Rows != sum(export.Tables) || taken.Rows == 0 {
		t.Fatalf("staging has taken in %+v, want %s with %d rows", taken, export.Export, sum(export.Tables))
	}

	from, to := database(t, cloud, localtest.Production, "august"), database(t, cloud, localtest.Staging, "clinic")
	needles := clinic.Canaries()
	if len(needles) < 10 {
		t.Fatalf("only %d strings to look for", len(needles))
	}
	for i, n := range needles {
		needles[i] = "%" + n + "%"
	}
	found := 0
	for _, table := range tables(t, from) {
		count := func(c *pgx.Conn, where string, args ...any) (n int64) {
			if err := c.QueryRow(ctx, `select count(*) from `+table+` t `+where, args...).Scan(&n); err != nil {
				t.Fatal(err)
			}
			return n
		}
		want := count(from, "")
		if slices.Contains(kept, table) {
			want = 0
		}
		if n := count(to, ""); n != want {
			t.Errorf("%s has %d rows in staging, want %d", table, n, want)
		}
		if n := count(to, `where t::text like any ($1)`, needles); n > 0 {
			t.Errorf("%s: %d rows in staging hold what belongs to a patient", table, n)
		}
		if count(from, `where t::text like any ($1)`, needles) > 0 {
			found++
		}
	}
	if found < 5 {
		t.Errorf("only %d of production's tables hold what was looked for: nothing was shown", found)
	}
	for _, name := range []string{"credential", "pipeline", "outbox", "inbox"} {
		var n int
		if err := to.QueryRow(ctx, `select count(*) from august.`+name).Scan(&n); err != nil || n > 0 {
			t.Errorf("august.%s has %d rows in staging, %v", name, n, err)
		}
	}
}

func tables(t *testing.T, c *pgx.Conn) []string {
	t.Helper()
	rows, err := c.Query(t.Context(), `select format('%I.%I', schemaname, tablename) from pg_tables where schemaname = any ($1)`, handed)
	if err != nil {
		t.Fatal(err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(names) < 15 {
		t.Fatalf("%d tables, %v", len(names), err)
	}
	slices.Sort(names)
	return names
}

// database connects as the runtime does.
func database(t *testing.T, cloud localcloud.Description, project, name string) *pgx.Conn {
	t.Helper()
	sql, err := sqladmin.NewService(t.Context(), option.WithEndpoint(cloud.Endpoints.CloudSQL), option.WithoutAuthentication())
	if err != nil {
		t.Fatal(err)
	}
	instance, err := sql.Instances.Get(project, "platform").Do()
	if err != nil {
		t.Fatal(err)
	}
	password, err := secret(t.Context(), cloud, project, "august-db-password")
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := pgx.ParseConfig(fmt.Sprintf("host=%s user=august-sync dbname=%s", instance.IpAddresses[0].IpAddress, name))
	if err != nil {
		t.Fatal(err)
	}
	cfg.Password = password
	conn, err := pgx.ConnectConfig(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(t.Context()) }) // the test is over
	return conn
}
