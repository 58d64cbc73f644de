package store

import (
	"context"
	"net"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// A primary that vanishes says nothing: packets go nowhere, and the kernel would try for a quarter of
// an hour, or wait for two when it has nothing to send. These bound how long that goes unnoticed.
const (
	dialTime    = 2 * time.Second        // for a TCP connection to come about
	dialStagger = 250 * time.Millisecond // until another attempt at it is made beside: a lost first packet is sent again only after a second
	silence     = 8 * time.Second        // a peer that acknowledges nothing for so long has vanished; below the life of a lease
	farewell    = 2 * time.Second        // for taking leave of a connection that is given up
)

// KeepAlive is how long a connection rests before its peer is asked for a sign of life.
const KeepAlive = silence / 2

var dialer = net.Dialer{
	KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: KeepAlive, Interval: 2 * time.Second, Count: 2},
	Control:         whenSilent,
}

// Dial connects by TCP, and to a peer that answers again within a fraction of a second. A connection
// whose peer vanishes without a word fails after seconds.
func Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	type attempt struct {
		conn net.Conn
		err  error
	}
	attempts := make(chan attempt)
	begin := func() {
		conn, err := dialer.DialContext(ctx, network, addr)
		select {
		case attempts <- attempt{conn, err}:
		case <-ctx.Done(): // another one was faster
			if conn != nil {
				_ = conn.Close()
			}
		}
	}
	go begin()
	next := time.NewTicker(dialStagger)
	defer next.Stop()
	for {
		select {
		case a := <-attempts:
			return a.conn, a.err
		case <-next.C:
			go begin()
		case <-ctx.Done():
			return nil, &net.OpError{Op: "dial", Net: network, Err: ctx.Err()}
		}
	}
}

// parting shortens the farewell of a connection that is given up. pgx waits for it up to fifteen
// seconds, and the pool keeps the connection's place so long.
func parting(dial pgconn.DialFunc) pgconn.DialFunc {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return brief{c}, nil
	}
}

type brief struct{ net.Conn }

// SetDeadline is called by pgx to interrupt at once, to take an interruption back, and before a farewell.
func (b brief) SetDeadline(t time.Time) error {
	if latest := time.Now().Add(farewell); t.After(latest) {
		t = latest
	}
	return b.Conn.SetDeadline(t)
}
