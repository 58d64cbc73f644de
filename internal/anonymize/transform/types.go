package transform

import (
	"regexp"
	"strconv"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/catalog"
)

// family is how the values of a type are written.
type family uint8

const (
	otherFamily family = iota
	wholeFamily
	numberFamily
	textFamily
	dateFamily // moments, too
	uuidFamily
	netFamily
	jsonFamily
)

var families = map[string]family{
	"int2": wholeFamily, "int4": wholeFamily, "int8": wholeFamily,
	"numeric": numberFamily, "float4": numberFamily, "float8": numberFamily,
	"text": textFamily, "varchar": textFamily, "bpchar": textFamily, "citext": textFamily, "name": textFamily,
	"date": dateFamily, "timestamp": dateFamily, "timestamptz": dateFamily,
	"uuid": uuidFamily, "inet": netFamily, "cidr": netFamily, "json": jsonFamily, "jsonb": jsonFamily,
}

func familyOf(c catalog.Column) family {
	if c.Kind != "" && c.Kind != "b" {
		return otherFamily
	}
	return families[c.Base]
}

var precision = regexp.MustCompile(`^numeric\((\d+)(,0)?\)`)

// codes is what a column has room for as codes of whole numbers.
func codes(c catalog.Column) span {
	switch {
	case c.Base == "int2":
		return span16
	case c.Base == "int4":
		return span32
	case familyOf(c) == textFamily && c.MaxLength > 0:
		return digitSpan(c.MaxLength)
	}
	if m := precision.FindStringSubmatch(c.Type); m != nil {
		if n, err := strconv.Atoi(m[1]); err == nil {
			return digitSpan(n)
		}
	}
	return span64
}
