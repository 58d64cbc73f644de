package transform

import (
	"errors"
	"fmt"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/catalog"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/policy"
)

// uses is what shares a domain.
type uses struct {
	permute, surrogate bool
	whole, uuids       bool
	folds              bool
	codes              span
	columns            int
	unique             bool // none of the columns has a value twice
}

// once says whether an id of the domain is there once at most: in one column, to which nothing refers.
func (u *uses) once() bool { return u.columns == 1 && u.unique }

func (u *uses) add(rule policy.Rule, c catalog.Column, inJSON, unique bool) {
	u.columns++
	u.unique = unique && !c.Array
	u.permute = u.permute || rule.Transformer == policy.Permute
	u.surrogate = u.surrogate || rule.Transformer == policy.Surrogate
	if inJSON {
		return
	}
	switch familyOf(c) {
	case wholeFamily, numberFamily:
		u.whole = true
	case uuidFamily:
		u.uuids = true
	}
	u.folds = u.folds || c.Base == "citext"
	if room := codes(c); u.codes.count == 0 || room.below < u.codes.below {
		u.codes = room
	}
}

// makeDomains makes the domains of all ids of the policy.
func (s *Set) makeDomains() error {
	all := map[string]*uses{}
	at := func(domain string) *uses {
		if all[domain] == nil {
			all[domain] = &uses{}
		}
		return all[domain]
	}
	for path, rules := range s.cfg.Policy.Tables {
		t := s.cfg.Catalog.Table(path)
		if t == nil {
			continue
		}
		for _, c := range t.Columns {
			rule := rules.Columns[c.Name]
			if coded(rule) {
				at(policy.Domain(s.cfg.Policy, s.cfg.Catalog, path, c.Name)).add(rule, c, false, t.Unique(c.Name))
			}
			for inner, r := range rule.Paths {
				if coded(r) {
					at(policy.PathDomain(path, c.Name, inner, r)).add(r, c, true, false)
				}
			}
		}
	}
	var problems []error
	for name, u := range all {
		if u.permute && u.surrogate {
			problems = append(problems, fmt.Errorf("the domain %q is mapped by %s here and by %s there", name, policy.Surrogate, policy.Permute))
			continue
		}
		if u.codes.count == 0 {
			u.codes = span64
		}
		s.domains[name] = newDomain(s.cfg.Keys, name, u)
	}
	return errors.Join(problems...)
}

// coded says whether a rule maps ids within a domain that several columns may share.
func coded(rule policy.Rule) bool {
	return rule.Transformer == policy.Surrogate || rule.Transformer == policy.Permute
}
