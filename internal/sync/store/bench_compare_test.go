package store_test

import (
	"runtime"
	"testing"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/sync/feed"
	"github.com/feel-august/terraform-provider-august/internal/sync/store"
)

// BenchmarkCompare compares 100,000 transactions with what is stored, of which one in a thousand is lost: page by page,
// and then range by range. "floor" is COPY and one guarded merge of the same rows, by hand. What the process holds
// besides is told too: it must not grow with the table.
func BenchmarkCompare(b *testing.B) {
	f, objects := &feed.Transactions, benchTransactions(1)
	copied := benchLines(b, f, objects)
	bb := newBench(b)
	for b.Loop() {
		bb.exec(`truncate drchrono.transactions, august.sweep_page, august.reconcile_row, august.reconcile_feed`)
		bb.byHand(f, copied)
		bb.exec(`checkpoint`)
		began := time.Now()
		bb.byHand(f, copied)
		floor := time.Since(began)
		bb.exec(`delete from drchrono.transactions where id % 1000 = 0`)
		c, err := bb.OpenComparison(b.Context(), f, bb.holder)
		if err != nil {
			b.Fatal(err)
		}
		began = time.Now()
		for n := 0; n < len(objects); n += 1000 {
			page := store.Page{Sweep: c.ID, Number: n/1000 + 1, At: time.Now()}
			d := feed.NewDecoder(f)
			for _, o := range objects[n : n+1000] {
				row, err := d.Decode(o)
				if err != nil {
					b.Fatal(err)
				}
				page.Rows = append(page.Rows, row)
			}
			if _, err := bb.ComparePage(b.Context(), f, bb.holder, "p", page, true); err != nil {
				b.Fatal(err)
			}
		}
		pages := time.Since(began)
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		began = time.Now()
		if _, all, _, err := bb.Unseen(b.Context(), f, c, 100); err != nil || all != 0 {
			b.Fatal(all, err)
		}
		if err := bb.EachBucket(b.Context(), f, c, func(one store.Bucket) {
			if one.Source != one.Database || one.SourceHash != one.DatabaseHash {
				b.Errorf("%+v", one)
			}
		}); err != nil {
			b.Fatal(err)
		}
		count := time.Since(began)
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(len(objects))/floor.Seconds(), "floor-rows/s")
		b.ReportMetric(float64(len(objects))/pages.Seconds(), "pages-rows/s")
		b.ReportMetric(float64(len(objects))/count.Seconds(), "ranges-rows/s")
		b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)/1024, "ranges-KiB")
	}
}
