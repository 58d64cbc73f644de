package coda

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/go-resty/resty/v2"
)

// timeout is the longest that a call may take.
const timeout = 30 * time.Second

// Client makes the calls that a push needs.
type Client struct{ http *resty.Client }

// NewClient makes a client. Nothing is dialled.
func NewClient(url, token string) *Client {
	return &Client{http: resty.New().
		SetBaseURL(strings.TrimRight(url, "/")).
		SetAuthToken(token).
		SetHeader("User-Agent", "august-sync").
		SetTimeout(timeout).
		SetResponseBodyLimit(64 << 20).
		SetRedirectPolicy(resty.NoRedirectPolicy()).
		SetLogger(silent{})}
}

// silent keeps resty from writing to the standard logger, also what it thinks of tokens over http.
type silent struct{}

func (silent) Errorf(string, ...any) {}
func (silent) Warnf(string, ...any)  {}
func (silent) Debugf(string, ...any) {}

// Error is an answer of Coda that is no success, or none at all.
type Error struct {
	Status  int           // HTTP status; 0: no answer
	Message string        // Coda's own, cut short; of a write only what holds nothing of the rows
	Op      string        // what was tried
	Wait    time.Duration // Coda asks to be left alone for so long; it is not known to ask
}

func (e *Error) Error() string {
	switch {
	case e.Status == 0:
		return fmt.Sprintf("%s: Coda does not answer", e.Op)
	case e.Message == "":
		return fmt.Sprintf("%s: Coda answers %d %s", e.Op, e.Status, http.StatusText(e.Status))
	default:
		return fmt.Sprintf("%s: Coda answers %d: %s", e.Op, e.Status, e.Message)
	}
}

// status is the HTTP status of a failed call, 0 when there was no answer.
func status(err error) int {
	var e *Error
	if errors.As(err, &e) {
		return e.Status
	}
	return 0
}

// wait is how long Coda asked to be left alone.
func wait(err error) time.Duration {
	var e *Error
	if errors.As(err, &e) {
		return e.Wait
	}
	return 0
}

// Table is what is needed of a table.
type Table struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	TableType string `json:"tableType"` // table or view
}

// Column is what is needed of a column.
type Column struct {
	ID         string `json:"id"`
	Name       string `json:"name"`
	Calculated bool   `json:"calculated"`
	Format     struct {
		Type    string `json:"type"`
		IsArray bool   `json:"isArray"`
	} `json:"format"`
}

// Cell is one value to write.
type Cell struct {
	Column string `json:"column"`
	Value  any    `json:"value"`
}

// Doc reads the doc, and reports whether it has grown too large for the API.
func (c *Client) Doc(ctx context.Context, doc string) (tooLarge bool, err error) {
	var out struct {
		DocSize struct {
			Over bool `json:"overApiSizeLimit"`
		} `json:"docSize"`
	}
	err = c.call(ctx, "read doc "+doc, http.MethodGet, "/docs/{doc}", map[string]string{"doc": doc}, nil, nil, &out)
	return out.DocSize.Over, err
}

// Table reads a table.
func (c *Client) Table(ctx context.Context, doc, table string) (t Table, err error) {
	err = c.call(ctx, "read table "+table+" of doc "+doc, http.MethodGet, "/docs/{doc}/tables/{table}",
		map[string]string{"doc": doc, "table": table}, nil, nil, &t)
	return t, err
}

// Columns reads every column of a base table.
func (c *Client) Columns(ctx context.Context, doc, table string) ([]Column, error) {
	return list[Column](ctx, c, "read columns of table "+table+" of doc "+doc, "/docs/{doc}/tables/{table}/columns",
		map[string]string{"doc": doc, "table": table}, map[string]string{"limit": "100"})
}

// KeyRow is a row with its key, and what its cells show by column id.
type KeyRow struct {
	ID, Key string
	Values  map[string]any
}

// Rows reads every row that has a key, oldest row first. Coda gives up on a page that takes it too long:
// the listing is begun anew with smaller ones.
func (c *Client) Rows(ctx context.Context, doc, table, column string) ([]KeyRow, error) {
	type row struct {
		ID     string         `json:"id"`
		Values map[string]any `json:"values"`
	}
	for limit := 200; ; limit /= 2 {
		rows, err := list[row](ctx, c, "read rows of table "+table+" of doc "+doc, "/docs/{doc}/tables/{table}/rows",
			map[string]string{"doc": doc, "table": table}, map[string]string{"limit": strconv.Itoa(limit), "valueFormat": "simpleWithArrays"})
		if status(err) == http.StatusGatewayTimeout && limit > smallestPage {
			continue
		}
		if err != nil {
			return nil, err
		}
		out := make([]KeyRow, 0, len(rows))
		for _, r := range rows {
			if key, ok := r.Values[column].(string); ok {
				out = append(out, KeyRow{ID: r.ID, Key: key, Values: r.Values})
			}
		}
		return out, nil
	}
}

const smallestPage = 25

