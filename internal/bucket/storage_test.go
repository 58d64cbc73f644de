package bucket_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"golang.org/x/sync/errgroup"
	"google.golang.org/api/googleapi"

	"github.com/feel-august/terraform-provider-august/internal/bucket"
	"github.com/feel-august/terraform-provider-august/internal/localcloud/gapi"
	"github.com/feel-august/terraform-provider-august/internal/localcloud/storage"
)

// cloud is the local Cloud Storage with a bucket "trail", and a way to it that may be bad.
type cloud struct {
	*httptest.Server
	behind http.Handler
	page   int // objects of a list's page

	mu      sync.Mutex
	trouble func(n int, r *http.Request) fault // with a request that was tried so often before
	tries   map[string]int
	largest int // body of a request
}

type fault int

const (
	none fault = iota
	busy
	slowDown
	refuse   // the connection is closed, and nothing done
	lost     // it is done, and the answer lost
	cutShort // half of the answer comes
)

func newCloud(t *testing.T) *cloud {
	t.Helper()
	face, err := storage.New(storage.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	face.Register(mux)
	c := &cloud{behind: mux, tries: map[string]int{}}
	c.Server = httptest.NewServer(c)
	t.Cleanup(c.Close)
	answer, err := http.Post(c.URL+"/storage/v1/b?project=august-test", "application/json", strings.NewReader(`{"name":"trail"}`))
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%v, %v", answer, err)
	}
	_ = answer.Body.Close()
	return c
}

func (c *cloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if c.page > 0 && strings.HasSuffix(r.URL.Path, "/o") && r.Method == http.MethodGet {
		q.Set("maxResults", fmt.Sprint(c.page))
		r.URL.RawQuery = q.Encode()
	}
	body := &counted{ReadCloser: r.Body}
	r.Body = body
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.largest = max(c.largest, body.n)
	}()
	switch c.judge(r) {
	case none:
		c.behind.ServeHTTP(w, r)
	case busy:
		http.Error(w, "busy", http.StatusServiceUnavailable)
	case slowDown:
		gapi.WriteError(w, gapi.Errorf(http.StatusTooManyRequests, "RESOURCE_EXHAUSTED", "rateLimitExceeded", "Slow down."))
	case refuse:
		panic(http.ErrAbortHandler)
	case lost:
		c.behind.ServeHTTP(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler)
	case cutShort:
		answer := httptest.NewRecorder()
		c.behind.ServeHTTP(answer, r)
		for name, values := range answer.Header() {
			w.Header()[name] = values
		}
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes()[:answer.Body.Len()/2])
		panic(http.ErrAbortHandler)
	}
}

type counted struct {
	io.ReadCloser
	n int
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.n += n
	return n, err
}

func (c *cloud) judge(r *http.Request) fault {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.trouble == nil {
		return none
	}
	key := fmt.Sprint(r.Method, r.URL, r.Header.Get("Range"), r.Header.Get("Content-Range"))
	n := c.tries[key]
	c.tries[key]++
	return c.trouble(n, r)
}

// Every call fails twice before it works, and what comes of it is as if none had.
func TestBadWay(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	c.page = 2
	c.trouble = func(n int, r *http.Request) fault {
		switch {
		case n == 0:
			return []fault{busy, slowDown, refuse}[len(c.tries)%3]
		case n == 1 && (strings.HasPrefix(r.URL.Path, "/upload") || r.Method == http.MethodDelete):
			return lost
		case n == 1:
			return cutShort
		}
		return none
	}
	b := open(t, "gs://trail/x", c.URL)
	ctx := t.Context()
	objects := map[string]string{
		"dir/long":  strings.Repeat("0123456789abcdef", 5<<19/16), // three pieces
		"dir/short": "short", "dir/empty": "",
	}
	var g errgroup.Group
	for name, body := range objects {
		g.Go(func() error { return write(ctx, b, name, body) })
	}
	g.Go(func() error { return b.Create(ctx, "dir/made", []byte("made")) })
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	if err := write(ctx, b, "dir/made", "made"); !errors.Is(err, fs.ErrExist) {
		t.Errorf("written over: %v", err)
	}
	for name, body := range objects {
		g.Go(func() error {
			got, err := read(ctx, b, name)
			if err == nil && got != body {
				err = fmt.Errorf("%s has %d bytes, not %d", name, len(got), len(body))
			}
			return err
		})
	}
	g.Go(func() error { return b.Delete(ctx, "dir/made") })
	if err := g.Wait(); err != nil {
		t.Error(err)
	}
	if got := list(t, b, "dir", ""); got != "empty long short" {
		t.Errorf("listed %s", got)
	}
	if c.largest > 1<<20+1<<10 {
		t.Errorf("an upload had %d bytes at once", c.largest)
	}
}

