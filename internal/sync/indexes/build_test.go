package indexes_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
)

func TestCreate(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.works()
	spec := on("status", "at")
	spec.Columns[1].Order, spec.Include, spec.Where, spec.Fillfactor = "desc", []string{"patient"}, "status is not null", 75
	check, err := r.service.Check(t.Context(), "clinic", "visit_status_idx", spec)
	if err != nil {
		t.Fatal(err)
	}
	r.create("visit_status_idx", spec)
	got := r.valid("visit_status_idx")
	want := spec
	want.Where = "status IS NOT NULL" // as PostgreSQL writes it
	if got.Definition != check.Definition || got.Bytes == 0 || got.Problem != "" || !reflect.DeepEqual(got.Spec, want) {
		t.Errorf("made %+v, want %s, %+v", got, check.Definition, want)
	}
	// As after an apply that was cut short.
	r.create("visit_status_idx", spec)

	conflicts := func(what, says string, err error) {
		t.Helper()
		if e, ok := err.(*runtimeapi.Error); !ok || e.Code != runtimeapi.CodeConflict || !strings.Contains(e.Message, says) {
			t.Errorf("%s: %v, want a conflict: %s", what, err, says)
		}
	}
	_, err = r.service.Create(t.Context(), "clinic", "visit_status_idx", on("status"))
	conflicts("declared otherwise", "another index", err)
	_, err = r.service.Put(t.Context(), "clinic", "visit_status_idx", on("status"))
	conflicts("changed", "another index", err)
	_, err = r.service.Create(t.Context(), "clinic", "visit_pkey", on("status"))
	conflicts("another's", "another index", err)
	_, err = r.service.Create(t.Context(), "clinic", "part", on("status"))
	conflicts("a table's name", "table", err)

	// One that is equal and was made by hand is taken by an import only: what an import does is to read and to put.
	r.exec(r.conn, `create index by_hand on clinic.visit (at)`)
	_, err = r.service.Create(t.Context(), "clinic", "by_hand", on("at"))
	conflicts("made by hand", "Import", err)
	_, err = r.service.Delete(t.Context(), "clinic", "by_hand", "")
	conflicts("dropped by name alone", "If-Match", err)
	byHand := r.valid("by_hand")
	_, err = r.service.Delete(t.Context(), "clinic", "by_hand", runtimeapi.IndexTag(got.Definition))
	conflicts("dropped as another", "another index", err)
	if _, err := r.service.Put(t.Context(), "clinic", "by_hand", on("at")); err != nil {
		t.Error(err)
	}
	r.create("by_hand", on("at"))

	for _, name := range []string{"by_hand", "visit_status_idx"} {
		definition := map[string]string{"by_hand": byHand.Definition, "visit_status_idx": got.Definition}[name]
		if dropped, err := r.service.Delete(t.Context(), "clinic", name, runtimeapi.IndexTag(definition)); err != nil || dropped.State != runtimeapi.IndexDropping {
			t.Errorf("%s: %+v, %v", name, dropped, err)
		}
		r.gone(name)
		if _, err := r.service.Delete(t.Context(), "clinic", name, ""); !runtimeapi.IsNotFound(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	r.until("nothing", "empty", func(runtimeapi.Index, error) bool {
		var left int
		err := r.conn.QueryRow(t.Context(), `select count(*) from august.index`).Scan(&left)
		return err == nil && left == 0
	})
}

// What something else needs is not dropped, whatever the caller believes.
func TestDelete_guarded(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.exec(r.conn, `create table clinic.note (id int not null, visit int references clinic.visit (weight)); create unique index note_identity on clinic.note (id); alter table clinic.note replica identity using index note_identity`)
	r.exec(r.conn, `create index part_at on clinic.part (at)`)
	for name, says := range map[string]string{
		"visit_pkey": "primary key", "visit_weight": "constraint visit_weight", "note_identity": "replica identity", "part_at": "partitioned", "part_2026_at_idx": "partition",
	} {
		is, err := r.service.Get(t.Context(), "clinic", name)
		if err != nil {
			t.Fatal(name, err)
		}
		if _, err := r.service.Delete(t.Context(), "clinic", name, runtimeapi.IndexTag(is.Definition)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", name, err, says)
		}
	}
	if _, err := r.service.Get(t.Context(), "clinic", "nothing"); !runtimeapi.IsNotFound(err) {
		t.Error(err)
	}
}

// The runtime's own indexes and PostgreSQL's are nobody's to drop, also for whoever knows how they are defined; and a name that no index
// has is no failure of the runtime's.
func TestDelete_ofTheRuntime(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.works()
	for _, name := range []string{"august.run_full", "pg_catalog.pg_class_relname_nsp_index", "clinic.a\x00", "cli\x00nic.a"} {
		schema, index, _ := strings.Cut(name, ".")
		var definition string
		_ = r.conn.QueryRow(t.Context(), `select indexdef from pg_indexes where schemaname = $1 and indexname = $2`, schema, index).Scan(&definition)
		_, err := r.service.Delete(t.Context(), schema, index, runtimeapi.IndexTag(definition))
		if e, ok := err.(*runtimeapi.Error); !ok || e.Code != runtimeapi.CodeInvalid {
			t.Errorf("%q: %v", name, err)
		}
		_, err = r.service.Get(t.Context(), schema, index)
		if e, ok := err.(*runtimeapi.Error); !ok || e.Code != runtimeapi.CodeInvalid {
			t.Errorf("%q: looked at: %v", name, err)
		}
	}
	var orders int
	if err := r.conn.QueryRow(t.Context(), `select count(*) from august.index`).Scan(&orders); err != nil || orders != 0 {
		t.Errorf("%d orders, %v", orders, err)
	}
}

// An order that has to be tried again lets the others go first.
func TestCreate_behindOneThatWaits(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.create("visit_at_idx", on("at"))
	part := on("at")
	part.Table = "part_2026"
	r.create("part_at_idx", part)
	other := r.connect()
	r.exec(other, `begin`)
	r.exec(other, `lock table clinic.visit in access exclusive mode`)
	r.works()
	r.valid("part_at_idx")
	if got, err := r.service.Get(t.Context(), "clinic", "visit_at_idx"); err != nil || got.State == runtimeapi.IndexValid || !strings.Contains(got.Problem, "lock") {
		t.Errorf("the first one: %+v, %v", got, err)
	}
	r.mu.Lock()
	if log := r.logged.String(); strings.Contains(log, "cannot be reached") {
		t.Errorf("a lock is told as something else: %s", log)
	}
	r.mu.Unlock()
	r.exec(other, `rollback`)
	r.valid("visit_at_idx")
}

// What fails for a row tells nothing of the row, and leaves nothing behind. Another word of the caller tries again.
func TestCreate_fails(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.works()
	unique := on("patient")
	unique.Unique = true
	for name, test := range map[string]struct {
		spec runtimeapi.IndexSpec
		says string
	}{
		"visit_unique": {unique, "same key"},
		"visit_cast":   {computed("(raw->>'n')::int"), "SQLSTATE 22"},
	} {
		r.create(name, test.spec)
		got := r.until(name, "failed", func(i runtimeapi.Index, err error) bool { return err == nil && i.State == runtimeapi.IndexFailed })
		if !strings.Contains(got.Problem, test.says) {
			t.Errorf("%s: %q, want %q", name, got.Problem, test.says)
		}
		if answer, err := json.Marshal(got); err != nil || strings.Contains(string(answer)+r.logged.String(), planted) {
			t.Errorf("%s tells of a row: %s, %v\n%s", name, answer, err, r.logged.String())
		}
		var left bool
		if err := r.conn.QueryRow(t.Context(), `select exists (select from pg_class where relname = $1)`, name).Scan(&left); err != nil || left {
			t.Errorf("%s is left behind: %t, %v", name, left, err)
		}
	}
	r.exec(r.conn, `delete from clinic.visit where id > 9000`)
	r.create("visit_unique", unique)
	r.valid("visit_unique")
	if _, err := r.service.Delete(t.Context(), "clinic", "visit_cast", ""); !runtimeapi.IsNotFound(err) {
		t.Errorf("one that failed is not gone: %v", err)
	}
}

// An index that waits for somebody else says for whom, and one that is not wanted any more is broken off.
func TestCreate_waits(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.works()
	other := r.connect()
	r.exec(other, `set application_name = 'somebody else'`)
	r.exec(other, `begin`)
	r.exec(other, `insert into clinic.visit (id, patient) values (9100, 'Made-up')`)
	r.create("visit_at_idx", on("at"))
	got := r.until("visit_at_idx", "waiting", func(i runtimeapi.Index, err error) bool {
		return err == nil && i.Progress != nil && i.Progress.WaitFor != nil
	})
	if p := got.Progress; got.State != runtimeapi.IndexBuilding || p.WaitFor.Application != "somebody else" || p.WaitFor.State != "idle in transaction" || !strings.HasPrefix(p.Phase, "waiting") || p.Since == nil {
		t.Errorf("%+v, %+v, %+v", got, p, p.WaitFor)
	}
	r.create("visit_code_idx", on("code"))
	if queued, err := r.service.Get(t.Context(), "clinic", "visit_code_idx"); err != nil || queued.State != runtimeapi.IndexQueued {
		t.Errorf("%+v, %v", queued, err)
	}
	if _, err := r.service.Create(t.Context(), "clinic", "visit_code_idx", on("at")); err == nil || !strings.Contains(err.Error(), "already") {
		t.Errorf("declared otherwise while it is queued: %v", err)
	}
	dropped, err := r.service.Delete(t.Context(), "clinic", "visit_at_idx", "")
	if err != nil || dropped.State != runtimeapi.IndexDropping {
		t.Errorf("%+v, %v", dropped, err)
	}
	if _, err := r.service.Create(t.Context(), "clinic", "visit_at_idx", on("at")); err == nil || !strings.Contains(err.Error(), "being dropped") {
		t.Errorf("declared while it is dropped: %v", err)
	}
	r.exec(other, `rollback`)
	r.gone("visit_at_idx")
	r.valid("visit_code_idx")
}

func TestGet_expressions(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.exec(r.conn, `create index by_hand on clinic.visit (lower(patient), (raw->>'a)('), ((weight + 1) * (id + 2)) desc, (patient || ')') collate "C" text_pattern_ops) where (weight > 1) or (weight < 2)`)
	got, err := r.service.Get(t.Context(), "clinic", "by_hand")
	want := runtimeapi.IndexSpec{Table: "visit", Method: "btree", Where: "(weight > 1) OR (weight < 2)", Columns: []runtimeapi.IndexColumn{
		{Expression: "lower(patient)"}, {Expression: "raw ->> 'a)('::text"}, {Expression: "(weight + 1) * (id + 2)", Order: "desc"},
		{Expression: "patient || ')'::text", Collation: "C", OperatorClass: "text_pattern_ops"},
	}}
	if err != nil || !reflect.DeepEqual(got.Spec, want) {
		t.Errorf("%+v, %v, want %+v", got.Spec, err, want)
	}
	// What is read can be declared: it is the same index.
	check, err := r.service.Check(t.Context(), "clinic", "by_hand", got.Spec)
	if err != nil || len(check.Findings) > 0 || check.Definition != got.Definition || check.Live == nil || check.Live.Definition != got.Definition {
		t.Errorf("%+v, %v, want %s", check, err, got.Definition)
	}
}
