package results

import (
	"context"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/feel-august/terraform-provider-august/internal/sync/feed"
)

// BenchmarkDerive derives from 100,000 results of 12,500 orders, two in five of them abnormal: "first"
// writes everything, "again" finds nothing to write.
func BenchmarkDerive(b *testing.B) {
	t := setup(b)
	var orders, tests, results []string
	for i := range 100_000 {
		if i%8 == 0 {
			orders = append(orders, fmt.Sprintf(`{"id":%d,"patient":%d,"doctor":30001,"status":"R","timestamp":"2026-03-04T08:00:00"}`, i/8, 5_000_000+i/16))
		}
		if i%4 == 0 {
			tests = append(tests, fmt.Sprintf(`{"id":%d,"lab_order":%d,"name":"Panel","status":"F"}`, i/4, i/8))
		}
		flag := ""
		if i%5 < 2 {
			flag = "H"
		}
		results = append(results, fmt.Sprintf(`{"id":%d,"lab_test":%d,"lab_order":%d,"status":"F","value":"88","normal_range":"70 99","abnormal_status":%q,"observation_code":"C-%d","observation_description":"Analyte","test_performed":"2026-03-04T10:00:00"}`,
			i, i/4, i/8, flag, i%4))
	}
	t.merge(&feed.LabOrders, orders...)
	t.merge(&feed.LabTests, tests...)
	t.merge(&feed.LabResults, results...)
	t.exec(`vacuum analyze drchrono.lab_results`)
	t.spec.CodaViews = nil
	derive := func() {
		if err := pgx.BeginFunc(context.Background(), t.pool, func(tx pgx.Tx) error { return Derive(context.Background(), tx, t.spec, t.run) }); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("first", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			t.exec(`truncate labs.review, labs.order_progress`)
			b.StartTimer()
			derive()
		}
	})
	b.Run("again", func(b *testing.B) {
		derive()
		for b.Loop() {
			derive()
		}
	})
}