// Who may only create is told by Google what is missing to write over, and not that something is there.
func TestCreator(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	behind := c.behind
	b := open(t, "gs://trail", c.URL)
	if err := b.Create(t.Context(), "a", []byte("first")); err != nil {
		t.Fatal(err)
	}
	c.behind = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := httptest.NewRecorder()
		if behind.ServeHTTP(answer, r); answer.Code != http.StatusOK || r.Method != http.MethodPost {
			gapi.WriteError(w, gapi.Errorf(http.StatusForbidden, "PERMISSION_DENIED", "forbidden",
				"august-sync does not have storage.objects.delete access to the Google Cloud Storage object."))
			return
		}
		_, _ = w.Write(answer.Body.Bytes())
	})
	if err := errors.Join(b.Create(t.Context(), "a", []byte("second")), b.Create(t.Context(), "b", nil)); err != nil {
		t.Error(err)
	}
	if err := write(t.Context(), b, "a", "second"); !errors.Is(err, fs.ErrExist) {
		t.Error(err)
	}
}

// What stays wrong is told at once, and who has no time left is not kept waiting.
func TestNoPatience(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	var e *googleapi.Error
	if err := write(t.Context(), open(t, "gs://elsewhere", c.URL), "a", "x"); !errors.As(err, &e) || e.Code != http.StatusNotFound {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	c.trouble = func(n int, _ *http.Request) fault {
		if n == 2 {
			cancel()
		}
		return busy
	}
	b := open(t, "gs://trail", c.URL)
	for _, err := range []error{write(ctx, b, "a", "x"), b.Delete(ctx, "a")} {
		if err == nil {
			t.Error("a cloud that is away took it")
		}
	}
}

// resetting answers over a line on which a stream is reset: as net/http says it, whose error has these fields and no name.
type resetting struct{ left int }

type reset struct {
	StreamID uint32
	Code     uint32
	Cause    error
}

func (e reset) Error() string {
	return fmt.Sprintf("stream error: stream ID %d; INTERNAL_ERROR; received from peer", e.StreamID)
}

func (e reset) As(target any) bool {
	to := reflect.ValueOf(target).Elem()
	if to.Kind() != reflect.Struct || to.NumField() != 3 || to.Type().Field(0).Name != "StreamID" {
		return false
	}
	to.Field(0).SetUint(uint64(e.StreamID))
	return true
}

func (r *resetting) RoundTrip(q *http.Request) (*http.Response, error) {
	if r.left--; r.left >= 0 && r.left%2 == 0 {
		return nil, reset{StreamID: 3}
	}
	answer, err := http.DefaultTransport.RoundTrip(q)
	if err == nil && r.left > 0 && q.URL.Query().Get("alt") == "media" {
		answer.Body = struct {
			io.Reader
			io.Closer
		}{io.MultiReader(io.LimitReader(answer.Body, 7), iotest.ErrReader(errors.New("something else"))), answer.Body}
	}
	return answer, err
}

// Google resets streams of HTTP/2 now and then, before an answer and within one.
func TestStreamsThatAreReset(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	for _, whole := range []string{"the whole of an object", "7 bytes"} { // of which a line carries 7
		if err := open(t, "gs://trail", c.URL).Create(t.Context(), whole, []byte(whole)); err != nil {
			t.Fatal(err)
		}
		line := &resetting{left: 4}
		b, err := bucket.Open(t.Context(), "gs://trail", bucket.Options{Endpoint: c.URL, Client: &http.Client{Transport: line}})
		if err != nil {
			t.Fatal(err)
		}
		if body, err := read(t.Context(), b, whole); err != nil || body != whole || line.left > 1 {
			t.Errorf("read %q, %v, with %d more to come", body, err, line.left)
		}
	}
}
