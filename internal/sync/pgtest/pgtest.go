// Package pgtest gives tests a real PostgreSQL: one cluster per test binary, a fresh database per
// test. It is imported by tests only.
package pgtest

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"sort"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/freeport"
)

// Database is one test's own.
type Database struct {
	Host     string
	Port     int
	Name     string
	User     string
	Password string
}

// URL is the database as a connection string.
func (d Database) URL() string {
	return fmt.Sprintf("postgres://%s:%s@%s:%d/%s?sslmode=disable", d.User, d.Password, d.Host, d.Port, d.Name)
}

// verifier is the password "august" as a server keeps it, by one iteration of SCRAM instead of 4,096: those are most of what
// a connection costs either side, and a test makes hundreds.
const verifier = "SCRAM-SHA-256$1:YXVndXN0IHN5bnRoZXRpYw==$hQZyn+mReLglpO4X3bWwvrNdD5plrDm9oJqEMNfCGhs=:Y6EepkZisbbMRCevnFmcumtdanSwqLuJq2Nvb3FpWmo="

// cluster is the binary's own; it starts with the first database.
var cluster struct {
	once sync.Once
	err  error
	dir  string
	port int
	server
	next atomic.Int64
}

// template is a database that was prepared once, to be copied.
var template struct {
	once sync.Once
	db   Database
	err  error
}

// server is a running one.
type server struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when it has exited
}

// Main runs the tests of a package, stops its cluster and cleans up what the package itself made.
// Call it from TestMain.
func Main(m *testing.M, cleanup ...func()) {
	code := m.Run()
	stop()
	for _, f := range cleanup {
		f()
	}
	os.Exit(code)
}

// New makes an empty database that is dropped when the test ends.
func New(t testing.TB) Database {
	t.Helper()
	boot(t)
	db := create(t, "")
	t.Cleanup(func() { drop(t, db) })
	return db
}

func boot(t testing.TB) {
	t.Helper()
	cluster.once.Do(func() { cluster.err = start() })
	if cluster.err != nil {
		t.Fatalf("start PostgreSQL for tests: %v", cluster.err)
	}
}

func create(t testing.TB, like string) Database {
	t.Helper()
	db := Database{Host: "127.0.0.1", Port: cluster.port, User: "august", Password: "august",
		Name: fmt.Sprintf("test_%d", cluster.next.Add(1))}
	// Files are copied as they are, after a checkpoint: with a cluster in memory at half of what it costs to log each page.
	admin(t, `create database `+db.Name+like+` strategy file_copy`)
	return db
}

func drop(t testing.TB, db Database) {
	t.Helper()
	admin(t, `drop database `+db.Name+` with (force)`)
}

// Copy makes a database that is like what prepare makes of an empty one. Only the first of them is prepared:
// that takes longer than to copy it. prepare closes its connections.
func Copy(t testing.TB, prepare func(Database) error) Database {
	t.Helper()
	boot(t)
	template.once.Do(func() {
		template.db = create(t, "")
		template.err = prepare(template.db)
	})
	if template.err != nil {
		t.Fatalf("prepare a database for tests: %v", template.err)
	}
	db := create(t, " template "+template.db.Name)
	t.Cleanup(func() { drop(t, db) })
	return db
}

// Restart stops the server the hard way, as a crash does, and starts it again on the same address.
func Restart(t testing.TB) {
	t.Helper()
	_ = cluster.cmd.Process.Signal(syscall.SIGQUIT) // PostgreSQL's immediate shutdown
	<-cluster.done
	if err := launch(); err != nil {
		t.Fatalf("restart PostgreSQL: %v", err)
	}
}

func admin(t testing.TB, sql string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, Database{"127.0.0.1", cluster.port, "postgres", "august", "august"}.URL())
	if err == nil {
		_, err = conn.Exec(ctx, sql)
		_ = conn.Close(ctx)
	}
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// start makes a cluster in a directory of its own and launches it.
func start() error {
	dir, err := os.MkdirTemp(folder(), "august-pgtest-")
	if err != nil {
		return err
	}
	cluster.dir = dir
	cred, err := credential()
	if err != nil {
		return err
	}
	if cred != nil {
		if err := os.Chown(dir, int(cred.Uid), int(cred.Gid)); err != nil {
			return err
		}
	}
	initdb, err := binary("initdb")
	if err != nil {
		return err
	}
	password := filepath.Join(dir, "password")
	if err := os.WriteFile(password, []byte(verifier+"\n"), 0o644); err != nil {
		return err
	}
	cmd := exec.Command(initdb, "--pgdata", filepath.Join(dir, "data"), "--username", "august", "--pwfile", password,
		"--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C", "--no-sync")
	cmd.Dir, cmd.Env, cmd.SysProcAttr = dir, []string{"PATH=/usr/bin:/bin", "LC_ALL=C"}, &syscall.SysProcAttr{Credential: cred}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, bytes.TrimSpace(out))
	}
	if cluster.port, err = freeport.Get(); err != nil {
		return err
	}
	return launch()
}

