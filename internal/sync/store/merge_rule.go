package store

import (
	"bytes"
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/sync/feed"
)

// The rule. What is merged is a sighting: a row's content, the source's time of its last change, and
// a moment that the content is no older than, by this database's clock, whichever instance asked: for
// a page, when it was asked for; see MergeRows for a delivery. Of two sightings of a row the newer is
// the one with
//
//  1. the later time of change, when both have one that counts. When one of the two has none, or one that
//     lies further in the future than a time zone explains, the moments decide alone: else a row from the
//     year 2999 would never change again, and a row whose time was once illegible would wait for a change
//     to be put right;
//  2. when the times are equal, the later moment: the source's times have whole seconds, and a row
//     may change twice within one;
//  3. when the moments are equal, too, the greater hash, so that everybody picks the same.
//
// Among sightings whose times count, and in a feed without times, that is one order: whatever order they
// arrive in, and however often, the same one wins. Where some times do not count it is none: a page, a
// later one without a legible time, and a young change that was delivered late may each be newer than the
// one before, and the first newer than the last again. But a sighting that is newer than each of the
// others wins in whatever order they come, and a page that shows the row as it is now is such a one: none
// has a later moment, and none a later time. So what such sightings leave lasts until the row is read again.
//
// A sighting of what is stored already moves the moment while that could decide a tie, and else writes
// nothing. So the order of arrival could tell when content comes back (A, B, then A again), B ties with it
// or its time does not count, and B is merged after both, as by a second pipeline of the feed: B stays
// until the row is read again.
//
// A row is marked as deleted with the moment at which it was found gone. A sighting from before that
// moment does not bring it back, even if its content is newer and is stored; one from after does. A
// mark is not set on content that was seen after its moment. Where the source itself flags deleted
// rows, the flag is part of the content, and the order of contents decides.

const (
	zones  = 26 * time.Hour // between the ends of the world's time zones
	behind = 12 * time.Hour // of UTC, at most
)

// trail is how far the source's lists may be behind its writes.
const trail = time.Minute

// latest is how late a page or a delivery may be stored after it was asked for or received: Pub/Sub and a sweep in parts
// both last seven days.
const latest = 8 * 24 * time.Hour

const naiveForm = "2006-01-02 15:04:05.999999"

func naive(t time.Time) string { return t.UTC().Format(naiveForm) }

// changedAt is the time of change that a row of a page counts with, "" for one that does not count.
func changedAt(f *feed.Feed, r feed.Row, at time.Time) string {
	if f.Version == "" || r.Version > naive(at.Add(zones)) {
		return ""
	}
	return r.Version
}

// isNewer tells whether row a, of moment at, is the newer sighting: qNewer, for rows that are not stored yet.
func isNewer(f *feed.Feed, a feed.Row, at time.Time, b feed.Row, bt time.Time) bool {
	changed, before := changedAt(f, a, at), changedAt(f, b, bt)
	if changed == "" || before == "" {
		changed, before = "", ""
	}
	return cmp.Or(cmp.Compare(changed, before), at.Compare(bt), bytes.Compare(a.Hash[:], b.Hash[:])) > 0
}

// qTrusted tells whether a row's time of change counts.
func qTrusted(f *feed.Feed, row string) string {
	return fmt.Sprintf("coalesce(%[1]s.%[2]s <= %[1]s.observed_at at time zone 'UTC' + interval '%[3]d hours', false)", row, ident(f.Version), int(zones.Hours()))
}

// qNewer tells whether row a is the newer sighting.
func qNewer(f *feed.Feed, a, b string) string {
	moments := fmt.Sprintf("(%[1]s.observed_at, %[1]s.content_hash) > (%[2]s.observed_at, %[2]s.content_hash)", a, b)
	if f.Version == "" {
		return moments
	}
	return fmt.Sprintf(`case when %[3]s and %[4]s then (%[1]s.%[5]s, %[1]s.observed_at, %[1]s.content_hash) > (%[2]s.%[5]s, %[2]s.observed_at, %[2]s.content_hash)
		else %[6]s end`, a, b, qTrusted(f, a), qTrusted(f, b), ident(f.Version), moments)
}

// qSettled tells that the row's moment may stay as it is: the row was seen after the second in which it
// changed, wherever that was, so no other content of that second is younger. In a feed without times one
// page is enough; else each read would write every row.
func qSettled(f *feed.Feed, row string) string {
	if f.Version == "" {
		return fmt.Sprintf("isfinite(%s.observed_at)", row) // else a delivery's
	}
	return fmt.Sprintf("coalesce(%[1]s.%[2]s <= %[1]s.observed_at at time zone 'UTC' - interval '%[3]d hours', false)", row, ident(f.Version), int(behind.Hours()))
}

// keyType is the SQL type of the feed's key.
func keyType(f *feed.Feed) string {
	for _, c := range f.Columns {
		if c.Name == f.Key && c.Kind == feed.TextID {
			return "text"
		}
	}
	return "bigint"
}

func qStage(f *feed.Feed) string {
	cols := f.CopyColumns()
	return fmt.Sprintf(`create temp table if not exists %s on commit delete rows as select 0 as moment, %s, false as source_deleted from %s with no data`,
		stageTable(f), idents(cols[:len(cols)-1]), table(f))
}

// qSame finds, of keys $1 with hashes $2 and flags $3, those that are stored, whether they are so already, and whether
// their moment may stay as it is. "offset 0" keeps the planner at one look into the index per key.
func qSame(f *feed.Feed) string {
	return fmt.Sprintf(`
select u.n, t.content_hash = u.hash and t.deleted = u.deleted, t.settled from unnest($1::text[]::%[1]s[], $2::bytea[], $3::boolean[]) with ordinality u(key, hash, deleted, n)
cross join lateral (select t.content_hash, t.deleted_at_source is not null as deleted, %[2]s as settled from %[3]s t where t.%[4]s = u.key offset 0) t`, keyType(f), qSettled(f, "t"), table(f), ident(f.Key))
}

