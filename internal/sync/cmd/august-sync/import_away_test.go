package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/sync/pgtest"
)

// gate stands between imports and their database, as an instance's address does. At the first message that says certain words, after
// certain others were said, it loses the database.
type gate struct {
	to string

	mu      sync.Mutex
	first   string // said before
	words   string // "": never
	lose    func(letThrough func())
	lost    bool
	clients map[net.Conn]bool
	closed  int // of so many connections to come, none gets through
}

func newGate(t testing.TB, db pgtest.Database) (g *gate, host, port string) {
	t.Helper()
	g = &gate{to: net.JoinHostPort(db.Host, fmt.Sprint(db.Port)), clients: map[net.Conn]bool{}}
	host, port = standBetween(t, g.serve)
	return g, host, port
}

func (g *gate) serve(client net.Conn) {
	defer func() { _ = client.Close() }()
	g.mu.Lock()
	if g.closed > 0 {
		g.closed--
		g.mu.Unlock()
		return
	}
	g.clients[client] = true
	g.mu.Unlock()
	server, err := net.Dial("tcp", g.to)
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	go func() { _, _ = io.Copy(client, server); _ = client.Close() }()
	for head := 0; ; head = 1 { // the first message has no type
		prefix, body, err := message(client, head)
		if err != nil {
			return
		}
		letThrough := func() { _, err = server.Write(slices.Concat(prefix, body)) }
		if lose := g.meets(head == 1, slices.Concat(prefix[:head], body)); lose != nil {
			lose(letThrough)
			return
		}
		if letThrough(); err != nil {
			return
		}
	}
}

// arm says at which message the database is to be lost, and how.
func (g *gate) arm(first, words string, lose func(letThrough func())) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.first, g.words, g.lose, g.lost = first, words, lose, false
}

func (g *gate) wasLost() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.lost
}

// meets gives, at the message at which the database is to be lost, how; nil at any other.
func (g *gate) meets(typed bool, said []byte) func(letThrough func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !typed || g.lost || g.words == "" {
		return nil
	}
	if g.first != "" {
		if bytes.Contains(said, []byte(g.first)) {
			g.first = ""
		}
		return nil
	}
	if !bytes.Contains(said, []byte(g.words)) {
		return nil
	}
	g.lost = true
	return g.lose
}

// fence drops every connection without a word, and lets none through for a while, as the loss of a primary does.
func (g *gate) fence() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = 2
	for c := range g.clients {
		_ = c.Close()
	}
	clear(g.clients)
}

// An import whose database goes away in its middle goes on by itself when it is back, with all checked anew; whether the new tables
// were put in place it asks.
func TestImport_away(t *testing.T) {
	t.Parallel()
	s := newStaging(t)
	names := []string{"red", "blue"}
	for _, name := range names {
		s.publish(name, 12)
	}
	gate, host, port := newGate(t, s.db)
	s.env["AUGUST_DATABASE_HOST"], s.env["AUGUST_DATABASE_PORT"] = host, port
	if p := s.imports("red"); p.err != nil {
		t.Fatal(p.log())
	}
	serves := func(name string) bool { return s.served() == name+" 36" }
	terminate := func() {
		if _, err := s.root.Exec(background(), `select pg_terminate_backend(pid) from pg_stat_activity where usename = $1`, s.env["AUGUST_DATABASE_USER"]); err != nil {
			t.Error(err)
		}
	}
	type lose = func(letThrough func(), next string)
	killed := func(func(), string) { terminate() }
	answered := func(letThrough func(), _ string) { letThrough(); terminate() }
	fenced := func(func(), string) { gate.fence() }
	unheard := func(letThrough func(), _ string) { gate.fence(); letThrough() }
	const chunks = 9
	for n, at := range []struct {
		when         string
		first, words string
		lose         lose
		loaded       int // chunks at least; of none is it heard twice
		swaps        int // of which it is heard
	}{
		{"before it has asked for the lock", "", "pg_try_advisory_lock", fenced, 0, 1},
		{"while it makes the new tables", "", "create schema", answered, 0, 1},
		{"in a COPY", "", "PGCOPY", killed, 0, 1},
		{"in another COPY", "PGCOPY", "PGCOPY", unheard, 0, 1},
		{"before the swap", "", "virtualxid", killed, chunks, 1},
		{"as it locks the old tables", "", "lock table", unheard, chunks, 1},
		{"in the swap", "lock table", "insert into august.dataset ", killed, chunks, 1},
		{"before the swap's commit", "insert into august.dataset ", "Qcommit", fenced, chunks, 1},
		{"after the swap's commit", "insert into august.dataset ", "Qcommit", func(letThrough func(), next string) {
			unheard(letThrough, next)
			for !serves(next) {
				time.Sleep(time.Millisecond)
			}
		}, chunks, 0},
	} {
		old, next := names[n%2], names[1-n%2]
		gate.arm(at.first, at.words, func(letThrough func()) { at.lose(letThrough, next) })
		p := s.imports(next)
		log := p.log()
		if !gate.wasLost() || !strings.Contains(log, "the database went away") {
			t.Fatalf("%s: the database was not lost:\n%s", at.when, log)
		}
		if p.err != nil || !strings.Contains(log, `"the export is in"`) || !serves(next) {
			t.Fatalf("%s: %v, %q is served after %q:\n%s", at.when, p.err, s.served(), old, log)
		}
		if got := strings.Count(log, `"loaded"`); got > chunks || got < at.loaded {
			t.Errorf("%s: %d of %d chunks were loaded:\n%s", at.when, got, chunks, log)
		}
		if got := strings.Count(log, "the new tables are in place"); got != at.swaps {
			t.Errorf("%s: the tables were swapped %d times, want %d:\n%s", at.when, got, at.swaps, log)
		}
		if left := s.query(`select count(*)::text || ' ' || (select count(*) from august.dataset_step) from pg_namespace where nspname ~ '_(new|old)$'`); left != "0 0" {
			t.Errorf("%s: schemas and steps are left: %s", at.when, left)
		}
	}

	// Meanwhile it has become a database that a pipeline writes to.
	served := s.served()
	gate.arm("", "PGCOPY", func(func()) {
		if _, err := s.root.Exec(background(), `insert into august.pipeline (name, spec) values ('billing', '{}')`); err != nil {
			t.Error(err)
		}
		gate.fence()
	})
	p := s.imports("red")
	if p.cmd.ProcessState.ExitCode() != 1 || !strings.Contains(p.log(), "the database went away") || !strings.Contains(p.log(), "august.pipeline has rows") || s.served() != served {
		t.Errorf("%d, %q is served: %s", p.cmd.ProcessState.ExitCode(), s.served(), p.log())
	}
}
