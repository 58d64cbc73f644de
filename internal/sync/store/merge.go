package store

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/feel-august/terraform-provider-august/internal/sync/audit"
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
	Sweep  int64 // 0: none, and no checkpoint
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

// key names the row also when its own is unreadable.
func (b BadRow) key() string {
	if b.Key == "" {
		return "sha256:" + hash(b.Raw)
	}
	return b.Key
}

// Counts is what a page did.
type Counts struct {
	Read, Changed, Deleted int64

	// Fresh is how many rows the sweep saw for the first time, or otherwise than before. Of a page that was merged it
	// is those that changed.
	Fresh int64
}

// Add counts what another page did, too.
func (c *Counts) Add(n Counts) {
	c.Read, c.Changed, c.Deleted, c.Fresh = c.Read+n.Read, c.Changed+n.Changed, c.Deleted+n.Deleted, c.Fresh+n.Fresh
}

// MergePage stores a page's rows and its checkpoint in one transaction. Rows that are unchanged, or
// older than what is stored, are left alone; see merge_rule.go.
func (s *Store) MergePage(ctx context.Context, f *feed.Feed, h Holder, p Page) (Counts, error) {
	return s.MergePages(ctx, f, h, []Page{p})
}

// MergePages is MergePage for several pages at once, as if one had been stored after the other: a transaction costs as
// much as a hundred rows do, and a page of a list has 250. When the database refuses a row, its page alone is not stored.
func (s *Store) MergePages(ctx context.Context, f *feed.Feed, h Holder, pages []Page) (Counts, error) {
	c, err := s.mergeTogether(ctx, f, h, pages)
	if len(pages) == 1 || !Unfit(err) {
		return c, err
	}
	var all Counts
	var first error
	for i := range pages {
		c, err := s.mergeTogether(ctx, f, h, pages[i:i+1])
		if err == nil {
			all.Add(c)
		} else if first == nil {
			first = err
		}
	}
	return all, first
}

// mergeTogether stores pages in one transaction, all or none.
func (s *Store) mergeTogether(ctx context.Context, f *feed.Feed, h Holder, pages []Page) (Counts, error) {
	conn, err := s.staging(ctx, f)
	if err != nil {
		return Counts{}, err
	}
	defer conn.Release()
	m := merge{feed: f, holder: h, pages: pages, add: true}
	m.rows, m.moments = newestByKey(f, pages)
	once := func(tx pgx.Tx) error { return m.within(ctx, tx) }
	if err = pgx.BeginFunc(ctx, conn, once); isTaken(err, f) {
		m.add = false
		err = pgx.BeginFunc(ctx, conn, once)
	}
	return m.counts, err
}

// merge is the merge of pages in one transaction.
type merge struct {
	feed    *feed.Feed
	holder  Holder
	pages   []Page
	rows    []sighting // of all pages, the newest of each key
	moments []pgtype.Timestamptz
	add     bool // rows that nobody has may go without a stage

	counts Counts
}

// within does all of it in a transaction that has not begun anything else.
func (m *merge) within(ctx context.Context, tx pgx.Tx) error {
	m.counts = Counts{}
	b := &pgx.Batch{}
	if err := m.store(ctx, tx, b); err != nil {
		return err
	}
	var bad int64
	fresh := false
	for _, p := range m.pages {
		m.counts.Read += int64(len(p.Rows) + len(p.Bad))
		bad += int64(len(p.Bad))
		fresh = fresh || !p.Again
		queuePage(b, m.feed, p)
	}
	if fresh {
		b.Queue(qAdvanced, m.holder.Run, m.holder.Instance)
	}
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return fmt.Errorf("merge %s: %w", m.feed.Name, err)
	}
	m.counts.Fresh = m.counts.Changed
	return progress(ctx, tx, m.feed.Name, m.holder, len(m.pages), m.counts, bad)
}

// store brings the rows that are not stored as they are into the feed's table, or has the batch do so.
func (m *merge) store(ctx context.Context, tx pgx.Tx, b *pgx.Batch) error {
	staged, known, touched, err := changed(ctx, tx, m.feed, m.holder, m.rows)
	switch {
	case err != nil || len(staged) == 0:
		return err
	case m.add && !known:
		return addRows(ctx, tx, m.feed, staged, m.moments, &m.counts)
	}
	if err := copyRows(ctx, tx, m.feed, staged); err != nil {
		return err
	}
	touch := ""
	if touched {
		touch = qTouch(m.feed, "not "+qSettled(m.feed, "t"))
	}
	queueMerge(b, m.feed, m.moments, touch, &m.counts)
	return nil
}

