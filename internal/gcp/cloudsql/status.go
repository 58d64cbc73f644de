package cloudsql

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"google.golang.org/api/sqladmin/v1"
)

// Severities of findings.
const (
	Critical = "critical" // data or service would be lost in a failure that high availability is there for
	Warning  = "warning"  // it would hold, by luck or for less than was meant
	Info     = "info"     // more could be had
)

// Finding is one thing in which an instance falls short of high availability. Its code never changes.
type Finding struct {
	Code, Severity, Message string
}

// Status is what can be seen of an instance's availability, at one moment.
type Status struct {
	Instance         *sqladmin.DatabaseInstance
	Backups          []*sqladmin.BackupRun // newest first
	Replicas         []*sqladmin.DatabaseInstance
	Earliest, Latest time.Time // the recovery window; zero: there is none
	MaxBackupAge     time.Duration
	Lag              map[string]float64 // seconds that replicas are behind, by name; not all are known
	LagProblem       string             // why none is known; empty: they were asked for
	MaxLag           time.Duration
	Now              time.Time
}

// LastBackup is the newest backup that succeeded, nil when there is none, and how many there are to restore from.
func (s Status) LastBackup() (last *sqladmin.BackupRun, kept int64) {
	for _, b := range s.Backups {
		if b.Status != "SUCCESSFUL" {
			continue
		}
		if last == nil {
			last = b
		}
		kept++
	}
	return last, kept
}

// WindowDays is how far back the instance can be restored to any moment, in days to two places.
func (s Status) WindowDays() float64 {
	if s.Earliest.IsZero() || s.Latest.Before(s.Earliest) {
		return 0
	}
	return math.Floor(s.Latest.Sub(s.Earliest).Hours()/24*100) / 100
}

// CrossRegion is the replicas in other regions than the instance's own.
func (s Status) CrossRegion() []*sqladmin.DatabaseInstance {
	var others []*sqladmin.DatabaseInstance
	for _, r := range s.Replicas {
		if r.Region != s.Instance.Region {
			others = append(others, r)
		}
	}
	return others
}

// Findings is everything in which the instance falls short, the worst first.
func (s Status) Findings() []Finding {
	var found []Finding
	add := func(severity, code, message string, args ...any) {
		found = append(found, Finding{code, severity, fmt.Sprintf(message, args...)})
	}
	live, settings := s.Instance, s.Instance.Settings
	if IsReplica(live) {
		add(Critical, "NOT_PRIMARY", "It is a read replica of %s: look at the primary's availability instead.", Primary(live))
		return found
	}
	if live.State != Runnable || settings.ActivationPolicy == "NEVER" {
		state := live.State
		if settings.ActivationPolicy == "NEVER" {
			state = "stopped"
		}
		if len(live.SuspensionReason) > 0 {
			state += " (" + strings.Join(live.SuspensionReason, ", ") + ")"
		}
		add(Critical, "NOT_RUNNING", "The instance does not serve: it is %s.", state)
	}
	switch {
	case settings.AvailabilityType != Regional:
		add(Critical, "NOT_REGIONAL", "The instance has no standby: when its zone fails, so does the database.")
	case live.SecondaryGceZone == "":
		add(Warning, "NO_STANDBY_ZONE", "The instance is REGIONAL, but no zone of a standby is known: it may still be being built.")
	}
	s.backupFindings(add)
	if !settings.DeletionProtectionEnabled {
		add(Critical, "DELETION_UNPROTECTED", "Cloud SQL would delete the instance when asked to: deletion protection is off.")
	}
	if w := settings.MaintenanceWindow; w == nil || w.Day == 0 {
		add(Warning, "NO_MAINTENANCE_WINDOW", "Maintenance may restart the instance at any hour of any day: it has no maintenance window.")
	}
	if settings.StorageAutoResize != nil && !*settings.StorageAutoResize {
		add(Warning, "DISK_CANNOT_GROW", "The instance's disk does not grow by itself: when it is full, the database stops.")
	}
	s.replicaFindings(add)
	s.lagFindings(add)
	if m := live.ScheduledMaintenance; m != nil && m.StartTime != "" {
		add(Info, "MAINTENANCE_SCHEDULED", "Google is going to maintain the instance at %s.", m.StartTime)
	}
	sortBySeverity(found)
	return found
}

