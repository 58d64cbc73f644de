package audit_test

import (
	"strings"
	"testing"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/sync/audit"
)

// partitions are the trail's, with their entries.
func (r *rig) partitions() string {
	r.Helper()
	return r.one(`select string_agg(concat_ws(' ', tableoid::regclass::text, n), ', ' order by tableoid::regclass::text) from (select tableoid, count(*) as n from august.audit group by 1) x`)
}

// Months are made ahead. What was written when there was no partition for it stops nothing.
func TestAhead(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	now := time.Now().UTC()
	month := func(n int) time.Time {
		return time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC).AddDate(0, n, 0)
	}
	name := func(n int) string { return month(n).Format("audit_2006_01") }
	ahead := func(n int) {
		t.Helper()
		if err := audit.Ahead(t.Context(), r.pool, month(n)); err != nil {
			t.Fatal(err)
		}
	}
	put := func(at time.Time) {
		r.tamper(`insert into august.audit (at, cluster, source, source_id, relation, operation, keys) values ($1, august.audit_cluster(), 'sql', '', 'x', 'insert', '{}')`, at)
	}
	last := month(4).Add(-time.Microsecond) // of what the migration has made
	put(last)
	put(month(4)) // the first moment beyond
	put(month(6).Add(-time.Microsecond))
	if got := r.partitions(); got != name(3)+" 1, audit_default 2" {
		t.Fatalf("entries are in %s", got)
	}
	ahead(0)
	ahead(3) // again and further: months 3 to 6
	ranged := month(4).Format("audit_2006_01_to_") + month(5).Format("2006_01")
	if got := r.partitions(); !strings.Contains(got, ranged+" 2") || strings.Contains(got, "default") {
		t.Fatalf("entries are in %s", got)
	}
	put(month(6))
	if got := r.partitions(); !strings.Contains(got, name(6)+" 1") {
		t.Errorf("entries are in %s", got)
	}
	// Rows at both ends of what there is cannot be one partition: they stay, and the months beside them are made.
	put(month(-2))
	put(month(8))
	ahead(5)
	put(month(7))
	if got := r.partitions(); !strings.Contains(got, "audit_default 2") || !strings.Contains(got, name(7)+" 1") {
		t.Errorf("entries are in %s", got)
	}
	r.exec(`delete from drchrono.offices`) // nothing: the trail is written as ever
	r.write(1)
	r.seal()
	r.good(audit.Verification{})
	for _, sql := range []string{`truncate ` + ranged, `delete from ` + ranged, `truncate august.audit_default`, `truncate ` + name(7)} {
		if _, err := r.pool.Exec(t.Context(), sql); err == nil || !strings.Contains(err.Error(), "append-only") {
			t.Errorf("%s: %v", sql, err)
		}
	}
}

// aged makes what was written older by years, and its months' partitions.
func (r *rig) aged(years int) {
	r.Helper()
	r.tamper(`alter table august.audit detach partition august.audit_default`)
	r.tamper(`drop table august.audit_default`)
	r.tamper(`select august.audit_partition('audit_default', 'default')`)
	for n := range 3 {
		r.tamper(`select august.audit_ahead(now() - $1 * interval '1 year' + $2 * interval '1 month', 0)`, years, n)
	}
}

