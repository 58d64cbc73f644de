package storage

import (
	"errors"
	"io"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"google.golang.org/api/storage/v1"

	buckets "github.com/feel-august/terraform-provider-august/internal/bucket"
)

// The runtime's own way to buckets, over this one.
func TestRuntimeBucket(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.bucket(&storage.Bucket{Name: "exports"})
	b, err := buckets.Open(t.Context(), "gs://exports/x", buckets.Options{Endpoint: r.url + "/"})
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	long := strings.Repeat("0123456789abcdef", 1<<18) // 4 MiB
	for _, name := range []string{"a/2", "a/1", "a/3", "b"} {
		w, err := b.Write(ctx, name)
		if err == nil {
			_, err = io.WriteString(w, long+name)
		}
		if err == nil {
			err = w.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Create(ctx, "a/1", []byte("other")); err != nil {
		t.Error(err)
	}
	w, err := b.Write(ctx, "a/1")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(w, "other")
	if err := w.Close(); !errors.Is(err, fs.ErrExist) {
		t.Errorf("written over: %v", err)
	}
	body, err := b.Open(ctx, "a/1")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(body); err != nil || string(got) != long+"a/1" {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if err := errors.Join(b.Delete(ctx, "a/3"), b.Delete(ctx, "a/3")); err != nil {
		t.Error(err)
	}
	var names []string
	for name, err := range b.List(ctx, "a", "") {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	if !slices.Equal(names, []string{"1", "2"}) {
		t.Errorf("listed %v", names)
	}
	if _, err := b.Open(ctx, "a/3"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}
