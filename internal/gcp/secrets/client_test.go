package secrets

import (
	"encoding/base64"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"google.golang.org/api/option"
	"google.golang.org/api/secretmanager/v1"

	"github.com/feel-august/terraform-provider-august/internal/gcp"
	"github.com/feel-august/terraform-provider-august/internal/localcloud/secrets"
)

// cloud is the local Secret Manager, with a hook before and one after each call.
type cloud struct {
	*Client
	api    *secretmanager.Service
	before func(r *http.Request) int                                 // a status to answer instead
	after  func(r *http.Request, body []byte) (status int, b []byte) // what to answer instead
	calls  []string
}

func newCloud(t *testing.T) *cloud {
	t.Helper()
	face, err := secrets.New(secrets.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	face.Register(mux)
	c := &cloud{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.calls = append(c.calls, r.Method+" "+r.URL.Path)
		if c.before != nil {
			if status := c.before(r); status != 0 {
				http.Error(w, `{"error":{"message":"refused"}}`, status)
				return
			}
		}
		recorder := httptest.NewRecorder()
		mux.ServeHTTP(recorder, r)
		status, body := recorder.Code, recorder.Body.Bytes()
		if c.after != nil {
			status, body = c.after(r, body)
		}
		maps.Copy(w.Header(), recorder.Header())
		w.Header().Del("Content-Length")
		w.WriteHeader(status)
		_, _ = w.Write(body)
	}))
	t.Cleanup(server.Close)
	c.api, err = secretmanager.NewService(t.Context(), option.WithEndpoint(server.URL+"/"), option.WithoutAuthentication())
	if err != nil {
		t.Fatal(err)
	}
	c.Client = New(c.api)
	return c
}

var ref = Ref{Project: "p", Name: "token"}

func (c *cloud) create(t *testing.T, labels map[string]string, locations ...string) {
	t.Helper()
	if err := c.Create(t.Context(), Spec{Ref: ref, Labels: labels, Locations: locations}); err != nil {
		t.Fatal(err)
	}
}

