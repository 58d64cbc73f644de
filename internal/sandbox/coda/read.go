package coda

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

const stamp = "2006-01-02T15:04:05.000Z"

func at(t time.Time) string { return t.UTC().Format(stamp) }

func (c *call) whoami() {
	reply(c.w, http.StatusOK, map[string]any{"name": "Test Person", "loginId": c.token.Owner, "type": "user", "scoped": c.token.scoped(),
		"tokenName": "sandbox", "href": c.href("whoami"), "pictureLink": "https://coda.example.test/none.png",
		"workspace": map[string]any{"id": "ws-sandbox", "type": "workspace", "browserLink": "https://coda.example.test/ws"}})
}

func (c *call) docJSON(d *doc) map[string]any {
	rows, tables := 0, 0
	for _, t := range d.tables {
		rows += len(t.shown)
		tables++
	}
	link := "https://coda.example.test/d/_d" + d.ID
	workspace := map[string]any{"id": "ws-sandbox", "type": "workspace", "browserLink": "https://coda.example.test/ws"}
	return map[string]any{"id": d.ID, "type": "doc", "href": c.href("docs", d.ID), "browserLink": link, "name": d.Name, "owner": d.Owner,
		"ownerName": "Test Owner", "createdAt": at(d.created), "updatedAt": at(d.snapped), "workspace": workspace, "workspaceId": "ws-sandbox",
		"folder": map[string]any{"id": "fl-sandbox", "type": "folder", "browserLink": link}, "folderId": "fl-sandbox",
		"docSize": map[string]any{"totalRowCount": rows, "tableAndViewCount": tables, "pageCount": 1, "overApiSizeLimit": d.TooBig}}
}

// with runs h with the lock held and everything due applied; h gets nil for what the path does not
// name.
func (c *call) with(h func(d *doc, t *table)) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	c.s.settle()
	d := c.s.doc(c.r.PathValue("doc"))
	if d == nil {
		problem(c.w, http.StatusNotFound, "Could not find the doc.")
		return
	}
	if c.s.gone(d.ID) {
		problem(c.w, http.StatusGone, "The doc was deleted.")
		return
	}
	if c.r.Method == http.MethodGet && !c.fresh(d) {
		return
	}
	id := c.r.PathValue("table")
	t := d.table(id)
	if id != "" && (t == nil || c.s.gone(d.ID, t.ID)) {
		problem(c.w, http.StatusNotFound, "Could not find the table.")
		return
	}
	if t != nil && d.TooBig {
		problem(c.w, http.StatusBadRequest, "This doc is too large for the API.")
		return
	}
	h(d, t)
}

// fresh checks the X-Coda-Doc-Version header.
func (c *call) fresh(d *doc) bool {
	switch v := c.r.Header.Get("X-Coda-Doc-Version"); {
	case v == "":
		return true
	case v != "latest":
		problem(c.w, http.StatusBadRequest, "Invalid value for the X-Coda-Doc-Version header.")
	case len(d.queue) > 0 || d.stale:
		problem(c.w, http.StatusBadRequest, "Doc is not yet up to date.")
	default:
		return true
	}
	return false
}

func (c *call) listDocs() {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	c.s.settle()
	var items []any
	for _, d := range c.s.docs {
		if q := c.r.URL.Query().Get("query"); strings.Contains(strings.ToLower(d.Name), strings.ToLower(q)) {
			items = append(items, c.docJSON(d))
		}
	}
	c.page(items, 100)
}

func (c *call) getDoc() {
	c.with(func(d *doc, _ *table) { reply(c.w, http.StatusOK, c.docJSON(d)) })
}

func (c *call) tableRef(d *doc, t *table) map[string]any {
	kind := "table"
	if t.Parent != "" {
		kind = "view"
	}
	link := "https://coda.example.test/d/_d" + d.ID
	page := map[string]any{"id": "canvas-sandbox", "type": "page", "name": "Tables", "href": c.href("docs", d.ID, "pages", "canvas-sandbox"), "browserLink": link}
	return map[string]any{"id": t.ID, "type": "table", "tableType": kind, "href": c.href("docs", d.ID, "tables", t.ID), "name": t.Name,
		"browserLink": link + "#" + t.ID, "parent": page}
}

