package claims

import (
	"context"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/shopspring/decimal"

	"github.com/feel-august/terraform-provider-august/internal/sync/billing"
)

// eachBooks reads everything that reconciliation compares, in books that are closed as billing.Books asks
// and hold about a page of visits or records each: first visits with what belongs to them, then the
// records that belong to none. Every record is in exactly one.
func eachBooks(ctx context.Context, tx pgx.Tx, do func(*billing.Books) error) error {
	for after := ""; ; {
		visits, err := visits(ctx, tx, after)
		if err != nil {
			return fmt.Errorf("read visits: %w", err)
		}
		if len(visits) == 0 {
			break
		}
		after = visits[len(visits)-1].Appointment
		b, err := books(ctx, tx, visits)
		if err != nil {
			return err
		}
		if err := do(b); err != nil {
			return err
		}
	}
	if err := each(ctx, tx, "august_stray_transactions", strayTransactions, scanStray(scanTransaction), func(strays []stray[billing.Transaction]) error {
		b := &billing.Books{}
		b.Transactions = place(b, strays)
		return do(b)
	}); err != nil {
		return fmt.Errorf("read transactions without a visit: %w", err)
	}
	if err := each(ctx, tx, "august_stray_payments", strayPayments, scanStray(scanPayment), func(strays []stray[billing.Payment]) error {
		b := &billing.Books{}
		b.Payments = place(b, strays)
		return do(b)
	}); err != nil {
		return fmt.Errorf("read payments whose visit is not there: %w", err)
	}
	return eachAccount(ctx, tx, do)
}

// books reads what belongs to the visits: through the lines, for a record's own visit may be missing.
func books(ctx context.Context, tx pgx.Tx, visits []*billing.Visit) (*billing.Books, error) {
	ids := make([]string, len(visits))
	for i, v := range visits {
		ids[i] = v.Appointment
	}
	b := &billing.Books{Visits: visits}
	rows, err := tx.Query(ctx, `
		select id, appointment, coalesce(billing_status, ''), billed, adjustment, ins1_paid, ins2_paid, ins3_paid, ins_total,
			pt_paid, paid_total, balance_ins, balance_pt, balance_total
		from drchrono.line_items where appointment = any($1) and deleted_at_source is null`, ids)
	if err == nil {
		b.Lines, err = pgx.CollectRows(rows, scanLine)
	}
	if err != nil {
		return nil, fmt.Errorf("read lines: %w", err)
	}
	rows, err = tx.Query(ctx, `
		select `+transactionColumns+`
		from drchrono.line_items l join drchrono.transactions t on t.line_item = l.id
		where l.appointment = any($1) and l.deleted_at_source is null and t.deleted_at_source is null`, ids)
	if err == nil {
		b.Transactions, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (t billing.Transaction, err error) {
			return t, row.Scan(scanTransaction(&t)...)
		})
	}
	if err != nil {
		return nil, fmt.Errorf("read transactions: %w", err)
	}
	rows, err = tx.Query(ctx, `
		select `+paymentColumns+`
		from drchrono.line_items l join drchrono.patient_payments p on p.line_item = l.id
		where l.appointment = any($1) and l.deleted_at_source is null and p.deleted_at_source is null
		union all
		select `+paymentColumns+`
		from drchrono.patient_payments p
		where p.appointment = any($1) and p.line_item is null and p.deleted_at_source is null`, ids)
	if err == nil {
		b.Payments, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (p billing.Payment, err error) {
			return p, row.Scan(scanPayment(&p)...)
		})
	}
	if err != nil {
		return nil, fmt.Errorf("read payments: %w", err)
	}
	return b, nil
}

// eachAccount reads the payments that are allocated to nothing; those of one patient stay together.
func eachAccount(ctx context.Context, tx pgx.Tx, do func(*billing.Books) error) error {
	b := &billing.Books{}
	err := each(ctx, tx, "august_account_payments", `
		select `+paymentColumns+`
		from drchrono.patient_payments p
		where p.line_item is null and p.appointment is null and p.deleted_at_source is null
		order by p.patient, p.id`,
		func(row pgx.CollectableRow) (p billing.Payment, err error) { return p, row.Scan(scanPayment(&p)...) },
		func(payments []billing.Payment) error {
			for _, p := range payments {
				if n := len(b.Payments); n >= page && b.Payments[n-1].Patient != p.Patient {
					if err := do(b); err != nil {
						return err
					}
					b = &billing.Books{}
				}
				b.Payments = append(b.Payments, p)
			}
			return nil
		})
	if err != nil {
		return fmt.Errorf("read payments that are not allocated: %w", err)
	}
	return do(b)
}

