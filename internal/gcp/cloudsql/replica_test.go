package cloudsql

import (
	"encoding/json"
	"testing"

	"google.golang.org/api/sqladmin/v1"
)

func flagList(pairs ...string) []*sqladmin.DatabaseFlags {
	var list []*sqladmin.DatabaseFlags
	for n := 0; n < len(pairs); n += 2 {
		list = append(list, &sqladmin.DatabaseFlags{Name: pairs[n], Value: pairs[n+1]})
	}
	return list
}

func TestReplicaSettings(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		replica Replica
		live    *sqladmin.Settings
		primary []*sqladmin.DatabaseFlags
		want    string // the change as it travels; empty: none
	}{
		"in line":                  {Replica{}, &sqladmin.Settings{}, nil, ""},
		"as many connections":      {Replica{}, &sqladmin.Settings{DatabaseFlags: flagList("max_connections", "200")}, flagList("max_connections", "200"), ""},
		"more connections":         {Replica{}, &sqladmin.Settings{DatabaseFlags: flagList("max_connections", "300")}, flagList("max_connections", "200"), ""},
		"fewer connections":        {Replica{}, &sqladmin.Settings{DatabaseFlags: flagList("max_connections", "100", "work_mem", "9")}, flagList("max_connections", "200"), `{"databaseFlags":[{"name":"max_connections","value":"200"},{"name":"work_mem","value":"9"}]}`},
		"not told how many":        {Replica{}, &sqladmin.Settings{}, flagList("max_worker_processes", "16"), `{"databaseFlags":[{"name":"max_worker_processes","value":"16"}]}`},
		"not the policy's":         {Replica{}, &sqladmin.Settings{}, flagList("log_statement", "ddl"), ""},
		"the policy's":             {Replica{Flags: map[string]string{"log_statement": "ddl"}}, &sqladmin.Settings{}, flagList("log_statement", "ddl"), `{"databaseFlags":[{"name":"log_statement","value":"ddl"}]}`},
		"the policy's, lower here": {Replica{Flags: map[string]string{"max_connections": "100"}}, &sqladmin.Settings{DatabaseFlags: flagList("max_connections", "300")}, flagList("max_connections", "100"), ""},
		"taken back":               {Replica{ResetFlags: []string{"log_statement", "max_connections"}}, &sqladmin.Settings{DatabaseFlags: flagList("log_statement", "ddl", "max_connections", "300")}, nil, `{"databaseFlags":[{"name":"max_connections","value":"300"}]}`},
		"unprotected":              {Replica{DeletionProtection: true}, &sqladmin.Settings{}, nil, `{"deletionProtectionEnabled":true}`},
		"protected":                {Replica{}, &sqladmin.Settings{DeletionProtectionEnabled: true}, nil, `{"deletionProtectionEnabled":false}`},
		"another machine":          {Replica{Tier: "db-custom-4-15360"}, &sqladmin.Settings{Tier: "db-custom-2-7680"}, nil, `{"tier":"db-custom-4-15360"}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := ""
			if change := c.replica.Settings(c.live, c.primary); change != nil {
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

func TestReplicaInstance_isLikeItsPrimary(t *testing.T) {
	t.Parallel()
	primary := &sqladmin.DatabaseInstance{
		Name: "platform", Project: "p", Region: "us-central1", DatabaseVersion: "POSTGRES_15",
		Settings: &sqladmin.Settings{
			Tier: "db-custom-2-7680", Edition: "ENTERPRISE", AvailabilityType: Regional, DataDiskSizeGb: 50, DataDiskType: "PD_SSD",
			DatabaseFlags:       flagList("max_connections", "200"),
			BackupConfiguration: &sqladmin.BackupConfiguration{Enabled: true},
			IpConfiguration:     &sqladmin.IpConfiguration{PrivateNetwork: "projects/p/global/networks/n", SslMode: "ENCRYPTED_ONLY", AllocatedIpRange: "here-only"},
			UserLabels:          map[string]string{"data_class": "phi"},
		},
	}
	made := Replica{Name: "platform-dr", Region: "us-east1", KMSKey: "k", DeletionProtection: true}.Instance(primary)
	b, err := json.Marshal(made)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"databaseVersion":"POSTGRES_15","diskEncryptionConfiguration":{"kmsKeyName":"k"},"instanceType":"READ_REPLICA_INSTANCE",` +
		`"masterInstanceName":"platform","name":"platform-dr","region":"us-east1","settings":{"activationPolicy":"ALWAYS","availabilityType":"ZONAL",` +
		`"dataDiskSizeGb":"50","dataDiskType":"PD_SSD","databaseFlags":[{"name":"max_connections","value":"200"}],"deletionProtectionEnabled":true,` +
		`"edition":"ENTERPRISE","ipConfiguration":{"ipv4Enabled":false,"privateNetwork":"projects/p/global/networks/n","sslMode":"ENCRYPTED_ONLY"},` +
		`"tier":"db-custom-2-7680","userLabels":{"data_class":"phi"}}}`
	if string(b) != want {
		t.Errorf("got  %s\nwant %s", b, want)
	}
}

func TestTierMemory(t *testing.T) {
	t.Parallel()
	for tier, want := range map[string]int64{
		"db-f1-micro": 614, "db-custom-2-7680": 7680, "db-perf-optimized-N-4": 32768, "db-c4a-highmem-2": 16384,
		"db-custom-99999999999999999999-99999999999999999999": 0, "db-unheard-of": 0, "": 0,
	} {
		if got := TierMemory(tier); got != want {
			t.Errorf("%s: %d, want %d", tier, got, want)
		}
	}
}
