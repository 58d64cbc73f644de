package advisor

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
	"github.com/feel-august/terraform-provider-august/internal/sync/telemetry"
)

// sampleLock is the advisory lock of whoever looks at the counters.
const sampleLock = int64(0x6175677573740017)

const (
	sampleEvery = 10 * time.Minute
	sampleTime  = 30 * time.Second // for one look
	keptDays    = int(runtimeapi.AdviceWindowMost) + 1
)

// Run looks at the counters every ten minutes until ctx ends. Every instance of the service does so, and one of them
// finds that it is time.
func (a *Advisor) Run(ctx context.Context) {
	telemetry.Repeat(ctx, a.cfg.Log, "sampling the workload", sampleEvery, func(ctx context.Context) error {
		return Sample(ctx, a.cfg.Store.Pool(), sampleEvery*9/10)
	})
}

// Sample adds what the counters say more than at the newest look to the figures of the day, unless that look is younger
// than rest or another instance is at it. A counter that went back is counted from nought.
func Sample(ctx context.Context, pool *pgxpool.Pool, rest time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, sampleTime)
	defer cancel()
	err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		var mine bool
		if err := tx.QueryRow(ctx, `select pg_try_advisory_xact_lock($1)`, sampleLock).Scan(&mine); err != nil || !mine {
			return err
		}
		l, err := look(ctx, tx)
		if err != nil || l.age >= 0 && l.age < rest.Seconds() {
			return err
		}
		return l.note(ctx, tx)
	})
	if err != nil {
		return fmt.Errorf("sample the workload: %w", err)
	}
	return nil
}

// glance is a look at the counters that is under way.
type glance struct {
	statements *statementsView // nil: there is no pg_stat_statements
	age        float64         // seconds since the newest look; -1: there was none
	elsewhere  bool            // that look was at another server
	reset      bool            // counters were set back since
}

func look(ctx context.Context, tx pgx.Tx) (l glance, err error) {
	if l.statements, err = findStatements(ctx, tx); err != nil {
		return l, err
	}
	// The clock is the database's, and the row's own: instances need not agree on the time.
	err = tx.QueryRow(ctx, `
		select coalesce(extract(epoch from now() - at), -1)::float8, coalesce(timeline <> `+timeline+`, false), coalesce(resets is distinct from `+l.statements.resets()+`, false)
		from (select) here left join august.workload_look on true`).Scan(&l.age, &l.elsewhere, &l.reset)
	return l, err
}

// note adds the figures since the newest look to those of the day, and becomes that look. The first look, and the first
// at another server, has nothing to compare statements with: what a replica was asked before it became the primary
// is not this workload.
func (l glance) note(ctx context.Context, tx pgx.Tx) error {
	first, gap := l.age < 0, l.elsewhere || l.reset
	var back bool
	if err := tx.QueryRow(ctx, tables.note(), first, l.elsewhere).Scan(&back); err != nil {
		return fmt.Errorf("tables: %w", err)
	}
	gap = gap || back
	if err := tx.QueryRow(ctx, indexes.note(), first, gap).Scan(&back); err != nil {
		return fmt.Errorf("indexes: %w", err)
	}
	if l.statements != nil {
		if err := tx.QueryRow(ctx, l.statements.counters().note(), first || l.elsewhere, false).Scan(&back); err != nil {
			return fmt.Errorf("statements: %w", err)
		}
	}
	if _, err := tx.Exec(ctx, `
		insert into august.workload_day as d (day, first, last, gaps, evicted)
		select `+today+`, coalesce((select at from august.workload_look), now()), now(), $1::int,
			case when $2 then 0 else greatest(`+l.statements.evictions()+` - (select evicted from august.workload_look), 0) * `+l.statements.evictedAtOnce()+` end
		on conflict (day) do update set last = excluded.last, gaps = d.gaps + excluded.gaps, evicted = d.evicted + excluded.evicted`, btoi(gap && !first), first || gap); err != nil {
		return fmt.Errorf("day: %w", err)
	}
	if _, err := tx.Exec(ctx, `
		insert into august.workload_look (at, timeline, resets, evicted) values (now(), `+timeline+`, `+l.statements.resets()+`, `+l.statements.evictions()+`)
		on conflict (one) do update set at = excluded.at, timeline = excluded.timeline, resets = excluded.resets, evicted = excluded.evicted`); err != nil {
		return fmt.Errorf("look: %w", err)
	}
	for _, table := range []string{"workload_day", "workload_statement_day", "workload_table_day", "workload_index_day"} {
		if _, err := tx.Exec(ctx, `delete from august.`+table+` where day < `+today+` - $1::int`, keptDays); err != nil {
			return fmt.Errorf("retention: %w", err)
		}
	}
	return nil
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
