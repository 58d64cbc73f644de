package modules

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestRequirements holds the table of requirements against the tree: each line says where it is declared and what checks it, and what it
// names is there.
func TestRequirements(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(repository, "templates", "guides", "requirements.md"))
	if err != nil {
		t.Fatal(err)
	}
	known := names(t)
	quoted := regexp.MustCompile("`([^`]+)`")
	table, _, found := strings.Cut(string(text), "## Where lines pull")
	if !found {
		t.Error("the last section has another name")
	}
	rows := 0
	for line := range strings.Lines(table) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if len(cells) != 3 || strings.HasPrefix(cells[1], "---") || strings.TrimSpace(cells[0]) == "line" {
			continue
		}
		rows++
		for i, what := range []string{"declared", "checked"} {
			all := quoted.FindAllStringSubmatch(cells[i+1], -1)
			if len(all) == 0 {
				t.Errorf("%s: nothing says where it is %s", strings.TrimSpace(cells[0]), what)
			}
			for _, name := range all {
				if !known[what][name[1]] && !exists(name[1]) && !strings.HasPrefix(name[1], "make ") {
					t.Errorf("%s: %s is not there", strings.TrimSpace(cells[0]), name[1])
				}
			}
		}
	}
	if rows < 50 {
		t.Errorf("%d lines: the table is not read as it is written", rows)
	}
}

func exists(path string) bool {
	_, err := os.Stat(filepath.Join(repository, filepath.FromSlash(path)))
	return err == nil
}

// names are what a line may name, beside paths: types and inputs, by which something is declared, and tests, by which it is checked.
func names(t *testing.T) map[string]map[string]bool {
	t.Helper()
	declared, checked := map[string]bool{}, map[string]bool{}
	note := func(in map[string]bool, pattern *regexp.Regexp, text string) {
		for _, found := range pattern.FindAllStringSubmatch(text, -1) {
			in[found[1]] = true
		}
	}
	var (
		input     = regexp.MustCompile(`(?m)^variable "(\w+)"`)
		attribute = regexp.MustCompile(`(?m)^\s*"([a-z_]+)":\s`)
		nested    = regexp.MustCompile(`(?m)^\s+(\w+)\s+=\s`)
		run       = regexp.MustCompile(`(?m)^run "(\w+)"`)
		test      = regexp.MustCompile(`(?m)^func ((?:Test|Benchmark)\w+)\(`)
		resource  = regexp.MustCompile(`\b(august_[a-z_]+)\b`)
	)
	for _, dir := range []string{"modules", "examples", "internal", "provider"} {
		err := filepath.WalkDir(filepath.Join(repository, dir), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			body, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			switch text := string(body); {
			case strings.HasSuffix(path, ".tftest.hcl"):
				note(checked, run, text)
			case strings.HasSuffix(path, "_test.go"):
				note(checked, test, text)
			case strings.HasSuffix(path, "variables.tf"):
				note(declared, input, text)
				note(declared, nested, text)
			case strings.HasSuffix(path, ".tf"):
				note(declared, nested, text)
			case dir == "provider" && strings.HasSuffix(path, ".go"):
				note(declared, attribute, text)
			}
			if dir == "examples" {
				note(declared, resource, string(body))
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return map[string]map[string]bool{"declared": declared, "checked": checked}
}
