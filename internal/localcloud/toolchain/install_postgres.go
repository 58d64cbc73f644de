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

// manager is a package manager and how it installs PostgreSQL's server without asking.
type manager struct {
	program string
	root    bool // needs root
	steps   [][]string
}

// managers come in the order they are looked for: Homebrew last but on a Mac alone, as a Linux
// machine that has it usually has its distribution's own as well.
var managers = []manager{
	{program: "apt-get", root: true, steps: [][]string{
		{"apt-get", "update"},
		{"apt-get", "install", "-y", "--no-install-recommends", "postgresql"},
	}},
	{program: "dnf", root: true, steps: [][]string{{"dnf", "install", "-y", "postgresql-server", "postgresql", "postgresql-contrib"}}},
	{program: "apk", root: true, steps: [][]string{{"apk", "add", "--no-cache", "postgresql"}}},
	{program: "pacman", root: true, steps: [][]string{{"pacman", "-Sy", "--noconfirm", "--needed", "postgresql"}}},
	{program: "brew", steps: [][]string{{"brew", "install", "postgresql@17"}}},
}

// EnsurePostgres finds PostgreSQL's server, and installs it with the machine's package manager where
// there is none. What the package manager prints goes to out.
func EnsurePostgres(ctx context.Context, out io.Writer) (Postgres, error) {
	pg, err := FindPostgres(ctx)
	if !errors.Is(err, ErrNotFound) {
		return pg, err
	}
	for _, m := range managers {
		if _, err := exec.LookPath(m.program); err != nil {
			continue
		}
		as, err := asRoot(ctx, m)
		if err != nil {
			return Postgres{}, err
		}
		_, _ = fmt.Fprintf(out, "Installing PostgreSQL's server with %s.\n", m.program)
		if err := m.install(ctx, as, out); err != nil {
			return Postgres{}, fmt.Errorf("PostgreSQL could not be installed: %w; install version %d or newer yourself, or set %s",
				err, MinPostgres, EnvPostgres)
		}
		return FindPostgres(ctx)
	}
	return Postgres{}, fmt.Errorf("%w; no package manager that I know is here: install PostgreSQL %d or newer yourself", err, MinPostgres)
}

// asRoot is what to put before a command so that it runs as root: nothing, or sudo where that asks
// for no password.
func asRoot(ctx context.Context, m manager) ([]string, error) {
	if !m.root || os.Geteuid() == 0 {
		return nil, nil
	}
	sudo, err := exec.LookPath("sudo")
	if err == nil {
		_, err = probe(ctx, sudo, "-n", "true")
	}
	if err != nil {
		return nil, fmt.Errorf("PostgreSQL's server %w, and installing it needs root: run `sudo %s`, or set %s",
			ErrNotFound, strings.Join(m.steps[len(m.steps)-1], " "), EnvPostgres)
	}
	return []string{sudo, "-n", "--"}, nil
}

func (m manager) install(ctx context.Context, as []string, out io.Writer) error {
	if m.program == "apt-get" {
		remove, err := withoutMainCluster(ctx, as)
		if err != nil {
			return err
		}
		defer remove()
	}
	for _, step := range m.steps {
		cmd := command(ctx, as, step...)
		cmd.Stdout, cmd.Stderr = out, out
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("%s: %w", strings.Join(step, " "), err)
		}
	}
	return nil
}

func command(ctx context.Context, as []string, argv ...string) *exec.Cmd {
	argv = append(append([]string{}, as...), argv...)
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env = CleanEnv("DEBIAN_FRONTEND=noninteractive", "HOMEBREW_NO_AUTO_UPDATE=1", "HOMEBREW_NO_INSTALL_CLEANUP=1", "NONINTERACTIVE=1")
	for _, key := range []string{"http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE"} {
		if v, ok := os.LookupEnv(key); ok {
			cmd.Env = append(cmd.Env, key+"="+v)
		}
	}
	return cmd
}

// debianDropIn is read by the configuration that postgresql-common brings.
const debianDropIn = "/etc/postgresql-common/createcluster.d/august-local.conf"

// withoutMainCluster tells Debian's package to make no cluster of its own, which it would start on
// port 5432. The returned function takes the word back, so that later installations behave as the
// user expects.
func withoutMainCluster(ctx context.Context, as []string) (remove func(), err error) {
	const text = "# Written by `august-local setup`, which takes it away when it is done.\ncreate_main_cluster = false\n"
	if _, err := os.Stat(debianDropIn); err == nil {
		return func() {}, nil // another setup is under way
	} else if !errors.Is(err, fs.ErrPermission) && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err := command(ctx, as, "mkdir", "-p", filepath.Dir(debianDropIn)).Run(); err != nil {
		return nil, fmt.Errorf("mkdir %s: %w", filepath.Dir(debianDropIn), err)
	}
	write := command(ctx, as, "tee", debianDropIn)
	write.Stdin = strings.NewReader(text)
	if err := write.Run(); err != nil {
		return nil, fmt.Errorf("write %s: %w", debianDropIn, err)
	}
	return func() {
		// Not ctx: the file goes away also when the installation was interrupted.
		_ = command(context.WithoutCancel(ctx), as, "rm", "-f", debianDropIn).Run()
	}, nil
}
