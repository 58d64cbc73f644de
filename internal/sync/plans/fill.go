package plans

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// First is the number from which on Fill numbers what it makes up: a synthetic practice has smaller ones.
const First = 1_000_000_000

// Fill brings the tables that grow to so many rows, beside what a small synthetic practice has put into them and four
// pipelines have left. Everything is made up, of numbers. Rows of feeds seem to have been observed tomorrow, so that a
// complete sweep, which does not see them, takes them for written since it began.
func Fill(ctx context.Context, conn *pgx.Conn, rows int) error {
	// No trigger records what is made up.
	if _, err := conn.Exec(ctx, `set session_replication_role = replica; set synchronous_commit = off; set timezone = 'UTC'`); err != nil {
		return err
	}
	for _, sql := range before {
		if _, err := conn.Exec(ctx, strings.ReplaceAll(sql, "$rows", fmt.Sprint(rows))); err != nil {
			return fmt.Errorf("%s: %w", sql, err)
		}
	}
	for _, table := range grown {
		list, values, err := expressions(ctx, conn, table)
		if err != nil {
			return err
		}
		n := max(rows, least[table])
		sql := fmt.Sprintf(`insert into %s (%s) select %s from generate_series(1, %d) g on conflict do nothing`, table, list, values, n)
		sql = strings.NewReplacer("$rows", fmt.Sprint(n), "$first", fmt.Sprint(First)).Replace(sql)
		if _, err := conn.Exec(ctx, sql); err != nil {
			return fmt.Errorf("fill %s: %w", table, err)
		}
	}
	_, err := conn.Exec(ctx, `vacuum (analyze)`)
	return err
}

// before is done first: an old partition of the audit trail, and a pipeline that rests.
var before = []string{
	`select august.audit_partition('audit_' || to_char(now() - interval '14 months', 'YYYY_MM'), format('for values from (%L) to (%L)',
		date_trunc('month', now() - interval '14 months'), date_trunc('month', now() - interval '13 months')))`,
	`do $$ begin execute format('alter table august.%I owner to %I', 'audit_' || to_char(now() - interval '14 months', 'YYYY_MM'),
		(select relowner::regrole from pg_class where oid = 'august.audit'::regclass)); end $$`,
	`insert into august.pipeline (name, spec) values ('archive', '{"dataset":"billing","paused":true}')`,
}

// grown is the tables that grow with the practice or with time.
var grown = []string{
	"drchrono.patients", "drchrono.appointments", "drchrono.line_items", "drchrono.line_item_deletions", "drchrono.transactions", "drchrono.patient_payments",
	"drchrono.patient_payment_log", "drchrono.eobs", "drchrono.eligibility_checks", "drchrono.lab_orders", "drchrono.lab_documents", "drchrono.lab_tests",
	"drchrono.lab_results", "drchrono.patient_lab_results", "drchrono.quarantine", "labs.acknowledgement", "billing.daily",
	"august.run", "august.feed_run", "august.sweep_page", "august.reconcile_row", "august.inbox", "august.outbox", "august.audit", "august.audit_block",
}

// least is the rows of tables of which the runtime looks at the newest thousands, or seals thousands at once.
var least = map[string]int{"august.inbox": 50_000, "august.audit": 10_000}

