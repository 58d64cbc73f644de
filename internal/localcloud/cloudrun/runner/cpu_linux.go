package runner

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// tickRate is how many of /proc's units a second has: USER_HZ is 100 on every architecture that Go has.
const tickRate = 100

// cpuTime is the CPU time of a process and of those children of it that have ended, 0 when there is
// no such process.
func cpuTime(pid int) time.Duration {
	body, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(body[strings.LastIndexByte(string(body), ')')+1:]))
	if len(fields) < 15 {
		return 0
	}
	var ticks int64
	for _, f := range fields[11:15] { // utime, stime, cutime, cstime
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0
		}
		ticks += n
	}
	return time.Duration(ticks) * (time.Second / tickRate)
}
