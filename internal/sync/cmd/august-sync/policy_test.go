package main

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/policy"
)

// What the provider asks at plan, and what a person begins with, through the process as it ships: both of the database behind
// it, with a column that somebody has just added.
func TestPolicy(t *testing.T) {
	t.Parallel()
	b := setup(t, 1)
	p := b.start("serve").ready()
	conn, err := pgx.Connect(t.Context(), b.db.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(background()) }()
	if _, err := conn.Exec(t.Context(), `alter table drchrono.patients add column mother_maiden_name text not null default 'canary-of-a-row';
		insert into drchrono.patients (id, raw, content_hash, observed_at) values (1, '{}', '', now())`); err != nil {
		t.Fatal(err)
	}
	c, err := b.client(p).Catalog(t.Context())
	if err != nil || c.SchemaVersion == 0 || c.Table("drchrono.patients") == nil || c.Table("drchrono.patients").Column("mother_maiden_name") == nil {
		t.Fatalf("%+v, %v", c, err)
	}
	found := policy.Check(policy.Starter(&c, policy.SafeHarbor), &c, time.Now())
	for _, f := range found {
		if !strings.HasPrefix(f.Attribute, "attestation") {
			t.Error(f)
		}
	}
	if len(found) == 0 {
		t.Error("nobody has to attest")
	}
	p.stop()

	e := b.errand("policy")
	if _, code, logs := e.ended(); code != 0 || !strings.Contains(logs, "attestation.expires") {
		t.Errorf("exit code %d\n%s", code, logs)
	}
	said := e.out.String()
	if !strings.Contains(said, "mother_maiden_name") || strings.Contains(said, "canary-of-a-row") {
		t.Errorf("it says\n%s", said)
	}
	// But for that column and the attestation it is modules/staging/policy's.
	example, err := os.ReadFile("../../../../modules/staging/policy/rules.tf")
	if err != nil {
		t.Fatal(err)
	}
	in := map[string]bool{}
	for line := range strings.Lines(string(example)) {
		in[strings.Join(strings.Fields(line), " ")] = true
	}
	for line := range strings.Lines(said) {
		line = strings.Join(strings.Fields(line), " ")
		if !in[line] && !strings.HasPrefix(line, "#") && !strings.Contains(line, "mother_maiden_name") && line != `by = ""` && line != `expires = ""` {
			t.Errorf("modules/staging/policy has no %q", line)
		}
	}
	if _, code, logs := b.errand("policy", "--method", "hope").ended(); code != 1 || !strings.Contains(logs, "expert_determination") {
		t.Errorf("with a method that there is not: exit code %d\n%s", code, logs)
	}
}
