package localcloud

import (
	"context"
	"fmt"
	"hash/fnv"
	"maps"
	"net"
	"path/filepath"
	"slices"
	"sync"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/gapi"
)

// Ports come from below the ranges that Linux and macOS take outgoing connections from, so that a
// port which is ours by ports.json is not taken by chance while we are down.
const (
	firstPort = 20000
	portCount = 12000
)

// ports implements face.Ports over ports.json.
type ports struct {
	path string

	mu    sync.Mutex
	known map[string]int
}

func openPorts(dir string) (*ports, error) {
	p := &ports{path: filepath.Join(dir, "ports.json"), known: map[string]int{}}
	return p, gapi.Load(p.path, &p.known)
}

// Port gives key its port: the one it has, or a free one, kept from now on.
func (p *ports) Port(key string) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if port, ok := p.known[key]; ok {
		return port, nil
	}
	taken := slices.Collect(maps.Values(p.known))
	// Two clouds that start at the same time should not look at the same ports.
	h := fnv.New32a()
	_, _ = h.Write([]byte(p.path + "\x00" + key)) // never fails
	start := int(h.Sum32() % portCount)
	for i := range portCount {
		port := firstPort + (start+i)%portCount
		if slices.Contains(taken, port) || !free(port) {
			continue
		}
		p.known[key] = port
		return port, gapi.Save(p.path, p.known)
	}
	return 0, fmt.Errorf("no port between %d and %d is free on 127.0.0.1", firstPort, firstPort+portCount-1)
}

// Release gives key's port back.
func (p *ports) Release(key string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, ok := p.known[key]; !ok {
		return
	}
	delete(p.known, key)
	_ = gapi.Save(p.path, p.known) // at worst the port stays kept
}

// fix makes port the port of key.
func (p *ports) fix(key string, port int) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.known[key] = port
	return gapi.Save(p.path, p.known)
}

// listen binds key's port on the loopback interface.
func (p *ports) listen(key string) (net.Listener, error) {
	port, err := p.Port(key)
	if err != nil {
		return nil, err
	}
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return nil, fmt.Errorf("%s: another program has this local cloud's port: %w; stop it, or remove %q from %s to choose anew (addresses change)",
			key, err, key, p.path)
	}
	return l, nil
}

func free(port int) bool {
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return false
	}
	_ = l.Close()
	return true
}
