package cloudsql

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"google.golang.org/api/sqladmin/v1"
)

// replica is a cross-region replica of platform.
func replica(name string) *sqladmin.DatabaseInstance {
	return &sqladmin.DatabaseInstance{
		Name: name, Region: "us-east1", MasterInstanceName: "platform", InstanceType: typeReplica,
		Settings: &sqladmin.Settings{Tier: "db-custom-2-7680"},
	}
}

// answer asks an instance's server one question through its address, again if the connection breaks: an
// address may be between two servers.
func (r *rig) answer(name, conn, sql string) (text string) {
	r.t.Helper()
	r.eventually("an answer of "+name, func() bool {
		c := r.dial(conn)
		defer func() { _ = c.Close(r.ctx()) }()
		err := c.QueryRow(r.ctx(), sql).Scan(&text)
		if e := (*pgconn.PgError)(nil); errors.As(err, &e) && !strings.HasPrefix(e.Code, "57P") {
			r.t.Fatalf("%s: %s: %v", name, sql, err)
		}
		return err == nil
	})
	return text
}

// at makes the connection string of another instance for the same user.
func (r *rig) at(conn, name string) string {
	r.t.Helper()
	d := r.get(name)
	r.face.mu.Lock()
	port := r.face.instances[project+"/"+name].Port
	r.face.mu.Unlock()
	fields := strings.Fields(conn)
	for n, f := range fields {
		if strings.HasPrefix(f, "host=") {
			fields[n] = "host=" + d.IpAddresses[0].IpAddress
		}
		if strings.HasPrefix(f, "port=") {
			fields[n] = "port=" + strconv.Itoa(port)
		}
	}
	return strings.Join(fields, " ")
}

// arrives waits until a replica has as many commits as its primary has now.
func (r *rig) arrives(replica string, conn string) {
	r.t.Helper()
	want := r.admin("SELECT count(*)::text FROM commits")
	r.eventually(want+" commits at "+replica, func() bool {
		return r.answer(replica, conn, "SELECT count(*)::text FROM commits") == want
	})
}