func (s Status) backupFindings(add func(severity, code, message string, args ...any)) {
	backups := s.Instance.Settings.BackupConfiguration
	if backups == nil || !backups.Enabled {
		add(Critical, "BACKUPS_OFF", "No daily backups are taken.")
		return
	}
	last, _ := s.LastBackup()
	switch at, err := lastEnd(last); {
	case last == nil || err != nil:
		add(Critical, "NO_RECENT_BACKUP", "There is no backup that succeeded.")
	case s.Now.Sub(at) > s.MaxBackupAge:
		add(Critical, "NO_RECENT_BACKUP", "The last backup that succeeded is from %s, which is %.0f hours ago; at most %.0f are allowed for.",
			at.UTC().Format(time.RFC3339), s.Now.Sub(at).Hours(), s.MaxBackupAge.Hours())
	}
	if len(s.Backups) > 0 && s.Backups[0].Status == "FAILED" {
		add(Warning, "LAST_BACKUP_FAILED", "The newest backup, %d, failed.", s.Backups[0].Id)
	}
	if !backups.PointInTimeRecoveryEnabled {
		add(Critical, "PITR_OFF", "Only backups can be restored: point-in-time recovery is off, so that a day's changes may be lost.")
		return
	}
	switch days := s.WindowDays(); {
	case s.Earliest.IsZero():
		add(Warning, "NO_RECOVERY_WINDOW", "Point-in-time recovery is on, but there is no moment yet that can be gone back to.")
	case days < float64(backups.TransactionLogRetentionDays)-1:
		add(Info, "RECOVERY_WINDOW_SHORT", "The instance can be taken back %.2f days so far, of the %d that it is set to.", days, backups.TransactionLogRetentionDays)
	}
}

func (s Status) replicaFindings(add func(severity, code, message string, args ...any)) {
	others := s.CrossRegion()
	if len(others) == 0 {
		add(Info, "NO_CROSS_REGION_REPLICA", "When the region %s fails, the database has to be restored from a backup elsewhere: no replica is in another region.", s.Instance.Region)
		return
	}
	for _, r := range others {
		if r.State != Runnable {
			add(Warning, "REPLICA_NOT_RUNNING", "The replica %s in %s does not serve: it is %s.", r.Name, r.Region, r.State)
		}
		for _, flag := range Short(r.Settings.DatabaseFlags, s.Instance.Settings.DatabaseFlags) {
			add(Warning, "REPLICA_TOO_SMALL", "The replica %s needs %s of %s at least, which is the primary's: with less it stops replaying.", r.Name, flag.Name, flag.Value)
		}
	}
	if Designated(s.Instance) == "" && s.Instance.Settings.Edition == EnterprisePlus {
		add(Info, "NO_FAILOVER_REPLICA", "The edition could fail over to a replica in another region and back, but none is designated for it.")
	}
}

func (s Status) lagFindings(add func(severity, code, message string, args ...any)) {
	if s.LagProblem != "" && len(s.Replicas) > 0 {
		add(Info, "REPLICA_LAG_UNKNOWN", "How far the replicas lag behind is not known. %s.", strings.TrimSuffix(s.LagProblem, "."))
		return
	}
	for _, r := range s.Replicas {
		switch lag, known := s.Lag[r.Name]; {
		case !known && r.State == Runnable:
			add(Info, "REPLICA_LAG_UNKNOWN", "How far the replica %s lags behind is not known: Cloud Monitoring has no recent figure of it.", r.Name)
		case known && lag > s.MaxLag.Seconds():
			add(Warning, "REPLICA_LAGGING", "The replica %s is %.0f seconds behind; at most %.0f are allowed for. Taking over now, it would lose what it lacks.",
				r.Name, lag, s.MaxLag.Seconds())
		}
	}
}

func lastEnd(b *sqladmin.BackupRun) (time.Time, error) {
	if b == nil {
		return time.Time{}, nil
	}
	return time.Parse(time.RFC3339, b.EndTime)
}

func sortBySeverity(found []Finding) {
	rank := map[string]int{Critical: 0, Warning: 1, Info: 2}
	slices.SortStableFunc(found, func(a, b Finding) int { return rank[a.Severity] - rank[b.Severity] })
}
