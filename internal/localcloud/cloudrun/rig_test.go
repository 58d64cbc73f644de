package cloudrun

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	run "cloud.google.com/go/run/apiv2"
	"cloud.google.com/go/run/apiv2/runpb"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"google.golang.org/api/option"

	"github.com/feel-august/terraform-provider-august/internal/freeport"
	"github.com/feel-august/terraform-provider-august/internal/localcloud/logging"
)

const (
	project = "feel-august-test"
	region  = "us-central1"
	parent  = "projects/" + project + "/locations/" + region
)

// rig is a face served over HTTP, a registry with the test program in it, and clients.
type rig struct {
	face    *Face
	dir     string
	url     string
	image   string // by digest
	ports   *ports
	secrets map[string]string
	// idleAfter is how long an instance that is not needed is kept; the default is a minute.
	idleAfter time.Duration
	window    time.Duration
	queueWait time.Duration
	services  *run.ServicesClient
	revs      *run.RevisionsClient
}

// binary is the test program, compiled once.
var binary = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "app")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	out := filepath.Join(dir, "app")
	cmd := exec.Command("go", "build", "-o", out, "./testdata/app")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if msg, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, msg)
	}
	return os.ReadFile(out)
})

func newRig(t *testing.T) *rig {
	t.Helper()
	tmp := t.TempDir()
	if err := os.Chmod(filepath.Dir(tmp), 0o755); err != nil { // the unprivileged user passes through
		t.Fatal(err)
	}
	r := &rig{dir: filepath.Join(tmp, "cloudrun"), ports: &ports{at: map[string]int{}}, secrets: map[string]string{}, window: 50 * time.Millisecond, queueWait: time.Minute}
	reg := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(reg.Close)
	r.image = push(t, strings.TrimPrefix(reg.URL, "http://")+"/test/app", nil)
	r.start(t)
	t.Cleanup(func() { _ = r.face.Close(context.Background()) })
	return r
}

