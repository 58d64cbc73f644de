package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os/exec"
	"reflect"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
	"github.com/feel-august/terraform-provider-august/internal/sandbox/clinic"
)

// errand is the command at work.
type errand struct {
	*bundle
	cmd       *exec.Cmd
	out, errs bytes.Buffer
	done      chan struct{}
}

// reconcile begins the command.
func (b *bundle) reconcile(args ...string) *errand {
	b.t.Helper()
	return b.errand(append([]string{"reconcile"}, args...)...)
}

// errand begins a command.
func (b *bundle) errand(args ...string) *errand {
	b.t.Helper()
	e := &errand{bundle: b, cmd: exec.Command(binary, args...), done: make(chan struct{})}
	for name, value := range b.env {
		e.cmd.Env = append(e.cmd.Env, name+"="+value)
	}
	e.cmd.Stdout, e.cmd.Stderr = &e.out, &e.errs
	if err := e.cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	go func() { _ = e.cmd.Wait(); close(e.done) }()
	b.t.Cleanup(func() { _ = e.cmd.Process.Kill(); <-e.done })
	return e
}

// ended waits for the command's end.
func (e *errand) ended() (report runtimeapi.Reconcile, code int, logs string) {
	e.t.Helper()
	select {
	case <-e.done:
	case <-time.After(3 * time.Minute):
		_ = e.cmd.Process.Kill()
		<-e.done
		e.t.Fatalf("never ended\n%s", e.errs.String())
	}
	e.clean("the report", e.out.String())
	e.clean("the log", e.errs.String())
	_ = json.Unmarshal(e.out.Bytes(), &report)
	return report, e.cmd.ProcessState.ExitCode(), e.errs.String()
}

// alive tells that the command has not ended.
func (e *errand) alive() bool {
	select {
	case <-e.done:
		return false
	default:
		return true
	}
}

// synced starts a runtime and a pipeline, and waits for its first sync.
func (b *bundle) synced() *process {
	b.t.Helper()
	p := b.start("serve").ready()
	if _, err := b.client(p).PutPipeline(b.t.Context(), "billing", billing()); err != nil {
		b.t.Fatal(err)
	}
	p.until("a sync", func() bool {
		s, err := b.client(p).Status(b.t.Context(), "billing")
		return err == nil && s.LastRun != nil && s.LastRun.State == runtimeapi.RunSucceeded
	})
	return p
}

func (b *bundle) exec(statements ...string) {
	b.t.Helper()
	conn, err := pgx.Connect(b.t.Context(), b.db.URL())
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = conn.Close(background()) }()
	for _, sql := range statements {
		if _, err := conn.Exec(b.t.Context(), sql); err != nil {
			b.t.Fatal(err)
		}
	}
}

// damage is drift of every kind: 3 lost, 4 edited, 2 marked, 3 made up.
var damage = []string{
	`delete from drchrono.line_items where id in (select id from drchrono.line_items order by updated_at, id limit 3)`,
	`update drchrono.appointments set status = 'edited' where id in (select id from drchrono.appointments where deleted_at_source is null order by updated_at, id limit 4)`,
	`update drchrono.transactions set deleted_at_source = now() where id in (select id from drchrono.transactions where deleted_at_source is null order by updated_at, id limit 2)`,
	`insert into drchrono.transactions (id, raw, content_hash, observed_at) select n, '{}', '', now() - interval '1 hour' from generate_series(1, 3) n`,
}

const drift = 12

func TestReconcile(t *testing.T) {
	t.Parallel()
	b := setup(t, 30)
	p := b.synced()
	if report, code, logs := b.reconcile("billing").ended(); code != 0 || report.Drift != 0 || len(report.Feeds) < 7 {
		t.Errorf("exit code %d, %+v\n%s", code, report, logs)
	}
	b.exec(damage...)
	if report, code, logs := b.reconcile("billing").ended(); code != exitFound || report.Left != drift || !strings.Contains(logs, "--repair") {
		t.Errorf("exit code %d, %+v\n%s", code, report, logs)
	}
	if report, code, logs := b.reconcile("billing", "--repair").ended(); code != 0 || report.Drift != drift || report.Left != 0 {
		t.Errorf("exit code %d, %+v\n%s", code, report, logs)
	}
	s, err := b.client(p).Status(t.Context(), "billing")
	if err != nil || s.Reconcile == nil || s.Reconcile.Drift != drift || s.Rows["line_items"] != int64(b.clinic.Count(clinic.LineItems)) {
		t.Errorf("status %+v, %v", s.Reconcile, err)
	}
	// The runtime has done the work, and it can be asked by itself.
	if !strings.Contains(p.log(), "feed compared") {
		t.Errorf("the runtime did nothing\n%s", p.log())
	}
	run, err := b.client(p).Reconcile(t.Context(), "billing", runtimeapi.ReconcileRequest{})
	if err != nil || run.Kind != runtimeapi.KindReconcile {
		t.Fatalf("%+v, %v", run, err)
	}
	p.until("the end of a reconciliation", func() bool {
		run, err = b.client(p).GetRun(t.Context(), "billing", run.ID)
		return err == nil && run.State == runtimeapi.RunSucceeded
	})
	if run.Report == nil || run.Report.Run != run.ID || run.Report.Drift != 0 || len(run.Feeds) != len(run.Report.Feeds) {
		t.Errorf("%+v", run)
	}
	if code, metrics := p.get("/metrics"); code != 200 || !strings.Contains(metrics, `august_sync_drift{`) || !strings.Contains(metrics, "august_sync_reconcile_age") {
		t.Errorf("metrics are %d and without drift", code)
	}
	if _, code, logs := b.reconcile("no-such").ended(); code != 1 || !strings.Contains(logs, "there is no pipeline") {
		t.Errorf("exit code %d\n%s", code, logs)
	}
	p.stop()
}

