package transform

import (
	"github.com/feel-august/terraform-provider-august/internal/anonymize/catalog"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/policy"
)

// place is a column of a table.
type place struct{ table, column string }

func (p place) String() string { return p.table + "." + p.column }

// references maps a column to the one that it refers to, declared by a foreign key or by the policy, which goes first.
func references(p *policy.Policy, c *catalog.Catalog) map[place]place {
	to := map[place]place{}
	for i := range c.Tables {
		t := &c.Tables[i]
		for _, fk := range t.ForeignKeys {
			for j, column := range fk.Columns {
				to[place{t.Path(), column}] = place{fk.Table, fk.References[j]}
			}
		}
	}
	for _, r := range p.References {
		to[place{r.Table, r.Column}] = place{r.To, r.ToCol}
	}
	return to
}
