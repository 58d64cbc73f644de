// Package registry is an OCI registry on a port of its own, with referrers, whose images survive a
// restart.
//
// The protocol is go-containerregistry's. That registry keeps blobs on disk but manifests in memory
// only, so this one notes every manifest as it is pushed, and pushes it again after a restart.
package registry

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/face"
	"github.com/feel-august/terraform-provider-august/internal/localcloud/gapi"
)

// maxManifest is the size that registries have agreed on.
const maxManifest = 4 << 20

// Options is what the registry needs.
type Options struct {
	Dir  string // holds blobs and manifests; made when absent
	Port int    // on 127.0.0.1; 0 = any free one
}

// Face is the registry.
type Face struct {
	opts    Options
	handler http.Handler
	server  *http.Server
	addr    string

	mu    sync.Mutex
	index map[string]entry // by path: /v2/{repository}/manifests/{tag or digest}
}

// entry is a pushed manifest; its body lies in a file named by its digest.
type entry struct {
	Digest string `json:"digest"`
	Type   string `json:"type"`
}

var _ face.Face = (*Face)(nil)

// New opens the registry's state, or begins an empty one.
func New(opts Options) (*Face, error) {
	f := &Face{opts: opts, index: map[string]entry{}}
	for _, dir := range []string{f.blobs(), f.manifests()} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, err
		}
	}
	f.handler = registry.New(
		registry.WithBlobHandler(registry.NewDiskBlobHandler(f.blobs())),
		registry.Logger(log.New(io.Discard, "", 0)))
	if err := f.replay(); err != nil {
		return nil, fmt.Errorf("registry: %w", err)
	}
	return f, nil
}

func (f *Face) blobs() string     { return filepath.Join(f.opts.Dir, "blobs") }
func (f *Face) manifests() string { return filepath.Join(f.opts.Dir, "manifests") }
func (f *Face) indexPath() string { return filepath.Join(f.opts.Dir, "index.json") }

func (f *Face) manifestPath(digest string) string {
	return filepath.Join(f.manifests(), strings.ReplaceAll(digest, ":", "-"))
}

// Name is the face's folder and its name in the status report.
func (f *Face) Name() string { return "registry" }

// Register mounts nothing: the registry has a port of its own.
func (f *Face) Register(*http.ServeMux) {}

// Start listens.
func (f *Face) Start(ctx context.Context) error {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", f.opts.Port))
	if err != nil {
		return fmt.Errorf("registry: %w", err)
	}
	f.addr = l.Addr().String()
	f.server = &http.Server{Handler: f, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = f.server.Serve(l) }() // ends with Close
	return nil
}

// Addr is the registry's host and port once started: the first part of an image's name.
func (f *Face) Addr() string { return f.addr }

// Close stops listening once requests in hand are done.
func (f *Face) Close(ctx context.Context) error {
	if f.server == nil {
		return nil
	}
	if err := f.server.Shutdown(ctx); err != nil {
		return f.server.Close()
	}
	return nil
}

// Report counts manifests by repository.
func (f *Face) Report() []face.Line {
	f.mu.Lock()
	defer f.mu.Unlock()
	tags := map[string][]string{}
	for path := range f.index {
		repo, ref := split(path)
		if _, ok := tags[repo]; !ok {
			tags[repo] = nil
		}
		if !strings.Contains(ref, ":") {
			tags[repo] = append(tags[repo], ref)
		}
	}
	var lines []face.Line
	for _, repo := range slices.Sorted(maps.Keys(tags)) {
		slices.Sort(tags[repo])
		lines = append(lines, face.Line{Kind: "Image repository", Name: f.addr + "/" + repo, State: "ACTIVE", Detail: strings.Join(tags[repo], ", ")})
	}
	return lines
}

// split takes a manifest's path apart; path is one that isManifest has seen.
func split(path string) (repo, ref string) {
	repo, ref, _ = strings.Cut(strings.TrimPrefix(path, "/v2/"), "/manifests/")
	return repo, ref
}