func TestReplicaFollows(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.create(available())
	conn := r.user(d, "august-sync", "synthetic-password-1") + " dbname=postgres"
	r.exec(r.dial(conn), "CREATE TABLE commits (n int)")
	op := r.done(r.api.Instances.Insert(project, replica("dr")).Do())
	if op.OperationType != "CREATE_REPLICA" {
		t.Fatalf("operation %s", op.OperationType)
	}
	dr := r.get("dr")
	if dr.MasterInstanceName != project+":platform" || dr.InstanceType != typeReplica || dr.ReplicaConfiguration == nil ||
		dr.Region != "us-east1" || dr.DatabaseVersion != version || dr.IpAddresses[0].IpAddress == d.IpAddresses[0].IpAddress {
		t.Fatalf("unexpected replica: %+v", dr)
	}
	if names := r.get("platform").ReplicaNames; len(names) != 1 || names[0] != "dr" {
		t.Fatalf("replicas: %v", names)
	}
	there := r.at(conn, "dr")
	r.exec(r.dial(conn), "INSERT INTO commits VALUES (1)")
	r.arrives("dr", there)
	if _, err := r.dial(there).Exec(t.Context(), "INSERT INTO commits VALUES (2)"); err == nil || !strings.Contains(err.Error(), "read-only") {
		t.Fatalf("a write on the replica: %v", err)
	}

	// Across failovers, restarts of either, and one of the local cloud.
	for _, event := range []func(){
		func() { r.failover("platform") },
		func() {
			before := r.instance("platform").cluster.Primary()
			r.shoot(r.pid("platform", before))
			r.eventually("the standby to take over", func() bool { return r.instance("platform").cluster.Primary() != before })
		},
		func() { r.replaced("dr", "a") },
		func() { r.ruined("dr", "a") },
		func() { r.done(r.api.Instances.Restart(project, "dr").Do()) },
		func() { r.inStep("platform"); r.done(r.api.Instances.Restart(project, "platform").Do()) },
		func() { r.close(); r.open() },
		func() { r.http.Close(); r.face.abandon(); r.open() },
	} {
		event()
		r.exec(r.dial(conn), "INSERT INTO commits VALUES (3)")
		r.arrives("dr", there)
	}

	// A higher limit reaches the replica before its primary.
	r.done(r.api.Instances.Patch(project, "platform", &sqladmin.DatabaseInstance{Settings: &sqladmin.Settings{
		DatabaseFlags: []*sqladmin.DatabaseFlags{{Name: "max_connections", Value: "600"}}}}).Do())
	if n := r.answer("dr", there, "SHOW max_connections"); n != "600" {
		t.Errorf("the replica allows %s connections", n)
	}
	r.exec(r.dial(conn), "INSERT INTO commits VALUES (4)")
	r.arrives("dr", there)

	users, err := r.api.Users.List(project, "dr").Do()
	if err != nil || len(users.Items) != 2 {
		t.Errorf("the replica's users: %v, %v", users, err)
	}
	r.done(r.api.Instances.StopReplica(project, "dr").Do())
	r.exec(r.dial(conn), "INSERT INTO commits VALUES (5)")
	r.done(r.api.Instances.StartReplica(project, "dr").Do())
	r.arrives("dr", there)

	op = r.done(r.api.Instances.PromoteReplica(project, "dr").Do())
	if op.OperationType != "PROMOTE_REPLICA" {
		t.Fatalf("operation %s", op.OperationType)
	}
	r.exec(r.dial(there), "INSERT INTO commits VALUES (6)")
	dr = r.get("dr")
	if dr.MasterInstanceName != "" || dr.InstanceType != typeInstance || dr.ReplicaConfiguration != nil || len(r.get("platform").ReplicaNames) != 0 {
		t.Fatalf("after the promotion: %+v", dr)
	}
	r.done(r.api.Users.Insert(project, "dr", &sqladmin.User{Name: "other", Password: "synthetic-password-2"}).Do())
	if n := r.admin("SELECT count(*)::text FROM pg_replication_slots WHERE slot_name LIKE 'august_replica_%'"); n != "0" {
		t.Errorf("%s slots are left", n)
	}
	r.close()
	r.open()
	r.exec(r.dial(there), "INSERT INTO commits VALUES (7)")
	r.done(r.api.Instances.Delete(project, "dr").Do())
	r.done(r.api.Instances.Delete(project, "platform").Do())
}

// ruined ends a node's postmaster the hard way, with data that nothing recovers, and waits for another.
func (r *rig) ruined(name, node string) {
	r.t.Helper()
	pid := r.pid(name, node)
	r.stopped(pid, func() {
		if err := os.Remove(filepath.Join(r.instance(name).dir, "node-"+node, "global", "pg_control")); err != nil {
			r.t.Fatal(err)
		}
		r.shoot(pid)
	})
	r.eventually("another postmaster", func() bool { return r.pid(name, node) != pid })
}

// A replica that has what got lost in a failover is made anew, by itself.
func TestReplicaAheadOfTheStandby(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.create(available())
	conn := r.user(d, "august-sync", "synthetic-password-1") + " dbname=postgres"
	r.exec(r.dial(conn), "CREATE TABLE commits (n int)")
	r.done(r.api.Instances.Insert(project, replica("near")).Do())
	there := r.at(conn, "near")

	// A commit that the standby never gets, because it does not run and the kernel does not keep as much for it:
	// the client waits in vain.
	primary := r.instance("platform").cluster.Primary()
	standby := r.pid("platform", otherNode(primary))
	r.stopped(standby, func() {
		c := r.dial(conn)
		go func() {
			_, _ = c.Exec(r.ctx(), "CREATE TABLE ballast AS SELECT gen_random_uuid() FROM generate_series(1, 100000)")
		}()
		r.eventually("the replica to get ahead", func() bool {
			return r.answer("near", there, "SELECT count(*)::text FROM pg_tables WHERE tablename = 'ballast'") == "1"
		})
		r.shoot(r.pid("platform", primary))
	})
	r.eventually("the standby to take over", func() bool { return r.instance("platform").cluster.Primary() != primary })
	r.exec(r.dial(conn), "INSERT INTO commits VALUES (1)")
	if n := r.admin("SELECT count(*)::text FROM pg_tables WHERE tablename = 'ballast'"); n != "0" {
		t.Fatal("the standby got the commit: the test shows nothing")
	}
	r.arrives("near", there)
	if n := r.answer("near", there, "SELECT count(*)::text FROM pg_tables WHERE tablename = 'ballast'"); n != "0" {
		t.Error("the replica has a commit that never happened")
	}
}

