package toolchain

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// EnvGoogle names a folder with terraform-provider-google in it, for tests with a provider that is not ours.
const EnvGoogle = "AUGUST_TEST_HASHICORP_GOOGLE"

// GoogleVersion is the release of hashicorp/google that is built where there is none.
const GoogleVersion = "v7.45.0"

const googleProgram = "terraform-provider-google"

// source is a program's source at a tag, which must be this commit: tags can be moved.
type source struct {
	repository, tag, commit string
}

// google is a release of hashicorp/google. The Go module proxy cannot serve it: its module path lacks the major version.
var google = source{
	repository: "https://github.com/hashicorp/terraform-provider-google",
	tag:        GoogleVersion,
	commit:     "6f756229ab21d14d238c6280d2255262e4cccfc4",
}

// EnsureGoogle answers a folder with terraform-provider-google in it: the one that EnvGoogle names, or one among the
// tools, where it builds a release from source if it is not there. Progress goes to out.
func EnsureGoogle(ctx context.Context, out io.Writer) (string, error) {
	if folder := os.Getenv(EnvGoogle); folder != "" {
		if !isExecutable(filepath.Join(folder, googleProgram)) {
			return "", fmt.Errorf("$%s: %s has no %s", EnvGoogle, folder, googleProgram)
		}
		return filepath.Abs(folder)
	}
	tools, err := Dir()
	if err != nil {
		return "", err
	}
	folder, err := google.ensure(ctx, filepath.Join(tools, googleProgram), out)
	if err != nil {
		return "", fmt.Errorf("no %s: %w; build one yourself and set %s to its folder", googleProgram, err, EnvGoogle)
	}
	return folder, nil
}

// ensure answers the folder below dir with the program of this source in it, and builds it if it is not there.
func (s source) ensure(ctx context.Context, dir string, out io.Writer) (string, error) {
	folder := filepath.Join(dir, s.tag)
	_, err := os.Stat(filepath.Join(folder, googleProgram))
	if errors.Is(err, fs.ErrNotExist) {
		err = s.build(ctx, folder, out)
	}
	return folder, err
}

// build clones the source and builds the program into folder, which has it whole or not at all.
func (s source) build(ctx context.Context, folder string, out io.Writer) error {
	goTool, err := exec.LookPath("go")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(folder, 0o755); err != nil { //nolint:gosec // a program, not a secret
		return err
	}
	dir, err := os.MkdirTemp(folder, "source-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // only the program is kept

	_, _ = fmt.Fprintf(out, "Cloning %s at %s.\n", s.repository, s.tag)
	if _, err := git(ctx, out, "clone", "--quiet", "--depth=1", "--branch="+s.tag, "-c", "advice.detachedHead=false", s.repository, dir); err != nil {
		return fmt.Errorf("clone %s: %w", s.repository, err)
	}
	commit, err := git(ctx, out, "-C", dir, "rev-parse", "HEAD")
	if err != nil {
		return err
	}
	if commit != s.commit {
		return fmt.Errorf("%s of %s is commit %s now, and was %s: somebody has moved the tag", s.tag, s.repository, commit, s.commit)
	}

	_, _ = fmt.Fprintf(out, "Building %s %s; this takes ten minutes or more, once.\n", googleProgram, s.tag)
	built := filepath.Join(dir, googleProgram+".new")
	version := "-X github.com/hashicorp/terraform-provider-google/version.ProviderVersion=" + strings.TrimPrefix(s.tag, "v")
	if err := runGo(ctx, goTool, out, out, "build", "-C", dir, "-trimpath", "-buildvcs=false", "-ldflags=-s -w "+version, "-o", built, "."); err != nil {
		return fmt.Errorf("build %s: %w", googleProgram, err)
	}
	return os.Rename(built, filepath.Join(folder, googleProgram))
}

// git runs a git command that asks for nothing, and answers what it printed.
func git(ctx context.Context, stderr io.Writer, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Env = append(os.Environ(), "GIT_TERMINAL_PROMPT=0")
	cmd.Stderr = stderr
	body, err := cmd.Output()
	return strings.TrimSpace(string(body)), err
}
