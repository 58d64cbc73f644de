package provider

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// A function's object parameter would demand every attribute that it has. So the parameters are dynamic, and what is in
// them is read here: what is left out or null takes a default, and what is wrong is told with its path. The first
// error stays; after it, everything reads as if it were left out.

// argument reads one argument of a function.
type argument struct {
	index int64
	err   *function.FuncError
}

func (a *argument) fail(at, format string, args ...any) {
	if a.err == nil {
		a.err = function.NewArgumentFuncError(a.index, at+": "+fmt.Sprintf(format, args...)) // Terraform adds a period
	}
}

// entry is an element of a collection, and where it is.
type entry struct {
	at, key string
	value   attr.Value
}

// entries takes a map or an object apart, by its keys in order, or a list, a set or a tuple.
func (a *argument) entries(at string, v attr.Value) []entry {
	var all []entry
	keyed := func(values map[string]attr.Value) {
		for _, key := range slices.Sorted(maps.Keys(values)) {
			all = append(all, entry{fmt.Sprintf("%s[%q]", at, key), key, values[key]})
		}
	}
	listed := func(values []attr.Value) {
		for i, value := range values {
			all = append(all, entry{fmt.Sprintf("%s[%d]", at, i), "", value})
		}
	}
	switch v := bare(v).(type) {
	case types.Object:
		keyed(v.Attributes())
	case types.Map:
		keyed(v.Elements())
	case types.List:
		listed(v.Elements())
	case types.Set:
		listed(v.Elements())
	case types.Tuple:
		listed(v.Elements())
	default:
		a.fail(at, "this takes a map or a list of objects, not %s", kindOf(v))
	}
	return all
}

// name is the key of an entry, or the attribute of that name where there are no keys.
func (e entry) name(r record) string {
	given := r.text("name")
	switch {
	case e.key == "" && given != "":
		return given
	case e.key == "":
		return e.at
	case given != "" && given != e.key:
		r.fail(r.path("name"), "the key %q is the name already, and %q another one", e.key, given)
	}
	return e.key
}

// record is an object, with the attributes that it may have.
type record struct {
	*argument
	at     string
	values map[string]attr.Value
}

func (a *argument) record(at string, v attr.Value, known ...string) record {
	r := record{a, at, nil}
	switch v := bare(v).(type) {
	case types.Object:
		r.values = v.Attributes()
	case types.Map:
		r.values = v.Elements()
	default:
		a.fail(at, "this takes an object, not %s", kindOf(v))
	}
	for _, name := range slices.Sorted(maps.Keys(r.values)) {
		if !slices.Contains(known, name) {
			a.fail(at+"."+name, "there is no such attribute; there are %s", strings.Join(known, ", "))
		}
	}
	return r
}

// has says that an attribute is there and not null.
func (r record) has(name string) bool {
	v := bare(r.values[name])
	return v != nil && !v.IsNull()
}

func (r record) path(name string) string { return r.at + "." + name }

// count is a whole number within bounds. Terraform turns strings into numbers where it knows that it has to, as for
// the values of database_flags; so they are taken here too.
func (r record) count(name string, otherwise, least, most int64) int64 {
	if !r.has(name) {
		return otherwise
	}
	var number int64
	var ok bool
	switch v := bare(r.values[name]).(type) {
	case types.Number:
		big := v.ValueBigFloat()
		ok = big.IsInt()
		number, _ = big.Int64() // saturates, and is out of bounds then
	case types.String:
		var err error
		number, err = strconv.ParseInt(v.ValueString(), 10, 64)
		ok = err == nil
	default:
		r.fail(r.path(name), "this takes a whole number, not %s", kindOf(v))
		return otherwise
	}
	if !ok || number < least || number > most {
		r.fail(r.path(name), "this takes a whole number from %d to %d, not %s", least, most, bare(r.values[name]))
		return otherwise
	}
	return number
}

// need is a count that cannot be left out.
func (r record) need(name string, least, most int64) int64 {
	if !r.has(name) {
		r.fail(r.at, "%s is missing", name)
		return least
	}
	return r.count(name, least, least, most)
}

// decimal is a number within bounds, with a fraction or without.
func (r record) decimal(name string, otherwise, least, most float64) float64 {
	if !r.has(name) {
		return otherwise
	}
	var number float64
	ok := true
	switch v := bare(r.values[name]).(type) {
	case types.Number:
		number, _ = v.ValueBigFloat().Float64() // saturates, and is out of bounds then
	case types.String:
		var err error
		number, err = strconv.ParseFloat(v.ValueString(), 64)
		ok = err == nil
	default:
		r.fail(r.path(name), "this takes a number, not %s", kindOf(v))
		return otherwise
	}
	if !ok || !(number >= least && number <= most) {
		r.fail(r.path(name), "this takes a number from %s to %s, not %s", plainNumber(least), plainNumber(most), bare(r.values[name]))
		return otherwise
	}
	return number
}

func plainNumber(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }

// needDecimal is a decimal that cannot be left out.
func (r record) needDecimal(name string, least, most float64) float64 {
	if !r.has(name) {
		r.fail(r.at, "%s is missing", name)
		return least
	}
	return r.decimal(name, least, least, most)
}

func (r record) text(name string) string {
	if !r.has(name) {
		return ""
	}
	v, ok := bare(r.values[name]).(types.String)
	if !ok {
		r.fail(r.path(name), "this takes a string, not %s", kindOf(r.values[name]))
	}
	return v.ValueString()
}

func (r record) flag(name string, otherwise bool) bool {
	if !r.has(name) {
		return otherwise
	}
	switch v := bare(r.values[name]).(type) {
	case types.Bool:
		return v.ValueBool()
	case types.String:
		if is, err := strconv.ParseBool(v.ValueString()); err == nil {
			return is
		}
	}
	r.fail(r.path(name), "this takes true or false, not %s", kindOf(r.values[name]))
	return otherwise
}

// bare takes a value out of what says that its type is not known beforehand.
func bare(v attr.Value) attr.Value {
	for {
		d, ok := v.(types.Dynamic)
		if !ok || d.UnderlyingValue() == nil {
			return v
		}
		v = d.UnderlyingValue()
	}
}

// kindOf is what a value is, in words.
func kindOf(v attr.Value) string {
	v = bare(v)
	if v == nil || v.IsNull() {
		return "null"
	}
	switch v.(type) {
	case types.String:
		return "a string"
	case types.Number:
		return "a number"
	case types.Bool:
		return "a bool"
	case types.Object, types.Map:
		return "an object"
	default:
		return "a list"
	}
}

// whollyKnown looks into a value as deep as it goes: not every Terraform keeps a value with something unknown in it away
// from a function.
func whollyKnown(v attr.Value) bool {
	v = bare(v)
	if v == nil {
		return true
	}
	if v.IsUnknown() {
		return false
	}
	var inner []attr.Value
	switch v := v.(type) {
	case types.Object:
		inner = slices.Collect(maps.Values(v.Attributes()))
	case types.Map:
		inner = slices.Collect(maps.Values(v.Elements()))
	case types.List:
		inner = v.Elements()
	case types.Set:
		inner = v.Elements()
	case types.Tuple:
		inner = v.Elements()
	}
	return !slices.ContainsFunc(inner, func(v attr.Value) bool { return !whollyKnown(v) })
}
