package cloudsql

import (
	"fmt"
	"hash/fnv"
	"maps"
	"reflect"
	"strconv"
	"strings"

	"google.golang.org/api/sqladmin/v1"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/cloudsql/engine"
)

// complete fills in what the server decides when the client does not. was is the instance before an
// update, nil at creation.
func (f *Face) complete(d, was *sqladmin.DatabaseInstance, major int) {
	d.Kind, d.BackendType, d.RootPassword = "sql#instance", "SECOND_GEN", ""
	if d.InstanceType == "" {
		d.InstanceType = typeInstance
	}
	d.ConnectionName = d.Project + ":" + d.Region + ":" + d.Name
	if d.ServiceAccountEmailAddress == "" {
		d.ServiceAccountEmailAddress = fmt.Sprintf("p%d-%s@gcp-sa-cloud-sql.iam.gserviceaccount.com",
			100000000000+hash(d.Project)%900000000000, strconv.FormatUint(hash(d.Project+d.Name)%1e9, 36))
	}
	if d.MaintenanceVersion == "" {
		d.MaintenanceVersion = d.DatabaseVersion + ".R20261001.00_00"
	}
	if was == nil {
		d.DatabaseInstalledVersion = d.DatabaseVersion
		if major == f.major {
			d.DatabaseInstalledVersion = "POSTGRES_" + strings.ReplaceAll(f.version, ".", "_")
		}
	}

	s := d.Settings
	if s == nil {
		s = &sqladmin.Settings{}
		d.Settings = s
	}
	s.Kind = "sql#settings"
	if s.SettingsVersion == 0 {
		s.SettingsVersion = 1
	}
	fill(&s.Edition, defaultEdition(major))
	fill(&s.ActivationPolicy, policyAlways)
	fill(&s.AvailabilityType, zonal)
	fill(&s.PricingPlan, "PER_USE")
	fill(&s.ReplicationType, "SYNCHRONOUS")
	fill(&s.DataDiskType, "PD_SSD")
	fill(&s.ConnectorEnforcement, "NOT_REQUIRED")
	if s.DataDiskSizeGb == 0 {
		s.DataDiskSizeGb = 10
		if was != nil {
			s.DataDiskSizeGb = was.Settings.DataDiskSizeGb
		}
	}
	if s.StorageAutoResize == nil {
		s.StorageAutoResize = new(true)
	}
	completeNetwork(s)
	completeBackups(s, was)
	if s.LocationPreference == nil {
		s.LocationPreference = &sqladmin.LocationPreference{}
	}
	s.LocationPreference.Kind = "sql#locationPreference"
	if s.LocationPreference.Zone == "" {
		zones := chooseZones(d)
		s.LocationPreference.Zone = zones["a"]
		if was != nil {
			s.LocationPreference.Zone = was.Settings.LocationPreference.Zone
		}
	}
	if p := s.ConnectionPoolConfig; p != nil && !p.ConnectionPoolingEnabled {
		s.ConnectionPoolConfig = nil // absent when off, as Google answers it
	}
	completeExtras(s, was)
	if w := s.MaintenanceWindow; w != nil {
		w.Kind = "sql#maintenanceWindow"
	}
}

// completeExtras fills in what belongs to Query Insights, poolers and deny periods.
func completeExtras(s *sqladmin.Settings, was *sqladmin.DatabaseInstance) {
	if i := s.InsightsConfig; i != nil && i.QueryInsightsEnabled {
		if i.QueryStringLength == 0 {
			i.QueryStringLength = 1024
		}
		on := was != nil && was.Settings.InsightsConfig != nil && was.Settings.InsightsConfig.QueryInsightsEnabled
		if !on && i.QueryPlansPerMinute == 0 { // later, zero is what was asked for
			i.QueryPlansPerMinute = 5
		}
	}
	if p := s.ConnectionPoolConfig; p != nil {
		p.PoolerCount = poolers(s.Tier)
	}
	for _, p := range s.DenyMaintenancePeriods {
		fill(&p.Time, "00:00:00")
	}
}

func completeNetwork(s *sqladmin.Settings) {
	if s.IpConfiguration == nil {
		s.IpConfiguration = &sqladmin.IpConfiguration{Ipv4Enabled: true}
	}
	ip := s.IpConfiguration
	if ip.SslMode == "" {
		ip.SslMode = "ALLOW_UNENCRYPTED_AND_ENCRYPTED"
		if ip.RequireSsl {
			ip.SslMode = "TRUSTED_CLIENT_CERTIFICATE_REQUIRED"
		}
	}
	ip.RequireSsl = ip.SslMode == "TRUSTED_CLIENT_CERTIFICATE_REQUIRED"
	fill(&ip.ServerCaMode, "GOOGLE_MANAGED_INTERNAL_CA")
	for _, n := range ip.AuthorizedNetworks {
		n.Kind = "sql#aclEntry"
	}
}

