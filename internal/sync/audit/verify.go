package audit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/feel-august/terraform-provider-august/internal/bucket"
)

// Verification is what Verify looks at.
type Verification struct {
	Pool  *pgxpool.Pool
	Heads bucket.Bucket // nil: no heads are compared
	From  int64         // first block; 0 or 1: all

	Retention   int           // days for which entries have to be kept; 0: for ever
	MaxUnsealed time.Duration // age from which an entry of an ended transaction has to be sealed; 0: ten minutes

	Progress func(Report) // is told now and then; may be nil
}

// ErrNoTrail says that the database has no audit trail.
var ErrNoTrail = errors.New("the database has no audit trail: its schema is older than this build; deploy the runtime, or run august-sync migrate, first")

// Verify computes the chain anew from the entries, and holds it against itself and the heads. It sees the database as
// of one moment, and needs the same memory however much there is. An error says that it could not look; what it found
// is in the report.
func Verify(ctx context.Context, v Verification) (Report, error) {
	var r Report
	if v.MaxUnsealed == 0 {
		v.MaxUnsealed = 10 * time.Minute
	}
	if v.Progress == nil {
		v.Progress = func(Report) {}
	}
	heads, err := readHeads(ctx, v.Heads, v.From)
	if err != nil {
		return r, err
	}
	defer heads.close()
	err = pgx.BeginTxFunc(ctx, v.Pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		if r.Retirements, err = retirements(ctx, tx); err != nil {
			return err
		}
		for _, t := range r.Retirements {
			if !t.due() || v.Retention == 0 || t.Days < v.Retention {
				r.add(0, BadRetirement, "%d entries of blocks %d to %d, written before %s, were removed on %s by %s, to be kept for %d days; here they have to be kept for %d",
					t.Entries, t.First, t.Last, t.Upper.UTC().Format(time.DateOnly), t.At.UTC().Format(time.DateOnly), t.Actor, t.Days, v.Retention)
			}
		}
		if err := v.chain(ctx, tx, &r, heads); err != nil {
			return err
		}
		if err := v.entries(ctx, tx, &r); err != nil {
			return err
		}
		return v.triggers(ctx, tx, &r)
	})
	if err == nil {
		err = heads.rest(ctx, v.Pool, &r)
	}
	r.order()
	var pg *pgconn.PgError
	if errors.As(err, &pg) && (pg.Code == "42P01" || pg.Code == "42703" || pg.Code == "3F000") {
		return r, ErrNoTrail
	}
	if err != nil {
		return r, fmt.Errorf("verify the audit trail: %w", err)
	}
	return r, nil
}

// chain holds blocks against each other and the heads.
func (v *Verification) chain(ctx context.Context, tx pgx.Tx, r *Report, heads *headReader) error {
	last := &Block{Hash: genesis[:]}
	if v.From > 1 {
		// Without the block before, its number still shows whether the first one is missing.
		last.Number = v.From - 1
		err := tx.QueryRow(ctx, `select `+blockColumns+` from august.audit_block where number = $1`, v.From-1).Scan(last.fields()...)
		if errors.Is(err, pgx.ErrNoRows) {
			return fmt.Errorf("there is no block %d to begin after: begin with an earlier one", v.From-1)
		}
		if err != nil {
			return err
		}
	}
	c := newChain(r, last, heads)
	blocks, err := openCursor(ctx, tx, "audit_blocks", 500, (*Block).fields, `select `+blockColumns+` from august.audit_block where number >= $1 order by number`, v.From)
	if err != nil {
		return err
	}
	for {
		b, err := blocks.next(ctx)
		if err != nil {
			return err
		}
		if b == nil {
			break
		}
		if c.last.Number == 0 && b.From != 0 && b.Number == 1 {
			r.add(b.Number, BlockChanged, "the first window begins at transaction %d", b.From)
		}
		if err := c.add(*b); err != nil {
			return err
		}
		if r.Blocks%10_000 == 0 {
			v.Progress(*r)
		}
	}
	return blocks.close(ctx)
}

// entries holds each cluster's entries against its blocks; both come in the order of transactions.
func (v *Verification) entries(ctx context.Context, tx pgx.Tx, r *Report) error {
	rows, _ := tx.Query(ctx, `
		with recursive clusters as (
			(select min(cluster) as cluster from august.audit)
			union all select (select min(a.cluster) from august.audit a where a.cluster > c.cluster) from clusters c where c.cluster is not null
		)
		select cluster from clusters where cluster is not null union select distinct cluster from august.audit_block where number >= $1`, v.From)
	clusters, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return err
	}
	for _, cluster := range clusters {
		if err := v.cluster(ctx, tx, r, cluster); err != nil {
			return err
		}
	}
	return nil
}