func (c *call) listTables() {
	c.with(func(d *doc, _ *table) {
		var items []any
		kinds := c.r.URL.Query().Get("tableTypes")
		for _, t := range d.tables {
			ref := c.tableRef(d, t)
			if kinds == "" || slices.Contains(strings.Split(kinds, ","), ref["tableType"].(string)) {
				items = append(items, ref)
			}
		}
		c.page(items, 100)
	})
}

func (c *call) getTable() {
	c.with(func(d *doc, t *table) {
		out := c.tableRef(d, t)
		if t.parent != nil {
			out["parentTable"] = c.tableRef(d, t.parent)
		}
		col := t.display()
		out["displayColumn"] = map[string]any{"id": col.ID, "type": "column", "href": c.href("docs", d.ID, "tables", t.ID, "columns", col.ID)}
		out["rowCount"], out["sorts"], out["layout"] = len(t.base().shown), []any{}, "default"
		out["createdAt"], out["updatedAt"] = at(d.created), at(d.snapped)
		reply(c.w, http.StatusOK, out)
	})
}

func (c *call) columnJSON(d *doc, t *table, col *Column) map[string]any {
	out := map[string]any{"id": col.ID, "type": "column", "name": col.Name, "format": col.Format,
		"href": c.href("docs", d.ID, "tables", t.ID, "columns", col.ID)}
	if col.Display {
		out["display"] = true
	}
	if col.Calculated {
		out["calculated"] = true
	}
	if col.Formula != "" {
		out["formula"] = col.Formula
	}
	return out
}

func (c *call) listColumns() {
	c.with(func(d *doc, t *table) {
		var items []any
		visible := c.r.URL.Query().Get("visibleOnly") == "true"
		cols := c.s.columns(d, t)
		for i := range cols {
			if !visible || !cols[i].Hidden {
				items = append(items, c.columnJSON(d, t, &cols[i]))
			}
		}
		c.page(items, 100)
	})
}

func (c *call) getColumn() {
	c.with(func(d *doc, t *table) {
		col := c.s.column(d, t, c.r.PathValue("column"))
		if col == nil {
			problem(c.w, http.StatusNotFound, "Could not find the column.")
			return
		}
		out := c.columnJSON(d, t, col)
		out["parent"] = c.tableRef(d, t)
		reply(c.w, http.StatusOK, out)
	})
}

// page answers a short list, paged by position.
func (c *call) page(items []any, most int) {
	q := c.r.URL.Query()
	p := pageToken{Limit: limitOf(q.Get("limit"), most)}
	if tok := q.Get("pageToken"); tok != "" && !p.decode(tok) {
		problem(c.w, http.StatusBadRequest, "Invalid page token.")
		return
	}
	from := min(max(0, p.Seq), len(items))
	to := min(from+p.Limit, len(items))
	out := map[string]any{"items": append([]any{}, items[from:to]...), "href": c.href() + strings.TrimPrefix(c.r.URL.Path, Base)}
	if to < len(items) {
		p.Seq = to
		c.more(out, p)
	}
	reply(c.w, http.StatusOK, out)
}

func (c *call) more(out map[string]any, p pageToken) {
	tok := p.encode()
	out["nextPageToken"] = tok
	out["nextPageLink"] = c.href() + strings.TrimPrefix(c.r.URL.Path, Base) + "?pageToken=" + url.QueryEscape(tok)
}

func limitOf(s string, most int) int {
	n, err := strconv.Atoi(s)
	switch {
	case err != nil || n < 1:
		return min(25, most)
	case n > most:
		return most // silently
	}
	return n
}

