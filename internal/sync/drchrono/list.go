package drchrono

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Page is one page of a list.
type Page struct {
	Rows  []json.RawMessage
	Next  string    // path and query of the page that follows; "" at the end, and for numbered pages
	Pages int       // number of pages, when the source says
	Total int64     // number of rows, when the source says
	At    time.Time // when it was asked for, by the ledger's clock: nothing on it is newer
	Part  string    // the reader's name for the part of a list that it belongs to
}

// ListSize is the page size asked for; the source gives less where it wants to.
const ListSize = 250

// List reads one page of a cursor list: the first with next "", then what Page.Next says.
func (c *Client) List(ctx context.Context, path string, params url.Values, next string) (Page, error) {
	target := c.base.JoinPath(path)
	if next == "" {
		q := cloned(params)
		q.Set("page_size", strconv.Itoa(ListSize))
		target.RawQuery = q.Encode()
	} else {
		rel, err := url.Parse(next)
		if err != nil || rel.IsAbs() || rel.Host != "" {
			return Page{}, &Error{Kind: Malformed, Endpoint: "GET " + path, Detail: "the stored cursor is not a path: request a full sync"}
		}
		target = c.base.ResolveReference(rel)
	}
	var page Page
	at, err := c.do(ctx, request{method: http.MethodGet, url: target.String(), endpoint: "GET " + path, accept: func(body []byte) error {
		var e envelope
		if err := e.decode(body); err != nil {
			return err
		}
		if e.rows() == nil {
			return errors.New(`neither "results" nor "data" in a list`)
		}
		p, err := c.page(e)
		if err == nil && p.Next != "" && p.Next == target.RequestURI() {
			err = errors.New("a page names itself as the next")
		}
		page = p
		return err
	}})
	page.At = at
	return page, err
}

// Get reads one object. It returns nil when the object is not there.
func (c *Client) Get(ctx context.Context, path, id string) (json.RawMessage, time.Time, error) {
	var object json.RawMessage
	at, err := c.do(ctx, request{
		method: http.MethodGet, url: c.base.JoinPath(path, url.PathEscape(id)).String(), endpoint: "GET " + path + "/{id}",
		accept: func(body []byte) error {
			if trimmed := bytes.TrimSpace(body); !json.Valid(body) || trimmed[0] != '{' {
				return errors.New("not a JSON object")
			}
			object = body
			return nil
		},
		settle: func(status int, _ []byte) bool { return status == http.StatusNotFound },
	})
	return object, at, err
}

// envelope is every shape a list's answer has.
type envelope struct {
	Status     string             `json:"status"`
	UUID       string             `json:"uuid"`
	Results    *[]json.RawMessage `json:"results"`
	Data       *[]json.RawMessage `json:"data"`
	Next       *string            `json:"next"`
	Pagination struct {
		Count json.Number `json:"count"`
		Pages json.Number `json:"pages"`
	} `json:"pagination"`
}

func (e *envelope) decode(body []byte) error {
	// encoding/json quotes values in its errors, and a value may be a patient's: say only that.
	if err := json.Unmarshal(body, e); err != nil {
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			return errors.New("not JSON, or cut short, at byte " + strconv.FormatInt(syntax.Offset, 10))
		}
		return errors.New("not the JSON that the contract describes")
	}
	return nil
}

// rows is the list's array, nil when there is none: DrChrono's text calls it results, its schema data.
func (e *envelope) rows() *[]json.RawMessage {
	if e.Results != nil {
		return e.Results
	}
	return e.Data
}

func (c *Client) page(e envelope) (Page, error) {
	p := Page{Rows: *e.rows()}
	if n, err := e.Pagination.Pages.Int64(); err == nil && n > 0 && n < 1<<31 {
		p.Pages = int(n)
	}
	if n, err := e.Pagination.Count.Int64(); err == nil && n > 0 {
		p.Total = n
	}
	if e.Next != nil && *e.Next != "" {
		next, err := c.sameOrigin(*e.Next, "")
		if err != nil {
			return p, errors.New("next page: " + err.Error())
		}
		u, err := url.Parse(next)
		if err != nil {
			return p, errors.New("next page: not a URL")
		}
		p.Next = u.RequestURI() // without the host, so that it outlives a change of host
	}
	return p, nil
}

// sameOrigin resolves a URL that the source gave and refuses to leave the source: the call carries
// the token.
func (c *Client) sameOrigin(ref, from string) (string, error) {
	base := c.base
	if from != "" {
		if u, err := url.Parse(from); err == nil {
			base = u
		}
	}
	u, err := url.Parse(ref)
	if err != nil || ref == "" {
		return "", errors.New("not a URL")
	}
	u = base.ResolveReference(u)
	if u.Scheme != c.base.Scheme || u.Host != c.base.Host {
		return "", errors.New("leads to another host than the configured one")
	}
	return u.String(), nil
}

// malformedHTML refuses what the edge, not the API, answered.
func malformedHTML(h http.Header) error {
	if t := h.Get("Content-Type"); !strings.Contains(strings.ToLower(t), "json") {
		return errors.New("the answer is not JSON by its content type")
	}
	return nil
}

func cloned(v url.Values) url.Values {
	out := url.Values{}
	for k, s := range v {
		out[k] = append([]string(nil), s...)
	}
	return out
}
