package dataset

import (
	"context"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// olderPatience bounds the wait for transactions that began before the new rows were in. Most of them would do no harm: only one that keeps
// its snapshot would miss rows in tables that it looks at after the swap for the first time, and nobody can tell which keep theirs.
const olderPatience = time.Minute

// qOlder are the transactions of others in this database, by what any role may see.
const qOlder = `
select l.virtualtransaction, format('session %s%s', l.pid, ' of ' || nullif(a.application_name, ''))
from pg_locks l join pg_stat_activity a on a.pid = l.pid
where l.locktype = 'virtualxid' and l.granted and l.virtualxid = l.virtualtransaction and a.datname = current_database() and a.usesysid is not null and l.pid <> pg_backend_pid()
	and ($1::text[] is null or l.virtualtransaction = any($1)) order by 1`

// waitForOlder waits until whoever looks at the new tables sees all that is in them.
func (i *importing) waitForOlder(ctx context.Context) error {
	var older []string
	for until, said := time.Now().Add(min(olderPatience, i.Patience)), false; ; {
		var ids, who []string
		var id, session string
		rows, _ := i.holder.Query(ctx, qOlder, older)
		if _, err := pgx.ForEachRow(rows, []any{&id, &session}, func() error {
			ids, who = append(ids, id), append(who, session)
			return nil
		}); err != nil {
			return failed("look for transactions that are older than the new rows", err)
		}
		switch {
		case len(ids) == 0:
			return nil
		case time.Now().After(until):
			i.Log.Warn("not waiting any longer for transactions that are older than the new rows: one that keeps its snapshot may miss some", "of", list(who))
			return nil
		case !said:
			i.Log.Info("waiting for transactions that are older than the new rows", "of", strings.Join(who[:min(5, len(who))], ", "))
			said = true
		}
		older = ids // those that begin from now on do not matter
		if err := sleep(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
}
