package dataset_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/dataset"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/evidence"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/inspect"
	"github.com/feel-august/terraform-provider-august/internal/sync/pgtest"
)

func TestImport_believesNoOtherManifest(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.populate(1, 3)
	r.publish("good", 100)
	r.publish("failed", 100, func(m *evidence.Manifest) { m.Scan.Passed = false })
	r.publish("found", 100, func(m *evidence.Manifest) { m.Scan.Findings = []evidence.Finding{{Kind: "name"}} })
	r.publish("newer", 100, func(m *evidence.Manifest) { m.Format++ })
	r.publish("sums", 100, func(m *evidence.Manifest) { m.Tables[0].Rows++ })
	r.publish("alien", 100, func(m *evidence.Manifest) { m.Tables[0].Objects[0].Name = "exports/good/1.zst" })
	r.publish("anyones", 100, func(m *evidence.Manifest) { m.Source.System = "" })
	r.publish("expired", 100, func(m *evidence.Manifest) { m.Attestation.Expires = time.Now().AddDate(0, 0, -2).Format(time.DateOnly) })
	r.publish("forever", 100, func(m *evidence.Manifest) { m.Attestation.Expires = "" })
	copied, err := os.ReadFile(filepath.Join(r.folder, evidence.ManifestName("good")))
	if err != nil {
		t.Fatal(err)
	}
	for name, body := range map[string][]byte{"copied": copied, "forged": bytes.Replace(copied, []byte(`"passed": true`), []byte(`"passed":  1 `), 1), "empty": {}} {
		if err := r.bucket.Create(t.Context(), evidence.ManifestName(name), body); err != nil {
			t.Fatal(err)
		}
	}
	for name, words := range map[string]string{
		"absent": "there is no export absent", "../good": "the name of an export", "failed": "has not passed its scan", "found": "has not passed its scan", "newer": "format 2",
		"sums": "does not add up at table", "alien": "another export's", "anyones": "which database it is of", "copied": "is of export good", "forged": "does not verify", "empty": "no signed manifest",
		"expired": "(safe_harbor, by the test) has expired on", "forever": "until when it counts as de-identified",
	} {
		r.refused(name, words)
	}
	theirs, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := r.config("good")
	c.Trusted = theirs
	if _, err := dataset.Import(t.Context(), c); err == nil || !strings.Contains(err.Error(), "signed by another key") {
		t.Errorf("with another key: %v", err)
	}
	r.bring("good")
}

func TestImport_refusesProduction(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.populate(1, 3)
	r.publish("good", 100, func(m *evidence.Manifest) { m.Source.Instance = "p:r:platform" })
	system, err := inspect.System(t.Context(), r.root)
	if err != nil {
		t.Fatal(err)
	}
	r.publish("own", 100, func(m *evidence.Manifest) { m.Source.System = system })
	r.refused("own", "is the database that export own was made of", "another database")

	migrated := false
	c := r.config("good")
	c.Instance, c.Migrate = "p:r:platform", func(context.Context) error { migrated = true; return nil }
	var refused *dataset.RefusedError
	if _, err := dataset.Import(t.Context(), c); !errors.As(err, &refused) || !strings.Contains(err.Error(), "instance p:r:platform") || migrated {
		t.Errorf("on the source's instance: %v; migrated: %t", err, migrated)
	}

	r.as(`insert into august.pipeline (name, spec) values ('billing', '{}')`)
	r.refused("good", "august.pipeline has rows", "a runtime syncs into this database")
	r.as(`delete from august.pipeline; insert into august.credential (application, refresh_token, seed) values ('a', 'r', '')`)
	r.refused("good", "august.credential has rows")
	r.as(`delete from august.credential; insert into clinic.jobs values ('cleaning')`)
	r.refused("good", "clinic.jobs has rows", "nothing was ever imported")
	r.as(`delete from clinic.jobs; insert into clinic.people (code, name, generation) values ('AA', 'somebody', 0)`)
	r.refused("good", "clinic.people has rows")
	r.as(`delete from clinic.people; insert into clinic.tokens (token) values ('hidden'); alter table clinic.tokens enable row level security; alter table clinic.tokens force row level security`)
	r.refused("good", "row-level security policy for table")
	r.as(`alter table clinic.tokens no force row level security; delete from clinic.tokens`)
	r.bring("good")
	r.as(`insert into august.pipeline (name, spec) values ('billing', '{}')`) // also after an import
	r.refused("good", "august.pipeline has rows")
}

