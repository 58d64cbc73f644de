package localtest

import (
	"fmt"
	"os"
	"sync"
	"testing"
)

// shared is the cloud of a package's tests.
var shared struct {
	once sync.Once
	opts []Option
	main bool
	dir  string
	c    *Cloud
	err  error
}

// Main runs a package's tests, which may share a cloud, and stops it after them. It is called from
// TestMain and does not return.
func Main(m *testing.M, opts ...Option) {
	shared.opts, shared.main = opts, true
	code := m.Run()
	if c := shared.c; c != nil {
		if code != 0 {
			_, _ = fmt.Fprintf(os.Stderr, "what the local cloud said:\n%s", logs(shared.dir))
		}
		if err := c.stop(); err != nil {
			_, _ = fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	if shared.dir != "" {
		_ = os.RemoveAll(shared.dir)
	}
	os.Exit(code)
}

// Shared is the cloud that the package's tests share, started when the first one asks. TestMain must
// call Main.
func Shared(t testing.TB) *Cloud {
	t.Helper()
	if !shared.main {
		t.Fatal("localtest.Shared needs `func TestMain(m *testing.M) { localtest.Main(m) }` in this package")
	}
	shared.once.Do(func() {
		if shared.dir, shared.err = os.MkdirTemp("", "august-cloud-"); shared.err != nil { //nolint:usetesting // outlives t
			return
		}
		if shared.c, shared.err = start(shared.dir, shared.opts); shared.err != nil {
			shared.err = fmt.Errorf("%w\n%s", shared.err, logs(shared.dir))
		}
	})
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.c
}
