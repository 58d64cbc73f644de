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
	"strings"
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
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	if held, _ := lockHolder(dir); held {
		return awaitOther(ctx, dir)
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

	cmd := exec.CommandContext(context.WithoutCancel(ctx), self, args...) // it outlives us
	cmd.Dir = dir
	cmd.Stdout, cmd.Stderr = console, console
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // its last words tell more
		close(ended)
	}()
	for {
		select {
		case <-ended:
			if held, _ := lockHolder(dir); held {
				return awaitOther(ctx, dir) // another `up` was faster
			}
			return fmt.Errorf("the local cloud did not start: %s", lastLine(console.Name()))
		case <-ctx.Done():
			_ = cmd.Process.Signal(syscall.SIGTERM) // gone already: fine
			<-ended
			return errors.New("interrupted before the local cloud was ready; it is stopped again")
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

// awaitOther returns ErrRunning once the cloud that somebody else has started is ready: who asks for a
// detached one means to use it.
func awaitOther(ctx context.Context, dir string) error {
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	for {
		if _, err := Describe(dir); !errors.Is(err, ErrNotRunning) {
			return errors.Join(ErrRunning, err)
		}
		if held, _ := lockHolder(dir); !held {
			return fmt.Errorf("the local cloud that ran in %s has just ended: try again", dir)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("a local cloud in %s is neither ready nor gone: %w", dir, ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
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
			last = strings.TrimPrefix(s.Text(), "august-local: ")
		}
	}
	return last
}
