package cloudsql

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"google.golang.org/api/googleapi"
	"google.golang.org/api/option"
	"google.golang.org/api/sqladmin/v1"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/localtest/scratch"
	"github.com/feel-august/terraform-provider-august/internal/localcloud/toolchain"
)

const (
	project = "august-test"
	region  = "us-central1"
)

// rig is a local Cloud SQL on a test server, reached through Google's own client.
type rig struct {
	t    testing.TB
	dir  string
	face *Face
	http *httptest.Server
	api  *sqladmin.Service
}

func newRig(t testing.TB) *rig {
	t.Helper()
	r := &rig{t: t, dir: t.TempDir()}
	// The programs' user must get through.
	for dir := r.dir; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	// The template cluster is made once for all tests.
	if err := os.Symlink(sharedTemplate, filepath.Join(r.dir, "template")); err != nil {
		t.Fatal(err)
	}
	r.open()
	t.Cleanup(r.close)
	return r
}

var (
	sharedTemplate string
	postgres       toolchain.Postgres
	owner          *syscall.Credential // who runs PostgreSQL when the tests run as root
)

func TestMain(m *testing.M) {
	os.Exit(func() int {
		if dir := os.Getenv(serveVariable); dir != "" {
			var err error
			if owner, err = toolchain.Owner(); err == nil {
				err = serve(dir)
			}
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		if err := scratch.InMemory(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		dir, err := os.MkdirTemp("", "august-template-")
		if err == nil {
			defer func() { _ = os.RemoveAll(dir) }() // only a template
			err = prepare(dir)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return m.Run()
	}())
}

// prepare finds PostgreSQL, and makes the template cluster before tests that run side by side need it.
func prepare(dir string) (err error) {
	if err := os.Chmod(dir, 0o755); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	if postgres, err = toolchain.FindPostgres(ctx); err != nil {
		return err
	}
	if owner, err = toolchain.Owner(); err != nil {
		return err
	}
	f, err := New(Options{Dir: dir, BinDir: postgres.Bin, Credential: owner, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	sharedTemplate = filepath.Join(dir, "template")
	_, err = f.catalogue(ctx, f.major)
	return err
}

func (r *rig) open() {
	r.t.Helper()
	level := slog.LevelWarn
	if testing.Verbose() {
		level = slog.LevelDebug
	}
	f, err := New(Options{
		Dir: r.dir, BinDir: postgres.Bin, Credential: owner,
		Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level})),
	})
	if err != nil {
		r.t.Fatal(err)
	}
	r.face = f
	ctx, cancel := context.WithTimeout(r.t.Context(), 3*time.Minute)
	defer cancel()
	if err := f.Start(ctx); err != nil {
		r.t.Fatal(err)
	}
	mux := http.NewServeMux()
	f.Register(mux)
	r.http = httptest.NewServer(checked(r.t, mux))
	r.api, err = sqladmin.NewService(r.t.Context(), option.WithEndpoint(r.http.URL+"/"), option.WithoutAuthentication())
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) close() {
	r.http.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	if err := r.face.Close(ctx); err != nil {
		r.t.Error(err)
	}
}

// small is a minimal instance.
func small(name string) *sqladmin.DatabaseInstance {
	return &sqladmin.DatabaseInstance{
		Name: name, Region: region, DatabaseVersion: version, Settings: &sqladmin.Settings{Tier: "db-custom-2-7680", Edition: enterprise},
	}
}

const version = "POSTGRES_15"

// available is the instance platform with what high availability needs.
func available() *sqladmin.DatabaseInstance {
	d := small("platform")
	d.Settings.AvailabilityType = regional
	d.Settings.BackupConfiguration = &sqladmin.BackupConfiguration{Enabled: true, PointInTimeRecoveryEnabled: true}
	return d
}

// done waits for an operation and fails the test when it failed.
func (r *rig) done(op *sqladmin.Operation, err error) *sqladmin.Operation {
	r.t.Helper()
	op, problem := r.wait(op, err)
	if problem != "" {
		r.t.Fatalf("operation %s failed: %s", op.OperationType, problem)
	}
	return op
}

// wait waits for an operation and answers its error.
func (r *rig) wait(op *sqladmin.Operation, err error) (*sqladmin.Operation, string) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
	for deadline := time.Now().Add(5 * time.Minute); op.Status != statusDone; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			r.t.Fatalf("operation %s is still %s", op.OperationType, op.Status)
		}
		if op, err = r.api.Operations.Get(project, op.Name).Do(); err != nil {
			r.t.Fatal(err)
		}
	}
	if op.Error != nil {
		return op, op.Error.Errors[0].Message
	}
	return op, ""
}

