// Package inspect reads out of PostgreSQL what a database is made of. It asks the system's own tables only, and sees no row.
package inspect

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/catalog"
)

// Querier is a transaction, a connection or a pool. For a catalogue of one moment it is a transaction that sees one.
type Querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// Read reads the catalogue. What belongs to PostgreSQL itself or to an extension is left out.
func Read(ctx context.Context, q Querier) (*catalog.Catalog, error) {
	c := &catalog.Catalog{Tables: []catalog.Table{}}
	byID := map[uint32]int{}
	err := each(ctx, q, columns, func(row pgx.CollectableRow) error {
		var (
			id   uint32
			t    catalog.Table
			name *string // none in a table without columns
			col  catalog.Column
		)
		if err := row.Scan(&id, &t.Schema, &t.Name, &t.Kind, &t.Parent, &t.Rows,
			&name, &col.Type, &col.Base, &col.Kind, &col.Array, &col.MaxLength, &col.NotNull, &col.Generated, &col.Sequence); err != nil {
			return err
		}
		at, known := byID[id]
		if !known {
			at = len(c.Tables)
			byID[id] = at
			t.Columns = []catalog.Column{}
			c.Tables = append(c.Tables, t)
		}
		if name != nil {
			col.Name = *name
			c.Tables[at].Columns = append(c.Tables[at].Columns, col)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the columns of the database: %w", err)
	}
	err = each(ctx, q, keys, func(row pgx.CollectableRow) error {
		var (
			id      uint32
			primary bool
			names   []string
		)
		if err := row.Scan(&id, &primary, &names); err != nil {
			return err
		}
		at, known := byID[id]
		switch {
		case !known:
		case primary:
			c.Tables[at].PrimaryKey = names
		default:
			c.Tables[at].Uniques = append(c.Tables[at].Uniques, names)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the unique indexes of the database: %w", err)
	}
	err = each(ctx, q, references, func(row pgx.CollectableRow) error {
		var (
			id uint32
			f  catalog.ForeignKey
		)
		if err := row.Scan(&id, &f.Columns, &f.Table, &f.References); err != nil {
			return err
		}
		if at, known := byID[id]; known {
			c.Tables[at].ForeignKeys = append(c.Tables[at].ForeignKeys, f)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the foreign keys of the database: %w", err)
	}
	if c.SchemaVersion, err = version(ctx, q); err != nil {
		return nil, fmt.Errorf("read which migrations the database has had: %w", err)
	}
	return c, nil
}

func each(ctx context.Context, q Querier, sql string, take func(pgx.CollectableRow) error) error {
	rows, err := q.Query(ctx, sql)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := take(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// version is of the runtime's newest migration, 0 in a database that is not the runtime's. It asks first: an error would
// end the caller's transaction.
func version(ctx context.Context, q Querier) (n int32, err error) {
	readable := false
	err = each(ctx, q, `select coalesce(has_table_privilege(to_regclass('august.schema_version'), 'select'), false)`,
		func(row pgx.CollectableRow) error { return row.Scan(&readable) })
	if err != nil || !readable {
		return 0, err
	}
	err = each(ctx, q, `select version from august.schema_version`, func(row pgx.CollectableRow) error { return row.Scan(&n) })
	return n, err
}
