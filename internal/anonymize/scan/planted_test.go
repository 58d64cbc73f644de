package scan_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/chunk"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/evidence"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/export"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/policy"
	"github.com/feel-august/terraform-provider-august/internal/bucket"
	"github.com/feel-august/terraform-provider-august/internal/sync/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// odd is a database with a column of every sort that text hides in. Its persons have names, numbers and addresses that nobody
// has; each row of odd.places is planted with those of its own person, or of somebody else's.
const odd = `
do $$ begin
	if exists (select from pg_available_extensions where name = 'citext') then create extension if not exists citext schema public; else create domain public.citext as text; end if;
end $$;
create schema odd;
create domain odd.remark as varchar(300);
create type odd.mood as enum ('well', 'unwell');
create table odd.people (
	id bigint primary key, first_name text, last_name varchar(40), date_of_birth date, email citext, cell_phone text, ssn char(11), chart_id text,
	address text, home_page text, last_ip inet, portal uuid
);
create table odd.places (
	id bigint primary key, person bigint not null references odd.people, kind text, note text, remark odd.remark, insensitive citext, padded char(300), limited varchar(300),
	doc jsonb, old json, lines text[], grid varchar(300)[], scan bytea, page xml, mood odd.mood, moods odd.mood[], at timestamptz, ips inet[], portal uuid, words tsvector
);`

// planted are sentences with what identifies somebody, by kind.
var planted = []struct{ kind, text string }{
	{"full_name", "FIRST LAST came in"}, {"full_name", "spoke with LAST, FIRST"}, {"name", "asked Mrs. LAST again"}, {"name", "so did FIRST"},
	{"email", "write to EMAIL!"}, {"email", "<EMAIL>"}, {"phone", "call PHONE"}, {"phone", "at +1 PHONE, after six"},
	{"ssn", "ssn SSN"}, {"ssn", "(SSN)"}, {"record", "chart CHART"}, {"record", "no. ID of ours"},
	{"date", "born BORN"}, {"street", "lives at STREET"}, {"url", "see PAGE"}, {"ip", "from IPADDRESS"},
}

var fields = []string{"FIRST", "LAST", "BORN", "EMAIL", "PHONE", "SSN", "CHART", "STREET", "PAGE", "IPADDRESS", "ID"}

// say fills a sentence with what identifies a person.
func say(text string, n int) string {
	for i, v := range person(n) {
		text = strings.ReplaceAll(text, fields[i], v.(string))
	}
	return text
}

const people = 40

