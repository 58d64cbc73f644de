package cloudsql

import (
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/api/sqladmin/v1"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/gapi"
)

var (
	namePattern    = regexp.MustCompile(`^[a-z]([-a-z0-9]*[a-z0-9])?$`)
	regionPattern  = regexp.MustCompile(`^[a-z]+-[a-z]+[0-9]+$`)
	clockPattern   = regexp.MustCompile(`^([01][0-9]|2[0-3]):[0-5][0-9]$`)
	projectPattern = regexp.MustCompile(`^[a-z][-a-z0-9.:]*[a-z0-9]$`)
	labelPattern   = regexp.MustCompile(`^[a-z][-_a-z0-9]{0,62}$`)
)

// longestName is the limit on project and instance name together.
const longestName = 98

// checkInsert refuses what no later change could be guilty of, and answers the major version.
func checkInsert(c *call, d *sqladmin.DatabaseInstance) (int, error) {
	if d.Project != c.project {
		return 0, gapi.Invalid("Invalid request: project %q in the body is not the project of the request.", d.Project)
	}
	if !projectPattern.MatchString(d.Project) {
		return 0, gapi.Invalid("Invalid request: Invalid project (%s).", d.Project)
	}
	if !namePattern.MatchString(d.Name) || len(d.Name)+len(d.Project)+1 > longestName {
		return 0, gapi.Invalid("Invalid request: Invalid instance name (%s).", d.Name)
	}
	if d.InstanceType != "" && d.InstanceType != typeInstance && d.InstanceType != typeReplica {
		return 0, unimplemented("instances of type " + d.InstanceType)
	}
	if d.Region == "" {
		d.Region = "us-central1"
	}
	if !regionPattern.MatchString(d.Region) {
		return 0, gapi.Invalid("Invalid value for region: %s.", d.Region)
	}
	if d.DatabaseVersion == "" {
		return 0, gapi.Invalid("Invalid request: databaseVersion is required: this local cloud runs PostgreSQL only.")
	}
	version, ok := strings.CutPrefix(d.DatabaseVersion, "POSTGRES_")
	major, err := strconv.Atoi(version)
	if !ok || err != nil || major < 12 || major > 18 {
		return 0, gapi.Invalid("Invalid value at 'body.database_version' (type.googleapis.com/google.cloud.sql.v1.SqlDatabaseVersion), %q", d.DatabaseVersion)
	}
	if d.Settings == nil || d.Settings.Tier == "" {
		return 0, gapi.Errorf(http.StatusBadRequest, "INVALID_ARGUMENT", "required", "Missing required field: settings.tier.")
	}
	return major, nil
}

func unimplemented(what string) error {
	return gapi.Errorf(http.StatusNotImplemented, "UNIMPLEMENTED", "notImplemented", "The local Cloud SQL does not have %s.", what)
}

