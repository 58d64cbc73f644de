package runner

import (
	"fmt"
	"net"
	"os"
	"sync"
)

// Ports of instances come from below the ranges that Linux and macOS take for who does not say which port: one that is free is not taken by
// chance before the container listens there. A process begins with a block of its own, so that two local clouds do not look at the same ports.
const (
	firstPort = 10000
	portCount = 10000
	portBlock = 100
)

var ports struct {
	sync.Mutex
	given int
}

// FreePort gives a port that nobody uses, and not the same again soon.
func FreePort() (int, error) {
	ports.Lock()
	defer ports.Unlock()
	for range portCount {
		port := firstPort + (os.Getpid()*portBlock+ports.given)%portCount
		ports.given++
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)) //nolint:noctx // closed in the next line
		if err == nil {
			return port, l.Close()
		}
	}
	return 0, fmt.Errorf("no port between %d and %d is free on 127.0.0.1", firstPort, firstPort+portCount-1)
}
