// Package engine runs the PostgreSQL clusters behind the local Cloud SQL: a primary, when asked a
// synchronous standby, a continuous WAL archive and base backups, all behind one stable address.
//
// It knows nothing of Google's API. Every process is started from an argument vector, as an
// unprivileged user when the caller is root, with an environment of its own; nothing runs through a
// shell and no argument holds a secret: the administrator comes in over a Unix socket as itself.
package engine

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// Admin is the superuser of every cluster. It logs in over the Unix socket only, by peer.
const Admin = "cloudsqladmin"

// Binaries are one version's PostgreSQL server programs, and who runs them.
type Binaries struct {
	Dir        string              // folder that holds initdb, postgres, pg_basebackup…
	Credential *syscall.Credential // nil: as the caller
}

// Version answers the version of the programs: 15, and 15.18 in full.
func (b Binaries) Version(ctx context.Context) (major int, full string, err error) {
	program := filepath.Join(b.Dir, "postgres")
	out, err := exec.CommandContext(ctx, program, "--version").Output()
	if err != nil {
		return 0, "", fmt.Errorf("ask %s for its version: %w", program, err)
	}
	fields := strings.Fields(string(out)) // postgres (PostgreSQL) 15.18 (Debian …)
	if len(fields) < 3 {
		return 0, "", fmt.Errorf("unexpected answer %q from %s --version", strings.TrimSpace(string(out)), program)
	}
	digits := strings.IndexFunc(fields[2], func(r rune) bool { return r < '0' || r > '9' }) // 15.18, 18beta1
	if digits < 0 {
		digits = len(fields[2])
	}
	if major, err = strconv.Atoi(fields[2][:digits]); err != nil {
		return 0, "", fmt.Errorf("unexpected version %q from %s --version", fields[2], program)
	}
	return major, fields[2], nil
}

// command prepares a program with a clean environment, in a session of its own so that a Ctrl-C at
// the terminal reaches only the supervisor, which then stops things in order.
func (b Binaries) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(b.Dir, name), args...)
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=" + b.Dir + ":/usr/bin:/bin", "LC_ALL=C", "TZ=UTC", "HOME=/nonexistent"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: b.Credential}
	return cmd
}

// run executes a program to its end; its last words become the error. Once ctx has ended, so do the program
// and its children: pg_basebackup has one that goes on to stream WAL, and holds the pipe of its last words open.
func (b Binaries) run(ctx context.Context, name string, args ...string) error {
	cmd := b.command(ctx, name, args...)
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) } // its session is its group
	cmd.WaitDelay = stopPatience
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return fmt.Errorf("%s: %w: %s", name, err, lastLine(out.String()))
	}
	return nil
}

// give hands a path to the user that the programs run as.
func (b Binaries) give(path string) error {
	if b.Credential == nil {
		return nil
	}
	return os.Lchown(path, int(b.Credential.Uid), int(b.Credential.Gid))
}

// folder makes a folder that belongs to the programs' user.
func (b Binaries) folder(path string) error {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return err
	}
	return b.give(path)
}

// write puts a file where the programs' user can read it, and nobody else.
func (b Binaries) write(path, content string) error {
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil { // #nosec G703 -- within the instance's folder, whose name is checked
		return err
	}
	return b.give(path)
}

// users are the operating system's users that may act as the administrator: the caller and the one
// that the programs (standby, receiver, base backup) run as.
func (b Binaries) users() ([]string, error) {
	uids := []int{os.Getuid()}
	if b.Credential != nil && int(b.Credential.Uid) != os.Getuid() {
		uids = append(uids, int(b.Credential.Uid))
	}
	var names []string
	for _, uid := range uids {
		u, err := user.LookupId(strconv.Itoa(uid))
		if err != nil {
			return nil, fmt.Errorf("PostgreSQL recognises its administrator by user name: %w", err)
		}
		names = append(names, u.Username)
	}
	return names, nil
}

func lastLine(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}
