package engine

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Usage is what the processes of a server have taken, as the kernel tells.
type Usage struct {
	CPU      time.Duration  // since the server started
	Memory   int64          // bytes: each process's own, and the shared buffers that are in use
	Backends map[string]int // connections of clients, by database
}

// Usage looks at the primary, or at the replica. It asks the kernel, not PostgreSQL, so that it takes no connection.
func (c *Cluster) Usage() (u Usage, ok bool) {
	pid := c.at.Load().pid()
	if pid == 0 {
		return u, false
	}
	u.Backends = map[string]int{}
	var shared int64
	for _, p := range append([]int{pid}, childrenOf(pid)...) {
		cpu, there := cpuOf(p, p == pid)
		if !there {
			continue
		}
		own, common := memoryOf(p)
		u.CPU += cpu
		u.Memory += own
		shared = max(shared, common)
		if db, client := databaseOf(p); client {
			u.Backends[db]++
		}
	}
	u.Memory += shared
	return u, u.CPU > 0
}

func (s *server) pid() int {
	if !s.running() {
		return 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cmd.Process.Pid
}

// tickRate is how many of /proc's units a second has: USER_HZ is 100 on every architecture that Go has.
const tickRate = 100

// cpuOf is the CPU time of a process, and of those children of it that have ended.
func cpuOf(pid int, ended bool) (time.Duration, bool) {
	body, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return 0, false
	}
	fields := strings.Fields(string(body[bytes.LastIndexByte(body, ')')+1:]))
	if len(fields) < 15 {
		return 0, false
	}
	which := fields[11:13] // utime, stime
	if ended {
		which = fields[11:15] // cutime, cstime
	}
	var ticks int64
	for _, f := range which {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0, false
		}
		ticks += n
	}
	return time.Duration(ticks) * (time.Second / tickRate), true
}

var rss = regexp.MustCompile(`(?m)^Rss(Anon|Shmem):\s+(\d+) kB$`)

// memoryOf is what a process has to itself, and what it has touched of the memory that all share.
func memoryOf(pid int) (own, shared int64) {
	body, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	if err != nil {
		return 0, 0
	}
	for _, m := range rss.FindAllSubmatch(body, 2) {
		kb, err := strconv.ParseInt(string(m[2]), 10, 64)
		if err != nil {
			continue
		}
		if string(m[1]) == "Anon" {
			own = kb << 10
		} else {
			shared = kb << 10
		}
	}
	return own, shared
}

// backend is how PostgreSQL titles the process of a client's connection: user, database, and where the client is.
var backend = regexp.MustCompile(`^postgres: (?:\S+: )?(\S+) (\S+) (?:\S+\(\d+\)|\[local\])`)

// databaseOf is the database that a client is connected to, and whether the process is of a client.
func databaseOf(pid int) (string, bool) {
	body, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "cmdline"))
	if err != nil {
		return "", false
	}
	m := backend.FindSubmatch(bytes.TrimRight(body, "\x00 "))
	if m == nil || string(m[1]) == "walsender" {
		return "", false
	}
	return string(m[2]), true
}
