package drill

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

	"google.golang.org/api/option"

	"github.com/feel-august/terraform-provider-august/internal/gcp/cloudsql"
	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
)

const (
	project    = "feel-august-platform"
	connection = project + ":us-central1:platform"
)

// world is a Cloud SQL instance with a runtime on it, both behind their real protocols, and what can go wrong with them.
type world struct {
	t    *testing.T
	mu   sync.Mutex
	news *sync.Cond // a row was committed, or a stream has ended

	// What goes wrong.
	outage     time.Duration // of a failover
	lose       int           // so many of the latest rows at a failover
	opError    string        // every operation ends with it
	stayPut    bool          // a failover that moves nothing
	noStandby  bool          // after a failover
	busy       string        // an operation of this type is running
	taken      bool          // the failover is refused because somebody was first
	breakEvery int           // a stream ends after so many rows
	noProbes   bool          // a runtime that knows of none
	infoSays   string        // instance of the runtime
	lag        time.Duration // of what can be recovered to
	noHistory  bool          // nothing before now can be recovered to
	wrong      func(*clone)  // what is wrong with a clone
	direct     bool          // the runtime has no connector
	moving     bool          // one table changes all the time

	instance  map[string]any
	rows      map[string]map[int64]time.Time // probe → row → its time
	tried     map[int64]int
	streams   map[string]int // probe → those that have not noticed their end
	down      time.Time      // until when the database is away
	clones    map[string]*clone
	endpoints struct{ sql, runtime string }
	changes   int64
}

type clone struct {
	rows      map[int64]time.Time
	tables    []runtimeapi.TableDigest
	protected bool
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{
		t: t, infoSays: connection, rows: map[string]map[int64]time.Time{}, tried: map[int64]int{}, streams: map[string]int{}, clones: map[string]*clone{},
		instance: map[string]any{
			"name": "platform", "project": project, "region": "us-central1", "databaseVersion": "POSTGRES_15", "state": "RUNNABLE",
			"connectionName": connection, "gceZone": "us-central1-a", "ipAddresses": []any{map[string]any{"type": "PRIMARY", "ipAddress": "127.0.0.9"}},
			"secondaryGceZone": "us-central1-b",
			"settings": map[string]any{
				"settingsVersion": "7", "availabilityType": "REGIONAL",
				"backupConfiguration": map[string]any{"enabled": true, "pointInTimeRecoveryEnabled": true},
			},
		},
	}
	w.news = sync.NewCond(&w.mu)
	sql, runtime := httptest.NewServer(http.HandlerFunc(w.sql)), httptest.NewServer(http.HandlerFunc(w.runtime))
	t.Cleanup(sql.Close)
	t.Cleanup(runtime.Close)
	w.endpoints.sql, w.endpoints.runtime = sql.URL+"/", runtime.URL
	return w
}

// drill is one that is quick.
func (w *world) drill(kind Kind) Drill {
	w.t.Helper()
	sql, err := cloudsql.New(w.t.Context(), option.WithEndpoint(w.endpoints.sql), option.WithoutAuthentication())
	if err != nil {
		w.t.Fatal(err)
	}
	sql.Every, sql.ReadBudget = 8*time.Millisecond, time.Millisecond
	return Drill{
		Kind: kind, Project: project, Instance: "platform", SQL: sql, Runtime: runtimeapi.NewClient(w.endpoints.runtime, nil, nil),
		MaxRTO: time.Hour, Interval: 5 * time.Millisecond, Owner: "mine",
		Pace: Pace{
			Steady: 40 * time.Millisecond, Calm: 10 * time.Second, Settle: time.Minute, Silence: time.Minute, Pause: 20 * time.Millisecond,
			Look: 5 * time.Millisecond, Return: 200 * time.Millisecond, CleanUp: time.Minute,
		},
	}
}

// clean fails when anything is left of a drill.
func (w *world) clean() {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for probe, rows := range w.rows {
		w.t.Errorf("%d rows of the probe %s are left", len(rows), probe)
	}
	for name := range w.clones {
		w.t.Errorf("the clone %s is left", name)
	}
	for number, times := range w.tried {
		if times > 1 {
			w.t.Errorf("row %d was tried %d times", number, times)
		}
	}
}

