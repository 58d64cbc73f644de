package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/sync/feed"
	"github.com/feel-august/terraform-provider-august/internal/sync/store"
)

// bench is a store with one run under way, to merge into.
type bench struct {
	testing.TB
	*store.Store
	holder store.Holder
	page   int
}

func newBench(t testing.TB) *bench {
	b := &bench{TB: t, Store: open(t), holder: store.Holder{Run: 1, Instance: "me"}}
	b.exec(`insert into august.pipeline (name, spec) values ('p', '{}')`)
	b.exec(`insert into august.run (pipeline, state, generation, lease_owner) values ('p', 'running', 1, 'me')`)
	for i, f := range []string{"line_items", "appointments", "line_item_deletions", "transactions", "doctors", "lab_results", "lab_tests"} {
		b.exec(`insert into august.feed_run (run_id, feed, ordinal) values (1, $1, $2)`, f, i)
	}
	return b
}

func (b *bench) exec(sql string, args ...any) {
	b.Helper()
	if _, err := b.Pool().Exec(b.Context(), sql, args...); err != nil {
		b.Fatal(err)
	}
}

// one reads one value as text.
func (b *bench) one(sql string, args ...any) string {
	b.Helper()
	var s string
	if err := b.Pool().QueryRow(b.Context(), "select coalesce(("+sql+")::text, 'null')", args...).Scan(&s); err != nil {
		b.Fatalf("%s: %v", sql, err)
	}
	return s
}

// merge merges objects that were asked for at a moment, as one page.
func (b *bench) merge(f *feed.Feed, at time.Time, objects ...string) store.Counts {
	b.Helper()
	b.page++
	p := store.Page{Sweep: 1 << 40, Number: b.page, At: at}
	d := feed.NewDecoder(f)
	for _, o := range objects {
		row, err := d.Decode([]byte(o))
		if bad, ok := err.(*feed.RowError); ok {
			p.Bad = append(p.Bad, store.BadRow{Key: bad.Key, Reason: bad.Reason, Raw: []byte(o)})
			continue
		}
		p.Rows = append(p.Rows, row)
	}
	c, err := b.MergePage(b.Context(), f, b.holder, p)
	if err != nil {
		b.Fatal(err)
	}
	return c
}

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

func lineItem(id int, billed, updated string) string {
	return fmt.Sprintf(`{"id":%d,"appointment":7000001,"billed":%q,"updated_at":%q}`, id, billed, updated)
}

func TestMergeTakesWhatIsNewer(t *testing.T) {
	b, f := newBench(t), &feed.LineItems
	billed := func() string { return b.one(`select billed from drchrono.line_items where id = 1`) }
	steps := []struct {
		what    string
		object  string
		minutes int
		changed int64
		billed  string
	}{
		{"a new row", lineItem(1, "10.00", "2026-03-04T10:00:00"), 0, 1, "10.00"},
		{"the same row", lineItem(1, "10.00", "2026-03-04T10:00:00"), 1, 0, "10.00"},
		{"a newer row", lineItem(1, "20.00", "2026-03-04T10:00:05"), 2, 1, "20.00"},
		{"an older row, from a page that was slow", lineItem(1, "10.00", "2026-03-04T10:00:00"), 3, 0, "20.00"},
		{"another version of the same second, asked for later", lineItem(1, "30.00", "2026-03-04T10:00:05"), 4, 1, "30.00"},
		{"another version of the same second, asked for earlier", lineItem(1, "20.00", "2026-03-04T10:00:05"), 3, 0, "30.00"},
		{"a fraction of a second newer", lineItem(1, "35.00", "2026-03-04T10:00:05.5"), 1, 1, "35.00"},
		{"a version without a time, asked for earlier", lineItem(1, "40.00", "junk"), 0, 0, "35.00"},
		{"the same, asked for later", lineItem(1, "40.00", "junk"), 5, 1, "40.00"},
		{"a version with a time, over one without, asked for earlier", lineItem(1, "50.00", "2026-03-04T12:00:06"), 4, 0, "40.00"},
		{"the same, asked for later", lineItem(1, "50.00", "2026-03-04T12:00:06"), 6, 1, "50.00"},
		{"a version from the far future", lineItem(1, "60.00", "2999-01-01T00:00:00"), 7, 1, "60.00"},
		{"what follows on it", lineItem(1, "70.00", "2026-03-05T13:00:01"), 25 * 60, 1, "70.00"},
	}
	for _, s := range steps {
		c := b.merge(f, noon.Add(time.Duration(s.minutes)*time.Minute), s.object)
		if c.Changed != s.changed || billed() != s.billed {
			t.Errorf("%s: changed %d, billed %s; want %d, %s", s.what, c.Changed, billed(), s.changed, s.billed)
		}
	}
}

