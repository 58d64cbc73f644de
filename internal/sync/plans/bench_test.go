package plans

import (
	"context"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/sync/store/storetest"
)

// churn is what is written again and again of a table: WAL tells what that costs, whatever else the machine does.
type churn struct {
	table string
	begin []string
	again []string
	rows  int // that are written each time
}

var churns = map[string]churn{
	"outbox": {"august.outbox",
		[]string{`insert into august.pipeline (name, spec) values ('p', '{}')`, `insert into august.outbox (pipeline, view, key, payload, hash)
			select 'p', 'v', 'august/' || g, '{"month":"2026-01","claims":12,"payer":"made up"}', sha256(int8send(g)) from generate_series(1, 2000) g`},
		[]string{`update august.outbox set hash = sha256(hash), changed_at = now()`, `update august.outbox set sent = hash || hash, sent_at = now()`}, 2000},
	"inbox": {"august.inbox", nil, []string{`insert into august.inbox (delivery, digest, event, kind, key, lane, object, via)
			select gen_random_uuid(), sha256(int8send(g)), 'LINE_ITEM_MODIFY', 'line_items', g::text, g % 64, convert_to(repeat('synthetic ', 60), 'UTF8'), 'inbox' from generate_series(1, 200) g`,
		`update august.inbox set state = 'applied', attempts = attempts + 1, settled_at = clock_timestamp(), object = null where state = 'pending'`}, 200},
}

// BenchmarkWrites measures what the tables cost that are written most, as they are, and with their pages filled to the brim.
func BenchmarkWrites(b *testing.B) {
	for name, c := range churns {
		for _, way := range []string{"tuned", "full"} {
			b.Run(name+"/"+way, func(b *testing.B) { c.measure(b, way == "full") })
		}
	}
}

func (c churn) measure(b *testing.B, full bool) {
	ctx := context.Background()
	db := storetest.New(b)
	conn, err := pgx.Connect(ctx, db.URL())
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = conn.Close(ctx) }()
	exec := func(list ...string) {
		for _, sql := range list {
			if _, err := conn.Exec(ctx, sql); err != nil {
				b.Fatalf("%s: %v", sql, err)
			}
		}
	}
	exec(`set synchronous_commit = off`)
	if full {
		exec(`alter table ` + c.table + ` set (fillfactor = 100)`)
	}
	exec(c.begin...)
	exec(`checkpoint`)
	wal := func() (n int64) {
		if err := conn.QueryRow(ctx, `select pg_current_wal_insert_lsn() - '0/0'`).Scan(&n); err != nil {
			b.Fatal(err)
		}
		return n
	}
	before, rounds := wal(), 0
	for b.Loop() {
		exec(c.again...)
		rounds++
	}
	b.ReportMetric(float64(wal()-before)/float64(rounds*c.rows), "WAL-B/row")
	var hot float64
	_, _ = conn.Exec(ctx, `select pg_stat_force_next_flush()`) // PostgreSQL 14 needs none
	exec(`select 1`)
	if err := conn.QueryRow(ctx, fmt.Sprintf(`select coalesce(100.0 * n_tup_hot_upd / nullif(n_tup_upd, 0), 0)::float8 from pg_stat_user_tables where relid = '%s'::regclass`, c.table)).Scan(&hot); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(hot, "%-HOT")
}