func (w *world) sql(out http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	answer := func(v any) { _ = json.NewEncoder(out).Encode(v) }
	fail := func(code int, reason string) {
		out.WriteHeader(code)
		_, _ = fmt.Fprintf(out, `{"error":{"code":%d,"message":"%s","errors":[{"reason":"%[2]s"}]}}`, code, reason)
	}
	begun := func(kind string) {
		answer(map[string]any{"name": "op-" + kind, "operationType": kind, "status": "PENDING"})
	}
	path := strings.Split(strings.TrimPrefix(r.URL.Path, "/v1/projects/"+project+"/"), "/")
	var name, verb string
	if len(path) > 1 {
		name = path[1]
	}
	if len(path) > 2 {
		verb = path[2]
	}
	switch {
	case path[0] == "operations" && name == "":
		items := []any{map[string]any{"name": "old", "operationType": "UPDATE", "status": "DONE"}}
		if w.busy != "" {
			items = append(items, map[string]any{"name": "now", "operationType": w.busy, "status": "RUNNING", "insertTime": "2026-11-25T10:00:00Z"})
		}
		answer(map[string]any{"items": items})
	case path[0] == "operations":
		op := map[string]any{"name": name, "operationType": strings.TrimPrefix(name, "op-"), "status": "DONE"}
		if w.opError != "" && name != "op-DELETE" {
			op["error"] = map[string]any{"errors": []any{map[string]any{"code": "WENT_WRONG", "message": w.opError}}}
		}
		answer(op)
	case name == "":
		items := []any{w.instance}
		for _, name := range slices.Sorted(maps.Keys(w.clones)) {
			items = append(items, w.show(name))
		}
		answer(map[string]any{"items": items})
	case name != "platform" && w.clones[name] == nil:
		fail(http.StatusNotFound, "instanceDoesNotExist")
	case verb == "failover" && w.taken:
		fail(http.StatusConflict, "operationInProgress")
	case verb == "failover":
		var asked struct {
			FailoverContext struct {
				SettingsVersion int64 `json:",string"`
			}
		}
		_ = json.NewDecoder(r.Body).Decode(&asked)
		if asked.FailoverContext.SettingsVersion != 7 {
			fail(http.StatusPreconditionFailed, "staleData")
			return
		}
		w.failOver()
		begun("FAILOVER")
	case verb == "getLatestRecoveryTime":
		window := map[string]any{"earliestRecoveryTime": time.Now().Add(-24 * time.Hour), "latestRecoveryTime": time.Now().Add(-w.lag)}
		if w.noHistory {
			window["earliestRecoveryTime"] = time.Now().Add(time.Hour)
		}
		answer(window)
	case verb == "clone":
		var asked struct {
			CloneContext struct {
				DestinationInstanceName string
				PointInTime             time.Time
			}
		}
		_ = json.NewDecoder(r.Body).Decode(&asked)
		w.cloneTo(asked.CloneContext.DestinationInstanceName, asked.CloneContext.PointInTime)
		begun("CLONE")
	case r.Method == http.MethodPatch:
		w.clones[name].protected = false
		begun("UPDATE")
	case r.Method == http.MethodDelete && (name == "platform" || w.clones[name].protected):
		fail(http.StatusBadRequest, "deletionProtected")
	case r.Method == http.MethodDelete:
		delete(w.clones, name)
		begun("DELETE")
	default:
		answer(w.show(name))
	}
}

func (w *world) show(name string) any {
	if name == "platform" {
		return w.instance
	}
	settings := maps.Clone(w.instance["settings"].(map[string]any))
	settings["deletionProtectionEnabled"] = w.clones[name].protected
	shown := maps.Clone(w.instance)
	shown["name"], shown["connectionName"], shown["settings"] = name, project+":us-central1:"+name, settings
	return shown
}

func (w *world) failOver() {
	for _, rows := range w.rows {
		for len(rows) <= w.lose { // one row stays, however slow they come
			w.news.Wait()
		}
	}
	w.down = time.Now().Add(w.outage)
	for _, rows := range w.rows {
		numbers := slices.Sorted(maps.Keys(rows))
		for _, n := range numbers[max(0, len(numbers)-w.lose):] {
			delete(rows, n)
		}
	}
	if !w.stayPut {
		w.instance["gceZone"], w.instance["secondaryGceZone"] = w.instance["secondaryGceZone"], w.instance["gceZone"]
	}
	if w.noStandby {
		delete(w.instance, "secondaryGceZone")
	}
}

func (w *world) cloneTo(name string, at time.Time) {
	c := &clone{rows: map[int64]time.Time{}, tables: w.tables(), protected: true}
	for _, rows := range w.rows {
		maps.Copy(c.rows, rows)
	}
	maps.DeleteFunc(c.rows, func(_ int64, clock time.Time) bool { return clock.After(at) })
	if w.wrong != nil {
		w.wrong(c)
	}
	w.clones[name] = c
}

