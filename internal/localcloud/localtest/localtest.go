// Package localtest gives tests a local cloud: a real one, in a process of its own, that ends with
// the test whatever becomes of it.
//
// A test that changes the cloud as a whole starts its own:
//
//	cloud := localtest.Start(t)
//
// A package whose tests keep out of each other's way shares one, started when it is first asked for:
//
//	func TestMain(m *testing.M) { localtest.Main(m) }
//
//	cloud := localtest.Shared(t)
package localtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/localcloud"
	"github.com/feel-august/terraform-provider-august/internal/localcloud/toolchain"
)

// Projects and the region of the landing zone.
const (
	Production = "feel-august-platform"
	Staging    = "feel-august-platform-staging"
	Region     = localcloud.Region
)

// Patience with a cloud that starts or stops on a busy machine.
const (
	upPatience   = 3 * time.Minute
	downPatience = 90 * time.Second
)

// defaultPatients keeps the practices small: staging has its least number anyway.
const defaultPatients = 60

// Cloud is a running local cloud.
type Cloud struct {
	localcloud.Description
	// AugustLocal is the path of the program that runs it.
	AugustLocal string

	cmd   *exec.Cmd
	stdin io.Closer
	ended chan struct{}
	once  sync.Once
	err   error // of the stop
}

// Option changes how a cloud is started.
type Option func(*[]string)

// Patients sets the size of the production clinic.
func Patients(n int) Option {
	return func(args *[]string) { *args = append(*args, "--patients", strconv.Itoa(n)) }
}

// Seed sets the seed of the clinics.
func Seed(n uint64) Option {
	return func(args *[]string) { *args = append(*args, "--seed", strconv.FormatUint(n, 10)) }
}

// Empty leaves out the landing zone.
func Empty() Option {
	return func(args *[]string) { *args = append(*args, "--empty") }
}

// Start starts a local cloud in a directory of its own, waits until it is ready, and stops it at the
// end of the test, which fails when a process is left.
func Start(t testing.TB, opts ...Option) *Cloud {
	t.Helper()
	dir, err := os.MkdirTemp("", "august-cloud-") //nolint:usetesting // PostgreSQL's user cannot enter t.TempDir
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	c, err := start(dir, opts)
	if err != nil {
		t.Fatalf("%v\n%s", err, logs(dir))
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("what the local cloud said:\n%s", logs(dir))
		}
		if err := c.stop(); err != nil {
			t.Errorf("%v\n%s", err, logs(dir))
		}
	})
	return c
}

// start runs `up` in dir as a child. It is bound to us by its standard input: when this process ends,
// even by kill -9, the pipe does too, and the cloud stops itself.
func start(dir string, opts []Option) (*Cloud, error) {
	// Below a directory of ours that PostgreSQL's user can enter; MkdirTemp's cannot be.
	if err := os.Chmod(dir, 0o711); err != nil { // as said
		return nil, err
	}
	bin, err := program(augustLocal, dir)
	if err != nil {
		return nil, err
	}
	args := []string{"up", "--until-eof", "--dir", filepath.Join(dir, "cloud"), "--patients", strconv.Itoa(defaultPatients)}
	for _, o := range opts {
		o(&args)
	}
	console, err := os.Create(filepath.Join(dir, "console.log"))
	if err != nil {
		return nil, err
	}
	defer func() { _ = console.Close() }()
	cmd := exec.CommandContext(context.Background(), bin, args...) // ended by stop
	cmd.Dir = dir
	cmd.Env = toolchain.CleanEnv(toolchain.EnvPostgres + "=" + os.Getenv(toolchain.EnvPostgres))
	cmd.Stdout, cmd.Stderr = console, console
	// Ctrl-C is for the tests; the cloud hears of it by the pipe.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	c := &Cloud{AugustLocal: bin, cmd: cmd, stdin: stdin, ended: make(chan struct{})}
	go func() {
		_ = cmd.Wait() // what it means is told by what is left
		close(c.ended)
	}()
	err = c.await(filepath.Join(dir, "cloud"))
	if err != nil {
		return nil, errors.Join(err, c.stop())
	}
	return c, nil
}

func (c *Cloud) await(dir string) error {
	c.Dir = dir
	deadline := time.After(upPatience)
	for {
		d, err := localcloud.Describe(dir)
		if err == nil {
			c.Description = d
			return nil
		}
		if !errors.Is(err, localcloud.ErrNotRunning) {
			return err
		}
		select {
		case <-c.ended:
			return errors.New("the local cloud did not start")
		case <-deadline:
			return fmt.Errorf("the local cloud was not ready after %s", upPatience)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// stop ends the cloud and says whether anything of it is left.
func (c *Cloud) stop() error {
	c.once.Do(func() { c.err = c.end() })
	return c.err
}

func (c *Cloud) end() error {
	_ = c.stdin.Close() // the word to stop
	select {
	case <-c.ended:
	case <-time.After(downPatience):
		_ = c.cmd.Process.Kill()
		<-c.ended
		c.err = fmt.Errorf("the local cloud did not stop in %s", downPatience)
	}
	left, err := localcloud.Strays(c.Dir)
	if err != nil {
		return errors.Join(c.err, err)
	}
	for _, p := range left {
		_ = syscall.Kill(p.PID, syscall.SIGKILL)
		c.err = errors.Join(c.err, fmt.Errorf("process %d outlived the local cloud: %s", p.PID, strings.Join(p.Args, " ")))
	}
	return c.err
}

// Setenv points the provider, and hashicorp/google, at this cloud and one of its projects for the rest
// of the test, which cannot be parallel then.
func (c *Cloud) Setenv(t testing.TB, project string) {
	t.Helper()
	for _, kv := range c.ProjectEnviron(project) {
		key, value, _ := strings.Cut(kv, "=")
		t.Setenv(key, value)
	}
}

// Runtime is the path of august-sync, compiled for this machine.
func Runtime(t testing.TB) string {
	t.Helper()
	path, err := program(augustSync, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// Provider is a folder with the provider and the runtime beside it, as a release has them: what a CLI is told to find
// the provider in.
func Provider(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	path, err := program(augustTF, dir)
	if err == nil {
		err = os.Rename(path, filepath.Join(dir, "terraform-provider-august"))
	}
	if err == nil {
		_, err = program(augustSync, dir)
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// AugustLocal is the path of august-local, compiled for this machine.
func AugustLocal(t testing.TB) string {
	t.Helper()
	path, err := program(augustLocal, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// Down runs `august-local down` on the cloud, for tests of what happens without it. Its state stays,
// and its end is not a failure.
func (c *Cloud) Down(t testing.TB) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), c.AugustLocal, "down", "--dir", c.Dir).CombinedOutput(); err != nil {
		t.Fatalf("august-local down: %v\n%s", err, out)
	}
}

// logs are the ends of what the cloud has written, for a test that failed.
func logs(dir string) string {
	var out bytes.Buffer
	files, _ := filepath.Glob(filepath.Join(dir, "cloud", "log", "*.log")) // the pattern is well formed
	for _, file := range append([]string{filepath.Join(dir, "console.log")}, files...) {
		if filepath.Base(file) == "http.log" {
			continue // long, and it tells little
		}
		body, err := os.ReadFile(file)
		if err != nil || len(body) == 0 {
			continue
		}
		lines := strings.Split(strings.TrimSpace(string(body)), "\n")
		_, _ = fmt.Fprintf(&out, "--- %s\n%s\n", filepath.Base(file), strings.Join(lines[max(0, len(lines)-30):], "\n"))
	}
	return out.String()
}
