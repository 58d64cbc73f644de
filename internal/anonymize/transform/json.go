package transform

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/catalog"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/policy"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/redact"
)

// document makes what becomes of a column of JSON: by path.
func (s *Set) document(t *Table, c catalog.Column, rule policy.Rule) (apply, error) {
	paths := slices.Sorted(maps.Keys(rule.Paths))
	compiled, err := redact.Compile(paths, rule.Unknown)
	if err != nil {
		return nil, err
	}
	d := document{paths: compiled}
	for _, path := range paths {
		inner, err := s.member(place{t.Path, c.Name}, path, rule.Paths[path])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		d.rules = append(d.rules, inner)
	}
	n := len(t.documents)
	t.documents = append(t.documents, d)
	return func(w *Worker, dst, value []byte) ([]byte, error) { return w.rewriters[n].JSON(dst, value) }, nil
}

// member chooses what a rule means for the value at a path. In place of a field, fixed is JSON.
func (s *Set) member(at place, path string, rule policy.Rule) (column, error) {
	out := column{name: path, reads: true}
	switch rule.Transformer {
	case policy.Keep:
		return out, nil
	case policy.Null:
		out.fixed = []byte("null")
		return out, nil
	case policy.Constant:
		out.fixed = []byte(rule.Value)
		return out, nil
	case policy.Derived, policy.JSON:
		return out, fmt.Errorf("%s is not for what is within JSON", rule.Transformer)
	}
	rule.Domain = policy.PathDomain(at.table, at.column, path, rule)
	var err error
	out.apply, err = s.transformer(at, textFamily, 0, rule)
	return out, err
}

var (
	errContainer = errors.New("it is an object or an array, and its rule is for one value; give its members rules, or use null")
	errBoolean   = errors.New("it is a boolean, which can only be kept, null or a constant")
)

// rewriter makes what a worker needs for a document.
func (d *document) rewriter(w *Worker) *redact.Rewriter {
	return d.paths.Rewriter(func(dst []byte, rule int, kind redact.Kind, value []byte) ([]byte, redact.Kind, error) {
		c := &d.rules[rule]
		switch {
		case kind == redact.Null:
			return dst, kind, nil
		case c.fixed != nil:
			return append(dst, c.fixed...), kindOf(c.fixed, kind), nil
		case kind == redact.Container:
			return dst, kind, errContainer
		case c.apply == nil:
			return append(dst, value...), kind, nil
		case kind == redact.Bool:
			return dst, kind, errBoolean
		}
		from := len(dst)
		dst, err := c.apply(w, dst, value)
		if kind == redact.Number && !json.Valid(dst[from:]) {
			kind = redact.String // such as a code of letters, or nothing
		}
		return dst, kind, err
	})
}

// kindOf is what a constant is: a string where there was one, else what it is as JSON.
func kindOf(fixed []byte, was redact.Kind) redact.Kind {
	switch {
	case string(fixed) == "null":
		return redact.Null
	case was == redact.String || !json.Valid(fixed):
		return redact.String
	case string(fixed) == "true" || string(fixed) == "false":
		return redact.Bool
	case fixed[0] == '{' || fixed[0] == '[':
		return redact.Container
	case fixed[0] == '"':
		return redact.String
	}
	return redact.Number
}
