package export_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/policy"
)

// What the policy does not know ends the run before a row is read.
func TestRun_closed(t *testing.T) {
	for name, change := range map[string]string{
		"column": "alter table clinic.visits add ssn text default 'canary'",
		"table":  "create table clinic.more as select 'canary' as ssn",
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.exec(change)
			r.at(1, func() { t.Error("something was written") })
			_ = r.fails("nothing was read", map[string]string{"column": "clinic.visits.ssn", "table": "clinic.more"}[name])
		})
	}
}

// A role needs SELECT on the columns that leave, or that identify somebody, and on nothing else.
func TestRun_columnGrants(t *testing.T) {
	r := newRig(t)
	patients := r.Policy.Tables["clinic.patients"]
	patients.Columns["first_name"] = policy.Rule{Transformer: policy.Null}
	patients.Columns["last_name"] = policy.Rule{Transformer: policy.Null}
	patients.Columns["email"] = policy.Rule{Transformer: policy.Constant, Value: "nobody@example.com"}
	r.Policy.Subset = &policy.Subset{Table: "clinic.patients", Percent: 50, Where: "office > 1"}
	role := r.role()
	r.exec(`grant select (id, office, first_name, last_name, email, born, note, tags) on clinic.patients to ` + role + `; grant select on clinic.offices, clinic.people to ` + role + `;
		grant select (id, patient, at, note) on clinic.visits to ` + role + `; grant select (id, visit, price) on clinic.lines to ` + role + `; grant select (visit, at, what) on clinic.events to ` + role)
	r.Source = r.source(role, "reader")
	m := r.run()
	if got := r.lines(m, "clinic.patients"); len(got) < 100 || !strings.Contains(got[0], "\tnobody@example.com\t") {
		t.Errorf("%d rows", len(got))
	}

	r.exec(`revoke select (note) on clinic.visits from ` + role)
	r.Export = "20261126-090000"
	r.Bucket = hooked{r.bucket, func(name string) error { t.Errorf("%s was written", name); return nil }}
	_, err := exportRun(r)
	if err == nil || !strings.Contains(err.Error(), "clinic.visits: may not be read: PostgreSQL: permission denied") {
		t.Errorf("%v", err)
	}
}

// role makes one that may log in and see the schema; roles are the cluster's.
func (r *rig) role() string {
	role := "reader_" + r.db.Name
	r.exec(`create role ` + role + ` login password 'reader'; grant usage on schema clinic to ` + role)
	r.t.Cleanup(func() {
		if _, err := r.conn.Exec(ctx(), `drop owned by `+role+`; drop role `+role); err != nil {
			r.t.Error(err)
		}
	})
	return role
}

// Rows that a row-level policy hides are not left out without a word.
func TestRun_hiddenRows(t *testing.T) {
	r := newRig(t)
	role := r.role()
	r.exec(`grant select on all tables in schema clinic to ` + role + `; alter table clinic.visits enable row level security; create policy half on clinic.visits using (patient > 1000)`)
	r.Source = r.source(role, "reader")
	_ = r.fails("clinic.visits", "row-level security")
}

// Neither error, log nor server's log has a value, not even when PostgreSQL quotes one.
func TestRun_quotedValues(t *testing.T) {
	r := newRig(t)
	r.Policy.Subset = &policy.Subset{Table: "clinic.patients", Where: "email::int > 0"}
	_ = r.fails("clinic.", "SQLSTATE 22P02")
	r.clean("the server's log", pgLog(t))
}

