package main

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/evidence"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/export/exporttest"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/policy"
	"github.com/feel-august/terraform-provider-august/internal/sync/pgtest"
)

// From one database to the other, by the commands alone: all rows arrive, they belong together as they did, and nobody is left in them.
func TestStaging(t *testing.T) {
	t.Parallel()
	x := newExporter(t, 200, policy.Surrogate)
	cloud := newSlowStorage(t)
	x.env["AUGUST_ANONYMIZE_BUCKET"], x.env["AUGUST_STORAGE_ENDPOINT"] = "gs://exports/production", cloud.url
	cmd, _, errs := x.command("--export", "x")
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, errs)
	}
	target := pgtest.New(t)
	conn, err := pgx.Connect(t.Context(), target.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	// The tables as in the source, without its rows.
	tables, _, _ := strings.Cut(exporttest.SQL(1), "create function")
	if _, err := conn.Exec(t.Context(), tables); err != nil {
		t.Fatal(err)
	}
	s := &bundle{t: t, db: target, env: map[string]string{
		"AUGUST_DATABASE_NAME": target.Name, "AUGUST_DATABASE_USER": target.User, "AUGUST_DATABASE_PASSWORD": target.Password, "AUGUST_DATABASE_HOST": target.Host, "AUGUST_DATABASE_PORT": fmt.Sprint(target.Port),
		"AUGUST_DATABASE_INSTANCE": "feel-august-staging:us-central1:staging", "AUGUST_DATASET_BUCKET": "gs://exports/production", "AUGUST_STORAGE_ENDPOINT": cloud.url, "AUGUST_DATASET_PUBLIC_KEY": evidence.PublicPEM(x.public),
	}}
	p := s.start("import", "--export", "x")
	<-p.done
	if p.err != nil {
		t.Fatalf("%v: %s", p.err, p.log())
	}
	x.clean("the log", p.log())
	if got := s.query(`select concat_ws(' ', (select count(*) from clinic.patients), (select count(*) from clinic.line_items), (select count(*) from clinic.messages where body is not null),
		(select count(*) from pg_constraint where contype = 'f' and convalidated and connamespace = 'clinic'::regnamespace),
		(select count(*) from clinic.transactions t left join clinic.appointments a on a.id = t.appointment where a.id is null))`); !strings.HasPrefix(got, "200 1600 ") || !strings.HasSuffix(got, " 0") {
		t.Errorf("there are patients, items, messages, foreign keys, orphans: %s", got)
	}
	var all string
	for _, table := range []string{"patients", "appointments", "line_items", "transactions", "claims", "lab_orders", "lab_results", "messages"} {
		all += s.query(`select coalesce(string_agg(x::text, e'\n'), '') from clinic.` + table + ` x`)
	}
	if len(all) < 100_000 {
		t.Errorf("%d bytes only", len(all))
	}
	x.clean("staging", all)

	// Production itself, and its instance, are refused.
	maps.Copy(s.env, map[string]string{"AUGUST_DATABASE_NAME": x.db.Name})
	if p := s.start("import", "--export", "x"); true {
		if <-p.done; p.err == nil || !strings.Contains(p.log(), "is the database that export x was made of") {
			t.Errorf("into production: %v %s", p.err, p.log())
		}
	}
	maps.Copy(s.env, map[string]string{"AUGUST_DATABASE_NAME": target.Name, "AUGUST_DATABASE_INSTANCE": "feel-august-platform:us-central1:platform"})
	if p := s.start("import", "--export", "x"); true {
		if <-p.done; p.err == nil || !strings.Contains(p.log(), "is on instance feel-august-platform:us-central1:platform") {
			t.Errorf("into production's instance: %v %s", p.err, p.log())
		}
	}
}
