package runner

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// tickLength is the unit of /proc's times: USER_HZ is 100 on every architecture that Go has.
const tickLength = time.Second / 100

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
	var ticks time.Duration
	for _, f := range fields[11:15] { // utime, stime, cutime, cstime
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0
		}
		ticks += time.Duration(n)
	}
	return ticks * tickLength
}
