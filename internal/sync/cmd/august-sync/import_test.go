package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	wire "encoding/binary"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/chunk"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/evidence"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/inspect"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/policy"
	"github.com/feel-august/terraform-provider-august/internal/bucket"
	"github.com/feel-august/terraform-provider-august/internal/sync/pgtest"
)

// staging is a target, a plain role's own, and a bucket with exports of another database.
type staging struct {
	*bundle
	root    *pgx.Conn
	bucket  bucket.Bucket
	private ed25519.PrivateKey
}

func newStaging(t testing.TB) *staging {
	t.Helper()
	s := &staging{bundle: bare(t, 1).alone()}
	plain := "plain_" + s.db.Name
	s.exec(`create role `+plain+` login password 'plain' nosuperuser nocreatedb`, `grant create on database `+s.db.Name+` to `+plain)
	var err error
	if s.root, err = pgx.Connect(t.Context(), s.db.URL()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_, err := s.root.Exec(background(), `drop owned by `+plain+` cascade; drop role `+plain)
		if err != nil {
			t.Error(err)
		}
		_ = s.root.Close(background())
	})
	s.env["AUGUST_DATABASE_USER"], s.env["AUGUST_DATABASE_PASSWORD"] = plain, "plain"
	folder := t.TempDir()
	var public ed25519.PublicKey
	if public, s.private, err = ed25519.GenerateKey(rand.Reader); err != nil {
		t.Fatal(err)
	}
	s.env["AUGUST_DATASET_BUCKET"], s.env["AUGUST_DATASET_PUBLIC_KEY"] = "file://"+filepath.ToSlash(folder), evidence.PublicPEM(public)
	if s.bucket, err = bucket.Open(t.Context(), s.env["AUGUST_DATASET_BUCKET"], bucket.Options{}); err != nil {
		t.Fatal(err)
	}
	return s
}

var importedTables = []string{"drchrono.offices", "drchrono.doctors", "labs.acknowledgement", "billing.daily"}

