package cloudsql

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"

	"google.golang.org/api/sqladmin/v1"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/cloudsql/engine"
	"github.com/feel-august/terraform-provider-august/internal/localcloud/gapi"
)

// Values of the API that this package decides on.
const (
	stateRunnable = "RUNNABLE"
	statePending  = "PENDING_CREATE"
	stateFailed   = "FAILED"
	stateDeleting = "PENDING_DELETE"

	typeInstance = "CLOUD_SQL_INSTANCE"
	typeReplica  = "READ_REPLICA_INSTANCE"

	policyAlways = "ALWAYS"
	regional     = "REGIONAL"
	zonal        = "ZONAL"
	enterprise   = "ENTERPRISE"
	plus         = "ENTERPRISE_PLUS"
)

// record is what is kept of an instance. Passwords are not: PostgreSQL has their verifiers.
type record struct {
	Instance  *sqladmin.DatabaseInstance `json:"instance"`
	Users     []userRecord               `json:"users,omitempty"`
	Databases map[string]databaseRecord  `json:"databases,omitempty"`
	Backups   []*sqladmin.BackupRun      `json:"backups,omitempty"` // newest first
	Host      string                     `json:"host"`
	Port      int                        `json:"port"`
	Nodes     [2]int                     `json:"nodes"`
	Zones     map[string]string          `json:"zones"` // of the engine's nodes
	Major     int                        `json:"major"`
	Succeeds  string                     `json:"succeeds,omitempty"` // of a replica: the instance whose role it is taking over
}

// instance is one Cloud SQL instance. Its record is guarded by the face's mutex.
type instance struct {
	record
	face    *Face
	dir     string
	cluster *engine.Cluster
	busy    string // the operation in flight
	broken  bool   // it did not start
}

// Settings are never nil in a stored instance.
func (r *record) settings() *sqladmin.Settings { return r.Instance.Settings }

func (i *instance) key() string { return i.Instance.Project + "/" + i.Instance.Name }

func (i *instance) save() error { return gapi.Save(filepath.Join(i.dir, "instance.json"), i.record) }

// running tells whether the instance is meant to serve, and does.
func (i *instance) running() bool {
	return i.Instance.State == stateRunnable && i.settings().ActivationPolicy == policyAlways && !i.broken
}

// view is the instance as the API shows it, a copy that the caller may keep. The face's mutex is held.
func (i *instance) view() *sqladmin.DatabaseInstance {
	v := clone(i.Instance)
	primary := i.primary()
	v.GceZone = i.Zones[primary]
	if v.Settings.AvailabilityType == regional {
		v.SecondaryGceZone = i.Zones[otherNode(primary)]
	}
	if i.broken {
		v.State = stateFailed
	}
	i.showReplication(v)
	v.Etag = etag(v)
	return v
}

func (i *instance) primary() string {
	if p := i.cluster.Primary(); p != "" {
		return p
	}
	return "a"
}

func otherNode(n string) string {
	if n == "a" {
		return "b"
	}
	return "a"
}

// clone copies an API value through its own JSON.
func clone[T any](v *T) *T {
	body, err := json.Marshal(v)
	if err != nil {
		panic(err) // the API's own types always encode
	}
	out := new(T)
	if err := json.Unmarshal(body, out); err != nil {
		panic(err)
	}
	return out
}

// etag follows the content.
func etag(v any) string {
	body, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	h := fnv.New64a()
	_, _ = h.Write(body) // never fails
	return strconv.FormatUint(h.Sum64(), 16)
}

// load reads every instance and the operations. What was in flight when the last process died is over.
func (f *Face) load() error {
	files, err := filepath.Glob(filepath.Join(f.opt.Dir, "instances", "*", "*", "instance.json"))
	if err != nil {
		return err
	}
	for _, file := range files {
		i := &instance{dir: filepath.Dir(file)}
		if err := gapi.Load(file, &i.record); err != nil {
			return err
		}
		switch i.Instance.State {
		case statePending:
			i.Instance.State = stateFailed
		case stateDeleting:
			i.Instance.State = stateRunnable // it was not: asked again, it will be
		}
		if err := f.attach(i); err != nil {
			return err
		}
		f.instances[i.key()] = i
	}
	for _, step := range []func(*instance) error{f.catchUp, f.bind} {
		for _, i := range f.instances {
			if err := step(i); err != nil {
				return err
			}
		}
	}
	return f.loadOperations()
}