// queuePage notes a page's checkpoint, and which of its rows are at fault.
func queuePage(b *pgx.Batch, f *feed.Feed, p Page) {
	keys, keyless := pageKeys(p.Rows, p.Bad)
	if len(p.Rows) > 0 {
		b.Queue(qUnquarantine, f.Name, keys[:len(p.Rows)])
	}
	if p.Sweep != 0 {
		b.Queue(qSavePage, p.Sweep, p.Number, p.Next, p.Pages, p.Total, keys, keyless, newest(p.Rows, p.At), p.At, p.Part)
	}
	for _, bad := range p.Bad {
		b.Queue(qQuarantine, f.Name, bad.key(), bad.Reason, strings.ToValidUTF8(strings.ReplaceAll(string(bad.Raw), "\x00", ""), "\uFFFD"), p.At)
	}
}

// changed leaves out rows that are stored already as they are. Most rows of most pages are, and
// looking them up costs a fraction of staging them. It is not the last word: another writer may
// change a row right after, which is as if this page had come before.
//
// known tells that some are stored, however they are, and touched that some are as they are and still need their time
// of observation moved. What the transaction changes from here on is the run's.
func changed(ctx context.Context, tx pgx.Tx, f *feed.Feed, h Holder, rows []sighting) (staged []sighting, known, touched bool, err error) {
	keys, hashes, deleted := make([]string, len(rows)), make([][]byte, len(rows)), make([]bool, len(rows))
	for i, r := range rows {
		keys[i], hashes[i], deleted[i] = r.Key, r.Hash[:], r.Deleted
	}
	b := &pgx.Batch{}
	audit.Run(h.Run).Queue(b)
	settled := make([]bool, len(rows))
	if len(rows) > 0 {
		b.Queue(qSame(f), keys, hashes, deleted).Query(func(result pgx.Rows) error {
			var n int64
			var same, rests bool
			_, err := pgx.ForEachRow(result, []any{&n, &same, &rests}, func() error {
				known = true
				settled[n-1] = same && rests
				touched = touched || same && !rests
				return nil
			})
			return err
		})
	}
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return nil, false, false, fmt.Errorf("compare %s: %w", f.Name, err)
	}
	staged = make([]sighting, 0, len(rows))
	for i, r := range rows {
		if !settled[i] {
			staged = append(staged, r)
		}
	}
	return staged, known, touched, nil
}

// addRows stores rows none of which was there a moment ago. When another writer has stored one since, isTaken says so, and
// the transaction has failed.
func addRows(ctx context.Context, tx pgx.Tx, f *feed.Feed, rows []sighting, moments []pgtype.Timestamptz, c *Counts) error {
	at := make([]string, len(moments))
	for i, m := range moments {
		at[i] = m.Time.UTC().Format("2006-01-02 15:04:05.999999Z07:00")
	}
	tag, err := tx.Conn().PgConn().CopyFrom(ctx, copyLines(rows, func(dst []byte, s sighting) []byte {
		moment := at[s.moment-1]
		dst = append(append(s.AppendColumns(dst), moment...), '\t')
		if !s.Deleted {
			moment = `\N`
		}
		return append(append(dst, moment...), '\n')
	}), qAdd(f))
	if err != nil {
		return fmt.Errorf("add %s: %w", f.Name, err)
	}
	c.Changed = tag.RowsAffected()
	for _, r := range rows {
		if r.Deleted {
			c.Deleted++
		}
	}
	return nil
}

// isTaken tells that a row of the feed was to be added and is there: a violation of its key.
func isTaken(err error, f *feed.Feed) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && e.Code == "23505" && e.SchemaName == "drchrono" && e.TableName == f.Name
}

func copyRows(ctx context.Context, tx pgx.Tx, f *feed.Feed, rows []sighting) error {
	if _, err := tx.Conn().PgConn().CopyFrom(ctx, copyLines(rows, func(dst []byte, s sighting) []byte {
		return s.AppendCopy(append(strconv.AppendInt(dst, int64(s.moment), 10), '\t'))
	}), qCopy(f)); err != nil {
		return fmt.Errorf("stage %s: %w", f.Name, err)
	}
	return nil
}

func queueMerge(b *pgx.Batch, f *feed.Feed, moments []pgtype.Timestamptz, touch string, c *Counts) {
	b.Queue(qMerge(f, qNewest(f)), moments).QueryRow(func(row pgx.Row) error { return row.Scan(&c.Changed, &c.Deleted) })
	if touch != "" { // after the merge, which locks all of the rows in their order
		b.Queue(touch, moments)
	}
}

