package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/policy"
)

// BenchmarkAnonymize is the peak memory of the process as it ships, for clinics of two sizes: by permutation nothing of a row is
// remembered; a crosswalk remembers each id, in a dozen bytes.
func BenchmarkAnonymize(b *testing.B) {
	for _, ids := range []string{policy.Permute, policy.Surrogate} {
		for _, rows := range []int{100_000, 2_000_000} {
			b.Run(fmt.Sprintf("%s/rows=%d", ids, rows), func(b *testing.B) {
				x := newExporter(b, rows/30, ids)
				peak := 0
				began := time.Now()
				for b.Loop() {
					cmd, _, errs := x.command()
					if err := cmd.Start(); err != nil {
						b.Fatal(err)
					}
					done := make(chan error, 1)
					go func() { done <- cmd.Wait() }()
					for running := true; running; {
						select {
						case err := <-done:
							if err != nil {
								b.Fatalf("%v\n%s", err, errs)
							}
							running = false
						case <-time.After(20 * time.Millisecond):
							peak = max(peak, highWater(cmd.Process.Pid))
						}
					}
				}
				b.ReportMetric(float64(peak)/1024, "MB-RSS")
				b.ReportMetric(time.Since(began).Seconds()/float64(b.N), "s")
			})
		}
	}
}

// highWater is the most memory that a process has had, in kB: the kernel keeps it as long as the process lives.
func highWater(pid int) int {
	file, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	defer func() { _ = file.Close() }()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if value, ok := strings.CutPrefix(lines.Text(), "VmHWM:"); ok {
			n, _ := strconv.Atoi(strings.Fields(value)[0])
			return n
		}
	}
	return 0
}
