// Package scratch puts the files of tests into memory, where there is enough of it.
//
// A PostgreSQL cluster is a thousand files, each written to the disk and removed again within seconds: that is most of
// what a test of clusters costs. The tests end processes, never the machine, so they show the same without the disk.
package scratch

import (
	"os"
	"syscall"
)

const (
	memory = "/dev/shm"
	magic  = 0x01021994 // of tmpfs
	noExec = 0x8        // ST_NOEXEC: the tests run programs that they have built
	enough = 4 << 30
)

// InMemory makes a folder in memory the one for this process's temporary files, unless TMPDIR names another.
func InMemory() error {
	if os.Getenv("TMPDIR") != "" || !suitable() {
		return nil
	}
	return os.Setenv("TMPDIR", memory)
}

func suitable() bool {
	var fs syscall.Statfs_t
	return syscall.Statfs(memory, &fs) == nil && fs.Type == magic && fs.Flags&noExec == 0 && fs.Bavail*uint64(fs.Bsize) >= enough
}
