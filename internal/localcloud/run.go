// Package localcloud is the platform's cloud on one machine: Google's APIs over real engines, and the
// partners' sandboxes, under one supervisor. Everything listens on the loopback interface only, and
// everything it keeps is in one directory.
package localcloud

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/cloudrun"
	"github.com/feel-august/terraform-provider-august/internal/localcloud/cloudsql"
	"github.com/feel-august/terraform-provider-august/internal/localcloud/face"
	"github.com/feel-august/terraform-provider-august/internal/localcloud/gapi"
	"github.com/feel-august/terraform-provider-august/internal/localcloud/identity"
	"github.com/feel-august/terraform-provider-august/internal/localcloud/logging"
	"github.com/feel-august/terraform-provider-august/internal/localcloud/monitoring"
	"github.com/feel-august/terraform-provider-august/internal/localcloud/pubsub"
	"github.com/feel-august/terraform-provider-august/internal/localcloud/registry"
	"github.com/feel-august/terraform-provider-august/internal/localcloud/secrets"
	"github.com/feel-august/terraform-provider-august/internal/localcloud/storage"
	"github.com/feel-august/terraform-provider-august/internal/localcloud/toolchain"
)

// Config says what to run.
type Config struct {
	Dir      string            // state; "" = DefaultDir
	Port     int               // of Google's APIs; 0 = the one of last time, or any
	Patients int               // of the production clinic; 0 = as last time, or DefaultPatients
	Seed     uint64            // of the clinics; 0 = as last time, or DefaultSeed
	Empty    bool              // without the landing zone
	Out      io.Writer         // where progress is told; nil = nowhere
	Ready    func(Description) // called once everything answers; may be nil
}

// ErrRunning says that a local cloud runs in the directory already.
var ErrRunning = errors.New("a local cloud runs there already")

// Patience of the supervisor with its own parts.
const (
	startPatience = 3 * time.Minute // PostgreSQL may have to recover
	stopPatience  = 40 * time.Second
	lockPatience  = 5 * time.Second // somebody may be just looking whether the lock is held
)

// cloud is a running local cloud.
type cloud struct {
	Config
	started  time.Time
	log      *slog.Logger
	closers  []func()
	faces    []face.Face // in the order they start; they stop in reverse
	servers  []servant
	registry *registry.Face
	parties  *sandboxes
	ends     Endpoints
	closing  atomic.Bool
	desc     atomic.Pointer[Description]
}

// Run runs a local cloud until ctx ends or the process is asked to end, and leaves no process behind.
// It returns ErrRunning when there is one in the directory already.
func Run(ctx context.Context, cfg Config) error {
	dir, err := resolveDir(cfg.Dir)
	if err != nil {
		return err
	}
	cfg.Dir = dir
	if cfg.Out == nil {
		cfg.Out = io.Discard
	}
	if _, err := Describe(dir); err == nil {
		return ErrRunning
	}
	owner, err := prepareDir(dir)
	if err != nil {
		return err
	}
	wait, cancel := context.WithTimeout(ctx, lockPatience)
	defer cancel()
	lock, err := await(wait, dir)
	if errors.Is(err, errLocked) {
		return ErrRunning
	}
	if err != nil {
		return err
	}
	defer func() { _ = lock.Close() }()

	c := &cloud{Config: cfg, started: time.Now()}
	defer c.close()
	if c.log, err = c.logger("supervisor"); err != nil {
		return err
	}
	// The description of a killed cloud would be taken for ours.
	if err := os.Remove(filepath.Join(dir, descriptionFile)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}

	ctx, hurry, stop := untilAsked(ctx)
	defer stop()
	err = c.run(ctx, owner)
	if ctx.Err() != nil {
		err = nil // whatever failed, it was asked to stop
	}
	if err != nil {
		c.log.Error("local cloud ends", "error", err)
	}
	return errors.Join(err, c.stop(hurry))
}

