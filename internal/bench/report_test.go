package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A run is kept and read again, and what changed is told from what the machine did.
func TestCompare(t *testing.T) {
	list := []figure{
		{what: "merge", of: "a.Merge/x", unit: "rows/s", beside: "floor", share: 70}, {what: "sync", of: "a.Sync/x", unit: "s", beside: "floor", most: 4},
		{what: "push", of: "a.Push/x", unit: "rows/s", beside: "floor"}, {what: "start", of: "a.Start", unit: "ms"}, {what: "new", of: "a.New", unit: "s"},
		{what: "crawl", of: "a.Crawl", unit: "ms"},
	}
	before := &report{At: time.Date(2026, 11, 26, 10, 0, 0, 0, time.UTC), Load: "0.10", Go: "go1", Processors: 2}
	before.add(list, map[key]float64{{"a.Merge/x", "rows/s"}: 1000, {"a.Merge/floor", "rows/s"}: 2000, {"a.Sync/x", "s"}: 2, {"a.Sync/floor", "s"}: 1,
		{"a.Push/x", "rows/s"}: 100, {"a.Push/floor", "rows/s"}: 200, {"a.Start", "ms"}: 100, {"a.Crawl", "ms"}: 100})
	file := filepath.Join(t.TempDir(), "figures.json")
	if err := before.write(file); err != nil {
		t.Fatal(err)
	}
	again, err := readReport(file)
	if diff := cmp.Diff(before, again); diff != "" || err != nil {
		t.Fatal(diff, err)
	}
	if f := again.Figures[1]; f.Share != 50 || f.Verdict != "reached" || f.Goal != "< 4 s" || again.Figures[0].Verdict != "MISSED" {
		t.Errorf("%+v", again.Figures)
	}
	// A machine half as fast: merge keeps its pace with it, sync lost as much again, push is as fast as ever, start is half as fast.
	now := &report{Load: "3.00", Go: "go2", Processors: 2}
	now.add(list, map[key]float64{{"a.Merge/x", "rows/s"}: 520, {"a.Merge/floor", "rows/s"}: 1000, {"a.Sync/x", "s"}: 8, {"a.Sync/floor", "s"}: 2,
		{"a.Push/x", "rows/s"}: 100, {"a.Push/floor", "rows/s"}: 100, {"a.Start", "ms"}: 190, {"a.New", "s"}: 1, {"a.Crawl", "ms"}: 1000})
	var got strings.Builder
	if err := compare(&got, again, now); err != nil {
		t.Fatal(err)
	}
	const want = `
Since 2026-11-26 10:00 (load 0.10, now 3.00): the machine did -50 % by its floors, and what differs by less than 10 % from that is noise.
Then it was go1 on 2 processors, now it is go2 on 2.
what before now change its floor
merge 1,000 rows/s 520 rows/s -48 % -50 %
sync 2 s 8 s -75 % -50 % WORSE
push 100 rows/s 100 rows/s +0 % -50 % better
start 100 ms 190 ms -47 % –
crawl 100 ms 1,000 ms -90 % – WORSE
`
	if diff := cmp.Diff(trimmed(want), trimmed(got.String())); diff != "" {
		t.Error(diff)
	}
	got.Reset()
	if err := compare(&got, &report{Figures: []result{{Of: "other"}}}, now); err != nil || !strings.Contains(got.String(), "No figure is in both") {
		t.Errorf("%s, %v", &got, err)
	}
	for name, text := range map[string]string{"empty": "{}", "text": "figures"} {
		file := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := readReport(file); err == nil {
			t.Errorf("%s is taken for figures", name)
		}
	}
}

func trimmed(s string) string {
	lines := strings.Split(squeezed(s), "\n")
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	return strings.Join(lines, "\n")
}

// Times are of benchmarks, with what they prepare, and not of what is built in between.
func TestStopwatch(t *testing.T) {
	at := time.Unix(0, 0)
	s := &stopwatch{now: func() time.Time { return at }}
	for _, step := range []struct {
		seconds float64
		text    string
	}{
		{5, "goos: linux\npkg: github.com/feel-august/terraform-provider-august/internal/sync/store\n"},
		{0, "=== RUN   BenchmarkMerge\nBenchmarkMerge\n=== RUN   BenchmarkMerge/line_"}, {2, "items\nBenchmarkMerge/line_items-2 1 2 ns/op\n"},
		{1, "=== RUN   BenchmarkRead\n"}, {70, "BenchmarkRead-2 1 1 ns/op\nPASS\nok  \tpkg\t73s\n"},
		{40, "pkg: github.com/feel-august/terraform-provider-august/provider\n=== RUN   BenchmarkPlan\n"}, {0.25, ""},
	} {
		at = at.Add(time.Duration(step.seconds * float64(time.Second)))
		if _, err := s.Write([]byte(step.text)); err != nil {
			t.Fatal(err)
		}
	}
	var got strings.Builder
	if err := durations(&got, s.stop()); err != nil {
		t.Fatal(err)
	}
	const want = `
3 benchmarks took 1m13s, without building them; the longest:
sync/store.Read 1m10s 96 %
sync/store.Merge 3s 4 %
provider.Plan 300ms 0 %
`
	if diff := cmp.Diff(trimmed(want), trimmed(got.String())); diff != "" {
		t.Error(diff)
	}
}
