package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/sync/feed"
)

// Kinds of differences between source and database.
const (
	DiffMissing = "missing" // the database lacks the row
	DiffDiffers = "differs" // it holds something else
	DiffDeleted = "deleted" // it holds it as deleted
)

// Diff is one row on which source and database disagree.
type Diff struct {
	Key  string
	Kind string
	New  bool // the source changed it after what is surely stored: the next sync brings it
}

// Compare tells how rows that were asked for at a moment differ from what is stored, column by column.
// What was stored or marked later is newer than them and does not count. It writes nothing.
func (s *Store) Compare(ctx context.Context, f *feed.Feed, pipeline string, rows []feed.Row, at time.Time) ([]Diff, error) {
	rows = newestByKey(f, rows, at)
	if len(rows) == 0 {
		return nil, nil
	}
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect to compare %s: %w", f.Name, err)
	}
	defer conn.Release()
	if err := stage(ctx, conn, f); err != nil {
		return nil, err
	}
	var diffs []Diff
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if err := copyRows(ctx, tx, f, rows); err != nil {
			return err
		}
		result, err := tx.Query(ctx, qCompare(f), at, pipeline, f.Name)
		if err != nil {
			return err
		}
		diffs, err = pgx.CollectRows(result, pgx.RowToStructByPos[Diff])
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("compare %s: %w", f.Name, err)
	}
	return diffs, nil
}

func qCompare(f *feed.Feed) string {
	differ := []string{"t.content_hash <> s.content_hash"}
	for _, c := range f.Columns {
		differ = append(differ, fmt.Sprintf("t.%[1]s is distinct from s.%[1]s", ident(c.Name)))
	}
	if len(f.Volatile) == 0 {
		differ = append(differ, "t.raw::text <> s.raw::text")
	}
	young := "false"
	if f.Version != "" {
		young = fmt.Sprintf("coalesce(s.%s >= w.watermark, false)", ident(f.Version))
	}
	return fmt.Sprintf(`
select key, kind, young from (
	select s.%[1]s::text as key, %[2]s as young, case
		when t.%[1]s is null then '%[3]s'
		when t.deleted_at_source < $1 and not s.source_deleted then '%[4]s'
		when t.deleted_at_source is null and s.source_deleted and t.observed_at < $1 then '%[5]s'
		when t.observed_at < $1 and (%[6]s) then '%[5]s' end as kind
	from %[7]s s left join %[8]s t on t.%[1]s = s.%[1]s
	left join (select watermark from august.checkpoint where pipeline = $2 and feed = $3) w on true
) d where kind is not null order by key collate "C"`,
		ident(f.Key), young, DiffMissing, DiffDeleted, DiffDiffers, strings.Join(differ, " or "), stageTable(f), table(f))
}

// qForget puts the stored rows of keys $1 behind every sighting, unless they are younger than $2.
func qForget(f *feed.Feed) string {
	version := ""
	if f.Version != "" {
		version = fmt.Sprintf(", %s = null", ident(f.Version))
	}
	return fmt.Sprintf(`
with locked as (
	select t.%[1]s from %[2]s t where t.%[1]s = any($1::text[]::%[3]s[]) and t.observed_at < $2 order by t.%[1]s::text collate "C" for update
)
update %[2]s t set observed_at = '-infinity', content_hash = ''%[4]s from locked l where t.%[1]s = l.%[1]s`, ident(f.Key), table(f), keyType(f), version)
}

// Stored is a live row as a reconciliation counts it.
type Stored struct {
	Key  string
	Hash []byte
	At   time.Time
}

// EachStored visits every live row of a feed.
func (s *Store) EachStored(ctx context.Context, f *feed.Feed, visit func(Stored)) error {
	rows, err := s.pool.Query(ctx, fmt.Sprintf(`select %s::text, content_hash, case when isfinite(observed_at) then observed_at else 'epoch' end from %s where deleted_at_source is null`, ident(f.Key), table(f)))
	if err != nil {
		return fmt.Errorf("read %s: %w", f.Name, err)
	}
	var r Stored
	if _, err := pgx.ForEachRow(rows, []any{&r.Key, &r.Hash, &r.At}, func() error { visit(r); return nil }); err != nil {
		return fmt.Errorf("read %s: %w", f.Name, err)
	}
	return nil
}

// MarkGone marks rows that were looked for and not found, while the run is still held.
func (s *Store) MarkGone(ctx context.Context, f *feed.Feed, h Holder, gone []Gone) (Counts, error) {
	var c Counts
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if err := hold(ctx, tx, h); err != nil {
			return err
		}
		if err := mark(ctx, tx, f, gone, &c); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `update august.feed_run set deleted = deleted + $3 where run_id = $1 and feed = $2`, h.Run, f.Name, c.Deleted)
		return err
	})
	return c, err
}
