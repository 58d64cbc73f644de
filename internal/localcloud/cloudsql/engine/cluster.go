package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/gapi"
)

// Spec is what an instance should be.
type Spec struct {
	Params  map[string]string // PostgreSQL parameters: flags and what the tier implies
	SSL     SSL
	Standby bool // a synchronous standby
	Archive bool // a continuous WAL archive
}

// Options place a cluster.
type Options struct {
	Binaries Binaries
	Dir      string // the instance's own folder; the programs' user must be able to traverse it
	Sockets  string // folder for Unix sockets; short, for their paths have about a hundred characters
	Name     string // project:instance, for the certificate
	Host     string // loopback address
	Port     int    // of the address that clients use
	Nodes    [2]int // ports of the two servers behind it
	Log      *slog.Logger

	// FailedOver hears of each failover that nobody asked for, as it begins; what it is given hears how it
	// ended. It must not wait for the cluster.
	FailedOver func(result <-chan error)
}

// state is what must survive this process.
type state struct {
	Primary      string    `json:"primary"` // node: a or b
	Spec         Spec      `json:"spec"`
	InStep       bool      `json:"inStep,omitempty"`      // the standby has every commit that a client has seen: it may take over
	Replica      bool      `json:"replica,omitempty"`     // follows another cluster and takes no commits of its own
	Paused       bool      `json:"paused,omitempty"`      // a replica that stays as it is
	Replicas     []string  `json:"replicas,omitempty"`    // the slots of those that follow this cluster
	ArchiveSince time.Time `json:"archiveSince,omitzero"` // since when the archive has no gap
	Archived     time.Time `json:"archived,omitzero"`     // every commit before this moment is archived
	ArchivedLSN  uint64    `json:"archivedLSN,omitempty"` // and is to be found before this position
	Era          int       `json:"era,omitempty"`         // counts the archives: each that begins anew has a folder of its own
	Stale        string    `json:"stale,omitempty"`       // node whose data is of another history and must never be started
}

// Cluster is one instance: up to two servers, a front, an archive, backups.
type Cluster struct {
	opt   Options
	certs certificates

	at       atomic.Pointer[server] // the primary, to be known while mu is held for long
	files    sync.RWMutex           // base backups and archived WAL: read while something is recovered from them
	mu       sync.Mutex             // one change of the cluster's shape at a time
	state    state
	nodes    map[string]*server
	front    *front  // for clients
	feed     *front  // for replicas
	source   *Source // whom a replica follows
	receiver *receiver
	sync     bool // commits wait for the standby
	health   health
	unwatch  context.CancelFunc
	watching sync.WaitGroup
}

// New describes a cluster; Create or Start makes it run.
func New(opt Options) (*Cluster, error) {
	c := &Cluster{opt: opt, certs: certificates{dir: filepath.Join(opt.Dir, "tls")}, nodes: map[string]*server{}}
	for i, name := range []string{"a", "b"} {
		c.nodes[name] = &server{
			bin: opt.Binaries, data: filepath.Join(opt.Dir, "node-"+name), sockets: opt.Sockets,
			host: opt.Host, port: opt.Nodes[i], log: filepath.Join(opt.Dir, "node-"+name+".log"),
		}
	}
	if err := gapi.Load(c.statePath(), &c.state); err != nil {
		return nil, err
	}
	if c.state.Primary == "" {
		c.state.Primary = "a" // not created yet
	}
	c.at.Store(c.primary())
	return c, nil
}

// Logs are the files that the nodes log to.
func (c *Cluster) Logs() []string { return []string{c.nodes["a"].log, c.nodes["b"].log} }

// Create makes the cluster from the template and starts it.
func (c *Cluster) Create(ctx context.Context, t *Template, spec Spec) error {
	source, err := t.ensure(ctx)
	if err != nil {
		return err
	}
	if err := c.prepare(spec); err != nil {
		return err
	}
	if err := os.RemoveAll(c.nodes["a"].data); err != nil {
		return err
	}
	if err := c.opt.Binaries.copyTree(source, c.nodes["a"].data, nil); err != nil {
		return fmt.Errorf("copy the template cluster: %w", err)
	}
	if err := c.Start(ctx); err != nil {
		return err
	}
	return c.Apply(ctx, spec)
}

// found makes what every cluster has, whatever its data comes from: a folder and certificates.
func (c *Cluster) found() error {
	if err := os.MkdirAll(c.opt.Dir, 0o755); err != nil { // #nosec G301 -- PostgreSQL, another user, has to get through
		return err
	}
	if err := c.certs.ensure(c.opt.Name, c.opt.Host); err != nil {
		return fmt.Errorf("make the instance's certificates: %w", err)
	}
	return nil
}

