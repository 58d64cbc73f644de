// Package results is the database side of labs: it reads orders, tests and results, lets package labs
// decide, and keeps which version of an observation holds, how far each order has got, and what waits
// for a clinician. What it derives, it derives in the transaction of the run.
package results

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
	"github.com/feel-august/terraform-provider-august/internal/sync/coda"
)

// deriveLock lets one transaction at a time derive.
const deriveLock = int64(0x6175677573740102)

// Derive brings everything that follows from the synced results up to them. It fits pipeline.Dataset.
func Derive(ctx context.Context, tx pgx.Tx, spec runtimeapi.PipelineSpec, run int64) error {
	if _, err := tx.Exec(ctx, "select pg_advisory_xact_lock($1)", deriveLock); err != nil {
		return fmt.Errorf("wait to derive from results: %w", err)
	}
	if err := supersede(ctx, tx); err != nil {
		return fmt.Errorf("find the versions that hold: %w", err)
	}
	if err := progress(ctx, tx); err != nil {
		return fmt.Errorf("derive the progress of orders: %w", err)
	}
	if err := signOffs(ctx, tx); err != nil {
		return fmt.Errorf("take up sign-offs: %w", err)
	}
	if err := review(ctx, tx); err != nil {
		return fmt.Errorf("derive the review queue: %w", err)
	}
	var pipeline string
	if err := tx.QueryRow(ctx, "select pipeline from august.run where id = $1", run).Scan(&pipeline); err != nil {
		return fmt.Errorf("find the pipeline of run %d: %w", run, err)
	}
	if err := enqueue(ctx, tx, pipeline, spec.CodaViews); err != nil {
		return fmt.Errorf("put abnormal results on the way to Coda: %w", err)
	}
	return nil
}

// young is how old an order that is not settled may be to be read again by every run. Neither tests nor
// results bear a time of change, and an order need not move with them.
const young = 60 * 24 * time.Hour

// Due lists the orders whose tests and results have to be read again: what the source said of the order
// or of its documents has changed, or the order is young and more is to come. It fits pipeline.Dataset.
func Due(ctx context.Context, pool *pgxpool.Pool, _ string, since time.Time) ([]string, error) {
	rows, err := pool.Query(ctx, `
		select o.id::text from drchrono.lab_orders o
		left join labs.order_progress p on p.lab_order = o.id
		where o.deleted_at_source is null and (o.observed_at >= $1
			or exists (select from drchrono.lab_documents d where d.lab_order = o.id and d.observed_at >= $1)
			or p.settled is not true and coalesce(o.timestamp > (now() at time zone 'utc') - $2::interval, true))
		order by o.id`, since, young)
	if err != nil {
		return nil, fmt.Errorf("list orders that are due: %w", err)
	}
	orders, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("list orders that are due: %w", err)
	}
	return orders, nil
}

// Status counts orders and reviews, and says how the Coda views stand. It fits pipeline.Dataset.
func Status(ctx context.Context, pool *pgxpool.Pool, spec runtimeapi.PipelineSpec, status *runtimeapi.Status) (err error) {
	if status.Orders, err = count(ctx, pool, "select progress, count(*) from labs.order_progress group by 1"); err != nil {
		return fmt.Errorf("count orders: %w", err)
	}
	if status.Reviews, err = count(ctx, pool, "select state, count(*) from labs.review group by 1"); err != nil {
		return fmt.Errorf("count reviews: %w", err)
	}
	status.Coda, err = coda.Status(ctx, pool, status.Pipeline, spec)
	return err
}

func count(ctx context.Context, pool *pgxpool.Pool, sql string) (map[string]int64, error) {
	rows, err := pool.Query(ctx, sql)
	if err != nil {
		return nil, err
	}
	counts := map[string]int64{}
	var name string
	var n int64
	_, err = pgx.ForEachRow(rows, []any{&name, &n}, func() error { counts[name] = n; return nil })
	return counts, err
}

// enqueue hands what waits for a clinician to the outbox of the view that shows it. Nothing in it names
// a patient, and the key is drawn by lot: who may see the patient finds the result by it in labs.review.
func enqueue(ctx context.Context, tx pgx.Tx, pipeline string, views []runtimeapi.CodaView) error {
	var names []string
	for _, view := range views {
		if view.View != runtimeapi.ViewAbnormalResults {
			return fmt.Errorf("this version has no view %q", view.View)
		}
		names = append(names, view.View)
		waiting, err := waiting(ctx, tx)
		if err != nil {
			return err
		}
		if err := coda.Enqueue(ctx, tx, pipeline, view.View, waiting, 0); err != nil {
			return err
		}
	}
	return coda.Forget(ctx, tx, pipeline, names)
}

func waiting(ctx context.Context, tx pgx.Tx) ([]coda.Row, error) {
	rows, err := tx.Query(ctx, `
		select v.code::text, v.test, v.name, v.abnormal_state, v.direction, v.severity, v.basis, v.state, v.reason,
			coalesce(nullif(trim(concat_ws(' ', d.first_name, d.last_name)), ''), v.doctor::text, '')
		from labs.review v left join drchrono.doctors d on d.id = v.doctor
		where v.state in ('open', 'reopened')`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (r coda.Row, err error) {
		var p struct {
			Test        string `json:"test"`
			Observation string `json:"observation"`
			State       string `json:"abnormal_state"`
			Direction   string `json:"direction"`
			Severity    string `json:"severity"`
			Basis       string `json:"basis"`
			Review      string `json:"review"`
			Reason      string `json:"reason"`
			Doctor      string `json:"doctor"`
		}
		if err := row.Scan(&r.Key, &p.Test, &p.Observation, &p.State, &p.Direction, &p.Severity, &p.Basis, &p.Review, &p.Reason, &p.Doctor); err != nil {
			return r, err
		}
		r.Key = keyPrefix + r.Key
		r.Payload, err = json.Marshal(p)
		return r, err
	})
}

// keyPrefix marks rows that this view owns. It starts with coda.Prefix.
const keyPrefix = coda.Prefix + "labs/"