func completeBackups(s *sqladmin.Settings, was *sqladmin.DatabaseInstance) {
	if s.BackupConfiguration == nil {
		s.BackupConfiguration = &sqladmin.BackupConfiguration{}
	}
	b := s.BackupConfiguration
	b.Kind = "sql#backupConfiguration"
	start := "04:00"
	if was != nil {
		start = was.Settings.BackupConfiguration.StartTime
	}
	fill(&b.StartTime, start)
	fill(&b.BackupTier, "STANDARD")
	days, kept := int64(7), int64(7)
	if s.Edition == plus {
		days, kept = 14, 15
	}
	if b.TransactionLogRetentionDays == 0 {
		b.TransactionLogRetentionDays = days
	}
	if b.BackupRetentionSettings == nil {
		b.BackupRetentionSettings = &sqladmin.BackupRetentionSettings{RetainedBackups: max(kept, b.TransactionLogRetentionDays)}
	}
	if b.BackupRetentionSettings.RetainedBackups == 0 {
		b.BackupRetentionSettings.RetainedBackups = max(kept, b.TransactionLogRetentionDays)
	}
	fill(&b.BackupRetentionSettings.RetentionUnit, "COUNT")
	b.ReplicationLogArchivingEnabled = b.PointInTimeRecoveryEnabled
	if b.PointInTimeRecoveryEnabled {
		b.TransactionalLogStorageState = "CLOUD_STORAGE"
	} else {
		b.TransactionalLogStorageState = ""
	}
}

func fill(field *string, value string) {
	if *field == "" {
		*field = value
	}
}

func defaultEdition(major int) string {
	if major >= 16 {
		return plus
	}
	return enterprise
}

func hash(s string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(s)) // never fails
	return h.Sum64()
}

// forceBooleans shows the false ones that Google shows.
func forceBooleans(s *sqladmin.Settings) {
	s.ForceSendFields = []string{"StorageAutoResizeLimit", "DeletionProtectionEnabled"}
	s.BackupConfiguration.ForceSendFields = []string{"Enabled"}
	s.IpConfiguration.ForceSendFields = []string{"Ipv4Enabled", "RequireSsl"}
}

// archives tells whether an instance keeps its WAL for point-in-time recovery.
func archives(d *sqladmin.DatabaseInstance) bool {
	return d.Settings.BackupConfiguration.PointInTimeRecoveryEnabled
}

// specOf translates an instance for the engine.
func specOf(d *sqladmin.DatabaseInstance, flags catalogue) engine.Spec {
	s := d.Settings
	spec := engine.Spec{
		Params:  map[string]string{"max_connections": strconv.Itoa(defaultConnections(s.Tier))},
		SSL:     engine.SSLOptional,
		Standby: s.AvailabilityType == regional,
		Archive: archives(d),
	}
	switch s.IpConfiguration.SslMode {
	case "ENCRYPTED_ONLY":
		spec.SSL = engine.SSLRequired
	case "TRUSTED_CLIENT_CERTIFICATE_REQUIRED":
		spec.SSL = engine.SSLClientCert
	}
	maps.Copy(spec.Params, flags.params(s.DatabaseFlags))
	return spec
}

func sameSpec(a, b engine.Spec) bool { return reflect.DeepEqual(a, b) }

// zonesOf are a region's zones; most regions have a, b and c.
func zonesOf(region string) []string {
	letters := "abc"
	switch region {
	case "us-central1":
		letters = "abcf"
	case "us-east1", "europe-west1":
		letters = "bcd"
	}
	var zones []string
	for _, l := range letters {
		zones = append(zones, region+"-"+string(l))
	}
	return zones
}

// chooseZones gives the engine's two nodes a zone each: those asked for, else two different ones.
func chooseZones(d *sqladmin.DatabaseInstance) map[string]string {
	all := zonesOf(d.Region)
	n := int(hash(d.Name) % uint64(len(all))) // #nosec G115 -- small
	first, second := all[n], ""
	if p := d.Settings.LocationPreference; p != nil {
		if p.Zone != "" {
			first = p.Zone
		}
		second = p.SecondaryZone
	}
	for k := 1; second == "" || second == first; k++ {
		second = all[(n+k)%len(all)]
	}
	return map[string]string{"a": first, "b": second}
}

// moveZones follows a change of the preferred zones. A preference that has not changed moves nothing,
// so that an instance stays where a failover brought it.
func moveZones(i *instance, want, was *sqladmin.DatabaseInstance) map[string]string {
	zones := maps.Clone(i.Zones)
	p, q := want.Settings.LocationPreference, was.Settings.LocationPreference
	if p.Zone == q.Zone && p.SecondaryZone == q.SecondaryZone {
		return zones
	}
	chosen := chooseZones(want)
	primary := i.primary()
	zones[primary], zones[otherNode(primary)] = chosen["a"], chosen["b"]
	return zones
}
