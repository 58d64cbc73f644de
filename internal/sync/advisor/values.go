package advisor

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/jackc/pgx/v5"
)

// values are those that the statistics hold of columns. They are bound as parameters and go nowhere else.
type values struct {
	db      *inspected
	tx      pgx.Tx
	types   map[uint32]typed
	spreads map[string]*spread // by "schema.table.column"
}

// typed is what has to be known of a type to make up a value of it.
type typed struct {
	category string // pg_type.typcategory
	name     string
	element  uint32
}

// spread is how the values of a column are spread.
type spread struct {
	typ    uint32
	common []string
	shares []float64 // of the rows that have a value
	bounds []string  // of the others, in order, each range with as many rows
}

func newValues(ctx context.Context, tx pgx.Tx, db *inspected) (*values, error) {
	v := &values{db: db, tx: tx, types: map[uint32]typed{}, spreads: map[string]*spread{}}
	rows, err := tx.Query(ctx, `select oid, typcategory::text, typname::text, typelem from pg_type where typtype <> 'c'`)
	if err != nil {
		return nil, fmt.Errorf("read types: %w", err)
	}
	for rows.Next() {
		var oid uint32
		var t typed
		if err := rows.Scan(&oid, &t.category, &t.name, &t.element); err != nil {
			return nil, fmt.Errorf("read types: %w", err)
		}
		v.types[oid] = t
	}
	return v, rows.Err()
}

// of is how a column's values are spread; nil when nothing is known.
func (v *values) of(ctx context.Context, schema, table, column string) (*spread, error) {
	id := schema + "." + table + "." + column
	if s, ok := v.spreads[id]; ok {
		return s, nil
	}
	s := &spread{}
	var nulls float64
	err := v.tx.QueryRow(ctx, `
		select a.atttypid, s.null_frac, coalesce(s.most_common_vals::text::text[], '{}'), coalesce(s.most_common_freqs, '{}')::float8[], coalesce(s.histogram_bounds::text::text[], '{}')
		from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_attribute a on a.attrelid = c.oid
			join pg_stats s on s.schemaname = n.nspname and s.tablename = c.relname and s.attname = a.attname and s.inherited = (c.relkind = 'p')
		where n.nspname = $1 and c.relname = $2 and a.attname = $3`, schema, table, column).Scan(&s.typ, &nulls, &s.common, &s.shares, &s.bounds)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && len(s.common)+len(s.bounds) == 0 {
		s, err = nil, nil
	}
	if err != nil {
		return nil, err
	}
	if s != nil && nulls < 1 {
		for i := range s.shares {
			s.shares[i] /= 1 - nulls
		}
	}
	v.spreads[id] = s
	return s, nil
}

// at is the value that the share u of all rows, 0 to 1, comes to: common ones as often as they are, others by the histogram.
func (s *spread) at(u float64) string {
	sum := 0.0
	for i, share := range s.shares {
		if sum += share; u < sum {
			return s.common[i]
		}
	}
	if len(s.bounds) == 0 {
		return s.common[len(s.common)-1]
	}
	if sum >= 1 {
		return s.quantile(u)
	}
	return s.quantile((u - sum) / (1 - sum))
}

// quantile is the value that a share q of the rows is below, as far as the histogram tells.
func (s *spread) quantile(q float64) string {
	if len(s.bounds) == 0 {
		return s.at(q)
	}
	return s.bounds[int(math.Round(min(max(q, 0), 1)*float64(len(s.bounds)-1)))]
}
