package cloudsql

import (
	"net/http"
	"slices"
	"testing"

	"google.golang.org/api/sqladmin/v1"
)

// flags patches platform to have just these flags.
func (r *rig) flags(pairs ...string) {
	r.t.Helper()
	patch := &sqladmin.DatabaseInstance{Settings: &sqladmin.Settings{ForceSendFields: []string{"DatabaseFlags"}}}
	for n := 0; n < len(pairs); n += 2 {
		patch.Settings.DatabaseFlags = append(patch.Settings.DatabaseFlags, &sqladmin.DatabaseFlags{Name: pairs[n], Value: pairs[n+1]})
	}
	r.done(r.api.Instances.Patch(project, "platform", patch).Do())
}

func TestFlagsAreReal(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.create(available()) // with a standby, which has to follow
	conn := r.user(d, "august-sync", "synthetic-password-1") + " dbname=postgres"
	c := r.dial(conn)
	setting := func(name string) string { return r.admin("SELECT current_setting($1)", name) }
	if n := setting("max_connections"); n != "400" {
		t.Fatalf("max_connections is %s, the tier has 400", n)
	}

	r.flags("log_lock_waits", "on", "cloudsql.iam_authentication", "on", "pgaudit.log", "ddl,role,write")
	r.eventually("log_lock_waits", func() bool { return setting("log_lock_waits") == "on" })
	r.exec(c, "SELECT 1") // a reload drops nobody

	for _, n := range []string{"450", "120", "500"} { // up, down, up
		r.flags("max_connections", n)
		if got := setting("max_connections"); got != n {
			t.Fatalf("max_connections is %s, want %s", got, n)
		}
		sync := r.admin("SELECT coalesce(max(sync_state), '') FROM pg_stat_replication WHERE application_name = 'august_standby'")
		if sync != "sync" {
			t.Fatalf("with max_connections = %s the standby is %q", n, sync)
		}
	}
	if _, err := c.Exec(t.Context(), "SELECT 1"); err == nil {
		t.Fatal("a restart drops connections")
	}
	if got := setting("log_lock_waits"); got != "off" {
		t.Fatalf("a flag that is gone keeps its value %s", got)
	}
	r.flags()
	if n := setting("max_connections"); n != "400" {
		t.Fatalf("max_connections is %s again, the tier has 400", n)
	}
	for _, bad := range [][2]string{{"max_conns", "5"}, {"shared_preload_libraries", "x"}, {"archive_command", "x"}, {"fsync", "off"}} {
		_, err := r.api.Instances.Patch(project, "platform", flagPatch(bad)).Do()
		refused(t, err, http.StatusBadRequest, "invalidFlagName")
	}
	for _, bad := range [][2]string{{"max_connections", "13"}, {"max_connections", "many"}, {"log_lock_waits", "perhaps"},
		{"log_statement", "some"}, {"autovacuum_vacuum_scale_factor", "101"}, {"pgaudit.log_level", "loud"}} {
		_, err := r.api.Instances.Patch(project, "platform", flagPatch(bad)).Do()
		refused(t, err, http.StatusBadRequest, "invalidFlagValue")
	}

	list, err := r.api.Flags.List().DatabaseVersion(version).Do()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]*sqladmin.Flag{}
	for _, f := range list.Items {
		seen[f.Name] = f
	}
	if f := seen["max_connections"]; f == nil || !f.RequiresRestart || f.Type != "INTEGER" || f.MinValue != 14 {
		t.Fatalf("max_connections: %+v", f)
	}
	if f := seen["cloudsql.iam_authentication"]; f == nil || f.Type != "BOOLEAN" {
		t.Fatalf("cloudsql.iam_authentication: %+v", f)
	}
	if seen["archive_command"] != nil {
		t.Fatal("archive_command is nobody's flag")
	}
}

func flagPatch(f [2]string) *sqladmin.DatabaseInstance {
	return &sqladmin.DatabaseInstance{Settings: &sqladmin.Settings{DatabaseFlags: []*sqladmin.DatabaseFlags{{Name: f[0], Value: f[1]}}}}
}

