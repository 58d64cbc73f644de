package policy

import (
	"regexp"
	"slices"
	"strings"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/catalog"
)

// Starter is a policy to begin with: closed for the database, and fit for the method but for the attestation, which is for somebody
// to give who has read it. What it keeps of other people's tables it keeps because nothing can be in it; of this product's own
// it knows more.
func Starter(c *catalog.Catalog, method Method) *Policy {
	p := &Policy{Version: Version, Method: method, Keys: Ephemeral, Tables: map[string]Table{}, Exclude: map[string]string{}, Subject: persons(c)}
	own := known{}
	if c.SchemaVersion > 0 {
		own = ours()
	}
	for pattern, reason := range own.exclude {
		p.Exclude[pattern] = reason
	}
	for i := range c.Tables {
		t := &c.Tables[i]
		_, out := p.Excluded(c, t)
		switch {
		case out:
		case t.Kind == catalog.KindMaterializedView:
			p.Exclude[t.Path()] = "a materialized view: staging refreshes its own"
		case t.Kind == catalog.KindForeignTable:
			p.Exclude[t.Path()] = "a foreign table: its rows are another database's"
		case t.Kind == catalog.KindTable || t.Kind == catalog.KindPartitioned:
			p.Tables[t.Path()] = Table{}
		}
	}
	for _, r := range own.references {
		if from, to := c.Table(r.Table), c.Table(r.To); from != nil && to != nil && from.Column(r.Column) != nil && to.Column(r.ToCol) != nil {
			p.References = append(p.References, r)
		}
	}
	p.References = append(p.References, guesses(p, c)...)
	slices.SortFunc(p.References, func(a, b Reference) int {
		return strings.Compare(a.Table+"\x00"+a.Column+"\x00"+a.To, b.Table+"\x00"+b.Column+"\x00"+b.To)
	})
	k := newChecker(p, c)
	for path := range p.Tables {
		t := c.Table(path)
		rules := Table{Columns: map[string]Rule{}}
		if path != p.Subject.Table {
			rules.Subject = k.way(path)
		}
		for i := range t.Columns {
			col := &t.Columns[i]
			rules.Columns[col.Name] = k.starting(own, t, col, rules.Subject != nil || path == p.Subject.Table)
		}
		p.Tables[path] = rules
	}
	k.level()
	if method == ExpertDetermination {
		p.Shift = Shift{Min: -364, Max: -7, Weeks: true}
	}
	p.Quasi = singular(p, c)
	return p
}

// starting is a column's rule: what is known of it, else what its name and type suggest.
func (k *checker) starting(own known, t *catalog.Table, col *catalog.Column, subject bool) Rule {
	at := Cell{t.Path(), col.Name}
	r, is := own.rules[at]
	if !is {
		r, _ = suggest(col, k.keys[at])
	}
	if r.Transformer == Keep && r.Reason != "" {
		r.Class, r.Type = None, col.Type
	}
	for _, l := range k.links.from[at] {
		if l.Declared {
			if _, out := k.p.Exclude[l.To]; out && !col.NotNull {
				r = Rule{Transformer: Null}
			}
		}
	}
	if r.Transformer == Year && subject && k.p.Method == ExpertDetermination && !is && !stamps.MatchString(snake(col.Name)) {
		r.Transformer = DateShift
	}
	return r
}

// stamps are what programs write to many persons' rows at one moment. Moved by each person's days they would tell these: whose
// stamps differ by a week, the days of the two do.
var stamps = regexp.MustCompile(`(^|_)(observed|synced|imported|ingested|loaded|fetched|migrated|indexed|backfilled)_(at|on)$|^deleted_at_source$`)

