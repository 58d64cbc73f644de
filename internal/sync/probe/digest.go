package probe

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
)

// stable is the runtime's own tables that "*" takes in, beside every table of the synced schemas: what
// is declared, and how far it has got. Leases, budgets and queues change all the time, and two copies
// of them that differ by a second say nothing.
var stable = []string{"pipeline", "checkpoint", "schema_version"}

// synced is the schemas that "*" takes in whole.
var synced = []string{"drchrono", "billing", "labs"}

// table is one that exists.
type table struct{ schema, rel, name string }

// qTables lists tables by name. System catalogues are none: they differ between copies, and some hold
// secrets.
const qTables = `
select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p') and not c.relispartition and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
and (n.nspname || '.' || c.relname = any($1) or $2 and (n.nspname = any($3) or n.nspname = 'august' and c.relname = any($4)))`

// named finds the tables that were asked for, in the order of their names.
func named(ctx context.Context, tx pgx.Tx, wanted []string) ([]table, error) {
	if len(wanted) == 0 {
		return nil, nil
	}
	rows, _ := tx.Query(ctx, qTables, wanted, slices.Contains(wanted, "*"), synced, stable)
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (t table, err error) {
		err = row.Scan(&t.schema, &t.rel)
		t.name = t.schema + "." + t.rel
		return t, err
	})
	if err != nil {
		return nil, err
	}
	var missing []string
	for _, name := range wanted {
		if name != "*" && !slices.ContainsFunc(found, func(t table) bool { return t.name == name }) {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		return nil, &runtimeapi.Error{Code: runtimeapi.CodeNotFound, Message: "the database has no table " + strings.Join(missing, ", ")}
	}
	slices.SortFunc(found, func(a, b table) int { return cmp.Compare(a.name, b.name) })
	return found, nil
}

// digest counts a table's rows and hashes them. Each row is hashed as PostgreSQL writes it, which tells
// null from empty, and the hashes are added up: their order does not matter, and a row that is there
// twice counts twice. Two sums of 64-bit hashes make an accidental match as good as impossible.
func digest(ctx context.Context, tx pgx.Tx, t table) (runtimeapi.TableDigest, error) {
	d := runtimeapi.TableDigest{Table: t.name}
	var sums string
	err := tx.QueryRow(ctx, fmt.Sprintf(`
		select count(*), coalesce(sum(hashtextextended(line, 0)), 0) || ' ' || coalesce(sum(hashtextextended(line, 1)), 0)
		from (select t::text as line from %s t) as lines`, pgx.Identifier{t.schema, t.rel}.Sanitize())).Scan(&d.Rows, &sums)
	if err != nil {
		return d, err
	}
	hash := sha256.Sum256(fmt.Appendf(nil, "%s %d %s", t.name, d.Rows, sums))
	d.Hash = hex.EncodeToString(hash[:16])
	return d, nil
}
