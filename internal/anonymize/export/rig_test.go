package export_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/catalog"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/chunk"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/evidence"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/export"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/inspect"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/policy"
	"github.com/feel-august/terraform-provider-august/internal/bucket"
	"github.com/feel-august/terraform-provider-august/internal/sync/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// clinic is a database of a few tables with references of all sorts, partitions, and types that are written in odd ways.
const clinic = `
create schema clinic;
create table clinic.offices (id integer primary key, name text not null);
create table clinic.patients (
	id bigint primary key, office integer references clinic.offices, first_name text, last_name text, email text, born date, note text,
	tags text[], photo bytea, extra jsonb, initials text generated always as (left(first_name, 1) || left(last_name, 1)) stored
);
create table clinic.visits (id text primary key, patient bigint not null references clinic.patients, at timestamptz, note text);
create table clinic.lines (id bigint generated always as identity primary key, visit text, price numeric(10, 2)); -- refers to visits, undeclared
create table clinic.events (visit text, at date not null, what text) partition by range (at);
create table clinic.events_old partition of clinic.events for values from ('2020-01-01') to ('2024-01-01');
create table clinic.events_new partition of clinic.events for values from ('2024-01-01') to ('2030-01-01');
create table clinic.people (id bigint primary key); -- nobody: whom a policy is about cannot be kept
create table clinic.secrets (token text);
insert into clinic.offices select n, 'Office ' || n from generate_series(1, 3) n;
insert into clinic.patients select n, 1 + n % 3, 'Canaryfirst' || n, case when n % 7 > 0 then 'Canarylast' || n end, 'canary' || n || '@example.test', date '1950-01-01' + n,
	E'A note\twith \\ what\nCOPY escapes, of Canarylast' || n, array['a"b', null, 'c\d'], decode(lpad(to_hex(n), 8, '0'), 'hex'), jsonb_build_object('n', n)
	from generate_series(1, 2000) n;
insert into clinic.visits select 'v' || n, 1 + n % 2000, timestamptz '2024-03-10 01:30+00' + n * interval '1 hour', repeat('word ', 20) from generate_series(1, 5000) n;
insert into clinic.lines (visit, price) select 'v' || 1 + n % 5000, n / 100.0 from generate_series(1, 10000) n;
insert into clinic.events select 'v' || n, date '2023-01-01' + n % 700, 'event' from generate_series(1, 3000) n;
insert into clinic.secrets values ('canarytoken');
analyze;`

type rig struct {
	t      *testing.T
	db     pgtest.Database
	conn   *pgx.Conn
	folder string
	bucket bucket.Bucket
	public ed25519.PublicKey
	log    logged
	export.Config
}

