package inspect

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// System names a database without telling of it, by the system identifier of its cluster and its own oid: a digest. A clone of the
// cluster, and what was restored from its backup, has the same one.
func System(ctx context.Context, q Querier) (system string, err error) {
	err = each(ctx, q, `select s.system_identifier, d.oid from pg_catalog.pg_control_system() s, pg_catalog.pg_database d where d.datname = pg_catalog.current_database()`,
		func(row pgx.CollectableRow) error {
			var cluster int64
			var database uint32
			if err := row.Scan(&cluster, &database); err != nil {
				return err
			}
			sum := sha256.Sum256(fmt.Appendf(nil, "august database %d %d", uint64(cluster), database)) //nolint:gosec // PostgreSQL has no unsigned type to print it by
			system = hex.EncodeToString(sum[:])
			return nil
		})
	if err != nil {
		return "", fmt.Errorf("read which database this is: %w", err)
	}
	return system, nil
}
