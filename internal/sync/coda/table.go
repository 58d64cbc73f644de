package coda

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"
)

// recheck is how long a table that was found in order is taken to stay so.
const recheck = 10 * time.Minute

// preflight finds out whether doc, table and columns are as the view needs them. Coda accepts a
// write that does not fit, and drops or garbles it.
func (w *writer) preflight(ctx context.Context) error {
	if time.Since(w.checked[w.id()]) < recheck {
		return nil
	}
	v := w.view
	tooLarge, err := w.client.Doc(ctx, v.DocID)
	if err != nil {
		return explain(err, "Coda doc %s", v.DocID)
	}
	if tooLarge {
		return &misfit{fmt.Sprintf("Coda doc %s is larger than Coda's API can serve (125 MB without attachments): move tables out of it, or use another doc", v.DocID)}
	}
	table, err := w.client.Table(ctx, v.DocID, v.TableID)
	if err != nil {
		return explain(err, "table %s of Coda doc %s", v.TableID, v.DocID)
	}
	if table.TableType == "view" {
		return &misfit{fmt.Sprintf("%s of Coda doc %s is a view; give the id of its base table", v.TableID, v.DocID)}
	}
	columns, err := w.client.Columns(ctx, v.DocID, v.TableID)
	if err != nil {
		return explain(err, "columns of table %s of Coda doc %s", v.TableID, v.DocID)
	}
	byID := map[string]Column{}
	for _, c := range columns {
		byID[c.ID] = c
	}
	where := fmt.Sprintf("of table %s of Coda doc %s", v.TableID, v.DocID)
	key, ok := byID[v.KeyColumn]
	switch {
	case !ok:
		return &misfit{fmt.Sprintf("key column %s %s does not exist: add a plain text column and give its id", v.KeyColumn, where)}
	case key.Calculated:
		return &misfit{fmt.Sprintf("key column %s (%s) %s is calculated; rows cannot be told apart by it: add a plain text column", key.ID, key.Name, where)}
	case key.Format.Type != "text" || key.Format.IsArray:
		return &misfit{fmt.Sprintf("key column %s (%s) %s is of type %s; it must be plain text", key.ID, key.Name, where, key.Format.Type)}
	}
	for _, field := range slices.Sorted(maps.Keys(v.Columns)) {
		c, ok := byID[v.Columns[field]]
		switch {
		case !ok:
			return &misfit{fmt.Sprintf("column %s %s, for %s, does not exist: add it in Coda, or correct the view's columns", v.Columns[field], where, field)}
		case c.Calculated:
			return &misfit{fmt.Sprintf("column %s (%s) %s, for %s, is calculated; Coda drops what is written to it: use a plain column", c.ID, c.Name, where, field)}
		case !writable[c.Format.Type]:
			return &misfit{fmt.Sprintf("column %s (%s) %s, for %s, is of type %s; use text, number or currency", c.ID, c.Name, where, field, c.Format.Type)}
		}
	}
	w.checked[w.id()] = time.Now()
	return nil
}

// writable is the column types that take a plain text or number as it is.
var writable = map[string]bool{
	"text": true, "number": true, "percent": true, "currency": true, "slider": true, "scale": true, "select": true,
}

// explain makes of a refusal what somebody has to mend.
func explain(err error, format string, args ...any) error {
	what := fmt.Sprintf(format, args...)
	switch status(err) {
	case http.StatusUnauthorized:
		return &misfit{"Coda does not accept the token: make a new one and put it in the runtime's Coda secret"}
	case http.StatusForbidden:
		return &misfit{fmt.Sprintf("the Coda token may not use %s: give its user access, or make a token with read and write on the doc", what)}
	case http.StatusNotFound, http.StatusGone:
		return &misfit{fmt.Sprintf("%s does not exist, or the token's user cannot see it: correct the id, or share the doc with that user", what)}
	default:
		return err
	}
}
