//go:build !linux

package localcloud

import (
	"fmt"
	"os/exec"
	"strconv"
	"strings"
)

// processes asks ps, which every Unix has.
func processes() ([]process, error) {
	out, err := exec.Command("ps", "-axww", "-o", "pid=,command=").Output()
	if err != nil {
		return nil, fmt.Errorf("ps: %w", err)
	}
	var list []process
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		pid, err := strconv.Atoi(fields[0])
		if err != nil {
			continue
		}
		list = append(list, process{PID: pid, Args: fields[1:]})
	}
	return list, nil
}
