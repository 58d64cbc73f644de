package toolchain

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

func TestFindPostgres(t *testing.T) {
	pg, err := FindPostgres(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if numbers(pg.Version)[0] < MinPostgres || !isExecutable(filepath.Join(pg.Bin, "pg_basebackup")) {
		t.Errorf("found %+v, which cannot run a cluster", pg)
	}

	t.Run("not on PATH", func(t *testing.T) {
		t.Setenv("PATH", t.TempDir())
		if got, err := FindPostgres(t.Context()); err != nil || got.Bin == "" {
			t.Errorf("FindPostgres = %+v, %v; want the server in its usual place", got, err)
		}
	})
	t.Run("by variable", func(t *testing.T) {
		t.Setenv(EnvPostgres, pg.Bin)
		if got, err := FindPostgres(t.Context()); err != nil || got != pg {
			t.Errorf("FindPostgres = %+v, %v; want %+v", got, err, pg)
		}
	})
	t.Run("wrong variable is an error, not a search", func(t *testing.T) {
		t.Setenv(EnvPostgres, t.TempDir())
		if _, err := FindPostgres(t.Context()); err == nil || !strings.Contains(err.Error(), EnvPostgres) {
			t.Errorf("FindPostgres: %v; want an error that names %s", err, EnvPostgres)
		}
	})
}

// fake writes an executable that prints what a CLI prints for `version -json` and `version`.
func fake(t *testing.T, path, json, plain string) {
	t.Helper()
	script := "#!/bin/sh\ncase \"$2\" in -json) echo '" + json + "';; *) echo '" + plain + "';; esac\n"
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(script), 0o700); err != nil { // a program
		t.Fatal(err)
	}
}

func TestFindTerraform(t *testing.T) {
	dir := t.TempDir()
	tf, tofu, old := filepath.Join(dir, "a", "terraform"), filepath.Join(dir, "a", "tofu"), filepath.Join(dir, "old", "terraform")
	fake(t, tf, `{"terraform_version":"1.13.2"}`, "Terraform v1.13.2")
	fake(t, tofu, `{"terraform_version":"1.12.6"}`, "OpenTofu v1.12.6")
	fake(t, old, `{"terraform_version":"1.5.7"}`, "Terraform v1.5.7")

	for name, tt := range map[string]struct {
		env, path string
		want      Terraform
		fail      bool
	}{
		"by variable":          {env: tf, want: Terraform{Path: tf, Version: "1.13.2", Kind: KindTerraform}},
		"OpenTofu by variable": {env: tofu, want: Terraform{Path: tofu, Version: "1.12.6", Kind: KindTofu}},
		"too old by variable":  {env: old, fail: true},
		"on PATH":              {path: filepath.Dir(tf), want: Terraform{Path: tf, Version: "1.13.2", Kind: KindTerraform}},
		"by kind":              {env: KindTofu, path: filepath.Dir(tf), want: Terraform{Path: tofu, Version: "1.12.6", Kind: KindTofu}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(EnvTerraform, tt.env)
			t.Setenv(EnvTerraformTest, "")
			if tt.path != "" {
				t.Setenv("PATH", tt.path+string(os.PathListSeparator)+os.Getenv("PATH"))
			}
			got, err := FindTerraform(t.Context())
			if (err != nil) != tt.fail || got != tt.want {
				t.Errorf("FindTerraform = %+v, %v; want %+v", got, err, tt.want)
			}
			if tt.fail && !errors.Is(err, errTooOld) {
				t.Errorf("error is %v; want it to say that the CLI is too old", err)
			}
		})
	}
}

// Without a package manager, PostgreSQL or the right to install it, the error is one line that tells
// the way out.
func TestEnsurePostgres_nowhere(t *testing.T) {
	places := postgresPlaces
	t.Cleanup(func() { postgresPlaces = places })
	postgresPlaces = nil
	t.Setenv("PATH", t.TempDir())

	_, err := EnsurePostgres(t.Context(), io.Discard)
	if !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), EnvPostgres) || strings.Contains(err.Error(), "\n") {
		t.Errorf("EnsurePostgres: %v", err)
	}
}

func TestNewest(t *testing.T) {
	got := []string{"/usr/lib/postgresql/9.6/bin", "/usr/lib/postgresql/17/bin", "/usr/lib/postgresql/15/bin"}
	slices.SortFunc(got, newest)
	want := []string{"/usr/lib/postgresql/17/bin", "/usr/lib/postgresql/15/bin", "/usr/lib/postgresql/9.6/bin"}
	if !slices.Equal(got, want) {
		t.Errorf("sorted %v; want %v", got, want)
	}
}

func TestCheckTraversable(t *testing.T) {
	root := t.TempDir()
	closed := filepath.Join(root, "closed")
	if err := os.Mkdir(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	stranger := &syscall.Credential{Uid: 54321, Gid: 54321}
	// What lies above the test's directory is the machine's business.
	if err := os.Chmod(filepath.Dir(root), 0o711); err != nil { // what the test is about
		t.Fatal(err)
	}
	if err := os.Chmod(root, 0o711); err != nil { // what the test is about
		t.Fatal(err)
	}
	if err := CheckTraversable(filepath.Join(root, "not", "there"), stranger); err != nil {
		t.Errorf("an open directory: %v", err)
	}
	err := CheckTraversable(filepath.Join(closed, "state"), stranger)
	if err == nil || !strings.Contains(err.Error(), closed) {
		t.Errorf("a closed directory: %v; want an error that names %s", err, closed)
	}
	if err := CheckTraversable(filepath.Join(closed, "state"), nil); err != nil {
		t.Errorf("not as root: %v", err)
	}
}
