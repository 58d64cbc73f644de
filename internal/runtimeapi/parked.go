package runtimeapi

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Paths of the webhook's parked deliveries: those that could not be applied and wait for a person.
const (
	PathParked  = "/v1/webhooks/parked" // GET ?kind&key&from&to&after&limit → ParkedList
	VerbReplay  = ":replay"             // POST {ParkedSelection} → ParkedAnswer
	VerbDiscard = ":discard"            // POST {ParkedSelection with a reason} → ParkedAnswer
)

// MostParked is the largest page of parked deliveries.
const MostParked = 500

// ParkedSelection says which parked deliveries are meant: by number, or by object or time of receipt. Exactly one way.
type ParkedSelection struct {
	IDs    []int64    `json:"ids,omitempty"`
	Kind   string     `json:"kind,omitempty"`   // what they are about, such as "line_items"
	Key    string     `json:"key,omitempty"`    // and which; only with a kind
	From   *time.Time `json:"from,omitempty"`   // received then or later
	To     *time.Time `json:"to,omitempty"`     // received before
	Reason string     `json:"reason,omitempty"` // of a discard: why they are not needed; no patient's data
}

// Validate says what is wrong with a selection that something is to be done with, or returns nil.
func (s ParkedSelection) Validate() *Error {
	invalid := func(field, message string) *Error { return &Error{Code: CodeInvalid, Field: field, Message: message} }
	others := s.Kind != "" || s.Key != "" || s.From != nil || s.To != nil
	switch {
	case len(s.IDs) > 0 && others:
		return invalid("ids", "stand alone: give them, or an object or a time")
	case len(s.IDs) == 0 && !others:
		return invalid("", "give ids, a kind and perhaps a key, or a time: everything at once is asked for by a time")
	case s.Key != "" && s.Kind == "":
		return invalid("key", "goes with a kind")
	case s.From != nil && s.To != nil && !s.From.Before(*s.To):
		return invalid("to", "must be later than from")
	case len(s.IDs) > 10_000:
		return invalid("ids", "may be 10000 at most")
	case len(s.Reason) > 200:
		return invalid("reason", "may have 200 bytes at most")
	}
	return nil
}

// Parked is a delivery that could not be applied. It says nothing of what the delivery held.
type Parked struct {
	ID         int64     `json:"id"`
	Delivery   string    `json:"delivery"` // DrChrono's id of it
	Event      string    `json:"event"`
	Kind       string    `json:"kind"`
	Key        string    `json:"key"`
	Reason     string    `json:"reason"`
	Attempts   int64     `json:"attempts"`
	ReceivedAt time.Time `json:"received_at"`
	ParkedAt   time.Time `json:"parked_at"`
}

// ParkedList is a page of parked deliveries, in the order in which they came.
type ParkedList struct {
	Deliveries []Parked `json:"deliveries"`
	Next       int64    `json:"next,omitempty"` // give it as after; 0: this is the last page
}

// ParkedAnswer says how many deliveries were put back or discarded. The others were no longer parked.
type ParkedAnswer struct {
	Deliveries int64 `json:"deliveries"`
}

// Parked lists parked deliveries with numbers greater than after.
func (c *Client) Parked(ctx context.Context, which ParkedSelection, after int64) (ParkedList, error) {
	q := url.Values{}
	for name, value := range map[string]string{"kind": which.Kind, "key": which.Key} {
		if value != "" {
			q.Set(name, value)
		}
	}
	for name, value := range map[string]*time.Time{"from": which.From, "to": which.To} {
		if value != nil {
			q.Set(name, value.Format(time.RFC3339Nano))
		}
	}
	if after > 0 {
		q.Set("after", strconv.FormatInt(after, 10))
	}
	return call[ParkedList](ctx, c, http.MethodGet, PathParked+"?"+q.Encode(), nil)
}

// Replay puts parked deliveries back: they are applied again, in the order in which they came.
func (c *Client) Replay(ctx context.Context, which ParkedSelection) (ParkedAnswer, error) {
	return call[ParkedAnswer](ctx, c, http.MethodPost, PathParked+VerbReplay, which)
}

// Discard gives parked deliveries up for good, with a reason.
func (c *Client) Discard(ctx context.Context, which ParkedSelection) (ParkedAnswer, error) {
	return call[ParkedAnswer](ctx, c, http.MethodPost, PathParked+VerbDiscard, which)
}
