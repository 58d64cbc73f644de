package store_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/sync/feed"
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
	copied := benchLines(b, f, objects)
	newBench(b).byHand(f, copied) // the first load of a new cluster is slower than any other, which would flatter the rest
	for _, way := range []struct {
		name string
		work func(*bench)
	}{
		{"floor", func(b *bench) { b.byHand(f, copied) }}, {"pages=250", func(b *bench) { b.byPages(f, 250, 4, objects) }},
	} {
		b.Run(way.name, func(b *testing.B) {
			bb := newBench(b)
			var spent time.Duration
			for b.Loop() {
				b.StopTimer()
				bb.exec(`truncate drchrono.lab_results, august.sweep_page`)
				bb.exec(`checkpoint`)
				b.StartTimer()
				began := time.Now()
				way.work(bb)
				spent += time.Since(began)
			}
			b.ReportMetric(float64(benchRows)*float64(b.N)/spent.Seconds(), "rows/s")
		})
	}
}
