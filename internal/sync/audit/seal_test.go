package audit_test

import (
	"context"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/sync/audit"
)

// Writers whose transactions end in any order, or not at all, and several sealers beside them: every entry that was
// committed is in exactly one block, as the verification computes it.
func TestSealBesideWriters(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	for round := range uint64(2) {
		r.writeAndSeal(seed + round)
		r.seal()
	}
	report := r.good(audit.Verification{MaxUnsealed: soon})
	if total := r.one(`select count(*)::text from august.audit`); total != itoa(report.Entries) || report.Blocks < 2 {
		t.Errorf("%d of %s entries are in %d blocks", report.Entries, total, report.Blocks)
	}
}

func (r *rig) writeAndSeal(seed uint64) {
	t, ctx := r, r.Context()
	var writers, sealers sync.WaitGroup
	done := make(chan struct{})
	for w := range 6 {
		writers.Go(func() {
			random := rand.New(rand.NewPCG(seed, uint64(w)))
			for n := range 25 {
				tx, err := r.pool.Begin(ctx)
				if err != nil {
					t.Error(err)
					return
				}
				for range 1 + random.IntN(3) {
					id := int64(w*1_000_000 + n*10)
					if _, err := tx.Exec(ctx, `insert into drchrono.offices (id, raw, content_hash, observed_at) values ($1, '{}', sha256($2::bigint::text::bytea), now())
						on conflict (id) do update set content_hash = excluded.content_hash`, id, random.Int64()); err != nil {
						t.Error(err)
					}
					time.Sleep(time.Duration(random.IntN(4)) * time.Millisecond)
				}
				end := tx.Commit
				if random.IntN(5) == 0 {
					end = tx.Rollback
				}
				if err := end(ctx); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 3 {
		sealers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if _, err := audit.Seal(ctx, r.pool); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	writers.Wait()
	close(done)
	sealers.Wait()
}

// A block never ends within a transaction, and has no more entries than it may otherwise.
func TestSealEndsBetweenTransactions(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	many := func(n int) {
		if err := pgx.BeginFunc(t.Context(), r.pool, func(tx pgx.Tx) error {
			b := &pgx.Batch{}
			for range n {
				b.Queue(`insert into august.pipeline (name, spec) values (gen_random_uuid()::text, '{}')`)
			}
			return tx.SendBatch(t.Context(), b).Close()
		}); err != nil {
			t.Fatal(err)
		}
	}
	many(audit.BlockEntries + 7) // more than a block has, all in one
	many(audit.BlockEntries - 1)
	many(1)
	many(1)
	r.seal()
	report := r.good(audit.Verification{})
	if got := r.one(`select string_agg(entries::text, ' ' order by number) from august.audit_block`); got != itoa(audit.BlockEntries+7)+" "+itoa(audit.BlockEntries)+" 1" {
		t.Errorf("blocks of %s entries", got)
	}
	if report.Entries != 2*audit.BlockEntries+8 {
		t.Errorf("%d entries", report.Entries)
	}
}

// A process that is killed while it seals leaves nothing, and nothing waits for it.
func TestSealKilled(t *testing.T) {
	if address := os.Getenv("AUGUST_TEST_SEAL"); address != "" {
		config, err := pgx.ParseConfig(address)
		if err != nil {
			t.Fatal(err)
		}
		audit.SealAndHang(context.Background(), config)
	}
	t.Parallel()
	r := newRig(t)
	r.blocks(2)
	for range 3 {
		r.write(3)
		r.settle()
		c := exec.Command(os.Args[0], "-test.run", "^TestSealKilled$")
		c.Env = append(os.Environ(), "AUGUST_TEST_SEAL="+r.db.URL())
		if _, err := c.StdinPipe(); err != nil {
			t.Fatal(err)
		}
		out := &strings.Builder{}
		c.Stderr = out
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		const hanging = `select (count(*) > 0)::text from pg_stat_activity where datname = current_database() and application_name = 'hangs' and state = 'idle in transaction' and query like 'insert into august.audit_block%'`
		t.Cleanup(func() { _ = c.Process.Kill() })
		for deadline := time.Now().Add(time.Minute); r.one(hanging) != "true"; time.Sleep(5 * time.Millisecond) {
			if time.Now().After(deadline) {
				_ = c.Process.Kill()
				_ = c.Wait()
				t.Fatalf("it does not seal: %s", out)
			}
		}
		if n, err := audit.Seal(t.Context(), r.pool); n != 0 || err != nil { // another one does
			t.Errorf("sealed %d blocks, %v", n, err)
		}
		_ = c.Process.Kill()
		_ = c.Wait()
		for r.one(`select count(*)::text from pg_stat_activity where datname = current_database() and application_name = 'hangs'`) != "0" {
			time.Sleep(5 * time.Millisecond)
		}
		r.seal()
	}
	if report := r.good(audit.Verification{MaxUnsealed: soon}); report.Blocks != 5 || report.Entries != 15 {
		t.Errorf("%d blocks with %d entries", report.Blocks, report.Entries)
	}
}

// A dump that is restored into another cluster brings its blocks and what was not sealed yet, and transactions are
// counted from the beginning there.
func TestSealInAnotherCluster(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	// As if it had been written by another cluster, that was far ahead: some of it is sealed, the rest is not.
	const elsewhere = `update august.audit set cluster = 77, txid = (txid::text::bigint + 1000000)::text::xid8 where cluster <> 77`
	r.write(6)
	r.tamper(elsewhere)
	r.seal()
	r.write(2)
	r.tamper(elsewhere)
	// What this cluster writes.
	r.write(4)
	r.seal()
	r.blocks(1)
	report := r.good(audit.Verification{MaxUnsealed: soon})
	if total := r.one(`select count(*)::text from august.audit`); total != itoa(report.Entries) {
		t.Errorf("%d of %s entries are sealed", report.Entries, total)
	}
	if got := r.one(`select count(distinct cluster)::text from august.audit_block`); got != "2" {
		t.Errorf("blocks of %s clusters", got)
	}
	r.tamper(`update august.audit set actor = 'nobody' where id = (select max(id) from august.audit where cluster = 77)`)
	if report := r.verify(audit.Verification{}); report.Good() {
		t.Error("a change of a restored entry was not found")
	}
}