// Upsert writes rows, told apart by the key column, and returns the request's id. The rows are in
// Coda only when Done says so.
func (c *Client) Upsert(ctx context.Context, doc, table, key string, rows [][]Cell) (string, error) {
	type cells struct {
		Cells []Cell `json:"cells"`
	}
	body := struct {
		Rows       []cells  `json:"rows"`
		KeyColumns []string `json:"keyColumns"`
	}{KeyColumns: []string{key}}
	for _, row := range rows {
		body.Rows = append(body.Rows, cells{row})
	}
	// Parsing would turn a payer called "1/2" into a date.
	return c.write(ctx, fmt.Sprintf("write %d rows to table %s of doc %s", len(rows), table, doc), http.MethodPost, doc, table, body)
}

// Delete removes rows by their ids and returns the request's id.
func (c *Client) Delete(ctx context.Context, doc, table string, ids []string) (string, error) {
	return c.write(ctx, fmt.Sprintf("delete %d rows from table %s of doc %s", len(ids), table, doc), http.MethodDelete, doc, table,
		map[string][]string{"rowIds": ids})
}

func (c *Client) write(ctx context.Context, op, method, doc, table string, body any) (string, error) {
	var query map[string]string
	if method == http.MethodPost {
		query = map[string]string{"disableParsing": "true"}
	}
	var out struct {
		RequestID string `json:"requestId"`
	}
	err := c.call(ctx, op, method, "/docs/{doc}/tables/{table}/rows", map[string]string{"doc": doc, "table": table}, query, body, &out)
	if e := (*Error)(nil); errors.As(err, &e) {
		e.Message = harmless(e.Message)
	}
	if err == nil && out.RequestID == "" {
		err = &Error{Status: http.StatusBadGateway, Op: op, Message: "accepted without a request id"}
	}
	return out.RequestID, err
}

// What Coda says of a refused write may quote a cell, and a cell may hold a patient's data: only sentences
// that are known to hold none are kept.
var harmlessForm = regexp.MustCompile(`^(?:request entity too large|Row edit of size [0-9]+ KB exceeds maximum size of [0-9]+ KB\.|` +
	`Doc is not yet up to date\.|Could not find the (?:key )?column c-[A-Za-z0-9_-]+\.|Could not find the (?:doc|table|row)\.|Too Many Requests|Unauthorized)$`)

func harmless(message string) string {
	if harmlessForm.MatchString(message) {
		return message
	}
	return ""
}

// Done reports whether an accepted write has been applied, and whether Coda has a reservation about it. What
// the reservation says may quote a cell, and is left unread.
func (c *Client) Done(ctx context.Context, request string) (done, doubtful bool, err error) {
	var out struct {
		Completed bool   `json:"completed"`
		Warning   string `json:"warning"`
	}
	err = c.call(ctx, "ask for a write's progress", http.MethodGet, "/mutationStatus/{request}", map[string]string{"request": request}, nil, nil, &out)
	return out.Completed, out.Completed && out.Warning != "", err
}

// list reads all pages. Coda wants a page's token alone: it ignores what else comes with it.
func list[T any](ctx context.Context, c *Client, op, path string, params, query map[string]string) ([]T, error) {
	var all []T
	for {
		var page struct {
			Items []T    `json:"items"`
			Next  string `json:"nextPageToken"`
		}
		if err := c.call(ctx, op, http.MethodGet, path, params, query, nil, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Items...)
		if page.Next == "" {
			return all, nil
		}
		query = map[string]string{"pageToken": page.Next}
	}
}

func (c *Client) call(ctx context.Context, op, method, path string, params, query map[string]string, body, out any) error {
	req := c.http.R().SetContext(ctx).SetPathParams(params).SetQueryParams(query)
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			return err
		}
		req.SetHeader("Content-Type", "application/json").SetBody(encoded)
	}
	res, err := req.Execute(method, path)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return &Error{Op: op} // the transport's own text may hold the address with all its parameters
	}
	if res.IsError() || res.StatusCode() >= 300 {
		var said struct {
			Message string `json:"message"`
		}
		_ = json.Unmarshal(res.Body(), &said)
		if len(said.Message) > 200 {
			said.Message = said.Message[:200] + "…"
		}
		return &Error{Status: res.StatusCode(), Message: said.Message, Op: op, Wait: retryAfter(res.Header().Get("Retry-After"))}
	}
	if err := json.Unmarshal(res.Body(), out); err != nil {
		return &Error{Status: http.StatusBadGateway, Op: op, Message: "the answer is not what Coda documents"}
	}
	return nil
}

// longestWait bounds what a Retry-After may ask for.
const longestWait = 15 * time.Minute

// retryAfter reads the header of that name. Coda neither documents nor sends it; what stands before it may.
func retryAfter(header string) time.Duration {
	if seconds, err := strconv.Atoi(header); err == nil && seconds > 0 {
		return min(time.Duration(min(seconds, 1<<20))*time.Second, longestWait)
	}
	if at, err := http.ParseTime(header); err == nil {
		return min(max(time.Until(at), 0), longestWait)
	}
	return 0
}