func TestReplicaRefusals(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	refuse := func(change func(*sqladmin.DatabaseInstance), code int, reason string) {
		t.Helper()
		d := replica("refused")
		change(d)
		_, err := r.api.Instances.Insert(project, d).Do()
		refused(t, err, code, reason)
	}
	refuse(func(*sqladmin.DatabaseInstance) {}, http.StatusNotFound, "instanceDoesNotExist")
	r.create(small("platform"))
	refuse(func(*sqladmin.DatabaseInstance) {}, http.StatusBadRequest, "invalid") // no backups
	backups := &sqladmin.BackupConfiguration{Enabled: true, PointInTimeRecoveryEnabled: true}
	r.done(r.api.Instances.Patch(project, "platform", &sqladmin.DatabaseInstance{Settings: &sqladmin.Settings{BackupConfiguration: backups}}).Do())
	for _, c := range []struct {
		change func(*sqladmin.DatabaseInstance)
		code   int
		reason string
	}{
		{func(d *sqladmin.DatabaseInstance) { d.MasterInstanceName = "" }, http.StatusBadRequest, "required"},
		{func(d *sqladmin.DatabaseInstance) { d.InstanceType = typeInstance }, http.StatusBadRequest, "invalid"},
		{func(d *sqladmin.DatabaseInstance) { d.Name = "platform" }, http.StatusConflict, "instanceAlreadyExists"},
		{func(d *sqladmin.DatabaseInstance) { d.DatabaseVersion = "POSTGRES_14" }, http.StatusBadRequest, "invalid"},
		{func(d *sqladmin.DatabaseInstance) { d.Settings.BackupConfiguration = backups }, http.StatusBadRequest, "invalid"},
		{func(d *sqladmin.DatabaseInstance) {
			d.ReplicaConfiguration = &sqladmin.ReplicaConfiguration{FailoverTarget: true}
		}, http.StatusBadRequest, "invalid"},
		{func(d *sqladmin.DatabaseInstance) {
			d.Settings.DatabaseFlags = []*sqladmin.DatabaseFlags{{Name: "max_connections", Value: "20"}}
		}, http.StatusBadRequest, "invalidFlagValue"},
	} {
		refuse(c.change, c.code, c.reason)
	}

	r.done(r.api.Instances.Insert(project, replica("near")).Do())
	refuse(func(d *sqladmin.DatabaseInstance) { d.MasterInstanceName = "near" }, http.StatusNotImplemented, "notImplemented")
	patch := func(name string, s *sqladmin.Settings) error {
		_, err := r.api.Instances.Patch(project, name, &sqladmin.DatabaseInstance{Settings: s}).Do()
		return err
	}
	refused(t, patch("near", &sqladmin.Settings{BackupConfiguration: backups}), http.StatusBadRequest, "invalid")
	refused(t, patch("near", &sqladmin.Settings{ActivationPolicy: "NEVER"}), http.StatusBadRequest, "errorReplicaInvalidOperation")
	refused(t, patch("platform", &sqladmin.Settings{ActivationPolicy: "NEVER"}), http.StatusBadRequest, "errorReplicationMasterInvalidOperation")
	refused(t, patch("platform", &sqladmin.Settings{BackupConfiguration: &sqladmin.BackupConfiguration{Enabled: false,
		ForceSendFields: []string{"Enabled", "PointInTimeRecoveryEnabled"}}}), http.StatusBadRequest, "invalid")
	_, err := r.api.Instances.Delete(project, "platform").Do()
	refused(t, err, http.StatusBadRequest, "errorReplicationMasterInvalidOperation")
	_, err = r.api.Users.Insert(project, "near", &sqladmin.User{Name: "other", Password: "synthetic-password-1"}).Do()
	refused(t, err, http.StatusBadRequest, "errorReplicaInvalidOperation")
	_, err = r.api.Databases.Insert(project, "near", &sqladmin.Database{Name: "other"}).Do()
	refused(t, err, http.StatusBadRequest, "errorReplicaInvalidOperation")
	_, err = r.api.BackupRuns.Insert(project, "near", &sqladmin.BackupRun{}).Do()
	refused(t, err, http.StatusBadRequest, "errorReplicaInvalidOperation")
	for _, method := range []func(project, instance string) error{
		func(p, i string) error { _, err := r.api.Instances.PromoteReplica(p, i).Do(); return err },
		func(p, i string) error { _, err := r.api.Instances.StopReplica(p, i).Do(); return err },
		func(p, i string) error { _, err := r.api.Instances.Switchover(p, i).Do(); return err },
	} {
		refused(t, method(project, "platform"), http.StatusBadRequest, "invalid")
	}
	// Enterprise has neither designation nor switchover nor failover to a replica.
	_, err = r.api.Instances.Patch(project, "platform", &sqladmin.DatabaseInstance{
		ReplicationCluster: &sqladmin.ReplicationCluster{FailoverDrReplicaName: "near"}}).Do()
	refused(t, err, http.StatusBadRequest, "invalid")
	_, err = r.api.Instances.Switchover(project, "near").Do()
	refused(t, err, http.StatusBadRequest, "invalid")
	_, err = r.api.Instances.PromoteReplica(project, "near").Failover(true).Do()
	refused(t, err, http.StatusBadRequest, "invalid")
}