// prepareDir makes the state directory, and finds who runs the engines in it.
func prepareDir(dir string) (*syscall.Credential, error) {
	owner, err := toolchain.Owner()
	if err != nil {
		return nil, err
	}
	if err := toolchain.CheckTraversable(dir, owner); err != nil {
		return nil, err
	}
	mode := os.FileMode(0o700)
	if owner != nil {
		mode = 0o711 // the owner has to pass through, not to look around
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil { //nolint:gosec // as above
		return nil, fmt.Errorf("no directory for the state: %w; choose another --dir", err)
	}
	if err := os.Mkdir(dir, mode); err != nil && !errors.Is(err, os.ErrExist) {
		return nil, fmt.Errorf("no directory for the state: %w; choose another --dir", err)
	}
	return owner, nil
}

// untilAsked ends the first context at the first signal, and the second at the second: the first asks
// to stop, the second to hurry.
func untilAsked(parent context.Context) (ctx, hurry context.Context, stop func()) {
	ctx, cancel := context.WithCancel(parent)
	hurry, rush := context.WithCancel(context.WithoutCancel(parent))
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	done := make(chan struct{})
	go func() {
		for _, end := range []func(){cancel, rush} {
			select {
			case <-signals:
				end()
			case <-done:
				return
			}
		}
	}()
	return ctx, hurry, func() {
		signal.Stop(signals)
		close(done)
		cancel()
		rush()
	}
}

// run starts everything, tells that it is ready, and waits for the end.
func (c *cloud) run(ctx context.Context, owner *syscall.Credential) error {
	pg, err := toolchain.FindPostgres(ctx)
	if err != nil {
		return err
	}
	if n, err := sweep(ctx, c.Dir, c.log); err != nil {
		return err
	} else if n > 0 {
		c.say("Ended %d processes that a killed local cloud had left.", n)
	}

	c.say("Starting the local cloud in %s (PostgreSQL %s).", c.Dir, pg.Version)
	if err := c.build(pg, owner); err != nil { //nolint:contextcheck // makes, and starts nothing
		return err
	}
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	for _, s := range c.servers {
		go func() {
			if err := s.serve(); err != nil {
				fail(err)
			}
		}()
	}
	starting, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	if err := c.start(starting); err != nil {
		return errors.Join(err, context.Cause(ctx))
	}
	if err := c.announce(); err != nil {
		return err
	}
	<-ctx.Done()
	return context.Cause(ctx)
}

// build makes every part and binds the ports, without starting anything.
func (c *cloud) build(pg toolchain.Postgres, owner *syscall.Credential) error {
	p, err := openPorts(c.Dir)
	if err != nil {
		return err
	}
	if c.Port > 0 {
		if err := p.fix("google", c.Port); err != nil {
			return err
		}
	}
	// Bound before anything else is made: a port that another program holds is told at once.
	ports, listeners := map[string]int{}, map[string]net.Listener{}
	for _, key := range []string{"google", "pubsub", "drchrono", "coda"} {
		l, err := p.listen(key)
		if err != nil {
			return err
		}
		c.closers = append(c.closers, func() { _ = l.Close() }) // in case it never serves
		listeners[key], ports[key] = l, l.Addr().(*net.TCPAddr).Port
	}
	if ports["registry"], err = p.Port("registry"); err != nil {
		return err
	}
	c.ends = newEndpoints(ports["google"], ports["pubsub"], ports["registry"], ports["drchrono"], ports["coda"])
	base := c.ends.Google[:len(c.ends.Google)-1]

	ids, err := identity.New(identity.Options{Dir: c.path("identity"), Issuer: c.ends.OIDCIssuer})
	if err != nil {
		return err
	}
	vault, err := secrets.New(secrets.Options{Dir: c.path("secrets")})
	if err != nil {
		return err
	}
	if c.registry, err = registry.New(registry.Options{Dir: c.path("registry"), Port: ports["registry"]}); err != nil {
		return err
	}
	queueLog, err := c.logger("pubsub")
	if err != nil {
		return err
	}
	queue, err := pubsub.New(pubsub.Options{Dir: c.path("pubsub"), Log: queueLog})
	if err != nil {
		return err
	}
	sqlLog, err := c.logger("cloudsql")
	if err != nil {
		return err
	}
	sql, err := cloudsql.New(cloudsql.Options{Dir: c.path("cloudsql"), BinDir: pg.Bin, Credential: owner, Log: sqlLog})
	if err != nil {
		return err
	}
	runLog, err := c.logger("cloudrun")
	if err != nil {
		return err
	}
	run, err := cloudrun.New(cloudrun.Options{
		Dir: c.path("cloudrun"), Ports: p, Secret: vault.Access, Credential: owner, Log: runLog,
		MetadataHost: base[len("http://"):], BaseURL: base,
	})
	if err != nil {
		return err
	}
	objects, err := storage.New(storage.Options{Dir: c.path("storage")})
	if err != nil {
		return err
	}
	meters := monitoring.New(sql, run, queue)
	logs := logging.New(logging.Options{Entries: func(project string) ([]face.Entry, error) {
		databases, err := sql.Entries(project)
		if err != nil {
			return nil, err
		}
		services, err := run.Entries(project)
		return append(databases, services...), err
	}})
	c.faces = []face.Face{ids, vault, c.registry, queue, objects, sql, meters, logs, run}

	httpLog, err := c.logger("http")
	if err != nil {
		return err
	}
	serve := func(key string, handler http.Handler) { // bound already
		c.servers = append(c.servers, newServer(listeners[key], handler, httpLog.With("port", key)))
	}
	serve("google", google(c.faces, c.status, &c.closing))
	var rpc net.Listener
	listeners["pubsub"], rpc = pubsub.Split(listeners["pubsub"])
	serve("pubsub", google([]face.Face{queue}, c.status, &c.closing))
	c.servers = append(c.servers, grpcServer{queue, rpc})
	partnerLog, err := c.logger("sandbox")
	if err != nil {
		return err
	}
	if c.parties, err = openSandboxes(c.path("sandbox"), practice{Patients: c.Patients, Seed: c.Seed}, partnerLog); err != nil {
		return fmt.Errorf("sandboxes: %w", err)
	}
	serve("drchrono", c.parties.drchrono)
	serve("coda", c.parties.coda)
	return nil
}

// start starts the faces, Cloud Run last because its services use all the others, and then makes the
// landing zone.
func (c *cloud) start(ctx context.Context) error {
	last := len(c.faces) - 1
	g, before := errgroup.WithContext(ctx)
	for _, f := range c.faces[:last] {
		g.Go(func() error { return f.Start(before) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	if err := c.faces[last].Start(ctx); err != nil {
		return err
	}
	if c.Empty {
		return nil
	}
	c.say("Making the landing zone: two projects, each with a database, a user, its secrets and a queue, and a bucket.")
	return land(ctx, c.ends, c.parties.partners)
}

// announce writes cloud.json: from now on others may use the cloud.
func (c *cloud) announce() error {
	d := Description{PID: os.Getpid(), Dir: c.Dir, Started: c.started.UTC().Truncate(time.Second), Endpoints: c.ends}
	c.desc.Store(&d)
	if err := gapi.Save(c.path(descriptionFile), d); err != nil {
		return err
	}
	c.log.Info("ready", "took", time.Since(c.started).Round(time.Millisecond))
	c.say("Ready in %.1f s. Google's APIs at %s, images at %s,", time.Since(c.started).Seconds(), c.ends.Google, c.ends.Registry)
	c.say("DrChrono at %s, Coda at %s.", c.ends.DrChrono, c.ends.Coda)
	if c.Ready != nil {
		c.Ready(d)
	}
	return nil
}

// status is the answer to `august-local status`.
func (c *cloud) status() Status {
	d := c.desc.Load()
	if d == nil || c.closing.Load() {
		return Status{State: StateBusy}
	}
	s := Status{State: StateRunning, Description: d}
	for _, f := range c.faces {
		s.Lines = append(s.Lines, f.Report()...)
	}
	return s
}

// stop stops everything in the order in which nothing misses what it uses: services, servers, then
// databases and the rest. At the end it looks whether a process is left, and ends it.
func (c *cloud) stop(hurry context.Context) error {
	c.closing.Store(true)
	if err := os.Remove(c.path(descriptionFile)); err == nil {
		c.say("Stopping.")
	}
	ctx, cancel := context.WithTimeout(hurry, stopPatience)
	defer cancel()
	var errs []error
	closeFace := func(f face.Face) {
		if err := f.Close(ctx); err != nil {
			errs = append(errs, fmt.Errorf("stop %s: %w", f.Name(), err))
		}
	}
	if n := len(c.faces); n > 0 {
		closeFace(c.faces[n-1])
		c.faces = c.faces[:n-1]
	}
	for _, s := range c.servers {
		s.stop(ctx)
	}
	if c.parties != nil {
		errs = append(errs, c.parties.close())
	}
	for i := len(c.faces) - 1; i >= 0; i-- {
		closeFace(c.faces[i])
	}
	n, err := sweep(ctx, c.Dir, c.log)
	if n > 0 {
		c.log.Error("processes outlived their face", "count", n)
	}
	return errors.Join(append(errs, err)...)
}

func (c *cloud) path(name string) string { return filepath.Join(c.Dir, name) }

func (c *cloud) say(format string, args ...any) { _, _ = fmt.Fprintf(c.Out, format+"\n", args...) }

func (c *cloud) logger(name string) (*slog.Logger, error) {
	log, done, err := logFile(c.Dir, name)
	if err == nil {
		c.closers = append(c.closers, done)
	}
	return log, err
}

func (c *cloud) close() {
	for _, done := range c.closers {
		done()
	}
}

// logFile opens <dir>/log/<name>.log to append to.
func logFile(dir, name string) (log *slog.Logger, done func(), err error) {
	if err := os.MkdirAll(filepath.Join(dir, "log"), 0o700); err != nil {
		return nil, nil, err
	}
	f, err := os.OpenFile(filepath.Join(dir, "log", name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, nil, err
	}
	return slog.New(slog.NewTextHandler(f, nil)), func() { _ = f.Close() }, nil
}