func TestRetire(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b, address := newBucket(t)
	r.aged(7)
	// Two old months whose transactions are not in the order of their moments, so that blocks lie across the border.
	old := func(month int, n int) {
		r.Helper()
		for range n {
			r.tamper(`insert into august.audit (at, cluster, source, source_id, relation, operation, keys) values (now() - interval '7 years' + $1 * interval '1 month', august.audit_cluster(), 'sql', '', 'x', 'insert', '{a}')`, month)
		}
	}
	retire := func(days int, bucket string, want bool) {
		t.Helper()
		if removed, err := audit.Retire(t.Context(), r.pool, days, bucket); err != nil || removed != want {
			t.Fatalf("removed %t, %v", removed, err)
		}
	}
	old(0, 3)
	r.seal()
	old(0, 1)
	old(1, 2)
	old(0, 1)
	r.seal()
	old(1, 2)
	r.seal()
	r.write(1)
	old(1, 1)
	r.seal()
	r.good(audit.Verification{})
	retire(0, "", false)         // for ever
	retire(365*8, "", false)     // not old enough
	retire(2200, address, false) // no head yet
	r.head(b, address)
	old(0, 1)
	retire(2200, address, false) // not all is sealed
	r.seal()
	r.head(b, address)
	before := r.good(audit.Verification{Heads: b})
	retire(2200, address, true)
	r.seal()
	after := r.good(audit.Verification{Heads: b})
	if after.Retired != 6 || after.Entries+after.Retired != before.Entries+1 || len(after.Retirements) != 1 {
		t.Fatalf("before %+v, after %+v", before, after)
	}
	// What is left of a block that lost some is still proved.
	r.good(audit.Verification{From: 2, Heads: b})
	for what, sql := range map[string]string{
		"left": `update august.audit set actor = 'x' where id = (select a.id from august.audit a, august.audit_block b where b.number = 2 and a.txid >= b.from_xid and a.txid < b.to_xid limit 1)`,
		"kept": `update august.audit set after = set_byte(after, 3, 255 - get_byte(after, 3)) where operation = 'retire'`,
	} {
		keep := r.one(`select string_agg(id || ':' || actor || ':' || coalesce(encode(after, 'hex'), ''), ',') from august.audit`)
		r.tamper(sql)
		if report := r.verify(audit.Verification{}); report.Good() {
			t.Errorf("what was changed of what is %s was not found", what)
		}
		switch what {
		case "left":
			r.tamper(`update august.audit set actor = 'august'`)
		default:
			r.tamper(sql)
		}
		if again := r.one(`select string_agg(id || ':' || actor || ':' || coalesce(encode(after, 'hex'), ''), ',') from august.audit`); len(again) != len(keep) {
			t.Fatal("not as it was")
		}
	}
	r.good(audit.Verification{})
	retire(2200, "", true) // the second month
	r.seal()
	if report := r.good(audit.Verification{}); report.Retired != 11 || len(report.Retirements) != 2 {
		t.Errorf("%+v", report)
	}
	retire(2200, "", true) // an empty one
	retire(2200, "", false)
	if report := r.verify(audit.Verification{Retention: 4000}); report.Good() || report.Findings[0].Kind != audit.BadRetirement {
		t.Errorf("found %v", report.Findings)
	}
}

// The same loss without a record of it is tampering, and so is a record of one that was not due.
func TestLossOfAPartition(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.aged(7)
	r.tamper(`insert into august.audit (at, cluster, source, source_id, relation, operation, keys) values (now() - interval '7 years', august.audit_cluster(), 'sql', '', 'x', 'insert', '{a}')`)
	r.seal()
	r.blocks(2)
	r.exec(`drop table ` + r.one(`select tableoid::regclass::text from august.audit order by id limit 1`))
	r.finds(audit.Verification{}, 1, audit.EntryMissing)
	forge := func(upper string, days int) {
		t.Helper()
		r.exec(`insert into august.audit (cluster, source, source_id, relation, operation, keys, after) values (august.audit_cluster(), 'keeper', 'retention', 'august.audit', 'retire',
			array[json_build_object('partition', 'x', 'lower', now() - interval '7 years', 'upper', now() - $1::interval, 'days', $2::integer, 'cluster', august.audit_cluster()::text,
				'first', 1, 'last', 1, 'entries', 1, 'edges', '[]'::json)::text], '')`, upper, days)
	}
	forge("2500 days", 2200) // nothing tells it from the truth but who wrote it
	if report := r.good(audit.Verification{}); report.Retirements[0].Actor != r.db.User {
		t.Errorf("%+v", report.Retirements)
	}
	forge("2 days", 2200)
	r.finds(audit.Verification{}, 0, audit.BadRetirement)
}

func TestRetirementsForTooShortATime(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.exec(`insert into august.audit (cluster, source, source_id, relation, operation, keys, after) values (august.audit_cluster(), 'keeper', 'retention', 'august.audit', 'retire',
		array['{"partition": "x", "lower": "2020-01-01T00:00:00Z", "upper": "2020-02-01T00:00:00Z", "days": 2, "cluster": "1", "first": 1, "last": 1, "entries": 1, "edges": []}'], '')`)
	r.finds(audit.Verification{}, 0, audit.BadRetirement)
}
