package advisor

import (
	"context"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/advise/workload"
)

// marker is in rows only: wherever else it shows, a row's value has left the database.
const marker = "Mxyzptlk"

const madeUp = `
	create type made_up_state as enum ('open', 'done');
	create table made_up (
		id bigint primary key, name text not null, state made_up_state, kind varchar(20) check (kind in ('it''s', 'b')), due date, paid bool, big json, plain text collate "C",
		constraint made_up_name_key unique (name)) with (fillfactor = 80);
	create table made_up_part (id bigint generated always as identity, made_up bigint not null references made_up on delete cascade, at date not null) partition by range (at);
	create table made_up_part_1 partition of made_up_part for values from ('2026-01-01') to ('2026-02-01');
	create table made_up_part_2 partition of made_up_part for values from ('2026-02-01') to ('2026-03-01');
	create index made_up_part_at on made_up_part (at desc nulls last);
	create index made_up_lower on made_up (lower(name) text_pattern_ops, due desc) include (paid) where state is not null;
	insert into made_up select n, 'Mxyzptlk ' || n, case when n % 10 = 0 then 'open' else 'done' end::made_up_state, 'b', date '2026-01-01' + n % 50, n % 4 = 0, case when n <= 20 then to_json((select string_agg(md5((n * i)::text), '') from generate_series(1, 400) i)) end, 'x' || n
		from generate_series(1, 2000) n;
	insert into made_up_part (made_up, at) select n, date '2026-01-01' + n % 50 from generate_series(1, 2000) n;
	analyze made_up; analyze made_up_part;`

func (r *rig) inspect() *inspected {
	r.Helper()
	var d *inspected
	err := pgx.BeginTxFunc(context.Background(), r.store.Pool(), pgx.TxOptions{AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) (err error) {
		d, err = inspect(context.Background(), tx, "2000-01-01")
		return err
	})
	if err != nil {
		r.Fatal(err)
	}
	return d
}

func (d *inspected) table(t *testing.T, name string) *workload.Table {
	t.Helper()
	oid, ok := d.ids["public."+name]
	if !ok {
		t.Fatalf("no table %s among %v", name, d.ids)
	}
	return d.byOID[oid]
}

func TestADatabaseIsReadAsItIs(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.exec(madeUp)
	r.sample()
	r.exec(`update made_up set paid = not paid where id <= 30`)
	r.exec(`delete from made_up where id > 1990`)
	r.sample()
	d := r.inspect()
	if d.Version < 150000 || d.Costs.RandomPage != 4 || d.Costs.CachePages < 1000 || d.Replicas != 0 {
		t.Errorf("settings: %+v", d.Costs)
	}
	made := d.table(t, "made_up")
	if made.Fillfactor != 80 || made.Rows < 1800 || made.Pages < 10 || !made.Analyzed || made.Updated != 30 || made.Deleted != 10 {
		t.Errorf("made_up: %+v", *made)
	}
	columns := map[string]workload.Column{}
	for _, c := range made.Columns {
		columns[c.Name] = c
	}
	if c := columns["state"]; !reflect.DeepEqual(c.Known, []string{"open", "done"}) || c.Distinct != 2 || len(c.Common) != 2 || c.Common[0] < .8 {
		t.Errorf("state: %+v", c)
	}
	if c := columns["kind"]; !reflect.DeepEqual(c.Known, []string{"it's", "b"}) || c.Base != "varchar" || c.Type != "character varying(20)" {
		t.Errorf("kind: %+v", c)
	}
	if c := columns["paid"]; c.TrueShare == nil || *c.TrueShare < .2 || *c.TrueShare > .3 {
		t.Errorf("paid: %+v", c)
	}
	if c := columns["name"]; !c.NotNull || !c.Collatable || !c.CCollation || c.Toasted || c.Distinct < 1800 || c.Correlation == 0 {
		t.Errorf("name: %+v", c) // the tests' clusters have the locale C
	}
	if !columns["big"].Toasted {
		t.Errorf("big: %+v", columns["big"])
	}
	part := d.table(t, "made_up_part")
	if part.Rows != 2000 || part.Pages == 0 || !part.Analyzed || len(part.Columns) != 3 || part.Columns[2].Distinct != 50 {
		t.Errorf("the partitioned table: %+v", *part)
	}
	if want := (workload.ForeignKey{Name: "made_up_part_made_up_fkey", Columns: []string{"made_up"}, Table: "public.made_up", References: []string{"id"}, Cascades: true, Touched: 10}); len(part.Keys) != 1 || !reflect.DeepEqual(part.Keys[0], want) {
		t.Errorf("foreign keys: %+v", part.Keys)
	}
	if leaf := d.table(t, "made_up_part_1"); len(leaf.Keys) != 0 || len(leaf.Indexes) != 1 || leaf.Indexes[0].Parent != "made_up_part_at" {
		t.Errorf("a partition: %+v", *leaf)
	}
}

