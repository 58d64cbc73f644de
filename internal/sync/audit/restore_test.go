package audit_test

import (
	"bytes"
	"os/exec"
	"testing"

	"github.com/feel-august/terraform-provider-august/internal/sync/audit"
	"github.com/feel-august/terraform-provider-august/internal/sync/pgtest"
	"github.com/feel-august/terraform-provider-august/internal/sync/store/storetest"
)

// A real dump, restored: the trail verifies, what was not sealed is, and it goes on, in the same cluster and in one that
// counts transactions anew.
func TestRestoredDump(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b, address := newBucket(t)
	r.blocks(3)
	r.head(b, address)
	r.write(2)
	dump := client(t, "pg_dump", "--format=custom", "--no-owner", r.db.URL())
	for name, elsewhere := range map[string]bool{"here": false, "elsewhere": true} {
		t.Run(name, func(t *testing.T) {
			restored := &rig{TB: t, db: pgtest.New(t), next: r.next}
			restore := exec.Command(pgtest.Program(t, "pg_restore"), "--exit-on-error", "--no-owner", "--dbname", restored.db.URL())
			restore.Stdin = bytes.NewReader(dump)
			if out, err := restore.CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			restored.pool = storetest.Open(t, restored.db, 12).Pool()
			if elsewhere {
				restored.exec(`create or replace function august.audit_cluster() returns bigint language sql stable as 'select 78::bigint'`)
			}
			if report := restored.good(audit.Verification{Heads: b}); report.Blocks != 3 || report.Entries != 9 || report.Unsealed != 2 {
				t.Errorf("%+v", report)
			}
			restored.write(1)
			restored.settle()
			restored.seal()
			restored.blocks(1)
			own, address := newBucket(t)
			restored.head(own, address)
			if report := restored.good(audit.Verification{Heads: own, MaxUnsealed: soon}); report.Entries != 15 || report.Heads != 1 {
				t.Errorf("%+v", report)
			}
		})
	}
}

func client(t *testing.T, name string, args ...string) []byte {
	t.Helper()
	var errs bytes.Buffer
	c := exec.Command(pgtest.Program(t, name), args...)
	c.Stderr = &errs
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%s: %v: %s", name, err, &errs)
	}
	return out
}
