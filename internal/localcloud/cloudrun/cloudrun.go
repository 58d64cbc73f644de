// Package cloudrun is the local cloud's Cloud Run Admin API v2 over real processes: a revision is a
// process run from its image's file system, a service is a door on a loopback port before them. A job's task is
// such a process, too, which ends by itself.
package cloudrun

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/cloudrun/runner"
	"github.com/feel-august/terraform-provider-august/internal/localcloud/face"
)

// Options says what the face needs from the rest of the local cloud.
type Options struct {
	// Dir holds all state; the user of Credential must be able to pass through it.
	Dir string
	// Ports gives services their addresses.
	Ports face.Ports
	// Secret reads a secret's version ("latest" or a number) when an instance starts.
	Secret func(ctx context.Context, project, secret, version string) ([]byte, error)
	// MetadataHost becomes GCE_METADATA_HOST of every process; empty leaves it out.
	MetadataHost string
	// BaseURL is where this face is served, for links.
	BaseURL string
	// Credential is the unprivileged user that processes run as; nil runs them as this user.
	Credential *syscall.Credential
	// QueueWait is how long a request waits for a free place (10 seconds when zero).
	QueueWait time.Duration
	// ScaleWindow is how often a revision's load is looked at, as the mean since the last time (10
	// seconds when zero; Cloud Run takes a minute).
	ScaleWindow time.Duration
	// IdleAfter is how long an instance is kept that is not needed (a minute when zero; Cloud Run takes up to
	// 15).
	IdleAfter time.Duration
	// Log receives what the face itself does; processes write to files of their own.
	Log *slog.Logger
}

// Face serves the Cloud Run API.
type Face struct {
	opt    Options
	images *runner.Images
	// ctx ends with Close: rollouts and drains give up.
	ctx        context.Context
	cancel     context.CancelFunc
	background sync.WaitGroup

	mu       sync.Mutex
	services map[string]*service // by full name
	jobs     map[string]*job     // by full name
	ops      map[string]*operation
	started  time.Time
	serial   int // makes pid files of pools distinct
	tallies  map[tallyKey]*runner.Tally
}

var _ face.Face = (*Face)(nil)

// New makes the face and reads its state. Nothing runs before Start.
func New(opt Options) (*Face, error) {
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	if opt.QueueWait == 0 {
		opt.QueueWait = 10 * time.Second
	}
	if opt.ScaleWindow == 0 {
		opt.ScaleWindow = 10 * time.Second
	}
	if opt.IdleAfter == 0 {
		opt.IdleAfter = time.Minute
	}
	dir, err := filepath.Abs(opt.Dir)
	if err != nil {
		return nil, err
	}
	opt.Dir = dir
	if err := os.MkdirAll(opt.Dir, 0o755); err != nil { //nolint:gosec // processes run below it as another user
		return nil, err
	}
	f := &Face{
		opt:      opt,
		images:   runner.NewImages(filepath.Join(opt.Dir, "images")),
		services: map[string]*service{},
		jobs:     map[string]*job{},
		ops:      map[string]*operation{},
		started:  time.Now(),
		tallies:  map[tallyKey]*runner.Tally{},
	}
	f.ctx, f.cancel = context.WithCancel(context.Background())
	return f, errors.Join(f.load(), f.loadJobs())
}

// Sweep ends the processes that a killed supervisor left behind under dir, an Options.Dir. It
// returns how many there were.
func Sweep(dir string) (int, error) { return runner.Sweep(dir) }

// Name is the face's folder and its name in the status report.
func (f *Face) Name() string { return "cloudrun" }

// Start ends strays of a killed supervisor, opens every service's door and starts what it leads to.
// A revision that does not come back keeps being tried; Start gives up waiting with ctx.
func (f *Face) Start(ctx context.Context) error {
	swept, err := Sweep(f.opt.Dir)
	if err != nil {
		return fmt.Errorf("cleaning up after the last run: %w", err)
	}
	if swept > 0 {
		f.opt.Log.Warn("ended processes that a killed local cloud had left", "count", swept)
	}
	f.mu.Lock()
	all, used := make([]*service, 0, len(f.services)), map[string]bool{}
	for _, s := range f.services {
		all = append(all, s)
		for _, r := range s.Revisions {
			used[r.Digest] = true
		}
	}
	f.jobImages(used)
	f.mu.Unlock()
	if err := f.images.Prune(func(digest string) bool { return used[digest] }); err != nil {
		return fmt.Errorf("removing images that nothing uses: %w", err)
	}
	var wg sync.WaitGroup
	errs := make(chan error, len(all))
	for _, s := range all {
		wg.Go(func() { errs <- f.restore(ctx, s) })
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			return err
		}
	}
	f.resumeJobs() //nolint:contextcheck // goes on after the start
	return nil
}

// Close closes all doors and drains every process: SIGTERM, ten seconds, SIGKILL. Services come
// back with the next Start.
func (f *Face) Close(ctx context.Context) error {
	f.cancel()
	f.mu.Lock()
	var wg sync.WaitGroup
	for _, s := range f.services {
		wg.Go(func() { f.shut(ctx, s) })
	}
	f.mu.Unlock()
	wg.Wait()
	f.background.Wait()
	return nil
}

// Report lists the services and jobs.
func (f *Face) Report() []face.Line {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []face.Line
	for _, s := range f.services {
		if s.gone {
			continue
		}
		running := 0
		for _, p := range s.pools {
			running += p.Running()
		}
		state := "READY"
		switch {
		case s.Reconciling:
			state = "RECONCILING"
		case s.Ready.State != succeeded:
			state = "FAILED"
		case s.stopped():
			state = "STOPPED"
		}
		out = append(out, face.Line{
			Kind:   "Cloud Run service",
			Name:   s.Project + "/" + s.ID,
			State:  state,
			Detail: fmt.Sprintf("%s, %s, revision %s, %d running", s.uri(), s.Location, s.LatestReady, running),
		})
	}
	for _, j := range f.jobs {
		if j.gone {
			continue
		}
		line := face.Line{Kind: "Cloud Run job", Name: j.Project + "/" + j.ID, State: "READY", Detail: j.Location + ", never executed"}
		if e := j.Executions[j.Latest]; e != nil {
			line.State = strings.TrimPrefix(e.status(), "EXECUTION_")
			line.Detail = fmt.Sprintf("%s, execution %s, %d of %d tasks succeeded", j.Location, e.ID, e.in(taskSucceeded), len(e.Tasks))
		} else if j.Ready.State == failed {
			line.State = "FAILED"
		}
		out = append(out, line)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out
}
