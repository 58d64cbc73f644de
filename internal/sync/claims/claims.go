// Package claims is the database side of claims: it reads visits, lines and postings, lets package
// billing decide, keeps the claims and the history of their states, and puts what changed of
// the views of them on the way to Coda. All of it happens in the transaction of the run.
package claims

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
	"github.com/feel-august/terraform-provider-august/internal/sync/billing"
	"github.com/feel-august/terraform-provider-august/internal/sync/coda"
)

// deriveLock lets one transaction at a time derive: two would each see half of the other's claims.
const deriveLock = int64(0x6175677573740101)

// Derive brings billing.claim, billing.mismatch, billing.daily and what goes to Coda up to the synced
// data. It fits pipeline.Dataset.
func Derive(ctx context.Context, tx pgx.Tx, spec runtimeapi.PipelineSpec, run int64) error {
	if _, err := tx.Exec(ctx, "select pg_advisory_xact_lock($1)", deriveLock); err != nil {
		return fmt.Errorf("wait to derive claims: %w", err)
	}
	overrides := billing.NewOverrides(spec.StatusOverrides)
	if err := stage(ctx, tx, overrides); err != nil {
		return fmt.Errorf("derive claims: %w", err)
	}
	if err := merge(ctx, tx, run); err != nil {
		return fmt.Errorf("merge claims: %w", err)
	}
	if err := Reconcile(ctx, tx, overrides); err != nil {
		return err
	}
	var pipeline string
	var at time.Time
	if err := tx.QueryRow(ctx, "select pipeline, now() from august.run where id = $1", run).Scan(&pipeline, &at); err != nil {
		return fmt.Errorf("find the pipeline of run %d: %w", run, err)
	}
	if err := Daily(ctx, tx, at); err != nil {
		return err
	}
	if err := enqueue(ctx, tx, pipeline, spec.CodaViews); err != nil {
		return fmt.Errorf("put the views on the way to Coda: %w", err)
	}
	return nil
}

// Status counts claims by short status and open mismatches by reason, and says how the Coda views
// stand. It fits pipeline.Dataset.
func Status(ctx context.Context, pool *pgxpool.Pool, spec runtimeapi.PipelineSpec, status *runtimeapi.Status) error {
	rows, err := pool.Query(ctx, "select status, count(*) from billing.claim where counts group by 1")
	if err != nil {
		return fmt.Errorf("count claims: %w", err)
	}
	status.Claims = map[string]int64{}
	var name string
	var count int64
	if _, err := pgx.ForEachRow(rows, []any{&name, &count}, func() error {
		status.Claims[name] = count
		return nil
	}); err != nil {
		return fmt.Errorf("count claims: %w", err)
	}
	rows, err = pool.Query(ctx, `
		select reason, severity, count(*) from billing.mismatch where resolved_at is null
		group by 1, 2 order by array_position(array['fault', 'warning', 'info'], severity), reason`)
	if err == nil {
		status.Mismatches, err = pgx.CollectRows(rows, pgx.RowToStructByPos[runtimeapi.MismatchCount])
	}
	if err != nil {
		return fmt.Errorf("count mismatches: %w", err)
	}
	status.Coda, err = coda.Status(ctx, pool, status.Pipeline, spec)
	return err
}

// merge makes billing.claim equal to the staged claims, writing only what differs.
func merge(ctx context.Context, tx pgx.Tx, run int64) error {
	if _, err := tx.Exec(ctx, "analyze august_claim"); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `
		insert into billing.claim_history (appointment, level, run_id, old_state, new_state,
			old_billing_status, new_billing_status, old_insurer_status, new_insurer_status, rule_version)
		select appointment, level, $1, c.state, n.state,
			c.billing_status, n.billing_status, c.insurer_status, n.insurer_status, $2
		from billing.claim c full join august_claim n using (appointment, level)
		where (c.state, c.billing_status, c.insurer_status) is distinct from (n.state, n.billing_status, n.insurer_status)`,
		run, billing.RuleVersion); err != nil {
		return fmt.Errorf("append to the history: %w", err)
	}
	if _, err := tx.Exec(ctx, `
		delete from billing.claim c
		where not exists (select from august_claim n where (n.appointment, n.level) = (c.appointment, c.level))`); err != nil {
		return fmt.Errorf("drop claims that are no more: %w", err)
	}
	if _, err := tx.Exec(ctx, `
		insert into billing.claim as c (`+columnList+`)
		select `+columnList+` from august_claim n
		where not exists (select from billing.claim c where (c.appointment, c.level) = (n.appointment, n.level)
			and (`+qualified("c")+`) is not distinct from (`+qualified("n")+`))
		on conflict (appointment, level) do update set (`+columnList+`) = (`+qualified("excluded")+`),
			updated_at = now(),
			state_since = case when c.state = excluded.state then c.state_since else now() end`); err != nil {
		return fmt.Errorf("write claims: %w", err)
	}
	return nil
}
