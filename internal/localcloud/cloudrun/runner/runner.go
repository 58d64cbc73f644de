// Package runner runs revisions: it unpacks an image's root file system and keeps processes of it
// alive, probed and counted, until it is told to drain them. It knows nothing of Cloud Run's API.
package runner

import (
	"context"
	"errors"
	"log/slog"
	"syscall"
	"time"
)

// drainTime is what a process gets between SIGTERM and SIGKILL, as on Cloud Run.
const drainTime = 10 * time.Second

// Why a revision could not start, in Cloud Run's words.
const (
	ReasonHealthCheck = "HEALTH_CHECK_CONTAINER_ERROR"
	ReasonSecrets     = "SECRETS_ACCESS_CHECK_FAILED"
	ReasonImage       = "CONTAINER_MISSING"
)

// A Failure says why a revision never became ready.
type Failure struct {
	Reason  string
	Message string
}

func (f *Failure) Error() string { return f.Message }

// ErrStopped is what a pool answers that no longer takes requests: ask the routes again.
var ErrStopped = errors.New("the revision is being stopped")

// ErrBusy means that every instance was full for as long as a request may wait.
var ErrBusy = errors.New("no instance became free in time")

// ErrDown means that no instance was ready for as long as a request may wait.
var ErrDown = errors.New("no instance is ready")

var errExited = errors.New("the container exited before it was ready")

// Config says how a revision runs.
type Config struct {
	Name       string // the revision, for messages
	Image      Image
	Command    []string // replaces the image's entrypoint, and its command too
	Args       []string // replaces the image's command
	WorkingDir string   // inside the image; "" = the image's own
	// Environ gives the service's variables as name=value each time an instance starts, so that
	// secrets are as fresh as the instance. Its error becomes a ReasonSecrets failure.
	Environ     func(ctx context.Context) ([]string, error)
	Startup     Probe
	Liveness    *Probe
	Readiness   *Probe
	Concurrency int // requests one instance takes at once
	Scaling     Scaling
	QueueWait   time.Duration // how long a request waits for a free place
	LogPath     string        // receives stdout and stderr
	PIDPath     string        // "<…>" + ".<n>.pid" per instance
	H2C         bool          // the container speaks HTTP/2 without TLS
	// Patient keeps trying an instance that does not start, instead of failing: for a revision
	// that is known to be good and comes back after a restart of the machine.
	Patient    bool
	Credential *syscall.Credential
	Log        *slog.Logger
	Tally      *Tally // of the revision; nil: nobody asks
}