// start makes the face on the rig's state and serves it.
func (r *rig) start(t *testing.T) {
	t.Helper()
	var cred *syscall.Credential
	if os.Getuid() == 0 {
		cred = &syscall.Credential{Uid: 65534, Gid: 65534}
	}
	f, err := New(Options{
		Dir: r.dir, Ports: r.ports, Credential: cred, MetadataHost: "127.0.0.1:1", QueueWait: r.queueWait,
		ScaleWindow: r.window, IdleAfter: r.idleAfter,
		Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
		Secret: func(_ context.Context, project, secret, version string) ([]byte, error) {
			v, ok := r.secrets[project+"/"+secret+"/"+version]
			if !ok {
				return nil, errors.New("not found")
			}
			return []byte(v), nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	f.Register(mux)
	logging.New(logging.Options{Entries: f.Entries}).Register(mux)
	// gcloud asks another API, another face's, whether Cloud Run is enabled.
	mux.HandleFunc("GET /v1/projects/{project}/services/{service}", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"state":"ENABLED"}`)
	})
	api := httptest.NewServer(mux)
	t.Cleanup(api.Close)
	r.face, r.url = f, api.URL
	r.services, err = run.NewServicesRESTClient(t.Context(), option.WithEndpoint(api.URL), option.WithoutAuthentication())
	if err != nil {
		t.Fatal(err)
	}
	r.revs, err = run.NewRevisionsRESTClient(t.Context(), option.WithEndpoint(api.URL), option.WithoutAuthentication())
	if err != nil {
		t.Fatal(err)
	}
}

// push puts the test program into a registry as an image of two layers and returns its reference
// by digest.
func push(t *testing.T, repo string, config func(*v1.Config)) string {
	t.Helper()
	app, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	img, err := mutate.AppendLayers(empty.Image,
		layer(t, &tar.Header{Name: "etc/stale", Mode: 0o644}, []byte("x"), &tar.Header{Name: "app", Mode: 0o755}, app),
		layer(t, &tar.Header{Name: "etc/.wh.stale", Mode: 0o644}, nil))
	if err != nil {
		t.Fatal(err)
	}
	c := v1.Config{Entrypoint: []string{"/app"}, Cmd: []string{"serve"}, Env: []string{"FROM_IMAGE=yes", "COLOR=grey"}}
	if config != nil {
		config(&c)
	}
	if img, err = mutate.Config(img, c); err != nil {
		t.Fatal(err)
	}
	ref, err := name.ParseReference(repo + ":latest")
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(ref, img); err != nil {
		t.Fatal(err)
	}
	digest, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return repo + "@" + digest.String()
}

func layer(t *testing.T, entries ...any) v1.Layer {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for i := 0; i+1 < len(entries); i += 2 {
		h, body := entries[i].(*tar.Header), []byte(nil)
		if b, ok := entries[i+1].([]byte); ok {
			body = b
		}
		h.Size = int64(len(body))
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(body); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(buf.Bytes())), nil })
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// ports hands out free ports and remembers them, as the supervisor does.
type ports struct {
	mu sync.Mutex
	at map[string]int
}

func (p *ports) Port(key string) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n, ok := p.at[key]; ok {
		return n, nil
	}
	n, err := freeport.Get()
	if err == nil {
		p.at[key] = n
	}
	return n, err
}

func (p *ports) Release(key string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.at, key)
}

// service is a public service of the test program with variables, as "NAME=value".
func (r *rig) service(env ...string) *runpb.Service {
	c := &runpb.Container{Image: r.image}
	for _, kv := range env {
		k, v, _ := strings.Cut(kv, "=")
		c.Env = append(c.Env, &runpb.EnvVar{Name: k, Values: &runpb.EnvVar_Value{Value: v}})
	}
	return &runpb.Service{InvokerIamDisabled: true, Template: &runpb.RevisionTemplate{Containers: []*runpb.Container{c}}}
}

func (r *rig) create(t *testing.T, id string, s *runpb.Service) (*runpb.Service, error) {
	t.Helper()
	op, err := r.services.CreateService(t.Context(), &runpb.CreateServiceRequest{Parent: parent, ServiceId: id, Service: s})
	if err != nil {
		return nil, err
	}
	return op.Wait(t.Context())
}

func (r *rig) mustCreate(t *testing.T, id string, s *runpb.Service) *runpb.Service {
	t.Helper()
	out, err := r.create(t, id, s)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (r *rig) update(t *testing.T, s *runpb.Service, paths ...string) (*runpb.Service, error) {
	t.Helper()
	req := &runpb.UpdateServiceRequest{Service: s}
	if len(paths) > 0 {
		req.UpdateMask = fieldMask(paths)
	}
	op, err := r.services.UpdateService(t.Context(), req)
	if err != nil {
		return nil, err
	}
	return op.Wait(t.Context())
}

func (r *rig) get(t *testing.T, id string) *runpb.Service {
	t.Helper()
	s, err := r.services.GetService(t.Context(), &runpb.GetServiceRequest{Name: parent + "/services/" + id})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// answer is what the test program tells about itself.
type answer struct {
	Env    []string
	Args   []string
	UID    int
	Dir    string
	PID    int
	Host   string
	Color  string
	Header http.Header
}

func (a answer) env(name string) string {
	for _, kv := range a.Env {
		if k, v, _ := strings.Cut(kv, "="); k == name {
			return v
		}
	}
	return ""
}

func call(t *testing.T, url string) answer {
	t.Helper()
	code, body := fetch(t, url, nil)
	if code != http.StatusOK {
		t.Fatalf("%s: %d %s", url, code, body)
	}
	var a answer
	if err := json.Unmarshal([]byte(body), &a); err != nil {
		t.Fatal(err)
	}
	return a
}

func fetch(t *testing.T, url string, header http.Header) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range header {
		req.Header[k] = v
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, string(body)
}

// eventually polls until ok, or fails the test after a while.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(3 * time.Minute); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("never: %s", what)
}

func running(pid int) bool { return syscall.Kill(pid, 0) == nil }

// open sends a request that stays in hand until the returned function is called, and returns once it
// has reached the container, with the process that has it.
func (r *rig) open(t *testing.T, url string) (pid int, leave func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/hold", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d", url, resp.StatusCode)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	if pid, err = strconv.Atoi(resp.Header.Get("X-Pid")); err != nil {
		t.Fatal(err)
	}
	return pid, cancel
}

// instances is how many of a revision run.
func (r *rig) instances(service, revision string) int {
	r.face.mu.Lock()
	defer r.face.mu.Unlock()
	p := r.face.services[parent+"/services/"+service].pools[filepath.Base(revision)]
	if p == nil {
		return -1
	}
	return p.Running()
}

// burn sends a request that uses all of an instance's CPU until the returned function is called.
func (r *rig) burn(t *testing.T, url string, ended chan<- struct{}) (leave func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/burn", nil)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(ended)
		if resp, err := http.DefaultClient.Do(req); err == nil {
			_ = resp.Body.Close()
		}
	}()
	return cancel
}