func (r *rig) create(d *sqladmin.DatabaseInstance) *sqladmin.DatabaseInstance {
	r.t.Helper()
	r.done(r.api.Instances.Insert(project, d).Do())
	return r.get(d.Name)
}

func (r *rig) get(name string) *sqladmin.DatabaseInstance {
	r.t.Helper()
	d, err := r.api.Instances.Get(project, name).Do()
	if err != nil {
		r.t.Fatal(err)
	}
	return d
}

// user makes a built-in user and answers how it connects.
func (r *rig) user(d *sqladmin.DatabaseInstance, name, password string) string {
	r.t.Helper()
	r.done(r.api.Users.Insert(project, d.Name, &sqladmin.User{Name: name, Password: password}).Do())
	r.face.mu.Lock()
	port := r.face.instances[project+"/"+d.Name].Port
	r.face.mu.Unlock()
	return "host=" + d.IpAddresses[0].IpAddress + " port=" + strconv.Itoa(port) + " user=" + name + " password=" + password + " connect_timeout=5"
}

// dial connects, again and again for a while: an address may be between two primaries.
func (r *rig) dial(conn string) *pgx.Conn {
	r.t.Helper()
	for deadline := time.Now().Add(3 * time.Minute); ; time.Sleep(20 * time.Millisecond) {
		c, err := pgx.Connect(r.t.Context(), conn)
		if err == nil {
			r.t.Cleanup(func() { _ = c.Close(context.Background()) }) // for tests that forget
			return c
		}
		if time.Now().After(deadline) {
			r.t.Fatal(err)
		}
	}
}

func (r *rig) exec(c *pgx.Conn, sql string, args ...any) {
	r.t.Helper()
	if _, err := c.Exec(r.t.Context(), sql, args...); err != nil {
		r.t.Fatalf("%s: %v", sql, err)
	}
}

// inside is an administrator's session on an instance.
func (r *rig) inside(name string) *pgx.Conn {
	r.t.Helper()
	c, err := r.instance(name).cluster.Connect(r.t.Context(), "postgres")
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = c.Close(context.Background()) })
	return c
}

// admin asks platform's administrator one question.
func (r *rig) admin(sql string, args ...any) (answer string) {
	r.t.Helper()
	c := r.inside("platform")
	defer func() { _ = c.Close(r.t.Context()) }()
	if err := c.QueryRow(r.t.Context(), sql, args...).Scan(&answer); err != nil {
		r.t.Fatalf("%s: %v", sql, err)
	}
	return answer
}

// refused insists that err is a refusal with this status and reason.
func refused(t *testing.T, err error, code int, reason string) {
	t.Helper()
	var e *googleapi.Error
	if !errors.As(err, &e) {
		t.Fatalf("want a refusal with %d %s, got %v", code, reason, err)
	}
	if e.Code != code || len(e.Errors) != 1 || e.Errors[0].Reason != reason {
		t.Fatalf("want %d %s, got %v", code, reason, err)
	}
}

// file writes a file for one test.
func (r *rig) file(name, content string) string {
	r.t.Helper()
	path := filepath.Join(r.t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		r.t.Fatal(err)
	}
	return path
}
