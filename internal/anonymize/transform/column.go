package transform

import (
	"bytes"
	"errors"
	"fmt"
	"unicode/utf8"

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

// place is a column of a table.
type place struct{ table, column string }

// column chooses what a rule means for a column.
func (s *Set) column(t *Table, c catalog.Column, rule policy.Rule) (column, error) {
	out := column{name: c.Name, reads: true}
	var err error
	switch rule.Transformer {
	case policy.Keep:
		return out, nil
	case policy.Null:
		if c.NotNull {
			return out, errors.New("null is not for a column that must not be NULL")
		}
		out.reads, out.fixed = false, copytext.Null
		return out, nil
	case policy.Constant:
		out.reads, out.fixed = false, copytext.Escape(nil, []byte(rule.Value))
		return out, nil
	case policy.JSON:
		if familyOf(c) != jsonFamily {
			return out, errors.New("json is for columns of json and jsonb")
		}
		out.apply, err = s.document(t, c, rule)
	default:
		out.apply, err = s.transformer(place{t.Path, c.Name}, familyOf(c), c.MaxLength, rule)
	}
	if err != nil {
		return out, err
	}
	if c.Base == "cidr" {
		out.apply = network(out.apply)
	}
	if c.Base == "bpchar" {
		out.apply = unpadded(out.apply)
	}
	if c.MaxLength > 0 && !coded(rule) {
		out.apply = limited(out.apply, c.MaxLength)
	}
	if c.Array {
		out.apply = elementwise(out.apply)
	}
	return out, nil
}

// transformer chooses what a rule means for values of a type, of so many characters at most.
func (s *Set) transformer(at place, f family, limit int, rule policy.Rule) (apply, error) {
	takes := func(families ...family) error {
		for _, one := range families {
			if one == f {
				return nil
			}
		}
		return fmt.Errorf("%s is not for its type", rule.Transformer)
	}
	domain := func() string {
		if rule.Domain != "" {
			return rule.Domain
		}
		return policy.Domain(s.cfg.Policy, s.cfg.Catalog, at.table, at.column)
	}
	switch rule.Transformer {
	case policy.Surrogate, policy.Permute:
		return s.ids(domain(), f), takes(wholeFamily, numberFamily, textFamily, uuidFamily)
	case policy.Token:
		return s.token(domain(), limit), takes(textFamily)
	case policy.Scramble:
		return s.scramble(domain()), takes(textFamily)
	case policy.Name:
		part, err := partOf(rule.Part)
		return func(w *Worker, dst, value []byte) ([]byte, error) {
			return w.person().name.append(dst, part, value), nil
		}, errors.Join(err, takes(textFamily))
	case policy.Person:
		part, err := partOf(rule.Part)
		return s.otherPerson(domain(), part), errors.Join(err, takes(textFamily))
	case policy.Email:
		if limit > 0 && limit < shortestEmail {
			return nil, fmt.Errorf("email needs %d characters, and the column takes %d", shortestEmail, limit)
		}
		return unlessBlank(func(w *Worker, dst, _ []byte) ([]byte, error) { return w.fakeEmail(dst, limit), nil }), takes(textFamily)
	case policy.Phone:
		return unlessBlank(func(w *Worker, dst, value []byte) ([]byte, error) { return w.fakePhone(dst, value), nil }), takes(textFamily)
	case policy.SSN:
		return unlessBlank(func(w *Worker, dst, value []byte) ([]byte, error) { return w.fakeSSN(dst, value), nil }), takes(textFamily)
	case policy.Street:
		return unlessBlank(func(w *Worker, dst, _ []byte) ([]byte, error) { return w.fakeStreet(dst), nil }), takes(textFamily)
	case policy.City:
		return unlessBlank(func(w *Worker, dst, _ []byte) ([]byte, error) { return w.fakeCity(dst), nil }), takes(textFamily)
	case policy.Zip3:
		return func(_ *Worker, dst, value []byte) ([]byte, error) { return zip3(dst, value), nil }, takes(textFamily)
	case policy.Year:
		return map[family]apply{dateFamily: (*Worker).yearOfDate, textFamily: (*Worker).yearOfText}[f], takes(dateFamily, textFamily)
	case policy.DateShift:
		return map[family]apply{dateFamily: (*Worker).shiftDate, textFamily: (*Worker).shiftText}[f], takes(dateFamily, textFamily)
	case policy.Age:
		do := age
		if f == textFamily {
			do = ageText
		}
		return func(_ *Worker, dst, value []byte) ([]byte, error) { return do(dst, value), nil }, takes(wholeFamily, numberFamily, textFamily)
	case policy.Text:
		return func(w *Worker, dst, value []byte) ([]byte, error) {
			own := w.own(value)
			return s.redactor.Text(dst, value, own), nil
		}, takes(textFamily)
	case policy.URL:
		if limit > 0 && limit < longestURL {
			return nil, fmt.Errorf("url needs %d characters, and the column takes %d", longestURL, limit)
		}
		return unlessBlank(func(w *Worker, dst, _ []byte) ([]byte, error) { return w.fakeURL(dst), nil }), takes(textFamily)
	case policy.IP:
		return unlessBlank(func(w *Worker, dst, value []byte) ([]byte, error) { return w.fakeIP(dst, value), nil }), takes(textFamily, netFamily)
	}
	return nil, fmt.Errorf("the transformer %q is not known", rule.Transformer)
}

// ids maps ids of a domain.
func (s *Set) ids(name string, f family) apply {
	d := s.domains[name]
	return func(w *Worker, dst, value []byte) ([]byte, error) {
		if f == numberFamily {
			if _, ok := wholeNumber(value); !ok {
				return dst, errWhole
			}
		}
		return d.append(w, dst, value)
	}
}

// otherPerson is the name of somebody who is not the row's subject: the same for the same name.
func (s *Set) otherPerson(domain string, p part) apply {
	hash := s.cfg.Keys.derived("person " + domain)
	return func(w *Worker, dst, value []byte) ([]byte, error) {
		w.id = appendNormal(w.id[:0], value)
		hi, lo := w.scratch.mac(hash, 0, w.id)
		return s.dictionary.name(&w.scratch, s.fakes, seed{hi, lo}).append(dst, p, value), nil
	}
}

// appendNormal appends a value without what differs between two ways of writing it: case, and spaces too many.
func appendNormal(dst, value []byte) []byte {
	from := len(dst)
	for _, c := range value {
		switch {
		case 'A' <= c && c <= 'Z':
			c |= 0x20
		case c == '\t' || c == '\n' || c == '\r':
			c = ' '
		}
		if c == ' ' && (len(dst) == from || dst[len(dst)-1] == ' ') {
			continue
		}
		dst = append(dst, c)
	}
	return bytes.TrimSuffix(dst, []byte{' '})
}

// unlessBlank leaves values that say nothing as they are: what is missing stays so.
func unlessBlank(do apply) apply {
	return func(w *Worker, dst, value []byte) ([]byte, error) {
		if len(bytes.TrimSpace(value)) == 0 {
			return append(dst, value...), nil
		}
		return do(w, dst, value)
	}
}

// limited cuts off what the column has no room for.
func limited(do apply, characters int) apply {
	return func(w *Worker, dst, value []byte) ([]byte, error) {
		from := len(dst)
		dst, err := do(w, dst, value)
		for i, n := from, 0; i < len(dst); n++ {
			if n == characters {
				return dst[:i], err
			}
			_, size := utf8.DecodeRune(dst[i:])
			i += size
		}
		return dst, err
	}
}

// unpadded takes the spaces away with which PostgreSQL fills up char(n); it puts them back.
func unpadded(do apply) apply {
	return func(w *Worker, dst, value []byte) ([]byte, error) {
		return do(w, dst, bytes.TrimRight(value, " "))
	}
}

// elementwise transforms the elements of an array.
func elementwise(do apply) apply {
	return func(w *Worker, dst, value []byte) ([]byte, error) {
		return w.array.Rewrite(dst, value, func(dst, value []byte) ([]byte, error) { return do(w, dst, value) })
	}
}