func TestImport_refusesAnotherSchema(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.populate(1, 3)
	r.publish("good", 100)
	r.publish("ahead", 100, func(m *evidence.Manifest) { m.Source.SchemaVersion = 999 })
	r.refused("ahead", "schema version 999", "deploy production's runtime")
	r.publish("more", 100, func(m *evidence.Manifest) { m.Tables[0].Name = "clinic.absent" })
	r.refused("more", "the target has no table clinic.absent")
	r.as(`alter table clinic.visits rename note to notes; alter table clinic.visits alter ratio type real, alter at drop not null`)
	r.refused("good", "clinic.visits of the target has no column note", "ratio of clinic.visits is real in the target and double precision in the export")
	r.as(`alter table clinic.visits rename notes to note; alter table clinic.visits alter ratio type double precision, alter note set not null, add column fresh text not null`)
	r.refused("good", "note of clinic.visits is NOT NULL in the target")
	r.as(`alter table clinic.visits alter note drop not null`)
	r.refused("good", "fresh of clinic.visits is NOT NULL in the target, and the export does not bring it")
	r.as(`alter table clinic.visits alter fresh set default 'x'; create table clinic.own (id integer); insert into clinic.own values (7)`)
	got := r.bring("good")
	if !slices.Contains(got.Defaults, "clinic.visits.fresh") || !slices.Contains(got.Left, "clinic.own") || r.one(`select count(*) || ' ' || min(fresh) || ' ' || (select id from clinic.own) from clinic.visits`) != "9 x 7" {
		t.Errorf("brought %+v", got)
	}
}

// What would be lost is named, and nothing is begun.
func TestImport_refusesWhatItCannotKeep(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.populate(1, 3)
	r.publish("good", 100)
	for _, c := range []struct{ make, remove, words string }{
		{`create rule quiet as on delete to clinic.people do instead nothing`, `drop rule quiet on clinic.people`, `clinic.people: rule quiet`},
		{`create table clinic.child () inherits (clinic.visits)`, `drop table clinic.child`, `clinic.visits: clinic.child inherits from it`},
		{`create publication p for table clinic.people`, `drop publication p`, `publication of table clinic.people in publication p depends on it`},
		{`create function clinic.f() returns bigint begin atomic select count(*) from clinic.people; end`, `drop function clinic.f`, `clinic.people: function clinic.f() depends on it`},
		{`create function clinic.g(clinic.people) returns text language sql as 'select null'`, `drop function clinic.g`, `function clinic.g(clinic.people) depends on it`},
		{`create table clinic.own (person bigint references clinic.people)`, `drop table clinic.own`, `constraint own_person_fkey on table clinic.own depends on it`},
		{`create table clinic.own (id integer primary key); alter table clinic.visits add constraint other foreign key (before) references clinic.own`, `alter table clinic.visits drop constraint other; drop table clinic.own`, `foreign key other refers to clinic.own, which the export does not know`},
		{`create materialized view clinic.deep as select * from clinic.open_visits`, `drop materialized view clinic.deep`, `clinic.deep: it is a materialized view over the view clinic.open_visits`},
		{`create sequence clinic.counter; alter table clinic.visits alter fee set default nextval('clinic.counter')`, `alter table clinic.visits alter fee drop default; drop sequence clinic.counter`, `column fee takes its numbers from clinic.counter, which belongs to august`},
		{`create schema clinic_new`, `drop schema clinic_new`, `there is a schema clinic_new, which no import has made`},
		{`alter table clinic.visits owner to august; grant select on clinic.visits to ` + r.db.User, `revoke select on clinic.visits from ` + r.db.User + `; alter table clinic.visits owner to ` + r.db.User, `clinic.visits: it belongs to august`},
		{`revoke create on database ` + r.db.Name + ` from ` + r.db.User, `grant create on database ` + r.db.Name + ` to ` + r.db.User, `may not create schemas`},
		{`revoke truncate on clinic.jobs from ` + r.db.User, `grant truncate on clinic.jobs to ` + r.db.User, `clinic.jobs: ` + r.db.User + ` may not empty it`},
	} {
		r.exec(r.root, c.make)
		r.refused("good", c.words)
		r.exec(r.root, c.remove)
	}
	r.exec(r.root, `create schema other; create table other.visits (id integer primary key, generation integer); alter schema other owner to `+r.db.User+`; alter table other.visits owner to `+r.db.User)
	r.bring("good")
}

