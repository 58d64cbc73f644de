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
	rows, moments := newestDelivered(f, list)
	// The table is not remembered as made: the caller's transaction may not be committed. It may hold rows of an earlier
	// call in this transaction.
	if err := tx.Conn().PgConn().Exec(ctx, qStage(f)+"; delete from "+stageTable(f)).Close(); err != nil {
		return c, fmt.Errorf("make the staging table of %s: %w", f.Name, err)
	}
	if err := copyRows(ctx, tx, f, rows); err != nil {
		return c, err
	}
	b := &pgx.Batch{}
	if source.Kind != "" {
		source.Queue(b)
	}
	if f.Version == "" {
		b.Queue(qMerge(f, "do nothing"), moments).QueryRow(func(row pgx.Row) error { return row.Scan(&c.Changed, &c.Deleted) })
	} else {
		queueMerge(b, f, moments, qTouch(f, "true"), &c) // there are few, and repeated ones come in any order
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

// newestDelivered is the newest of each row's contents, and the moments that they are no older than, by key: as if they had
// been merged one after the other.
func newestDelivered(f *feed.Feed, list []Delivery) ([]sighting, []pgtype.Timestamptz) {
	rows := make([]sighting, 0, len(list))
	moments := make([]pgtype.Timestamptz, len(list))
	newest := make(map[string]int, len(list)) // key → its place in rows
	for n, d := range list {
		at := d.Received.Add(-hintAge)
		moments[n] = pgtype.Timestamptz{Time: at, Valid: true}
		young := sighting{&list[n].Row, n + 1}
		if i, known := newest[d.Row.Key]; !known {
			newest[d.Row.Key] = len(rows)
			rows = append(rows, young)
		} else if old := rows[i]; isNewer(f, *young.Row, at, *old.Row, moments[old.moment-1].Time) {
			rows[i] = young
		}
	}
	if f.Version == "" {
		for n := range moments {
			moments[n] = pgtype.Timestamptz{InfinityModifier: pgtype.NegativeInfinity, Valid: true}
		}
	}
	// Whoever merges side by side locks rows in the same order.
	slices.SortFunc(rows, func(a, b sighting) int { return cmp.Compare(a.Key, b.Key) })
	return rows, moments
}
