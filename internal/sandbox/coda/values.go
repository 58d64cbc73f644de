package coda

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // documents have time zones
)

// A stored value is a string, float64, bool, relation or a slice of those. Dates are stored as the
// text that reads show. What does not fit its column is stored as text ("broken"), never refused.

// relation is a link to a row; its one key keeps it apart from other JSON in the state file.
type relation = map[string]any

const relationKey = "$row"

// parse is what Coda makes of a written value. drop means that the column takes no writes.
func (d *doc) parse(col *Column, v any, raw bool) (value any, drop bool) {
	if col.Calculated {
		return nil, true
	}
	switch col.Format.Type() {
	case "button", "image", "imageReference", "attachments", "packObject", "reaction", "canvas":
		return nil, true
	}
	if list, ok := v.([]any); ok {
		out := make([]any, 0, len(list))
		for _, one := range list {
			got, _ := d.parse(col, one, raw)
			out = append(out, got)
		}
		return out, false
	}
	if n, ok := v.(json.Number); ok {
		f, err := n.Float64()
		if err != nil {
			return n.String(), false
		}
		v = f
	}
	return d.scalar(col, v, raw), false
}

func (d *doc) scalar(col *Column, v any, raw bool) any {
	s, isText := v.(string)
	if isText && s == "" {
		return ""
	}
	switch col.Format.Type() {
	case "number", "percent", "currency", "slider", "scale":
		if !isText || raw {
			return v
		}
		if f, err := strconv.ParseFloat(strings.NewReplacer("$", "", ",", "", " ", "").Replace(s), 64); err == nil {
			return f
		}
		return s
	case "checkbox":
		if isText && !raw {
			switch strings.ToLower(s) {
			case "true":
				return true
			case "false":
				return false
			}
		}
		return v
	case "date", "dateTime":
		if isText && !raw {
			return d.date(s)
		}
		return text(v) // a Unix number is misread
	case "lookup":
		if isText && !raw {
			return d.relate(col, s)
		}
		return text(v)
	case "text", "":
		if isText && !raw {
			return interpret(s)
		}
		return text(v)
	}
	return text(v)
}

// interpret is what happens to text without disableParsing: what looks like a number becomes one, and
// comes back without its leading zeros.
func interpret(s string) string {
	if len(s) > 1 && s[0] == '0' && strings.Trim(s, "0123456789") == "" {
		return strings.TrimLeft(s[:len(s)-1], "0") + s[len(s)-1:]
	}
	return s
}

const shownTime = "2006-01-02T15:04:05.000-07:00"

func (d *doc) date(s string) any {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02"} {
		if t, err := time.ParseInLocation(layout, s, d.zone); err == nil {
			return t.In(d.zone).Format(shownTime)
		}
	}
	return s
}

func (d *doc) relate(col *Column, s string) any {
	target, _ := col.Format["table"].(map[string]string)
	t := d.table(target["id"])
	if t == nil {
		return s
	}
	for _, r := range t.base().live {
		if r.ID == s || d.name(t, r) == s {
			return relation{relationKey: r.ID}
		}
	}
	return s
}

// name is a row's name: its display column as text.
func (d *doc) name(t *table, r *row) string {
	return joined(d.show(t.display(), r, simple, false))
}

func text(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return fmt.Sprint(v)
}

func joined(v any) string {
	if list, ok := v.([]any); ok {
		part := make([]string, len(list))
		for i, one := range list {
			part[i] = joined(one)
		}
		return strings.Join(part, ",")
	}
	return text(v)
}

// The value formats of reads.
const (
	simple           = "simple"
	simpleWithArrays = "simpleWithArrays"
	rich             = "rich"
)

// show is what a read gives for a cell.
func (d *doc) show(col *Column, r *row, format string, numericCurrency bool) any {
	if col.Calculated {
		if f, ok := r.Values["c-number"].(float64); ok && col.Formula == "Number*2" {
			return f * 2
		}
		return ""
	}
	v, ok := r.Values[col.ID]
	if !ok {
		return ""
	}
	out := d.render(col, v, format, numericCurrency)
	if _, list := out.([]any); list && format == simple {
		return joined(out)
	}
	return out
}

func (d *doc) render(col *Column, v any, format string, numericCurrency bool) any {
	switch v := v.(type) {
	case []any:
		out := make([]any, len(v))
		for i, one := range v {
			out[i] = d.render(col, one, format, numericCurrency)
		}
		return out
	case relation:
		return d.showRelation(col, v, format)
	case float64:
		if col.Format.Type() != "currency" {
			return v
		}
		if format == rich {
			return linked("MonetaryAmount", map[string]any{"currency": col.Format["currencyCode"], "amount": v})
		}
		if numericCurrency {
			return v
		}
		if v < 0 {
			return fmt.Sprintf("-$%.2f", -v)
		}
		return fmt.Sprintf("$%.2f", v)
	case string:
		if format != rich || v == "" {
			return v
		}
		switch col.Format.Type() {
		case "text", "":
			return "```" + v + "```"
		case "person":
			return linked("Person", map[string]any{"name": v, "email": v})
		case "link":
			return linked("WebPage", map[string]any{"url": v})
		}
		return v
	}
	return v
}

func (d *doc) showRelation(col *Column, v relation, format string) any {
	id, _ := v[relationKey].(string)
	target, _ := col.Format["table"].(map[string]string)
	t := d.table(target["id"])
	name := ""
	if t != nil {
		for _, r := range t.base().shown {
			if r.ID == id {
				name = d.name(t, r)
			}
		}
	}
	if format != rich {
		return name
	}
	return linked("StructuredValue", map[string]any{"additionalType": "row", "name": name, "rowId": id, "tableId": target["id"],
		"tableUrl": "https://coda.example.test/d/_d" + d.ID, "url": "https://coda.example.test/d/_d" + d.ID + "#" + id})
}

func linked(kind string, fields map[string]any) map[string]any {
	fields["@context"], fields["@type"] = "http://schema.org/", kind
	return fields
}
