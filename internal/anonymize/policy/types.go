package policy

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/catalog"
)

// family is types that the same transformers can take.
type family string

const (
	bools    family = "boolean"
	ints     family = "integer"
	numbers  family = "number"
	texts    family = "text"
	dates    family = "date"
	times    family = "time of day or interval"
	uuids    family = "uuid"
	nets     family = "network address"
	jsons    family = "json"
	enums    family = "enumeration"
	searches family = "tsvector"
	opaque   family = "other" // nobody can say what is in it: bytea, xml, hstore, large objects, composites, ranges, points, ..
)

var families = map[string]family{
	"bool": bools,
	"int2": ints, "int4": ints, "int8": ints,
	"numeric": numbers, "float4": numbers, "float8": numbers, "money": numbers,
	"text": texts, "varchar": texts, "bpchar": texts, "citext": texts, "name": texts,
	"date": dates, "timestamp": dates, "timestamptz": dates,
	"time": times, "timetz": times, "interval": times,
	"uuid": uuids, "inet": nets, "cidr": nets, "json": jsons, "jsonb": jsons, "tsvector": searches,
}

// familyOf is a column's. A type that is not known here is opaque, and so is one that is made of others, whatever its name.
func familyOf(col *catalog.Column) family {
	switch col.Kind {
	case "e":
		return enums
	case "b":
		if f, known := families[col.Base]; known {
			return f
		}
	}
	return opaque
}

// transformer is what there is to know of one.
type transformer struct {
	takes     []family // none: every one
	injective bool     // values that differ stay so
	byValue   bool     // equal values of a domain are mapped alike, wherever they are: fit for both sides of a reference
	derived   bool     // the result follows from the value by a key, which Safe Harbor does not allow: 164.514(c)
	room      int      // characters that a text column must have room for
}

var transformers = map[string]transformer{
	Keep:      {takes: []family{bools, ints, numbers, texts, dates, times, uuids, nets, enums}, injective: true, byValue: true},
	Null:      {},
	Constant:  {},
	Derived:   {},
	Surrogate: {takes: []family{ints, numbers, texts, uuids}, injective: true, byValue: true},
	Permute:   {takes: []family{ints, numbers, texts, uuids}, injective: true, byValue: true, derived: true},
	Token:     {takes: []family{texts}, byValue: true, derived: true},
	Scramble:  {takes: []family{texts}, byValue: true, derived: true},
	Name:      {takes: []family{texts}},
	Person:    {takes: []family{texts}, derived: true},
	Email:     {takes: []family{texts}, room: 26}, // as much as it takes that no two persons have the same
	Phone:     {takes: []family{texts}},
	SSN:       {takes: []family{texts}},
	Street:    {takes: []family{texts}},
	City:      {takes: []family{texts}},
	Zip3:      {takes: []family{texts}, room: 3},
	Year:      {takes: []family{dates, texts}},
	DateShift: {takes: []family{dates, texts}, derived: true},
	Age:       {takes: []family{ints, numbers, texts}},
	Text:      {takes: []family{texts}},
	JSON:      {takes: []family{jsons}},
	URL:       {takes: []family{texts}, room: 37},
	IP:        {takes: []family{nets, texts}},
}

// takes says whether a transformer can take a column's values.
func (tr transformer) takesColumn(name string, col *catalog.Column) bool {
	f := familyOf(col)
	if len(tr.takes) > 0 && !slices.Contains(tr.takes, f) {
		return false
	}
	switch {
	case f != numbers || name == Keep || name == Null || name == Constant || name == Derived:
		return true
	case name == Age:
		return col.Base != "money"
	default: // ids are whole
		return col.Base == "numeric" && !fraction.MatchString(col.Type)
	}
}

// free says whether a column may be kept without a word: its type has no room for what identifies somebody.
func free(col *catalog.Column) bool {
	switch familyOf(col) {
	case bools, enums:
		return true
	case ints:
		return col.Base != "int8" // ids and record numbers are
	case numbers:
		return col.Base != "numeric" || fraction.MatchString(col.Type)
	}
	return false
}

// fraction is of a numeric type that has decimals, as amounts have and numbers of records have not.
var fraction = regexp.MustCompile(`^numeric\(\d+,[1-9]\d*\)`)

// literal says why a constant cannot be a value of a column.
func literal(value string, col *catalog.Column) error {
	if !utf8.ValidString(value) || strings.ContainsRune(value, 0) {
		return fmt.Errorf("it is no text")
	}
	if col.Array {
		if value != "{}" {
			return fmt.Errorf("the constant of an array can only be {}, the empty one")
		}
		return nil
	}
	var err error
	switch familyOf(col) {
	case bools:
		if value != "true" && value != "false" {
			return fmt.Errorf("it is neither true nor false")
		}
	case ints:
		_, err = strconv.ParseInt(value, 10, map[string]int{"int2": 16, "int4": 32, "int8": 64}[col.Base])
	case numbers:
		_, err = strconv.ParseFloat(value, 64)
	case texts:
		if n := utf8.RuneCountInString(value); col.MaxLength > 0 && n > col.MaxLength {
			return fmt.Errorf("it has %d characters, and the column takes %d", n, col.MaxLength)
		}
	case dates:
		if _, err = time.Parse(time.DateOnly, value); err != nil {
			if _, err = time.Parse(time.DateTime, value); col.Base == "date" || err != nil {
				return fmt.Errorf("it is no day like 2000-01-01")
			}
		}
	case uuids:
		if !uuidForm.MatchString(value) {
			return fmt.Errorf("it is no uuid like 00000000-0000-0000-0000-000000000000")
		}
	case nets:
		if _, err = netip.ParseAddr(value); err != nil {
			_, err = netip.ParsePrefix(value)
		}
	case jsons:
		if !json.Valid([]byte(value)) {
			return fmt.Errorf("it is no JSON")
		}
	}
	if err != nil {
		return fmt.Errorf("it is no value of type %s", col.Type)
	}
	return nil // of the rest PostgreSQL says it, when the export is loaded
}

var uuidForm = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
