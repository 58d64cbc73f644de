package claims

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/sync/billing"
)

// mismatchColumns of billing.mismatch that reconciliation fills, the key first.
var mismatchColumns = []string{
	"key", "reason", "severity", "appointment", "line_item", "level", "transaction", "payment", "repeats", "field", "expected", "found", "text",
}

// Reconcile brings billing.mismatch up to the synced data: new mismatches are added, changed ones written,
// and those that are no more marked as resolved. Nothing else is written, whatever the books say.
func Reconcile(ctx context.Context, tx pgx.Tx, overrides billing.Overrides) error {
	list := strings.Join(mismatchColumns, ", ")
	if _, err := tx.Exec(ctx, `create temporary table august_mismatch on commit drop as select `+list+` from billing.mismatch with no data`); err != nil {
		return fmt.Errorf("reconcile: %w", err)
	}
	if err := eachBooks(ctx, tx, func(b *billing.Books) error {
		found := billing.Reconcile(b, overrides)
		rows := make([][]any, len(found))
		for i := range found {
			rows[i] = mismatch(&found[i])
		}
		if _, err := tx.CopyFrom(ctx, pgx.Identifier{"august_mismatch"}, mismatchColumns, pgx.CopyFromRows(rows)); err != nil {
			return fmt.Errorf("stage mismatches: %w", err)
		}
		return nil
	}); err != nil {
		return fmt.Errorf("reconcile: %w", err)
	}
	if _, err := tx.Exec(ctx, `analyze august_mismatch`); err != nil {
		return fmt.Errorf("reconcile: %w", err)
	}
	if _, err := tx.Exec(ctx, `
		update billing.mismatch m set resolved_at = now(), updated_at = now()
		where resolved_at is null and not exists (select from august_mismatch n where n.key = m.key)`); err != nil {
		return fmt.Errorf("resolve mismatches that are no more: %w", err)
	}
	if _, err := tx.Exec(ctx, `
		insert into billing.mismatch as m (`+list+`)
		select `+list+` from august_mismatch n
		where not exists (select from billing.mismatch m where m.key = n.key and m.resolved_at is null
			and (m.`+strings.Join(mismatchColumns, ", m.")+`) is not distinct from (n.`+strings.Join(mismatchColumns, ", n.")+`))
		on conflict (key) do update set (`+list+`) = (excluded.`+strings.Join(mismatchColumns, ", excluded.")+`),
			since = case when m.resolved_at is null then m.since else now() end, resolved_at = null, updated_at = now()`); err != nil {
		return fmt.Errorf("write mismatches: %w", err)
	}
	return nil
}

// mismatch is the record in the order of mismatchColumns.
func mismatch(m *billing.Mismatch) []any {
	return []any{
		m.Key(), string(m.Reason), string(m.Severity), some(m.Appointment), some(m.Line), some(m.Level), some(m.Transaction), some(m.Payment),
		some(m.Repeats), m.Field, amount(m.Expected), amount(m.Found), m.Text,
	}
}

// some is the value, or null for none.
func some[T comparable](v T) *T {
	var none T
	if v == none {
		return nil
	}
	return &v
}
