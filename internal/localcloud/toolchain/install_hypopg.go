package toolchain

import (
	"context"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// HypoPG is the extension by which PostgreSQL plans with indexes that are not there. Nothing needs it: without it advice on indexes is by
// arithmetic.
type HypoPG struct {
	Present bool   `json:"present"`
	Absent  string `json:"absent,omitempty"` // why, and what to do
}

// hypopgPackages is what it is in, by where a package manager puts PostgreSQL's server and by major version.
var hypopgPackages = []struct {
	program string
	bin     *regexp.Regexp
	name    string
}{
	{"apt-get", regexp.MustCompile(`^/usr/lib/postgresql/(\d+)/bin$`), "postgresql-%s-hypopg"},
	{"dnf", regexp.MustCompile(`^/usr/pgsql-(\d+)/bin$`), "hypopg_%s"},
}

// hypopgTime is for a package manager that asks the network.
const hypopgTime = 3 * time.Minute

// EnsureHypoPG looks for HypoPG beside a server, and installs it with the package manager that the server came by. That it
// is not there is said, and is no error.
func EnsureHypoPG(ctx context.Context, pg Postgres, out io.Writer) HypoPG {
	if hasHypoPG(pg.Bin) {
		return HypoPG{Present: true}
	}
	ctx, cancel := context.WithTimeout(ctx, hypopgTime)
	defer cancel()
	m, name, ok := hypopgPackage(pg.Bin)
	if !ok {
		return HypoPG{Absent: "no package manager that I know has it for this PostgreSQL; advice on indexes is by arithmetic without it"}
	}
	by := strings.Join(m.steps[len(m.steps)-1], " ")
	as, err := asRoot(ctx, m)
	if err != nil {
		return HypoPG{Absent: "installing it needs root: run `sudo " + by + "`; advice on indexes is by arithmetic without it"}
	}
	_, _ = fmt.Fprintf(out, "Installing %s with %s.\n", name, m.program)
	if err := m.install(ctx, as, out); err != nil {
		return HypoPG{Absent: fmt.Sprintf("it could not be installed (%v); advice on indexes is by arithmetic without it", err)}
	}
	if !hasHypoPG(pg.Bin) {
		return HypoPG{Absent: name + " was installed, and is not where this PostgreSQL looks; advice on indexes is by arithmetic without it"}
	}
	return HypoPG{Present: true}
}

// hypopgPackage is how it is installed beside the server in bin.
func hypopgPackage(bin string) (m manager, name string, ok bool) {
	for _, p := range hypopgPackages {
		version := p.bin.FindStringSubmatch(bin)
		i := slices.IndexFunc(managers, func(m manager) bool { return m.program == p.program })
		if version == nil || i < 0 {
			continue
		}
		if _, err := exec.LookPath(p.program); err != nil {
			continue
		}
		m, name = managers[i], fmt.Sprintf(p.name, version[1])
		steps := slices.Clone(m.steps)
		install := slices.DeleteFunc(slices.Clone(steps[len(steps)-1]), func(word string) bool { return strings.HasPrefix(word, "postgresql") })
		steps[len(steps)-1] = append(install, name)
		m.steps = steps
		return m, name, true
	}
	return m, "", false
}

// hasHypoPG looks where PostgreSQL looks for extensions: Debian, PGDG for Red Hat, Homebrew and what is built in one folder.
func hasHypoPG(bin string) bool {
	places := []string{
		filepath.Join(bin, "../share/extension"), filepath.Join(bin, "../share/postgresql*/extension"),
		filepath.Join("/usr/share/postgresql", filepath.Base(filepath.Dir(bin)), "extension"),
	}
	for _, place := range places {
		if found, err := filepath.Glob(filepath.Join(place, "hypopg.control")); err == nil && len(found) > 0 {
			return true
		}
	}
	return false
}
