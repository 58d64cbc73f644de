package webhook

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
	"github.com/feel-august/terraform-provider-august/internal/sync/audit"
	"github.com/feel-august/terraform-provider-august/internal/sync/store"
)

// Shelf is the deliveries that are parked. It works on the database alone.
type Shelf struct{ Store *store.Store }

// qParked tells which parked deliveries a selection means: $1 to $5 are its own.
const qParked = `state = 'parked' and (cardinality($1::bigint[]) = 0 or id = any($1)) and ($2 = '' or kind = $2) and ($3 = '' or key = $3)
	and ($4::timestamptz is null or received_at >= $4) and ($5::timestamptz is null or received_at < $5)`

func selection(which runtimeapi.ParkedSelection) []any {
	ids := which.IDs
	if ids == nil {
		ids = []int64{}
	}
	return []any{ids, which.Kind, which.Key, which.From, which.To}
}

// List is the parked deliveries of a selection with numbers greater than after, in the order in which they came.
func (s Shelf) List(ctx context.Context, which runtimeapi.ParkedSelection, after int64, limit int) (runtimeapi.ParkedList, error) {
	list := runtimeapi.ParkedList{Deliveries: []runtimeapi.Parked{}}
	err := s.Store.Again(ctx, func() (err error) {
		rows, _ := s.Store.Pool().Query(ctx, `select id, delivery, event, kind, key, reason, attempts, received_at, coalesce(settled_at, received_at)
			from august.inbox where `+qParked+` and id > $6 order by id limit $7`, append(selection(which), after, limit+1)...)
		list.Deliveries, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (p runtimeapi.Parked, err error) {
			return p, row.Scan(&p.ID, &p.Delivery, &p.Event, &p.Kind, &p.Key, &p.Reason, &p.Attempts, &p.ReceivedAt, &p.ParkedAt)
		})
		return err
	})
	if err != nil {
		return list, fmt.Errorf("list parked deliveries: %w", err)
	}
	if len(list.Deliveries) > limit {
		list.Deliveries = list.Deliveries[:limit]
		list.Next = list.Deliveries[limit-1].ID
	}
	return list, nil
}

// Replay puts deliveries back into the inbox, to be applied in the order in which they came. What is still wrong with one
// parks it again.
func (s Shelf) Replay(ctx context.Context, which runtimeapi.ParkedSelection) (int64, error) {
	n, err := s.take(ctx, `update august.inbox set state = 'pending', reason = '', settled_at = null where `+qParked, selection(which))
	if err != nil {
		return 0, fmt.Errorf("put parked deliveries back: %w", err)
	}
	return n, nil
}

// Discard gives deliveries up. Who did it, and why, stays with them for as long as settled ones are kept.
func (s Shelf) Discard(ctx context.Context, which runtimeapi.ParkedSelection) (int64, error) {
	if which.Reason == "" {
		return 0, &runtimeapi.Error{Code: runtimeapi.CodeInvalid, Field: "reason", Message: "say why they are not needed"}
	}
	who := audit.From(ctx)
	if who.Kind == "" {
		return 0, errors.New("discard parked deliveries: nobody says who does")
	}
	reason := fmt.Sprintf("discarded by %s %s: %s", who.Kind, who.ID, which.Reason)
	n, err := s.take(ctx, `update august.inbox set state = 'ignored', reason = $6, object = null, settled_at = clock_timestamp() where `+qParked, append(selection(which), reason))
	if err != nil {
		return 0, fmt.Errorf("discard parked deliveries: %w", err)
	}
	return n, nil
}

// take takes deliveries from the shelf. The audit trail tells who did.
func (s Shelf) take(ctx context.Context, sql string, args []any) (n int64, err error) {
	err = pgx.BeginFunc(ctx, s.Store.Pool(), func(tx pgx.Tx) error {
		if err := audit.From(ctx).Set(ctx, tx); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, sql, args...)
		n = tag.RowsAffected()
		return err
	})
	return n, err
}
