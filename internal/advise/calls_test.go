package advise_test

import (
	"strings"
	"testing"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/advise"
	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
)

func pipelineOf(t *testing.T, name, dataset, cron string, visits, daily int64) advise.CallPipeline {
	t.Helper()
	p := advise.CallPipeline{Name: name, Cron: cron}
	for _, f := range advise.CallDatasets[dataset] {
		switch f.Name {
		case "patient_payment_log", "eobs", "eligibility_checks": // so that the sums below stay short
			continue
		}
		p.Feeds = append(p.Feeds, f.OfVisits(visits, daily))
	}
	if cron != "" {
		s, err := runtimeapi.ParseSchedule(cron)
		if err != nil {
			t.Fatal(err)
		}
		p.Schedule = s
	}
	return p
}

func TestCalls(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name      string
		limits    advise.CallLimits
		pipelines [][2]string // dataset, schedule
		visits    int64
		worst     int64
		fullHours int64
		fits      bool
		word      string
	}{
		{"quarterly billing of a new practice", advise.CallLimits{PerHour: 500}, [][2]string{{"billing", "*/15 * * * *"}}, 0, 4 * 12, 1, true, "452 left"},
		{"every minute", advise.CallLimits{PerHour: 500}, [][2]string{{"billing", "* * * * *"}}, 0, 720, 0, false, "run billing every 2 minutes instead of 60 times an hour"},
		{"a raised limit", advise.CallLimits{PerHour: 2000}, [][2]string{{"billing", "* * * * *"}}, 0, 720, 1, true, "1280 left"},
		{"others' calls count", advise.CallLimits{PerHour: 500, Other: 460}, [][2]string{{"billing", "*/15 * * * *"}}, 0, 508, 0, false, "run billing every 20 minutes instead of 4 times"},
		{"a large practice", advise.CallLimits{PerHour: 500, ReservePercent: 10}, [][2]string{{"billing", "0 * * * *"}}, 100_000, 12, 4, true, "1 start an hour × 12 = 12"},
		// Lists of labs that cannot be asked for what changed are read whole each time.
		{
			"labs every five minutes", advise.CallLimits{PerHour: 500}, [][2]string{{"billing", "*/15 * * * *"}, {"labs", "*/5 * * * *"}}, 20_000, 48 + 12*213, 0, false,
			"run labs every 30 minutes instead of 12 times an hour",
		},
		{"two at night", advise.CallLimits{PerHour: 500}, [][2]string{{"labs", "0 2 * * *"}, {"labs", "30 2 * * *"}}, 30_000, 2 * 317, 2, false, "start labs in another hour than the others"},
		{"two apart", advise.CallLimits{PerHour: 500}, [][2]string{{"labs", "0 2 * * *"}, {"labs", "0 3 * * *"}}, 30_000, 317, 2, true, "183 left"},
		{"on request only", advise.CallLimits{PerHour: 500}, [][2]string{{"billing", ""}}, 0, 0, 1, true, "worst hour: 0 of 500"},
		{"longer than a week", advise.CallLimits{PerHour: 500}, [][2]string{{"billing", ""}}, 8_000_000, 0, 237, false, "longer than the week"},
		{"none", advise.CallLimits{PerHour: 500}, nil, 0, 0, 0, true, "500 left"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var all []advise.CallPipeline
			for _, p := range tt.pipelines {
				all = append(all, pipelineOf(t, p[0], p[0], p[1], tt.visits, 0))
			}
			b := advise.Calls(tt.limits, all)
			if b.Worst != tt.worst || b.FullHours != tt.fullHours || b.Fits() != tt.fits || !strings.Contains(b.Explanation(), tt.word) {
				t.Errorf("worst %d, full %d h, fits %t; want %d, %d, %t and %q:\n%s", b.Worst, b.FullHours, b.Fits(), tt.worst, tt.fullHours, tt.fits, tt.word, b.Explanation())
			}
		})
	}
}

// What a way out says is enough is enough, and the worst hour is found wherever in the year it lies.
func TestCallsFindTheWorstHour(t *testing.T) {
	t.Parallel()
	a := pipelineOf(t, "a", "billing", "0 4 1 3 *", 0, 0)
	b := pipelineOf(t, "b", "billing", "*/30 4 * * 5", 0, 0) // 1 March 2024 is a Friday
	got := advise.Calls(advise.CallLimits{PerHour: 500}, []advise.CallPipeline{a, b})
	if got.Worst != 36 || !got.WorstAt.Equal(time.Date(2024, 3, 1, 4, 0, 0, 0, time.UTC)) {
		t.Errorf("%d at %v\n%s", got.Worst, got.WorstAt, got.Explanation())
	}
}
