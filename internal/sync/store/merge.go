package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/feel-august/terraform-provider-august/internal/sync/feed"
)

// ErrLeaseLost says that another instance has taken the run over: whoever gets it stops.
var ErrLeaseLost = errors.New("the run's lease was lost to another instance")

// Holder is the run that writes, and the instance that holds it.
type Holder struct {
	Run      int64
	Instance string
}

// Page is one page of a feed, decoded.
type Page struct {
	Sweep  int64
	Number int
	Again  bool      // the sweep has stored it before
	Next   string    // cursor of the page that follows
	Pages  int       // pages that the source announced
	Total  int64     // rows that the source announced
	Part   string    // value of the feed's split that it belongs to
	At     time.Time // when it was asked for, by this database's clock
	Rows   []feed.Row
	Bad    []BadRow
}

// BadRow is a row that could not be decoded.
type BadRow struct {
	Key    string // "" when unreadable
	Reason string // without any value of the row
	Raw    []byte
}

// Counts is what a page did.
type Counts struct{ Read, Changed, Deleted int64 }

// MergePage stores a page's rows and its checkpoint in one transaction. Rows that are unchanged, or
// older than what is stored, are left alone.
func (s *Store) MergePage(ctx context.Context, f *feed.Feed, h Holder, p Page) (Counts, error) {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return Counts{}, fmt.Errorf("connect to merge %s: %w", f.Name, err)
	}
	defer conn.Release()
	if err := stage(ctx, conn, f); err != nil {
		return Counts{}, err
	}
	rows := newestByKey(p.Rows)
	counts := Counts{Read: int64(len(p.Rows) + len(p.Bad))}
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		b := &pgx.Batch{}
		if len(rows) > 0 {
			if _, err := tx.Conn().PgConn().CopyFrom(ctx, copyLines(rows), qCopy(f)); err != nil {
				return fmt.Errorf("stage %s: %w", f.Name, err)
			}
			b.Queue(qMerge(f), p.At).QueryRow(func(row pgx.Row) error { return row.Scan(&counts.Changed, &counts.Deleted) })
			b.Queue(qUnquarantine, f.Name, rowKeys(rows))
		}
		keys, keyless := pageKeys(rows, p.Bad)
		b.Queue(qSavePage, p.Sweep, p.Number, p.Next, p.Pages, p.Total, keys, keyless, newest(rows, p.At), p.At, p.Part)
		for _, bad := range p.Bad {
			key := bad.Key
			if key == "" {
				key = "sha256:" + hash(bad.Raw)
			}
			b.Queue(qQuarantine, f.Name, key, bad.Reason, strings.ToValidUTF8(strings.ReplaceAll(string(bad.Raw), "\x00", ""), "\uFFFD"), p.At)
		}
		if !p.Again {
			b.Queue(qAdvanced, h.Run, h.Instance)
		}
		if err := tx.SendBatch(ctx, b).Close(); err != nil {
			return fmt.Errorf("merge %s: %w", f.Name, err)
		}
		return progress(ctx, tx, f.Name, h, counts, int64(len(p.Bad)))
	})
	return counts, err
}

// progress shows the page in the run, and makes sure that the run is still ours.
func progress(ctx context.Context, tx pgx.Tx, feed string, h Holder, c Counts, bad int64) error {
	tag, err := tx.Exec(ctx, `
		update august.feed_run f set pages = pages + 1, read = read + $4, changed = changed + $5, deleted = deleted + $6, quarantined = quarantined + $7
		from august.run r where f.run_id = $1 and f.feed = $2 and r.id = $1 and r.lease_owner = $3 and r.state = 'running'`,
		h.Run, feed, h.Instance, c.Read, c.Changed, c.Deleted, bad)
	if err != nil {
		return fmt.Errorf("note progress of %s: %w", feed, err)
	}
	if tag.RowsAffected() == 0 {
		return ErrLeaseLost
	}
	return nil
}

// stage makes this connection's staging table for the feed. It empties itself at each commit.
func stage(ctx context.Context, conn *pgxpool.Conn, f *feed.Feed) error {
	made := conn.Conn().PgConn().CustomData()
	mark := "stage " + f.Name
	if made[mark] != nil {
		return nil
	}
	cols := f.CopyColumns()
	_, err := conn.Exec(ctx, fmt.Sprintf(`create temp table if not exists %s on commit delete rows as select %s, false as source_deleted from %s with no data`,
		stageTable(f), idents(cols[:len(cols)-1]), table(f)))
	if err != nil {
		return fmt.Errorf("make the staging table of %s: %w", f.Name, err)
	}
	made[mark] = true
	return nil
}

func table(f *feed.Feed) string      { return pgx.Identifier{"drchrono", f.Name}.Sanitize() }
func stageTable(f *feed.Feed) string { return pgx.Identifier{"pg_temp", "stage_" + f.Name}.Sanitize() }

func ident(name string) string { return pgx.Identifier{name}.Sanitize() }

func idents(names []string) string {
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = ident(n)
	}
	return strings.Join(quoted, ", ")
}

// qCopy goes around pgx's own CopyFrom: the rows are encoded already, and pgx would remember the
// table's types across a migration.
func qCopy(f *feed.Feed) string {
	return fmt.Sprintf("copy %s (%s) from stdin", stageTable(f), idents(f.CopyColumns()))
}