// What PostgreSQL itself refuses to start with is an operation that failed, and an instance that goes
// on as before.
func TestRefusedByPostgreSQL(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.create(small("platform"))
	conn := r.user(d, "august-sync", "synthetic-password-1") + " dbname=postgres"
	op, problem := r.wait(r.api.Instances.Patch(project, "platform", flagPatch([2]string{"shared_buffers", "1073741823"})).Do())
	if problem == "" {
		t.Fatalf("8 TB of shared buffers are granted: %+v", op)
	}
	r.dial(conn)
	now := r.get("platform")
	if len(now.Settings.DatabaseFlags) != 0 || now.Settings.SettingsVersion != d.Settings.SettingsVersion || now.State != stateRunnable {
		t.Fatalf("after a failed update: %+v", now.Settings)
	}
}

func TestPutReplacesPatchMerges(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := small("platform")
	d.Settings.UserLabels = map[string]string{"team": "platform", "env": "test"}
	d = r.create(d)
	version := d.Settings.SettingsVersion

	r.done(r.api.Instances.Patch(project, "platform", &sqladmin.DatabaseInstance{Settings: &sqladmin.Settings{
		UserLabels: map[string]string{"env": "staging"}, MaintenanceWindow: &sqladmin.MaintenanceWindow{Day: 7, Hour: 8, UpdateTrack: "stable"}}}).Do())
	d = r.get("platform")
	if d.Settings.UserLabels["team"] != "platform" || d.Settings.UserLabels["env"] != "staging" || d.Settings.MaintenanceWindow.Day != 7 {
		t.Fatalf("after a patch: %+v", d.Settings)
	}
	if d.Settings.SettingsVersion <= version {
		t.Fatal("the settings version did not grow")
	}

	put := func(version int64) (*sqladmin.Operation, error) {
		return r.api.Instances.Update(project, "platform", &sqladmin.DatabaseInstance{Settings: &sqladmin.Settings{
			SettingsVersion: version, Tier: "db-custom-2-7680", Edition: enterprise}}).Do()
	}
	_, err := put(version)
	refused(t, err, http.StatusPreconditionFailed, "staleData")
	_, err = put(0)
	refused(t, err, http.StatusPreconditionFailed, "staleData")
	before := etagOf(d)
	r.done(put(d.Settings.SettingsVersion))
	d = r.get("platform")
	if len(d.Settings.UserLabels) != 0 || d.Settings.MaintenanceWindow != nil {
		t.Fatalf("after a put: %+v", d.Settings)
	}
	if etagOf(d) == before {
		t.Fatal("the etag stayed")
	}
	if d.Region != region || d.DatabaseVersion == "" || len(d.IpAddresses) != 1 {
		t.Fatalf("a put of settings lost the rest: %+v", d)
	}
	// A patch that names an old version is stale, too.
	_, err = r.api.Instances.Patch(project, "platform", &sqladmin.DatabaseInstance{Settings: &sqladmin.Settings{SettingsVersion: version}}).Do()
	refused(t, err, http.StatusPreconditionFailed, "staleData")
}

func etagOf(d *sqladmin.DatabaseInstance) string { return d.Etag }

