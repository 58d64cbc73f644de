package runner

import (
	"fmt"
	"net"
	"testing"
)

// A port is given once as long as nobody listens there yet, and never one that the kernel might give to somebody else meanwhile.
func TestFreePort(t *testing.T) {
	t.Parallel()
	given := map[int]bool{}
	for range 200 {
		port, err := FreePort()
		if err != nil {
			t.Fatal(err)
		}
		if given[port] || port < firstPort || port >= firstPort+portCount {
			t.Fatalf("port %d, given before: %v", port, given[port])
		}
		given[port] = true
	}
	next, err := FreePort()
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", next+1))
	if err != nil {
		t.Skip(err) // the next port is somebody's already
	}
	defer func() { _ = l.Close() }()
	if port, err := FreePort(); err != nil || port == next+1 {
		t.Errorf("port %d, %v, where somebody listens", port, err)
	}
}
