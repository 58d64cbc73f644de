package provider

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var testFunc = regexp.MustCompile(`(?m)^func (Test\w+|Benchmark\w+)\(`)

// testNames are the names of all tests of this module.
func testNames(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	err := filepath.WalkDir("..", func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		body, err := os.ReadFile(path)
		for _, found := range testFunc.FindAllSubmatch(body, -1) {
			names[string(found[1])] = true
		}
		return err
	})
	if err != nil || len(names) == 0 {
		t.Fatalf("%d tests found: %v", len(names), err)
	}
	return names
}

// The table of what users of other providers suffer from names tests that exist, in every row.
func TestPains(t *testing.T) {
	t.Parallel()
	body, err := os.ReadFile("PAINS.md")
	if err != nil {
		t.Fatal(err)
	}
	tests := testNames(t)
	named := regexp.MustCompile("`((?:Test|Benchmark)\\w+)`")
	rows := 0
	for _, line := range strings.Split(string(body), "\n") {
		cells := strings.Split(strings.Trim(line, "| "), "|")
		if !strings.HasPrefix(line, "|") || strings.HasPrefix(line, "|--") || strings.TrimSpace(cells[0]) == "Pain" {
			continue
		}
		rows++
		if len(cells) != 3 {
			t.Errorf("not pain, source and test: %s", line)
			continue
		}
		found := named.FindAllStringSubmatch(cells[2], -1)
		if len(found) == 0 {
			t.Errorf("no test named: %s", line)
		}
		for _, name := range found {
			if !tests[name[1]] {
				t.Errorf("there is no %s, which is named for: %s", name[1], strings.TrimSpace(cells[0]))
			}
		}
	}
	if rows < 40 {
		t.Errorf("only %d rows were read", rows)
	}
}