// Rows that do not fit end the import, leave nothing, and are in nobody's log.
func TestImport_refusesRows(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.populate(1, 3)
	const canary, number = "canary-4711", "9123456789"
	r.exec(r.source, `alter table clinic.visits drop constraint fee_positive, drop constraint visits_person_fkey, drop constraint visits_before_fkey; alter table clinic.people drop constraint people_code_key, drop constraint people_born_check;
		alter table clinic.visits alter at drop not null`)
	good := "copy-of"
	for name, c := range map[string]struct {
		sql, undo, words string
		lines            func(string, []byte) []byte
		change           func(*evidence.Manifest)
	}{
		"orphan":      {sql: `update clinic.visits set person = ` + number + ` where id = 9`, undo: `update clinic.visits set person = 102 where id = 9`, words: "visits_person_fkey"},
		"twice":       {sql: `update clinic.people set code = 'QQ' where id > 100`, undo: `update clinic.people set code = 'A' || chr(65 + id::integer - 100)`, words: "people_code_key"},
		"check":       {sql: `update clinic.visits set fee = -9123456789 where id = 9`, undo: `update clinic.visits set fee = 9 where id = 9`, words: "fee_positive"},
		"null":        {sql: `update clinic.visits set at = null, note = '` + canary + `' where id = 9`, undo: `update clinic.visits set at = now(), note = null where id = 9`, words: "at of clinic.visits"},
		"domain":      {lines: replaced("clinic.people", "\tAA\t", "\t"+canary+"\t"), words: "code_check"},
		"enum":        {lines: replaced("clinic.people", "\tcalm\t", "\t"+canary+"\t"), words: "read the rows of clinic.people: SQLSTATE 22P02"},
		"jsonb":       {lines: replaced("clinic.people", `{"n": 0,`, `{`+canary), words: "SQLSTATE 22P02"},
		"date":        {lines: replaced("clinic.people", "1990-01-03", canary), words: "column born of clinic.people: the value is not one"},
		"bool":        {lines: replaced("clinic.visits", "\tt\t", "\t"+canary+"\t"), words: "column paid of clinic.visits: the value is not one"},
		"too long":    {lines: replaced(`Odd Name.a "quoted" table`, "\t2\t", "\t"+canary+"\t"), words: "SQLSTATE 22001"},
		"fields":      {lines: replaced("clinic.visits", "\tt\t", "\tt\t"+canary+"\t"), words: "has 14 fields"},
		"escape":      {lines: replaced(`Odd Name.a "quoted" table`, "\t2\t", "\t\\x41\t"), words: "is not written as COPY does"},
		"half a line": {lines: func(_ string, b []byte) []byte { return b[:len(b)-1] }, words: "ends within a line"},
		"nulls":       {change: func(m *evidence.Manifest) { m.Tables[1].Columns[3].Nulls++ }, words: "the manifest says"},
	} {
		if c.sql != "" {
			r.exec(r.source, c.sql)
		}
		r.altered = c.lines
		if c.change == nil {
			c.change = func(*evidence.Manifest) {}
		}
		m := r.publish(strings.ReplaceAll(name, " ", "-"), 2, func(m *evidence.Manifest) {
			// The table that is at fault is loaded, whatever else is.
			c.change(m)
			if name == "null" { // what an export would have refused
				for i := range m.Tables {
					for j := range m.Tables[i].Columns {
						if m.Tables[i].Columns[j].Name == "at" {
							m.Tables[i].Columns[j].Nulls = 0
						}
					}
				}
			}
		})
		r.refused(m.Export, c.words)
		if c.undo != "" {
			r.exec(r.source, c.undo)
		}
	}
	r.altered = nil
	m := r.publish(good, 2)
	object := filepath.Join(r.folder, m.Tables[2].Objects[2].Name)
	body, err := os.ReadFile(object)
	if err != nil {
		t.Fatal(err)
	}
	body[len(body)-1] ^= 1 // of the checksum within, or of the digest of the whole
	if err := os.WriteFile(object, body, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := dataset.Import(t.Context(), r.config(good)); err == nil || !strings.Contains(err.Error(), m.Tables[2].Objects[2].Name) {
		t.Errorf("an object was altered: %v", err)
	}
	body[len(body)-1] ^= 1
	if err := os.WriteFile(object, body, 0o600); err != nil {
		t.Fatal(err)
	}
	r.bring(good)
	for what, log := range map[string]string{"the server": pgtest.Log(t), "the import": r.log.String()} {
		for _, value := range []string{canary, number} {
			for line := range strings.Lines(log) {
				if strings.Contains(line, value) && !strings.Contains(line, "update clinic.") {
					t.Errorf("%s logs a value: %s", what, line)
				}
			}
		}
	}
}

func replaced(table, old, with string) func(string, []byte) []byte {
	return func(of string, lines []byte) []byte {
		if of != table {
			return lines
		}
		return bytes.Replace(lines, []byte(old), []byte(with), 1)
	}
}
