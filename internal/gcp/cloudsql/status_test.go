package cloudsql

import (
	"strings"
	"testing"
	"time"

	"google.golang.org/api/sqladmin/v1"
)

func TestFindings(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	off := false
	sound := func() Status {
		return Status{
			Instance: &sqladmin.DatabaseInstance{
				Name: "platform", Region: "us-central1", State: "RUNNABLE", SecondaryGceZone: "us-central1-b", Settings: hardened(),
				ReplicationCluster: &sqladmin.ReplicationCluster{FailoverDrReplicaName: "p:platform-dr"},
			},
			Backups:  []*sqladmin.BackupRun{{Id: 9, Status: "RUNNING"}, {Id: 8, Status: "SUCCESSFUL", EndTime: "2026-11-25T07:10:00.123Z"}},
			Replicas: []*sqladmin.DatabaseInstance{{Name: "platform-dr", Region: "us-east1", State: "RUNNABLE", Settings: &sqladmin.Settings{}}},
			Earliest: now.AddDate(0, 0, -7), Latest: now.Add(-time.Minute), MaxBackupAge: 28 * time.Hour, Now: now,
			Lag: map[string]float64{"platform-dr": 60}, MaxLag: time.Minute,
		}
	}
	for name, c := range map[string]struct {
		change func(*Status)
		want   string // severity and code of each
	}{
		"all is well": {func(*Status) {}, ""},
		"a replica":   {func(s *Status) { s.Instance.MasterInstanceName = "p:other" }, "critical NOT_PRIMARY"},
		"suspended": {func(s *Status) {
			s.Instance.State, s.Instance.SuspensionReason = "SUSPENDED", []string{"BILLING_ISSUE"}
		}, "critical NOT_RUNNING"},
		"stopped":       {func(s *Status) { s.Instance.Settings.ActivationPolicy = "NEVER" }, "critical NOT_RUNNING"},
		"zonal":         {func(s *Status) { s.Instance.Settings.AvailabilityType = Zonal }, "critical NOT_REGIONAL"},
		"no standby":    {func(s *Status) { s.Instance.SecondaryGceZone = "" }, "warning NO_STANDBY_ZONE"},
		"no backups":    {func(s *Status) { s.Instance.Settings.BackupConfiguration.Enabled = false }, "critical BACKUPS_OFF"},
		"nothing of it": {func(s *Status) { s.Instance.Settings.BackupConfiguration = nil }, "critical BACKUPS_OFF"},
		"none yet":      {func(s *Status) { s.Backups = nil }, "critical NO_RECENT_BACKUP"},
		"too old":       {func(s *Status) { s.MaxBackupAge = 4 * time.Hour }, "critical NO_RECENT_BACKUP"},
		"failed last":   {func(s *Status) { s.Backups[0].Status = "FAILED" }, "warning LAST_BACKUP_FAILED"},
		"no recovery":   {func(s *Status) { s.Instance.Settings.BackupConfiguration.PointInTimeRecoveryEnabled = false }, "critical PITR_OFF"},
		"no window":     {func(s *Status) { s.Earliest, s.Latest = time.Time{}, time.Time{} }, "warning NO_RECOVERY_WINDOW"},
		"short":         {func(s *Status) { s.Earliest = now.AddDate(0, 0, -2) }, "info RECOVERY_WINDOW_SHORT"},
		"unprotected":   {func(s *Status) { s.Instance.Settings.DeletionProtectionEnabled = false }, "critical DELETION_UNPROTECTED"},
		"any hour":      {func(s *Status) { s.Instance.Settings.MaintenanceWindow = nil }, "warning NO_MAINTENANCE_WINDOW"},
		"any day":       {func(s *Status) { s.Instance.Settings.MaintenanceWindow.Day = 0 }, "warning NO_MAINTENANCE_WINDOW"},
		"full disk":     {func(s *Status) { s.Instance.Settings.StorageAutoResize = &off }, "warning DISK_CANNOT_GROW"},
		"announced": {func(s *Status) {
			s.Instance.ScheduledMaintenance = &sqladmin.SqlScheduledMaintenance{StartTime: "2026-11-29T08:00:00Z"}
		}, "info MAINTENANCE_SCHEDULED"},
		"one region":        {func(s *Status) { s.Replicas = nil }, "info NO_CROSS_REGION_REPLICA"},
		"same region":       {func(s *Status) { s.Replicas[0].Region = "us-central1" }, "info NO_CROSS_REGION_REPLICA"},
		"replica down":      {func(s *Status) { s.Replicas[0].State = "FAILED" }, "warning REPLICA_NOT_RUNNING"},
		"replica too small": {func(s *Status) { s.Instance.Settings.DatabaseFlags = flagList("max_connections", "200") }, "warning REPLICA_TOO_SMALL"},
		"replica lags":      {func(s *Status) { s.Lag["platform-dr"] = 60.5 }, "warning REPLICA_LAGGING"},
		"lag not known":     {func(s *Status) { s.Lag = nil }, "info REPLICA_LAG_UNKNOWN"},
		"lag not told":      {func(s *Status) { s.Lag, s.LagProblem = nil, "It may not be read." }, "info REPLICA_LAG_UNKNOWN"},
		"nobody to lag":     {func(s *Status) { s.Replicas, s.LagProblem = nil, "It may not be read" }, "info NO_CROSS_REGION_REPLICA"},
		"lags in its own":   {func(s *Status) { s.Replicas[0].Region, s.Lag["platform-dr"] = "us-central1", 61 }, "warning REPLICA_LAGGING, info NO_CROSS_REGION_REPLICA"},
		"down, no figure":   {func(s *Status) { s.Replicas[0].State, s.Lag = "FAILED", nil }, "warning REPLICA_NOT_RUNNING"},
		"not designated": {func(s *Status) {
			s.Instance.Settings.Edition, s.Instance.ReplicationCluster = EnterprisePlus, nil
		}, "info NO_FAILOVER_REPLICA"},
		"the worst first": {func(s *Status) {
			s.Replicas, s.Instance.Settings.MaintenanceWindow, s.Instance.Settings.AvailabilityType = nil, nil, Zonal
		}, "critical NOT_REGIONAL, warning NO_MAINTENANCE_WINDOW, info NO_CROSS_REGION_REPLICA"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status := sound()
			c.change(&status)
			var got []string
			for _, f := range status.Findings() {
				got = append(got, f.Severity+" "+f.Code)
				if !strings.HasSuffix(f.Message, ".") || strings.Contains(f.Message, "%!") {
					t.Errorf("message %q", f.Message)
				}
			}
			if strings.Join(got, ", ") != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
	status := sound()
	if last, kept := status.LastBackup(); last.Id != 8 || kept != 1 {
		t.Errorf("last %d of %d", last.Id, kept)
	}
	if days := status.WindowDays(); days != 6.99 {
		t.Errorf("%v days", days)
	}
}