// Start brings the cluster back as it was.
func (c *Cluster) Start(ctx context.Context) (err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.front != nil {
		return nil
	}
	if err := c.opt.Binaries.folder(c.opt.Sockets); err != nil {
		return err
	}
	for _, s := range c.nodes {
		if err := s.reclaim(ctx); err != nil {
			return err
		}
	}
	if err := c.tidy(ctx); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			c.halt(context.WithoutCancel(ctx))
		}
	}()
	if err := c.listen(ctx); err != nil {
		return err
	}
	if err := c.startNodes(ctx); err != nil {
		return err
	}
	if c.state.Spec.Archive {
		err = c.startArchive(ctx)
	} else {
		err = c.dropSlot(ctx, archiveName)
	}
	if err != nil {
		return err
	}
	c.open()
	c.watch() //nolint:contextcheck // it lasts until Stop, ctx bounds the start only
	return nil
}

// listen takes the addresses; nothing gets through them yet.
func (c *Cluster) listen(ctx context.Context) (err error) {
	if c.front, err = listen(ctx, "tcp", net.JoinHostPort(c.opt.Host, strconv.Itoa(c.opt.Port))); err != nil {
		return err
	}
	socket := socketPath(c.opt.Sockets, c.opt.Port)
	if err := os.RemoveAll(socket); err != nil { // of a killed supervisor
		return err
	}
	if c.feed, err = listen(ctx, "unix", socket); err != nil {
		return err
	}
	return c.opt.Binaries.give(socket)
}

// open lets clients and replicas through to the primary.
func (c *Cluster) open() {
	c.front.open(c.primary().address())
	c.feed.open(socketPath(c.opt.Sockets, c.primary().port))
}

// fence cuts everybody off: from here on no client can see a commit.
func (c *Cluster) fence() {
	c.front.fence()
	c.feed.fence()
}

// startNodes starts the primary and, if there is one, the standby. While the primary's data is there it is
// the one to start, whatever the last process was doing when it ended: it has all that the standby has.
func (c *Cluster) startNodes(ctx context.Context) error {
	c.state.InStep = c.state.InStep && c.state.Spec.Standby && !c.state.Replica
	c.sync = c.state.InStep
	if err := c.startPrimary(ctx); err != nil {
		if !c.state.InStep || ctx.Err() != nil {
			return err
		}
		c.opt.Log.Error("primary does not start, its standby takes over", "instance", c.opt.Name, "error", err)
		if err := c.succeed(ctx); err != nil {
			return err
		}
	}
	if err := c.keepSlots(ctx); err != nil {
		return err
	}
	if !c.state.Spec.Standby {
		return c.dropSlot(ctx, standbyName) // of a standby that was never finished: it would hold WAL for ever
	}
	if err := c.startStandby(ctx); err != nil {
		if ctx.Err() != nil {
			return err
		}
		// The instance serves without; the watch goes on trying.
		c.opt.Log.Error("standby does not come back", "instance", c.opt.Name, "error", err)
		return c.fallOut(ctx)
	}
	return nil
}

// Stop ends every process in an order that loses nothing, and gives the address back.
func (c *Cluster) Stop(ctx context.Context) {
	c.endWatch()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.halt(ctx)
}

func (c *Cluster) halt(ctx context.Context) {
	if c.front != nil {
		c.fence()
		_ = c.noteArchived(ctx) // what is committed now can be recovered while the cluster is stopped
	}
	c.unlisten()
	// The primary first: a fast shutdown waits until standby and archive have everything.
	_ = c.primary().stop(ctx, syscall.SIGINT)
	_ = c.standby().stop(ctx, syscall.SIGINT)
	c.stopReceiver(ctx)
	_ = os.RemoveAll(c.opt.Sockets) // sockets are gone with their servers
}

func (c *Cluster) unlisten() {
	for _, f := range []**front{&c.front, &c.feed} {
		if *f != nil {
			(*f).close()
			*f = nil
		}
	}
}

// Destroy stops the cluster and removes everything it kept.
func (c *Cluster) Destroy(ctx context.Context) error {
	c.Stop(ctx)
	c.files.Lock() // nobody recovers from it any more
	defer c.files.Unlock()
	if err := c.Reclaim(ctx); err != nil {
		return err
	}
	return os.RemoveAll(c.opt.Dir)
}

// Restart restarts the servers in place, the primary first.
func (c *Cluster) Restart(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.restart(ctx)
}

func (c *Cluster) restart(ctx context.Context) error {
	c.fence()
	_ = c.primary().stop(ctx, syscall.SIGINT)
	if err := c.startPrimary(ctx); err != nil {
		return err
	}
	c.open()
	if c.state.Spec.Standby {
		// The standby takes over the parameters after it has seen that the primary has them: it may
		// not run with lower limits than the primary had when it wrote what the standby replays.
		if err := c.replayed(ctx); err != nil {
			return err
		}
		_ = c.standby().stop(ctx, syscall.SIGINT)
		if err := c.startStandby(ctx); err != nil {
			return err
		}
	}
	if c.state.Spec.Archive {
		return c.startArchive(ctx)
	}
	return nil
}

