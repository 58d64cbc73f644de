package audit_test

import (
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/sync/audit"
)

// entries are those after an id, one a line.
func (r *rig) entries(after string) string {
	r.Helper()
	return r.one(`select coalesce(string_agg(concat_ws(' ', source, source_id, relation, operation, keys,
			(select string_agg(left(encode(substr(before, 1 + 32 * n, 32), 'hex'), 4), ',' order by n) from generate_series(0, octet_length(before) / 32 - 1) n), '>',
			(select string_agg(left(encode(substr(after, 1 + 32 * n, 32), 'hex'), 4), ',' order by n) from generate_series(0, octet_length(after) / 32 - 1) n),
			flags, deliveries), e'\n' order by id), '')
		from august.audit where id > $1::bigint`, after)
}

// Each statement that changes rows leaves one entry that says which and how, and one that does not, none.
func TestEntriesOfSyncedTables(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const a, b = `'\xaaaa` + "000000000000000000000000000000000000000000000000000000000000" + `'`, `'\xbbbb` + "000000000000000000000000000000000000000000000000000000000000" + `'`
	for _, c := range []struct{ name, sql, want string }{
		{"insert", `insert into drchrono.patients (id, raw, content_hash, observed_at) values (1, '{}', ` + a + `, now()), (2, '{}', ` + b + `, now())`, `insert {1,2} > aaaa,bbbb`},
		{"observed later", `update drchrono.patients set observed_at = now()`, ``},
		{"nothing", `update drchrono.patients set content_hash = ` + b + ` where id = 9`, ``},
		{"changed", `update drchrono.patients set content_hash = ` + b + `, observed_at = now()`, `update {1} aaaa > bbbb`},
		{"gone", `update drchrono.patients set deleted_at_source = now() where id = 2`, `update {2} bbbb > bbbb 2`},
		{"gone later", `update drchrono.patients set deleted_at_source = now() + interval '1 day' where id = 2`, `update {2} bbbb > bbbb 3`},
		{"back", `update drchrono.patients set deleted_at_source = null, content_hash = ` + a + ` where id = 2`, `update {2} bbbb > aaaa 1`},
		{"upsert", `insert into drchrono.patients (id, raw, content_hash, observed_at) values (1, '{}', ` + a + `, now()), (3, '{}', ` + b + `, now())
			on conflict (id) do update set content_hash = excluded.content_hash`, "update {1} bbbb > aaaa\ninsert {3} > bbbb"},
		{"renumbered", `update drchrono.patients set id = 4 where id = 3`, `update {3,4} bbbb,0000 > 0000,bbbb`},
		{"deleted", `delete from drchrono.patients where id = 4`, `delete {4} bbbb >`},
		{"emptied", `truncate drchrono.patients`, `truncate {} >`},
	} {
		last := r.one(`select coalesce(max(id), 0)::text from august.audit`)
		r.exec(c.sql)
		got := strings.ReplaceAll(r.entries(last), "sql august-sync drchrono.patients ", "")
		lines := strings.Split(got, "\n")
		if len(lines) == 2 && lines[0] > lines[1] { // in whichever order the triggers fired
			lines[0], lines[1] = lines[1], lines[0]
		}
		want := strings.Split(c.want, "\n")
		if len(want) == 2 && want[0] > want[1] {
			want[0], want[1] = want[1], want[0]
		}
		if strings.Join(lines, "\n") != strings.Join(want, "\n") {
			t.Errorf("%s left %q, want %q", c.name, lines, want)
		}
	}
}

