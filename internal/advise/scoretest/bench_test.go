package scoretest

import (
	"testing"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/advise/index"
)

// BenchmarkAdvise keeps the score of advice on a practice of more than a million rows, with the time that statements really took.
// Its floor is the indexes made by hand.
func BenchmarkAdvise(b *testing.B) {
	a := newAdvisor(b, false)
	for _, proof := range []string{index.ProofHypoPG, index.ProofArithmetic} {
		b.Run(proof, func(b *testing.B) {
			var s score
			var spent time.Duration
			for b.Loop() {
				advice, took := a.advise(b, proof)
				if advice == nil {
					b.Skip("its figures cannot be measured without HypoPG")
				}
				s, spent = keep(b, advice), took
			}
			b.Logf("\n%s", s)
			b.ReportMetric(float64(len(wanting)-s.missing), "missed")
			b.ReportMetric(float64(10-s.ten), "missed-of-ten")
			b.ReportMetric(float64(len(s.wrong)+len(s.trapped)), "wrong")
			b.ReportMetric(float64(planted()-s.useless), "useless-missed")
			b.ReportMetric(float64(len(s.guarded)), "guarded")
			b.ReportMetric(s.before.blocks, "blocks-before")
			b.ReportMetric(s.after.blocks, "blocks")
			b.ReportMetric(s.byHand.blocks, "blocks-by-hand")
			b.ReportMetric(s.before.ms/1000, "s-before")
			b.ReportMetric(s.after.ms/1000, "s")
			b.ReportMetric(s.byHand.ms/1000, "s-by-hand")
			b.ReportMetric(spent.Seconds(), "s-advice")
		})
	}
}
