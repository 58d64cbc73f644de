package pipeline_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/sync/drchrono"
	"github.com/feel-august/terraform-provider-august/internal/sync/pgtest"
	"github.com/feel-august/terraform-provider-august/internal/sync/pipeline"
	"github.com/feel-august/terraform-provider-august/internal/sync/store"
	"github.com/feel-august/terraform-provider-august/internal/sync/telemetry"
)

// asInstance holds an instance's configuration where this binary is started as one.
const asInstance = "AUGUST_TEST_INSTANCE"

// instanceConfig is what a runtime's environment tells it.
type instanceConfig struct {
	URL          string
	Database     pgtest.Database
	RefreshToken string
}

// Before TestMain, so that an instance has no cluster of its own.
func init() {
	raw := os.Getenv(asInstance)
	if raw == "" {
		return
	}
	if err := instanceMain([]byte(raw)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// instanceMain is an instance in a process of its own, which a test can kill. It ends with SIGTERM, and
// with the test that started it.
func instanceMain(raw []byte) error {
	var c instanceConfig
	if err := json.Unmarshal(raw, &c); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(1)
	}()
	log := telemetry.NewLogger(os.Stderr, slog.LevelInfo, "")
	s, err := store.Open(ctx, store.Config{Host: c.Database.Host, Port: c.Database.Port, Database: c.Database.Name, User: c.Database.User, Password: c.Database.Password, MaxConns: 5})
	if err != nil {
		return err
	}
	defer s.Close()
	source, err := drchrono.New(drchrono.Config{
		BaseURL: c.URL, Credential: drchrono.Credential{ClientID: "app", ClientSecret: "secret", RefreshToken: c.RefreshToken},
		Ledger: s.Throttle(store.Limits{PerSecond: 200, PerHour: 1_000_000}), Vault: s.Credentials(), PerSecond: 200, Log: log,
		Timeout: 3 * time.Second, Backoff: 10 * time.Millisecond, Poll: 2 * time.Millisecond, MaxWait: 2 * time.Second,
	})
	if err != nil {
		return err
	}
	return pipeline.New(pipeline.Config{Store: s, Source: source, Log: log, Tick: 50 * time.Millisecond, Lease: 2 * time.Second, Retry: 50 * time.Millisecond,
		Datasets: map[string]pipeline.Dataset{"billing": {Feeds: feeds}, "other": {Feeds: feeds}}}).Run(ctx)
}

// process is a running instance.
type process struct {
	cmd  *exec.Cmd
	done chan struct{}
}

// launch starts an instance in a process of its own, whose log is the rig's.
func (r *rig) launch(c instanceConfig) *process {
	r.Helper()
	raw, err := json.Marshal(c)
	if err != nil {
		r.Fatal(err)
	}
	p := &process{cmd: exec.Command(os.Args[0]), done: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), asInstance+"="+string(raw))
	lines := &whole{to: r.logs}
	p.cmd.Stdout, p.cmd.Stderr = lines, lines
	if _, err := p.cmd.StdinPipe(); err != nil { // closed when this process ends, however it does
		r.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		r.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait()
		close(p.done)
	}()
	r.Cleanup(func() { p.end(syscall.SIGKILL) })
	return p
}

// end sends a signal and waits for the end; it is false when the process had to be killed after all.
func (p *process) end(sig syscall.Signal) (ended bool) {
	_ = p.cmd.Process.Signal(sig)
	select {
	case <-p.done:
		return true
	case <-time.After(15 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.done
		return false
	}
}

// whole passes on whole lines, so that those of two processes do not mix.
type whole struct {
	to   io.Writer
	rest []byte
}

func (w *whole) Write(p []byte) (int, error) {
	w.rest = append(w.rest, p...)
	if i := bytes.LastIndexByte(w.rest, '\n'); i >= 0 {
		_, _ = w.to.Write(w.rest[:i+1])
		w.rest = append([]byte(nil), w.rest[i+1:]...)
	}
	return len(p), nil
}