// values is what a column of row g holds: of one table, or of any. A column that is not here is null, or the empty value of
// its type. Every visit has a line, every line a posting; one result in five is abnormal and has been seen.
var values = map[string]string{
	"id":                   `$first + g`,
	"appointments.id":      `($first + g)::text`,
	"appointment":          `($first + g)::text`,
	"appointment_id":       `($first + 2 * $rows + g)::text`,
	"billing_line_item_id": `$first + 2 * $rows + g`,
	"patient":              `$first + g / 4`,
	"doctor":               `(select min(id) + g % 4 from drchrono.doctors)`,
	"line_item":            `$first + g`,
	"lab_order":            `$first + g`,
	"lab_test":             `$first + g`,
	"document":             `$first + g`,
	"observation_key":      `'made-up'`,
	"raw":                  `json_build_object('id', g, 'synthetic', repeat('made up ', 12))`,
	"content_hash":         `sha256(int8send(g))`,
	"observed_at":          `now() + interval '1 day'`,
	"updated_at":           `timestamp '2020-01-01' + g * interval '1 second'`,
	"created_at":           `timestamp '2020-01-01' + g * interval '1 second'`,
	"scheduled_time":       `timestamp '2020-01-01' + g % 500 * interval '1 day'`,
	"service_date":         `date '2020-01-01' + g % 360`,
	"posted_date":          `date '2020-01-01' + g % 500`,
	"timestamp":            `timestamp '2020-01-01' + g % 500 * interval '1 day'`,
	"primary_insurer_name": `'Made-up payer ' || g % 5`,
	"billing_status":       `'Bill Insurance'`,
	"ins1_status":          `'Paid in full'`,
	"ins_name":             `1`,
	"ins_paid":             `case when g % 4 = 0 then 10 else 0 end`,
	"billed":               `100`,
	"trace_number":         `'made-up-' || g`,
	"abnormal_state":       `case when g % 5 = 0 then 'abnormal' else 'normal' end`,
	"fingerprint":          `'made-up-' || g`,
	"lab_results.status":   `'F'`,
	"lab_tests.status":     `'F'`,
	"lab_orders.status":    `'R'`,

	"patient_lab_results.abnormal_state": `'normal'`,
	"insurance_payer_trace_number":       `'made-up-' || g`,

	// What was observed of orders and their documents of late is read again.
	"lab_orders.observed_at":    `timestamptz '2020-01-01'`,
	"lab_documents.observed_at": `timestamptz '2020-01-01'`,

	"line_item_deletions.observed_at": `timestamptz '2020-01-01'`, // never swept

	"quarantine.feed": `'lab_results'`,
	"quarantine.key":  `($first + g)::text`,

	"acknowledgement.source":          `'lab_results'`,
	"acknowledgement.observation":     `concat($first + g, ':made-up')`,
	"acknowledgement.result":          `$first + g`,
	"acknowledgement.status":          `'F'`,
	"acknowledgement.acknowledged_by": `'made-up@example.test'`,

	"daily.day":    `current_date - 1 - g / 1000`,
	"daily.status": `'paid'`,
	"daily.payer":  `'Made-up payer ' || g % 100`,
	"daily.doctor": `g % 1000 / 100`,

	// Of years of runs the full ones are the oldest, and a day has many derivations.
	"run.pipeline":     `(array['billing', 'labs', 'appointments', 'patients'])[1 + g % 4]`,
	"run.kind":         `case when g > $rows * 0.98 then 'derive' when g % 400 < 4 then 'reconcile' else 'sync' end`,
	"run.state":        `case when g % 97 = 0 then 'failed' else 'succeeded' end`,
	"run.report":       `case when g % 400 < 4 and g <= $rows * 0.98 then '{"drift":0,"left":0}'::jsonb end`,
	"run.requested_at": `now() - ($rows - g + 4) * interval '15 minutes'`,
	"run.full_since":   `now() - ($rows - g + 4) * interval '15 minutes'`,
	"run.started_at":   `now() - ($rows - g + 4) * interval '15 minutes'`,
	"run.finished_at":  `now() - ($rows - g + 3.9) * interval '15 minutes'`,
	"run.generation":   `1`,

	"feed_run.run_id":      `(select min(id) + g / 5 from august.run where requested_at < now() - interval '59 minutes')`,
	"feed_run.feed":        `(array['appointments', 'line_items', 'transactions', 'patient_payments', 'eobs'])[1 + g % 5]`,
	"feed_run.ordinal":     `g % 5`,
	"feed_run.state":       `'succeeded'`,
	"feed_run.started_at":  `now() - ($rows - g) / 5 * interval '15 minutes'`,
	"feed_run.finished_at": `now() - ($rows - g) / 5 * interval '15 minutes'`,

	"sweep_page.sweep":      `-1 - g / 1000`,
	"sweep_page.page":       `g`,
	"sweep_page.keys":       `array[g::text]`,
	"sweep_page.fetched_at": `now()`,
	"reconcile_row.sweep":   `-1 - g * 4 / $rows`,
	"reconcile_row.key":     `g::text`,

	"inbox.delivery":    `'made-up-' || g`,
	"inbox.digest":      `sha256(int8send(g))`,
	"inbox.event":       `'LINE_ITEM_MODIFY'`,
	"inbox.kind":        `'line_items'`,
	"inbox.key":         `($first + g / 3)::text`,
	"inbox.lane":        `g % 64`,
	"inbox.object":      `case when g % 1000 = 0 then convert_to('{"id":1,"synthetic":true}', 'UTF8') end`,
	"inbox.via":         `'inbox'`,
	"inbox.state":       `case when g % 1000 = 0 then 'parked' else 'applied' end`,
	"inbox.received_at": `now() - (($rows - g)::float8 / $rows * 31) * interval '1 day'`,
	"inbox.settled_at":  `now() - (($rows - g)::float8 / $rows * 31) * interval '1 day'`,

	"outbox.pipeline": `'archive'`,
	"outbox.view":     `'billing_summary'`,
	"outbox.key":      `'august/made-up/' || g`,
	"outbox.payload":  `'{"made":"up"}'::jsonb`,

	// Entries of a cluster that the database was restored from wait to be sealed; blocks are of another.
	"audit.at":        `case when g <= $rows / 2 then date_trunc('month', now() - interval '14 months') else date_trunc('month', now()) end + g * interval '1 millisecond'`,
	"audit.txid":      `(g / 3 + 1)::text::xid8`,
	"audit.cluster":   `1`,
	"audit.actor":     `'made-up'`,
	"audit.source":    `'run'`,
	"audit.relation":  `'drchrono.line_items'`,
	"audit.operation": `'update'`,
	"audit.keys":      `array[($first + g)::text]`,
	"audit.before":    `sha256(int8send(g))`,
	"audit.after":     `sha256(int8send(g + 1))`,

	"audit_block.number":    `g`,
	"audit_block.cluster":   `2`,
	"audit_block.from_xid":  `(g - 1)::text::xid8`,
	"audit_block.to_xid":    `g::text::xid8`,
	"audit_block.entries":   `1`,
	"audit_block.sealed_at": `now() - ($rows - g + 1) * interval '10 seconds'`,
	"audit_block.root":      `sha256(int8send(g))`,
	"audit_block.previous":  `sha256(int8send(g - 1))`,
	"audit_block.hash":      `sha256(int8send(g))`,
}

