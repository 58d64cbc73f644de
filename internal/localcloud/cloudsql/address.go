package cloudsql

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"runtime"
	"strconv"

	"github.com/feel-august/terraform-provider-august/internal/freeport"
)

// The port of PostgreSQL, and those of the servers behind an address of their own.
const (
	postgresPort = 5432
	firstNode    = 5433
	secondNode   = 5434
)

// place gives a new instance its address. On Linux all of 127/8 is loopback, so each instance gets an
// address of its own at PostgreSQL's port, in a block, and from a place there, that follow from the state
// folder so that several local clouds live side by side. Elsewhere it is 127.0.0.1 and a port.
// The face's mutex is held.
func (f *Face) place(ctx context.Context, r *record) error {
	if runtime.GOOS != "linux" {
		r.Host = "127.0.0.1"
		for _, port := range []*int{&r.Port, &r.Nodes[0], &r.Nodes[1]} {
			free, err := freeport.Get()
			if err != nil {
				return err
			}
			*port = free
		}
		return nil
	}
	used := map[string]bool{}
	for _, i := range f.instances {
		used[i.Host] = true
	}
	sum := sha256.Sum256([]byte(f.opt.Dir))
	for n := range 254 {
		host := fmt.Sprintf("127.%d.%d.%d", 64+int(sum[0])%64, sum[1], 1+(int(sum[2])+n)%254)
		if !used[host] && bindable(ctx, host, postgresPort, firstNode, secondNode) {
			r.Host, r.Port, r.Nodes = host, postgresPort, [2]int{firstNode, secondNode}
			return nil
		}
	}
	return errors.New("no loopback address is free at port 5432: a PostgreSQL server that listens on all addresses holds it, " +
		"restrict its listen_addresses to localhost")
}

func bindable(ctx context.Context, host string, ports ...int) bool {
	for _, port := range ports {
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(port)))
		if err != nil {
			return false
		}
		_ = l.Close() // it was only to see
	}
	return true
}