// Apply makes the running cluster what spec says. It restarts servers only when a parameter needs it.
// When PostgreSQL refuses to start with new parameters, the old ones are put back.
func (c *Cluster) Apply(ctx context.Context, spec Spec) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	old := c.state.Spec
	if err := c.applyParams(ctx, spec); err != nil {
		c.state.Spec.Params, c.state.Spec.SSL = old.Params, old.SSL
		if ctx.Err() != nil {
			return err // being stopped: the next start has the old ones
		}
		if back := c.restart(context.WithoutCancel(ctx)); back != nil {
			err = errors.Join(err, fmt.Errorf("putting the former settings back: %w", back))
		}
		return err
	}
	if spec.Archive != c.state.Spec.Archive {
		if err := c.setArchive(ctx, spec.Archive); err != nil {
			return err
		}
	}
	if spec.Standby != c.state.Spec.Standby {
		if err := c.setStandby(ctx, spec.Standby); err != nil {
			return err
		}
	}
	return c.save()
}

func (c *Cluster) applyParams(ctx context.Context, spec Spec) error {
	changed := changedParams(c.state.Spec.Params, spec.Params)
	c.state.Spec.Params, c.state.Spec.SSL = spec.Params, spec.SSL
	if err := c.configure(c.state.Primary); err != nil {
		return err
	}
	// PostgreSQL reads the files for this question; that a change waits for a restart is no error here.
	var bad string
	if err := c.primary().query(ctx, []any{&bad}, `SELECT coalesce(string_agg(coalesce(name || ': ', '') || error, '; '), '')
		FROM pg_file_settings WHERE error IS NOT NULL AND error <> 'setting could not be applied'`); err != nil {
		return err
	}
	if bad != "" {
		return fmt.Errorf("PostgreSQL refuses the flags: %s", bad)
	}
	var restart bool
	if err := c.primary().query(ctx, []any{&restart}, `SELECT EXISTS (SELECT FROM pg_settings
		WHERE context = 'postmaster' AND name = ANY($1))`, changed); err != nil {
		return err
	}
	if restart {
		return c.restart(ctx)
	}
	return c.reload(ctx)
}

// changedParams names what differs between two sets of parameters.
func changedParams(a, b map[string]string) []string {
	names := []string{}
	for name, value := range a {
		if now, ok := b[name]; !ok || now != value {
			names = append(names, name)
		}
	}
	for name := range b {
		if _, ok := a[name]; !ok {
			names = append(names, name)
		}
	}
	return names
}

// reload rewrites the configuration of the running servers and has them read it.
func (c *Cluster) reload(ctx context.Context) error {
	for name, s := range c.nodes {
		if !s.running() {
			continue
		}
		if err := c.configure(name); err != nil {
			return err
		}
		if err := s.query(ctx, nil, "SELECT pg_reload_conf()"); err != nil {
			return err
		}
	}
	return nil
}

// configure writes a node's files according to the role it has.
func (c *Cluster) configure(name string) error {
	s := c.nodes[name]
	if err := c.certs.install(c.opt.Binaries, s.data); err != nil {
		return err
	}
	switch {
	case name != c.state.Primary:
		return s.configure(c.state.Spec, false, &Source{Sockets: c.opt.Sockets, Port: c.primary().port, Slot: standbyName})
	case c.state.Replica && c.state.Paused:
		return s.configure(c.state.Spec, false, nil)
	case c.state.Replica:
		return s.configure(c.state.Spec, false, c.source)
	}
	return s.configure(c.state.Spec, c.sync, nil)
}

func (c *Cluster) startPrimary(ctx context.Context) error {
	if err := c.configure(c.state.Primary); err != nil {
		return err
	}
	// The role that is remembered is the one that counts.
	signal := filepath.Join(c.primary().data, "standby.signal")
	if c.state.Replica {
		if err := c.opt.Binaries.write(signal, ""); err != nil {
			return err
		}
	} else if err := os.RemoveAll(signal); err != nil {
		return err
	}
	c.health.log = logEnd(c.primary().log)
	return c.primary().start(ctx)
}

func (c *Cluster) primary() *server { return c.nodes[c.state.Primary] }

func (c *Cluster) standby() *server { return c.nodes[other(c.state.Primary)] }

func other(node string) string {
	if node == "a" {
		return "b"
	}
	return "a"
}

func (s *server) address() string { return net.JoinHostPort(s.host, strconv.Itoa(s.port)) }

// Primary names the node that is primary: a or b.
func (c *Cluster) Primary() string {
	if c.at.Load() == c.nodes["b"] {
		return "b"
	}
	return "a"
}

// Connect opens an administrator's session on the primary.
func (c *Cluster) Connect(ctx context.Context, database string) (*pgx.Conn, error) {
	return c.at.Load().connect(ctx, database)
}

// Lend makes the extensions in database that Cloud SQL's users may create and PostgreSQL's may not.
// Databases made from template1 have them already.
func (c *Cluster) Lend(ctx context.Context, database string) error {
	return lendExtensions(ctx, c.at.Load(), database)
}

// Authority answers the instance's server CA as PEM.
func (c *Cluster) Authority() (string, error) { return c.certs.authority() }

func (c *Cluster) statePath() string { return filepath.Join(c.opt.Dir, "engine.json") }

func (c *Cluster) save() error { return gapi.Save(c.statePath(), c.state) }
