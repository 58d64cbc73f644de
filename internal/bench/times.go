package main

import (
	"bytes"
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// times picks out of go test's output how long each package took, set-up included.
type times struct {
	line []byte
	took []spent
}

type spent struct {
	of      string
	seconds float64
}

var ended = regexp.MustCompile(`^(?:ok|FAIL)\s+(\S+)\s+([0-9.]+)s\s*$`)

// Write implements io.Writer.
func (t *times) Write(p []byte) (int, error) {
	t.line = append(t.line, p...)
	for {
		line, rest, whole := bytes.Cut(t.line, []byte("\n"))
		if !whole {
			return len(p), nil
		}
		if m := ended.FindSubmatch(line); m != nil {
			if seconds, err := strconv.ParseFloat(string(m[2]), 64); err == nil {
				t.took = append(t.took, spent{strings.TrimPrefix(strings.TrimPrefix(string(m[1]), module), "internal/"), seconds})
			}
		}
		t.line = rest
	}
}

// String is the longest ones: where the time of a run went.
func (t *times) String() string {
	slices.SortStableFunc(t.took, func(a, b spent) int { return cmp.Compare(b.seconds, a.seconds) })
	all, parts := 0.0, []string{}
	for _, s := range t.took {
		if all += s.seconds; s.seconds >= 5 {
			parts = append(parts, fmt.Sprintf("%s %.0f s", s.of, s.seconds))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return fmt.Sprintf("took %.0f s: %s", all, strings.Join(parts, ", "))
}
