package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/evidence"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/export/exporttest"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/policy"
	"github.com/feel-august/terraform-provider-august/internal/localcloud/storage"
	"github.com/feel-august/terraform-provider-august/internal/sync/pgtest"
)

// exporter runs the command over a clinic of its own.
type exporter struct {
	t      testing.TB
	db     pgtest.Database
	folder string
	public ed25519.PublicKey
	env    map[string]string
}

func newExporter(t testing.TB, patients int, ids string) *exporter {
	t.Helper()
	x := &exporter{t: t, db: pgtest.New(t), folder: t.TempDir()}
	conn, err := pgx.Connect(t.Context(), x.db.URL())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), exporttest.SQL(patients)+"; analyze"); err != nil {
		t.Fatal(err)
	}
	_ = conn.Close(t.Context())
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := exporttest.Policy(ids).Encode()
	if err != nil {
		t.Fatal(err)
	}
	x.public = public
	x.env = map[string]string{
		"AUGUST_DATABASE_NAME": x.db.Name, "AUGUST_DATABASE_USER": x.db.User, "AUGUST_DATABASE_PASSWORD": x.db.Password,
		"AUGUST_DATABASE_HOST": x.db.Host, "AUGUST_DATABASE_PORT": fmt.Sprint(x.db.Port), "AUGUST_DATABASE_INSTANCE": "feel-august-platform:us-central1:platform",
		"AUGUST_ANONYMIZE_POLICY": encoded, "AUGUST_ANONYMIZE_BUCKET": "file://" + x.folder, "AUGUST_LOG_LEVEL": "debug",
		"AUGUST_ANONYMIZE_SIGNING_KEY": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
	}
	return x
}

// command is not started yet; what it writes is kept.
func (x *exporter) command(args ...string) (cmd *exec.Cmd, out, errs *bytes.Buffer) {
	cmd, out, errs = exec.Command(binary, append([]string{"anonymize"}, args...)...), new(bytes.Buffer), new(bytes.Buffer)
	for name, value := range x.env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	cmd.Stdout, cmd.Stderr = out, errs
	return cmd, out, errs
}

// clean makes sure that a text holds none of the clinic's people.
func (x *exporter) clean(what, text string) {
	x.t.Helper()
	for _, canary := range append(exporttest.Canaries(), "BEGIN PRIVATE KEY") {
		if strings.Contains(text, canary) {
			x.t.Errorf("%s holds %q", what, canary)
		}
	}
}

func TestAnonymize(t *testing.T) {
	t.Parallel()
	x := newExporter(t, 300, policy.Surrogate)
	cmd, out, errs := x.command("--export", "x")
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, errs)
	}
	var said published
	if err := json.Unmarshal(out.Bytes(), &said); err != nil || said.Export != "x" || said.Tables != 8 || said.Rows != 8950 {
		t.Errorf("%v %s", err, out)
	}
	signed, err := os.ReadFile(filepath.Join(x.folder, said.Manifest))
	if err != nil {
		t.Fatal(err)
	}
	m, err := evidence.Open(signed, x.public)
	if err != nil {
		t.Fatal(err)
	}
	if m.Runtime != "1.2.3-test" || m.Source.Instance != "feel-august-platform:us-central1:platform" || m.KeyID != said.KeyID || !m.Scan.Passed {
		t.Errorf("%+v", m)
	}
	x.clean("the log", errs.String())
	x.clean("the answer", out.String())
	x.clean("the manifest", string(signed))
	for line := range strings.Lines(errs.String()) {
		var entry struct{ Severity, Message string }
		if json.Unmarshal([]byte(line), &entry) != nil || entry.Severity == "" || entry.Message == "" {
			t.Errorf("logged %q", line)
		}
	}
	cmd, out, errs = x.command("--export", "x")
	if err := cmd.Run(); err == nil || !strings.Contains(errs.String(), "published already") || out.Len() > 0 {
		t.Errorf("again: %v %s %s", err, out, errs)
	}
	cmd, out, errs = x.command()
	if err := cmd.Run(); err != nil || json.Unmarshal(out.Bytes(), &said) != nil || !strings.HasPrefix(said.Export, time.Now().UTC().Format("2006")) {
		t.Errorf("without a name: %v %s %s", err, out, errs)
	}
}

