package claims

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/shopspring/decimal"

	"github.com/feel-august/terraform-provider-august/internal/sync/billing"
)

// page bounds the visits in memory at a time.
const page = 4000

// columns of billing.claim that derivation fills.
var columns = []string{
	"appointment", "level", "counts", "state", "status", "reason", "billing_status", "insurer_status", "payer", "payer_id",
	"patient", "doctor", "service_date", "submitted_on", "lines", "denied_lines", "denial_reasons",
	"billed", "adjustment", "insurance_paid", "level_paid", "patient_paid", "balance_insurance", "balance_patient",
	"posted_paid", "paid_differs", "rule_version",
}

var columnList = strings.Join(columns, ", ")

func qualified(table string) string { return table + "." + strings.Join(columns, ", "+table+".") }

// stage derives every claim into a temporary table.
func stage(ctx context.Context, tx pgx.Tx, overrides billing.Overrides) error {
	if _, err := tx.Exec(ctx, `create temporary table august_claim on commit drop as select `+columnList+` from billing.claim with no data`); err != nil {
		return err
	}
	for after := ""; ; {
		visits, err := visits(ctx, tx, after)
		if err != nil {
			return fmt.Errorf("read visits: %w", err)
		}
		if len(visits) == 0 {
			return nil
		}
		after = visits[len(visits)-1].Appointment
		if err := addLines(ctx, tx, visits); err != nil {
			return fmt.Errorf("read lines: %w", err)
		}
		var claims [][]any
		for _, v := range visits {
			for _, c := range billing.Derive(v, overrides) {
				claims = append(claims, record(&c))
			}
		}
		if _, err := tx.CopyFrom(ctx, pgx.Identifier{"august_claim"}, columns, pgx.CopyFromRows(claims)); err != nil {
			return fmt.Errorf("stage claims: %w", err)
		}
	}
}

// visits reads one page of visits that can be claims, in order of their ids.
func visits(ctx context.Context, tx pgx.Tx, after string) ([]*billing.Visit, error) {
	rows, err := tx.Query(ctx, `
		select id, patient, doctor, scheduled_time::date, coalesce(status, ''), coalesce(billing_status, ''),
			coalesce(ins1_status, ''), coalesce(ins2_status, ''),
			coalesce(primary_insurer_name, ''), coalesce(secondary_insurer_name, ''),
			coalesce(primary_insurer_payer_id, ''), coalesce(secondary_insurer_payer_id, ''),
			first_billed_date::date, first_edi_date::date,
			coalesce(appt_is_break, false), coalesce(deleted_flag, false)
		from drchrono.appointments
		where id > $1 and deleted_at_source is null
		order by id limit $2`, after, page)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (*billing.Visit, error) {
		v := new(billing.Visit)
		err := row.Scan(&v.Appointment, &v.Patient, &v.Doctor, &v.Scheduled, &v.VisitStatus, &v.BillingStatus,
			&v.InsurerStatus[0], &v.InsurerStatus[1], &v.Payer[0], &v.Payer[1], &v.PayerID[0], &v.PayerID[1],
			&v.FirstBilled, &v.FirstEDI, &v.Break, &v.Deleted)
		return v, err
	})
}

// addLines sums the lines of the visits, and the postings of each line per payer level.
func addLines(ctx context.Context, tx pgx.Tx, visits []*billing.Visit) error {
	byID := make(map[string]*billing.Visit, len(visits))
	ids := make([]string, len(visits))
	for i, v := range visits {
		byID[v.Appointment], ids[i] = v, v.Appointment
	}
	rows, err := tx.Query(ctx, `
		select appointment, count(*), min(service_date), count(*) filter (where denied_flag),
			coalesce(sum(billed), 0), coalesce(sum(adjustment), 0),
			coalesce(sum(coalesce(ins_total, coalesce(ins1_paid, 0) + coalesce(ins2_paid, 0) + coalesce(ins3_paid, 0))), 0),
			coalesce(sum(ins1_paid), 0), coalesce(sum(ins2_paid), 0), coalesce(sum(pt_paid), 0),
			coalesce(sum(balance_ins), 0), coalesce(sum(balance_pt), 0)
		from drchrono.line_items
		where appointment = any($1) and deleted_at_source is null
		group by 1`, ids)
	if err != nil {
		return err
	}
	var id string
	var l billing.Lines
	if _, err := pgx.ForEachRow(rows, []any{&id, &l.Count, &l.FirstService, &l.Flagged,
		(*amount)(&l.Billed), (*amount)(&l.Adjustment), (*amount)(&l.InsurancePaid),
		(*amount)(&l.LevelPaid[0]), (*amount)(&l.LevelPaid[1]), (*amount)(&l.PatientPaid),
		(*amount)(&l.BalanceInsurance), (*amount)(&l.BalancePatient)}, func() error {
		byID[id].Lines = l
		return nil
	}); err != nil {
		return err
	}
	return addPostings(ctx, tx, ids, byID)
}

