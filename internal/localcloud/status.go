package localcloud

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/cloudsql"
	"github.com/feel-august/terraform-provider-august/internal/localcloud/face"
)

// States of a local cloud.
const (
	StateRunning = "running"
	StateBusy    = "starting or stopping"
	StateStopped = "stopped"
)

// Status is what `august-local status` shows.
type Status struct {
	State       string       `json:"state"`
	Description *Description `json:"cloud,omitempty"`
	Lines       []face.Line  `json:"lines,omitempty"`
}

// GetStatus asks the local cloud in dir how it is.
func GetStatus(ctx context.Context, dir string) (Status, error) {
	dir, err := resolveDir(dir)
	if err != nil {
		return Status{}, err
	}
	if held, _ := lockHolder(dir); !held {
		if _, err := os.ReadFile(filepath.Join(dir, lockFile)); errors.Is(err, os.ErrPermission) {
			return Status{}, fmt.Errorf("the local cloud in %s belongs to another user: %w", dir, err)
		}
		return Status{State: StateStopped}, nil
	}
	d, err := Describe(dir)
	if errors.Is(err, ErrNotRunning) {
		return Status{State: StateBusy}, nil
	}
	if err != nil {
		return Status{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.Endpoints.Google+statusPath[1:], nil)
	if err != nil {
		return Status{}, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return Status{}, fmt.Errorf("the local cloud in %s (process %d) does not answer: %w", dir, d.PID, err)
	}
	defer func() { _ = res.Body.Close() }()
	var s Status
	if err := json.NewDecoder(res.Body).Decode(&s); err != nil {
		return Status{}, fmt.Errorf("the local cloud in %s does not tell its status: %w", dir, err)
	}
	return s, nil
}

// downPatience is how long a cloud may take to stop before it is killed: every service drains for
// ten seconds at most, then PostgreSQL writes its checkpoint.
const downPatience = time.Minute

// Down stops the local cloud in dir, and what a killed one may have left there. It tells what it did.
func Down(ctx context.Context, dir string) (string, error) {
	dir, err := resolveDir(dir)
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		return "No local cloud has ever run in " + dir + ".", nil
	}
	held, pid := lockHolder(dir)
	if held && pid > 1 {
		if err := syscall.Kill(pid, syscall.SIGTERM); err != nil && !errors.Is(err, syscall.ESRCH) {
			return "", fmt.Errorf("stop process %d, the local cloud in %s: %w", pid, dir, err)
		}
	}
	wait, cancel := context.WithTimeout(ctx, downPatience)
	defer cancel()
	lock, err := await(wait, dir)
	killed := false
	if errors.Is(err, errLocked) && ctx.Err() == nil && pid > 1 {
		killed = true
		_ = syscall.Kill(pid, syscall.SIGKILL)
		again, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		lock, err = await(again, dir)
	}
	if errors.Is(err, errLocked) {
		return "", fmt.Errorf("the local cloud in %s does not stop: %w", dir, cmp.Or(ctx.Err(), err))
	}
	if err != nil {
		return "", err
	}
	defer func() { _ = lock.Close() }()
	log, closeLog, err := logFile(dir, "supervisor")
	if err != nil {
		return "", err
	}
	defer closeLog()
	n, err := sweep(ctx, dir, log)
	if err != nil {
		return "", err
	}
	if err := cloudsql.Sweep(filepath.Join(dir, "cloudsql")); err != nil {
		return "", err
	}
	if err := os.Remove(filepath.Join(dir, descriptionFile)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", err
	}
	switch {
	case killed:
		return fmt.Sprintf("Killed the local cloud in %s, which did not stop in %s, and ended %d of its processes.", dir, downPatience, n), nil
	case held:
		return "Stopped the local cloud in " + dir + ".", nil
	case n > 0:
		return fmt.Sprintf("Ended %d processes that a killed local cloud had left in %s.", n, dir), nil
	}
	return "No local cloud runs in " + dir + ".", nil
}