// publish makes an export of the runtime's own tables, whose rows say in their text which it is.
func (s *staging) publish(name string, rows int) {
	s.t.Helper()
	source := pgtest.New(s.t)
	b := &bundle{t: s.t, db: source, env: map[string]string{"AUGUST_DATABASE_INSTANCE": "p:r:i", "AUGUST_DATABASE_NAME": source.Name, "AUGUST_DATABASE_USER": source.User,
		"AUGUST_DATABASE_PASSWORD": source.Password, "AUGUST_DATABASE_HOST": source.Host, "AUGUST_DATABASE_PORT": fmt.Sprint(source.Port)}}
	if p := b.start("migrate"); true {
		<-p.done
		if p.err != nil {
			s.t.Fatal(p.log())
		}
	}
	b.exec(fmt.Sprintf(`insert into drchrono.offices (id, name, state, raw, content_hash, observed_at) select n, '%s', 'TX', '{}', '\x00', now() from generate_series(1, %d) n`, name, rows),
		fmt.Sprintf(`insert into drchrono.doctors (id, first_name, raw, content_hash, observed_at) select n, '%s', '{}', '\x00', now() from generate_series(1, %d) n`, name, rows),
		fmt.Sprintf(`insert into labs.acknowledgement (source, observation, result, status, fingerprint, acknowledged_by) select 'lab_results', n, n, 'F', 'f', '%s' from generate_series(1, %d) n`, name, rows))
	conn, err := pgx.Connect(s.t.Context(), source.URL())
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = conn.Close(background()) }()
	known, err := inspect.Read(s.t.Context(), conn)
	if err != nil {
		s.t.Fatal(err)
	}
	system, err := inspect.System(s.t.Context(), conn)
	if err != nil {
		s.t.Fatal(err)
	}
	m := &evidence.Manifest{Format: evidence.Format, Export: name, PolicyHash: "sha256:0", Method: "safe_harbor", Attestation: policy.Attestation{By: "the test", Expires: "2999-12-31"}, Scan: evidence.Scan{Passed: true}, Source: evidence.Source{System: system, SchemaVersion: known.SchemaVersion, Snapshot: time.Now()}}
	for _, t := range known.Tables {
		loaded := false
		for _, path := range importedTables {
			loaded = loaded || path == t.Path()
		}
		if !loaded {
			m.Empty = append(m.Empty, t.Path())
			continue
		}
		out := evidence.Table{Name: t.Path()}
		for _, c := range t.Columns {
			out.Columns = append(out.Columns, evidence.Column{Name: c.Name, Type: c.Type})
		}
		var lines bytes.Buffer
		if _, err := conn.PgConn().CopyTo(s.t.Context(), &lines, "copy "+t.Path()+" to stdout"); err != nil {
			s.t.Fatal(err)
		}
		for chunks, rest := 0, lines.Bytes(); len(rest) > 0; chunks++ {
			w, err := chunk.Create(s.t.Context(), s.bucket, fmt.Sprintf("%s/%s-%d.zst", evidence.DataFolder(name), t.Path(), chunks))
			if err != nil {
				s.t.Fatal(err)
			}
			for n := 0; n < rows/3+1 && len(rest) > 0; n++ {
				end := bytes.IndexByte(rest, '\n') + 1
				for c, field := range bytes.Split(rest[:end-1], []byte{'\t'}) {
					if string(field) == `\N` {
						out.Columns[c].Nulls++
					}
				}
				if err := w.Write(rest[:end], 1); err != nil {
					s.t.Fatal(err)
				}
				rest = rest[end:]
			}
			o, err := w.Close()
			if err != nil {
				s.t.Fatal(err)
			}
			out.Objects, out.Rows, out.Bytes = append(out.Objects, o), out.Rows+o.Rows, out.Bytes+o.Bytes
		}
		m.Tables = append(m.Tables, out)
	}
	signed, err := evidence.Sign(m, s.private)
	if err == nil {
		err = s.bucket.Create(s.t.Context(), evidence.ManifestName(name), signed)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// served says which exports the tables' rows are of, and how many there are.
func (s *staging) served() string {
	s.t.Helper()
	var out string
	if err := s.root.QueryRow(s.t.Context(), `select string_agg(distinct name, ' ' order by name) || ' ' || count(*) from (
		select name from drchrono.offices union all select first_name from drchrono.doctors union all select acknowledged_by from labs.acknowledgement) u`).Scan(&out); err != nil {
		s.t.Fatal(err)
	}
	return out
}

func (s *staging) imports(name string) *process {
	s.t.Helper()
	p := s.start("import", "--export", name)
	<-p.done
	return p
}

func TestImport(t *testing.T) {
	t.Parallel()
	s := newStaging(t)
	s.publish("first", 30)
	for _, unchanged := range []string{"the export is in\"", "the export is in already"} {
		p := s.imports("first")
		if p.err != nil || !strings.Contains(p.log(), unchanged) {
			t.Fatalf("%v: %s", p.err, p.log())
		}
	}
	if got := s.served(); got != "first 90" {
		t.Errorf("served is %q", got)
	}
	// The audit trail goes on: the triggers are on the new tables.
	if _, err := s.root.Exec(t.Context(), `update drchrono.offices set state = 'CA' where id = 1`); err != nil {
		t.Fatal(err)
	}
	if n := s.query(`select count(*)::text from august.audit where relation = 'drchrono.offices' and operation = 'update'`); n != "1" {
		t.Errorf("%s entries in the audit trail", n)
	}
	if p := s.imports("absent"); p.cmd.ProcessState.ExitCode() != 1 || !strings.Contains(p.log(), "there is no export absent") {
		t.Errorf("%d: %s", p.cmd.ProcessState.ExitCode(), p.log())
	}
	delete(s.env, "AUGUST_DATASET_BUCKET")
	s.env["AUGUST_DATASET_PUBLIC_KEY"] = clientSecret
	p := s.imports("first")
	if p.cmd.ProcessState.ExitCode() != 1 || !strings.Contains(p.log(), "AUGUST_DATASET_BUCKET is not set") || !strings.Contains(p.log(), "AUGUST_DATASET_PUBLIC_KEY cannot be read") {
		t.Errorf("%d: %s", p.cmd.ProcessState.ExitCode(), p.log())
	}
	s.clean("the log", p.log())
}

// reaper stands between an import and its database, and kills the import as it is about to say something, or when that has just
// been handed on.
type reaper struct {
	t      testing.TB
	to     string
	said   atomic.Int64
	at     atomic.Int64 // 0: never
	after  atomic.Bool
	mu     sync.Mutex
	victim *process
	last   string
}

func newReaper(t testing.TB, db pgtest.Database) (r *reaper, host, port string) {
	t.Helper()
	r = &reaper{t: t, to: net.JoinHostPort(db.Host, fmt.Sprint(db.Port))}
	host, port = standBetween(t, r.serve)
	return r, host, port
}

// standBetween has somebody serve what connects to an address, until the test is over.
func standBetween(t testing.TB, serve func(net.Conn)) (host, port string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go serve(conn)
		}
	}()
	host, port, _ = net.SplitHostPort(l.Addr().String())
	return host, port
}

