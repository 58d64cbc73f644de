package claims

import (
	"context"
	"fmt"
	"strings"
	"time"
	_ "time/tzdata" // the practice's zone must not depend on the image

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/sync/billing"
)

// Daily brings billing.daily up to the claims as they are at the moment of the call: the rows of the practice's
// day are made equal to billing.claim, writing only what differs. Earlier days stay as they are, for
// they ended in the state that was last observed in them, which is also what claim_history says;
// what claim_history does not keep, the amounts of that day, is why they are not derived again. Days
// on which nothing ran are filled with the day before: nothing was observed to change.
func Daily(ctx context.Context, tx pgx.Tx, at time.Time) error {
	zone, err := practiceZone(ctx, tx)
	if err != nil {
		return fmt.Errorf("find the practice's time zone: %w", err)
	}
	// A day that was written is never left for an earlier one, even when the zone changes.
	var day time.Time
	if err := tx.QueryRow(ctx, `select greatest($1::date, max(day)) from billing.daily`, at.In(zone).Format(time.DateOnly)).Scan(&day); err != nil {
		return fmt.Errorf("find the day: %w", err)
	}
	if _, err := tx.Exec(ctx, `
		insert into billing.daily (`+dailyList+`)
		select last.day + n, d.`+strings.Join(dailyColumns[1:], ", d.")+`
		from (select max(day) as day from billing.daily where day < $1) last
			join billing.daily d on d.day = last.day
			cross join generate_series(1, $1 - last.day - 1) n`, day); err != nil {
		return fmt.Errorf("fill the days on which nothing ran: %w", err)
	}
	if err := stageDay(ctx, tx, day); err != nil {
		return fmt.Errorf("count the day's claims: %w", err)
	}
	if _, err := tx.Exec(ctx, `
		delete from billing.daily d
		where day = $1 and not exists (select from august_daily n where (n.status, n.payer, n.doctor) = (d.status, d.payer, d.doctor))`, day); err != nil {
		return fmt.Errorf("drop rows of the day that are no more: %w", err)
	}
	if _, err := tx.Exec(ctx, `
		insert into billing.daily as d (`+dailyList+`)
		select `+dailyList+` from august_daily n
		where not exists (select from billing.daily d where (d.day, d.status, d.payer, d.doctor) = (n.day, n.status, n.payer, n.doctor)
			and (d.`+strings.Join(dailyColumns, ", d.")+`) is not distinct from (n.`+strings.Join(dailyColumns, ", n.")+`))
		on conflict (day, status, payer, doctor) do update set (`+dailyList+`) = (excluded.`+strings.Join(dailyColumns, ", excluded.")+`), updated_at = now()`); err != nil {
		return fmt.Errorf("write the day: %w", err)
	}
	return nil
}

// dailyColumns of billing.daily that derivation fills, the key's first.
var dailyColumns = []string{"day", "status", "payer", "doctor", "claims", "billed", "insurance_paid", "patient_paid", "balance"}

var dailyList = strings.Join(dailyColumns, ", ")

// stageDay puts the day's rows into a temporary table.
func stageDay(ctx context.Context, tx pgx.Tx, day time.Time) error {
	if _, err := tx.Exec(ctx, `create temporary table august_daily on commit drop as select `+dailyList+` from billing.daily with no data`); err != nil {
		return err
	}
	groups, err := grouped(ctx, tx, `c.status, coalesce(a.primary_insurer_name, ''), coalesce(c.doctor, 0)`, func(g *billing.Daily) []any {
		g.Day = day.Format(time.DateOnly)
		return append([]any{&g.Status, &g.Payer, &g.Doctor}, totals(&g.Totals)...)
	})
	if err != nil {
		return err
	}
	var rows [][]any
	for _, g := range billing.Days(groups) {
		rows = append(rows, []any{
			day, string(g.Status), g.Payer, g.Doctor, g.Claims, amount(g.Billed), amount(g.InsurancePaid), amount(g.PatientPaid), amount(g.Balance),
		})
	}
	_, err = tx.CopyFrom(ctx, pgx.Identifier{"august_daily"}, dailyColumns, pgx.CopyFromRows(rows))
	return err
}

// practiceZone is the zone of most of the practice's providers, of those that are zones at all; UTC without.
func practiceZone(ctx context.Context, tx pgx.Tx) (*time.Location, error) {
	rows, err := tx.Query(ctx, `
		select timezone from drchrono.doctors
		where timezone <> '' and deleted_at_source is null
		group by 1 order by count(*) filter (where not coalesce(is_account_suspended, false)) desc, count(*) desc, 1`)
	if err != nil {
		return nil, err
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if zone, err := time.LoadLocation(name); err == nil && name != "Local" {
			return zone, nil
		}
	}
	return time.UTC, nil
}
