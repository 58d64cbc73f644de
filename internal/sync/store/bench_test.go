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

// BenchmarkMerge loads 100,000 line items. "floor" is COPY and one guarded merge of everything, by
// hand, with the rows encoded beforehand; "pages" decodes, merges and checkpoints page by page, as a
// sync does.
func BenchmarkMerge(b *testing.B) {
	objects := benchObjects(1)
	newer := benchObjects(2)
	lines := func(objects []json.RawMessage) []byte {
		var out []byte
		d := feed.NewDecoder(&feed.LineItems)
		for _, o := range objects {
			row, err := d.Decode(o)
			if err != nil {
				b.Fatal(err)
			}
			out = row.AppendCopy(out)
		}
		return out
	}
	run := func(name string, prepare, work func(*bench)) {
		b.Run(name, func(b *testing.B) {
			bb := newBench(b)
			var spent time.Duration
			for b.Loop() {
				b.StopTimer()
				bb.exec(`truncate drchrono.line_items, august.sweep_page`)
				prepare(bb)
				bb.exec(`checkpoint`)
				b.StartTimer()
				began := time.Now()
				work(bb)
				spent += time.Since(began)
			}
			b.ReportMetric(float64(benchRows)*float64(b.N)/spent.Seconds(), "rows/s")
		})
	}
	nothing := func(*bench) {}
	floor := func(copied []byte) func(*bench) { return func(b *bench) { b.byHand(copied) } }
	pages := func(size, writers int, objects []json.RawMessage) func(*bench) {
		return func(b *bench) { b.byPages(size, writers, objects) }
	}
	first, second := lines(objects), lines(newer)
	run("insert/floor", nothing, floor(first))
	run("insert/pages=1000", nothing, pages(1000, 4, objects))
	run("insert/pages=250", nothing, pages(250, 4, objects))
	run("insert/pages=1000,writers=1", nothing, pages(1000, 1, objects))
	run("update/floor", floor(first), floor(second))
	run("update/pages=1000", floor(first), pages(1000, 4, newer))
	run("unchanged/floor", floor(first), floor(first))
	run("unchanged/pages=1000", floor(first), pages(1000, 4, objects))
}

// byHand is what a person would write: the best that a single load can do.
func (b *bench) byHand(copied []byte) {
	b.Helper()
	ctx := b.Context()
	conn, err := b.Pool().Acquire(ctx)
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Release()
	cols := feed.LineItems.CopyColumns()
	typed := strings.Join(cols[:len(cols)-1], ", ")
	var set []string
	for _, c := range cols[1 : len(cols)-1] {
		set = append(set, c+" = excluded."+c)
	}
	steps := []func() error{
		func() error {
			_, err := conn.Exec(ctx, `begin; create temp table by_hand on commit drop as select `+typed+`, false as source_deleted from drchrono.line_items with no data`)
			return err
		},
		func() error {
			_, err := conn.Conn().PgConn().CopyFrom(ctx, bytes.NewReader(copied), `copy by_hand from stdin`)
			return err
		},
		func() error {
			_, err := conn.Exec(ctx, `insert into drchrono.line_items as t (`+typed+`, observed_at) select `+typed+`, now() from by_hand
				on conflict (id) do update set `+strings.Join(set, ", ")+`, observed_at = excluded.observed_at where t.updated_at < excluded.updated_at`)
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

func (b *bench) byPages(size, writers int, objects []json.RawMessage) {
	b.Helper()
	var g errgroup.Group
	g.SetLimit(writers)
	for n := 0; n*size < len(objects); n++ {
		g.Go(func() error {
			d := feed.NewDecoder(&feed.LineItems)
			p := store.Page{Sweep: 1, Number: n + 1, At: time.Now()}
			for _, o := range objects[n*size : min((n+1)*size, len(objects))] {
				row, err := d.Decode(o)
				if err != nil {
					return err
				}
				p.Rows = append(p.Rows, row)
			}
			_, err := b.MergePage(b.Context(), &feed.LineItems, b.holder, p)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		b.Fatal(err)
	}
}
