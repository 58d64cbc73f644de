package store_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/feel-august/terraform-provider-august/internal/sync/feed"
	"github.com/feel-august/terraform-provider-august/internal/sync/store"
)

const benchRows = 100_000

// benchObjects makes line items as the source writes them, about 700 bytes each.
func benchObjects(version int) []json.RawMessage {
	out := make([]json.RawMessage, benchRows)
	for i := range out {
		out[i] = fmt.Appendf(nil, `{"id":%d,"appointment":%d,"patient":%d,"doctor":30001,"code":"99213","procedure_type":"C","description":"OFFICE VISIT EST LOW","modifiers":["25","","",""],"diagnosis_pointers":["1","2","",""],"quantity":"1.00","units":"UN","price":"150.00","billed":"%d.00","allowed":"98.40","adjustment":"51.60","ins1_paid":"78.40","ins2_paid":"0.00","ins3_paid":"0.00","ins_total":"78.40","pt_paid":"0.00","paid_total":"78.40","balance_ins":"0.00","balance_pt":"20.00","balance_total":"20.00","expected_reimbursement":null,"billing_status":"ERA Received","insurance_status":"","denied_flag":false,"service_date":"2026-03-04","posted_date":"2026-03-05","updated_at":"2026-03-21T06:%02d:09"}`,
			9_100_000+i, 7_000_000+i/3, 5_000_000+i/12, i%997, version)
	}
	return out
}

// benchTransactions makes postings as the source writes them.
func benchTransactions(version int) []json.RawMessage {
	out := make([]json.RawMessage, benchRows)
	for i := range out {
		out[i] = fmt.Appendf(nil, `{"id":%d,"line_item":%d,"appointment":%d,"patient":%d,"doctor":30001,"ins_name":1,"ins_paid":"78.40","adjustment":"%d.60","adjustment_reason":"45","adjustment_group_code":"CO","claim_status":"Processed as primary","posted_date":"2026-03-15","check_date":"2026-03-14","trace_number":"TR%d","created_at":"2026-03-15T06:00:09","updated_at":"2026-03-21T06:%02d:09"}`,
			7_100_000+i, 9_100_000+i/2, 7_000_000+i/6, 5_000_000+i/12, i%97, i%5000, version)
	}
	return out
}

// BenchmarkMerge loads 100,000 line items and as many transactions. "floor" is COPY and one guarded
// merge of everything, by hand, on one connection, with the rows encoded beforehand; "pages" decodes,
// merges and checkpoints page by page, as a sync does. Their rows are told as a percentage of the floor
// that was taken just before.
func BenchmarkMerge(b *testing.B) {
	for f, objects := range map[*feed.Feed]func(int) []json.RawMessage{&feed.LineItems: benchObjects, &feed.Transactions: benchTransactions} {
		old, young := objects(1), objects(2)
		first, second := benchLines(b, f, old), benchLines(b, f, young)
		newBench(b).byHand(f, first) // the first load of a new cluster is slower than any other, which would flatter the rest
		floor := func(copied []byte) func(*bench) { return func(b *bench) { b.byHand(f, copied) } }
		pages := func(size, writers int, objects []json.RawMessage) func(*bench) {
			return func(b *bench) { b.byPages(f, size, writers, objects) }
		}
		nothing := func(*bench) {}
		for _, c := range []struct {
			what          string
			prepare, hand func(*bench)
			objects       []json.RawMessage
		}{
			{"insert", nothing, floor(first), old}, {"update", floor(first), floor(second), young}, {"unchanged", floor(first), floor(first), old},
		} {
			var bare float64
			for _, way := range []struct {
				name string
				work func(*bench)
			}{
				{"floor", c.hand}, {"pages=1000", pages(1000, 4, c.objects)}, {"pages=250", pages(250, 4, c.objects)}, {"pages=1000,writers=1", pages(1000, 1, c.objects)},
			} {
				b.Run(f.Name+"/"+c.what+"/"+way.name, func(b *testing.B) {
					bb := newBench(b)
					var spent time.Duration
					for b.Loop() {
						b.StopTimer()
						bb.exec(`truncate drchrono.` + f.Name + `, august.sweep_page`)
						c.prepare(bb)
						bb.exec(`checkpoint`)
						b.StartTimer()
						began := time.Now()
						way.work(bb)
						spent += time.Since(began)
					}
					rate := float64(benchRows) * float64(b.N) / spent.Seconds()
					b.ReportMetric(rate, "rows/s")
					if way.name == "floor" {
						bare = rate
					} else if bare > 0 {
						b.ReportMetric(100*rate/bare, "%floor")
					}
				})
			}
		}
	}
}

// benchLines decodes objects and encodes them for COPY.
func benchLines(b *testing.B, f *feed.Feed, objects []json.RawMessage) []byte {
	b.Helper()
	var out []byte
	d := feed.NewDecoder(f)
	for _, o := range objects {
		row, err := d.Decode(o)
		if err != nil {
			b.Fatal(err)
		}
		out = row.AppendCopy(out)
	}
	return out
}

// byHand is what a person would write: the best that a single load can do.
func (b *bench) byHand(f *feed.Feed, copied []byte) {
	b.Helper()
	ctx := b.Context()
	conn, err := b.Pool().Acquire(ctx)
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Release()
	cols := f.CopyColumns()
	typed := strings.Join(cols[:len(cols)-1], ", ")
	var set []string
	for _, c := range cols[1 : len(cols)-1] {
		set = append(set, c+" = excluded."+c)
	}
	newer := "t.updated_at < excluded.updated_at"
	if f.Version == "" {
		newer = "t.content_hash <> excluded.content_hash"
	}
	steps := []func() error{
		func() error {
			_, err := conn.Exec(ctx, `begin; set local session_replication_role = replica; -- without the audit trail
				create temp table by_hand on commit drop as select `+typed+`, false as source_deleted from drchrono.`+f.Name+` with no data`)
			return err
		},
		func() error {
			_, err := conn.Conn().PgConn().CopyFrom(ctx, bytes.NewReader(copied), `copy by_hand from stdin`)
			return err
		},
		func() error {
			_, err := conn.Exec(ctx, `insert into drchrono.`+f.Name+` as t (`+typed+`, observed_at) select `+typed+`, now() from by_hand
				on conflict (id) do update set `+strings.Join(set, ", ")+`, observed_at = excluded.observed_at where `+newer)
			return err
		},
		func() error { _, err := conn.Exec(ctx, `commit`); return err },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			b.Fatal(err)
		}
	}
}

func (b *bench) byPages(f *feed.Feed, size, writers int, objects []json.RawMessage) {
	b.Helper()
	var g errgroup.Group
	g.SetLimit(writers)
	for n := 0; n*size < len(objects); n++ {
		g.Go(func() error {
			d := feed.NewDecoder(f)
			p := store.Page{Sweep: 1, Number: n + 1, At: time.Now()}
			for _, o := range objects[n*size : min((n+1)*size, len(objects))] {
				row, err := d.Decode(o)
				if err != nil {
					return err
				}
				p.Rows = append(p.Rows, row)
			}
			_, err := b.MergePage(b.Context(), f, b.holder, p)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		b.Fatal(err)
	}
}