// Content that comes back writes nothing, so a page from in between, whose time is illegible, wins when it
// is merged last. The next read puts that right.
func TestALatePageWithoutATimeLastsUntilTheNextRead(t *testing.T) {
	b, f := newBench(t), &feed.LineItems
	for _, s := range []struct {
		hours  int
		object string
		billed string
	}{
		{24, lineItem(1, "10.00", "2026-03-04T10:00:00"), "10.00"},
		{26, lineItem(1, "10.00", "2026-03-04T10:00:00"), "10.00"},
		{25, lineItem(1, "20.00", "junk"), "20.00"},
		{27, lineItem(1, "10.00", "2026-03-04T10:00:00"), "10.00"},
		{26, lineItem(1, "20.00", "junk"), "10.00"},
	} {
		b.merge(f, noon.Add(time.Duration(s.hours)*time.Hour), s.object)
		if got := b.one(`select billed from drchrono.line_items`); got != s.billed {
			t.Errorf("asked for after %d hours: billed %s, want %s", s.hours, got, s.billed)
		}
	}
}

func TestMergeWritesNothingForUnchangedRows(t *testing.T) {
	b, f := newBench(t), &feed.LineItems
	var rows []string
	for i := range 500 {
		rows = append(rows, lineItem(i+1, "1.00", "2026-03-04T10:00:00"))
	}
	b.merge(f, noon.Add(12*time.Hour), rows...)
	const tuples = `select string_agg(xmin::text || ctid::text, ',' order by id) from drchrono.line_items`
	before := b.one(tuples)
	if c := b.merge(f, noon.Add(13*time.Hour), rows...); c.Changed != 0 || c.Read != 500 {
		t.Errorf("counts %+v", c)
	}
	if b.one(tuples) != before {
		t.Error("unchanged rows were written again")
	}
}

func TestMergeOfOnePageWithTheSameRowTwice(t *testing.T) {
	b := newBench(t)
	b.merge(&feed.LineItems, noon, lineItem(1, "2.00", "2026-03-04T10:00:02"), lineItem(1, "1.00", "2026-03-04T10:00:01"))
	if got := b.one(`select billed from drchrono.line_items`); got != "2.00" {
		t.Errorf("billed %s", got)
	}
}

func TestDeletedRowsComeBackOnlyWhenSeenLater(t *testing.T) {
	b, f := newBench(t), &feed.LineItems
	row, deleted := lineItem(1, "1.00", "2026-03-04T10:00:00"), func() bool {
		return b.one(`select deleted_at_source is not null from drchrono.line_items`) == "true"
	}
	b.merge(f, noon, row)
	b.exec(`update drchrono.line_items set deleted_at_source = $1`, noon.Add(time.Minute))
	if b.merge(f, noon.Add(time.Second), row); !deleted() {
		t.Error("a page older than the deletion brought the row back")
	}
	if b.merge(f, noon.Add(time.Second), lineItem(1, "2.00", "2026-03-04T11:00:00")); !deleted() {
		t.Error("a newer version on a page older than the deletion brought the row back")
	}
	if b.merge(f, noon.Add(2*time.Minute), lineItem(1, "2.00", "2026-03-04T11:00:00")); deleted() {
		t.Error("a row that was seen after its deletion stays deleted")
	}
}

func TestDeletedFlagOfTheSource(t *testing.T) {
	b, f := newBench(t), &feed.Appointments
	visit := `{"id":"7_20260304","deleted_flag":%t,"updated_at":"2026-03-04T10:00:0%d"}`
	for i, want := range []bool{false, true, true, false} {
		b.merge(f, noon.Add(time.Duration(i)*time.Minute), fmt.Sprintf(visit, want, i))
		if got := b.one(`select deleted_at_source is not null from drchrono.appointments where id = '7_20260304'`); got != fmt.Sprint(want) {
			t.Errorf("step %d: deleted %s, want %t", i, got, want)
		}
	}
}

