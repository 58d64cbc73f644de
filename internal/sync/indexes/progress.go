package indexes

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
)

// What the session is at that holds the builders' lock, and the session that it waits for. Of one that runs as another role, only
// that it is there can be seen, unless the runtime's role may read all statistics.
const qProgress = `
select coalesce(p.phase, ''), coalesce(p.blocks_done, 0), coalesce(p.blocks_total, 0), coalesce(p.tuples_done, 0), coalesce(p.tuples_total, 0), o.begun_at,
    coalesce(w.pid, 0), coalesce(w.application_name, ''), coalesce(w.usename, ''), coalesce(w.state, ''), coalesce(extract(epoch from clock_timestamp() - w.xact_start), 0)::float8
from august.index o
join pg_locks l on l.pid = o.builder and l.locktype = 'advisory' and l.granted and l.objsubid = 1
    and l.classid::bigint = $3::bigint >> 32 and l.objid::bigint = $3::bigint & 4294967295
    and l.database = (select oid from pg_database where datname = current_database())
left join pg_stat_progress_create_index p on p.pid = o.builder
left join lateral (select a.* from pg_stat_activity a where a.pid = any (pg_blocking_pids(o.builder)) order by a.xact_start limit 1) w on true
where o.schema = $1 and o.name = $2`

// progress is how far an order is; nil: nobody is at it.
func progress(ctx context.Context, db query, o order) (*runtimeapi.IndexProgress, error) {
	var p runtimeapi.IndexProgress
	var w runtimeapi.IndexWait
	var since *time.Time
	var blocks, blocksOf, rows, rowsOf int64
	err := db.QueryRow(ctx, qProgress, o.Schema, o.Name, buildLock).Scan(&p.Phase, &blocks, &blocksOf, &rows, &rowsOf, &since,
		&w.PID, &w.Application, &w.User, &w.State, &w.Seconds)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, nil //nolint:nilnil // nobody is an answer
	case err != nil:
		return nil, fmt.Errorf("read how far an index is: %w", err)
	}
	p.Since = since
	switch {
	case rowsOf > 0:
		p.Done, p.Total, p.Unit = rows, rowsOf, "rows"
	case blocksOf > 0:
		p.Done, p.Total, p.Unit = blocks, blocksOf, "pages"
	}
	if w.PID != 0 {
		p.WaitFor = &w
		if !strings.HasPrefix(p.Phase, "waiting") {
			p.Phase = "waiting for a lock on the table"
		}
	}
	return &p, nil
}
