package localcloud

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// Detach runs this very program's `up` in a session of its own, and returns once it is ready. What
// the supervisor would say on the console goes to log/console.log.
func Detach(ctx context.Context, cfg Config) error {
	dir, err := resolveDir(cfg.Dir)
	if err != nil {
		return err
	}
	if _, err := prepareDir(dir); err != nil {
		return err
	}
	if held, _ := lockHolder(dir); held {
		return ErrRunning
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	args := []string{"up", "--dir", dir}
	if cfg.Port > 0 {
		args = append(args, "--port", strconv.Itoa(cfg.Port))
	}
	if cfg.Patients > 0 {
		args = append(args, "--patients", strconv.Itoa(cfg.Patients))
	}
	if cfg.Seed > 0 {
		args = append(args, "--seed", strconv.FormatUint(cfg.Seed, 10))
	}
	if cfg.Empty {
		args = append(args, "--empty")
	}
	console, err := openConsole(dir)
	if err != nil {
		return err
	}
	defer func() { _ = console.Close() }()

	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	cmd := exec.Command(self, args...) // not bound to ctx: it outlives us
	cmd.Dir = dir
	cmd.Stdout, cmd.Stderr = console, console
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		select {
		case <-ended:
			if held, _ := lockHolder(dir); held {
				return ErrRunning // another `up` was faster
			}
			return fmt.Errorf("the local cloud did not start: %s", lastLine(console.Name()))
		case <-ctx.Done():
			_ = cmd.Process.Signal(syscall.SIGTERM)
			<-ended
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
		d, err := Describe(dir)
		if errors.Is(err, ErrNotRunning) || err == nil && d.PID != cmd.Process.Pid {
			continue
		}
		if err != nil {
			return err
		}
		if cfg.Out != nil {
			_, _ = fmt.Fprintf(cfg.Out, "The local cloud is ready in %s: process %d, Google's APIs at %s.\n", dir, d.PID, d.Endpoints.Google)
		}
		if cfg.Ready != nil {
			cfg.Ready(d)
		}
		return nil
	}
}

func openConsole(dir string) (*os.File, error) {
	log := filepath.Join(dir, "log")
	if err := os.MkdirAll(log, 0o700); err != nil {
		return nil, err
	}
	return os.OpenFile(filepath.Join(log, "console.log"), os.O_CREATE|os.O_TRUNC|os.O_WRONLY|os.O_APPEND, 0o600)
}

// lastLine is the last thing a failed supervisor said.
func lastLine(path string) string {
	body, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	last := "it said nothing; see " + filepath.Dir(path)
	for s := bufio.NewScanner(bytes.NewReader(body)); s.Scan(); {
		if s.Text() != "" {
			last = s.Text()
		}
	}
	return last
}
