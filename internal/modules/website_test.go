package modules

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestWebsiteBackend holds what another team has to write to the fewer than 40 lines that it was promised.
func TestWebsiteBackend(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(repository, "examples", "website-backend", "*.tf"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no configuration: %v", err)
	}
	lines := 0
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(body)) {
			if strings.TrimSpace(line) != "" {
				lines++
			}
		}
	}
	if lines >= 40 {
		t.Errorf("database access, secrets, logs and dashboards take %d lines, and have to take fewer than 40", lines)
	}
}
