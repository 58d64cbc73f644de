package freeport

import (
	"fmt"
	"net"
	"os"
	"testing"
)

// A port is given once as long as nobody listens there yet, and never one that the kernel might give to somebody else meanwhile.
func TestGet(t *testing.T) {
	seen := map[int]bool{}
	for range 200 {
		port, err := Get()
		if err != nil {
			t.Fatal(err)
		}
		if seen[port] || port < first || port >= first+count {
			t.Fatalf("port %d, given before: %v", port, seen[port])
		}
		seen[port] = true
	}
}

func TestGet_whereSomebodyListens(t *testing.T) {
	taken := first + (os.Getpid()*block+given.ports)%count // what would come next
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", taken))
	if err == nil { // else somebody does already
		defer func() { _ = l.Close() }()
	}
	if port, err := Get(); err != nil || port == taken {
		t.Errorf("port %d, %v", port, err)
	}
}
