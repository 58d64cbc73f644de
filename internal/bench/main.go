// Command bench runs the benchmarks, shows their output as it comes, and prints at the end what was measured
// beside its floor and its goal. A benchmark that fails makes it fail; a goal that is missed only shows, as
// figures belong to a machine.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"time"
)

// everything is the pattern of a whole run: then a figure that nobody measured is a mistake.
const everything = "."

const usage = `usage: bench [-json FILE] [-against FILE] [PATTERN]
  make bench [BENCH=PATTERN] [JSON=FILE] [AGAINST=FILE]

Runs the benchmarks whose names match PATTERN, as "go test -bench" does, each once; all without one. Run it where go.mod is.
It prints each figure beside a floor measured in the same run and the goal, and what took how long.

`

func main() {
	log.SetFlags(0)
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	var o options
	flags.StringVar(&o.json, "json", "", "also write the figures to this `file`, for a later -against")
	flags.StringVar(&o.against, "against", "", "show what has changed since the run whose figures are in this `file`")
	flags.Usage = func() {
		_, _ = fmt.Fprint(flags.Output(), usage)
		flags.PrintDefaults()
	}
	switch err := flags.Parse(os.Args[1:]); {
	case errors.Is(err, flag.ErrHelp):
		return
	case err != nil || flags.NArg() > 1:
		flags.Usage()
		os.Exit(2)
	}
	if o.pattern = flags.Arg(0); o.pattern == "" {
		o.pattern = everything
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := bench(ctx, o)
	stop()
	if err != nil {
		log.Fatal(err)
	}
}

type options struct{ pattern, json, against string }

func bench(ctx context.Context, o options) error {
	var earlier *report
	if o.against != "" { // a mistake in its name is told before the run, not after it
		var err error
		if earlier, err = readReport(o.against); err != nil {
			return err
		}
	}
	// Each package is measured alone: with -bench, go test runs one after the other. -v tells what is under way.
	args := []string{"test", "-buildvcs=false", "-v", "-run", "^$", "-bench", o.pattern, "-benchtime", "1x", "-timeout", "40m", "./internal/...", "./provider/"}
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	now := report{At: time.Now().UTC().Truncate(time.Second), Pattern: o.pattern, Go: runtime.Version(), Processors: runtime.NumCPU(), Load: load()}
	if err := cmd.Start(); err != nil {
		return err
	}
	watch := &stopwatch{now: time.Now}
	shown := io.TeeReader(out, io.MultiWriter(os.Stdout, watch))
	measured, bad := read(shown)
	_, _ = io.Copy(io.Discard, shown) // show the rest, whatever was wrong with the figures
	failed := cmd.Wait()
	now.Took = watch.stop()
	fmt.Printf("\n%d processors; load when this began: %s\n", now.Processors, now.Load)
	missing, err := table(os.Stdout, figures, measured, o.pattern == everything)
	if err == nil {
		err = durations(os.Stdout, now.Took)
	}
	now.add(figures, measured)
	if err == nil && earlier != nil {
		err = compare(os.Stdout, earlier, &now)
	}
	if err == nil && o.json != "" && failed == nil {
		err = now.write(o.json)
	}
	switch {
	case failed != nil:
		return fmt.Errorf("a benchmark failed, see above: %w", failed)
	case bad != nil:
		return fmt.Errorf("read the benchmarks' output: %w", bad)
	case err != nil:
		return err
	case len(measured) == 0:
		return fmt.Errorf("no benchmark matches %q", o.pattern)
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
