package pgtest

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/freeport"
)

// Standby is a physical copy of the binary's cluster, in recovery, that has every commit before it is
// acknowledged.
type Standby struct {
	t    testing.TB
	port int
}

// NewStandby makes a synchronous standby of the cluster, which has started with the first database. It
// ends with the test.
func NewStandby(t testing.TB) *Standby {
	t.Helper()
	dir, err := os.MkdirTemp(folder(), "august-pgtest-standby-") //nolint:usetesting // the server's user may not enter a directory of the test's
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	cred, err := credential()
	if err == nil && cred != nil {
		err = os.Chown(dir, int(cred.Uid), int(cred.Gid))
	}
	if err != nil {
		t.Fatal(err)
	}
	backup, err := binary("pg_basebackup")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(backup, "--pgdata", filepath.Join(dir, "data"), "--dbname", fmt.Sprintf("host=127.0.0.1 port=%d user=august application_name=standby", cluster.port),
		"--write-recovery-conf", "--checkpoint", "fast", "--no-sync")
	cmd.Dir, cmd.Env, cmd.SysProcAttr = dir, []string{"PATH=/usr/bin:/bin", "LC_ALL=C", "PGPASSWORD=august"}, &syscall.SysProcAttr{Credential: cred}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("pg_basebackup: %v: %s", err, bytes.TrimSpace(out))
	}
	port, err := freeport.Get()
	if err != nil {
		t.Fatal(err)
	}
	s := &Standby{t: t, port: port}
	server, err := spawn(dir, s.port)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.cmd.Process.Signal(syscall.SIGQUIT)
		<-server.done
	})
	admin(t, `alter system set synchronous_standby_names = 'standby'`)
	admin(t, `select pg_reload_conf()`)
	t.Cleanup(func() {
		admin(t, `alter system reset synchronous_standby_names`)
		admin(t, `select pg_reload_conf()`)
	})
	s.until("the standby streams", cluster.port, `select exists (select from pg_stat_replication where application_name = 'standby' and sync_state = 'sync')`)
	return s
}

// Database is db as the standby has it.
func (s *Standby) Database(db Database) Database {
	db.Host, db.Port = "127.0.0.1", s.port
	return db
}

// Promote makes the standby a primary.
func (s *Standby) Promote() {
	s.t.Helper()
	s.until("the standby is promoted", s.port, `select pg_promote()`)
}

func (s *Standby) until(what string, port int, sql string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for {
		var is bool
		conn, err := pgx.Connect(ctx, Database{"127.0.0.1", port, "postgres", "august", "august"}.URL())
		if err == nil {
			err = conn.QueryRow(ctx, sql).Scan(&is)
			_ = conn.Close(ctx)
		}
		if is {
			return
		}
		select {
		case <-ctx.Done():
			s.t.Fatalf("never came: %s: %v", what, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
