package policy

import (
	"regexp"
	"slices"
	"strings"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/catalog"
)

// Suggest is a rule for a column, and the class of identifiers that it seems to hold, "" for none. The rule is fit for Safe
// Harbor, and safe whatever the column turns out to hold; what may be kept besides is for somebody to say who knows it.
func Suggest(t *catalog.Table, col *catalog.Column) (Rule, string) {
	key := slices.Contains(t.PrimaryKey, col.Name)
	for _, u := range t.Uniques {
		key = key || slices.Contains(u, col.Name)
	}
	for _, f := range t.ForeignKeys {
		key = key || slices.Contains(f.Columns, col.Name)
	}
	return suggest(col, key)
}

// suggest is Suggest for a column that is known to be part of a key or a reference, or not to be.
func suggest(col *catalog.Column, key bool) (Rule, string) {
	if col.Generated {
		return Rule{Transformer: Derived}, ""
	}
	class := ClassOf(col)
	f := familyOf(col)
	if key && class == "" && !small(col) {
		class = "R"
	}
	switch {
	case key && transformers[Surrogate].takesColumn(Surrogate, col) && !small(col):
		return Rule{Transformer: Surrogate}, class
	case f == dates:
		return Rule{Transformer: Year}, class
	case f == nets:
		return Rule{Transformer: IP}, class
	case f == uuids:
		return Rule{Transformer: Surrogate}, class
	case f == searches && !col.NotNull:
		return Rule{Transformer: Derived}, class
	case class == "C" && (f == ints || f == numbers) && aged.MatchString(snake(col.Name)):
		return Rule{Transformer: Age}, class
	case class == "" && free(col):
		return Rule{Transformer: Keep}, class
	case class != "" && f == texts:
		return suggestText(col, class), class
	case f == ints && strings.Contains("HIJKMR", class) && class != "":
		return Rule{Transformer: Surrogate}, class
	case f == texts && (col.MaxLength == 0 || col.MaxLength >= minText):
		return Rule{Transformer: Text}, class
	}
	return blank(col), class
}

var aged = regexp.MustCompile(`(^|_)age(_|$)`)

// minText is how long a column has to be for placeholders such as [NAME].
const minText = 16

// small says that a column of a key is no number of a record: it has no room for one.
func small(col *catalog.Column) bool { return col.Base == "int2" || free(col) && familyOf(col) != ints }

// suggestText is for texts that are named as identifiers are.
func suggestText(col *catalog.Column, class string) Rule {
	name := snake(col.Name)
	has := func(words ...string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.Contains("_"+name+"_", "_"+w) })
	}
	switch class {
	case "A":
		switch {
		case has("first", "given", "nick", "forename"):
			return Rule{Transformer: Name, Part: First}
		case has("middle"):
			return Rule{Transformer: Name, Part: Middle}
		case has("last", "family", "surname", "maiden"):
			return Rule{Transformer: Name, Part: Last}
		case has("initials", "username", "user_name", "login", "alias"):
			return blank(col)
		}
		return Rule{Transformer: Name, Part: Full}
	case "B":
		switch {
		case has("zip", "postal", "postcode", "post_code") && fits(Zip3, col):
			return Rule{Transformer: Zip3}
		case has("city", "town", "village", "county"):
			return Rule{Transformer: City}
		case has("address", "addr", "street"):
			return Rule{Transformer: Street}
		}
	case "C":
		if has("age") {
			return Rule{Transformer: Age}
		}
		return Rule{Transformer: Year}
	case "D", "E":
		return Rule{Transformer: Phone}
	case "F":
		if fits(Email, col) {
			return Rule{Transformer: Email}
		}
	case "G":
		if has("ssn", "social_security") && !has("last") {
			return Rule{Transformer: SSN}
		}
	case "H", "I", "J", "K", "M", "R":
		if col.MaxLength == 0 || col.MaxLength >= minCode {
			return Rule{Transformer: Surrogate}
		}
	case "N":
		if fits(URL, col) {
			return Rule{Transformer: URL}
		}
	case "O":
		if !has("agent", "host") {
			return Rule{Transformer: IP}
		}
	}
	return blank(col)
}

func fits(transformer string, col *catalog.Column) bool {
	return col.MaxLength == 0 || col.MaxLength >= transformers[transformer].room
}

// minCode is how long a text has to be for its codes to look like nothing else.
const minCode = 8

// blank is nothing, in a column's own type: of those for which there is nothing better.
func blank(col *catalog.Column) Rule {
	if !col.NotNull {
		return Rule{Transformer: Null}
	}
	value := ""
	switch familyOf(col) {
	case ints, numbers:
		value = "0"
	case times:
		value = "00:00:00"
	case jsons:
		value = "{}"
	}
	if col.Array {
		value = "{}"
	}
	return Rule{Transformer: Constant, Value: value}
}
