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

// submissions is how often a bulk page is asked for anew before its failure counts.
const submissions = 3

// patience is how long one submission may stay in progress.
const patience = 10 * time.Minute

// BulkSize is the page size of bulk lists, the largest allowed. A source may give less.
const BulkSize = 1000

// Request is a bulk page that was submitted and not fetched yet. The source keeps its result for an hour.
type Request struct {
	UUID string
	At   time.Time // when it was submitted, by the ledger's clock
}

// kept is how old a request may be for its result to be worth a look.
const kept = 55 * time.Minute

// Bulk reads page number n, from 1, of an asynchronous list: it submits, polls and, when the result
// expired or failed, submits again. A source that answers at once, or with a cursor, is taken at its
// word.
func (c *Client) Bulk(ctx context.Context, path string, params url.Values, n int) (Page, error) {
	return c.BulkAgain(ctx, path, params, n, &Request{})
}

// BulkAgain is Bulk for a page that may have been submitted before: then that request is looked at
// first. After an error, r is what is worth looking at later, if anything.
func (c *Client) BulkAgain(ctx context.Context, path string, params url.Values, n int, r *Request) (Page, error) {
	q := cloned(params)
	q.Set("page", strconv.Itoa(n))
	q.Set("page_size", strconv.Itoa(BulkSize))
	submit := c.base.JoinPath(path)
	submit.RawQuery = q.Encode()
	for try := 1; ; try++ {
		page, done, err := c.bulkOnce(ctx, path, submit.String(), r)
		if err != nil {
			return page, err
		}
		*r = Request{}
		if done {
			return page, nil
		}
		if try == submissions {
			return Page{}, &Error{Kind: Unavailable, Endpoint: "GET " + path, Detail: "the source gave up on a bulk page again and again"}
		}
		if err := c.backoff(ctx, try+1); err != nil {
			return Page{}, err
		}
	}
}

// bulkOnce makes one submission, or takes up the one in r; done is false when it came to nothing and
// another may help. An error of a look at the result leaves the submission in r.
func (c *Client) bulkOnce(ctx context.Context, path, submit string, r *Request) (page Page, done bool, err error) {
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
	tempo := c.tempoOf(path)
	submitted, first := time.Now(), tempo.first()
	wait, looks, again := first, 0, r.UUID != ""
	if again {
		e, wait = envelope{UUID: r.UUID}, 0 // it had its time
	} else {
		at, err := c.do(ctx, request{method: http.MethodPost, url: submit, endpoint: "POST " + path, accept: take})
		if err != nil {
			return Page{}, false, err
		}
		*r, submitted = Request{UUID: e.UUID, At: at}, time.Now()
	}
	poll := c.base.JoinPath(path)
	poll.RawQuery = url.Values{"uuid": {r.UUID}}.Encode()
	looked := time.Duration(0)
	for {
		switch state := bulkState(e); state {
		case "complete":
			page, err := c.page(e)
			if err != nil {
				return Page{}, false, &Error{Kind: Malformed, Endpoint: "GET " + path, Detail: err.Error()}
			}
			page.At = r.At // the snapshot is no older than the submission
			if looks > 0 && !again {
				tempo.learn(first, looked)
			}
			return page, true, nil
		case "failed":
			return Page{}, false, nil
		}
		if time.Since(submitted) > patience {
			return Page{}, false, nil
		}
		if err := sleep(ctx, wait); err != nil {
			return Page{}, false, err
		}
		if looked += wait; again && looks == 0 {
			looked = first
		}
		looks++
		wait = tempo.next(looked)
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

// tempoOf is what is known of a list's pace.
func (c *Client) tempoOf(path string) *tempo {
	t, _ := c.tempos.LoadOrStore(path, &tempo{least: c.cfg.Poll})
	return t.(*tempo)
}

// Alive tells that a request's result is still worth a look at the moment now, by the ledger's clock.
func (r Request) Alive(now time.Time) bool { return r.UUID != "" && now.Sub(r.At) < kept }

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
