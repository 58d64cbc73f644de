package modules

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestWebsiteBackend holds what another team has to write to the fewer than 40 lines that it was promised.
func TestWebsiteBackend(t *testing.T) {
	t.Parallel()
	lines := 0
	for _, body := range texts(t, filepath.Join(repository, "examples", "website-backend", "*.tf")) {
		for line := range strings.Lines(body) {
			if strings.TrimSpace(line) != "" {
				lines++
			}
		}
	}
	if lines == 0 || lines >= 40 {
		t.Errorf("database access, secrets, logs and dashboards take %d lines, and have to take some, fewer than 40", lines)
	}
}
