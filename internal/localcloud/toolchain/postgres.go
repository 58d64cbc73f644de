package toolchain

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// MinPostgres is the oldest PostgreSQL that the local cloud's clusters run on.
const MinPostgres = 15

// EnvPostgres names the variable that points at PostgreSQL's server binaries.
const EnvPostgres = "AUGUST_PG_BIN"

// Postgres is an installation of PostgreSQL's server.
type Postgres struct {
	Bin     string `json:"bin"`     // directory of initdb, postgres, pg_ctl, …
	Version string `json:"version"` // "15.13"
}

// serverPrograms are what a cluster with a standby and a WAL archive needs.
var serverPrograms = []string{"initdb", "postgres", "pg_ctl", "pg_basebackup", "pg_controldata"}

// postgresPlaces are where packagers put the server: Debian, PGDG for Red Hat, Alpine, Homebrew on
// both kinds of Mac and on Linux, Postgres.app.
var postgresPlaces = []string{
	"/usr/lib/postgresql/*/bin",
	"/usr/pgsql-*/bin",
	"/usr/libexec/postgresql*",
	"/opt/homebrew/opt/postgresql@*/bin",
	"/usr/local/opt/postgresql@*/bin",
	"/home/linuxbrew/.linuxbrew/opt/postgresql@*/bin",
	"/Applications/Postgres.app/Contents/Versions/*/bin",
	"/usr/local/pgsql/bin",
}

// FindPostgres looks for PostgreSQL's server binaries in $AUGUST_PG_BIN, on PATH, where pg_config
// says, and in the usual places, newest first.
func FindPostgres(ctx context.Context) (Postgres, error) {
	if dir := os.Getenv(EnvPostgres); dir != "" {
		pg, err := postgresAt(ctx, dir)
		if err != nil {
			return Postgres{}, fmt.Errorf("$%s: %w", EnvPostgres, err)
		}
		return pg, nil
	}
	var tooOld error
	for _, dir := range postgresDirs(ctx) {
		pg, err := postgresAt(ctx, dir)
		if err == nil {
			return pg, nil
		}
		if errors.Is(err, errTooOld) {
			tooOld = err
		}
	}
	if tooOld != nil {
		return Postgres{}, fmt.Errorf("PostgreSQL %d or newer %w: %w; run `august-local setup`, or set %s",
			MinPostgres, ErrNotFound, tooOld, EnvPostgres)
	}
	return Postgres{}, fmt.Errorf("PostgreSQL's server %w; run `august-local setup`, or set %s to the directory of initdb",
		ErrNotFound, EnvPostgres)
}

var errTooOld = errors.New("too old")

func postgresDirs(ctx context.Context) []string {
	var dirs []string
	for _, program := range []string{"postgres", "initdb"} {
		path, err := exec.LookPath(program)
		if err != nil {
			continue
		}
		// A link in a folder of PATH leads to the folder that has all of them.
		if target, err := filepath.EvalSymlinks(path); err == nil {
			dirs = append(dirs, filepath.Dir(target))
		}
		dirs = append(dirs, filepath.Dir(path))
	}
	if path, err := exec.LookPath("pg_config"); err == nil {
		if out, err := probe(ctx, path, "--bindir"); err == nil {
			dirs = append(dirs, strings.TrimSpace(out))
		}
	}
	for _, pattern := range postgresPlaces {
		found, err := filepath.Glob(pattern)
		if err != nil {
			continue // the patterns are ours, and well formed
		}
		slices.SortFunc(found, newest)
		dirs = append(dirs, found...)
	}
	return dirs
}

func postgresAt(ctx context.Context, dir string) (Postgres, error) {
	for _, program := range serverPrograms {
		if !isExecutable(filepath.Join(dir, program)) {
			return Postgres{}, fmt.Errorf("%s has no %s", dir, program)
		}
	}
	out, err := probe(ctx, filepath.Join(dir, "postgres"), "--version")
	if err != nil {
		return Postgres{}, err
	}
	// "postgres (PostgreSQL) 15.13 (Debian 15.13-0+deb12u1)"
	_, rest, ok := strings.Cut(out, "(PostgreSQL) ")
	if !ok {
		return Postgres{}, fmt.Errorf("%s/postgres says %q, not its version", dir, strings.TrimSpace(out))
	}
	version := strings.Fields(rest)[0]
	if numbers(version)[0] < MinPostgres {
		return Postgres{}, fmt.Errorf("%s holds PostgreSQL %s: %w", dir, version, errTooOld)
	}
	return Postgres{Bin: dir, Version: version}, nil
}
