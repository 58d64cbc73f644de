package runtimeapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// Paths of a runtime that are no part of its control API, and ask nobody who they are.
const (
	PathReady   = "/readyz"            // GET → Readiness
	PathWebhook = "/webhooks/drchrono" // POST, signed by DrChrono
)

// Readiness is what a runtime says of itself to whoever asks.
type Readiness struct {
	Status string `json:"status"` // one of the following
	Reason string `json:"reason"` // why it is not ready: a kind, without names or addresses
}

// States of a runtime.
const (
	StatusReady     = "ready"
	StatusReceiving = "receiving" // takes deliveries while its database is away: alive, and not ready
)

// Ready asks a runtime once whether it is ready. The error says why it is not, or that it does not answer.
func (c *Client) Ready(ctx context.Context) error {
	status, answer, err := c.ask(ctx, http.MethodGet, PathReady, nil)
	if err != nil {
		return err
	}
	var is Readiness
	if json.Unmarshal(answer, &is) != nil || is.Status == "" {
		message := fmt.Sprintf("%s answered %d %s", PathReady, status, http.StatusText(status))
		// The front door hears late of who may call, so that asking again may help; when it does not, this does.
		var refused *Error
		if (status == http.StatusUnauthorized || status == http.StatusForbidden) && errors.As(c.failure(status, answer).err, &refused) {
			message += ": " + refused.Message
		}
		return &Error{Code: CodeUnavailable, Message: message}
	}
	if status == http.StatusOK && is.Status == StatusReady {
		return nil
	}
	if is.Reason != "" {
		is.Status += ", " + is.Reason
	}
	return &Error{Code: CodeUnavailable, Message: fmt.Sprintf("%s answered %d, %s", PathReady, status, is.Status)}
}

// Refuses asks a runtime once whether it refuses a delivery that nobody has signed, which is what it has to do. An
// error of CodeUnavailable says that it gave no answer to go by.
func (c *Client) Refuses(ctx context.Context) error {
	status, _, err := c.ask(ctx, http.MethodPost, PathWebhook, []byte("{}"))
	switch {
	case err != nil:
		return err
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return nil
	case status >= 200 && status < 300:
		return &Error{Code: CodeInvalid, Message: "the webhook takes a delivery that nobody has signed"}
	case status == http.StatusNotFound:
		return &Error{Code: CodeInvalid, Message: "there is no webhook"}
	}
	return &Error{Code: CodeUnavailable, Message: fmt.Sprintf("the webhook answered an unsigned delivery with %d %s", status, http.StatusText(status))}
}

// ask makes one call whose status is the answer. It carries the token for Cloud Run's front door.
func (c *Client) ask(ctx context.Context, method, path string, body []byte) (status int, answer []byte, err error) {
	req, err := c.request(ctx, method, path, body)
	if err != nil {
		return 0, nil, err
	}
	req.Header.Del("Authorization") // these paths check no caller, and the front door looks at the other header
	res, err := c.http.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return 0, nil, fmt.Errorf("%w: %w", c.unreachable(err), context.Cause(ctx))
		}
		return 0, nil, c.unreachable(err)
	}
	defer func() { _ = res.Body.Close() }()
	if answer, err = io.ReadAll(io.LimitReader(res.Body, maxAnswer)); err != nil {
		return 0, nil, c.unreachable(err)
	}
	return res.StatusCode, answer, nil
}
