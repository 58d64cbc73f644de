//go:build !linux

package runner

import "time"

// cpuTime is not to be had without /proc: only requests make a pool grow.
func cpuTime(int) time.Duration { return 0 }