// advanced is the instance platform, of Enterprise Plus, with the DR replica dr.
func (r *rig) advanced() (conn string) {
	r.t.Helper()
	d := available()
	d.Settings.Edition, d.Settings.Tier = plus, "db-perf-optimized-N-2"
	made := r.create(d)
	conn = r.user(made, "august-sync", "synthetic-password-1") + " dbname=postgres"
	r.exec(r.dial(conn), makeCommits)
	x := replica("dr")
	x.Settings.Tier, x.Settings.AvailabilityType = "db-perf-optimized-N-2", regional
	r.create(x)
	r.done(r.api.Instances.Patch(project, "platform", &sqladmin.DatabaseInstance{
		ReplicationCluster: &sqladmin.ReplicationCluster{FailoverDrReplicaName: "dr"}}).Do())
	if dr := r.get("dr"); dr.ReplicationCluster == nil || !dr.ReplicationCluster.DrReplica || dr.SecondaryGceZone == "" {
		r.t.Fatalf("not a DR replica with a standby: %+v", dr)
	}
	return conn
}

func TestSwitchover(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	here := r.advanced()
	there := r.at(here, "dr")
	r.done(r.api.Instances.Insert(project, func() *sqladmin.DatabaseInstance {
		d := replica("reports")
		d.Settings.Tier = "db-perf-optimized-N-2"
		return d
	}()).Do())

	l := r.load(here, 2)
	l.goesOn(r)
	// For as long as dr has not replayed everything, the switchover waits, and nothing else happens to anybody.
	r.exec(r.inside("dr"), "SELECT pg_wal_replay_pause()")
	l.goesOn(r)
	op, err := r.api.Instances.Switchover(project, "dr").Do()
	if err != nil || op.OperationType != "SWITCHOVER" {
		t.Fatalf("%+v, %v", op, err)
	}
	for _, name := range []string{"platform", "dr", "reports"} {
		_, err := r.api.Instances.Delete(project, name).Do()
		refused(t, err, http.StatusConflict, "operationInProgress")
	}
	r.exec(r.inside("dr"), "SELECT pg_wal_replay_resume()")
	r.done(op, nil)
	l.end()
	l.lost(r, "dr")
	r.exec(r.dial(there), "INSERT INTO commits VALUES (100, 1)")
	old, dr := r.get("platform"), r.get("dr")
	if dr.MasterInstanceName != "" || len(dr.ReplicaNames) != 2 || dr.ReplicationCluster.FailoverDrReplicaName != project+":platform" ||
		!dr.Settings.BackupConfiguration.PointInTimeRecoveryEnabled {
		t.Errorf("the new primary: %+v", dr)
	}
	if old.MasterInstanceName != project+":dr" || old.InstanceType != typeReplica || !old.ReplicationCluster.DrReplica ||
		old.Settings.BackupConfiguration.Enabled || old.Settings.AvailabilityType != regional {
		t.Errorf("the old primary: %+v", old)
	}
	for _, name := range []string{"platform", "reports"} {
		r.eventually("the commit to reach "+name, func() bool {
			return r.answer(name, r.at(here, name), "SELECT count(*)::text FROM commits WHERE client = 100") == "1"
		})
	}
	r.inStep("dr")
	r.failover("dr")

	// And back, after everything was down, at the second attempt: at the first, the new primary cannot take note
	// of its role.
	r.close()
	r.open()
	role := filepath.Join(r.instance("platform").dir, "engine.json")
	if err := errors.Join(os.Rename(role, role+".aside"), os.Mkdir(role, 0o700)); err != nil {
		t.Fatal(err)
	}
	if _, problem := r.wait(r.api.Instances.Switchover(project, "platform").Do()); problem == "" {
		t.Error("a switchover without a record of it succeeded")
	}
	if err := errors.Join(os.Remove(role), os.Rename(role+".aside", role)); err != nil {
		t.Fatal(err)
	}
	r.done(r.api.Instances.Switchover(project, "platform").DbTimeout("60s").Do())
	r.exec(r.dial(here), "INSERT INTO commits VALUES (100, 2)")
	r.inStep("platform")
	r.eventually("the commit to reach dr", func() bool {
		return r.answer("dr", there, "SELECT count(*)::text FROM commits WHERE client = 100") == "2"
	})
}

