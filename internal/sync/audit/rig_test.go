package audit_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/feel-august/terraform-provider-august/internal/bucket"
	"github.com/feel-august/terraform-provider-august/internal/sync/audit"
	"github.com/feel-august/terraform-provider-august/internal/sync/pgtest"
	"github.com/feel-august/terraform-provider-august/internal/sync/store/storetest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// rig is a migrated database of a test's own.
type rig struct {
	testing.TB
	db   pgtest.Database
	pool *pgxpool.Pool
	next int64
}

func newRig(t testing.TB) *rig {
	t.Helper()
	db := storetest.New(t)
	return &rig{TB: t, db: db, pool: storetest.Open(t, db, 12).Pool()}
}

func (r *rig) exec(sql string, args ...any) {
	r.Helper()
	if _, err := r.pool.Exec(context.Background(), sql, args...); err != nil {
		r.Fatalf("%s: %v", sql, err)
	}
}

func (r *rig) one(sql string, args ...any) (text string) {
	r.Helper()
	if err := r.pool.QueryRow(context.Background(), sql, args...).Scan(&text); err != nil {
		r.Fatalf("%s: %v", sql, err)
	}
	return text
}

// write makes transactions of one entry each, with two rows.
func (r *rig) write(n int) {
	r.Helper()
	for range n {
		r.next += 2
		r.exec(`insert into drchrono.doctors (id, raw, content_hash, observed_at) select id, '{}', sha256(id::text::bytea), now() from unnest($1::bigint[]) id`, []int64{r.next, r.next + 1})
	}
}

// seal seals all that was written. Transactions of other tests' databases may hold it up: they share the cluster.
func (r *rig) seal() {
	r.Helper()
	r.settle()
	if _, err := audit.Seal(r.Context(), r.pool); err != nil {
		r.Fatal(err)
	}
	if left := r.one(`select count(*)::text from august.audit a where txid >= coalesce((select to_xid from august.audit_block b where b.cluster = a.cluster order by to_xid desc limit 1), '0'::xid8)`); left != "0" {
		r.Fatalf("%s entries were not sealed", left)
	}
}

// settle waits until the transactions of all entries have ended in everybody's eyes.
func (r *rig) settle() {
	r.Helper()
	for r.one(`select (not exists (select from august.audit where cluster = august.audit_cluster() and txid >= pg_snapshot_xmin(pg_current_snapshot())))::text`) != "true" {
		time.Sleep(5 * time.Millisecond)
	}
}

// blocks makes n of them with three entries each.
func (r *rig) blocks(n int) {
	r.Helper()
	for range n {
		r.write(3)
		r.seal()
	}
}

// tamper does what only a superuser can, and only with the triggers off.
func (r *rig) tamper(sql string, args ...any) {
	r.Helper()
	if err := pgx.BeginFunc(r.Context(), r.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(r.Context(), `set local session_replication_role = replica`); err != nil {
			return err
		}
		tag, err := tx.Exec(r.Context(), sql, args...)
		if err == nil && tag.RowsAffected() == 0 && !tag.Select() && (tag.Update() || tag.Delete() || tag.Insert()) {
			err = fmt.Errorf("nothing was tampered with")
		}
		return err
	}); err != nil {
		r.Fatalf("%s: %v", sql, err)
	}
}

func (r *rig) verify(v audit.Verification) audit.Report {
	r.Helper()
	v.Pool, v.Retention = r.pool, max(v.Retention, 2200)
	report, err := audit.Verify(r.Context(), v)
	if err != nil {
		r.Fatal(err)
	}
	return report
}

// finds expects that the first finding is of a kind, at a block.
func (r *rig) finds(v audit.Verification, block int64, kinds ...string) {
	r.Helper()
	report := r.verify(v)
	if report.Good() {
		r.Fatal("nothing was found")
	}
	if f := report.Findings[0]; f.Block != block || !slices.Contains(kinds, f.Kind) {
		r.Errorf("found first %v, want block %d: %v", f, block, kinds)
	}
}

func (r *rig) good(v audit.Verification) audit.Report {
	r.Helper()
	report := r.verify(v)
	if !report.Good() {
		r.Fatalf("found %v", report.Findings)
	}
	return report
}

// bucket is an empty one on disk.
func newBucket(t testing.TB) (bucket.Bucket, string) {
	t.Helper()
	address := "file://" + t.TempDir()
	b, err := bucket.Open(t.Context(), address, bucket.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return b, address
}

// head exports the newest head, however young the one before is.
func (r *rig) head(b bucket.Bucket, address string) {
	r.Helper()
	r.exec(`update august.audit_head set written_at = written_at - interval '2 minutes'`)
	if err := audit.ExportHead(r.Context(), r.pool, b, address); err != nil {
		r.Fatal(err)
	}
}

const soon = time.Nanosecond // everything unsealed is too old

func itoa(n int64) string { return fmt.Sprint(n) }

func sha256Hex(s string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(s))) }
