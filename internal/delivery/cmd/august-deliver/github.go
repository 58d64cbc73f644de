package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strings"
)

// output is a value for later steps and jobs.
type output struct{ name, value string }

// outputs adds to the file that GITHUB_OUTPUT names, if there is one. The delimiter is made up anew each time, so that no value can end
// itself and go on as another output.
func outputs(all ...output) error {
	var b strings.Builder
	for _, o := range all {
		end := rand.Text()
		fmt.Fprintf(&b, "%s<<%s\n%s\n%s\n", o.name, end, o.value, end)
	}
	return add("GITHUB_OUTPUT", b.String())
}

// summary adds to the page that people see of the run, if there is one.
func summary(markdown string) error { return add("GITHUB_STEP_SUMMARY", markdown) }

func add(variable, text string) (err error) {
	name := os.Getenv(variable)
	if name == "" {
		return nil
	}
	file, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600) //nolint:gosec // the runner names it
	if err != nil {
		return fmt.Errorf("%s: %w", variable, err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	_, err = file.WriteString(text)
	return err
}
