package dataset_test

import (
	"bytes"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

const benchRows = 600_000

const benchTables = `
create table clinic.patients (id bigint primary key, first_name text not null, last_name text not null, born date, state varchar(2), zip varchar(5), phone text, email text unique, created_at timestamp not null, updated_at timestamp not null, raw json not null);
create table clinic.lines (id bigint primary key, patient bigint not null references clinic.patients, code varchar(12) not null, quantity numeric(8,2), price numeric(10,2) check (price >= 0), paid boolean, posted date, comment text, created_at timestamptz not null, updated_at timestamptz not null, hash bytea not null);
create index lines_patient on clinic.lines (patient); create index lines_updated on clinic.lines (updated_at);`

// BenchmarkImport brings in 600,000 rows, one in six of them of another table; floor: COPY of the same lines, uncompressed and
// unchecked, in two streams into tables without indexes, then those, the foreign key and statistics, by hand.
func BenchmarkImport(b *testing.B) {
	r := newRig(b)
	r.exec(r.source, benchTables)
	r.as(benchTables)
	r.exec(r.source, fmt.Sprintf(`insert into clinic.patients select n, 'First' || n %% 977, 'Last' || n %% 7919, date '1940-01-01' + n %% 25000, 'TX', lpad((n %% 99999)::text, 5, '0'), '555-01' || n %% 99, 'p' || n || '@example.com', timestamp '2020-01-01' + n * interval '1 min', timestamp '2021-01-01' + n * interval '1 min', json_build_object('id', n, 'notes', repeat('word ', 20)) from generate_series(1, %d) n;
		insert into clinic.lines select n, 1 + n %% %[1]d, 'CODE' || n %% 500, 1, n %% 100000 / 100.0, n %% 3 = 0, date '2022-01-01' + n %% 700, case when n %% 4 = 0 then repeat('comment ', 10) end, timestamptz '2020-01-01' + n * interval '1 min', timestamptz '2021-01-01' + n * interval '1 min', sha256(n::text::bytea) from generate_series(1, %d) n`, benchRows/6, benchRows/6*5))
	r.brought = []string{"clinic.patients", "clinic.lines"}
	lines := map[string][]byte{}
	r.altered = func(table string, text []byte) []byte { lines[table] = text; return text }
	size := 0
	m := r.publish("bench-0", 50_000)
	for _, t := range m.Tables {
		size += int(t.Bytes)
	}
	report := func(b *testing.B, took time.Duration) {
		b.ReportMetric(float64(benchRows)/took.Seconds(), "rows/s")
		b.ReportMetric(float64(size)/1e6/took.Seconds(), "MB/s")
	}
	for _, indexes := range []string{"floor", "floor-indexed"} {
		b.Run(indexes, func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				r.as(`drop schema if exists by_hand cascade; create schema by_hand`)
				how := ""
				if indexes != "floor" {
					how = " including indexes"
				}
				r.as(`create table by_hand.patients (like clinic.patients` + how + `); create table by_hand.lines (like clinic.lines` + how + `)`)
				b.StartTimer()
				begun := time.Now()
				var wg sync.WaitGroup
				load := func(table string, text []byte) {
					conn, err := pgx.Connect(b.Context(), r.db.URL())
					if err == nil {
						_, err = conn.PgConn().CopyFrom(b.Context(), bytes.NewReader(text), "copy by_hand."+table+" from stdin")
						_ = conn.Close(b.Context())
					}
					if err != nil {
						b.Error(err)
					}
				}
				half := len(lines["clinic.lines"]) / 2
				half += bytes.IndexByte(lines["clinic.lines"][half:], '\n') + 1
				wg.Go(func() { load("lines", lines["clinic.lines"][:half]) })
				wg.Go(func() { load("lines", lines["clinic.lines"][half:]); load("patients", lines["clinic.patients"]) })
				wg.Wait()
				if indexes == "floor" {
					wg.Go(func() {
						r.as(`alter table by_hand.lines add primary key (id); create index on by_hand.lines (patient); create index on by_hand.lines (updated_at); analyze by_hand.lines`)
					})
					wg.Go(func() {
						r.as(`alter table by_hand.patients add primary key (id); alter table by_hand.patients add unique (email); analyze by_hand.patients`)
					})
					wg.Wait()
				}
				r.as(`alter table by_hand.lines add foreign key (patient) references by_hand.patients`)
				report(b, time.Since(begun))
			}
		})
	}
	b.Run("import", func(b *testing.B) {
		for n := 0; b.Loop(); n++ {
			b.StopTimer()
			name := fmt.Sprintf("bench-%d-%d", b.N, time.Now().UnixNano())
			r.publish(name, 50_000)
			b.StartTimer()
			begun := time.Now()
			r.bring(name)
			report(b, time.Since(begun))
		}
	})
}
