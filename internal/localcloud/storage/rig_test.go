package storage

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
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
	srv := httptest.NewServer(checked(r.t, mux))
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

// kinds are what answers are, as Google's discovery document has them: the generated client is made from it.
var kinds = map[string]func() any{
	"storage#bucket":                     func() any { return new(storage.Bucket) },
	"storage#buckets":                    func() any { return new(storage.Buckets) },
	"storage#storageLayout":              func() any { return new(storage.BucketStorageLayout) },
	"storage#managedFolders":             func() any { return new(storage.ManagedFolders) },
	"storage#object":                     func() any { return new(storage.Object) },
	"storage#objects":                    func() any { return new(storage.Objects) },
	"storage#policy":                     func() any { return new(storage.Policy) },
	"storage#rewriteResponse":            func() any { return new(storage.RewriteResponse) },
	"storage#testIamPermissionsResponse": func() any { return new(storage.TestIamPermissionsResponse) },
}

// checked holds every good answer against them: nothing in it may be unknown to Google, or of another type.
func checked(t testing.TB, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, r)
		body := rec.Body.Bytes()
		if rec.Code == http.StatusOK && r.Method != http.MethodDelete && strings.HasPrefix(rec.Header().Get("Content-Type"), "application/json") {
			if err := conforms(body); err != nil {
				t.Errorf("%s %s: %v in %s", r.Method, r.URL, err, body)
			}
		}
		for name, values := range rec.Header() {
			w.Header()[name] = values
		}
		w.WriteHeader(rec.Code)
		_, _ = w.Write(body)
	})
}

func conforms(body []byte) error {
	var answer struct {
		Kind string `json:"kind"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return err
	}
	kind, known := kinds[answer.Kind]
	if !known {
		return fmt.Errorf("no kind %q", answer.Kind)
	}
	strict := json.NewDecoder(bytes.NewReader(body))
	strict.DisallowUnknownFields()
	return strict.Decode(kind())
}
