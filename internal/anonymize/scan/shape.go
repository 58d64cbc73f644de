package scan

import (
	"bytes"
	"encoding/hex"
	"html"
	"unicode/utf8"

	"github.com/feel-august/terraform-provider-august/internal/anonymize/catalog"
)

// shape is what a value has to be unwrapped from before it is text.
type shape uint8

const (
	opaque  shape = iota // holds no text: a number, a truth, a label of an enum, a moment
	plain                //
	quoted               // with backslashes before what would not stand for itself: hstore, composites, ranges
	markup               // XML
	binary               // \x and hexadecimal digits
	object               // JSON
	network              // inet, cidr
	uuid                 //
	integer              // judged only against the row's own person
	day                  // date, timestamp; also judged only so, but for Safe Harbor's years
)

func shapeOf(c catalog.Column) shape {
	switch c.Kind {
	case "e":
		return opaque
	case "c", "r", "m":
		return quoted
	}
	switch c.Base {
	case "bool", "float4", "float8", "money", "time", "timetz", "interval", "oid", "bit", "varbit", "point", "line", "lseg", "box", "path",
		"polygon", "circle", "pg_lsn", "xid", "xid8", "cid", "tid":
		return opaque
	case "int2", "int4", "int8", "numeric":
		return integer
	case "date", "timestamp", "timestamptz":
		return day
	case "json", "jsonb":
		return object
	case "bytea":
		return binary
	case "xml":
		return markup
	case "hstore":
		return quoted
	case "inet", "cidr":
		return network
	case "uuid":
		return uuid
	}
	return plain // whatever this does not know is looked through as text
}

// unwrap yields the texts that a value of a shape is to be read as. A value may be two: as it is, and without the backslashes.
type unwrapper struct{ buf []byte }

func (u *unwrapper) texts(s shape, v []byte, yield func(text []byte, random bool)) {
	switch s {
	case binary:
		raw, ok := bytes.CutPrefix(v, []byte(`\x`))
		if !ok {
			yield(v, false)
			return
		}
		u.buf = append(u.buf[:0], raw...)
		n, err := hex.Decode(u.buf, u.buf)
		yield(u.buf[:n], err != nil || !utf8.Valid(u.buf[:n]))
	case markup:
		if bytes.IndexByte(v, '&') >= 0 {
			v = []byte(html.UnescapeString(string(v)))
		}
		yield(v, false)
	case quoted:
		yield(v, false)
		if bytes.IndexByte(v, '\\') >= 0 {
			u.buf = unquote(u.buf[:0], v)
			yield(u.buf, false)
		}
	default:
		yield(v, false)
	}
}

// unquote takes away the backslashes before what they stand before.
func unquote(dst, v []byte) []byte {
	for i := 0; i < len(v); i++ {
		if v[i] == '\\' && i+1 < len(v) {
			i++
		}
		dst = append(dst, v[i])
	}
	return dst
}

// elements yields the elements of an array as PostgreSQL writes it, of whatever dimension, without NULLs.
func elements(scratch, v []byte, yield func(element []byte)) []byte {
	if i := bytes.IndexByte(v, '='); len(v) > 0 && v[0] == '[' && i >= 0 { // [2:3]={a,b}
		v = v[i+1:]
	}
	for i := 0; i < len(v); {
		switch c := v[i]; c {
		case '{', '}', ',', ' ':
			i++
		case '"':
			scratch = scratch[:0]
			for i++; i < len(v) && v[i] != '"'; i++ {
				if v[i] == '\\' && i+1 < len(v) {
					i++
				}
				scratch = append(scratch, v[i])
			}
			i++
			yield(scratch)
		default:
			from := i
			for i < len(v) && v[i] != ',' && v[i] != '}' {
				i++
			}
			if e := v[from:i]; !bytes.EqualFold(e, []byte("null")) {
				yield(e)
			}
		}
	}
	return scratch
}
