package localcloud_test

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"google.golang.org/api/option"
	"google.golang.org/api/run/v2"

	"github.com/feel-august/terraform-provider-august/internal/localcloud"
	"github.com/feel-august/terraform-provider-august/internal/localcloud/localtest"
)

const project = localtest.Production

// patience is for anything that has to happen on a busy machine.
const patience = 2 * time.Minute

// rig is a state directory and the program, used as a person at a terminal would.
type rig struct {
	bin string
	dir string
	as  *syscall.Credential // nil: whoever runs the test
}

func newRig(t *testing.T) *rig {
	t.Helper()
	parent, err := os.MkdirTemp("", "august-up-") //nolint:usetesting // PostgreSQL's user cannot enter t.TempDir
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(parent, 0o711); err != nil { // as said
		t.Fatal(err)
	}
	r := &rig{bin: localtest.AugustLocal(t), dir: filepath.Join(parent, "cloud")}
	t.Cleanup(func() {
		if t.Failed() {
			for _, log := range []string{"console.log", "supervisor.log", "cloudsql.log", "cloudrun.log"} {
				body, _ := os.ReadFile(filepath.Join(r.dir, "log", log))
				t.Logf("--- %s\n%s", log, body)
			}
		}
		r.do(t, "down")
		r.nothingLeft(t)
		_ = os.RemoveAll(parent)
	})
	return r
}

// do runs august-local to its end, which must be a good one, and returns what it said.
func (r *rig) do(t *testing.T, verb string, args ...string) string {
	t.Helper()
	out, err := r.try(verb, args...)
	if err != nil {
		t.Fatalf("august-local %s: %v\n%s", verb, err, out)
	}
	return out
}

func (r *rig) try(verb string, args ...string) (string, error) {
	cmd := exec.CommandContext(context.Background(), r.bin, append([]string{verb, "--dir", r.dir}, args...)...) // also in Cleanup
	cmd.Dir = filepath.Dir(r.dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: r.as}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// up starts a detached cloud with small practices.
func (r *rig) up(t *testing.T) localcloud.Description {
	t.Helper()
	r.do(t, "up", "--detach", "--patients", "50")
	return r.describe(t)
}

func (r *rig) describe(t *testing.T) localcloud.Description {
	t.Helper()
	d, err := localcloud.Describe(r.dir)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (r *rig) strays(t *testing.T) int {
	t.Helper()
	all, err := localcloud.Strays(r.dir)
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

func (r *rig) nothingLeft(t *testing.T) {
	t.Helper()
	all, err := localcloud.Strays(r.dir)
	if err != nil {
		t.Error(err)
	}
	for _, p := range all {
		t.Errorf("left behind: process %d, %s", p.PID, strings.Join(p.Args, " "))
		_ = syscall.Kill(p.PID, syscall.SIGKILL)
	}
}

// kill ends the supervisor as a crash would.
func (r *rig) kill(t *testing.T, d localcloud.Description) {
	t.Helper()
	if err := syscall.Kill(d.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the killed supervisor is gone", func() bool {
		s, err := localcloud.GetStatus(t.Context(), r.dir)
		return err == nil && s.State == localcloud.StateStopped
	})
}

// foreground starts `up` as a terminal would, in a process group of its own.
func (r *rig) foreground(t *testing.T) (*exec.Cmd, <-chan error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), r.bin, "up", "--dir", r.dir, "--patients", "50")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	return cmd, ended
}

// interrupt is Ctrl-C: the terminal sends the signal to everyone in the group.
func interrupt(t *testing.T, cmd *exec.Cmd, ended <-chan error) {
	t.Helper()
	if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("after Ctrl-C: %v", err)
		}
	case <-time.After(patience):
		_ = cmd.Process.Kill()
		t.Error("still running after Ctrl-C")
	}
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); {
		if time.Now().After(deadline) {
			t.Fatal("never came to pass: " + what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// get fetches a URL and decodes its JSON into v, when v is not nil.
func get(t *testing.T, c *http.Client, url string, header http.Header, v any) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header = header
	res, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if v != nil {
		if err := json.Unmarshal(body, v); err != nil {
			t.Fatalf("%s: %v\n%s", url, err, body)
		}
	}
	return res.StatusCode
}

// application is the Cloud Run face's test application, compiled once.
var application = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "august-app-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // it is read by then
	app := filepath.Join(dir, "app")
	build := exec.Command("go", "build", "-o", app, "./cloudrun/testdata/app")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the test application: %w\n%s", err, out)
	}
	return os.ReadFile(app)
})

// deploy packs the Cloud Run face's test application into an image and runs it as a service.
func deploy(t *testing.T, d localcloud.Description, service string) (uri string) {
	t.Helper()
	body, err := application()
	if err != nil {
		t.Fatal(err)
	}
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	if err := w.WriteHeader(&tar.Header{Name: "app", Mode: 0o755, Size: int64(len(body))}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(body); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(layer.Bytes())), nil })
	if err != nil {
		t.Fatal(err)
	}
	img, err := mutate.AppendLayers(empty.Image, l)
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	cfg = cfg.DeepCopy()
	cfg.Config.Entrypoint = []string{"/app"}
	if img, err = mutate.ConfigFile(img, cfg); err != nil {
		t.Fatal(err)
	}
	repo, err := name.NewRepository(d.Endpoints.Registry + "/test/app")
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(repo.Tag("v1"), img); err != nil {
		t.Fatal(err)
	}
	digest, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}

	c, err := run.NewService(t.Context(), option.WithEndpoint(d.Endpoints.CloudRun), option.WithoutAuthentication())
	if err != nil {
		t.Fatal(err)
	}
	parent := fmt.Sprintf("projects/%s/locations/%s", project, localcloud.Region)
	_, err = c.Projects.Locations.Services.Create(parent, &run.GoogleCloudRunV2Service{
		InvokerIamDisabled: true,
		Template: &run.GoogleCloudRunV2RevisionTemplate{
			ServiceAccount: localcloud.ServiceAccount("august-sync", project),
			Containers:     []*run.GoogleCloudRunV2Container{{Image: repo.Name() + "@" + digest.String()}},
		},
	}).ServiceId(service).Do()
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the service is ready", func() bool {
		s, err := c.Projects.Locations.Services.Get(parent + "/services/" + service).Do()
		if err != nil {
			t.Fatal(err)
		}
		uri = s.Uri
		return s.TerminalCondition != nil && s.TerminalCondition.State == "CONDITION_SUCCEEDED"
	})
	return uri
}
