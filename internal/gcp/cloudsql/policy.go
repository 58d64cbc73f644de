package cloudsql

import (
	"slices"
	"strings"

	"google.golang.org/api/sqladmin/v1"
)

// Availability types.
const (
	Regional = "REGIONAL" // a synchronous standby in another zone
	Zonal    = "ZONAL"    // one zone
)

// EnterprisePlus is the edition with the longer recovery window; every other is ENTERPRISE.
const EnterprisePlus = "ENTERPRISE_PLUS"

// Days are the days of the maintenance window as the API numbers them: 1 is Monday.
var Days = []string{"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"}

// Policy is what an HA policy wants of an instance. What it leaves empty, it leaves alone.
type Policy struct {
	Availability       string
	RetentionDays      int64 // of the logs that point-in-time recovery replays
	RetainedBackups    int64
	BackupStart        string  // HH:MM in UTC; empty: as it is
	BackupLocation     string  // empty: as it is
	Window             *Window // nil: as it is
	Flags              map[string]string
	ResetFlags         []string // flags to take back to their defaults
	DeletionProtection bool
	DenyPeriod         *DenyPeriod // nil: as it is
	DropDenyPeriod     bool        // and there shall be none
	Insights           *Insights   // nil: as they are
	Pooling            *Pooling    // nil: as it is
}

// Window is the weekly hour in which Google may restart the instance for maintenance.
type Window struct {
	Day   int64 // 1 is Monday
	Hour  int64 // UTC
	Track string
}

// MaxRetentionDays is how far back point-in-time recovery reaches at most in an edition.
func MaxRetentionDays(edition string) int64 {
	if edition == EnterprisePlus {
		return 35
	}
	return 7
}

// Settings returns the change that makes the instance's settings follow the policy, or nil when they do. It holds only
// the parts that differ. A part that the API replaces as a whole (backups, flags) is built on the live one, so that what
// others have set in it stays.
func (p Policy) Settings(live *sqladmin.Settings) *sqladmin.Settings {
	change := &sqladmin.Settings{}
	if live.AvailabilityType != p.Availability {
		change.AvailabilityType = p.Availability
	}
	change.BackupConfiguration = p.backups(live.BackupConfiguration)
	change.MaintenanceWindow = p.window(live.MaintenanceWindow)
	if flags, differ := p.flags(live.DatabaseFlags); differ {
		change.DatabaseFlags = flags
		change.ForceSendFields = append(change.ForceSendFields, "DatabaseFlags")
	}
	if live.DeletionProtectionEnabled != p.DeletionProtection {
		change.DeletionProtectionEnabled = p.DeletionProtection
		change.ForceSendFields = append(change.ForceSendFields, "DeletionProtectionEnabled")
	}
	if list, differ := p.denyPeriods(live); differ {
		change.DenyMaintenancePeriods = list
		change.ForceSendFields = append(change.ForceSendFields, "DenyMaintenancePeriods")
	}
	change.InsightsConfig = p.insights(live.InsightsConfig)
	change.ConnectionPoolConfig = p.pooling(live)
	if change.AvailabilityType == "" && change.BackupConfiguration == nil && change.MaintenanceWindow == nil &&
		change.InsightsConfig == nil && change.ConnectionPoolConfig == nil && len(change.ForceSendFields) == 0 {
		return nil
	}
	return change
}

func (p Policy) backups(live *sqladmin.BackupConfiguration) *sqladmin.BackupConfiguration {
	if live == nil {
		live = &sqladmin.BackupConfiguration{}
	}
	retained := live.BackupRetentionSettings
	if live.Enabled && live.PointInTimeRecoveryEnabled && live.TransactionLogRetentionDays == p.RetentionDays &&
		retained != nil && retained.RetainedBackups == p.RetainedBackups &&
		(p.BackupStart == "" || p.BackupStart == live.StartTime) &&
		(p.BackupLocation == "" || p.BackupLocation == live.Location) {
		return nil
	}
	change := &sqladmin.BackupConfiguration{
		Enabled:                     true,
		PointInTimeRecoveryEnabled:  true,
		TransactionLogRetentionDays: p.RetentionDays,
		BackupRetentionSettings:     &sqladmin.BackupRetentionSettings{RetainedBackups: p.RetainedBackups, RetentionUnit: "COUNT"},
		StartTime:                   live.StartTime,
		Location:                    live.Location,
	}
	if p.BackupStart != "" {
		change.StartTime = p.BackupStart
	}
	if p.BackupLocation != "" {
		change.Location = p.BackupLocation
	}
	return change
}

func (p Policy) window(live *sqladmin.MaintenanceWindow) *sqladmin.MaintenanceWindow {
	if p.Window == nil || (live != nil && *p.Window == Window{live.Day, live.Hour, Track(live)}) {
		return nil
	}
	return &sqladmin.MaintenanceWindow{
		Day: p.Window.Day, Hour: p.Window.Hour, UpdateTrack: p.Window.Track,
		ForceSendFields: []string{"Hour"}, // midnight is hour zero
	}
}

// Track is a window's update track; the API leaves out the one that it starts with.
func Track(w *sqladmin.MaintenanceWindow) string {
	if w.UpdateTrack == "" {
		return "stable"
	}
	return w.UpdateTrack
}

// flags returns the whole list that is to be set, in a fixed order, and whether that changes anything.
func (p Policy) flags(live []*sqladmin.DatabaseFlags) (list []*sqladmin.DatabaseFlags, differ bool) {
	left := make(map[string]string, len(p.Flags))
	for name, value := range p.Flags {
		left[name] = value
	}
	for _, flag := range live {
		value, ours := left[flag.Name]
		switch {
		case ours:
			delete(left, flag.Name)
			differ = differ || value != flag.Value
			list = append(list, newFlag(flag.Name, value))
		case slices.Contains(p.ResetFlags, flag.Name):
			differ = true
		default:
			list = append(list, newFlag(flag.Name, flag.Value))
		}
	}
	for name, value := range left {
		differ = true
		list = append(list, newFlag(name, value))
	}
	slices.SortFunc(list, func(a, b *sqladmin.DatabaseFlags) int { return strings.Compare(a.Name, b.Name) })
	return list, differ
}

// newFlag sends the value even when it is empty, which some flags allow.
func newFlag(name, value string) *sqladmin.DatabaseFlags {
	return &sqladmin.DatabaseFlags{Name: name, Value: value, ForceSendFields: []string{"Value"}}
}

// Address is where the instance is reached: privately when it can be, else publicly. Empty: only through a connector.
func Address(instance *sqladmin.DatabaseInstance) string {
	for _, kind := range []string{"PRIVATE", "PRIMARY"} {
		for _, ip := range instance.IpAddresses {
			if ip.Type == kind {
				return ip.IpAddress
			}
		}
	}
	return ""
}