// progress shows the pages in the run, and makes sure that the run is still ours.
func progress(ctx context.Context, tx pgx.Tx, feed string, h Holder, pages int, c Counts, bad int64) error {
	tag, err := tx.Exec(ctx, `
		update august.feed_run f set pages = pages + $8, read = read + $4, changed = changed + $5, deleted = deleted + $6, quarantined = quarantined + $7
		from august.run r where f.run_id = $1 and f.feed = $2 and r.id = $1 and r.lease_owner = $3 and r.state = 'running'`,
		h.Run, feed, h.Instance, c.Read, c.Changed, c.Deleted, bad, pages)
	if err != nil {
		return fmt.Errorf("note progress of %s: %w", feed, err)
	}
	if tag.RowsAffected() == 0 {
		return ErrLeaseLost
	}
	return nil
}

// staging is a connection with the feed's staging table.
func (s *Store) staging(ctx context.Context, f *feed.Feed) (*pgxpool.Conn, error) {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect to stage %s: %w", f.Name, err)
	}
	if err := stage(ctx, conn, f); err != nil {
		conn.Release()
		return nil, err
	}
	return conn, nil
}

// stage makes this connection's staging table for the feed. It empties itself at each commit.
func stage(ctx context.Context, conn *pgxpool.Conn, f *feed.Feed) error {
	made := conn.Conn().PgConn().CustomData()
	mark := "stage " + f.Name
	if made[mark] != nil {
		return nil
	}
	_, err := conn.Exec(ctx, qStage(f))
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
	return fmt.Sprintf("copy %s (moment, %s) from stdin", stageTable(f), idents(f.CopyColumns()))
}

// qAdd is the staged columns but for the flag, with what qMerge makes of the moment and the flag.
func qAdd(f *feed.Feed) string {
	return fmt.Sprintf("copy %s (%s) from stdin", table(f), idents(mergeColumns(f)))
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

// sighting is a row as it was seen, and which of the moments that go with it, from 1, it is no older than.
type sighting struct {
	*feed.Row
	moment int
}

// newestByKey drops all but the newest sighting of each row, as one merge could not take more, and sorts by
// key, so that pages merged side by side lock rows in the same order. The moments are those of the pages. Of
// rows on one page a time that counts comes after none.
func newestByKey(f *feed.Feed, pages []Page) ([]sighting, []pgtype.Timestamptz) {
	var all []sighting
	moments := make([]pgtype.Timestamptz, len(pages))
	for n, p := range pages {
		moments[n] = pgtype.Timestamptz{Time: p.At, Valid: true}
		for i := range p.Rows {
			all = append(all, sighting{&p.Rows[i], n + 1})
		}
	}
	slices.SortStableFunc(all, func(a, b sighting) int { return cmp.Compare(a.Key, b.Key) })
	newer := func(a, b sighting) bool {
		at, bt := pages[a.moment-1].At, pages[b.moment-1].At
		if a.moment != b.moment {
			return isNewer(f, *a.Row, at, *b.Row, bt)
		}
		return cmp.Or(cmp.Compare(changedAt(f, *a.Row, at), changedAt(f, *b.Row, at)), bytes.Compare(a.Hash[:], b.Hash[:])) > 0
	}
	out := all[:0]
	for _, s := range all {
		switch last := len(out) - 1; {
		case last < 0 || out[last].Key != s.Key:
			out = append(out, s)
		case newer(s, out[last]):
			out[last] = s
		}
	}
	return out, moments
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

// newest is the greatest version on a page, nil without one. One from the future would stop the feed
// until then: it does not count.
func newest(rows []feed.Row, at time.Time) *string {
	limit := naive(at.Add(zones))
	var greatest string
	for _, r := range rows {
		if r.Mark > greatest && r.Mark <= limit {
			greatest = r.Mark
		}
	}
	if greatest == "" {
		return nil
	}
	return &greatest
}

// copyLines streams rows without joining them first.
func copyLines(rows []sighting, line func([]byte, sighting) []byte) io.Reader {
	return &lineReader{rows: rows, line: line}
}

type lineReader struct {
	rows []sighting
	line func(dst []byte, s sighting) []byte
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
			l.buf = l.line(l.buf, l.rows[0])
			l.rows = l.rows[1:]
		}
		l.rest = l.buf
	}
	n := copy(p, l.rest)
	l.rest = l.rest[n:]
	return n, nil
}
