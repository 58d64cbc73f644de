package pgtest

import "syscall"

const (
	memory = "/dev/shm"
	tmpfs  = 0x01021994
	enough = 2 << 30 // for the clusters of two test binaries, with room to spare
)

// folder is where a cluster's files are made: in memory, where there is enough of it. A database is a thousand files, which
// cost more to write to a disk and to remove again within seconds than all that a test does in it. Tests end
// processes, never the machine, so they show the same without the disk; a benchmark has to pay for it.
func folder() string {
	var fs syscall.Statfs_t
	if benchmarks() || syscall.Statfs(memory, &fs) != nil || fs.Type != tmpfs || fs.Bavail*uint64(fs.Bsize) < enough {
		return ""
	}
	return memory
}
