package toolchain

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestHypoPGComesByTheServersPackageManager(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PATH", dir)
	if _, _, ok := hypopgPackage("/usr/lib/postgresql/16/bin"); ok {
		t.Error("it would be installed with a package manager that is not there")
	}
	for _, program := range []string{"apt-get", "dnf"} {
		fake(t, filepath.Join(dir, program), "{}", "")
	}
	for bin, want := range map[string][]string{
		"/usr/lib/postgresql/16/bin":          {"apt-get", "install", "-y", "--no-install-recommends", "postgresql-16-hypopg"},
		"/usr/pgsql-17/bin":                   {"dnf", "install", "-y", "hypopg_17"},
		"/opt/homebrew/opt/postgresql@17/bin": nil,
		"/home/somebody/postgresql/16/bin":    nil,
	} {
		m, _, ok := hypopgPackage(bin)
		if ok != (want != nil) || ok && !slices.Equal(m.steps[len(m.steps)-1], want) {
			t.Errorf("%s: %q", bin, m.steps)
		}
	}
	if last := managers[0].steps[len(managers[0].steps)-1]; !slices.Contains(last, "postgresql") {
		t.Errorf("PostgreSQL itself would no longer be installed: %q", last)
	}
}

func TestAServerWithoutHypoPGIsNoError(t *testing.T) {
	bin := filepath.Join(t.TempDir(), "pg", "bin")
	got := EnsureHypoPG(t.Context(), Postgres{Bin: bin}, io.Discard)
	if got.Present || !strings.Contains(got.Absent, "arithmetic") {
		t.Errorf("%+v", got)
	}
	extensions := filepath.Join(filepath.Dir(bin), "share", "extension")
	if err := os.MkdirAll(extensions, 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(extensions, "hypopg.control"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := EnsureHypoPG(t.Context(), Postgres{Bin: bin}, io.Discard); !got.Present {
		t.Errorf("%+v", got)
	}
}
