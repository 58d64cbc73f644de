package pubsub

import (
	"bufio"
	"errors"
	"net"
	"sync"
	"time"
)

// Split makes two listeners of one: REST and gRPC share a port, as they share pubsub.googleapis.com.
// A connection that begins as HTTP/2 with prior knowledge does is gRPC's. Both must be closed.
func Split(l net.Listener) (rest, rpc net.Listener) {
	done := make(chan struct{})
	end := sync.OnceFunc(func() {
		close(done)
		_ = l.Close() // it only has to stop accepting
	})
	a := &half{Listener: l, conns: make(chan net.Conn), done: done, end: end}
	b := &half{Listener: l, conns: make(chan net.Conn), done: done, end: end}
	go func() {
		defer end()
		for {
			conn, err := l.Accept()
			if err != nil {
				if t, ok := errors.AsType[net.Error](err); ok && t.Timeout() {
					continue
				}
				return
			}
			go sortOut(conn, a, b)
		}
	}()
	return a, b
}

// sortOut looks at the first bytes of a connection.
func sortOut(conn net.Conn, rest, rpc *half) {
	r := bufio.NewReader(conn)
	_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second)) // if that fails, so does the read
	head, err := r.Peek(len("PRI "))
	if err != nil || conn.SetReadDeadline(time.Time{}) != nil {
		_ = conn.Close()
		return
	}
	to := rest
	if string(head) == "PRI " {
		to = rpc
	}
	select {
	case to.conns <- &peeked{Conn: conn, r: r}:
	case <-to.done:
		_ = conn.Close()
	}
}

// half is one of the two listeners.
type half struct {
	net.Listener
	conns chan net.Conn
	done  chan struct{}
	end   func()
}

// Accept answers the next connection of this half.
func (h *half) Accept() (net.Conn, error) {
	select {
	case c := <-h.conns:
		return c, nil
	case <-h.done:
		return nil, net.ErrClosed
	}
}

// Close closes both halves.
func (h *half) Close() error {
	h.end()
	return nil
}

// peeked is a connection of which something was read already.
type peeked struct {
	net.Conn
	r *bufio.Reader
}

func (p *peeked) Read(b []byte) (int, error) { return p.r.Read(b) }
