package coda

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/runtimeapi"
	"github.com/feel-august/terraform-provider-august/internal/sync/telemetry"
)

// recheck is how long a table that was found in order is taken to stay so.
const recheck = 10 * time.Minute

// preflight finds out whether doc, table and columns are as the view needs them.
func (w *writer) preflight(ctx context.Context) error {
	if time.Since(w.checked) < recheck {
		return nil
	}
	found, err := w.inspect(ctx, w.view)
	if err != nil {
		return err
	}
	if len(found) > 0 {
		said := make([]string, len(found))
		for i, f := range found {
			said[i] = f.Message
		}
		return &misfit{strings.Join(said, "; ")}
	}
	w.checked = time.Now()
	return nil
}

// inspect lists everything about doc, table and columns that is not as the view needs it, each with the
// view's field at fault. Coda accepts a write that does not fit, and drops or garbles it. The error is one
// of the looking.
func (p *Pusher) inspect(ctx context.Context, v runtimeapi.CodaView) ([]runtimeapi.Error, error) {
	var found []runtimeapi.Error
	note := func(field, format string, args ...any) {
		found = append(found, runtimeapi.Error{Code: runtimeapi.CodeInvalid, Field: field, Message: fmt.Sprintf(format, args...)})
	}
	// refused is an answer about the thing itself, which the view may name wrongly.
	refused := func(field string, err error, what string) ([]runtimeapi.Error, error) {
		switch status(err) {
		case http.StatusForbidden, http.StatusNotFound, http.StatusGone:
			note(field, "%s", explain(err, "%s", what).Error())
			return found, nil
		}
		return nil, explain(err, "%s", what)
	}
	doc, table := "Coda doc "+v.DocID, fmt.Sprintf("table %s of Coda doc %s", v.TableID, v.DocID)
	tooLarge, err := p.client.Doc(ctx, v.DocID)
	if err != nil {
		return refused("doc_id", err, doc)
	}
	if tooLarge {
		note("doc_id", "%s is larger than Coda's API can serve (125 MB without attachments): move tables out of it, or use another doc", doc)
		return found, nil
	}
	t, err := p.client.Table(ctx, v.DocID, v.TableID)
	if err != nil {
		return refused("table_id", err, table)
	}
	if t.TableType == "view" {
		note("table_id", "%s of %s is a view; give the id of its base table", v.TableID, doc)
		return found, nil
	}
	columns, err := p.client.Columns(ctx, v.DocID, v.TableID)
	if err != nil {
		return refused("table_id", err, "columns of "+table)
	}
	byID := map[string]Column{}
	for _, c := range columns {
		byID[c.ID] = c
	}
	key, ok := byID[v.KeyColumn]
	switch {
	case !ok:
		note("key_column", "key column %s of %s does not exist: add a plain text column and give its id", v.KeyColumn, table)
	case key.Calculated:
		note("key_column", "key column %s (%s) of %s is calculated; rows cannot be told apart by it: add a plain text column", key.ID, key.Name, table)
	case key.Format.Type != "text" || key.Format.IsArray:
		note("key_column", "key column %s (%s) of %s is of type %s; it must be plain text", key.ID, key.Name, table, key.Format.Type)
	}
	for _, field := range slices.Sorted(maps.Keys(v.Columns)) {
		c, ok := byID[v.Columns[field]]
		fits := runtimeapi.FieldOf(v.View, field).Accepts()
		switch {
		case !ok:
			note("columns."+field, "column %s of %s, for %s, does not exist: add it in Coda, or correct the view's columns", v.Columns[field], table, field)
		case c.Calculated:
			note("columns."+field, "column %s (%s) of %s, for %s, is calculated; Coda drops what is written to it: use a plain column", c.ID, c.Name, table, field)
		case c.Format.IsArray:
			note("columns."+field, "column %s (%s) of %s, for %s, holds several values; use one that holds one", c.ID, c.Name, table, field)
		case !slices.Contains(fits, c.Format.Type):
			note("columns."+field, "column %s (%s) of %s, for %s, is of type %s, which does not keep it as it is; use %s", c.ID, c.Name, table, field, c.Format.Type, strings.Join(fits, ", "))
		}
	}
	return found, nil
}

// Check says what is wrong with the docs, tables and columns of a spec's views, as declaring them would. What
// cannot be looked at is a finding of CodeUnavailable, and will be found out when it is pushed.
func (p *Pusher) Check(ctx context.Context, spec runtimeapi.PipelineSpec) []runtimeapi.Error {
	var found []runtimeapi.Error
	for i, view := range spec.CodaViews {
		at := fmt.Sprintf("coda_views[%d].", i)
		if p.cfg.Token == "" {
			found = append(found, runtimeapi.Error{Code: runtimeapi.CodeUnavailable, Field: at + "doc_id", Message: noToken})
			continue
		}
		some, err := p.inspect(ctx, view)
		if err != nil {
			text := "Coda does not answer in time"
			if ctx.Err() == nil {
				text = telemetry.ErrorText(err)
			}
			found = append(found, runtimeapi.Error{Code: runtimeapi.CodeUnavailable, Field: at + "doc_id", Message: text})
		}
		for _, f := range some {
			f.Field = at + f.Field
			found = append(found, f)
		}
	}
	return found
}

const noToken = "the runtime has no Coda token: set coda.token_secret of the runtime"

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
