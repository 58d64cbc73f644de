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

// benchResults makes lab results as the source writes them, in every form of value and range.
func benchResults() []json.RawMessage {
	forms := []string{
		`"value":"126","unit":"mg/dL","normal_range":"70 99","abnormal_status":"H"`, `"value":"140 mEq/L","unit":"mEq/L","normal_range":"135-145 mEq/L","abnormal_status":""`,
		`"value":"<0.01","unit":"mg/dL","normal_range":"0-<100","abnormal_status":""`, `"value":"Not Detected","unit":"","normal_range":"Not Detected","abnormal_status":""`,
		`"value":"1:80","unit":"","normal_range":"<1:40","abnormal_status":"A"`,
	}
	out := make([]json.RawMessage, benchRows)
	for i := range out {
		out[i] = fmt.Appendf(nil, `{"id":%d,"lab_test":%d,"lab_order":"%d","document":%d,"status":"F",%s,"value_is_numeric":true,"is_abnormal":false,"observation_code":"%d-7","observation_description":"Analyte","group_code":"CMP","test_performed":"2026-03-04T10:00:00","specimen_received":"2026-03-04T08:00:00","comments":""}`,
			42_000_000+i, 41_000_000+i/4, 40_000_000+i/8, 43_000_000+i/8, forms[i%len(forms)], 2000+i%4)
	}
	return out
}

// BenchmarkMergeResults loads 100,000 lab results. "floor" is COPY and one guarded merge by hand of rows
// that were read and encoded beforehand; "pages" reads each value and range, merges and checkpoints page by
// page, of the size that the source's list has.
func BenchmarkMergeResults(b *testing.B) {
	f, objects := &feed.LabResults, benchResults()
	var copied []byte
	d := feed.NewDecoder(f)
	for _, o := range objects {
		row, err := d.Decode(o)
		if err != nil {
			b.Fatal(err)
		}
		copied = row.AppendCopy(copied)
	}
	run := func(name string, work func(*bench) error) {
		b.Run(name, func(b *testing.B) {
			bb := newBench(b)
			bb.exec(`insert into august.feed_run (run_id, feed, ordinal) values ($1, 'lab_results', 1) on conflict do nothing`, bb.holder.Run)
			var spent time.Duration
			for b.Loop() {
				b.StopTimer()
				bb.exec(`truncate drchrono.lab_results, august.sweep_page`)
				bb.exec(`checkpoint`)
				b.StartTimer()
				began := time.Now()
				if err := work(bb); err != nil {
					b.Fatal(err)
				}
				spent += time.Since(began)
			}
			b.ReportMetric(float64(benchRows)*float64(b.N)/spent.Seconds(), "rows/s")
		})
	}
	run("floor", func(b *bench) error {
		conn, err := b.Pool().Acquire(b.Context())
		if err != nil {
			return err
		}
		defer conn.Release()
		cols := f.CopyColumns()
		typed := strings.Join(cols[:len(cols)-1], ", ")
		var set []string
		for _, c := range cols[1 : len(cols)-1] {
			set = append(set, c+" = excluded."+c)
		}
		if _, err := conn.Exec(b.Context(), `begin; create temp table by_hand on commit drop as select `+typed+`, false as source_deleted from drchrono.lab_results with no data`); err != nil {
			return err
		}
		if _, err := conn.Conn().PgConn().CopyFrom(b.Context(), bytes.NewReader(copied), `copy by_hand from stdin`); err != nil {
			return err
		}
		if _, err := conn.Exec(b.Context(), `insert into drchrono.lab_results as t (`+typed+`, observed_at) select `+typed+`, now() from by_hand
			on conflict (id) do update set `+strings.Join(set, ", ")+`, observed_at = excluded.observed_at where t.content_hash <> excluded.content_hash`); err != nil {
			return err
		}
		_, err = conn.Exec(b.Context(), `commit`)
		return err
	})
	run("pages=250", func(b *bench) error {
		const size = 250
		var g errgroup.Group
		g.SetLimit(4)
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
		return g.Wait()
	})
}
