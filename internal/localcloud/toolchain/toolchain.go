// Package toolchain finds the programs that the local cloud runs, PostgreSQL's server and a
// Terraform CLI, and installs them where they are absent.
package toolchain

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// ErrNotFound says that a program is nowhere on this machine. The error that wraps it says what to do.
var ErrNotFound = errors.New("not found")

// Setup is what `august-local setup` found.
type Setup struct {
	Postgres  Postgres  `json:"postgres"`
	Terraform Terraform `json:"terraform"`
	HypoPG    HypoPG    `json:"hypopg,omitzero"`
}

// probeTimeout bounds asking a program for its version: a cold disk is slow, a hung program is not
// worth waiting for.
const probeTimeout = 30 * time.Second

// probe runs a program that only prints something, in an environment that cannot change its answer.
func probe(ctx context.Context, path string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...) //nolint:gosec // the user's own settings say which program
	cmd.Env = CleanEnv("CHECKPOINT_DISABLE=1", "TF_CLI_CONFIG_FILE="+os.DevNull)
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w", path, strings.Join(args, " "), err)
	}
	return string(out), nil
}

// CleanEnv is an environment for the programs that the local cloud runs: the few variables that any
// program needs, C locale and UTC, then extra. What else the user's shell exports, PGHOST or
// GOOGLE_CREDENTIALS say, must not reach them.
func CleanEnv(extra ...string) []string {
	env := []string{"LC_ALL=C.UTF-8", "TZ=UTC"}
	for _, key := range []string{"PATH", "HOME", "TMPDIR", "USER", "LOGNAME", "DYLD_FALLBACK_LIBRARY_PATH", "LD_LIBRARY_PATH"} {
		if v, ok := os.LookupEnv(key); ok {
			env = append(env, key+"="+v)
		}
	}
	return append(env, extra...)
}

// Dir is where installed tools are kept: august/tools in the user's cache directory.
func Dir() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no cache directory to install tools in: %w; set HOME or XDG_CACHE_HOME", err)
	}
	return filepath.Join(cache, "august", "tools"), nil
}

func isExecutable(path string) bool {
	info, err := os.Stat(path) //nolint:gosec // the user's own settings say which
	return err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0
}

// newest orders paths with numbers in them so that the highest number comes first.
func newest(a, b string) int { return compareVersions(lastNumber(b), lastNumber(a)) }

// lastNumber is the dotted number nearest to the end of a path: 15 in /usr/lib/postgresql/15/bin.
func lastNumber(path string) string {
	end := strings.LastIndexAny(path, "0123456789")
	if end < 0 {
		return ""
	}
	start := end
	for start > 0 && strings.ContainsRune("0123456789.", rune(path[start-1])) {
		start--
	}
	return strings.Trim(path[start:end+1], ".")
}

// compareVersions compares dotted numbers; a pre-release suffix counts as nothing.
func compareVersions(a, b string) int {
	as, bs := numbers(a), numbers(b)
	for i := range max(len(as), len(bs)) {
		var x, y int
		if i < len(as) {
			x = as[i]
		}
		if i < len(bs) {
			y = bs[i]
		}
		if x != y {
			return x - y
		}
	}
	return 0
}

func numbers(version string) []int {
	var out []int
	for part := range strings.SplitSeq(version, ".") {
		n := 0
		for _, c := range part {
			if c < '0' || c > '9' {
				break
			}
			n = n*10 + int(c-'0')
		}
		out = append(out, n)
	}
	return out
}

// Ensure finds PostgreSQL's server and a Terraform CLI, and installs what is absent. Progress goes to
// out.
func Ensure(ctx context.Context, out io.Writer) (Setup, error) {
	pg, err := EnsurePostgres(ctx, out)
	if err != nil {
		return Setup{}, err
	}
	tf, err := EnsureTerraform(ctx, out)
	if err != nil {
		return Setup{}, err
	}
	return Setup{Postgres: pg, Terraform: tf}, nil
}
