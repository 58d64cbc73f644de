package runner

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"syscall"
)

// Exit is how a process of a job ended.
type Exit struct {
	Code   int            // meaningful when Signal is 0
	Signal syscall.Signal // what ended it, if a signal did
}

// Run runs one process of the image to its end; when ctx ends first, it gets SIGTERM, and SIGKILL ten seconds
// later. The error says why there was none to run: a *Failure, or what ended ctx before. Of cfg it needs no more
// than what to run and where to write.
func Run(ctx context.Context, cfg Config) (Exit, error) {
	out, err := os.OpenFile(cfg.LogPath, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return Exit{}, err
	}
	defer func() { _ = out.Close() }()
	cmd, err := cfg.start(ctx, out)
	if err != nil {
		return Exit{}, err
	}
	pid := cmd.Process.Pid
	defer func() { _ = syscall.Kill(-pid, syscall.SIGKILL) }() // whatever the process left behind in its group
	path := cfg.PIDPath + ".pid"
	if err := writePID(path, pid); err != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		return Exit{}, err
	}
	defer func() { _ = os.Remove(path) }()
	err = cmd.Wait() // on ctx's end: SIGTERM, drainTime, SIGKILL
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) && cmd.ProcessState == nil {
		return Exit{}, err
	}
	status, _ := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if status.Signaled() {
		return Exit{Signal: status.Signal()}, nil
	}
	return Exit{Code: status.ExitStatus()}, nil
}
