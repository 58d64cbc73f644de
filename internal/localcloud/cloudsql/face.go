// Package cloudsql is the local cloud's Cloud SQL Admin API, v1 and v1beta4, for PostgreSQL. An
// instance is a real cluster (package engine); this package is the contract around it: resources,
// operations, defaults and refusals as Google has them.
package cloudsql

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"google.golang.org/api/sqladmin/v1"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/cloudsql/engine"
	"github.com/feel-august/terraform-provider-august/internal/localcloud/face"
	"github.com/feel-august/terraform-provider-august/internal/localcloud/gapi"
)

// Options place the face.
type Options struct {
	Dir        string              // state; traversable by the Credential's user
	BinDir     string              // PostgreSQL server programs; other versions are looked for beside it
	Credential *syscall.Credential // who runs PostgreSQL; nil: the caller, who is then not root
	Log        *slog.Logger
}

// Face serves the Cloud SQL Admin API.
type Face struct {
	opt     Options
	major   int    // version of the programs in BinDir
	version string // the same in full: 15.18
	sockets string

	life   context.Context // from Start to Close
	cancel context.CancelFunc
	work   sync.WaitGroup // operations and the backup scheduler
	noted  sync.WaitGroup // operations that the engine began by itself

	mu         sync.Mutex // guards all below, and every instance's record
	instances  map[string]*instance
	operations []*sqladmin.Operation // oldest first
	templates  map[int]*engine.Template
	usages     map[string]usage // by full name, as they were seen last

	recorder face.Recorder
}

var _ face.Face = (*Face)(nil)

// New reads the state under opt.Dir; Start brings the instances back.
func New(opt Options) (*Face, error) {
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	if opt.Credential == nil && os.Getuid() == 0 {
		return nil, errors.New("PostgreSQL refuses to run as root: name an unprivileged user for it")
	}
	dir, err := filepath.Abs(opt.Dir)
	if err != nil {
		return nil, err
	}
	opt.Dir = dir
	major, version, err := engine.Binaries{Dir: opt.BinDir}.Version(context.Background())
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(opt.Dir, "instances"), 0o755); err != nil { // #nosec G301 -- PostgreSQL, another user, has to get through
		return nil, err
	}
	f := &Face{
		opt: opt, major: major, version: version, sockets: socketFolder(opt.Dir),
		instances: map[string]*instance{}, templates: map[int]*engine.Template{},
	}
	return f, f.load()
}

// socketFolder is short, because the path of a Unix socket is limited to about a hundred characters,
// and the same for the same state, so that strays of a killed supervisor are found.
func socketFolder(dir string) string {
	sum := sha256.Sum256([]byte(dir))
	base := os.TempDir()
	if len(base) > 50 {
		base = "/tmp"
	}
	return filepath.Join(base, "august-sql-"+hex.EncodeToString(sum[:5]))
}

// Sweep removes what a killed supervisor left outside of dir, an Options.Dir, whose processes have
// ended: the folder of the Unix sockets.
func Sweep(dir string) error { return os.RemoveAll(socketFolder(dir)) }

// Name is the face's folder and its name in status.
func (f *Face) Name() string { return "cloudsql" }

// Start brings back every instance that ran. One that cannot is FAILED and says why in the log; it
// does not keep the others down.
func (f *Face) Start(ctx context.Context) error {
	if err := f.claimSockets(); err != nil {
		return err
	}
	f.life, f.cancel = context.WithCancel(context.Background())
	f.each(func(i *instance) { f.revive(ctx, i) })
	f.resume(ctx)
	f.work.Add(2)
	go func() { //nolint:contextcheck // backups are taken until Close, ctx bounds the start only
		defer f.work.Done()
		f.schedule()
	}()
	go func() {
		defer f.work.Done()
		// So that the first instance need not wait for it; if it fails, that one says why.
		_, _ = f.catalogue(f.life, f.major)
	}()
	return ctx.Err()
}

// each does something with every instance, with all of them at once.
func (f *Face) each(do func(*instance)) {
	f.mu.Lock()
	all := slices.Collect(maps.Values(f.instances))
	f.mu.Unlock()
	var wg sync.WaitGroup
	for _, i := range all {
		wg.Go(func() { do(i) })
	}
	wg.Wait()
}

// claimSockets makes the folder of the Unix sockets, and insists that it is ours: its name is known.
func (f *Face) claimSockets() error {
	err := os.Mkdir(f.sockets, 0o711) // #nosec G301 -- PostgreSQL, another user, has to get through
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	info, err := os.Lstat(f.sockets)
	if err != nil {
		return err
	}
	if st, ok := info.Sys().(*syscall.Stat_t); !info.IsDir() || !ok || int(st.Uid) != os.Getuid() {
		return fmt.Errorf("%s belongs to somebody else: remove it", f.sockets)
	}
	return os.Chmod(f.sockets, 0o711) // #nosec G302 -- PostgreSQL, another user, has to get through
}

