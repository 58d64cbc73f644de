package localcloud

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// processes reads /proc. What disappears meanwhile, or is not ours to read, is left out.
func processes() ([]process, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var out []process
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		dir := filepath.Join("/proc", e.Name())
		exe, err := os.Readlink(filepath.Join(dir, "exe"))
		if err != nil {
			continue // a kernel thread, a zombie, or another user's
		}
		cwd, _ := os.Readlink(filepath.Join(dir, "cwd"))
		cmdline, _ := os.ReadFile(filepath.Join(dir, "cmdline"))
		out = append(out, process{
			PID: pid, Exe: strings.TrimSuffix(exe, " (deleted)"), Cwd: cwd,
			Args: strings.Split(strings.TrimRight(string(cmdline), "\x00"), "\x00"),
		})
	}
	return out, nil
}