// check refuses an instance that Cloud SQL would refuse. was is nil at creation.
func check(d, was *sqladmin.DatabaseInstance, flags catalogue) error {
	s := d.Settings
	for _, e := range []struct {
		field, value string
		allowed      []string
	}{
		{"edition", s.Edition, []string{enterprise, plus}},
		{"activation_policy", s.ActivationPolicy, []string{policyAlways, "NEVER"}},
		{"availability_type", s.AvailabilityType, []string{zonal, regional}},
		{"pricing_plan", s.PricingPlan, []string{"PER_USE", "PACKAGE"}},
		{"data_disk_type", s.DataDiskType, []string{"PD_SSD", "PD_HDD", "HYPERDISK_BALANCED"}},
		{"connector_enforcement", s.ConnectorEnforcement, []string{"NOT_REQUIRED", "REQUIRED"}},
		{"ip_configuration.ssl_mode", s.IpConfiguration.SslMode,
			[]string{"ALLOW_UNENCRYPTED_AND_ENCRYPTED", "ENCRYPTED_ONLY", "TRUSTED_CLIENT_CERTIFICATE_REQUIRED"}},
	} {
		if !slices.Contains(e.allowed, e.value) {
			return gapi.Invalid("Invalid value at 'body.settings.%s', %q", e.field, e.value)
		}
	}
	if was != nil {
		if d.DatabaseVersion != was.DatabaseVersion {
			return unimplemented("major version upgrades in place")
		}
		if s.DataDiskSizeGb < was.Settings.DataDiskSizeGb {
			return gapi.Invalid("Invalid request: Disk size cannot be decreased: it is %d GB.", was.Settings.DataDiskSizeGb)
		}
		if s.DataDiskType != was.Settings.DataDiskType {
			return gapi.Invalid("Invalid request: The storage type of an instance cannot be changed.")
		}
	}
	if s.DataDiskSizeGb < 10 || s.DataDiskSizeGb > 65536 {
		return gapi.Invalid("Invalid request: Disk size %d GB is outside of the range 10 to 65536.", s.DataDiskSizeGb)
	}
	if err := checkTier(s); err != nil {
		return err
	}
	for name, value := range s.UserLabels {
		if !labelPattern.MatchString(name) || value != "" && !regexp.MustCompile(`^[-_a-z0-9]{1,63}$`).MatchString(value) {
			return gapi.Invalid("Invalid request: label %q does not meet the requirements of labels.", name)
		}
	}
	for _, zone := range []string{s.LocationPreference.Zone, s.LocationPreference.SecondaryZone} {
		if zone != "" && !slices.Contains(zonesOf(d.Region), zone) {
			return gapi.Invalid("Invalid request: Invalid zone %s: it is not a zone of region %s.", zone, d.Region)
		}
	}
	if p := s.LocationPreference; p.Zone != "" && p.Zone == p.SecondaryZone {
		return gapi.Invalid("Invalid request: Primary and secondary zones must be different.")
	}
	if err := checkBackups(d); err != nil {
		return err
	}
	if err := checkMaintenance(s); err != nil {
		return err
	}
	if p := s.ConnectionPoolConfig; p != nil && p.ConnectionPoolingEnabled && s.Edition != plus {
		return gapi.Invalid("Invalid request: Managed Connection Pooling is only supported for instances of the Enterprise Plus edition.")
	}
	if err := checkInsights(s); err != nil {
		return err
	}
	if d := s.DataCacheConfig; d != nil && d.DataCacheEnabled && s.Edition != plus {
		return gapi.Invalid("Invalid request: Data cache is only supported for instances of the Enterprise Plus edition.")
	}
	return flags.check(s.DatabaseFlags)
}

func checkInsights(s *sqladmin.Settings) error {
	i := s.InsightsConfig
	if i == nil || !i.QueryInsightsEnabled {
		return nil
	}
	plans, length := int64(20), int64(4500)
	if s.Edition == plus {
		plans, length = 200, 100000
	}
	if i.QueryPlansPerMinute < 0 || i.QueryPlansPerMinute > plans {
		return gapi.Invalid("Invalid request: Query plans per minute must be between 0 and %d, got %d.", plans, i.QueryPlansPerMinute)
	}
	if i.QueryStringLength < 256 || i.QueryStringLength > length {
		return gapi.Invalid("Invalid request: Query string length must be between 256 and %d, got %d.", length, i.QueryStringLength)
	}
	return nil
}

