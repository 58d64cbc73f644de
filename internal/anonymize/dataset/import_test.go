package dataset_test

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/feel-august/terraform-provider-august/internal/sync/pgtest"
)

// made is how the target is made, as pg_dump tells it.
func (r *rig) made() string {
	r.Helper()
	cmd := exec.Command(pgtest.Program(r, "pg_dump"), "--schema-only", "--schema=clinic", `--schema="Odd Name"`, "-h", r.db.Host, "-p", r.port(), "-U", "august", r.db.Name)
	cmd.Env = append(os.Environ(), "PGPASSWORD=august")
	out, err := cmd.Output()
	if err != nil {
		r.Fatal(err)
	}
	// Versions write a key of their own around it.
	return regexp.MustCompile(`(?m)^\\(un)?restrict .*$`).ReplaceAllString(string(out), "")
}

func (r *rig) port() string {
	_, port, _ := strings.Cut(strings.TrimPrefix(r.db.URL(), "postgres://"), "@")
	_, port, _ = strings.Cut(port, ":")
	port, _, _ = strings.Cut(port, "/")
	return port
}

// rights makes the target's tables somebody else's, and others' to read, as a superuser would have left them.
func (r *rig) rights() {
	r.Helper()
	team := "team_" + r.db.Name
	r.exec(r.root, `create role `+team+`; grant `+team+` to `+r.db.User+`; grant usage, create on schema clinic to `+team+`;
		grant select on clinic.people to `+team+` with grant option; grant select (id, fee) on clinic.visits to public; grant usage on sequence clinic.tokens_id_seq to `+team+`;
		grant select on sequence clinic.people_id_seq to `+team+`; grant select on clinic.totals to public; revoke update on clinic.visits from `+r.db.User+`;
		alter table "Odd Name"."a ""quoted"" table" owner to `+r.db.User+`; alter table clinic.people owner to `+team+`; alter default privileges for role `+r.db.User+` grant select on tables to `+team+`;
		alter sequence clinic.people_id_seq rename to numbers`)
	r.Cleanup(func() { r.exec(r.root, `drop owned by `+team+` cascade; drop role `+team) })
}

func TestImport(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.rights()
	before := r.made()
	r.populate(1, 40)
	r.publish("one", 7)
	got := r.bring("one")
	if got.Unchanged || got.Rows != 40+120+5 || got.Tables != 3 || strings.Join(got.Emptied, " ") == "" || strings.Join(got.Defaults, " ") != "clinic.visits.words" {
		t.Errorf("the result is %+v", got)
	}
	if after := r.made(); after != before {
		t.Errorf("the tables are made otherwise now:\n%s\nbefore:\n%s", after, before)
	}
	rows := `select count(*) || ' ' || md5(string_agg(x::text, ',' order by x::text)) from `
	for _, table := range []string{"clinic.people", "clinic.visits", `"Odd Name"."a ""quoted"" table"`, "clinic.open_visits", "clinic.two_up", "clinic.totals"} {
		if table == "clinic.totals" {
			r.exec(r.source, "refresh materialized view clinic.totals")
		}
		var want string
		if err := r.source.QueryRow(t.Context(), rows+table+" x").Scan(&want); err != nil {
			t.Fatal(err)
		}
		if got := r.one(rows + table + " x"); got != want {
			t.Errorf("%s is %s, and the source's %s", table, got, want)
		}
	}
	for what, sql := range map[string]string{
		"a constraint that is not valid":    `select count(*) from pg_constraint where not convalidated`,
		"a schema of the import":            `select count(*) from pg_namespace where nspname ~ '_(new|old)$'`,
		"a step":                            `select count(*) from august.dataset_step`,
		"a token":                           `select count(*) from clinic.tokens`,
		"a table without statistics":        `select count(*) from pg_class where oid in ('clinic.people'::regclass, 'clinic.visits'::regclass, 'clinic.totals'::regclass) and reltuples <= 0`,
		"a foreign key to something else":   `select count(*) from pg_constraint where contype = 'f' and conrelid::regclass::text like 'clinic.%' and confrelid::regclass::text not in ('clinic.people', 'clinic.visits', 'clinic.jobs')`,
		"an identity that goes on too soon": `select count(*) from pg_sequences where schemaname = 'clinic' and sequencename = 'numbers' and start_value <> 100`,
	} {
		if n := r.one(sql); n != "0" {
			t.Errorf("there is %s: %s", what, n)
		}
	}
	if got := r.one(`select string_agg(concat_ws(' ', export, policy_hash, method, tables, rows, runtime, snapshot at time zone 'UTC', actor), '; ') from august.dataset`); got != "one sha256:one safe_harbor 3 165 test 2026-11-26 08:00:00 "+r.db.User {
		t.Errorf("the history is %q", got)
	}
	// Ids go on where they end, and triggers fire.
	r.as(`insert into clinic.people (code, name, generation) values ('ZZ', 'new', 9)`)
	r.as(`insert into clinic.visits (person, at, generation, paid, note) values (100, now(), 9, true, 'x')`)
	if got := r.one(`select (select max(id) from clinic.people) || ' ' || (select max(id) from clinic.visits) || ' ' || (select note from clinic.visits where generation = 9)`); got != "140 121 x!" {
		t.Errorf("the next ids, and what the trigger wrote, are %q", got)
	}

	// The same again is nothing to do; another takes its place.
	if again := r.bring("one"); !again.Unchanged || r.one(`select count(*) from clinic.people`) != "41" {
		t.Errorf("the second time: %+v", again)
	}
	r.as(`insert into clinic.tokens (token) values ('of staging')`)
	r.populate(2, 3)
	r.publish("two", 1000)
	r.bring("two")
	if got := r.one(`select concat_ws(' ', (select count(*) from clinic.people where generation = 2), (select count(*) from clinic.people), (select min(generation) from clinic.totals), (select count(*) from clinic.tokens), (select count(*) from august.dataset))`); got != "3 3 2 0 2" {
		t.Errorf("after the second export: %s", got)
	}
	if after := r.made(); after != before {
		t.Errorf("after the second export the tables are made otherwise:\n%s", after)
	}
}
