package provider

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// fakeCloudSQL answers what a policy asks of Cloud SQL, for tests of the provider that need no database. What it refuses
// everything with, when set, is an HTTP status. The acceptance tests run against the local cloud instead.
type fakeCloudSQL struct {
	mu        sync.Mutex
	refuse    int
	failAfter bool                      // operations do what they are for, and then say that they failed
	instances map[string]map[string]any // project/name → instance
	stop      func()                    // nobody answers any more
	calls     []string
}

func newFakeCloudSQL(t *testing.T) (*fakeCloudSQL, string) {
	t.Helper()
	f := &fakeCloudSQL{instances: map[string]map[string]any{}}
	f.add("platform", nil)
	srv := httptest.NewServer(f)
	t.Cleanup(srv.Close)
	f.stop = srv.Close
	return f, srv.URL + "/"
}

// add makes an instance; more overrides fields of it, and "settings" is merged.
func (f *fakeCloudSQL) add(name string, more map[string]any) {
	const project = "feel-august-platform"
	settings := map[string]any{
		"settingsVersion": "1", "tier": "db-custom-2-7680", "edition": "ENTERPRISE", "availabilityType": "ZONAL",
		"backupConfiguration": map[string]any{"enabled": false, "startTime": "03:00"},
	}
	instance := map[string]any{
		"name": name, "project": project, "region": "us-central1", "databaseVersion": "POSTGRES_15", "state": "RUNNABLE",
		"instanceType": "CLOUD_SQL_INSTANCE", "connectionName": project + ":us-central1:" + name,
		"gceZone": "us-central1-a", "ipAddresses": []any{map[string]any{"type": "PRIMARY", "ipAddress": "192.0.2.7"}},
	}
	for field, value := range more {
		if field == "settings" {
			maps.Copy(settings, value.(map[string]any))
			continue
		}
		instance[field] = value
	}
	instance["settings"] = settings
	f.mu.Lock()
	defer f.mu.Unlock()
	f.instances[project+"/"+name] = instance
}

func (f *fakeCloudSQL) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, r.Method+" "+r.URL.Path)
	path := strings.TrimPrefix(r.URL.Path, "/v1/")
	if f.refuse != 0 {
		f.fail(w, f.refuse, "refused")
		return
	}
	if path == "flags" {
		_ = json.NewEncoder(w).Encode(map[string]any{"items": []any{
			map[string]any{"name": "log_lock_waits", "type": "BOOLEAN"},
			map[string]any{"name": "max_connections", "type": "INTEGER", "minValue": "14", "maxValue": "262143", "requiresRestart": true},
			map[string]any{"name": "log_statement", "type": "STRING", "allowedStringValues": []string{"none", "ddl", "mod", "all"}},
		}})
		return
	}
	var project, kind, name string
	if parts := strings.Split(path, "/"); len(parts) == 4 {
		project, kind, name = parts[1], parts[2], parts[3]
	}
	if kind == "operations" {
		operation := map[string]any{"name": name, "status": "DONE"}
		if f.failAfter {
			operation["error"] = map[string]any{"errors": []any{map[string]any{"code": "RESTART_FAILED", "message": "it did not come back in time"}}}
		}
		_ = json.NewEncoder(w).Encode(operation)
		return
	}
	instance, ok := f.instances[project+"/"+name]
	if !ok {
		f.fail(w, http.StatusNotFound, "instanceDoesNotExist")
		return
	}
	if r.Method == http.MethodPatch {
		var change struct{ Settings map[string]any }
		_ = json.NewDecoder(r.Body).Decode(&change)
		settings := instance["settings"].(map[string]any)
		maps.Copy(settings, change.Settings)
		if settings["availabilityType"] == "REGIONAL" {
			instance["secondaryGceZone"] = "us-central1-b"
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"name": "op-1", "status": "PENDING"})
		return
	}
	_ = json.NewEncoder(w).Encode(instance)
}

func (*fakeCloudSQL) fail(w http.ResponseWriter, code int, reason string) {
	w.WriteHeader(code)
	_, _ = fmt.Fprintf(w, `{"error":{"code":%d,"message":"%s","errors":[{"reason":"%[2]s"}]}}`, code, reason)
}