func (v *Verification) cluster(ctx context.Context, tx pgx.Tx, r *Report, cluster int64) error {
	blocks, err := openCursor(ctx, tx, "audit_blocks", 500, (*Block).fields, `select `+blockColumns+` from august.audit_block where cluster = $1 and number >= $2 order by number`, cluster, v.From)
	if err != nil {
		return err
	}
	// From where the first of the blocks begins; what is before was not asked for, unless that is all.
	entries, err := openCursor(ctx, tx, "audit_entries", 64, (*Entry).fields, `
		select `+entryColumns+` from august.audit where cluster = $1 and txid >= case when $2 <= 1 then '0'::xid8
			else coalesce((select to_xid from august.audit_block where cluster = $1 and number < $2 order by number desc limit 1), '0'::xid8) end order by txid, id`, cluster, v.From)
	if err != nil {
		return err
	}
	e, err := entries.next(ctx)
	for err == nil {
		b, failed := blocks.next(ctx)
		if failed != nil {
			return failed
		}
		if b == nil {
			break
		}
		t := newTally(*b, r.Retirements)
		outside := int64(0)
		for ; err == nil && e != nil && e.TxID < b.To; e, err = entries.next(ctx) {
			if e.TxID < b.From {
				outside++
				continue
			}
			t.add(e)
		}
		if outside > 0 {
			r.add(b.Number, EntryOutside, "%d entries lie before its window and after the one before it", outside)
		}
		t.end(r)
		if b.Number%1000 == 0 {
			v.Progress(*r)
		}
	}
	if err != nil {
		return err
	}
	if err := v.unsealed(ctx, r, cluster, entries, e); err != nil {
		return err
	}
	return errors.Join(entries.close(ctx), blocks.close(ctx))
}

// unsealed looks at the entries behind the last block: none may wait for long whose transaction has ended.
func (v *Verification) unsealed(ctx context.Context, r *Report, cluster int64, entries *cursor[Entry], e *Entry) error {
	var oldest *Entry
	var err error
	for ; err == nil && e != nil; e, err = entries.next(ctx) {
		r.Unsealed++
		ended := cluster != entries.cluster || e.TxID < entries.xmin
		if ended && (oldest == nil || e.At.Before(oldest.At)) {
			oldest = e
		}
	}
	if err != nil || oldest == nil {
		return err
	}
	if age := entries.now.Sub(oldest.At); age > v.MaxUnsealed {
		r.add(0, EntryUnsealed, "entry %d was written %s ago and is in no block: either no runtime serves, or blocks at the end of the chain were removed", oldest.ID, span(age))
	}
	return nil
}

// triggers looks whether those are there and on that write entries and keep them from being changed.
func (v *Verification) triggers(ctx context.Context, tx pgx.Tx, r *Report) error {
	rows, _ := tx.Query(ctx, `
		with wanted as (
			select substr(p.proname, 7) as name, t.trigger from pg_proc p cross join (values ('audit_insert'), ('audit_update'), ('audit_delete'), ('audit_truncate')) t(trigger)
			where p.pronamespace = 'august'::regnamespace and p.prorettype = 'trigger'::regtype and p.proname <> 'audit_refuse' and p.proname like 'audit\_%'
		), tables as (
			select w.name, w.trigger, c.oid from wanted w
			left join (pg_class c join pg_namespace n on n.oid = c.relnamespace) on n.nspname || '_' || c.relname = w.name and c.relkind in ('r', 'p')
			union all
			select c.relname, t.trigger, c.oid from pg_class c cross join (values ('audit_append_only'), ('audit_no_truncate'), ('audit_own_entry')) t(trigger)
			where (c.oid in ('august.audit'::regclass, 'august.audit_block'::regclass) or c.oid in (select inhrelid from pg_inherits where inhparent = 'august.audit'::regclass))
				and not (c.relname = 'audit_block' and t.trigger = 'audit_own_entry')
		)
		select name, trigger from tables x
		where oid is not null and not exists (select from pg_trigger g where g.tgrelid = x.oid and g.tgname = x.trigger and g.tgenabled in ('O', 'A')) order by 1, 2`)
	var table, trigger string
	_, err := pgx.ForEachRow(rows, []any{&table, &trigger}, func() error {
		r.add(0, TriggerMissing, "%s of %s is not there or is off: what changed meanwhile is in no entry", trigger, table)
		return nil
	})
	return err
}