// Stopped or killed while parts are written, there is no export, and the next run of the name makes one.
func TestAnonymize_stopped(t *testing.T) {
	t.Parallel()
	x := newExporter(t, 2000, policy.Surrogate)
	cloud := newSlowStorage(t)
	x.env["AUGUST_ANONYMIZE_BUCKET"], x.env["AUGUST_STORAGE_ENDPOINT"] = "gs://exports/production", cloud.url
	for _, sign := range []os.Signal{syscall.SIGTERM, syscall.SIGKILL, syscall.SIGKILL, syscall.SIGTERM} {
		cloud.hold(4)
		cmd, out, errs := x.command("--export", "x")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		select {
		case <-cloud.held: // the fourth part is on its way, and does not get on
		case err := <-ended:
			t.Fatalf("%v: ended by itself: %v\n%s", sign, err, errs)
		}
		_ = cmd.Process.Signal(sign)
		if err := <-ended; err == nil {
			t.Fatalf("%v: ended well\n%s%s", sign, out, errs)
		}
		cloud.release()
		left := cloud.objects(t)
		switch {
		case sign == syscall.SIGTERM && len(left) > 0:
			t.Errorf("%v: %v are left\n%s", sign, left, errs)
		case sign == syscall.SIGKILL && len(left) == 0:
			t.Errorf("%v: nothing is left, and so nothing is shown", sign)
		}
		for _, name := range left {
			if !strings.HasPrefix(name, "production/exports/x/") {
				t.Errorf("%v: %s is there", sign, name)
			}
		}
		x.clean("the log", errs.String()+out.String())
	}
	cmd, out, errs := x.command("--export", "x")
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, errs)
	}
	if !strings.Contains(out.String(), `"export":"x"`) {
		t.Errorf("said %s", out)
	}
}

// slowStorage is Cloud Storage, of which one upload gets stuck, and lost.
type slowStorage struct {
	url  string
	held chan struct{}
	free chan struct{}

	mu   sync.Mutex
	left int
}

func newSlowStorage(t *testing.T) *slowStorage {
	t.Helper()
	face, err := storage.New(storage.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	face.Register(mux)
	s := &slowStorage{}
	s.url = serve2(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/upload/") {
			s.mu.Lock()
			held, free := s.held, s.free
			s.left--
			stuck := s.left == 0
			s.mu.Unlock()
			if stuck {
				close(held)
				<-free
				panic(http.ErrAbortHandler) // whoever sent it is gone; it must not arrive all the same
			}
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(s.release)
	made, err := http.Post(s.url+"/storage/v1/b?project=production", "application/json", strings.NewReader(`{"name":"exports"}`))
	if err != nil || made.StatusCode != http.StatusOK {
		t.Fatalf("%v %v", made, err)
	}
	_ = made.Body.Close()
	return s
}

// hold has the nth request of an upload from now on get stuck.
func (s *slowStorage) hold(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.left, s.held, s.free = n, make(chan struct{}), make(chan struct{})
}

func (s *slowStorage) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.free != nil {
		close(s.free)
	}
	s.free, s.left = nil, 0
}

func (s *slowStorage) objects(t *testing.T) (names []string) {
	t.Helper()
	answer, err := http.Get(s.url + "/storage/v1/b/exports/o")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	var list struct{ Items []struct{ Name string } }
	if err := json.NewDecoder(answer.Body).Decode(&list); err != nil {
		t.Fatal(err)
	}
	for _, o := range list.Items {
		names = append(names, o.Name)
	}
	return names
}

func TestAnonymize_configuration(t *testing.T) {
	t.Parallel()
	x := &exporter{t: t, env: map[string]string{"AUGUST_ANONYMIZE_KEY": "canary", "AUGUST_ANONYMIZE_SIGNING_KEY": "canary", "AUGUST_ANONYMIZE_POLICY": "canary", "AUGUST_ANONYMIZE_BUCKET": "s3://x"}}
	cmd, _, errs := x.command("--export", "A b")
	if err := cmd.Run(); err == nil {
		t.Error("it ran")
	}
	for _, says := range []string{"AUGUST_DATABASE_NAME is not set", "AUGUST_ANONYMIZE_POLICY cannot be read", "AUGUST_ANONYMIZE_SIGNING_KEY cannot be read", "AUGUST_ANONYMIZE_BUCKET must be gs://"} {
		if !strings.Contains(errs.String(), says) {
			t.Errorf("does not say %q: %s", says, errs)
		}
	}
	if strings.Contains(errs.String(), "canary") {
		t.Error(errs)
	}
}