// The DR replica takes over from a primary that is lost, which is its replica when it is back.
func TestReplicaFailover(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	here := r.advanced()
	there := r.at(here, "dr")
	r.exec(r.dial(here), "INSERT INTO commits VALUES (1, 1)")
	r.eventually("the commit to reach dr", func() bool {
		return r.answer("dr", there, "SELECT count(*)::text FROM commits") == "1"
	})
	r.done(r.api.Instances.PromoteReplica(project, "dr").Failover(true).Do())
	r.exec(r.dial(there), "INSERT INTO commits VALUES (1, 2)")
	if old := r.get("platform"); old.MasterInstanceName != project+":dr" || old.State != stateRunnable {
		t.Errorf("the lost primary: %+v", old)
	}
	r.eventually("the commit to reach platform", func() bool {
		return r.answer("platform", here, "SELECT count(*)::text FROM commits") == "2"
	})
	// A replica's standby goes on when the replica dies.
	before := r.instance("platform").cluster.Primary()
	r.shoot(r.pid("platform", before))
	r.eventually("the replica's standby to go on", func() bool { return r.instance("platform").cluster.Primary() != before })
	r.exec(r.dial(there), "INSERT INTO commits VALUES (1, 3)")
	r.eventually("the commit to reach platform", func() bool {
		return r.answer("platform", here, "SELECT count(*)::text FROM commits") == "3"
	})

	// It can be promoted while its standby is lost, which is synchronous when it is back.
	r.eventually("the replica's standby", func() bool {
		return r.answer("platform", here, "SELECT count(*)::text FROM pg_stat_replication WHERE application_name = 'august_standby'") == "1"
	})
	release := r.blocked("platform", before)
	r.shoot(r.pid("platform", before))
	r.done(r.api.Instances.PromoteReplica(project, "platform").Do())
	r.exec(r.dial(here), "INSERT INTO commits VALUES (1, 4)")
	release()
	r.inStep("platform")
}