func TestBadRowsAreQuarantinedAlone(t *testing.T) {
	b, f := newBench(t), &feed.LineItems
	c := b.merge(f, noon, lineItem(1, "1.00", ""), lineItem(2, "about 5", ""), `{"id":"Testa Patientova","billed":"1.00"}`, `{"billed":"1.00"}`, lineItem(3, "99999999999", ""))
	if c.Read != 5 || c.Changed != 1 {
		t.Errorf("counts %+v", c)
	}
	if got := b.one(`select string_agg(reason, '; ' order by reason) from drchrono.quarantine`); got != "billed: not a decimal; billed: too large for the column; id: missing; id: not an id" {
		t.Errorf("reasons %q", got)
	}
	b.merge(f, noon, lineItem(2, "5.00", ""))
	if got := b.one(`select count(*) from drchrono.quarantine where key = '2'`); got != "0" {
		t.Error("a row that decodes now is still in quarantine")
	}
}

func TestMergeStopsWhenTheLeaseIsLost(t *testing.T) {
	b := newBench(t)
	b.exec(`update august.run set lease_owner = 'other'`)
	row, err := feed.NewDecoder(&feed.LineItems).Decode([]byte(lineItem(1, "1.00", "")))
	if err != nil {
		t.Fatal(err)
	}
	if _, err = b.MergePage(t.Context(), &feed.LineItems, b.holder, store.Page{Sweep: 1, Number: 1, At: noon, Rows: []feed.Row{row}}); err != store.ErrLeaseLost {
		t.Errorf("error %v", err)
	}
	if n := b.one(`select count(*) from drchrono.line_items`); n != "0" {
		t.Error("rows of a lost lease were stored")
	}
}

// What Go lets through must suit PostgreSQL: a value it refuses would fail the whole page.
func TestOddValuesReachPostgreSQL(t *testing.T) {
	b := newBench(t)
	odd := []string{
		`{"id":9223372036854775807,"billed":"-999999999.994999","quantity":1e-30,"price":0e39,"code":"a\tb\\n\n\u0000c\ud800"}`,
		`{"id":"-5","billed":1e8,"adjustment":".5","ins1_paid":"5.","pt_paid":" 7 ","units":true,"insurance_status":12.50}`,
		`{"id":7.0,"service_date":"2024-02-29T10:11","updated_at":"0001-01-01 00:00:00.0000001Z","posted_date":"2026-13-01","unknown":{"deep":[[[{}]]]}}`,
		"{\"id\":8,\"code\":\"\xff\xfe\",\"billing_status\":\"\"}", `{ "id" : 9 , "appointment" : null , "denied_flag" : "True" }`,
		`{"id":10,"updated_at":"9999-12-31T23:59:59.999999","service_date":"9999-12-31"}`,
	}
	if c := b.merge(&feed.LineItems, noon, odd...); c.Changed != int64(len(odd)) {
		t.Errorf("changed %d of %d: %s", c.Changed, len(odd), b.one(`select string_agg(reason, '; ') from drchrono.quarantine`))
	}
	for sql, want := range map[string]string{
		`select billed from drchrono.line_items where id = 9223372036854775807`:              "-999999999.99",
		`select code from drchrono.line_items where id = 9223372036854775807`:                "a\tb\\n\nc\uFFFD",
		`select updated_at from drchrono.line_items where id = 7`:                            "0001-01-01 00:00:00",
		`select service_date from drchrono.line_items where id = 7`:                          "2024-02-29",
		`select posted_date from drchrono.line_items where id = 7`:                           "null",
		`select billing_status = '' and units is null from drchrono.line_items where id = 8`: "true",
		`select denied_flag from drchrono.line_items where id = 9`:                           "true",
		`select pt_paid from drchrono.line_items where id = -5`:                              "7.00",
	} {
		if got := b.one(sql); got != want {
			t.Errorf("%s: %q, want %q", sql, got, want)
		}
	}
}
