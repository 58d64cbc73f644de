// Command bench runs the benchmarks, shows their output as it comes, and prints at the end what was measured
// beside its floor and its goal. A benchmark that fails makes it fail; a goal that is missed only shows, as
// figures belong to a machine.
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
)

// everything is the pattern of a whole run: then a figure that nobody measured is a mistake.
const everything = "."

func main() {
	log.SetFlags(0)
	if len(os.Args) > 2 {
		log.Fatal("usage: bench [PATTERN]\n\nRuns the benchmarks whose names match, as `go test -bench` does. Run it where go.mod is.")
	}
	pattern := everything
	if len(os.Args) == 2 {
		pattern = os.Args[1]
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := bench(ctx, pattern)
	stop()
	if err != nil {
		log.Fatal(err)
	}
}

func bench(ctx context.Context, pattern string) error {
	// Each package is measured alone: with -bench, go test runs one after the other. -v tells what is under way.
	args := []string{"test", "-buildvcs=false", "-v", "-run", "^$", "-bench", pattern, "-benchtime", "1x", "-timeout", "40m", "./internal/...", "./provider/"}
	cmd := exec.CommandContext(ctx, "go", args...) //nolint:gosec // the pattern is one argument, and no shell reads it
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	before := load()
	if err := cmd.Start(); err != nil {
		return err
	}
	shown := io.TeeReader(out, os.Stdout)
	measured, bad := read(shown)
	_, _ = io.Copy(io.Discard, shown) // show the rest, whatever was wrong with the figures
	failed := cmd.Wait()
	fmt.Printf("\n%d processors; load when this began: %s\n", runtime.NumCPU(), before)
	missing, err := table(os.Stdout, figures, measured, pattern == everything)
	switch {
	case failed != nil:
		return fmt.Errorf("a benchmark failed, see above: %w", failed)
	case bad != nil:
		return fmt.Errorf("read the benchmarks' output: %w", bad)
	case err != nil:
		return err
	case len(measured) == 0:
		return fmt.Errorf("no benchmark matches %q", pattern)
	case missing > 0:
		return fmt.Errorf("%d figures were not measured: the benchmark or its unit has another name than in internal/bench/figures.go", missing)
	}
	return nil
}

// load is how busy the machine was in the last minute: figures of a busy one say little.
func load() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	last, _, _ := strings.Cut(string(text), " ")
	return last
}
