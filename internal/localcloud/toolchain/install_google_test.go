package toolchain

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// program is the source of a program in a repository, at a tag.
func program(t *testing.T) source {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed: make conformance needs it, and nothing that is left untested here does")
	}
	dir := t.TempDir()
	for name, body := range map[string]string{"go.mod": "module example.test/program\n", "main.go": "package main\n\nfunc main() {}\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{
		{"init", "--quiet"},
		{"add", "."},
		{"-c", "user.name=Somebody", "-c", "user.email=somebody@example.test", "-c", "commit.gpgsign=false", "commit", "--quiet", "-m", "Begin"},
		{"-c", "tag.gpgsign=false", "tag", "v1.2.3"},
	} {
		if _, err := git(t.Context(), os.Stderr, append([]string{"-C", dir}, args...)...); err != nil {
			t.Fatal(err)
		}
	}
	commit, err := git(t.Context(), os.Stderr, "-C", dir, "rev-parse", "HEAD")
	if err != nil {
		t.Fatal(err)
	}
	return source{repository: "file://" + dir, tag: "v1.2.3", commit: commit}
}

// left lists what is below a folder.
func left(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestSource(t *testing.T) {
	t.Parallel()
	s, dir := program(t), t.TempDir()
	for range 2 {
		folder, err := s.ensure(t.Context(), dir, io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		built := filepath.Join(folder, googleProgram)
		if files := left(t, dir); len(files) != 1 || files[0] != built {
			t.Fatalf("there is %q", files)
		}
		if err := exec.CommandContext(t.Context(), built).Run(); err != nil {
			t.Fatal(err)
		}
		s.repository = "file://" + filepath.Join(dir, "gone") // it is built once
	}
}

func TestSourceRefused(t *testing.T) {
	t.Parallel()
	good := program(t)
	moved, away := good, good
	moved.commit = strings.Repeat("0", 40)
	away.repository = "file://" + filepath.Join(t.TempDir(), "gone")
	for _, tt := range []struct {
		source
		want string
	}{{moved, "moved the tag"}, {away, away.repository}} {
		dir := t.TempDir()
		if _, err := tt.ensure(t.Context(), dir, io.Discard); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v, want %q", err, tt.want)
		}
		if files := left(t, dir); len(files) != 0 {
			t.Errorf("left behind: %q", files)
		}
	}
}

func TestEnsureGoogle_byVariable(t *testing.T) {
	dir := t.TempDir()
	t.Setenv(EnvGoogle, dir)
	if _, err := EnsureGoogle(t.Context(), io.Discard); err == nil || !strings.Contains(err.Error(), EnvGoogle) {
		t.Errorf("an empty folder: %v", err)
	}
	fake(t, filepath.Join(dir, googleProgram), "", "")
	if folder, err := EnsureGoogle(t.Context(), io.Discard); err != nil || folder != dir {
		t.Errorf("EnsureGoogle = %s, %v", folder, err)
	}
}
