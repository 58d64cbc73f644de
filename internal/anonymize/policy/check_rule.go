package policy

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/catalog"
)

// rule says what is wrong with a rule for a column, taken by itself.
func (k *checker) rule(t *catalog.Table, col *catalog.Column, r Rule) {
	at := Cell{t.Path(), col.Name}
	tr, known := transformers[r.Transformer]
	if !known {
		k.column(at, "transformer", "there is no transformer %q; there are %s", r.Transformer, strings.Join(slices.Sorted(maps.Keys(transformers)), ", "))
		return
	}
	k.attributes(at, "", r)
	if r.Type != "" && r.Type != col.Type {
		k.column(at, "type", "the column is of type %s, and the rule is for %s: look at the column again", col.Type, r.Type)
	}
	f := familyOf(col)
	switch {
	case col.Generated != (r.Transformer == Derived) && f != searches:
		if col.Generated {
			k.column(at, "transformer", "PostgreSQL computes the column, and takes no value for it: use %s", Derived)
		} else {
			k.column(at, "transformer", "%s is for columns that PostgreSQL computes, and for tsvector: use another one", Derived)
		}
		return
	case !tr.takesColumn(r.Transformer, col):
		k.suggest(t, col, "transformer", fmt.Sprintf("%s can't take type %s", r.Transformer, col.Type))
		return
	case (r.Transformer == Null || r.Transformer == Derived) && col.NotNull && !col.Generated:
		k.column(at, "transformer", "the column must not be null: use %s with a value", Constant)
	case r.Transformer == Constant:
		if err := literal(r.Value, col); err != nil {
			k.column(at, "value", "%s", err)
		}
	case col.MaxLength > 0 && col.MaxLength < tr.room:
		k.column(at, "transformer", "%s needs room for %d characters, and the column takes %d", r.Transformer, tr.room, col.MaxLength)
	case r.Transformer == JSON:
		k.paths(at, r)
	}
	k.passing(t, col, r)
}

func (k *checker) suggest(t *catalog.Table, col *catalog.Column, attribute, problem string) {
	rule, _ := suggest(col, k.keys[Cell{t.Path(), col.Name}])
	k.found = append(k.found, Finding{Table: t.Path(), Column: col.Name, Attribute: attribute, Problem: problem + "; " + rule.Transformer + " would do", Suggestion: &rule})
}

// attributes refuses what a transformer would not look at: who wrote it expects it to matter.
func (k *checker) attributes(at Cell, prefix string, r Rule) {
	is := func(of ...string) bool { return slices.Contains(of, r.Transformer) }
	for _, a := range []struct {
		name string
		set  bool
		of   []string
	}{
		{"domain", r.Domain != "", []string{Surrogate, Permute, Token, Scramble}},
		{"value", r.Value != "", []string{Constant}},
		{"part", r.Part != "", []string{Name, Person}},
		{"paths", len(r.Paths) > 0, []string{JSON}},
		{"unknown", r.Unknown != "", []string{JSON}},
	} {
		if a.set && !is(a.of...) {
			k.column(at, prefix+a.name, "%s has no %s; it is for %s", r.Transformer, a.name, strings.Join(a.of, ", "))
		}
	}
	if is(Name, Person) && !slices.Contains([]string{First, Middle, Last, Full}, r.Part) {
		k.column(at, prefix+"part", "%s needs a part: %s, %s, %s or %s", r.Transformer, First, Middle, Last, Full)
	}
	if !slices.Contains([]string{"", Fail, Drop}, r.Unknown) {
		k.column(at, prefix+"unknown", "what becomes of members that no path names is %s or %s", Fail, Drop)
	}
	if _, known := Classes[r.Class]; r.Class != "" && r.Class != None && !known {
		k.column(at, prefix+"class", "a class is a letter from A to R, or %q", None)
	}
}

