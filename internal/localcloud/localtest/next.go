package localtest

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// NextRuntime is the path of the runtime of a release to come: this source, with one more migration of its database. With
// it a test upgrades a runtime across a change of the schema, without a release having to be at hand. The source stays as
// it is: the go command is told that there is one more file.
func NextRuntime(t testing.TB, migration string) string {
	t.Helper()
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	if err := lookAt(root); err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(root, "internal", "sync", "store", "migrations")
	have, err := filepath.Glob(filepath.Join(folder, "*.sql"))
	if err != nil || len(have) == 0 {
		t.Fatalf("no migrations in %s: %v", folder, err)
	}
	dir := t.TempDir()
	next, overlay, path := filepath.Join(dir, "next.sql"), filepath.Join(dir, "overlay.json"), filepath.Join(dir, "august-sync_next")
	files, err := json.Marshal(map[string]map[string]string{"Replace": {
		filepath.Join(folder, fmt.Sprintf("%03d_next.sql", len(have)+1)): next,
	}})
	if err != nil {
		t.Fatal(err)
	}
	for name, body := range map[string][]byte{next: []byte(migration), overlay: files} {
		if err := os.WriteFile(name, body, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -X main.version=next", "-overlay", overlay, "-o", path, augustSync)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build the next runtime: %v\n%s", err, out)
	}
	return path
}
