// Package freeport finds ports for programs that have to be told where to listen.
package freeport

import (
	"fmt"
	"net"
	"os"
	"sync"
)

// Ports come from below the ranges that Linux and macOS hand out to who does not say which port (from 32,768 and 49,152): one
// that is free is not another connection's by the time that a program listens there, or listens there again. A process begins
// at a place of its own, so that two of them do not look at the same ports.
const (
	first = 10_000
	count = 10_000 // those of a local cloud's services follow
	block = 100
)

var given struct {
	sync.Mutex
	ports int
}

// Get is a port of 127.0.0.1 that nobody listens on, and not the same again soon.
func Get() (int, error) {
	given.Lock()
	defer given.Unlock()
	for range count {
		port := first + (os.Getpid()*block+given.ports)%count
		given.ports++
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)) //nolint:noctx // closed in the next line
		if err == nil {
			return port, l.Close()
		}
	}
	return 0, fmt.Errorf("no port between %d and %d is free on 127.0.0.1", first, first+count-1)
}