// pageToken holds a listing's parameters and its place: what the request says beside it is ignored.
type pageToken struct {
	Limit   int    `json:"l"`
	Query   string `json:"q,omitempty"`
	Sort    string `json:"s,omitempty"`
	Format  string `json:"f,omitempty"`
	Names   bool   `json:"n,omitempty"`
	Visible bool   `json:"v,omitempty"`
	Since   int64  `json:"d,omitempty"` // sync: rows changed after this version
	Upto    int64  `json:"u,omitempty"` // the version when the listing began
	Seq     int    `json:"i"`           // the last row given
	Time    int64  `json:"t,omitempty"` // its updatedAt, when that is the order
}

func (p pageToken) encode() string {
	body, err := json.Marshal(p)
	if err != nil {
		panic(err) // our own type
	}
	return base64.RawURLEncoding.EncodeToString(body)
}

func (p *pageToken) decode(s string) bool {
	body, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		return false
	}
	var got pageToken
	if json.Unmarshal(body, &got) != nil || got.Limit < 1 || got.Limit > 10_000 {
		return false
	}
	*p = got
	return true
}

func (c *call) listRows() {
	c.with(func(d *doc, t *table) {
		p, ok := c.rowParams()
		if !ok {
			return
		}
		keep, ok := c.rowQuery(d, t, p)
		if !ok {
			return
		}
		rows := slices.Clone(t.base().shown)
		if p.Sort == "updatedAt" {
			slices.SortStableFunc(rows, func(a, b *row) int { return cmp.Compare(a.Updated.UnixNano(), b.Updated.UnixNano()) })
		}
		out := map[string]any{"href": c.href() + strings.TrimPrefix(c.r.URL.Path, Base)}
		items := []any{}
		end := true
		for i, r := range rows {
			if !p.after(r) || r.Version <= p.Since || !keep(r) {
				continue
			}
			if len(items) == p.Limit {
				end = false
				break
			}
			items = append(items, c.rowJSON(d, t, r, i, p))
			p.Seq, p.Time = r.Seq, r.Updated.UnixNano()
		}
		out["items"] = items
		if end {
			out["nextSyncToken"] = pageToken{Limit: 1, Since: p.Upto}.encode()
		} else {
			c.more(out, p)
		}
		reply(c.w, http.StatusOK, out)
	})
}

// after says whether a row comes after the place that the token holds.
func (p pageToken) after(r *row) bool {
	if p.Seq == 0 {
		return true
	}
	if p.Sort == "updatedAt" {
		if u := r.Updated.UnixNano(); u != p.Time {
			return u > p.Time
		}
	}
	return r.Seq > p.Seq
}

func (c *call) rowParams() (pageToken, bool) {
	q := c.r.URL.Query()
	p := pageToken{Limit: limitOf(q.Get("limit"), c.s.settings.RowPage), Upto: c.s.shownVersion(c.r.PathValue("doc"))}
	if tok := q.Get("pageToken"); tok != "" {
		if !p.decode(tok) {
			problem(c.w, http.StatusBadRequest, "Invalid page token.")
			return p, false
		}
		return p, true
	}
	p.Query, p.Sort, p.Format, p.Names = q.Get("query"), q.Get("sortBy"), q.Get("valueFormat"), q.Get("useColumnNames") == "true"
	p.Visible = q.Get("visibleOnly") == "true"
	if tok := q.Get("syncToken"); tok != "" {
		var since pageToken
		if !since.decode(tok) {
			problem(c.w, http.StatusBadRequest, "Invalid sync token.")
			return p, false
		}
		p.Since = since.Since
	}
	switch p.Sort {
	case "", "createdAt", "updatedAt":
	case "natural":
		if q.Get("visibleOnly") == "false" {
			schemaProblem(c.w, "visibleOnly may not be false when sortBy is natural")
			return p, false
		}
		p.Visible = true
	default:
		schemaProblem(c.w, "sortBy must be one of createdAt, natural, updatedAt")
		return p, false
	}
	switch p.Format {
	case "", simple, simpleWithArrays, rich:
	default:
		schemaProblem(c.w, "valueFormat must be one of simple, simpleWithArrays, rich")
		return p, false
	}
	return p, true
}

