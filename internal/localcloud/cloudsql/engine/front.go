package engine

import (
	"context"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// front holds an instance's address and forwards each connection to the server that is primary. The
// address outlives restarts and failovers; connections do not, just as in Cloud SQL.
type front struct {
	listener net.Listener
	network  string // of the address, and of what is behind it

	mu     sync.Mutex
	target string // empty: fenced
	conns  map[net.Conn]struct{}
	wg     sync.WaitGroup
}

// listen takes the address and stays fenced until open.
func listen(ctx context.Context, network, address string) (*front, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, network, address)
	if err != nil {
		return nil, fmt.Errorf("the instance's address is taken: %w", err)
	}
	f := &front{listener: l, network: network, conns: map[net.Conn]struct{}{}}
	f.wg.Add(1)
	go f.accept() //nolint:contextcheck // it lasts until close, ctx bounds the listening only
	return f, nil
}

// open lets connections through to target.
func (f *front) open(target string) {
	f.mu.Lock()
	f.target = target
	f.mu.Unlock()
}

// fence drops every connection and lets none through: from here on no client can see a commit.
func (f *front) fence() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.target = ""
	for c := range f.conns {
		_ = c.Close() // the client learns it from its socket
	}
}

// close gives the address back.
func (f *front) close() {
	_ = f.listener.Close()
	f.fence()
	f.wg.Wait()
}

func (f *front) accept() {
	defer f.wg.Done()
	for {
		client, err := f.listener.Accept()
		if err != nil {
			return // closed
		}
		f.wg.Add(1)
		go func() {
			defer f.wg.Done()
			f.serve(client)
		}()
	}
}

func (f *front) serve(client net.Conn) {
	defer func() { _ = client.Close() }()
	target, ok := f.admit(client)
	if !ok {
		return
	}
	defer f.forget(client)
	server, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(context.Background(), f.network, target)
	if err != nil {
		return // the primary is down: the client sees its connection dropped
	}
	defer func() { _ = server.Close() }()
	defer f.forget(server)
	if now, ok := f.admit(server); !ok || now != target {
		return // fenced, or turned to another server, while dialling
	}

	ended := make(chan struct{}, 2)
	pipe := func(to, from net.Conn) {
		_, _ = io.Copy(to, from) // either side's end ends both
		ended <- struct{}{}
	}
	go pipe(server, client)
	go pipe(client, server)
	<-ended
	_, _ = client.Close(), server.Close()
	<-ended
}

// admit notes a connection unless the front is fenced.
func (f *front) admit(c net.Conn) (string, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.target == "" {
		return "", false
	}
	f.conns[c] = struct{}{}
	return f.target, true
}

func (f *front) forget(c net.Conn) {
	f.mu.Lock()
	delete(f.conns, c)
	f.mu.Unlock()
}
