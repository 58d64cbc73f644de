package advisor

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/advise/index"
)

// hypo is HypoPG as this database has it, and the indexes that the session supposes.
type hypo struct {
	db       *inspected
	schema   string
	supposed map[string][]supposed // by Definition.Plain
}

type supposed struct {
	id   uint32
	as   string // as plans name it
	name string // Definition.Name
}

// findHypo looks for HypoPG. There being none is no error.
func findHypo(ctx context.Context, tx pgx.Tx, db *inspected) (*hypo, error) {
	h := &hypo{db: db, supposed: map[string][]supposed{}}
	err := tx.QueryRow(ctx, `select quote_ident(n.nspname) from pg_extension e join pg_namespace n on n.oid = e.extnamespace where e.extname = 'hypopg'`).Scan(&h.schema)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look for HypoPG: %w", err)
	}
	return h, h.reset(ctx, tx.Conn())
}

// reset supposes nothing any more.
func (h *hypo) reset(ctx context.Context, conn *pgx.Conn) error {
	clear(h.supposed)
	_, err := conn.PgConn().Exec(ctx, `select `+h.schema+`.hypopg_reset()`).ReadAll()
	return err
}

// mostParts is how many partitions an index is supposed on.
const mostParts = 64

// suppose has the session suppose exactly these indexes.
func (h *hypo) suppose(ctx context.Context, conn *pgx.Conn, with []index.Definition) error {
	wanted := map[string]bool{}
	for _, d := range with {
		wanted[d.Plain()] = true
	}
	for sql, there := range h.supposed {
		if wanted[sql] {
			continue
		}
		delete(h.supposed, sql)
		for _, s := range there {
			if r := conn.PgConn().ExecParams(ctx, `select `+h.schema+`.hypopg_drop_index($1::oid)`, [][]byte{[]byte(strconv.FormatUint(uint64(s.id), 10))}, nil, nil, nil).Read(); r.Err != nil {
				return unplannable(ctx, r.Err)
			}
		}
	}
	for _, d := range with {
		if _, ok := h.supposed[d.Plain()]; ok {
			continue
		}
		if err := h.add(ctx, conn, d); err != nil {
			return err
		}
	}
	return nil
}

// add supposes one more. On a partitioned table it is supposed on each partition, for HypoPG knows none on the whole.
func (h *hypo) add(ctx context.Context, conn *pgx.Conn, d index.Definition) error {
	switch d.Method {
	case "btree", "brin", "hash", "bloom":
	default:
		return index.ErrUnsupported
	}
	parts := h.db.parts[d.Schema+"."+d.Table]
	if len(parts) > mostParts {
		return index.ErrUnsupported
	}
	on := []index.Definition{d}
	if parts != nil {
		on = nil
		for _, p := range parts {
			part := d
			part.Schema, part.Table = p[0], p[1]
			on = append(on, part)
		}
	}
	var there []supposed
	for _, part := range on {
		r := conn.PgConn().ExecParams(ctx, `select indexrelid, indexname from `+h.schema+`.hypopg_create_index($1)`, [][]byte{[]byte(part.Plain())}, nil, nil, nil).Read()
		if r.Err != nil || len(r.Rows) != 1 {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if _, err := conn.PgConn().Exec(ctx, "rollback to savepoint "+savepoint).ReadAll(); err != nil {
				return unplannable(ctx, err)
			}
			if err := h.reset(ctx, conn); err != nil { // those on other partitions
				return unplannable(ctx, err)
			}
			return unplannable(ctx, r.Err)
		}
		id, err := strconv.ParseUint(string(r.Rows[0][0]), 10, 32)
		if err != nil {
			return err
		}
		there = append(there, supposed{uint32(id), string(r.Rows[0][1]), d.Name})
	}
	h.supposed[d.Plain()] = there
	return nil
}

// named is the name of an index that a plan uses, whether it is there or supposed.
func (h *hypo) named(as string) string {
	for _, there := range h.supposed {
		for _, s := range there {
			if s.as == as {
				return s.name
			}
		}
	}
	return as
}