// shownVersion is the highest row version that reads of a document can see.
func (s *Server) shownVersion(id string) int64 {
	var v int64
	if d := s.doc(id); d != nil {
		for _, t := range d.tables {
			for _, r := range t.shown {
				v = max(v, r.Version)
			}
		}
	}
	return v
}

// rowQuery parses `c-id:"value"` or `"Column name":"value"`.
func (c *call) rowQuery(d *doc, t *table, p pageToken) (func(*row) bool, bool) {
	if p.Query == "" {
		return func(*row) bool { return true }, true
	}
	name, value, ok := splitQuery(p.Query)
	if !ok {
		schemaProblem(c.w, "query must be <column_id_or_name>:<value> with the value in JSON")
		return nil, false
	}
	col := c.s.column(d, t, name)
	if col == nil {
		problem(c.w, http.StatusBadRequest, "Could not find the column of the query.")
		return nil, false
	}
	return func(r *row) bool {
		v, has := r.Values[col.ID]
		if !has {
			v = ""
		}
		if _, linked := v.(relation); linked {
			return false // relations do not match their text
		}
		return v == value
	}, true
}

func splitQuery(q string) (column string, value any, ok bool) {
	var rest string
	if strings.HasPrefix(q, `"`) {
		d := json.NewDecoder(strings.NewReader(q))
		if d.Decode(&column) != nil {
			return "", nil, false
		}
		rest = q[d.InputOffset():]
		if !strings.HasPrefix(rest, ":") {
			return "", nil, false
		}
		rest = rest[1:]
	} else {
		column, rest, ok = strings.Cut(q, ":")
		if !ok {
			return "", nil, false
		}
	}
	if json.Unmarshal([]byte(rest), &value) != nil || column == "" {
		return "", nil, false
	}
	switch value.(type) {
	case string, float64, bool:
		return column, value, true
	}
	return "", nil, false
}

func (c *call) rowJSON(d *doc, t *table, r *row, index int, p pageToken) map[string]any {
	format := p.Format
	if format == "" {
		format = simple
	}
	values := map[string]any{}
	cols := c.s.columns(d, t)
	for i := range cols {
		if p.Visible && cols[i].Hidden {
			continue
		}
		key := cols[i].ID
		if p.Names {
			key = cols[i].Name
		}
		values[key] = d.show(&cols[i], r, format, c.s.settings.NumericCurrency)
	}
	return map[string]any{"id": r.ID, "type": "row", "href": c.href("docs", d.ID, "tables", t.ID, "rows", r.ID), "name": d.name(t, r), "index": index,
		"browserLink": "https://coda.example.test/d/_d" + d.ID + "#" + r.ID, "createdAt": at(r.Created), "updatedAt": at(r.Updated), "values": values}
}

func (c *call) getRow() {
	c.with(func(d *doc, t *table) {
		q := c.r.URL.Query()
		for i, r := range t.base().shown {
			if id := c.r.PathValue("row"); r.ID == id || d.name(t, r) == id {
				out := c.rowJSON(d, t, r, i, pageToken{Format: q.Get("valueFormat"), Names: q.Get("useColumnNames") == "true"})
				out["parent"] = c.tableRef(d, t)
				reply(c.w, http.StatusOK, out)
				return
			}
		}
		problem(c.w, http.StatusNotFound, "Could not find the row.")
	})
}

func (c *call) mutationStatus() {
	s := c.s
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle()
	m, now := s.mutations[c.r.PathValue("id")], s.clock()
	if m == nil || now.Sub(m.Accepted) < time.Duration(s.settings.StatusHiddenMillis)*time.Millisecond || now.Sub(m.Due) > mutationLife {
		problem(c.w, http.StatusNotFound, "Could not find the mutation.")
		return
	}
	out := map[string]any{"completed": m.Applied}
	if m.Warning != "" {
		out["warning"] = m.Warning
	}
	reply(c.w, http.StatusOK, out)
}
