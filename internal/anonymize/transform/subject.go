package transform

import (
	"fmt"
	"regexp"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/catalog"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/identify"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/policy"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/redact"
)

// ownColumn is a column of the subject's table that identifies, and so must not be left in text about the person.
type ownColumn struct {
	name  string
	at    int // of Table.Hidden
	array bool
	kind  identify.Kind
	part  part  // of a name
	fake  apply // of a name, or a town
}

// births is what columns are named that say when somebody was born: the date that tells who somebody is.
var births = regexp.MustCompile(`(?i)birth|(^|_)dob(_|$)`)

// makeSubject finds out how the subject's key is mapped, and what identifies a subject.
func (s *Set) makeSubject() error {
	p := s.cfg.Policy
	if p.Subject.Table == "" {
		return nil
	}
	t := s.cfg.Catalog.Table(p.Subject.Table)
	if t == nil || t.Column(p.Subject.Key) == nil {
		return fmt.Errorf("the database has no column %s.%s, which the policy names as the subject", p.Subject.Table, p.Subject.Key)
	}
	s.hidden = []string{p.Subject.Key}
	rules := p.Tables[p.Subject.Table].Columns
	if coded(rules[p.Subject.Key]) {
		s.subject = s.domains[policy.Domain(p, s.cfg.Catalog, p.Subject.Table, p.Subject.Key)]
		s.subject.once = false // the key is read beside the row, too
	}
	for _, c := range t.Columns {
		own, ok, err := s.identifying(c, rules[c.Name])
		if err != nil {
			return &Error{p.Subject.Table, c.Name, err.Error()}
		}
		if !ok || c.Generated {
			continue
		}
		if c.Name != p.Subject.Key {
			own.at = len(s.hidden)
			s.hidden = append(s.hidden, c.Name)
		}
		s.own = append(s.own, own)
	}
	return nil
}

// identifying says what a column of the subject's table tells of a person: by its rule, or, where it is not passed on at all,
// by its name. What is kept, or is of a kind that many share, identifies nobody.
func (s *Set) identifying(c catalog.Column, rule policy.Rule) (ownColumn, bool, error) {
	own := ownColumn{name: c.Name, array: c.Array}
	class := rule.Class
	if class == "" {
		class = policy.ClassOf(&c)
	}
	switch f := familyOf(c); f {
	case textFamily, wholeFamily, uuidFamily, netFamily, dateFamily:
		if f == dateFamily && !births.MatchString(c.Name) {
			return own, false, nil
		}
	default:
		return own, false, nil
	}
	switch rule.Transformer {
	case policy.Name, policy.Person:
		own.kind = identify.Name
		p, err := partOf(rule.Part)
		own.part = p
		if err == nil {
			own.fake, err = s.transformer(place{s.cfg.Policy.Subject.Table, c.Name}, textFamily, 0, rule)
		}
		return own, true, err
	case policy.City:
		own.kind, own.part = identify.Name, partCity
		own.fake = func(_ *Worker, dst, _ []byte) ([]byte, error) { return dst, nil }
	case policy.Email:
		own.kind = identify.Email
	case policy.Phone:
		own.kind = identify.Phone
	case policy.SSN:
		own.kind = identify.SSN
	case policy.Street:
		own.kind = identify.Street
	case policy.Surrogate, policy.Permute, policy.Token, policy.Scramble:
		own.kind = identify.Record
	case policy.Year, policy.DateShift:
		own.kind = identify.Date
	case policy.URL:
		own.kind = identify.URL
	case policy.IP:
		own.kind = identify.IP
	case policy.Null, policy.Constant, policy.Text:
		return own, own.byClass(class), nil
	default:
		return own, false, nil
	}
	return own, true, nil
}

// byClass sets what a column holds by its class of identifiers.
func (o *ownColumn) byClass(class string) bool {
	switch class {
	case "A":
		o.kind = identify.Name // which staging has no other for
	case "B":
		o.kind = identify.Street
	case "C":
		o.kind = identify.Date
	case "D", "E":
		o.kind = identify.Phone
	case "F":
		o.kind = identify.Email
	case "G":
		o.kind = identify.SSN
	case "H", "I", "J", "K", "L", "M", "R":
		o.kind = identify.Record
	case "N":
		o.kind = identify.URL
	case "O":
		o.kind = identify.IP
	default:
		return false
	}
	return true
}

// redact is what the redaction of text calls a part of a name.
func (p part) redact() redact.Part {
	return [...]redact.Part{partFull: redact.Full, partFirst: redact.First, partMiddle: redact.Middle, partLast: redact.Last, partCity: redact.City}[p]
}
