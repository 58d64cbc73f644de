package bucket_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/feel-august/terraform-provider-august/internal/bucket"
)

func open(t *testing.T, address, endpoint string) bucket.Bucket {
	t.Helper()
	b, err := bucket.Open(t.Context(), address, bucket.Options{Endpoint: endpoint})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func write(ctx context.Context, b bucket.Bucket, name, body string) error {
	w, err := b.Write(ctx, name)
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, body)
	return errors.Join(err, w.Close())
}

func read(ctx context.Context, b bucket.Bucket, name string) (string, error) {
	r, err := b.Open(ctx, name)
	if err != nil {
		return "", err
	}
	defer func() { _ = r.Close() }()
	body, err := io.ReadAll(r)
	return string(body), err
}

func list(t *testing.T, b bucket.Bucket, folder, from string) string {
	t.Helper()
	var names []string
	for name, err := range b.List(t.Context(), folder, from) {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	return strings.Join(names, " ")
}

// What a bucket promises, in Cloud Storage and on a disk.
func TestBuckets(t *testing.T) {
	t.Parallel()
	cloud := newCloud(t)
	cloud.page = 2
	for _, tt := range []struct{ name, address, all string }{
		{"with a prefix", "gs://trail/production/audit", "heads/"},
		{"whole", "gs://trail", "heads/ production/"},
		{"on a disk", "file://" + filepath.ToSlash(t.TempDir()) + "/new", "heads/"},
	} {
		name, b := tt.name, open(t, tt.address, cloud.URL)
		ctx := t.Context()
		for _, object := range []string{"c", "a", "e", "b-2", "b/1", "b/2", "b0", "d", "a"} {
			if err := b.Create(ctx, "heads/"+object, []byte("first of "+object)); err != nil {
				t.Fatal(err)
			}
		}
		if err := b.Create(ctx, "heads/a", []byte("second")); err != nil {
			t.Errorf("%s: an object that is there already: %v", name, err)
		}
		if body, err := read(ctx, b, "heads/a"); err != nil || body != "first of a" {
			t.Errorf("%s holds %q, %v", name, body, err)
		}
		for from, want := range map[string]string{"": "a b-2 b/ b0 c d e", "b/": "b/ b0 c d e", "b0": "b0 c d e", "f": ""} {
			if got := list(t, b, "heads", from); got != want {
				t.Errorf("%s lists from %q: %s", name, from, got)
			}
		}
		if got := list(t, b, "nothing", ""); got != "" {
			t.Errorf("%s lists what is not there: %s", name, got)
		}
		if _, err := b.Open(ctx, "heads/z"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
		for n, want := range []error{nil, fs.ErrExist} {
			if err := write(ctx, b, "x/data", strings.Repeat("x", 1000)); !errors.Is(err, want) {
				t.Errorf("%s: write %d: %v", name, n, err)
			}
		}
		w, err := b.Write(ctx, "y/abandoned")
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(w, strings.Repeat("x", 1000))
		bucket.Abandon(w)
		if err := errors.Join(b.Delete(ctx, "x/data"), b.Delete(ctx, "x/data"), b.Delete(ctx, "heads/b/1")); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got := list(t, b, "", ""); got != tt.all {
			t.Errorf("%s lists at the top: %s", name, got)
		}
		if got := list(t, b, "heads/b", ""); got != "2" {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestCheckURL(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"", "s3://trail", "gs://", "file://host/x", "file:///", "gs://trail/../x", "gs://u@trail", "/srv/trail", "gs://trail?a=b"} {
		if bucket.CheckURL(address) == nil {
			t.Errorf("%q is taken for a bucket", address)
		}
	}
}

// A half of an object is never seen on a disk, and what a kill leaves of one is no object.
func TestHalfAFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b := open(t, "file://"+filepath.ToSlash(dir), "")
	w, err := b.Write(t.Context(), "exports/1")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(w, "half")
	if got := list(t, b, "exports", ""); got != "" {
		t.Errorf("listed %s", got)
	}
	if err := write(t.Context(), b, "exports/1", "another"); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); !errors.Is(err, fs.ErrExist) {
		t.Errorf("written over: %v", err)
	}
	if body, err := read(t.Context(), b, "exports/1"); err != nil || body != "another" {
		t.Errorf("holds %q, %v", body, err)
	}
	files, err := os.ReadDir(filepath.Join(dir, "exports"))
	if err != nil || !slices.ContainsFunc(files, func(f os.DirEntry) bool { return f.Name() == "1" }) || len(files) != 1 {
		t.Errorf("left %v, %v", files, err)
	}
}
