package audit

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// sealLock lets one transaction at a time seal, of whichever instance.
const sealLock = int64(0x6175677573740140)

// blockEntries is how many entries a block has at most, unless one transaction alone has more.
const blockEntries = 2000

// Seal seals what has been written by transactions that have ended, and returns how many blocks it made: none while
// another one seals. A block is made in a transaction of its own; to end anywhere in it leaves nothing behind.
func Seal(ctx context.Context, pool *pgxpool.Pool) (blocks int, err error) {
	for {
		var made bool
		err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) (err error) {
			made, err = sealNext(ctx, tx, blockEntries)
			return err
		})
		if err != nil {
			return blocks, fmt.Errorf("seal the audit trail: %w", err)
		}
		if !made {
			return blocks, nil
		}
		blocks++
	}
}

func sealNext(ctx context.Context, tx pgx.Tx, most int) (bool, error) {
	var ours bool
	if err := tx.QueryRow(ctx, `select pg_try_advisory_xact_lock($1)`, sealLock).Scan(&ours); err != nil || !ours {
		return false, err
	}
	// Each statement from here on sees what the sealer before has done.
	last, err := newest(ctx, tx)
	if err != nil {
		return false, err
	}
	w, err := window(ctx, tx)
	if err != nil || w == nil {
		return false, err
	}
	b := Block{Number: last.Number + 1, Cluster: w.cluster, From: w.from, Previous: last.Hash}
	if b.To, err = w.end(ctx, tx, most); err != nil {
		return false, err
	}
	sum := newRoot()
	rows, _ := tx.Query(ctx, `select `+entryColumns+` from august.audit where cluster = $1 and txid >= $2 and txid < $3 order by txid, id`, b.Cluster, b.From, b.To)
	for rows.Next() {
		var e Entry // a new one: a null leaves a field as it is
		if err := rows.Scan(e.fields()...); err != nil {
			rows.Close()
			return false, err
		}
		sum.add(e.Digest())
	}
	if err := rows.Err(); err != nil {
		return false, err
	}
	if sum.entries == 0 {
		return false, nil
	}
	b.Entries, b.Root = sum.entries, sum.sum()
	if err := tx.QueryRow(ctx, `select clock_timestamp()`).Scan(&b.SealedAt); err != nil {
		return false, err
	}
	b.Hash = b.Sum()
	_, err = tx.Exec(ctx, `insert into august.audit_block (`+blockColumns+`) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		b.Number, b.Cluster, b.From, b.To, b.Entries, b.Root, b.Previous, b.SealedAt, b.Hash)
	return err == nil, err
}

// newest is the chain's last block; number 0, with the first one's previous hash, when there is none.
func newest(ctx context.Context, q querier) (Block, error) {
	b := Block{Hash: genesis[:]}
	err := q.QueryRow(ctx, `select `+blockColumns+` from august.audit_block order by number desc limit 1`).Scan(b.fields()...)
	if errors.Is(err, pgx.ErrNoRows) {
		err = nil
	}
	return b, err
}

// querier is a pool, a connection or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// open is what may be sealed of one cluster.
type open struct {
	cluster     int64
	from, until uint64
}

// qOpen lists, cluster by cluster, where the next window begins. Of the cluster that this is everything may be sealed
// below the oldest transaction that runs; the statements that follow see all that these have written. Of another one,
// whose rows came with a dump, nothing is added any more. Which cluster this is costs a function that must not be called
// for every entry, and one entry of each window is enough to look at.
const qOpen = `
with recursive clusters as (
	(select min(cluster) as cluster from august.audit)
	union all
	select (select min(a.cluster) from august.audit a where a.cluster > c.cluster) from clusters c where c.cluster is not null
), here as materialized (
	select august.audit_cluster() as cluster
), ends as materialized (
	select c.cluster, c.cluster = h.cluster as here, coalesce((select to_xid from august.audit_block b where b.cluster = c.cluster order by to_xid desc limit 1), '0'::xid8) as "from",
		case when c.cluster = h.cluster then pg_snapshot_xmin(pg_current_snapshot()) else $1::xid8 end as until
	from clusters c cross join here h where c.cluster is not null
)
select e.cluster, e."from", e.until from ends e
cross join lateral (select from august.audit a where a.cluster = e.cluster and a.txid >= e."from" and a.txid < e.until order by a.txid limit 1) waiting
order by e.here, e.cluster limit 1`

// window finds what can be sealed next, nil for nothing.
func window(ctx context.Context, tx pgx.Tx) (*open, error) {
	var w open
	err := tx.QueryRow(ctx, qOpen, uint64(math.MaxUint64)).Scan(&w.cluster, &w.from, &w.until)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	return &w, err
}

// end is where a block of so many entries ends: between two transactions.
func (w *open) end(ctx context.Context, tx pgx.Tx, most int) (uint64, error) {
	var first, over, last *uint64
	err := tx.QueryRow(ctx, `
		select (select txid from august.audit where cluster = $1 and txid >= $2 and txid < $3 order by txid limit 1),
			(select txid from august.audit where cluster = $1 and txid >= $2 and txid < $3 order by txid offset $4 limit 1),
			(select txid from august.audit where cluster = $1 and txid >= $2 and txid < $3 order by txid desc limit 1)`,
		w.cluster, w.from, w.until, most).Scan(&first, &over, &last)
	switch {
	case err != nil || first == nil:
		return w.until, err
	case over != nil && *over > *first:
		return *over, nil
	case over != nil:
		return *first + 1, nil
	case w.until == math.MaxUint64: // a window of a cluster that may come back
		return *last + 1, nil
	}
	return w.until, nil
}
