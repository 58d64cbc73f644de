package scan

import (
	"strings"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/catalog"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/identify"
	"github.com/feel-august/terraform-provider-august/internal/anonymize/policy"
)

// treatment is what a rule makes of values, as far as judging them goes.
type treatment uint8

const (
	gone  treatment = iota // NULL, a constant of the policy, or not copied
	kept                   // as it was
	free                   // scrubbed text
	coded                  // an id or a code in place of another
	made                   // an attribute that is made up
	dated                  // a moment that was moved or cut down to its year, an age
	inner                  // JSON: by path
)

func treatmentOf(r policy.Rule) treatment {
	switch r.Transformer {
	case policy.Null, policy.Constant, policy.Derived:
		return gone
	case policy.Keep:
		return kept
	case policy.Surrogate, policy.Permute, policy.Token, policy.Scramble:
		return coded
	case policy.Year, policy.DateShift, policy.Age:
		return dated
	case policy.JSON:
		return inner
	case policy.Name, policy.Person, policy.Email, policy.Phone, policy.SSN, policy.Street, policy.City, policy.Zip3, policy.URL, policy.IP:
		return made
	}
	return free // whatever this does not know is judged as text
}

// kinds is what a column, or a place in JSON, of the source holds of its person or of others; nothing when it is no
// identifier. A column that is kept is not hidden: whoever stands for the policy has let it go.
func (s *Scanner) kinds(t *catalog.Table, c catalog.Column, rule policy.Rule) want {
	class := rule.Class
	if class == "" {
		class = classOf(t, c)
	}
	name := strings.ToLower(c.Name)
	switch rule.Transformer {
	case policy.Keep, policy.JSON, policy.City, policy.Zip3, policy.Age:
		return 0
	case policy.Name, policy.Person:
		return wanted(identify.Name, identify.FullName)
	case policy.Email:
		return wanted(identify.Email)
	case policy.Phone:
		return wanted(identify.Phone)
	case policy.SSN:
		return wanted(identify.SSN)
	case policy.Street:
		return wanted(identify.Street)
	case policy.URL:
		return wanted(identify.URL)
	case policy.IP:
		return wanted(identify.IP)
	}
	switch class {
	case "A":
		if !s.policy.HasSubject(t.Path()) { // an office's, a payer's
			return 0
		}
		return wanted(identify.Name, identify.FullName)
	case "B":
		if strings.Contains(name, "street") || strings.Contains(name, "address") {
			return wanted(identify.Street)
		}
		return 0
	case "C":
		for _, part := range []string{"birth", "dob", "death", "deceased", "died"} {
			if strings.Contains(name, part) {
				return wanted(identify.Date)
			}
		}
		return 0
	case "D", "E":
		return wanted(identify.Phone)
	case "F":
		return wanted(identify.Email)
	case "G":
		return wanted(identify.SSN)
	case "H", "I", "J", "K", "L", "M", "R":
		return wanted(identify.Record)
	case "N":
		return wanted(identify.URL)
	case "O":
		return wanted(identify.IP)
	}
	if treatmentOf(rule) == coded {
		return wanted(identify.Record)
	}
	return 0
}

// classOf is the class of 164.514(b)(2)(i) that a column seems to be of; "" for none.
func classOf(t *catalog.Table, c catalog.Column) string {
	_, class := policy.Suggest(t, &c)
	return class
}

// place is a column of the result, or what one rule says of places within its JSON, and how it is judged.
type place struct {
	table, column string
	id            int // of the column, in the scanner's findings
	treatment     treatment
	shape         shape
	array         bool
	judge         want
	digits        int  // that a number has at least, to be judged as one of a record
	years         bool // that a date must be the first of January
	cell          *column
}

// place says how a column, or a place in it, is judged.
func (s *Scanner) place(table string, c catalog.Column, rule policy.Rule, within bool) *place {
	p := &place{table: table, column: c.Name, id: s.ids[policy.Cell{Table: table, Column: c.Name}], treatment: treatmentOf(rule), shape: shapeOf(c), array: c.Array, digits: numberDigits}
	if within {
		p.shape, p.array = plain, false
	}
	about := s.policy.HasSubject(table)
	harbor := s.policy.Method == policy.SafeHarbor
	switch p.treatment {
	case kept:
		class := rule.Class
		if class == "" {
			class = classOf(s.find(table), c)
		}
		if !harbor && !within && len(class) == 1 { // what the determination lets go
			p.treatment = gone
			return p
		}
		p.digits = keptDigits
		p.judge = everything &^ wanted(identify.Name)
	case free:
		p.judge = everything
	case coded:
		p.judge = wanted(identify.FullName, identify.Email, identify.URL)
	case made:
		switch rule.Transformer {
		case policy.Name, policy.Person:
			p.judge = wanted(identify.FullName, identify.Email)
		case policy.Email:
			p.judge = wanted(identify.Email)
		case policy.Phone:
			p.judge = wanted(identify.Phone)
		case policy.SSN:
			p.judge = wanted(identify.SSN)
		case policy.IP:
			p.judge = wanted(identify.IP)
		case policy.Street, policy.City, policy.URL:
			p.judge = wanted(identify.FullName, identify.Email, identify.Phone)
		}
	case dated:
		p.years = rule.Transformer == policy.Year
		p.judge = wanted(identify.Date)
	}
	switch p.shape {
	case opaque, integer:
		p.judge = 0
	case day:
		p.judge &= wanted(identify.Date)
		if p.treatment == kept {
			p.judge = 0 // only the row's own is judged
		}
	case network:
		p.judge &= wanted(identify.IP)
	case uuid:
		p.judge = 0
		if p.treatment != gone {
			p.judge = wanted(identify.Record)
		}
	}
	if !p.years && (!about || !harbor) {
		p.judge &^= wanted(identify.Date)
	}
	return p
}

// keptDigits is how many digits a number in a kept value has at least to be judged as one of a record: procedures, ZIP codes,
// payers and prices have fewer.
const keptDigits = 7

// column is a column of the result with all that is judged within it.
type column struct {
	place  *place
	root   *node            // of JSON
	places map[*node]*place // that root has rules for
	loose  *place           // what no path names
}

// columns says how the columns of a table's result are judged.
func (s *Scanner) columns(table string, write []catalog.Column) []*column {
	out := make([]*column, len(write))
	for i, c := range write {
		rule := s.policy.Tables[table].Columns[c.Name]
		col := &column{place: s.place(table, c, rule, false)}
		col.place.cell = col
		if col.place.shape == object && col.place.treatment != gone {
			if rule.Transformer != policy.JSON {
				rule.Paths = nil
			}
			col.root, col.places = tree(rule.Paths), map[*node]*place{}
			loose := rule
			if rule.Transformer == policy.JSON {
				loose = policy.Rule{Transformer: policy.Text}
			}
			col.loose = s.place(table, c, loose, true)
			col.loose.cell = col
			col.root.each(func(n *node) {
				p := s.place(table, c, *n.rule, true)
				p.cell = col
				col.places[n] = p
			})
		}
		out[i] = col
	}
	return out
}

// each calls yield with every place that has a rule.
func (n *node) each(yield func(*node)) {
	if n == nil {
		return
	}
	if n.rule != nil {
		yield(n)
	}
	for _, m := range n.members {
		m.each(yield)
	}
	n.any.each(yield)
	n.element.each(yield)
}

// find is a table of the catalogue.
func (s *Scanner) find(path string) *catalog.Table {
	for i := range s.catalog.Tables {
		if t := &s.catalog.Tables[i]; t.Path() == path {
			return t
		}
	}
	return nil
}
