package runner

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/freeport"
)

// Restarts of a crashed instance start at once and slow down while they keep failing.
const (
	firstBackoff = 100 * time.Millisecond
	lastBackoff  = 10 * time.Second
	stableAfter  = 10 * time.Second // an instance that ran this long starts over at firstBackoff
)

// keep runs instance number n of the pool, again and again, until ctx ends or the revision failed.
func (p *Pool) keep(ctx context.Context, i *instance, n int) {
	backoff := firstBackoff
	for ctx.Err() == nil {
		ran, err := p.once(ctx, i, n)
		if ctx.Err() != nil {
			return
		}
		if ran == 0 && p.fail(err) {
			return
		}
		if ran > stableAfter {
			backoff = firstBackoff
		}
		p.cfg.Log.Warn("instance ended, starting it again", "revision", p.cfg.Name, "instance", n, "why", err.Error(), "wait", backoff)
		p.note("WARNING", fmt.Sprintf("instance %d: %v; starting it again in %s", n, err, backoff))
		select {
		case <-ctx.Done():
			return
		case <-time.After(backoff):
		}
		backoff = min(2*backoff, lastBackoff)
	}
}

// once runs one process from start to end. ran is how long it was ready, 0 when it never was; the
// error says why it ended, and is a *Failure while it was not ready.
func (p *Pool) once(ctx context.Context, i *instance, n int) (ran time.Duration, err error) {
	began := time.Now()
	port, err := freeport.Get()
	if err != nil {
		return 0, err
	}
	out, err := os.OpenFile(p.cfg.LogPath, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, err
	}
	defer func() { _ = out.Close() }()
	cmd, err := p.cfg.start(ctx, out, "PORT="+strconv.Itoa(port))
	if err != nil {
		return 0, err
	}
	pid := cmd.Process.Pid
	gone, exit := make(chan struct{}), error(nil)
	go func() {
		exit = cmd.Wait() // on ctx's end: SIGTERM, drainTime, SIGKILL
		close(gone)
	}()
	pidPath := fmt.Sprintf("%s.%d.pid", p.cfg.PIDPath, n)
	defer func() {
		<-gone
		_ = syscall.Kill(-pid, syscall.SIGKILL) // whatever the process left behind in its group
		_ = os.Remove(pidPath)
	}()
	if err := writePID(pidPath, pid); err != nil {
		finish(ctx, cmd, gone)
		return 0, err
	}
	if err := p.cfg.Startup.untilHealthy(ctx, port, gone); err != nil {
		exited := errors.Is(err, errExited)
		finish(ctx, cmd, gone)
		if exited {
			err = fmt.Errorf("the container ended with %s before the probe passed", describe(exit))
		}
		return 0, &Failure{ReasonHealthCheck, p.cfg.Startup.verdict(err, p.cfg.LogPath)}
	}
	p.process(i, pid)
	defer p.process(i, 0)
	s, since := p.enter(i, port), time.Now()
	if p.cfg.Tally != nil {
		p.cfg.Tally.started(since.Sub(began))
	}
	defer p.leave(s)
	if p.cfg.Readiness != nil {
		go p.cfg.Readiness.watch(ctx, port, gone, func(ok bool) { p.passes(s, ok) })
	}
	if p.cfg.Liveness != nil {
		err = p.cfg.Liveness.untilUnhealthy(ctx, port, gone)
		if err != nil {
			p.leave(s)
			finish(ctx, cmd, gone)
			return max(time.Since(since), 1), fmt.Errorf("the liveness probe (%s) failed: %w", p.cfg.Liveness, err)
		}
	}
	select {
	case <-gone:
	case <-ctx.Done():
		p.leave(s)
		<-gone
	}
	return max(time.Since(since), 1), fmt.Errorf("it ended with %s", describe(exit))
}

