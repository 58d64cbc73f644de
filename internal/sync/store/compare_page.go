package store

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/feel-august/terraform-provider-august/internal/sync/audit"
	"github.com/feel-august/terraform-provider-august/internal/sync/feed"
)

// ComparePage notes how a page's rows differ from what is stored and, with repair, writes those that do, in one
// transaction with the page's checkpoint: what is noted as repaired is, whatever happens then.
func (s *Store) ComparePage(ctx context.Context, f *feed.Feed, h Holder, pipeline string, p Page, repair bool) (Counts, error) {
	conn, err := s.staging(ctx, f)
	if err != nil {
		return Counts{}, err
	}
	defer conn.Release()
	rows, moments := newestByKey(f, []Page{p})
	counts := Counts{Read: int64(len(p.Rows) + len(p.Bad))}
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if len(rows) > 0 {
			if err := copyRows(ctx, tx, f, rows); err != nil {
				return err
			}
		}
		result, _ := tx.Query(ctx, qCompare(f), p.At, pipeline, f.Name)
		diffs, err := pgx.CollectRows(result, pgx.RowToStructByPos[Diff])
		if err != nil {
			return err
		}
		if counts.Fresh, err = noteRows(ctx, tx, p, rows, diffs, repair); err != nil {
			return err
		}
		b := &pgx.Batch{}
		if repair && len(diffs) > 0 {
			audit.Run(h.Run).Queue(b)
			queueRepair(b, f, p, moments, diffs, &counts)
		}
		_, keyless := pageKeys(nil, p.Bad) // the other keys are noted with their rows
		b.Queue(qSavePage, p.Sweep, p.Number, p.Next, p.Pages, p.Total, []string{}, keyless, newest(p.Rows, p.At), p.At, p.Part)
		if !p.Again {
			b.Queue(qAdvanced, h.Run, h.Instance)
		}
		if err := tx.SendBatch(ctx, b).Close(); err != nil {
			return err
		}
		return progress(ctx, tx, f.Name, h, 1, counts, int64(len(p.Bad)))
	})
	return counts, during("compare", f, err)
}

// noteRows notes what a page shows, in the order of keys, and counts the rows that are new in it.
func noteRows(ctx context.Context, tx pgx.Tx, p Page, rows []sighting, diffs []Diff, repair bool) (int64, error) {
	found := make(map[string]Diff, len(diffs))
	for _, d := range diffs {
		found[d.Key] = d
	}
	n := len(rows) + len(p.Bad)
	keys, hashes, deleted, kinds, young := make([]string, 0, n), make([][]byte, 0, n), make([]bool, 0, n), make([]string, 0, n), make([]bool, 0, n)
	note := func(key string, hash []byte, gone bool, d Diff) {
		keys, hashes, deleted, kinds, young = append(keys, key), append(hashes, hash), append(deleted, gone), append(kinds, d.Kind), append(young, d.New)
	}
	for i := range rows {
		note(rows[i].Key, rows[i].Hash[:], rows[i].Deleted, found[rows[i].Key])
	}
	seen := map[string]bool{}
	for _, bad := range p.Bad {
		if key := bad.key(); !seen[key] {
			seen[key] = true
			note(key, nil, false, Diff{Kind: diffBad})
		}
	}
	tag, err := tx.Exec(ctx, qNoteRows, p.Sweep, keys, hashes, deleted, kinds, young, repair)
	return tag.RowsAffected(), err
}

// The first difference that is seen of a row stands: once it is repaired there is none. A row may be on the page
// twice, once without a fault.
const qNoteRows = `
insert into august.reconcile_row as r (sweep, key, hash, deleted, diff, young, repaired)
select distinct on (key collate "C") $1::bigint, key, coalesce(hash, ''), deleted, diff, young, $7::boolean and diff in ('missing', 'differs', 'deleted')
from unnest($2::text[], $3::bytea[], $4::boolean[], $5::text[], $6::boolean[]) u(key, hash, deleted, diff, young)
order by key collate "C", diff = 'bad'
on conflict (sweep, key) do update set hash = excluded.hash, deleted = excluded.deleted, repaired = r.repaired or excluded.repaired,
	diff  = case when r.diff in ('', 'bad') then excluded.diff else r.diff end,
	young = case when r.diff in ('', 'bad') then excluded.young else r.young end
where r.hash <> excluded.hash or r.deleted <> excluded.deleted or r.diff in ('', 'bad') and r.diff <> excluded.diff`

// queueRepair writes the staged rows that differ, whatever their place in the order of sightings.
func queueRepair(b *pgx.Batch, f *feed.Feed, p Page, moments []pgtype.Timestamptz, diffs []Diff, counts *Counts) {
	keys := make([]string, len(diffs))
	for i, d := range diffs {
		keys[i] = d.Key
	}
	b.Queue("delete from "+stageTable(f)+" where not "+ident(f.Key)+" = any($1::text[]::"+keyType(f)+"[])", keys)
	b.Queue(qForget(f), keys, p.At)
	queueMerge(b, f, moments, "", counts)
	b.Queue(qUnquarantine, f.Name, keys)
}
