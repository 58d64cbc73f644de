package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"slices"
	"strings"
)

// event is a line of `go test -json`.
type event struct {
	Action, Package, Test, Output string
	Elapsed                       float64
}

// verdict is how the tests ended.
type verdict struct {
	passed  map[string][]string // their names, by package
	skipped []string
}

// follow reads the events of `go test` and tells of each test as it ends; of one that fails, all that it printed.
func follow(events io.Reader, out io.Writer) (verdict, error) {
	v := verdict{passed: map[string][]string{}}
	said := map[string]*strings.Builder{}
	for lines := json.NewDecoder(events); ; {
		var e event
		if err := lines.Decode(&e); errors.Is(err, io.EOF) {
			return v, nil
		} else if err != nil {
			return v, fmt.Errorf("understand `go test -json`: %w", err)
		}
		name := path.Base(e.Package) + " " + e.Test
		if said[name] == nil {
			said[name] = &strings.Builder{}
		}
		switch e.Action {
		case "output", "build-output":
			_, _ = said[name].WriteString(e.Output) // never fails
		case "pass":
			if e.Test == "" {
				continue
			}
			v.passed[e.Package] = append(v.passed[e.Package], e.Test)
			_, _ = fmt.Fprintf(out, "  passed   %s (%.0f s)\n", name, e.Elapsed)
		case "skip":
			if e.Test != "" { // a package without tests to run is caught by judge
				v.skipped = append(v.skipped, name)
			}
		case "fail", "build-fail":
			_, _ = fmt.Fprintf(out, "  failed   %s\n%s", name, said[name])
		}
	}
}

// judge says what was tried, and refuses a run that has left out anything.
func (v verdict) judge(clients []client, out io.Writer) error {
	if len(v.skipped) > 0 {
		return fmt.Errorf("skipped: %s", strings.Join(v.skipped, ", "))
	}
	for _, c := range clients {
		n := 0
		for _, pkg := range c.packages {
			here := len(v.passed[pkg]) - len(slices.DeleteFunc(slices.Clone(v.passed[pkg]), regexp.MustCompile(c.tests).MatchString))
			if here == 0 {
				return fmt.Errorf("%s has no test with %s any more: none is named %s", pkg, c.name, c.tests)
			}
			n += here
		}
		_, _ = fmt.Fprintf(out, "%s: %d tests passed, none was skipped.\n", c.name, n)
	}
	return nil
}