func (c *cloud) look(t *testing.T) Secret {
	t.Helper()
	s, err := c.Get(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestClient_keepsSecrets(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	c.create(t, map[string]string{"team": "data", "stage": "test"}, "us-east1", "us-central1")
	if err := c.Create(t.Context(), Spec{Ref: ref}); gcp.KindOf(err) != gcp.Conflict {
		t.Errorf("made twice: %v", err)
	}
	for i, value := range []string{"first", "second", "third"} {
		number, err := c.Add(t.Context(), ref, int64(i), []byte(value))
		if err != nil || number != int64(i+1) {
			t.Fatalf("version %d, %v", number, err)
		}
		if holds, err := c.Holds(t.Context(), ref, number, []byte(value)); !holds || err != nil {
			t.Errorf("version %d: %t, %v", number, holds, err)
		}
	}
	if holds, err := c.Holds(t.Context(), ref, 1, []byte("second")); holds || err != nil {
		t.Errorf("the first holds the second: %v", err)
	}
	for number, destroy := range map[int64]bool{1: true, 2: false} {
		if err := c.Retire(t.Context(), ref, number, destroy); err != nil {
			t.Fatal(err)
		}
	}
	s := c.look(t)
	if !s.Ours || strings.Join(s.Locations, " ") != "us-central1 us-east1" || s.Labels["team"] != "data" || len(s.Labels) != 2 {
		t.Errorf("%+v", s)
	}
	if s.Versions.State(1) != Destroyed || s.Versions.State(2) != Disabled || s.Versions.Latest() != 3 {
		t.Errorf("%+v", s.Versions)
	}
	if err := c.Enable(t.Context(), ref, 2); err != nil {
		t.Fatal(err)
	}
	if digest, err := c.Digest(t.Context(), ref, 2); err != nil || !digest.Matches([]byte("second")) {
		t.Errorf("digest of the second: %v", err)
	}
	for range 2 {
		if err := c.Delete(t.Context(), ref); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.Get(t.Context(), ref); gcp.KindOf(err) != gcp.NotFound {
		t.Errorf("after the end: %v", err)
	}
}

// A secret that was made and is not to be seen everywhere yet is waited for.
func TestClient_notSeenYet(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	hidden := 2
	c.before = func(r *http.Request) int {
		if r.Method != http.MethodGet || hidden == 0 {
			return 0
		}
		hidden--
		return http.StatusNotFound
	}
	c.create(t, nil)
	if number, err := c.Add(t.Context(), ref, 0, []byte("value")); number != 1 || err != nil || hidden > 0 {
		t.Errorf("version %d, %v", number, err)
	}
}

func TestClient_leavesLabelsOfOthers(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	c.create(t, map[string]string{"team": "data", "stage": "test"})
	raced := false
	c.before = func(r *http.Request) int {
		if r.Method == http.MethodPatch && !raced { // somebody else is faster, once
			raced = true
			_, err := c.api.Projects.Secrets.Patch(ref.Secret(), &secretmanager.Secret{Labels: map[string]string{"owner": "else", "stage": "test", "managed-by": "x"}}).UpdateMask("labels").Do()
			if err != nil {
				t.Error(err)
			}
		}
		return 0
	}
	if err := c.Label(t.Context(), Spec{Ref: ref, Labels: map[string]string{"team": "billing"}}, []string{"stage"}); err != nil {
		t.Fatal(err)
	}
	s := c.look(t)
	if want := map[string]string{"owner": "else", "team": "billing"}; !maps.Equal(s.Labels, want) || !s.Ours {
		t.Errorf("labels %v, want %v; ours: %t", s.Labels, want, s.Ours)
	}
	c.calls = nil
	if err := c.Label(t.Context(), Spec{Ref: ref, Labels: map[string]string{"team": "billing"}}, nil); err != nil || len(c.calls) != 1 {
		t.Errorf("nothing changes, and this is called: %q, %v", c.calls, err)
	}
}

// An answer that is lost on the way does not add the value twice.
func TestClient_addsOnce(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	c.create(t, nil)
	lost := 0
	c.after = func(r *http.Request, body []byte) (int, []byte) {
		if strings.HasSuffix(r.URL.Path, ":addVersion") && lost == 0 {
			lost++
			return http.StatusBadGateway, nil
		}
		return http.StatusOK, body
	}
	if number, err := c.Add(t.Context(), ref, 0, []byte("value")); number != 1 || err != nil || lost != 1 {
		t.Errorf("version %d, %v; %d answers lost", number, err, lost)
	}
	if all := c.look(t).Versions; len(all) != 1 {
		t.Errorf("%v", all)
	}
}

// A version that does not read back as it was sent is an error, and one that may not be read is not: its checksum was checked.
func TestClient_readsBack(t *testing.T) {
	t.Parallel()
	access := func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, ":access") }
	for name, tt := range map[string]struct {
		before func(r *http.Request) int
		after  func(r *http.Request, body []byte) (int, []byte)
		want   string
	}{
		"denied": {before: func(r *http.Request) int {
			if access(r) {
				return http.StatusForbidden
			}
			return 0
		}},
		"denied, and not checked": {
			before: func(r *http.Request) int {
				if access(r) {
					return http.StatusForbidden
				}
				return 0
			},
			after: func(_ *http.Request, body []byte) (int, []byte) {
				return http.StatusOK, []byte(strings.ReplaceAll(string(body), `"clientSpecifiedPayloadChecksum"`, `"other"`))
			},
			want: "read back version 1",
		},
		"damaged": {after: func(r *http.Request, body []byte) (int, []byte) {
			return http.StatusOK, []byte(strings.ReplaceAll(string(body), base64.StdEncoding.EncodeToString([]byte("value")), base64.StdEncoding.EncodeToString([]byte("eulav"))))
		}, want: "damaged"},
		"no base64": {after: func(r *http.Request, body []byte) (int, []byte) {
			return http.StatusOK, []byte(strings.ReplaceAll(string(body), base64.StdEncoding.EncodeToString([]byte("value")), "va*lue"))
		}, want: "not base64"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCloud(t)
			c.create(t, nil)
			c.before, c.after = tt.before, tt.after
			_, err := c.Add(t.Context(), ref, 0, []byte("value"))
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			if err != nil && (strings.Contains(err.Error(), "value") || strings.Contains(err.Error(), "va*lue")) {
				t.Errorf("the error holds the value: %v", err)
			}
		})
	}
}

// The value travels in the body, and nowhere else.
func TestClient_sendsValueInBodyOnly(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	c.create(t, nil)
	sent := false
	c.before = func(r *http.Request) int {
		encoded := base64.StdEncoding.EncodeToString([]byte("value-of-the-secret"))
		if strings.Contains(r.URL.String(), "value-of") || strings.Contains(r.URL.String(), encoded) {
			t.Errorf("in the address: %s", r.URL)
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		sent = sent || strings.Contains(string(body), encoded) && strings.Contains(string(body), `"dataCrc32c"`)
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		return 0
	}
	if _, err := c.Add(t.Context(), ref, 0, []byte("value-of-the-secret")); err != nil || !sent {
		t.Errorf("sent: %t, %v", sent, err)
	}
}

// What throttles is asked again, and what refuses is not.
func TestClient_triesAgain(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	times := 0
	c.before = func(*http.Request) int {
		if times++; times < 3 {
			return http.StatusTooManyRequests
		}
		return http.StatusForbidden
	}
	if _, err := c.Get(t.Context(), ref); gcp.KindOf(err) != gcp.Denied || times != 3 {
		t.Errorf("%d calls, then %v", times, err)
	}
}
