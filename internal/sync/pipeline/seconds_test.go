package pipeline_test

import (
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/sync/feed"
)

// Dashboards and the objective of a full sync read the time of each table out of the log.
func TestAFullSyncSaysHowLongEachTableTook(t *testing.T) {
	t.Parallel()
	began := time.Now()
	r := newRig(t, 5, always(feed.Doctors, feed.Patients)...)
	r.synced()
	took := map[string]float64{}
	for _, line := range regexp.MustCompile(`msg="feed done" .*feed=(\w+) full=true .*seconds=([0-9.]+)`).FindAllStringSubmatch(r.logs.String(), -1) {
		seconds, err := strconv.ParseFloat(line[2], 64)
		if err != nil {
			t.Fatal(err)
		}
		took[line[1]] = seconds
	}
	for _, f := range r.feeds {
		if s, said := took[f.Name]; !said || s <= 0 || s > time.Since(began).Seconds() {
			t.Errorf("%s took %v s, said: %t\n%s", f.Name, s, said, r.logs)
		}
	}
}