func (w *world) tables() []runtimeapi.TableDigest {
	if w.moving {
		w.changes++
	}
	return []runtimeapi.TableDigest{
		{Table: "billing.claim", Rows: 10, Hash: "claims"}, {Table: "drchrono.appointment", Rows: w.changes, Hash: fmt.Sprint(w.changes)},
	}
}

func (w *world) runtime(out http.ResponseWriter, r *http.Request) {
	id, verify := strings.CutSuffix(strings.TrimPrefix(r.URL.Path, runtimeapi.PathProbes+"/"), runtimeapi.VerbVerify)
	fail := func(code int, kind, field string) {
		out.WriteHeader(code)
		_ = json.NewEncoder(out).Encode(map[string]any{"error": runtimeapi.Error{Code: kind, Field: field, Message: "refused"}})
	}
	switch {
	case r.URL.Path == runtimeapi.PathInfo:
		_ = json.NewEncoder(out).Encode(runtimeapi.Info{Instance: w.infoSays})
	case w.noProbes:
		fail(http.StatusNotFound, runtimeapi.CodeNotFound, "")
	case r.URL.Path == runtimeapi.PathProbes:
		w.stream(out, r)
	case verify:
		var asked runtimeapi.VerifyRequest
		_ = json.NewDecoder(r.Body).Decode(&asked)
		w.mu.Lock()
		defer w.mu.Unlock()
		if time.Now().Before(w.down) {
			fail(http.StatusServiceUnavailable, runtimeapi.CodeUnavailable, "")
			return
		}
		rows, tables := w.rows[id], w.tables()
		if asked.Target != nil && (asked.Target.Address != "") != w.direct {
			fail(http.StatusBadRequest, runtimeapi.CodeInvalid, "target.address")
			return
		}
		if asked.Target != nil {
			c := w.clones[strings.TrimPrefix(asked.Target.Instance, project+":us-central1:")]
			rows, tables = c.rows, c.tables
		}
		_ = json.NewEncoder(out).Encode(verified(asked, rows, tables))
	case r.Method == http.MethodDelete:
		w.mu.Lock()
		defer w.mu.Unlock()
		for w.streams[id] > 0 { // the attempt that it was at is finished, whenever that is
			w.news.Wait()
		}
		delete(w.rows, id)
		out.WriteHeader(http.StatusNoContent)
	}
}

func verified(asked runtimeapi.VerifyRequest, rows map[int64]time.Time, tables []runtimeapi.TableDigest) runtimeapi.VerifyResult {
	found := runtimeapi.VerifyResult{Present: int64(len(rows)), Clock: time.Now()}
	for n := range rows {
		found.Highest = max(found.Highest, n)
	}
	for _, part := range asked.Acknowledged {
		for n := part.First; n <= part.Last; n++ {
			if _, there := rows[n]; there {
				continue
			}
			if found.Missing++; found.FirstMissing == 0 {
				found.FirstMissing = n
			}
			found.LastMissing = n
		}
	}
	for _, table := range tables {
		if slices.Contains(asked.Digest, "*") || slices.Contains(asked.Digest, table.Table) {
			found.Tables = append(found.Tables, table)
		}
	}
	return found
}

func (w *world) stream(out http.ResponseWriter, r *http.Request) {
	var asked runtimeapi.ProbeRequest
	_ = json.NewDecoder(r.Body).Decode(&asked)
	w.mu.Lock()
	w.streams[asked.ID]++
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.streams[asked.ID]--
		w.news.Broadcast()
	}()
	lines := json.NewEncoder(out)
	for n := asked.First; ; n++ {
		w.mu.Lock()
		if r.Context().Err() != nil { // hung up: no row is committed any more
			w.mu.Unlock()
			return
		}
		event := runtimeapi.ProbeEvent{Number: n, At: time.Now(), Clock: time.Now()}
		w.tried[n]++
		if time.Now().Before(w.down) {
			event.Error = "the database is away"
		} else {
			if w.rows[asked.ID] == nil {
				w.rows[asked.ID] = map[int64]time.Time{}
			}
			w.rows[asked.ID][n] = event.Clock
			w.news.Broadcast()
		}
		broken := w.breakEvery > 0 && n-asked.First+1 >= int64(w.breakEvery)
		w.mu.Unlock()
		if lines.Encode(event) != nil {
			return
		}
		_ = http.NewResponseController(out).Flush()
		if broken {
			return
		}
		time.Sleep(time.Duration(asked.EveryMS) * time.Millisecond)
	}
}
