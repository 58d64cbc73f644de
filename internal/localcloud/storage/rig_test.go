package storage

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"google.golang.org/api/googleapi"
	"google.golang.org/api/option"
	"google.golang.org/api/storage/v1"
)

const project = "august-test"

// rig is the face behind a server, with Google's generated client before it.
type rig struct {
	t      *testing.T
	dir    string
	url    string
	client *storage.Service
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t, dir: filepath.Join(t.TempDir(), "storage")}
	r.start()
	return r
}

// start begins with what is on disk, beside whatever served it before, as after a kill.
func (r *rig) start() {
	r.t.Helper()
	f, err := New(Options{Dir: r.dir})
	if err != nil {
		r.t.Fatal(err)
	}
	mux := http.NewServeMux()
	f.Register(mux)
	srv := httptest.NewServer(mux)
	r.t.Cleanup(srv.Close)
	r.connect(srv.URL)
}

func (r *rig) connect(url string) {
	r.t.Helper()
	r.url = url
	var err error
	if r.client, err = storage.NewService(r.t.Context(), option.WithEndpoint(url+"/storage/v1/"), option.WithoutAuthentication()); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) bucket(b *storage.Bucket) *storage.Bucket {
	r.t.Helper()
	made, err := r.client.Buckets.Insert(project, b).Do()
	if err != nil {
		r.t.Fatal(err)
	}
	return made
}

// refused wants an answer of a status, with a reason.
func (r *rig) refused(err error, status int, reason string) {
	r.t.Helper()
	var e *googleapi.Error
	if !errors.As(err, &e) || e.Code != status || reason != "" && (len(e.Errors) != 1 || e.Errors[0].Reason != reason) {
		r.t.Errorf("answered %v, want %d %s", err, status, reason)
	}
}
