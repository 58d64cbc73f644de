package drchrono

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

// Kind says what sort of failure an Error is, and so what helps.
type Kind uint8

// Kinds of failure.
const (
	Unknown      Kind = iota
	Throttled         // the call budget is spent; wait until Error.Until
	Unauthorized      // the credential is dead; a person has to authorise anew
	Denied            // scope, permission or API level is missing
	Rejected          // the request is wrong; it will be wrong again
	NotFound          // no such object, or not visible
	Malformed         // the answer is not what the contract says, also after retries
	Unavailable       // the source is down or unreachable, also after retries
)

// Error is a call that failed. Its text holds the endpoint and the status, never a query's value, a
// header or a body: those may be patients' data or secrets.
type Error struct {
	Kind     Kind
	Endpoint string    // method and path, ids left out
	Status   int       // of the answer, 0 without one
	Until    time.Time // end of the pause, when Throttled
	Detail   string    // what went wrong and what to do
	Err      error     // cause, when it is safe to show
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("drchrono")
	if e.Endpoint != "" {
		b.WriteString(": " + e.Endpoint)
	}
	if e.Status != 0 {
		fmt.Fprintf(&b, ": status %d", e.Status)
	}
	if e.Detail != "" {
		b.WriteString(": " + e.Detail)
	}
	if e.Kind == Throttled {
		b.WriteString(": call budget is spent until " + e.Until.UTC().Format(time.RFC3339))
	}
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	return b.String()
}

func (e *Error) Unwrap() error { return e.Err }

// KindOf is the kind of the Error in err's chain, Unknown when there is none.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Unknown
}

// transport is a network failure, in words that are safe to show: net/http puts the URL in front of
// its errors, and quotes what it could not read as an answer.
func transport(endpoint string, err error) *Error {
	e := &Error{Kind: Unavailable, Endpoint: endpoint, Detail: "no answer"}
	var op *net.OpError
	var tls *tls.CertificateVerificationError
	var timeout net.Error
	switch {
	case errors.As(err, &op):
		e.Err = op
	case errors.As(err, &tls):
		e.Err = tls
	case errors.As(err, &timeout) && timeout.Timeout():
		e.Detail = "no answer in time"
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		e.Detail = "the connection ended before the answer did"
	default:
		e.Detail = "no answer that could be read"
	}
	return e
}

// ofStatus is the error for an answer that is not a success.
func ofStatus(endpoint string, status int) *Error {
	e := &Error{Endpoint: endpoint, Status: status}
	switch {
	case status == 401:
		e.Kind, e.Detail = Unauthorized, "the access token is refused although it is new: authorise the application again"
	case status == 403:
		e.Kind, e.Detail = Denied, "an OAuth scope, the user's permission in DrChrono, or the account's API level is missing"
	case status == 404:
		e.Kind, e.Detail = NotFound, "not there, or not visible to the authorised user"
	case status == 429:
		e.Kind = Throttled
	case status >= 500:
		e.Kind, e.Detail = Unavailable, "the source failed, also when asked again"
	case status >= 400:
		e.Kind, e.Detail = Rejected, "the source does not accept the request"
	default:
		e.Kind, e.Detail = Malformed, "an answer that the contract does not know"
	}
	return e
}
