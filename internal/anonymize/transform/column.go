package transform

import (
	"errors"
	"fmt"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/catalog"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/copytext"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/policy"
)

// column is what becomes of a column.
type column struct {
	name  string
	reads bool   // whether its field is looked at at all
	in    int    // of the field in the line that comes in
	fixed []byte // field to write whatever comes in, as COPY writes it
	apply apply  // nil: the field is kept as it is
}

// apply appends what becomes of a value that is not NULL.
type apply func(w *Worker, dst, value []byte) ([]byte, error)

// column chooses what a rule means for a column.
func (s *Set) column(c catalog.Column, rule policy.Rule) (column, error) {
	out := column{name: c.Name, reads: true}
	switch rule.Transformer {
	case policy.Keep:
	case policy.Null:
		if c.NotNull {
			return out, errors.New("null is not for a column that must not be NULL")
		}
		out.reads, out.fixed = false, copytext.Null
	case policy.Constant:
		out.reads, out.fixed = false, copytext.Escape(nil, []byte(rule.Value))
	default:
		return out, fmt.Errorf("the transformer %q is not known", rule.Transformer)
	}
	return out, nil
}
