package advise_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/feel-august/terraform-provider-august/internal/advise"
	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
)

// A comparison with the source reads everything each time. It may go on in the next hour, but not into the next one.
func TestCallsOfReconciliations(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name       string
		syncs      string
		reconciles string
		visits     int64
		per        int64
		worst      int64
		fits       bool
		words      []string
	}{
		{"a new practice, weekly", "*/15 * * * *", "0 4 * * 0", 0, 500, 4*12 + 12, true, []string{
			`billing, reconciled "0 4 * * 0": everything is read each time = 12; every 7 days at the closest = 1 an hour`,
			"reconciliations: 1 of 452 calls an hour", "worst hour (Sunday 04:00 UTC): 60 of 500 calls, 440 left"}},
		// It takes what is left of the hour and goes on in the next: that is what a full read does.
		{"a large practice, weekly", "*/15 * * * *", "0 4 * * 0", 100_000, 500, 500, true, []string{"= 1484; every 7 days", "= 9 an hour", "0 left"}},
		{"a large practice, every two hours", "*/15 * * * *", "0 */2 * * *", 100_000, 500, 500, false, []string{
			"every 2 hours at the closest = 742 an hour", "742 of 452 calls an hour", "so one would not end before the next; reconcile billing at most every 4 hours, or have DrChrono raise the limit to at least 790"}},
		{"a small one, every minute", "", "* * * * *", 0, 500, 720, false, []string{"every 1 minute at the closest = 720 an hour", "220 too many", "at most every 1 hour"}},
		{"a small one, every minute, with more calls", "", "* * * * *", 0, 800, 720, true, []string{"reconciliations: 720 of 800"}},
		{"beside runs that leave nothing", "* * * * *", "0 4 * * 0", 0, 500, 720, false, []string{"reconciliations: 1 call an hour, and ordinary runs leave none, so one would not end", "every 2 minutes"}},
		{"the hours that it shares", "0 * * * *", "30 3 * * *", 0, 20, 20, true, []string{"worst hour (Monday 03:00 UTC): 20 of 20"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := pipelineOf(t, "billing", "billing", tt.syncs, tt.visits, 0)
			var err error
			if p.ReconcileCron = tt.reconciles; p.ReconcileCron != "" {
				if p.Reconcile, err = runtimeapi.ParseSchedule(p.ReconcileCron); err != nil {
					t.Fatal(err)
				}
			}
			b := advise.Calls(advise.CallLimits{PerHour: tt.per}, []advise.CallPipeline{p})
			if b.Worst != tt.worst || b.Fits() != tt.fits {
				t.Errorf("worst %d, fits %t; want %d, %t:\n%s", b.Worst, b.Fits(), tt.worst, tt.fits, b.Explanation())
			}
			for _, word := range tt.words {
				if !strings.Contains(b.Explanation(), word) {
					t.Errorf("no %q in:\n%s", word, b.Explanation())
				}
			}
			// The way out that it names is one.
			if way := regexp.MustCompile(`reconcile billing at most every (\d+) hour`).FindStringSubmatch(b.Explanation()); way != nil && tt.syncs != "" {
				p.Reconcile, err = runtimeapi.ParseSchedule("0 */" + way[1] + " * * *")
				if err != nil {
					t.Fatal(err)
				}
				if b := advise.Calls(advise.CallLimits{PerHour: tt.per}, []advise.CallPipeline{p}); !b.Fits() {
					t.Errorf("the way out is none:\n%s", b.Explanation())
				}
			} else if !tt.fits && way == nil && !strings.Contains(b.Explanation(), "leave none") {
				t.Error("no way out is named")
			}
		})
	}
}