func TestRun_subset(t *testing.T) {
	r := newRig(t)
	for i, s := range []policy.Subset{{Percent: 10}, {Percent: 30, Where: "office = 2 -- of three"}, {Where: "last_name is null or id > 1990"}} {
		s.Table = "clinic.patients"
		r.Policy.Subset = &s
		r.Export = "subset-" + strconv.Itoa(i)
		m := r.run()
		patients, visits := keys(r.lines(m, "clinic.patients"), 0), keys(r.lines(m, "clinic.visits"), 0)
		all := int64(2000)
		if s.Where != "" {
			where, _, _ := strings.Cut(s.Where, "--")
			all = int64(len(r.rows("select id from clinic.patients where " + where)))
		}
		if n := int64(len(patients)); s.Percent == 0 && n != all || s.Percent > 0 && (n < all*int64(s.Percent)/200 || n > all*int64(s.Percent)/50) {
			t.Errorf("%+v: %d of %d patients", s, n, all)
		}
		want := map[string]int{"clinic.visits": 0, "clinic.lines": 0, "clinic.events": 0}
		for _, row := range r.rows("select patient from clinic.visits") {
			if patients[row] {
				want["clinic.visits"]++
			}
		}
		for _, table := range []string{"clinic.lines", "clinic.events"} {
			for _, row := range r.rows("select visit from " + table) {
				if visits[row] {
					want[table]++
				}
			}
		}
		for table, n := range want {
			lines := r.lines(m, table)
			if len(lines) != n || n == 0 {
				t.Errorf("%+v: %d rows of %s, not %d", s, len(lines), table, n)
			}
		}
		for visit := range keys(r.lines(m, "clinic.lines"), 1) {
			if !visits[visit] {
				t.Errorf("%+v: visit %s is referred to and not there", s, visit)
			}
		}
		if got := r.lines(m, "clinic.offices"); len(got) != 3 {
			t.Errorf("%+v: %d offices", s, len(got))
		}
	}
}

// With the same persistent key the same rows are chosen; without one, others each time.
func TestRun_subsetAgain(t *testing.T) {
	r := newRig(t)
	r.Policy.Subset = &policy.Subset{Table: "clinic.patients", Percent: 20}
	var chosen [][]string
	for i, key := range []string{"", "", "an invented key of thirty-two bytes", "an invented key of thirty-two bytes", "another key, also of thirty-two bytes"} {
		r.Export, r.Key, r.Policy.Keys = fmt.Sprintf("again-%d", i), []byte(key), policy.Persistent
		if key == "" {
			r.Policy.Keys = policy.Ephemeral
		}
		chosen = append(chosen, r.lines(r.run(), "clinic.patients"))
	}
	for i := range chosen {
		for j := range i {
			if same := slices.Equal(chosen[i], chosen[j]); same != (i == 3 && j == 2) {
				t.Errorf("runs %d and %d chose alike: %v", j, i, same)
			}
		}
	}
}

func keys(lines []string, column int) map[string]bool {
	all := map[string]bool{}
	for _, l := range lines {
		all[strings.Split(l, "\t")[column]] = true
	}
	return all
}

func TestRun_orphans(t *testing.T) {
	r := newRig(t)
	r.exec("update clinic.lines set visit = 'canarygone' where id <= 3; update clinic.lines set visit = null where id = 4")
	_ = r.fails("clinic.lines: 3 rows refer by visit to clinic.visits.id that is not there")
	r.Policy.References[0].Orphans = true
	r.copied(r.run(), nil)

	r.Export = "20261126-090000"
	r.Policy.Subset = &policy.Subset{Table: "clinic.patients", Percent: 1}
	if got := keys(r.lines(r.run(), "clinic.lines"), 1); !got["canarygone"] || !got[`\N`] {
		t.Error("rows that refer to nothing are chosen")
	}
}

// A table of which others inherit has their rows; one of no rows, and one of no size, have none.
func TestRun_inheritance(t *testing.T) {
	r := newRig(t)
	r.exec("create table clinic.kept (n bigint); create table clinic.heirs () inherits (clinic.kept); create table clinic.void (n int); insert into clinic.kept select generate_series(1, 10); insert into clinic.heirs select generate_series(11, 20000)")
	r.Policy = r.keepAll()
	m := r.run()
	if got := r.lines(m, "clinic.kept"); len(got) != 20000 {
		t.Errorf("%d rows", len(got))
	}
	if got := r.lines(m, "clinic.void"); len(got) != 0 {
		t.Errorf("%d rows", len(got))
	}
}
