package scan

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/catalog"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/evidence"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/identify"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/policy"
)

// Source writes what a query gives as COPY's text, of the moment that the export is of. Calls come from several goroutines.
type Source func(ctx context.Context, query string, to io.Writer) error

// Scanner knows which columns of the source hold identifiers, and how each column of the result is to be judged.
type Scanner struct {
	policy  *policy.Policy
	catalog *catalog.Catalog
	tables  []string // of the policy, by name
	cells   []policy.Cell
	ids     map[policy.Cell]int
	shifts  bool // days in text are moved rather than cut
	guards  []*Guard
	set     *identify.Set // of Collect
}

// New makes the scanner of a policy that policy.Check has nothing against.
func New(p *policy.Policy, c *catalog.Catalog) (*Scanner, error) {
	s := &Scanner{policy: p, catalog: c, ids: map[policy.Cell]int{}, shifts: p.Shift != policy.Shift{}}
	for i := range c.Tables {
		t := &c.Tables[i]
		if _, ok := p.Tables[t.Path()]; !ok {
			continue
		}
		s.tables = append(s.tables, t.Path())
		for _, col := range t.Columns {
			cell := policy.Cell{Table: t.Path(), Column: col.Name}
			s.ids[cell] = len(s.cells)
			s.cells = append(s.cells, cell)
		}
	}
	slices.Sort(s.tables)
	if len(s.tables) != len(p.Tables) {
		return nil, errors.New("the policy has tables that the database does not have")
	}
	return s, nil
}

// collectors read the source side by side.
const collectors = 2

// Collect reads the identifiers of the source into set, which redaction and Run look them up in. Call it once, before all else.
func (s *Scanner) Collect(ctx context.Context, from Source, set *identify.Set) error {
	s.set = set
	return s.read(ctx, from, everything, collectors, func() func(identify.Kind, []byte) {
		return func(k identify.Kind, normal []byte) { set.Add(k, normal) }
	})
}

// Result is what was found.
type Result struct {
	Scan evidence.Scan // of the guards, too
	K    []evidence.KAnonymity

	unfinished bool // there was so much that the rest was not read
}

// Err is nil when the result may be published. It names columns, kinds and counts, never a value.
func (r *Result) Err() error {
	var why []string
	for _, f := range r.Scan.Findings {
		at := f.Table
		if f.Column != "" {
			at += "." + f.Column
		}
		why = append(why, fmt.Sprintf("%s holds %d of kind %s", at, f.Count, f.Kind))
	}
	if r.unfinished {
		why = append(why, "and the rest was not read")
	}
	for _, k := range r.K {
		if k.Below > 0 {
			why = append(why, fmt.Sprintf("%s: %d rows share (%s) with fewer than %d in all: generalise or drop one of these columns, or require less",
				k.Table, k.Below, strings.Join(k.Columns, ", "), k.Required))
		}
	}
	if why == nil {
		return nil
	}
	if len(r.Scan.Findings) == 0 {
		return errors.New("quasi-identifiers single people out: " + strings.Join(why, "; "))
	}
	return errors.New("identifiers of the source have survived, so nothing is published; change the rules of these columns: " + strings.Join(why, "; "))
}
