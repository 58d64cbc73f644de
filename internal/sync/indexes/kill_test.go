package indexes_test

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
)

// An instance that is killed, wherever it is, leaves the order to the next one. Somebody else's transaction holds each phase for as
// long as the test needs, so that none depends on how fast anything is.
func TestBuild_killed(t *testing.T) {
	t.Parallel()
	const name = "visit_at_idx"
	for phase, test := range map[string]struct {
		hold string // what somebody else does in a transaction
		at   string // where the making waits for it; empty: the dropping
		left bool   // an index that is not valid is left behind
	}{
		"before it has begun":  {`lock table clinic.visit in share update exclusive mode`, "waiting for a lock", false},
		"before the first row": {`insert into clinic.visit (id, patient) values (9100, 'Made-up')`, "waiting for writers before build", true},
		"with every row":       {`select 1 from clinic.part`, "waiting for old snapshots", true},
		"while it is dropped":  {`select count(*) from clinic.visit`, "", true},
	} {
		t.Run(phase, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			dropping := test.at == ""
			var first *instance
			if dropping {
				first = r.instance()
				r.create(name, on("at"))
				r.valid(name)
			}
			other := r.connect()
			tx, err := other.BeginTx(t.Context(), pgx.TxOptions{IsoLevel: pgx.RepeatableRead})
			if err != nil {
				t.Fatal(err)
			}
			r.exec(tx.Conn(), test.hold)
			if dropping {
				if _, err := r.service.Delete(t.Context(), "clinic", name, ""); err != nil {
					t.Fatal(err)
				}
			} else {
				r.create(name, on("at"))
				first = r.instance()
			}
			r.until(name, "held", func(i runtimeapi.Index, err error) bool {
				return err == nil && i.Progress != nil && i.Progress.WaitFor != nil && strings.HasPrefix(i.Progress.Phase, test.at)
			})
			first.kill()
			r.quiet() // the server notices that nobody listens any more
			var left bool
			if err := r.conn.QueryRow(t.Context(), `select exists (select from pg_index where indexrelid = to_regclass($1) and not indisvalid)`, "clinic."+name).Scan(&left); err != nil || left != test.left {
				t.Errorf("an index that is not valid is left: %t, %v", left, err)
			}
			if err := tx.Rollback(t.Context()); err != nil {
				t.Fatal(err)
			}
			r.instance()
			if dropping {
				r.gone(name)
				return
			}
			got := r.valid(name)
			if got.Problem != "" || got.Definition != "CREATE INDEX visit_at_idx ON clinic.visit USING btree (at)" {
				t.Errorf("%+v", got)
			}
			var indexes int
			if err := r.conn.QueryRow(t.Context(), `select count(*) from pg_index where indrelid = 'clinic.visit'::regclass`).Scan(&indexes); err != nil || indexes != 3 {
				t.Errorf("%d indexes, %v", indexes, err)
			}
		})
	}
}

// quiet waits until no builder has a session.
func (r *rig) quiet() {
	r.Helper()
	r.until("-", "quiet", func(runtimeapi.Index, error) bool {
		var sessions int
		err := r.conn.QueryRow(r.Context(), `select count(*) from pg_stat_activity where application_name = 'august-sync index' and datname = current_database()`).Scan(&sessions)
		return err == nil && sessions == 0
	})
}

// An index that is there and not valid, as one is that a killed session has left, is made anew by a put.
func TestPut_invalid(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.exec(r.conn, `create index by_hand on clinic.visit (at)`)
	r.exec(r.conn, `update pg_index set indisvalid = false where indexrelid = 'clinic.by_hand'::regclass`)
	if got, err := r.service.Get(t.Context(), "clinic", "by_hand"); err != nil || got.State != runtimeapi.IndexInvalid {
		t.Fatalf("%+v, %v", got, err)
	}
	r.works()
	if _, err := r.service.Create(t.Context(), "clinic", "by_hand", on("at")); err == nil {
		t.Error("taken for one of its own")
	}
	if _, err := r.service.Put(t.Context(), "clinic", "by_hand", on("at")); err != nil {
		t.Fatal(err)
	}
	r.valid("by_hand")
}