// A row that cannot be compared is not known to be equal.
func TestReconcile_uncompared(t *testing.T) {
	t.Parallel()
	b := setup(t, 20)
	b.synced().stop()
	key := b.clinic.View(clinic.LineItems, 0)[2].Key()
	if err := b.clinic.EditUnseen(clinic.LineItems, key, clinic.Object{"billed": "a canary's worth"}); err != nil {
		t.Fatal(err)
	}
	report, code, logs := b.reconcile("billing", "--repair").ended()
	if code != exitFound || report.Drift != 0 || report.Uncompared != 1 || !strings.Contains(logs, "line_items: 1 rows of the source could not be decoded") {
		t.Errorf("exit code %d, %+v\n%s", code, report, logs)
	}
}

// An interrupted one goes on where it was, and no runtime is needed for that.
func TestReconcile_interrupted(t *testing.T) {
	t.Parallel()
	b := setup(t, 24)
	calls := b.counted()
	b.synced().stop()
	before := calls.Load()
	if _, code, logs := b.reconcile("billing").ended(); code != 0 {
		t.Fatalf("exit code %d\n%s", code, logs)
	}
	whole := calls.Load() - before
	b.exec(damage...)
	before = calls.Load()
	first := b.reconcile("billing", "--repair")
	for calls.Load() < before+whole/2 && first.alive() {
		time.Sleep(time.Millisecond)
	}
	_ = first.cmd.Process.Signal(syscall.SIGINT)
	if _, code, logs := first.ended(); code != 1 || !strings.Contains(logs, "is not lost") {
		t.Fatalf("exit code %d\n%s", code, logs)
	}
	halfway := calls.Load()
	report, code, logs := b.reconcile("billing", "--repair").ended()
	if code != 0 || report.Drift != drift || report.Left != 0 {
		t.Errorf("exit code %d, %+v\n%s", code, report, logs)
	}
	t.Logf("%d calls in all, %d before it was interrupted and %d after", whole, halfway-before, calls.Load()-halfway)
	if after := calls.Load() - halfway; after > whole-10 { // what was in flight may be read twice; the first lists may not
		t.Errorf("%d calls, %d before it was interrupted and %d after: it began anew", whole, halfway-before, after)
	}
}

// One that is killed, again and again and at any point, with or without a runtime, ends with the rows and the report of
// one that was not.
func TestReconcile_killed(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	calm, wild := setup(t, 24), setup(t, 24)
	total := calm.counted()
	calls := wild.counted()
	calm.synced().stop()
	wild.synced().stop()
	calm.exec(damage...)
	wild.exec(damage...)
	before := total.Load()
	want, code, logs := calm.reconcile("billing", "--repair").ended()
	if code != 0 || want.Drift != drift {
		t.Fatalf("exit code %d, %+v\n%s", code, want, logs)
	}
	part := (total.Load() - before) / 6
	for range 3 {
		killed := wild.interrupt(rnd, calls, part)
		t.Logf("killed %s after %d calls", killed, calls.Load())
	}
	got, code, logs := wild.reconcile("billing", "--repair").ended()
	if code != 0 {
		t.Fatalf("exit code %d, %+v\n%s", code, got, logs)
	}
	for _, r := range []*runtimeapi.Reconcile{&want, &got} {
		r.Run, r.StartedAt, r.FinishedAt = 0, time.Time{}, time.Time{}
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("killed:\n%+v\nundisturbed:\n%+v", got, want)
	}
	if got, want := wild.tables(), calm.tables(); !reflect.DeepEqual(got, want) {
		t.Errorf("killed:\n%v\nundisturbed:\n%v", got, want)
	}
	var left int
	if err := wild.one(`select (select count(*) from august.reconcile_row) + (select count(*) from august.sweep_page) + (select count(*) from august.reconcile_feed)`, &left); err != nil || left != 0 {
		t.Errorf("%d rows are left, %v", left, err)
	}
}

// interrupt kills whoever works on a reconciliation after up to so many more calls: the command, or a runtime that the
// command has asked.
func (b *bundle) interrupt(rnd *rand.Rand, calls *atomic.Int64, most int64) (who string) {
	b.t.Helper()
	target := calls.Load() + 1 + rnd.Int64N(most)
	kill, who := func() {}, "the command"
	var service *process
	if rnd.IntN(2) == 0 {
		service, who = b.start("serve").ready(), "the runtime"
		kill = func() { _ = service.cmd.Process.Kill(); <-service.done }
	}
	e := b.reconcile("billing", "--repair")
	for deadline := time.Now().Add(2 * time.Minute); calls.Load() < target && e.alive(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			b.t.Fatalf("%d of %d calls\n%s", calls.Load(), target, e.errs.String())
		}
	}
	time.Sleep(time.Duration(rnd.IntN(100)) * time.Millisecond)
	_ = e.cmd.Process.Kill()
	kill()
	<-e.done
	return who
}

func (b *bundle) one(sql string, into any) error {
	conn, err := pgx.Connect(b.t.Context(), b.db.URL())
	if err != nil {
		return err
	}
	return errors.Join(conn.QueryRow(b.t.Context(), sql).Scan(into), conn.Close(background()))
}