func TestRefusals(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for name, spoil := range map[string]func(*sqladmin.DatabaseInstance){
		"name":   func(d *sqladmin.DatabaseInstance) { d.Name = "Not_A_Name" },
		"region": func(d *sqladmin.DatabaseInstance) { d.Region = "mars" },
		"zone elsewhere": func(d *sqladmin.DatabaseInstance) {
			d.Settings.LocationPreference = &sqladmin.LocationPreference{Zone: "europe-west1-b"}
		},
		"version":         func(d *sqladmin.DatabaseInstance) { d.DatabaseVersion = "MYSQL_8_0" },
		"tier":            func(d *sqladmin.DatabaseInstance) { d.Settings.Tier = "db-huge" },
		"tier of edition": func(d *sqladmin.DatabaseInstance) { d.Settings.Edition = plus },
		"availability":    func(d *sqladmin.DatabaseInstance) { d.Settings.AvailabilityType = "GLOBAL" },
		"pitr sans backups": func(d *sqladmin.DatabaseInstance) {
			d.Settings.BackupConfiguration = &sqladmin.BackupConfiguration{PointInTimeRecoveryEnabled: true}
		},
		"log retention": func(d *sqladmin.DatabaseInstance) {
			d.Settings.BackupConfiguration = &sqladmin.BackupConfiguration{Enabled: true, TransactionLogRetentionDays: 8}
		},
		"too few backups": func(d *sqladmin.DatabaseInstance) {
			d.Settings.BackupConfiguration = &sqladmin.BackupConfiguration{Enabled: true, PointInTimeRecoveryEnabled: true,
				TransactionLogRetentionDays: 7, BackupRetentionSettings: &sqladmin.BackupRetentionSettings{RetainedBackups: 3}}
		},
		"backup time": func(d *sqladmin.DatabaseInstance) {
			d.Settings.BackupConfiguration = &sqladmin.BackupConfiguration{StartTime: "25:00"}
		},
		"maintenance day": func(d *sqladmin.DatabaseInstance) { d.Settings.MaintenanceWindow = &sqladmin.MaintenanceWindow{Day: 8} },
		"maintenance hour": func(d *sqladmin.DatabaseInstance) {
			d.Settings.MaintenanceWindow = &sqladmin.MaintenanceWindow{Day: 1, Hour: 24}
		},
		"pool on enterprise": func(d *sqladmin.DatabaseInstance) {
			d.Settings.ConnectionPoolConfig = &sqladmin.ConnectionPoolConfig{ConnectionPoolingEnabled: true}
		},
		"plans a minute": func(d *sqladmin.DatabaseInstance) {
			d.Settings.InsightsConfig = &sqladmin.InsightsConfig{QueryInsightsEnabled: true, QueryPlansPerMinute: 21}
		},
		"length of a query": func(d *sqladmin.DatabaseInstance) {
			d.Settings.InsightsConfig = &sqladmin.InsightsConfig{QueryInsightsEnabled: true, QueryStringLength: 4501}
		},
		"deny period": func(d *sqladmin.DatabaseInstance) {
			d.Settings.DenyMaintenancePeriods = []*sqladmin.DenyMaintenancePeriod{{StartDate: "2026-01-01", EndDate: "2026-06-01", Time: "00:00:00"}}
		},
		"disk": func(d *sqladmin.DatabaseInstance) { d.Settings.DataDiskSizeGb = 5 },
	} {
		t.Run(name, func(t *testing.T) {
			d := small("platform")
			spoil(d)
			_, err := r.api.Instances.Insert(project, d).Do()
			refused(t, err, http.StatusBadRequest, "invalid")
		})
	}
	if list, err := r.api.Instances.List(project).Do(); err != nil || len(list.Items) != 0 {
		t.Fatalf("a refused instance is there: %v, %v", list, err)
	}

	pool := small("pooled")
	pool.Settings.Edition, pool.Settings.Tier = plus, "db-perf-optimized-N-8"
	pool.Settings.InsightsConfig = &sqladmin.InsightsConfig{QueryInsightsEnabled: true}
	pool.Settings.ConnectionPoolConfig = &sqladmin.ConnectionPoolConfig{ConnectionPoolingEnabled: true}
	pool.Settings.DeletionProtectionEnabled = true
	pool.Settings.DenyMaintenancePeriods = []*sqladmin.DenyMaintenancePeriod{{StartDate: "11-20", EndDate: "1-10", Time: "00:00:00"}}
	pool.Settings.DataDiskSizeGb = 20
	d := r.create(pool)
	if d.Settings.ConnectionPoolConfig == nil || len(d.Settings.DenyMaintenancePeriods) != 1 {
		t.Fatalf("not stored: %+v", d.Settings)
	}
	if i := d.Settings.InsightsConfig; i.QueryPlansPerMinute != 5 || i.QueryStringLength != 1024 || d.Settings.ConnectionPoolConfig.PoolerCount != 2 {
		t.Fatalf("not completed: %+v, %+v", i, d.Settings.ConnectionPoolConfig)
	}
	listed, err := r.api.Flags.List().DatabaseVersion("POSTGRES_15").FlagScope("SQL_FLAG_SCOPE_CONNECTION_POOL").Do()
	if err != nil || !slices.ContainsFunc(listed.Items, func(f *sqladmin.Flag) bool { return f.Name == "max_pool_size" }) {
		t.Fatalf("flags of the pooler: %+v, %v", listed, err)
	}
	_, err = r.api.Instances.Delete(project, "pooled").Do()
	refused(t, err, http.StatusBadRequest, "invalid")
	_, err = r.api.Instances.Patch(project, "pooled", &sqladmin.DatabaseInstance{Settings: &sqladmin.Settings{DataDiskSizeGb: 10}}).Do()
	refused(t, err, http.StatusBadRequest, "invalid")

	// While one operation runs there is no other; what does not exist says so.
	var op *sqladmin.Operation
	r.stopped(r.pid("pooled", "a"), func() { // so that the restart does not end
		if op, err = r.api.Instances.Restart(project, "pooled").Do(); err != nil {
			t.Fatal(err)
		}
		_, err = r.api.Users.Insert(project, "pooled", &sqladmin.User{Name: "early", Password: "synthetic-password-1"}).Do()
		refused(t, err, http.StatusConflict, "operationInProgress")
	})
	r.done(op, nil)
	_, err = r.api.Operations.Get(project, "no-such-operation").Do()
	refused(t, err, http.StatusNotFound, "operationDoesNotExist")

	// Stopped on request, it refuses what needs it, and comes back.
	r.done(r.api.Instances.Patch(project, "pooled", &sqladmin.DatabaseInstance{Settings: &sqladmin.Settings{ActivationPolicy: "NEVER"}}).Do())
	_, err = r.api.Users.List(project, "pooled").Do()
	refused(t, err, http.StatusBadRequest, "invalid")
	r.done(r.api.Instances.Patch(project, "pooled", &sqladmin.DatabaseInstance{Settings: &sqladmin.Settings{ActivationPolicy: policyAlways}}).Do())
	r.dial(r.user(d, "later", "synthetic-password-1") + " dbname=postgres")
}

