package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/sync/feed"
)

// What else a comparison notes of a row.
const (
	diffGone    = "gone"    // the database holds it, and the source does not have it
	diffBad     = "bad"     // it could not be decoded
	diffUnasked = "unasked" // whether it is gone could not be asked
)

// Unseen lists rows, at most limit, that only the database has although their place in the list was read, and that
// were not written since the comparison began; in all there are so many. held is how many rows either side has. A
// comparison with a row whose key was unreadable proves nothing.
func (s *Store) Unseen(ctx context.Context, f *feed.Feed, c Comparison, limit int) (keys []string, all, held int64, err error) {
	if !f.Sweep {
		return nil, 0, 0, nil
	}
	err = s.pool.QueryRow(ctx, fmt.Sprintf(`
		with unseen as materialized (select t.%[1]s as key %[2]s where %[3]s),
		few as (select key from unseen order by key limit $4)
		select coalesce((select array_agg(key::text order by key) from few), '{}'), (select count(*) from unseen),
			(select count(*) from unseen) + (select count(*) from august.reconcile_row where sweep = $1 and not deleted)`,
		ident(f.Key), fromStored(f), qUnseen(f)), c.ID, c.Started, c.Values, limit).Scan(&keys, &all, &held)
	return keys, all, held, during("look for rows that only the database has of", f, err)
}

// fromStored is the stored rows, each with what the comparison $1 has noted of it.
func fromStored(f *feed.Feed) string {
	return fmt.Sprintf("from %s t left join august.reconcile_row r on r.sweep = $1 and r.key = t.%s::text collate \"C\"", table(f), ident(f.Key))
}

// qUnseen tells that comparison $1, which began at $2 and read the parts $3, shows a row to be the database's alone.
func qUnseen(f *feed.Feed) string {
	if !f.Sweep {
		return "false and $2::timestamptz is null and $3::text[] is null"
	}
	within := "$3::text[] is null"
	if f.Split != nil {
		within = fmt.Sprintf("($3::text[] is null or t.%s in (select unnest($3::text[])::bigint))", ident(f.Split.Column))
	}
	return "r.key is null and t.deleted_at_source is null and t.observed_at < $2 and " + within +
		" and not exists (select from august.sweep_page where sweep = $1 and keyless > 0)"
}

// Judge notes rows that were asked for: those that are gone, which it marks with repair, and of those asked the rest of
// which nothing is noted yet, as nobody could say.
func (s *Store) Judge(ctx context.Context, f *feed.Feed, h Holder, c Comparison, gone []Gone, asked []string, repair bool) error {
	return during("note what is gone of", f, s.held(ctx, h, func(tx pgx.Tx) error {
		var counts Counts
		if repair && len(gone) > 0 {
			if err := mark(ctx, tx, f, gone, &counts); err != nil {
				return err
			}
		}
		const note = `
			insert into august.reconcile_row (sweep, key, hash, deleted, diff, young, repaired) select $1, key, '', $4, $3, false, $5 from unnest($2::text[]) key
			on conflict do nothing`
		keys, _ := goneColumns(gone)
		if _, err := tx.Exec(ctx, note, c.ID, keys, diffGone, true, repair); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, note, c.ID, asked, diffUnasked, false, false); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `update august.feed_run set changed = changed + $3, deleted = deleted + $3 where run_id = $1 and feed = $2`, h.Run, f.Name, counts.Deleted)
		return err
	}))
}

// Differences is what a comparison has noted, counted. Only the new ones are young.
type Differences struct {
	Missing, Differs, Deleted, Gone, New, Repaired, Bad, Unasked int64
}

// Differences counts them.
func (s *Store) Differences(ctx context.Context, f *feed.Feed, c Comparison) (Differences, error) {
	rows, _ := s.pool.Query(ctx, `
		select count(*) filter (where diff = 'missing' and not young), count(*) filter (where diff = 'differs' and not young),
			count(*) filter (where diff = 'deleted' and not young), count(*) filter (where diff = 'gone'), count(*) filter (where young),
			count(*) filter (where repaired and not young), count(*) filter (where diff = 'bad'), count(*) filter (where diff = 'unasked')
		from august.reconcile_row where sweep = $1 and diff <> ''`, c.ID)
	d, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Differences])
	return d, during("count the differences of", f, err)
}

// Bucket is the rows of both sides within a range of keys, counted and hashed.
type Bucket struct {
	Number                   *int64 // of the range, BucketSize keys each; nil: the keys that are no such numbers
	Source, Database         int64
	SourceHash, DatabaseHash int64
}

// BucketSize is the keys of a bucket.
const BucketSize = 10_000

// EachBucket visits the ranges of keys of a comparison, in their order. What could not be compared is in neither side,
// and of a row that somebody else has written meanwhile the newer content is in both.
func (s *Store) EachBucket(ctx context.Context, f *feed.Feed, c Comparison, visit func(Bucket)) error {
	number := func(key string) string {
		return fmt.Sprintf("case when %[1]s ~ '^[0-9]{1,18}$' then %[1]s::bigint / %[2]d end", key, BucketSize)
	}
	digest := func(key, hash string) string {
		return fmt.Sprintf(`('x' || encode(substr(sha256(convert_to(%s, 'UTF8') || '\x00' || %s), 1, 8), 'hex'))::bit(64)::bigint`, key, hash)
	}
	stored := "t." + ident(f.Key) + "::text"
	rows, err := s.pool.Query(ctx, fmt.Sprintf(`
		select number, sum(source)::bigint, sum(database)::bigint, coalesce(bit_xor(source_hash), 0), coalesce(bit_xor(database_hash), 0) from (
			select %[1]s as number, 1 as source, 0 as database, %[2]s as source_hash, null::bigint as database_hash
			from august.reconcile_row where sweep = $1 and not deleted and diff not in ('bad', 'unasked')
			union all
			select %[3]s, 0, 1, null, %[4]s %[5]s
			where t.deleted_at_source is null and r.diff not in ('bad', 'unasked') or %[6]s
		) b group by number order by number nulls last`,
		number("key"), digest("key", "hash"), number(stored), digest(stored, "case when r.diff = '' and t.observed_at > $2 then r.hash else t.content_hash end"),
		fromStored(f), qUnseen(f)), c.ID, c.Started, c.Values)
	if err != nil {
		return during("count", f, err)
	}
	var b Bucket
	_, err = pgx.ForEachRow(rows, []any{&b.Number, &b.Source, &b.Database, &b.SourceHash, &b.DatabaseHash}, func() error { visit(b); return nil })
	return during("count", f, err)
}
