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

func denied(s *sqladmin.Settings) {
	s.DenyMaintenancePeriods = []*sqladmin.DenyMaintenancePeriod{{StartDate: "12-15", EndDate: "01-10"}}
}

func insightful(s *sqladmin.Settings) {
	s.InsightsConfig = &sqladmin.InsightsConfig{QueryInsightsEnabled: true, QueryPlansPerMinute: 7, QueryStringLength: 2000, RecordApplicationTags: true}
}

func pooled(s *sqladmin.Settings) {
	s.ConnectionPoolConfig = &sqladmin.ConnectionPoolConfig{
		ConnectionPoolingEnabled: true, Flags: []*sqladmin.ConnectionPoolFlags{{Name: "max_pool_size", Value: "9"}},
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
		"a deny period": {
			policy: func(p *Policy) { p.DenyPeriod = &DenyPeriod{"12-15", "01-10", "00:00:00"} },
			want:   `{"denyMaintenancePeriods":[{"endDate":"01-10","startDate":"12-15","time":"00:00:00"}]}`,
		},
		"a deny period that is there, its time left out": {
			policy: func(p *Policy) { p.DenyPeriod = &DenyPeriod{"12-15", "01-10", "00:00:00"} },
			live:   denied,
		},
		"a deny period that ends": {
			policy: func(p *Policy) { p.DropDenyPeriod = true },
			live:   denied,
			want:   `{"denyMaintenancePeriods":[]}`,
		},
		"a deny period that is there, its digits left out": {
			policy: func(p *Policy) { p.DenyPeriod = &DenyPeriod{"2026-12-05", "2027-01-01", "00:00:00"} },
			live: func(s *sqladmin.Settings) {
				s.DenyMaintenancePeriods = []*sqladmin.DenyMaintenancePeriod{{StartDate: "2026-12-5", EndDate: "2027-1-1", Time: "00:00:00"}}
			},
		},
		"somebody else's deny period": {live: denied},
		"no deny period to end":       {policy: func(p *Policy) { p.DropDenyPeriod = true }},
		"insights on": {
			policy: func(p *Policy) {
				p.Insights = &Insights{Enabled: true, PlansPerMinute: new(int64(0)), QueryLength: new(int64(1024)), ApplicationTags: true}
			},
			want: `{"insightsConfig":{"queryInsightsEnabled":true,"queryPlansPerMinute":0,"queryStringLength":1024,"recordApplicationTags":true,"recordClientAddress":false}}`,
		},
		"insights in line, the rest theirs": {
			policy: func(p *Policy) { p.Insights = &Insights{Enabled: true, ApplicationTags: true} },
			live:   insightful,
		},
		"insights that record too much": {
			policy: func(p *Policy) { p.Insights = &Insights{Enabled: true} },
			live:   insightful,
			want:   `{"insightsConfig":{"queryInsightsEnabled":true,"recordApplicationTags":false,"recordClientAddress":false}}`,
		},
		"insights off": {
			policy: func(p *Policy) { p.Insights = &Insights{} },
			live:   insightful,
			want:   `{"insightsConfig":{"queryInsightsEnabled":false}}`,
		},
		"insights off already": {policy: func(p *Policy) { p.Insights = &Insights{PlansPerMinute: new(int64(9))} }},
		"pooling on": {
			policy: func(p *Policy) {
				p.Pooling = &Pooling{Enabled: true, Flags: map[string]string{"pool_mode": "session", "max_pool_size": "9"}}
			},
			want: `{"connectionPoolConfig":{"connectionPoolingEnabled":true,"flags":[{"name":"max_pool_size","value":"9"},{"name":"pool_mode","value":"session"}]}}`,
		},
		"pooling in line":                   {policy: func(p *Policy) { p.Pooling = &Pooling{Enabled: true, Flags: map[string]string{"max_pool_size": "9"}} }, live: pooled},
		"pooling in line, the flags theirs": {policy: func(p *Policy) { p.Pooling = &Pooling{Enabled: true} }, live: pooled},
		"pooling without flags": {
			policy: func(p *Policy) { p.Pooling = &Pooling{Enabled: true, Flags: map[string]string{}} },
			live:   pooled,
			want:   `{"connectionPoolConfig":{"connectionPoolingEnabled":true,"flags":[]}}`,
		},
		"pooling off": {
			policy: func(p *Policy) { p.Pooling = &Pooling{Flags: map[string]string{"max_pool_size": "9"}} },
			live:   pooled,
			want:   `{"connectionPoolConfig":{"connectionPoolingEnabled":false}}`,
		},
		"pooling off already": {policy: func(p *Policy) { p.Pooling = &Pooling{} }},
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
