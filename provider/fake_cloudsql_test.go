package provider

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// fakeCloudSQL answers what a policy asks of Cloud SQL, for tests of the provider that need no database. What it refuses
// everything with, when set, is an HTTP status. The acceptance tests run against the local cloud instead.
type fakeCloudSQL struct {
	mu         sync.Mutex
	refuse     int
	failAfter  bool                      // operations do what they are for, and then say that they failed
	instances  map[string]map[string]any // project/name → instance
	stop       func()                    // nobody answers any more
	calls      []string
	asked      int
	noReplicas bool
	backups    []any
	lag        map[string]float64 // of replicas, by name
	blind      bool               // nobody may read metrics
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
	if strings.HasSuffix(path, "/timeSeries") {
		f.measure(w)
		return
	}
	if f.refuse != 0 {
		f.fail(w, f.refuse, "refused")
		return
	}
	if path == "flags" && r.FormValue("flagScope") != "" {
		_ = json.NewEncoder(w).Encode(map[string]any{"items": []any{
			map[string]any{"name": "max_pool_size", "type": "INTEGER", "minValue": "1", "maxValue": "1000"},
			map[string]any{"name": "pool_mode", "type": "STRING", "allowedStringValues": []string{"session", "transaction"}},
		}})
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
	if parts := strings.Split(path, "/"); len(parts) == 5 {
		f.aside(w, parts[1]+"/"+parts[3], parts[4])
		return
	}
	if r.Method == http.MethodPost && strings.HasSuffix(path, "/instances") {
		f.insert(w, r, strings.Split(path, "/")[1])
		return
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
		var change struct {
			Settings           map[string]any
			ReplicationCluster map[string]any
		}
		_ = json.NewDecoder(r.Body).Decode(&change)
		f.calls[len(f.calls)-1] += fmt.Sprint(" ", slices.Sorted(maps.Keys(change.Settings)))
		if change.ReplicationCluster != nil {
			instance["replicationCluster"] = change.ReplicationCluster
		}
		settings := instance["settings"].(map[string]any)
		maps.Copy(settings, change.Settings)
		if settings["availabilityType"] == "REGIONAL" {
			instance["secondaryGceZone"] = "us-central1-b"
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"name": "op-1", "status": "PENDING"})
		return
	}
	_ = json.NewEncoder(w).Encode(instance)
	if instance["state"] == "PENDING_CREATE" {
		if f.asked++; f.asked > 8 {
			instance["state"] = "RUNNABLE"
		}
	}
}

// measure answers as Cloud Monitoring does.
func (f *fakeCloudSQL) measure(w http.ResponseWriter) {
	if f.blind {
		f.fail(w, http.StatusForbidden, "Permission monitoring.timeSeries.list denied")
		return
	}
	series := []any{}
	at := time.Now().UTC().Format(time.RFC3339)
	for name, seconds := range f.lag {
		series = append(series, map[string]any{
			"resource": map[string]any{"type": "cloudsql_database", "labels": map[string]any{"database_id": "feel-august-platform:" + name}},
			"points":   []any{map[string]any{"interval": map[string]any{"endTime": at}, "value": map[string]any{"doubleValue": seconds}}},
		})
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"timeSeries": series})
}

// insert makes a read replica, as the policy does.
func (f *fakeCloudSQL) insert(w http.ResponseWriter, r *http.Request, project string) {
	var made map[string]any
	_ = json.NewDecoder(r.Body).Decode(&made)
	name := made["name"].(string)
	if f.noReplicas {
		f.fail(w, http.StatusForbidden, "quotaExceeded")
		return
	}
	if f.instances[project+"/"+name] != nil {
		f.fail(w, http.StatusConflict, "instanceAlreadyExists")
		return
	}
	primary := made["masterInstanceName"].(string)
	made["project"], made["state"] = project, "RUNNABLE"
	made["masterInstanceName"] = project + ":" + primary
	made["connectionName"] = fmt.Sprintf("%s:%s:%s", project, made["region"], name)
	made["settings"].(map[string]any)["settingsVersion"] = "1"
	f.instances[project+"/"+name] = made
	f.instances[project+"/"+primary]["replicaNames"] = []any{name}
	_ = json.NewEncoder(w).Encode(map[string]any{"name": "op-2", "status": "PENDING"})
}

// aside answers what is asked about an instance.
func (f *fakeCloudSQL) aside(w http.ResponseWriter, instance, what string) {
	if f.instances[instance] == nil {
		f.fail(w, http.StatusNotFound, "instanceDoesNotExist")
		return
	}
	switch what {
	case "getLatestRecoveryTime":
		f.asked++ // time goes by
		_ = json.NewEncoder(w).Encode(map[string]any{
			"earliestRecoveryTime": "2026-11-18T08:00:00Z", "latestRecoveryTime": fmt.Sprintf("2026-11-25T08:00:%02dZ", f.asked%60),
		})
	case "backupRuns":
		_ = json.NewEncoder(w).Encode(map[string]any{"items": f.backups})
	default:
		f.fail(w, http.StatusNotFound, "unknown")
	}
}

// change edits an instance behind the provider's back.
func (f *fakeCloudSQL) change(name string, edit func(instance, settings map[string]any)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	instance := f.instances["feel-august-platform/"+name]
	edit(instance, instance["settings"].(map[string]any))
}

func (f *fakeCloudSQL) remove(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.instances, "feel-august-platform/"+name)
}

// written forgets and returns the writing calls so far.
func (f *fakeCloudSQL) written() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	calls := slices.DeleteFunc(f.calls, func(c string) bool { return strings.HasPrefix(c, "GET ") })
	f.calls = nil
	return calls
}

func (*fakeCloudSQL) fail(w http.ResponseWriter, code int, reason string) {
	w.WriteHeader(code)
	_, _ = fmt.Fprintf(w, `{"error":{"code":%d,"message":"%s","errors":[{"reason":"%[2]s"}]}}`, code, reason)
}
