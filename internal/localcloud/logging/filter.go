package logging

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/gapi"
)

const grammar = "The local cloud knows comparisons joined by AND, of resource.type, resource.labels.NAME, labels.\"NAME\", logName, severity, timestamp, textPayload and " +
	"jsonPayload.NAME, with =, !=, >, >=, <, <= and, for a part of a text, the colon."

// severities in their order.
var severities = []string{"DEFAULT", "DEBUG", "INFO", "NOTICE", "WARNING", "ERROR", "CRITICAL", "ALERT", "EMERGENCY"}

var (
	// comparison is one of them at the beginning of a text: a value is quoted, or a word.
	comparison = regexp.MustCompile(`^([A-Za-z_][A-Za-z0-9_./-]*(?:"[^"\\]+")?)\s*(>=|<=|!=|=|>|<|:)\s*("(?:[^"\\]|\\.)*"|[^\s"()<>=:]+)\s*`)
	label      = regexp.MustCompile(`^resource\.labels\.([a-z_]+)$`)
	own        = regexp.MustCompile(`^labels\."([^"]+)"$`)
	field      = regexp.MustCompile(`^jsonPayload\.([A-Za-z_][A-Za-z0-9_]*)$`)
	and        = regexp.MustCompile(`^AND\s+`)
	keyword    = regexp.MustCompile(`^(AND|OR|NOT)$`)
)

// A filter is true of the entries that are asked for.
type filter []func(entry) bool

func (f filter) matches(e entry) bool {
	return !slices.ContainsFunc(f, func(holds func(entry) bool) bool { return !holds(e) })
}

// parseFilter reads a filter of the logging query language; what it does not know it refuses, rather than show too much.
func parseFilter(text string) (filter, error) {
	var f filter
	for rest := strings.TrimSpace(text); rest != ""; {
		m := comparison.FindStringSubmatch(rest)
		if m == nil || keyword.MatchString(m[1]) {
			return nil, gapi.Invalid("Unparseable filter: it cannot be read from %q on. %s", rest, grammar)
		}
		one, err := compare(m[1], m[2], unquote(m[3]))
		if err != nil {
			return nil, err
		}
		f = append(f, one)
		rest = rest[len(m[0]):]
		if next := and.FindString(rest); next != "" { // as everywhere, it may be left out
			if rest = rest[len(next):]; rest == "" {
				return nil, gapi.Invalid("Unparseable filter: nothing follows the last AND. %s", grammar)
			}
		}
	}
	return f, nil
}

func compare(name, sign, value string) (func(entry) bool, error) {
	refuse := func() (func(entry) bool, error) {
		return nil, gapi.Invalid("Unparseable filter: %s %s %q is not understood. %s", name, sign, value, grammar)
	}
	switch name {
	case "severity":
		rank := slices.Index(severities, strings.ToUpper(value))
		if rank < 0 || sign == ":" {
			return refuse()
		}
		return func(e entry) bool { return ordered(slices.Index(severities, e.Severity)-rank, sign) }, nil
	case "timestamp":
		at, err := time.Parse(time.RFC3339Nano, value)
		if err != nil {
			at, err = time.Parse(time.DateOnly, value)
		}
		if err != nil || sign == ":" {
			return refuse()
		}
		return func(e entry) bool { return ordered(e.Time.Compare(at), sign) }, nil
	}
	var of func(entry) string
	switch l, o, j := label.FindStringSubmatch(name), own.FindStringSubmatch(name), field.FindStringSubmatch(name); {
	case name == "resource.type":
		of = func(e entry) string { return e.Resource }
	case name == "logName":
		of = func(e entry) string { return e.logName() }
	case name == "textPayload":
		of = func(e entry) string { return e.Text }
	case l != nil:
		of = func(e entry) string { return e.Labels[l[1]] }
	case o != nil:
		of = func(e entry) string { return e.Own[o[1]] }
	case j != nil:
		of = func(e entry) string { text, _ := e.JSON[j[1]].(string); return text }
	default:
		return refuse()
	}
	switch sign {
	case "=":
		return func(e entry) bool { return strings.EqualFold(of(e), value) }, nil
	case "!=":
		return func(e entry) bool { return !strings.EqualFold(of(e), value) }, nil
	case ":":
		return func(e entry) bool { return strings.Contains(strings.ToLower(of(e)), strings.ToLower(value)) }, nil
	}
	return refuse()
}

// ordered tells whether a difference is one that the sign asks for.
func ordered(diff int, sign string) bool {
	switch sign {
	case ">":
		return diff > 0
	case ">=":
		return diff >= 0
	case "<":
		return diff < 0
	case "<=":
		return diff <= 0
	case "!=":
		return diff != 0
	default:
		return diff == 0
	}
}

func unquote(value string) string {
	if !strings.HasPrefix(value, `"`) {
		return value
	}
	return strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(value[1 : len(value)-1])
}
