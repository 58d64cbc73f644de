package monitoring

import (
	"regexp"
	"slices"
	"strings"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/face"
	"github.com/feel-august/terraform-provider-august/internal/localcloud/gapi"
)

// filter is what a time series must be, by the name of what is compared.
type filter map[string][]string

const metricType, resourceType, metricLabel, resourceLabel = "metric.type", "resource.type", "metric.labels.", "resource.labels."

var (
	// token is a name, a quoted string, or a sign.
	token = regexp.MustCompile(`^\s*([A-Za-z_][A-Za-z0-9_.]*|"(?:[^"\\]|\\["\\])*"|[=(),])`)
	label = regexp.MustCompile(`^(metric|resource)\.labels?\.([a-z_]+)$`)
)

const grammar = `The local cloud knows comparisons joined by AND: metric.type, metric.labels.NAME, resource.type and resource.labels.NAME, each = "value" or = one_of("a", "b").`

// parseFilter reads a monitoring filter; what it does not know it refuses, rather than show too much.
func parseFilter(text string) (filter, error) {
	var tokens []string
	for rest := strings.TrimSpace(text); rest != ""; rest = strings.TrimSpace(rest) {
		m := token.FindString(rest)
		if m == "" {
			return nil, gapi.Invalid("Field filter had an invalid value: it cannot be read from %q on. %s", rest, grammar)
		}
		tokens, rest = append(tokens, strings.TrimSpace(m)), rest[len(m):]
	}
	f := filter{}
	for len(tokens) > 0 {
		key, values, left, ok := comparison(tokens)
		if !ok || f[key] != nil {
			return nil, gapi.Invalid("Field filter had an invalid value of %q. %s", text, grammar)
		}
		f[key], tokens = values, left
		if len(tokens) > 1 && tokens[0] == "AND" {
			tokens = tokens[1:] // as everywhere, it may be left out
		}
	}
	if len(f[metricType]) != 1 {
		return nil, gapi.Invalid(`Field filter had an invalid value of %q: The filter must specify a single metric type, as in metric.type = "...".`, text)
	}
	return f, nil
}

// comparison reads one comparison, and answers the tokens after it.
func comparison(tokens []string) (key string, values, left []string, ok bool) {
	if len(tokens) < 3 || tokens[1] != "=" {
		return "", nil, nil, false
	}
	key = tokens[0]
	if m := label.FindStringSubmatch(key); m != nil {
		key = m[1] + ".labels." + m[2]
	} else if key != metricType && key != resourceType {
		return "", nil, nil, false
	}
	if tokens[2] != "one_of" {
		value, ok := unquote(tokens[2])
		return key, []string{value}, tokens[3:], ok
	}
	if len(tokens) < 4 || tokens[3] != "(" {
		return "", nil, nil, false
	}
	for left = tokens[4:]; len(left) >= 2; left = left[2:] {
		value, ok := unquote(left[0])
		if !ok {
			return "", nil, nil, false
		}
		values = append(values, value)
		switch left[1] {
		case ")":
			return key, values, left[2:], true
		case ",":
		default:
			return "", nil, nil, false
		}
	}
	return "", nil, nil, false
}

func unquote(t string) (string, bool) {
	if len(t) < 2 || t[0] != '"' {
		return "", false
	}
	return strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(t[1 : len(t)-1]), true
}

// matches tells whether a series is one of those that are asked for.
func (f filter) matches(m face.Metric, s face.Series) bool {
	for key, values := range f {
		var have string
		switch {
		case key == metricType:
			have = m.Type
		case key == resourceType:
			have = m.Resource
		case strings.HasPrefix(key, metricLabel):
			have = s.Labels[strings.TrimPrefix(key, metricLabel)]
		default:
			have = s.Resource[strings.TrimPrefix(key, resourceLabel)]
		}
		if !slices.Contains(values, have) {
			return false
		}
	}
	return true
}
