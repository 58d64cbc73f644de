package localcloud

import (
	"context"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// A process is what of a running process tells whether it is ours.
type process struct {
	PID  int
	Exe  string   // "" where the system does not tell
	Cwd  string   // "" where the system does not tell
	Args []string // args[0] is the program as it was called
}

// Strays lists the processes of the local cloud in dir: PostgreSQL over its clusters and the
// services that run from its unpacked images. While a cloud runs these are its own; when none does,
// a killed one left them behind.
func Strays(dir string) ([]process, error) {
	dir, err := resolveDir(dir)
	if err != nil {
		return nil, err
	}
	all, err := processes()
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(p process) bool { return !p.belongsTo(dir) }), nil
}

// belongsTo is true of PostgreSQL's programs at work under dir's clusters, and of programs that lie
// under dir's images. It is no more than that: an editor or `tail -f` on a file in dir is the user's.
func (p process) belongsTo(dir string) bool {
	clusters, images := filepath.Join(dir, "cloudsql")+"/", filepath.Join(dir, "cloudrun")+"/"
	if strings.HasPrefix(p.Exe, images) || len(p.Args) > 0 && strings.HasPrefix(p.Args[0], images) {
		return true
	}
	if !p.isPostgres() {
		return false
	}
	if strings.HasPrefix(p.Cwd, clusters) {
		return true
	}
	return slices.ContainsFunc(p.Args, func(arg string) bool {
		return strings.HasPrefix(arg, clusters) || strings.Contains(arg, "="+clusters)
	})
}

func (p process) isPostgres() bool {
	name := filepath.Base(p.Exe)
	if p.Exe == "" && len(p.Args) > 0 {
		name = filepath.Base(p.Args[0])
	}
	return name == "postgres" || name == "initdb" || strings.HasPrefix(name, "pg_")
}

// strayPatience is how long strays may take to end in peace: as long as Cloud Run drains.
const strayPatience = 10 * time.Second

// sweep ends the processes that belong to dir, in peace if they can, and returns how many there were.
func sweep(ctx context.Context, dir string, log *slog.Logger) (int, error) {
	found, err := Strays(dir)
	if err != nil || len(found) == 0 {
		return 0, err
	}
	for _, p := range found {
		log.Warn("ending a process that a killed local cloud left behind", "pid", p.PID, "program", filepath.Base(p.Exe))
		// PostgreSQL's fast shutdown is SIGINT: SIGTERM would wait for its clients.
		sig := syscall.SIGTERM
		if p.isPostgres() {
			sig = syscall.SIGINT
		}
		_ = syscall.Kill(p.PID, sig) // gone already: fine
	}
	ctx, cancel := context.WithTimeout(ctx, strayPatience)
	defer cancel()
	for {
		left, err := Strays(dir)
		if err != nil || len(left) == 0 {
			return len(found), err
		}
		select {
		case <-ctx.Done():
			for _, p := range left {
				_ = syscall.Kill(p.PID, syscall.SIGKILL)
			}
			return len(found), nil
		case <-time.After(50 * time.Millisecond):
		}
	}
}