// logged is what was logged.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func newRig(t *testing.T) *rig {
	t.Helper()
	t.Parallel()
	r := &rig{t: t, folder: t.TempDir(), db: pgtest.Copy(t, func(db pgtest.Database) error {
		conn, err := pgx.Connect(context.Background(), db.URL())
		if err != nil {
			return err
		}
		_, err = conn.Exec(context.Background(), clinic)
		return errors.Join(err, conn.Close(context.Background()))
	})}
	r.conn = r.connect()
	var err error
	if r.bucket, err = bucket.Open(t.Context(), "file://"+r.folder, bucket.Options{}); err != nil {
		t.Fatal(err)
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	r.public = public
	r.Config = export.Config{
		Source: r.source(r.db.User, r.db.Password), Bucket: r.bucket, Export: "20261126-080000", Sign: private, Runtime: "test",
		Policy: r.keepAll(), PartBytes: 100_000, SpanPages: 8, Log: slog.New(slog.NewJSONHandler(&r.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	return r
}

func (r *rig) connect() *pgx.Conn {
	r.t.Helper()
	conn, err := pgx.Connect(r.t.Context(), r.db.URL())
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func (r *rig) source(user, password string) *pgx.ConnConfig {
	r.t.Helper()
	db := r.db
	db.User, db.Password = user, password
	c, err := pgx.ParseConfig(db.URL())
	if err != nil {
		r.t.Fatal(err)
	}
	return c
}

func (r *rig) exec(sql string) {
	r.t.Helper()
	if _, err := r.conn.Exec(r.t.Context(), sql); err != nil {
		r.t.Fatalf("%s: %v", sql, err)
	}
}

// keepAll is a policy that changes nothing, so that what comes out can be held against what went in.
func (r *rig) keepAll() *policy.Policy {
	r.t.Helper()
	c, err := inspect.Read(r.t.Context(), r.conn)
	if err != nil {
		r.t.Fatal(err)
	}
	p := &policy.Policy{
		Version: policy.Version, Method: policy.ExpertDetermination, Attestation: policy.Attestation{By: "an expert", ID: "D-1", Expires: "2999-12-31"},
		Keys: policy.Ephemeral, Subject: policy.Subject{Table: "clinic.people", Key: "id"},
		Tables: map[string]policy.Table{}, Exclude: map[string]string{"clinic.secrets": "tokens", "public.*": "none of ours"},
		References: []policy.Reference{{Table: "clinic.lines", Column: "visit", To: "clinic.visits", ToCol: "id"}, {Table: "clinic.events", Column: "visit", To: "clinic.visits", ToCol: "id"}},
	}
	for i := range c.Tables {
		t := &c.Tables[i]
		if t.Schema != "clinic" || t.Name == "secrets" || t.Kind != catalog.KindTable && t.Kind != catalog.KindPartitioned {
			continue
		}
		rules := map[string]policy.Rule{}
		for _, col := range t.Columns {
			rules[col.Name] = policy.Rule{Transformer: policy.Keep, Class: "none", Type: col.Type, Reason: "to compare"}
			switch {
			case t.Name == "people":
				rules[col.Name] = policy.Rule{Transformer: policy.Surrogate}
			case col.Generated:
				rules[col.Name] = policy.Rule{Transformer: policy.Derived}
			case col.Base == "jsonb" || col.Base == "bytea":
				rules[col.Name] = policy.Rule{Transformer: policy.Null}
			}
		}
		p.Tables[t.Path()] = policy.Table{Columns: rules}
	}
	return p
}

// run makes the export, and reads its manifest back with the key that staging has.
func (r *rig) run() *evidence.Manifest {
	r.t.Helper()
	m, err := export.Run(r.t.Context(), r.Config)
	if err != nil {
		r.t.Fatal(err)
	}
	signed, err := os.ReadFile(filepath.Join(r.folder, evidence.ManifestName(r.Export)))
	if err != nil {
		r.t.Fatal(err)
	}
	read, err := evidence.Open(signed, r.public)
	if err != nil {
		r.t.Fatal(err)
	}
	if read.PolicyHash != m.PolicyHash || read.PolicyHash != r.Policy.Hash() {
		r.t.Errorf("the manifest is of policy %s", read.PolicyHash)
	}
	return read
}

// fails runs the export, which must fail with such words and leave nothing behind.
func (r *rig) fails(words ...string) error {
	r.t.Helper()
	_, err := export.Run(r.t.Context(), r.Config)
	r.failed(err, words...)
	return err
}

func (r *rig) failed(err error, words ...string) {
	r.t.Helper()
	if err == nil {
		r.t.Fatal("the export did not fail")
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			r.t.Errorf("%q does not say %q", err, w)
		}
	}
	if left := r.objects(); len(left) > 0 {
		r.t.Errorf("left in the bucket: %v", left)
	}
	r.clean("error and log", err.Error()+r.log.String())
}

// clean makes sure that a text holds no value of a row.
func (r *rig) clean(what, text string) {
	r.t.Helper()
	if i := strings.Index(strings.ToLower(text), "canary"); i >= 0 {
		r.t.Errorf("%s: %.200s", what, text[max(0, i-100):])
	}
}

// objects are all that lie in the bucket.
func (r *rig) objects() []string {
	r.t.Helper()
	var all []string
	err := filepath.WalkDir(r.folder, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			all = append(all, strings.TrimPrefix(path, r.folder+"/"))
		}
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return all
}

// lines are those of a table of the export, sorted.
func (r *rig) lines(m *evidence.Manifest, table string) []string {
	r.t.Helper()
	at := slices.IndexFunc(m.Tables, func(t evidence.Table) bool { return t.Name == table })
	if at < 0 {
		r.t.Fatalf("%s is not in the manifest", table)
	}
	var all []string
	for _, o := range m.Tables[at].Objects {
		part, err := chunk.Open(r.t.Context(), r.bucket, o)
		if err != nil {
			r.t.Fatal(err)
		}
		lines := bufio.NewScanner(part)
		n := int64(0)
		for lines.Scan() {
			all = append(all, lines.Text())
			n++
		}
		if err := errors.Join(lines.Err(), part.Close()); err != nil || n != o.Rows {
			r.t.Fatalf("%s: %d of %d rows, %v", o.Name, n, o.Rows, err)
		}
	}
	if int64(len(all)) != m.Tables[at].Rows {
		r.t.Errorf("%s has %d rows, and the manifest says %d", table, len(all), m.Tables[at].Rows)
	}
	slices.Sort(all)
	return all
}

// rows is what PostgreSQL itself copies out, sorted.
func (r *rig) rows(query string) []string {
	r.t.Helper()
	var b bytes.Buffer
	if _, err := r.conn.PgConn().CopyTo(r.t.Context(), &b, "copy ("+query+") to stdout"); err != nil {
		r.t.Fatalf("%s: %v", query, err)
	}
	all := slices.Collect(strings.Lines(b.String()))
	for i := range all {
		all[i] = strings.TrimSuffix(all[i], "\n")
	}
	slices.Sort(all)
	return all
}

// copied makes sure that all tables left as they are, or as selects say.
func (r *rig) copied(m *evidence.Manifest, selects map[string]string) {
	r.t.Helper()
	all := map[string]string{
		"clinic.offices":  "select * from clinic.offices",
		"clinic.patients": "select id, office, first_name, last_name, email, born, note, tags, null, null from clinic.patients",
		"clinic.visits":   "select * from clinic.visits", "clinic.lines": "select * from clinic.lines", "clinic.events": "select * from clinic.events",
		"clinic.people": "select * from clinic.people",
	}
	maps.Copy(all, selects)
	if len(m.Tables) != len(all) {
		r.t.Errorf("%d tables left", len(m.Tables))
	}
	for table, query := range all {
		if got, want := r.lines(m, table), r.rows(query); !slices.Equal(got, want) {
			r.t.Errorf("%s: %d rows left, %d were to", table, len(got), len(want))
		}
	}
}

// hooked calls before each object is begun.
type hooked struct {
	bucket.Bucket
	before func(name string) error
}

func (h hooked) Write(ctx context.Context, name string) (io.WriteCloser, error) {
	if err := errors.Join(ctx.Err(), h.before(name)); err != nil { // a folder would not ask
		return nil, err
	}
	return h.Bucket.Write(ctx, name)
}

// at calls do once, before the nth part is begun.
func (r *rig) at(n int, do func()) {
	var mu sync.Mutex
	r.Bucket = hooked{r.bucket, func(name string) error {
		mu.Lock()
		defer mu.Unlock()
		if strings.HasPrefix(name, "exports/") {
			if n--; n == 0 {
				do()
			}
		}
		return nil
	}}
}

// kill ends sessions of the run: the one that holds the snapshot was first.
func (r *rig) kill(conn *pgx.Conn, which string) {
	r.t.Helper()
	var n int
	err := conn.QueryRow(context.Background(), fmt.Sprintf(`select count(pg_terminate_backend(pid)) from (select pid, row_number() over (order by backend_start) as at
		from pg_stat_activity where datname = current_database() and application_name = 'august-sync anonymize') s where %s`, which)).Scan(&n)
	if err != nil || n == 0 {
		r.t.Errorf("ended %d sessions: %v", n, err)
	}
}

// unsorted are the lines of a table's parts, one part after the other.
func (r *rig) unsorted(m *evidence.Manifest, table string) []string {
	r.t.Helper()
	at := slices.IndexFunc(m.Tables, func(t evidence.Table) bool { return t.Name == table })
	var all []string
	for _, o := range m.Tables[at].Objects {
		part, err := chunk.Open(r.t.Context(), r.bucket, o)
		if err != nil {
			r.t.Fatal(err)
		}
		body, err := io.ReadAll(part)
		if err := errors.Join(err, part.Close()); err != nil {
			r.t.Fatal(err)
		}
		all = append(all, strings.Split(strings.TrimSuffix(string(body), "\n"), "\n")...)
	}
	return all
}

func ctx() context.Context { return context.Background() }

func exportRun(r *rig) (*evidence.Manifest, error) { return export.Run(r.t.Context(), r.Config) }

// pgLog is what the cluster of this package's tests has written.
func pgLog(t *testing.T) string {
	t.Helper()
	text := pgtest.Log(t)
	if text == "" {
		t.Error("the server's log is empty")
	}
	return text
}
