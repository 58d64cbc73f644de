package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var few = []figure{
	{what: "merge", of: "sync/store.Merge/line_items/insert/pages=1000", unit: "rows/s", beside: "floor", share: 70},
	{what: "· on disk", of: "localcloud.Sync/sync", unit: "MB/s"},
	{what: "sync", of: "sync/store.Sync/sync", unit: "s", beside: "floor", share: 70, most: 4},
	{what: "slow", of: "localcloud.Sync/sync", unit: "s", most: 84.2},
	{what: "not run", of: "localcloud.Gone", unit: "s", most: 1},
}

func measuredReport(t *testing.T, output string) report {
	t.Helper()
	measured, err := read(strings.NewReader(output))
	if err != nil {
		t.Fatal(err)
	}
	return newReport(few, measured, everything, "0.10")
}

func TestReport(t *testing.T) {
	r := measuredReport(t, output)
	name := filepath.Join(t.TempDir(), "bench.json")
	for range 2 { // the second one replaces the first
		if err := r.write(name); err != nil {
			t.Fatal(err)
		}
	}
	got, err := readReport(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(r, got); diff != "" {
		t.Error(diff)
	}
	floor, share := 50_000.0, 62.66
	want := []result{
		{What: "merge", Of: few[0].of, Unit: "rows/s", Value: 31_330, Floor: &floor, Share: &share, Goal: "≥ 70 %", Verdict: "MISSED"},
		{What: "merge: on disk", Of: few[1].of, Unit: "MB/s", Value: 12},
	}
	if diff := cmp.Diff(want, got.Figures[:2]); diff != "" {
		t.Error(diff)
	}
	if n := len(got.Figures); n != 4 {
		t.Errorf("%d figures; one was not run", n)
	}
	if of := got.Benchmarks["sync/store.Sync/floor"]["s"]; of != 2.5 {
		t.Errorf("the floor is reported as %v", of)
	}
	left, err := os.ReadDir(filepath.Dir(name))
	if err != nil || len(left) != 1 {
		t.Errorf("%d files, %v", len(left), err)
	}
}

func TestReadReport_refuses(t *testing.T) {
	for text, want := range map[string]string{"": "is no report", "{}": "holds no figures", "what measured": "is no report"} {
		name := filepath.Join(t.TempDir(), "bench.json")
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := readReport(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestCompare(t *testing.T) {
	before := measuredReport(t, output)
	now := measuredReport(t, strings.NewReplacer(
		"50000 rows/s", "55000 rows/s", "31330 rows/s", "27500 rows/s", // 62.66 % of the floor become 50 %
		"3.125 s", "2.500 s", // 80 % of the floor become 100 %
		"84.20 s", "82.00 s", // by less than the floors moved
		"	 12.00 MB/s", "",
	).Replace(output))
	now.At, now.Revision, before.Revision = before.At, "", "0123456789ab"
	var got strings.Builder
	if err := compare(&got, before, now); err != nil {
		t.Fatal(err)
	}
	want := `
against the run of ` + before.At.Format("2006-01-02 15:04") + ` at 0123456789ab, load 0.10
floors moved by 10 % (half of them) to 10 % (three quarters): less than that says nothing

what before now of the floor change
---- ------ --- ------------ ------
merge 31,330 rows/s 27,500 rows/s 63 → 50 % -20 % WORSE
sync 3.12 s 2.50 s 80 → 100 % +25 % better
slow 84.2 s 82 s – +3 %
merge: on disk 12 MB/s – not measured
`
	if diff := cmp.Diff(squeezed(want), squeezed(got.String())); diff != "" {
		t.Error(diff)
	}
	now.Pattern = "Sync"
	got.Reset()
	if err := compare(&got, before, now); err != nil || strings.Contains(got.String(), "not measured") {
		t.Errorf("what was not asked for is missed: %s %v", &got, err)
	}
}

func TestTimes(t *testing.T) {
	var took times
	for _, part := range strings.SplitAfter(output+"FAIL\t"+module+"provider\t12.5s\n", "s") { // however it is cut
		if _, err := took.Write([]byte(part)); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := took.String(), "took 22 s: provider 12 s, sync/store 9 s"; got != want {
		t.Errorf("%q", got)
	}
}

func TestBenchmarks(t *testing.T) {
	t.Chdir("../..") // where go.mod is
	list := []figure{{of: "sync/store.Merge/line_items/insert"}, {of: "sync/store.Merge"}, {of: "provider.Plan/pipelines"}, {of: "gcp/image.Build"}}
	pattern, packages := benchmarks(list)
	if want := "^Benchmark(Build|Merge|Plan)$"; pattern != want {
		t.Errorf("%s", pattern)
	}
	if diff := cmp.Diff([]string{"./internal/gcp/image", "./internal/sync/store", "./provider"}, packages); diff != "" {
		t.Error(diff)
	}
}
