package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// The trail through the process as it ships: every change names its source, blocks and heads come by themselves, and
// the commands tell what was touched from what was not.
func TestAudit(t *testing.T) {
	t.Parallel()
	b := bare(t, 30)
	dir := t.TempDir()
	b.env["AUGUST_AUDIT_BUCKET"] = "file://" + dir + "/trail"
	if _, code, logs := b.errand("audit", "verify").ended(); code != 1 || !strings.Contains(logs, "no audit trail") {
		t.Errorf("of a database without tables: exit code %d\n%s", code, logs)
	}
	p := b.synced()
	if err := b.client(p).DeletePipeline(t.Context(), "billing"); err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), b.db.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(background()) }()
	one := func(sql string) (text string) {
		t.Helper()
		if err := conn.QueryRow(t.Context(), sql).Scan(&text); err != nil {
			t.Fatal(err)
		}
		return text
	}
	if got := one(`select string_agg(distinct source || ' ' || source_id || ' ' || split_part(relation, '.', 1), ', ') from august.audit`); got !=
		"control "+caller+" august, run 1 billing, run 1 drchrono" {
		t.Errorf("sources are %s", got)
	}
	const rows = `(select string_agg(md5(k || h), '' order by k) from (select id::text as k, encode(content_hash, 'hex') as h from drchrono.line_items) x)`
	const told = `(select string_agg(md5(k || h), '' order by k) from (select keys[n] as k, encode(substr(after, 32 * n - 31, 32), 'hex') as h
		from august.audit, generate_subscripts(keys, 1) n where relation = 'drchrono.line_items') x)`
	if one(`select coalesce((`+rows+` = `+told+`)::text, 'null')`) != "true" {
		t.Error("the entries are not of the rows")
	}
	p.until("a head of all", func() bool {
		return one(`select coalesce((select (h.number = (select max(number) from august.audit_block) and not exists (
			select from august.audit a where a.txid >= (select max(to_xid::text::numeric)::text::xid8 from august.audit_block)))::text from august.audit_head h), 'none')`) == "true"
	})
	if _, metrics := p.get("/metrics"); !strings.Contains(metrics, "august_audit_blocks") || !strings.Contains(metrics, "august_audit_unsealed_seconds") || !strings.Contains(metrics, "august_audit_unexported_seconds") {
		t.Error("metrics are missing")
	}
	p.stop()
	verify := func(code int, says string, args ...string) {
		t.Helper()
		e := b.errand(append([]string{"audit", "verify"}, args...)...)
		if _, got, logs := e.ended(); got != code || !strings.Contains(e.out.String()+logs, says) {
			t.Errorf("verify %v: exit code %d\n%s%s", args, got, e.out.String(), logs)
		}
	}
	verify(0, "1 heads were compared")
	verify(0, "no heads were compared", "--heads", "")
	to := "file://" + dir + "/export"
	if _, code, logs := b.errand("audit", "export", "--to", to).ended(); code != 0 {
		t.Fatalf("exit code %d\n%s", code, logs)
	}
	verify(0, "blocks", "--export", to)
	if _, code, logs := b.errand("audit", "export", "--to", to, "--from", "yesterday").ended(); code != 1 || !strings.Contains(logs, "--from must be") {
		t.Errorf("exit code %d\n%s", code, logs)
	}
	tamper := func(sql string) { b.exec(`set session_replication_role = replica; ` + sql) }
	tamper(`update august.audit set keys[1] = 'x' where id = (select min(id) from august.audit)`)
	verify(3, "block 1: entry changed")
	tamper(`delete from august.audit_block`)
	verify(3, "chain shorter than its heads")
	verify(1, "no block 7", "--from", "8")
	verify(0, "blocks", "--export", to) // is what it was
	if err := os.Remove(filepath.Join(dir, "export", "manifest.json")); err != nil {
		t.Fatal(err)
	}
	verify(1, "manifest", "--export", to)
	verify(1, "gs://bucket/prefix", "--heads", "ftp://x")
	b.exec(`drop table august.audit_block cascade`)
	verify(1, "no audit trail", "--heads", "")
}
