package audit

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// cursor reads rows of a transaction in pieces, so that two can be read beside each other on one connection.
type cursor[T any] struct {
	tx     pgx.Tx
	fetch  string
	name   string
	fields func(*T) []any
	rest   []*T
	ended  bool

	cluster int64 // of the transaction: its cluster, its oldest transaction under way, its beginning
	xmin    uint64
	now     time.Time
}

func openCursor[T any](ctx context.Context, tx pgx.Tx, name string, size int, fields func(*T) []any, sql string, args ...any) (*cursor[T], error) {
	c := &cursor[T]{tx: tx, name: name, fetch: fmt.Sprintf("fetch %d from %s", size, name), fields: fields}
	if err := tx.QueryRow(ctx, `select august.audit_cluster(), pg_snapshot_xmin(pg_current_snapshot()), now()`).Scan(&c.cluster, &c.xmin, &c.now); err != nil {
		return nil, err
	}
	_, err := tx.Exec(ctx, "declare "+name+" no scroll cursor for "+sql, append([]any{pgx.QueryExecModeExec}, args...)...)
	return c, err
}

// next is the next row, nil at the end.
func (c *cursor[T]) next(ctx context.Context) (*T, error) {
	if len(c.rest) == 0 && !c.ended {
		rows, _ := c.tx.Query(ctx, c.fetch)
		var err error
		c.rest, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (*T, error) {
			t := new(T)
			return t, row.Scan(c.fields(t)...)
		})
		if err != nil {
			return nil, err
		}
		c.ended = len(c.rest) == 0
	}
	if c.ended {
		return nil, nil
	}
	t := c.rest[0]
	c.rest = c.rest[1:]
	return t, nil
}

func (c *cursor[T]) close(ctx context.Context) error {
	_, err := c.tx.Exec(ctx, "close "+c.name)
	return err
}