// A hand that changes a column and leaves the hash of what was received alone shows all the same.
func TestEntriesOfAHandOnTheDatabase(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.write(1)
	r.exec(`update drchrono.doctors set last_name = 'A'`)
	r.exec(`update drchrono.doctors set last_name = 'B'`)
	r.exec(`update drchrono.doctors set last_name = 'A', raw = '{"a": 1}'`)
	r.exec(`update drchrono.doctors set last_name = 'A', raw = '{"a": 1}'`)
	if got := r.one(`select string_agg(concat_ws(' ', actor, source, source_id, keys, flags), '; ' order by id) from august.audit where operation = 'update'`); got != strings.TrimSuffix(strings.Repeat("august sql august-sync {2,3} 44; ", 3), "; ") {
		t.Errorf("left %s", got)
	}
	if got := r.one(`select (count(distinct h) = 4)::text from (select before as h from august.audit where operation = 'update' union all select after from august.audit where operation = 'update') x`); got != "true" {
		t.Error("what it was is not told from what it became")
	}
	// Whoever signs in as somebody else is named.
	r.exec(`do $$ begin if not exists (select from pg_roles where rolname = 'audit_hand') then create role audit_hand login; end if; end $$`)
	r.exec(`grant usage on schema drchrono to audit_hand; grant select, update on drchrono.doctors to audit_hand`)
	conn, err := pgx.Connect(t.Context(), r.db.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	if _, err := conn.Exec(t.Context(), `set session authorization audit_hand; set datestyle = 'German'; set timezone = 'Asia/Tokyo'; update drchrono.doctors set last_name = 'C' where id = 2`); err != nil {
		t.Fatal(err)
	}
	if got := r.one(`select concat_ws(' ', actor, source, keys) from august.audit order by id desc limit 1`); got != "audit_hand sql {2}" {
		t.Errorf("left %s", got)
	}
	if _, err := conn.Exec(t.Context(), `insert into august.audit (cluster, source, source_id, relation, operation, keys) values (1, 'run', '1', 'x', 'insert', '{}')`); err == nil {
		t.Error("it may write entries of its own")
	}
	r.exec(`reassign owned by audit_hand to august; drop owned by audit_hand`)
}

// Tables without a hash of what was received have their rows hashed.
func TestEntriesOfDerivedTables(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.exec(`insert into august.pipeline (name, spec) values ('billing', '{"dataset": "billing"}')`)
	r.exec(`update august.pipeline set next_run = now(), last_full = now(), updated_at = now()`)
	r.exec(`update august.pipeline set spec = '{}', generation = 2`)
	r.exec(`update august.pipeline set spec = '{"dataset": "billing"}', generation = 1`)
	r.exec(`delete from august.pipeline`)
	if got := r.one(`select string_agg(concat_ws(' ', operation, keys), '; ' order by id) from august.audit`); got != "insert {billing}; update {billing}; update {billing}; delete {billing}" {
		t.Errorf("left %s", got)
	}
	if got := r.one(`select (count(*) filter (where before is distinct from previous) = 0 and count(distinct after) = 2)::text from (
			select id, before, after, lag(after) over (order by id) as previous from august.audit) x`); got != "true" {
		t.Error("an entry does not go on from where the one before ended")
	}
	// However a session likes to read times and bytes.
	r.exec(`insert into labs.acknowledgement (source, observation, result, status, fingerprint, acknowledged_by) values ('lab_results', '5', 1, 'final', 'f', 'somebody')`)
	conn, err := pgx.Connect(t.Context(), r.db.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	if _, err := conn.Exec(t.Context(), `set datestyle = 'German'; set timezone = 'Asia/Tokyo'; set bytea_output = 'escape'; update labs.acknowledgement set withdrawn_at = now()`); err != nil {
		t.Fatal(err)
	}
	if got := r.one(`select (count(*) = 1)::text from august.audit i, august.audit u where i.relation = 'labs.acknowledgement' and u.relation = i.relation and i.operation = 'insert' and u.operation = 'update' and i.after = u.before`); got != "true" {
		t.Error("the hash of a row hangs on the session's settings")
	}
	r.exec(`insert into labs.review (source, observation, result, state, reason, status, abnormal_state, direction, severity, basis, test, name, fingerprint)
		values ('lab_results', '5:x/y', 1, 'open', '', '', '', '', '', '', '', '', '')`)
	r.exec(`update labs.review set state = 'acknowledged'`)
	if got := r.one(`select string_agg(concat_ws(' ', operation, keys), '; ' order by id) from august.audit where relation = 'labs.review'`); got != "insert {lab_results/5:x/y}; update {lab_results/5:x/y}" {
		t.Errorf("left %s", got)
	}
}

// A transaction says what it works for, and the next one on the connection does not.
func TestSource(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	if err := pgx.BeginFunc(t.Context(), r.pool, func(tx pgx.Tx) error {
		b := &pgx.Batch{}
		audit.Source{Kind: audit.KindWebhook, Deliveries: map[string]string{"1": `d"1`}}.Queue(b)
		b.Queue(`insert into drchrono.offices (id, raw, content_hash, observed_at) values (1, '{}', '', now()), (2, '{}', '', now())`)
		audit.Run(42).Queue(b)
		b.Queue(`delete from drchrono.offices`)
		return tx.SendBatch(t.Context(), b).Close()
	}); err != nil {
		t.Fatal(err)
	}
	r.write(12) // over whichever connection
	if got := r.one(`select string_agg(distinct concat_ws(' ', source, source_id, relation, deliveries), '; ') from august.audit`); got != `run 42 drchrono.offices; sql august-sync drchrono.doctors; webhook  drchrono.offices {"d\"1",NULL}` {
		t.Errorf("left %s", got)
	}
	ctx := audit.With(t.Context(), audit.Source{Kind: audit.KindControl, ID: "a@example.test"})
	if err := pgx.BeginFunc(ctx, r.pool, func(tx pgx.Tx) error {
		if err := audit.From(ctx).Set(ctx, tx); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `insert into august.pipeline (name, spec) values ('a', '{}')`)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if got := r.one(`select concat_ws(' ', source, source_id) from august.audit order by id desc limit 1`); got != "control a@example.test" {
		t.Errorf("left %s", got)
	}
	if audit.From(t.Context()).Kind != "" {
		t.Error("a context has a source that nobody gave it")
	}
}

// The owner of the tables, a superuser even, is refused as long as the triggers are there.
func TestAppendOnly(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.blocks(1)
	r.write(1)
	partition := r.one(`select tableoid::regclass::text from august.audit limit 1`)
	for _, sql := range []string{
		`update august.audit set actor = 'x'`, `delete from august.audit`, `truncate august.audit`,
		`update ` + partition + ` set actor = 'x'`, `delete from ` + partition, `truncate ` + partition,
		`update august.audit_block set hash = ''`, `delete from august.audit_block`, `truncate august.audit_block`,
		`insert into august.audit (cluster, source, source_id, relation, operation, keys, txid) values (1, 'run', '1', 'x', 'insert', '{}', '3'::xid8)`,
		`insert into august.audit (cluster, source, source_id, relation, operation, keys, at) values (1, 'run', '1', 'x', 'insert', '{}', now() - interval '1 second')`,
		`insert into august.audit (cluster, source, source_id, relation, operation, keys, actor) values (1, 'run', '1', 'x', 'insert', '{}', 'somebody')`,
	} {
		if _, err := r.pool.Exec(t.Context(), sql); err == nil || !strings.Contains(err.Error(), "append-only") {
			t.Errorf("%s: %v", sql, err)
		}
	}
	// No role but a superuser has the right, not even the owner.
	r.exec(`create role audit_owner_` + r.db.Name)
	defer r.exec(`drop owned by audit_owner_` + r.db.Name + ` cascade; drop role audit_owner_` + r.db.Name)
	if got := r.one(`select coalesce(string_agg(c.relname || ' ' || x.privilege_type, ', '), '') from pg_class c cross join aclexplode(c.relacl) x
		where c.relnamespace = 'august'::regnamespace and (c.relname in ('audit', 'audit_block') or c.relname like 'audit\_2%' or c.relname = 'audit_default')
		and x.privilege_type in ('UPDATE', 'DELETE', 'TRUNCATE')`); got != "" {
		t.Errorf("granted: %s", got)
	}
	if got := r.one(`select count(*)::text from pg_class where relnamespace = 'august'::regnamespace and (relname in ('audit', 'audit_block') or relname like 'audit\_2%') and relkind in ('r', 'p') and relacl is null`); got != "0" {
		t.Errorf("%s tables have the rights that an owner has by default", got)
	}
}

func TestHistory(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	if err := pgx.BeginFunc(t.Context(), r.pool, func(tx pgx.Tx) error {
		b := &pgx.Batch{}
		audit.Source{Kind: audit.KindWebhook, Deliveries: map[string]string{"2": "d2"}}.Queue(b)
		b.Queue(`insert into drchrono.offices (id, raw, content_hash, observed_at) select n, '{}', sha256(n::text::bytea), now() from generate_series(1, 3) n`)
		return tx.SendBatch(t.Context(), b).Close()
	}); err != nil {
		t.Fatal(err)
	}
	r.exec(`update drchrono.offices set deleted_at_source = now() where id >= 2`)
	r.exec(`update drchrono.offices set deleted_at_source = null`)
	r.exec(`update drchrono.offices set content_hash = sha256('x') where id < 3`)
	r.exec(`update drchrono.offices set name = 'x'`)
	r.exec(`update drchrono.offices set content_hash = '' where id = 3`)
	r.exec(`truncate drchrono.offices`)
	if got := r.one(`select string_agg(concat_ws(' ', operation, source, delivery, content_changed, by_hand, deleted_before, deleted_after, before is null, after is null), e'\n' order by at, id)
		from august.audit_history('drchrono.offices', '2')`); got != strings.Join([]string{
		"insert webhook d2 t f f f t f", "update sql f f f t f f", "update sql f f t f f f", "update sql t f f f f f", "update sql t t f f f f", "truncate sql f f f t t",
	}, "\n") {
		t.Errorf("the history is\n%s", got)
	}
	if got := r.one(`select count(*)::text from august.audit_history('drchrono.offices', '2', now())`); got != "0" {
		t.Errorf("%s entries from now on", got)
	}
}