func TestIndexesAreReadAsTheyAre(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.exec(madeUp)
	began := time.Now().Add(-time.Minute)
	r.sample()
	r.exec(`set enable_seqscan = off`)
	for range 3 {
		r.exec(`select id from made_up where id = 7`)
	}
	r.exec(`select at from made_up_part where at = '2026-01-05'`)
	r.exec(`update pg_index set indisvalid = false where indexrelid = 'made_up_part_1_at_idx'::regclass`)
	r.sample()
	d := r.inspect()
	found := map[string]workload.Index{}
	for _, table := range d.Tables {
		for _, i := range table.Indexes {
			if i.Bytes <= 0 || i.Since.Before(began) || i.Building {
				t.Errorf("%s: %+v", i.Name, i)
			}
			found[i.Name] = i
		}
	}
	if i := found["made_up_pkey"]; !i.Primary || !i.Unique || i.Constraint != "made_up_pkey" || !i.ReferredTo || !i.Valid || i.Scans < 3 || i.SinceScans != i.Scans {
		t.Errorf("primary key: %+v", i)
	}
	if i := found["made_up_name_key"]; i.Primary || !i.Unique || i.Constraint != "made_up_name_key" || i.ReferredTo || len(i.Keys) != 1 || i.Keys[0].Column != "name" {
		t.Errorf("unique constraint: %+v", i)
	}
	lower := found["made_up_lower"]
	want := []workload.Key{{Expression: "lower(name)", Class: "text_pattern_ops"}, {Column: "due", Descending: true, NullsFirst: true}}
	if !reflect.DeepEqual(lower.Keys, want) || !reflect.DeepEqual(lower.Include, []string{"paid"}) || lower.Where != "(state IS NOT NULL)" || lower.Method != "btree" || lower.Constraint != "" {
		t.Errorf("expression: %+v", lower)
	}
	whole := found["made_up_part_at"]
	if !reflect.DeepEqual(whole.Keys, []workload.Key{{Column: "at", Descending: true}}) || whole.Scans != 1 || whole.Bytes != found["made_up_part_1_at_idx"].Bytes+found["made_up_part_2_at_idx"].Bytes {
		t.Errorf("of a partitioned table: %+v", whole)
	}
	if i := found["made_up_part_1_at_idx"]; i.Valid {
		t.Errorf("an invalid one: %+v", i)
	}
}

func TestNoValueOfARowIsRead(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.exec(madeUp)
	r.sample()
	text, err := json.Marshal(r.inspect().Database)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), marker) {
		t.Error("a row's value is among what was read")
	}
}

func TestWhatAConstraintListsIsRead(t *testing.T) {
	t.Parallel()
	for check, want := range map[string][]string{
		`(kind = ANY (ARRAY['a'::text, 'b, c'::text]))`:                                                    {"a", "b, c"},
		`((kind)::text = ANY ((ARRAY['it''s'::character varying, 'b'::character varying])::text[]))`:       {"it's", "b"},
		`((kind)::text = ANY (ARRAY[('a'::character varying)::text, ('b'::character varying(20))::text]))`: {"a", "b"},
		`(NOT (kind = ANY (ARRAY['a'::text])))`:                                                            nil,
		`((kind = ANY (ARRAY['a'::text])) OR (kind = ANY (ARRAY['b'::text])))`:                             nil,
		`(length(kind) > 3)`: nil,
		`(kind = ANY (ARRAY['a'::text, lower('B'::text)]))`: nil,
	} {
		if got := listed(check); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %q, not %q", check, got, want)
		}
	}
}
