package advisor

import (
	"context"
	"testing"
	"time"
)

// flush has the session hand in what it has counted, which it otherwise does once a second.
func (r *rig) flush() {
	r.Helper()
	r.exec(`select pg_stat_force_next_flush()`)
}

func (r *rig) reads(n int) {
	r.Helper()
	for i := range n {
		r.exec(`select name from made_up where id = $1`, i)
	}
}

const calls = `select coalesce(sum(d.calls), 0)::float8 from august.workload_statement_day d join pg_stat_statements s using (queryid) where s.query like 'select name from made_up%'`

func TestFiguresAreOfWhatHappenedBetweenTwoLooks(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.exec(`create table made_up (id int primary key, name text)`)
	r.reads(3)
	r.sample()
	if got := r.number(calls); got != 0 {
		t.Errorf("the first look counts %v calls: what was before it is of unknown age", got)
	}
	r.reads(5)
	r.exec(`insert into made_up select n, 'made up' from generate_series(1, 40) n`)
	r.exec(`update made_up set name = 'made up again' where id <= 7`)
	r.exec(`delete from made_up where id > 30`)
	r.sample()
	r.reads(2)
	r.sample()
	if got := r.number(calls); got != 7 {
		t.Errorf("%v calls after 5 and 2", got)
	}
	for column, want := range map[string]float64{"inserted": 40, "updated": 7, "deleted": 10} {
		if got := r.number(`select sum(` + column + `) from august.workload_table_day where relid = 'made_up'::regclass`); got != want {
			t.Errorf("%s: %v, not %v", column, got, want)
		}
	}
	if got := r.number(`select sum(scans) from august.workload_index_day where relid = 'made_up_pkey'::regclass`); got < 7 {
		t.Errorf("the primary key was scanned %v times by 7 reads", got)
	}
	if got := r.number(`select sum(gaps) from august.workload_day`); got != 0 {
		t.Errorf("%v gaps, and nothing was set back", got)
	}
}

func TestALookTooSoonIsNone(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.sample()
	before := r.number(`select extract(epoch from at)::float8 from august.workload_look`)
	if err := Sample(context.Background(), r.store.Pool(), time.Hour); err != nil {
		t.Fatal(err)
	}
	if after := r.number(`select extract(epoch from at)::float8 from august.workload_look`); after != before {
		t.Error("another instance looked a moment after the first one")
	}
}

// What was counted before a reset stays counted, and what comes after counts from nought.
func TestCountersThatGoBackCountFromNought(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.exec(`create table made_up (id int primary key, name text)`)
	r.exec(`insert into made_up select n, 'made up' from generate_series(1, 20) n`)
	r.sample()
	r.exec(`insert into made_up select n, 'made up' from generate_series(21, 50) n`)
	r.reads(9)
	r.sample()
	since := r.number(`select extract(epoch from since)::float8 from august.workload_index where relid = 'made_up_pkey'::regclass`)
	r.flush()
	r.exec(`select pg_stat_reset()`)
	r.exec(`select pg_stat_statements_reset()`)
	r.exec(`insert into made_up select n, 'made up' from generate_series(51, 54) n`)
	r.reads(2)
	r.sample()
	if got := r.number(`select sum(inserted) from august.workload_table_day where relid = 'made_up'::regclass`); got != 34 {
		t.Errorf("%v rows inserted after 30 and, behind a reset, 4", got)
	}
	if got := r.number(calls); got != 11 {
		t.Errorf("%v calls after 9 and, behind a reset, 2", got)
	}
	if got := r.number(`select sum(gaps) from august.workload_day`); got != 1 {
		t.Errorf("%v gaps after one reset", got)
	}
	if got := r.number(`select extract(epoch from since)::float8 from august.workload_index where relid = 'made_up_pkey'::regclass`); got <= since {
		t.Error("the index counts as watched without a gap since before the reset")
	}
}

// After a failover another server counts. What its statements were before is not this workload; its tables' counters
// began when it became the primary.
func TestAnotherServersStatementsAreNotCounted(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.exec(`create table made_up (id int primary key, name text)`)
	r.sample()
	r.reads(4)
	r.exec(`insert into made_up select n, 'made up' from generate_series(1, 3) n`)
	r.exec(`update august.workload_look set timeline = '000000FF'`)
	r.sample()
	if got := r.number(calls); got != 0 {
		t.Errorf("%v calls of another server are counted", got)
	}
	if got := r.number(`select sum(inserted) from august.workload_table_day where relid = 'made_up'::regclass`); got != 3 {
		t.Errorf("%v rows inserted after 3", got)
	}
	if got := r.number(`select sum(gaps) from august.workload_day`); got != 1 {
		t.Errorf("%v gaps after one failover", got)
	}
	r.reads(6)
	r.sample()
	if got := r.number(calls); got != 6 {
		t.Errorf("%v calls after 6", got)
	}
}

func TestOldFiguresAndThoseOfWhatIsGoneAreForgotten(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.exec(`create table made_up (id int primary key, name text)`)
	r.sample()
	r.exec(`insert into made_up select n, 'made up' from generate_series(1, 3) n`)
	r.sample()
	r.exec(`update august.workload_day set day = day - 400`)
	r.exec(`update august.workload_table_day set day = day - 400`)
	r.exec(`drop table made_up`)
	r.sample()
	for _, table := range []string{"workload_table_day", "workload_table", "workload_index"} {
		if got := r.number(`select count(*) from august.` + table + ` where relid not in (select oid from pg_class) or relid = 0`); got != 0 {
			t.Errorf("%s keeps %v rows of what is gone", table, got)
		}
	}
	if got := r.number(`select count(*) from august.workload_day`); got != 1 {
		t.Errorf("%v days are kept, one of them older than a year", got)
	}
}
