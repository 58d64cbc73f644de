package store_test

import (
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"
)

// Tables of the synced schemas whose changes are not in the audit trail, and why that is right.
var unwatched = map[string]string{
	"drchrono.quarantine":   "what could not be decoded: no object, and each run writes it anew",
	"billing.claim_history": "is a record of changes itself, written with those of billing.claim, which are watched",
	"billing.daily":         "sums of billing.claim by day",
	"labs.order_progress":   "follows from drchrono.lab_orders, lab_tests and lab_results alone",
}

// A table of a later migration is not forgotten, and neither is a column.
func TestEveryTableIsInTheAuditTrail(t *testing.T) {
	s := open(t)
	const watched = `
		select n.nspname || '.' || c.relname, array(select attname::text from pg_attribute where attrelid = c.oid and attnum > 0 and not attisdropped order by attnum),
			coalesce((select array_agg(tgname::text order by tgname) from pg_trigger where tgrelid = c.oid and tgname like 'audit\_%' and tgenabled = 'O'), '{}'),
			coalesce(string_to_array(obj_description(to_regprocedure(format('august.%I()', 'audit_' || n.nspname || '_' || c.relname))::oid, 'pg_proc'), ','), '{}')
		from pg_class c join pg_namespace n on n.oid = c.relnamespace
		where c.relkind in ('r', 'p') and (n.nspname in ('drchrono', 'billing', 'labs') or c.oid = 'august.pipeline'::regclass) order by 1`
	rows, _ := s.Pool().Query(t.Context(), watched)
	var table string
	var columns, triggers, known []string
	found := 0
	if _, err := pgx.ForEachRow(rows, []any{&table, &columns, &triggers, &known}, func() error {
		if _, ok := unwatched[table]; ok {
			if len(triggers) > 0 {
				t.Errorf("%s is watched: take it from the list of exceptions", table)
			}
			return nil
		}
		found++
		if want := []string{"audit_delete", "audit_insert", "audit_truncate", "audit_update"}; !slices.Equal(triggers, want) {
			t.Errorf("%s has the triggers %v: its migration has to select august.audit_watch('%s')", table, triggers, table)
		} else if !slices.Equal(columns, known) {
			t.Errorf("%s has the columns %v, of which the audit trail knows %v: the migration that adds one has to call august.audit_watch again", table, columns, known)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if found < 20 {
		t.Errorf("%d tables are watched only", found)
	}
}