func (f *Face) revive(ctx context.Context, i *instance) {
	f.mu.Lock()
	made, wanted := i.Instance.State == stateRunnable, i.settings().ActivationPolicy == policyAlways
	f.mu.Unlock()
	var err error
	switch {
	case !made: // its creation never ended: it can only be deleted
		err = i.cluster.Reclaim(ctx)
	case wanted:
		err = i.cluster.Start(ctx)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	i.broken = err != nil
	if err != nil {
		f.opt.Log.Error("Cloud SQL instance does not start", "instance", i.key(), "error", err)
	}
}

// Close lets operations end as failed, then stops every process.
func (f *Face) Close(ctx context.Context) error {
	if f.cancel == nil {
		return nil // never started
	}
	f.cancel()
	f.work.Wait()
	f.each(func(i *instance) { i.cluster.Stop(ctx) })
	f.noted.Wait()
	return os.RemoveAll(f.sockets)
}

// Report lists the instances.
func (f *Face) Report() []face.Line {
	f.mu.Lock()
	defer f.mu.Unlock()
	var lines []face.Line
	for _, i := range f.instances {
		v := i.view()
		detail := v.GceZone
		if v.SecondaryGceZone != "" {
			detail += " + " + v.SecondaryGceZone
		}
		if i.isReplica() {
			detail += ", follows " + v.MasterInstanceName
		}
		state := v.State
		if state == stateRunnable && i.settings().ActivationPolicy != policyAlways {
			state = "STOPPED"
		}
		lines = append(lines, face.Line{
			Kind: "Cloud SQL instance", Name: i.key(), State: state,
			Detail: fmt.Sprintf("%s, %s:%d", detail, i.Host, i.Port),
		})
	}
	slices.SortFunc(lines, func(a, b face.Line) int { return strings.Compare(a.Name, b.Name) })
	return lines
}

// Register mounts the API in both versions; they differ in their links only.
func (f *Face) Register(mux *http.ServeMux) {
	for _, base := range []string{"/v1", "/sql/v1beta4"} {
		on := func(method, path string, h func(*call) (any, error)) {
			mux.Handle(method+" "+base+path, gapi.Handler(func(r *http.Request) (any, error) {
				return h(&call{Request: r, base: base, project: r.PathValue("project"), instance: r.PathValue("instance")})
			}))
		}
		const all, one = "/projects/{project}/instances", "/projects/{project}/instances/{instance}"
		on("POST", all, f.insertInstance)
		on("GET", all, f.listInstances)
		on("GET", one, f.getInstance)
		on("PATCH", one, f.patchInstance)
		on("PUT", one, f.updateInstance)
		on("DELETE", one, f.deleteInstance)
		on("POST", one+"/restart", f.restartInstance)
		on("POST", one+"/failover", f.failoverInstance)
		on("POST", one+"/promoteReplica", f.promoteReplica)
		on("POST", one+"/switchover", f.switchover)
		on("POST", one+"/startReplica", f.startReplica)
		on("POST", one+"/stopReplica", f.stopReplica)
		on("GET", one+"/getLatestRecoveryTime", f.getLatestRecoveryTime)
		on("POST", one+"/clone", f.cloneInstance)
		on("POST", one+"/restoreBackup", f.restoreBackup)
		on("GET", one+"/connectSettings", f.getConnectSettings)
		on("GET", one+"/listServerCas", f.listServerCas)

		on("GET", one+"/users", f.listUsers)
		on("POST", one+"/users", f.insertUser)
		on("PUT", one+"/users", f.updateUser)
		on("DELETE", one+"/users", f.deleteUser)
		on("GET", one+"/users/{user}", f.getUser)

		on("GET", one+"/databases", f.listDatabases)
		on("POST", one+"/databases", f.insertDatabase)
		on("GET", one+"/databases/{database}", f.getDatabase)
		on("PATCH", one+"/databases/{database}", f.changeDatabase)
		on("PUT", one+"/databases/{database}", f.changeDatabase)
		on("DELETE", one+"/databases/{database}", f.deleteDatabase)

		on("GET", one+"/backupRuns", f.listBackups)
		on("POST", one+"/backupRuns", f.insertBackup)
		on("GET", one+"/backupRuns/{id}", f.getBackup)
		on("DELETE", one+"/backupRuns/{id}", f.deleteBackup)

		on("GET", "/projects/{project}/operations", f.listOperations)
		on("GET", "/projects/{project}/operations/{operation}", f.getOperation)
		on("GET", "/projects/{project}/tiers", f.listTiers)
		on("GET", "/flags", f.listFlags)
	}
}

// call is one request.
type call struct {
	*http.Request
	base     string // /v1 or /sql/v1beta4
	project  string
	instance string
}

// link is Google's own address of a resource, as the API version writes it.
func (c *call) link(parts ...string) string {
	host := "https://sqladmin.googleapis.com"
	if c.base != "/v1" {
		host = "https://www.googleapis.com"
	}
	return host + c.base + "/" + strings.Join(parts, "/")
}

// now is a time as the API writes it.
func now() string { return stamp(time.Now()) }

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
