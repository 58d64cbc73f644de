package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Retire removes the oldest partition when all of its entries are older than so many days, sealed and, with an address,
// covered by a head in the bucket. It tells whether it removed one.
func Retire(ctx context.Context, pool *pgxpool.Pool, days int, address string) (removed bool, err error) {
	if days <= 0 {
		return false, nil
	}
	err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		var ours bool
		// Nothing is sealed meanwhile.
		if err := tx.QueryRow(ctx, `select pg_try_advisory_xact_lock($1)`, sealLock).Scan(&ours); err != nil || !ours {
			return err
		}
		r := Retirement{Days: days}
		err := tx.QueryRow(ctx, `select name, lower, upper from august.audit_partitions() where upper <= now() - $1 * interval '1 day' order by lower limit 1`, days).
			Scan(&r.Partition, &r.Lower, &r.Upper)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := (Source{Kind: KindKeeper, ID: "retention"}).Set(ctx, tx); err != nil {
			return err
		}
		if removed, err = r.record(ctx, tx, address); err != nil || !removed {
			return err
		}
		// Writers wait for this: last, and not for long.
		if _, err := tx.Exec(ctx, `set local lock_timeout = '2s'`); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `drop table `+pgx.Identifier{"august", r.Partition}.Sanitize())
		return err
	})
	if err != nil {
		return false, fmt.Errorf("remove entries past their retention: %w", err)
	}
	return removed, nil
}

// record writes what is to be removed, per cluster; false: it may not be removed yet.
func (r Retirement) record(ctx context.Context, tx pgx.Tx, address string) (bool, error) {
	table := pgx.Identifier{"august", r.Partition}.Sanitize()
	type share struct {
		Cluster, Entries int64
		From, To         uint64
	}
	rows, _ := tx.Query(ctx, `select cluster, count(*), min(txid::text::numeric)::text::xid8, max(txid::text::numeric)::text::xid8 from `+table+` group by 1 order by 1`)
	shares, err := pgx.CollectRows(rows, pgx.RowToStructByPos[share])
	if err != nil {
		return false, err
	}
	for _, s := range shares {
		r.Cluster, r.Entries = s.Cluster, s.Entries
		var sealed *uint64
		var head int64
		if err := tx.QueryRow(ctx, `
			select (select to_xid from august.audit_block where cluster = $1 order by to_xid desc limit 1), coalesce((select number from august.audit_head where bucket = $2), 0)`,
			s.Cluster, address).Scan(&sealed, &head); err != nil {
			return false, err
		}
		if sealed == nil || *sealed <= s.To {
			return false, nil
		}
		if err := tx.QueryRow(ctx, `select min(number), max(number) from august.audit_block where cluster = $1 and to_xid > $2 and from_xid <= $3`, s.Cluster, s.From, s.To).
			Scan(&r.First, &r.Last); err != nil {
			return false, err
		}
		if address != "" && head < r.Last {
			return false, nil
		}
		if err := r.write(ctx, tx, table); err != nil {
			return false, err
		}
	}
	return true, nil
}

// write records one cluster's share, with the digests of the entries that leave others of their block behind.
func (r Retirement) write(ctx context.Context, tx pgx.Tx, table string) error {
	rows, err := tx.Query(ctx, `
		select a.* from august.audit_block b, lateral (
			select `+entryColumns+` from `+table+` where cluster = b.cluster and txid >= b.from_xid and txid < b.to_xid order by txid, id) a
		where b.cluster = $1 and b.number between $2 and $3
		and b.entries > (select count(*) from `+table+` c where c.cluster = b.cluster and c.txid >= b.from_xid and c.txid < b.to_xid)
		order by b.number, a.txid, a.id`, r.Cluster, r.First, r.Last)
	if err != nil {
		return err
	}
	r.Edges = []edge{}
	digests := []byte{}
	for rows.Next() {
		var e Entry
		if err := rows.Scan(e.fields()...); err != nil {
			rows.Close()
			return err
		}
		digest := e.Digest()
		r.Edges, digests = append(r.Edges, edge{TxID: e.TxID, ID: e.ID}), append(digests, digest[:]...)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	r.Lower, r.Upper = r.Lower.UTC(), r.Upper.UTC()
	key, err := json.Marshal(r)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `insert into august.audit (cluster, source, source_id, relation, operation, keys, after)
		values (august.audit_cluster(), $1, 'retention', 'august.audit', 'retire', $2, $3)`, KindKeeper, []string{string(key)}, digests)
	return err
}

// monthsAhead is how long partitions outlast a housekeeping that does not happen.
const monthsAhead = 3

// Ahead makes the partitions of the months to come.
func Ahead(ctx context.Context, pool *pgxpool.Pool, now time.Time) error {
	err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		var ours bool
		if err := tx.QueryRow(ctx, `select pg_try_advisory_xact_lock($1)`, sealLock+1).Scan(&ours); err != nil || !ours {
			return err
		}
		if _, err := tx.Exec(ctx, `set local lock_timeout = '2s'`); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `select august.audit_ahead($1, $2)`, now, monthsAhead)
		return err
	})
	if err != nil {
		return fmt.Errorf("make partitions of the audit trail: %w", err)
	}
	return nil
}
