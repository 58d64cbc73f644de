package cloudsql

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/api/option"
	"google.golang.org/api/sqladmin/v1"
)

// serveVariable makes the test program a local Cloud SQL on a folder, to be killed by a test.
const serveVariable = "AUGUST_TEST_SERVE_CLOUDSQL"

// serve runs until it is killed, and prints where.
func serve(dir string) error {
	f, err := New(Options{Dir: dir, BinDir: os.Getenv("AUGUST_TEST_BIN"), Credential: owner, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	if err := f.Start(context.Background()); err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	f.Register(mux)
	fmt.Println("http://" + l.Addr().String() + "/")
	return http.Serve(l, mux)
}

// outside hands the rig's folder to another process and answers how to kill it. The rig is opened
// again afterwards.
func (r *rig) outside() (api *sqladmin.Service, kill func()) {
	r.t.Helper()
	r.close()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), serveVariable+"="+r.dir, "AUGUST_TEST_BIN="+postgres.Bin)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		r.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	killed := false
	kill = func() {
		if !killed {
			killed = true
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
			r.open()
		}
	}
	r.t.Cleanup(kill)
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		r.t.Fatal(err)
	}
	api, err = sqladmin.NewService(r.t.Context(), option.WithEndpoint(strings.TrimSpace(line)), option.WithoutAuthentication())
	if err != nil {
		r.t.Fatal(err)
	}
	return api, kill
}

// A local cloud that is killed at any point of a restore starts with the old data or with the new ones.
func TestKilledInARestore(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.create(available())
	conn := r.user(d, "august-sync", "synthetic-password-1") + " dbname=postgres"
	r.exec(r.dial(conn), "CREATE TABLE commits (n int)")
	r.exec(r.dial(conn), "INSERT INTO commits VALUES (1)")
	id := r.backup("platform")
	r.exec(r.dial(conn), "INSERT INTO commits VALUES (2)")
	began := time.Now()
	r.done(r.restore("platform", "platform", id))
	takes := time.Since(began)
	const rounds = 3
	for round := range rounds {
		r.exec(r.dial(conn), "INSERT INTO commits VALUES (2)")
		_, before := r.commits(conn)
		api, kill := r.outside()
		if _, err := api.Instances.RestoreBackup(project, "platform", &sqladmin.InstancesRestoreBackupRequest{
			RestoreBackupContext: &sqladmin.RestoreBackupContext{BackupRunId: id}}).Do(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(takes * time.Duration(round+1) / (rounds + 1))
		kill()
		highest, count := r.commits(conn)
		t.Logf("killed after %d/%d of a restore: %d commits, the last is %d", round+1, rounds+1, count, highest)
		if (highest != 1 || count != 1) && (highest != 2 || count != before) {
			t.Fatalf("%d commits, the last is %d", count, highest)
		}
		r.eventually("a synchronous standby", func() bool {
			return r.admin("SELECT coalesce(max(sync_state), '') FROM pg_stat_replication WHERE application_name = 'august_standby'") == "sync"
		})
		r.nothingLeft("platform")
	}
}

// nothingLeft insists that a restore that was cut off leaves no folder behind.
func (r *rig) nothingLeft(instance string) {
	r.t.Helper()
	if _, err := os.Stat(filepath.Join(r.dir, "instances", project, instance, "restoring")); err == nil {
		r.t.Error("a half-made data directory is left")
	}
}

// A postmaster's process id may be another process's by the time that the local cloud starts again.
func TestLockFileOfAnother(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.create(small("platform"))
	conn := r.user(d, "august-sync", "synthetic-password-1") + " dbname=postgres"
	r.close()
	data := filepath.Join(r.dir, "instances", project, "platform", "node-a")
	other := exec.Command("sleep", "60")
	other.SysProcAttr = &syscall.SysProcAttr{Credential: owner} // PostgreSQL minds processes of its own user only
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Process.Kill(); _ = other.Wait() }()
	lock := fmt.Sprintf("%d\n%s\n1\n5433\n\n\n\nready\n", other.Process.Pid, data)
	if err := os.WriteFile(filepath.Join(data, "postmaster.pid"), []byte(lock), 0o644); err != nil {
		t.Fatal(err)
	}
	r.open()
	r.exec(r.dial(conn), "SELECT 1")
}

// A local cloud that is killed while a clone is made has a FAILED clone afterwards, which can be
// deleted and made again, and a source that knows nothing of it.
func TestKilledInAClone(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := small("platform")
	d.Settings.BackupConfiguration = &sqladmin.BackupConfiguration{Enabled: true, PointInTimeRecoveryEnabled: true}
	d.Settings.DeletionProtectionEnabled = true
	d = r.create(d)
	conn := r.user(d, "august-sync", "synthetic-password-1") + " dbname=postgres"
	r.exec(r.dial(conn), "CREATE TABLE commits (n int)")
	r.exec(r.dial(conn), "INSERT INTO commits VALUES (1)")
	_, latest := r.window()
	began := time.Now()
	r.done(r.clone("copy", latest))
	takes := time.Since(began)
	r.done(r.api.Instances.Delete(project, "copy").Do())
	const rounds = 3
	for round := range rounds {
		api, kill := r.outside()
		op, err := api.Instances.Clone(project, "platform", &sqladmin.InstancesCloneRequest{CloneContext: &sqladmin.CloneContext{
			DestinationInstanceName: "copy", PointInTime: stamp(latest)}}).Do()
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(takes * time.Duration(round+1) / (rounds + 1))
		kill()
		state := r.get("copy").State
		op, err = r.api.Operations.Get(project, op.Name).Do()
		if err != nil || op.Status != statusDone || state == stateFailed != (op.Error != nil) {
			t.Fatalf("killed after %d/%d of a clone, which is %s: %+v, %v", round+1, rounds+1, state, op, err)
		}
		t.Logf("killed after %d/%d of a clone, which is %s", round+1, rounds+1, state)
		if state != stateFailed && state != stateRunnable {
			t.Fatalf("the clone is %s", state)
		}
		r.done(r.api.Instances.Delete(project, "copy").Do())
		if _, err := os.Stat(filepath.Join(r.dir, "instances", project, "copy")); err == nil {
			t.Error("the deleted clone has left its folder")
		}
		if highest, count := r.commits(conn); highest != 1 || count != 1 {
			t.Fatalf("the source has %d commits, the last is %d", count, highest)
		}
	}
	r.done(r.clone("copy", latest))
	if highest, count := r.commits(connTo(r.get("copy"))); highest != 1 || count != 1 {
		t.Fatalf("the clone has %d commits, the last is %d", count, highest)
	}
}