// addPostings reads postings through their lines: a posting's own appointment may be missing, and
// the postings of a deleted line are gone with it.
func addPostings(ctx context.Context, tx pgx.Tx, ids []string, byID map[string]*billing.Visit) error {
	rows, err := tx.Query(ctx, `
		select l.appointment, l.id, coalesce(t.ins_name, 0), coalesce(t.adjustment_reason, ''),
			coalesce(l.billed, 0), coalesce(l.denied_flag, false), coalesce(bool_or(trim(t.claim_status) = '4'), false),
			coalesce(sum(t.ins_paid), 0), coalesce(sum(t.adjustment), 0)
		from drchrono.line_items l join drchrono.transactions t on t.line_item = l.id
		where l.appointment = any($1) and l.deleted_at_source is null and t.deleted_at_source is null
		group by l.id, 3, 4
		order by l.id, 3, 4`, ids)
	if err != nil {
		return err
	}
	var (
		id, reason       string
		line             int64
		level            int
		billed, adjusted decimal.Decimal
		flagged, denied  bool
		paid             decimal.Decimal
		last             struct {
			line  int64
			level int
		}
	)
	_, err = pgx.ForEachRow(rows, []any{&id, &line, &level, &reason, (*amount)(&billed), &flagged, &denied,
		(*amount)(&paid), (*amount)(&adjusted)}, func() error {
		lines := &byID[id].Lines
		// Rows of one line and level come one after another, one per reason.
		if at := (struct {
			line  int64
			level int
		}{line, level}); at != last || len(lines.Postings) == 0 {
			lines.Postings = append(lines.Postings, billing.Posting{Level: level, Billed: billed, Flagged: flagged})
			last = at
		}
		p := &lines.Postings[len(lines.Postings)-1]
		p.Denied = p.Denied || denied
		p.Paid = p.Paid.Add(paid)
		p.Reasons = append(p.Reasons, reason)
		if billing.IsDenialCARC(reason) {
			p.DenialCARC = p.DenialCARC.Add(adjusted)
		}
		return nil
	})
	return err
}

// record is the claim in the order of columns.
func record(c *billing.Claim) []any {
	v, l := c.Visit, &c.Visit.Lines
	return []any{
		v.Appointment, c.Level, c.Counts, string(c.State), string(c.State.Status()), c.Reason,
		v.BillingStatus, c.InsurerStatus, v.Payer[c.Level-1], v.PayerID[c.Level-1],
		v.Patient, v.Doctor, date(v.ServiceDate()), date(v.SubmittedOn()), l.Count, c.DeniedLines, c.DenialReasons,
		amount(l.Billed), amount(l.Adjustment), amount(l.InsurancePaid), amount(l.LevelPaid[c.Level-1]), amount(l.PatientPaid),
		amount(l.BalanceInsurance), amount(l.BalancePatient),
		amount(c.PostedPaid), c.PaidDiffers, billing.RuleVersion,
	}
}

func date(t *time.Time) pgtype.Date {
	if t == nil {
		return pgtype.Date{}
	}
	return pgtype.Date{Time: *t, Valid: true}
}

// amount carries a decimal to and from numeric without a detour through text.
type amount decimal.Decimal

// ScanNumeric implements pgtype.NumericScanner.
func (a *amount) ScanNumeric(n pgtype.Numeric) error {
	switch {
	case !n.Valid:
		*a = amount(decimal.Zero)
	case n.NaN || n.InfinityModifier != pgtype.Finite:
		return errors.New("an amount is not a number")
	default:
		*a = amount(decimal.NewFromBigInt(n.Int, n.Exp))
	}
	return nil
}

// NumericValue implements pgtype.NumericValuer.
func (a amount) NumericValue() (pgtype.Numeric, error) {
	d := decimal.Decimal(a)
	return pgtype.Numeric{Int: d.Coefficient(), Exp: d.Exponent(), Valid: true}, nil
}
