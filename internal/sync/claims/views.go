package claims

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
	"github.com/feel-august/terraform-provider-august/internal/sync/billing"
	"github.com/feel-august/terraform-provider-august/internal/sync/coda"
)

// views is what each Coda view of the dataset shows: its rows, and how much is withheld because its
// group is too small to show.
var views = map[string]func(context.Context, pgx.Tx) (rows []coda.Row, withheld int64, err error){
	runtimeapi.ViewBillingSummary:    summary,
	runtimeapi.ViewBillingDay:        today,
	runtimeapi.ViewBillingMismatches: mismatches,
}

// enqueue computes each view that the pipeline has and hands it to its outbox.
func enqueue(ctx context.Context, tx pgx.Tx, pipeline string, wanted []runtimeapi.CodaView) error {
	var names []string
	for _, view := range wanted {
		names = append(names, view.View)
		show, ok := views[view.View]
		if !ok {
			return fmt.Errorf("this version has no view %q", view.View)
		}
		rows, withheld, err := show(ctx, tx)
		if err != nil {
			return fmt.Errorf("compute %s: %w", view.View, err)
		}
		if err := coda.Enqueue(ctx, tx, pipeline, view.View, rows, withheld); err != nil {
			return err
		}
	}
	return coda.Forget(ctx, tx, pipeline, names)
}

// fields is what a row shows.
type fields map[string]any

// add sets the fields that all views of claims have.
func (f fields) add(t billing.Totals) fields {
	number := func(d decimal.Decimal) json.Number { return json.Number(d.String()) }
	f["claims"], f["billed"], f["insurance_paid"] = t.Claims, number(t.Billed), number(t.InsurancePaid)
	f["patient_paid"], f["balance"] = number(t.PatientPaid), number(t.Balance)
	return f
}

// row is the fields as they go to Coda.
func (f fields) row(key string) (coda.Row, error) {
	payload, err := json.Marshal(f)
	return coda.Row{Key: key, Payload: payload}, err
}

// rowsOf makes a row of every group.
func rowsOf[G any](groups []G, row func(G) (coda.Row, error)) ([]coda.Row, error) {
	rows := make([]coda.Row, len(groups))
	for i, g := range groups {
		var err error
		if rows[i], err = row(g); err != nil {
			return nil, err
		}
	}
	return rows, nil
}

// summary is claims by month of service, status and payer.
func summary(ctx context.Context, tx pgx.Tx) ([]coda.Row, int64, error) {
	groups, err := grouped(ctx, tx, `coalesce(to_char(c.service_date, 'YYYY-MM'), ''), c.status, coalesce(a.primary_insurer_name, '')`,
		func(g *billing.Group) []any {
			return append([]any{&g.Month, &g.Status, &g.Payer}, totals(&g.Totals)...)
		})
	if err != nil {
		return nil, 0, err
	}
	shown, withheld := billing.Summarise(groups, billing.MinClaims)
	rows, err := rowsOf(shown, func(g billing.Group) (coda.Row, error) {
		return fields{"month": g.Month, "status": g.Status, "payer": g.Payer}.add(g.Totals).row(g.Key())
	})
	return rows, withheld, err
}

// grouped counts and sums the claims that count, by three columns of the claim c and its visit a. The payer is the
// visit's primary one, whichever level counts.
func grouped[G any](ctx context.Context, tx pgx.Tx, by string, fields func(*G) []any) ([]G, error) {
	rows, err := tx.Query(ctx, `
		select `+by+`, count(*), sum(c.billed), sum(c.insurance_paid), sum(c.patient_paid), sum(c.balance_insurance + c.balance_patient)
		from billing.claim c join drchrono.appointments a on a.id = c.appointment
		where c.counts
		group by 1, 2, 3`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (g G, err error) {
		err = row.Scan(fields(&g)...)
		return g, err
	})
}

// totals is where the columns of claims, counted and summed, are scanned to.
func totals(t *billing.Totals) []any {
	return []any{&t.Claims, (*amount)(&t.Billed), (*amount)(&t.InsurancePaid), (*amount)(&t.PatientPaid), (*amount)(&t.Balance)}
}

// today is the newest day of billing.daily, and only that: see billing.ShowDay.
func today(ctx context.Context, tx pgx.Tx) ([]coda.Row, int64, error) {
	found, err := tx.Query(ctx, `
		select day::text, status, payer, doctor, claims, billed, insurance_paid, patient_paid, balance
		from billing.daily where day = (select max(day) from billing.daily)`)
	if err != nil {
		return nil, 0, err
	}
	days, err := pgx.CollectRows(found, func(row pgx.CollectableRow) (g billing.Daily, err error) {
		err = row.Scan(append([]any{&g.Day, &g.Status, &g.Payer, &g.Doctor}, totals(&g.Totals)...)...)
		return g, err
	})
	if err != nil {
		return nil, 0, err
	}
	shown, withheld := billing.ShowDay(days, billing.MinClaims)
	rows, err := rowsOf(shown, func(g billing.Daily) (coda.Row, error) {
		doctor := "" // several, or none
		if g.Doctor != 0 {
			doctor = fmt.Sprint(g.Doctor)
		}
		return fields{"day": g.Day, "status": g.Status, "payer": g.Payer, "doctor": doctor}.add(g.Totals).row(g.ShowKey())
	})
	return rows, withheld, err
}

// mismatches is the open ones by the month in which they were first seen, reason and severity.
func mismatches(ctx context.Context, tx pgx.Tx) ([]coda.Row, int64, error) {
	found, err := tx.Query(ctx, `
		select to_char(since, 'YYYY-MM'), reason, severity, count(*) from billing.mismatch where resolved_at is null group by 1, 2, 3`)
	if err != nil {
		return nil, 0, err
	}
	groups, err := pgx.CollectRows(found, pgx.RowToStructByPos[billing.MismatchGroup])
	if err != nil {
		return nil, 0, err
	}
	shown, withheld := billing.ShowMismatches(groups, billing.MinClaims)
	rows, err := rowsOf(shown, func(g billing.MismatchGroup) (coda.Row, error) {
		return fields{"month": g.Month, "reason": g.Reason, "severity": g.Severity, "mismatches": g.Count}.row(g.ShowKey())
	})
	return rows, withheld, err
}