// passing is for transformers that let through what they do not recognise: keep, which lets everything, text and age.
func (k *checker) passing(t *catalog.Table, col *catalog.Column, r Rule) {
	at := Cell{t.Path(), col.Name}
	guess := k.class(at, col)
	switch r.Transformer {
	case Keep:
		switch {
		case (r.Class == "" || r.Class == None) && guess == "" && free(col):
		case r.Class == "" && guess == "":
			k.suggest(t, col, "class", fmt.Sprintf("a column of type %s may hold anything: to keep it say class = %q, the reason, and its type", col.Type, None))
		case r.Class == "" && k.p.Method != SafeHarbor: // for Safe Harbor it is said by Eligible
			k.suggest(t, col, "class", fmt.Sprintf("it seems to hold %s: to keep it say its class, the reason, and its type", Classes[guess]))
		case r.Class == "":
		case strings.TrimSpace(r.Reason) == "":
			k.column(at, "reason", "say why it is kept")
		case r.Type == "":
			k.column(at, "type", "say type = %q: the reason was given for what the column is now, not for what it may become", col.Type)
		}
	case Text, Age:
		class := r.Class
		if class == "" {
			class = guess
		}
		switch {
		case class == "" || (r.Transformer == Age && class == "C"):
		case class != None:
			k.suggest(t, col, "transformer", fmt.Sprintf("it seems to hold %s, of which %s takes out only what it recognises; or say class = %q and the reason", Classes[class], r.Transformer, None))
		case guess != "" && strings.TrimSpace(r.Reason) == "":
			k.column(at, "reason", "say why it does not hold %s", Classes[guess])
		}
	}
}

// class is what a column seems to hold by its name, its type, and its place: what names a row is a code.
func (k *checker) class(at Cell, col *catalog.Column) string {
	if class := ClassOf(col); class != "" {
		return class
	}
	if k.keys[at] && !small(col) {
		return "R"
	}
	return ""
}

// paths says what is wrong with the rules within JSON.
func (k *checker) paths(at Cell, r Rule) {
	for _, path := range slices.Sorted(maps.Keys(r.Paths)) {
		inner := r.Paths[path]
		prefix := fmt.Sprintf("paths[%q].", path)
		if path == "" || !pathForm.MatchString(path) {
			k.column(at, strings.TrimSuffix(prefix, "."), "a path is like address.street or contacts[].phone: members by dots, [] behind what is a list, * for any member")
		}
		_, known := transformers[inner.Transformer]
		if !known || inner.Transformer == Derived || inner.Transformer == JSON || inner.Type != "" {
			k.column(at, prefix+"transformer", "within JSON there is no %q, and no type", inner.Transformer)
			continue
		}
		k.attributes(at, prefix, inner)
		class := inner.Class
		guess := classOfName(leaf(path))
		if class == "" {
			class = guess
		}
		passes := inner.Transformer == Keep || inner.Transformer == Text || (inner.Transformer == Age && class != "C")
		switch {
		case inner.Transformer == Constant && !json.Valid([]byte(inner.Value)):
			k.column(at, prefix+"value", "within JSON a constant is JSON: a text is in quotes of its own")
		case !passes || (inner.Transformer != Keep && class == ""):
		case class == "":
			k.column(at, prefix+"class", "in JSON there may be anything: to keep it say class = %q and the reason", None)
		case class != None && (inner.Transformer != Keep || (inner.Class == "" && k.p.Method != SafeHarbor)):
			k.column(at, prefix+"transformer", "it seems to hold %s, which %s lets pass", Classes[class], inner.Transformer)
		case inner.Class != "" && strings.TrimSpace(inner.Reason) == "":
			k.column(at, prefix+"reason", "say why it is kept")
		}
	}
}

var pathForm = regexp.MustCompile(`^(\[\])*([^.\[\]*]+|\*)?(\[\])*(\.([^.\[\]*]+|\*)(\[\])*)*$`)

// leaf is the name of the last member of a path.
func leaf(path string) string {
	if i := strings.LastIndexByte(path, '.'); i >= 0 {
		path = path[i+1:]
	}
	return strings.TrimRight(path, "[]")
}