// benchmarks is whether this binary measures.
func benchmarks() bool {
	f := flag.Lookup("test.bench")
	return f != nil && f.Value.String() != ""
}

// settings is what a server may leave out in a test, which ends servers but never the machine, and what a benchmark has to
// pay for. Nothing of a test waits for autovacuum, which would visit the databases of all tests in turn.
func settings() []string {
	if benchmarks() {
		return []string{"-c", "max_wal_size=4GB", "-c", "shared_buffers=256MB"}
	}
	return []string{"-c", "fsync=off", "-c", "full_page_writes=off", "-c", "wal_init_zero=off", "-c", "wal_recycle=off",
		"-c", "max_wal_size=256MB", "-c", "shared_buffers=64MB", "-c", "autovacuum=off", "-c", "jit=off"}
}

// launch starts the binary's server and waits until it answers.
func launch() error {
	s, err := spawn(cluster.dir, cluster.port)
	if err == nil {
		cluster.server = s
	}
	return err
}

// spawn starts a server on the cluster in dir and waits until it answers.
func spawn(dir string, port int) (s server, err error) {
	postgres, err := binary("postgres")
	if err != nil {
		return s, err
	}
	cred, err := credential()
	if err != nil {
		return s, err
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return s, err
	}
	defer func() { _ = log.Close() }() // the server has its own handle
	cmd := exec.Command(postgres, append([]string{"-D", filepath.Join(dir, "data"), "-p", strconv.Itoa(port),
		"-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "max_connections=120",
		"-c", "shared_preload_libraries=pg_stat_statements", "-c", "pg_stat_statements.track=none", // until a session sets it
		"-c", "dynamic_shared_memory_type=mmap", // in the data folder, and gone with it, also when the server is killed
	}, settings()...)...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = dir, []string{"PATH=/usr/bin:/bin", "LC_ALL=C"}, log, log
	cmd.SysProcAttr = dieWithParent(&syscall.SysProcAttr{Credential: cred, Setpgid: true})
	started, done := make(chan error, 1), make(chan struct{})
	go func() {
		// The kernel ties a "die with parent" to the thread that forked, so this one stays.
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait()
		}
		close(done)
	}()
	if err := <-started; err != nil {
		return s, err
	}
	s = server{cmd, done}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for {
		conn, err := pgx.Connect(ctx, Database{"127.0.0.1", port, "postgres", "august", "august"}.URL())
		if err == nil {
			return s, conn.Close(ctx)
		}
		select {
		case <-done:
			out, _ := os.ReadFile(filepath.Join(dir, "log"))
			return s, fmt.Errorf("postgres exited: %s", bytes.TrimSpace(out))
		case <-ctx.Done():
			return s, fmt.Errorf("postgres does not answer: %w", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func stop() {
	if cluster.cmd != nil {
		_ = cluster.cmd.Process.Signal(syscall.SIGINT) // PostgreSQL's fast shutdown
		select {
		case <-cluster.done:
		case <-time.After(time.Minute):
			_ = cluster.cmd.Process.Kill()
			<-cluster.done
		}
	}
	if cluster.dir != "" {
		_ = os.RemoveAll(cluster.dir)
	}
}

// credential is the user that the server runs as: PostgreSQL refuses to be root.
func credential() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("PostgreSQL does not run as root, and there is no user to run it as: %w", err)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

// Log is what the server of this test binary has written to its log since it was last launched.
func Log(t testing.TB) string {
	t.Helper()
	boot(t)
	out, err := os.ReadFile(filepath.Join(cluster.dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// Program is the path of one of PostgreSQL's programs, as binary finds it.
func Program(t testing.TB, name string) string {
	t.Helper()
	path, err := binary(name)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// Port is one for a program that has to be told where to listen.
func Port(t testing.TB) int {
	t.Helper()
	port, err := freeport.Get()
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// binary finds a server program on PATH or where distributions keep it, newest first.
func binary(name string) (string, error) {
	for _, pattern := range []string{"/usr/lib/postgresql/*/bin/", "/usr/pgsql-*/bin/", "/opt/homebrew/opt/postgresql@*/bin/", "/usr/local/opt/postgresql@*/bin/"} {
		found, err := filepath.Glob(pattern + name)
		if err != nil {
			return "", err
		}
		if len(found) > 0 {
			sort.Strings(found)
			return found[len(found)-1], nil
		}
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("PostgreSQL's %s is neither on PATH nor in the usual places: install the server package (Debian: postgresql)", name)
	}
	return path, nil
}
