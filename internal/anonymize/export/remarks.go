package export

import (
	"fmt"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/policy"
)

// remarks are what a reader of the evidence should know that no number in it says.
func remarks(p *policy.Policy) []string {
	var all []string
	texts := 0
	for _, t := range p.Tables {
		for _, rule := range t.Columns {
			if rule.Transformer == policy.Text {
				texts++
			}
			for _, inner := range rule.Paths {
				if inner.Transformer == policy.Text {
					texts++
				}
			}
		}
	}
	if texts > 0 {
		all = append(all, fmt.Sprintf("free text in %d places was scrubbed of names that a column of the source holds and of what looks like an identifier: who is named in no column, or described, may be in it", texts))
	}
	if p.Keys == policy.Persistent {
		all = append(all, "the keys are persistent: whoever has another export of the same key can tell who in one is who in the other")
	}
	if p.Subset != nil {
		all = append(all, "the rows are a subset by "+p.Subset.Table+": whoever knows by which condition knows that of all of them")
	}
	return all
}
