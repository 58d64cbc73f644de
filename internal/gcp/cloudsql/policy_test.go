package cloudsql

import (
	"encoding/json"
	"testing"

	"google.golang.org/api/sqladmin/v1"
)

func hardened() *sqladmin.Settings {
	return &sqladmin.Settings{
		AvailabilityType: Regional,
		BackupConfiguration: &sqladmin.BackupConfiguration{
			Enabled: true, PointInTimeRecoveryEnabled: true, TransactionLogRetentionDays: 7, StartTime: "07:00", Location: "us",
			BackupRetentionSettings: &sqladmin.BackupRetentionSettings{RetainedBackups: 30, RetentionUnit: "COUNT"},
		},
		MaintenanceWindow: &sqladmin.MaintenanceWindow{Day: 7, Hour: 8, UpdateTrack: "week5"},
		DatabaseFlags: []*sqladmin.DatabaseFlags{
			{Name: "theirs", Value: "1"}, {Name: "ours", Value: "on"},
		},
		DeletionProtectionEnabled: true,
		UserLabels:                map[string]string{"theirs": "too"},
	}
}

func TestPolicySettings(t *testing.T) {
	t.Parallel()
	base := Policy{Availability: Regional, RetentionDays: 7, RetainedBackups: 30, DeletionProtection: true}
	for name, c := range map[string]struct {
		policy func(*Policy)
		live   func(*sqladmin.Settings)
		want   string // the change as it travels; empty: none
	}{
		"in line": {},
		"in line, everything said": {policy: func(p *Policy) {
			p.BackupStart, p.BackupLocation = "07:00", "us"
			p.Window = &Window{7, 8, "week5"}
			p.Flags = map[string]string{"ours": "on"}
		}},
		"a bare instance": {
			live: func(s *sqladmin.Settings) { *s = sqladmin.Settings{AvailabilityType: Zonal} },
			want: `{"availabilityType":"REGIONAL","backupConfiguration":{"backupRetentionSettings":{"retainedBackups":30,"retentionUnit":"COUNT"},` +
				`"enabled":true,"pointInTimeRecoveryEnabled":true,"transactionLogRetentionDays":7},"deletionProtectionEnabled":true}`,
		},
		"the backup's time, its place kept": {
			policy: func(p *Policy) { p.BackupStart = "09:00" },
			want: `{"backupConfiguration":{"backupRetentionSettings":{"retainedBackups":30,"retentionUnit":"COUNT"},"enabled":true,` +
				`"location":"us","pointInTimeRecoveryEnabled":true,"startTime":"09:00","transactionLogRetentionDays":7}}`,
		},
		"midnight": {
			policy: func(p *Policy) { p.Window = &Window{1, 0, "stable"} },
			want:   `{"maintenanceWindow":{"day":1,"hour":0,"updateTrack":"stable"}}`,
		},
		"the track that the API leaves out": {
			policy: func(p *Policy) { p.Window = &Window{7, 8, "stable"} },
			live:   func(s *sqladmin.Settings) { s.MaintenanceWindow.UpdateTrack = "" },
		},
		"a flag that drifted, others kept": {
			policy: func(p *Policy) { p.Flags = map[string]string{"ours": "off"} },
			want:   `{"databaseFlags":[{"name":"ours","value":"off"},{"name":"theirs","value":"1"}]}`,
		},
		"a flag that is new": {
			policy: func(p *Policy) { p.Flags = map[string]string{"also_ours": ""} },
			want:   `{"databaseFlags":[{"name":"also_ours","value":""},{"name":"ours","value":"on"},{"name":"theirs","value":"1"}]}`,
		},
		"a flag taken back": {
			policy: func(p *Policy) { p.ResetFlags = []string{"ours"} },
			want:   `{"databaseFlags":[{"name":"theirs","value":"1"}]}`,
		},
		"the last flag taken back": {
			policy: func(p *Policy) { p.ResetFlags = []string{"ours", "theirs"} },
			want:   `{"databaseFlags":[]}`,
		},
		"a flag taken back that is not there": {
			policy: func(p *Policy) { p.ResetFlags = []string{"gone"} },
		},
		"protection off": {
			policy: func(p *Policy) { p.DeletionProtection = false },
			want:   `{"deletionProtectionEnabled":false}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			policy, live := base, hardened()
			if c.policy != nil {
				c.policy(&policy)
			}
			if c.live != nil {
				c.live(live)
			}
			got := ""
			if change := policy.Settings(live); change != nil {
				b, err := json.Marshal(change)
				if err != nil {
					t.Fatal(err)
				}
				got = string(b)
			}
			if got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}