// start starts the process. A file that has just been unpacked may be busy for a moment: a process that was
// forked meanwhile holds it open for writing until it runs a program of its own.
func (c Config) start(ctx context.Context, out *os.File, extra ...string) (*exec.Cmd, error) {
	for tries := 0; ; tries++ {
		cmd, err := c.command(ctx, extra...)
		if err != nil {
			return nil, err
		}
		cmd.Stdout, cmd.Stderr = out, out
		err = cmd.Start()
		switch {
		case err == nil:
			return cmd, nil
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case !errors.Is(err, syscall.ETXTBSY) || tries == 100:
			return nil, &Failure{ReasonHealthCheck, fmt.Sprintf("the container's command %q cannot be run: %v", cmd.Args[0], err)}
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// finish stops a process that is not wanted any more. When its context ended, it has had its SIGTERM,
// and a second one would cut short the clean-up of a program that restores the default at the first.
func finish(ctx context.Context, cmd *exec.Cmd, gone <-chan struct{}) {
	if ctx.Err() == nil {
		_ = cmd.Process.Signal(syscall.SIGTERM)
	}
	select {
	case <-gone:
	case <-time.After(drainTime):
		_ = cmd.Process.Kill()
		<-gone
	}
}

// command is the process to run: the image's, in its root file system, with its own environment
// and nothing of ours. Extra variables win over those that it was given.
func (c Config) command(ctx context.Context, extra ...string) (*exec.Cmd, error) {
	image := c.Image
	argv := append([]string{}, c.Command...)
	args := c.Args
	if len(argv) == 0 {
		argv = append(argv, image.Config.Entrypoint...)
		if len(args) == 0 {
			args = image.Config.Cmd
		}
	}
	argv = append(argv, args...)
	if len(argv) == 0 {
		return nil, &Failure{ReasonHealthCheck, "the image says no entrypoint or command to run"}
	}
	workdir := c.WorkingDir
	if workdir == "" {
		workdir = image.Config.WorkingDir
	}
	env := newEnviron(image)
	own, err := c.Environ(ctx)
	if err != nil {
		return nil, err
	}
	for _, kv := range append(own, extra...) {
		env.set(kv)
	}
	file, err := lookup(image.Root, workdir, argv[0], env.imagePath)
	if err != nil {
		return nil, &Failure{ReasonHealthCheck, fmt.Sprintf("the container's command %q is not in the image: %v", argv[0], err)}
	}
	cwd, err := locate(image.Root, path.Join("/", workdir))
	if err != nil {
		return nil, &Failure{ReasonHealthCheck, fmt.Sprintf("the working directory %q is not in the image", workdir)}
	}
	cmd := exec.CommandContext(ctx, file)
	cmd.Args = argv
	cmd.Dir = cwd
	cmd.Env = env.list()
	// A group of its own keeps Ctrl-C on the terminal from reaching the process before its drain.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: c.Credential}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = drainTime
	return cmd, nil
}

// environ is a process environment in which the last value of a name wins.
type environ struct {
	names     []string
	values    map[string]string
	imagePath string // PATH as the image says it, for finding its command
}

func newEnviron(image Image) *environ {
	e := &environ{values: map[string]string{}, imagePath: "/"}
	e.set("PATH=/")
	e.set("HOME=/")
	for _, kv := range image.Config.Env {
		if search, ok := strings.CutPrefix(kv, "PATH="); ok {
			// The process is not chrooted: the image's folders are meant, not this machine's.
			e.imagePath = search
			dirs := strings.Split(search, ":")
			for i := range dirs {
				dirs[i] = filepath.Join(image.Root, dirs[i])
			}
			kv = "PATH=" + strings.Join(dirs, ":")
		}
		e.set(kv)
	}
	return e
}

func (e *environ) set(kv string) {
	name, value, _ := strings.Cut(kv, "=")
	if _, ok := e.values[name]; !ok {
		e.names = append(e.names, name)
	}
	e.values[name] = value
}

func (e *environ) list() []string {
	out := make([]string, len(e.names))
	for i, n := range e.names {
		out[i] = n + "=" + e.values[n]
	}
	return out
}

// note writes a line of ours into the revision's log, in the form Cloud Logging understands.
func (p *Pool) note(severity, message string) {
	f, err := os.OpenFile(p.cfg.LogPath, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return
	}
	_, _ = fmt.Fprintf(f, "{\"severity\":%q,\"time\":%q,\"message\":%q}\n", severity, time.Now().UTC().Format(time.RFC3339Nano), "cloud run: "+message)
	_ = f.Close()
}

func describe(exit error) string {
	if exit == nil {
		return "exit status 0"
	}
	return exit.Error()
}