// attach binds an instance's record to its cluster.
func (f *Face) attach(i *instance) error {
	bin, err := f.binaries(i.Major)
	if err != nil {
		return err
	}
	i.face = f
	h := fnv.New32a()
	_, _ = h.Write([]byte(i.key())) // never fails
	i.cluster, err = engine.New(engine.Options{
		Binaries: bin, Dir: i.dir, Sockets: filepath.Join(f.sockets, strconv.FormatUint(uint64(h.Sum32()), 36)),
		Name: i.Instance.Project + ":" + i.Instance.Name, Host: i.Host, Port: i.Port, Nodes: i.Nodes, Log: f.opt.Log,
		FailedOver: func(result <-chan error) { f.failedOver(i, result) },
	})
	return err
}

// binaries finds a version's programs: those in BinDir, or those installed beside them the way
// distributions do (…/postgresql/15/bin, …/postgresql@15/bin).
func (f *Face) binaries(major int) (engine.Binaries, error) {
	b := engine.Binaries{Dir: f.opt.BinDir, Credential: f.opt.Credential}
	if major == f.major {
		return b, nil
	}
	version := filepath.Dir(f.opt.BinDir)
	for _, dir := range []string{
		filepath.Join(filepath.Dir(version), strconv.Itoa(major), "bin"),
		filepath.Join(filepath.Dir(version), fmt.Sprintf("postgresql@%d", major), "bin"),
	} {
		if _, err := os.Stat(filepath.Join(dir, "initdb")); err == nil {
			b.Dir = dir
			return b, nil
		} else if !errors.Is(err, fs.ErrNotExist) {
			return b, err
		}
	}
	return b, gapi.Invalid("Invalid request: database version POSTGRES_%d is not available: this local cloud has the programs of PostgreSQL %d only.",
		major, f.major)
}

// template answers the template cluster of a version. The face's mutex is held.
func (f *Face) template(major int) (*engine.Template, error) {
	if t := f.templates[major]; t != nil {
		return t, nil
	}
	bin, err := f.binaries(major)
	if err != nil {
		return nil, err
	}
	t := engine.NewTemplate(bin, filepath.Join(f.opt.Dir, "template", strconv.Itoa(major)))
	f.templates[major] = t
	return t, nil
}

// catalogue lists the flags of a version, making its template when there is none yet.
func (f *Face) catalogue(ctx context.Context, major int) (catalogue, error) {
	f.mu.Lock()
	t, err := f.template(major)
	f.mu.Unlock()
	if err != nil {
		return nil, err
	}
	settings, err := t.Settings(ctx)
	if err != nil {
		return nil, err
	}
	return newCatalogue(settings), nil
}

// find answers the call's instance. The face's mutex is held.
func (f *Face) find(c *call) (*instance, error) {
	i := f.instances[c.project+"/"+c.instance]
	if i == nil {
		return nil, gapi.Errorf(http.StatusNotFound, "NOT_FOUND", "instanceDoesNotExist", "The Cloud SQL instance does not exist.")
	}
	return i, nil
}

// idle answers the call's instance if nothing is happening to it. The face's mutex is held.
func (f *Face) idle(c *call) (*instance, error) {
	i, err := f.find(c)
	if err != nil {
		return nil, err
	}
	if i.busy != "" {
		return nil, inProgress()
	}
	return i, nil
}

func inProgress() error {
	return gapi.Errorf(http.StatusConflict, "ABORTED", "operationInProgress",
		"Operation failed because another operation was already in progress. Try your request after the current operation is complete.")
}

// awake is idle, for what needs a running instance.
func (f *Face) awake(c *call) (*instance, error) {
	i, err := f.idle(c)
	if err != nil {
		return nil, err
	}
	if !i.running() {
		return nil, notRunning()
	}
	return i, nil
}

// writable is awake, for what changes the data: a replica's comes from its primary.
func (f *Face) writable(c *call) (*instance, error) {
	i, err := f.awake(c)
	if err == nil && i.isReplica() {
		err = notForReplicas()
	}
	return i, err
}

func notRunning() error {
	return gapi.Errorf(http.StatusBadRequest, "INVALID_ARGUMENT", "invalid", "Invalid request: Invalid request since instance is not running.")
}
