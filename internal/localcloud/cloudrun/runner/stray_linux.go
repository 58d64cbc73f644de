package runner

import (
	"fmt"
	"os"
	"strings"
)

// startTime is the process's start in clock ticks since boot, "" when there is no such process or
// it is a zombie, which runs no more.
func startTime(pid int) string {
	body, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	// The command name may hold anything, so fields count from after its last parenthesis.
	fields := strings.Fields(string(body[strings.LastIndexByte(string(body), ')')+1:]))
	if len(fields) < 20 || fields[0] == "Z" {
		return ""
	}
	return fields[19]
}
