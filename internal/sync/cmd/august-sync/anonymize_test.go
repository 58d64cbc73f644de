package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/evidence"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/export/exporttest"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/policy"
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

func (x *exporter) left() (objects []string) {
	x.t.Helper()
	for _, folder := range []string{evidence.ManifestFolder, evidence.DataFolder("x")} {
		files, err := filepath.Glob(filepath.Join(x.folder, folder, "[^.]*"))
		if err != nil {
			x.t.Fatal(err)
		}
		objects = append(objects, files...)
	}
	return objects
}

func TestAnonymize(t *testing.T) {
	t.Parallel()
	x := newExporter(t, 300, policy.Surrogate)
	cmd, out, errs := x.command("--export", "x")
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, errs)
	}
	var said published
	if err := json.Unmarshal(out.Bytes(), &said); err != nil || said.Export != "x" || said.Tables != 6 || said.Rows != 30*300-200 {
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
	if err := cmd.Run(); err != nil || json.Unmarshal(out.Bytes(), &said) != nil || !strings.HasPrefix(said.Export, time.Now().UTC().Format("20")) {
		t.Errorf("without a name: %v %s %s", err, out, errs)
	}
}

// Stopped or killed at whatever point, there is no export, and the next run of the name makes one.
func TestAnonymize_stopped(t *testing.T) {
	t.Parallel()
	x := newExporter(t, 3000, policy.Surrogate)
	for i, sign := range []os.Signal{syscall.SIGTERM, syscall.SIGKILL, syscall.SIGTERM, syscall.SIGKILL} {
		cmd, out, errs := x.command("--export", "x")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- cmd.Wait() }()
		for wait := true; wait; {
			parts, err := filepath.Glob(filepath.Join(x.folder, evidence.DataFolder("x"), ".*"))
			if err != nil {
				t.Fatal(err)
			}
			select {
			case err := <-done: // it was faster
				t.Skipf("ended with %v before it was stopped", err)
			case <-time.After(time.Millisecond):
				wait = i < 2 && len(parts) == 0 // at once, or when a part is under way
			}
		}
		_ = cmd.Process.Signal(sign)
		if err := <-done; err == nil {
			t.Fatalf("%v: ended well\n%s%s", sign, out, errs)
		}
		if manifest := filepath.Join(x.folder, evidence.ManifestName("x")); fileExists(manifest) {
			t.Fatalf("%v: %s is there", sign, manifest)
		}
		if left := x.left(); sign == syscall.SIGTERM && len(left) > 0 {
			t.Errorf("%v: %v are left\n%s", sign, left, errs)
		}
		x.clean("the log", errs.String()+out.String())
	}
	cmd, _, errs := x.command("--export", "x")
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, errs)
	}
}

func fileExists(path string) bool { _, err := os.Stat(path); return err == nil }

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
