package inspect_test

import (
	"bytes"
	"context"
	"flag"
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/catalog"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/inspect"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/policy"
	"github.com/feel-august/terraform-provider-august/internal/sync/pgtest"
	"github.com/feel-august/terraform-provider-august/internal/sync/store"
)

var update = flag.Bool("update", false, "write modules/staging/policy/rules.tf anew")

func TestMain(m *testing.M) {
	flag.Parse()
	pgtest.Main(m)
}

const (
	localPolicy = "../../../modules/staging/policy/rules.tf"

	aboutLocal = `What becomes of each column of production in staging. Made by "make generate" out of the database that the migrations make,
as "august-sync policy" makes it for any database; a test insists that it is current. The attestation is not this one, but
the caller's.`
)

// migrated is the catalogue of a database that has had all migrations.
func migrated(t *testing.T) *catalog.Catalog {
	t.Helper()
	db := pgtest.New(t)
	s, err := store.Open(t.Context(), store.Config{Host: db.Host, Port: db.Port, Database: db.Name, User: db.User, Password: db.Password})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	c, err := inspect.Read(t.Context(), s.Pool())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func read(t *testing.T, db pgtest.Database) *catalog.Catalog {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), db.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	c, err := inspect.Read(t.Context(), conn)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// The starter of this product's own tables is what modules/staging/policy gives, and needs nobody's hand but the attestation.
func TestLocalPolicyIsCurrent(t *testing.T) {
	c := migrated(t)
	p := policy.Starter(c, policy.SafeHarbor)
	p.Attestation = policy.Attestation{By: "whoever calls this module", Expires: "2099-12-31"}
	for _, f := range policy.Check(p, c, time.Now()) {
		t.Error(f)
	}
	for _, f := range policy.Eligible(p, c) {
		t.Error(f)
	}
	want := policy.Local("anonymization_policy", aboutLocal, p)
	if *update {
		if err := os.WriteFile(localPolicy, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(localPolicy)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("modules/staging/policy/rules.tf is not what the migrations ask for (%v): make generate", err)
	}
	encoded, err := p.Encode()
	if err != nil {
		t.Error(err)
	}
	t.Logf("%d bytes encoded, of %d", len(encoded), policy.MaxEncoded)
}
