package coda

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
)

// Size limits. The published figures say KB and MB; the sandbox takes the smaller reading.
const (
	maxBody = 2_000_000
	maxRow  = 85_000
)

type cell struct {
	Column string `json:"column"`
	Value  any    `json:"value"`
}

type cells struct {
	Cells []cell `json:"cells"`
}

// body reads and decodes a request, with Coda's answers to what is too big or no JSON.
func (c *call) body(v any) bool {
	body, err := io.ReadAll(io.LimitReader(c.r.Body, maxBody+1))
	if err != nil {
		return false // the client is gone
	}
	if len(body) > maxBody {
		c.w.Header().Set("Connection", "close")
		problem(c.w, http.StatusBadRequest, "request entity too large")
		return false
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if err := d.Decode(v); err != nil {
		schemaProblem(c.w, "The request body is not the expected JSON.")
		return false
	}
	return true
}

// size is what a row counts for: its values' UTF-8 bytes, newlines twice.
func (r cells) size() int {
	n := 0
	for _, one := range r.Cells {
		n += valueSize(one.Value)
	}
	return n
}

func valueSize(v any) int {
	switch v := v.(type) {
	case string:
		return len(v) + strings.Count(v, "\n")
	case json.Number:
		return len(v)
	case []any:
		n := 0
		for _, one := range v {
			n += valueSize(one)
		}
		return n
	}
	return 1
}

// values turns cells into parsed values by column id. False means that the call is answered.
func (c *call) values(d *doc, t *table, in cells) (map[string]any, bool) {
	if n := in.size(); n > maxRow {
		problem(c.w, http.StatusBadRequest, "Row edit of size %d KB exceeds maximum size of 85 KB.", max(n/1000, 86))
		return nil, false
	}
	if in.Cells == nil {
		schemaProblem(c.w, "cells is required")
		return nil, false
	}
	raw := c.r.URL.Query().Get("disableParsing") == "true"
	out := map[string]any{}
	for _, one := range in.Cells {
		if refuse := c.s.settings.RefuseText; refuse != "" && strings.Contains(text(one.Value), refuse) {
			schemaProblem(c.w, fmt.Sprintf("The value %q of %s is not allowed here.", text(one.Value), one.Column))
			return nil, false
		}
		if !legal(one.Value, 0) {
			schemaProblem(c.w, "value must be a string, a number, a boolean or an array of those")
			return nil, false
		}
		col := c.s.column(d, t, one.Column)
		if col == nil {
			problem(c.w, http.StatusBadRequest, "Could not find the column %s.", one.Column)
			return nil, false
		}
		if v, drop := d.parse(col, one.Value, raw); !drop {
			out[col.ID] = v
		}
	}
	return out, true
}

func legal(v any, depth int) bool {
	switch v := v.(type) {
	case string, bool, json.Number:
		return true
	case []any:
		for _, one := range v {
			if depth > 1 || !legal(one, depth+1) {
				return false
			}
		}
		return true
	}
	return false // null and objects
}

func (c *call) upsertRows() {
	var in struct {
		Rows []cells  `json:"rows"`
		Keys []string `json:"keyColumns"`
	}
	if !c.body(&in) {
		return
	}
	c.with(func(d *doc, t *table) {
		if in.Rows == nil {
			schemaProblem(c.w, "rows is required")
			return
		}
		if t.parent != nil {
			problem(c.w, http.StatusBadRequest, "Rows can be inserted into base tables only, not into views.")
			return
		}
		m := &mutation{}
		for _, k := range in.Keys {
			col := c.s.column(d, t, k)
			if col == nil {
				problem(c.w, http.StatusBadRequest, "Could not find the key column %s.", k)
				return
			}
			if col.Calculated {
				problem(c.w, http.StatusBadRequest, "A calculated column cannot be a key column.")
				return
			}
			m.Keys = append(m.Keys, col.ID)
		}
		ids := []string{}
		for _, one := range in.Rows {
			values, ok := c.values(d, t, one)
			if !ok {
				return
			}
			for _, k := range m.Keys {
				if _, has := values[k]; !has {
					problem(c.w, http.StatusBadRequest, "Every row must have a cell for each key column.")
					return
				}
			}
			e := edit{Values: values}
			if len(m.Keys) == 0 {
				e.ID = newRowID()
				ids = append(ids, e.ID)
			}
			m.Rows = append(m.Rows, e)
		}
		c.s.accept(d, t, m)
		if len(m.Keys) == 0 {
			c.accepted(m, "addedRowIds", ids)
			return
		}
		c.accepted(m, "", nil)
	})
}

func (c *call) accepted(m *mutation, name string, value any) {
	out := map[string]any{"requestId": m.ID}
	if name != "" {
		out[name] = value
	}
	if c.s.answerLost(c) {
		return
	}
	reply(c.w, http.StatusAccepted, out)
}

// rowID finds the row of the path among those that writes see.
func (c *call) rowID(d *doc, t *table) (string, bool) {
	id := c.r.PathValue("row")
	for _, r := range t.base().live {
		if r.ID == id || d.name(t, r) == id {
			return r.ID, true
		}
	}
	problem(c.w, http.StatusNotFound, "Could not find the row.")
	return "", false
}

func (c *call) updateRow() {
	var in struct {
		Row *cells `json:"row"`
	}
	if !c.body(&in) {
		return
	}
	c.with(func(d *doc, t *table) {
		if in.Row == nil {
			schemaProblem(c.w, "row is required")
			return
		}
		id, ok := c.rowID(d, t)
		if !ok {
			return
		}
		values, ok := c.values(d, t, *in.Row)
		if !ok {
			return
		}
		m := &mutation{Rows: []edit{{ID: id, Update: true, Values: values}}}
		c.s.accept(d, t, m)
		c.accepted(m, "id", id)
	})
}

func (c *call) deleteRow() {
	c.with(func(d *doc, t *table) {
		id, ok := c.rowID(d, t)
		if !ok {
			return
		}
		m := &mutation{Delete: []string{id}}
		c.s.accept(d, t, m)
		c.accepted(m, "id", id)
	})
}

func (c *call) deleteRows() {
	var in struct {
		IDs []string `json:"rowIds"`
	}
	if !c.body(&in) {
		return
	}
	c.with(func(d *doc, t *table) {
		if in.IDs == nil {
			schemaProblem(c.w, "rowIds is required")
			return
		}
		m := &mutation{Delete: slices.Clone(in.IDs)}
		c.s.accept(d, t, m)
		c.accepted(m, "rowIds", in.IDs)
	})
}
