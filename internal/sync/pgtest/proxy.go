package pgtest

import (
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
)

// Proxy is an address before a database that outlives what is behind it, as Cloud SQL's does. It breaks
// in the ways that an address breaks during a failover.
type Proxy struct {
	t    testing.TB
	db   Database
	host string
	port int

	mu    sync.Mutex
	to    string
	front *net.TCPListener
	holed bool
	pairs map[*pair]bool
	wg    sync.WaitGroup
}

type pair struct{ client, server *net.TCPConn }

// NewProxy makes an address for db. It ends with the test.
func NewProxy(t testing.TB, db Database) *Proxy {
	t.Helper()
	return NewProxyAt(t, "127.0.0.1", Port(t), db) // it is listened on again after a fault
}

// NewProxyAt is NewProxy with an address of choice.
func NewProxyAt(t testing.TB, host string, port int, db Database) *Proxy {
	t.Helper()
	p := &Proxy{t: t, db: db, host: host, port: port, to: net.JoinHostPort(db.Host, fmt.Sprint(db.Port)), pairs: map[*pair]bool{}}
	p.listen()
	t.Cleanup(func() { p.Refuse(); p.wg.Wait() })
	return p
}

// Database is the database at the proxy's address.
func (p *Proxy) Database() Database {
	db := p.db
	db.Host, db.Port = p.host, p.port
	return db
}

func (p *Proxy) listen() {
	l, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.ParseIP(p.host), Port: p.port})
	if err != nil {
		p.t.Fatalf("listen before the database: %v", err)
	}
	p.port = l.Addr().(*net.TCPAddr).Port
	p.front = l
	p.wg.Go(func() {
		for {
			client, err := l.AcceptTCP()
			if err != nil {
				return
			}
			p.wg.Go(func() { p.forward(client) })
		}
	})
}

func (p *Proxy) forward(client *net.TCPConn) {
	p.mu.Lock()
	to := p.to
	p.mu.Unlock()
	conn, err := net.Dial("tcp4", to)
	if err != nil {
		reset(client)
		return
	}
	c := &pair{client, conn.(*net.TCPConn)}
	p.mu.Lock()
	if to != p.to || p.front == nil { // broken while it was made
		p.mu.Unlock()
		reset(c.client)
		reset(c.server)
		return
	}
	p.pairs[c] = true
	if p.holed {
		c.swallow(true)
	}
	p.mu.Unlock()
	var both sync.WaitGroup
	for from, into := range map[*net.TCPConn]*net.TCPConn{c.client: c.server, c.server: c.client} {
		both.Go(func() {
			_, _ = io.Copy(into, from)
			_ = into.CloseWrite()
		})
	}
	both.Wait()
	p.mu.Lock()
	delete(p.pairs, c)
	p.mu.Unlock()
	_, _ = c.client.Close(), c.server.Close()
}

func (c *pair) swallow(on bool) {
	swallow(c.client, on)
	swallow(c.server, on)
}

// Cut breaks every connection; new ones are made.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.pairs {
		reset(c.client)
		reset(c.server)
	}
}

// Refuse breaks every connection and refuses new ones until Heal.
func (p *Proxy) Refuse() {
	p.mu.Lock()
	if p.front != nil {
		_ = p.front.Close()
		p.front = nil
	}
	p.mu.Unlock()
	p.Cut()
}

// BlackHole loses every packet in both directions, without a word to either side, until Heal.
func (p *Proxy) BlackHole() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.holed = true
	swallow(p.front, true)
	for c := range p.pairs {
		c.swallow(true)
	}
}

// Heal ends Refuse and BlackHole. Connections that both sides still hold go on.
func (p *Proxy) Heal() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.front == nil {
		p.listen()
	}
	if p.holed {
		p.holed = false
		swallow(p.front, false)
		for c := range p.pairs {
			c.swallow(false)
		}
	}
}

// Lead breaks every connection; new ones lead to the other server.
func (p *Proxy) Lead(to Database) {
	p.mu.Lock()
	p.to = net.JoinHostPort(to.Host, fmt.Sprint(to.Port))
	p.mu.Unlock()
	p.Cut()
}

// reset ends a connection the hard way.
func reset(c *net.TCPConn) {
	_ = c.SetLinger(0)
	_ = c.Close()
}
