package drchrono

import (
	"bytes"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"

	"github.com/feel-august/terraform-provider-august/internal/sandbox/clinic"
)

// Shape is a way in which DrChrono writes objects differently from its documents.
type Shape string

// The shapes. Each changes some fields of some objects, the same ones every time.
const (
	ShapeFields   Shape = "unknown_fields" // members that no document names
	ShapeEnums    Shape = "unknown_enums"  // statuses that no document names
	ShapeIDs      Shape = "ids"            // ids as strings where integers are documented, and the reverse
	ShapeDecimals Shape = "decimals"       // numbers, more or fewer digits, null and "" in place of "12.50"
	ShapeTimes    Shape = "times"          // a space for the T, fractions, offsets, junk
)

// Shapes is all of them.
func Shapes() []Shape {
	return []Shape{ShapeFields, ShapeEnums, ShapeIDs, ShapeDecimals, ShapeTimes}
}

var idFields = []string{"id", "patient", "doctor", "office", "appointment", "appointment_id", "line_item", "billing_line_item_id",
	"lab_order", "lab_test", "ordering_doctor", "sublab"}

// Reshape writes one object in the given shapes.
func Reshape(object []byte, shapes []Shape) []byte {
	if len(shapes) == 0 {
		return object
	}
	on := func(s Shape) bool { return slices.Contains(shapes, s) }
	var id string
	clinic.Fields(object, func(key, raw []byte) bool {
		if k := string(key); k == "id" || k == "billing_line_item_id" {
			id = string(bytes.Trim(raw, `"`))
		}
		return id == ""
	})
	out := append(make([]byte, 0, len(object)+128), '{')
	if on(ShapeFields) && coin(id, "unknown", 2) == 0 {
		out = append(out, `"x_new_in_2027":{"nested":[1,"two",{"three":null}],"id":"`+id+`"},`...)
	}
	clinic.Fields(object, func(key, raw []byte) bool {
		name := string(key)
		switch {
		case on(ShapeIDs) && slices.Contains(idFields, name):
			raw = reshapeID(raw, coin(id, name, 2))
		case on(ShapeDecimals) && isDecimal(raw):
			raw = reshapeDecimal(raw, coin(id, name, 8))
		case on(ShapeTimes) && isTime(raw):
			raw = reshapeTime(raw, coin(id, name, 16), name == "updated_at" || name == "created_at")
		case on(ShapeEnums) && strings.HasSuffix(name, "status") && len(raw) > 2 && raw[0] == '"' && coin(id, name, 6) == 0:
			raw = []byte(`"Newly Invented Status"`)
		}
		out = append(append(append(append(out, '"'), key...), `":`...), raw...)
		out = append(out, ',')
		return true
	})
	if on(ShapeFields) && coin(id, "unknown", 3) == 0 {
		return append(out, `"x_last":""}`...)
	}
	return append(bytes.TrimSuffix(out, []byte(",")), '}')
}

// coin throws a die of n sides that falls the same way for the same field of the same object.
func coin(id, field string, n uint32) uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(id + "/" + field)) // never fails
	return h.Sum32() >> 3 % n
}

func reshapeID(raw []byte, side uint32) []byte {
	if side == 0 {
		return raw
	}
	if raw[0] == '"' {
		if n, err := strconv.ParseInt(string(bytes.Trim(raw, `"`)), 10, 64); err == nil {
			return strconv.AppendInt(nil, n, 10)
		}
		return raw // "", or a virtual appointment's id
	}
	if raw[0] >= '0' && raw[0] <= '9' {
		return []byte(`"` + string(raw) + `"`)
	}
	return raw
}

// isDecimal tells an amount, such as "12.50", from every other text.
func isDecimal(raw []byte) bool {
	if len(raw) < 6 || raw[0] != '"' {
		return false
	}
	whole, cents, ok := strings.Cut(strings.TrimPrefix(string(raw[1:len(raw)-1]), "-"), ".")
	_, err := strconv.ParseUint(whole+cents, 10, 64)
	return ok && err == nil && len(cents) == 2 && len(whole) > 0
}

func reshapeDecimal(raw []byte, side uint32) []byte {
	text := string(raw[1 : len(raw)-1])
	switch side {
	case 0, 1:
		return []byte(text) // a number
	case 2:
		return []byte(`"` + text + `00"`)
	case 3:
		return []byte(strings.TrimSuffix(text, "0"))
	case 4:
		return []byte(`null`)
	case 5:
		return []byte(`""`)
	}
	return raw
}

func isTime(raw []byte) bool {
	if len(raw) != 12 && len(raw) != 21 || raw[0] != '"' {
		return false
	}
	_, ok := clinic.ParseTime(string(raw[1 : len(raw)-1]))
	return ok
}

// reshapeTime keeps the moment of a time that says which of two states is the newer.
func reshapeTime(raw []byte, side uint32, ordered bool) []byte {
	text := string(raw[1 : len(raw)-1])
	day, clock, timed := strings.Cut(text, "T")
	switch {
	case side == 0:
		return []byte([]string{`"0000-00-00"`, `"not yet"`, `"2026-02-30T25:61:00"`, `null`, `""`}[coin(text, day, 5)])
	case !timed && side == 1:
		return []byte(`"` + day + `T00:00:00"`)
	case !timed:
		return raw
	case side < 4:
		return []byte(`"` + day + " " + clock + `"`)
	case side < 7 && ordered:
		return []byte(`"` + text + `.000"`)
	case side < 7:
		return []byte(`"` + text + `.250417"`)
	case side < 9:
		return []byte(`"` + text + `+00:00"`)
	case side < 11:
		return []byte(`"` + text + `Z"`)
	}
	return raw
}