// expressions is the columns of a table that are to be filled, and with what.
func expressions(ctx context.Context, conn *pgx.Conn, table string) (list, exprs string, err error) {
	_, name, _ := strings.Cut(table, ".")
	rows, err := conn.Query(ctx, `
		select attname::text, format_type(atttypid, atttypmod), attnotnull and not atthasdef from pg_attribute
		where attrelid = $1::regclass and attnum > 0 and not attisdropped and attidentity = '' and attgenerated = '' order by attnum`, table)
	if err != nil {
		return "", "", err
	}
	var columns, with []string
	var column, kind string
	var needed bool
	_, err = pgx.ForEachRow(rows, []any{&column, &kind, &needed}, func() error {
		value, ok := values[name+"."+column]
		if !ok && (strings.HasPrefix(table, "drchrono.") || name == "acknowledgement") {
			value, ok = values[column]
		}
		if !ok && needed {
			value, ok = empty[strings.SplitN(kind, "(", 2)[0]], true
		}
		if ok {
			columns, with = append(columns, pgx.Identifier{column}.Sanitize()), append(with, "("+value+")::"+kind)
		}
		return nil
	})
	return strings.Join(columns, ", "), strings.Join(with, ", "), err
}

// empty is the empty value of a type.
var empty = map[string]string{
	"text": `''`, "bigint": `0`, "integer": `0`, "smallint": `0`, "boolean": `false`, "bytea": `''`, "numeric": `0`,
	"timestamp with time zone": `now()`, "text[]": `'{}'`, "uuid": `gen_random_uuid()`,
}

// Measure is the sizes of the tables that have at least so many rows, whatever has grown them.
func Measure(ctx context.Context, conn *pgx.Conn, least int) (Sizes, error) {
	if _, err := conn.Exec(ctx, `analyze`); err != nil {
		return nil, err
	}
	rows, err := conn.Query(ctx, `select relname::text, reltuples from pg_class where relkind = 'r' and reltuples >= $1
		and relnamespace in ('august'::regnamespace, 'drchrono'::regnamespace, 'billing'::regnamespace, 'labs'::regnamespace)`, least)
	if err != nil {
		return nil, err
	}
	sizes := Sizes{}
	var name string
	var n float64
	_, err = pgx.ForEachRow(rows, []any{&name, &n}, func() error { sizes[name] = n; return nil })
	return sizes, err
}
