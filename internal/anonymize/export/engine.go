package export

import (
	"github.com/feel-august/terraform-provider-august/internal/anonymize/catalog"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/identify"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/policy"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/scan"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/transform"
)

// engine is what a policy is made into for one database.
type engine struct {
	transform   transform.Config
	identifiers *identify.Set // of the source: what text is scrubbed of, and what the result is scanned for
	scanner     *scan.Scanner
	references  []reference
	subset      *subset
	tables      []*table
}

// What the identifiers of the source are remembered in: as much for any but a very large source. That one's ids would fill it,
// until every code that is free is taken for somebody's, and the scan could not look at all that it has to look at twice.
const (
	leastMemory = 12 << 20
	mostMemory  = 256 << 20
	rowMemory   = 3 // bytes a row; a code that is remembered takes four times as much
)

// memory is how much it is for a policy's tables, by PostgreSQL's estimate of their rows.
func memory(p *policy.Policy, c *catalog.Catalog) int {
	rows := int64(0)
	for i := range c.Tables {
		if _, exported := p.Tables[c.Tables[i].Path()]; exported {
			rows += c.Tables[i].Rows
		}
	}
	return int(min(max(rowMemory*rows, leastMemory), mostMemory))
}

// engine makes it. The policy has been checked.
func (r *run) engine(c *catalog.Catalog) (*engine, error) {
	keys := transform.EphemeralKeys()
	if r.Policy.Keys == policy.Persistent {
		var err error
		if keys, err = transform.NewKeys(r.Key); err != nil {
			return nil, err
		}
	}
	e := &engine{
		identifiers: identify.New(memory(r.Policy, c)), references: references(r.Policy, c),
		transform: transform.Config{Policy: r.Policy, Catalog: c, Keys: keys, AsOf: r.Policy.AgesAt(r.snapshot.at.UTC())},
	}
	var err error
	if e.scanner, err = scan.New(r.Policy, c); err != nil {
		return nil, err
	}
	if e.subset, err = choose(r.Policy, c, e.references, r.Key); err != nil {
		return nil, err
	}
	set, err := transform.New(e.transform)
	if err != nil {
		return nil, err
	}
	e.tables, err = plan(r.Policy, c, e.subset, set)
	return e, err
}

// arm makes what rows go through, once the identifiers of the source are known: until then no transformer knows which words
// are names.
func (e *engine) arm() error {
	e.transform.Names = func(word []byte) bool { return e.identifiers.Has(identify.Name, word) }
	e.transform.Taken = e.identifiers.Has
	set, err := transform.New(e.transform)
	if err != nil {
		return err
	}
	for _, t := range e.tables {
		if t.becomes, err = set.Table(t.path); err != nil {
			return err
		}
		if t.guard, err = e.scanner.Guard(t.path, t.becomes.Read, t.becomes.Hidden, t.becomes.Write); err != nil {
			return err
		}
	}
	return nil
}
