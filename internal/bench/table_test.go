package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const output = `goos: linux
goarch: amd64
pkg: github.com/feel-august/terraform-provider-august/internal/sync/store
cpu: Example
BenchmarkMerge/line_items/insert/floor-2 	       1	2000000000 ns/op	     50000 rows/s
BenchmarkMerge/line_items/insert/pages=1000-2         	       1	        62.66 %floor	     31330 rows/s
what a test logs, such as Benchmark results, is no result
BenchmarkSync/floor	       1	         2.500 s
BenchmarkSync/sync-16 	       1	         3.125 s
PASS
ok  	github.com/feel-august/terraform-provider-august/internal/sync/store	9.1s
pkg: github.com/feel-august/terraform-provider-august/internal/localcloud
BenchmarkSync/sync-2   	       1	        84.20 s	 12.00 MB/s
BenchmarkPush-2   	       1	        1500 ceiling-rows/s	     1375 rows/s
--- FAIL: BenchmarkBroken
FAIL
`

func TestTable(t *testing.T) {
	measured, err := read(strings.NewReader(output))
	if err != nil {
		t.Fatal(err)
	}
	list := []figure{
		{what: "merge", of: "sync/store.Merge/line_items/insert/pages=1000", unit: "rows/s", beside: "floor", share: 70},
		{what: "sync", of: "sync/store.Sync/sync", unit: "s", beside: "floor", share: 70, most: 4},
		{what: "sync, no floor", of: "localcloud.Sync/sync", unit: "s", shown: "seconds", beside: "floor", share: 70},
		{what: "slow", of: "localcloud.Sync/sync", unit: "s", most: 84.2},
		{what: "unit that benchmarks convert", of: "localcloud.Sync/sync", unit: "MB/s"},
		{what: "push", of: "localcloud.Push", unit: "rows/s", floor: "ceiling-rows/s", share: 90},
		{what: "renamed", of: "localcloud.Gone", unit: "s", most: 1},
	}
	for whole, want := range map[bool]string{
		false: `
what                           measured        floor           share   goal           
----                           --------        -----           -----   ----           
merge                          31,330 rows/s   50,000 rows/s   63 %    ≥ 70 %         MISSED
sync                           3.12 s          2.50 s          80 %    ≥ 70 %, < 4 s  reached
sync, no floor                 84.2 seconds    –               –       ≥ 70 %         MISSED
slow                           84.2 s          –               –       < 84.2 s       MISSED
unit that benchmarks convert   12 MB/s         –               –       –              
push                           1,375 rows/s    1,500 rows/s    92 %    ≥ 90 %         reached
`,
		true: `renamed                        not measured                            < 1 s          
`} {
		var got strings.Builder
		missing, err := table(&got, list, measured, whole)
		if err != nil {
			t.Fatal(err)
		}
		if whole && (missing != 1 || !strings.HasSuffix(squeezed(got.String()), squeezed(want))) || !whole && (missing != 0 || squeezed(got.String()) != squeezed(want)) {
			t.Errorf("whole %v, %d missing: %s", whole, missing, cmp.Diff(squeezed(want), squeezed(got.String())))
		}
	}
	var none strings.Builder
	if _, err := table(&none, list, nil, false); err != nil || none.Len() > 0 {
		t.Errorf("nothing measured: %q, %v", &none, err)
	}
}

// squeezed leaves the columns' width out of the comparison.
func squeezed(s string) string {
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		lines[i] = strings.Join(strings.Fields(line), " ")
	}
	return strings.Join(lines, "\n")
}

// A benchmark that gets another name must not leave the table unnoticed.
func TestFigures_areBenchmarks(t *testing.T) {
	for _, f := range figures {
		pkg, name, _ := strings.Cut(f.of, ".")
		name, _, _ = strings.Cut(name, "/")
		files, err := filepath.Glob(filepath.Join("..", filepath.FromSlash(pkg), "*_test.go"))
		if err == nil && len(files) == 0 {
			files, err = filepath.Glob(filepath.Join("..", "..", filepath.FromSlash(pkg), "*_test.go"))
		}
		if err != nil {
			t.Fatal(err)
		}
		found := false
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			found = found || strings.Contains(string(text), "func Benchmark"+name+"(")
		}
		if !found {
			t.Errorf("%s: %s has no Benchmark%s", f.what, pkg, name)
		}
	}
}