const (
	transactionColumns = `t.id, coalesce(t.line_item, 0), coalesce(t.appointment, ''), coalesce(t.ins_name, 0), t.ins_paid, t.adjustment,
		coalesce(t.adjustment_reason, ''), coalesce(t.adjustment_group_code, '')`
	paymentColumns = `p.id, coalesce(p.patient, 0), coalesce(p.appointment, ''), coalesce(p.line_item, 0), p.amount, coalesce(p.payment_transaction_type, ''),
		coalesce(p.received_date, p.posted_date)::text, coalesce(p.trace_number, '')`

	// Whether line and visit of a stray are there after all, but deleted. A line may be known only as deleted.
	strayColumns = `, coalesce(l.id, d.billing_line_item_id, 0), l.deleted_at_source is not null or l.id is null, coalesce(l.appointment, ''),
		coalesce(a.id, ''), a.deleted_at_source is not null`

	// Visits that are flagged as deleted are read as the others are.
	strayTransactions = `
		select ` + transactionColumns + strayColumns + `
		from drchrono.transactions t
			left join drchrono.line_items l on l.id = t.line_item
			left join drchrono.line_item_deletions d on d.billing_line_item_id = t.line_item
			left join drchrono.appointments a on a.id = l.appointment
		where t.deleted_at_source is null
			and (l.id is null or l.deleted_at_source is not null or a.id is null or a.deleted_at_source is not null)`

	strayPayments = `
		select ` + paymentColumns + strayColumns + `
		from drchrono.patient_payments p
			left join drchrono.line_items l on l.id = p.line_item
			left join drchrono.line_item_deletions d on d.billing_line_item_id = p.line_item
			left join drchrono.appointments a on a.id = case when p.line_item is null then p.appointment else l.appointment end
		where p.deleted_at_source is null and (p.line_item is not null or p.appointment is not null)
			and (p.line_item is not null and (l.id is null or l.deleted_at_source is not null) or a.id is null or a.deleted_at_source is not null)`
)

func scanLine(row pgx.CollectableRow) (l billing.Line, err error) {
	err = row.Scan(&l.ID, &l.Appointment, &l.Status, (*amount)(&l.Billed), (*amount)(&l.Adjustment), (*amount)(&l.Paid[0]), (*amount)(&l.Paid[1]),
		(*amount)(&l.Paid[2]), (*total)(&l.InsuranceTotal), (*amount)(&l.PatientPaid), (*total)(&l.PaidTotal), (*amount)(&l.BalanceInsurance),
		(*amount)(&l.BalancePatient), (*total)(&l.BalanceTotal))
	return l, err
}

func scanTransaction(t *billing.Transaction) []any {
	return []any{&t.ID, &t.Line, &t.Appointment, &t.Level, (*amount)(&t.Paid), (*amount)(&t.Adjustment), &t.Reason, &t.Group}
}

func scanPayment(p *billing.Payment) []any {
	return []any{&p.ID, &p.Patient, &p.Appointment, &p.Line, (*amount)(&p.Amount), &p.Type, (*word)(&p.Day), &p.Trace}
}

// stray is a record whose line or visit is not there, with what is known of them.
type stray[T any] struct {
	record       T
	line         billing.Line // no id: never seen
	visit        string       // "": never seen
	visitDeleted bool
}

func scanStray[T any](columns func(*T) []any) pgx.RowToFunc[stray[T]] {
	return func(row pgx.CollectableRow) (s stray[T], err error) {
		err = row.Scan(append(columns(&s.record), &s.line.ID, &s.line.Deleted, &s.line.Appointment, &s.visit, &s.visitDeleted)...)
		return s, err
	}
}

// place puts lines and visits of the strays into the books and returns their records.
func place[T any](b *billing.Books, strays []stray[T]) []T {
	records, seen := make([]T, len(strays)), map[string]bool{}
	for i, s := range strays {
		records[i] = s.record
		if key := "line " + strconv.FormatInt(s.line.ID, 10); s.line.ID != 0 && !seen[key] {
			seen[key] = true
			b.Lines = append(b.Lines, s.line)
		}
		// A visit that is there belongs to other books.
		if s.visitDeleted && !seen[s.visit] {
			seen[s.visit] = true
			b.Visits = append(b.Visits, &billing.Visit{Appointment: s.visit, Deleted: true})
		}
	}
	return records
}

// each reads the rows of a query page by page through a cursor of the name, so that no more than a page
// is in memory, and the connection is free in between.
func each[T any](ctx context.Context, tx pgx.Tx, name, sql string, scan pgx.RowToFunc[T], do func([]T) error) error {
	if _, err := tx.Exec(ctx, `declare `+name+` no scroll cursor for `+sql); err != nil {
		return err
	}
	for {
		rows, err := tx.Query(ctx, `fetch `+strconv.Itoa(page)+` from `+name)
		if err != nil {
			return err
		}
		records, err := pgx.CollectRows(rows, scan)
		if err != nil {
			return err
		}
		if len(records) == 0 {
			_, err := tx.Exec(ctx, `close `+name)
			return err
		}
		if err := do(records); err != nil {
			return err
		}
	}
}

// total is an amount that may be null.
type total decimal.NullDecimal

// ScanNumeric implements pgtype.NumericScanner.
func (t *total) ScanNumeric(n pgtype.Numeric) error {
	t.Valid = n.Valid
	return (*amount)(&t.Decimal).ScanNumeric(n)
}

// word is text in which null is empty.
type word string

// ScanText implements pgtype.TextScanner.
func (w *word) ScanText(v pgtype.Text) error {
	*w = word(v.String)
	return nil
}