// level has both sides of a reference mapped alike: a small number that could be kept is mapped when it refers to one that is.
func (k *checker) level() {
	for changed := true; changed; {
		changed = false
		for _, l := range k.links.all {
			a, b := k.p.Tables[l.Table].Columns[l.Column], k.p.Tables[l.To].Columns[l.ToColumn]
			switch {
			case a.Transformer == Surrogate && b.Transformer == Keep:
				k.p.Tables[l.To].Columns[l.ToColumn] = Rule{Transformer: Surrogate}
			case a.Transformer == Keep && b.Transformer == Surrogate:
				k.p.Tables[l.Table].Columns[l.Column] = Rule{Transformer: Surrogate}
			default:
				continue
			}
			changed = true
		}
	}
}

// persons guesses which table is that of the persons.
func persons(c *catalog.Catalog) Subject {
	for _, name := range []string{"patients", "patient", "persons", "person", "people", "clients", "client", "members", "member", "customers", "customer", "users"} {
		for i := range c.Tables {
			if t := &c.Tables[i]; snake(t.Name) == name && len(t.PrimaryKey) == 1 && (t.Kind == catalog.KindTable || t.Kind == catalog.KindPartitioned) {
				return Subject{Table: t.Path(), Key: t.PrimaryKey[0]}
			}
		}
	}
	return Subject{}
}

// guesses is references that names tell of and no foreign key declares: a column patient or patient_id refers to a table
// patients. They may be to rows that are not there.
func guesses(p *Policy, c *catalog.Catalog) []Reference {
	var found []Reference
	links := linked(p.Links(c))
	tables := map[string][]*catalog.Table{} // with a key of one column, by name
	for i := range c.Tables {
		t := &c.Tables[i]
		if _, listed := p.Tables[t.Path()]; listed && len(t.PrimaryKey) == 1 {
			tables[snake(t.Name)] = append(tables[snake(t.Name)], t)
		}
	}
	for i := range c.Tables {
		t := &c.Tables[i]
		if _, listed := p.Tables[t.Path()]; !listed {
			continue
		}
		for _, col := range t.Columns {
			if col.Array || col.Generated || len(links.from[Cell{t.Path(), col.Name}]) > 0 {
				continue
			}
			if to := named(tables, t, col); to != nil {
				found = append(found, Reference{Table: t.Path(), Column: col.Name, To: to.Path(), ToCol: to.PrimaryKey[0], Orphans: true})
			}
		}
	}
	return found
}

// named is the table that a column is named after: of its own schema, else the only one.
func named(tables map[string][]*catalog.Table, from *catalog.Table, col catalog.Column) *catalog.Table {
	base := snake(col.Name)
	for _, suffix := range []string{"_id", "_uuid", "_key"} {
		base = strings.TrimSuffix(base, suffix)
	}
	var elsewhere []*catalog.Table
	for _, to := range slices.Concat(tables[base], tables[base+"s"], tables[base+"es"], tables[strings.TrimSuffix(base, "y")+"ies"]) {
		key := to.Column(to.PrimaryKey[0])
		switch {
		case key == nil || key.Array || familyOf(key) != familyOf(&col) || (to.Path() == from.Path() && key.Name == col.Name):
		case to.Schema == from.Schema:
			return to
		default:
			elsewhere = append(elsewhere, to)
		}
	}
	if len(elsewhere) == 1 {
		return elsewhere[0]
	}
	return nil
}

// singular is what may single somebody out in the table of the persons: birth year, ZIP, sex.
func singular(p *Policy, c *catalog.Catalog) []Quasi {
	t := c.Table(p.Subject.Table)
	if t == nil {
		return nil
	}
	q := Quasi{Table: t.Path()}
	for _, col := range t.Columns {
		r := p.Tables[t.Path()].Columns[col.Name]
		name := snake(col.Name)
		born := strings.Contains(name, "birth") || name == "dob"
		if r.Transformer == Zip3 || (born && (r.Transformer == Year || r.Transformer == DateShift)) || (r.Transformer == Keep && slices.Contains([]string{"sex", "gender", "race", "ethnicity", "state"}, name)) {
			q.Columns = append(q.Columns, col.Name)
		}
	}
	if len(q.Columns) == 0 {
		return nil
	}
	return []Quasi{q}
}