// person gives what identifies a person; names are numbered in letters, so that each is somebody's alone.
func person(n int) []any {
	letters := string([]byte{'a' + byte(n/26), 'a' + byte(n%26)})
	phones := []string{"(017) 444-%04d", "017-444-%04d", "017.444.%04d", "017444%04d"}
	return []any{"Zyxo" + letters, "Qwerv" + letters, fmt.Sprintf("19%02d-%02d-%02d", 30+n, 2+n%11, 2+n%27), "zyx" + letters + "@clinic.test", fmt.Sprintf(phones[n%4], 1000+n*13),
		fmt.Sprintf("%03d-45-%04d", 200+n, 6000+n), fmt.Sprintf("MRN%07d", 4100+n*7), fmt.Sprintf("%d Zebrawood Street", 1100+n), "https://people.test/u/" + letters + "x",
		fmt.Sprintf("198.51.100.%d", 10+n), fmt.Sprint(7_000_000 + n*31)}
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// plant fills the database, and gives all that was planted.
func plant(t *testing.T, conn *pgx.Conn) (values []string) {
	t.Helper()
	exec := func(sql string, args ...any) {
		if _, err := conn.Exec(t.Context(), sql, args...); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	exec(odd)
	for n := range people {
		p := person(n)
		exec(`insert into odd.people values ($11::text::bigint, $1, $2, $3::text::date, $4::text::citext, $5, $6, $7, $8, $9, $10::text::inet, md5($11::text)::uuid)`, p...)
		for _, v := range p {
			values = append(values, v.(string))
		}
	}
	for i := range people * len(planted) {
		plant := planted[i%len(planted)]
		own, of := i%people, (i+i/people%2*7)%people // half of them are somebody else's
		s := say(plant.text, of)
		exec(`insert into odd.places select $1, $2::text::bigint, $3, s, s, s::citext, s, s, jsonb_build_object('text', s, 'by', jsonb_build_object(s, 1, 'who', s), 'list', jsonb_build_array(s)),
			json_build_object('text', s), array[null, s, 'a "b" \'], array[array['x', s]], convert_to(s, 'UTF8'), xmlelement(name p, s), 'well', array['well']::odd.mood[],
			now(), array['198.51.100.10']::inet[], md5($2::text)::uuid, to_tsvector('simple', s) from (select $4::text) t (s)`, 900_000+i, person(own)[10], plant.kind, s)
	}
	exec("analyze")
	return values
}

func good() *policy.Policy {
	rule := func(transformer string) policy.Rule { return policy.Rule{Transformer: transformer} }
	text := policy.Rule{Transformer: policy.Text, Class: policy.None, Reason: "prose"}
	return &policy.Policy{
		Version: policy.Version, Method: policy.SafeHarbor, Attestation: policy.Attestation{By: "privacy officer", Expires: "2999-12-31"}, Keys: policy.Ephemeral, AsOf: "2026-11-26", // seven are over 89
		Subject: policy.Subject{Table: "odd.people", Key: "id"}, Exclude: map[string]string{"public.*": "none of ours"},
		Tables: map[string]policy.Table{
			"odd.people": {Columns: map[string]policy.Rule{
				"id": rule(policy.Surrogate), "first_name": {Transformer: policy.Name, Part: policy.First}, "last_name": {Transformer: policy.Name, Part: policy.Last},
				"date_of_birth": rule(policy.Year), "email": rule(policy.Email), "cell_phone": rule(policy.Phone), "ssn": rule(policy.SSN), "chart_id": rule(policy.Surrogate),
				"address": rule(policy.Street), "home_page": rule(policy.URL), "last_ip": rule(policy.IP), "portal": rule(policy.Surrogate),
			}},
			"odd.places": {Subject: []string{"person"}, Columns: map[string]policy.Rule{
				"id": rule(policy.Surrogate), "person": rule(policy.Surrogate), "kind": {Transformer: policy.Keep, Class: policy.None, Type: "text", Reason: "a kind"},
				"note": text, "remark": text, "insensitive": text, "padded": text, "limited": text, "lines": text, "grid": text,
				"doc":  {Transformer: policy.JSON, Paths: map[string]policy.Rule{"text": rule(policy.Text), "by.*": rule(policy.Text), "list[]": rule(policy.Text)}},
				"old":  {Transformer: policy.JSON, Paths: map[string]policy.Rule{"text": rule(policy.Text)}},
				"scan": rule(policy.Null), "page": rule(policy.Null), "mood": rule(policy.Keep), "moods": rule(policy.Keep), "at": rule(policy.Year), "ips": rule(policy.IP), "portal": rule(policy.Surrogate), "words": rule(policy.Derived),
			}},
		},
	}
}

// exportOf is one try to export the database.
type exportOf struct {
	*testing.T
	folder string
	bucket bucket.Bucket
	log    bytes.Buffer
	m      *evidence.Manifest
	err    error
}

func tryExport(t *testing.T, db pgtest.Database, p *policy.Policy) *exportOf {
	t.Helper()
	e := &exportOf{T: t, folder: t.TempDir()}
	source, err := pgx.ParseConfig(db.URL())
	if err != nil {
		t.Fatal(err)
	}
	if e.bucket, err = bucket.Open(t.Context(), "file://"+e.folder, bucket.Options{}); err != nil {
		t.Fatal(err)
	}
	_, sign, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	e.m, e.err = export.Run(t.Context(), export.Config{Source: source, Bucket: e.bucket, Export: "20261126-" + strings.Trim(strings.TrimPrefix(strings.ToLower(t.Name()), "testplanted/"), "/"),
		Policy: p, Sign: sign, Runtime: "test", PartBytes: 20_000, SpanPages: 8, Log: slog.New(slog.NewJSONHandler(&e.log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	return e
}

// result is all that was written, in small letters, with nothing but letters and digits.
func (e *exportOf) result() string {
	e.Helper()
	var all bytes.Buffer
	for _, t := range e.m.Tables {
		for _, o := range t.Objects {
			r, err := chunk.Open(e.Context(), e.bucket, o)
			if err != nil {
				e.Fatal(err)
			}
			_, err = io.Copy(&all, r)
			if err := errors.Join(err, r.Close()); err != nil {
				e.Fatal(err)
			}
		}
	}
	return bare(code.ReplaceAllString(all.String(), "$1"))
}

// code is an id that was given in place of another: twelve digits at random, in which seven of somebody's may follow on each other.
var code = regexp.MustCompile(`(?m)(^|\t)[0-9]{12}\b`)

// empty makes sure that nothing is left in the bucket.
func (e *exportOf) empty() {
	e.Helper()
	err := filepath.WalkDir(e.folder, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			e.Errorf("%s is left in the bucket", path)
		}
		return err
	})
	if err != nil {
		e.Fatal(err)
	}
}

func bare(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= '0' && r <= '9', r >= 'a' && r <= 'z', r == '\n', r == '\t':
			return r
		}
		return -1
	}, strings.ToLower(s))
}

// TestPlanted has hundreds of identifiers go through the whole export.
func TestPlanted(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	conn := connect(t, db.URL())
	values := plant(t, conn)

	t.Run("scrubbed", func(t *testing.T) {
		e := tryExport(t, db, good())
		if e.err != nil {
			t.Fatal(e.err)
		}
		if !e.m.Scan.Passed || e.m.Scan.Identifiers["full_name"] != people || e.m.Scan.Identifiers["phone"] != people {
			t.Errorf("scan %+v", e.m.Scan)
		}
		text := e.result()
		if n := strings.Count(text, "\n"); n != people*(len(planted)+1) {
			t.Errorf("%d rows were written", n)
		}
		survived := map[string]bool{}
		for _, v := range values {
			if strings.Contains(text, bare(v)) {
				survived[v] = true
			}
		}
		if len(survived) > 0 {
			t.Errorf("%d of %d identifiers have survived: %v", len(survived), len(values), survived)
		}
		t.Logf("%d identifiers, %d values, scan %+v", len(values), len(text), e.m.Scan)
	})

	t.Run("singled-out", func(t *testing.T) {
		t.Parallel()
		p := good()
		p.Quasi = []policy.Quasi{{Table: "odd.people", Columns: []string{"date_of_birth"}, K: 2}}
		e := tryExport(t, db, p)
		if e.err == nil || !strings.Contains(e.err.Error(), "odd.people: 33 rows share (date_of_birth) with fewer than 2 in all") {
			t.Errorf("%v", e.err)
		}
		e.empty()
	})

	// A column that is declared harmless, and is not: nothing is published, and it is said where, of what kind and how often.
	sloppy := map[string]func(rules map[string]policy.Rule){}
	for column, typ := range map[string]string{"note": "text", "remark": "odd.remark", "insensitive": "public.citext", "padded": "character(300)", "limited": "character varying(300)", "lines": "text[]", "grid": "character varying(300)[]",
		"ips": "inet[]", "portal": "uuid"} {
		sloppy[column] = func(rules map[string]policy.Rule) {
			rules[column] = policy.Rule{Transformer: policy.Keep, Class: policy.None, Type: typ, Reason: "said to be harmless"}
		}
	}
	for path, column := range map[string]string{"text": "old", "list[]": "doc"} {
		sloppy[column] = func(rules map[string]policy.Rule) {
			r := rules[column]
			paths := map[string]policy.Rule{}
			for p, inner := range r.Paths {
				paths[p] = inner
			}
			paths[path] = policy.Rule{Transformer: policy.Keep, Class: policy.None, Reason: "said to be harmless"}
			r.Paths = paths
			rules[column] = r
		}
	}
	for column, change := range sloppy {
		t.Run("kept-"+column, func(t *testing.T) {
			t.Parallel()
			p := good()
			change(p.Tables["odd.places"].Columns)
			e := tryExport(t, db, p)
			if e.err == nil {
				t.Fatal("it was published")
			}
			kinds := []string{"full_name", "email", "phone", "ssn", "record", "date", "street", "url", "ip"}
			switch column {
			case "ips":
				kinds = []string{"ip"}
			case "portal":
				kinds = []string{"record"}
			}
			for _, k := range kinds {
				if !strings.Contains(e.err.Error(), "odd.places."+column+" holds ") || !strings.Contains(e.err.Error(), " of kind "+k) {
					t.Errorf("no %s in: %v", k, e.err)
				}
			}
			e.empty()
			told := bare(e.err.Error() + e.log.String())
			for _, v := range values {
				if strings.Contains(told, bare(v)) {
					t.Errorf("%q is told", v)
				}
			}
		})
	}
}
