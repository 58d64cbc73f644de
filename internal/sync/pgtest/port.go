package pgtest

import (
	"fmt"
	"net"
	"os"
	"sync/atomic"
	"testing"
)

// Ports that programs get by number are below those that the kernel hands out by itself (from 32,768 on Linux): one of
// these may be another connection's by the time that a server is told to listen there, or starts again.
const (
	lowest  = 12_000
	highest = 32_000
)

var ports atomic.Int64

// Port is one that nothing listens on, for a program that has to be told where to listen.
func Port(t testing.TB) int {
	t.Helper()
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// freePort goes through the range from a place of this process's own, so that test binaries side by side do not meet.
func freePort() (int, error) {
	for range highest - lowest {
		port := lowest + int(int64(os.Getpid())*499+ports.Add(1))%(highest-lowest)
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			return port, l.Close()
		}
	}
	return 0, fmt.Errorf("no port is free from %d to %d", lowest, highest)
}
