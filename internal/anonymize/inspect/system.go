package inspect

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// System tells a database apart from all others, also from one of the same name in another cluster: a digest of the cluster's
// system identifier and the database's oid. A clone of an instance has both from its origin, and counts as it.
func System(ctx context.Context, q Querier) (string, error) {
	var cluster, database string
	err := each(ctx, q, `select system_identifier::text, (select oid::text from pg_catalog.pg_database where datname = pg_catalog.current_database()) from pg_catalog.pg_control_system()`,
		func(row pgx.CollectableRow) error { return row.Scan(&cluster, &database) })
	if err != nil {
		return "", fmt.Errorf("read which system the database belongs to: %w", err)
	}
	sum := sha256.Sum256([]byte("august source\n" + cluster + "\n" + database))
	return hex.EncodeToString(sum[:]), nil
}