func checkBackups(d *sqladmin.DatabaseInstance) error {
	s, b := d.Settings, d.Settings.BackupConfiguration
	if b.BinaryLogEnabled {
		return gapi.Invalid("Invalid request: Binary log can only be enabled for MySQL instances.")
	}
	if !clockPattern.MatchString(b.StartTime) {
		return gapi.Invalid("Invalid request: Invalid backup start time %q, expected HH:MM.", b.StartTime)
	}
	if b.PointInTimeRecoveryEnabled && !b.Enabled {
		return gapi.Invalid("Invalid request: Point-in-time recovery cannot be enabled when automated backups are disabled.")
	}
	if d.MasterInstanceName != "" {
		if b.Enabled || b.PointInTimeRecoveryEnabled {
			return gapi.Invalid("Invalid request: Backups and point-in-time recovery cannot be enabled for a read replica.")
		}
	} else if s.AvailabilityType == regional && (!b.Enabled || !b.PointInTimeRecoveryEnabled) {
		return gapi.Invalid("Invalid request: Regional availability requires automated backups and point-in-time recovery to be enabled.")
	}
	most := int64(7)
	if s.Edition == plus {
		most = 35
	}
	if d := b.TransactionLogRetentionDays; d < 1 || d > most {
		return gapi.Invalid("Invalid request: Transaction log retention days must be between 1 and %d for the %s edition, got %d.", most, s.Edition, d)
	}
	kept := b.BackupRetentionSettings
	if kept.RetentionUnit != "COUNT" {
		return gapi.Invalid("Invalid value at 'body.settings.backup_configuration.backup_retention_settings.retention_unit', %q", kept.RetentionUnit)
	}
	if kept.RetainedBackups < 1 || kept.RetainedBackups > 365 {
		return gapi.Invalid("Invalid request: The number of retained backups must be between 1 and 365, got %d.", kept.RetainedBackups)
	}
	if b.PointInTimeRecoveryEnabled && kept.RetainedBackups < b.TransactionLogRetentionDays {
		return gapi.Invalid("Invalid request: The number of retained backups (%d) must be greater than or equal to the transaction log retention days (%d).",
			kept.RetainedBackups, b.TransactionLogRetentionDays)
	}
	return nil
}

func checkMaintenance(s *sqladmin.Settings) error {
	if w := s.MaintenanceWindow; w != nil {
		if w.Day < 0 || w.Day > 7 || w.Day == 0 && w.Hour != 0 { // 0 is any day
			return gapi.Invalid("Invalid request: Maintenance window day must be between 1 and 7, got %d.", w.Day)
		}
		if w.Hour < 0 || w.Hour > 23 {
			return gapi.Invalid("Invalid request: Maintenance window hour must be between 0 and 23, got %d.", w.Hour)
		}
		if !slices.Contains([]string{"", "canary", "stable", "week5"}, w.UpdateTrack) {
			return gapi.Invalid("Invalid value at 'body.settings.maintenance_window.update_track', %q", w.UpdateTrack)
		}
	}
	if len(s.DenyMaintenancePeriods) > 1 {
		return gapi.Invalid("Invalid request: Only one deny maintenance period is allowed.")
	}
	for _, p := range s.DenyMaintenancePeriods {
		start, err := denyDate(p.StartDate)
		if err != nil {
			return err
		}
		end, err := denyDate(p.EndDate)
		if err != nil {
			return err
		}
		if end.Before(start) && len(p.EndDate) < 8 {
			end = end.AddDate(1, 0, 0) // without years a period may go over New Year
		}
		if days := end.Sub(start).Hours() / 24; days < 0 || days > 90 {
			return gapi.Invalid("Invalid request: A deny maintenance period must be between 1 and 90 days long.")
		}
	}
	return nil
}

// denyDate reads yyyy-mm-dd, or mm-dd for every year.
func denyDate(s string) (time.Time, error) {
	for _, layout := range []string{"2006-1-2", "1-2"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	return time.Time{}, gapi.Invalid("Invalid request: Invalid date %q in a deny maintenance period, expected yyyy-mm-dd or mm-dd.", s)
}

// checkVersion refuses a change that was made on top of settings that are no longer those. A PUT must
// say what it is based on.
func checkVersion(doc document, now *sqladmin.DatabaseInstance, required bool) error {
	settings, _ := doc["settings"].(document)
	version, given := settings["settingsVersion"]
	if given {
		part, err := decode[sqladmin.Settings](document{"settingsVersion": version})
		if err != nil {
			return err
		}
		if part.SettingsVersion == now.Settings.SettingsVersion {
			return nil
		}
		if part.SettingsVersion != 0 {
			return stale()
		}
	}
	if required {
		if settings == nil {
			return gapi.Errorf(http.StatusBadRequest, "INVALID_ARGUMENT", "required", "Missing required field: settings.")
		}
		return stale()
	}
	return nil
}

func stale() error {
	return gapi.Errorf(http.StatusPreconditionFailed, "FAILED_PRECONDITION", "staleData",
		"The provided settingsVersion does not match the current one. Read the instance again and retry with its settingsVersion.")
}
