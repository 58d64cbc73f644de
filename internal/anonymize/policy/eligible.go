package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/catalog"
)

// Eligible says what keeps a policy from claiming its legal method, whatever is wrong with it besides and whenever it is used.
func Eligible(p *Policy, c *catalog.Catalog) []Finding {
	k := newChecker(p, c)
	if strings.TrimSpace(p.Attestation.By) == "" {
		k.whole("attestation.by", "somebody has to stand for the method: who has no actual knowledge that what is left could identify a person, or the expert")
	}
	switch p.Method {
	case SafeHarbor:
		if p.Keys == Persistent {
			k.whole("keys", "keys that outlive a run let what two runs made be linked: Safe Harbor takes %s ones", Ephemeral)
		}
	case ExpertDetermination:
		if strings.TrimSpace(p.Attestation.ID) == "" {
			k.whole("attestation.id", "an expert determination has an id, by which its document is found")
		}
		return k.sorted(k.found)
	default:
		k.whole("method", "a method is %s or %s", SafeHarbor, ExpertDetermination)
		return k.sorted(k.found)
	}
	for _, path := range slices.Sorted(maps.Keys(p.Tables)) {
		t := c.Table(path)
		for _, column := range slices.Sorted(maps.Keys(p.Tables[path].Columns)) {
			r := p.Tables[path].Columns[column]
			at := Cell{path, column}
			guess := ""
			if t != nil && t.Column(column) != nil {
				guess = k.class(at, t.Column(column))
			}
			k.harbour(at, "", r, guess)
			for _, inner := range slices.Sorted(maps.Keys(r.Paths)) {
				k.harbour(at, fmt.Sprintf("paths[%q].", inner), r.Paths[inner], classOfName(leaf(inner)))
			}
		}
	}
	return k.sorted(k.found)
}

// harbour refuses a rule that Safe Harbor does not allow.
func (k *checker) harbour(at Cell, prefix string, r Rule, guess string) {
	class := r.Class
	if class == "" {
		class = guess
	}
	switch {
	case transformers[r.Transformer].derived:
		k.column(at, prefix+"transformer", "what %s makes follows from the value, which Safe Harbor does not allow (164.514(c)): use another one, or have an expert determine it", r.Transformer)
	case r.Transformer == Keep && class != "" && class != None:
		problem := "it holds"
		if r.Class == "" {
			problem = "it seems to hold"
		}
		k.column(at, prefix+"transformer", "%s %s, which Safe Harbor does not keep: transform it, or say class = %q and the reason", problem, Classes[class], None)
	}
}
