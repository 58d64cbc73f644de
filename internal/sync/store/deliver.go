package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/feel-august/terraform-provider-august/internal/sync/audit"
	"github.com/feel-august/terraform-provider-august/internal/sync/feed"
)

// Delivery is a row that came unasked, such as a webhook's.
type Delivery struct {
	Row      feed.Row
	Deleted  bool      // it is gone, and the row is what it was
	Received time.Time // by this database's clock
}

// hintAge is how old a delivery's content may be when it arrives: DrChrono repeats one that was
// refused for eleven hours. A page that was asked for meanwhile knows better.
const hintAge = 12 * time.Hour

// MergeRows merges deliveries by the same rules as pages, inside the caller's transaction, which may
// hold their inbox rows, audit and outbox too. Those of one row count in the order in which they are given. It is safe
// beside pages and other deliveries; a transaction that merges into several feeds takes them in the order of their
// names, lest two wait for each other.
//
// A delivery may be late or repeated, and does not say when it was made. So its content ranks as if
// it had been asked for hintAge before it came: it loses a tie against any page that was asked for
// since, and brings no row back that was found deleted since. A feed without times cannot tell an old
// delivery from a new one: there it only adds rows that are not known, older than any page. The next
// read settles both.
//
// The audit trail has what changes as the source's; one without a kind leaves it to what the transaction has said.
func (s *Store) MergeRows(ctx context.Context, tx pgx.Tx, f *feed.Feed, source audit.Source, list []Delivery) (Counts, error) {
	c := Counts{Read: int64(len(list))}
	if len(list) == 0 {
		return c, nil
	}
	rows, ats := newestDelivered(f, list)
	// The table is not remembered as made: the caller's transaction may not be committed. It may hold rows of an earlier
	// call in this transaction.
	if err := tx.Conn().PgConn().Exec(ctx, qStage(f)+"; delete from "+stageTable(f)).Close(); err != nil {
		return c, fmt.Errorf("make the staging table of %s: %w", f.Name, err)
	}
	if err := copyRows(ctx, tx, f, rows); err != nil {
		return c, err
	}
	keys := rowKeys(rows)
	b := &pgx.Batch{}
	if source.Kind != "" {
		source.Queue(b)
	}
	count := func(row pgx.Row) error { return row.Scan(&c.Changed, &c.Deleted) }
	if f.Version == "" {
		b.Queue(qMergeDelivered(f, "do nothing"), keys, ats).QueryRow(count)
	} else {
		b.Queue(qMergeDelivered(f, qNewest(f)), keys, ats).QueryRow(count)
		b.Queue(qTouchDelivered(f), keys, ats) // there are few, and repeated ones come in any order
	}
	var gone []Gone
	for _, d := range list {
		if d.Deleted {
			gone = append(gone, Gone{d.Row.Key, d.Received})
		}
	}
	if len(gone) > 0 {
		keys, ats := goneColumns(gone)
		b.Queue(qMark(f), keys, ats).QueryRow(func(row pgx.Row) error {
			var n int64
			err := row.Scan(&n)
			c.Deleted += n
			return err
		})
	}
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return c, fmt.Errorf("merge a delivery of %s: %w", f.Name, err)
	}
	return c, nil
}

// newestDelivered is the newest of each row's contents, and the moment that it is no older than, by key: as if they had
// been merged one after the other.
func newestDelivered(f *feed.Feed, list []Delivery) ([]feed.Row, []pgtype.Timestamptz) {
	type sighting struct {
		row feed.Row
		at  time.Time
	}
	newest := make(map[string]sighting, len(list))
	for _, d := range list {
		young := sighting{d.Row, d.Received.Add(-hintAge)}
		if old, known := newest[d.Row.Key]; !known || isNewer(f, young.row, young.at, old.row, old.at) {
			newest[d.Row.Key] = young
		}
	}
	all := make([]sighting, 0, len(newest))
	for _, s := range newest {
		all = append(all, s)
	}
	// Whoever merges side by side locks rows in the same order.
	slices.SortFunc(all, func(a, b sighting) int { return cmp.Compare(a.row.Key, b.row.Key) })
	rows, ats := make([]feed.Row, len(all)), make([]pgtype.Timestamptz, len(all))
	for i, s := range all {
		rows[i], ats[i] = s.row, pgtype.Timestamptz{Time: s.at, Valid: true}
		if f.Version == "" {
			ats[i] = pgtype.Timestamptz{InfinityModifier: pgtype.NegativeInfinity, Valid: true}
		}
	}
	return rows, ats
}

// qDelivered is the staged rows s with their moments m.at: those of keys $1 are $2.
func qDelivered(f *feed.Feed) string {
	return fmt.Sprintf(`%[1]s s join unnest($1::text[]::%[2]s[], $2::timestamptz[]) m(key, at) on m.key = s.%[3]s`, stageTable(f), keyType(f), ident(f.Key))
}

// qMergeDelivered takes rows in the order of their keys, as a page does.
func qMergeDelivered(f *feed.Feed, conflict string) string {
	return qInto(f, fmt.Sprintf(`%s order by s.%s::text collate "C"`, qDelivered(f), ident(f.Key)), "m.at", conflict)
}

// qTouchDelivered moves the moments of rows that are stored already as they are.
func qTouchDelivered(f *feed.Feed) string {
	return fmt.Sprintf(`update %[1]s t set observed_at = m.at from %[2]s where t.%[3]s = s.%[3]s and t.content_hash = s.content_hash and t.observed_at < m.at`,
		table(f), qDelivered(f), ident(f.Key))
}
