package store

import (
	"fmt"
	"strings"

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

// qCompare tells, column by column, how staged rows that were asked for at $1 differ from what is stored. What was
// stored or marked later is newer than them and does not count.
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