// qMerge moves the staged rows into the feed's table. $1 is when the page was asked for.
//
// A row is taken when its content differs and it is not older. The source's times have whole
// seconds, so two versions can share one: of those, the one asked for later is the newer. A row that
// was marked as deleted comes back when it was seen after the mark was made.
func qMerge(f *feed.Feed) string {
	typed := f.CopyColumns()
	cols := append(typed[:len(typed)-1:len(typed)-1], "observed_at", "deleted_at_source")
	var set []string
	for _, c := range cols[:len(cols)-1] {
		if c != f.Key {
			set = append(set, fmt.Sprintf("%s = excluded.%s", ident(c), ident(c)))
		}
	}
	newer, notOlder := "excluded.observed_at >= t.observed_at", "true"
	if f.Version != "" {
		v := ident(f.Version)
		newer = fmt.Sprintf("(excluded.%[1]s > t.%[1]s or (excluded.%[1]s < t.%[1]s) is not true and excluded.observed_at >= t.observed_at)", v)
		notOlder = fmt.Sprintf("(excluded.%[1]s < t.%[1]s) is not true", v)
	}
	return fmt.Sprintf(`
with merged as (
	insert into %[1]s as t (%[2]s)
	select %[3]s, $1::timestamptz, case when source_deleted then $1::timestamptz end from %[4]s
	on conflict (%[5]s) do update set %[6]s, deleted_at_source = case
		when excluded.deleted_at_source is not null then coalesce(t.deleted_at_source, excluded.deleted_at_source)
		when excluded.observed_at <= t.deleted_at_source then t.deleted_at_source end
	where t.content_hash <> excluded.content_hash and %[7]s
	or t.deleted_at_source is not null and excluded.deleted_at_source is null and excluded.observed_at > t.deleted_at_source and %[8]s
	returning deleted_at_source = $1::timestamptz as gone
)
select count(*), count(*) filter (where gone) from merged`,
		table(f), idents(cols), idents(cols[:len(cols)-2]), stageTable(f), ident(f.Key), strings.Join(set, ", "), newer, notOlder)
}

// A page read twice, because rows moved or an instance died, adds to what was seen.
const qSavePage = `
insert into august.sweep_page as p (sweep, page, next, pages, total, keys, keyless, newest, fetched_at, part)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
on conflict (sweep, page) do update set next = excluded.next, pages = excluded.pages, total = excluded.total,
	keys = p.keys || excluded.keys, keyless = p.keyless + excluded.keyless,
	newest = greatest(p.newest, excluded.newest), fetched_at = excluded.fetched_at`

// A run counts how often it failed or was taken over without having stored anything new since. The
// run is locked before its feed_run, as everywhere.
const qAdvanced = `update august.run set attempt = 0 where id = $1 and lease_owner = $2 and state = 'running' and attempt > 0`

const qQuarantine = `
insert into drchrono.quarantine (feed, key, reason, raw, observed_at) values ($1, $2, $3, $4, $5)
on conflict (feed, key) do update set reason = excluded.reason, raw = excluded.raw, observed_at = excluded.observed_at`

const qUnquarantine = `delete from drchrono.quarantine where feed = $1 and key = any($2)`

// newestByKey drops all but the newest of rows with the same key, which one merge could not take,
// and sorts by key, so that pages merged side by side lock rows in the same order.
func newestByKey(rows []feed.Row) []feed.Row {
	rows = slices.Clone(rows)
	slices.SortStableFunc(rows, func(a, b feed.Row) int {
		return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.Version, b.Version))
	})
	out := rows[:0]
	for i, r := range rows {
		if i+1 < len(rows) && rows[i+1].Key == r.Key {
			continue
		}
		out = append(out, r)
	}
	return out
}

func rowKeys(rows []feed.Row) []string {
	keys := make([]string, len(rows))
	for i, r := range rows {
		keys[i] = r.Key
	}
	return keys
}

// pageKeys is every key on a page, also of rows at fault: they were seen, and must not count as gone.
func pageKeys(rows []feed.Row, bad []BadRow) (keys []string, keyless int) {
	keys = rowKeys(rows)
	for _, b := range bad {
		if b.Key == "" {
			keyless++
		} else {
			keys = append(keys, b.Key)
		}
	}
	return keys, keyless
}

// newest is the greatest version on a page, nil without one. A version from the future, beyond what
// a time zone explains, is junk that would stop the feed until then: it does not count.
func newest(rows []feed.Row, at time.Time) *string {
	limit := at.UTC().Add(26 * time.Hour).Format("2006-01-02 15:04:05")
	var greatest string
	for _, r := range rows {
		if r.Mark > greatest && r.Mark < limit {
			greatest = r.Mark
		}
	}
	if greatest == "" {
		return nil
	}
	return &greatest
}

// copyLines streams rows without joining them first.
func copyLines(rows []feed.Row) io.Reader { return &lineReader{rows: rows} }

type lineReader struct {
	rows []feed.Row
	rest []byte
	buf  []byte
}

func (l *lineReader) Read(p []byte) (int, error) {
	if len(l.rest) == 0 {
		if len(l.rows) == 0 {
			return 0, io.EOF
		}
		l.buf = l.buf[:0]
		for len(l.rows) > 0 && len(l.buf) < 60<<10 {
			l.buf = l.rows[0].AppendCopy(l.buf)
			l.rows = l.rows[1:]
		}
		l.rest = l.buf
	}
	n := copy(p, l.rest)
	l.rest = l.rest[n:]
	return n, nil
}
