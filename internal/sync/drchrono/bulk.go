package drchrono

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// bulkSize is the page size of bulk lists, the largest allowed.
const bulkSize = "1000"

// submissions is how often a bulk page is asked for anew before its failure counts.
const submissions = 3

// patience is how long one submission may stay in progress.
const patience = 10 * time.Minute

// Bulk reads page number n, from 1, of an asynchronous list: it submits, polls and, when the result
// expired or failed, submits again. A source that answers at once, or with a cursor, is taken at its
// word.
func (c *Client) Bulk(ctx context.Context, path string, params url.Values, n int) (Page, error) {
	q := cloned(params)
	q.Set("page", strconv.Itoa(n))
	q.Set("page_size", bulkSize)
	submit := c.base.JoinPath(path)
	submit.RawQuery = q.Encode()
	for try := 1; ; try++ {
		page, done, err := c.bulkOnce(ctx, path, submit.String())
		if err != nil || done {
			return page, err
		}
		if try == submissions {
			return Page{}, &Error{Kind: Unavailable, Endpoint: "GET " + path, Detail: "the source gave up on a bulk page again and again"}
		}
		if err := c.backoff(ctx, try+1); err != nil {
			return Page{}, err
		}
	}
}

// bulkOnce makes one submission; done is false when it came to nothing and another may help.
func (c *Client) bulkOnce(ctx context.Context, path, submit string) (Page, bool, error) {
	var e envelope
	failed := false
	take := func(body []byte) error {
		e = envelope{}
		if err := e.decode(body); err != nil {
			return err
		}
		if e.UUID == "" && e.rows() == nil {
			return errors.New(`neither "uuid" nor "results" in a bulk list`)
		}
		return nil
	}
	at, err := c.do(ctx, request{method: http.MethodPost, url: submit, endpoint: "POST " + path, accept: take})
	if err != nil {
		return Page{}, false, err
	}
	poll := c.base.JoinPath(path)
	poll.RawQuery = url.Values{"uuid": {e.UUID}}.Encode()
	delay, deadline := c.cfg.Poll, time.Now().Add(patience)
	for {
		switch state := bulkState(e); state {
		case "complete":
			page, err := c.page(e)
			if err != nil {
				return Page{}, false, &Error{Kind: Malformed, Endpoint: "GET " + path, Detail: err.Error()}
			}
			page.At = at // the snapshot is no older than the submission
			return page, true, nil
		case "failed":
			return Page{}, false, nil
		}
		if time.Now().After(deadline) {
			return Page{}, false, nil
		}
		if err := sleep(ctx, delay); err != nil {
			return Page{}, false, err
		}
		delay = min(2*delay, 10*time.Second)
		_, err := c.do(ctx, request{method: http.MethodGet, url: poll.String(), endpoint: "GET " + path, accept: take,
			settle: func(status int, body []byte) bool {
				failed = bulkGone(status, body)
				return failed
			}})
		if err != nil {
			return Page{}, false, err
		}
		if failed {
			return Page{}, false, nil
		}
	}
}

// bulkState sorts the words that were seen for a submission's state.
func bulkState(e envelope) string {
	switch strings.ToLower(strings.TrimSpace(e.Status)) {
	case "failed", "error", "canceled", "cancelled":
		return "failed"
	case "complete", "completed":
		if e.rows() == nil {
			return "failed" // complete, and yet without rows: never take that for an empty page
		}
		return "complete"
	}
	if e.rows() != nil {
		return "complete" // a source that answers synchronously
	}
	return "in progress"
}

// bulkGone tells that a poll's answer means the submission is lost: its uuid expired, or it failed.
func bulkGone(status int, body []byte) bool {
	switch status {
	case http.StatusNotFound:
		return true
	case http.StatusBadRequest:
		return strings.Contains(strings.ToLower(string(body)), "invalid uuid")
	case http.StatusInternalServerError:
		var e struct {
			Status string `json:"status"`
			UUID   string `json:"uuid"`
		}
		return json.Unmarshal(body, &e) == nil && e.Status != "" && bulkState(envelope{Status: e.Status}) == "failed"
	}
	return false
}
