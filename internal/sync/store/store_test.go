package store_test

import (
	"sync"
	"testing"

	"github.com/feel-august/terraform-provider-august/internal/sync/pgtest"
	"github.com/feel-august/terraform-provider-august/internal/sync/store"
	"github.com/feel-august/terraform-provider-august/internal/sync/store/storetest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// open gives a store on a fresh, migrated database.
func open(t testing.TB) *store.Store {
	t.Helper()
	return connect(t, storetest.New(t))
}

func connect(t testing.TB, db pgtest.Database) *store.Store {
	t.Helper()
	return storetest.Open(t, db, 8)
}

func TestMigrateRunsOnceHoweverManyInstancesStart(t *testing.T) {
	db := pgtest.New(t)
	var wg sync.WaitGroup
	for range 5 {
		s := connect(t, db)
		wg.Go(func() {
			if err := s.Migrate(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	s := connect(t, db)
	v, err := s.SchemaVersion(t.Context())
	if err != nil || v < 2 {
		t.Fatalf("schema version %d, %v", v, err)
	}
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatalf("second migration: %v", err)
	}
}

func TestMigrateLeavesANewerSchemaAlone(t *testing.T) {
	s := open(t)
	if _, err := s.Pool().Exec(t.Context(), "update august.schema_version set version = 999"); err != nil {
		t.Fatal(err)
	}
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatalf("a previous revision must start beside a newer schema: %v", err)
	}
}

// Reports that the revision before runs of kind reconcile kept are theirs now, and what it was doing goes on.
func TestReportsOfEarlierComparisonsStay(t *testing.T) {
	s := connect(t, pgtest.New(t))
	if err := store.MigrateTo(t.Context(), s, 11); err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{
		`insert into august.pipeline (name, spec) values ('billing', '{}')`,
		`insert into august.run (pipeline, state, generation, lease_owner) values ('billing', 'running', 1, 'me')`,
		`insert into august.reconcile (pipeline, started_at, finished_at, report) values ('billing', now(), now(), '{"repair": true, "drift": 7}')`,
	} {
		if _, err := s.Pool().Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	var got string
	if err := s.Pool().QueryRow(t.Context(), `select string_agg(concat_ws(' ', kind, state, repair, report->>'drift', lease_owner), ', ' order by id) from august.run`).Scan(&got); err != nil || got != "sync running f me, reconcile succeeded t 7" {
		t.Errorf("%q, %v", got, err)
	}
	// As the revision before asks for a run while one is open.
	if _, err := s.Pool().Exec(t.Context(), `
		insert into august.run (pipeline, "full", full_since, generation) values ('billing', false, now(), 1)
		on conflict (pipeline) where state in ('pending', 'running', 'parked') do nothing`); err != nil {
		t.Error(err)
	}
}

// Indexes of the clinic's tables may have been made and dropped by hand, as advice says: a revision must start all the same.
func TestIndexesThatWereMadeOrDroppedByHandKeepNoRevisionFromStarting(t *testing.T) {
	s := connect(t, pgtest.New(t))
	if err := store.MigrateTo(t.Context(), s, 19); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Pool().Exec(t.Context(), `drop index drchrono.line_items_updated_at; create index line_item_deletions_observed_at on drchrono.line_item_deletions (observed_at)`); err != nil {
		t.Fatal(err)
	}
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	var left int
	if err := s.Pool().QueryRow(t.Context(), `select count(*) from pg_indexes where schemaname = 'drchrono' and indexname ~ '^(appointments|line_items|transactions|patient_payments)_updated_at$'`).Scan(&left); err != nil || left != 0 {
		t.Errorf("%d of the indexes are left, %v", left, err)
	}
}

func TestOldServersAreRefused(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]bool{"9.6.24": false, "13.11 (Debian 13.11-0)": false, "14.0": true, "15.18": true, "17beta1": true, "18": true, "": true} {
		if err := store.NewEnough(version); (err == nil) != want {
			t.Errorf("%q: %v", version, err)
		}
	}
}

func TestEveryTableAndColumnOfPatientDataIsExplained(t *testing.T) {
	s := open(t)
	rows, err := s.Pool().Query(t.Context(), `
		select c.relname || coalesce('.' || a.attname, '')
		from pg_class c join pg_namespace n on n.oid = c.relnamespace
		left join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and n.nspname = 'drchrono'
		where n.nspname in ('drchrono', 'august') and c.relkind = 'r' and c.relname <> 'schema_version'
		and col_description(c.oid, a.attnum) is null and (a.attnum is not null or obj_description(c.oid) is null)`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		t.Errorf("%s has no comment", name)
	}
}
