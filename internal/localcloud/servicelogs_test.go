package localcloud_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/feel-august/terraform-provider-august/internal/localcloud"
)

// TestShowLogs works on the files that a stopped cloud has left.
func TestShowLogs(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	show := func(l localcloud.Logs) (string, error) {
		var out bytes.Buffer
		if l.Dir == "" {
			l.Dir = dir
		}
		l.Out = &out
		err := localcloud.ShowLogs(t.Context(), l)
		return out.String(), err
	}
	wrong := func(l localcloud.Logs, says string) {
		t.Helper()
		if out, err := show(l); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%+v: %q %v, want it to say %q", l, out, err, says)
		}
	}
	wrong(localcloud.Logs{Dir: filepath.Join(dir, "nowhere"), Service: "sync"}, "start one with `august-local up`")
	wrong(localcloud.Logs{Service: "sync"}, "has none yet")
	write := func(name, text string) {
		path := filepath.Join(dir, "cloudrun", "services", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, service := range []string{"one/us-central1/sync", "two/us-central1/sync", "two/us-east1/sync", "two/us-central1/website"} {
		write(service+"/service.json", "{}")
	}
	write("two/us-central1/sync/sync-1.log", "first\nsecond\n")
	wrong(localcloud.Logs{Service: "synk"}, `no service "synk": there are one/us-central1/sync, two/us-central1/sync, two/us-central1/website, two/us-east1/sync`)
	wrong(localcloud.Logs{Service: "website", Project: "one"}, `no service "website" in project "one"`)
	wrong(localcloud.Logs{Service: "sync", Project: "two"}, "choose with --project and --region")
	for tail, want := range map[int]string{-1: "first\nsecond\n", 1: "second\n", 0: ""} {
		if out, err := show(localcloud.Logs{Service: "sync", Project: "two", Region: "us-central1", Tail: tail}); err != nil || out != want {
			t.Errorf("the last %d: %q %v", tail, out, err)
		}
	}

	// Following ends when the service is gone, with all that it has written before.
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	told, done := make(chan string, 10), make(chan error, 1)
	go func() {
		done <- localcloud.ShowLogs(ctx, localcloud.Logs{Dir: dir, Service: "website", Tail: -1, Follow: true, Out: writer(func(text string) { told <- text })})
	}()
	write("two/us-central1/website/website-1.log", "hello\n")
	if got := <-told; got != "hello\n" {
		t.Errorf("told %q", got)
	}
	if err := os.Remove(filepath.Join(dir, "cloudrun", "services", "two", "us-central1", "website", "service.json")); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

type writer func(string)

func (w writer) Write(p []byte) (int, error) { w(string(p)); return len(p), nil }
