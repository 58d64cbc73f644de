package policy

import (
	"time"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/catalog"
)

// Finding is why a policy cannot be used for a database. It holds no value of any row.
type Finding struct {
	Table      string `json:"table,omitempty"`     // "schema.table"; empty: it is about the policy as a whole
	Column     string `json:"column,omitempty"`    //
	Attribute  string `json:"attribute,omitempty"` // of the policy that is at fault: "tables", "attestation.expires", ..
	Problem    string `json:"problem"`             // and what to do
	Suggestion *Rule  `json:"suggestion,omitempty"`
}

// Check says all that keeps a policy from being used for a database. A run, or a plan, may begin only when it says nothing.
func Check(p *Policy, c *catalog.Catalog, _ time.Time) []Finding {
	var found []Finding
	for i := range c.Tables {
		t := &c.Tables[i]
		rules, listed := p.Tables[t.Path()]
		if !listed {
			if _, out := p.Excluded(t); !out && t.Kind != catalog.KindView && t.Kind != catalog.KindPartition {
				found = append(found, Finding{Table: t.Path(), Attribute: "tables", Problem: "the policy does not name it"})
			}
			continue
		}
		for _, col := range t.Columns {
			if _, named := rules.Columns[col.Name]; !named {
				found = append(found, Finding{Table: t.Path(), Column: col.Name, Attribute: "columns", Problem: "the policy does not name it"})
			}
		}
	}
	return append(found, Eligible(p, c)...)
}

// Excluded says why a table is left out, if it is.
func (p *Policy) Excluded(t *catalog.Table) (reason string, out bool) {
	if reason, out = p.Exclude[t.Path()]; out {
		return reason, true
	}
	reason, out = p.Exclude[t.Schema+".*"]
	return reason, out
}

// Eligible says what keeps a policy from claiming its legal method.
func Eligible(p *Policy, c *catalog.Catalog) []Finding { return nil }