// stagedAt is the moment of a staged row s, of those that are $1.
const stagedAt = "($1::timestamptz[])[s.moment]"

// qTouch moves the moment of rows that are stored already as they are.
func qTouch(f *feed.Feed, which string) string {
	return fmt.Sprintf(`update %[2]s t set observed_at = %[5]s from %[3]s s where t.%[1]s = s.%[1]s and t.content_hash = s.content_hash and t.observed_at < %[5]s and %[4]s`,
		ident(f.Key), table(f), stageTable(f), which, stagedAt)
}

// qNewest is what becomes of a row that is stored already.
func qNewest(f *feed.Feed) string {
	cols := mergeColumns(f)
	var set []string
	for _, c := range cols[:len(cols)-1] {
		if c != f.Key {
			set = append(set, fmt.Sprintf("%s = excluded.%s", ident(c), ident(c)))
		}
	}
	flagged := ""
	if f.Deleted != "" {
		flagged = fmt.Sprintf(" and t.%s is not true", ident(f.Deleted))
	}
	return fmt.Sprintf(`do update set %[1]s, deleted_at_source = case
		when excluded.deleted_at_source is not null then coalesce(t.deleted_at_source, excluded.deleted_at_source)
		when excluded.observed_at <= t.deleted_at_source%[2]s then t.deleted_at_source end
	where t.content_hash <> excluded.content_hash and %[3]s
	or t.deleted_at_source is not null and excluded.deleted_at_source is null and excluded.observed_at > t.deleted_at_source
		and (t.content_hash = excluded.content_hash or %[3]s)`,
		strings.Join(set, ", "), flagged, qNewer(f, "excluded", "t"))
}

func mergeColumns(f *feed.Feed) []string {
	staged := f.CopyColumns()
	n := len(staged) - 1 // source_deleted is the stage's alone
	return append(staged[:n:n], "observed_at", "deleted_at_source")
}

// qMerge moves the staged rows into the feed's table, each as it was at its moment, and locks them in the order of their
// keys, which a stage of rows that differ in size does not keep. It is, with qAdd, qMark and CloseSweep's, the only
// statement that changes a synced row.
func qMerge(f *feed.Feed, conflict string) string {
	cols := mergeColumns(f)
	return fmt.Sprintf(`
with merged as (
	insert into %[1]s as t (%[2]s)
	select %[3]s, %[4]s, case when source_deleted then %[4]s end from %[5]s s order by s.%[6]s::text collate "C"
	on conflict (%[6]s) %[7]s
	returning deleted_at_source = observed_at as gone
)
select count(*), count(*) filter (where gone) from merged`,
		table(f), idents(cols), idents(cols[:len(cols)-2]), stagedAt, stageTable(f), ident(f.Key), conflict)
}

// Gone is a row that was found deleted, and when.
type Gone struct {
	Key string
	At  time.Time // by this database's clock; for what was asked for, when it was
}

func goneColumns(gone []Gone) (keys []string, ats []time.Time) {
	keys, ats = make([]string, len(gone)), make([]time.Time, len(gone))
	for i, g := range gone {
		keys[i], ats[i] = g.Key, g.At
	}
	return keys, ats
}

// qMark marks keys $1 as found gone at moments $2, and counts those that were not marked before. A
// later moment replaces an earlier one, so that their order of arrival does not matter.
func qMark(f *feed.Feed) string {
	return qMarkFrom(f, fmt.Sprintf(`select key::%s as key, max(at) as at from unnest($1::text[], $2::timestamptz[]) u(key, at) group by 1`, keyType(f)), ident(f.Key), "g.at")
}

// qMarkFrom marks the rows of f whose column is a key that the query "gone" gives, with the moment.
func qMarkFrom(f *feed.Feed, gone, column, seenBefore string) string {
	return qMarkTable(table(f), ident(f.Key), gone, column, seenBefore)
}

func qMarkTable(table, key, gone, column, seenBefore string) string {
	return fmt.Sprintf(`
with g as materialized (%[3]s),
locked as (
	select t.%[2]s, t.deleted_at_source is null as first, greatest(g.at, t.observed_at) as at from %[1]s t join g on t.%[4]s = g.key
	where t.observed_at < %[5]s and coalesce(t.deleted_at_source < g.at, true) order by t.%[2]s::text collate "C" for update of t
),
marked as (
	update %[1]s t set deleted_at_source = l.at from locked l where t.%[2]s = l.%[2]s returning l.first
)
select count(*) filter (where first) from marked`, table, key, gone, column, seenBefore)
}

// qMarkOther marks rows of another feed whose column holds a key of f's own rows, which are the
// source's word that those are deleted. Its lists may still show them for a moment.
//
// A row that was seen before its deletion was is marked when the sweep that brings the deletion ends, or, if it is stored
// later, when the next one does: what is older than any page or delivery that may still come is looked at by full sweeps alone.
func qMarkOther(f *feed.Feed, other, column string, full bool) string {
	late := ""
	if !full {
		late = fmt.Sprintf(" where observed_at > now() - interval '%d seconds'", int(latest.Seconds()))
	}
	return qMarkTable(pgx.Identifier{"drchrono", other}.Sanitize(), "id",
		fmt.Sprintf("select %s as key, observed_at as at from %s%s", ident(f.Key), table(f), late), ident(column),
		fmt.Sprintf("g.at + interval '%d seconds' and t.deleted_at_source is null", int(trail.Seconds())))
}