func (r *reaper) serve(client net.Conn) {
	server, err := net.Dial("tcp", r.to)
	if err != nil {
		_ = client.Close()
		return
	}
	go func() { _, _ = io.Copy(client, server); _ = client.Close() }()
	defer func() { _ = server.Close() }()
	for head := 0; ; head = 1 { // the first message has no type
		prefix, body, err := message(client, head)
		if err != nil {
			return
		}
		doomed := false
		if head == 1 && strings.IndexByte("QPEdc", prefix[0]) >= 0 {
			doomed = r.said.Add(1) == r.at.Load()
		}
		if doomed && !r.after.Load() {
			r.kill(prefix[0], body)
			return
		}
		if _, err := server.Write(slices.Concat(prefix, body)); err != nil {
			return
		}
		if doomed {
			r.kill(prefix[0], body)
		}
	}
}

// message reads what a client says next: its type, if it has one, and its length; and the rest.
func message(client io.Reader, head int) (prefix, body []byte, err error) {
	prefix = make([]byte, head+4)
	if _, err = io.ReadFull(client, prefix); err != nil {
		return nil, nil, err
	}
	body = make([]byte, wire.BigEndian.Uint32(prefix[head:])-4)
	_, err = io.ReadFull(client, body)
	return prefix, body, err
}

func (r *reaper) kill(kind byte, body []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	_ = r.victim.cmd.Process.Kill()
	if len(body) > 60 {
		body = body[:60]
	}
	r.last = fmt.Sprintf("%c %q", kind, bytes.Trim(body, "\x00"))
}

// An import that is killed, at any point, leaves the old rows or the new ones; and then the same command completes it.
func TestImport_killed(t *testing.T) {
	t.Parallel()
	importKilled(t, 12)
}

func BenchmarkImportKilled(b *testing.B) {
	for b.Loop() {
		importKilled(b, 100)
	}
}

func importKilled(t testing.TB, kills int) {
	s := newStaging(t)
	names := []string{"red", "blue"}
	for _, name := range names {
		s.publish(name, 12)
	}
	reaper, host, port := newReaper(t, s.db)
	s.env["AUGUST_DATABASE_HOST"], s.env["AUGUST_DATABASE_PORT"] = host, port
	for n := range 2 { // the second is like those that are to come
		reaper.said.Store(0)
		if p := s.imports(names[n]); p.err != nil {
			t.Fatal(p.log())
		}
	}
	messages := reaper.said.Load()
	was, killed := 1, 0
	for n := range kills {
		old, next := names[was], names[1-was]
		reaper.said.Store(0)
		// Half of the points lie close before the end, where the tables are swapped and the old ones dropped.
		at := messages * int64(n+1) / int64(kills/2+1)
		if n >= kills/2 {
			at = messages - int64(kills-n)*24/int64(kills)
		}
		reaper.at.Store(at)
		reaper.after.Store(n%2 == 1)
		reaper.mu.Lock()
		p := s.start("import", "--export", next)
		reaper.victim = p
		reaper.mu.Unlock()
		<-p.done
		reaper.at.Store(0)
		switch got := s.served(); {
		case p.err == nil: // it had less to say than the one before
		case got != old+" 36" && got != next+" 36":
			t.Fatalf("killed at message %d of %d, %s: %q is served", at, messages, reaper.last, got)
		default:
			killed++
			t.Logf("killed at message %d of %d, %s: %q is served", at, messages, reaper.last, got)
		}
		if again := s.imports(next); again.err != nil {
			t.Fatalf("after a kill at %s: %s", reaper.last, again.log())
		}
		if got := s.served(); got != next+" 36" {
			t.Fatalf("after the next run %q is served", got)
		}
		if left := s.query(`select count(*)::text || ' ' || (select count(*) from august.dataset_step) from pg_namespace where nspname ~ '_(new|old)$'`); left != "0 0" {
			t.Fatalf("schemas and steps are left: %s", left)
		}
		was = 1 - was
	}
	if killed < kills-1 {
		t.Errorf("%d of %d were killed", killed, kills)
	}
}
