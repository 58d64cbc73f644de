package cloudsql

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"google.golang.org/api/sqladmin/v1"
)

// BenchmarkPointInTimeRecovery measures how long it takes from the call of clone, with a moment, until
// the clone answers a client. The floor, measured in the same run, is what nobody could go below: a
// plain copy of the base backup and the start of PostgreSQL on it, without any WAL to roll forward.
func BenchmarkPointInTimeRecovery(b *testing.B) {
	r := newRig(b)
	d := small("platform")
	d.Settings.BackupConfiguration = &sqladmin.BackupConfiguration{Enabled: true, PointInTimeRecoveryEnabled: true}
	d = r.create(d)
	c := r.dial(r.user(d, "august-sync", "synthetic-password-1") + " dbname=postgres")
	fill := func(rows int) {
		r.exec(c, "INSERT INTO commits SELECT g, repeat(md5(g::text), 4) FROM generate_series(1, $1::int) g", rows)
	}
	r.exec(c, "CREATE TABLE commits (n int, payload text)")
	fill(600_000)
	base := r.backup("platform")
	fill(200_000)
	var moment time.Time
	var wal int64
	if err := c.QueryRow(b.Context(), "SELECT clock_timestamp()").Scan(&moment); err != nil {
		b.Fatal(err)
	}
	r.exec(c, "INSERT INTO commits VALUES (-1, '')")
	r.window() // everything is archived
	dir := filepath.Join(r.dir, "instances", project, "platform")
	run, err := r.api.BackupRuns.Get(project, "platform", base).Do()
	if err != nil {
		b.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "wal-*", "0000*"))
	if err != nil {
		b.Fatal(err)
	}
	wal = int64(len(files)) * 16 << 20

	var clones, floors time.Duration
	n := 0
	for b.Loop() {
		began := time.Now()
		r.done(r.clone("copy", moment))
		var rows int
		at := r.dial(connTo(r.get("copy")))
		clones += time.Since(began)
		if err := at.QueryRow(b.Context(), "SELECT count(*) FROM commits").Scan(&rows); err != nil || rows != 800_000 {
			b.Fatalf("the clone has %d rows, %v", rows, err)
		}
		_ = at.Close(b.Context())
		r.done(r.api.Instances.Delete(project, "copy").Do())
		floors += r.floor(filepath.Join(dir, "backups", strconv.FormatInt(base, 10)))
		n++
	}
	b.ReportMetric(float64(run.MaxChargeableBytes)/(1<<20), "backup-MB")
	b.ReportMetric(float64(wal)/(1<<20), "archive-MB")
	b.ReportMetric(clones.Seconds()/float64(n), "clone-s")
	b.ReportMetric(floors.Seconds()/float64(n), "floor-s")
	b.ReportMetric(0, "ns/op")
}

// floor copies a base backup and starts PostgreSQL on the copy.
func (r *rig) floor(backup string) time.Duration {
	r.t.Helper()
	dir := filepath.Join(r.t.TempDir(), "floor")
	began := time.Now()
	if err := os.CopyFS(dir, os.DirFS(backup)); err != nil {
		r.t.Fatal(err)
	}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			err = os.Chmod(path, 0o700)
		}
		if err == nil && owner != nil {
			err = os.Lchown(path, int(owner.Uid), int(owner.Gid))
		}
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
	for parent := filepath.Dir(dir); parent != os.TempDir() && parent != "/"; parent = filepath.Dir(parent) {
		if err := os.Chmod(parent, 0o755); err != nil {
			r.t.Fatal(err)
		}
	}
	cmd := exec.Command(filepath.Join(postgres.Bin, "postgres"), "-D", dir, "-p", "5432", "-c", "listen_addresses=", "-c", "unix_socket_directories="+dir, "-c", "ssl=off")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: owner}
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Signal(syscall.SIGQUIT)
		_ = cmd.Wait()
	}()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		c, err := pgx.Connect(r.t.Context(), fmt.Sprintf("host=%s port=5432 user=cloudsqladmin dbname=postgres", dir))
		if err == nil {
			_ = c.Close(r.t.Context())
			return time.Since(began)
		}
		if time.Now().After(deadline) {
			r.t.Fatal(err)
		}
	}
}
