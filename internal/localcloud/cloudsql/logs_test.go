package cloudsql

import (
	"strings"
	"testing"

	"google.golang.org/api/sqladmin/v1"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/face"
)

// What the flags say is logged is, as entries that have all lines of a record; a change of a flag holds from then on.
func TestEntries(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.create(available())
	conn := r.user(d, "clinic", "synthetic-password-1") + " dbname=postgres"
	slow := func() (found []face.Entry) {
		all, err := r.face.Entries(project)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range all {
			if strings.Contains(e.Text, "user=clinic LOG:  duration: ") { // and not what the engine asks for itself
				found = append(found, e)
			}
		}
		return found
	}
	r.exec(r.dial(conn), "SELECT 'before'")
	if all := slow(); len(all) != 0 {
		t.Fatalf("without the flag: %+v", all)
	}
	for _, flag := range []string{"0", "-1"} {
		r.done(r.api.Instances.Patch(project, d.Name, &sqladmin.DatabaseInstance{Settings: &sqladmin.Settings{
			DatabaseFlags: []*sqladmin.DatabaseFlags{{Name: "log_min_duration_statement", Value: flag}, {Name: "log_min_duration_sample", Value: "-1"}},
		}}).Do())
		r.exec(r.dial(conn), "SELECT 'flag "+flag+"',\n\t'second line'")
	}
	all := slow()
	if len(all) == 0 {
		t.Fatal("nothing is logged")
	}
	found := false
	for _, e := range all {
		found = found || strings.Contains(e.Text, "SELECT 'flag 0',\n\t\t'second line'")
		if e.Log != "cloudsql.googleapis.com/postgres.log" || e.Resource != "cloudsql_database" || e.Severity != "INFO" || e.Time.IsZero() ||
			e.Labels["database_id"] != project+":"+d.Name || e.Labels["region"] != region || strings.Contains(e.Text, "flag -1") {
			t.Errorf("%+v", e)
		}
	}
	if !found {
		t.Errorf("the statement is not among them: %+v", all)
	}
	if other, err := r.face.Entries("other"); err != nil || len(other) != 0 {
		t.Errorf("another project has %d, %v", len(other), err)
	}
}