// A supervisor that is killed leaves its processes; the next one takes over cleanly, and an operation
// that was cut off has failed.
func TestAfterACrash(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.create(available())
	conn := r.user(d, "august-sync", "synthetic-password-1") + " dbname=postgres"
	r.exec(r.dial(conn), "CREATE TABLE kept (n int)")
	backup, err := r.api.BackupRuns.Insert(project, "platform", &sqladmin.BackupRun{}).Do()
	if err != nil {
		t.Fatal(err)
	}
	r.face.mu.Lock()
	endless := r.face.note(r.face.instances[project+"/platform"], "RESTART", caller)
	r.face.saveOperations()
	r.face.mu.Unlock()
	r.http.Close()
	r.face.abandon()
	r.open()
	if op, err := r.api.Operations.Get(project, endless.Name).Do(); err != nil || op.Status != statusDone || op.Error == nil {
		t.Fatalf("the operation that was cut off: %+v, %v", op, err)
	}
	if op, err := r.api.Operations.Get(project, backup.Name).Do(); err != nil || op.Status != statusDone { // it may have been quicker
		t.Fatalf("the backup: %+v, %v", op, err)
	}
	r.exec(r.dial(conn), "INSERT INTO kept VALUES (1)")
	if sync := r.admin("SELECT max(sync_state) FROM pg_stat_replication WHERE application_name = 'august_standby'"); sync != "sync" {
		t.Fatalf("the standby is %s", sync)
	}
}

// abandon stops looking after the processes without stopping them, as a killed supervisor does.
func (f *Face) abandon() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, i := range f.instances {
		i.cluster.Abandon()
	}
}
