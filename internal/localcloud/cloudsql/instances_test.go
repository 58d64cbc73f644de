package cloudsql

import (
	"net/http"
	"testing"
)

func TestInstanceLifecycle(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.create(small("platform"))
	if d.State != stateRunnable || d.ConnectionName != project+":"+region+":platform" || d.GceZone == "" || d.SecondaryGceZone != "" {
		t.Fatalf("unexpected instance: %+v", d)
	}
	conn := r.user(d, "august-sync", "synthetic-password-1")
	c := r.dial(conn + " dbname=postgres sslmode=verify-ca sslrootcert=" + r.file("ca.pem", d.ServerCaCert.Cert))
	r.exec(c, "CREATE TABLE note (body text)")
	r.exec(c, "INSERT INTO note VALUES ('kept')")

	// The face goes and comes back: same address, same data.
	r.close()
	r.open()
	c = r.dial(conn + " dbname=postgres sslmode=disable")
	var body string
	if err := c.QueryRow(t.Context(), "SELECT body FROM note").Scan(&body); err != nil || body != "kept" {
		t.Fatalf("after a restart: %q, %v", body, err)
	}

	_, err := r.api.Instances.Insert(project, small("platform")).Do()
	refused(t, err, http.StatusConflict, "instanceAlreadyExists")
	r.done(r.api.Instances.Restart(project, "platform").Do())
	r.dial(conn + " dbname=postgres")

	r.done(r.api.Instances.Delete(project, "platform").Do())
	_, err = r.api.Instances.Get(project, "platform").Do()
	refused(t, err, http.StatusNotFound, "instanceDoesNotExist")
	list, err := r.api.Instances.List(project).Do()
	if err != nil || len(list.Items) != 0 {
		t.Fatalf("after delete: %v, %v", list, err)
	}
	ops, err := r.api.Operations.List(project).Instance("platform").Do()
	if err != nil || len(ops.Items) != 4 || ops.Items[0].OperationType != "DELETE" {
		t.Fatalf("operations: %v, %v", ops, err)
	}
}
