// Command bench runs the benchmarks, shows their output as it comes, and prints at the end what was measured
// beside its floor and its goal. A benchmark that fails makes it fail; a goal that is missed only shows, as
// figures belong to a machine.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"slices"
	"strings"
)

// everything is the pattern of a whole run, of all figures: then one that nobody measured is a mistake.
const everything = ""

// asked is what the command line says.
type asked struct {
	pattern string // as `go test -bench` takes it; everything: what the table has
	json    string // file to write; empty: none
	against string // file of an earlier run; empty: none
}

const usage = `usage: bench [--json FILE] [--against FILE] [PATTERN]

Runs the benchmarks whose names match, as "go test -bench" does, and prints each figure beside its floor and
its goal; without a pattern, those of all figures, which takes a quarter of an hour. Run it where go.mod is.
`

func main() {
	log.SetFlags(0)
	var a asked
	flag.Usage = func() {
		_, _ = fmt.Fprint(flag.CommandLine.Output(), usage)
		flag.PrintDefaults()
	}
	flag.StringVar(&a.json, "json", "", "write all that was measured to this `file`")
	flag.StringVar(&a.against, "against", "", "print what changed since the run that wrote this `file` by --json")
	flag.Parse()
	switch flag.NArg() {
	case 0:
	case 1:
		a.pattern = flag.Arg(0)
	default:
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := bench(ctx, a)
	stop()
	if err != nil {
		log.Fatal(err)
	}
}

func bench(ctx context.Context, a asked) error {
	var before report
	if a.against != "" { // what is wrong with it is better known before a run than after
		var err error
		if before, err = readReport(a.against); err != nil {
			return err
		}
	}
	// Each package is measured alone: with -bench, go test runs one after the other. -v tells what is under way.
	pattern, packages := a.pattern, []string{"./internal/...", "./provider/"}
	if pattern == everything {
		pattern, packages = benchmarks(figures)
	}
	args := append([]string{"test", "-buildvcs=false", "-v", "-run", "^$", "-bench", pattern, "-benchtime", "1x", "-timeout", "40m"}, packages...)
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	busy := load()
	if err := cmd.Start(); err != nil {
		return err
	}
	var took times
	shown := io.TeeReader(out, io.MultiWriter(os.Stdout, &took))
	measured, bad := read(shown)
	_, _ = io.Copy(io.Discard, shown) // show the rest, whatever was wrong with the figures
	failed := cmd.Wait()
	fmt.Printf("\n%d processors; load when this began: %s; %s\n", runtime.NumCPU(), busy, &took)
	missing, err := table(os.Stdout, figures, measured, a.pattern == everything)
	switch {
	case failed != nil:
		return fmt.Errorf("a benchmark failed, see above: %w", failed)
	case bad != nil:
		return fmt.Errorf("read the benchmarks' output: %w", bad)
	case err != nil:
		return err
	case len(measured) == 0:
		return fmt.Errorf("no benchmark matches %q", a.pattern)
	}
	now := newReport(figures, measured, a.pattern, busy)
	now.Revision = revision(ctx)
	if a.against != "" {
		if err := compare(os.Stdout, before, now); err != nil {
			return err
		}
	}
	if a.json != "" {
		if err := now.write(a.json); err != nil {
			return err
		}
	}
	if missing > 0 {
		return fmt.Errorf("%d figures were not measured: the benchmark or its unit has another name than in internal/bench/figures.go", missing)
	}
	return nil
}

// benchmarks is the pattern that matches the benchmarks of figures, and the packages that they are in.
func benchmarks(figures []figure) (pattern string, packages []string) {
	var names []string
	for _, f := range figures {
		of, name, _ := strings.Cut(f.of, ".")
		name, _, _ = strings.Cut(name, "/")
		at := "./internal/" + of
		if _, err := os.Stat(at); err != nil {
			at = "./" + of
		}
		names, packages = append(names, name), append(packages, at)
	}
	slices.Sort(names)
	slices.Sort(packages)
	return "^Benchmark(" + strings.Join(slices.Compact(names), "|") + ")$", slices.Compact(packages)
}

// revision is the commit that is measured; empty where there is no clone, or no git.
func revision(ctx context.Context) string {
	commit, err := exec.CommandContext(ctx, "git", "rev-parse", "--short=12", "HEAD").Output()
	if err != nil {
		return ""
	}
	name := strings.TrimSpace(string(commit))
	if changed, err := exec.CommandContext(ctx, "git", "status", "--porcelain").Output(); err != nil || len(changed) > 0 {
		name += "+"
	}
	return name
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