func isManifest(path string) bool {
	return strings.HasPrefix(path, "/v2/") && strings.Contains(path, "/manifests/")
}

// ServeHTTP is the registry, which notes what becomes of manifests before the client hears of it.
func (f *Face) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if isReferrers(r.URL.Path) && r.Method == http.MethodGet {
		f.referrers(w, r)
		return
	}
	if !isManifest(r.URL.Path) || r.Method != http.MethodPut && r.Method != http.MethodDelete {
		f.handler.ServeHTTP(w, r)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxManifest))
	if err != nil {
		http.Error(w, "manifest: "+err.Error(), http.StatusRequestEntityTooLarge)
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	answer := newRecorder()
	f.handler.ServeHTTP(answer, r)
	if answer.ok() {
		if err := f.note(r, body); err != nil {
			http.Error(w, "manifest: "+err.Error(), http.StatusInternalServerError)
			return
		}
	}
	maps.Copy(w.Header(), answer.header)
	w.WriteHeader(answer.code)
	_, _ = w.Write(answer.body.Bytes()) // the client is gone: nothing to tell it
}

func (f *Face) note(r *http.Request, body []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if r.Method == http.MethodDelete {
		delete(f.index, r.URL.Path)
		return gapi.Save(f.indexPath(), f.index)
	}
	e := entry{Digest: fmt.Sprintf("sha256:%x", sha256.Sum256(body)), Type: r.Header.Get("Content-Type")}
	if err := os.WriteFile(f.manifestPath(e.Digest), body, 0o600); err != nil { //nolint:gosec // named by a digest of ours
		return err
	}
	repo, _ := split(r.URL.Path)
	f.index[r.URL.Path] = e
	f.index["/v2/"+repo+"/manifests/"+e.Digest] = e
	return gapi.Save(f.indexPath(), f.index)
}

// replay pushes every noted manifest again: images first, then the indexes that name them, and
// indexes of indexes as often as it takes.
func (f *Face) replay() error {
	if err := gapi.Load(f.indexPath(), &f.index); err != nil {
		return err
	}
	todo := slices.Sorted(maps.Keys(f.index))
	slices.SortStableFunc(todo, func(a, b string) int {
		return rank(f.index[a].Type) - rank(f.index[b].Type)
	})
	for len(todo) > 0 {
		var refused []string
		for _, path := range todo {
			ok, err := f.push(path, f.index[path])
			if err != nil {
				return err
			}
			if !ok {
				refused = append(refused, path)
			}
		}
		if len(refused) == len(todo) {
			return fmt.Errorf("%s: %d manifests name others that are not there, first %s", f.indexPath(), len(refused), refused[0])
		}
		todo = refused
	}
	return nil
}

func rank(mediaType string) int {
	if types.MediaType(mediaType).IsIndex() {
		return 1
	}
	return 0
}

func (f *Face) push(path string, e entry) (ok bool, err error) {
	body, err := os.ReadFile(f.manifestPath(e.Digest))
	if err != nil {
		return false, err
	}
	if got := fmt.Sprintf("sha256:%x", sha256.Sum256(body)); got != e.Digest {
		return false, errors.New(f.manifestPath(e.Digest) + " is damaged")
	}
	r, err := http.NewRequest(http.MethodPut, path, bytes.NewReader(body)) //nolint:noctx // goes nowhere
	if err != nil {
		return false, err
	}
	r.Header.Set("Content-Type", e.Type)
	answer := newRecorder()
	f.handler.ServeHTTP(answer, r)
	return answer.ok(), nil
}

// recorder keeps an answer back until it is known to be true.
type recorder struct {
	header http.Header
	code   int
	body   bytes.Buffer
}

func newRecorder() *recorder { return &recorder{header: http.Header{}, code: http.StatusOK} }

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) WriteHeader(code int)        { r.code = code }
func (r *recorder) Write(b []byte) (int, error) { return r.body.Write(b) }
func (r *recorder) ok() bool                    { return r.code < 300 }
