package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/advise/index"
	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
)

// Through the process as it ships, and its child: what a runtime has watched is advised on, over the control API and on the
// command line, and no value of a row and no literal comes out anywhere.
func TestAdvice(t *testing.T) {
	t.Parallel()
	const canary = "canary-of-a-row"
	b := setup(t, 1)
	config, err := pgx.ParseConfig(b.db.URL())
	if err != nil {
		t.Fatal(err)
	}
	config.RuntimeParams["search_path"], config.RuntimeParams["pg_stat_statements.track"] = "public", "top" // the tests' clusters count nothing by themselves
	conn, err := pgx.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(background()) }()
	exec := func(sql string) {
		t.Helper()
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	exec(`create extension pg_stat_statements`)
	exec(`create table made_up (id int primary key, name text, other int)`)
	exec(`insert into made_up select n, 'canary-of-a-row ' || n, n % 7 from generate_series(1, 20000) n`)
	exec(`analyze made_up`)
	exec(`select pg_stat_force_next_flush()`) // what was inserted is not of the workload
	p := b.start("serve").ready()
	if _, err := b.client(p).IndexAdvice(t.Context(), runtimeapi.IndexAdviceRequest{}); err != nil { // the first look
		t.Fatal(err)
	}
	for range 20 {
		exec(`select other from made_up where name = 'canary-of-a-row 77' /* canary-of-a-row */`)
	}
	exec(`select pg_stat_force_next_flush()`)
	if _, err := conn.Exec(t.Context(), `update august.workload_look set at = at - interval '1 hour'`); err != nil {
		t.Fatal(err)
	}
	a, err := b.client(p).IndexAdvice(t.Context(), runtimeapi.IndexAdviceRequest{Schemas: []string{"public"}})
	if err != nil {
		t.Fatal(err)
	}
	if len(a.Proposals) != 1 || !strings.Contains(a.Proposals[0].Statement, "made_up USING btree (name") {
		t.Errorf("%+v", a)
	}
	text, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	p.stop()
	e := b.errand("advise", "--schema", "public")
	_, code, logs := e.ended()
	printed := e.out.String()
	if code != 0 || !strings.Contains(printed, "MISSING: 1") || !strings.Contains(printed, "CREATE INDEX CONCURRENTLY") {
		t.Errorf("exit code %d\n%s\n%s", code, printed, logs)
	}
	e = b.errand("advise", "--schema", "public", "--json")
	_, code, more := e.ended()
	asJSON := e.out.String()
	var again index.Advice
	if err := json.Unmarshal([]byte(asJSON), &again); err != nil || code != 0 || len(again.Proposals) != 1 {
		t.Errorf("exit code %d, %v\n%s", code, err, asJSON)
	}
	for _, said := range []string{string(text), printed, asJSON, logs, more, p.log()} {
		if strings.Contains(said, canary) {
			t.Errorf("a value of a row, or a literal, comes out:\n%s", said)
		}
	}
	if _, code, logs := b.errand("advise", "--days", "400").ended(); code != 1 || !strings.Contains(logs, "window_days") {
		t.Errorf("of 400 days: exit code %d\n%s", code, logs)
	}
}
